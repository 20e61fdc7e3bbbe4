class_name Doing
extends RefCounted
## What a body is busy with.

## The order that is being carried out.
var order: BrainOrder
## It takes so long at least.
var seconds_left: float
## Places that are still to be reached.
var places_left: int
## Is called with the order at the end, and returns why it has failed, or "".
var outcome: Callable
## Whom it has to do with: it is only done near them. Null: nobody.
var target: Body
## Metres that are near enough.
var reach: float = 1.4
## Seconds after which they count as gone.
var patience_s: float = 6.0


func _init(which: BrainOrder, seconds: float, places: int, what_comes_of_it: Callable) -> void:
	order = which
	seconds_left = seconds
	places_left = places
	outcome = what_comes_of_it

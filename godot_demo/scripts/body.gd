class_name Body
extends Node2D
## Somebody in the yard: walks, does something, says something, and can be seen.
##
## Its id is the name of its node.

## Pixels per metre. What brains are told is in metres.
const METRE: float = 44.0
## Seconds after which what was said has died away.
const SPEECH_S: float = 4.0

## What it is for those who look for its kind: [code]stranger[/code], [code]customer[/code] ...
@export var kind: String = ""
## How it is called above its head.
@export var title: String = ""
## What those who see it see.
@export var looks: String = ""
@export var colour: Color = Color.WHITE
## Metres from which it is seen.
@export var seen_within: float = 9.0

## What it does now, as those who look on would tell.
var does: String = "":
	set(value):
		does = value
		_refresh()
## What it says now.
var says: String = ""

var _way: PackedVector2Array = []
var _pace: float = 3.0
var _silent_in_s: float = 0.0

@onready var caption: Caption = $Caption
@onready var figure: Figure = $Figure


func _ready() -> void:
	figure.colour = colour
	_refresh()


func _physics_process(delta: float) -> void:
	_walk(_pace * METRE * delta)
	_silent_in_s -= delta
	if _silent_in_s <= 0.0 and not says.is_empty():
		says = ""
		caption.speech = ""


## Walks through [param places], one after the other, at [param pace] metres per second.
func go(places: PackedVector2Array, pace: float = 3.0) -> void:
	_way = places
	_pace = pace


## Stays where it is.
func stop() -> void:
	_way = []


## How many places it still has to reach.
func places_ahead() -> int:
	return _way.size()


## Says something that can be heard for a while.
func speak(text: String) -> void:
	says = text
	_silent_in_s = SPEECH_S
	caption.speech = text


## Returns how many metres it is to a place.
func metres_to(place: Vector2) -> float:
	return position.distance_to(place) / METRE


## Tells whether anybody takes notice of it.
func can_be_seen() -> bool:
	return true


## Returns what somebody who is [param distance] metres away perceives of it.
func seen_from(distance: float) -> Dictionary:
	return {
		"id": String(name),
		"kind": kind,
		"distance": snappedf(distance, 0.1),
		"looks": looks,
		"does": does,
		"says": says,
	}


func _walk(step: float) -> void:
	while not _way.is_empty() and step > 0.0:
		var left: float = position.distance_to(_way[0])
		position = position.move_toward(_way[0], step)
		step -= left
		if step < 0.0:
			return
		_way.remove_at(0)


func _refresh() -> void:
	if is_node_ready():
		caption.title = title
		caption.text = does

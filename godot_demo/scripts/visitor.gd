class_name Visitor
extends Body
## Somebody who comes through the gate: to the guard a stranger, to the merchant a customer.
##
## Visitors have no brain. They do and say one thing, then a second, and then they go.

## The visitor turns to go; [param how] completes the sentence.
signal leaving(visitor: Visitor, how: String)

const PACE: float = 6.0
## Seconds between the second thing and the end of the visit.
const SECOND_S: float = 2.5

var manner: String = ""
## The second thing has been done.
var is_answered: bool = false
var is_leaving: bool = false

var _first: Array = ["", ""]
var _then: Array = ["", ""]
var _patience_s: float = 0.0
var _gate: Vector2


func _ready() -> void:
	super()
	_act(_first)


func _physics_process(delta: float) -> void:
	super(delta)
	_patience_s -= delta
	if is_leaving:
		if places_ahead() == 0:
			queue_free()
	elif _patience_s <= 0.0:
		if is_answered:
			leave("goes away")
		else:
			go_on()
			_patience_s = SECOND_S


## Takes on a part of [Cast]; call it before the visitor is added to the yard.
func play(words: Dictionary, as_kind: String, gate: Vector2, patience_s: float) -> void:
	kind = as_kind
	title = words["looks"]
	looks = words["looks"]
	manner = words["manner"]
	position = gate
	_gate = gate
	_patience_s = patience_s
	_first = words["first"]
	_then = words["then"]


## Walks somewhere in the yard.
func walk_to(place: Vector2) -> void:
	go([place], PACE)


## Does the second thing.
func go_on() -> void:
	is_answered = true
	_act(_then)


## Turns round and goes.
func leave(how: String) -> void:
	is_leaving = true
	_act([how, ""])
	go([_gate], PACE)
	leaving.emit(self, how)


## Nobody looks after those who leave.
func can_be_seen() -> bool:
	return not is_leaving


func _act(words: Array) -> void:
	does = words[0]
	says = words[1]
	_silent_in_s = INF
	caption.speech = says

class_name Visitor
extends Body
## Somebody who comes through the gate: to the guard a stranger, to the merchant a customer.
##
## Visitors have no brain. They do and say one thing, then a second, and then they go.

## The visitor turns to go; [param how] completes the sentence.
signal leaving(visitor: Visitor, how: String)

const PACE: float = 4.5
## Seconds between the second thing and the end of the visit.
const SECOND_S: float = 2.5
const ARMED: Array[Garb.Tool] = [Garb.Tool.SWORD, Garb.Tool.AXE, Garb.Tool.BOW, Garb.Tool.SPEAR]

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
	is_armed = manner in ["attacker", "horde"] and figure.garb.tool in ARMED
	_act(_first)


func _physics_process(delta: float) -> void:
	super(delta)
	if places_ahead() == 0 or is_leaving:
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
	if is_leaving:
		return
	is_leaving = true
	_act([how, ""])
	go([_gate], PACE)
	leaving.emit(self, how)


## Nobody looks after those who leave.
func can_be_seen() -> bool:
	return not is_leaving


func take_challenge(by: Body) -> String:
	super(by)
	match manner:
		"peaceful" when is_answered:
			leave("walks on in peace")
		"suspicious" when is_answered:
			leave("turns back at the gate")
		_:
			go_on()
	return ""


func take_no_notice() -> String:
	go_on()
	return ""


func take_blow(by: Body, strength: float) -> String:
	super(by, strength)
	if manner == "horde":
		go_on()
		return "one man cannot beat them"
	leave("is driven out")
	return ""


func take_leave(how: String) -> String:
	leave(how)
	return ""


func _act(words: Array) -> void:
	does = words[0]
	says = words[1]
	loudness = Sight.TALK
	_silent_in_s = INF
	caption.speech = says

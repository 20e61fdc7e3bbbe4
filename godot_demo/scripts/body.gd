class_name Body
extends Node2D
## Somebody in the yard: walks, does something, says something, can be seen, heard and hurt.
##
## Its id is the name of its node. What becomes of it when others deal with it is in the methods
## that begin with [code]take_[/code].

## Says something; [param loudness] in metres.
signal spoke(text: String, loudness: float)
## Was hit, and is still up.
signal was_hurt(by: Body)

## Pixels per metre. What brains are told is in metres.
const METRE: float = 44.0
## Seconds after which what was said has died away.
const SPEECH_S: float = 6.0
## Seconds in which a picture of a blow fades.
const FLASH_S: float = 0.4
## So much of a body's strength comes back in a second.
const HEALING: float = 0.012
## With less than this nobody fights on.
const BEATEN: float = 0.3

## What it is for those who look for its kind: [code]stranger[/code], [code]customer[/code] ...
@export var kind: String = ""
## How it is called above its head.
@export var title: String = ""
## What those who see it see.
@export var looks: String = ""
@export var garb: Garb
## Metres from which it is seen.
@export var seen_within: float = Sight.DAY
## Where it is; null: nowhere in particular, and nothing is in its way.
@export var yard: Yard

## What it does now, as those who look on would tell.
var does: String = "":
	set(value):
		does = value
		_refresh()
## What it says now.
var says: String = ""
## How far that is heard, in metres.
var loudness: float = Sight.TALK
## Where it looks.
var facing: Vector2 = Vector2.DOWN
## 1: unhurt.
var health: float = 1.0
## A weapon is in the hand.
var is_armed: bool = false:
	set(value):
		is_armed = value
		if is_node_ready():
			figure.is_armed = value

var _goals: PackedVector2Array = []
var _path: PackedVector2Array = []
var _pace: float = 3.0
var _silent_in_s: float = 0.0

@onready var caption: Caption = $Caption
@onready var figure: Figure = $Figure


func _ready() -> void:
	figure.garb = garb if garb != null else Garb.of(looks)
	_refresh()


func _physics_process(delta: float) -> void:
	var before: Vector2 = position
	_move(delta)
	if position != before:
		facing = (position - before).normalized()
	figure.walk(position - before)
	if figure.flash > 0.0:
		figure.flash = maxf(0.0, figure.flash - delta / FLASH_S)
	health = minf(1.0, health + HEALING * delta)
	_silent_in_s -= delta
	if _silent_in_s <= 0.0 and not says.is_empty():
		hush()


## Walks to [param places], one after the other, at [param pace] metres per second.
func go(places: PackedVector2Array, pace: float = 3.0) -> void:
	_goals = places.duplicate()
	_path = []
	_pace = pace


## Stays where it is.
func stop() -> void:
	_goals = []
	_path = []


## How many places it still has to reach.
func places_ahead() -> int:
	return _goals.size()


## Turns to a place.
func turn_to(place: Vector2) -> void:
	if not position.is_equal_approx(place):
		facing = position.direction_to(place)
		figure.turn(facing)


## Says something that can be heard for a while, [param reach] metres far. A line that comes in
## pieces is said several times, each time longer; only the last one [param is_whole].
func speak(text: String, reach: float = Sight.TALK, is_whole: bool = true) -> void:
	says = text
	loudness = reach
	_silent_in_s = SPEECH_S
	caption.speech = text
	if is_whole:
		spoke.emit(text, reach)


## What it has said is over.
func hush() -> void:
	says = ""
	caption.speech = ""


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
		"armed": is_armed,
	}


# --- what others do to it: each returns why it came to nothing, or "" ---


## The guard asks what it wants.
func take_challenge(by: Body) -> String:
	turn_to(by.position)
	return ""


## The guard lets it be.
func take_no_notice() -> String:
	return ""


## Somebody hits it.
func take_blow(by: Body, strength: float) -> String:
	health = maxf(0.0, health - strength)
	figure.flash = 1.0
	was_hurt.emit(by)
	return ""


## It is sent off the yard; [param how] completes the sentence.
func take_leave(_how: String) -> String:
	return "they do not go away"


func _move(delta: float) -> void:
	_walk(_pace * METRE * delta)


func _walk(step: float) -> void:
	while not _goals.is_empty() and step > 0.0:
		if _path.is_empty():
			_path = _way_to(_goals[0])
		var left: float = position.distance_to(_path[0])
		position = position.move_toward(_path[0], step)
		step -= left
		if step < 0.0:
			return
		_path.remove_at(0)
		if _path.is_empty():
			_goals.remove_at(0)


func _way_to(place: Vector2) -> PackedVector2Array:
	var way: PackedVector2Array = []
	if yard != null:
		way = yard.ways.find(position, place)
	# Better through a wall than stuck for ever.
	return way if not way.is_empty() else PackedVector2Array([place])


func _refresh() -> void:
	if is_node_ready():
		caption.title = title
		caption.text = does

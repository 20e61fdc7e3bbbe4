class_name Director
extends Node
## Decides by its seed who comes into the yard, and what happens there.

const MOST_STRANGERS: int = 2
const STRANGER_TURNS: Array[String] = [
	"attacker", "peaceful", "horde", "suspicious", "attacker", "peaceful"
]
const CUSTOMER_TURNS: Array[String] = ["buyer", "rude", "robber", "buyer"]
## Shortest and longest time between two of them, in seconds.
const PAUSES_S: Dictionary[String, Vector2] = {
	"stranger": Vector2(3.0, 4.4),
	"customer": Vector2(3.6, 5.2),
	"happening": Vector2(2.2, 3.2),
	"rumour": Vector2(2.6, 3.6),
	"passer": Vector2(4.0, 4.0),
	"light": Vector2(6.0, 8.0),
	"scene": Vector2(2.0, 2.8),
}

@export var yard: Yard

## How the yard looks to somebody who is up to no good.
var scene: Dictionary = {}
## Nobody looks at the stall.
var is_unwatched: bool = false
## The time of day.
var light: String = ""
## Who walks by the stall.
var passer: String = ""

var _random: RandomNumberGenerator = RandomNumberGenerator.new()
var _decks: Dictionary[String, Deck] = {}
var _due_in_s: Dictionary[String, float] = {
	"stranger": 0.5, "customer": 0.3, "happening": 1.0, "rumour": 2.0
}
var _lights: int = 0


func _ready() -> void:
	begin(0)


func _physics_process(delta: float) -> void:
	for what: String in PAUSES_S:
		_due_in_s[what] = _due_in_s.get(what, 0.0) - delta
		if _due_in_s[what] <= 0.0:
			_due_in_s[what] += _random.randf_range(PAUSES_S[what].x, PAUSES_S[what].y)
			_let_happen(what)


## Shuffles anew: the same seed brings the same people in the same order.
func begin(random_seed: int) -> void:
	_random.seed = random_seed
	_decks = {
		"stranger": _deck_of_visitors("stranger", STRANGER_TURNS),
		"customer": _deck_of_visitors("customer", CUSTOMER_TURNS),
		"happening": _deck_of_lines("happenings", 3),
		"rumour": _deck_of_lines("rumours", 2),
		"passer": _deck_of_lines("passers", 1),
		"watched": _deck_of_lines("watched", 1),
		"unwatched": _deck_of_lines("unwatched", 1),
		"chance": Deck.new(_random, [[true], [false]]),
	}


func _let_happen(what: String) -> void:
	match what:
		"stranger":
			if yard.strangers().size() < MOST_STRANGERS:
				var spot: Vector2 = Vector2(_random.randf_range(4, 9), _random.randf_range(5, 11))
				yard.let_in(_decks["stranger"].draw(), "stranger", spot * Body.METRE, 4.5)
		"customer":
			if yard.customers().size() < yard.counter().size():
				yard.let_in(_decks["customer"].draw(), "customer", yard.counter()[-1], 6.0)
		"happening", "rumour":
			var villagers: Array[Actor] = yard.actors_of_kind("villager")
			var whom: Actor = villagers[_random.randi_range(0, villagers.size() - 1)]
			yard.tell(whom, StringName(what), _decks[what].draw())
		"passer":
			passer = _decks["passer"].draw()
		"light":
			var lights: Array = Cast.lines("lights")
			light = lights[_lights % lights.size()]
			_lights += 1
		"scene":
			_change_scene()


## Decides who looks at the stall now; a guard who has his hands full does not.
func _change_scene() -> void:
	var guard: Actor = yard.actors_of_kind("guard")[0]
	var thief: Actor = yard.actors_of_kind("thief")[0]
	var is_busy: bool = guard.doing != null and guard.doing.order.name != &"Patrol"
	var is_near: bool = guard.metres_to(thief.position) < thief.seen_within
	is_unwatched = not is_near and (_decks["chance"].draw() or is_busy)
	var words: Deck = _decks["unwatched" if is_unwatched else "watched"]
	scene = {
		"light": light,
		"guard": words.draw()["guard"],
		"merchant": words.draw()["merchant"],
	}


func _deck_of_visitors(kind: String, turns: Array[String]) -> Deck:
	var groups: Array[Array] = []
	for manner: String in turns:
		groups.append(Cast.visitors(kind, manner))
	return Deck.new(_random, groups)


func _deck_of_lines(what: String, groups: int) -> Deck:
	var parts: Array[Array] = []
	for group: int in groups:
		parts.append(Cast.every(what, group, groups))
	return Deck.new(_random, parts)

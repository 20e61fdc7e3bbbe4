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
}

@export var yard: Yard

## How much goes on: 1 for people who only look on, less for one who plays.
var bustle: float = 1.0
## Who walks by the stall.
var passer: String = ""

var _random: RandomNumberGenerator = RandomNumberGenerator.new()
var _decks: Dictionary[String, Deck] = {}
var _due_in_s: Dictionary[String, float] = {
	"stranger": 0.5, "customer": 0.3, "happening": 1.0, "rumour": 2.0
}


func _ready() -> void:
	begin(0)


func _physics_process(delta: float) -> void:
	for what: String in PAUSES_S:
		_due_in_s[what] = _due_in_s.get(what, 0.0) - delta * bustle
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
	}


## Returns what the eyes of somebody who is up to no good tell: whether anybody would see it.
func scene_for(thief: Actor) -> Dictionary:
	var guard: Actor = _nearest_guard(thief)
	var merchant: Merchant = yard.actors_of_kind("merchant")[0] as Merchant
	return {
		"light": yard.day.light(),
		"guard": _guard_in_words(guard, thief),
		"merchant": _merchant_in_words(merchant, thief),
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
		"happening" when bustle < 1.0:
			# A player would look for the bear in vain.
			pass
		"happening", "rumour":
			var villagers: Array[Actor] = yard.actors_of_kind("villager")
			var whom: Actor = villagers[_random.randi_range(0, villagers.size() - 1)]
			yard.tell(whom, StringName(what), _decks[what].draw())
		"passer":
			passer = _decks["passer"].draw()


func _nearest_guard(thief: Actor) -> Actor:
	var nearest: Actor = null
	for guard: Actor in yard.actors_of_kind("guard"):
		if not yard.sees(thief, guard) and not yard.sees(guard, thief):
			continue
		if nearest == null or thief.metres_to(guard.position) < thief.metres_to(nearest.position):
			nearest = guard
	return nearest


func _guard_in_words(guard: Actor, thief: Actor) -> String:
	if guard == null:
		return "is nowhere to be seen"
	if yard.sees(guard, thief):
		return "looks straight at the thief"
	if guard.doing != null and guard.doing.target != null:
		return "is busy with a stranger"
	if guard.metres_to(yard.place(&"Stall")) < 3.0:
		return "stands beside the stall"
	return "has his back turned"


func _merchant_in_words(merchant: Merchant, thief: Actor) -> String:
	if yard.sees(merchant, thief):
		return "looks straight at the thief"
	if merchant.doing != null and merchant.doing.order.name in [&"Refuse", &"Haggle"]:
		return "argues with a customer"
	return "has her back turned"


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

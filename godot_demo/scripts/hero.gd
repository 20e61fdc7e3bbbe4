class_name Hero
extends Pilot
## Plays the game by himself, in one of its three ways: for tests, and to look on.
##
## A plan is a list of steps. Each is asked in every frame whether it is done, and says meanwhile
## where to go. Whoever is thrown out begins again.

## Pixels from a place within which he has arrived.
const NEAR: float = 9.0
## Seconds between two looks for the way, and between two attempts at anything.
const LOOK_S: float = 0.3
const AGAIN_S: float = 1.2
const SPEAK_S: float = 7.0
const WORDS: Array[String] = [
	"Good evening. I bring a message from the bishop for the lord of the castle.",
	"I am the new clerk. The steward is waiting for me in the keep.",
	"Please let me in, it is cold, and the lord himself has sent for me.",
]

var _way: String
var _plan: Array[Callable] = []
var _step: int = 0
var _falls: int = 0
var _to: Vector2 = Vector2.INF
var _path: PackedVector2Array = []
var _look_s: float = 0.0
var _again_s: float = 0.0
var _words: int = 0


func _init(way: String) -> void:
	_way = way


func wish(player: Player) -> Vector2:
	if _to == Vector2.INF or _path.is_empty():
		return Vector2.ZERO
	while not _path.is_empty() and player.position.distance_to(_path[0]) < NEAR:
		_path.remove_at(0)
	return Vector2.ZERO if _path.is_empty() else player.position.direction_to(_path[0])


func act(player: Player, delta: float) -> void:
	if _plan.is_empty() or player.falls != _falls:
		_falls = player.falls
		_plan = call("_plan_to_%s" % _way, player)
		_step = 0
	_again_s -= delta
	_look_s -= delta
	if _look_s <= 0.0 and _to != Vector2.INF:
		_look_s = LOOK_S
		_path = player.yard.ways.find(player.position, _to)
	if _step < _plan.size() and _plan[_step].call():
		_step += 1
		_to = Vector2.INF


func _plan_to_talk(player: Player) -> Array[Callable]:
	return [
		_go.bind(player, player.yard.place(&"KeepDoor") + Vector2(0.0, 66.0)),
		_talk_until_open.bind(player),
		_enter.bind(player),
		_take_letter.bind(player),
		_leave_by_door.bind(player),
		_go.bind(player, Vector2(20.0, 388.0)),
	]


func _plan_to_fight(player: Player) -> Array[Callable]:
	return [
		_fight_for_key.bind(player),
		_go.bind(player, player.yard.place(&"KeepDoor") + Vector2(0.0, 30.0)),
		_open.bind(player),
		_enter.bind(player),
		_take_letter.bind(player),
		_leave_by_door.bind(player),
		_go.bind(player, Vector2(20.0, 388.0)),
	]


func _plan_to_steal(player: Player) -> Array[Callable]:
	return [
		_go.bind(player, player.yard.place(&"StallSide")),
		_get_rope.bind(player),
		_go.bind(player, player.yard.place(&"Window")),
		_climb_in.bind(player),
		_take_letter.bind(player),
		_go.bind(player, player.yard.place(&"WindowInside")),
		_climb_out.bind(player),
		_go.bind(player, Vector2(20.0, 388.0)),
	]


# --- steps: each returns whether it is done ---


func _go(player: Player, to: Vector2) -> bool:
	_to = to
	return player.position.distance_to(to) < NEAR * 2.0


func _talk_until_open(player: Player) -> bool:
	if _may_try(SPEAK_S):
		player.turn_to(player.yard.place(&"KeepDoor"))
		player.say(WORDS[_words % WORDS.size()])
		_words += 1
	return player.yard.keep.door.is_open


func _fight_for_key(player: Player) -> bool:
	if &"key" in player.bag:
		return true
	for thing: Thing in player.yard.things.get_children():
		if thing.what == &"key":
			_to = thing.position
			if player.metres_to(thing.position) < Player.ARM and _may_try(AGAIN_S):
				player.interact()
			return false
	if not player.is_armed:
		player.draw_weapon()
	var keeper: Actor = player.yard.find("guard_2") as Actor
	_to = keeper.position
	if player.metres_to(keeper.position) < Player.BLADE * 0.8:
		player.turn_to(keeper.position)
		player.strike()
	return false


func _open(player: Player) -> bool:
	if not player.yard.keep.door.is_open and _may_try(AGAIN_S):
		player.interact()
	return player.yard.keep.door.is_open


func _enter(player: Player) -> bool:
	if not player.yard.keep.door.is_open and not player.yard.keep.is_inside(player.position):
		# Too late: from the beginning.
		_plan = []
		return false
	return _go(player, Vector2(1030.0, 150.0))


func _take_letter(player: Player) -> bool:
	_go(player, Vector2(1096.0, 140.0))
	if _may_try(AGAIN_S) and player.metres_to(Vector2(1110.0, 118.0)) < Player.ARM:
		player.interact()
	return &"letter" in player.bag


func _leave_by_door(player: Player) -> bool:
	var keep: Keep = player.yard.keep
	if keep.door.is_open:
		return _go(player, player.yard.place(&"KeepDoor") + Vector2(0.0, 40.0))
	_go(player, Vector2(1030.0, 160.0))
	if _may_try(AGAIN_S) and player.metres_to(player.yard.place(&"KeepDoor")) < Player.ARM:
		player.interact()
	return false


func _get_rope(player: Player) -> bool:
	var merchant: Actor = player.yard.actors_of_kind("merchant")[0]
	if _may_try(AGAIN_S) and not player.yard.sees(merchant, player):
		player.interact()
	return &"rope" in player.bag


func _climb_in(player: Player) -> bool:
	_try_to_climb(player)
	return player.yard.keep.is_inside(player.position)


func _climb_out(player: Player) -> bool:
	_try_to_climb(player)
	return not player.yard.keep.is_inside(player.position)


func _try_to_climb(player: Player) -> void:
	var kinds: Array[StringName] = [&"guard", &"merchant", &"villager"]
	if player.yard.witness_of(player, kinds) == null and _may_try(Player.CLIMB_S + AGAIN_S):
		player.interact()


func _may_try(pause_s: float) -> bool:
	if _again_s > 0.0:
		return false
	_again_s = pause_s
	return true

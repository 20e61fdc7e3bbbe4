class_name YardTest
extends BrainsTest
## Base of suites about the castle yard: plays it without a server, at full speed.

const MAIN: PackedScene = preload("res://tests/support/main_of_tests.tscn")

var main: Node
var yard: Yard
var player: Player


func _init() -> void:
	time_limit_ms = 20000


func before_each() -> void:
	seed(1)
	Brains.close()
	# In frames, a second of real time is anything.
	Brains.fallback_after_ms = 0
	main = new_main()
	get_tree().root.add_child(main)
	yard = main.get_node("Yard")
	player = yard.player()
	# Whoever comes by chance would be in the way of what is tested.
	yard.director.set_physics_process(false)
	check(await until(is_everybody_alone, 3000))


func after_each() -> void:
	Brains.close()


## Tells whether everybody knows that there is no server.
func is_everybody_alone() -> bool:
	return yard.actors().all(
		func(actor: Actor) -> bool: return actor.brain.seat.presence == BrainsSeat.Presence.LOST
	)


## Returns a game that has not begun yet.
func new_main() -> Node:
	return MAIN.instantiate()


## Puts everybody out of the way, in the far corner with their faces to the wall.
func clear_yard() -> void:
	for actor: Actor in yard.actors():
		actor.brain.enabled = false
		actor.position = Vector2(1220.0, 660.0)
		actor.facing = Vector2.DOWN


## Lets game seconds pass.
func play(seconds: float) -> void:
	await frames(ceili(seconds * 60.0))


## Gives an order as the brain would; returns it.
func order(who: String, action: StringName, params: Dictionary = {}) -> BrainOrder:
	return (yard.find(who) as Actor).brain.start(action, params)


func whom(id: String) -> Actor:
	return yard.find(id) as Actor


## Presses a key or a button, by the name of what it does, and lets it go.
func press(action: StringName) -> void:
	var event: InputEventAction = InputEventAction.new()
	event.action = action
	event.pressed = true
	Input.parse_input_event(event)
	await frames(2)
	event = event.duplicate()
	event.pressed = false
	Input.parse_input_event(event)
	await frames(1)

class_name ServedTest
extends YardTest
## Base of suites that play the castle yard against a server whose model the test directs: see
## tests/godot/directed_server.py. The arguments `--brains-url` and `--directions=FOLDER` say where.

## Milliseconds of real time within which whatever has to come has come, on the slowest machine.
const PATIENCE_MS: int = 60000


func _init() -> void:
	time_limit_ms = 150000


func before_each() -> void:
	seed(1)
	direct({})
	DirAccess.remove_absolute(folder().path_join("asked.jsonl"))
	Brains.close()
	Brains.insight = BrainsInsight.new(Brains)
	main = new_main()
	get_tree().root.add_child(main)
	get_tree().current_scene = main
	yard = main.get_node("Yard")
	player = yard.player()
	yard.director.set_physics_process(false)
	Brains.open()
	await eventually(is_everybody_driven, "a brain for everybody")


## Waits until a condition is true, and fails the test if that takes too long; returns whether it
## came true. The server answers in its own time, so this is no number of frames.
func eventually(condition: Callable, what: String) -> bool:
	var last_ms: int = Time.get_ticks_msec() + PATIENCE_MS
	while not condition.call() and Time.get_ticks_msec() < last_ms:
		await get_tree().process_frame
	return check(condition.call(), "there was no %s" % what)


## Says what the model answers from now on, by the names of prompts.
func direct(answers: Dictionary) -> void:
	# Written aside first: the server must not read half of it.
	var path: String = folder().path_join("answers.json")
	var file: FileAccess = FileAccess.open(path + ".new", FileAccess.WRITE)
	file.store_string(JSON.stringify(answers))
	file.close()
	DirAccess.rename_absolute(path + ".new", path)


## Returns what the model was asked since the test began: the last line of each question.
func asked(prompt: String) -> PackedStringArray:
	var lines: PackedStringArray = []
	for question: Dictionary in _questions():
		if question["name"] == prompt:
			lines.append(question["line"])
	return lines


## Returns everything that was put before the model with a line that contains some words.
func prompts_with(words: String) -> PackedStringArray:
	var found: PackedStringArray = []
	for question: Dictionary in _questions():
		if str(question["line"]).contains(words):
			found.append(question["prompt"])
	return found


## Leaves the player alone with somebody: all others stand in the corner, without a brain.
func alone_with(id: String) -> Actor:
	for actor: Actor in yard.actors():
		if String(actor.name) != id:
			actor.brain.enabled = false
			actor.position = Vector2(1220.0, 660.0)
	return whom(id)


func folder() -> String:
	return argument("directions")


func is_everybody_driven() -> bool:
	return yard.actors().all(func(actor: Actor) -> bool: return actor.brain.is_brained)


## Notes the name of each order that somebody begins from now on.
func orders_of(who: Actor) -> Array[StringName]:
	var names: Array[StringName] = []
	who.began.connect(func(order: BrainOrder) -> void: names.append(order.name))
	return names


func _questions() -> Array[Dictionary]:
	var found: Array[Dictionary] = []
	var text: String = FileAccess.get_file_as_string(folder().path_join("asked.jsonl"))
	# The last line may not be whole yet.
	for line: String in text.left(text.rfind("\n") + 1).split("\n", false):
		found.append(JSON.parse_string(line))
	return found

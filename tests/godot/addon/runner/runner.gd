extends Node
## Runs the tests of one suite and says on standard output, in lines of JSON that begin with
## [constant MARK], what became of them. Lines with the same mark on standard error tell which test
## an error there belongs to.
##
## User arguments: `--suite=res://tests/test_x.gd`, `--only=test_a,test_b` (all, if absent). Exit
## code: 0 if the suite could be run at all. Whether the tests have passed is for the reader of the
## lines to judge, because only he sees the errors of the engine.

const MARK := "@@brains-test "

## Real time that a frame takes at least. Game time goes on by a fixed step per frame
## (`--fixed-fps`), so this is only for the kernel's sake, which has to carry what a test sends to
## itself.
const FRAME_US := 500

var _suite: String = ""
var _only: PackedStringArray = []
var _is_done: bool = false


func _ready() -> void:
	# Above everything else a test may do to the tree: pausing must not stop the clock that limits it.
	process_mode = Node.PROCESS_MODE_ALWAYS
	for given: String in OS.get_cmdline_user_args():
		if given.begins_with("--suite="):
			_suite = given.trim_prefix("--suite=")
		elif given.begins_with("--only="):
			_only = given.trim_prefix("--only=").split(",")
	get_tree().quit(0 if await _run() else 1)


func _process(_delta: float) -> void:
	OS.delay_usec(FRAME_US)


func _run() -> bool:
	var script: GDScript = load(_suite) as GDScript
	if script == null or not script.can_instantiate():
		_say({"event": "broken", "message": "%s cannot be loaded" % _suite})
		return false
	var probe: Variant = script.new()
	if not probe is BrainsTest:
		_say({"event": "broken", "message": "%s does not extend BrainsTest" % _suite})
		return false
	(probe as BrainsTest).free()
	for test: String in _tests_of(script):
		if _only.is_empty() or test in _only:
			await _run_test(script, test)
	_say({"event": "finished"})
	return true


## The names of the tests, in the order of the source and without repetition.
func _tests_of(script: GDScript) -> PackedStringArray:
	var found: PackedStringArray = []
	for method: Dictionary in script.get_script_method_list():
		var named: String = method["name"]
		if named.begins_with("test_") and not named in found:
			found.append(named)
	return found


func _run_test(script: GDScript, test: String) -> void:
	_say({"event": "begin", "test": test})
	var nodes_before: Dictionary[int, bool] = _nodes()
	var orphans_before: int = int(Performance.get_monitor(Performance.OBJECT_ORPHAN_NODE_COUNT))
	var started: int = Time.get_ticks_msec()
	var suite: BrainsTest = script.new()
	suite.name = "Suite"
	get_tree().root.add_child(suite)
	_is_done = false
	_call_test(suite, test)
	while not _is_done and Time.get_ticks_msec() - started < suite.time_limit_ms:
		await get_tree().process_frame
	if not _is_done:
		suite.blame("not done after %d ms" % suite.time_limit_ms)
	# What the test has put off is to happen while its errors still count as its own.
	await get_tree().process_frame
	suite.tidy_up()
	var outcome: Dictionary = suite.outcome()
	suite.free()
	await _restore(nodes_before)
	# What has been queued for deletion is gone now.
	var orphans: int = int(Performance.get_monitor(Performance.OBJECT_ORPHAN_NODE_COUNT))
	if orphans > orphans_before:
		var lost: String = (
			"%d nodes were neither freed nor in the tree" % (orphans - orphans_before)
		)
		outcome["failures"] = outcome["failures"] + PackedStringArray([lost])
		Node.print_orphan_nodes()
	outcome["event"] = "end"
	outcome["test"] = test
	outcome["ms"] = Time.get_ticks_msec() - started
	_say(outcome)


func _call_test(suite: BrainsTest, test: String) -> void:
	@warning_ignore("redundant_await")
	await suite.before_each()
	await suite.call(test)
	@warning_ignore("redundant_await")
	await suite.after_each()
	_is_done = true


## Brings the tree, and the engine, to where they were before the test.
func _restore(nodes_before: Dictionary[int, bool]) -> void:
	for node: Variant in _nodes():
		var left: Object = instance_from_id(node)
		if not nodes_before.has(node) and is_instance_valid(left):
			(left as Node).queue_free()
	get_tree().paused = false
	Engine.time_scale = 1.0
	for _frame: int in 2:
		await get_tree().process_frame
	if get_tree().current_scene == null:
		var scene: Node = Node.new()
		scene.name = "Main"
		get_tree().root.add_child(scene)
		get_tree().current_scene = scene


## The ids of all nodes in the tree.
func _nodes() -> Dictionary[int, bool]:
	var found: Dictionary[int, bool] = {}
	var waiting: Array[Node] = [get_tree().root]
	while not waiting.is_empty():
		var node: Node = waiting.pop_back()
		found[node.get_instance_id()] = true
		waiting.append_array(node.get_children(true))
	return found


## Says something to the one who has started this, after all that was said before.
func _say(event: Dictionary) -> void:
	var text: String = MARK + JSON.stringify(event, "", false)
	printerr(MARK + JSON.stringify({"event": event["event"], "test": event.get("test", "")}))
	print(text)

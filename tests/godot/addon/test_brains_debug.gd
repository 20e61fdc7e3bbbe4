extends BrainsTest
## The game's side of the editor's panel, with a client that is none.

const CELLS: int = 6


class FakeOrder:
	extends RefCounted

	var name: StringName = &"Patrol"
	var params: Dictionary = {"goal": Vector2(1, 2), "route": "wall"}
	var source: String = "tree"
	var reason: String = "nothing else to do"
	var status: StringName = &"running"


class FakeAgent:
	extends Node

	signal action_requested(order: RefCounted)

	var about: Dictionary = {}
	var seen: Variant = {"position": [1.5, 2.0], "near": [{"id": "cat"}], "name": "x"}

	func describe() -> Dictionary:
		return about

	func last_observation() -> Variant:
		return seen

	func possible_actions() -> Array[StringName]:
		return [&"Patrol", &"Attack"]

	func running() -> Array[FakeOrder]:
		return [FakeOrder.new()]


class FakeClient:
	extends Node

	signal connected(resumed: bool)
	signal disconnected(code: int, reason: String, retry_in_s: float)
	signal problem(code: String, message: String, hint: String)

	var state: int = 3
	var session_id: String = "s1"
	var known: Array[FakeAgent] = []

	func agents() -> Array[FakeAgent]:
		return known.duplicate()

	func get_agent(id: String) -> FakeAgent:
		for agent: FakeAgent in known:
			if agent.about.get("id") == id:
				return agent
		return null

	func counters() -> Dictionary:
		return {"snapshots": 3, "answers": 2}


var client: FakeClient
var debug: BrainsDebug
var sent: Array[Array] = []
var now_ms: int = 1000


func before_each() -> void:
	client = FakeClient.new()
	add_child(client)
	debug = BrainsDebug.new()
	debug.sender = func(message: String, data: Array) -> void: sent.append([message, data])
	client.add_child(debug)
	# The clock is the test's.
	debug.set_process(false)


func add_agents(count: int) -> void:
	for index: int in count:
		var agent: FakeAgent = FakeAgent.new()
		agent.about = {
			"id": "agent_%d" % client.known.size(),
			"brain": "guard",
			"state": "driven",
			"action": "Patrol",
			"source": "tree",
			"age_ms": 20.0,
		}
		client.add_child(agent)
		client.known.append(agent)


## Lets time pass, frame by frame.
func play(ms: int) -> void:
	var end: int = now_ms + ms
	while now_ms < end:
		now_ms += 20
		debug.step(now_ms)


func messages(called: String) -> Array[Array]:
	var found: Array[Array] = []
	for one: Array in sent:
		if one[0] == "brains:" + called:
			found.append(one[1])
	return found


func test_it_greets_once_and_is_silent_until_it_is_asked() -> void:
	add_agents(1)
	play(3000)
	equal(sent, [["brains:hello", [{"version": BrainsProtocol.ADDON_VERSION}]]])


func test_it_takes_messages_only_while_it_is_in_the_game() -> void:
	check(EngineDebugger.has_capture(&"brains"))
	client.remove_child(debug)
	check(not EngineDebugger.has_capture(&"brains"))
	client.add_child(debug)
	check(EngineDebugger.has_capture(&"brains"))


func test_a_second_one_leaves_the_first_in_charge() -> void:
	var second: BrainsDebug = BrainsDebug.new()
	second.sender = func(_message: String, _data: Array) -> void: fails("it should be silent")
	second.client = client
	add_child(second)
	second.free()
	check(EngineDebugger.has_capture(&"brains"))


func test_a_row_says_who_does_what() -> void:
	add_agents(1)
	debug.take("watch", [100, ""])
	play(20)
	var told: Array = messages("list")[0]
	equal(told[1], [["agent_0", "guard", "driven", "Patrol", "tree", 20.0]])
	equal(told[0]["state"], "open")
	equal(told[0]["session"], "s1")
	equal(told[0]["counters"], {"snapshots": 3, "answers": 2})
	equal([told[0]["total"], told[0]["matching"]], [1, 1])
	check(not (told[0]["url"] as String).is_empty())


func test_lists_come_at_the_interval_that_was_asked_for() -> void:
	debug.take("watch", [500, ""])
	play(2000)
	near(messages("list").size(), 4, 1)


func test_an_interval_has_bounds() -> void:
	debug.take("watch", [1, ""])
	play(1000)
	check(messages("list").size() <= 10, "as often as the shortest interval at most")


func test_nothing_comes_any_more_once_nobody_looks() -> void:
	debug.take("watch", [100, ""])
	play(200)
	debug.take("watch", [0, ""])
	sent.clear()
	play(1000)
	equal(sent, [])


func test_a_panel_that_is_opened_late_is_greeted() -> void:
	sent.clear()
	debug.take("watch", [100, ""])
	equal(messages("hello").size(), 1)
	debug.take("watch", [200, ""])
	equal(messages("hello").size(), 1)


func test_a_thousand_agents_are_looked_at_over_several_frames() -> void:
	add_agents(1000)
	debug.take("watch", [100, "agent"])
	for frame: int in 9:
		debug.step(now_ms + frame)
		equal(messages("list"), [])
	debug.step(now_ms + 10)
	equal(messages("list").size(), 1)


func test_a_long_list_is_cut_and_says_so() -> void:
	add_agents(1000)
	debug.take("watch", [100, ""])
	play(200)
	var told: Array = messages("list")[0]
	equal(told[1].size(), BrainsDebug.MOST_ROWS)
	equal([told[0]["total"], told[0]["matching"]], [1000, 1000])
	check(var_to_bytes(told).size() < 1 << 20, "the debugger drops what is too long")


func test_the_filter_finds_those_beyond_the_cut() -> void:
	add_agents(1000)
	debug.take("watch", [100, "AGENT_99 guard"])
	play(400)
	var told: Array = messages("list")[0]
	equal(told[1].size(), 11)
	equal([told[0]["total"], told[0]["matching"]], [1000, 11])


func test_an_agent_that_is_freed_meanwhile_is_left_out() -> void:
	add_agents(150)
	debug.take("watch", [100, ""])
	debug.step(now_ms)
	client.known.pop_back().free()
	debug.step(now_ms + 10)
	equal(messages("list")[0][1].size(), 149)


func test_an_odd_description_makes_an_odd_row_only() -> void:
	add_agents(1)
	client.known[0].about = {"id": &"x".repeat(500), "state": null, "age_ms": "soon", "action": 7}
	debug.take("watch", [100, ""])
	play(20)
	var row: Array = messages("list")[0][1][0]
	equal(row.size(), CELLS)
	equal(row[0].length(), BrainsDebug.LONGEST_CELL)
	equal(row.slice(1), ["", "", "7", "", 0.0])


func test_only_the_tracked_agent_is_told_in_full() -> void:
	add_agents(3)
	debug.take("watch", [100, ""])
	play(300)
	equal(messages("agent"), [])
	client.known[1].about["line"] = "Halt!"
	client.known[1].about["history"] = [
		{"name": "Sleep", "source": "llm", "status": "failure", "message": "too loud"},
		{"name": "Eat", "source": "tree", "status": "success", "message": ""},
	]
	debug.take("track", ["agent_1"])
	play(20)
	equal(messages("agent").size(), 1)
	var told: Dictionary = messages("agent")[0][0]
	equal(told["id"], "agent_1")
	equal(told["line"], "Halt!")
	equal(told["available"], PackedStringArray(["Patrol", "Attack"]))
	equal(
		told["orders"].map(func(order: Dictionary) -> String: return order["name"]),
		["Patrol", "Eat", "Sleep"]
	)
	equal(told["orders"][0]["params"], 'goal: [1.0,2.0], route: "wall"')
	equal(told["orders"][2]["message"], "too loud")


func test_an_observation_can_be_read() -> void:
	add_agents(1)
	debug.take("track", ["agent_0"])
	debug.take("watch", [100, ""])
	play(20)
	var wanted: PackedStringArray = [
		"{",
		'  "position": [1.5, 2.0],',
		'  "near": [',
		"    {",
		'      "id": "cat"',
		"    }",
		"  ],",
		'  "name": "x"',
		"}",
	]
	equal(messages("agent")[0][0]["observation"], "\n".join(wanted))


func test_a_long_observation_is_cut() -> void:
	add_agents(1)
	client.known[0].seen = {"text": "x".repeat(1_000_000)}
	debug.take("track", ["agent_0"])
	debug.take("watch", [100, ""])
	play(20)
	var text: String = messages("agent")[0][0]["observation"]
	check(text.length() < BrainsDebug.LONGEST_OBSERVATION + 100)
	contains(text, "characters more")


func test_a_tracked_agent_may_go_and_come_again() -> void:
	add_agents(1)
	debug.take("track", ["agent_0"])
	debug.take("watch", [100, ""])
	play(20)
	client.known.pop_back().free()
	play(100)
	equal(messages("agent")[-1][0]["state"], "gone")
	add_agents(1)
	play(100)
	equal(messages("agent")[-1][0]["state"], "driven")


func test_why_the_connection_was_lost_is_told_until_there_is_one_again() -> void:
	debug.take("watch", [100, ""])
	client.state = 4
	client.disconnected.emit(-1, "nobody there", 0.5)
	client.problem.emit("unknown_brain", "there is no brain x", "known: guard")
	play(20)
	equal(messages("list")[-1][0]["lost"], "nobody there")
	equal(messages("list")[-1][0]["state"], "waiting")
	equal(messages("list")[-1][0]["problem"], "unknown_brain: there is no brain x known: guard")
	client.connected.emit(true)
	play(100)
	equal(messages("list")[-1][0]["lost"], "")


func test_what_it_does_not_know_it_leaves_alone() -> void:
	check(not debug.take("dance", []))
	check(debug.take("watch", []))
	check(debug.take("track", []))
	play(500)
	equal(messages("list"), [])

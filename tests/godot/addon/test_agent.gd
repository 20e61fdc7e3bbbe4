extends BrainsStage
## The agent as a game sees it: what it perceives, what it can do, who it is, and what it hears.


## An actor that says what it perceives.
class Guard:
	extends Node2D
	var health: int = 100
	var seen: Variant = {}
	var calls: int = 0

	func _observe() -> Variant:
		calls += 1
		return seen


## An agent that is written as a class of its own.
class Watcher:
	extends BrainAgent
	var seen: Dictionary = {"by": "override"}
	var possible: Array[StringName] = []
	var chooses: bool = false
	var fails: bool = false

	func _observe() -> Dictionary:
		return seen

	func _available() -> Array[StringName]:
		if fails:
			var thing: Variant = {}
			thing.nothing.at_all()
		return possible if chooses else super()


## An agent that adds to what it has from its actor.
class Adder:
	extends BrainAgent

	func _observe() -> Dictionary:
		var seen: Dictionary = super()
		seen["more"] = 1
		return seen

	func _available() -> Array[StringName]:
		var possible: Array[StringName] = super()
		possible.erase(&"Walk")
		return possible


## An actor whose observation has a mistake in it.
class BadActor:
	extends Node2D

	func _observe() -> Dictionary:
		var thing: Variant = {}
		return thing.nothing.at_all()


## An actor that takes its time.
class SlowActor:
	extends Node2D

	func _observe() -> Dictionary:
		await get_tree().process_frame
		return {}


# --- what it perceives ---


func test_an_agent_without_anything_perceives_nothing() -> void:
	make_agent()
	await meet()
	equal((await next_part_of("guard"))["me"], {})


func test_an_actor_says_what_it_perceives() -> void:
	var guard: Guard = Guard.new()
	guard.seen = {"hp": 7}
	make_agent("guard", guard)
	await meet()
	equal((await next_part_of("guard"))["me"], {"hp": 7})


func test_an_override_says_what_is_perceived() -> void:
	_make_own(Watcher.new())
	await meet()
	equal((await next_part_of("guard"))["me"], {"by": "override"})


func test_an_override_may_add_to_what_the_actor_says() -> void:
	var guard: Guard = Guard.new()
	guard.seen = {"hp": 7}
	_make_own(Adder.new(), guard)
	await meet()
	equal((await next_part_of("guard"))["me"], {"hp": 7, "more": 1})


func test_properties_of_the_actor_are_perceived() -> void:
	var guard: Guard = Guard.new()
	guard.position = Vector2(3, 4)
	var agent: BrainAgent = make_agent("guard", guard)
	agent.observed_properties = ["health", "position:x", "position"]
	await meet()
	equal((await next_part_of("guard"))["me"], {"health": 100, "position:x": 3, "position": [3, 4]})


func test_properties_are_perceived_besides_what_the_actor_says() -> void:
	var guard: Guard = Guard.new()
	guard.seen = {"hp": 7}
	var agent: BrainAgent = make_agent("guard", guard)
	agent.observed_properties = ["health"]
	await meet()
	equal((await next_part_of("guard"))["me"], {"hp": 7, "health": 100})
	equal(guard.seen, {"hp": 7}, "the actor's own dictionary was changed")


func test_an_actor_may_give_a_constant() -> void:
	var guard: Guard = Guard.new()
	guard.seen = {"hp": 7}
	(guard.seen as Dictionary).make_read_only()
	var agent: BrainAgent = make_agent("guard", guard)
	agent.observed_properties = ["health"]
	await meet()
	equal((await next_part_of("guard"))["me"], {"hp": 7, "health": 100})


func test_a_property_that_is_not_there_is_perceived_as_null() -> void:
	var agent: BrainAgent = make_agent()
	agent.observed_properties = ["health"]
	await meet()
	equal((await next_part_of("guard"))["me"], {"health": null})


func test_what_json_cannot_say_arrives_clean() -> void:
	var guard: Guard = Guard.new()
	guard.seen = {
		"nan": NAN,
		"inf": INF,
		"at": Vector3(1, 2, 3),
		"name": &"guard",
		"said": "a\u000bb\u001bc\u0001d\n😀",
		5: "five",
		"deep": [{"at": Vector2.ONE}],
	}
	make_agent("guard", guard)
	await meet()
	var me: Dictionary = (await next_part_of("guard"))["me"]
	equal(me["nan"], null)
	equal(me["inf"], null)
	equal(me["at"], [1, 2, 3])
	equal(me["name"], "guard")
	equal(me["5"], "five")
	equal(me["deep"], [{"at": [1, 1]}])
	for code: int in [0x0b, 0x1b, 1]:
		check(not (me["said"] as String).contains(String.chr(code)), "U+%04X is in it" % code)
	contains(me["said"], "😀")


func test_long_texts_arrive_whole() -> void:
	var guard: Guard = Guard.new()
	guard.seen = {"said": "é".repeat(10000)}
	make_agent("guard", guard)
	await meet()
	equal((await next_part_of("guard"))["me"]["said"].length(), 10000)


func test_a_script_error_in_one_observation_stops_no_other() -> void:
	expect_error("Invalid access to property or key 'nothing'")
	var bad: BrainAgent = make_agent("bad", BadActor.new())
	make_agent("guard").observed_properties = ["name"]
	await meet()
	equal((await next_part_of("guard"))["me"], {"name": "guard"})
	equal((await next_part_of("bad"))["me"], {})
	check(bad.is_brained)


func test_what_is_no_dictionary_is_nothing() -> void:
	var guard: Guard = Guard.new()
	make_agent("guard", guard)
	await meet()
	for wrong: Variant in [null, 7, "x", [1]]:
		guard.seen = wrong
		equal((await next_part_of("guard"))["me"], {}, str(wrong))


func test_an_observation_that_awaits_is_warned_of() -> void:
	expect_error("_observe\\(\\) of guard has to return a Dictionary")
	make_agent("guard", SlowActor.new())
	await meet()
	equal((await next_part_of("guard"))["me"], {})
	await frames(2)


func test_the_actor_is_asked_once_per_decision() -> void:
	var guard: Guard = Guard.new()
	make_agent("guard", guard)
	await meet()
	await step(60)
	equal(guard.calls, client.get_agent("guard").describe()["counts"]["decisions"])


# --- what it can do ---


func test_no_mask_is_sent_while_everything_is_possible() -> void:
	var agent: BrainAgent = make_agent()
	await meet()
	check(not (await next_part_of("guard")).has("available"))
	agent.set_available(&"Walk", false)
	agent.set_available(&"Walk", true)
	check(not (await next_part_of("guard")).has("available"))


func test_the_mask_has_what_is_left() -> void:
	var agent: BrainAgent = make_agent()
	await meet()
	agent.set_available(&"Walk", false)
	equal((await next_part_of("guard"))["available"], ["Wait"])
	agent.set_available(&"Wait", false)
	equal((await next_part_of("guard"))["available"], [])
	agent.set_available(&"Walk", true)
	equal((await next_part_of("guard"))["available"], ["Walk"])


func test_switching_off_what_was_not_declared_masks_nothing() -> void:
	make_agent().set_available(&"Fly", false)
	await meet()
	check(not (await next_part_of("guard")).has("available"))


func test_the_mask_follows_new_actions() -> void:
	var agent: BrainAgent = make_agent()
	agent.set_available(&"Walk", false)
	await meet()
	agent.actions = [BrainAction.make(&"Walk"), BrainAction.make(&"Sing")]
	equal((await next_part_of("guard"))["available"], ["Sing"])


func test_an_override_says_what_is_possible() -> void:
	var agent: Watcher = _make_own(Watcher.new()) as Watcher
	agent.chooses = true
	agent.possible = [&"Walk", &"Fly"]
	await meet()
	equal((await next_part_of("guard"))["available"], ["Walk"])
	agent.possible = []
	equal((await next_part_of("guard"))["available"], [])


func test_no_mask_is_sent_if_an_override_leaves_nothing_out() -> void:
	var agent: Watcher = _make_own(Watcher.new()) as Watcher
	await meet()
	check(not (await next_part_of("guard")).has("available"))
	agent.chooses = true
	agent.possible = [&"Walk", &"Wait"]
	check(not (await next_part_of("guard")).has("available"))


func test_an_override_may_take_from_what_was_not_switched_off() -> void:
	var agent: BrainAgent = _make_own(Adder.new())
	await meet()
	equal((await next_part_of("guard"))["available"], ["Wait"])
	agent.set_available(&"Wait", false)
	equal((await next_part_of("guard"))["available"], [])


func test_a_script_error_in_the_mask_stops_no_other() -> void:
	expect_error("Invalid access to property or key 'nothing'")
	var agent: Watcher = _make_own(Watcher.new()) as Watcher
	make_agent("other").observed_properties = ["name"]
	await meet()
	agent.fails = true
	equal((await next_part_of("other"))["me"], {"name": "other"})
	equal((await next_part_of("guard")).get("me"), {"by": "override"})


func test_possible_actions_are_named_for_panels() -> void:
	var agent: BrainAgent = make_agent()
	equal(agent.possible_actions(), [&"Wait", &"Walk"])
	agent.set_available(&"Wait", false)
	equal(agent.possible_actions(), [&"Walk"])


func test_empty_places_in_actions_are_passed_over() -> void:
	var agent: BrainAgent = make_agent()
	agent.actions = [null, BrainAction.make(&"Wait"), null]
	var told: Array[String] = log_of(agent)
	await meet()
	equal(_declared("guard"), ["Wait"])
	check(not (await next_part_of("guard")).has("available"))
	agent.set_available(&"Wait", false)
	equal((await next_part_of("guard"))["available"], [])
	agent.set_available(&"Wait", true)
	await give([server.order("guard", "g#1", "Wait")])
	contains(told, "requested g#1")


func test_new_actions_are_declared() -> void:
	var agent: BrainAgent = make_agent()
	await meet()
	agent.actions = [BrainAction.make(&"Sing")]
	await step(3)
	equal(_declared("guard"), ["Sing"])
	check(agent.find_action(&"Wait") == null)


func test_actions_that_were_changed_in_place_are_declared_on_demand() -> void:
	var agent: BrainAgent = make_agent()
	await meet()
	agent.actions.append(BrainAction.make(&"Sing"))
	agent.actions[0].name = &"Rest"
	agent.redeclare()
	await step(3)
	equal(_declared("guard"), ["Rest", "Walk", "Sing"])
	check(agent.find_action(&"Rest") != null)
	check(agent.find_action(&"Wait") == null)


func test_an_order_goes_on_while_actions_are_declared_again() -> void:
	var agent: BrainAgent = make_agent()
	var told: Array[String] = log_of(agent)
	await meet()
	await give([server.order("guard", "g#1", "Wait")])
	agent.redeclare()
	await step(5)
	equal(told, ["found", "requested g#1"])
	equal(agent.running().size(), 1)


# --- when it decides ---


func test_a_decision_can_be_requested() -> void:
	var agent: BrainAgent = make_agent()
	agent.decision_rate = 0.1
	await meet()
	await step(5)
	server.take_all("snapshot")
	agent.request_decision()
	await step(2)
	equal(parts_of("guard"), [{"me": {}, "requested": true}])


func test_a_requested_decision_is_requested_once() -> void:
	var agent: BrainAgent = make_agent()
	await meet()
	equal((await next_part_of("guard")).get("requested"), true)
	server.take_all("snapshot")
	await step(30)
	for part: Dictionary in parts_of("guard"):
		check(not part.has("requested"))
	check(agent.is_brained)


func test_an_event_is_told_and_asks_for_a_decision() -> void:
	var agent: BrainAgent = make_agent()
	agent.decision_rate = 0.1
	await meet()
	server.take_all("snapshot")
	agent.notice(&"hurt", {"by": &"thief", "at": Vector2.ONE})
	await step(2)
	var snapshot: Dictionary = server.take("snapshot")
	var event: Dictionary = snapshot["events"][0]
	event.erase("time_ms")
	equal(event, {"name": "hurt", "agent": "guard", "data": {"by": "thief", "at": [1, 1]}})
	equal(snapshot["agents"], {"guard": {"me": {}, "requested": true}})


func test_what_is_noticed_is_copied_at_once() -> void:
	var agent: BrainAgent = make_agent()
	await meet()
	server.take_all("snapshot")
	var data: Dictionary = {"things": ["a"]}
	agent.notice(&"saw", data)
	data["things"].append("b")
	data["more"] = 1
	await step(2)
	equal(server.take("snapshot")["events"][0]["data"], {"things": ["a"]})


func test_decisions_keep_to_the_rate() -> void:
	var agent: BrainAgent = make_agent()
	agent.decision_rate = 5.0
	await meet()
	var before: int = agent.describe()["counts"]["decisions"]
	await step(200)
	near(agent.describe()["counts"]["decisions"] - before, 16, 1)


func test_a_rate_that_is_raised_counts_at_once() -> void:
	var agent: BrainAgent = make_agent()
	agent.decision_rate = 0.01
	await meet()
	await step(2)
	agent.decision_rate = 10.0
	var before: int = agent.describe()["counts"]["decisions"]
	await step(63)
	near(agent.describe()["counts"]["decisions"] - before, 10, 1)


func test_a_rate_that_is_lowered_counts_at_once() -> void:
	var agent: BrainAgent = make_agent()
	agent.decision_rate = 60.0
	await meet()
	await step(10)
	agent.decision_rate = 0.01
	var before: int = agent.describe()["counts"]["decisions"]
	await step(60)
	near(agent.describe()["counts"]["decisions"] - before, 0, 1)


func test_a_rate_of_nothing_is_the_slowest() -> void:
	var agent: BrainAgent = make_agent()
	agent.decision_rate = 0.0
	equal(agent.decision_rate, 0.01)
	agent.decision_rate = -5.0
	equal(agent.decision_rate, 0.01)


func test_an_agent_that_stands_still_does_not_decide() -> void:
	var agent: BrainAgent = make_agent()
	await meet()
	agent.get_parent().process_mode = Node.PROCESS_MODE_DISABLED
	server.take_all("snapshot")
	await step(30)
	equal(parts_of("guard"), [])


# --- who it is ---


func test_the_id_is_the_actors_name() -> void:
	make_agent("guard")
	check(client.get_agent("guard") != null)


func test_ids_of_actors_with_the_same_name_differ() -> void:
	var ids: Array = []
	for place: int in 3:
		var room: Node = Node.new()
		room.name = "room%d" % place
		var actor: Node = Node.new()
		actor.name = "guard"
		actor.add_child(BrainAgent.new())
		room.add_child(actor)
		add_child(room)
		ids.append((actor.get_child(0) as BrainAgent).seat.id)
	equal(ids, ["guard", "guard_2", "guard_3"])


func test_an_id_may_be_given() -> void:
	var agent: BrainAgent = make_agent("guard")
	agent.agent_id = "captain"
	check(client.get_agent("captain") == agent)
	check(client.get_agent("guard") == null)


func test_a_renamed_actor_keeps_its_id() -> void:
	var agent: BrainAgent = make_agent("guard")
	await meet()
	agent.get_parent().name = "captain"
	await step(3)
	check(client.get_agent("guard") == agent)
	check((await next_part_of("guard")).has("me"))


func test_an_id_that_is_taken_is_warned_of() -> void:
	expect_error("two agents have the id captain; the second one gets no brain")
	make_agent("guard").agent_id = "captain"
	var second: BrainAgent = make_agent("thief")
	second.agent_id = "captain"
	check(second.seat == null)
	equal(second.describe()["state"], "off")
	second.agent_id = "thief"
	check(client.get_agent("thief") == second)


func test_a_successor_may_have_the_id_of_one_that_is_about_to_go() -> void:
	var first: BrainAgent = make_agent("first")
	first.agent_id = "captain"
	await meet()
	first.get_parent().queue_free()
	var second: BrainAgent = make_agent("second")
	second.agent_id = "captain"
	check(client.get_agent("captain") == second)
	await step(4)
	check(client.get_agent("captain") == second)
	check(second.is_brained)
	equal(server.take_all("agents").back()["remove"], ["captain"])


func test_a_successor_may_have_the_name_of_one_that_left_the_tree() -> void:
	var first: BrainAgent = make_agent("guard")
	await meet()
	var actor: Node = own(first.get_parent())
	remove_child(actor)
	var second: BrainAgent = make_agent("guard")
	check(client.get_agent("guard") == second)
	await step(4)
	check(client.get_agent("guard") == second)


func test_another_brain_begins_anew() -> void:
	var agent: BrainAgent = make_agent()
	var told: Array[String] = log_of(agent)
	await meet()
	await give([server.order("guard", "g#1", "Wait")])
	server.take_all("agents")
	agent.brain = "captain"
	await step(4)
	equal(told, ["found", "requested g#1", "cancelled g#1 off", "found"])
	var message: Dictionary = server.take("agents")
	equal(message["remove"], ["guard"])
	equal(message["add"][0]["brain"], "captain")


# --- in and out of the tree ---


func test_an_agent_that_is_moved_to_another_parent_goes_on() -> void:
	var agent: BrainAgent = make_agent()
	var room: Node2D = Node2D.new()
	add_child(room)
	var told: Array[String] = log_of(agent)
	await meet()
	await give([server.order("guard", "g#1", "Wait")])
	await step(4)
	server.received.clear()
	agent.get_parent().reparent(room)
	await step(20)
	equal(told, ["found", "requested g#1"])
	equal(agent.running().size(), 1)
	check(agent.running()[0].succeed())
	equal((await last_result_of("g#1"))["status"], "success")
	check(not server.has("agents"), "was declared again")
	check(not parts_of("guard").is_empty(), "makes no decisions")


func test_an_agent_may_be_moved_again_and_again() -> void:
	var agent: BrainAgent = make_agent()
	var rooms: Array[Node] = [Node2D.new(), Node2D.new()]
	for room: Node in rooms:
		add_child(room)
	await meet()
	for time: int in 7:
		agent.request_decision()
		agent.get_parent().reparent(rooms[time % 2])
	await step(4)
	equal(client.agents().size(), 1)
	equal(client.schedule.size(), 1)
	equal((await next_part_of("guard")).get("requested"), true)


func test_a_decision_that_was_requested_is_not_forgotten_by_a_move() -> void:
	var agent: BrainAgent = make_agent()
	var room: Node2D = Node2D.new()
	add_child(room)
	await meet()
	agent.decision_rate = 0.01
	await step(3)
	server.take_all("snapshot")
	agent.request_decision()
	agent.get_parent().reparent(room)
	await step(2)
	equal(parts_of("guard"), [{"me": {}, "requested": true}])


func test_an_agent_that_leaves_the_tree_is_told_to_stop() -> void:
	var agent: BrainAgent = make_agent()
	var actor: Node = own(agent.get_parent())
	var told: Array[String] = log_of(agent)
	await meet()
	await give([server.order("guard", "g#1", "Wait")])
	remove_child(actor)
	await step(3)
	equal(told, ["found", "requested g#1", "cancelled g#1 off"])
	check(not agent.is_brained)
	check(agent.seat == null)


func test_an_agent_that_comes_back_later_begins_anew() -> void:
	var agent: BrainAgent = make_agent()
	var actor: Node = agent.get_parent()
	await meet()
	remove_child(actor)
	await step(3)
	check(client.get_agent("guard") == null)
	add_child(actor)
	check(await step_until(func() -> bool: return agent.is_brained))
	check(client.get_agent("guard") == agent)


func test_an_agent_that_is_freed_is_forgotten() -> void:
	var agent: BrainAgent = make_agent()
	await meet()
	agent.get_parent().free()
	equal(client.agents().size(), 0)
	equal(client.schedule.size(), 0)
	await step(3)
	equal(server.take_all("agents").back()["remove"], ["guard"])


func test_agents_that_were_there_before_the_client_are_taken_in() -> void:
	var agent: BrainAgent = make_agent()
	client.free()
	check(agent.seat == null)
	client = BrainsClient.new()
	add_child(client)
	client.set_process(false)
	check(client.get_agent("guard") == agent)
	await meet()
	check(agent.is_brained)


func test_without_a_client_one_agent_warns() -> void:
	expect_error("there is no autoload Brains")
	client.free()
	var agent: BrainAgent = make_agent()
	make_agent("other")
	await frames(2)
	agent.request_decision()
	agent.notice(&"hurt")
	agent.redeclare()
	agent.set_available(&"Wait", false)
	check(agent.start(&"Wait") == null)
	check(not agent.report("x", &"success"))
	equal(agent.running().size(), 0)
	equal(agent.perceive(), {})
	equal(agent.describe()["state"], "off")
	agent.get_parent().free()
	await frames(2)


func test_without_a_client_a_freed_agent_says_nothing() -> void:
	client.free()
	make_agent().get_parent().free()
	await frames(2)
	check(true)


# --- on and off ---


func test_an_agent_may_be_switched_off_and_on() -> void:
	var agent: BrainAgent = make_agent()
	var told: Array[String] = log_of(agent)
	await meet()
	await give([server.order("guard", "g#1", "Wait")])
	server.take_all("agents")
	agent.enabled = false
	agent.enabled = false
	await step(4)
	equal(told, ["found", "requested g#1", "cancelled g#1 off"])
	check(not agent.is_brained)
	equal(server.take("agents")["remove"], ["guard"])
	agent.enabled = true
	await step(4)
	check(agent.is_brained)
	equal(server.take("agents")["add"][0]["id"], "guard")


func test_an_agent_that_is_off_signs_in_nowhere() -> void:
	var actor: Node = Node.new()
	var agent: BrainAgent = BrainAgent.new()
	agent.enabled = false
	actor.add_child(agent)
	add_child(actor)
	check(agent.seat == null)
	agent.enabled = true
	check(agent.seat != null)


func test_an_agent_that_is_switched_off_outside_the_tree_stays_off() -> void:
	var agent: BrainAgent = make_agent()
	var actor: Node = agent.get_parent()
	await meet()
	remove_child(actor)
	agent.enabled = false
	add_child(actor)
	await step(3)
	check(agent.seat == null)
	equal(client.agents().size(), 0)


func test_an_agent_that_is_switched_off_is_not_held_any_more() -> void:
	var agent: BrainAgent = make_agent()
	var told: Array[String] = log_of(agent)
	await meet()
	server.send({"type": "hold", "agent": "guard", "reason": "breakpoint"})
	await step(2)
	agent.enabled = false
	equal(told, ["found", "held breakpoint", "released"])
	check(not agent.is_held)


# --- what it hears ---


func test_signals_come_in_order() -> void:
	var agent: BrainAgent = make_agent()
	var told: Array[String] = log_of(agent)
	await meet()
	await give([server.order("guard", "g#1", "Wait")])
	await give([server.order("guard", "g#2", "Wait")])
	await lose_server()
	await find_server()
	equal(
		told,
		[
			"found",
			"requested g#1",
			"cancelled g#1 replaced",
			"requested g#2",
			"cancelled g#2 brain_lost",
			"lost",
			"found",
		]
	)


func test_a_line_comes_in_pieces() -> void:
	var agent: BrainAgent = make_agent()
	var said: Array[Array] = heard(agent.said)
	await meet()
	server.say("guard", "l1", "Halt! ")
	server.say("guard", "l1", "Who goes ")
	server.say("guard", "l1", "there?", true)
	await step(2)
	equal(said, [["Halt! ", false], ["Who goes ", false], ["there?", true]])
	equal(agent.line, "Halt! Who goes there?")


func test_a_new_line_begins_anew() -> void:
	var agent: BrainAgent = make_agent()
	await meet()
	server.say("guard", "l1", "One.", true)
	server.say("guard", "l2", "Two")
	await step(2)
	equal(agent.line, "Two")
	server.say("guard", "l2", "", true)
	await step(2)
	equal(agent.line, "Two")


func test_a_line_for_nobody_is_passed_over() -> void:
	var agent: BrainAgent = make_agent()
	await meet()
	server.say("nobody", "l1", "One.", true)
	await step(2)
	equal(agent.line, "")


func test_a_held_agent_is_released() -> void:
	var agent: BrainAgent = make_agent()
	var told: Array[String] = log_of(agent)
	await meet()
	server.send({"type": "hold", "agent": "guard", "reason": "breakpoint"})
	await step(2)
	check(agent.is_held)
	equal(agent.describe()["state"], "held")
	server.send({"type": "release", "agent": "guard"})
	server.send({"type": "release", "agent": "guard"})
	await step(2)
	check(not agent.is_held)
	equal(told, ["found", "held breakpoint", "released"])


func test_a_new_session_holds_nobody() -> void:
	var agent: BrainAgent = make_agent()
	var told: Array[String] = log_of(agent)
	client.fallback_after_ms = 60000
	await meet()
	server.send({"type": "hold", "agent": "guard", "reason": "breakpoint"})
	await step(2)
	server.welcome_options = {"session": {"id": "s2"}}
	server.drop()
	await step_until(func() -> bool: return not client.is_open())
	await step_until(_is_driven)
	equal(told, ["found", "held breakpoint", "released"])


# --- what panels see ---


func test_description_of_an_agent_that_waits() -> void:
	var agent: BrainAgent = make_agent()
	equal(
		_about(agent),
		{
			"id": "guard",
			"brain": "guard",
			"state": "waiting",
			"action": "",
			"params": {},
			"source": "",
			"reason": "",
			"age_ms": 0,
			"line": "",
			"decision_rate": 10,
			"last_decision_ms": 0,
			"refusal": "",
			"history": [],
			"counts": {"decisions": 0, "orders": 0},
		}
	)


func test_description_has_the_same_keys_in_every_state() -> void:
	var agent: BrainAgent = make_agent()
	var keys: Array = _about(agent).keys()
	var states: Array = []
	var note: Callable = func() -> void:
		equal(_about(agent).keys(), keys)
		states.append(_about(agent)["state"])
	note.call()
	await meet()
	note.call()
	server.send({"type": "hold", "agent": "guard", "reason": ""})
	await step(2)
	note.call()
	await lose_server()
	note.call()
	agent.enabled = false
	note.call()
	equal(states, ["waiting", "driven", "held", "fallback", "off"])


func test_description_of_an_agent_that_acts() -> void:
	var agent: BrainAgent = make_agent()
	log_of(agent)
	await meet()
	var more: Dictionary = {"source": "llm", "reason": "why not"}
	await give([server.order("guard", "g#1", "Walk", {"to": [1, 2]}, more)])
	await step(10)
	var about: Dictionary = _about(agent)
	equal(about["state"], "driven")
	equal(about["action"], "Walk")
	identical(about["params"], {"to": Vector2(1, 2)})
	equal([about["source"], about["reason"]], ["llm", "why not"])
	near(about["age_ms"], 160.0, 40.0)
	check(about["last_decision_ms"] > 0.0)
	equal(about["counts"]["orders"], 1)


func test_description_remembers_how_orders_ended() -> void:
	var agent: BrainAgent = make_agent()
	log_of(agent)
	await meet()
	await give([server.order("guard", "g#1", "Wait")])
	agent.running()[0].fail("no")
	await give([server.order("guard", "g#2", "Wait")])
	agent.running()[0].succeed()
	var about: Dictionary = _about(agent)
	var first: Dictionary = {"name": "Wait", "source": "tree", "status": "failure", "message": "no"}
	equal(about["history"][0], first)
	equal(about["history"][1]["status"], "success")
	equal(about["counts"]["failure"], 1)
	equal(about["counts"]["success"], 1)


func test_description_is_a_copy() -> void:
	var agent: BrainAgent = make_agent()
	log_of(agent)
	await meet()
	await give([server.order("guard", "g#1", "Walk", {"to": [1, 2]})])
	_about(agent)["params"]["to"] = null
	identical(agent.running()[0].params, {"to": Vector2(1, 2)})


func test_description_of_a_rejected_agent_says_why() -> void:
	expect_error("the server does not take guard \\(unknown_brain\\): there is none")
	var agent: BrainAgent = make_agent()
	server.auto_ack = false
	client.open(server.url)
	await step_until(server.has.bind("agents"))
	server.ack([], [{"id": "guard", "code": "unknown_brain", "message": "there is none"}])
	await step(2)
	equal(_about(agent)["state"], "rejected")
	equal(_about(agent)["refusal"], "unknown_brain")


# --- helpers ---


## The parts of [method BrainAgent.describe], for a comparison.
func _about(agent: BrainAgent) -> Dictionary:
	return agent.describe()


## The names of the actions that were declared last.
func _declared(id: String) -> Array:
	var names: Array = []
	for message: Dictionary in server.received:
		for entry: Dictionary in message.get("add", []):
			if entry["id"] == id:
				names = entry["actions"].map(
					func(action: Dictionary) -> String: return action["name"]
				)
	return names


## Puts an agent of a class of its own into the tree.
func _make_own(agent: BrainAgent, body: Node = null) -> BrainAgent:
	var actor: Node = body if body != null else Node2D.new()
	actor.name = "guard"
	agent.brain = "guard"
	agent.actions = [BrainAction.make(&"Wait"), BrainAction.make(&"Walk")]
	actor.add_child(agent)
	add_child(actor)
	return agent

extends BrainsClientTest
## The client: agents that come and go, and what becomes of what the server says.

# --- agents are declared ---


func test_an_agent_is_declared_after_the_welcome() -> void:
	server.auto_welcome = false
	add_client()
	var agent: BrainAgent = add_agent("guard")
	agent.actions = [BrainAction.make(&"Walk", [BrainParameter.text(&"route")], "Walks a route.")]
	await next("hello")
	await step(5)
	equal(server.count("agents"), 0)
	server.welcome()
	var message: Dictionary = await next("agents")
	equal(message["epoch"], 0)
	equal(message["remove"], [])
	equal(message["add"].size(), 1)
	equal(message["add"][0]["id"], "guard")
	equal(message["add"][0]["brain"], "guard")
	equal(message["add"][0]["actions"][0], agent.actions[0].to_declaration())


func test_many_agents_are_declared_over_several_frames() -> void:
	add_agents(150)
	await connect_client()
	check(await driven(client.agents()))
	var sizes: Array = server.take_all("agents").map(
		func(message: Dictionary) -> int: return message["add"].size()
	)
	equal(sizes, [64, 64, 22])


func test_declarations_that_are_too_long_for_a_message_are_divided() -> void:
	server.welcome_options = {"limits": {"max_message_bytes": 4096}}
	var agents: Array[BrainAgent] = add_agents(64)
	await connect_client()
	check(await driven(agents))
	check(server.count("agents") > 2)


func test_an_agent_whose_actions_are_too_long_for_a_message_is_refused_alone() -> void:
	server.welcome_options = {"limits": {"max_message_bytes": 4096}}
	expect_error("does not take talker .limit_exceeded.: its actions are too long for a message")
	var agents: Array[BrainAgent] = add_agents(3)
	var talker: BrainAgent = make_agent("talker")
	talker.actions.append(BrainAction.make(&"Talk", [], "long ".repeat(1000)))
	add_child(talker.get_parent())
	var rejected: Array[Array] = heard(talker.rejected)
	agents.append_array([add_agent("later")])
	await connect_client()
	check(await driven(agents))
	equal(rejected.size(), 1)
	equal(rejected[0][0], "limit_exceeded")


func test_an_agent_without_a_brain_is_refused_alone() -> void:
	expect_error("does not take b .bad_field.: it has no brain")
	var a: BrainAgent = add_agent("a")
	var b: BrainAgent = add_agent("b", 10.0, "")
	var c: BrainAgent = add_agent("c")
	var rejected: Array[Array] = heard(b.rejected)
	await connect_client()
	check(await driven([a, c]))
	equal(rejected.size(), 1)
	check(not b.is_brained)
	for message: Dictionary in server.take_all("agents"):
		for entry: Dictionary in message["add"]:
			check(entry["id"] != "b")


func test_an_agent_with_an_endless_id_is_refused_alone() -> void:
	expect_error("does not take xxxxx.* is too long: a name has up to 200 characters")
	var long: BrainAgent = add_agent("x".repeat(201))
	var fine: BrainAgent = add_agent("y".repeat(200))
	await connect_client()
	check(await driven([fine]))
	check(not long.is_brained)


func test_an_agent_that_is_taken_is_driven() -> void:
	server.auto_ack = false
	var agent: BrainAgent = add_agent("guard")
	var found: Array[Array] = heard(agent.brain_found)
	await connect_client()
	await next("agents")
	await step(5)
	check(not agent.is_brained)
	equal(server.count("snapshot"), 0, "before it is taken it is in no snapshot")
	server.ack(["guard"])
	check(await driven([agent]))
	equal(found.size(), 1)
	equal(agent.describe()["state"], "driven")
	contains((await next("snapshot"))["agents"], "guard")


func test_an_agent_that_is_not_taken_is_told_why_and_falls_back() -> void:
	expect_error("the server does not take guard .unknown_brain.: there is no brain guard")
	server.auto_ack = false
	var agent: BrainAgent = add_agent("guard")
	agent.fallback = BrainAgent.Fallback.CALLABLE
	agent.fallback_callable = func(_agent: BrainAgent) -> void: agent.start(&"Wave")
	var rejected: Array[Array] = heard(agent.rejected)
	await connect_client()
	await next("agents")
	server.ack([], [{"id": "guard", "code": "unknown_brain", "message": "there is no brain guard"}])
	check(await step_until(func() -> bool: return not begun.is_empty()))
	equal(rejected, [["unknown_brain", "there is no brain guard"]])
	equal(begun[0].name, &"Wave")
	equal(agent.describe()["state"], "rejected")
	await step(20)
	for snapshot: Dictionary in server.take_all("snapshot"):
		check(not snapshot["agents"].has("guard"))


func test_an_agent_that_is_never_taken_is_warned_of_once() -> void:
	expect_error("the server does not take guard")
	var printed: Callable = count_printed("does not take guard")
	server.auto_ack = false
	add_agent("guard")
	await connect_client()
	for attempt: int in 3:
		await next("agents")
		server.ack([], [{"id": "guard", "code": "unknown_brain", "message": "no"}])
		await step(3)
		server.drop()
		check(await step_until(func() -> bool: return not client.is_open()))
		check(await step_until(client.is_open))
	equal(printed.call(), 1)


func test_an_agent_may_come_later() -> void:
	await connect_client()
	await next("agents")
	var agent: BrainAgent = add_agent("late")
	equal((await next("agents"))["add"][0]["id"], "late")
	check(await driven([agent]))


func test_an_agent_that_is_freed_is_removed() -> void:
	var agent: BrainAgent = add_agent("guard")
	add_agent("merchant")
	await connect_client()
	check(await driven(client.agents()))
	server.received.clear()
	agent.get_parent().free()
	var message: Dictionary = await next("agents")
	equal(message["remove"], ["guard"])
	equal(message["add"], [])
	equal(client.get_agent("guard"), null)
	equal(client.agents().size(), 1)


func test_an_agent_that_is_freed_before_the_server_knew_it_is_not_mentioned() -> void:
	await connect_client()
	await step(2)
	server.received.clear()
	add_agent("short").get_parent().free()
	add_agent("long")
	var message: Dictionary = await next("agents")
	equal(message["remove"], [])
	equal(message["add"].size(), 1)


func test_two_agents_of_one_id_are_one_too_many() -> void:
	expect_error("two agents have the id guard; the second one gets no brain")
	var first: BrainAgent = add_agent("guard")
	add_client()
	var second: BrainAgent = add_agent("guard")
	await connect_client()
	check(await driven([first]))
	equal(second.seat, null)
	equal(client.get_agent("guard"), first)
	equal(second.start(&"Walk"), null)
	second.notice(&"noise")
	second.get_parent().free()
	await step(3)
	equal(client.get_agent("guard"), first)


func test_agents_without_an_id_have_their_actors_name_made_unique() -> void:
	add_client()
	var parents: Array[Node] = []
	for number: int in 3:
		var room: Node = Node.new()
		add_child(room)
		parents.append(room)
		var agent: BrainAgent = make_agent("Guard")
		agent.agent_id = ""
		room.add_child(agent.get_parent())
	var ids: Array = client.agents().map(func(agent: BrainAgent) -> String: return agent.seat.id)
	equal(ids, ["Guard", "Guard_2", "Guard_3"])


func test_one_that_comes_back_in_the_same_frame_is_removed_and_added() -> void:
	var old: BrainAgent = add_agent("guard")
	await connect_client()
	check(await driven([old]))
	server.received.clear()
	old.get_parent().queue_free()
	var fresh: BrainAgent = make_agent("guard")
	fresh.get_parent().name = "Other"
	add_child(fresh.get_parent())
	equal(client.get_agent("guard"), fresh)
	var message: Dictionary = await next("agents")
	equal(message["remove"], ["guard"])
	equal(message["add"].size(), 1)
	check(await driven([fresh]))
	equal(client.get_agent("guard"), fresh)


func test_an_order_for_the_one_before_is_not_carried_out_by_one_of_the_same_id() -> void:
	var old: BrainAgent = add_agent("guard")
	await connect_client()
	check(await driven([old]))
	server.auto_answer = false
	var snapshot: Dictionary = await next_with("guard")
	old.get_parent().free()
	var fresh: BrainAgent = add_agent("guard")
	check(await driven([fresh]))
	server.answer(snapshot, [server.order("guard", "o1", "Walk")])
	await step(3)
	equal(begun.size(), 0)
	equal(client.counters()["dropped"], {"stale": 1})
	server.auto_answer = true
	for unanswered: Dictionary in server.take_all("snapshot"):
		server.answer(unanswered)
	await give("guard", "o2")
	equal(begun.size(), 1)
	equal(begun[0].agent, fresh)


func test_an_order_for_one_that_is_gone_is_refused() -> void:
	var agent: BrainAgent = add_agent("guard")
	add_agent("merchant")
	await connect_client()
	check(await driven(client.agents()))
	server.auto_answer = false
	var snapshot: Dictionary = await next_with("guard")
	agent.get_parent().free()
	server.answer(snapshot, [server.order("guard", "o1", "Walk")])
	server.auto_answer = true
	check(await step_until(func() -> bool: return not statuses_of("o1").is_empty()))
	equal(statuses_of("o1"), ["rejected"])
	equal(client.counters()["dropped"], {"unknown_agent": 1})


func test_one_that_is_switched_off_leaves_and_may_come_back() -> void:
	var agent: BrainAgent = add_agent("guard")
	await connect_client()
	check(await driven([agent]))
	server.received.clear()
	agent.enabled = false
	equal((await next("agents"))["remove"], ["guard"])
	check(not agent.is_brained)
	agent.enabled = true
	check(await driven([agent]))


# --- scenes ---


func test_with_another_scene_the_epoch_grows_and_the_same_ids_work() -> void:
	add_client()
	get_tree().change_scene_to_packed(scene_with("guard"))
	await step(3)
	await connect_client()
	check(await driven(client.agents()))
	var old: BrainAgent = client.get_agent("guard")
	var before: int = client.epoch
	server.received.clear()
	get_tree().change_scene_to_packed(scene_with("guard"))
	check(await step_until(func() -> bool: return client.epoch > before))
	equal(client.epoch, before + 1)
	check(not is_instance_valid(old))
	var fresh: BrainAgent = client.get_agent("guard")
	check(await driven([fresh]))
	var removed: Array = []
	for message: Dictionary in server.take_all("agents"):
		removed.append_array(message["remove"])
	equal(removed, ["guard"])
	equal((await next_with("guard"))["epoch"], before + 1)


func test_an_order_for_the_scene_before_is_not_carried_out() -> void:
	var agent: BrainAgent = add_agent("guard")
	await connect_client()
	check(await driven([agent]))
	server.auto_answer = false
	var snapshot: Dictionary = await next_with("guard")
	server.answer(snapshot, [server.order("guard", "o1", "Walk")])
	await frames(2)
	# It has arrived by now, and is read in the first frame of the new scene.
	var scene: Node = Node.new()
	get_tree().root.add_child(scene)
	get_tree().current_scene.free()
	get_tree().current_scene = scene
	await step(3)
	equal(begun.size(), 0)
	equal(client.counters()["dropped"], {"stale": 1})
	server.auto_answer = true
	check(await step_until(func() -> bool: return not statuses_of("o1").is_empty()))
	equal(statuses_of("o1"), ["expired"])


func test_a_game_may_begin_an_epoch_by_itself() -> void:
	var agent: BrainAgent = add_agent("guard")
	await connect_client()
	check(await driven([agent]))
	await give("guard", "o1")
	server.received.clear()
	client.begin_epoch()
	equal((await next("agents"))["epoch"], 1)
	equal((await next("snapshot"))["epoch"], 1)
	check(begun[0].is_running(), "what runs goes on")


# --- time ---


func test_while_the_game_is_paused_it_answers_pings_and_sends_nothing() -> void:
	add_agents(3)
	await connect_client()
	check(await driven(client.agents()))
	get_tree().paused = true
	await step(3)
	server.received.clear()
	var before_ms: float = client.time_ms
	for minute: int in 5:
		server.send({"type": "ping", "t": minute})
		await next("pong")
		await wait(2000)
	now_ms += 5 * 60 * 1000.0
	await step(5)
	equal(server.count("snapshot"), 0)
	equal(client.time_ms, before_ms)
	check(client.is_open())


func test_after_five_minutes_of_pause_it_goes_on() -> void:
	var agents: Array[BrainAgent] = add_agents(3)
	await connect_client()
	check(await driven(agents))
	get_tree().paused = true
	for second: int in 300:
		now_ms += 1000.0
		if second % 4 == 0:
			server.send({"type": "ping", "t": second})
		await step()
	get_tree().paused = false
	server.received.clear()
	await give("agent_1", "o1")
	equal(begun.size(), 1)
	equal(client.counters()["losses"], 0)


func test_agents_that_are_paused_alone_keep_silent() -> void:
	var agents: Array[BrainAgent] = add_agents(2)
	await connect_client()
	check(await driven(agents))
	agents[0].get_parent().process_mode = Node.PROCESS_MODE_DISABLED
	await step(2)
	server.received.clear()
	await wait(1000)
	for snapshot: Dictionary in server.take_all("snapshot"):
		check(not snapshot["agents"].has("agent_0"))
	agents[0].get_parent().process_mode = Node.PROCESS_MODE_INHERIT
	check(not (await next_with("agent_0")).is_empty())


func test_game_time_follows_the_time_scale() -> void:
	add_client()
	await step(2)
	var before_ms: float = client.time_ms
	Engine.time_scale = 2.0
	await frames(2)
	before_ms = client.time_ms
	await step(60)
	near(client.time_ms - before_ms, 2000.0, 40.0)


func test_twice_as_fast_a_game_has_twice_as_many_decisions() -> void:
	var agent: BrainAgent = add_agent("guard", 10.0)
	await connect_client()
	check(await driven([agent]))
	Engine.time_scale = 2.0
	await step(2)
	server.received.clear()
	await wait(2000)
	near(server.count("snapshot"), 40, 3)


# --- what the server says ---


func test_speech_comes_in_pieces() -> void:
	var agent: BrainAgent = add_agent("guard")
	var said: Array[Array] = heard(agent.said)
	await connect_client()
	check(await driven([agent]))
	server.say("guard", "l1", "Who ")
	server.say("guard", "l1", "goes there?", true)
	await step(3)
	equal(said, [["Who ", false], ["goes there?", true]])
	equal(agent.line, "Who goes there?")
	server.say("guard", "l2", "Halt!", true)
	await step(3)
	equal(agent.line, "Halt!")
	equal(client.counters()["says"], 3)


func test_a_held_agent_is_released() -> void:
	var agent: BrainAgent = add_agent("guard", 0.1)
	var held: Array[Array] = heard(agent.held)
	var released: Array[Array] = heard(agent.released)
	await connect_client()
	check(await driven([agent]))
	server.send({"type": "hold", "agent": "guard", "reason": "a breakpoint"})
	await step(3)
	equal(held, [["a breakpoint"]])
	check(agent.is_held)
	equal(agent.describe()["state"], "held")
	server.received.clear()
	server.send({"type": "release", "agent": "guard"})
	await step(3)
	equal(released.size(), 1)
	check(not agent.is_held)
	contains((await next("snapshot"))["agents"], "guard", "the brain wants to see where it is")


func test_complaints_are_signalled_and_counted() -> void:
	expect_error("the server says bad_field: events: too many .send fewer.")
	var problems: Array[Array] = heard_of_client()
	await connect_client()
	var complaint: Dictionary = {
		"type": "error", "code": "bad_field", "message": "events: too many"
	}
	complaint["hint"] = "send fewer"
	server.send(complaint)
	server.send(complaint)
	await step(3)
	equal(problems, [["bad_field", "events: too many", "send fewer"], problems[0]])
	equal(client.counters()["errors"], {"bad_field": 2})


func test_the_same_complaint_is_printed_once() -> void:
	expect_error("the server says bad_field")
	var printed: Callable = count_printed("the server says bad_field")
	await connect_client()
	for time: int in 50:
		server.send({"type": "error", "code": "bad_field", "message": "events: too many"})
	await step(5)
	equal(printed.call(), 1)


func test_no_more_than_so_many_complaints_are_printed() -> void:
	expect_error("the server says bad_field")
	var printed: Callable = count_printed("the server says", BrainsWarnings.MOST)
	await connect_client()
	for number: int in 50:
		server.send({"type": "error", "code": "bad_field", "message": "number %d" % number})
	await step(5)
	equal(printed.call(), BrainsWarnings.MOST)


func test_what_comes_up_in_ordinary_play_is_not_printed() -> void:
	await connect_client()
	for code: String in ["stale", "unknown_agent"]:
		server.send({"type": "error", "code": code, "message": "o1"})
	await step(3)
	equal(client.counters()["errors"], {"stale": 1, "unknown_agent": 1})


func test_a_bye_is_followed_by_a_close_and_another_attempt() -> void:
	add_client()
	var losses: Array[Array] = heard(client.disconnected)
	await connect_client()
	server.send({"type": "bye", "reason": "shutdown"})
	await step(2)
	check(client.is_open())
	server.close(1001, "shutdown")
	check(await step_until(func() -> bool: return losses.size() == 1))
	equal(losses[0].slice(0, 2), [1001, "shutdown"])
	check(await step_until(client.is_open))


func test_messages_with_odd_values_are_harmless() -> void:
	expect_error("an order was not carried out|the server says|the server does not take")
	var agent: BrainAgent = add_agent("guard")
	await connect_client()
	check(await driven([agent]))
	for type: String in ["actions", "agents_ack", "wake", "say", "hold", "release", "error", "bye"]:
		for odd: Variant in [null, 5, -1e300, "text", true, [], [[]], [null, 7, "x", {}], {}]:
			var message: Dictionary = {"type": type}
			for key: String in [
				"seq",
				"snapshot",
				"epoch",
				"cancel",
				"actions",
				"busy",
				"ok",
				"rejected",
				"agents",
				"agent",
				"id",
				"text",
				"done",
				"reason",
				"code",
				"message",
				"hint",
			]:
				message[key] = odd
			server.send(message)
			await step()
		server.send({"type": type})
	server.send({"type": "say", "agent": "guard", "id": null, "text": null, "done": null})
	server.send({"type": "hold", "agent": "guard", "reason": null})
	server.send({"type": "release", "agent": "guard"})
	await step(5)
	check(client.is_open())
	await give("guard", "o1")
	equal(begun.size(), 1)


func test_orders_with_odd_values_are_refused() -> void:
	expect_error("an order was not carried out")
	var agent: BrainAgent = add_agent("guard")
	await connect_client()
	check(await driven([agent]))
	server.auto_answer = false
	for key: String in ["agent", "id", "name"]:
		for odd: Variant in [null, 5, [], {}, ""]:
			var entry: Dictionary = server.order("guard", "o_%s_%s" % [key, str(odd)], "Walk")
			entry[key] = odd
			server.answer(await next_with("guard"), [entry])
	await step(3)
	equal(begun.size(), 0)
	check(client.is_open())


# --- what the game is told ---


func test_the_world_is_in_every_snapshot() -> void:
	add_agent("guard")
	await connect_client()
	client.world = {"weather": "rain", "where": Vector2(1, 2)}
	await step(2)
	server.received.clear()
	equal((await next("snapshot"))["world"], {"weather": "rain", "where": [1, 2]})


func test_the_world_may_be_asked_for() -> void:
	add_agent("guard")
	await connect_client()
	var asked: Array[int] = [0]
	client.world = {"weather": "rain"}
	client.observe_world = func() -> Dictionary:
		asked[0] += 1
		return {"asked": asked[0]}
	await step(2)
	server.received.clear()
	var first: Dictionary = await next("snapshot")
	var second: Dictionary = await next("snapshot")
	equal(second["world"]["asked"], first["world"]["asked"] + 1)


func test_a_refusal_says_what_to_do() -> void:
	expect_error("unauthorized: no token .put the server.s token into .* BRAINS_TOKEN")
	server.auto_welcome = false
	add_client()
	var losses: Array[Array] = heard(client.disconnected)
	await next("hello")
	server.close(4401, "unauthorized: no token")
	check(await step_until(func() -> bool: return losses.size() == 1))
	equal(losses[0][0], 4401)
	contains(losses[0][1], "BRAINS_TOKEN")
	check(losses[0][2] < 0.0)
	equal(client.state, BrainsClient.State.REFUSED)


func test_after_a_refusal_open_tries_again() -> void:
	expect_error("unauthorized: no token")
	server.auto_welcome = false
	var agent: BrainAgent = add_agent("guard")
	add_client()
	await next("hello")
	server.close(4401, "unauthorized: no token")
	check(await step_until(func() -> bool: return client.state == BrainsClient.State.REFUSED))
	environment("BRAINS_TOKEN", "right")
	server.auto_welcome = true
	client.open()
	equal((await next("hello"))["token"], "right")
	check(await driven([agent]))


func test_an_address_that_is_none_is_refused_with_the_reason() -> void:
	expect_error("Brains: nonsense://x is no address of a WebSocket server")
	environment("BRAINS_URL", "nonsense://x")
	var agent: BrainAgent = add_agent("guard")
	add_client()
	equal(client.state, BrainsClient.State.REFUSED)
	var lost: Array[Array] = heard(agent.brain_lost)
	await wait(1500)
	equal(lost.size(), 1, "the game goes on")


func test_it_says_that_it_is_connected() -> void:
	add_client()
	var connected: Array[Array] = heard(client.connected)
	await connect_client()
	equal(connected, [[false]])
	equal(client.session_id, "s1")
	equal(client.state, BrainsClient.State.OPEN)


func test_counters_add_up() -> void:
	var agents: Array[BrainAgent] = add_agents(5)
	await connect_client()
	check(await driven(agents))
	var number: Array[int] = [0]
	server.on_snapshot = func(snapshot: Dictionary) -> Array:
		var orders: Array = []
		for id: String in snapshot["agents"]:
			number[0] += 1
			orders.append(server.order(id, "o%d" % number[0], "Walk"))
		return orders
	agents[0].notice(&"noise")
	await wait(1000)
	server.on_snapshot = Callable()
	await wait(500)
	var counts: Dictionary = client.counters()
	equal(counts["connects"], 1)
	equal(counts["snapshots"], server.count("snapshot"))
	check(counts["snapshots"] - counts["answers"] <= client.snapshots.window)
	equal(counts["actions"], number[0])
	equal(counts["actions"], counts["started"])
	equal(counts["started"], begun.size())
	equal(counts["results"], {"cancelled": number[0] - 5})
	equal(counts["running"], 5)
	equal(counts["events"], 1)
	equal(counts["events_dropped"] + counts["losses"] + counts["malformed"], 0)
	check(counts["bytes_sent"] > 1000)
	check(counts["bytes_received"] > 1000)


# --- clients come and go ---


func test_a_client_that_comes_after_the_agents_finds_them() -> void:
	expect_error("there is no autoload Brains")
	var agents: Array[BrainAgent] = add_agents(3)
	await frames(2)
	await connect_client()
	check(await driven(agents))


func test_a_client_that_is_removed_says_bye_and_lets_its_agents_go() -> void:
	var agents: Array[BrainAgent] = add_agents(2)
	await connect_client()
	check(await driven(agents))
	remove_child(client)
	await frames(3)
	equal(server.closed_code, 1000)
	equal(server.closed_reason, "the game ends")
	equal(BrainsClient.instance, null)
	for agent: BrainAgent in agents:
		check(not agent.is_brained)
		equal(agent.seat, null)
		equal(agent.describe()["state"], "off")
	client.free()


func test_a_client_that_is_added_again_connects_again() -> void:
	var agents: Array[BrainAgent] = add_agents(2)
	await connect_client()
	check(await driven(agents))
	remove_child(client)
	agents.append(add_agent("meanwhile"))
	add_child(client)
	client.set_process(false)
	check(await driven(agents))
	await give("agent_0", "o1")
	equal(begun.size(), 1)


func test_a_second_client_does_nothing_and_says_so() -> void:
	expect_error("there is a client already, .*; this one does nothing")
	var agent: BrainAgent = add_agent("guard")
	await connect_client()
	var second: BrainsClient = BrainsClient.new()
	add_child(second)
	second.open()
	await step(5)
	equal(second.state, BrainsClient.State.OFF)
	equal(BrainsClient.instance, client)
	equal(server.connections, 1)
	second.free()
	equal(BrainsClient.instance, client)
	check(await driven([agent, add_agent("late")]))


func test_a_client_takes_over_from_one_that_is_about_to_go() -> void:
	var agent: BrainAgent = add_agent("guard")
	await connect_client()
	check(await driven([agent]))
	client.queue_free()
	add_client()
	equal(BrainsClient.instance, client)
	await connect_client()
	equal(BrainsClient.instance, client)
	check(await driven([agent]))
	equal(agent.seat.client, client)


func test_it_does_its_work_in_every_frame_by_itself() -> void:
	var agent: BrainAgent = add_agent("guard")
	client = BrainsClient.new()
	add_child(client)
	check(await until(func() -> bool: return agent.is_brained))
	await frames(30)
	check(server.count("snapshot") >= 4)
	get_tree().paused = true
	server.send({"type": "ping", "t": 1.0})
	check(await until(server.has.bind("pong")), "also while the game is paused")


func test_a_client_may_be_removed_while_it_works() -> void:
	add_agent("guard")
	add_client()
	client.connected.connect(func(_resumed: bool) -> void: remove_child(client))
	check(await step_until(func() -> bool: return not client.is_inside_tree()))
	equal(client.state, BrainsClient.State.OFF)
	client.free()


func test_it_connects_only_when_asked_to_if_the_setting_says_so() -> void:
	setting("brains/connection/connect_at_start", false)
	add_client()
	await step(5)
	equal(client.state, BrainsClient.State.OFF)
	client.open()
	check(await step_until(client.is_open))


func test_closing_lets_the_agents_fall_back() -> void:
	var agent: BrainAgent = add_agent("guard")
	await connect_client()
	check(await driven([agent]))
	var lost: Array[Array] = heard(agent.brain_lost)
	client.close("enough")
	await step(3)
	equal(server.closed_code, 1000)
	equal(server.closed_reason, "enough")
	await wait(900)
	equal(lost.size(), 0)
	await wait(200)
	equal(lost.size(), 1)
	await wait(20000)
	equal(server.connections, 1)


func test_after_closing_it_can_be_opened_again() -> void:
	var agent: BrainAgent = add_agent("guard")
	await connect_client()
	check(await driven([agent]))
	client.close()
	await step(3)
	client.open()
	check(await step_until(client.is_open))
	await give("guard", "o1")
	equal(begun.size(), 1)


func test_opening_another_server_takes_the_agents_along() -> void:
	var agent: BrainAgent = add_agent("guard")
	await connect_client()
	check(await driven([agent]))
	await give("guard", "o1")
	# Long enough to fall back, if it counted.
	await wait(3000)
	var lost: Array[Array] = heard(agent.brain_lost)
	var other: FakeBrainsServer = FakeBrainsServer.new()
	other.serve()
	add_child(other)
	client.open(other.url)
	check(await step_until(client.is_open))
	check(await step_until(other.has.bind("snapshot")))
	equal(other.take("snapshot")["seq"], 1)
	equal(server.closed_code, 1000)
	equal(lost, [])
	check(begun[0].is_running(), "until the new brain wants something")


func test_an_agent_does_not_care_whether_there_is_a_client() -> void:
	var agent: BrainAgent = add_agent("guard")
	agent.notice(&"noise")
	agent.request_decision()
	equal(agent.start(&"Walk"), null)
	check(not agent.report("o1", &"success"))
	equal(running_ids(agent), [])
	equal(agent.describe()["state"], "off")
	agent.get_parent().free()


# --- helpers ---


func heard_of_client() -> Array[Array]:
	add_client()
	return heard(client.problem)


func scene_with(agent_id: String) -> PackedScene:
	var root: Node = Node.new()
	root.name = "Scene"
	var agent: BrainAgent = make_agent(agent_id)
	var actor: Node = agent.get_parent()
	root.add_child(actor)
	actor.owner = root
	agent.owner = root
	var packed: PackedScene = PackedScene.new()
	packed.pack(root)
	root.free()
	return packed

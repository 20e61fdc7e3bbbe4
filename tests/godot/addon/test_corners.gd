extends BrainsClientTest
## What goes wrong only when two things come together.


func _resuming() -> void:
	server.welcome_options = {"session": {"resumed": true}}


func test_one_that_left_while_nobody_read_is_removed_after_the_resume() -> void:
	var guard: BrainAgent = add_agent("guard")
	var other: BrainAgent = add_agent("other")
	await connect_client()
	check(await driven([guard, other]))
	# The server reads nothing any more, but the connection stands: the client tells into the void.
	server.freeze()
	actor_of(other).free()
	await step(5)
	server.thaw()
	server.drop()
	server.received.clear()
	_resuming()
	check(await step_until(func() -> bool: return not client.is_open()))
	var agents: Dictionary = await next("agents")
	equal(agents["remove"], ["other"])


func test_one_that_was_replaced_while_nobody_read_is_removed_and_added() -> void:
	var guard: BrainAgent = add_agent("guard")
	await connect_client()
	check(await driven([guard]))
	server.freeze()
	actor_of(guard).free()
	await step(2)
	add_agent("guard", 10.0, "merchant")
	await step(5)
	server.thaw()
	server.drop()
	server.received.clear()
	_resuming()
	check(await step_until(func() -> bool: return not client.is_open()))
	var agents: Dictionary = await next("agents")
	equal(agents["remove"], ["guard"])


func test_data_of_an_end_are_what_they_were() -> void:
	var guard: BrainAgent = add_agent("guard")
	await connect_client()
	check(await driven([guard]))
	await give("guard", "o1")
	var data: Dictionary = {"loot": [1, 2]}
	begun[0].succeed(data)
	data["loot"].clear()
	await step(4)
	var told: Array = []
	for message: Dictionary in server.received:
		for result: Dictionary in message.get("results", []):
			if result["id"] == "o1" and result["status"] == "success":
				told.append(result["data"])
	equal(told, [{"loot": [1.0, 2.0]}])


func test_events_of_many_newcomers_come_after_their_declaration() -> void:
	await connect_client()
	var agents: Array[BrainAgent] = add_agents(100)
	for agent: BrainAgent in agents:
		agent.notice(&"born")
	var known: Dictionary = {}
	check(await driven(agents))
	await step(5)
	var lost: int = 0
	for message: Dictionary in server.received:
		for entry: Dictionary in message.get("add", []):
			known[entry["id"]] = true
		for event: Dictionary in message.get("events", []):
			lost += int(not known.has(event["agent"]))
	equal(lost, 0)


func test_a_handler_of_rejected_may_free_another_that_is_about_to_be_told() -> void:
	await connect_client()
	var first: BrainAgent = add_agent("first")
	var nameless: BrainAgent = add_agent("nameless", 10.0, "")
	expect_error("does not take")
	nameless.rejected.connect(func(_code: String, _text: String) -> void: actor_of(first).free())
	await step(5)
	equal(client.agents().size(), 1)


func test_a_snapshot_waits_until_the_new_scene_could_be_told() -> void:
	server.welcome_options = {"limits": {"max_message_bytes": 4096}}
	await connect_client()
	var agents: Array[BrainAgent] = add_agents(3)
	check(await driven(agents))
	await step(5)
	server.received.clear()
	client.begin_epoch()
	for number: int in 40:
		var one: BrainAgent = make_agent("new_%d" % number)
		one.actions = [BrainAction.make(&"Walk", [], "x".repeat(200))]
		add_child(one.get_parent())
	agents[0].notice(&"fire")
	await step(3)
	var wrong: Array = []
	var epoch: int = 0
	for message: Dictionary in server.received:
		if message["type"] == "agents":
			epoch = int(message["epoch"])
		elif message["type"] == "snapshot" and int(message["epoch"]) != epoch:
			wrong.append(message.get("events", []))
	equal(wrong, [])


func test_a_null_for_resume_is_none() -> void:
	add_agent("guard")
	server.welcome_options = {"session": {"resume": null}}
	await connect_client()
	server.drop()
	server.received.clear()
	var hello: Dictionary = await next("hello")
	check(not hello.has("session"))


func test_a_world_that_leaves_no_room_is_the_one_that_is_left_out() -> void:
	server.welcome_options = {"limits": {"max_message_bytes": 4096}}
	var guard: BrainAgent = add_agent("guard")
	actor_of(guard).seen = {"text": "x".repeat(500)}
	client = null
	await connect_client()
	check(await driven([guard]))
	expect_error("too long")
	client.world = {"text": "y".repeat(3600)}
	await step(5)
	server.received.clear()
	await step(40)
	var count: int = 0
	for message: Dictionary in server.take_all("snapshot"):
		count += int(message["agents"].has("guard"))
	check(count > 0, "the guard decides no more")


func test_an_action_with_an_endless_name_harms_no_other_agent() -> void:
	await connect_client()
	var bad: BrainAgent = add_agent("bad")
	bad.actions = [BrainAction.make(StringName("x".repeat(300)))]
	expect_error("too long")
	add_agent("good")
	await step(5)
	for message: Dictionary in server.take_all("agents"):
		for entry: Dictionary in message["add"]:
			equal(entry["id"], "good")


func test_the_panel_does_not_ask_the_game_once_more() -> void:
	var guard: BrainAgent = add_agent("guard")
	await connect_client()
	check(await driven([guard]))
	var debug: BrainsDebug = BrainsDebug.new()
	debug.sender = func(_message: String, _data: Array) -> void: pass
	client.add_child(debug)
	debug.take("watch", [100, ""])
	debug.take("track", ["guard"])
	actor_of(guard).looks = 0
	var before: int = guard.seat.decisions
	for frame: int in 120:
		await step()
		debug.step(int(now_ms))
	equal(actor_of(guard).looks, guard.seat.decisions - before)

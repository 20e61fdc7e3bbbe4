extends BrainsClientTest
## What the client sends, and when: credit, newest state, events, rates, and what is too long.

# --- credit ---


func test_at_most_so_many_snapshots_are_unanswered() -> void:
	for window: int in [1, 2]:
		setting("brains/snapshots/window", window)
		begin_unanswered(5)
		await connect_client()
		await wait(2000)
		equal(server.count("snapshot"), window)
		end_client()


func test_a_server_may_want_fewer_unanswered_snapshots() -> void:
	begin_unanswered(5)
	server.welcome_options = {"limits": {"window": 1}}
	await connect_client()
	await wait(2000)
	equal(server.count("snapshot"), 1)


func test_an_answer_makes_room_for_one_more() -> void:
	begin_unanswered(40)
	await connect_client()
	await wait(500)
	equal(server.count("snapshot"), 2)
	server.answer(server.take("snapshot"))
	await wait(500)
	equal(server.count("snapshot"), 2)


func test_what_is_sent_is_the_newest_state() -> void:
	begin_unanswered(20)
	await connect_client()
	await wait(500)
	for health: int in 100:
		for agent: BrainAgent in client.agents():
			actor_of(agent).seen = {"health": health}
		await step()
	equal(server.count("snapshot"), 2, "nothing is queued")
	for answer: int in 2:
		server.answer(server.take("snapshot"))
	await step(10)
	for snapshot: Dictionary in server.take_all("snapshot"):
		for id: String in snapshot["agents"]:
			equal(snapshot["agents"][id]["me"]["health"], 99)


func test_nobody_is_looked_at_while_nothing_can_be_sent() -> void:
	begin_unanswered(10)
	await connect_client()
	await wait(500)
	var looks: int = all_looks()
	await wait(1000)
	equal(all_looks(), looks)


func test_an_agent_is_in_one_unanswered_snapshot_at_a_time() -> void:
	begin_unanswered(1)
	await connect_client()
	await wait(1000)
	equal(server.count("snapshot"), 1)


func test_a_snapshot_that_is_never_answered_is_given_up() -> void:
	expect_error("the server does not answer snapshots; the game goes on without those answers")
	begin_unanswered(1)
	await connect_client()
	await next("snapshot")
	# Another one might be sent, but everybody waits for the answer of this one.
	await keep_alive(9500)
	equal(server.count("snapshot"), 0)
	await keep_alive(700)
	equal(server.count("snapshot"), 1)
	equal(client.counters()["unanswered"], 1)
	equal(client.counters()["losses"], 0)


func test_all_snapshots_that_are_never_answered_are_given_up() -> void:
	expect_error("the server does not answer snapshots")
	begin_unanswered(20)
	await connect_client()
	await keep_alive(1000)
	server.auto_answer = true
	server.received.clear()
	await keep_alive(9500)
	check(server.count("snapshot") > 1)
	await give("agent_7", "o1")
	equal(begun.size(), 1)
	equal(client.counters()["unanswered"], 2)


func test_an_answer_settles_those_before_it() -> void:
	begin_unanswered(20)
	await connect_client()
	await wait(500)
	server.take("snapshot")
	server.answer(server.take("snapshot"))
	server.auto_answer = true
	server.received.clear()
	await wait(1000)
	check(server.count("snapshot") > 5)
	equal(client.counters()["unanswered"], 1)


func test_an_answer_that_comes_too_late_is_not_carried_out() -> void:
	begin_unanswered(20)
	await connect_client()
	await wait(500)
	var first: Dictionary = server.take("snapshot")
	var id: String = first["agents"].keys()[0]
	server.answer(server.take("snapshot"))
	server.answer(first, [server.order(id, "o1", "Walk")])
	await step(3)
	equal(begun.size(), 0)
	equal(client.counters()["dropped"], {"stale": 1})


func test_an_answer_that_comes_twice_counts_once() -> void:
	begin_unanswered(1)
	await connect_client()
	var snapshot: Dictionary = await next_with("agent_0")
	server.answer(snapshot)
	server.answer(snapshot)
	await step(3)
	equal(client.counters()["answers"], 1)


# --- events ---


func test_events_are_kept_in_order_until_they_can_be_sent() -> void:
	begin_unanswered(5)
	await connect_client()
	await wait(500)
	for number: int in 10:
		client.notice_all(&"bang", {"number": number})
		await step()
	for answer: int in 2:
		server.answer(server.take("snapshot"))
	var events: Array = (await next("snapshot"))["events"]
	equal(events.map(func(event: Dictionary) -> int: return event["data"]["number"]), range(10))
	for event: Dictionary in events:
		equal(event["name"], "bang")
		check(not event.has("agent"))
	check(events[9]["time_ms"] > events[0]["time_ms"])


func test_an_event_is_sent_once() -> void:
	var agent: BrainAgent = await drive_one()
	agent.notice(&"bang")
	equal((await next("snapshot"))["events"].size(), 1)
	check(not (await next("snapshot")).has("events"))
	equal(client.counters()["events"], 1)


func test_an_event_of_one_agent_names_it_and_asks_for_a_decision() -> void:
	var agent: BrainAgent = await drive_one(0.1)
	agent.notice(&"hurt", {"by": &"thief", "at": Vector2(1, 2)})
	await step(2)
	var snapshot: Dictionary = server.take("snapshot")
	var event: Dictionary = snapshot["events"][0]
	equal(event["agent"], "guard")
	equal(event["name"], "hurt")
	equal(event["data"], {"by": "thief", "at": [1, 2]})
	equal(snapshot["agents"]["guard"]["requested"], true)


func test_what_an_event_says_is_what_was_so_when_it_happened() -> void:
	begin_unanswered(1)
	await connect_client()
	var data: Dictionary = {"health": 5, "list": [1]}
	client.notice_all(&"hurt", data)
	data["health"] = 4
	data["list"].append(2)
	equal((await next("snapshot"))["events"][0]["data"], {"health": 5, "list": [1]})


func test_of_too_many_events_the_oldest_are_dropped_and_counted() -> void:
	setting("brains/snapshots/max_events", 8)
	begin_unanswered(5)
	await connect_client()
	await wait(500)
	for number: int in 11:
		client.notice_all(&"bang", {"number": number})
	for answer: int in 2:
		server.answer(server.take("snapshot"))
	var snapshot: Dictionary = await next("snapshot")
	equal(snapshot["events"].size(), 8)
	equal(snapshot["events"][0]["data"]["number"], 3)
	equal(snapshot["events_dropped"], 3)
	equal(client.counters()["events_dropped"], 3)
	server.answer(snapshot)
	check(not (await next("snapshot")).has("events_dropped"), "they are told once")


func test_events_are_sent_though_nobody_is_due() -> void:
	await connect_client()
	await step(5)
	server.received.clear()
	client.tell_event(&"dawn", {})
	var snapshot: Dictionary = await next("snapshot")
	equal(snapshot["agents"], {})
	equal(snapshot["events"][0]["name"], "dawn")


func test_old_events_mean_nothing_to_a_new_session() -> void:
	add_client()
	add_agent("guard")
	server.stop()
	client.notice_all(&"old")
	await wait(3000)
	client.notice_all(&"newer")
	await wait(2500)
	server.restart()
	check(await step_until(client.is_open))
	var snapshot: Dictionary = await next("snapshot")
	var names: Array = snapshot.get("events", []).map(
		func(event: Dictionary) -> String: return event["name"]
	)
	equal(names, ["newer"])
	equal(snapshot["events_dropped"], 1)


# --- results ---


func test_results_ride_in_the_next_snapshot() -> void:
	var agent: BrainAgent = await drive_one()
	await give("guard", "o1")
	server.received.clear()
	begun[0].succeed({"where": Vector2(1, 2)})
	var result: Dictionary = (await next("snapshot"))["results"][-1]
	equal(result["id"], "o1")
	equal(result["agent"], "guard")
	equal(result["status"], "success")
	equal(result["data"], {"where": [1, 2]})
	check(agent.running().is_empty())


func test_a_result_is_sent_at_once_though_nobody_is_due() -> void:
	await drive_one(0.5)
	await give("guard", "o1")
	await wait(1200)
	server.received.clear()
	begun[0].succeed()
	await step(2)
	equal(statuses_of("o1"), ["success"])
	contains(server.take("snapshot")["agents"], "guard", "its tree goes on at once")


func test_more_results_than_a_snapshot_takes_go_over_several() -> void:
	add_agents(300, 1.0)
	await connect_client()
	check(await driven(client.agents()))
	server.on_snapshot = func(snapshot: Dictionary) -> Array:
		return snapshot["agents"].keys().map(
			func(id: String) -> Dictionary: return server.order(id, "o" + id, "Walk")
		)
	check(await step_until(func() -> bool: return begun.size() == 300))
	server.on_snapshot = Callable()
	await step(5)
	server.received.clear()
	for order: BrainOrder in begun.duplicate():
		order.succeed()
	check(await step_until(func() -> bool: return client.orders.waiting() == 0))
	await step(2)
	var sizes: Array = server.take_all("snapshot").map(
		func(snapshot: Dictionary) -> int: return snapshot.get("results", []).size()
	)
	equal(sizes[0], 256)
	equal(sizes[0] + sizes[1], 300)


# --- too long ---


func test_a_snapshot_that_is_too_long_is_divided_with_one_warning() -> void:
	expect_error("a snapshot of \\d+ bytes is longer than the 8192 that may be sent; it is divided")
	var printed: Callable = count_printed("bytes is longer than")
	var agents: Array[BrainAgent] = await drive_with_limit(8192, 100)
	for agent: BrainAgent in agents:
		actor_of(agent).seen = {"text": "x".repeat(500 + randi() % 100)}
	server.received.clear()
	await wait(10000)
	var turns: Dictionary = turns_in(server.take_all("snapshot"))
	equal(turns.size(), 100, "every agent gets its turn")
	check(turns.values().min() > 60, "the worst had %d of 100 decisions" % turns.values().min())
	equal(printed.call(), 1)
	equal(client.counters()["losses"], 0)


func test_no_snapshot_is_above_the_limit() -> void:
	expect_error("it is divided")
	var agents: Array[BrainAgent] = await drive_with_limit(8192, 50)
	for agent: BrainAgent in agents:
		actor_of(agent).seen = {"text": "ü".repeat(600)}
	server.received.clear()
	await wait(2000)
	var sizes: Array = server.take_all("snapshot").map(
		func(snapshot: Dictionary) -> int: return JSON.stringify(snapshot).to_utf8_buffer().size()
	)
	check(sizes.size() > 50)
	check(sizes.max() < 8400, "the longest has %d bytes" % sizes.max())


func test_a_decision_that_was_asked_for_is_not_forgotten_when_a_snapshot_is_divided() -> void:
	expect_error("it is divided")
	var agents: Array[BrainAgent] = await drive_with_limit(8192, 40)
	for agent: BrainAgent in agents:
		actor_of(agent).seen = {"text": "x".repeat(1000)}
	server.received.clear()
	for agent: BrainAgent in agents:
		agent.request_decision()
	await wait(300)
	var asked: Dictionary = {}
	for snapshot: Dictionary in server.take_all("snapshot"):
		for id: String in snapshot["agents"]:
			if snapshot["agents"][id].has("requested"):
				asked[id] = true
	equal(asked.size(), 40)


func test_once_agents_perceive_less_all_decide_as_often_again() -> void:
	expect_error("it is divided")
	var agents: Array[BrainAgent] = await drive_with_limit(8192, 100)
	for agent: BrainAgent in agents:
		actor_of(agent).seen = {"text": "x".repeat(2000)}
	await wait(1000)
	for agent: BrainAgent in agents:
		actor_of(agent).seen = {"health": 5}
	await wait(6000)
	server.received.clear()
	await wait(1000)
	var turns: Dictionary = turns_in(server.take_all("snapshot"))
	near(turns.values().min(), 10, 1)


func test_what_one_agent_perceives_may_be_too_long_for_any_message() -> void:
	expect_error("what agent_3 perceives is too long; it gets no decisions")
	var agents: Array[BrainAgent] = await drive_with_limit(4096, 10)
	actor_of(agents[3]).seen = {"text": "x".repeat(5000)}
	await wait(500)
	server.received.clear()
	await wait(1000)
	var turns: Dictionary = turns_in(server.take_all("snapshot"))
	check(not turns.has("agent_3"))
	equal(turns.size(), 9)
	near(turns.values().min(), 10, 1, "the others decide as often as before")
	actor_of(agents[3]).seen = {}
	check(not (await next_with("agent_3")).is_empty())


func test_a_world_that_is_too_long_is_left_out() -> void:
	expect_error("the world is too long for a message; it is left out")
	var agents: Array[BrainAgent] = await drive_with_limit(4096, 3)
	client.world = {"text": "x".repeat(5000)}
	server.received.clear()
	var snapshot: Dictionary = await next_with("agent_1")
	equal(snapshot["world"], {})
	client.world = {"weather": "rain"}
	server.received.clear()
	equal((await next_with("agent_1"))["world"], {"weather": "rain"})
	check(agents[0].is_brained)


func test_events_that_are_too_long_are_left_out_and_counted() -> void:
	expect_error("the events are too long for a message; they are left out")
	await drive_with_limit(4096, 1)
	server.received.clear()
	client.notice_all(&"talk", {"text": "x".repeat(5000)})
	client.notice_all(&"bang")
	var snapshot: Dictionary = await next("snapshot")
	check(not snapshot.has("events"))
	equal(snapshot["events_dropped"], 2)
	check(not (await next("snapshot")).has("events_dropped"))
	client.notice_all(&"bang")
	equal((await next("snapshot"))["events"].size(), 1)


func test_results_that_are_too_long_together_go_over_several_snapshots() -> void:
	await drive_with_limit(4096, 10)
	server.on_snapshot = func(snapshot: Dictionary) -> Array:
		return snapshot["agents"].keys().map(
			func(id: String) -> Dictionary: return server.order(id, "o" + id, "Walk")
		)
	check(await step_until(func() -> bool: return begun.size() == 10))
	server.on_snapshot = Callable()
	server.received.clear()
	for order: BrainOrder in begun.duplicate():
		order.succeed({"text": "x".repeat(1000)})
	check(await step_until(func() -> bool: return client.orders.waiting() == 0))
	await step(2)
	for order: BrainOrder in begun:
		contains(statuses_of(order.id), "success")
	check(server.count("snapshot") > 2)


func test_one_result_that_is_too_long_loses_its_data() -> void:
	expect_error("the data of a result are too long for a message; they are left out")
	await drive_with_limit(4096, 1)
	await give("agent_0", "o1")
	server.received.clear()
	begun[0].succeed({"text": "x".repeat(5000)})
	await step(4)
	equal(statuses_of("o1"), ["success"])


func test_while_the_server_does_not_read_nothing_is_lost() -> void:
	setting("brains/connection/max_message_kib", 64)
	var agents: Array[BrainAgent] = await drive_with_limit(65536, 8)
	server.freeze()
	while client.link.send_text('{"type":"x","text":"%s"}' % "x".repeat(60000)) == OK:
		pass
	agents[0].notice(&"bang")
	await wait(1000)
	equal(client.counters()["losses"], 0)
	server.thaw()
	server.received.clear()
	check(
		await step_until(
			func() -> bool: return client.counters()["events"] == 1 and client.orders.waiting() == 0
		)
	)
	await step(3)
	var events: Array = []
	for snapshot: Dictionary in server.take_all("snapshot"):
		events.append_array(snapshot.get("events", []))
	equal(events.size(), 1)


# --- wake and requests ---


func test_one_that_is_woken_is_in_the_next_frames_snapshot() -> void:
	await drive_one(0.1)
	server.send({"type": "wake", "agents": ["guard", "nobody", 5]})
	await step(2)
	contains(server.take("snapshot")["agents"], "guard")
	equal(client.counters()["wakes"], 1)


func test_one_that_is_woken_did_not_ask_for_it() -> void:
	await drive_one(0.1)
	server.send({"type": "wake", "agents": ["guard"]})
	check(not (await next_with("guard"))["agents"]["guard"].has("requested"))


func test_a_decision_that_is_asked_for_is_in_the_next_frames_snapshot() -> void:
	var agent: BrainAgent = await drive_one(0.1)
	agent.request_decision()
	await step(2)
	var snapshot: Dictionary = server.take("snapshot")
	equal(snapshot["agents"]["guard"]["requested"], true)
	agent.request_decision()
	agent.request_decision()
	await step(4)
	equal(server.count("snapshot"), 1, "twice asked is answered once")


func test_a_decision_asked_for_before_the_server_is_there_comes_later() -> void:
	server.stop()
	add_client()
	var agent: BrainAgent = add_agent("guard", 1.0)
	agent.request_decision()
	await step(30)
	server.restart()
	equal((await next_with("guard"))["agents"]["guard"]["requested"], true)


func test_an_answer_of_the_model_is_in_the_game_within_three_frames() -> void:
	var agent: BrainAgent = await drive_one(0.1)
	server.on_snapshot = func(snapshot: Dictionary) -> Array:
		var has_it: bool = snapshot["agents"].has("guard")
		return [server.order("guard", "o1", "Walk")] if has_it else []
	server.send({"type": "wake", "agents": ["guard"]})
	await step(3)
	equal(begun.size(), 1)
	equal(begun[0].agent, agent)


# --- rates ---


func test_rates_are_kept() -> void:
	for rate: float in [0.5, 2.0, 7.0, 10.0, 30.0]:
		for number: int in 3:
			add_agent("agent_%s_%d" % [rate, number], rate)
	await connect_client()
	check(await driven(client.agents()))
	server.received.clear()
	await wait(10000)
	var turns: Dictionary = turns_in(server.take_all("snapshot"))
	for id: String in turns:
		var wanted: float = float(id.get_slice("_", 1)) * 10.0
		near(turns[id], wanted, wanted * 0.1 + 0.5, id)
	equal(turns.size(), 15)


func test_a_rate_above_the_frames_is_a_decision_per_frame_at_most() -> void:
	await drive_one(1000.0)
	await wait(1000)
	check(server.count("snapshot") <= 60)
	check(server.count("snapshot") > 25)


func test_a_rate_may_change() -> void:
	var agent: BrainAgent = await drive_one(2.0)
	agent.decision_rate = 20.0
	await wait(1500)
	server.received.clear()
	await wait(2000)
	near(server.count("snapshot"), 40, 4)


func test_a_thousand_agents_are_spread_over_the_frames() -> void:
	add_agents(1000)
	await connect_client()
	check(await driven(client.agents()))
	await wait(500)
	server.received.clear()
	await wait(2000)
	var snapshots: Array[Dictionary] = server.take_all("snapshot")
	var sizes: Array = snapshots.map(
		func(snapshot: Dictionary) -> int: return snapshot["agents"].size()
	)
	var most: int = client.schedule.most_per_frame(FRAME_MS)
	near(most, 2 * 1000 * 10 / 60, 2)
	check(sizes.max() <= most, "%d agents in one frame" % sizes.max())
	check(sizes.max() <= 1.2 * 1000 * 10 / 60, "%d agents in one frame" % sizes.max())
	var turns: Dictionary = turns_in(snapshots)
	equal(turns.size(), 1000)
	near(turns.values().min(), 20, 2)
	near(turns.values().max(), 20, 2)


func test_a_setting_limits_the_agents_of_a_snapshot() -> void:
	setting("brains/snapshots/max_agents", 3)
	add_agents(10)
	await connect_client()
	check(await driven(client.agents()))
	server.received.clear()
	await wait(1000)
	var snapshots: Array[Dictionary] = server.take_all("snapshot")
	for snapshot: Dictionary in snapshots:
		check(snapshot["agents"].size() <= 3)
	near(turns_in(snapshots).values().min(), 10, 1)


func test_after_a_stall_nothing_bursts() -> void:
	add_agents(200)
	await connect_client()
	check(await driven(client.agents()))
	await wait(500)
	var most: int = client.schedule.most_per_frame(FRAME_MS)
	server.auto_answer = false
	await wait(3000)
	for snapshot: Dictionary in server.take_all("snapshot").slice(-2):
		server.answer(snapshot)
	server.auto_answer = true
	await wait(1000)
	var snapshots: Array[Dictionary] = server.take_all("snapshot")
	for snapshot: Dictionary in snapshots:
		check(snapshot["agents"].size() <= most)
	# What was missed is not made up for: ten in a second, and one that was overdue.
	check(turns_in(snapshots).values().max() <= 12)
	equal(turns_in(snapshots).size(), 200)


func test_a_long_frame_makes_no_burst() -> void:
	add_agents(200)
	await connect_client()
	check(await driven(client.agents()))
	await wait(500)
	server.received.clear()
	client.tick(5.0, int(now_ms))
	await step(2)
	check(server.take("snapshot")["agents"].size() < 200)


func test_after_the_time_has_stood_still_all_decide_as_often_as_before() -> void:
	add_agents(200)
	await connect_client()
	check(await driven(client.agents()))
	for frame: int in 2000:
		client.tick(0.0, int(now_ms))
	await wait(1000)
	server.received.clear()
	await wait(1000)
	near(turns_in(server.take_all("snapshot")).values().min(), 10, 1)


func test_requests_do_not_starve_the_others() -> void:
	var agents: Array[BrainAgent] = add_agents(100)
	await connect_client()
	check(await driven(agents))
	server.received.clear()
	for frame: int in 120:
		for noisy: int in 5:
			agents[noisy].request_decision()
		await step()
	var turns: Dictionary = turns_in(server.take_all("snapshot"))
	equal(turns.size(), 100)
	check(turns.values().min() >= 15, "the worst had %d of 20 decisions" % turns.values().min())


# --- what must not stop anything ---


func test_text_of_any_kind_arrives() -> void:
	var agent: BrainAgent = await drive_one()
	var text: String = 'tab\t line\n bell\u0007 vertical\u000b escape\u001b quote" back\\ ü 🏰'
	actor_of(agent).seen = {"text": text, "long": "ü".repeat(10000)}
	agent.notice(&"said", {"text": text})
	client.world = {"text": text}
	await step(2)
	server.received.clear()
	agent.notice(&"said", {"text": text})
	var snapshot: Dictionary = await next_with("guard")
	for got: String in [
		snapshot["agents"]["guard"]["me"]["text"],
		snapshot["world"]["text"],
		snapshot["events"][0]["data"]["text"],
	]:
		contains(got, "vertical")
		contains(got, "ü 🏰")
		check(not got.contains("\u000b") and not got.contains("\u001b"))
	equal(snapshot["agents"]["guard"]["me"]["long"].length(), 10000)


func test_what_is_no_number_is_nothing() -> void:
	var agent: BrainAgent = await drive_one()
	actor_of(agent).seen = {"bad": NAN, "far": INF}
	client.world = {"bad": -INF}
	await step(2)
	server.received.clear()
	agent.notice(&"hurt", {"bad": NAN})
	var snapshot: Dictionary = await next_with("guard")
	var me: Dictionary = snapshot["agents"]["guard"]["me"]
	equal(me, {"bad": null, "far": null})
	equal(snapshot["world"]["bad"], null)
	equal(snapshot["events"][0]["data"]["bad"], null)


func test_what_cannot_be_perceived_does_not_stop_others() -> void:
	var agent: BrainAgent = await drive_one()
	var odd: Node = OddActor.new()
	odd.name = "odd"
	var its_agent: BrainAgent = BrainAgent.new()
	its_agent.brain = "guard"
	its_agent.actions = agent.actions
	odd.add_child(its_agent)
	add_child(odd)
	check(await driven([its_agent]))
	server.received.clear()
	var snapshot: Dictionary = await next_with("odd")
	equal(snapshot["agents"]["odd"]["me"], {})
	check(not (await next_with("guard")).is_empty())


func test_a_script_error_in_one_observation_does_not_stop_others() -> void:
	expect_error("Invalid access to property or key 'nothing'")
	var agent: BrainAgent = await drive_one()
	var broken: Node = BrokenActor.new()
	broken.name = "broken"
	var its_agent: BrainAgent = BrainAgent.new()
	its_agent.brain = "guard"
	its_agent.actions = agent.actions
	broken.add_child(its_agent)
	add_child(broken)
	check(await driven([its_agent]))
	server.received.clear()
	equal((await next_with("broken"))["agents"]["broken"]["me"], {})
	check(not (await next_with("guard")).is_empty())
	await give("guard", "o1")
	equal(begun.size(), 1)


func test_a_script_error_in_the_observation_of_the_world_stops_nothing() -> void:
	expect_error("Invalid access to property or key 'nothing'")
	await drive_one()
	client.observe_world = func() -> Dictionary:
		var nothing: Variant = {}
		return nothing.nothing.at_all
	await step(2)
	server.received.clear()
	equal((await next_with("guard"))["world"], {})


func test_an_agent_that_frees_another_one_while_it_looks_stops_nothing() -> void:
	await drive_one()
	var victim: BrainAgent = add_agent("victim", 60.0)
	check(await driven([victim]))
	var victims: Array[Node] = [victim.get_parent()]
	client.observe_world = func() -> Dictionary:
		if not victims.is_empty():
			(victims.pop_back() as Node).free()
		return {}
	await step(10)
	server.received.clear()
	check(not (await next_with("guard")).is_empty())


func test_one_whose_look_is_the_end_of_another_stops_nothing() -> void:
	var agents: Array[BrainAgent] = add_agents(9)
	await connect_client()
	check(await driven(agents))
	for agent: BrainAgent in agents:
		actor_of(agent).is_deadly = true
		agent.request_decision()
	server.received.clear()
	await step(2)
	equal(client.agents().size(), 1)
	equal((await next("snapshot"))["agents"].size(), 1, "those that are gone see nothing")
	check(not (await next_with(client.agents()[0].agent_id)).is_empty())


func test_a_world_that_does_not_end_is_cut_off() -> void:
	expect_error("nested too deeply")
	await drive_one()
	var ring: Dictionary = {}
	ring["self"] = ring
	client.world = {"ring": ring, "weather": "rain"}
	await step(2)
	server.received.clear()
	equal((await next("snapshot"))["world"]["weather"], "rain")
	ring.clear()


# --- helpers ---


## Has agents that are driven by a server that answers nothing.
func begin_unanswered(agents: int) -> void:
	server.auto_answer = false
	server.welcome_options = {"limits": {"window": 2}}
	add_agents(agents)
	add_client()


## Has one agent that is driven.
func drive_one(rate: float = 10.0) -> BrainAgent:
	var agent: BrainAgent = add_agent("guard", rate)
	await connect_client()
	check(await driven([agent]))
	# Its first turn comes some time in its first period.
	agent.request_decision()
	await next("snapshot")
	await step(3)
	server.received.clear()
	return agent


func drive_with_limit(bytes: int, count: int) -> Array[BrainAgent]:
	server.welcome_options = {"limits": {"max_message_bytes": bytes}}
	var agents: Array[BrainAgent] = add_agents(count)
	await connect_client()
	check(await driven(agents))
	await step(3)
	return agents


## Lets time go by at a server that answers pings, but no snapshots.
func keep_alive(milliseconds: float) -> void:
	var end_ms: float = now_ms + milliseconds
	while now_ms < end_ms:
		if server.has("ping"):
			server.send({"type": "pong", "t": server.take("ping")["t"]})
		await step()


func all_looks() -> int:
	var looks: int = 0
	for agent: BrainAgent in client.agents():
		looks += actor_of(agent).looks
	return looks


## How often each agent is in these snapshots.
func turns_in(snapshots: Array[Dictionary]) -> Dictionary:
	var turns: Dictionary = {}
	for snapshot: Dictionary in snapshots:
		for id: String in snapshot["agents"]:
			turns[id] = turns.get(id, 0) + 1
	return turns


## What it perceives is no Dictionary.
class OddActor:
	extends Node

	func _observe() -> Variant:
		return "all quiet"


## What it perceives is a mistake.
class BrokenActor:
	extends Node

	func _observe() -> Dictionary:
		var nothing: Variant = {}
		return nothing.nothing.at_all

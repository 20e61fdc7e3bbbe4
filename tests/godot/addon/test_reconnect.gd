extends BrainsClientTest
## The server goes away and comes back, in every way that it can, and the game goes on.

# --- away at the start ---


func test_without_a_server_agents_fall_back_after_a_while() -> void:
	server.stop()
	add_client()
	var agent: BrainAgent = add_agent("guard")
	agent.fallback = BrainAgent.Fallback.CALLABLE
	agent.fallback_callable = func(_agent: BrainAgent) -> void: agent.start(&"Wave")
	var lost: Array[Array] = heard(agent.brain_lost)
	await wait(900)
	equal(lost, [])
	equal(begun.size(), 0)
	equal(agent.describe()["state"], "waiting")
	await wait(200)
	equal(lost.size(), 1)
	equal(begun.size(), 1)
	equal(begun[0].source, "local")
	equal(agent.describe()["state"], "fallback")


func test_after_how_long_is_a_setting() -> void:
	setting("brains/fallback/after_s", 4.0)
	server.stop()
	add_client()
	var lost: Array[Array] = heard(add_agent("guard").brain_lost)
	await wait(3800)
	equal(lost, [])
	await wait(400)
	equal(lost.size(), 1)


func test_attempts_that_fail_do_not_put_the_fallback_off() -> void:
	# Each attempt fails at once, and there are many within the time.
	setting("brains/connection/retry_max_s", 0.25)
	server.stop()
	add_client()
	var lost: Array[Array] = heard(add_agent("guard").brain_lost)
	await wait(1200)
	check(client.counters()["losses"] > 3)
	equal(lost.size(), 1)


func test_one_that_decides_seldom_falls_back_as_soon() -> void:
	server.stop()
	add_client()
	var lost: Array[Array] = heard(add_agent("guard", 0.05).brain_lost)
	await wait(1300)
	equal(lost.size(), 1)


func test_the_fallback_plays_at_the_decision_rate() -> void:
	server.stop()
	add_client()
	var agent: BrainAgent = add_agent("guard", 5.0)
	var calls: Array[int] = [0]
	agent.fallback = BrainAgent.Fallback.CALLABLE
	agent.fallback_callable = func(_agent: BrainAgent) -> void: calls[0] += 1
	await wait(1200)
	calls[0] = 0
	await wait(4000)
	near(calls[0], 20, 2)


func test_the_server_is_found_when_it_comes() -> void:
	server.stop()
	add_client()
	var agent: BrainAgent = add_agent("guard")
	agent.fallback = BrainAgent.Fallback.CALLABLE
	agent.fallback_callable = func(_agent: BrainAgent) -> void: agent.start(&"Wave")
	var found: Array[Array] = heard(agent.brain_found)
	await wait(5000)
	server.restart()
	check(await driven([agent]))
	equal(found.size(), 1)
	check(begun[0].is_running(), "until the brain wants something")
	await give("guard", "o1")
	equal(taken_back, [[begun[0].id, "brain_found"]])
	equal(begun[1].id, "o1")
	equal(running_ids(agent), [begun[1].id])


func test_a_server_that_is_away_is_tried_again_and_again() -> void:
	server.stop()
	add_client()
	var losses: Array[Array] = heard(client.disconnected)
	await wait(20000)
	check(losses.size() > 8)
	for loss: Array in losses:
		equal(loss[0], -1)
		check(loss[2] > 0.0 and loss[2] <= 2.0)
	check(not client.is_open())


func test_everyone_acts_again_within_three_seconds_of_a_long_absence() -> void:
	var agents: Array[BrainAgent] = add_agents(30)
	await connect_client()
	check(await driven(agents))
	server.stop()
	await wait(20000)
	server.restart()
	server.received.clear()
	await wait(3000)
	var seen: Dictionary = {}
	for snapshot: Dictionary in server.take_all("snapshot"):
		seen.merge(snapshot["agents"])
	equal(seen.size(), 30)


# --- gone in the middle ---


func test_a_connection_that_breaks_off_comes_back() -> void:
	await play()
	check(await drop_and_return())
	equal(client.counters()["losses"], 1)
	equal(client.counters()["connects"], 2)


func test_a_server_that_shuts_down_and_comes_back_is_found() -> void:
	var agent: BrainAgent = await play()
	var losses: Array[Array] = heard(client.disconnected)
	var lost: Array[Array] = heard(agent.brain_lost)
	var found: Array[Array] = heard(agent.brain_found)
	server.close(1001, "shutdown")
	await step(3)
	server.stop()
	equal(losses[0].slice(0, 2), [1001, "shutdown"])
	await wait(4000)
	equal(lost.size(), 1)
	server.restart()
	check(await driven_again())
	equal(found.size(), 1)


func test_a_frozen_server_is_given_up_and_its_agents_fall_back() -> void:
	var agent: BrainAgent = await play()
	var lost: Array[Array] = heard(agent.brain_lost)
	server.freeze()
	await wait(9000)
	equal(client.counters()["losses"], 0)
	await wait(2500)
	equal(client.counters()["losses"], 1)
	equal(lost.size(), 1)
	server.thaw()
	check(await driven_again())


func test_a_frozen_server_that_goes_on_is_not_given_up() -> void:
	var agent: BrainAgent = await play()
	var lost: Array[Array] = heard(agent.brain_lost)
	server.freeze()
	await wait(4000)
	server.thaw()
	await wait(2000)
	equal(client.counters()["losses"], 0)
	equal(lost, [])
	await give("guard", "o1")
	equal(begun.size(), 1)


func test_three_times_in_a_row_is_no_problem() -> void:
	var agent: BrainAgent = await play()
	for time: int in 3:
		server.stop()
		await wait(3000)
		check(not agent.is_brained)
		server.restart()
		check(await driven_again())
		await give("guard", "o%d" % time)
	equal(begun.size(), 3)
	var counts: Dictionary = client.counters()
	equal(counts["connects"], 4)
	equal(counts["resumes"], 0)
	equal(counts["started"], 3)


func test_a_brief_blip_is_not_noticed_by_agents() -> void:
	var agent: BrainAgent = await play()
	var lost: Array[Array] = heard(agent.brain_lost)
	var found: Array[Array] = heard(agent.brain_found)
	resume_from_now_on()
	server.drop()
	check(await step_until(func() -> bool: return not client.is_open()))
	await wait(800)
	check(client.is_open())
	await wait(2000)
	equal(lost, [])
	equal(found, [])
	check(agent.is_brained)


func test_a_blip_does_not_lengthen_the_next_one() -> void:
	var agent: BrainAgent = await play()
	var lost: Array[Array] = heard(agent.brain_lost)
	check(await drop_and_return())
	server.stop()
	await wait(900)
	equal(lost, [])
	await wait(250)
	equal(lost.size(), 1)


func test_while_it_is_away_running_orders_are_taken_back_by_an_idle_fallback() -> void:
	var agent: BrainAgent = await play()
	await give("guard", "o1")
	server.stop()
	await wait(900)
	check(begun[0].is_running())
	await wait(300)
	equal(taken_back, [["o1", "brain_lost"]])
	equal(running_ids(agent), [])


func test_one_that_hears_of_it_may_free_the_others() -> void:
	var agents: Array[BrainAgent] = add_agents(10, 0.1)
	await connect_client()
	check(await driven(agents))
	for agent: BrainAgent in agents:
		agent.brain_lost.connect(_free_all_but.bind(agent))
	server.stop()
	await wait(1500)
	equal(client.agents().size(), 1)


func test_the_paused_game_does_not_fall_back() -> void:
	var agent: BrainAgent = await play()
	var lost: Array[Array] = heard(agent.brain_lost)
	get_tree().paused = true
	server.stop()
	await wait(3000)
	equal(lost, [])
	get_tree().paused = false
	await wait(200)
	equal(lost.size(), 1)


func test_a_paused_game_connects_again() -> void:
	await play()
	get_tree().paused = true
	check(await drop_and_return())


# --- a server that has forgotten everything ---


func test_a_new_session_begins_at_one() -> void:
	await play()
	await wait(1000)
	server.drop()
	server.received.clear()
	equal((await next("snapshot"))["seq"], 1)
	equal((await next("snapshot"))["seq"], 2)


func test_one_that_the_old_server_had_sent_away_is_driven_by_the_new_one() -> void:
	expect_error("the server does not take guard")
	var agent: BrainAgent = await play()
	await wait(3000)
	server.auto_ack = false
	agent.redeclare()
	await step(2)
	server.ack([], [{"id": "guard", "code": "unknown_brain", "message": "it was removed"}])
	await step(3)
	check(not agent.is_brained)
	server.auto_ack = true
	check(await drop_and_return())
	check(await step_until(func() -> bool: return server.count("snapshot") > 3, 60))


func test_a_new_session_is_told_all_agents() -> void:
	add_agents(3)
	await connect_client()
	check(await driven(client.agents()))
	client.get_agent("agent_1").get_parent().free()
	await step(3)
	server.drop()
	server.received.clear()
	var message: Dictionary = await next("agents")
	equal(ids_of(message["add"]), ["agent_0", "agent_2"])
	equal(message["remove"], [])


func test_orders_of_the_old_session_go_on_until_the_new_brain_wants_something() -> void:
	await play()
	await give("guard", "o1")
	check(await drop_and_return())
	await wait(500)
	check(begun[0].is_running())
	equal(taken_back, [])
	await give("guard", "o2")
	equal(taken_back, [["o1", "brain_found"]])
	check(not begun[0].is_running())
	check(begun[1].is_running())


func test_ends_of_the_old_sessions_orders_are_nobodys() -> void:
	var agent: BrainAgent = await play()
	await give("guard", "o1")
	await give("guard", "o2")
	server.drop()
	check(await step_until(func() -> bool: return not client.is_open()))
	begun[1].progress({"way": 0.5})
	server.received.clear()
	check(await driven_again())
	check(begun[1].succeed(), "the game may end it as ever")
	equal(running_ids(agent), [])
	await wait(500)
	equal(statuses_of("o1"), [])
	equal(statuses_of("o2"), [])
	equal(client.counters()["running"], 0)


func test_an_id_of_the_old_session_may_come_again_in_a_new_one() -> void:
	await play()
	await give("guard", "o1")
	begun[0].succeed()
	check(await drop_and_return())
	await give("guard", "o1")
	equal(begun.size(), 2)
	check(begun[1].is_running())


func test_a_cancel_of_the_new_session_does_not_mean_an_order_of_the_old_one() -> void:
	await play()
	await give("guard", "o1")
	check(await drop_and_return())
	await cancel("o1")
	check(begun[0].is_running())


func test_an_answer_to_the_old_session_is_not_carried_out() -> void:
	server.auto_answer = false
	add_agent("guard")
	await connect_client()
	check(await driven(client.agents()))
	await next_with("guard")
	check(await drop_and_return())
	# The new server knows no snapshot of this number.
	server.answer({"seq": 40, "epoch": 0}, [server.order("guard", "o1", "Walk")])
	await step(3)
	equal(begun.size(), 0)
	equal(client.counters()["dropped"], {"stale": 1})


# --- a server that has kept the session ---


func test_it_asks_for_its_session() -> void:
	await play()
	resume_from_now_on()
	server.drop()
	server.received.clear()
	equal((await next("hello"))["session"], {"id": "s1", "resume": "secret1"})
	check(await step_until(client.is_open))
	equal(client.counters()["resumes"], 1)


func test_it_says_that_the_session_goes_on() -> void:
	await play()
	resume_from_now_on()
	var connected: Array[Array] = heard(client.connected)
	server.drop()
	check(await step_until(func() -> bool: return not connected.is_empty()))
	equal(connected, [[true]])


func test_numbers_of_snapshots_go_on() -> void:
	await play()
	await wait(1000)
	resume_from_now_on()
	# The last one may have come with the connection's end.
	var last: int = server.take_all("snapshot")[-1]["seq"]
	server.drop()
	server.received.clear()
	var seq: int = (await next("snapshot"))["seq"]
	check(seq > last and seq <= last + 3, "%d after %d" % [seq, last])


func test_agents_are_declared_in_full_again() -> void:
	add_agents(3)
	await connect_client()
	check(await driven(client.agents()))
	resume_from_now_on()
	server.drop()
	server.received.clear()
	var message: Dictionary = await next("agents")
	equal(ids_of(message["add"]), ["agent_0", "agent_1", "agent_2"])
	equal(message["add"][0]["actions"].size(), 2)
	equal(message["remove"], [])


func test_agents_that_left_meanwhile_are_removed() -> void:
	add_agents(3)
	await connect_client()
	check(await driven(client.agents()))
	resume_from_now_on()
	server.stop()
	await wait(100)
	client.get_agent("agent_1").get_parent().free()
	add_agent("newcomer")
	server.restart()
	server.received.clear()
	var message: Dictionary = await next("agents")
	equal(message["remove"], ["agent_1"])
	equal(ids_of(message["add"]), ["agent_0", "agent_2", "newcomer"])


func test_one_that_was_replaced_meanwhile_is_removed_and_added() -> void:
	await play()
	resume_from_now_on()
	server.stop()
	await wait(100)
	client.get_agent("guard").get_parent().free()
	add_agent("guard")
	server.restart()
	server.received.clear()
	var message: Dictionary = await next("agents")
	equal(message["remove"], ["guard"])
	equal(ids_of(message["add"]), ["guard"])


func test_running_orders_are_reported() -> void:
	var agent: BrainAgent = await play()
	await give("guard", "o1")
	resume_from_now_on()
	check(await drop_and_return())
	await step(5)
	equal(statuses_of("o1"), ["running"])
	equal(running_ids(agent), [begun[0].id])


func test_results_that_came_meanwhile_are_sent() -> void:
	await play()
	await give("guard", "o1")
	resume_from_now_on()
	server.stop()
	await wait(200)
	begun[0].succeed({"where": "wall"})
	server.restart()
	server.received.clear()
	check(await driven_again())
	await step(5)
	contains(statuses_of("o1"), "success")
	equal(client.counters()["results"], {"success": 1})


func test_orders_that_the_fallback_took_back_are_told_of() -> void:
	await play()
	await give("guard", "o1")
	resume_from_now_on()
	server.stop()
	await wait(3000)
	equal(taken_back, [["o1", "brain_lost"]])
	server.restart()
	server.received.clear()
	check(await driven_again())
	await step(5)
	contains(statuses_of("o1"), "cancelled")


func test_an_order_that_is_named_again_is_not_begun_twice() -> void:
	var agent: BrainAgent = await play()
	await give("guard", "o1")
	resume_from_now_on()
	check(await drop_and_return())
	server.received.clear()
	await give("guard", "o1")
	equal(begun.size(), 1)
	equal(running_ids(agent), [begun[0].id])
	equal(taken_back, [])
	equal(client.counters()["repeated"], 1)
	equal(statuses_of("o1"), ["running"])


func test_an_order_that_is_named_again_after_its_end_has_its_end_told_again() -> void:
	await play()
	await give("guard", "o1")
	begun[0].succeed()
	await step(5)
	resume_from_now_on()
	check(await drop_and_return())
	server.received.clear()
	await give("guard", "o1")
	equal(begun.size(), 1)
	equal(statuses_of("o1"), ["success"])


func test_a_cancel_after_the_resume_ends_a_running_order() -> void:
	var agent: BrainAgent = await play()
	await give("guard", "o1")
	resume_from_now_on()
	check(await drop_and_return())
	await cancel("o1")
	equal(taken_back, [["o1", "brain"]])
	equal(running_ids(agent), [])
	equal(statuses_of("o1")[-1], "cancelled")


func test_answers_from_before_the_loss_are_not_waited_for() -> void:
	server.auto_answer = false
	add_agent("guard")
	await connect_client()
	check(await driven(client.agents()))
	await next("snapshot")
	resume_from_now_on()
	server.auto_answer = true
	check(await drop_and_return())
	await wait(1000)
	check(server.count("snapshot") >= 9)
	equal(client.counters()["unanswered"], 1)


func test_an_answer_from_before_the_loss_is_not_carried_out() -> void:
	server.auto_answer = false
	add_agent("guard")
	await connect_client()
	check(await driven(client.agents()))
	var old: Dictionary = await next_with("guard")
	resume_from_now_on()
	check(await drop_and_return())
	server.answer(old, [server.order("guard", "o1", "Walk")])
	await step(3)
	equal(begun.size(), 0)
	equal(client.counters()["dropped"], {"stale": 1})


func test_events_wait_for_the_server() -> void:
	var agent: BrainAgent = await play()
	resume_from_now_on()
	server.stop()
	await wait(100)
	agent.notice(&"bang", {"number": 1})
	await wait(8000)
	agent.notice(&"bang", {"number": 2})
	server.restart()
	server.received.clear()
	var events: Array = (await next("snapshot"))["events"]
	equal(
		events.map(func(event: Dictionary) -> int: return event["data"]["number"]),
		[1, 2],
		"a session that goes on wants all that has happened",
	)


func test_events_that_were_on_their_way_are_counted_as_dropped() -> void:
	server.auto_answer = false
	var agent: BrainAgent = add_agent("guard")
	await connect_client()
	check(await driven([agent]))
	server.received.clear()
	agent.notice(&"bang")
	equal((await next("snapshot"))["events"].size(), 1)
	resume_from_now_on()
	server.drop()
	server.received.clear()
	var snapshot: Dictionary = await next("snapshot")
	check(not snapshot.has("events"), "said twice, one bang would be two")
	equal(snapshot["events_dropped"], 1)


func test_a_scene_that_changed_meanwhile_is_told() -> void:
	var agent: BrainAgent = await play()
	await give("guard", "o1")
	resume_from_now_on()
	server.stop()
	await wait(100)
	var scene: Node = Node.new()
	get_tree().root.add_child(scene)
	get_tree().current_scene.free()
	get_tree().current_scene = scene
	agent.get_parent().free()
	agent = add_agent("guard")
	await wait(100)
	server.restart()
	server.received.clear()
	var message: Dictionary = await next("agents")
	equal(message["epoch"], 1)
	equal(message["remove"], ["guard"])
	equal(ids_of(message["add"]), ["guard"])
	equal((await next_with("guard"))["epoch"], 1)
	await give("guard", "o2")
	equal(begun[-1].agent, agent)


func test_a_session_that_another_game_took_over_is_not_fought_for() -> void:
	await play()
	server.close(4409, "session_replaced: by another connection")
	await step(3)
	server.received.clear()
	check(not (await next("hello")).has("session"))
	check(await driven_again())


func test_a_resume_in_the_middle_of_a_held_brain_keeps_it_held() -> void:
	var agent: BrainAgent = await play()
	server.send({"type": "hold", "agent": "guard", "reason": "breakpoint"})
	await step(3)
	resume_from_now_on()
	check(await drop_and_return())
	check(agent.is_held)
	server.send({"type": "release", "agent": "guard"})
	await step(3)
	check(not agent.is_held)


func test_a_thousand_agents_come_back() -> void:
	var agents: Array[BrainAgent] = add_agents(1000)
	await connect_client()
	check(await driven(agents))
	resume_from_now_on()
	server.stop()
	await wait(2000)
	check(not agents.any(func(agent: BrainAgent) -> bool: return agent.is_brained))
	server.restart()
	var began_ms: float = now_ms
	check(await driven(agents))
	check(now_ms - began_ms < 3000, "it took %d ms" % (now_ms - began_ms))


# --- helpers ---


## Has an agent that is driven.
func play() -> BrainAgent:
	var agent: BrainAgent = add_agent("guard")
	await connect_client()
	check(await driven([agent]))
	await step(10)
	return agent


## The server keeps the session.
func resume_from_now_on() -> void:
	server.welcome_options = {"session": {"resumed": true, "resume": "secret2"}}


## Cuts the connection, and waits until all is as before; what had come until then is forgotten.
func drop_and_return() -> bool:
	server.drop()
	check(await step_until(func() -> bool: return not client.is_open()))
	server.received.clear()
	return await driven_again()


func driven_again() -> bool:
	check(await step_until(client.is_open))
	check(await step_until(func() -> bool: return _all_accepted()))
	return await driven(client.agents())


func cancel(order_id: String) -> void:
	server.auto_answer = false
	server.take_all("snapshot")
	server.answer(await next("snapshot"), [], [order_id])
	server.auto_answer = true
	await step(15)


func ids_of(entries: Array) -> Array:
	var ids: Array = entries.map(func(entry: Dictionary) -> String: return entry["id"])
	ids.sort()
	return ids


func _free_all_but(agent: BrainAgent) -> void:
	for other: BrainAgent in client.agents():
		if other != agent:
			other.get_parent().free()


func _all_accepted() -> bool:
	for agent: BrainAgent in client.agents():
		if not agent.seat.accepted:
			return false
	return true

extends BrainsStage
## Orders from their arrival to their end: what is carried out, what is not, and what the server is
## told.

var agent: BrainAgent
var told: Array[String] = []
## The orders that were requested.
var orders: Array[BrainOrder] = []
## What the agent does with an order; it notes it, if nothing else is said.
var carry_out: Callable = Callable()


func before_each() -> void:
	await super()
	agent = make_agent("guard")
	agent.action_requested.connect(_on_action_requested)
	told = log_of(agent)
	await meet()
	told.clear()


# --- orders that are carried out ---


func test_an_order_is_requested_with_converted_values() -> void:
	await give([server.order("guard", "g#1", "Walk", {"to": [1, 2.5], "speed": 3})])
	equal(told, ["requested g#1"])
	var order: BrainOrder = orders[0]
	identical(order.params, {"to": Vector2(1, 2.5), "speed": 3.0})
	identical(order.name, &"Walk")
	check(order.agent == agent)


func test_an_order_says_who_chose_it_and_why() -> void:
	var more: Dictionary = {"source": "llm", "reason": "the model said: wait"}
	await give([server.order("guard", "g#1", "Wait", {}, more)])
	equal(orders[0].source, "llm")
	equal(orders[0].reason, "the model said: wait")


func test_an_order_that_was_begun_is_reported_as_running() -> void:
	await give([server.order("guard", "g#1", "Wait")])
	var results: Array[Dictionary] = await results_of("g#1")
	equal(results.size(), 1)
	equal(results[0]["type"], "action_result")
	equal(results[0]["agent"], "guard")
	equal(results[0]["status"], "running")
	check(results[0].has("time_ms"))


func test_success_is_reported_with_its_data() -> void:
	await give([server.order("guard", "g#1", "Wait")])
	check(orders[0].succeed({"at": Vector2(1, 2), "mood": &"good"}))
	var result: Dictionary = await last_result_of("g#1")
	equal(result["status"], "success")
	equal(result["data"], {"at": [1, 2], "mood": "good"})


func test_failure_is_reported_with_message_and_data() -> void:
	await give([server.order("guard", "g#1", "Wait")])
	check(orders[0].fail("the gate is shut", {"gate": "north"}))
	var result: Dictionary = await last_result_of("g#1")
	equal(result["status"], "failure")
	equal(result["message"], "the gate is shut")
	equal(result["data"], {"gate": "north"})


func test_progress_is_reported_with_its_data() -> void:
	await give([server.order("guard", "g#1", "Wait")])
	await step(4)
	check(orders[0].progress({"part": 0.5}))
	var result: Dictionary = await last_result_of("g#1")
	equal(result["status"], "running")
	equal(result["data"], {"part": 0.5})
	check(orders[0].is_running())


func test_progress_every_frame_waits_once() -> void:
	await give([server.order("guard", "g#1", "Wait")])
	await step(4)
	for part: int in 100:
		orders[0].progress({"part": part})
	equal(client.orders.waiting(), 1)
	equal((await last_result_of("g#1"))["data"], {"part": 99})
	equal(client.orders.waiting(), 0)
	orders[0].progress({"part": 100})
	equal((await last_result_of("g#1"))["data"], {"part": 100})


func test_the_end_of_an_order_is_told_in_the_next_frame() -> void:
	await give([server.order("guard", "g#1", "Wait")])
	await step(4)
	server.take_all("snapshot")
	orders[0].succeed()
	await step(2)
	var snapshot: Dictionary = server.take("snapshot")
	equal(snapshot["results"][0]["status"], "success")
	contains(snapshot["agents"], "guard")


func test_an_order_ends_once() -> void:
	await give([server.order("guard", "g#1", "Wait")])
	await step(4)
	check(orders[0].succeed())
	check(not orders[0].succeed())
	check(not orders[0].fail("late"))
	check(not orders[0].progress())
	equal(await statuses_of("g#1"), ["running", "success"])


func test_of_an_order_that_ends_at_once_only_the_end_is_told() -> void:
	carry_out = func(order: BrainOrder) -> void: order.succeed()
	await give([server.order("guard", "g#1", "Wait")])
	equal(await statuses_of("g#1"), ["success"])


func test_an_agent_reports_by_id() -> void:
	await give([server.order("guard", "g#1", "Wait")])
	check(agent.report("g#1", &"running", {"part": 0.5}))
	check(agent.report("g#1", &"failure", {}, "no"))
	check(not agent.report("g#1", &"success"))
	check(not agent.report("g#2", &"success"))
	equal((await last_result_of("g#1"))["message"], "no")


func test_a_report_with_a_wrong_status_is_refused() -> void:
	expect_error("an order ends with success or failure, and not with done")
	await give([server.order("guard", "g#1", "Wait")])
	check(not agent.report("g#1", &"done"))
	check(orders[0].is_running())


func test_an_order_may_end_while_it_is_requested() -> void:
	carry_out = func(order: BrainOrder) -> void: check(order.succeed())
	await give([server.order("guard", "g#1", "Wait")])
	equal(_running(), [])
	equal((await last_result_of("g#1"))["status"], "success")


func test_a_handler_may_await() -> void:
	carry_out = func(order: BrainOrder) -> void:
		await get_tree().process_frame
		order.succeed()
	await give([server.order("guard", "g#1", "Wait")])
	await frames(2)
	equal((await last_result_of("g#1"))["status"], "success")


func test_a_script_error_in_a_handler_stops_nobody_else() -> void:
	expect_error("Invalid access to property or key 'nothing'")
	var other: BrainAgent = make_agent("other")
	var other_told: Array[String] = log_of(other)
	await step_until(func() -> bool: return other.is_brained)
	carry_out = func(_order: BrainOrder) -> void:
		var thing: Variant = {}
		thing.nothing.at_all()
	await give([server.order("guard", "g#1", "Wait"), server.order("other", "o#1", "Wait")])
	contains(other_told, "requested o#1")
	equal(await statuses_of("g#1"), ["running"])
	equal(agent.running().size(), 1)


func test_an_order_that_nobody_hears_of_fails_with_one_warning() -> void:
	expect_error("nothing is connected to action_requested of deaf, so it can do nothing")
	var deaf: BrainAgent = make_agent("deaf")
	await step_until(func() -> bool: return deaf.is_brained)
	await give([server.order("deaf", "d#1", "Wait")])
	await give([server.order("deaf", "d#2", "Wait")])
	var result: Dictionary = await last_result_of("d#1")
	equal(result["status"], "failure")
	equal(result["code"], "not_handled")
	equal((await last_result_of("d#2"))["code"], "not_handled")
	equal(client.orders.warnings._printed.size(), 1)


func test_params_may_be_absent_or_null() -> void:
	var bare: Dictionary = {"agent": "guard", "id": "g#1", "name": "Wait", "source": "tree"}
	await give([bare])
	await give([server.order("guard", "g#2", "Wait", {}, {"params": null, "reason": null})])
	equal(told, ["requested g#1", "cancelled g#1 replaced", "requested g#2"])
	equal(orders[1].reason, "")


# --- one at a time ---


func test_a_new_order_replaces_the_one_that_runs() -> void:
	await give([server.order("guard", "g#1", "Wait")])
	await give([server.order("guard", "g#2", "Wait")])
	equal(told, ["requested g#1", "cancelled g#1 replaced", "requested g#2"])
	equal(_running(), [orders[1].id])
	equal((await last_result_of("g#1"))["status"], "cancelled")


func test_orders_run_side_by_side_if_the_body_can() -> void:
	agent.one_at_a_time = false
	await give([server.order("guard", "g#1", "Wait")])
	await give([server.order("guard", "g#2", "Wait")])
	equal(told, ["requested g#1", "requested g#2"])
	equal(agent.running().size(), 2)
	check(orders[0].succeed())
	equal(_running(), [orders[1].id])


func test_two_orders_of_one_message_are_begun_one_after_the_other() -> void:
	await give([server.order("guard", "g#1", "Wait"), server.order("guard", "g#2", "Wait")])
	equal(told, ["requested g#1", "cancelled g#1 replaced", "requested g#2"])


# --- cancels ---


func test_an_order_is_taken_back() -> void:
	await give([server.order("guard", "g#1", "Wait")])
	await take_back(["g#1"])
	equal(told, ["requested g#1", "cancelled g#1 brain"])
	equal((await last_result_of("g#1"))["status"], "cancelled")
	check(not orders[0].succeed())
	equal(_running(), [])


func test_cancels_go_before_the_actions_of_a_message() -> void:
	agent.one_at_a_time = false
	await give([server.order("guard", "g#1", "Wait")])
	server.auto_answer = false
	await step(2)
	server.take_all("snapshot")
	agent.request_decision()
	await step_until(server.has.bind("snapshot"))
	server.answer(server.take("snapshot"), [server.order("guard", "g#2", "Wait")], ["g#1"])
	await step(2)
	equal(told, ["requested g#1", "cancelled g#1 brain", "requested g#2"])


func test_a_cancel_of_an_unknown_order_is_harmless() -> void:
	await give([server.order("guard", "g#1", "Wait")])
	await take_back(["g#9", "", 7, null, "g#1", "g#1"])
	equal(told, ["requested g#1", "cancelled g#1 brain"])
	equal(await statuses_of("g#9"), [])


func test_an_order_may_be_ended_by_hand_when_it_is_cancelled() -> void:
	agent.action_cancelled.connect(
		func(order: BrainOrder, _reason: String) -> void: check(not order.fail("stopped"))
	)
	await give([server.order("guard", "g#1", "Wait")])
	await step(4)
	await take_back(["g#1"])
	equal(await statuses_of("g#1"), ["running", "cancelled"])


func test_the_end_of_an_order_is_told_before_the_start_of_the_next() -> void:
	await give([server.order("guard", "g#1", "Wait")])
	await step(4)
	server.take_all("snapshot")
	await give([server.order("guard", "g#2", "Wait")])
	await step(4)
	var all: Array = []
	for message: Dictionary in server.take_all("snapshot"):
		for result: Dictionary in message.get("results", []):
			all.append("%s %s" % [result["id"], result["status"]])
	equal(all, ["g#1 cancelled", "g#2 running"])


func test_a_handler_of_a_cancel_may_start_something_else() -> void:
	agent.action_cancelled.connect(
		func(order: BrainOrder, _reason: String) -> void:
			if not order.is_local():
				agent.start(&"Wait")
	)
	await give([server.order("guard", "g#1", "Wait")])
	await give([server.order("guard", "g#2", "Wait")])
	equal(told, ["requested g#1", "cancelled g#1 replaced", "requested guard!1"])
	equal(_running(), ["guard!1"])
	equal((await last_result_of("g#2"))["status"], "cancelled")


func test_a_handler_of_a_cancel_may_switch_the_agent_off() -> void:
	agent.action_cancelled.connect(
		func(_order: BrainOrder, _reason: String) -> void: agent.enabled = false
	)
	await give([server.order("guard", "g#1", "Wait")])
	await give([server.order("guard", "g#2", "Wait")])
	equal(told, ["requested g#1", "cancelled g#1 replaced"])
	equal(_running(), [])
	equal(client.orders.running_count(), 0)


func test_a_handler_of_a_cancel_may_free_the_character() -> void:
	agent.action_cancelled.connect(
		func(_order: BrainOrder, _reason: String) -> void: agent.get_parent().queue_free()
	)
	await give([server.order("guard", "g#1", "Wait")])
	await give([server.order("guard", "g#2", "Wait")])
	await step(3)
	equal(client.agents().size(), 0)
	equal(client.orders.running_count(), 0)


# --- orders that are not carried out ---


func test_an_action_that_was_not_declared_is_rejected() -> void:
	expect_error("was not carried out \\(unknown_action\\): guard does not declare Fly")
	await give([server.order("guard", "g#1", "Fly")])
	_is_refused(await last_result_of("g#1"), "rejected", "unknown_action")


func test_an_order_without_a_name_is_rejected() -> void:
	expect_error("unknown_action")
	await give([{"agent": "guard", "id": "g#1", "params": {}, "source": "tree"}])
	await give([server.order("guard", "g#2", "Wait", {}, {"name": null})])
	_is_refused(await last_result_of("g#1"), "rejected", "unknown_action")
	_is_refused(await last_result_of("g#2"), "rejected", "unknown_action")


func test_a_nameless_action_cannot_be_ordered() -> void:
	expect_error("unknown_action")
	agent.actions = [BrainAction.new(), BrainAction.make(&"Wait")]
	await give([server.order("guard", "g#1", "")])
	_is_refused(await last_result_of("g#1"), "rejected", "unknown_action")


func test_a_value_of_a_wrong_type_is_rejected() -> void:
	expect_error("bad_params")
	await give([server.order("guard", "g#1", "Walk", {"to": "north"})])
	_is_refused(await last_result_of("g#1"), "rejected", "bad_params")
	contains((await last_result_of("g#1"))["message"], "but has to be [x, y]")


func test_a_value_out_of_range_is_rejected() -> void:
	expect_error("bad_params")
	await give([server.order("guard", "g#1", "Walk", {"to": [0, 0], "speed": 5.5})])
	_is_refused(await last_result_of("g#1"), "rejected", "bad_params")
	contains((await last_result_of("g#1"))["message"], "but has to be a number from 0.0 to 5.0")


func test_a_missing_value_is_rejected() -> void:
	expect_error("bad_params")
	await give([server.order("guard", "g#1", "Walk", {"speed": 1})])
	_is_refused(await last_result_of("g#1"), "rejected", "bad_params")
	contains((await last_result_of("g#1"))["message"], "to is missing")


func test_params_that_are_no_object_are_rejected() -> void:
	expect_error("bad_params")
	await give([server.order("guard", "g#1", "Wait", {}, {"params": ["wall"]})])
	_is_refused(await last_result_of("g#1"), "rejected", "bad_params")


func test_an_action_that_is_not_available_is_rejected() -> void:
	expect_error("action_not_available")
	agent.set_available(&"Walk", false)
	await give([server.order("guard", "g#1", "Walk", {"to": [0, 0]})])
	_is_refused(await last_result_of("g#1"), "rejected", "action_not_available")
	agent.set_available(&"Walk", true)
	await give([server.order("guard", "g#2", "Walk", {"to": [0, 0]})])
	equal(told, ["requested g#2"])


func test_an_order_for_another_epoch_is_expired() -> void:
	server.auto_answer = false
	await step(2)
	agent.request_decision()
	await step_until(server.has.bind("snapshot"))
	client.begin_epoch()
	for snapshot: Dictionary in server.take_all("snapshot"):
		server.answer(snapshot, [server.order("guard", "g#%d" % snapshot["seq"], "Wait")])
	server.auto_answer = true
	await step(8)
	equal(told, [])
	equal(client.counters()["dropped"], {"stale": client.counters()["actions"]})


func test_an_order_that_comes_too_late_is_expired() -> void:
	var last: Dictionary = await _snapshot_in_hand()
	await step(4)
	server.answer(last, [server.order("guard", "g#1", "Wait", {}, {"ttl_ms": 50})])
	server.auto_answer = true
	await step(2)
	equal(told, [])
	_is_refused(await last_result_of("g#1"), "expired", "stale")


func test_an_order_that_comes_in_time_is_begun() -> void:
	var last: Dictionary = await _snapshot_in_hand()
	await step(2)
	server.answer(last, [server.order("guard", "g#1", "Wait", {}, {"ttl_ms": 100})])
	await step(2)
	equal(told, ["requested g#1"])


func test_an_order_without_ttl_may_have_any_age() -> void:
	for more: Dictionary in [{}, {"ttl_ms": null}]:
		var last: Dictionary = await _snapshot_in_hand()
		await step(20)
		server.answer(last, [server.order("guard", "g#%d" % more.size(), "Wait", {}, more)])
		await step(2)
	equal(told, ["requested g#0", "cancelled g#0 replaced", "requested g#1"])


func test_time_stands_still_while_the_tree_is_paused() -> void:
	var last: Dictionary = await _snapshot_in_hand()
	get_tree().paused = true
	await step(50)
	server.answer(last, [server.order("guard", "g#1", "Wait", {}, {"ttl_ms": 100})])
	await step(2)
	get_tree().paused = false
	equal(told, ["requested g#1"])


func test_the_setting_for_the_age_goes_before_the_servers() -> void:
	client.max_age_ms = 30.0
	for more: Dictionary in [{}, {"ttl_ms": 5000}]:
		server.auto_answer = false
		var last: Dictionary = await _snapshot_in_hand()
		await step(4)
		server.answer(last, [server.order("guard", "g#%d" % more.size(), "Wait", {}, more)])
		server.auto_answer = true
		await step(2)
	equal(told, [])
	equal(client.counters()["dropped"], {"stale": 2})


func test_an_order_for_an_older_snapshot_than_the_last_is_expired() -> void:
	var older: Dictionary = await _snapshot_in_hand()
	agent.request_decision()
	await step_until(server.has.bind("snapshot"))
	var newer: Dictionary = server.take("snapshot")
	check(newer["seq"] > older["seq"])
	server.answer(newer, [server.order("guard", "g#1", "Wait")])
	server.answer(older, [server.order("guard", "g#2", "Wait")])
	server.auto_answer = true
	await step(2)
	equal(told, ["requested g#1"])
	_is_refused(await last_result_of("g#2"), "expired", "stale")


func test_an_order_that_answers_no_snapshot_is_expired() -> void:
	await give_beside([server.order("guard", "g#1", "Wait")])
	await give_beside([server.order("guard", "g#2", "Wait")], {"snapshot": 9999})
	await give_beside([server.order("guard", "g#3", "Wait")], {"snapshot": "1"})
	equal(told, [])
	for id: String in ["g#1", "g#2", "g#3"]:
		_is_refused(await last_result_of(id), "expired", "stale")


func test_an_order_for_an_unknown_agent_is_rejected() -> void:
	await give([server.order("nobody", "n#1", "Wait")])
	_is_refused(await last_result_of("n#1"), "rejected", "unknown_agent")
	equal((await last_result_of("n#1"))["agent"], "nobody")


func test_an_order_for_an_agent_that_is_about_to_be_freed_is_rejected() -> void:
	await _order_after(agent.queue_free)
	_is_refused(await last_result_of("g#1"), "rejected", "unknown_agent")
	equal(told, [])


func test_an_order_for_a_character_that_is_about_to_be_freed_is_rejected() -> void:
	await _order_after(agent.get_parent().queue_free)
	_is_refused(await last_result_of("g#1"), "rejected", "unknown_agent")
	equal(told, [])


func test_an_order_for_an_agent_that_was_freed_is_rejected() -> void:
	await _order_after(agent.get_parent().free)
	_is_refused(await last_result_of("g#1"), "rejected", "unknown_agent")
	equal(told, [])


func test_an_order_for_an_agent_that_left_the_tree_is_rejected() -> void:
	var actor: Node = own(agent.get_parent())
	await _order_after(remove_child.bind(actor))
	_is_refused(await last_result_of("g#1"), "rejected", "unknown_agent")
	equal(told, [])


func test_an_order_without_an_id_is_dropped() -> void:
	expect_error("an order came without an id")
	await give([{"agent": "guard", "name": "Wait", "params": {}, "source": "tree"}])
	await give(
		[server.order("guard", "", "Wait"), server.order("guard", "x", "Wait", {}, {"id": 7})]
	)
	equal(told, [])
	equal(client.counters()["dropped"], {"bad_message": 3})
	equal(client.orders.waiting(), 0)


func test_an_entry_that_is_no_object_is_passed_over() -> void:
	await give([null, "Wait", 7, [], server.order("guard", "g#1", "Wait")])
	equal(told, ["requested g#1"])


func test_texts_of_the_server_are_quoted_short_and_in_one_line() -> void:
	expect_error("guard does not declare Fly\\\\nx+$")
	await give([server.order("guard", "g#1", "Fly\n" + "x".repeat(5000))])
	check((await last_result_of("g#1"))["message"].length() < 200)


func test_drops_are_counted_by_code() -> void:
	expect_error("unknown_action")
	await give([server.order("guard", "g#1", "Fly"), server.order("nobody", "g#2", "Wait")])
	await give([server.order("guard", "g#3", "Fly")])
	equal(client.counters()["dropped"], {"unknown_action": 2, "unknown_agent": 1})
	equal(client.counters()["started"], 0)
	equal(client.counters()["actions"], 3)


# --- the same order again ---


func test_a_running_order_that_is_named_again_goes_on() -> void:
	await give([server.order("guard", "g#1", "Wait")])
	await step(4)
	await give([server.order("guard", "g#1", "Wait")])
	equal(told, ["requested g#1"])
	equal(await statuses_of("g#1"), ["running", "running"])
	equal(client.counters()["repeated"], 1)


func test_an_ended_order_that_is_named_again_is_answered_with_its_end() -> void:
	await give([server.order("guard", "g#1", "Wait")])
	await step(4)
	orders[0].succeed({"gold": 3})
	await step(4)
	await give([server.order("guard", "g#1", "Wait")])
	equal(told, ["requested g#1"])
	var results: Array[Dictionary] = await results_of("g#1")
	equal(results.map(_status), ["running", "success", "success"])
	equal(results[2]["data"], {"gold": 3})


func test_a_refused_order_that_is_named_again_is_refused_again() -> void:
	expect_error("unknown_action")
	await give([server.order("guard", "g#1", "Fly")])
	await give([server.order("guard", "g#1", "Fly")])
	equal(await statuses_of("g#1"), ["rejected", "rejected"])


# --- many ---


func test_many_orders_leave_a_bounded_memory() -> void:
	carry_out = func(order: BrainOrder) -> void: order.succeed()
	for first: int in range(0, 2000, 100):
		var entries: Array = []
		for number: int in 100:
			entries.append(server.order("guard", "g#%d" % (first + number), "Wait"))
		await give(entries)
	await step(20)
	equal(client.counters()["started"], 2000)
	equal(client.orders._final.size(), BrainsOrders.REMEMBERED)
	equal(client.orders.running_count(), 0)
	equal(client.orders.waiting(), 0)
	equal(agent.describe()["history"].size(), BrainsSeat.MOST_HISTORY)


func test_many_results_are_all_sent_in_order() -> void:
	var known: Array[BrainOrder] = []
	agent.one_at_a_time = false
	for number: int in 600:
		known.append(_begin("g#%d" % number))
	for order: BrainOrder in known:
		order.succeed()
	await step(20)
	var ended: Array = []
	for message: Dictionary in server.take_all("snapshot"):
		check(message.get("results", []).size() <= BrainsSnapshots.MOST_RESULTS)
		for result: Dictionary in message.get("results", []):
			if result["status"] == "success":
				ended.append(result["id"])
	equal(ended, known.map(func(order: BrainOrder) -> String: return order.id))


func test_results_that_wait_are_bounded_and_a_start_is_given_up_before_an_end() -> void:
	client.close()
	agent.one_at_a_time = false
	var most: int = BrainsOrders.MOST_RESULTS
	var lasting: BrainOrder = _begin("g#lasting")
	for number: int in most - 1:
		_begin("g#%d" % number).succeed()
	equal(client.orders.waiting(), most)
	equal(client.orders.results_lost, 0)
	_begin("g#last").succeed()
	equal(client.orders.waiting(), most)
	equal(client.orders.results(most).map(_status).count("success"), most)
	check(lasting.is_running())
	_begin("g#more").succeed()
	equal(client.orders.waiting(), most)
	equal(client.orders.results(1)[0]["id"], "g#1")
	equal(client.orders.results_lost, 3)


# --- the agent is gone ---


func test_an_order_outlives_its_agent() -> void:
	await give([server.order("guard", "g#1", "Wait")])
	agent.get_parent().free()
	var order: BrainOrder = orders[0]
	check(order.agent == null)
	check(not order.is_running())
	check(not order.succeed())
	check(not order.fail("no"))
	check(not order.progress())
	equal(str(order), "g#1 Wait")
	await step(4)
	equal(client.orders.running_count(), 0)


func test_a_handler_may_free_the_character() -> void:
	carry_out = func(_order: BrainOrder) -> void: agent.get_parent().queue_free()
	await give([server.order("guard", "g#1", "Wait"), server.order("guard", "g#2", "Wait")])
	await step(4)
	equal(told, ["requested g#1"])
	equal(client.agents().size(), 0)
	equal(client.orders.running_count(), 0)
	equal(await statuses_of("g#2"), ["rejected"])


func test_a_handler_may_take_the_character_out_of_the_tree() -> void:
	var actor: Node = own(agent.get_parent())
	carry_out = func(_order: BrainOrder) -> void: remove_child(actor)
	await give([server.order("guard", "g#1", "Wait")])
	await step(4)
	equal(told, ["requested g#1", "cancelled g#1 off"])
	equal(client.agents().size(), 0)


func test_the_server_is_told_that_an_agent_is_gone() -> void:
	await give([server.order("guard", "g#1", "Wait")])
	server.take_all("agents")
	agent.get_parent().free()
	await step(4)
	equal(server.take("agents")["remove"], ["guard"])


func test_an_order_of_an_agent_that_is_gone_is_answered_as_cancelled() -> void:
	await give([server.order("guard", "g#1", "Wait")])
	await step(4)
	agent.get_parent().free()
	make_agent("other")
	await step(4)
	await give([server.order("guard", "g#1", "Wait")])
	equal((await last_result_of("g#1"))["status"], "cancelled")


func test_an_order_of_an_old_session_does_not_end_one_of_the_new_with_the_same_id() -> void:
	await give([server.order("guard", "g#1", "Wait")])
	client.fallback_after_ms = 60000
	server.drop()
	await step_until(func() -> bool: return not client.is_open())
	await step_until(_is_driven)
	await give([server.order("guard", "g#1", "Wait")])
	equal(told, ["requested g#1", "cancelled g#1 brain_found", "requested g#1"])
	check(not orders[0].succeed())
	check(orders[1].is_running())
	check(orders[1].succeed())


# --- helpers ---


func _on_action_requested(order: BrainOrder) -> void:
	orders.append(order)
	if carry_out.is_valid():
		carry_out.call(order)


## The ids of the agent's running orders.
func _running() -> Array:
	return agent.running().map(func(order: BrainOrder) -> String: return order.id)


func _is_refused(result: Dictionary, status: String, code: String) -> void:
	equal([result.get("status"), result.get("code")], [status, code])
	check(not str(result.get("message", "")).is_empty(), "says nothing")


## Has an agent begin an order without a connection.
func _begin(id: String) -> BrainOrder:
	var seq: int = agent.seat.applied
	client.orders.receive(server.order("guard", id, "Wait"), agent.seat, "", 0.0, seq)
	return orders.back()


## Returns a snapshot that has the agent in it and is not answered yet; from then on none is.
func _snapshot_in_hand() -> Dictionary:
	await step(2)
	server.auto_answer = false
	for snapshot: Dictionary in server.take_all("snapshot"):
		server.answer(snapshot)
	await step(2)
	server.take_all("snapshot")
	agent.request_decision()
	await step_until(server.has.bind("snapshot"))
	return server.take("snapshot")


## Has the server order something on a snapshot after which `something` happened in the game.
func _order_after(something: Callable) -> void:
	var snapshot: Dictionary = await _snapshot_in_hand()
	server.auto_answer = true
	server.answer(snapshot, [server.order("guard", "g#1", "Wait")])
	something.call()
	now_ms += FRAME_MS
	client.tick(0.016, now_ms)
	make_agent("other")


func _status(result: Dictionary) -> String:
	return result["status"]

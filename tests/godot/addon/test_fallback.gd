extends BrainsStage
## What characters do without a server, and how they come back to one.

var agent: BrainAgent
var told: Array[String] = []
var orders: Array[BrainOrder] = []
## How often the fallback was called.
var calls: int = 0


func before_each() -> void:
	await super()
	agent = make_agent("guard")
	told = log_of(agent)
	agent.action_requested.connect(func(order: BrainOrder) -> void: orders.append(order))


# --- when the brain is gone ---


func test_a_brain_that_never_comes_is_told_once() -> void:
	client.open(server.url)
	server.stop()
	await step(20, 400)
	equal(told, ["lost"])
	check(not agent.is_brained)


func test_a_game_that_never_connects_falls_back_as_well() -> void:
	await step(20, 400)
	equal(told, ["lost"])


func test_a_short_loss_is_not_noticed() -> void:
	client.fallback_after_ms = 60000
	await meet()
	await give([server.order("guard", "g#1", "Wait")])
	server.drop()
	await step_until(func() -> bool: return not client.is_open())
	check(agent.is_brained)
	await step_until(_is_driven)
	equal(told, ["found", "requested g#1"])


func test_a_loss_is_noticed_after_the_time_of_the_setting() -> void:
	client.fallback_after_ms = 30000
	await meet()
	server.stop()
	await step(10, 400)
	check(agent.is_brained)
	await step(100, 400)
	check(not agent.is_brained)


func test_a_closed_client_lets_agents_fall_back() -> void:
	await meet()
	await give([server.order("guard", "g#1", "Wait")])
	client.close()
	await step(10, 400)
	equal(told, ["found", "requested g#1", "cancelled g#1 brain_lost", "lost"])


func test_a_paused_tree_does_not_fall_back() -> void:
	agent.fallback = BrainAgent.Fallback.CALLABLE
	agent.fallback_callable = _count
	await meet()
	server.stop()
	get_tree().paused = true
	await step(30, 400)
	equal([told, calls], [["found"], 0])
	check(agent.is_brained)
	get_tree().paused = false
	await step(10, 400)
	equal(told, ["found", "lost"])


func test_a_handler_of_brain_lost_may_free_the_character() -> void:
	make_agent("other")
	agent.brain_lost.connect(agent.get_parent().queue_free)
	await meet()
	server.stop()
	await step(20, 400)
	equal(client.agents().size(), 1)


func test_a_handler_of_brain_lost_may_free_another_character() -> void:
	var other: BrainAgent = make_agent("other")
	agent.brain_lost.connect(
		func() -> void:
			if is_instance_valid(other):
				other.get_parent().free()
	)
	await meet()
	server.stop()
	await step(20, 400)
	equal(client.agents().size(), 1)


func test_a_handler_of_brain_lost_may_switch_the_agent_off() -> void:
	agent.fallback = BrainAgent.Fallback.CALLABLE
	agent.fallback_callable = _count
	agent.brain_lost.connect(func() -> void: agent.enabled = false)
	await meet()
	await lose_server()
	await step(5, 400)
	equal(calls, 0)


# --- idle ---


func test_idle_cancels_what_runs() -> void:
	await meet()
	await give([server.order("guard", "g#1", "Wait")])
	await lose_server()
	equal(told, ["found", "requested g#1", "cancelled g#1 brain_lost", "lost"])
	await step(30, 400)
	equal(agent.running().size(), 0)


# --- the last action again ---


func test_the_last_action_goes_on() -> void:
	agent.fallback = BrainAgent.Fallback.RESUME_LAST
	await meet()
	await give([server.order("guard", "g#1", "Wait")])
	await lose_server()
	equal(told, ["found", "requested g#1", "lost"])
	check(orders[0].is_running())


func test_the_last_action_is_repeated_with_its_values() -> void:
	agent.fallback = BrainAgent.Fallback.RESUME_LAST
	await meet()
	await give([server.order("guard", "g#1", "Walk", {"to": [1, 2], "speed": 3})])
	await lose_server()
	orders[0].params["to"] = "changed by the game"
	orders[0].succeed()
	await step(3, 100)
	equal(told, ["found", "requested g#1", "lost", "requested guard!1"])
	identical(orders[1].params, {"to": Vector2(1, 2), "speed": 3.0})
	equal(orders[1].source, "local")
	check(orders[1].is_local())
	orders[1].fail("blocked")
	await step(3, 100)
	identical(orders[2].params, {"to": Vector2(1, 2), "speed": 3.0})


func test_without_a_last_action_nothing_is_repeated() -> void:
	agent.fallback = BrainAgent.Fallback.RESUME_LAST
	await step(30, 400)
	equal(told, ["lost"])


func test_a_last_action_that_is_not_possible_now_waits() -> void:
	agent.fallback = BrainAgent.Fallback.RESUME_LAST
	await meet()
	await give([server.order("guard", "g#1", "Wait")])
	await lose_server()
	agent.set_available(&"Wait", false)
	orders[0].succeed()
	await step(10, 100)
	equal(orders.size(), 1)
	agent.set_available(&"Wait", true)
	await step(3, 100)
	equal(orders.size(), 2)


# --- a callable ---


func test_a_callable_is_called_at_the_decision_rate_with_the_agent() -> void:
	agent.fallback = BrainAgent.Fallback.CALLABLE
	var given: Array = []
	agent.fallback_callable = func(one: BrainAgent) -> void: given.append(one.name)
	agent.decision_rate = 5.0
	await step(80)
	given.clear()
	await step(120)
	near(given.size(), 10, 1)
	equal(given[0], "Brain")


func test_a_callable_is_called_only_while_nothing_runs() -> void:
	agent.fallback = BrainAgent.Fallback.CALLABLE
	agent.fallback_callable = _start_wait
	await step(30, 100)
	equal(calls, 1)
	equal(told, ["lost", "requested guard!1"])
	orders[0].succeed()
	await step(3, 100)
	equal(calls, 2)
	equal(told, ["lost", "requested guard!1", "requested guard!2"])


func test_a_callable_cancels_what_the_brain_ordered() -> void:
	agent.fallback = BrainAgent.Fallback.CALLABLE
	agent.fallback_callable = _start_wait
	await meet()
	await give([server.order("guard", "g#1", "Wait")])
	await lose_server()
	await step(3, 100)
	equal(told, ["found", "requested g#1", "cancelled g#1 brain_lost", "lost", "requested guard!1"])


func test_a_callable_that_is_not_set_is_warned_of_once() -> void:
	expect_error("guard falls back on a Callable, but its fallback_callable is not set")
	agent.fallback = BrainAgent.Fallback.CALLABLE
	await step(60, 100)
	equal(client.orders.warnings._printed.size(), 1)


func test_a_callable_of_a_freed_object_is_as_one_that_is_not_set() -> void:
	expect_error("its fallback_callable is not set")
	var helper: Node = Node.new()
	agent.fallback = BrainAgent.Fallback.CALLABLE
	agent.fallback_callable = Callable(helper, &"set_name").bind("x")
	helper.free()
	await step(20, 100)
	equal(told, ["lost"])


func test_a_callable_may_free_the_character() -> void:
	agent.fallback = BrainAgent.Fallback.CALLABLE
	agent.fallback_callable = func(one: BrainAgent) -> void: one.get_parent().queue_free()
	await step(20, 100)
	equal(client.agents().size(), 0)


func test_a_script_error_in_a_callable_stops_no_other() -> void:
	expect_error("Invalid access to property or key 'nothing'")
	agent.fallback = BrainAgent.Fallback.CALLABLE
	agent.fallback_callable = func(_one: BrainAgent) -> void:
		var thing: Variant = {}
		thing.nothing.at_all()
	var other: BrainAgent = make_agent("other")
	other.fallback = BrainAgent.Fallback.CALLABLE
	other.fallback_callable = _count
	await step(20, 100)
	check(calls > 3)


# --- actions of the game's own ---


func test_an_action_is_started_with_its_values() -> void:
	var order: BrainOrder = agent.start(&"Walk", {&"to": Vector2(1, 2)})
	check(order != null and order == orders[0])
	identical(order.params, {"to": Vector2(1, 2)})
	equal(order.source, "local")
	equal(_running(), [order.id])
	check(order.succeed())
	equal(_running(), [])


func test_an_undeclared_action_is_not_started() -> void:
	expect_error("guard cannot start Fly: guard does not declare Fly")
	check(agent.start(&"Fly") == null)
	check(agent.start(&"Fly") == null)
	equal(told, [])
	equal(client.orders.warnings._printed.size(), 1)


func test_an_action_with_values_that_do_not_fit_is_not_started() -> void:
	expect_error("guard cannot start Walk: Walk: to is missing")
	check(agent.start(&"Walk") == null)
	equal(told, [])


func test_an_action_that_is_not_possible_now_is_not_started() -> void:
	agent.set_available(&"Wait", false)
	check(agent.start(&"Wait") == null)
	equal(told, [])


func test_an_action_of_the_game_replaces_the_one_before() -> void:
	agent.start(&"Wait")
	agent.start(&"Wait")
	equal(told, ["requested guard!1", "cancelled guard!1 replaced", "requested guard!2"])


func test_the_game_may_act_while_a_brain_drives() -> void:
	await meet()
	await give([server.order("guard", "g#1", "Wait")])
	agent.start(&"Wait")
	equal(told, ["found", "requested g#1", "cancelled g#1 replaced", "requested guard!1"])
	equal((await last_result_of("g#1"))["status"], "cancelled")
	await give([server.order("guard", "g#2", "Wait")])
	equal(told.slice(4), ["cancelled guard!1 replaced", "requested g#2"])


func test_what_the_game_starts_beside_a_brain_goes_on_beside_its_orders() -> void:
	agent.one_at_a_time = false
	await meet()
	agent.start(&"Wait")
	await give([server.order("guard", "g#1", "Wait")])
	equal(told, ["found", "requested guard!1", "requested g#1"])


func test_results_of_the_games_own_actions_are_never_sent() -> void:
	await meet()
	agent.start(&"Wait").progress({"part": 0.5})
	agent.running()[0].succeed()
	agent.start(&"Wait").fail("no")
	agent.start(&"Wait")
	agent.start(&"Wait")
	await step(10)
	for message: Dictionary in server.received:
		check(not message.has("results"))
	equal(client.orders.waiting(), 0)


# --- back again ---


func test_a_local_action_runs_on_until_the_first_order() -> void:
	agent.fallback = BrainAgent.Fallback.CALLABLE
	agent.fallback_callable = _start_wait
	await step(5, 400)
	equal(told, ["lost", "requested guard!1"])
	await meet()
	await step(20)
	equal(told, ["lost", "requested guard!1", "found"])
	equal(_running(), ["guard!1"])
	await give([server.order("guard", "g#1", "Wait")])
	equal(told.slice(3), ["cancelled guard!1 brain_found", "requested g#1"])


func test_there_is_no_frame_without_an_action_between_the_two() -> void:
	agent.fallback = BrainAgent.Fallback.CALLABLE
	agent.fallback_callable = _start_wait
	await step(5, 400)
	await meet()
	_to_give = [server.order("guard", "g#1", "Wait")]
	for frame: int in 30:
		await step(1)
		equal(_running().size(), 1)
	equal(_running(), ["g#1"])


func test_side_by_side_the_fallbacks_action_ends_with_the_first_order() -> void:
	agent.one_at_a_time = false
	agent.fallback = BrainAgent.Fallback.CALLABLE
	agent.fallback_callable = _start_wait
	await step(5, 400)
	await meet()
	await give([server.order("guard", "g#1", "Wait"), server.order("guard", "g#2", "Wait")])
	equal(
		told.slice(2), ["found", "cancelled guard!1 brain_found", "requested g#1", "requested g#2"]
	)


func test_the_callable_is_not_called_while_a_brain_drives() -> void:
	agent.fallback = BrainAgent.Fallback.CALLABLE
	agent.fallback_callable = _count
	await step(5, 400)
	await meet()
	calls = 0
	await step(60)
	equal(calls, 0)


func test_an_order_of_the_session_before_goes_on_until_the_new_one_orders() -> void:
	agent.fallback = BrainAgent.Fallback.RESUME_LAST
	await meet()
	await give([server.order("guard", "g#1", "Wait")])
	await lose_server()
	await find_server()
	await step(10)
	equal(told, ["found", "requested g#1", "lost", "found"])
	server.received.clear()
	await give([server.order("guard", "n#1", "Wait")])
	equal(told.slice(4), ["cancelled g#1 brain_found", "requested n#1"])
	equal(await statuses_of("g#1"), [], "the new server was told of an order that is not its own")


func test_in_a_resumed_session_the_order_is_the_same() -> void:
	agent.fallback = BrainAgent.Fallback.RESUME_LAST
	await meet()
	await give([server.order("guard", "g#1", "Wait")])
	await lose_server()
	server.received.clear()
	server.welcome_options = {"session": {"resumed": true}}
	await find_server()
	await give([server.order("guard", "g#1", "Wait")])
	equal(told, ["found", "requested g#1", "lost", "found"])
	check(orders[0].succeed())
	var statuses: Array = await statuses_of("g#1")
	equal([statuses.front(), statuses.back()], ["running", "success"])


func test_what_ended_meanwhile_is_told_in_a_resumed_session() -> void:
	await meet()
	await give([server.order("guard", "g#1", "Wait")])
	await step(4)
	await lose_server()
	server.received.clear()
	server.welcome_options = {"session": {"resumed": true}}
	await find_server()
	equal(await statuses_of("g#1"), ["cancelled"])


# --- rejected ---


func test_a_rejected_agent_falls_back() -> void:
	expect_error("the server does not take guard \\(unknown_brain\\): there is none")
	agent.fallback = BrainAgent.Fallback.CALLABLE
	agent.fallback_callable = _start_wait
	await _reject()
	equal(told, ["rejected unknown_brain", "lost", "requested guard!1"])


func test_a_rejected_agent_that_is_taken_later_is_driven() -> void:
	expect_error("the server does not take guard")
	await _reject()
	server.ack(["guard"])
	await step(3)
	equal(told, ["rejected unknown_brain", "lost", "found"])
	equal(agent.describe()["state"], "driven")
	equal(agent.describe()["refusal"], "")


func test_the_same_rejection_is_printed_once() -> void:
	expect_error("the server does not take guard")
	await _reject()
	server.ack([], [{"id": "guard", "code": "unknown_brain", "message": "there is none"}])
	await step(3)
	equal(told, ["rejected unknown_brain", "lost", "rejected unknown_brain"])
	equal(client.orders.warnings._printed.size(), 1)


func test_a_handler_of_rejected_may_free_the_character() -> void:
	expect_error("the server does not take guard")
	agent.rejected.connect(
		func(_code: String, _message: String) -> void: agent.get_parent().queue_free()
	)
	await _reject()
	equal(client.agents().size(), 0)


# --- helpers ---


func _count(_agent: BrainAgent) -> void:
	calls += 1


func _start_wait(one: BrainAgent) -> void:
	calls += 1
	check(one.start(&"Wait") != null)


func _running() -> Array:
	return agent.running().map(func(order: BrainOrder) -> String: return order.id)


func _reject() -> void:
	server.auto_ack = false
	client.open(server.url)
	await step_until(server.has.bind("agents"))
	server.ack([], [{"id": "guard", "code": "unknown_brain", "message": "there is none"}])
	await step(12)

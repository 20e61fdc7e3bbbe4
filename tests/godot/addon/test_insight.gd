extends BrainsClientTest
## What the server tells of the agents' minds: only if the game wants it, and whatever it is.


func before_each() -> void:
	super()
	server.welcome_options = {"features": ["insight"]}
	setting("brains/insight/enabled", true)


func test_it_is_asked_for_only_if_the_setting_is_on() -> void:
	add_agent("guard")
	await connect_client()
	equal(server.take("hello")["features"], ["variant", "insight"])
	end_client()
	setting("brains/insight/enabled", false)
	add_agent("guard")
	await connect_client()
	equal(server.take("hello")["features"], ["variant"])
	client.insight.track("guard")
	await wait(300)
	check(not server.has("track"))


func test_a_decision_is_the_agents_last_one() -> void:
	var agent: BrainAgent = add_agent("guard")
	await connect_client()
	var heard: Array = []
	client.insight.decided.connect(
		func(id: String, decision: Dictionary) -> void: heard.append([id, decision])
	)
	equal(agent.last_decision, {})
	tell_decision({"danger": 0.75, "safe": 0.25}, 50.0)
	check(await step_until(func() -> bool: return not heard.is_empty()))
	equal(heard[0][0], "guard")
	equal(agent.last_decision["answer"], "danger")
	equal(agent.last_decision["probabilities"]["safe"], 0.25)
	equal(client.insight.median_latency_ms(), 50.0)
	equal(client.insight.fallback_rate(), 0.0)
	equal(client.insight.model, "tiny")


func test_latency_and_fallback_rate_go_over_the_last_decisions() -> void:
	add_agent("guard")
	await connect_client()
	for latency: float in [10.0, 30.0, 20.0]:
		tell_decision({"danger": 1.0}, latency)
	server.send({"type": "decided", "agent": "guard", "leaf": "x", "reason": "unavailable"})
	check(await step_until(func() -> bool: return client.insight.trouble == "unavailable"))
	equal(client.insight.median_latency_ms(), 20.0)
	equal(client.insight.fallback_rate(), 0.25)
	for _time: int in BrainsInsight.MOST_DECISIONS:
		tell_decision({"danger": 1.0}, 5.0)
	check(await step_until(func() -> bool: return client.insight.fallback_rate() == 0.0))
	equal(client.insight.median_latency_ms(), 5.0)


func test_a_tree_is_tracked_again_after_the_connection_was_lost() -> void:
	add_agent("guard")
	await connect_client()
	client.insight.track("guard")
	equal((await next("track"))["agent"], "guard")
	var nodes: Array = [{"name": "Guard", "kind": "Selector", "depth": 0.0}]
	server.send({"type": "mind", "agent": "guard", "states": "r", "nodes": nodes})
	check(await step_until(func() -> bool: return client.insight.states == "r"))
	equal(client.insight.nodes[0]["depth"], 0)
	server.send({"type": "mind", "agent": "guard", "states": "s"})
	check(await step_until(func() -> bool: return client.insight.states == "s"))
	equal(client.insight.nodes.size(), 1)
	server.drop()
	check(await step_until(func() -> bool: return not client.is_open()))
	check(await step_until(client.is_open))
	equal((await next("track"))["agent"], "guard")
	client.insight.track("")
	equal((await next("track"))["agent"], "")
	equal(client.insight.nodes, [] as Array[Dictionary])


func test_what_is_told_of_another_tree_is_let_be() -> void:
	add_agent("guard")
	await connect_client()
	client.insight.track("guard")
	server.send({"type": "mind", "agent": "thief", "states": "r"})
	await wait(200)
	equal(client.insight.states, "")


func test_a_server_may_tell_anything() -> void:
	var agent: BrainAgent = add_agent("guard")
	await connect_client()
	client.insight.track("guard")
	for wrong: Variant in [null, 5, "x", [], {}, [5, null, {"depth": "deep"}], {"a": {}}]:
		var message: Dictionary = {
			"type": "mind", "agent": "guard", "states": wrong, "nodes": wrong
		}
		server.send(message)
		message = {"type": "decided", "agent": "guard", "probabilities": wrong, "latency_ms": wrong}
		message["answer"] = wrong
		server.send(message)
		server.send({"type": "decided", "agent": wrong})
	tell_decision({"safe": 1.0}, 1.0)
	check(await step_until(func() -> bool: return agent.last_decision.get("answer") == "safe"))


func tell_decision(probabilities: Dictionary, latency_ms: float) -> void:
	var decided: Dictionary = {"type": "decided", "agent": "guard", "leaf": "Guard/Hostile?"}
	decided["question"] = "A masked man"
	decided["answer"] = probabilities.keys()[0]
	decided.merge({"probabilities": probabilities, "latency_ms": latency_ms, "model": "tiny"})
	server.send(decided)

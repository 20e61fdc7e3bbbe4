class_name BrainsStage
extends BrainsTest
## Base of suites about characters: a server, a client, actors with agents, and a clock that only
## [method step] moves.

## A frame at 60 fps, in whole milliseconds.
const FRAME_MS: int = 16

var server: FakeBrainsServer
var client: BrainsClient
## What the client takes for the time.
var now_ms: int = 0

var _to_give: Array = []


func before_each() -> void:
	setting("brains/connection/connect_at_start", false)
	server = FakeBrainsServer.new()
	add_child(server)
	server.serve()
	server.on_snapshot = _orders_for
	client = BrainsClient.new()
	add_child(client)
	client.set_process(false)
	now_ms = Time.get_ticks_msec()


## Lets frames go by, each of `ms` milliseconds.
func step(count: int = 1, ms: int = FRAME_MS) -> void:
	for _frame: int in count:
		now_ms += ms
		client.tick(ms / 1000.0, now_ms)
		await get_tree().process_frame


## Lets frames go by until `condition` is true; returns whether it became true.
func step_until(condition: Callable, at_most: int = 200, ms: int = FRAME_MS) -> bool:
	for _frame: int in at_most:
		if condition.call():
			return true
		await step(1, ms)
	return condition.call()


## Connects, and waits until a server drives all agents.
func meet() -> bool:
	client.open(server.url)
	return check(await step_until(_is_driven), "the agents are not driven")


## Lets the server go away, and time pass until the agents fall back.
func lose_server() -> bool:
	server.stop()
	return check(await step_until(_is_lost, 50, 400), "the agents do not fall back")


## Lets the server come back, which knows nothing of the game.
func find_server() -> bool:
	server.restart()
	return check(await step_until(_is_driven, 50, 400), "the agents are not driven again")


## Has the server put these orders into its next answer, and waits until they have come.
func give(entries: Array) -> void:
	_to_give = entries
	for agent: BrainAgent in client.agents():
		agent.request_decision()
	check(await step_until(func() -> bool: return _to_give.is_empty()), "no snapshot came")
	await step(1)


## Has the server send orders that answer a snapshot of any number.
func give_beside(entries: Array, fields: Dictionary = {}) -> void:
	var message: Dictionary = {"type": "actions", "seq": 1, "snapshot": 0, "epoch": client.epoch}
	message.merge({"actions": entries, "cancel": [], "busy": [], "server_ms": 0.0})
	message.merge(fields, true)
	server.send(message)
	await step(2)


## Has the server take orders back.
func take_back(ids: Array) -> void:
	await give_beside([], {"cancel": ids})


## Returns what the server was told of an order, oldest first.
func results_of(id: String) -> Array[Dictionary]:
	await step(6)
	var found: Array[Dictionary] = []
	for message: Dictionary in server.received:
		for result: Dictionary in message.get("results", []):
			if result["id"] == id:
				found.append(result)
	return found


## Returns the statuses of [method results_of].
func statuses_of(id: String) -> Array:
	var found: Array[Dictionary] = await results_of(id)
	return found.map(func(result: Dictionary) -> String: return result["status"])


## Returns the last of [method results_of]; {} if there is none.
func last_result_of(id: String) -> Dictionary:
	var found: Array[Dictionary] = await results_of(id)
	return {} if found.is_empty() else found.back()


## Returns the parts of an agent in the snapshots that have come, oldest first.
func parts_of(id: String) -> Array[Dictionary]:
	var found: Array[Dictionary] = []
	for message: Dictionary in server.received:
		if message.get("type") == "snapshot" and message["agents"].has(id):
			found.append(message["agents"][id])
	return found


## Returns the newest part of an agent, sampled from now on; {} if none comes.
func next_part_of(id: String) -> Dictionary:
	server.take_all("snapshot")
	client.get_agent(id).request_decision()
	await step_until(func() -> bool: return not parts_of(id).is_empty())
	var parts: Array[Dictionary] = parts_of(id)
	return {} if parts.is_empty() else parts.back()


## Returns an agent that is child of an actor of this name, which is in the tree.
func make_agent(called: String = "guard", body: Node = null) -> BrainAgent:
	var actor: Node = body if body != null else Node2D.new()
	actor.name = called
	var agent: BrainAgent = BrainAgent.new()
	agent.name = "Brain"
	agent.brain = "guard"
	agent.actions = [
		BrainAction.make(&"Wait"),
		BrainAction.make(
			&"Walk", [BrainParameter.point2(&"to"), BrainParameter.number(&"speed", 0, 5, false)]
		),
	]
	actor.add_child(agent)
	add_child(actor)
	return agent


## Returns a list to which what the agent is told is added: `requested a#1`, `cancelled a#1 brain`
## and so on.
func log_of(agent: BrainAgent) -> Array[String]:
	var heard_of: Array[String] = []
	agent.action_requested.connect(
		func(order: BrainOrder) -> void: heard_of.append("requested " + order.id)
	)
	agent.action_cancelled.connect(
		func(order: BrainOrder, reason: String) -> void:
			heard_of.append("cancelled %s %s" % [order.id, reason])
	)
	agent.brain_lost.connect(func() -> void: heard_of.append("lost"))
	agent.brain_found.connect(func() -> void: heard_of.append("found"))
	agent.held.connect(func(reason: String) -> void: heard_of.append("held " + reason))
	agent.released.connect(func() -> void: heard_of.append("released"))
	agent.rejected.connect(
		func(code: String, _message: String) -> void: heard_of.append("rejected " + code)
	)
	return heard_of


func _is_driven() -> bool:
	return (
		client.is_open()
		and client.agents().all(func(agent: BrainAgent) -> bool: return agent.seat.accepted)
	)


func _is_lost() -> bool:
	return client.agents().all(
		func(agent: BrainAgent) -> bool: return agent.seat.presence == BrainsSeat.Presence.LOST
	)


func _orders_for(_snapshot: Dictionary) -> Array:
	var given: Array = _to_give
	_to_give = []
	return given

class_name BrainsClientTest
extends BrainsTest
## Base of suites that test a client, with agents, against the scripted server.
##
## Time is the test's own: the client does nothing but in [method step], and each of its frames is a
## sixtieth of a second, for timeouts as well. What the client sends in one frame is answered in the
## next.

const FRAME_MS: float = 1000.0 / 60.0
## Not a script of its own, because Godot 4.4 would not load it.
const COUNTING_LOGGER: String = """
extends Logger
var text: String
var count: int = 0


func _log_error(
	_function: String, _file: String, _line: int, code: String, rationale: String,
	_editor_notify: bool, _error_type: int, _backtraces: Array[ScriptBacktrace]
) -> void:
	count += int((code + rationale).contains(text))
"""

var server: FakeBrainsServer
var client: BrainsClient
## The clock.
var now_ms: float = Time.get_ticks_msec()
## All orders that agents of [method add_agent] were to begin.
var begun: Array[BrainOrder] = []
## [id of the order, reason] of all that were taken back.
var taken_back: Array[Array] = []

var _loggers: Array[RefCounted] = []


func _init() -> void:
	# They play minutes.
	time_limit_ms = 10000


func before_each() -> void:
	server = FakeBrainsServer.new()
	server.serve()
	add_child(server)
	environment("BRAINS_URL", server.url)
	environment("BRAINS_TOKEN", null)


func after_each() -> void:
	for logger: RefCounted in _loggers:
		OS.call(&"remove_logger", logger)


## Adds a client, which begins to connect.
func add_client() -> void:
	client = BrainsClient.new()
	add_child(client)
	client.set_process(false)


## Adds a client if there is none, and waits until it has connected and knows of it.
func connect_client() -> void:
	if client == null:
		add_client()
	check(await step_until(client.is_open), "cannot connect")


## Ends the client and all its agents; another one may be added.
func end_client() -> void:
	for agent: BrainAgent in client.agents():
		agent.get_parent().free()
	client.free()
	client = null
	server.received.clear()


## Adds an actor with an agent; it keeps orders in [member begun].
func add_agent(id: String, rate: float = 10.0, brain: String = "guard") -> BrainAgent:
	var agent: BrainAgent = make_agent(id, rate, brain)
	add_child(agent.get_parent())
	return agent


## Makes an actor with an agent that is not in the tree yet.
func make_agent(id: String, rate: float = 10.0, brain: String = "guard") -> BrainAgent:
	var actor: Actor = Actor.new()
	actor.name = id
	var agent: BrainAgent = BrainAgent.new()
	agent.agent_id = id
	agent.brain = brain
	agent.decision_rate = rate
	agent.actions = [BrainAction.make(&"Walk"), BrainAction.make(&"Wave")]
	agent.action_requested.connect(func(order: BrainOrder) -> void: begun.append(order))
	agent.action_cancelled.connect(
		func(order: BrainOrder, reason: String) -> void: taken_back.append([order.id, reason])
	)
	actor.add_child(agent)
	return agent


func add_agents(count: int, rate: float = 10.0) -> Array[BrainAgent]:
	var added: Array[BrainAgent] = []
	for number: int in count:
		added.append(add_agent("agent_%d" % number, rate))
	return added


func actor_of(agent: BrainAgent) -> Actor:
	return agent.get_parent()


## Lets the client do so many frames.
func step(count: int = 1) -> void:
	for frame: int in count:
		now_ms += FRAME_MS
		client.tick(client.get_process_delta_time(), int(now_ms))
		await get_tree().process_frame


func step_until(condition: Callable, at_most: int = 600) -> bool:
	for frame: int in at_most:
		if condition.call():
			return true
		await step()
	return condition.call()


## Lets so much time go by. In the frames of a game that takes long, each is short enough to count.
func wait(milliseconds: float) -> void:
	await step(ceili(milliseconds / FRAME_MS))


## Waits until the server drives all of these.
func driven(agents: Array) -> bool:
	return await step_until(
		func() -> bool: return agents.all(func(agent: BrainAgent) -> bool: return agent.is_brained)
	)


## Waits for a message of the client and returns it; {} if none comes.
func next(type: String) -> Dictionary:
	if not check(await step_until(server.has.bind(type)), "no %s has come" % type):
		return {}
	return server.take(type)


## Waits for the next snapshot that has this agent in it, and returns it. Others before it are
## answered.
func next_with(agent_id: String) -> Dictionary:
	for snapshot: int in 200:
		var message: Dictionary = await next("snapshot")
		if message.is_empty() or (message["agents"] as Dictionary).has(agent_id):
			return message
		if not server.auto_answer:
			server.answer(message)
	return {}


## Wakes an agent and gives it an order on the snapshot that it then is in; returns when that has
## arrived.
func give(
	agent_id: String, order_id: String, action: String = "Walk", params: Dictionary = {}
) -> void:
	server.auto_answer = false
	server.take_all("snapshot")
	server.send({"type": "wake", "agents": [agent_id]})
	var snapshot: Dictionary = await next_with(agent_id)
	server.answer(snapshot, [server.order(agent_id, order_id, action, params)])
	server.auto_answer = true
	await step(3)


func running_ids(agent: BrainAgent) -> Array:
	return agent.running().map(func(order: BrainOrder) -> String: return order.id)


## What has come about an order in snapshots and by itself: its statuses, oldest first.
func statuses_of(order_id: String) -> PackedStringArray:
	var found: PackedStringArray = []
	for message: Dictionary in server.received:
		for result: Dictionary in message.get("results", []):
			if result["id"] == order_id:
				found.append(result["status"])
	return found


## Counts engine warnings and errors that contain a text, from now on; needs Godot 4.5. Before it,
## the number is always as [param before] says.
func count_printed(text: String, before: int = 1) -> Callable:
	if not ClassDB.class_exists(&"Logger"):
		return func() -> int: return before
	var source: GDScript = GDScript.new()
	source.source_code = COUNTING_LOGGER
	source.reload()
	var logger: RefCounted = source.new()
	logger.set(&"text", text)
	OS.call(&"add_logger", logger)
	_loggers.append(logger)
	return func() -> int: return logger.get(&"count")


## A character.
class Actor:
	extends Node
	var seen: Dictionary = {"health": 5}
	var looks: int = 0
	## Whoever it looks at is gone.
	var is_deadly: bool = false

	func _observe() -> Dictionary:
		looks += 1
		for other: BrainAgent in BrainsClient.instance.agents() if is_deadly else []:
			if other.get_parent() != self:
				other.get_parent().free()
		return seen

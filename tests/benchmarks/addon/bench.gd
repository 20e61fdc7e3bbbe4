extends Node
## What the addon costs a game per frame, as a ratio to a bare loop that does the least that is
## possible.
##
## Both talk to the same server, in turns of a second each, so that either has its frames to itself:
## the addon's frame is [method BrainsClient.tick]; the bare one builds the dictionaries of as many
## agents as the addon had in the same frame, calls [method JSON.stringify], [method
## WebSocketPeer.send_text] and [method JSON.parse_string], nothing else.
##
## Arguments: `--url=`, `--agents=10,100`, `--seconds=`, and `--as-json` if the addon is to send
## JSON as the bare loop does. Prints one line of JSON per number of agents.

const FRAMES_PER_BLOCK: int = 60

## Counted here, because bodies look at it.
var frame: int = 0
## How many agents the addon has looked at in each frame of the block.
var observed: PackedInt32Array = []

var _client: BrainsClient
var _bodies: Array[Body] = []
var _bare: WebSocketPeer
var _bare_seq: int = 0
var _ages_ms: PackedFloat64Array = []
var _woken: Dictionary[String, int] = {}
var _wake_frames: PackedFloat64Array = []


func _ready() -> void:
	var url: String = _argument("url", "")
	for count: String in _argument("agents", "10,100,200,1000").split(","):
		await _measure(url, int(count), float(_argument("seconds", "6")))
	get_tree().quit()


func _measure(url: String, count: int, seconds: float) -> void:
	await _begin(url, count)
	var addon_us: PackedFloat64Array = []
	var bare_us: PackedFloat64Array = []
	_ages_ms.clear()
	_wake_frames.clear()
	var before: Dictionary = {}
	for block: int in 1 + maxi(1, roundi(seconds / 2.0)):
		if block == 1:
			# The first one was to warm up.
			addon_us.clear()
			bare_us.clear()
			before = _client.counters()
		observed.clear()
		for index: int in FRAMES_PER_BLOCK:
			await get_tree().process_frame
			frame += 1
			Body.looked = 0
			addon_us.append(_time(_play_addon))
			observed.append(Body.looked)
			_finish_orders()
		for index: int in FRAMES_PER_BLOCK:
			await get_tree().process_frame
			bare_us.append(_time(_play_bare.bind(count, observed[index])))
	_tell(count, addon_us, bare_us, before)
	_end()


func _begin(url: String, count: int) -> void:
	ProjectSettings.set_setting("brains/connection/connect_at_start", false)
	ProjectSettings.set_setting(
		"brains/snapshots/as_variant", not "--as-json" in OS.get_cmdline_user_args()
	)
	_client = BrainsClient.new()
	_client.world = {"light": "dusk", "hour": 19}
	add_child(_client)
	_client.set_process(false)
	_client.link.received.connect(_note_wake)
	for index: int in count:
		var body: Body = Body.new()
		body.name = "body_%d" % index
		body.bench = self
		_bodies.append(body)
		add_child(body)
	_client.open(url)
	_bare = WebSocketPeer.new()
	_bare.inbound_buffer_size = 4 << 20
	_bare.outbound_buffer_size = 4 << 20
	_bare.connect_to_url(url)
	while _bare.get_ready_state() != WebSocketPeer.STATE_OPEN or not _is_driven(count):
		await get_tree().process_frame
		_client.tick(1.0 / 60.0, Time.get_ticks_msec())
		_bare.poll()


func _is_driven(count: int) -> bool:
	return _bodies[count - 1].agent.is_brained


func _end() -> void:
	for body: Body in _bodies:
		body.free()
	_bodies.clear()
	_client.free()
	_bare.close()
	_bare_seq = 0


func _time(work: Callable) -> float:
	var start: int = Time.get_ticks_usec()
	work.call()
	return Time.get_ticks_usec() - start


func _play_addon() -> void:
	_client.tick(1.0 / 60.0, Time.get_ticks_msec())


## The bare loop's frame: as many agents as the addon had in the same frame of its block.
func _play_bare(count: int, agents: int) -> void:
	_bare.poll()
	while _bare.get_available_packet_count() > 0:
		var answer: Variant = JSON.parse_string(_bare.get_packet().get_string_from_utf8())
		assert(answer is Dictionary)
	if agents == 0:
		return
	var parts: Dictionary = {}
	for step: int in agents:
		var body: Body = _bodies[(_bare_seq + step) % count]
		parts[body.agent.agent_id] = {"me": body.observe_bare()}
	_bare_seq += parts.size()
	var message: Dictionary = {
		"type": "snapshot",
		"seq": _bare_seq,
		"epoch": 0,
		"time_ms": _client.time_ms,
		"world": {"light": "dusk", "hour": 19},
		"agents": parts,
	}
	_bare.send_text(JSON.stringify(message, "", false))


## Every order takes some frames, as in a game. The clock does not run here.
func _finish_orders() -> void:
	for body: Body in _bodies:
		if body.is_new:
			body.is_new = false
			body.busy_until = frame + Body.ACTION_FRAMES + hash(body.order.id) % Body.ACTION_FRAMES
			_note_order(body.agent)
		elif body.order != null and body.order.is_running() and frame >= body.busy_until:
			body.order.succeed()


func _note_order(agent: BrainAgent) -> void:
	if _woken.has(agent.agent_id):
		_wake_frames.append(frame - _woken[agent.agent_id])
		_woken.erase(agent.agent_id)
	_ages_ms.append(_client.time_ms - agent.seat.last_decision_ms)


func _note_wake(message: Dictionary) -> void:
	if message["type"] == "wake":
		for id: String in message["agents"]:
			_woken[id] = frame


func _tell(
	count: int, addon_us: PackedFloat64Array, bare_us: PackedFloat64Array, before: Dictionary
) -> void:
	var after: Dictionary = _client.counters()
	var result: Dictionary = {
		"agents": count,
		"frames": addon_us.size(),
		"addon_us": _mean(addon_us),
		"addon_worst_us": _sorted(addon_us)[-1],
		"addon_p99_us": _quantile(addon_us, 0.99),
		"bare_us": _mean(bare_us),
		"bare_worst_us": _sorted(bare_us)[-1],
		"bare_p99_us": _quantile(bare_us, 0.99),
		"ratio": _mean(addon_us) / _mean(bare_us),
		"worst_to_mean": _sorted(addon_us)[-1] / _mean(addon_us),
		"bare_worst_to_mean": _sorted(bare_us)[-1] / _mean(bare_us),
		"snapshots": after["snapshots"] - before["snapshots"],
		"orders": after["started"] - before["started"],
		"decisions_per_s": _decisions() / (_client.time_ms / 1000.0),
		"age_p50_ms": _quantile(_ages_ms, 0.5),
		"age_p99_ms": _quantile(_ages_ms, 0.99),
		"wake_to_action_frames_p50": _quantile(_wake_frames, 0.5),
		"wake_to_action_frames_max": _quantile(_wake_frames, 1.0),
		"wakes": _wake_frames.size(),
	}
	print("@@bench ", JSON.stringify(result, "", false))


func _decisions() -> float:
	var total: int = 0
	for body: Body in _bodies:
		total += body.agent.seat.decisions
	return float(total) / _bodies.size()


func _mean(values: PackedFloat64Array) -> float:
	var total: float = 0.0
	for value: float in values:
		total += value
	return total / maxi(1, values.size())


func _sorted(values: PackedFloat64Array) -> PackedFloat64Array:
	var copy: PackedFloat64Array = values.duplicate()
	copy.sort()
	return copy


func _quantile(values: PackedFloat64Array, part: float) -> float:
	if values.is_empty():
		return -1.0
	return _sorted(values)[mini(values.size() - 1, floori(values.size() * part))]


func _argument(called: String, otherwise: String) -> String:
	for given: String in OS.get_cmdline_user_args():
		if given.begins_with("--%s=" % called):
			return given.get_slice("=", 1)
	return otherwise


## A character with ten things that its brain may know.
class Body:
	extends Node2D

	const ACTION_FRAMES: int = 30

	## How many were looked at by the addon.
	static var looked: int = 0

	var bench: Variant
	var agent: BrainAgent
	var order: BrainOrder
	var is_new: bool = false
	var busy_until: int = 0
	var velocity: Vector2 = Vector2(1.25, -0.5)
	var health: int = 93
	var ammo: int = 12

	func _enter_tree() -> void:
		agent = BrainAgent.new()
		agent.agent_id = name
		agent.brain = "bench"
		agent.actions = [
			BrainAction.make(&"MoveTo", [BrainParameter.text(&"target")]), BrainAction.make(&"Wait")
		]
		agent.action_requested.connect(_on_action_requested)
		add_child(agent)

	## As the addon's user writes it: vectors as they are.
	func _observe() -> Dictionary:
		looked += 1
		return {
			"id": name,
			"kind": "guard",
			"pos": position,
			"vel": velocity,
			"hp": health,
			"ammo": ammo,
			"state": "walks along the wall",
			"target": "stranger_1",
			"alert": false,
			"sees": ["stranger_1", "merchant_1", "villager_2"],
		}

	## As somebody writes it who has to write it by hand.
	func observe_bare() -> Dictionary:
		return {
			"id": name,
			"kind": "guard",
			"pos": [position.x, position.y],
			"vel": [velocity.x, velocity.y],
			"hp": health,
			"ammo": ammo,
			"state": "walks along the wall",
			"target": "stranger_1",
			"alert": false,
			"sees": ["stranger_1", "merchant_1", "villager_2"],
		}

	func _on_action_requested(action: BrainOrder) -> void:
		order = action
		is_new = true

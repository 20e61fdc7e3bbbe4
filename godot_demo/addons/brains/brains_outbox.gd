class_name BrainsOutbox
extends RefCounted
## Makes snapshots of what is due, short enough for the server, and sends them.

## Most agents in one; 0: as the schedule has it.
var most_agents: int = 0
## Something may wait for a snapshot that is of no agent: a result, or an event.
var has_more: bool = false

var _client: BrainsClient
# The client's own, which are looked for in every frame otherwise.
var _link: BrainsLink
var _orders: BrainsOrders
var _schedule: BrainsSchedule
var _snapshots: BrainsSnapshots


func _init(client: BrainsClient) -> void:
	_client = client
	_link = client.link
	_orders = client.orders
	_schedule = client.schedule
	_snapshots = client.snapshots


## Sends what is due, of at most so many agents, if anything is.
func send_snapshot(most: int, now_ms: int) -> void:
	if most_agents > 0:
		most = most_agents
	if _snapshots.most_agents > 0:
		most = mini(most, _snapshots.most_agents)
	var seq: int = _snapshots.next_number
	var now: float = _client.time_ms
	var parts: Dictionary = {}
	var taken: Array = _schedule.take(now, most, _snapshots.settled)
	for seat: BrainsSeat in taken:
		seat.look(parts, seq, now, now_ms)
	if parts.is_empty() and not (has_more and (_orders.waiting() > 0 or _snapshots.has_events())):
		has_more = has_more and _snapshots.keeps_events
		return
	var world: Variant = (
		_client.observe_world.call() if _client.observe_world.is_valid() else _client.world
	)
	if not world is Dictionary:
		world = {}
	elif not world.is_empty():
		world = (
			BrainsCodec.plain(world, _link.max_depth)
			if _link.takes_variant
			else _link.encode(world)
		)
	var message: Dictionary = _snapshots.build(parts, world, _client.epoch, now)
	if has_more and _orders.waiting() > 0:
		message["results"] = _orders.results(BrainsSnapshots.MOST_RESULTS)
	var frame: PackedByteArray = (
		var_to_bytes(message) if _link.takes_variant else _link.pack(message)
	)
	var failure: Error = _link.send_packed(frame)
	if failure == ERR_BUSY:
		frame = _shorten(message, _in_flight(taken, seq), frame.size())
		failure = ERR_BUSY if frame.is_empty() else _link.send_packed(frame)
	if failure != OK:
		_put_back(_in_flight(taken, seq), parts)
		return
	_snapshots.launched(now, now_ms)
	if has_more:
		has_more = _orders.sent(message.get("results", []).size()) or _snapshots.keeps_events


## Those that are in the snapshot with this number: some may have been left out of it.
static func _in_flight(seats: Array, snapshot: int) -> Array:
	return seats.filter(func(seat: BrainsSeat) -> bool: return seat.in_flight == snapshot)


## Makes agents due again that are in no snapshot after all.
func _put_back(seats: Array, parts: Dictionary) -> void:
	for seat: BrainsSeat in seats:
		seat.in_flight = 0
		if seat.slot >= 0 and parts.get(seat.id, {}).has("requested"):
			seat.request()
	_schedule.put_back(seats, _client.time_ms)


## Makes a snapshot short enough: agents for which there is no room come in the next ones, and what
## is too long by itself is left out. Returns its frame, or nothing if it has to wait until the
## server has read what was sent before.
func _shorten(message: Dictionary, due: Array, size: int) -> PackedByteArray:
	var longest: int = _link.longest()
	if size <= longest:
		return []
	var parts: Dictionary = message["agents"]
	message["agents"] = {}
	# The braces (or the head of the dictionary) count for the comma.
	var sizes: Dictionary[String, int] = {}
	for id: String in parts:
		sizes[id] = _link.pack({id: parts[id]}).size()
	var least: int = sizes.values().min() if not sizes.is_empty() else 0
	var room: int = longest - _shorten_rest(message, longest, least)
	var left: int = room
	var fitting: Array[BrainsSeat] = []
	var later: Array[BrainsSeat] = []
	for seat: BrainsSeat in due:
		var bytes: int = sizes[seat.id]
		if bytes > room:
			seat.in_flight = 0
			_client.inbox.warnings.once(
				"what %s perceives is too long; it gets no decisions" % seat.id
			)
		elif bytes > left:
			later.append(seat)
		else:
			left -= bytes
			fitting.append(seat)
			message["agents"][seat.id] = parts[seat.id]
	if not later.is_empty():
		_snapshots.divide(fitting.size())
		_put_back(later, parts)
		var complaint: String = (
			"a snapshot of %d bytes is longer than the %d that may be sent; it is divided, and agents"
			+ " may decide less often: send less in world and in _observe()"
		)
		_client.inbox.warnings.once(complaint % [size, longest], "divided")
	return _link.pack(message)


## Does so with what is not of single agents; returns how long that is. The world has to leave room
## for the shortest part of an agent, [param least].
func _shorten_rest(message: Dictionary, longest: int, least: int) -> int:
	while true:
		var size: int = _link.pack(message).size()
		var results: Array = message.get("results", [])
		var has_world: bool = not message["world"].is_empty()
		if size + (least if has_world and least < longest / 2 else 0) <= longest:
			return size
		if has_world:
			message["world"] = {}
			_client.inbox.warnings.once("the world is too long for a message; it is left out")
		elif message.has("events"):
			_snapshots.leave_events_out(message)
			_client.inbox.warnings.once("the events are too long for a message; they are left out")
		elif results.size() > 1:
			message["results"] = results.slice(0, results.size() / 2)
		elif not results.is_empty() and results[0].has("data"):
			results[0].erase("data")
			_client.inbox.warnings.once(
				"the data of a result are too long for a message; they are left out"
			)
		else:
			return size
	return longest

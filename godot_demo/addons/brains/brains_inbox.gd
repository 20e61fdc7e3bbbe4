class_name BrainsInbox
extends RefCounted
## What the server says: has the agents carry it out, and counts it.

## Complaints of the server that come up in ordinary play: an order ended while its cancel was on
## its way, or an agent left while its answer was.
const ORDINARY: Array[String] = ["stale", "unknown_agent"]

var cancels: int = 0
var says: int = 0
var wakes: int = 0
## What is wrong with the connection and what goes over it.
var warnings: BrainsWarnings = BrainsWarnings.new()
## Complaints of the server, by code.
var errors: Dictionary[String, int] = {}

var _client: BrainsClient
# The client's own, which are looked for with each message otherwise.
var _orders: BrainsOrders
var _roster: BrainsRoster
var _snapshots: BrainsSnapshots


func _init(client: BrainsClient) -> void:
	_client = client
	_orders = client.orders
	_roster = client.roster
	_snapshots = client.snapshots


## Does what a message says that is not of type [code]actions[/code].
func take(message: Dictionary) -> void:
	match text_of(message, "type"):
		"wake":
			wakes += 1
			for id: Variant in list_of(message, "agents"):
				var seat: BrainsSeat = _client.roster.seats.get(str(id))
				if seat != null:
					_client.schedule.urge(seat)
		"agents_ack":
			_on_agents_ack(message)
		"say":
			says += 1
			var agent: BrainAgent = _client.get_agent(text_of(message, "agent"))
			if agent != null:
				agent.hear(
					text_of(message, "id"),
					text_of(message, "text"),
					is_same(message.get("done"), true)
				)
		"hold", "release":
			_on_hold(message)
		"decided", "mind":
			_client.insight.take(message)
		"error":
			_on_error(message)
		_:
			# "bye" comes before a close that says the same; others are of a newer server.
			pass


## Does what a message of type [code]actions[/code] says, which is the answer to a snapshot.
func take_actions(message: Dictionary) -> void:
	var answered: Variant = message.get("snapshot")
	var seq: int = int(answered) if answered is float else -1
	var sampled_ms: float = _snapshots.land(seq)
	if sampled_ms >= 0.0 and not _roster.leaving.is_empty():
		_roster.answered(seq)
	var cancelled: Variant = message.get("cancel")
	if cancelled is Array:
		for id: Variant in cancelled:
			cancels += 1
			_orders.cancel(str(id))
	var given: Variant = message.get("actions")
	if not given is Array or given.is_empty():
		return
	var stale: String = ""
	var scene: Variant = message.get("epoch")
	if not (scene is float or scene is int) or scene != _client.epoch:
		stale = "it is for scene %d, and this is %d" % [whole_of(message, "epoch"), _client.epoch]
	elif sampled_ms < 0.0:
		stale = "no snapshot %d waits for an answer" % seq
	var age_ms: float = _client.time_ms - sampled_ms
	_client.insight.action_age_ms = age_ms
	for entry: Variant in given:
		if entry is Dictionary:
			var seat: BrainsSeat = _roster.seats.get(str(entry.get("agent", "")))
			_orders.receive(entry, seat, stale, age_ms, seq)


func _on_agents_ack(message: Dictionary) -> void:
	for id: Variant in list_of(message, "ok"):
		var seat: BrainsSeat = _client.roster.seats.get(str(id))
		if seat != null:
			seat.accept()
	for refusal: Variant in list_of(message, "rejected"):
		if refusal is Dictionary:
			var seat: BrainsSeat = _client.roster.seats.get(text_of(refusal, "id"))
			if seat != null:
				seat.refuse(text_of(refusal, "code"), text_of(refusal, "message"))


func _on_hold(message: Dictionary) -> void:
	var seat: BrainsSeat = _client.roster.seats.get(text_of(message, "agent"))
	if seat == null:
		return
	if message.get("type") == "hold":
		seat.hold(text_of(message, "reason"))
	else:
		seat.release()
		_client.schedule.urge(seat)


func _on_error(message: Dictionary) -> void:
	var code: String = text_of(message, "code")
	var text: String = text_of(message, "message")
	var hint: String = text_of(message, "hint")
	errors[code] = errors.get(code, 0) + 1
	if not ORDINARY.has(code):
		warnings.once(
			"the server says %s: %s%s" % [code, text, " (%s)" % hint if hint != "" else ""]
		)
	_client.problem.emit(code, text, hint)


## Returns an array out of a message, empty if there is none.
static func list_of(message: Dictionary, key: String) -> Array:
	var value: Variant = message.get(key)
	return value if value is Array else []


## Returns a text out of a message, "" if there is none.
static func text_of(message: Dictionary, key: String) -> String:
	var value: Variant = message.get(key)
	return value if value is String else ""


## Returns a number out of a message as an integer, -1 if there is none.
static func whole_of(message: Dictionary, key: String) -> int:
	var value: Variant = message.get(key)
	return int(value) if value is float or value is int else -1

class_name BrainsOrders
extends RefCounted
## The orders of all agents: checks each that comes, and keeps what the server is to be told of
## them.
##
## The server checks them as well; but it may be another one than was thought, or late, and a
## character must never do what its game did not declare.

## Orders whose end is remembered, so that one that is named twice is carried out once.
const REMEMBERED: int = 1024
## Results that wait for the server.
const MOST_RESULTS: int = 4096
## As much of a text of the server's goes into messages and the console.
const LONGEST_QUOTE: int = 100

## Orders that came, and those of them that were begun.
var received: int = 0
var started: int = 0
## Orders that were named again, which happens after a resume.
var repeated: int = 0
## Orders that were not carried out, by code.
var dropped: Dictionary[String, int] = {}
## How orders ended, by status.
var ended: Dictionary[String, int] = {}
## Mistakes of the game.
var warnings: BrainsWarnings = BrainsWarnings.new()
## Results that were given up because too many waited.
var results_lost: int = 0

var _running: Dictionary[String, BrainOrder] = {}
var _final: Dictionary[String, Dictionary] = {}
## Results that wait: the ends of orders, oldest first...
var _ends: Array = []
## ...and what is to be said of those that run, by their ids: the newest is enough.
var _goings: Dictionary[String, Dictionary] = {}
var _local: int = 0
## Why the order that was checked last cannot be carried out.
var _problem: String = ""
var _client: BrainsClient


func _init(client: BrainsClient) -> void:
	_client = client


## Takes one order out of an [code]actions[/code] message.
##
## [param seat] is null if there is no such agent; [param stale] says why the whole message is too
## old, or "".
func receive(entry: Dictionary, seat: BrainsSeat, stale: String, age_ms: float, seq: int) -> void:
	received += 1
	var given_id: Variant = entry.get("id")
	var id: String = given_id if given_id is String else ""
	if id.is_empty():
		# It can be neither answered nor taken back.
		_count(dropped, "bad_message")
		_client.note_drop("bad_message", "an order came without an id")
		return
	if _running.has(id):
		repeated += 1
		_tell(_running[id])
		return
	if _final.has(id):
		repeated += 1
		_queue_end(_final[id])
		return
	var order: BrainOrder = BrainOrder.new()
	order.id = id
	order.name = StringName(_text(entry, "name"))
	order.source = _text(entry, "source")
	order.reason = _text(entry, "reason")
	var agent_id: String = _text(entry, "agent")
	if seat == null or not seat.is_here():
		var nobody: String = "there is no agent %s" % _quote(agent_id)
		_refuse(order, agent_id, &"rejected", "unknown_agent", nobody)
		return
	if stale.is_empty():
		stale = _age_problem(entry, seat, age_ms, seq)
	if not stale.is_empty():
		_refuse(order, agent_id, &"expired", "stale", stale)
		return
	var code: String = _check(order, seat, entry.get("params"))
	if not code.is_empty():
		var whose: String = "" if code != "bad_params" else "%s: " % seat.id
		_refuse(order, agent_id, &"rejected", code, whose + _problem)
		return
	seat.applied = maxi(seat.applied, seq)
	started += 1
	order.agent = seat.agent
	order.agent_id = seat.id
	_running[id] = order
	# As in _result().
	_goings[id] = {
		"type": "action_result",
		"agent": seat.id,
		"id": id,
		"status": &"running",
		"time_ms": int(_client.time_ms),
	}
	_note_waiting()
	seat.begin(order)


## Makes an order of the game's own; null if the agent cannot carry it out (now).
func make_local(seat: BrainsSeat, action: StringName, params: Dictionary) -> BrainOrder:
	_local += 1
	var order: BrainOrder = BrainOrder.new()
	order.id = "%s!%d" % [seat.id, _local]
	order.name = action
	order.source = "local"
	order.agent = seat.agent
	order.agent_id = seat.id
	order.is_orphan = seat.presence != BrainsSeat.Presence.DRIVEN
	var code: String = _check(order, seat, params)
	if code.is_empty():
		return order
	if code != "action_not_available":
		# What is not possible now is no mistake: a fallback tries again.
		warnings.once("%s cannot start %s: %s" % [seat.id, action, _problem])
	return null


## Takes an order back because the server says so.
func cancel(id: String) -> void:
	var order: BrainOrder = _running.get(id)
	var agent: BrainAgent = order.agent if order != null else null
	if agent != null and agent.seat != null:
		agent.seat.cancel(order, "brain")


## Notes that an order goes on.
func progress(order: BrainOrder, data: Dictionary) -> void:
	_tell(order, data)


## Ends an order. False if it had ended before.
func finish(
	order: BrainOrder,
	status: StringName,
	data: Dictionary = {},
	message: String = "",
	code: String = ""
) -> bool:
	if not order.is_running():
		return false
	order.status = status
	if _running.get(order.id) == order:
		# Another session may have given its id to a newer one.
		_running.erase(order.id)
	_count(ended, status)
	order.message = message
	var agent: BrainAgent = order.agent
	if agent != null and agent.seat != null:
		agent.seat.forget(order)
	if not order.is_local() and not order.is_orphan:
		var result: Dictionary = _result(order, status, code, message, data)
		_remember(order.id, result)
		_queue_end(result)
	return true


## Forgets an agent's orders: it is gone, and its server side with it.
func drop_agent(seat: BrainsSeat) -> void:
	for order: BrainOrder in seat.running.values():
		order.status = &"cancelled"
		_running.erase(order.id)
		_count(ended, &"cancelled")
		if not order.is_local() and not order.is_orphan:
			_remember(order.id, _result(order, &"cancelled", "", "the agent is gone"))
	seat.running.clear()


## Forgets the server: it is a new one, to which the old orders mean nothing. They go on until it
## gives others.
func orphan_all() -> void:
	for order: BrainOrder in _running.values():
		order.is_orphan = true
	_running.clear()
	_final.clear()
	_ends.clear()
	_goings.clear()


## Tells a server that has kept the session what runs here, so that it can say what should not.
func report_running() -> void:
	for order: BrainOrder in _running.values():
		_tell(order)


## How many results wait for the server.
func waiting() -> int:
	return _ends.size() + _goings.size()


## Returns results that are to be sent now: first the ends of orders, since what ended made room for
## what runs. They wait until [method sent] says that they were.
func results(most: int) -> Array:
	var chosen: Array = _ends.slice(0, most)
	if not _goings.is_empty():
		chosen.append_array(_goings.values().slice(0, most - chosen.size()))
	return chosen


## Notes that so many results of [method results] were sent; tells whether others wait.
func sent(count: int) -> bool:
	if count >= _ends.size() + _goings.size():
		_ends.clear()
		_goings.clear()
		return false
	var ends: int = mini(count, _ends.size())
	_ends = _ends.slice(ends)
	for id: String in _goings.keys().slice(0, count - ends):
		_goings.erase(id)
	return true


## How many orders of servers run now.
func running_count() -> int:
	return _running.size()


func _age_problem(entry: Dictionary, seat: BrainsSeat, age_ms: float, seq: int) -> String:
	if seq < seat.applied:
		return "snapshot %d is older than %d, on which %s acted" % [seq, seat.applied, seat.id]
	var limit: Variant = entry.get("ttl_ms")
	var most_ms: float = _client.max_age_ms
	if most_ms <= 0.0:
		# null means absent, and that means any age.
		most_ms = limit if limit is float or limit is int else INF
	if age_ms > most_ms:
		return "it is %d ms old, and %d are allowed" % [age_ms, most_ms]
	return ""


## Returns the code of why an order cannot be carried out, and puts the reason into [member
## _problem]; "" if it can. Fills its params.
func _check(order: BrainOrder, seat: BrainsSeat, given: Variant) -> String:
	var agent: BrainAgent = seat.agent
	var action: BrainAction = agent.find_action(order.name)
	if action == null:
		_problem = "%s does not declare %s" % [seat.id, _quote(order.name)]
		return "unknown_action"
	if agent.may_mask and not agent.is_possible(order.name):
		_problem = "%s is not possible now for %s" % [order.name, seat.id]
		return "action_not_available"
	if given == null:
		given = {}
	elif not given is Dictionary:
		_problem = "%s: params has to be an object" % order.name
		return "bad_params"
	_problem = action.convert_params(given, order.params)
	return "" if _problem.is_empty() else "bad_params"


func _refuse(
	order: BrainOrder, agent_id: String, status: StringName, code: String, message: String
) -> void:
	_count(dropped, code)
	order.agent_id = agent_id
	var result: Dictionary = _result(order, status, code, message)
	_remember(order.id, result)
	_queue_end(result)
	_client.note_drop(code, message)


## Says that an order runs.
func _tell(order: BrainOrder, data: Dictionary = {}) -> void:
	if order.is_local() or order.is_orphan:
		return
	if order.agent_id.is_empty():
		return
	var result: Dictionary = _result(order, &"running", "", "", data)
	# A game may tell of its progress every frame.
	if _goings.has(order.id):
		result.merge(_goings[order.id])
	_goings[order.id] = result
	_note_waiting()


func _result(
	order: BrainOrder,
	status: StringName,
	code: String = "",
	message: String = "",
	data: Dictionary = {}
) -> Dictionary:
	var made: Dictionary = {
		"type": "action_result",
		"agent": order.agent_id,
		"id": order.id,
		"status": status,
		"time_ms": int(_client.time_ms),
	}
	if not code.is_empty():
		made["code"] = code
	if not message.is_empty():
		made["message"] = message
	if not data.is_empty():
		# What the dictionary holds now, and not what the game makes of it until the snapshot leaves.
		made["data"] = BrainsCodec.encode(data, _client.max_depth).duplicate(true)
	return made


func _remember(id: String, result: Dictionary) -> void:
	_final[id] = result
	if _final.size() > REMEMBERED:
		for oldest: String in _final:
			_final.erase(oldest)
			break


func _queue_end(result: Dictionary) -> void:
	if result["agent"] == "" or result["id"] == "":
		return
	_goings.erase(result["id"])
	_ends.append(result)
	_note_waiting()


## Sees to it that what waits is sent, and is not too much.
func _note_waiting() -> void:
	_client.outbox.has_more = true
	if _ends.size() + _goings.size() <= MOST_RESULTS:
		return
	results_lost += 1
	# What goes on will be told again; an end is told once.
	for oldest: String in _goings:
		_goings.erase(oldest)
		return
	_ends.pop_front()


static func _count(counts: Dictionary[String, int], key: String) -> void:
	counts[key] = counts.get(key, 0) + 1


static func _text(entry: Dictionary, key: String) -> String:
	var value: Variant = entry.get(key)
	return value if value is String else ""


static func _quote(text: String) -> String:
	return text.left(LONGEST_QUOTE).c_escape()

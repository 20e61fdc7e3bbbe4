class_name BrainsSeat
extends RefCounted
## What the client keeps of one agent: who drives it, which orders run, and when it is due.

## WAITING: for the server, and the fallback does not play yet.
enum Presence { WAITING, DRIVEN, LOST }

## Decisions per second below which the first one is made at once.
const SLOW_RATE: float = 2.0
## An order that ends sooner after the last decision has to wait until the agent is due.
const LEAST_GAP_MS: float = 50.0
## Orders after which it is looked again whether anything is connected to the agent's signal.
const CHECK_EVERY: int = 16
## Orders whose end is kept for panels.
const MOST_HISTORY: int = 8

# What each decision needs stands first, side by side: of a thousand agents none is in the cache.
## The character, where nothing but its own [code]_observe()[/code] says what is perceived; else
## null.
var observer: Node
## Somebody in the game asked for the next decision.
var requested: bool = false
## The server has taken the agent.
var accepted: bool = false
## To be in the very next snapshot.
var urgent: bool = false
## Place in the schedule.
var slot: int = -1
## Number of the last snapshot that the agent was in.
var in_flight: int = 0
var decisions: int = 0
var last_decision_ms: float = 0.0
var id: String = ""
var agent: BrainAgent
var client: BrainsClient:
	set(value):
		client = value
		_link = value.link
## A panel wants to know what the brain is told.
var is_watched: bool = false
## What it was told last, if somebody wants to know.
var perceived: Dictionary = {}
## Number of the newest snapshot on which an order of this agent was carried out.
var applied: int = 0
## The running orders, by id.
var running: Dictionary[String, BrainOrder] = {}
## Orders that were begun, and how they ended, by status.
var counts: Dictionary[String, int] = {"orders": 0}
## The last orders that ended.
var history: Array[BrainOrder] = []
var presence: Presence = Presence.WAITING
## Why the server has not taken the agent.
var refusal: String = ""

var _link: BrainsLink
var _since_ms: int = 0
var _was_announced: bool = false
var _last_name: StringName = &""
var _last_params: Dictionary = {}
## For so many orders nobody asks again whether somebody carries them out.
var _heard_for: int = 0
## The session that holds the agent.
var _held_in: String = ""


## Tells whether the character is there: neither freed, nor about to be, nor out of the tree.
func is_here() -> bool:
	if not is_instance_valid(agent) or not agent.is_inside_tree():
		return false
	# Characters are freed more often than their agents, and levels more often than characters.
	var node: Node = agent
	while node != null:
		if node.is_queued_for_deletion():
			return false
		node = node.get_parent()
	return true


# --- the brain comes and goes ---


## The server drives the agent from now on.
func accept() -> void:
	accepted = true
	refusal = ""
	if agent.is_held and client.session_id != _held_in:
		release()
	if presence == Presence.DRIVEN:
		return
	var is_news: bool = presence == Presence.LOST or not _was_announced
	presence = Presence.DRIVEN
	_was_announced = true
	agent.is_brained = true
	if agent.decision_rate < SLOW_RATE:
		# It should not have to wait for its turn to begin.
		client.urge(self)
	if is_news:
		agent.brain_found.emit()


## The server does not take the agent.
func refuse(code: String, message: String) -> void:
	accepted = false
	refusal = code
	client.orders.warnings.once("the server does not take %s (%s): %s" % [id, code, message])
	agent.rejected.emit(code, message)
	if slot >= 0:
		lose()


## The connection is lost; it may be back in a moment.
func wait(now_ms: int) -> void:
	accepted = false
	in_flight = 0
	_since_ms = now_ms
	if presence == Presence.DRIVEN:
		presence = Presence.WAITING


## The fallback plays from now on.
func lose() -> void:
	if presence == Presence.LOST:
		return
	presence = Presence.LOST
	_was_announced = true
	agent.is_brained = false
	if agent.is_held:
		release()
	if slot >= 0 and agent.fallback != BrainAgent.Fallback.RESUME_LAST:
		cancel_all("brain_lost")
	# What hears these signals may switch the agent off, or free it.
	if slot >= 0:
		agent.brain_lost.emit()


## Does for the agent what it does without a brain. Called at its decision rate.
func fall_back(now_ms: int, after_ms: int) -> void:
	if slot < 0:
		return
	if presence != Presence.LOST:
		if now_ms - _since_ms < after_ms:
			return
		lose()
	if slot < 0 or not running.is_empty():
		return
	match agent.fallback:
		BrainAgent.Fallback.RESUME_LAST:
			if not _last_name.is_empty():
				start(_last_name, _last_params)
		BrainAgent.Fallback.CALLABLE:
			if agent.fallback_callable.is_valid():
				agent.fallback_callable.call(agent)
			else:
				client.orders.warnings.once(
					"%s falls back on a Callable, but its fallback_callable is not set" % id
				)


## A debugger stops the brain.
func hold(reason: String) -> void:
	_held_in = client.session_id
	agent.is_held = true
	agent.held.emit(reason)


## The brain goes on.
func release() -> void:
	if agent.is_held:
		agent.is_held = false
		agent.released.emit()


# --- decisions ---


## Puts the agent's part into the snapshot with this number, or has it fall back if nobody would
## decide anything. This is most of what the addon costs, so it does as little as it can.
func look(parts: Dictionary, snapshot: int, time_ms: float, now_ms: int) -> void:
	# What another one did in this frame may be the end of this one.
	if not accepted or slot < 0:
		fall_back(now_ms, client.fallback_after_ms)
		return
	in_flight = snapshot
	decisions += 1
	last_decision_ms = time_ms
	if observer == null or requested or is_watched:
		parts[id] = _part()
		return
	var seen: Variant = observer.call(&"_observe")
	if not seen is Dictionary:
		parts[id] = {"me": agent.without_observation(seen)}
	elif _link.takes_variant:
		# As encode() does it.
		parts[id] = {"me": BrainsCodec.plain(seen, _link.max_depth)}
	else:
		parts[id] = {"me": _link.encode(seen)}


func _part() -> Dictionary:
	var made: Dictionary = {"me": agent.perceive()}
	if agent.may_mask:
		var mask: Variant = agent.mask()
		if mask != null:
			made["available"] = mask
	if requested:
		made["requested"] = true
		requested = false
	if is_watched:
		perceived = BrainsCodec.encode(made["me"], _link.max_depth)
	return made


## Wants to be in the very next snapshot.
func request() -> void:
	requested = true
	client.urge(self)


## Tells the brain of something that happened.
func notice(event: StringName, data: Dictionary) -> void:
	client.tell_event(event, data, id)
	request()


## Has the agent declared again.
func retell() -> void:
	client.retell(self)


# --- orders ---


## Begins to carry an order out.
func begin(order: BrainOrder) -> void:
	if not running.is_empty():
		_make_room(order)
	if slot < 0 or (agent.one_at_a_time and not running.is_empty()):
		# What heard of a cancelled order has freed the agent, or started something else: this
		# order is over before anybody has heard of it.
		client.orders.finish(order, &"cancelled")
		return
	running[order.id] = order
	order.started_ms = client.time_ms
	counts["orders"] += 1
	if agent.fallback == BrainAgent.Fallback.RESUME_LAST:
		_last_name = order.name
		# A game may change what it is given.
		_last_params = order.params.duplicate(true)
	# To ask for the connections takes longer than all the rest, and who has listened still does.
	_heard_for -= 1
	if _heard_for < 0 and not _is_heard():
		var text: String = "nothing is connected to action_requested of %s" % id
		client.orders.finish(order, &"failure", {}, text, "not_handled")
		client.orders.warnings.once("%s, so it can do nothing" % text)
		return
	agent.action_requested.emit(order)


## Starts an order of the game's own; null if the agent cannot carry it out.
func start(action: StringName, params: Dictionary) -> BrainOrder:
	var order: BrainOrder = client.orders.make_local(self, action, params)
	if order != null:
		begin(order)
	return order


## Says how an order goes.
func report(order_id: String, status: StringName, data: Dictionary, message: String) -> bool:
	return report_on(running.get(order_id), status, data, message)


## Says how an order goes; false if it does not run (any more).
func report_on(order: BrainOrder, status: StringName, data: Dictionary, message: String) -> bool:
	if order == null or not order.is_running():
		return false
	if status == &"running":
		client.orders.progress(order, data)
		return true
	if status != &"success" and status != &"failure":
		push_warning("Brains: an order ends with success or failure, and not with %s" % status)
		return false
	client.orders.finish(order, status, data, message)
	if accepted and client.time_ms - last_decision_ms >= LEAST_GAP_MS:
		# The tree goes on at once, and not when the agent would be due; but what fails again and
		# again in no time must not make it decide every frame.
		client.urge(self)
	return true


## Takes one order back.
func cancel(order: BrainOrder, reason: String) -> void:
	if client.orders.finish(order, &"cancelled") and is_instance_valid(agent):
		agent.action_cancelled.emit(order, reason)


func cancel_all(reason: String) -> void:
	for order: BrainOrder in running.values():
		cancel(order, reason)


## Notes that an order has ended; called by [BrainsOrders].
func forget(order: BrainOrder) -> void:
	if running.get(order.id) == order:
		# Another session may have given its id to a newer one.
		running.erase(order.id)
	counts[order.status] = counts.get(order.status, 0) + 1
	history.append(order)
	if history.size() > MOST_HISTORY:
		history.pop_front()


func _is_heard() -> bool:
	_heard_for = 0 if agent.action_requested.get_connections().is_empty() else CHECK_EVERY
	return _heard_for > 0


## Ends what cannot go on beside a new order, and what is left over from the time without a brain.
func _make_room(newcomer: BrainOrder) -> void:
	for order: BrainOrder in running.values():
		var is_left_over: bool = order.is_orphan and not newcomer.is_local()
		if is_left_over or agent.one_at_a_time:
			cancel(order, "brain_found" if is_left_over else "replaced")
			if slot < 0:
				return


# --- for panels ---


## Says how the agent is, as plain data.
func describe() -> Dictionary:
	var about: Dictionary = {
		"id": id,
		"brain": agent.brain,
		"state": _state_name(),
		"action": "",
		"params": {},
		"source": "",
		"reason": "",
		"age_ms": 0.0,
		"line": agent.line,
		"decision_rate": agent.decision_rate,
		"last_decision_ms": last_decision_ms,
		"refusal": refusal,
		"history": history.map(_summary),
		"counts": {"decisions": decisions}.merged(counts),
	}
	for order: BrainOrder in running.values():
		about["action"] = String(order.name)
		about["params"] = order.params.duplicate(true)
		about["source"] = order.source
		about["reason"] = order.reason
		about["age_ms"] = client.time_ms - order.started_ms
	return about


func _summary(order: BrainOrder) -> Dictionary:
	return {
		"name": String(order.name),
		"source": order.source,
		"status": String(order.status),
		"message": order.message,
	}


func _state_name() -> String:
	if client == null:
		return "off"
	if agent.is_held:
		return "held"
	if not refusal.is_empty():
		return "rejected"
	match presence:
		Presence.DRIVEN:
			return "driven"
		Presence.LOST:
			return "fallback"
	return "waiting"

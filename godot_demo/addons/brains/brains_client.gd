class_name BrainsClient
extends Node
## The autoload [code]Brains[/code]: connects the game's [BrainAgent]s with the server that drives
## them.
##
## Once a frame it reads what the server says, has agents carry it out, and sends what those
## perceive that are due. It never waits: without a server the agents' fallbacks play, and it keeps
## trying to connect.
##
## Settings are below [code]brains/[/code] in the project settings.

## A server drives the agents. [param resumed]: it kept their trees from before the connection was
## lost.
signal connected(resumed: bool)
## The connection has ended, or could not be made. Negative [param retry_in_s]: there will be no
## other attempt, and [param reason] says what to do.
signal disconnected(code: int, reason: String, retry_in_s: float)
## The server complains of something.
signal problem(code: String, message: String, hint: String)

## OFF: nobody wants a connection. GREETING: the server has yet to answer the hello. WAITING: for
## the next attempt. REFUSED: there will be none.
enum State { OFF, CONNECTING, GREETING, OPEN, WAITING, REFUSED }

## Snapshots that may be unanswered at most; more only make actions older.
const MOST_UNANSWERED: int = 2
## Complaints of the server that are printed.
const MOST_PRINTED: int = 20
## Complaints that come up in ordinary play: an order ended while its cancel was on its way, or an
## agent left while its answer was.
const ORDINARY: Array[String] = ["stale", "unknown_agent"]
## How often those are looked for that have waited for a server for too long.
const LOOK_EVERY_MS: int = 100
## Early in the frame, so that what an order starts happens in this frame.
const PRIORITY: int = -1000

## The client that agents use.
static var instance: BrainsClient

## What all agents are told, besides what each perceives.
var world: Dictionary = {}
## Returns what all agents are told, asked for each snapshot; used instead of [member world] if it
## is set.
var observe_world: Callable = Callable()
## Counts scenes: orders for another one are refused.
var epoch: int = 0
## Time in the game since its start: it stands still while the tree is paused.
var time_ms: float = 0.0
## What the server calls this session; empty without one.
var session_id: String:
	get:
		return link.session_id
var state: State:
	get:
		return link.state as State
## How deeply observations may be nested.
var max_depth: int = 16
## Oldest action that is carried out; 0: as the server says.
var max_age_ms: float = 0.0
## Seconds without a server before agents fall back.
var fallback_after_s: float = 1.0

var link: BrainsLink = BrainsLink.new()
var roster: BrainsRoster = BrainsRoster.new()
var orders: BrainsOrders = BrainsOrders.new(self)
var snapshots: BrainsSnapshots = BrainsSnapshots.new()
var schedule: BrainsSchedule = BrainsSchedule.new()

var _counts: Dictionary[String, int] = {}
var _errors: Dictionary[String, int] = {}
var _printed: Dictionary[String, bool] = {}
var _most_agents: int = 0
var _window: int = 1
var _scene_id: int = 0
var _results_wait: bool = false
var _failures: int = 0
## Time of the last frame.
var _now_ms: int = Time.get_ticks_msec()
## When those are looked for that wait for a server.
var _look_ms: int = 0
## Another client was there first.
var _is_spare: bool = false


func _init() -> void:
	process_mode = Node.PROCESS_MODE_ALWAYS
	process_priority = PRIORITY
	link.welcomed.connect(_on_welcomed)
	link.lost.connect(_on_lost)
	link.received.connect(_on_received)
	_configure()


func _enter_tree() -> void:
	_is_spare = instance != null and not instance.is_queued_for_deletion()
	if _is_spare:
		push_warning(
			"Brains: there is a client already, %s; this one does nothing" % instance.get_path()
		)
		return
	if instance != null:
		instance.leave()
	instance = self
	for agent: Node in get_tree().get_nodes_in_group(BrainAgent.GROUP):
		if agent is BrainAgent and (agent as BrainAgent).enabled:
			add_agent(agent)
	if EngineDebugger.is_active() and not has_node(^"BrainsDebug"):
		add_child(BrainsDebug.new())
	if BrainsSettings.value("connection/connect_at_start"):
		open()


func _process(delta: float) -> void:
	if not _is_spare:
		tick(delta, Time.get_ticks_msec())


func _exit_tree() -> void:
	leave()


## Connects, to the address in the settings if none is given, and again whenever the connection is
## lost.
##
## In a release build it does nothing unless [code]brains/connection/run_in_release_builds[/code]
## allows it.
func open(url: String = "") -> void:
	if _is_spare or not BrainsSettings.is_allowed():
		return
	close("another server")
	link.token = BrainsSettings.token()
	link.start(url if not url.is_empty() else BrainsSettings.server_url(), _now_ms)


## Says bye. The agents' fallbacks play from now on, and no new attempt is made.
func close(reason: String = "bye") -> void:
	if link.state == BrainsLink.State.OFF:
		return
	link.stop(reason)
	orders.orphan_all()
	_let_wait()


## Tells whether a server is there.
func is_open() -> bool:
	return link.is_open()


## Tells all brains of something that happened, and wants decisions on it.
func notice_all(event: StringName, data: Dictionary = {}) -> void:
	tell_event(event, data)
	for seat: BrainsSeat in roster.seats.values():
		seat.request()


## Begins a new epoch: orders that are on their way are void. It is done for you when the current
## scene changes; call it if your game manages its scenes by itself.
func begin_epoch() -> void:
	epoch += 1


## Returns the agents that are in the tree.
func agents() -> Array[BrainAgent]:
	var found: Array[BrainAgent] = []
	for seat: BrainsSeat in roster.seats.values():
		found.append(seat.agent)
	return found


## Returns an agent by its id, or null.
func get_agent(id: String) -> BrainAgent:
	var seat: BrainsSeat = roster.seats.get(id)
	return seat.agent if seat != null else null


## Returns what has been counted since the start.
func counters() -> Dictionary:
	return {
		"snapshots": snapshots.sent,
		"answers": snapshots.answered,
		"unanswered": snapshots.unanswered,
		"actions": orders.received,
		"started": orders.started,
		"repeated": orders.repeated,
		"dropped": orders.dropped.duplicate(),
		"results": orders.ended.duplicate(),
		"results_lost": orders.results_lost,
		"running": orders.running_count(),
		"events": snapshots.events_sent,
		"events_dropped": snapshots.events_dropped,
		"cancels": _counts.get("cancels", 0),
		"says": _counts.get("says", 0),
		"wakes": _counts.get("wakes", 0),
		"connects": _counts.get("connects", 0),
		"resumes": _counts.get("resumes", 0),
		"losses": _counts.get("losses", 0),
		"errors": _errors.duplicate(),
		"malformed": link.malformed,
		"bytes_sent": link.bytes_sent,
		"bytes_received": link.bytes_received,
	}


# --- one frame ---


## Does the work of one frame; [method _process] calls it.
func tick(delta: float, now_ms: int) -> void:
	if not get_tree().paused:
		time_ms += delta * 1000.0
	_now_ms = now_ms
	# First of all: what comes now was meant for the scene before.
	_watch_scene()
	link.poll(now_ms)
	if not is_inside_tree():
		return
	var most: int = schedule.most_per_frame(delta * 1000.0)
	if not link.is_open():
		_fall_back(now_ms)
		return
	if roster.has_news(epoch):
		_tell_agents()
	if snapshots.give_up_old(now_ms) > 0:
		_print_once("the server does not answer snapshots; the game goes on without those answers")
	if snapshots.has_room():
		_send_snapshot(_limit(most), now_ms)


func _tell_agents() -> void:
	var message: Dictionary = roster.next_message(epoch)
	var text: String = BrainsCodec.to_text(message)
	if link.send_text(text) == OK:
		roster.told(message)
	elif text.to_utf8_buffer().size() > link.longest():
		roster.shorten(message)


func _fall_back(now_ms: int) -> void:
	var after_ms: int = roundi(fallback_after_s * 1000.0)
	for seat: BrainsSeat in schedule.take(time_ms, schedule.size(), snapshots.settled()):
		seat.fall_back(now_ms, after_ms)
	if now_ms < _look_ms:
		return
	# One that decides seldom should not have to wait for its turn to learn that nobody is there.
	_look_ms = now_ms + LOOK_EVERY_MS
	for seat: BrainsSeat in roster.seats.values():
		# What one of them does about it may be the end of another.
		if seat.slot < 0 or seat.presence != BrainsSeat.Presence.WAITING:
			continue
		if seat.agent.can_process():
			seat.fall_back(now_ms, after_ms)


func _limit(most: int) -> int:
	if _most_agents > 0:
		most = _most_agents
	return most if snapshots.most_agents == 0 else mini(most, snapshots.most_agents)


func _send_snapshot(most: int, now_ms: int) -> void:
	var due: Array[BrainsSeat] = []
	for seat: BrainsSeat in schedule.take(time_ms, most, snapshots.settled()):
		if seat.accepted:
			due.append(seat)
		else:
			seat.fall_back(now_ms, roundi(fallback_after_s * 1000.0))
	if due.is_empty() and not _results_wait and snapshots.events_waiting() == 0:
		return
	var parts: Dictionary = {}
	var seq: int = snapshots.next_number()
	for seat: BrainsSeat in due:
		# What one of them does may be the end of another.
		if seat.slot >= 0:
			parts[seat.id] = seat.part(seq)
	var results: Array[Dictionary] = orders.results(BrainsSnapshots.MOST_RESULTS)
	var message: Dictionary = snapshots.build(parts, _shared(), results, epoch, time_ms)
	var text: String = BrainsCodec.to_text(message)
	if not link.fits(text):
		text = _shorten(message, due, text)
	if text.is_empty() or link.send_text(text) != OK:
		_put_back(due, parts)
		return
	snapshots.launched(time_ms, now_ms)
	orders.sent(message.get("results", []).size())
	_results_wait = orders.waiting() > 0


## Makes agents due again that are in no snapshot after all.
func _put_back(seats: Array[BrainsSeat], parts: Dictionary) -> void:
	for seat: BrainsSeat in seats:
		seat.in_flight = 0
		if seat.slot >= 0 and parts[seat.id].has("requested"):
			seat.request()
	schedule.put_back(seats, time_ms)


func _shared() -> Dictionary:
	var shared: Variant = observe_world.call() if observe_world.is_valid() else world
	var encoded: Variant = BrainsCodec.encode(shared, max_depth)
	return encoded if encoded is Dictionary else {}


## Makes a snapshot short enough: agents for which there is no room come in the next ones, and what
## is too long by itself is left out. Returns its text, or "" if it has to wait until the server has
## read what was sent before.
func _shorten(message: Dictionary, due: Array[BrainsSeat], text: String) -> String:
	var longest: int = link.longest()
	var size: int = text.to_utf8_buffer().size()
	if size <= longest:
		return ""
	var parts: Dictionary = message["agents"]
	message["agents"] = {}
	var room: int = longest - _shorten_rest(message, longest)
	var left: int = room
	var fitting: Array[BrainsSeat] = []
	var later: Array[BrainsSeat] = []
	for seat: BrainsSeat in due:
		if not parts.has(seat.id):
			continue
		var part: Dictionary = {seat.id: parts[seat.id]}
		# The braces count for the comma.
		var bytes: int = BrainsCodec.to_text(part).to_utf8_buffer().size()
		if bytes > room:
			seat.in_flight = 0
			_print_once("what %s perceives is too long; it gets no decisions" % seat.id)
		elif bytes > left:
			later.append(seat)
		else:
			left -= bytes
			fitting.append(seat)
			message["agents"].merge(part)
	if not later.is_empty():
		snapshots.divide(fitting.size())
		_put_back(later, parts)
		_print_once(
			(
				(
					"a snapshot of %d bytes is longer than the %d that may be sent; it is"
					+ " divided, and agents may decide less often: send less in world and in"
					+ " _observe()"
				)
				% [size, longest]
			),
			"divided",
		)
	due.assign(fitting)
	return BrainsCodec.to_text(message)


## Does so with what is not of single agents; returns how long that is.
func _shorten_rest(message: Dictionary, longest: int) -> int:
	while true:
		var size: int = BrainsCodec.to_text(message).to_utf8_buffer().size()
		var results: Array = message.get("results", [])
		if size <= longest:
			return size
		if not message["world"].is_empty():
			message["world"] = {}
			_print_once("the world is too long for a message; it is left out")
		elif message.has("events"):
			snapshots.leave_events_out(message)
			_print_once("the events are too long for a message; they are left out")
		elif results.size() > 1:
			message["results"] = results.slice(0, results.size() / 2)
		elif not results.is_empty() and results[0].has("data"):
			results[0].erase("data")
			_print_once("the data of a result are too long for a message; they are left out")
		else:
			return size
	return longest


func _watch_scene() -> void:
	var scene: Node = get_tree().current_scene
	if scene == null or scene.get_instance_id() == _scene_id:
		return
	if _scene_id != 0:
		begin_epoch()
	_scene_id = scene.get_instance_id()


# --- what the server says ---


func _on_welcomed(message: Dictionary) -> void:
	var session: Variant = message.get("session")
	var resumed: bool = session is Dictionary and is_same(session.get("resumed"), true)
	_failures = 0
	_count("connects")
	_count("resumes", int(resumed))
	if not resumed:
		orders.orphan_all()
		for seat: BrainsSeat in roster.seats.values():
			seat.applied = 0
	snapshots.window = mini(_window, _window_of(message))
	snapshots.begin_session(resumed, time_ms)
	roster.begin_session(resumed)
	if resumed:
		orders.report_running()
	print(
		"Brains: connected to %s%s" % [link.url, ", where the session goes on" if resumed else ""]
	)
	connected.emit(resumed)


func _on_lost(code: int, reason: String, retry_in_s: float) -> void:
	if retry_in_s < 0.0:
		orders.orphan_all()
	snapshots.forget_unanswered()
	_let_wait()
	_failures += 1
	_count("losses")
	var text: String = BrainsProtocol.explain(code, reason)
	if retry_in_s < 0.0:
		push_warning("Brains: %s; agents play their fallbacks, and no other attempt is made" % text)
	elif _failures == 1:
		# Later attempts are silent: a game without a server should not fill the console.
		print("Brains: no server at %s: %s; trying again" % [link.url, text])
	disconnected.emit(code, text, retry_in_s)


func _on_received(message: Dictionary) -> void:
	var given: Variant = message.get("type")
	var type: String = given if given is String else ""
	if type == "actions":
		_on_actions(message)
		return
	match type:
		"wake":
			_count("wakes")
			for id: Variant in _list(message, "agents"):
				var seat: BrainsSeat = roster.seats.get(str(id))
				if seat != null:
					schedule.urge(seat)
		"agents_ack":
			_on_agents_ack(message)
		"say":
			_count("says")
			var agent: BrainAgent = get_agent(_text(message, "agent"))
			if agent != null:
				agent.hear(
					_text(message, "id"), _text(message, "text"), is_same(message.get("done"), true)
				)
		"hold", "release":
			_on_hold(message)
		"error":
			_on_error(message)
		_:
			# "bye" comes before a close that says the same; others are of a newer server.
			pass


func _on_actions(message: Dictionary) -> void:
	var seq: int = _whole(message, "snapshot")
	var sampled_ms: float = snapshots.land(seq)
	for id: Variant in _list(message, "cancel"):
		_count("cancels")
		orders.cancel(str(id))
	var given: Array = _list(message, "actions")
	if not given.is_empty():
		_take_orders(given, seq, sampled_ms, _whole(message, "epoch"))


func _take_orders(given: Array, seq: int, sampled_ms: float, scene: int) -> void:
	var stale: String = ""
	if scene != epoch:
		stale = "it is for scene %d, and this is %d" % [scene, epoch]
	elif sampled_ms < 0.0:
		stale = "no snapshot %d waits for an answer" % seq
	for entry: Variant in given:
		if entry is Dictionary:
			var seat: BrainsSeat = roster.seats.get(str(entry.get("agent", "")))
			if seat != null and seat.agent.is_queued_for_deletion():
				seat = null
			orders.receive(entry, seat, stale, time_ms - sampled_ms, seq)


func _on_agents_ack(message: Dictionary) -> void:
	for id: Variant in _list(message, "ok"):
		var seat: BrainsSeat = roster.seats.get(str(id))
		if seat != null:
			seat.accept()
	for refusal: Variant in _list(message, "rejected"):
		if refusal is Dictionary:
			var seat: BrainsSeat = roster.seats.get(_text(refusal, "id"))
			if seat != null:
				seat.refuse(_text(refusal, "code"), _text(refusal, "message"))


func _on_hold(message: Dictionary) -> void:
	var seat: BrainsSeat = roster.seats.get(_text(message, "agent"))
	if seat == null:
		return
	if message.get("type") == "hold":
		seat.hold(_text(message, "reason"))
	else:
		seat.release()
		schedule.urge(seat)


func _on_error(message: Dictionary) -> void:
	var code: String = _text(message, "code")
	var text: String = _text(message, "message")
	var hint: String = _text(message, "hint")
	_errors[code] = _errors.get(code, 0) + 1
	if not ORDINARY.has(code):
		_print_once("the server says %s: %s%s" % [code, text, " (%s)" % hint if hint != "" else ""])
	problem.emit(code, text, hint)


# --- what agents and orders use ---


## Takes an agent in; agents do it themselves.
func add_agent(agent: BrainAgent) -> void:
	if agent.seat != null:
		return
	var seat: BrainsSeat = roster.add(agent, self)
	if seat == null:
		push_warning(
			"Brains: two agents have the id %s; the second one gets no brain" % agent.agent_id
		)
		return
	agent.seat = seat
	# What is on its way was meant for one of the same name before it.
	seat.applied = snapshots.next_number()
	seat.wait(_now_ms)
	schedule.add(seat, time_ms)


## Forgets an agent; agents do it themselves.
func remove_agent(agent: BrainAgent) -> void:
	var seat: BrainsSeat = agent.seat
	if seat == null or seat.client != self:
		return
	orders.drop_agent(seat)
	schedule.remove(seat)
	roster.remove(seat)
	agent.seat = null
	agent.is_brained = false


## Ends it all, when it is removed or another client takes over.
func leave() -> void:
	close("the game ends")
	for seat: BrainsSeat in roster.seats.values():
		remove_agent(seat.agent)
	if instance == self:
		instance = null


## Has an agent declared again.
func retell(seat: BrainsSeat) -> void:
	roster.retell(seat)


## Puts an agent into the very next snapshot.
func urge(seat: BrainsSeat) -> void:
	schedule.urge(seat)


## Keeps an event for the next snapshot; for all agents if no id is given.
func tell_event(event: StringName, data: Dictionary, id: String = "") -> void:
	# What the dictionary holds now, and not what the game makes of it until the snapshot leaves.
	var told: Dictionary = {
		"name": String(event),
		"data": BrainsCodec.encode(data, max_depth).duplicate(true),
		"time_ms": time_ms,
	}
	if not id.is_empty():
		told["agent"] = id
	snapshots.add_event(told)


## Notes that a result waits for the next snapshot.
func results_wait() -> void:
	_results_wait = true


## Notes an order that was not carried out.
func note_drop(code: String, message: String) -> void:
	if code != "stale" and code != "unknown_agent":
		_print_once("an order was not carried out (%s): %s" % [code, message])


func _configure() -> void:
	link.configure()
	link.client_name = str(ProjectSettings.get_setting("application/config/name", ""))
	_window = BrainsSettings.value("snapshots/window")
	snapshots.max_events = BrainsSettings.value("snapshots/max_events")
	max_depth = BrainsSettings.value("snapshots/max_depth")
	max_age_ms = float(BrainsSettings.value("actions/max_age_ms"))
	fallback_after_s = BrainsSettings.value("fallback/after_s")
	_most_agents = BrainsSettings.value("snapshots/max_agents")


func _let_wait() -> void:
	for seat: BrainsSeat in roster.seats.values():
		seat.in_flight = 0
		# The others wait already, and for how long is what counts.
		if seat.accepted:
			seat.wait(_now_ms)


## Prints a complaint, unless it or one of the same kind was printed before.
func _print_once(text: String, kind: String = text) -> void:
	if _printed.has(kind) or _printed.size() >= MOST_PRINTED:
		return
	_printed[kind] = true
	push_warning("Brains: " + text)


func _count(what: String, by: int = 1) -> void:
	_counts[what] = _counts.get(what, 0) + by


## How many snapshots a server lets be unanswered.
static func _window_of(welcome: Dictionary) -> int:
	var limits: Variant = welcome.get("limits")
	var window: int = _whole(limits, "window") if limits is Dictionary else -1
	return window if window > 0 else MOST_UNANSWERED


static func _list(message: Dictionary, key: String) -> Array:
	var value: Variant = message.get(key)
	return value if value is Array else []


static func _text(message: Dictionary, key: String) -> String:
	var value: Variant = message.get(key)
	return value if value is String else ""


static func _whole(message: Dictionary, key: String) -> int:
	var value: Variant = message.get(key)
	return int(value) if value is float or value is int else -1

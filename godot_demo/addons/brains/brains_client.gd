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
var max_depth: int:
	get:
		return link.max_depth
## Oldest action that is carried out; 0: as the server says.
var max_age_ms: float = 0.0
## Milliseconds without a server before agents fall back.
var fallback_after_ms: int = 1000

var link: BrainsLink = BrainsLink.new()
var roster: BrainsRoster = BrainsRoster.new()
var orders: BrainsOrders = BrainsOrders.new(self)
var snapshots: BrainsSnapshots = BrainsSnapshots.new()
var schedule: BrainsSchedule = BrainsSchedule.new()
var inbox: BrainsInbox = BrainsInbox.new(self)
var outbox: BrainsOutbox = BrainsOutbox.new(self)
## What goes on in the agents' minds, if [code]brains/insight/enabled[/code] is on.
var insight: BrainsInsight = BrainsInsight.new(self)

var _connects: int = 0
var _resumes: int = 0
var _losses: int = 0
var _window: int = 1
var _scene_id: int = 0
var _failures: int = 0
## Time of the last frame.
var _now_ms: int = Time.get_ticks_msec()
## When those are looked for that wait for a server.
var _look_ms: int = 0
## Another client was there first.
var _is_spare: bool = false
var _tree: SceneTree


func _init() -> void:
	process_mode = Node.PROCESS_MODE_ALWAYS
	process_priority = PRIORITY
	link.welcomed.connect(_on_welcomed)
	link.lost.connect(_on_lost)
	link.received.connect(inbox.take)
	link.on_actions = inbox.take_actions
	snapshots.gave_up.connect(_on_gave_up)
	_configure()


func _enter_tree() -> void:
	_tree = get_tree()
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
	if _is_spare:
		return
	if not BrainsSettings.is_allowed():
		print("Brains: off in release builds (brains/connection/run_in_release_builds)")
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
	disconnected.emit(1000, reason, -1.0)


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
		"cancels": inbox.cancels,
		"says": inbox.says,
		"wakes": inbox.wakes,
		"connects": _connects,
		"resumes": _resumes,
		"losses": _losses,
		"errors": inbox.errors.duplicate(),
		"malformed": link.malformed,
		"bytes_sent": link.bytes_sent,
		"bytes_received": link.bytes_received,
	}


# --- one frame ---


## Does the work of one frame; [method _process] calls it.
func tick(delta: float, now_ms: int) -> void:
	if not _tree.is_paused():
		time_ms += delta * 1000.0
	_now_ms = now_ms
	# First of all: what comes now was meant for the scene before.
	var scene: Node = _tree.get_current_scene()
	if scene != null and scene.get_instance_id() != _scene_id:
		_note_scene(scene)
	link.poll(now_ms)
	if link.state != BrainsLink.State.OPEN:
		# What it has heard may have been the end of itself.
		if is_inside_tree():
			_fall_back(now_ms)
		return
	var has_news: bool = false
	if (roster.has_changes or epoch != roster.told_epoch) and roster.has_news(epoch):
		_tell_agents()
		has_news = roster.has_news(epoch)
	elif time_ms < schedule.next_ms and not outbox.has_more:
		return
	# Also where nothing can be sent: it learns how long frames are.
	var most: int = schedule.most_per_frame(delta * 1000.0)
	snapshots.keeps_events = has_news
	# A snapshot of an epoch of which the server has not heard would be of no use to it.
	if snapshots.has_room(now_ms) and epoch == roster.told_epoch:
		outbox.send_snapshot(most, now_ms)


func _tell_agents() -> void:
	var message: Dictionary = roster.next_message(epoch)
	var text: String = BrainsCodec.to_text(message)
	if link.send_text(text) == OK:
		roster.told(message, snapshots.next_number)
	elif text.to_utf8_buffer().size() > link.longest():
		roster.shorten(message)


func _fall_back(now_ms: int) -> void:
	for seat: BrainsSeat in schedule.take(time_ms, schedule.size(), snapshots.settled):
		seat.fall_back(now_ms, fallback_after_ms)
	if now_ms < _look_ms:
		return
	# One that decides seldom should not have to wait for its turn to learn that nobody is there.
	_look_ms = now_ms + LOOK_EVERY_MS
	for seat: BrainsSeat in roster.seats.values():
		# What one of them does about it may be the end of another.
		if seat.slot < 0 or seat.presence != BrainsSeat.Presence.WAITING:
			continue
		if seat.agent.can_process():
			seat.fall_back(now_ms, fallback_after_ms)


func _note_scene(scene: Node) -> void:
	if _scene_id != 0:
		begin_epoch()
	_scene_id = scene.get_instance_id()


# --- what the server says ---


func _on_welcomed(message: Dictionary) -> void:
	var session: Variant = message.get("session")
	var resumed: bool = session is Dictionary and is_same(session.get("resumed"), true)
	_failures = 0
	_connects += 1
	_resumes += int(resumed)
	if not resumed:
		orders.orphan_all()
		for seat: BrainsSeat in roster.seats.values():
			seat.applied = 0
	snapshots.window = mini(_window, _window_of(message))
	snapshots.begin_session(resumed, time_ms)
	roster.begin_session(resumed)
	if resumed:
		orders.report_running()
	insight.ask_again()
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
	_losses += 1
	var text: String = BrainsProtocol.explain(code, reason)
	if retry_in_s < 0.0:
		push_warning("Brains: %s; agents play their fallbacks, and no other attempt is made" % text)
	elif _failures == 1:
		# Later attempts are silent: a game without a server should not fill the console.
		print("Brains: no server at %s: %s; trying again" % [link.url, text])
	disconnected.emit(code, text, retry_in_s)


func _on_gave_up(_count: int) -> void:
	inbox.warnings.once(
		"the server does not answer snapshots; the game goes on without those answers"
	)


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
	agent.take_seat(seat)
	# What is on its way was meant for one of the same name before it.
	seat.applied = snapshots.next_number
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
		"time_ms": int(time_ms),
	}
	if not id.is_empty():
		told["agent"] = id
	snapshots.add_event(told)
	outbox.has_more = true


## Notes an order that was not carried out.
func note_drop(code: String, message: String) -> void:
	if code != "stale" and code != "unknown_agent":
		inbox.warnings.once("an order was not carried out (%s): %s" % [code, message])


func _configure() -> void:
	link.configure()
	link.client_name = str(ProjectSettings.get_setting("application/config/name", ""))
	_window = BrainsSettings.value("snapshots/window")
	snapshots.max_events = BrainsSettings.value("snapshots/max_events")
	max_age_ms = float(BrainsSettings.value("actions/max_age_ms"))
	fallback_after_ms = roundi(1000.0 * float(BrainsSettings.value("fallback/after_s")))
	outbox.most_agents = BrainsSettings.value("snapshots/max_agents")


func _let_wait() -> void:
	for seat: BrainsSeat in roster.seats.values():
		seat.in_flight = 0
		# The others wait already, and for how long is what counts.
		if seat.accepted:
			seat.wait(_now_ms)


## How many snapshots a server lets be unanswered.
static func _window_of(welcome: Dictionary) -> int:
	var limits: Variant = welcome.get("limits")
	var window: int = BrainsInbox.whole_of(limits, "window") if limits is Dictionary else -1
	return window if window > 0 else MOST_UNANSWERED

@tool
@icon("res://addons/brains/icons/brain_agent.svg")
class_name BrainAgent
extends Node
## Gives the character that is its parent a brain: a behaviour tree that `brains serve` runs.
##
## Say in [member actions] what the character can do, and in [method _observe] what it perceives.
## Carry out what [signal action_requested] asks for, and report the end:
## [codeblock]
## func _on_brain_action_requested(action: BrainOrder) -> void:
##     match action.name:
##         &"Patrol":
##             await walk_along(action.params["route"])
##             action.succeed()
## [/codeblock]
## An action may be taken back before its end: stop it on [signal action_cancelled].

## The brain wants this done.
signal action_requested(action: BrainOrder)
## The action is not wanted any more; its end need not be reported. [param reason] is
## [code]brain[/code] (it changed its mind), [code]replaced[/code] (by a newer one),
## [code]brain_lost[/code], [code]brain_found[/code] or [code]off[/code] (the agent was switched off
## or has left the tree).
signal action_cancelled(action: BrainOrder, reason: String)
## A piece of a line of speech; [member line] holds all of it so far. The line is over when [param
## done].
signal said(text: String, done: bool)
## A debugger has stopped the brain: the character should idle.
signal held(reason: String)
## The brain goes on.
signal released
## No server drives the character any more: its [member fallback] plays.
signal brain_lost
## A server drives the character (again).
signal brain_found
## The server does not take this agent; the reason is in [param message].
signal rejected(code: String, message: String)

## What the character does while no brain drives it.
enum Fallback {
	IDLE,  ## Nothing: the action that runs is cancelled.
	RESUME_LAST,  ## The last action again and again.
	CALLABLE,  ## What [member fallback_callable] says.
}

## In this group are all agents of the scene tree.
const GROUP: StringName = &"brain_agents"

## Names the agent to the server; empty: the actor's name when the agent enters the tree, made
## unique. An agent that gets another name in play begins anew.
@export var agent_id: String = "":
	set(value):
		var is_new: bool = value != agent_id
		agent_id = value
		update_configuration_warnings()
		if is_new:
			_begin_anew()
## Name of the tree: of a function marked [code]@brain("...")[/code] in the server's trees folder.
## An agent that gets another brain in play begins anew.
@export var brain: String = "":
	set(value):
		var is_new: bool = value != brain
		brain = value
		update_configuration_warnings()
		if is_new:
			_begin_anew()
## Decisions per second of game time. Those of many agents are spread over the frames.
@export_range(0.1, 60.0, 0.1, "or_greater") var decision_rate: float = 10.0:
	set(value):
		var is_new: bool = value != decision_rate
		decision_rate = maxf(value, 0.01)
		if is_new and seat != null and seat.slot >= 0:
			# The next decision is due as the old rate had it, which may be far away.
			_take_place()
## What the character does while no brain drives it.
@export var fallback: Fallback = Fallback.IDLE
## What the character can do.
@export var actions: Array[BrainAction] = []:
	set(value):
		_watch(false)
		actions = value
		_watch(true)
		update_configuration_warnings()
		redeclare()
## Properties of the actor that it perceives, such as [code]health[/code] or
## [code]position:x[/code].
@export var observed_properties: PackedStringArray = []:
	set(value):
		observed_properties = value
		_paths.assign(Array(value).map(func(path: String) -> NodePath: return NodePath(path)))
		_look_at_actor()
		update_configuration_warnings()
## A new order ends the one that runs. Switch it off for bodies that can do several things at once.
@export var one_at_a_time: bool = true
## Off: no brain drives the character, and its fallback does not play.
@export var enabled: bool = true:
	set(value):
		if value == enabled:
			return
		enabled = value
		if is_inside_tree() and not Engine.is_editor_hint():
			if enabled:
				_sign_in()
			else:
				_sign_out()

## Called with the agent at the decision rate while [member fallback] is CALLABLE, no brain drives
## the character and nothing runs. It may call [method start].
var fallback_callable: Callable = Callable()
## The line of speech so far.
var line: String = ""
## The last answer of the model, or why there was none: [code]leaf[/code], [code]question[/code],
## [code]answer[/code], [code]probabilities[/code], [code]latency_ms[/code], [code]model[/code],
## [code]reason[/code], [code]heard_ms[/code] (game time). Empty unless the project setting
## [code]brains/insight/enabled[/code] is on.
var last_decision: Dictionary = {}
## A debugger has stopped the brain.
var is_held: bool = false
## A server drives the character now.
var is_brained: bool = false
## What the client knows of this agent; null while it is not in the tree.
var seat: BrainsSeat
## The character. For the client.
var actor: Node
## Not every action need be possible: [method mask] has to be asked. For the client.
var may_mask: bool = false

var _by_name: Dictionary[StringName, BrainAction] = {}
var _unavailable: Dictionary[StringName, bool] = {}
var _paths: Array[NodePath] = []
var _line_id: String = ""
var _actor_observes: bool = false


func _enter_tree() -> void:
	if Engine.is_editor_hint():
		return
	add_to_group(GROUP)
	actor = get_parent()
	_look_at_actor()
	_update_may_mask()
	if seat != null:
		_come_back()
	elif enabled:
		_sign_in()


func _exit_tree() -> void:
	if seat != null:
		# It may be on its way to another parent, and then goes on with what it does.
		seat.client.schedule.remove(seat)
		_leave.call_deferred()


func _notification(what: int) -> void:
	if what == NOTIFICATION_PREDELETE and seat != null:
		seat.client.remove_agent(self)


func _get_configuration_warnings() -> PackedStringArray:
	return BrainsAdvice.of_agent(self)


## What the character perceives now: all that its brain may know. Override it, or give the actor a
## method of this name, or list properties in [member observed_properties].
##
## Vectors, colours and string names may be in it. Called once per decision, so it may cost
## something.
func _observe() -> Dictionary:
	var seen: Dictionary = {}
	if _actor_observes:
		var observed: Variant = actor.call(&"_observe")
		if not observed is Dictionary:
			without_observation(observed)
		else:
			# The actor may go on to use its own, or have it from a constant.
			seen = observed if _paths.is_empty() else observed.duplicate()
	for index: int in _paths.size():
		seen[observed_properties[index]] = actor.get_indexed(_paths[index])
	return seen


## The names of the actions that are possible now, asked for each decision: the brain chooses among
## these, and orders for others are refused. Override it, or use [method set_available]; what the
## method gives by itself are the actions that were not switched off, in an array of the caller's
## own.
func _available() -> Array[StringName]:
	var possible: Array[StringName] = []
	for one: BrainAction in actions:
		if one != null and not _unavailable.has(one.name):
			possible.append(one.name)
	return possible


## Says whether an action is possible from now on; at first all are.
func set_available(action: StringName, on: bool) -> void:
	if on:
		_unavailable.erase(action)
	else:
		_unavailable[action] = true
	_update_may_mask()


## Wants a decision in the very next frame, whatever the rate.
func request_decision() -> void:
	if seat != null:
		seat.request()


## Tells the brain that something has happened, and wants a decision on it. Events are not
## overwritten by newer ones, as observations are.
func notice(event: StringName, data: Dictionary = {}) -> void:
	if seat != null:
		seat.notice(event, data)


## Starts an action without a brain, such as for the fallback; null if it is not declared, not
## possible now, or its values do not fit.
func start(action: StringName, params: Dictionary = {}) -> BrainOrder:
	return seat.start(action, params) if seat != null else null


## Says how an order goes: [code]running[/code], [code]success[/code] or [code]failure[/code].
## False if there is no such order any more. The same as the methods of [BrainOrder].
func report(id: String, status: StringName, data: Dictionary = {}, message: String = "") -> bool:
	return seat != null and seat.report(id, status, data, message)


## The orders that are to be carried out now.
func running() -> Array[BrainOrder]:
	var orders: Array[BrainOrder] = []
	if seat != null:
		orders.assign(seat.running.values())
	return orders


## Tells the server again what the character can do, after something in [member actions] was
## changed. An array that is assigned as a whole is told by itself.
func redeclare() -> void:
	_by_name.clear()
	if seat != null:
		seat.retell()


## Says how the agent is, as plain data for panels and logs.
func describe() -> Dictionary:
	if seat != null:
		return seat.describe()
	# Nobody has a seat for it: the same, as of one that has done nothing.
	var empty: BrainsSeat = BrainsSeat.new()
	empty.agent = self
	empty.id = agent_id
	return empty.describe()


## Returns a declared action, or null.
func find_action(action: StringName) -> BrainAction:
	if _by_name.is_empty():
		for one: BrainAction in actions:
			if one != null and not one.name.is_empty():
				_by_name[one.name] = one
	return _by_name.get(action)


## Returns what is perceived, ready for a snapshot; for the client.
func perceive() -> Dictionary:
	var seen: Variant = _observe()
	if not seen is Dictionary:
		return without_observation(seen)
	if seat == null:
		return BrainsCodec.encode(seen)
	return seat.client.link.encode(seen)


## Returns what is perceived if what was given is no dictionary: nothing. A script error gives null,
## and must not stop the agents that come after; for the client.
func without_observation(given: Variant) -> Dictionary:
	if given is Object and seat != null:
		# Such as a coroutine's state.
		seat.client.orders.warnings.once("_observe() of %s has to return a Dictionary" % seat.id)
	return {}


## Returns what the brain was told last, from the first call on; for panels.
func last_observation() -> Dictionary:
	if seat == null:
		return {}
	seat.is_watched = true
	return seat.perceived


## Returns the names of the actions that are possible now; for the client.
func possible_actions() -> Array[StringName]:
	# A script error in it gives null.
	var given: Variant = _available()
	var possible: Array[StringName] = []
	for one: BrainAction in actions:
		if one != null and (not given is Array or given.has(one.name)):
			possible.append(one.name)
	return possible


## Tells whether an action that is declared is possible now; for the client.
func is_possible(action: StringName) -> bool:
	return not may_mask or possible_actions().has(action)


## Returns the names of the actions that are possible now, or null if all are; for the client.
func mask() -> Variant:
	var possible: Array[StringName] = possible_actions()
	var count: int = 0
	for one: BrainAction in actions:
		count += int(one != null)
	return (
		null if possible.size() == count else possible.map(func(n: StringName) -> String: return n)
	)


## Takes a place among the agents that a client knows; for the client.
func take_seat(given: BrainsSeat) -> void:
	seat = given
	_update_observer()


## Takes a piece of speech; for the client.
func hear(id: String, text: String, done: bool) -> void:
	if id != _line_id:
		_line_id = id
		line = ""
	line += text
	said.emit(text, done)


func _look_at_actor() -> void:
	_actor_observes = actor != null and actor.has_method(&"_observe")
	_update_observer()


func _update_may_mask() -> void:
	may_mask = not _unavailable.is_empty() or get_script() != BrainAgent
	_update_observer()


## Says whether the client may ask the actor itself, which saves it some calls in each decision.
func _update_observer() -> void:
	if seat != null:
		var is_plain: bool = _actor_observes and _paths.is_empty() and not may_mask
		seat.observer = actor if is_plain else null


func _sign_in() -> void:
	var client: BrainsClient = BrainsClient.instance
	if client == null:
		# The autoload may come later in this frame, in a test or a tool.
		_warn_if_alone.call_deferred()
		return
	# A successor may have the name of one that is about to go.
	var wanted: String = agent_id if not agent_id.is_empty() else String(get_parent().name)
	var holder: BrainsSeat = client.roster.seats.get(wanted)
	if holder != null and not holder.is_here():
		holder.agent._sign_out()
	client.add_agent(self)


func _sign_out() -> void:
	if seat == null:
		return
	var left: Array[BrainOrder] = running()
	seat.client.remove_agent(self)
	var was_held: bool = is_held
	is_held = false
	for order: BrainOrder in left:
		action_cancelled.emit(order, "off")
	if was_held:
		released.emit()


func _begin_anew() -> void:
	if is_inside_tree() and enabled and not Engine.is_editor_hint():
		_sign_out()
		_sign_in()


## Goes on after a move from one parent to another.
func _come_back() -> void:
	if enabled:
		_take_place()
	else:
		_sign_out()


## Takes a place in the schedule, or another one.
func _take_place() -> void:
	var was_urgent: bool = seat.urgent
	seat.client.schedule.remove(seat)
	seat.urgent = false
	seat.client.schedule.add(seat, seat.client.time_ms)
	if was_urgent:
		seat.client.urge(seat)


## Signs out, unless it has come back within the frame.
func _leave() -> void:
	if not is_inside_tree():
		_sign_out()


## One agent warns for all of them.
func _warn_if_alone() -> void:
	if not is_inside_tree() or BrainsClient.instance != null:
		return
	if get_tree().get_first_node_in_group(GROUP) == self:
		push_warning(
			(
				"Brains: there is no autoload Brains, so no agent gets a brain, nor plays its fallback:"
				+ " enable the plugin, or add res://addons/brains/brains_client.gd to the autoloads"
			)
		)


## The editor's warnings are to go away as soon as an action is mended.
func _watch(on: bool) -> void:
	for one: BrainAction in actions:
		if one != null and one.changed.is_connected(update_configuration_warnings) != on:
			if on:
				one.changed.connect(update_configuration_warnings)
			else:
				one.changed.disconnect(update_configuration_warnings)

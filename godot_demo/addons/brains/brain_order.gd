class_name BrainOrder
extends RefCounted
## One action that a brain wants carried out, with its values.
##
## Carry it out, and say how it ends with [method succeed] or [method fail]; until then the leaf of
## the tree that ordered it stays RUNNING. It may be taken back meanwhile: see [signal
## BrainAgent.action_cancelled].

## Names it on the wire; no two orders share one.
var id: String = ""
## The [BrainAction]'s name.
var name: StringName = &""
## Its values, checked and converted: see [enum BrainParameter.Type].
var params: Dictionary = {}
## Who chose it: [code]tree[/code], [code]llm[/code], [code]fallback[/code] (a leaf whose model did
## not answer), or [code]local[/code] (the agent's own fallback, while no brain is there).
var source: String = ""
## Why, in a few words; may be empty.
var reason: String = ""
## Whose order it is; null once the agent is gone.
var agent: BrainAgent:
	get:
		return (
			instance_from_id(_agent_id) as BrainAgent if is_instance_id_valid(_agent_id) else null
		)
	set(value):
		_agent_id = value.get_instance_id() if value != null else 0
## When it was begun, in game time.
var started_ms: float = 0.0
## How it goes: [code]running[/code], or how it ended.
var status: StringName = &"running"

## What the server calls the agent. For the client.
var agent_id: String = ""
## Why it ended, in a few words. For panels.
var message: String = ""
## Nobody waits for its end: the session that gave it is over, or it was the fallback's. It goes on
## until a brain orders something.
var is_orphan: bool = false

var _agent_id: int = 0


## The action is done. False if it had ended before.
func succeed(data: Dictionary = {}) -> bool:
	return _report(&"success", data)


## The action cannot be done, [param why] in a few words. False if it had ended before.
func fail(why: String = "", data: Dictionary = {}) -> bool:
	return _report(&"failure", data, why)


## The action goes on; [param data] tells the tree how far it is. False if it has ended.
func progress(data: Dictionary = {}) -> bool:
	return _report(&"running", data)


## Tells whether it is still to be carried out.
func is_running() -> bool:
	return status == &"running"


## Tells whether the game itself started it, with [method BrainAgent.start].
func is_local() -> bool:
	return source == "local"


func _to_string() -> String:
	return "%s %s%s" % [id, name, params if not params.is_empty() else ""]


func _report(how: StringName, data: Dictionary, why: String = "") -> bool:
	var owner: BrainAgent = agent
	if owner == null or owner.seat == null:
		return false
	# Not by its id: another session may have given the same to another order meanwhile.
	return owner.seat.report_on(self, how, data, why)

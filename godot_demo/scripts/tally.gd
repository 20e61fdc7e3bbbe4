class_name Tally
extends Node
## Counts what everybody does.

## Orders of the brain that ended in success or failure.
var finished: int = 0
## How the letter was won, and after how many seconds; empty until then.
var win: Dictionary = {}
## Is told everything, if somebody wants to know.
var trace: Trace

var _started_ms: int = Time.get_ticks_msec()
var _actions: Dictionary[String, int] = {}
var _by_agent: Dictionary[String, int] = {}
var _sources: Dictionary[String, int] = {}
var _results: Dictionary[String, int] = {}
var _errors: Array[String] = []
var _longest_ms: Dictionary[String, int] = {}
## Since when each agent has had nothing to do from its brain.
var _silent_since_ms: Dictionary[String, int] = {}
var _running: Dictionary[String, String] = {}


func _init(yard: Yard) -> void:
	for actor: Actor in yard.actors():
		var id: String = String(actor.name)
		_by_agent[id] = 0
		_longest_ms[id] = 0
		_silent_since_ms[id] = _started_ms
		actor.began.connect(_on_began.bind(id))
		actor.ended.connect(_on_ended.bind(id))
		actor.brain.brain_lost.connect(_note.bind("brain_lost", {"agent": id}))
		actor.brain.brain_found.connect(_note.bind("brain_found", {"agent": id}))
		actor.brain.rejected.connect(_on_rejected.bind(id))
	Brains.connected.connect(_on_connected)
	Brains.disconnected.connect(_on_disconnected)
	Brains.problem.connect(_on_problem)


## Notes that the letter is out.
func note_win(way: String, in_s: float) -> void:
	win = {"way": way, "seconds": snappedf(in_s, 0.1)}
	_note("won", win)


## Returns how long the game has been going on.
func seconds() -> float:
	return (Time.get_ticks_msec() - _started_ms) / 1000.0


## Returns everything as plain data.
func summary() -> Dictionary:
	var longest_s: Dictionary[String, float] = {}
	for id: String in _longest_ms:
		longest_s[id] = maxi(_longest_ms[id], _silence_ms(id)) / 1000.0
	return {
		"finished": finished,
		"actions": _actions,
		"by_agent": _by_agent,
		"sources": _sources,
		"results": _results,
		"running": _running,
		"won": win,
		"model":
		{
			"name": Brains.insight.model,
			"latency_ms": Brains.insight.median_latency_ms(),
			"fallback_rate": Brains.insight.fallback_rate(),
		},
		"seconds": seconds(),
		"longest_silence_s": longest_s,
		"counters": Brains.counters(),
		"errors": _errors,
	}


func _on_began(order: BrainOrder, id: String) -> void:
	_count(_sources, order.source)
	_note("began", _about(order, id))
	if order.is_local():
		return
	_count(_actions, order.name)
	_count(_by_agent, id)
	_longest_ms[id] = maxi(_longest_ms[id], _silence_ms(id))
	_running[id] = order.id


func _on_ended(order: BrainOrder, id: String) -> void:
	_note("ended", _about(order, id))
	if order.is_local():
		return
	_count(_results, order.status)
	_running.erase(id)
	_silent_since_ms[id] = Time.get_ticks_msec()
	if order.status != &"cancelled":
		finished += 1


func _on_connected(resumed: bool) -> void:
	_note("connected", {"resumed": resumed, "session": Brains.session_id})


func _on_disconnected(code: int, reason: String, retry_in_s: float) -> void:
	_note("disconnected", {"code": code, "reason": reason, "retry_in_s": retry_in_s})


func _on_problem(code: String, message: String, _hint: String) -> void:
	_errors.append("%s: %s" % [code, message])
	_note("problem", {"code": code, "message": message})


func _on_rejected(code: String, message: String, id: String) -> void:
	_errors.append("%s was not taken, %s: %s" % [id, code, message])
	_note("rejected", {"agent": id, "code": code})


func _silence_ms(id: String) -> int:
	return 0 if _running.has(id) else Time.get_ticks_msec() - _silent_since_ms[id]


func _note(what: String, data: Dictionary) -> void:
	if trace != null:
		trace.note(what, data)


static func _about(order: BrainOrder, id: String) -> Dictionary:
	return {
		"agent": id,
		"id": order.id,
		"action": String(order.name),
		"source": order.source,
		"status": String(order.status),
	}


static func _count(counts: Dictionary[String, int], key: String) -> void:
	counts[key] = counts.get(key, 0) + 1

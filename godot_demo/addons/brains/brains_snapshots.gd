class_name BrainsSnapshots
extends RefCounted
## The snapshots on their way: how many may be unanswered, and the events that wait for the next
## one.
##
## Of the world only the newest state counts, so nothing is queued: what agents perceive is looked
## at when there is room for a snapshot. An event happens once, so events are kept, up to a cap.

## The server has forgotten so many snapshots.
signal gave_up(count: int)

## Places in what is kept of a snapshot that flies.
enum { NUMBER, TIME_MS, SENT_MS, EVENTS }

## Without an answer for so long, the server will not answer this one any more.
const ANSWER_TIMEOUT_MS: int = 10000
## Events older than this mean nothing to a brain that has just begun.
const STALE_EVENT_MS: float = 5000.0
## Results that ride in one snapshot.
const MOST_RESULTS: int = 256
## Snapshots that have to fit before agents are added to those that were too long.
const EASE_AFTER: int = 30

var window: int = 2
var max_events: int = 256
var sent: int = 0
var answered: int = 0
## Snapshots that were never answered.
var unanswered: int = 0
var events_sent: int = 0
var events_dropped: int = 0
## No events are sent: they may be for agents of whom the server has yet to hear.
var keeps_events: bool = false
## Most agents in one, because more were too long; 0: no limit.
var most_agents: int = 0
## Number of the snapshot that is built next.
var next_number: int = 1
## Number of the newest snapshot before which all are answered (or given up).
var settled: int = 0

## Those that are not answered yet, oldest first, as [constant NUMBER], [constant TIME_MS] of the
## game, [constant SENT_MS] and how many [constant EVENTS] are in it. (Plain arrays, since to make
## packed ones, or to check a type, takes longer than all the rest that is done with them.)
var _flying: Array = []
var _events: Array[Dictionary] = []
var _ease_in: int = 0
## Events that were dropped since the last snapshot.
var _just_dropped: int = 0


## Tells whether one may be sent now; gives those up that the server has forgotten.
func has_room(now_ms: int) -> bool:
	if not _flying.is_empty() and now_ms - _flying[0][SENT_MS] > ANSWER_TIMEOUT_MS:
		_give_up_old(now_ms)
	return _flying.size() < window


## Tells whether events can be sent now.
func has_events() -> bool:
	return not keeps_events and not _events.is_empty()


## Begins with a server that goes on with the session, or knows nothing.
func begin_session(resumed: bool, time_ms: float) -> void:
	forget_unanswered()
	if resumed:
		return
	next_number = 1
	settled = 0
	var fresh: Array[Dictionary] = []
	for event: Dictionary in _events:
		if time_ms - float(event["time_ms"]) <= STALE_EVENT_MS:
			fresh.append(event)
	_drop(_events.size() - fresh.size())
	_events = fresh


## Notes that the connection is gone, and with it all answers that were to come.
func forget_unanswered() -> void:
	unanswered += _flying.size()
	for flight: Array in _flying:
		# They may have arrived, but to say them again could make one event two.
		_drop(flight[EVENTS])
	_flying.clear()
	_settle()


## Keeps an event for the next snapshot.
func add_event(event: Dictionary) -> void:
	if _events.size() >= max_events:
		_events.pop_front()
		_drop(1)
	_events.append(event)


## Gives all events up that wait, which are too long for a message.
func leave_events_out(message: Dictionary) -> void:
	_drop(_events.size())
	_events = []
	message.erase("events")
	message["events_dropped"] = _just_dropped


## Notes that there was room for so many agents only.
func divide(fitting: int) -> void:
	most_agents = maxi(1, fitting)
	_ease_in = EASE_AFTER


## Returns the message for these agents.
func build(parts: Dictionary, world: Dictionary, epoch: int, time_ms: float) -> Dictionary:
	var message: Dictionary = {
		"type": "snapshot",
		"seq": next_number,
		"epoch": epoch,
		"frame": Engine.get_physics_frames(),
		"time_ms": int(time_ms),
		"world": world,
		"agents": parts,
	}
	if not keeps_events and not _events.is_empty():
		message["events"] = _events
	if _just_dropped > 0:
		message["events_dropped"] = _just_dropped
	return message


## Notes that a message of [method build] was sent.
func launched(time_ms: float, now_ms: int) -> void:
	sent += 1
	if keeps_events or _events.is_empty():
		_flying.append([next_number, time_ms, now_ms, 0])
	else:
		_flying.append([next_number, time_ms, now_ms, _events.size()])
		events_sent += _events.size()
		_events = []
	next_number += 1
	_just_dropped = 0
	if most_agents > 0:
		_ease()


## Takes an answer; returns the game time of its snapshot, or -1 if there is none unanswered of this
## number.
func land(seq: int) -> float:
	for place: int in _flying.size():
		if _flying[place][NUMBER] == seq:
			var time_ms: float = _flying[place][TIME_MS]
			answered += 1
			# Answers come in the order of the snapshots, so those before it will have none.
			unanswered += place
			for passed: int in place + 1:
				_flying.remove_at(0)
			# As in _settle().
			settled = next_number - 1 if _flying.is_empty() else _flying[0][NUMBER] - 1
			return time_ms
	return -1.0


func _give_up_old(now_ms: int) -> void:
	var count: int = 0
	while not _flying.is_empty() and now_ms - _flying[0][SENT_MS] > ANSWER_TIMEOUT_MS:
		_flying.remove_at(0)
		count += 1
	unanswered += count
	_settle()
	gave_up.emit(count)


func _settle() -> void:
	settled = next_number - 1 if _flying.is_empty() else _flying[0][NUMBER] - 1


## Agents may perceive less by now.
func _ease() -> void:
	_ease_in -= 1
	if _ease_in <= 0:
		_ease_in = EASE_AFTER
		most_agents += 1 + most_agents / 8


func _drop(count: int) -> void:
	events_dropped += count
	_just_dropped += count

class_name BrainsSchedule
extends RefCounted
## Says which agents are due in a frame: each at its own rate, spread so that no frame has many of
## them.

## The golden ratio's fraction: multiples of it fall as evenly between 0 and 1 as any sequence can.
const GOLDEN: float = 0.6180339887498949
## Where a frame has fewer agents than this on average, a snapshot waits a frame for more of them.
const FEW: int = 8
## A frame is not a long one up to this.
const ORDINARY_FRAME_MS: float = 50.0
## Fewest agents that a frame takes if they are due.
const FEWEST: int = 8

## Nobody has to be taken before; most frames of a game with few agents are before it.
var next_ms: float = 0.0

var _seats: Array[BrainsSeat] = []
var _due_ms: PackedFloat64Array = []
var _period_ms: PackedFloat64Array = []
var _urgent: Array[BrainsSeat] = []
## Places of those that are due, in a frame.
var _late: PackedInt32Array = []
var _cursor: int = 0
var _count: int = 0
var _frame_ms: float = 1000.0 / 60.0
## Decisions per millisecond of all agents together.
var _per_ms: float = 0.0


func size() -> int:
	return _seats.size()


func add(seat: BrainsSeat, now_ms: float) -> void:
	seat.slot = _seats.size()
	_seats.append(seat)
	_count += 1
	var period_ms: float = 1000.0 / seat.agent.decision_rate
	_period_ms.append(period_ms)
	_per_ms += 1.0 / period_ms
	var due_ms: float = now_ms + fmod(_count * GOLDEN, 1.0) * period_ms
	_due_ms.append(due_ms)
	next_ms = minf(next_ms, due_ms)


func remove(seat: BrainsSeat) -> void:
	if seat.slot < 0:
		return
	var last: int = _seats.size() - 1
	# What is left over of it without anybody would be a rounding error.
	_per_ms = _per_ms - 1.0 / _period_ms[seat.slot] if last > 0 else 0.0
	_seats[seat.slot] = _seats[last]
	_seats[seat.slot].slot = seat.slot
	_due_ms[seat.slot] = _due_ms[last]
	_period_ms[seat.slot] = _period_ms[last]
	_seats.remove_at(last)
	_due_ms.remove_at(last)
	_period_ms.remove_at(last)
	seat.slot = -1
	_urgent.erase(seat)


## Puts an agent into the very next frame.
func urge(seat: BrainsSeat) -> void:
	if not seat.urgent and seat.slot >= 0:
		seat.urgent = true
		_urgent.append(seat)
		next_ms = -INF


## Says how many agents a frame should take at most: twice as many as are due in one on average, so
## that what has piled up while the server was slow is worked off over several frames.
func most_per_frame(frame_ms: float) -> int:
	# One long frame, as while a scene loads, says little of those to come.
	var counted_ms: float = minf(frame_ms, maxf(ORDINARY_FRAME_MS, 2.0 * _frame_ms))
	_frame_ms += (counted_ms - _frame_ms) * 0.05
	return maxi(FEWEST, ceili(2.0 * _per_ms * _frame_ms))


## Returns the agents that are due, urgent ones first, and sets when they are due again.
##
## One that stands still because its part of the tree is paused, or that is in a snapshot newer than
## [param answered], keeps its turn.
func take(now_ms: float, most: int, answered: int) -> Array:
	# Not of a type that each member would be compared with.
	var taken: Array = []
	if not _urgent.is_empty():
		_take_urgent(now_ms, most, taken)
	# This loop sees every agent in every frame, so it does as little as it can.
	var index: int = 0
	var soonest_ms: float = INF
	for due_ms: float in _due_ms:
		if due_ms <= now_ms:
			_late.append(index)
		elif due_ms < soonest_ms:
			soonest_ms = due_ms
		index += 1
	var index_of_first: int = 0
	if taken.size() + _late.size() > most:
		# On from where the last frame had enough, so that nobody is always the last.
		index_of_first = _late.bsearch(_cursor)
		_late.append_array(_late.slice(0, index_of_first))
	for step: int in range(index_of_first, _late.size()):
		var late: int = _late[step]
		if taken.size() >= most:
			_cursor = late
			soonest_ms = -INF
			break
		var seat: BrainsSeat = _seats[late]
		if seat.in_flight <= answered and not seat.urgent and seat.agent.can_process():
			taken.append(seat)
			# As in _set_next().
			var next: float = _due_ms[late] + _period_ms[late]
			_due_ms[late] = next if next > now_ms else now_ms + _period_ms[late]
		soonest_ms = minf(soonest_ms, _due_ms[late])
	_late.clear()
	# A snapshot costs more than an agent in it: few agents wait a frame for company.
	next_ms = soonest_ms + _frame_ms if _per_ms * _frame_ms < FEW else now_ms
	if not _urgent.is_empty():
		next_ms = -INF
	return taken


## Makes agents due again that were taken and could not be served.
func put_back(seats: Array, now_ms: float) -> void:
	next_ms = -INF
	for seat: BrainsSeat in seats:
		if seat.slot >= 0:
			_due_ms[seat.slot] = now_ms


func _take_urgent(now_ms: float, most: int, taken: Array) -> void:
	var index: int = 0
	while index < _urgent.size() and taken.size() < most:
		var seat: BrainsSeat = _urgent[index]
		if seat.agent.can_process():
			seat.urgent = false
			if _due_ms[seat.slot] - now_ms < 0.5 * _period_ms[seat.slot]:
				# Its turn would come soon; otherwise it comes all the same, or those that something
				# has made urgent in one moment would be due together ever after.
				_set_next(seat.slot, now_ms)
			taken.append(seat)
			_urgent.remove_at(index)
		else:
			index += 1


func _set_next(index: int, now_ms: float) -> void:
	# From when it was due, so that agents stay spread; but what was missed is not made up for.
	var period: float = _period_ms[index]
	var next: float = _due_ms[index] + period
	_due_ms[index] = next if next > now_ms else now_ms + period

class_name Deck
extends RefCounted
## Draws from several groups in turns, each shuffled, so that a short time brings something of
## everything.

var _random: RandomNumberGenerator
var _groups: Array[Array]
var _left: Array[Array] = []
var _turns: Array[int] = []


func _init(random: RandomNumberGenerator, groups: Array[Array]) -> void:
	_random = random
	_groups = groups
	for group: Array in groups:
		_left.append([])


## Returns the next one.
func draw() -> Variant:
	if _turns.is_empty():
		for turn: int in _groups.size():
			_turns.append(turn)
		_shuffle(_turns)
	var group: int = _turns.pop_back()
	if _left[group].is_empty():
		_left[group] = _groups[group].duplicate()
		_shuffle(_left[group])
	return _left[group].pop_back()


## As [method Array.shuffle], but out of our own random numbers, so that a seed decides it.
func _shuffle(cards: Array) -> void:
	for last: int in range(cards.size() - 1, 0, -1):
		var other: int = _random.randi_range(0, last)
		var card: Variant = cards[last]
		cards[last] = cards[other]
		cards[other] = card

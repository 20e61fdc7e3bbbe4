extends SceneTree
## Measures [BrainsCodec] beside `JSON.stringify()` of the same, with vectors that were written as
## arrays by hand. Prints one line of JSON per number of agents.

const ROUNDS: int = 200


func _initialize() -> void:
	for count: int in [10, 100, 1000]:
		_measure(count, maxi(10, ROUNDS * 10 / count))
	quit()


func _measure(count: int, rounds: int) -> void:
	var by_hand: Dictionary = _agents(count, true)
	var found: Dictionary = _agents(count, false)
	var plain: Array[float] = []
	var all: Array[float] = []
	var encoding: Array[float] = []
	var writing: Array[float] = []
	var same: Array[float] = []
	var naive: Array[float] = []
	for _round: int in rounds:
		# In turns, so that all get their share of a machine that is busy for a while.
		plain.append(_time(func() -> void: JSON.stringify({"agents": by_hand}, "", false)))
		encoding.append(_time(func() -> void: _encoded(found)))
		all.append(_time(func() -> void: BrainsCodec.to_text({"agents": _encoded(found)})))
		writing.append(_time(func() -> void: BrainsCodec.to_text({"agents": by_hand})))
		same.append(_time(func() -> void: _encoded(by_hand)))
		naive.append(_time(func() -> void: _naive(found)))
	var stringify: float = _median(plain)
	var line: Dictionary = {
		"agents": count,
		"bytes": JSON.stringify(by_hand).length(),
		"stringify_us": stringify,
		"all": _median(all) / stringify,
		"to_text": _median(writing) / stringify,
		"encode": _median(encoding) / stringify,
		"encode_unchanged": _median(same) / stringify,
		"naive_encode": _median(naive) / stringify,
	}
	print("@@bench ", JSON.stringify(line))


## As the addon does it: each agent for itself.
func _encoded(agents: Dictionary) -> Dictionary:
	var made: Dictionary = {}
	for id: String in agents:
		made[id] = BrainsCodec.encode(agents[id])
	return made


## As one would write it first: a function per value, and everything made anew.
func _naive(value: Variant) -> Variant:
	match typeof(value):
		TYPE_VECTOR2:
			return [value.x, value.y]
		TYPE_DICTIONARY:
			var made: Dictionary = {}
			for key: Variant in value:
				made[str(key)] = _naive(value[key])
			return made
		TYPE_ARRAY:
			return (value as Array).map(_naive)
	return value


func _agents(count: int, by_hand: bool) -> Dictionary:
	var agents: Dictionary = {}
	for index: int in count:
		var at: Vector2 = Vector2(index * 1.37, index * 0.11)
		var to: Vector2 = Vector2(0.1 * index, -3.0)
		agents["agent_%d" % index] = {
			"id": "agent_%d" % index,
			"kind": "guard",
			"pos": [at.x, at.y] if by_hand else at,
			"vel": [to.x, to.y] if by_hand else to,
			"hp": 100 - index % 7,
			"ammo": index,
			"state": "patrol",
			"target": "thief_%d" % (index % 5),
			"alert": index % 2 == 0,
			"near": [index, index + 1, index + 2],
		}
	return agents


func _time(run: Callable) -> float:
	var started: int = Time.get_ticks_usec()
	run.call()
	return Time.get_ticks_usec() - started


func _median(times: Array[float]) -> float:
	times.sort()
	return times[times.size() / 2]

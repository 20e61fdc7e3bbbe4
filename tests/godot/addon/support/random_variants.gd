extends SceneTree
## Writes what the codec makes of random values, for Python to read: one value per line, as JSON, a
## tab, what Python should find in it, a tab, and the bytes of it as a Variant, in hexadecimal.
##
## User arguments: `--seed=NUMBER`, `--count=NUMBER`, `--out=PATH`. What should be found is JSON of
## plain ASCII: null, true, false, ["i", digits], ["f", digits], ["r", digits] (rounded),
## ["s", base64], ["l", items], ["d", [[base64 of the key, item], ...]].

const PIECES: PackedStringArray = [
	"a",
	" ",
	"guard",
	"é",
	"日本",
	"🏰",
	'"',
	"\\",
	"\\v",
	"/",
	"\n",
	"\t",
	"\b",
	"\f",
	"\r",
	"\u2028",
	"\ufeff",
	"\uffff",
	"nan",
	"inf",
	"1e99999",
	'"(',
	"...",
	"</s>",
]
const DROPPED: PackedInt32Array = [1, 2, 7, 11, 14, 27, 31, 127]
const MOST_DEPTH: int = 4

var _random: RandomNumberGenerator = RandomNumberGenerator.new()
var _made: int = 0


func _initialize() -> void:
	var options: Dictionary[String, String] = {}
	for given: String in OS.get_cmdline_user_args():
		options[given.get_slice("=", 0)] = given.get_slice("=", 1)
	_random.seed = options["--seed"].to_int()
	var file: FileAccess = FileAccess.open(options["--out"], FileAccess.WRITE)
	for _line: int in options["--count"].to_int():
		var pair: Array = _any(0)
		var text: String = BrainsCodec.to_text({"v": BrainsCodec.encode(pair[0])})
		var bytes: PackedByteArray = var_to_bytes(BrainsCodec.plain({"v": pair[0]}))
		file.store_string("\t".join([text, JSON.stringify(pair[1]), bytes.hex_encode()]) + "\n")
	file.close()
	quit()


## Returns a random value and what should be found of it.
func _any(depth: int) -> Array:
	match _random.randi() % (12 if depth < MOST_DEPTH else 8):
		0:
			return [null, null]
		1:
			var flag: bool = _random.randi() % 2 == 0
			return [flag, flag]
		2:
			return _integer()
		3:
			return _float()
		4, 5:
			return _text()
		6:
			return _fixed()
		7:
			return _nothing()
		8:
			return _packed()
		9:
			return _array(depth)
	return _dictionary(depth)


func _integer() -> Array:
	var value: int = _random.randi_range(-1000, 1000)
	if _random.randi() % 4 == 0:
		value = (_random.randi() << 32) | _random.randi()
	if absi(value) <= BrainsCodec.LARGEST_INT and value != -9223372036854775808:
		return [value, ["i", str(value)]]
	return [value, ["s", Marshalls.utf8_to_base64(str(value))]]


func _float() -> Array:
	var value: float = _random.randfn(0.0, 100.0)
	match _random.randi() % 8:
		0:
			return [NAN, null]
		1:
			return [INF if _random.randi() % 2 == 0 else -INF, null]
		2:
			value *= pow(10.0, _random.randi_range(-12, 280))
		3:
			value = roundf(value)
	return [value, ["f", _exactly(value)]]


## A text, what should be found of it, and that in plain.
func _text() -> Array:
	var text: String = ""
	var kept: String = ""
	for _piece: int in _random.randi() % 6:
		if _random.randi() % 4 == 0:
			text += String.chr(DROPPED[_random.randi() % DROPPED.size()])
		elif _random.randi() % 16 == 0:
			text += ["&#xd812;", "&#xdfff;", "&#x110000;"].pick_random().xml_unescape()
		else:
			var piece: String = PIECES[_random.randi() % PIECES.size()]
			text += piece
			kept += piece
	var found: Array = ["s", Marshalls.utf8_to_base64(kept) if kept != "" else ""]
	match _random.randi() % 6:
		0:
			return [StringName(text), found, kept]
		1 when not "/" in text and not ":" in text:
			return [NodePath(text), found, kept]
	return [text, found, kept]


## Values of as many numbers as their type has.
func _fixed() -> Array:
	var a: Vector4 = _vector()
	var b: Vector4 = _vector()
	var at: Vector2 = Vector2(a.x, a.y)
	var to: Vector2 = Vector2(b.x, b.y)
	var place: Vector3 = Vector3(a.x, a.y, a.z)
	var size: Vector3 = Vector3(b.x, b.y, b.z)
	var pairs: Array[Array] = [
		[at, _numbers([at.x, at.y])],
		[place, _numbers([place.x, place.y, place.z])],
		[a, _numbers([a.x, a.y, a.z, a.w])],
		[Vector2i(3, -4), ["l", [["i", "3"], ["i", "-4"]]]],
		[Rect2(at, to), _numbers([at.x, at.y, to.x, to.y])],
		[Color(a.x, a.y, a.z, a.w), _numbers([a.x, a.y, a.z, a.w])],
		[AABB(place, size), _numbers([place.x, place.y, place.z, size.x, size.y, size.z])],
		[Quaternion(a.x, a.y, a.z, a.w), _numbers([a.x, a.y, a.z, a.w])],
		[Transform2D(at, to, at), _rows([[at.x, at.y], [to.x, to.y], [at.x, at.y]])],
	]
	return pairs[_random.randi() % pairs.size()]


func _vector() -> Vector4:
	var made: Vector4 = Vector4(
		_random.randfn(0, 1000), _random.randfn(0, 1), _random.randf(), roundf(_random.randfn(0, 9))
	)
	if _random.randi() % 8 == 0:
		made[_random.randi() % 4] = NAN if _random.randi() % 2 == 0 else INF
	return made


func _numbers(numbers: Array) -> Variant:
	var found: Array = []
	for number: float in numbers:
		if not is_finite(number):
			return null
		found.append(["r", _exactly(number)])
	return ["l", found]


func _rows(rows: Array) -> Variant:
	var found: Array = rows.map(_numbers)
	return null if found.has(null) else ["l", found]


## All digits of a number; [method @GlobalScope.var_to_str] leaves some out.
func _exactly(number: float) -> String:
	return JSON.stringify(number, "", false, true)


func _nothing() -> Array:
	var values: Array = [RefCounted.new(), RID(), quit, process_frame, Callable(), Signal()]
	return [values[_random.randi() % values.size()], null]


func _packed() -> Array:
	match _random.randi() % 4:
		0:
			return [PackedInt32Array([1, -2]), ["l", [["i", "1"], ["i", "-2"]]]]
		1:
			return [PackedVector2Array([Vector2(1, 2)]), ["l", [_numbers([1, 2])]]]
		2:
			return [PackedFloat64Array([NAN, 0.5]), ["l", [null, ["f", "0.5"]]]]
	return [PackedByteArray([1, 2, 3]), ["s", Marshalls.utf8_to_base64("AQID")]]


func _array(depth: int) -> Array:
	var value: Array = []
	var found: Array = []
	for _item: int in _random.randi() % 5:
		var pair: Array = _any(depth + 1)
		value.append(pair[0])
		found.append(pair[1])
	return [value, ["l", found]]


func _dictionary(depth: int) -> Array:
	var value: Dictionary = {}
	var found: Array = []
	for _item: int in _random.randi() % 6:
		_made += 1
		var pair: Array = _any(depth + 1)
		var key: Array = _text()
		if _random.randi() % 5 == 0:
			value[_made] = pair[0]
			found.append([Marshalls.utf8_to_base64(str(_made)), pair[1]])
		else:
			# No two keys may become one when characters are dropped.
			value["%d:" % _made + String(key[0])] = pair[0]
			found.append([Marshalls.utf8_to_base64("%d:" % _made + key[2]), pair[1]])
	return [value, ["d", found]]

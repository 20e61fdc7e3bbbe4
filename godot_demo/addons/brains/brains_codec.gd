class_name BrainsCodec
extends RefCounted
## Turns what a game has at hand into JSON that Python reads, whatever it is, and reads JSON back.
##
## [codeblock lang=text]
## null, bool, String, StringName, NodePath       as they are (JSON writes the last two as texts)
## int                                            as it is; beyond 2^53 a text of its digits
## float                                          as it is; NAN and INF null
## Vector2, Vector3, Vector4, and with i          [x, y], [x, y, z], [x, y, z, w]
## Quaternion, Color, Plane                       [x, y, z, w], [r, g, b, a], [x, y, z, d]
## Rect2, Rect2i                                  [x, y, width, height]
## AABB                                           [x, y, z, width, height, depth]
## Basis, Transform2D, Transform3D, Projection    its columns and its origin, each an array
## Dictionary                                     a dictionary; JSON writes its keys as texts
## Array, packed arrays                           an array; PackedByteArray as a text in base64
## Node                                           its name
## Resource                                       its path; null if it has none
## any other object, Callable, Signal, RID        null
## [/codeblock]
## The parts of vectors and the like are 32 bits wide, so that 0.1 is 0.100000001490116 in there;
## they are rounded to five decimals. If one of them is not finite, the whole is null.

## Integers up to here are exact in a float, and a float is what JSON gives Godot back.
const LARGEST_INT: int = 9007199254740992

## Dictionaries and arrays that one value may consist of. What contains itself twice would grow
## beyond all bounds long before it is too deep.
const MOST_CONTAINERS: int = 16384

## Multiplied, rounded and divided: [code]snappedf()[/code] makes 3.0000000000000004 of 3.
const _ROUND: float = 100000.0

## What may be in a text that [JSON] has written but must not be in JSON: control characters,
## halves of surrogate pairs, and what is no character at all. DEL may, but is of no use to anyone.
static var _forbidden: RegEx = RegEx.create_from_string(
	"[\\x00-\\x1f\\x7f\\x{d800}-\\x{dfff}\\x{110000}-\\x{ffffffff}]"
)
## As well as that, [code]\v[/code], with which JSON writes a vertical tab though JSON knows no such
## thing. Each time a text has one of these it takes longer, so they all are looked for at once.
static var _suspicious: RegEx = RegEx.create_from_string(
	"[\\x00-\\x1f\\x7f\\x{d800}-\\x{dfff}\\x{110000}-\\x{ffffffff}]|\\\\v"
)
static var _escape: RegEx = RegEx.create_from_string("(\\\\[^v])|\\\\v")
static var _infinite: RegEx = RegEx.create_from_string(_pattern_of_infinite())

static var _parser: JSON = JSON.new()
static var _containers_left: int = 0
static var _has_warned: bool = false


## Returns [param value] as something that [JSON] can write and Python can read. Where nothing has
## to be changed for that, it is [param value] itself, otherwise a copy of as much as has to be.
## Deeper than [param max_depth] dictionaries and arrays everything is null.
static func encode(value: Variant, max_depth: int = 16) -> Variant:
	_containers_left = MOST_CONTAINERS
	if value is Dictionary:
		return _encode_dictionary(value, max_depth)
	return _encode(value, max_depth)


## Returns [param value] itself if [method @GlobalScope.var_to_bytes] writes it so that the
## server reads the same as it would from JSON, which is nearly always; otherwise what [method
## encode] makes of it. Only names of nodes and paths of resources are known in the game alone, and
## what contains itself would never end.
static func plain(value: Dictionary, max_depth: int = 16) -> Dictionary:
	_containers_left = MOST_CONTAINERS
	# As in _is_plain(), which is not called for most of what games observe: a call costs more.
	var is_plain: bool = max_depth > 0
	for part: Variant in value.values():
		if typeof(part) < TYPE_OBJECT:
			continue
		if part is Array:
			is_plain = is_plain and max_depth > 1
			for item: Variant in part:
				if typeof(item) >= TYPE_OBJECT:
					is_plain = is_plain and _is_plain(part, max_depth - 1)
					break
		elif part is Dictionary:
			is_plain = is_plain and _is_plain((part as Dictionary).values(), max_depth - 1)
		elif typeof(part) == TYPE_OBJECT:
			is_plain = false
	if is_plain:
		return value
	var encoded: Variant = encode(value, max_depth)
	return encoded if encoded is Dictionary else {}


## Returns a message as JSON. Its values should have been through [method encode]; if not, this
## still is JSON that Python reads (unless it is a thousand levels deep), but a vector in there is a
## text.
static func to_text(message: Dictionary) -> String:
	var text: String = JSON.stringify(message, "", false)
	if _infinite.search(text) != null:
		text = JSON.stringify(encode(message, 64), "", false)
	return text if _suspicious.search(text) == null else _clean(text)


## Returns the JSON object in [param text] as a [Dictionary], in which every number is a float; null
## if it holds anything else. Prints nothing.
static func parse(text: String) -> Variant:
	if _parser.parse(text) != OK:
		return null
	var data: Variant = _parser.get_data()
	return data if data is Dictionary else null


static func _encode(value: Variant, depth: int) -> Variant:
	match typeof(value):
		TYPE_NIL, TYPE_BOOL, TYPE_STRING, TYPE_STRING_NAME, TYPE_NODE_PATH:
			return value
		TYPE_INT:
			return value if value <= LARGEST_INT and value >= -LARGEST_INT else str(value)
		TYPE_FLOAT:
			return value if is_finite(value) else null
		TYPE_DICTIONARY:
			return _encode_dictionary(value, depth)
		TYPE_ARRAY:
			return _encode_array(value, depth)
		TYPE_OBJECT:
			return _encode_object(value)
	if typeof(value) >= TYPE_PACKED_BYTE_ARRAY:
		return _encode_packed_array(value, depth)
	return _encode_geometry(value)


## Tells whether there is no object in there, and nothing that is too deep or too much.
static func _is_plain(values: Array, depth: int) -> bool:
	_containers_left -= 1
	if depth <= 0 or _containers_left < 0:
		return false
	for value: Variant in values:
		var type: int = typeof(value)
		if type < TYPE_OBJECT:
			continue
		if type == TYPE_ARRAY:
			if not _is_plain(value, depth - 1):
				return false
		elif type == TYPE_DICTIONARY:
			if not _is_plain((value as Dictionary).values(), depth - 1):
				return false
		elif type == TYPE_OBJECT:
			return false
	return true


## The addon spends more time in here than anywhere else, so the types that games use most are
## looked at first and on the spot, and [code]is[/code] does it since it is the fastest way.
static func _encode_dictionary(source: Dictionary, depth: int) -> Variant:
	if depth <= 0 or _containers_left <= 0:
		return _give_up()
	_containers_left -= 1
	var made: Dictionary = source
	# Has the keys as soon as `made` is a copy.
	var keys: Array
	var index: int = -1
	for value: Variant in source.values():
		index += 1
		if value is String or value is bool or value is StringName:
			continue
		var changed: Variant = null
		if value is int:
			if value <= LARGEST_INT and value >= -LARGEST_INT:
				continue
			changed = str(value)
		elif value is float:
			if is_finite(value):
				continue
		elif value is Vector2:
			var point: Vector2 = value
			if point.is_finite():
				changed = [roundf(point.x * _ROUND) / _ROUND, roundf(point.y * _ROUND) / _ROUND]
		elif value is Vector3:
			var place: Vector3 = value
			if place.is_finite():
				changed = [
					roundf(place.x * _ROUND) / _ROUND,
					roundf(place.y * _ROUND) / _ROUND,
					roundf(place.z * _ROUND) / _ROUND,
				]
		else:
			if value is Array:
				changed = _encode_array(value, depth - 1)
			else:
				changed = _encode(value, depth - 1)
			if is_same(changed, value):
				continue
		if keys.is_empty():
			made = source.duplicate() if not source.is_typed() else _untyped(source)
			keys = source.keys()
		made[keys[index]] = changed
	return made


static func _encode_array(source: Array, depth: int) -> Variant:
	if depth <= 0:
		return _give_up()
	for value: Variant in source:
		if value is String or value is StringName:
			continue
		if value is float:
			if is_finite(value):
				continue
		elif value is int:
			if value <= LARGEST_INT and value >= -LARGEST_INT:
				continue
		return _encode_items(source, depth)
	return source


## Arrays of plain values never come here, so they do not count as containers either.
static func _encode_items(source: Array, depth: int) -> Variant:
	if _containers_left <= 0:
		return _give_up()
	_containers_left -= 1
	var made: Array = []
	var is_same_so_far: bool = true
	for value: Variant in source:
		var changed: Variant = value
		if not value is String:
			changed = _encode(value, depth - 1)
			is_same_so_far = is_same_so_far and is_same(changed, value)
		made.append(changed)
	return source if is_same_so_far else made


static func _encode_packed_array(value: Variant, depth: int) -> Variant:
	match typeof(value):
		TYPE_PACKED_INT32_ARRAY, TYPE_PACKED_STRING_ARRAY:
			return value
		TYPE_PACKED_BYTE_ARRAY:
			# It complains about having nothing to do.
			return "" if value.is_empty() else Marshalls.raw_to_base64(value)
	var numbers: Array = Array(value)
	var encoded: Variant = _encode_array(numbers, depth)
	return value if is_same(encoded, numbers) else encoded


static func _encode_object(value: Variant) -> Variant:
	if not is_instance_valid(value):
		return null
	if value is Node:
		return String((value as Node).name)
	if value is Resource and (value as Resource).resource_path != "":
		return (value as Resource).resource_path
	return null


## Those which consist of a fixed number of numbers. What is none of them is null.
static func _encode_geometry(value: Variant) -> Variant:
	match typeof(value):
		TYPE_VECTOR2I:
			return [value.x, value.y]
		TYPE_VECTOR3I:
			return [value.x, value.y, value.z]
		TYPE_VECTOR4I:
			return [value.x, value.y, value.z, value.w]
		TYPE_RECT2I:
			return [value.position.x, value.position.y, value.size.x, value.size.y]
		TYPE_TRANSFORM2D:
			return _rounded_rows([value.x, value.y, value.origin])
		TYPE_BASIS:
			return _rounded_rows([value.x, value.y, value.z])
		TYPE_TRANSFORM3D:
			return _rounded_rows([value.basis.x, value.basis.y, value.basis.z, value.origin])
		TYPE_PROJECTION:
			return _rounded_rows([value.x, value.y, value.z, value.w])
	return _rounded(_numbers_of(value))


static func _numbers_of(value: Variant) -> PackedFloat64Array:
	match typeof(value):
		TYPE_VECTOR2:
			return [value.x, value.y]
		TYPE_VECTOR3:
			return [value.x, value.y, value.z]
		TYPE_VECTOR4, TYPE_QUATERNION:
			return [value.x, value.y, value.z, value.w]
		TYPE_COLOR:
			return [value.r, value.g, value.b, value.a]
		TYPE_PLANE:
			return [value.x, value.y, value.z, value.d]
		TYPE_RECT2:
			return [value.position.x, value.position.y, value.size.x, value.size.y]
		TYPE_AABB:
			var at: Vector3 = value.position
			return [at.x, at.y, at.z, value.size.x, value.size.y, value.size.z]
	return []


## Null if a number is not finite, or if there is none.
static func _rounded(numbers: PackedFloat64Array) -> Variant:
	if numbers.is_empty():
		return null
	var made: Array = []
	for number: float in numbers:
		if not is_finite(number):
			return null
		made.append(roundf(number * _ROUND) / _ROUND)
	return made


static func _rounded_rows(rows: Array) -> Variant:
	var made: Array = []
	for row: Variant in rows:
		made.append(_rounded(_numbers_of(row)))
	return null if made.has(null) else made


## A copy into which anything may be put, of a dictionary into which only certain types may.
static func _untyped(source: Dictionary) -> Dictionary:
	var made: Dictionary = {}
	made.merge(source)
	return made


## Says once that something is null because it is too deep or too large.
static func _give_up() -> Variant:
	if not _has_warned:
		_has_warned = true
		push_warning(
			"BrainsCodec: a value is nested too deeply, has too many parts or contains itself; what ",
			"lies beyond becomes null. This is said only once."
		)
	return null


static func _clean(text: String) -> String:
	var cleaned: String = _forbidden.sub(text, "", true)
	# Other escapes are found as well, so that the second half of `\\` is not taken for a first one.
	return _escape.sub(cleaned, "$1", true) if cleaned.contains("\\v") else cleaned


## What [JSON] writes for INF, and what it wrote for INF and NAN before Godot 4.6, outside of texts
## (and, which does no harm, inside of some).
static func _pattern_of_infinite() -> String:
	var is_older: bool = Engine.get_version_info()["hex"] < 0x040600
	return "[:\\[,]-?(?:nan|inf)" if is_older else "1e99999"

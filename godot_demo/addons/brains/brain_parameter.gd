@tool
@icon("res://addons/brains/icons/brain_parameter.svg")
class_name BrainParameter
extends Resource
## One value of a [BrainAction]: its name, its type and its bounds.
##
## The server is told of it, and every order is checked against it before the game sees the order.

## What a value may be. TEXT arrives as [String], NUMBER as [float], WHOLE as [int], FLAG as
## [bool], POINT2 as [Vector2] and POINT3 as [Vector3].
enum Type { TEXT, NUMBER, WHOLE, FLAG, POINT2, POINT3 }

## Integers beyond this are no longer exact in JSON.
const LARGEST_WHOLE: int = 9007199254740991

## As the brain's action class calls it.
@export var name: StringName = &"":
	set(value):
		name = value
		emit_changed()
@export var type: Type = Type.TEXT:
	set(value):
		type = value
		notify_property_list_changed()
		emit_changed()
## Orders without this value are refused.
@export var required: bool = true
## Only values from [member minimum] to [member maximum] are carried out. For NUMBER and WHOLE.
@export var bounded: bool = false:
	set(value):
		bounded = value
		notify_property_list_changed()
		emit_changed()
## The lowest number that is carried out.
@export var minimum: float = 0.0:
	set(value):
		minimum = value
		emit_changed()
## The highest number that is carried out.
@export var maximum: float = 1.0:
	set(value):
		maximum = value
		emit_changed()
## The only texts that are carried out; empty: any. For TEXT.
@export var choices: PackedStringArray = []


## A text; one of [param among], if that is not empty.
static func text(
	called: StringName, among: PackedStringArray = [], needed: bool = true
) -> BrainParameter:
	var made: BrainParameter = _make(called, Type.TEXT, needed)
	made.choices = among
	return made


## A number within bounds.
static func number(
	called: StringName, lowest: float = -INF, highest: float = INF, needed: bool = true
) -> BrainParameter:
	return _make(called, Type.NUMBER, needed)._bound(lowest, highest)


## A whole number within bounds.
static func whole(
	called: StringName, lowest: float = -INF, highest: float = INF, needed: bool = true
) -> BrainParameter:
	return _make(called, Type.WHOLE, needed)._bound(lowest, highest)


## True or false.
static func flag(called: StringName, needed: bool = true) -> BrainParameter:
	return _make(called, Type.FLAG, needed)


## A place in the plane: [code][x, y][/code].
static func point2(called: StringName, needed: bool = true) -> BrainParameter:
	return _make(called, Type.POINT2, needed)


## A place in space: [code][x, y, z][/code].
static func point3(called: StringName, needed: bool = true) -> BrainParameter:
	return _make(called, Type.POINT3, needed)


func _validate_property(property: Dictionary) -> void:
	var is_number: bool = type == Type.NUMBER or type == Type.WHOLE
	var hidden: bool = false
	match property["name"]:
		"choices":
			hidden = type != Type.TEXT
		"bounded":
			hidden = not is_number
		"minimum", "maximum":
			hidden = not (is_number and bounded)
	if hidden:
		property["usage"] &= ~PROPERTY_USAGE_EDITOR


## Returns the JSON Schema that the server is told.
func to_schema() -> Dictionary:
	match type:
		Type.TEXT:
			if choices.is_empty():
				return {"type": "string"}
			return {"type": "string", "enum": Array(choices)}
		Type.NUMBER, Type.WHOLE:
			var is_whole: bool = type == Type.WHOLE
			var schema: Dictionary = {"type": "integer" if is_whole else "number"}
			if bounded and is_finite(minimum):
				schema["minimum"] = int(ceilf(minimum)) if is_whole else minimum
			if bounded and is_finite(maximum):
				schema["maximum"] = int(floorf(maximum)) if is_whole else maximum
			return schema
		Type.FLAG:
			return {"type": "boolean"}
	var size: int = 2 if type == Type.POINT2 else 3
	return {"type": "array", "items": {"type": "number"}, "minItems": size, "maxItems": size}


## Returns [param value] (out of JSON) as the game wants it, or null if it is not allowed.
func convert_value(value: Variant) -> Variant:
	match type:
		Type.TEXT:
			if value is String or value is StringName:
				var said: String = value
				return said if choices.is_empty() or choices.has(said) else null
		Type.NUMBER:
			if _is_number(value) and _is_within(value):
				return float(value)
		Type.WHOLE:
			# JSON in Godot turns every number into a float.
			if _is_number(value) and floorf(value) == float(value) and absf(value) <= LARGEST_WHOLE:
				return int(value) if _is_within(value) else null
		Type.FLAG:
			if value is bool:
				return value
		Type.POINT2:
			return _to_point2(value)
		Type.POINT3:
			return _to_point3(value)
	return null


## Says in a few words what is allowed.
func describe() -> String:
	match type:
		Type.TEXT:
			return "a text" if choices.is_empty() else "one of " + ", ".join(choices)
		Type.NUMBER, Type.WHOLE:
			return _describe_number()
		Type.FLAG:
			return "true or false"
	return "[x, y]" if type == Type.POINT2 else "[x, y, z]"


static func _make(called: StringName, kind: Type, needed: bool) -> BrainParameter:
	var made: BrainParameter = BrainParameter.new()
	made.name = called
	made.type = kind
	made.required = needed
	return made


func _bound(lowest: float, highest: float) -> BrainParameter:
	bounded = is_finite(lowest) or is_finite(highest)
	minimum = lowest
	maximum = highest
	return self


func _describe_number() -> String:
	var what: String = "a whole number" if type == Type.WHOLE else "a number"
	if not bounded:
		return what
	if not is_finite(maximum):
		return "%s of at least %s" % [what, minimum]
	if not is_finite(minimum):
		return "%s of at most %s" % [what, maximum]
	return "%s from %s to %s" % [what, minimum, maximum]


func _is_within(value: float) -> bool:
	return not bounded or (value >= minimum and value <= maximum)


static func _is_number(value: Variant) -> bool:
	return (value is float and is_finite(value)) or value is int


static func _to_point2(value: Variant) -> Variant:
	var point: Vector2 = Vector2.INF
	if value is Vector2 or value is Vector2i:
		point = value
	elif _is_list_of_numbers(value, 2):
		point = Vector2(value[0], value[1])
	# Numbers that are too large for a vector have become infinite in it.
	return point if point.is_finite() else null


static func _to_point3(value: Variant) -> Variant:
	var point: Vector3 = Vector3.INF
	if value is Vector3 or value is Vector3i:
		point = value
	elif _is_list_of_numbers(value, 3):
		point = Vector3(value[0], value[1], value[2])
	return point if point.is_finite() else null


static func _is_list_of_numbers(value: Variant, size: int) -> bool:
	if not value is Array or value.size() != size:
		return false
	for part: Variant in value:
		if not _is_number(part):
			return false
	return true

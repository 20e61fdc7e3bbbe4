@tool
@icon("res://addons/brains/icons/brain_action.svg")
class_name BrainAction
extends Resource
## Something that a character's body can do, and that its brain may order.
##
## It has the name of an action class in the brain's [code]actions.py[/code]. An order for anything
## that an agent does not declare is refused, so a brain can never make a character do more than
## this.

## As much of a value stands in a message.
const MOST_SHOWN: int = 80
## Values that were not declared and are told of; a server could send any number of them.
const MOST_TOLD: int = 16

## As the action class is called, such as [code]Patrol[/code].
@export var name: StringName = &"":
	set(value):
		name = value
		emit_changed()
## What it is, for people.
@export_multiline var description: String = ""
## The values that it takes.
@export var parameters: Array[BrainParameter] = []:
	set(value):
		_watch(false)
		parameters = value
		_watch(true)
		emit_changed()

var _told: Dictionary[String, bool] = {}


## Makes an action in code.
static func make(
	called: StringName, takes: Array[BrainParameter] = [], what: String = ""
) -> BrainAction:
	var made: BrainAction = BrainAction.new()
	made.name = called
	made.parameters = takes
	made.description = what
	return made


## Returns what the server is told.
func to_declaration() -> Dictionary:
	var properties: Dictionary = {}
	var required: Array[String] = []
	for parameter: BrainParameter in parameters:
		if parameter == null or parameter.name.is_empty():
			continue
		properties[String(parameter.name)] = parameter.to_schema()
		if parameter.required:
			required.append(String(parameter.name))
	var declaration: Dictionary = {
		"name": String(name),
		"params": {"type": "object", "properties": properties, "required": required},
	}
	if not description.is_empty():
		declaration["description"] = description
	return declaration


## Puts the values of an order into [param converted]; returns what is wrong with them, or "".
##
## A value that is not declared is left out, with one warning: the game asked for none, but its
## author may have meant to.
func convert_params(params: Dictionary, converted: Dictionary) -> String:
	for parameter: BrainParameter in parameters:
		if parameter == null or parameter.name.is_empty():
			continue
		var key: String = parameter.name
		var given: Variant = params.get(key)
		if given == null:
			if parameter.required:
				return "%s: %s is missing; the order has: %s" % [name, key, _names_in(params)]
			continue
		var value: Variant = parameter.convert_value(given)
		if value == null:
			return (
				"%s: %s is %s, but has to be %s; mend the tree, or the BrainParameter"
				% [name, key, _shown(given), parameter.describe()]
			)
		converted[key] = value
	if params.size() > converted.size():
		_warn_of_undeclared(params, converted)
	return ""


## The editor's warnings about an agent are to go away as soon as a parameter is mended.
func _watch(on: bool) -> void:
	for parameter: BrainParameter in parameters:
		if parameter != null and parameter.changed.is_connected(emit_changed) != on:
			if on:
				parameter.changed.connect(emit_changed)
			else:
				parameter.changed.disconnect(emit_changed)


func _warn_of_undeclared(params: Dictionary, converted: Dictionary) -> void:
	for key: Variant in params:
		var told: String = str(key).left(100).c_escape()
		if converted.has(key) or params[key] == null or _told.has(told):
			continue
		if _told.size() >= MOST_TOLD:
			return
		_told[told] = true
		push_warning(
			(
				(
					"Brains: orders of %s have a value `%s` that the game does not declare, so it is"
					+ " left out: add a BrainParameter called %s"
				)
				% [name, told, told]
			)
		)


static func _names_in(params: Dictionary) -> String:
	return "nothing" if params.is_empty() else _shown(", ".join(params.keys()))


## What a server has sent is cut short, and cannot forge another line.
static func _shown(value: Variant) -> String:
	return str(value).left(MOST_SHOWN).c_escape()

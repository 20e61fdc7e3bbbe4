class_name BrainsTest
extends Node
## Base of a test suite: a script `test_*.gd` whose methods `test_*` are the tests; they may await.
##
## Every test gets an instance of its own, so that variables of the suite start afresh. A check that
## fails does not end the test (GDScript has no exceptions): where the rest makes no sense without
## it, write [code]if not check(...): return[/code].

## How long each test may take, in milliseconds of wall time.
var time_limit_ms: int = 5000

var _checks: int = 0
var _failures: PackedStringArray = []
var _expected_errors: PackedStringArray = []
var _owned: Array[Object] = []
var _settings: Dictionary[String, Variant] = {}
var _environment: Dictionary[String, Variant] = {}


## Runs before each test; may await.
func before_each() -> void:
	pass


## Runs after each test, whatever became of it (unless the time was up); may await.
func after_each() -> void:
	pass


## Fails the test if `condition` is false; returns it.
func check(condition: bool, message: String = "a check failed") -> bool:
	_checks += 1
	if not condition:
		_add_failure(message)
	return condition


## Fails the test.
func fails(message: String) -> void:
	_checks += 1
	_add_failure(message)


## Fails the test unless the two are equal, all the way down. 1 equals 1.0 and &"a" equals "a", as
## what has been through JSON needs it; [method identical] is stricter.
func equal(got: Variant, wanted: Variant, message: String = "") -> bool:
	return check(_is_equal(got, wanted, false), _difference(got, wanted, message))


## Fails the test unless the two are equal and of the same types, all the way down; NAN equals NAN.
func identical(got: Variant, wanted: Variant, message: String = "") -> bool:
	return check(_is_equal(got, wanted, true), _difference(got, wanted, message))


## Fails the test unless two numbers (or vectors, or colours) are close to each other.
func near(got: Variant, wanted: Variant, tolerance: float = 0.001, message: String = "") -> bool:
	var close: bool = false
	if _is_number(got) and _is_number(wanted):
		close = absf(float(got) - float(wanted)) <= tolerance
	elif got is Vector2 and wanted is Vector2:
		close = (got as Vector2).distance_to(wanted) <= tolerance
	elif got is Vector3 and wanted is Vector3:
		close = (got as Vector3).distance_to(wanted) <= tolerance
	elif got is Array and wanted is Array:
		close = (got as Array).size() == (wanted as Array).size()
		for index: int in (got as Array).size() if close else 0:
			var numbers: bool = _is_number(got[index]) and _is_number(wanted[index])
			close = (
				close and numbers and absf(float(got[index]) - float(wanted[index])) <= tolerance
			)
	return check(close, _difference(got, wanted, message))


## Fails the test unless a text contains a text, an array an element or a dictionary a key.
func contains(whole: Variant, part: Variant, message: String = "") -> bool:
	var found: bool = false
	if whole is String or whole is StringName:
		found = String(whole).contains(str(part))
	elif whole is Dictionary:
		found = (whole as Dictionary).has(part)
	elif typeof(whole) >= TYPE_ARRAY:
		for item: Variant in whole:
			found = found or _is_equal(item, part, false)
	var text: String = "%s does not contain %s" % [_show(whole), _show(part)]
	return check(found, text if message == "" else message + ": " + text)


## Says that the test provokes an engine error, a [method @GlobalScope.push_error] or a warning
## whose text matches the regular expression `pattern`. It then has to occur, once or more often;
## any other fails the test.
func expect_error(pattern: String) -> void:
	_checks += 1
	_expected_errors.append(pattern)


## Waits for `count` frames. Between two of them everything in the tree has been processed once,
## physics included.
func frames(count: int = 1) -> void:
	for _frame: int in count:
		await get_tree().process_frame


## Waits until `condition` is true, for `at_most` frames; returns whether it became true. Fails
## nothing: check it.
func until(condition: Callable, at_most: int = 600) -> bool:
	for _frame: int in at_most:
		if condition.call():
			return true
		await get_tree().process_frame
	return condition.call()


## Returns an array to which every emission of a signal is added, as the array of its arguments.
func heard(from: Signal) -> Array[Array]:
	var emissions: Array[Array] = []
	var count: int = _count_arguments(from)
	var hear: Callable
	match count:
		0:
			hear = func() -> void: emissions.append([])
		1:
			hear = func(a: Variant) -> void: emissions.append([a])
		2:
			hear = func(a: Variant, b: Variant) -> void: emissions.append([a, b])
		3:
			hear = func(a: Variant, b: Variant, c: Variant) -> void: emissions.append([a, b, c])
		4:
			hear = func(a: Variant, b: Variant, c: Variant, d: Variant) -> void:
				emissions.append([a, b, c, d])
		_:
			fails("heard() takes signals with at most four arguments, not %d" % count)
			return emissions
	from.connect(hear)
	return emissions


## Frees `object` after the test, for those that are not in the tree; returns it.
func own(object: Object) -> Object:
	_owned.append(object)
	return object


## Sets a project setting until the end of the test; null removes it.
func setting(path: String, value: Variant) -> void:
	if not _settings.has(path):
		_settings[path] = ProjectSettings.get_setting(path)
	ProjectSettings.set_setting(path, value)


## Sets an environment variable until the end of the test; null removes it.
func environment(variable: String, value: Variant) -> void:
	if not _environment.has(variable):
		var has: bool = OS.has_environment(variable)
		_environment[variable] = OS.get_environment(variable) if has else null
	_set_environment(variable, value)


## Returns what was given after `--` as `--NAME=VALUE`; "" where nothing was.
func argument(argument_name: String) -> String:
	var start: String = "--%s=" % argument_name
	for given: String in OS.get_cmdline_user_args():
		if given.begins_with(start):
			return given.trim_prefix(start)
	return ""


## Returns the files below the folder of the protocol's example messages, as full paths, sorted.
func example_files() -> PackedStringArray:
	return _files_below(argument("examples"))


## Ends what a test has left behind. For the runner.
func tidy_up() -> void:
	for object: Variant in _owned:
		if is_instance_valid(object) and not object is RefCounted:
			(object as Object).free()
	_owned.clear()
	for path: String in _settings:
		ProjectSettings.set_setting(path, _settings[path])
	for variable: String in _environment:
		_set_environment(variable, _environment[variable])


## Returns what became of the test. For the runner.
func outcome() -> Dictionary:
	return {"checks": _checks, "failures": _failures, "expected": _expected_errors}


## Adds a failure that is not one of a check. For the runner.
func blame(message: String) -> void:
	_failures.append(_printable(message))


func _add_failure(message: String) -> void:
	_failures.append(_printable(_place() + message))


## What the runner prints has to be JSON and UTF-8, whatever a test is about.
func _printable(text: String) -> String:
	for index: int in text.length():
		var code: int = text.unicode_at(index)
		if (code < 32 and code != 10) or code == 127 or (code >= 0xD800 and code <= 0xDFFF):
			text[index] = "\uFFFD"
	return text


## Where in the suite the check stands, as far as Godot tells.
func _place() -> String:
	for frame: Dictionary in get_stack():
		var source: String = frame["source"]
		if not source.begins_with("res://tests/runner/"):
			return "%s:%d: " % [source.get_file(), frame["line"]]
	return ""


func _difference(got: Variant, wanted: Variant, message: String) -> String:
	var text: String = "got %s, wanted %s" % [_show(got), _show(wanted)]
	return text if message == "" else message + ": " + text


func _show(value: Variant) -> String:
	# Of an object, var_to_str() writes everything that can be reached from it.
	var text: String = str(value) if _has_objects(value) else var_to_str(value)
	text = text.replace("\n", " ")
	return text if text.length() <= 600 else text.left(600) + "..."


func _has_objects(value: Variant) -> bool:
	if value is Array:
		return (value as Array).any(_has_objects)
	if value is Dictionary:
		var pairs: Dictionary = value
		return pairs.keys().any(_has_objects) or pairs.values().any(_has_objects)
	return value is Object


func _is_number(value: Variant) -> bool:
	return value is int or value is float


func _is_text(value: Variant) -> bool:
	return value is String or value is StringName


func _is_equal(a: Variant, b: Variant, strict: bool) -> bool:
	if not strict and _is_number(a) and _is_number(b):
		return a == b
	if not strict and _is_text(a) and _is_text(b):
		return String(a) == String(b)
	if not strict and _is_array(a) and _is_array(b):
		return _is_equal_array(a, b, strict)
	if typeof(a) != typeof(b):
		return false
	match typeof(a):
		TYPE_FLOAT:
			return a == b or (is_nan(a) and is_nan(b))
		TYPE_ARRAY:
			return _is_equal_array(a, b, strict)
		TYPE_DICTIONARY:
			return _is_equal_dictionary(a, b, strict)
	return a == b


func _is_array(value: Variant) -> bool:
	return typeof(value) >= TYPE_ARRAY


func _is_equal_array(a: Variant, b: Variant, strict: bool) -> bool:
	if a.size() != b.size():
		return false
	for index: int in a.size():
		if not _is_equal(a[index], b[index], strict):
			return false
	return true


func _is_equal_dictionary(a: Dictionary, b: Dictionary, strict: bool) -> bool:
	if a.size() != b.size():
		return false
	for key: Variant in a:
		if not b.has(key) or not _is_equal(a[key], b[key], strict):
			return false
	return true


func _count_arguments(of: Signal) -> int:
	for described: Dictionary in of.get_object().get_signal_list():
		if described["name"] == of.get_name():
			return (described["args"] as Array).size()
	return 0


func _set_environment(variable: String, value: Variant) -> void:
	if value == null:
		OS.unset_environment(variable)
	else:
		OS.set_environment(variable, str(value))


func _files_below(folder: String) -> PackedStringArray:
	var found: PackedStringArray = []
	for file: String in DirAccess.get_files_at(folder):
		found.append(folder.path_join(file))
	for inner: String in DirAccess.get_directories_at(folder):
		found.append_array(_files_below(folder.path_join(inner)))
	found.sort()
	return found

class_name Trace
extends RefCounted
## Writes down what happens, with the time of the clock: one line of JSON for each thing.

var _file: FileAccess


## Begins a file; null if it cannot be written.
static func open(path: String) -> Trace:
	var file: FileAccess = FileAccess.open(path, FileAccess.WRITE)
	if file == null:
		printerr("cannot write %s: %s" % [path, error_string(FileAccess.get_open_error())])
		return null
	var trace: Trace = Trace.new()
	trace._file = file
	return trace


## Adds a line, complete at once: the game may be stopped at any time.
func note(what: String, data: Dictionary) -> void:
	var line: Dictionary = {"t": Time.get_unix_time_from_system(), "what": what}
	line.merge(data)
	_file.store_line(JSON.stringify(line, "", false, true))
	_file.flush()

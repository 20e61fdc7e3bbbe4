class_name Referee
extends Node
## Ends a run without anybody at the keyboard: after so many finished actions, when the letter is
## won, when the time is up, or when whoever has started it says so with a file.

const DONE: int = 0
## The time was up before the actions were done, or the letter won.
const TOO_SLOW: int = 1

var _options: Options
var _tally: Tally


func _init(options: Options, tally: Tally) -> void:
	_options = options
	_tally = tally
	process_mode = Node.PROCESS_MODE_ALWAYS


func _ready() -> void:
	if _options.quit_after_actions == 0 and _options.quit_after_seconds == 0.0:
		set_process(not _options.quit_when.is_empty())


func _process(_delta: float) -> void:
	if not _options.play.is_empty() and not _tally.win.is_empty():
		_end(DONE)
	elif _options.quit_after_actions > 0 and _tally.finished >= _options.quit_after_actions:
		_end(DONE)
	elif _options.quit_after_seconds > 0.0 and _tally.seconds() >= _options.quit_after_seconds:
		_end(TOO_SLOW if _is_unfinished() else DONE)
	elif not _options.quit_when.is_empty() and FileAccess.file_exists(_options.quit_when):
		_end(TOO_SLOW if _is_unfinished() else DONE)


func _is_unfinished() -> bool:
	return _options.quit_after_actions > 0 or not _options.play.is_empty()


func _end(code: int) -> void:
	set_process(false)
	var text: String = JSON.stringify(_tally.summary(), "", false)
	print(text)
	if not _options.summary.is_empty():
		var file: FileAccess = FileAccess.open(_options.summary, FileAccess.WRITE)
		if file != null:
			file.store_line(text)
			file.close()
	Brains.close("the run is over")
	get_tree().quit(code)

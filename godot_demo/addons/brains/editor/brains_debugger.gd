@tool
extends EditorDebuggerPlugin
## Gives each debugging session a Brains tab, and carries messages between it and the game.

const BrainsPanel: GDScript = preload("brains_panel.gd")
const PREFIX: String = "brains"

var _panels: Dictionary[int, Control] = {}


func _setup_session(session_id: int) -> void:
	var session: EditorDebuggerSession = get_session(session_id)
	var panel: Control = BrainsPanel.new()
	_panels[session_id] = panel
	panel.connect(&"asked", _send.bind(session))
	session.started.connect(panel.on_started)
	session.stopped.connect(panel.on_stopped)
	session.breaked.connect(panel.on_breaked)
	session.continued.connect(panel.on_continued)
	session.add_session_tab(panel)
	if session.is_active():
		panel.call(&"on_started")


func _has_capture(capture: String) -> bool:
	return capture == PREFIX


func _capture(message: String, data: Array, session_id: int) -> bool:
	if not _panels.has(session_id):
		return false
	return _panels[session_id].call(&"take", message.trim_prefix(PREFIX + ":"), data)


## Takes the tabs away.
func close() -> void:
	for session_id: int in _panels:
		var panel: Control = _panels[session_id]
		if is_instance_valid(panel):
			get_session(session_id).remove_session_tab(panel)
			panel.queue_free()
	_panels.clear()


func _send(message: String, data: Array, session: EditorDebuggerSession) -> void:
	if session.is_active():
		session.send_message("%s:%s" % [PREFIX, message], data)

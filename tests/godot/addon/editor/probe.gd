@tool
extends EditorPlugin
## Plays the game from the editor, and says what the Brains tab shows: a line of JSON for each step.

const MARK: String = "@@probe "
const AUTOLOAD: String = "autoload/Brains"


func _enter_tree() -> void:
	if "--probe" in OS.get_cmdline_user_args():
		_run.call_deferred()


func _run() -> void:
	await _until(func() -> bool: return not EditorInterface.get_resource_filesystem().is_scanning())
	await _frames(10)
	_say("settings", ProjectSettings.has_setting("brains/connection/url"))
	_say("templates of BrainAgent", await _templates("BrainAgent"))
	_say("templates of CharacterBody2D", await _templates("CharacterBody2D"))
	for round_number: int in 2:
		EditorInterface.play_main_scene()
		await _until(_has_agents)
		_say("rows", _rows())
		_say("playing", _texts())
		_tree().get_root().get_child(1).select(0)
		await _until(func() -> bool: return _texts().contains("Can do"))
		_say("details", _texts())
		EditorInterface.stop_playing_scene()
		await _until(func() -> bool: return _texts().contains("No game is running"))
		_say("stopped", _texts())
	EditorInterface.set_plugin_enabled("brains", false)
	await _frames(5)
	_say("without the plugin", _presence())
	EditorInterface.set_plugin_enabled("brains", true)
	await _frames(5)
	_say("with it again", _presence())
	get_tree().quit()


func _say(step: String, found: Variant) -> void:
	print(MARK, JSON.stringify({"step": step, "found": found}))


func _presence() -> Dictionary:
	return {"panel": _panel() != null, "autoload": ProjectSettings.has_setting(AUTOLOAD)}


func _frames(count: int) -> void:
	for _frame: int in count:
		await get_tree().process_frame


func _until(condition: Callable) -> void:
	while not condition.call():
		await get_tree().process_frame


func _panel() -> Control:
	return _find(EditorInterface.get_base_control())


func _find(node: Node) -> Control:
	if node.name == "Brains" and node.has_signal(&"asked") and not node.is_queued_for_deletion():
		return node
	for child: Node in node.get_children(true):
		var found: Control = _find(child)
		if found != null:
			return found
	return null


func _has_agents() -> bool:
	# The editor itself may turn to something else when a game starts.
	if not _panel().is_visible_in_tree():
		_uncover(_panel())
	return _rows().size() == 3 and not (_rows()[0][3] as String).is_empty()


## Shows the tab, wherever this version of the editor has it.
func _uncover(control: Control) -> void:
	var node: Node = control
	while node is Control:
		if node.get_parent() is TabContainer:
			var tabs: TabContainer = node.get_parent()
			tabs.current_tab = tabs.get_tab_idx_from_control(node)
		(node as Control).show()
		node = node.get_parent()


func _tree() -> Tree:
	return _panel().find_children("*", "Tree", true, false)[0]


func _rows() -> Array[Array]:
	var rows: Array[Array] = []
	for item: TreeItem in _tree().get_root().get_children():
		rows.append(range(5).map(func(column: int) -> String: return item.get_text(column)))
	return rows


func _texts() -> String:
	var texts: PackedStringArray = []
	for label: Node in _panel().find_children("*", "", true, false):
		if label is Label and (label as Label).is_visible_in_tree():
			texts.append((label as Label).text)
		elif label is RichTextLabel and (label as RichTextLabel).is_visible_in_tree():
			texts.append((label as RichTextLabel).get_parsed_text())
	return "\n".join(texts)


## The names of the templates that the dialog for a new script offers.
func _templates(base: String) -> Array[String]:
	var dialog: ScriptCreateDialog = ScriptCreateDialog.new()
	EditorInterface.get_base_control().add_child(dialog)
	dialog.config(base, "res://new.gd", false, false)
	await _frames(3)
	var names: Array[String] = []
	for button: Node in dialog.find_children("*", "OptionButton", true, false):
		for index: int in (button as OptionButton).item_count:
			names.append((button as OptionButton).get_item_text(index))
	dialog.queue_free()
	return names

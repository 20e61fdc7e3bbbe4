@tool
extends EditorPlugin
## Registers the autoload, the project settings and the debugger's panel.

const AUTOLOAD: String = "Brains"
const CLIENT: String = "res://addons/brains/brains_client.gd"
const TEMPLATES: String = "res://addons/brains/script_templates"
const TEMPLATES_SETTING: String = "editor/script/templates_search_path"
const Debugger: GDScript = preload("editor/brains_debugger.gd")

var _debugger: EditorDebuggerPlugin
var _own_templates: String = ""


func _enable_plugin() -> void:
	_add_autoload()


func _disable_plugin() -> void:
	if _autoload() == CLIENT:
		remove_autoload_singleton(AUTOLOAD)


func _enter_tree() -> void:
	BrainsSettings.register()
	_debugger = Debugger.new()
	add_debugger_plugin(_debugger)
	_show_templates()
	# Whoever enables the plugin by a line in project.godot gets no call of _enable_plugin. Deferred,
	# because the tick in the project settings calls that only after this.
	_check_autoload.call_deferred()


func _exit_tree() -> void:
	_hide_templates()
	if _debugger != null:
		_debugger.call(&"close")
		remove_debugger_plugin(_debugger)
		_debugger = null


func _check_autoload() -> void:
	if not is_inside_tree():
		return
	var files: EditorFileSystem = EditorInterface.get_resource_filesystem()
	if files.is_scanning():
		# Until it has seen all files, the editor knows none of their UIDs.
		if not files.filesystem_changed.is_connected(_check_autoload):
			files.filesystem_changed.connect(_check_autoload, CONNECT_ONE_SHOT)
		return
	if _autoload().is_empty():
		_add_autoload()
		var saved: Error = ProjectSettings.save()
		var how: String = "" if saved == OK else ", but project.godot could not be written"
		print("Brains: added the autoload %s (%s), which was missing%s" % [AUTOLOAD, CLIENT, how])


func _add_autoload() -> void:
	var known: String = _autoload()
	if known.is_empty():
		add_autoload_singleton(AUTOLOAD, CLIENT)
	elif known != CLIENT:
		push_warning(
			(
				(
					"Brains: the autoload %s is %s, so the addon's client is not in the game; rename it in"
					% [AUTOLOAD, known]
				)
				+ " Project > Project Settings > Globals, then disable and enable the plugin"
			)
		)


## Returns where the autoload leads; empty: there is none.
func _autoload() -> String:
	var path: String = ProjectSettings.get_setting("autoload/" + AUTOLOAD, "")
	path = path.trim_prefix("*")
	if path.begins_with("uid://"):
		# As Godot 4.6 writes it.
		var id: int = ResourceUID.text_to_id(path)
		return ResourceUID.get_id_path(id) if ResourceUID.has_id(id) else path
	return path


## Shows the addon's templates in the dialog for new scripts, in a project that has none of its own.
##
## As the initial value it is not written to project.godot.
func _show_templates() -> void:
	var own: String = ProjectSettings.get_setting(TEMPLATES_SETTING)
	if own == TEMPLATES or DirAccess.dir_exists_absolute(own):
		return
	_own_templates = own
	ProjectSettings.set_initial_value(TEMPLATES_SETTING, TEMPLATES)
	ProjectSettings.set_setting(TEMPLATES_SETTING, TEMPLATES)


func _hide_templates() -> void:
	if _own_templates.is_empty():
		return
	ProjectSettings.set_initial_value(TEMPLATES_SETTING, _own_templates)
	ProjectSettings.set_setting(TEMPLATES_SETTING, _own_templates)
	_own_templates = ""

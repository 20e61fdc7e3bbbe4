extends SceneTree
## Loads every script of the project; prints how many there are, and those that do not load. Exit
## code 1 if any.


func _initialize() -> void:
	var files: PackedStringArray = _scripts_below("res://")
	var broken: int = 0
	for file: String in files:
		if not (_fits(file) if "/script_templates/" in file else _loads(file)):
			print("broken: ", file)
			broken += 1
	print("loaded: ", files.size() - broken, " of ", files.size())
	quit(0 if broken == 0 else 1)


func _loads(file: String) -> bool:
	var script: GDScript = load(file) as GDScript
	return script != null and script.can_instantiate()


## A template becomes a script only when its placeholders are filled in; the folder that it is in
## names the class that it is for.
func _fits(file: String) -> bool:
	var source: String = FileAccess.get_file_as_string(file)
	var script: GDScript = GDScript.new()
	script.source_code = (
		source
		. replace("_BASE_", file.get_base_dir().get_file())
		. replace("_CLASS_", "Filled")
		. replace("_TS_", "\t")
	)
	return script.reload() == OK and script.can_instantiate()


func _scripts_below(folder: String) -> PackedStringArray:
	var found: PackedStringArray = []
	for file: String in DirAccess.get_files_at(folder):
		if file.ends_with(".gd"):
			found.append(folder.path_join(file))
	for inner: String in DirAccess.get_directories_at(folder):
		if not inner.begins_with("."):
			found.append_array(_scripts_below(folder.path_join(inner)))
	return found

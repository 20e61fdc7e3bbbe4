extends BrainsTest
## The project settings: their defaults, and what the README says of them.


func test_a_setting_has_its_default_until_it_is_set() -> void:
	equal(BrainsSettings.value("snapshots/window"), 2)
	setting("brains/snapshots/window", 1)
	equal(BrainsSettings.value("snapshots/window"), 1)


func test_registering_shows_every_setting_and_changes_none() -> void:
	for path: String in BrainsSettings.ALL:
		setting("brains/" + path, null)
	setting("brains/snapshots/window", 1)
	BrainsSettings.register()
	for path: String in BrainsSettings.ALL:
		check(ProjectSettings.has_setting("brains/" + path), path)
	equal(ProjectSettings.get_setting("brains/snapshots/window"), 1)


func test_the_readme_lists_every_setting_as_it_is() -> void:
	var lines: PackedStringArray = []
	for path: String in BrainsSettings.ALL:
		var about: Array = BrainsSettings.ALL[path]
		var initial: String = "`%s`" % about[0] if str(about[0]) != "" else "none"
		lines.append("| `brains/%s` | %s | %s |" % [path, initial, about[3]])
	var readme: String = FileAccess.get_file_as_string("res://addons/brains/README.md")
	var wanted: String = "\n".join(lines)
	if not check(readme.contains(wanted), "the README's table of settings is not this one"):
		print(wanted)


func test_the_address_of_the_environment_goes_before_the_setting() -> void:
	setting("brains/connection/url", "ws://127.0.0.1:1")
	equal(BrainsSettings.server_url(), "ws://127.0.0.1:1")
	environment("BRAINS_URL", "ws://127.0.0.1:2")
	equal(BrainsSettings.server_url(), "ws://127.0.0.1:2")


func test_the_token_of_the_environment_goes_before_the_file() -> void:
	var path: String = "user://brains_token"
	var file: FileAccess = FileAccess.open(path, FileAccess.WRITE)
	file.store_string("from the file\n")
	file.close()
	setting("brains/connection/token_file", path)
	environment("BRAINS_TOKEN", null)
	equal(BrainsSettings.token(), "from the file")
	environment("BRAINS_TOKEN", "from the environment")
	equal(BrainsSettings.token(), "from the environment")
	DirAccess.remove_absolute(path)


func test_a_token_file_that_is_not_there_is_said_once_and_is_no_token() -> void:
	environment("BRAINS_TOKEN", null)
	setting("brains/connection/token_file", "user://no_such_file")
	expect_error("there is no token file user://no_such_file")
	equal(BrainsSettings.token(), "")

class_name BrainsSettings
extends RefCounted
## The addon's project settings, below [code]brains/[/code], with their defaults.
##
## The plugin shows them in the editor; a game that never enabled the plugin plays with the
## defaults.

const PREFIX: String = "brains/"

## Name (without the prefix): default, property hint, hint string, description.
const ALL: Dictionary[String, Array] = {
	"connection/url":
	["ws://127.0.0.1:8765", PROPERTY_HINT_NONE, "", "Where `brains serve` listens."],
	"connection/connect_at_start":
	[true, PROPERTY_HINT_NONE, "", "Connect by itself; otherwise call open() on the autoload."],
	"connection/run_in_release_builds":
	[false, PROPERTY_HINT_NONE, "", "Connect in exported release builds, too."],
	"connection/token_file":
	["", PROPERTY_HINT_GLOBAL_FILE, "", "File with the server's token; BRAINS_TOKEN goes first."],
	"connection/connect_timeout_s":
	[5.0, PROPERTY_HINT_RANGE, "0.1,60,0.1", "Seconds for the connection to open."],
	"connection/hello_timeout_s":
	[5.0, PROPERTY_HINT_RANGE, "0.1,60,0.1", "Seconds for the server to answer the hello."],
	"connection/heartbeat_s":
	[
		5.0,
		PROPERTY_HINT_RANGE,
		"0.5,60,0.1",
		"Seconds of silence before a ping; after twice as many the server counts as gone.",
	],
	"connection/retry_min_s":
	[0.25, PROPERTY_HINT_RANGE, "0.05,60,0.05", "Seconds before the first new attempt."],
	"connection/retry_max_s":
	[2.0, PROPERTY_HINT_RANGE, "0.05,600,0.05", "Longest time between two attempts."],
	"connection/max_message_kib":
	[4096, PROPERTY_HINT_RANGE, "64,65536,1", "Longest message either way, in KiB."],
	"snapshots/window":
	[2, PROPERTY_HINT_RANGE, "1,2,1", "Snapshots that may be unanswered at a time."],
	"snapshots/max_agents":
	[
		0,
		PROPERTY_HINT_RANGE,
		"0,1000,1",
		"Most agents in one snapshot; 0: twice what is due in a frame on average.",
	],
	"snapshots/as_variant":
	[
		true,
		PROPERTY_HINT_NONE,
		"",
		"Send snapshots as Variants if the server takes those: it costs the game less than JSON.",
	],
	"snapshots/max_events":
	[256, PROPERTY_HINT_RANGE, "1,256,1", "Events kept until they can be sent."],
	"snapshots/max_depth":
	[16, PROPERTY_HINT_RANGE, "2,64,1", "How deeply observations may be nested."],
	"actions/max_age_ms":
	[
		0,
		PROPERTY_HINT_RANGE,
		"0,60000,1",
		"Oldest action that is carried out; 0: as the server says."
	],
	"insight/enabled":
	[
		false,
		PROPERTY_HINT_NONE,
		"",
		"Be told each decision and one tracked tree, to show them: see Brains.insight.",
	],
	"fallback/after_s":
	[1.0, PROPERTY_HINT_RANGE, "0,60,0.1", "Seconds without a server before agents fall back."],
}


## Returns the value of a setting, named without the prefix.
static func value(setting: String) -> Variant:
	return ProjectSettings.get_setting(PREFIX + setting, ALL[setting][0])


## Shows all settings in the editor; called by the plugin.
static func register() -> void:
	for setting: String in ALL:
		var path: String = PREFIX + setting
		var initial: Variant = ALL[setting][0]
		if not ProjectSettings.has_setting(path):
			ProjectSettings.set_setting(path, initial)
		ProjectSettings.set_initial_value(path, initial)
		ProjectSettings.set_as_basic(path, true)
		(
			ProjectSettings
			. add_property_info(
				{
					"name": path,
					"type": typeof(initial),
					"hint": ALL[setting][1],
					"hint_string": ALL[setting][2],
				}
			)
		)


## Returns where the server is: [code]--brains-url=[/code] after [code]--[/code] on the command
## line, else the environment variable BRAINS_URL, else the setting.
static func server_url() -> String:
	for argument: String in OS.get_cmdline_user_args():
		if argument.begins_with("--brains-url="):
			return argument.trim_prefix("--brains-url=")
	var named: String = OS.get_environment("BRAINS_URL")
	return named if not named.is_empty() else str(value("connection/url"))


## Returns the token that the server wants: BRAINS_TOKEN, else what is in the token file.
static func token() -> String:
	var named: String = OS.get_environment("BRAINS_TOKEN")
	if not named.is_empty():
		return named
	var path: String = value("connection/token_file")
	if path.is_empty():
		return ""
	if not FileAccess.file_exists(path):
		push_warning("Brains: there is no token file %s (brains/connection/token_file)" % path)
		return ""
	return FileAccess.get_file_as_string(path).strip_edges()


## Tells whether this build may connect: release builds only if a setting allows it.
static func is_allowed() -> bool:
	return OS.is_debug_build() or bool(value("connection/run_in_release_builds"))

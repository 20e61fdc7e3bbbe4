class_name Options
extends RefCounted
## What stands after [code]--[/code] on the command line.

## Arguments that begin like this are the addon's.
const ADDON: String = "--brains-"
const KNOWN: Array[String] = [
	"--autopilot",
	"--play=talk|steal|fight",
	"--quit-after-actions=N",
	"--quit-after-seconds=S",
	"--quit-when=FILE",
	"--seed=N",
	"--summary=FILE",
	"--trace=FILE",
]

## Nobody is at the keyboard.
var autopilot: bool = false
## How the player plays by himself: [code]talk[/code], [code]steal[/code], [code]fight[/code]; "":
## somebody is at the keyboard.
var play: String = ""
## Finished actions after which the game quits; 0: no end.
var quit_after_actions: int = 0
## Seconds after which it does; 0: no end.
var quit_after_seconds: float = 0.0
## It quits once there is such a file; "": no end.
var quit_when: String = ""
## Decides who comes and what happens.
var random_seed: int = 0
## File for the line of JSON that sums up; it is printed, too.
var summary: String = ""
## File for a line of JSON about everything that happens.
var trace: String = ""
## What is wrong with the arguments, or "".
var problem: String = ""


## Reads the arguments.
static func parse(arguments: PackedStringArray) -> Options:
	var options: Options = Options.new()
	for argument: String in arguments:
		if options.problem.is_empty() and not argument.begins_with(ADDON):
			options.problem = options._take(argument)
	if options.problem.is_empty() and options.autopilot and not options.play.is_empty():
		options.problem = "--autopilot is without a player, and --play with one: choose"
	elif options.problem.is_empty() and options.quit_after_actions > 0 and not options.autopilot:
		options.problem = "--quit-after-actions works with --autopilot only"
	return options


func _take(argument: String) -> String:
	var value: String = argument.get_slice("=", 1) if "=" in argument else ""
	match argument.get_slice("=", 0):
		"--autopilot" when not "=" in argument:
			autopilot = true
		"--play" when value in Quest.WAYS:
			play = value
		"--quit-after-actions" when value.is_valid_int() and int(value) > 0:
			quit_after_actions = int(value)
		"--quit-after-seconds" when value.is_valid_float() and float(value) > 0.0:
			quit_after_seconds = float(value)
		"--quit-when" when not value.is_empty():
			quit_when = argument.trim_prefix("--quit-when=")
		"--seed" when value.is_valid_int():
			random_seed = int(value)
		"--summary" when not value.is_empty():
			summary = argument.trim_prefix("--summary=")
		"--trace" when not value.is_empty():
			trace = argument.trim_prefix("--trace=")
		_:
			return "%s is no argument of this game; there are: %s" % [argument, ", ".join(KNOWN)]
	return ""

extends Node2D
## The main scene: the yard with its player, what is shown above it, and who ends a run without one.

## Exit code for arguments that mean nothing.
const USAGE: int = 2
## How much goes on in the yard beside a player.
const PLAYER_BUSTLE: float = 0.2

## What stands on the command line after [code]--[/code].
var arguments: PackedStringArray = OS.get_cmdline_user_args()

@onready var yard: Yard = $Yard
@onready var quest: Quest = $Quest
@onready var overlay: Overlay = $Overlay


func _ready() -> void:
	var options: Options = Options.parse(arguments)
	if not options.problem.is_empty():
		printerr(options.problem)
		Brains.close()
		get_tree().quit(USAGE)
		return
	yard.director.begin(options.random_seed)
	yard.director.bustle = 1.0 if options.autopilot else PLAYER_BUSTLE
	yard.told.connect(overlay.tell)
	if not options.autopilot:
		_let_the_player_in(options)
	var tally: Tally = Tally.new(yard)
	add_child(tally)
	quest.won.connect(tally.note_win)
	if not options.trace.is_empty():
		tally.trace = Trace.open(options.trace)
	add_child(Referee.new(options, tally))


func _let_the_player_in(options: Options) -> void:
	var scene: PackedScene = load("res://scenes/player.tscn")
	var player: Player = scene.instantiate()
	player.name = "player"
	player.yard = yard
	player.position = yard.place(&"Start")
	if not options.play.is_empty():
		player.pilot = Hero.new(options.play)
	yard.bodies.add_child(player)

extends Node
## What the brains cost the castle yard per frame: plays it in turns with them and without, in one
## Godot, and times what all nodes do in a frame.
##
## Without them, nobody is connected and everybody's fallback plays, as without a server. A line of
## JSON at the end has the microseconds of each frame.

const MAIN: PackedScene = preload("res://scenes/main.tscn")
const TURNS: int = 6
## Frames after a change that are not counted: brains come and go.
const SETTLE: int = 120

var seconds: float = 10.0
var begun_us: int = 0
var physics_us: int = 0
var frame: int = 0
var turn: int = 0
var times: Dictionary[String, PackedInt32Array] = {"with": [], "without": []}


func _ready() -> void:
	seconds = OS.get_environment("BENCH_SECONDS").to_float()
	var main: Node = MAIN.instantiate()
	main.set(&"arguments", PackedStringArray(["--autopilot"]))
	add_child(main)
	for first: bool in [true, false]:
		var probe: Probe = Probe.new()
		probe.bench = self
		probe.is_first = first
		add_child(probe)


func end_frame(process_us: int) -> void:
	var on: bool = turn % 2 == 0
	if frame > SETTLE:
		times["with" if on else "without"].append(process_us + physics_us)
	frame += 1
	if frame > SETTLE + seconds * 60.0:
		frame = 0
		turn += 1
		if turn % 2 == 1:
			Brains.close()
		else:
			Brains.open()
	if turn == TURNS:
		print("@bench ", JSON.stringify(times))
		get_tree().quit()


class Probe:
	extends Node
	var bench: Node
	var is_first: bool

	func _ready() -> void:
		process_priority = -100000 if is_first else 100000
		process_physics_priority = process_priority

	func _physics_process(_delta: float) -> void:
		if is_first:
			bench.begun_us = Time.get_ticks_usec()
		else:
			bench.physics_us = Time.get_ticks_usec() - bench.begun_us

	func _process(_delta: float) -> void:
		if is_first:
			bench.begun_us = Time.get_ticks_usec()
		else:
			bench.end_frame(Time.get_ticks_usec() - bench.begun_us)
			bench.physics_us = 0

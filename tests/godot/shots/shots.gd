extends Node
## Plays the castle yard and photographs it, with SHOTS=FOLDER and ONLY=day,dusk in the environment.
##
## It is the main scene of a copy of the demo, in which it stands as res://shots/shots.tscn.

const MAIN: PackedScene = preload("res://scenes/main.tscn")

var folder: String = "/tmp"
var only: PackedStringArray = []
var main: Node
var yard: Yard


func _ready() -> void:
	folder = OS.get_environment("SHOTS")
	only = OS.get_environment("ONLY").split(",", false)
	main = MAIN.instantiate()
	add_child(main)
	yard = main.get_node("Yard")
	for shot: String in ["day", "dusk", "night"]:
		if only.is_empty() or shot in only:
			await call("_shoot_%s" % shot)
	get_tree().quit()


func _shoot_day() -> void:
	yard.day.hour = 12.0
	await _play(6.0)
	await _save("day")


func _shoot_dusk() -> void:
	yard.day.hour = 18.9
	await _play(2.0)
	await _save("dusk")


func _shoot_night() -> void:
	yard.day.hour = 22.5
	await _play(2.0)
	await _save("night")


func _play(seconds: float) -> void:
	await get_tree().create_timer(seconds).timeout


func _save(shot: String) -> void:
	for frame: int in 2:
		await RenderingServer.frame_post_draw
	var picture: Image = get_viewport().get_texture().get_image()
	var problem: Error = picture.save_png("%s/%s.png" % [folder, shot])
	if problem != OK:
		printerr("cannot save %s: %s" % [shot, error_string(problem)])

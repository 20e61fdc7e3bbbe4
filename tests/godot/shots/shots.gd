extends Node
## Plays the castle yard and photographs it, with SHOTS=FOLDER and ONLY=day,dusk in the environment;
## with FILM=FOLDER the strip is filmed, too: a picture every [constant FILM_S] seconds.
##
## It is the main scene of a copy of the demo, in which it stands as res://shots/shots.tscn.

const MAIN: PackedScene = preload("res://scenes/main.tscn")

## The part of the yard with the keep.
const KEEP: Rect2i = Rect2i(640, 24, 640, 360)
const FILM_S: float = 0.2

var folder: String = "/tmp"
var only: PackedStringArray = []
var is_filming: bool = false
var main: Node
var yard: Yard


func _ready() -> void:
	folder = OS.get_environment("SHOTS")
	only = OS.get_environment("ONLY").split(",", false)
	main = MAIN.instantiate()
	main.set(&"arguments", PackedStringArray())
	add_child(main)
	yard = main.get_node("Yard")
	# The mouse of a screen that nobody sees points somewhere, too.
	(main.get_node("Overlay/MindCard") as MindCard).set_process(false)
	for shot: String in [
		"day", "dusk", "speech", "hover", "f1", "f2", "strip", "night", "keep", "menu", "small"
	]:
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


func _shoot_speech() -> void:
	yard.day.hour = 18.4
	var player: Player = yard.player()
	player.position = yard.place(&"KeepDoor") + Vector2(-34.0, 76.0)
	player.facing = Vector2.UP
	await _play(0.5)
	player.say("I am the new clerk. The steward is waiting for me in the keep.")
	await _play(3.0)
	await _save("speech")


func _shoot_hover() -> void:
	yard.player().position = yard.place(&"KeepDoor") + Vector2(-34.0, 76.0)
	var card: MindCard = main.get_node("Overlay/MindCard")
	for turn: int in 20:
		card.show_mind(yard.find("guard_2") as Actor)
		await _play(0.1)
	await _save("hover")
	card.show_mind(null)


func _shoot_f1() -> void:
	yard.day.hour = 9.0
	_press(&"mind_stats")
	_press(&"mind_sight")
	await _play(3.0)
	await _save("f1")
	_press(&"mind_stats")
	_press(&"mind_sight")


func _shoot_f2() -> void:
	yard.day.hour = 19.2
	_press(&"mind_tree")
	await _play(2.0)
	await _save("f2")
	_press(&"mind_tree")


## The doorkeeper hears a visitor out: four pictures in one.
func _shoot_strip() -> void:
	yard.day.hour = 18.6
	yard.keep.door.is_open = false
	var player: Player = yard.player()
	player.position = yard.place(&"KeepDoor") + Vector2(-40.0, 150.0)
	player.pilot = Hero.new("talk")
	_film()
	var size: Vector2i = Vector2i(640, 360)
	var strip: Image = Image.create_empty(size.x * 2, size.y * 2, false, Image.FORMAT_RGB8)
	var scenes: Array[Callable] = [
		func() -> bool: return not player.says.is_empty(),
		func() -> bool: return yard.keep.door.is_open,
		func() -> bool: return yard.keep.is_inside(player.position),
		func() -> bool: return &"letter" in player.bag and player.position.y > 215.0,
	]
	for number: int in 4:
		await _wait(scenes[number], 60.0)
		for frame: int in 2:
			await RenderingServer.frame_post_draw
		var picture: Image = get_viewport().get_texture().get_image()
		picture.convert(Image.FORMAT_RGB8)
		strip.blit_rect(picture, KEEP, Vector2i(number % 2, number / 2) * size)
	_keep(strip, "strip")
	player.pilot = Pilot.new()
	is_filming = false


## Takes pictures of what goes on before the keep until the strip is done.
func _film() -> void:
	var film: String = OS.get_environment("FILM")
	is_filming = not film.is_empty()
	var number: int = 0
	while is_filming:
		await RenderingServer.frame_post_draw
		var picture: Image = get_viewport().get_texture().get_image().get_region(KEEP)
		picture.resize(KEEP.size.x * 3 / 4, KEEP.size.y * 3 / 4, Image.INTERPOLATE_LANCZOS)
		picture.save_png("%s/%03d.png" % [film, number])
		number += 1
		await _play(FILM_S)


func _shoot_keep() -> void:
	yard.player().position = Vector2(1060.0, 150.0)
	await _play(1.5)
	await _save("keep")
	yard.player().position = yard.place(&"Start")


func _shoot_menu() -> void:
	_press(&"pause")
	for frame: int in 3:
		await get_tree().process_frame
	await _save("menu")
	_press(&"pause")


## As small as anybody makes it.
func _shoot_small() -> void:
	yard.day.hour = 18.4
	get_window().size = Vector2i(320, 180)
	await _play(0.5)
	await _save("small")
	get_window().size = Vector2i(1280, 720)


func _press(action: StringName) -> void:
	var event: InputEventAction = InputEventAction.new()
	event.action = action
	event.pressed = true
	Input.parse_input_event(event)


func _play(seconds: float) -> void:
	await get_tree().create_timer(seconds).timeout


## Waits until something is the case, or for so many seconds.
func _wait(condition: Callable, at_most: float) -> void:
	var end_ms: int = Time.get_ticks_msec() + int(at_most * 1000.0)
	while not condition.call() and Time.get_ticks_msec() < end_ms:
		await get_tree().process_frame


func _save(shot: String) -> void:
	for frame: int in 2:
		await RenderingServer.frame_post_draw
	_keep(get_viewport().get_texture().get_image(), shot)


## Writes a picture, and a line of JSON about it.
func _keep(picture: Image, shot: String) -> void:
	var problem: Error = picture.save_png("%s/%s.png" % [folder, shot])
	if problem != OK:
		printerr("cannot save %s: %s" % [shot, error_string(problem)])
	var colours: Dictionary[Color, bool] = {}
	var light: float = 0.0
	var count: int = 0
	for x: int in range(0, picture.get_width(), 8):
		for y: int in range(0, picture.get_height(), 8):
			var colour: Color = picture.get_pixel(x, y)
			colours[colour] = true
			light += colour.get_luminance()
			count += 1
	var told: Dictionary = {"shot": shot, "colours": colours.size(), "light": light / count}
	told["size"] = [picture.get_width(), picture.get_height()]
	print("@shot ", JSON.stringify(told))

extends YardTest
## The whole game: three ways to win, what is shown, and what must not break it.


func test_the_letter_is_won_by_stealth() -> void:
	await win("steal")


func test_the_letter_is_won_by_the_sword() -> void:
	await win("fight")


func test_the_letter_is_won_by_talk() -> void:
	# Nobody has a brain here: what a brain would order comes from the test.
	var won: Array = heard((main.get_node("Quest") as Quest).won)
	clear_yard()
	var keeper: Actor = whom("guard_2")
	keeper.brain.fallback = BrainAgent.Fallback.IDLE
	keeper.brain.enabled = true
	keeper.position = yard.place(&"KeepDoor") + Vector2(20.0, 40.0)
	player.pilot = Hero.new("talk")
	await until(func() -> bool: return player.says.length() > 0, 1800)
	order("guard_2", &"LetPass", {"target": "player"})
	await until(func() -> bool: return won.size() > 0, 2400)
	equal(won.map(func(one: Array) -> String: return one[0]), ["talk"])


func win(way: String) -> void:
	time_limit_ms = 40000
	var won: Array = heard((main.get_node("Quest") as Quest).won)
	clear_yard()
	whom("guard_2").position = Vector2(1030.0, 250.0)
	player.pilot = Hero.new(way)
	await until(func() -> bool: return won.size() > 0, 3600)
	equal(won.map(func(one: Array) -> String: return one[0]), [way])


func test_without_a_server_there_is_a_banner_and_the_yard_lives() -> void:
	var overlay: Overlay = main.get_node("Overlay")
	await play(2.0)
	check(overlay.banner.visible)
	contains(overlay.banner.text, "brains serve")
	var villager: Actor = whom("villager_1")
	check(await until(func() -> bool: return villager.doing != null, 6000))
	check(villager.doing.order.is_local())


func test_a_model_that_is_away_is_told_of() -> void:
	var overlay: Overlay = main.get_node("Overlay")
	Brains.insight.trouble = "unavailable"
	check(overlay._advice().contains("brains serve"))
	Brains.insight.trouble = ""


func test_five_minutes_of_pause_change_nothing() -> void:
	# So many frames take their time on a busy machine.
	time_limit_ms = 90000
	player.position = Vector2(600.0, 470.0)
	var menu: Menu = main.get_node("Overlay/Center/Menu")
	menu.toggle()
	var hour: float = yard.day.hour
	var game_ms: float = Brains.time_ms
	await frames(5 * 60 * 60)
	equal(yard.day.hour, hour)
	equal(Brains.time_ms, game_ms)
	equal(player.position, Vector2(600.0, 470.0))
	menu.toggle()
	await play(0.2)
	check(yard.day.hour > hour)


func test_a_small_window_shows_all_of_it() -> void:
	var window: Window = get_window()
	var before: Vector2i = window.size
	for wanted: Vector2i in [Vector2i(320, 180), Vector2i(1920, 500), Vector2i(200, 900)]:
		window.size = wanted
		await frames(3)
		equal(window.get_visible_rect().size, Vector2(1280.0, 720.0))
	window.size = before


func test_the_scene_may_change_while_everybody_is_busy() -> void:
	await play(1.5)
	var epoch: int = Brains.epoch
	var agents: int = Brains.agents().size()
	main.queue_free()
	main = new_main()
	get_tree().root.add_child(main)
	get_tree().current_scene = main
	await frames(3)
	check(Brains.epoch > epoch)
	equal(Brains.agents().size(), agents)


func test_each_panel_opens_and_closes() -> void:
	for panel: String in ["Overlay/StatsPanel", "Overlay/TreePanel", "Yard/SightCones"]:
		var action: StringName = {
			"Overlay/StatsPanel": &"mind_stats",
			"Overlay/TreePanel": &"mind_tree",
			"Yard/SightCones": &"mind_sight",
		}[panel]
		var shown: CanvasItem = main.get_node(panel)
		for wanted: bool in [true, false]:
			await press(action)
			equal(shown.visible, wanted, panel)


func test_the_tree_of_the_next_one_is_shown_by_tab() -> void:
	await press(&"mind_tree")
	equal(Brains.insight.tracked, "guard_1")
	await press(&"next_agent")
	equal(Brains.insight.tracked, "guard_2")
	await press(&"mind_tree")
	equal(Brains.insight.tracked, "")


func test_a_mind_is_shown_with_its_answers() -> void:
	var card: MindCard = main.get_node("Overlay/MindCard")
	card.set_process(false)
	var guard: Actor = whom("guard_1")
	guard.brain.last_decision = {
		"leaf": "Guard/Respond",
		"question": "[b]A pilgrim[/b]",
		"answer": "peaceful",
		"probabilities": {"violent": 0.2, "peaceful": 0.8},
		"latency_ms": 53.0,
	}
	card.show_mind(guard)
	await frames(2)
	check(card.visible)
	equal(card._answers()[0], ["peaceful", 0.8, true])
	contains(card.text.get_parsed_text(), "[b]A pilgrim[/b]")
	contains(card.text.get_parsed_text(), "53 ms")


func test_who_is_held_wears_a_badge() -> void:
	var guard: Actor = whom("guard_1")
	guard.brain.is_held = true
	guard.brain.held.emit("breakpoint")
	equal(guard.caption.state, "held")
	contains(guard.caption._headline(), "held")


func test_there_is_a_picture_for_all_that_anybody_can_do() -> void:
	var drawn: String = FileAccess.get_file_as_string("res://scripts/icons.gd")
	for actor: Actor in yard.actors():
		for action: BrainAction in actor.brain.actions:
			contains(drawn, '&"%s"' % action.name, "of %s" % actor.name)


func test_windows_shine_at_night_and_not_by_day() -> void:
	var lamps: Array[Node] = main.find_children("*", "Lamplight", true, false)
	equal(lamps.size(), 2)
	for hour: float in [23.0, 12.0]:
		yard.day.hour = hour
		await frames(3)
		for lamp: Lamplight in lamps:
			equal(lamp._lights[0].visible, hour == 23.0, lamp.get_path())
			check((lamp._shown > 0.8) == (hour == 23.0), lamp.get_path())


func test_a_day_takes_ten_minutes() -> void:
	yard.day.hour = 0.0
	var lights: Dictionary[String, bool] = {}
	for _part: int in 240:
		await play(2.5 / 60.0 * 1.0)
		yard.day.hour += 0.1
		lights[yard.day.light()] = true
	for light: String in Day.LIGHTS.values():
		check(lights.has(light), light)
	var hour: float = yard.day.hour
	await play(10.0)
	near(yard.day.hour - hour, 0.4, 0.02)


func test_captions_of_people_who_stand_together_keep_clear_of_each_other() -> void:
	var bodies: Node2D = Node2D.new()
	add_child(bodies)
	for place: Vector2 in [Vector2(0, 0), Vector2(15, 2), Vector2(30, -9), Vector2(900, 0)]:
		var visitor: Visitor = (load("res://scenes/visitor.tscn") as PackedScene).instantiate()
		var part: Dictionary = {"looks": "a piper", "manner": "", "then": ["", ""]}
		part["first"] = ["plays", "La la!"]
		visitor.play(part, "", place, 9.0)
		bodies.add_child(visitor)
	var captions: Captions = Captions.new()
	captions.bodies = bodies
	add_child(captions)
	await frames(3)
	var rooms: Array[Vector2] = []
	var lifts: Array[float] = []
	for body: Body in bodies.get_children():
		var room: Rect2 = body.caption.room()
		var lift: float = body.caption.lift
		rooms.append(Vector2(room.position.y - lift, room.end.y - lift))
		lifts.append(lift)
	equal(lifts[-1], 0.0)
	equal(lifts.slice(0, 3).min(), 0.0)
	rooms = rooms.slice(0, 3)
	rooms.sort()
	for index: int in 2:
		check(rooms[index].y <= rooms[index + 1].x + 0.01)


func test_every_sound_can_be_made() -> void:
	for what: StringName in Sounds.VOLUMES:
		var sound: AudioStreamWAV = Sounds.make(what)
		check(sound.data.size() > 1000, what)
		var loudest: int = 0
		for index: int in sound.data.size() / 2:
			loudest = maxi(loudest, absi(sound.data.decode_s16(index * 2)))
		check(loudest > 3000, "%s is not heard" % what)


func test_sound_can_be_switched_off() -> void:
	await press(&"mute")
	check(yard.sounds.is_muted)
	await press(&"mute")
	check(not yard.sounds.is_muted)

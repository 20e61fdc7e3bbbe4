extends ServedTest
## The model, the server or the scene goes away while everybody is busy, and comes back.


func test_a_banner_tells_that_the_model_is_away_until_it_is_back() -> void:
	var overlay: Overlay = main.get_node("Overlay")
	direct({"away": "no route to host"})
	keep_the_guard_asking()
	await eventually(func() -> bool: return overlay.banner.visible, "banner")
	contains(overlay.banner.text, "The model does not answer (unavailable)")
	contains(overlay.banner.text, "ollama serve")
	check(Brains.is_open())
	# He goes on, and does what his tree has for want of an answer.
	var guard: Actor = whom("guard_1")
	await eventually(func() -> bool: return guard.doing != null, "action without the model")
	direct({"guard/is_hostile": "safe"})
	await eventually(func() -> bool: return not overlay.banner.visible, "end of the banner")
	equal(Brains.insight.trouble, "")


func test_a_banner_tells_that_the_server_is_away_until_it_is_back() -> void:
	var overlay: Overlay = main.get_node("Overlay")
	check(not overlay.banner.visible)
	Brains.close()
	await eventually(func() -> bool: return overlay.banner.visible, "banner")
	contains(overlay.banner.text, "brains serve")
	var villager: Actor = whom("villager_1")
	var is_alone: Callable = func() -> bool: return villager.caption.source == "local"
	await eventually(is_alone, "action of somebody without a brain")
	Brains.open()
	await eventually(func() -> bool: return not overlay.banner.visible, "end of the banner")
	await eventually(is_everybody_driven, "a brain for everybody")
	await eventually(func() -> bool: return villager.caption.source == "tree", "action of the tree")


func test_another_scene_while_actions_are_under_way() -> void:
	await eventually(is_everybody_busy, "work for everybody")
	var epoch: int = Brains.epoch
	var agents: int = Brains.agents().size()
	var ids: Array[String] = []
	for actor: Actor in yard.actors():
		ids.append(actor.doing.order.id)
	begin_anew()
	await eventually(is_everybody_driven, "a brain for everybody in the new scene")
	await eventually(is_everybody_busy, "work for everybody in the new scene")
	check(Brains.epoch > epoch)
	equal(Brains.agents().size(), agents)
	for actor: Actor in yard.actors():
		check(not actor.doing.order.id in ids, "%s goes on with an old order" % actor.name)
	check(Brains.is_open())
	equal(Brains.counters()["errors"], {})


func test_the_game_begins_anew_by_a_key() -> void:
	await eventually(is_everybody_busy, "work for everybody")
	player.purse = 1
	player.position = Vector2(600.0, 470.0)
	yard.day.hour = 3.0
	# R alone does nothing: the menu has to be open.
	await press(&"restart")
	equal(player.purse, 1)
	await press(&"pause")
	check(get_tree().paused)
	await press(&"restart")
	await frames(3)
	check(not get_tree().paused)
	adopt(get_tree().current_scene)
	equal(player.purse, 5)
	equal(player.position, yard.place(&"Start"))
	near(yard.day.hour, 17.5, 0.2)
	await eventually(is_everybody_busy, "work for everybody after that")


func keep_the_guard_asking() -> void:
	var guard: Actor = whom("guard_1")
	guard.position = Vector2(250.0, 400.0)
	player.position = Vector2(340.0, 400.0)
	guard.turn_to(player.position)


func is_everybody_busy() -> bool:
	return yard.actors().all(
		func(actor: Actor) -> bool: return actor.doing != null and not actor.doing.order.is_local()
	)


func begin_anew() -> void:
	main.queue_free()
	var fresh: Node = new_main()
	get_tree().root.add_child(fresh)
	get_tree().current_scene = fresh
	adopt(fresh)


func adopt(scene: Node) -> void:
	main = scene
	yard = main.get_node("Yard")
	player = yard.player()
	yard.director.set_physics_process(false)

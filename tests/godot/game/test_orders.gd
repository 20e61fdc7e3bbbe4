extends YardTest
## What the cast does when its brains order it.


func before_each() -> void:
	await super()
	clear_yard()
	for who: Actor in yard.actors():
		who.brain.fallback = BrainAgent.Fallback.IDLE
		who.brain.enabled = true
	check(await until(is_everybody_alone, 3000))


func test_everybody_has_learned_whatever_is_declared() -> void:
	for who: Actor in yard.actors():
		for action: BrainAction in who.brain.actions:
			var params: Dictionary = {}
			for parameter: BrainParameter in action.parameters:
				params[parameter.name] = (
					3 if parameter.type == BrainParameter.Type.WHOLE else "gate"
				)
			var given: BrainOrder = who.brain.start(action.name, params)
			if not check(given != null, "%s cannot %s" % [who.name, action.name]):
				continue
			check(not given.message.contains("has not learned"), given.message)


func test_the_doorkeeper_opens_the_door_for_a_while() -> void:
	player.position = yard.place(&"KeepDoor") + Vector2(0.0, 80.0)
	whom("guard_2").position = yard.place(&"KeepDoor") + Vector2(20.0, 40.0)
	var given: BrainOrder = order("guard_2", &"LetPass", {"target": "player"})
	await play(1.5)
	equal(given.status, &"success")
	check(yard.keep.door.is_open)
	equal(yard.keep.entered_by, "talk")
	await play(Doorkeeper.OPEN_S + 1.0)
	check(not yard.keep.door.is_open)


func test_the_other_guard_cannot_open_it() -> void:
	expect_error("guard_1 does not declare LetPass")
	equal(order("guard_1", &"LetPass", {"target": "player"}), null)


func test_a_guard_runs_after_whom_he_attacks() -> void:
	whom("guard_1").position = Vector2(200.0, 400.0)
	player.position = Vector2(500.0, 350.0)
	var given: BrainOrder = order("guard_1", &"Attack", {"target": "player"})
	await play(4.0)
	equal(given.status, &"success")
	check(player.health < 0.75)
	check(not whom("guard_1").is_armed)


func test_who_gets_away_was_not_hit() -> void:
	whom("guard_1").position = Vector2(200.0, 400.0)
	player.position = Vector2(500.0, 350.0)
	var given: BrainOrder = order("guard_1", &"Attack", {"target": "player"})
	for second: int in 9:
		player.position = Vector2(1200.0, 400.0) if second % 2 == 0 else Vector2(200.0, 600.0)
		await play(1.0)
	equal(given.status, &"failure")
	near(player.health, 1.0, 0.01)


func test_whoever_is_not_there_is_a_failure() -> void:
	for target: String in ["nobody", "", "../../Day", "guard_1/Brain"]:
		var given: BrainOrder = order("guard_1", &"Challenge", {"target": target})
		if given != null:
			equal(given.status, &"failure")


func test_gossip_reaches_those_who_are_near_and_only_once() -> void:
	var told: Array = heard(yard.told)
	whom("villager_1").position = Vector2(500.0, 560.0)
	whom("villager_2").position = Vector2(560.0, 560.0)
	whom("villager_3").position = Vector2(900.0, 560.0)
	for _time: int in 2:
		order("villager_1", &"Gossip", {"text": "the traveller has a sword"})
		await play(1.8)
	var rumours: Array = told.filter(
		func(one: Array) -> bool: return str(one[1]).begins_with("rumour")
	)
	equal(rumours.size(), 1)
	equal(rumours[0][0], "villager_2")


func test_a_call_for_help_alarms_everybody() -> void:
	order("guard_1", &"CallForHelp")
	await play(2.0)
	check(yard.is_alarmed())
	equal(yard._observe_world()["alarm"], true)
	await play(Yard.ALARM_S)
	check(not yard.is_alarmed())


func test_in_his_cellar_nobody_finds_the_thief() -> void:
	var thief: Thief = whom("thief_1")
	var guard: Actor = whom("guard_1")
	var dog: Dog = whom("dog_1")
	thief.position = yard.place(&"Cellar") + Vector2(-80.0, 60.0)
	dog.position = thief.position + Vector2(-60.0, 0.0)
	guard.position = thief.position + Vector2(-120.0, 30.0)
	guard.turn_to(thief.position)
	dog.turn_to(thief.position)
	check(yard.sees(guard, thief))
	check(yard.sees(dog, thief))
	order("thief_1", &"Flee")
	var chase: BrainOrder = order("dog_1", &"Chase", {"target": "thief_1"})
	await play(2.0)
	check(not thief.can_be_seen())
	check(not thief.figure.visible)
	check(not yard.sees(guard, thief))
	check(not yard.sees(dog, thief))
	equal(chase.status, &"failure")
	thief.position = yard.place(&"StallShadow")
	await frames(2)
	check(thief.can_be_seen())
	check(thief.figure.visible)


func test_the_thief_is_caught_by_whoever_sees_him() -> void:
	var thief: Thief = whom("thief_1")
	thief.position = yard.place(&"StallShadow")
	var given: BrainOrder = order("thief_1", &"Steal")
	await play(1.2)
	equal(given.status, &"success")
	equal(thief.loot, 1)
	var merchant: Actor = whom("merchant_1")
	merchant.position = yard.place(&"Stall")
	merchant.turn_to(thief.position)
	given = order("thief_1", &"Steal")
	await play(1.2)
	equal(given.status, &"failure")
	equal(given.message, "somebody saw it")


func test_the_scene_is_what_the_thief_sees() -> void:
	var thief: Thief = whom("thief_1")
	thief.position = yard.place(&"StallShadow")
	equal(yard.director.scene_for(thief)["guard"], "is nowhere to be seen")
	var guard: Actor = whom("guard_1")
	guard.position = thief.position + Vector2(0.0, 150.0)
	guard.turn_to(thief.position)
	equal(yard.director.scene_for(thief)["guard"], "looks straight at the thief")


func test_a_beaten_doorkeeper_drops_the_key() -> void:
	var keeper: Actor = whom("guard_2")
	keeper.position = Vector2(1030.0, 260.0)
	for _blow: int in 3:
		keeper.take_blow(player, Player.BLOW)
	var keys: Array[Node] = yard.things.get_children().filter(
		func(thing: Thing) -> bool: return thing.what == &"key"
	)
	equal(keys.size(), 1)


func test_everybody_finds_a_way_round_walls() -> void:
	var villager: Actor = whom("villager_1")
	for place: StringName in [&"Shelter", &"Well", &"Cellar", &"Gate", &"StallShadow"]:
		villager.go([yard.place(place)], 12.0)
		await until(func() -> bool: return villager.places_ahead() == 0, 900)
		check(villager.position.distance_to(yard.place(place)) < 40.0, "did not get to %s" % place)

extends YardTest
## Everybody perceives only what there is to see and hear from where they stand.

var watcher: Actor


func before_each() -> void:
	await super()
	clear_yard()
	watcher = whom("guard_1")
	watcher.position = Vector2(250.0, 360.0)
	watcher.facing = Vector2.RIGHT
	yard.day.hour = 12.0


func test_what_is_before_ones_eyes_is_seen() -> void:
	player.position = watcher.position + Vector2(200.0, 0.0)
	var sight: Dictionary = seen("player")
	equal(sight["kind"], "stranger")
	equal(sight["looks"], Player.LOOKS)
	equal(sight["distance"], 4.5)
	equal(sight["armed"], false)


func test_what_is_behind_ones_back_is_not_seen_unless_it_is_close() -> void:
	player.position = watcher.position - Vector2(150.0, 0.0)
	equal(seen("player"), {})
	player.position = watcher.position - Vector2(50.0, 0.0)
	check(not seen("player").is_empty())


func test_what_is_too_far_away_is_not_seen() -> void:
	player.position = watcher.position + Vector2(Sight.DAY * Body.METRE + 5.0, 0.0)
	equal(seen("player"), {})


func test_in_the_dark_one_sees_less_far_but_by_a_torch() -> void:
	yard.day.hour = 23.0
	player.position = watcher.position + Vector2(300.0, 0.0)
	equal(seen("player"), {})
	player.position = watcher.position + Vector2(150.0, 0.0)
	check(not seen("player").is_empty())
	# The torch on the pole by the path.
	watcher.position = Vector2(540.0, 300.0)
	watcher.facing = Vector2.DOWN
	player.position = Vector2(560.0, 585.0)
	check(not seen("player").is_empty())


func test_nobody_sees_through_walls() -> void:
	watcher.position = Vector2(1030.0, 250.0)
	watcher.facing = Vector2.UP
	player.position = Vector2(930.0, 130.0)
	equal(seen("player"), {})
	yard.keep.door.is_open = true
	player.position = Vector2(1030.0, 150.0)
	check(not seen("player").is_empty())


func test_the_window_is_out_of_the_doorkeepers_sight() -> void:
	var keeper: Actor = whom("guard_2")
	keeper.position = Vector2(985.0, 236.0)
	keeper.facing = Vector2.LEFT
	player.position = yard.place(&"Window") - Vector2(0.0, 40.0)
	check(not yard.sees(keeper, player))


func test_a_voice_carries_as_far_as_it_is_loud() -> void:
	player.position = watcher.position + Vector2(200.0, 0.0)
	player.say("Good day.")
	equal(seen("player")["says"], "Good day.")
	player.position = watcher.position + Vector2(330.0, 0.0)
	equal(seen("player")["says"], "")
	player.say("Help!")
	equal(seen("player")["says"], "Help!")


func test_who_is_heard_and_not_seen_is_a_voice() -> void:
	player.position = watcher.position - Vector2(150.0, 0.0)
	player.say("Psst.")
	equal(seen("player"), {})
	var voices: Array[Dictionary] = yard.voices_for(watcher)
	equal(voices.size(), 1)
	equal(voices[0]["says"], "Psst.")
	equal(voices[0]["kind"], "voice")
	await play(Body.SPEECH_S + 0.5)
	equal(yard.voices_for(watcher), [] as Array[Dictionary])


func test_a_wall_takes_half_of_a_voice() -> void:
	watcher.position = Vector2(1030.0, 220.0)
	player.position = Vector2(1030.0, 130.0)
	player.say("Is anybody there?")
	equal(yard.voices_for(watcher).size(), 1)
	watcher.position = Vector2(1030.0, 300.0)
	equal(yard.voices_for(watcher).size(), 0)


func test_the_prompts_are_told_no_more_than_is_perceived() -> void:
	player.position = watcher.position - Vector2(150.0, 0.0)
	var told: Dictionary = watcher._observe()
	check(not JSON.stringify(told["sees"]).contains("player"))
	equal(told["sees"], yard.sights_of(watcher))
	check(not JSON.stringify(yard._observe_world()).contains("player"))


func test_whether_somebody_looks_at_one_is_told() -> void:
	player.position = watcher.position + Vector2(200.0, 0.0)
	player.facing = Vector2.LEFT
	equal(seen("player")["facing"], true)
	player.facing = Vector2.RIGHT
	equal(seen("player")["facing"], false)


func seen(id: String) -> Dictionary:
	for sight: Dictionary in yard.sights_of(watcher):
		if sight["id"] == id:
			return sight
	return {}

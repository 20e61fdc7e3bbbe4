extends ServedTest
## What is shown of a mind, while there is one: who chose, what was asked, what is said, the tree.


## Leaves two alone with each other.
func meet(id: String, distance: float) -> Actor:
	var who: Actor = alone_with(id)
	player.position = who.position + Vector2(distance, 0.0)
	who.turn_to(player.position)
	return who


func test_the_colour_above_a_head_is_of_who_chose() -> void:
	direct({"guard/is_hostile": "safe"})
	var guard: Actor = whom("guard_1")
	player.position = Vector2(1200.0, 600.0)
	var seen: Dictionary[String, Color] = {}
	var look: Callable = func() -> void: seen[guard.caption.source] = guard.caption._text_colour()
	guard.began.connect(look.unbind(1))
	await eventually(func() -> bool: return seen.has("tree"), "action of the tree")
	direct({"guard/is_hostile": "danger", "guard/respond": "suspicious"})
	meet("guard_1", 120.0)
	await eventually(func() -> bool: return seen.has("llm"), "action that the model chose")
	direct({"guard/is_hostile": "danger", "guard/respond": {"a song": 1.0}})
	player.say("What now?")
	await eventually(func() -> bool: return seen.has("fallback"), "action for want of an answer")
	var colours: Array[Color] = []
	for source: String in ["tree", "llm", "fallback"]:
		equal(seen[source], Caption.SOURCES[source], source)
		check(not seen[source] in colours, "%s has the colour of another" % source)
		colours.append(seen[source])


func test_a_mind_that_is_pointed_at_is_shown_with_its_last_answer() -> void:
	direct({"guard/is_hostile": {"danger": 0.9, "safe": 0.1}, "guard/respond": "suspicious"})
	var guard: Actor = meet("guard_1", 120.0)
	player.say("I only look at the flowers.")
	await eventually(func() -> bool: return guard.brain.last_decision.has("leaf"), "decision")
	var card: MindCard = main.get_node("Overlay/MindCard")
	point_at(guard)
	await frames(3)
	equal(card.actor, guard)
	check(card.visible)
	check(guard.caption.is_wordy)
	var text: String = card.text.get_parsed_text()
	contains(text, "Aldric")
	contains(text, str(guard.brain.last_decision["question"]).left(20))
	contains(text, " ms, ")
	check(card._answers().size() >= 2)
	point_at(null)
	await frames(3)
	check(not card.visible)


func test_a_line_is_shown_while_it_is_being_spoken() -> void:
	var line: String = "Hot pies! Come closer!"
	direct({"merchant/praise": line})
	player.position = Vector2(60.0, 600.0)
	var merchant: Actor = whom("merchant_1")
	var shown: Array[String] = []
	var note: Callable = func() -> void:
		var speech: String = merchant.caption.speech.strip_edges()
		if not speech in shown:
			shown.append(speech)
	get_tree().process_frame.connect(note)
	await eventually(func() -> bool: return line in shown, "whole line")
	get_tree().process_frame.disconnect(note)
	var pieces: Array[String] = shown.filter(
		func(text: String) -> bool: return not text.is_empty() and line.begins_with(text)
	)
	check(pieces.size() >= 2, "it came at once: %s" % str(shown))
	for index: int in pieces.size() - 1:
		check(pieces[index].length() < pieces[index + 1].length(), str(pieces))


func test_the_numbers_of_the_brains_are_shown() -> void:
	direct({"guard/is_hostile": "danger", "guard/respond": "suspicious"})
	meet("guard_1", 120.0)
	await eventually(func() -> bool: return Brains.insight.median_latency_ms() > 0.0, "latency")
	await eventually(func() -> bool: return Brains.insight.action_age_ms > 0.0, "order")
	var panel: StatsPanel = main.get_node("Overlay/StatsPanel")
	panel.show()
	var text: Callable = func() -> String: return panel.text.get_parsed_text()
	var is_rated: Callable = func() -> bool:
		return RegEx.create_from_string("answers +[1-9]").search(text.call()) != null
	await eventually(is_rated, "rate of answers")
	for wanted: String in [
		"server +connected, ws://",
		"characters +1 of 1 driven",
		"action age +\\d+ ms",
		"model +scripted",
		"latency +\\d+ ms \\(median",
		"no answer +\\d+ % of questions",
		"held +nobody",
		"frames +\\d+ per second",
	]:
		check(RegEx.create_from_string(wanted).search(text.call()) != null, wanted)
	whom("guard_1").brain.is_held = true
	await eventually(func() -> bool: return text.call().contains("held   guard_1"), "held guard")


func test_the_tree_of_one_is_shown_as_it_runs() -> void:
	var panel: TreePanel = main.get_node("Overlay/TreePanel")
	panel.show()
	panel.select("dog_1")
	var text: Callable = func() -> String: return panel.text.get_parsed_text()
	await eventually(func() -> bool: return text.call().contains("Pass the time"), "tree")
	await eventually(func() -> bool: return text.call().contains("▶"), "node that runs")
	contains(text.call(), "The tree of Rufus")
	panel.select("guard_1")
	await eventually(
		func() -> bool: return text.call().contains("Deal with a stranger"), "other tree"
	)
	check(not text.call().contains("Pass the time"), "the first tree is still there")


func point_at(actor: Actor) -> void:
	var at: Vector2 = Vector2(2.0, 2.0)
	if actor != null:
		at = yard.get_global_transform_with_canvas() * (actor.position + Vector2(0.0, -22.0))
	var motion: InputEventMouseMotion = InputEventMouseMotion.new()
	motion.position = get_tree().root.get_final_transform() * at
	motion.global_position = motion.position
	Input.parse_input_event(motion)
	Input.flush_buffered_events()

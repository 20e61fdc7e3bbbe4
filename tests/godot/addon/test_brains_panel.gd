extends BrainsTest
## The debugger's Brains tab, outside the editor, told what a game would say.

const BrainsPanel: GDScript = preload("res://addons/brains/editor/brains_panel.gd")
const Look: GDScript = preload("res://addons/brains/editor/brains_look.gd")

var panel: Control
var asked: Array[Array] = []


func before_each() -> void:
	panel = BrainsPanel.new()
	asked = heard(Signal(panel, "asked"))
	add_child(panel)


func row(id: String, action: String = "Patrol", age_ms: float = 100.0) -> Array:
	return [id, "guard", "driven", action, "tree", age_ms]


func tell(rows: Array, changes: Dictionary = {}) -> void:
	var status: Dictionary = {
		"state": "open",
		"url": "ws://127.0.0.1:8765",
		"session": "s1",
		"lost": "",
		"problem": "",
		"counters": {"snapshots": 12, "answers": 11, "dropped": {"stale": 2}, "events_dropped": 1},
		"total": rows.size(),
		"matching": rows.size(),
	}
	status.merge(changes, true)
	panel.call(&"take", "list", [status, rows])


## As from the start of a game to the first list.
func play(rows: Array) -> void:
	panel.call(&"on_started")
	panel.call(&"take", "hello", [{"version": "0.1.0"}])
	tell(rows)


## All texts that can be seen.
func shown() -> String:
	var texts: PackedStringArray = []
	for label: Node in panel.find_children("*", "Label", true, false):
		if (label as Label).is_visible_in_tree():
			texts.append((label as Label).text)
	for text: Node in panel.find_children("*", "RichTextLabel", true, false):
		if (text as RichTextLabel).is_visible_in_tree():
			texts.append((text as RichTextLabel).get_parsed_text())
	return "\n".join(texts)


func list() -> Tree:
	return panel.find_children("*", "Tree", true, false)[0]


func column(index: int) -> Array[String]:
	var texts: Array[String] = []
	for item: TreeItem in list().get_root().get_children():
		texts.append(item.get_text(index))
	return texts


func button() -> Button:
	return panel.find_children("*", "Button", true, false)[0]


func filter() -> LineEdit:
	return panel.find_children("*", "LineEdit", true, false)[0]


func test_it_says_what_to_do_where_no_game_runs() -> void:
	contains(shown(), "No game is running")
	contains(shown(), "F5")
	check(not list().is_visible_in_tree())


func test_a_game_without_the_autoload() -> void:
	panel.call(&"on_started")
	contains(shown(), "The game is starting")
	check(await until(func() -> bool: return shown().contains("no Brains autoload")))
	contains(shown(), "Plugins")


func test_a_slow_game_may_still_say_hello() -> void:
	panel.call(&"on_started")
	panel.call(&"give_up_waiting")
	panel.call(&"take", "hello", [{}])
	tell([row("guard_1")])
	equal(column(0), ["guard_1"])


func test_a_breakpoint_before_the_hello_is_no_silence() -> void:
	panel.call(&"on_started")
	panel.call(&"on_breaked", true)
	await frames(600)
	contains(shown(), "The game is starting")
	contains(shown(), "breakpoint")
	panel.call(&"on_continued")
	check(await until(func() -> bool: return shown().contains("no Brains autoload")))


func test_it_asks_for_nothing_before_the_game_says_hello() -> void:
	panel.call(&"on_started")
	equal(asked, [])
	panel.call(&"take", "hello", [{}])
	equal(asked, [["watch", [250, ""]]])


func test_a_tab_that_is_not_seen_costs_the_game_nothing() -> void:
	panel.hide()
	panel.call(&"on_started")
	panel.call(&"take", "hello", [{}])
	equal(asked, [])
	panel.show()
	equal(asked, [["watch", [250, ""]]])
	panel.hide()
	equal(asked[-1], ["watch", [0, ""]])


func test_agents_are_sorted_as_people_count() -> void:
	play([row("guard_10"), row("merchant"), row("guard_2")])
	equal(column(0), ["guard_2", "guard_10", "merchant"])


func test_a_click_on_a_title_sorts_by_it() -> void:
	play([row("a", "Walk", 5.0), row("b", "Run", 500_000.0), row("c", "Sit", 50.0)])
	list().column_title_clicked.emit(3, MOUSE_BUTTON_LEFT)
	equal(column(0), ["b", "c", "a"])
	list().column_title_clicked.emit(3, MOUSE_BUTTON_LEFT)
	equal(column(0), ["a", "c", "b"])
	list().column_title_clicked.emit(5, MOUSE_BUTTON_LEFT)
	equal(column(5), ["0.0 s", "0.1 s", "8 min"])


func test_who_chose_is_told_by_word_and_colour() -> void:
	var rows: Array = []
	for source: String in ["tree", "llm", "fallback", "local"]:
		rows.append([source, "guard", "driven", "Patrol", source, 1.0])
	play(rows)
	equal(column(4), ["fallback", "model", "local", "tree"])
	var colors: Dictionary[Color, bool] = {}
	for item: TreeItem in list().get_root().get_children():
		colors[item.get_custom_color(4)] = true
		check(item.get_icon(4) != null)
	equal(colors.size(), 4)


func test_agents_come_and_go() -> void:
	play([row("a"), row("b"), row("c")])
	tell([row("b")])
	equal(column(0), ["b"])
	tell([row("d"), row("b")])
	equal(column(0), ["b", "d"])


func test_a_chosen_agent_is_tracked_and_shown() -> void:
	play([row("a"), row("b")])
	contains(shown(), "Choose an agent")
	list().get_root().get_child(1).select(0)
	equal(asked[-1], ["track", ["b"]])
	var agent: Dictionary = {
		"id": "b",
		"brain": "guard",
		"state": "driven",
		"action": "Attack",
		"params": 'target: "wolf"',
		"source": "llm",
		"reason": "is_hostile: yes",
		"line": "Halt!",
		"available": PackedStringArray(["Attack", "Flee"]),
		"observation": '{\n  "hp": 7\n}',
		"orders": [{"name": "Attack", "source": "llm", "status": "running", "message": ""}],
	}
	panel.call(&"take", "agent", [agent])
	for part: String in ["Attack", 'target: "wolf"', "model", "yes", "Halt!", "Attack, Flee"]:
		contains(shown(), part)
	equal(panel.find_children("Perceives", "TextEdit", true, false)[0].text, '{\n  "hp": 7\n}')
	var orders: Tree = panel.find_children("Orders", "Tree", true, false)[0]
	equal(orders.get_root().get_child(0).get_text(0), "Attack")


func test_details_of_another_agent_came_too_late() -> void:
	play([row("a"), row("b")])
	list().get_root().get_child(1).select(0)
	panel.call(&"take", "agent", [{"id": "a", "state": "driven", "line": "too late"}])
	check(not shown().contains("too late"))


func test_the_mark_stays_on_its_agent_when_rows_move() -> void:
	play([row("b"), row("c")])
	list().get_root().get_child(0).select(0)
	asked.clear()
	tell([row("a"), row("b"), row("c")])
	equal(list().get_selected().get_text(0), "b")
	tell([row("c")])
	check(list().get_selected() == null)
	tell([row("a"), row("b")])
	equal(list().get_selected().get_text(0), "b")
	equal(asked, [])


func test_an_agent_that_is_gone() -> void:
	play([row("a")])
	list().get_root().get_child(0).select(0)
	panel.call(&"take", "agent", [{"id": "a", "state": "gone"}])
	contains(shown(), "not in the game any more")


func test_the_filter_is_the_games_to_apply() -> void:
	play([row("a")])
	filter().text = "gua"
	filter().text_changed.emit("gua")
	equal(asked.size(), 1)
	check(await until(func() -> bool: return asked.size() == 2))
	equal(asked[-1], ["watch", [250, "gua"]])
	tell([], {"total": 1000, "matching": 0})
	contains(shown(), "No agent fits the filter")
	tell([row("guard")], {"total": 1000, "matching": 700})
	contains(shown(), "700 of 1000 agents (the first 1 are shown)")


func test_the_slider_sets_how_often() -> void:
	play([row("a")])
	var slider: HSlider = panel.find_children("*", "HSlider", true, false)[0]
	equal([slider.min_value, slider.max_value], [100, 1000])
	slider.value = 800
	contains(shown(), "800 ms")
	check(await until(func() -> bool: return asked[-1] == ["watch", [800, ""]]))


func test_a_pause_keeps_what_is_shown() -> void:
	play([row("a")])
	button().button_pressed = true
	equal(asked[-1], ["watch", [0, ""]])
	tell([row("b")])
	equal(column(0), ["a"])
	button().button_pressed = false
	equal(asked[-1], ["watch", [250, ""]])
	tell([row("b")])
	equal(column(0), ["b"])


func test_connection_and_counters() -> void:
	play([row("a"), row("b")])
	contains(shown(), "Connected to ws://127.0.0.1:8765")
	contains(shown(), "2 agents · 12 snapshots, 11 answered · 2 orders dropped · 1 event dropped")


func test_without_a_server_it_says_how_to_start_one() -> void:
	play([row("a")])
	tell([row("a")], {"state": "waiting", "lost": "nobody answers"})
	contains(shown(), "Not connected: nobody answers. Start the server")
	contains(shown(), "brains serve")
	equal(column(0), ["a"], "agents are there all the same")
	tell([row("a")])
	check(not shown().contains("brains serve"))


func test_a_refusal_is_final() -> void:
	play([row("a")])
	tell([row("a")], {"state": "refused", "lost": "unauthorized: put the token there"})
	contains(shown(), "unauthorized: put the token there")
	contains(shown(), "no other attempt")


func test_a_client_that_is_off() -> void:
	play([row("a")])
	tell([row("a")], {"state": "off"})
	contains(shown(), "connect_at_start")


func test_the_servers_complaint_is_shown() -> void:
	play([row("a")])
	tell([row("a")], {"problem": "unknown_brain: there is no brain gaurd"})
	contains(shown(), "there is no brain gaurd")


func test_a_game_without_agents() -> void:
	play([])
	contains(shown(), "The game has no agents")
	contains(shown(), "BrainAgent")


func test_a_game_that_stops_and_starts_again() -> void:
	play([row("a")])
	list().get_root().get_child(0).select(0)
	panel.call(&"on_stopped")
	contains(shown(), "No game is running")
	tell([row("late")])
	contains(shown(), "No game is running")
	asked.clear()
	play([row("b")])
	equal(asked, [["watch", [250, ""]]])
	equal(column(0), ["b"])
	contains(shown(), "Choose an agent")


func test_rubbish_does_no_harm() -> void:
	play([row("a")])
	check(not panel.call(&"take", "dance", []))
	for data: Array in [[], [1], [{}, 5], ["", []], [{}, []], [{"counters": 5, "total": "x"}, [0]]]:
		check(panel.call(&"take", "list", data))
		check(panel.call(&"take", "agent", data))
	tell([["a"], [1, 2, 3, 4, 5, 6], row("b"), null, "x"])
	equal(column(0), ["b"])
	list().get_root().get_child(0).select(0)
	panel.call(&"take", "agent", [{"id": "b", "orders": 5, "available": "x", "age_ms": "soon"}])
	panel.call(&"take", "agent", [{"id": "b", "orders": [1, {}], "line": null, "action": 7}])
	contains(shown(), "7")


func test_five_hundred_agents() -> void:
	var rows: Array = []
	for index: int in 500:
		rows.append(row("agent_%d" % index))
	play(rows)
	tell(rows)
	equal(column(0).size(), 500)
	equal(column(0)[10], "agent_10")


func test_durations() -> void:
	var texts: Array = [-5.0, 0.0, 9949.0, 42_400.0, 130_000.0].map(Look.duration)
	equal(texts, ["0.0 s", "0.0 s", "9.9 s", "42 s", "2 min"])

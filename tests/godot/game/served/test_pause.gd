extends ServedTest
## Five minutes of a game that stands still, while the server is there. Frames are not as long here
## as in a game: see test_served.py.


func test_after_five_minutes_of_pause_everybody_goes_on_where_they_were() -> void:
	player.position = Vector2(1200.0, 600.0)
	var guard: Actor = whom("guard_1")
	var is_on_patrol: Callable = func() -> bool:
		return guard.doing != null and guard.doing.order.name == &"Patrol"
	await eventually(is_on_patrol, "patrol")
	var menu: Menu = main.get_node("Overlay/Center/Menu")
	menu.toggle()
	var order: BrainOrder = guard.doing.order
	var at: Vector2 = guard.position
	var hour: float = yard.day.hour
	var game_ms: float = Brains.time_ms
	var losses: int = Brains.counters()["losses"]
	await frames(5 * 60 * 60)
	equal(yard.day.hour, hour)
	equal(Brains.time_ms, game_ms)
	equal(guard.position, at)
	check(guard.doing != null and guard.doing.order == order)
	check(Brains.is_open())
	equal(Brains.counters()["losses"], losses)
	menu.toggle()
	await play(0.5)
	check(guard.position != at)
	check(guard.doing != null and guard.doing.order == order, "the order did not outlast the pause")
	var snapshots: int = Brains.counters()["answers"]
	await eventually(func() -> bool: return Brains.counters()["answers"] > snapshots, "answer")
	equal(Brains.counters()["errors"], {})

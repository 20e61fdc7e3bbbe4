class_name Guard
extends Actor
## Walks his rounds, and deals with strangers.


func _carry_out(order: BrainOrder) -> void:
	match order.name:
		&"Patrol":
			_patrol(order)
		&"Challenge":
			begin(order, "asks a stranger what he wants", 1.2, _challenge)
		&"Attack":
			begin(order, "fights", 1.4, _attack)
		&"CallForHelp":
			begin(order, "blows the horn", 1.6, _call_for_help)
		&"Ignore":
			begin(order, "looks the other way", 1.5, _ignore)
		_:
			super(order)


## One round, from the nearest corner on.
func _patrol(order: BrainOrder) -> void:
	var corners: PackedVector2Array = yard.route(order.params.get("route", "wall"))
	if corners.is_empty():
		order.fail("there is no such route")
		return
	var nearest: int = 0
	for corner: int in corners.size():
		if metres_to(corners[corner]) < metres_to(corners[nearest]):
			nearest = corner
	var round_trip: PackedVector2Array = corners.slice(nearest) + corners.slice(0, nearest)
	begin(order, "walks along the wall", 0.0, _nothing_comes_of, round_trip)


func _challenge(order: BrainOrder) -> String:
	if _is_on_thief(order, "the guard asks what you are doing here"):
		return ""
	var stranger: Visitor = yard.find_visitor(order.params["target"])
	if stranger == null:
		return Yard.GONE
	match stranger.manner:
		"peaceful" when stranger.is_answered:
			stranger.leave("walks on in peace")
		"suspicious" when stranger.is_answered:
			stranger.leave("turns back at the gate")
		_:
			stranger.go_on()
	return ""


func _attack(order: BrainOrder) -> String:
	if _is_on_thief(order, "the guard draws his sword"):
		return ""
	var stranger: Visitor = yard.find_visitor(order.params["target"])
	if stranger == null:
		return Yard.GONE
	if stranger.manner == "horde":
		stranger.go_on()
		return "one man cannot beat them"
	stranger.leave("is driven out")
	return ""


func _call_for_help(_order: BrainOrder) -> String:
	for stranger: Visitor in yard.strangers():
		stranger.leave("flees from the garrison")
	return ""


func _ignore(_order: BrainOrder) -> String:
	for stranger: Visitor in yard.strangers():
		stranger.go_on()
	return ""


## Tells the thief, if it is him whom the guard has to do with.
func _is_on_thief(order: BrainOrder, text: String) -> bool:
	var thief: Thief = yard.find_actor(order.params["target"]) as Thief
	if thief == null:
		return false
	yard.tell(thief, &"challenge", text)
	return true

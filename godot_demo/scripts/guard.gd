class_name Guard
extends Actor
## Walks the rounds, and deals with strangers.

## Health that a blow takes.
const BLOW: float = 0.34
## Metres in which a blow reaches.
const BLADE: float = 2.2
## The running pace.
const RUN: float = 5.0

## Which part of the castle is in the guard's care.
@export var post: String = "gate"


func _observe() -> Dictionary:
	var perceived: Dictionary = super()
	perceived["post"] = post
	return perceived


func _carry_out(order: BrainOrder) -> void:
	match order.name:
		&"Patrol":
			_patrol(order)
		&"Challenge":
			begin_with(order, whom(order), "asks a stranger what he wants", 1.2, _challenge)
			_ask(order)
		&"Attack":
			begin_with(order, whom(order), "fights", 1.0, _attack, RUN)
			is_armed = doing != null
		&"CallForHelp":
			begin(order, "blows the horn", 1.6, _call_for_help)
			yard.sounds.play(&"horn", position)
		&"Ignore":
			begin(order, "looks the other way", 1.5, _ignore)
		&"Flee":
			begin(order, "runs away", 2.5, _nothing_comes_of, [yard.place(&"Gate")], RUN)
		&"Hurry":
			_hurry(order)
		_:
			super(order)


func _drop() -> BrainOrder:
	is_armed = false
	return super()


## One round, from the nearest corner on.
func _patrol(order: BrainOrder) -> void:
	var corners: PackedVector2Array = yard.route(order.params.get("route", "wall"))
	if corners.is_empty():
		turn_down(order, "there is no such route")
		return
	var nearest: int = 0
	for corner: int in corners.size():
		if metres_to(corners[corner]) < metres_to(corners[nearest]):
			nearest = corner
	var round_trip: PackedVector2Array = corners.slice(nearest) + corners.slice(0, nearest)
	var what: String = "walks along the wall" if corners.size() > 2 else "walks to and fro"
	begin(order, what, 0.0, _nothing_comes_of, round_trip, 1.8)


func _hurry(order: BrainOrder) -> void:
	var to: String = order.params["to"]
	var target: Body = yard.find(to)
	if target != null:
		begin_with(order, target, "runs to see what is the matter", 0.0, _nothing_comes_of, RUN)
	elif yard.has_place(to):
		var there: PackedVector2Array = [yard.place(StringName(to.capitalize()))]
		begin(order, "runs to see what is the matter", 0.0, _nothing_comes_of, there, RUN)
	else:
		turn_down(order, "nobody is there")


## Stops the player with words that can be answered; others act by themselves.
func _ask(_order: BrainOrder) -> void:
	if doing != null and doing.target is Player and says.is_empty():
		speak("Halt! What do you want here?")


func _challenge(order: BrainOrder) -> String:
	var stranger: Body = whom(order)
	return Yard.GONE if stranger == null else stranger.take_challenge(self)


func _attack(order: BrainOrder) -> String:
	var stranger: Body = whom(order)
	if stranger == null or metres_to(stranger.position) > BLADE:
		return Yard.GONE
	yard.sounds.play(&"clash", position)
	yard.witness("%s fights with %s" % [title, stranger.looks], self)
	return stranger.take_blow(self, BLOW)


func _call_for_help(_order: BrainOrder) -> String:
	yard.raise_alarm()
	yard.alert("the horn is blown", self, Sight.SHOUT)
	for stranger: Body in yard.strangers():
		stranger.take_leave("flees from the garrison")
	return ""


func _ignore(_order: BrainOrder) -> String:
	for stranger: Body in yard.strangers():
		stranger.take_no_notice()
	return ""

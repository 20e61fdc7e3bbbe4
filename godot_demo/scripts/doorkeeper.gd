class_name Doorkeeper
extends Guard
## Stands before the keep. To be let in one has to win her over: nothing else opens the door.

## Seconds for which she lets the door stand open.
const OPEN_S: float = 12.0


func _observe() -> Dictionary:
	var perceived: Dictionary = super()
	perceived["door"] = "open" if yard.keep.door.is_open else "shut"
	return perceived


func _carry_out(order: BrainOrder) -> void:
	match order.name:
		&"LetPass":
			begin_with(order, whom(order), "opens the door of the keep", 0.8, _let_pass)
		&"TurnAway":
			begin_with(order, whom(order), "sends a stranger away", 1.2, _turn_away)
			speak("The keep is closed to you.")
		_:
			super(order)


func take_blow(by: Body, strength: float) -> String:
	var problem: String = super(by, strength)
	if health <= BEATEN and yard.keep.has_key:
		yard.keep.has_key = false
		yard.drop_thing(&"key", position + Vector2(0.0, 14.0))
	return problem


func _let_pass(order: BrainOrder) -> String:
	var stranger: Body = whom(order)
	if stranger == null:
		return Yard.GONE
	speak("Well then. Be quick about it.")
	yard.keep.open("talk", OPEN_S)
	turn_to(stranger.position)
	return ""


func _turn_away(order: BrainOrder) -> String:
	var stranger: Body = whom(order)
	return Yard.GONE if stranger == null else stranger.take_challenge(self)

class_name Pilot
extends RefCounted
## Says what the player does: this one reads the keyboard and the gamepad.

## Nothing is read, such as while a line is typed.
var is_asleep: bool = false


## Returns where to walk; a length of 1 is full speed.
func wish(_player: Player) -> Vector2:
	if is_asleep:
		return Vector2.ZERO
	return Input.get_vector(&"move_left", &"move_right", &"move_up", &"move_down")


## Does what is to be done in this frame.
func act(player: Player, _delta: float) -> void:
	if is_asleep:
		return
	if Input.is_action_just_pressed(&"interact"):
		player.interact()
	if Input.is_action_just_pressed(&"weapon"):
		player.draw_weapon()
	if Input.is_action_just_pressed(&"strike"):
		player.strike()
	if Input.is_action_just_pressed(&"give"):
		player.give()

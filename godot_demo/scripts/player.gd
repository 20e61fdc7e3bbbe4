class_name Player
extends Visitor
## You: a stranger whom the guard sees. Walk with the arrow keys.


func _ready() -> void:
	super()
	does = "stands about"


func _physics_process(delta: float) -> void:
	var wish: Vector2 = Input.get_vector(&"ui_left", &"ui_right", &"ui_up", &"ui_down")
	if is_leaving:
		_walk(PACE * METRE * delta)
		is_leaving = places_ahead() > 0
	elif wish != Vector2.ZERO:
		position += wish * PACE * METRE * delta
		position = position.clamp(Vector2.ZERO, Yard.SIZE * METRE)
		does = "walks across the yard"
	else:
		does = "stands about"


## Stands somewhere from the beginning, and is led to [param gate] when sent away.
func arrive(place: Vector2, gate: Vector2) -> void:
	position = place
	_gate = gate


## The guard has spoken to you; there is nothing that you have to answer.
func go_on() -> void:
	is_answered = true


## You are led to the gate.
func leave(how: String) -> void:
	super(how)
	is_answered = false

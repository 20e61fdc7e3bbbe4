# meta-name: Actor with a brain
# meta-description: Walks where its brain wants; needs a BrainAgent as a child, named Brain.
extends _BASE_

const SPEED: float = 120.0

var _order: BrainOrder
var _goal: Vector2 = Vector2.ZERO

@onready var _brain: BrainAgent = $Brain


func _ready() -> void:
	_brain.actions = [BrainAction.make(&"WalkTo", [BrainParameter.point2(&"goal")])]
	_brain.action_requested.connect(_on_action_requested)
	_brain.action_cancelled.connect(_on_action_cancelled)


func _physics_process(_delta: float) -> void:
	if _order == null:
		return
	velocity = global_position.direction_to(_goal) * SPEED
	move_and_slide()
	if global_position.distance_to(_goal) < SPEED * 0.05:
		_order.succeed()
		_order = null


## What the character perceives: all that its brain may know.
func _observe() -> Dictionary:
	return {"position": global_position}


func _on_action_requested(order: BrainOrder) -> void:
	_order = order
	_goal = order.params["goal"]


func _on_action_cancelled(_cancelled: BrainOrder, _reason: String) -> void:
	_order = null

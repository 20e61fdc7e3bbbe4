# meta-name: Agent
# meta-description: What a character perceives and can do; its actions run here.
# meta-default: true
extends _BASE_


func _ready() -> void:
	brain = "guard"
	actions = [
		BrainAction.make(&"Patrol", [BrainParameter.text(&"route")]),
		BrainAction.make(&"Attack", [BrainParameter.text(&"target")]),
	]
	action_requested.connect(_on_action_requested)
	action_cancelled.connect(_on_action_cancelled)


## All that the brain may know; vectors, colours and string names may be in it.
func _observe() -> Dictionary:
	var actor: Node2D = get_parent()
	return {"position": actor.global_position}


func _on_action_requested(order: BrainOrder) -> void:
	match order.name:
		&"Patrol":
			print("patrols along ", order.params["route"])
			# Where it takes time, do this at its end.
			order.succeed()
		&"Attack":
			print("attacks ", order.params["target"])
			order.succeed()


func _on_action_cancelled(_order: BrainOrder, _reason: String) -> void:
	# Stop what it does: the brain wants something else.
	pass

# meta-name: Speaker
# meta-description: A character that only talks, in a Label of its actor.
extends _BASE_


func _ready() -> void:
	said.connect(_on_said)


## All that the brain may know.
func _observe() -> Dictionary:
	return {"name": get_parent().name}


func _on_said(_text: String, _done: bool) -> void:
	var label: Label = get_parent().get_node_or_null("Label")
	if label != null:
		label.text = line

@tool
class_name Obstacle
extends Node2D
## Something that nobody can walk through: the origin is the middle of its front edge.
##
## Give it a size on the ground; how it is drawn is for those who extend it, and what is tall also
## stops the eye, the voice and the light.

## It has been opened or shut.
signal opened

@export var size: Vector2 = Vector2(44.0, 44.0):
	set(value):
		size = value
		queue_redraw()
@export var is_tall: bool = false
## Somebody may pass for now, as through an open door.
@export var is_open: bool = false:
	set(value):
		if is_open != value:
			is_open = value
			opened.emit()
			queue_redraw()

var _area: Rect2
var _shade: LightOccluder2D


func _ready() -> void:
	_area = area()
	if is_tall and not Engine.is_editor_hint():
		_shade = LightOccluder2D.new()
		_shade.occluder = OccluderPolygon2D.new()
		# Only what lies behind it is dark, not itself.
		_shade.occluder.cull_mode = OccluderPolygon2D.CULL_CLOCKWISE
		var half: float = size.x / 2.0
		_shade.occluder.polygon = [
			Vector2(-half, -size.y), Vector2(half, -size.y), Vector2(half, 0.0), Vector2(-half, 0.0)
		]
		add_child(_shade)
		opened.connect(func() -> void: _shade.visible = not is_open)


## Returns the ground that it takes up, in the yard.
func area() -> Rect2:
	return Rect2(position - Vector2(size.x / 2.0, size.y), size)


## Tells whether it is in the way between two places.
func is_between(one: Vector2, other: Vector2) -> bool:
	return not is_open and Sight.crosses(_area, one, other)

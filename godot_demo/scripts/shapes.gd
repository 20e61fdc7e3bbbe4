@tool
class_name Shapes
extends RefCounted
## Outlines that figures and furniture are drawn of.


## Returns a shape somewhere else.
static func moved(shape: PackedVector2Array, by: Vector2) -> PackedVector2Array:
	return Transform2D(0.0, by) * shape


## Returns an oval round the origin, with these half axes.
static func oval(width: float, height: float) -> PackedVector2Array:
	var points: PackedVector2Array = []
	for step: int in 16:
		points.append(Vector2.from_angle(TAU * step / 16.0) * Vector2(width, height))
	return points


## Returns the upper half of an oval round the origin.
static func dome(width: float, height: float) -> PackedVector2Array:
	var points: PackedVector2Array = []
	for step: int in 11:
		points.append(Vector2.from_angle(PI + PI * step / 10.0) * Vector2(width, height))
	return points

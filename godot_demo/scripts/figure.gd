class_name Figure
extends Node2D
## A simple body: a shadow, a coat and a head.

const SKIN: Color = Color(0.93, 0.78, 0.63)
const LINE: Color = Color(0.15, 0.13, 0.1)
const SHADOW: Color = Color(0.0, 0.0, 0.0, 0.25)

var colour: Color = Color.WHITE:
	set(value):
		colour = value
		queue_redraw()


func _draw() -> void:
	draw_set_transform(Vector2.ZERO, 0.0, Vector2(1.0, 0.4))
	draw_circle(Vector2.ZERO, 15.0, SHADOW)
	draw_set_transform(Vector2.ZERO)
	var coat: PackedVector2Array = [
		Vector2(-11, 0), Vector2(-8, -20), Vector2(8, -20), Vector2(11, 0)
	]
	draw_colored_polygon(coat, colour)
	draw_polyline(coat + PackedVector2Array([coat[0]]), LINE, 1.5, true)
	draw_circle(Vector2(0, -26), 8.0, SKIN)
	draw_arc(Vector2(0, -26), 8.0, 0.0, TAU, 24, LINE, 1.5, true)

extends Node2D
## The window on the side of the keep, with bars that have rusted through.


func _draw() -> void:
	var frame: Rect2 = Rect2(-3.0, -64.0, 12.0, 34.0)
	draw_rect(frame.grow(3.0), Wall.TOP.darkened(0.3))
	draw_rect(frame, Color(0.98, 0.82, 0.42))
	draw_rect(frame, Figure.LINE, false, 2.0)
	draw_line(Vector2(3.0, -64.0), Vector2(3.0, -44.0), Figure.LINE, 2.0)
	draw_line(Vector2(-3.0, -52.0), Vector2(9.0, -52.0), Figure.LINE, 2.0)

@tool
extends Obstacle
## The door of the keep.

const HEIGHT: float = 44.0


func _draw() -> void:
	var half: float = size.x / 2.0
	draw_rect(Rect2(-half, -HEIGHT - 8.0, size.x, HEIGHT + 8.0), Color(0.16, 0.13, 0.12))
	if is_open:
		draw_rect(Rect2(-half, -HEIGHT, 9.0, HEIGHT), Figure.WOOD.darkened(0.25))
		draw_rect(Rect2(-half, -HEIGHT, 9.0, HEIGHT), Figure.LINE, false, 1.5)
		return
	for board: int in 5:
		var x: float = -half + board * size.x / 5.0
		draw_rect(Rect2(x + 0.5, -HEIGHT, size.x / 5.0 - 1.0, HEIGHT), Figure.WOOD.darkened(0.1))
	for y: float in [-HEIGHT + 8.0, -12.0]:
		draw_rect(Rect2(-half, y, size.x, 5.0), Color(0.25, 0.25, 0.28))
	draw_circle(Vector2(half - 10.0, -HEIGHT / 2.0), 3.0, Color(0.85, 0.7, 0.3))
	draw_rect(Rect2(-half, -HEIGHT, size.x, HEIGHT), Figure.LINE, false, 2.0)

@tool
class_name Wall
extends Obstacle
## A wall of stone with battlements.

const TOP: Color = Color(0.66, 0.64, 0.6)
const FACE: Color = Color(0.5, 0.48, 0.46)
const JOINT: Color = Color(0.36, 0.34, 0.33)
const BRICK: Vector2 = Vector2(20.0, 10.0)

## Pixels that it rises.
@export var height: float = 36.0
@export var has_battlements: bool = true


func _draw() -> void:
	var left: float = -size.x / 2.0
	var top: Rect2 = Rect2(left, -size.y - height, size.x, size.y)
	draw_rect(Rect2(left - 3.0, -3.0, size.x + 6.0, 9.0), Figure.SHADOW)
	draw_rect(top, TOP)
	_draw_bricks(Rect2(left, -height, size.x, height))
	draw_line(top.position + Vector2(0, size.y), top.end, TOP.lightened(0.25), 2.0)
	if has_battlements:
		_draw_battlements(top)
	draw_rect(Rect2(left, -size.y - height, size.x, size.y + height), JOINT, false, 1.5)


func _draw_bricks(face: Rect2) -> void:
	draw_rect(face, FACE)
	var row: int = 0
	var y: float = face.position.y
	while y < face.end.y - 1.0:
		var tall: float = minf(BRICK.y, face.end.y - y)
		var x: float = face.position.x - (BRICK.x / 2.0 if row % 2 == 1 else 0.0)
		while x < face.end.x:
			var from: float = maxf(x, face.position.x)
			var to: float = minf(x + BRICK.x, face.end.x)
			var shade: float = float(hash(Vector2(x + position.x, y)) % 100) / 1000.0
			draw_rect(Rect2(from, y, to - from - 1.0, tall - 1.0), FACE.lightened(shade))
			x += BRICK.x
		draw_line(Vector2(face.position.x, y), Vector2(face.end.x, y), JOINT, 1.0)
		row += 1
		y += BRICK.y


func _draw_battlements(top: Rect2) -> void:
	var is_wide: bool = size.x >= size.y
	var length: float = size.x if is_wide else size.y
	for merlon: int in int(length / 28.0):
		var along: float = merlon * 28.0 + 4.0
		var at: Vector2 = Vector2(along, 2.0) if is_wide else Vector2(2.0, along)
		var block: Rect2 = Rect2(top.position + at, Vector2(16.0, 10.0))
		draw_rect(block, TOP.lightened(0.15))
		draw_rect(Rect2(block.position + Vector2(0, 10), Vector2(16.0, 5.0)), FACE)
		draw_rect(block, JOINT, false, 1.0)

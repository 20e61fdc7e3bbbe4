extends Node2D
## The roof of the keep; it fades while the player is inside.

const SLATE: Color = Color(0.36, 0.4, 0.48)
const AREA: Rect2 = Rect2(872.0, 6.0, 316.0, 142.0)


func _draw() -> void:
	draw_rect(AREA, SLATE)
	for row: int in 12:
		var y: float = AREA.position.y + row * 12.0
		draw_line(Vector2(AREA.position.x, y), Vector2(AREA.end.x, y), SLATE.darkened(0.3), 1.5)
		for tile: int in 20:
			var x: float = AREA.position.x + tile * 16.0 + (8.0 if row % 2 == 1 else 0.0)
			if x < AREA.end.x:
				draw_line(Vector2(x, y), Vector2(x, y + 12.0), SLATE.darkened(0.2), 1.0)
	draw_line(Vector2(872, 77), Vector2(1188, 77), SLATE.lightened(0.2), 4.0)
	draw_rect(AREA, Figure.LINE, false, 2.0)
	# A banner over the door.
	var cloth: PackedVector2Array = [
		Vector2(1012, 120),
		Vector2(1048, 120),
		Vector2(1048, 158),
		Vector2(1030, 148),
		Vector2(1012, 158)
	]
	draw_colored_polygon(cloth, Color(0.62, 0.14, 0.17))
	cloth.append(cloth[0])
	draw_polyline(cloth, Figure.LINE, 1.5)
	draw_circle(Vector2(1030, 134), 7.0, Color(0.9, 0.74, 0.3))

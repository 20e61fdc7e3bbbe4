@tool
class_name Wares
extends RefCounted
## Pictures of what can be carried; see [Thing].

const LINE: Color = Color(0.13, 0.1, 0.08)
const BRASS: Color = Color(0.92, 0.76, 0.3)


## Draws a thing 20 pixels high, such as for a list of what is carried.
static func draw(canvas: CanvasItem, which: StringName, at: Vector2) -> void:
	match which:
		&"coin":
			canvas.draw_circle(at, 7.0, LINE)
			canvas.draw_circle(at, 5.8, Color(0.95, 0.78, 0.28))
			canvas.draw_arc(at, 3.4, 0.0, TAU, 12, Color(0.7, 0.5, 0.12), 1.2)
		&"key":
			canvas.draw_arc(at + Vector2(-5, 0), 4.0, 0.0, TAU, 12, LINE, 4.5)
			canvas.draw_line(at + Vector2(-1, 0), at + Vector2(9, 0), LINE, 4.5)
			canvas.draw_arc(at + Vector2(-5, 0), 4.0, 0.0, TAU, 12, BRASS, 2.5)
			canvas.draw_line(at + Vector2(-1, 0), at + Vector2(9, 0), BRASS, 2.5)
			canvas.draw_line(at + Vector2(7, 0), at + Vector2(7, 5), BRASS, 2.5)
		&"lantern":
			canvas.draw_rect(Rect2(at + Vector2(-6, -7), Vector2(12, 15)), LINE)
			canvas.draw_rect(Rect2(at + Vector2(-4, -5), Vector2(8, 10)), Color(1.0, 0.85, 0.4))
			canvas.draw_arc(at + Vector2(0, -7), 4.0, PI, TAU, 8, LINE, 2.0)
		&"letter":
			var sheet: Rect2 = Rect2(at + Vector2(-9, -6), Vector2(18, 12))
			canvas.draw_rect(sheet.grow(1.4), LINE)
			canvas.draw_rect(sheet, Color(0.96, 0.92, 0.8))
			canvas.draw_line(sheet.position, at + Vector2(0, 1), LINE, 1.0)
			canvas.draw_line(at + Vector2(9, -6), at + Vector2(0, 1), LINE, 1.0)
			canvas.draw_circle(at + Vector2(0, 1), 3.0, Color(0.75, 0.15, 0.15))
		&"pie":
			canvas.draw_arc(at + Vector2(0, 3), 8.0, PI, TAU, 12, LINE, 3.0)
			var crust: PackedVector2Array = Shapes.moved(Shapes.dome(8.0, 7.0), at + Vector2(0, 3))
			canvas.draw_colored_polygon(crust, Color(0.86, 0.6, 0.28))
			canvas.draw_rect(Rect2(at + Vector2(-9, 3), Vector2(18, 4)), Color(0.62, 0.4, 0.2))
		&"rope":
			for ring: float in [8.0, 5.5, 3.0]:
				canvas.draw_arc(at, ring, 0.0, TAU, 18, LINE, 3.4)
				canvas.draw_arc(at, ring, 0.0, TAU, 18, Color(0.8, 0.66, 0.4), 1.8)

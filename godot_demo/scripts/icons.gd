class_name Icons
extends RefCounted
## A small picture for each thing that people do.

const INK: Color = Color(0.16, 0.13, 0.1)
const RED: Color = Color(0.75, 0.2, 0.16)
const GOLD: Color = Color(0.85, 0.62, 0.15)
const BLUE: Color = Color(0.25, 0.42, 0.62)


## Draws the picture of an action, 16 pixels high, around [param at].
static func draw(canvas: CanvasItem, action: StringName, at: Vector2) -> void:
	match action:
		&"Patrol", &"Roam", &"Hurry", &"Chase":
			_draw_steps(canvas, at, action in [&"Hurry", &"Chase"])
		&"Challenge":
			_draw_sign(canvas, at, "?", BLUE)
		&"CallGuard", &"CallForHelp", &"Bark":
			_draw_sign(canvas, at, "!", RED)
		&"Haggle":
			_draw_sign(canvas, at, "%", GOLD)
		&"Attack":
			canvas.draw_line(at + Vector2(-6, 6), at + Vector2(6, -7), RED, 2.5)
			canvas.draw_line(at + Vector2(6, 6), at + Vector2(-6, -7), RED, 2.5)
			canvas.draw_line(at + Vector2(-7, 2), at + Vector2(-2, 6), INK, 2.0)
			canvas.draw_line(at + Vector2(7, 2), at + Vector2(2, 6), INK, 2.0)
		&"Ignore":
			canvas.draw_arc(at + Vector2(0, -4), 7.0, 0.5, PI - 0.5, 10, INK, 2.0)
			for lash: float in [-4.0, 0.0, 4.0]:
				canvas.draw_line(at + Vector2(lash, 3), at + Vector2(lash * 1.3, 6), INK, 1.5)
		&"Flee":
			for step: float in [-5.0, 0.0, 5.0]:
				var tip: Vector2 = at + Vector2(step + 3.0, 0)
				canvas.draw_line(tip + Vector2(-5, -5), tip, RED, 2.2)
				canvas.draw_line(tip + Vector2(-5, 5), tip, RED, 2.2)
		&"LetPass":
			canvas.draw_rect(Rect2(at + Vector2(-6, -7), Vector2(12, 14)), INK)
			canvas.draw_rect(Rect2(at + Vector2(-3, -5), Vector2(9, 12)), Color(1.0, 0.85, 0.5))
		&"TurnAway", &"Refuse":
			canvas.draw_arc(at, 6.5, 0.0, TAU, 18, RED, 2.5)
			canvas.draw_line(at + Vector2(-4.5, 4.5), at + Vector2(4.5, -4.5), RED, 2.5)
		&"Serve":
			canvas.draw_circle(at, 6.5, GOLD)
			canvas.draw_arc(at, 3.5, 0.0, TAU, 12, GOLD.darkened(0.35), 1.5)
		&"TidyStall":
			canvas.draw_line(at + Vector2(5, -7), at + Vector2(-2, 2), INK, 2.0)
			canvas.draw_colored_polygon(
				_at(at, [Vector2(-5, 0), Vector2(0, 4), Vector2(-3, 8), Vector2(-8, 4)]), GOLD
			)
		&"Work":
			canvas.draw_line(at + Vector2(-5, 7), at + Vector2(3, -3), Figure.WOOD, 2.5)
			canvas.draw_line(at + Vector2(-1, -6), at + Vector2(6, 1), INK, 4.5)
		&"Greet", &"Cheer":
			_draw_star(canvas, at, GOLD)
		&"Listen":
			canvas.draw_arc(at + Vector2(-2, 0), 3.0, -PI / 2, PI / 2, 8, INK, 2.0)
			canvas.draw_arc(at + Vector2(-2, 0), 6.5, -PI / 2, PI / 2, 10, INK, 2.0)
		&"Gossip":
			canvas.draw_colored_polygon(
				_at(
					at,
					[
						Vector2(-7, -6),
						Vector2(7, -6),
						Vector2(7, 3),
						Vector2(-1, 3),
						Vector2(-4, 7),
						Vector2(-4, 3),
						Vector2(-7, 3)
					]
				),
				BLUE
			)
			canvas.draw_line(at + Vector2(-4, -1.5), at + Vector2(4, -1.5), Color.WHITE, 1.5)
		&"Gather":
			for place: Vector2 in [Vector2(-4, 3), Vector2(4, 3), Vector2(0, -4)]:
				canvas.draw_circle(at + place, 3.2, BLUE)
		&"Rest", &"Nap":
			canvas.draw_polyline(
				_at(at, [Vector2(-5, -5), Vector2(5, -5), Vector2(-5, 5), Vector2(5, 5)]), BLUE, 2.2
			)
		&"Sneak":
			canvas.draw_colored_polygon(
				_at(
					at,
					[
						Vector2(-8, -3),
						Vector2(8, -3),
						Vector2(6, 4),
						Vector2(1, 1),
						Vector2(-1, 1),
						Vector2(-6, 4)
					]
				),
				INK
			)
			canvas.draw_circle(at + Vector2(-3.5, 0), 1.4, Color.WHITE)
			canvas.draw_circle(at + Vector2(3.5, 0), 1.4, Color.WHITE)
		&"Steal", &"HideLoot":
			canvas.draw_circle(at + Vector2(0, 2), 5.5, Figure.WOOD)
			canvas.draw_line(at + Vector2(-3, -4), at + Vector2(3, -4), INK, 3.0)
			canvas.draw_circle(at + Vector2(0, 2), 2.0, GOLD)
		&"Eat":
			Wares.draw(canvas, &"pie", at)
		&"Fawn":
			canvas.draw_circle(at + Vector2(-3, -2), 3.8, RED)
			canvas.draw_circle(at + Vector2(3, -2), 3.8, RED)
			canvas.draw_colored_polygon(
				_at(at, [Vector2(-6.5, -0.5), Vector2(6.5, -0.5), Vector2(0, 7)]), RED
			)
		_:
			for dot: float in [-5.0, 0.0, 5.0]:
				canvas.draw_circle(at + Vector2(dot, 0), 1.6, INK)


static func _draw_steps(canvas: CanvasItem, at: Vector2, is_fast: bool) -> void:
	for foot: Vector2 in [Vector2(-4, 3), Vector2(3, -3)]:
		canvas.draw_circle(at + foot, 3.0, INK)
		canvas.draw_circle(at + foot + Vector2(3.5, 0.5), 1.8, INK)
	if is_fast:
		canvas.draw_line(at + Vector2(-8, -5), at + Vector2(-3, -5), RED, 1.8)
		canvas.draw_line(at + Vector2(1, 5), at + Vector2(6, 5), RED, 1.8)


static func _draw_sign(canvas: CanvasItem, at: Vector2, text: String, colour: Color) -> void:
	var font: Font = ThemeDB.fallback_font
	var width: float = font.get_string_size(text, HORIZONTAL_ALIGNMENT_LEFT, -1, 17).x
	canvas.draw_string_outline(
		font, at + Vector2(-width / 2.0, 6), text, HORIZONTAL_ALIGNMENT_LEFT, -1, 17, 2, colour
	)
	canvas.draw_string(
		font, at + Vector2(-width / 2.0, 6), text, HORIZONTAL_ALIGNMENT_LEFT, -1, 17, colour
	)


static func _draw_star(canvas: CanvasItem, at: Vector2, colour: Color) -> void:
	var points: PackedVector2Array = []
	for corner: int in 10:
		var reach: float = 8.0 if corner % 2 == 0 else 3.6
		points.append(at + Vector2.from_angle(-PI / 2.0 + corner * PI / 5.0) * reach)
	canvas.draw_colored_polygon(points, colour)


static func _at(at: Vector2, points: PackedVector2Array) -> PackedVector2Array:
	return Transform2D(0.0, at) * points

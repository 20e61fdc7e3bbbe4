@tool
class_name Prop
extends Obstacle
## A piece of furniture of the yard, drawn by code.

enum Kind { WELL, STALL, HOUSE, CART, BARREL, CRATE, TUB, ANVIL, HAY, TREE, WOODPILE }

const LINE: Color = Figure.LINE
const WOOD: Color = Figure.WOOD
const STONE: Color = Color(0.6, 0.58, 0.55)
const CLOTH: Color = Color(0.72, 0.22, 0.2)

@export var kind: Kind = Kind.BARREL:
	set(value):
		kind = value
		queue_redraw()


func _draw() -> void:
	draw_set_transform(Vector2(0.0, -2.0), 0.0, Vector2(1.0, 0.35))
	draw_circle(Vector2.ZERO, size.x * 0.55, Figure.SHADOW)
	draw_set_transform(Vector2.ZERO)
	match kind:
		Kind.WELL:
			_draw_well()
		Kind.STALL:
			_draw_stall()
		Kind.HOUSE:
			_draw_house()
		Kind.CART:
			_draw_cart()
		Kind.BARREL:
			_draw_barrel(Vector2.ZERO)
		Kind.CRATE:
			_draw_box(Rect2(-15, -26, 30, 26), WOOD.lightened(0.15))
			draw_line(Vector2(-15, -26), Vector2(15, 0), LINE, 1.5)
		Kind.TUB:
			_draw_tub()
		Kind.ANVIL:
			_draw_anvil()
		Kind.HAY:
			_draw_hay()
		Kind.TREE:
			_draw_tree()
		Kind.WOODPILE:
			for trunk: Vector2 in [
				Vector2(-18, -6),
				Vector2(-6, -6),
				Vector2(6, -6),
				Vector2(18, -6),
				Vector2(-12, -16),
				Vector2(0, -16),
				Vector2(12, -16),
				Vector2(-6, -26),
				Vector2(6, -26)
			]:
				draw_circle(trunk, 7.0, LINE)
				draw_circle(trunk, 5.6, WOOD.lightened(0.25))
				draw_arc(trunk, 3.0, 0.0, TAU, 10, WOOD, 1.2)


func _draw_well() -> void:
	var rim: PackedVector2Array = Shapes.moved(Shapes.oval(30.0, 14.0), Vector2(0, -20))
	_draw_box(Rect2(-30, -22, 60, 20), STONE.darkened(0.15))
	for stone: int in 4:
		draw_line(Vector2(-30.0 + stone * 16.0, -20), Vector2(-30.0 + stone * 16.0, -2), LINE, 1.0)
	draw_colored_polygon(rim, STONE)
	draw_colored_polygon(
		Shapes.moved(Shapes.oval(22.0, 9.0), Vector2(0, -20)), Color(0.14, 0.2, 0.28)
	)
	rim.append(rim[0])
	draw_polyline(rim, LINE, 1.5)
	for x: float in [-27.0, 27.0]:
		draw_line(Vector2(x, -22), Vector2(x, -66), LINE, 7.0)
		draw_line(Vector2(x, -22), Vector2(x, -66), WOOD, 4.5)
	draw_line(Vector2(0, -60), Vector2(0, -34), Color(0.75, 0.65, 0.45), 2.0)
	_draw_box(Rect2(-6, -38, 12, 11), WOOD.lightened(0.1))
	var roof: PackedVector2Array = [
		Vector2(-40, -60), Vector2(-24, -84), Vector2(24, -84), Vector2(40, -60)
	]
	_fill(roof, Color(0.55, 0.33, 0.24))


func _draw_stall() -> void:
	var half: float = size.x / 2.0
	for x: float in [-half + 5.0, half - 5.0]:
		draw_line(Vector2(x, 0), Vector2(x, -112), LINE, 7.0)
		draw_line(Vector2(x, 0), Vector2(x, -112), WOOD, 4.5)
	_draw_box(Rect2(-half, -30, size.x, 30), WOOD.darkened(0.1))
	_draw_box(Rect2(-half - 4, -40, size.x + 8, 13), WOOD.lightened(0.2))
	for board: int in 6:
		var x: float = -half + (board + 1) * size.x / 7.0
		draw_line(Vector2(x, -26), Vector2(x, -1), LINE, 1.0)
	Wares.draw(self, &"rope", Vector2(-half + 22, -40))
	Wares.draw(self, &"pie", Vector2(-18, -42))
	Wares.draw(self, &"pie", Vector2(2, -42))
	Wares.draw(self, &"lantern", Vector2(half - 46, -44))
	for apple: int in 3:
		draw_circle(Vector2(half - 22 + apple * 7, -41 - apple % 2 * 4), 4.5, Color(0.8, 0.2, 0.18))
	var stripes: int = 8
	for stripe: int in stripes:
		var wide: float = (size.x + 24.0) / stripes
		var x: float = -half - 12.0 + stripe * wide
		var colour: Color = CLOTH if stripe % 2 == 0 else Color(0.95, 0.92, 0.85)
		var cloth: PackedVector2Array = [
			Vector2(x + 4, -132),
			Vector2(x + wide + 4 - 8.0 * stripe / stripes, -132),
			Vector2(x + wide, -104),
			Vector2(x, -104)
		]
		draw_colored_polygon(cloth, colour)
		draw_circle(Vector2(x + wide / 2.0, -104), wide / 2.0, colour.darkened(0.12))
	draw_line(Vector2(-half - 12, -132), Vector2(half + 12, -132), LINE, 2.0)


func _draw_house() -> void:
	var half: float = size.x / 2.0
	_draw_box(Rect2(-half, -64, size.x, 64), Color(0.85, 0.8, 0.68))
	for x: float in [-half + 3.0, -half / 3.0 - 8.0, half / 3.0 + 8.0, half - 3.0]:
		draw_line(Vector2(x, -64), Vector2(x, 0), WOOD.darkened(0.25), 6.0)
	draw_line(Vector2(-half, -34), Vector2(half, -34), WOOD.darkened(0.25), 5.0)
	_draw_box(Rect2(-15, -46, 30, 46), WOOD)
	draw_circle(Vector2(9, -22), 2.2, Color(0.85, 0.7, 0.3))
	for x: float in [-half * 0.62, half * 0.62]:
		_draw_box(Rect2(x - 13, -28, 26, 18), Color(0.98, 0.86, 0.5))
		draw_line(Vector2(x, -28), Vector2(x, -10), LINE, 2.0)
	var roof: PackedVector2Array = [
		Vector2(-half - 14, -60),
		Vector2(-half + 14, -size.y - 60),
		Vector2(half - 14, -size.y - 60),
		Vector2(half + 14, -60)
	]
	_fill(roof, Color(0.6, 0.36, 0.24))
	for row: int in 6:
		var y: float = -60.0 - row * size.y / 6.0
		var inset: float = row * 28.0 / 6.0
		draw_line(Vector2(-half - 14 + inset, y), Vector2(half + 14 - inset, y), LINE, 1.2)
	_draw_box(Rect2(half - 46, -size.y - 78, 18, 34), STONE.darkened(0.2))


func _draw_cart() -> void:
	_draw_box(Rect2(-38, -34, 76, 22), WOOD.lightened(0.1))
	draw_line(Vector2(-38, -24), Vector2(-70, -8), LINE, 6.0)
	draw_line(Vector2(-38, -24), Vector2(-70, -8), WOOD, 4.0)
	for sack: Vector2 in [Vector2(-20, -40), Vector2(4, -42), Vector2(24, -39)]:
		_fill(Shapes.moved(Shapes.oval(15, 11), sack), Color(0.75, 0.66, 0.5))
	for x: float in [-22.0, 22.0]:
		draw_circle(Vector2(x, -11), 13.0, LINE)
		draw_circle(Vector2(x, -11), 10.5, WOOD.darkened(0.1))
		draw_circle(Vector2(x, -11), 3.0, LINE)
		for spoke: int in 4:
			var along: Vector2 = Vector2.from_angle(spoke * PI / 4.0) * 10.0
			draw_line(Vector2(x, -11) - along, Vector2(x, -11) + along, LINE, 1.5)


func _draw_barrel(at: Vector2) -> void:
	var shape: PackedVector2Array = [
		Vector2(-11, 0),
		Vector2(-15, -16),
		Vector2(-11, -32),
		Vector2(11, -32),
		Vector2(15, -16),
		Vector2(11, 0)
	]
	_fill(Shapes.moved(shape, at), WOOD.lightened(0.05))
	for y: float in [-8.0, -24.0]:
		draw_line(at + Vector2(-13, y), at + Vector2(13, y), Color(0.3, 0.3, 0.33), 3.5)
	_fill(Shapes.moved(Shapes.oval(11, 4.5), at + Vector2(0, -32)), WOOD.lightened(0.25))


func _draw_tub() -> void:
	_draw_box(Rect2(-24, -20, 48, 20), WOOD)
	_fill(Shapes.moved(Shapes.oval(24, 9), Vector2(0, -20)), WOOD.lightened(0.15))
	draw_colored_polygon(Shapes.moved(Shapes.oval(20, 6.5), Vector2(0, -20)), Color(0.5, 0.68, 0.8))
	draw_line(Vector2(-52, 0), Vector2(-52, -52), LINE, 5.0)
	draw_line(Vector2(-52, -50), Vector2(52, -50), Color(0.9, 0.88, 0.8), 1.5)
	draw_line(Vector2(52, 0), Vector2(52, -52), LINE, 5.0)
	for cloth: int in 3:
		var hue: Color = [Color(0.92, 0.9, 0.86), Color(0.6, 0.7, 0.85), Color(0.85, 0.6, 0.5)][cloth]
		_draw_box(Rect2(-44.0 + cloth * 31.0, -50, 24, 22), hue)


func _draw_anvil() -> void:
	_draw_box(Rect2(-12, -16, 24, 16), WOOD)
	var iron: PackedVector2Array = [
		Vector2(-20, -30),
		Vector2(16, -30),
		Vector2(26, -27),
		Vector2(12, -22),
		Vector2(9, -16),
		Vector2(-9, -16),
		Vector2(-12, -23)
	]
	_fill(iron, Color(0.34, 0.35, 0.4))
	draw_line(Vector2(-18, -29), Vector2(15, -29), Color(0.6, 0.62, 0.66), 2.0)


func _draw_hay() -> void:
	for bale: Rect2 in [Rect2(-40, -26, 40, 26), Rect2(2, -26, 40, 26), Rect2(-20, -50, 40, 26)]:
		_draw_box(bale, Color(0.86, 0.72, 0.36))
		for straw: int in 4:
			var x: float = bale.position.x + 5.0 + straw * 9.0
			draw_line(
				Vector2(x, bale.position.y + 4),
				Vector2(x + 4, bale.end.y - 4),
				Color(0.68, 0.53, 0.22),
				1.5
			)


func _draw_tree() -> void:
	_draw_box(Rect2(-6, -34, 12, 34), WOOD.darkened(0.2))
	var leaf: Color = Color(0.25, 0.42, 0.22)
	for crown: Vector3 in [Vector3(-18, -46, 20), Vector3(17, -48, 21), Vector3(0, -62, 26)]:
		draw_circle(Vector2(crown.x, crown.y), crown.z + 1.5, LINE)
	for crown: Vector3 in [Vector3(-18, -46, 20), Vector3(17, -48, 21), Vector3(0, -62, 26)]:
		draw_circle(Vector2(crown.x, crown.y), crown.z, leaf)
		draw_circle(Vector2(crown.x - 5, crown.y - 6), crown.z * 0.55, leaf.lightened(0.12))


func _draw_box(area: Rect2, colour: Color) -> void:
	draw_rect(area, colour)
	draw_rect(area, LINE, false, 1.5)


func _fill(shape: PackedVector2Array, colour: Color) -> void:
	draw_colored_polygon(shape, colour)
	var line: PackedVector2Array = shape.duplicate()
	line.append(line[0])
	draw_polyline(line, LINE, 1.5)

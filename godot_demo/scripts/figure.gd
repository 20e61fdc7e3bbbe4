class_name Figure
extends Node2D
## A body that is drawn by code: it looks in four directions, and walks.
##
## The feet stand at the origin. What it wears is a [Garb]; [Body] says where it looks and how fast
## it goes. It is drawn anew only when something has changed.

enum View { DOWN, UP, LEFT, RIGHT }

const LINE: Color = Color(0.13, 0.1, 0.08)
const SHADOW: Color = Color(0.0, 0.0, 0.0, 0.28)
const STEEL: Color = Color(0.72, 0.74, 0.78)
const WOOD: Color = Color(0.47, 0.32, 0.19)
## Pictures of one cycle of two steps.
const PICTURES: int = 8
## Pixels that a cycle covers.
const STRIDE: float = 44.0
## Where the others of a crowd walk.
const OTHERS: Array[Vector2] = [Vector2(-17.0, -7.0), Vector2(16.0, -10.0)]

@export var garb: Garb:
	set(value):
		garb = value
		queue_redraw()

## Where it looks.
var side: View = View.DOWN:
	set(value):
		if side != value:
			side = value
			queue_redraw()
## A weapon is in the hand.
var is_armed: bool = false:
	set(value):
		if is_armed != value:
			is_armed = value
			queue_redraw()
## It lies on the ground.
var is_down: bool = false:
	set(value):
		if is_down != value:
			is_down = value
			queue_redraw()
## Drawn through, as by one who has just been hit.
var flash: float = 0.0:
	set(value):
		flash = value
		modulate = Color.WHITE.lerp(Color(1.0, 0.35, 0.3), flash)

var _walked: float = 0.0
var _picture: int = 0


## Takes it [param way] pixels farther, and turns it there.
func walk(way: Vector2) -> void:
	if way.length_squared() < 0.0001:
		stand()
		return
	turn(way)
	_walked += way.length()
	_show_picture(1 + int(_walked / STRIDE * PICTURES) % PICTURES)


## Stops the legs.
func stand() -> void:
	_show_picture(0)


## Looks along [param way].
func turn(way: Vector2) -> void:
	if absf(way.x) > absf(way.y):
		side = View.RIGHT if way.x > 0.0 else View.LEFT
	elif way.y != 0.0:
		side = View.DOWN if way.y > 0.0 else View.UP


func _draw() -> void:
	var worn: Garb = garb if garb != null else Garb.new()
	for other: int in mini(worn.count - 1, OTHERS.size()):
		_draw_one(worn, OTHERS[other], other + 2)
	_draw_one(worn, Vector2.ZERO, 0)


func _draw_one(worn: Garb, at: Vector2, ahead: int) -> void:
	draw_set_transform(at, 0.0, Vector2(1.0, 0.4))
	draw_circle(Vector2.ZERO, 14.0, SHADOW)
	if is_down:
		draw_set_transform(at, -PI / 2.0, Vector2.ONE)
	else:
		draw_set_transform(at, 0.0, Vector2(-1.0 if side == View.LEFT else 1.0, 1.0))
	var cycle: float = 0.0
	if _picture > 0:
		cycle = sin(TAU * float((_picture + ahead) % PICTURES) / PICTURES)
	var bob: Vector2 = Vector2(0.0, -absf(cycle) * 1.5)
	match side:
		View.DOWN:
			_draw_front(worn, cycle, bob)
		View.UP:
			_draw_back(worn, cycle, bob)
		_:
			_draw_side(worn, cycle, bob)


func _draw_front(worn: Garb, cycle: float, bob: Vector2) -> void:
	_draw_legs(worn, cycle)
	_draw_arm(worn, Vector2(-10.0, -26.0) + bob, cycle * 4.0)
	_draw_tool(worn, Vector2(11.5, -15.0) + bob, cycle * -4.0)
	_draw_coat(worn, bob, 10.0)
	_draw_arm(worn, Vector2(10.0, -26.0) + bob, cycle * -4.0)
	var head: Vector2 = Vector2(0.0, -36.0) + bob
	_draw_head(worn, head)
	for x: float in [-3.2, 3.2]:
		draw_circle(head + Vector2(x, 0.5), 1.3, LINE)
	if worn.has_beard:
		_blob([Vector2(-5, 3), Vector2(5, 3), Vector2(3, 9), Vector2(-3, 9)], head, worn.hair)
	_draw_hat(worn, head, false)


func _draw_back(worn: Garb, cycle: float, bob: Vector2) -> void:
	_draw_legs(worn, cycle)
	_draw_tool(worn, Vector2(-11.5, -15.0) + bob, cycle * 4.0)
	_draw_arm(worn, Vector2(10.0, -26.0) + bob, cycle * -4.0)
	_draw_arm(worn, Vector2(-10.0, -26.0) + bob, cycle * 4.0)
	_draw_coat(worn, bob, 10.0, true)
	var head: Vector2 = Vector2(0.0, -36.0) + bob
	_draw_head(worn, head)
	draw_circle(head + Vector2(0.0, -0.5), 8.0, worn.hair)
	_draw_hat(worn, head, true)


func _draw_side(worn: Garb, cycle: float, bob: Vector2) -> void:
	_draw_leg(worn, Vector2(-cycle * 6.0, 0.0), Vector2(0.0, -10.0))
	_draw_leg(worn, Vector2(cycle * 6.0, 0.0), Vector2(0.0, -10.0))
	_draw_coat(worn, bob, 7.5)
	_draw_tool(worn, Vector2(6.0 + cycle * 3.0, -15.0) + bob, 0.0)
	_draw_arm(worn, Vector2(0.0, -26.0) + bob, 0.0, cycle * 6.0 + 1.0)
	var head: Vector2 = Vector2(1.0, -36.0) + bob
	_draw_head(worn, head)
	draw_circle(head + Vector2(-3.0, -2.0), 6.5, worn.hair)
	_blob([Vector2(7, -1), Vector2(10.5, 2), Vector2(7, 3)], head, worn.skin)
	draw_circle(head + Vector2(4.2, 0.0), 1.3, LINE)
	if worn.has_beard:
		_blob([Vector2(-1, 3), Vector2(8, 3), Vector2(6, 9), Vector2(1, 8)], head, worn.hair)
	_draw_hat(worn, head, false)


func _draw_legs(worn: Garb, cycle: float) -> void:
	_draw_leg(worn, Vector2(-4.5, -maxf(0.0, cycle) * 4.0), Vector2(-4.5, -10.0))
	_draw_leg(worn, Vector2(4.5, -maxf(0.0, -cycle) * 4.0), Vector2(4.5, -10.0))


func _draw_leg(worn: Garb, foot: Vector2, hip: Vector2) -> void:
	draw_line(hip, foot + Vector2(0.0, -2.0), LINE, 8.0)
	draw_line(hip, foot + Vector2(0.0, -2.0), worn.trim, 5.5)
	_blob([Vector2(-4, -4), Vector2(3.5, -4), Vector2(5.0, 0), Vector2(-4, 0)], foot, LINE)


func _draw_coat(worn: Garb, bob: Vector2, half: float, is_behind: bool = false) -> void:
	var hem: float = -2.5 if worn.is_long else -8.0
	var flare: float = half + (4.0 if worn.is_long else 1.0)
	var shape: PackedVector2Array = [
		Vector2(-half + 2.0, -29.0),
		Vector2(half - 2.0, -29.0),
		Vector2(half, -25.0),
		Vector2(half - 0.5, -16.0),
		Vector2(flare, hem),
		Vector2(-flare, hem),
		Vector2(-half + 0.5, -16.0),
		Vector2(-half, -25.0),
	]
	_blob(shape, bob, worn.coat)
	draw_line(Vector2(-half, -15.5) + bob, Vector2(half, -15.5) + bob, worn.trim, 3.0)
	if is_behind:
		return
	if worn.has_apron:
		var apron: PackedVector2Array = [
			Vector2(-5, -22), Vector2(5, -22), Vector2(7, -5), Vector2(-7, -5)
		]
		_blob(apron, bob, Color(0.92, 0.9, 0.84))
	if worn.has_arms:
		var shield: PackedVector2Array = [
			Vector2(-4, -26), Vector2(4, -26), Vector2(4, -21), Vector2(0, -17), Vector2(-4, -21)
		]
		_blob(shield, bob, Color(0.88, 0.72, 0.28))


func _draw_arm(worn: Garb, shoulder: Vector2, lift: float, forward: float = 0.0) -> void:
	var hand: Vector2 = shoulder + Vector2(forward, 11.0 - absf(lift) * 0.5)
	draw_line(shoulder, hand, LINE, 7.5)
	draw_line(shoulder, hand, worn.coat.darkened(0.12), 5.0)
	draw_circle(hand, 3.6, LINE)
	draw_circle(hand, 2.6, worn.skin)


func _draw_head(worn: Garb, at: Vector2) -> void:
	draw_circle(at, 9.5, LINE)
	draw_circle(at, 8.2, worn.skin)
	if worn.hat == Garb.Hat.NONE:
		draw_circle(at + Vector2(0.0, -3.5), 7.6, worn.hair)
		draw_circle(at + Vector2(0.0, 1.8), 6.6, worn.skin)


func _draw_hat(worn: Garb, at: Vector2, is_behind: bool) -> void:
	var colour: Color = worn.hat_colour
	match worn.hat:
		Garb.Hat.HELMET:
			var dome: PackedVector2Array = Shapes.dome(10.0, 10.0)
			_blob(dome, at + Vector2(0.0, -2.0), colour)
			draw_line(at + Vector2(-10.5, -2.0), at + Vector2(10.5, -2.0), LINE, 4.0)
			draw_line(
				at + Vector2(-9.5, -2.0), at + Vector2(9.5, -2.0), colour.lightened(0.25), 2.0
			)
			if not is_behind:
				var nose: float = 3.0 if side in [View.LEFT, View.RIGHT] else 0.0
				draw_line(
					at + Vector2(nose, -2.0), at + Vector2(nose, 4.0), colour.darkened(0.2), 2.5
				)
		Garb.Hat.CAP:
			_blob(Shapes.dome(9.5, 8.0), at + Vector2(0.0, -3.0), colour)
			_blob(Shapes.dome(4.5, 3.0), at + Vector2(3.0, -9.0), colour.lightened(0.1))
		Garb.Hat.STRAW:
			var brim: PackedVector2Array = Shapes.oval(15.0, 4.5)
			_blob(brim, at + Vector2(0.0, -4.0), Color(0.87, 0.74, 0.43))
			_blob(Shapes.dome(8.0, 8.0), at + Vector2(0.0, -4.5), Color(0.9, 0.78, 0.48))
			draw_line(at + Vector2(-7.5, -6.0), at + Vector2(7.5, -6.0), worn.trim, 2.0)
		Garb.Hat.SCARF:
			_blob(Shapes.dome(10.0, 10.0), at + Vector2(0.0, -1.0), colour)
			_blob([Vector2(-9, -2), Vector2(-5, -2), Vector2(-7, 9), Vector2(-11, 6)], at, colour)
		Garb.Hat.HOOD:
			var hood: PackedVector2Array = Shapes.dome(11.0, 13.0)
			hood.append_array([Vector2(11, 6), Vector2(-11, 6)])
			if is_behind:
				_blob(hood, at, colour)
				return
			draw_colored_polygon(Shapes.moved(Shapes.oval(7.0, 7.5), at), colour.darkened(0.55))
			_blob(Shapes.dome(11.0, 13.0), at + Vector2(0.0, -2.0), colour)
			_blob([Vector2(-11, -2), Vector2(-6, -2), Vector2(-4, 9), Vector2(-10, 8)], at, colour)
			_blob([Vector2(11, -2), Vector2(6, -2), Vector2(4, 9), Vector2(10, 8)], at, colour)
			for x: float in [-2.8, 2.8]:
				draw_circle(at + Vector2(x, 1.5), 1.3, Color(0.98, 0.95, 0.8))
		Garb.Hat.FEATHER:
			_blob(Shapes.oval(11.0, 4.0), at + Vector2(0.0, -5.0), colour)
			_blob(Shapes.dome(8.0, 6.0), at + Vector2(0.0, -6.0), colour)
			draw_line(
				at + Vector2(6.0, -8.0), at + Vector2(13.0, -17.0), Color(0.95, 0.3, 0.3), 3.0
			)


func _draw_tool(worn: Garb, hand: Vector2, lift: float) -> void:
	var at: Vector2 = hand + Vector2(0.0, lift * 0.3)
	var tool: Garb.Tool = worn.tool
	if is_armed and not tool in [Garb.Tool.SPEAR, Garb.Tool.AXE, Garb.Tool.BOW]:
		tool = Garb.Tool.SWORD
	match tool:
		Garb.Tool.SPEAR:
			var tip: Vector2 = Vector2(14.0, -18.0) if is_armed else Vector2(2.0, -34.0)
			_draw_pole(at - tip * 0.45, at + tip, 3.0)
			var along: Vector2 = tip.normalized()
			var across: Vector2 = along.orthogonal() * 3.5
			_blob([tip + along * 10.0, tip + across, tip - across], at, STEEL)
		Garb.Tool.SWORD:
			if is_armed:
				_draw_pole(at, at + Vector2(10.0, -20.0), 3.5, STEEL)
				_draw_pole(at + Vector2(-2.0, -5.0), at + Vector2(6.0, -1.0), 2.5, WOOD)
			else:
				_draw_pole(at + Vector2(-2.0, 2.0), at + Vector2(-9.0, 13.0), 3.0, WOOD)
		Garb.Tool.STAFF:
			_draw_pole(at + Vector2(1.0, 14.0), at + Vector2(1.0, -24.0), 3.0)
		Garb.Tool.RAKE:
			_draw_pole(at + Vector2(0.0, 12.0), at + Vector2(3.0, -26.0), 2.5)
			_draw_pole(at + Vector2(-4.0, -26.0), at + Vector2(10.0, -27.0), 3.0)
		Garb.Tool.AXE:
			_draw_pole(at + Vector2(-1.0, 6.0), at + Vector2(5.0, -14.0), 3.0)
			var blade: PackedVector2Array = [
				Vector2(4, -16), Vector2(12, -17), Vector2(13, -8), Vector2(5, -9)
			]
			_blob(blade, at, STEEL)
		Garb.Tool.TORCH:
			_draw_pole(at + Vector2(0.0, 5.0), at + Vector2(3.0, -12.0), 3.0)
			draw_circle(at + Vector2(3.5, -16.0), 5.0, Color(1.0, 0.6, 0.15))
			draw_circle(at + Vector2(3.5, -15.0), 2.8, Color(1.0, 0.9, 0.5))
		Garb.Tool.BOW:
			draw_arc(at + Vector2(-3.0, -6.0), 15.0, -PI / 2.4, PI / 2.4, 16, LINE, 4.5)
			draw_arc(at + Vector2(-3.0, -6.0), 15.0, -PI / 2.4, PI / 2.4, 16, WOOD, 2.5)
		Garb.Tool.BASKET:
			_blob(Shapes.oval(8.0, 5.5), at + Vector2(0.0, 4.0), Color(0.72, 0.55, 0.3))
			draw_arc(at + Vector2(0.0, 2.0), 7.0, PI, TAU, 12, LINE, 1.5)
			draw_circle(at + Vector2(-2.5, 1.5), 2.5, Color(0.9, 0.35, 0.3))
			draw_circle(at + Vector2(2.5, 1.5), 2.5, Color(0.95, 0.9, 0.8))
		Garb.Tool.BAG:
			_blob(Shapes.oval(7.0, 8.0), at + Vector2(0.0, 6.0), Color(0.6, 0.48, 0.34))


func _draw_pole(from: Vector2, to: Vector2, width: float, colour: Color = WOOD) -> void:
	draw_line(from, to, LINE, width + 2.0)
	draw_line(from, to, colour, width)


## Fills a shape and draws its outline.
func _blob(shape: PackedVector2Array, at: Vector2, colour: Color) -> void:
	var placed: PackedVector2Array = Shapes.moved(shape, at)
	draw_colored_polygon(placed, colour)
	placed.append(placed[0])
	draw_polyline(placed, LINE, 1.4, true)


func _show_picture(number: int) -> void:
	if _picture != number:
		_picture = number
		queue_redraw()

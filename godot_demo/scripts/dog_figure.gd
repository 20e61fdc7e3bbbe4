class_name DogFigure
extends Figure
## The figure of a dog; [member Garb.coat] is its fur.


func _draw_one(worn: Garb, at: Vector2, _ahead: int) -> void:
	draw_set_transform(at, 0.0, Vector2(1.0, 0.4))
	draw_circle(Vector2.ZERO, 13.0, SHADOW)
	var is_left: bool = side == View.LEFT
	draw_set_transform(at, 0.0, Vector2(-1.0 if is_left else 1.0, 1.0))
	var cycle: float = sin(TAU * float(_picture) / PICTURES) if _picture > 0 else 0.0
	if is_down:
		_draw_asleep(worn)
	elif side in [View.LEFT, View.RIGHT]:
		_draw_from_side(worn, cycle)
	else:
		_draw_along(worn, cycle, side == View.UP)


func _draw_from_side(worn: Garb, cycle: float) -> void:
	for leg: Vector2 in [
		Vector2(-9.0, cycle), Vector2(-5.0, -cycle), Vector2(6.0, -cycle), Vector2(9.0, cycle)
	]:
		draw_line(Vector2(leg.x, -9.0), Vector2(leg.x + leg.y * 3.5, -1.0), LINE, 5.0)
		draw_line(Vector2(leg.x, -9.0), Vector2(leg.x + leg.y * 3.5, -1.5), worn.coat, 3.0)
	draw_polyline(
		[Vector2(-11, -13), Vector2(-17, -17 + cycle * 2.0), Vector2(-18, -23)], LINE, 5.0
	)
	draw_polyline(
		[Vector2(-11, -13), Vector2(-17, -17 + cycle * 2.0), Vector2(-18, -22)], worn.coat, 3.0
	)
	_blob(Shapes.oval(13.0, 6.5), Vector2(-1.0, -12.0), worn.coat)
	_draw_muzzle(worn, Vector2(12.0, -19.0))


func _draw_along(worn: Garb, cycle: float, is_behind: bool) -> void:
	for x: float in [-5.0, 5.0]:
		var step: float = cycle * signf(x) * 2.5
		draw_line(Vector2(x, -9.0), Vector2(x, -1.0 - maxf(0.0, step)), LINE, 5.5)
		draw_line(Vector2(x, -9.0), Vector2(x, -1.5 - maxf(0.0, step)), worn.coat, 3.5)
	_blob(Shapes.oval(8.0, 8.0), Vector2(0.0, -13.0), worn.coat)
	var head: Vector2 = Vector2(0.0, -21.0)
	_blob(Shapes.oval(6.5, 6.0), head, worn.coat)
	for x: float in [-1.0, 1.0]:
		_blob([Vector2(3 * x, -5), Vector2(8 * x, -3), Vector2(7 * x, 4)], head, worn.trim)
	if is_behind:
		draw_line(Vector2(0, -10), Vector2(cycle * 4.0, -20), LINE, 4.5)
		draw_line(Vector2(0, -10), Vector2(cycle * 4.0, -19), worn.coat, 2.5)
		return
	draw_circle(head + Vector2(0.0, 3.5), 2.0, LINE)
	for x: float in [-2.5, 2.5]:
		draw_circle(head + Vector2(x, -1.0), 1.2, LINE)


func _draw_muzzle(worn: Garb, head: Vector2) -> void:
	_blob(Shapes.oval(6.5, 6.0), head, worn.coat)
	_blob([Vector2(3, -1), Vector2(10, 1), Vector2(9, 5), Vector2(2, 5)], head, worn.coat)
	draw_circle(head + Vector2(10.0, 1.5), 1.8, LINE)
	draw_circle(head + Vector2(2.5, -1.5), 1.3, LINE)
	_blob([Vector2(-5, -4), Vector2(-1, -5), Vector2(-4, 5)], head, worn.trim)


func _draw_asleep(worn: Garb) -> void:
	_blob(Shapes.oval(14.0, 7.0), Vector2(0.0, -5.0), worn.coat)
	_blob(Shapes.oval(6.0, 5.0), Vector2(10.0, -5.0), worn.coat)
	_blob([Vector2(7, -9), Vector2(11, -9), Vector2(8, -2)], Vector2.ZERO, worn.trim)
	draw_line(Vector2(11.0, -5.5), Vector2(14.0, -5.5), LINE, 1.3)

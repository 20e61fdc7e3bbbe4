class_name Ground
extends Node2D
## The ground of the yard: grass, trodden paths, a kitchen garden, and what lies flat.

const GRASS: Color = Color(0.42, 0.52, 0.3)
const PATH: Color = Color(0.66, 0.57, 0.42)
const SOIL: Color = Color(0.4, 0.29, 0.2)
const COBBLE: Color = Color(0.58, 0.55, 0.5)
const DARK: Color = Color(0.14, 0.12, 0.12)
const TUFTS: int = 420
## How wide a path is.
const WIDTH: float = 58.0
const GARDEN: Rect2 = Rect2(190.0, 556.0, 210.0, 100.0)

@export var yard: Yard

## Where people walk: lines of places.
var paths: Array[PackedVector2Array] = [
	PackedVector2Array(
		[
			Vector2(-10, 385),
			Vector2(240, 390),
			Vector2(430, 345),
			Vector2(660, 350),
			Vector2(1030, 250),
		]
	),
	PackedVector2Array(
		[Vector2(430, 345), Vector2(500, 470), Vector2(760, 560), Vector2(1130, 640)]
	),
	PackedVector2Array([Vector2(1030, 205), Vector2(1030, 270)]),
]


func _draw() -> void:
	var random: RandomNumberGenerator = RandomNumberGenerator.new()
	random.seed = 7
	var area: Rect2 = Rect2(Vector2.ZERO, Yard.SIZE * Body.METRE)
	draw_rect(area, GRASS)
	for patch: int in 60:
		var at: Vector2 = _somewhere(random, area)
		draw_circle(at, random.randf_range(24.0, 70.0), GRASS.lightened(random.randf() * 0.05))
	_draw_paths(random)
	_draw_tufts(random, area)
	_draw_garden(random)
	_draw_square(random)
	_draw_cellar(yard.place(&"Cellar"))


func _draw_paths(random: RandomNumberGenerator) -> void:
	for layer: Array in [[WIDTH + 10.0, PATH.darkened(0.12)], [WIDTH, PATH]]:
		for path: PackedVector2Array in paths:
			draw_polyline(path, layer[1], layer[0])
			for place: Vector2 in path:
				draw_circle(place, layer[0] / 2.0, layer[1])
	for path: PackedVector2Array in paths:
		for part: int in path.size() - 1:
			for pebble: int in 40:
				var at: Vector2 = path[part].lerp(path[part + 1], random.randf())
				at += Vector2(random.randf_range(-24, 24), random.randf_range(-24, 24))
				draw_circle(at, random.randf_range(1.0, 3.0), PATH.darkened(random.randf() * 0.25))


func _draw_tufts(random: RandomNumberGenerator, area: Rect2) -> void:
	for tuft: int in TUFTS:
		var at: Vector2 = _somewhere(random, area)
		if _is_trodden(at):
			continue
		var colour: Color = GRASS.darkened(random.randf_range(0.08, 0.25))
		for blade: float in [-3.0, 0.0, 3.0]:
			draw_line(at, at + Vector2(blade, -5.0 - random.randf() * 3.0), colour, 1.5)
		if tuft % 17 == 0:
			draw_circle(at + Vector2(4, -4), 2.2, Color.from_hsv(random.randf(), 0.35, 0.95))


func _draw_garden(random: RandomNumberGenerator) -> void:
	draw_rect(GARDEN, SOIL)
	for row: int in 5:
		var y: float = GARDEN.position.y + 14.0 + row * 19.0
		draw_line(
			Vector2(GARDEN.position.x + 4, y),
			Vector2(GARDEN.end.x - 4, y),
			SOIL.lightened(0.12),
			7.0
		)
		for plant: int in 11:
			var at: Vector2 = Vector2(GARDEN.position.x + 14.0 + plant * 18.0, y - 2.0)
			var green: Color = Color(0.3, 0.5, 0.22).lightened(random.randf() * 0.15)
			draw_circle(at, 5.5, green.darkened(0.3))
			draw_circle(at + Vector2(0, -1), 4.2, green)
			if row % 2 == 1:
				draw_circle(at + Vector2(2, -2), 1.8, Color(0.85, 0.4, 0.2))
	draw_rect(GARDEN, Figure.WOOD.darkened(0.2), false, 3.0)


## Cobbles before the keep and round the well.
func _draw_square(random: RandomNumberGenerator) -> void:
	for stone: int in 150:
		var at: Vector2 = Vector2(random.randf_range(900, 1160), random.randf_range(206, 262))
		_draw_stone(random, at)
	for stone: int in 90:
		var way: Vector2 = Vector2.from_angle(random.randf() * TAU) * random.randf_range(30, 76)
		_draw_stone(random, yard.place(&"Well") + way * Vector2(1.0, 0.6))


func _draw_stone(random: RandomNumberGenerator, at: Vector2) -> void:
	var colour: Color = COBBLE.lightened(random.randf_range(-0.1, 0.12))
	draw_set_transform(at, 0.0, Vector2(1.0, 0.7))
	draw_circle(Vector2.ZERO, random.randf_range(6.0, 9.0), colour.darkened(0.3))
	draw_circle(Vector2(0, -1), random.randf_range(5.0, 7.0), colour)
	draw_set_transform(Vector2.ZERO)


func _draw_cellar(at: Vector2) -> void:
	var hatch: Rect2 = Rect2(at + Vector2(-24, -16), Vector2(48, 30))
	draw_rect(hatch.grow(4.0), COBBLE.darkened(0.3))
	draw_rect(hatch, DARK)
	for step: int in 3:
		var y: float = hatch.position.y + 4.0 + step * 8.0
		draw_rect(Rect2(hatch.position.x + 4, y, 40, 4), COBBLE.darkened(0.5 - step * 0.1))


func _is_trodden(at: Vector2) -> bool:
	if GARDEN.grow(8.0).has_point(at):
		return true
	for path: PackedVector2Array in paths:
		for part: int in path.size() - 1:
			var near: Vector2 = Geometry2D.get_closest_point_to_segment(
				at, path[part], path[part + 1]
			)
			if near.distance_to(at) < WIDTH / 2.0 + 6.0:
				return true
	return false


static func _somewhere(random: RandomNumberGenerator, area: Rect2) -> Vector2:
	return Vector2(random.randf_range(0.0, area.size.x), random.randf_range(0.0, area.size.y))

class_name Ways
extends RefCounted
## Finds ways round the obstacles of the yard.

## Pixels of a square of the grid: half a metre.
const CELL: float = 22.0
## How far people keep off walls.
const SPACE: float = 9.0

var _grid: AStarGrid2D = AStarGrid2D.new()
var _solid: Array[Rect2] = []


func _init(size: Vector2) -> void:
	_grid.region = Rect2i(Vector2i.ZERO, Vector2i((size / CELL).ceil()))
	_grid.cell_size = Vector2(CELL, CELL)
	_grid.offset = _grid.cell_size / 2.0
	_grid.diagonal_mode = AStarGrid2D.DIAGONAL_MODE_ONLY_IF_NO_OBSTACLES


## Looks at all obstacles anew, such as after a door was opened.
func survey(obstacles: Array[Obstacle]) -> void:
	_solid.clear()
	for obstacle: Obstacle in obstacles:
		if not obstacle.is_open:
			_solid.append(obstacle.area().grow(SPACE))
	_grid.update()
	for x: int in _grid.region.size.x:
		for y: int in _grid.region.size.y:
			var middle: Vector2 = (Vector2(x, y) + Vector2(0.5, 0.5)) * CELL
			_grid.set_point_solid(Vector2i(x, y), is_solid(middle))


## Tells whether nobody can stand there.
func is_solid(place: Vector2) -> bool:
	return _solid.any(func(area: Rect2) -> bool: return area.has_point(place))


## Tells whether one can walk there straight.
func is_straight(from: Vector2, to: Vector2) -> bool:
	return not _solid.any(func(area: Rect2) -> bool: return Sight.crosses(area, from, to))


## Returns the places to walk through, without the first and with the last one; none if there is no
## way, and as near as possible if [param to] cannot be reached.
func find(from: Vector2, to: Vector2) -> PackedVector2Array:
	if is_straight(from, to):
		return [to]
	var path: PackedVector2Array = _grid.get_point_path(_free(from), _free(to), true)
	if path.is_empty():
		return path
	if not is_solid(to):
		path[-1] = to
	return _pulled(from, path)


## Leaves out the corners that are not needed.
func _pulled(from: Vector2, path: PackedVector2Array) -> PackedVector2Array:
	var way: PackedVector2Array = []
	var at: Vector2 = from
	for index: int in path.size():
		var is_last: bool = index == path.size() - 1
		if is_last or not is_straight(at, path[index + 1]):
			at = path[index]
			way.append(at)
	return way


## Returns the nearest square where somebody can stand.
func _free(place: Vector2) -> Vector2i:
	var cell: Vector2i = (place / CELL).floor()
	var most: Vector2i = _grid.region.size - Vector2i.ONE
	cell = cell.clamp(Vector2i.ZERO, most)
	var best: Vector2i = cell
	var best_distance: float = INF
	for x: int in range(maxi(cell.x - 4, 0), mini(cell.x + 4, most.x) + 1):
		for y: int in range(maxi(cell.y - 4, 0), mini(cell.y + 4, most.y) + 1):
			var one: Vector2i = Vector2i(x, y)
			var distance: float = Vector2(one - cell).length_squared()
			if distance < best_distance and not _grid.is_point_solid(one):
				best = one
				best_distance = distance
	return best

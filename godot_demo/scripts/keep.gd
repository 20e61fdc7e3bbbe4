class_name Keep
extends Node2D
## The keep: a room with the letter in it, a door that is barred, and a window on the side.
##
## It stands at the yard's origin; its walls are [Obstacle]s.

const ROOM: Rect2 = Rect2(900.0, 62.0, 260.0, 116.0)
const FLOOR: Color = Color(0.42, 0.34, 0.27)
const PLANK: Color = Color(0.34, 0.27, 0.21)
const RUG: Color = Color(0.5, 0.16, 0.18)

@export var yard: Yard

## How the thief of the letter got in: [code]talk[/code], [code]steal[/code], [code]fight[/code].
var entered_by: String = ""
## The doorkeeper still has it.
var has_key: bool = true

var _open_s: float = 0.0

@onready var door: Obstacle = $Door
@onready var roof: CanvasItem = $Roof


func _ready() -> void:
	($Window/Lamplight as Lamplight).day = yard.get_node("Day")
	put_letter_back.call_deferred()


func _physics_process(delta: float) -> void:
	var player: Player = yard.player()
	var is_in: bool = player != null and is_inside(player.position)
	roof.modulate.a = move_toward(roof.modulate.a, 0.0 if is_in else 1.0, delta * 3.0)
	if _open_s > 0.0:
		_open_s -= delta
		# It does not fall shut on somebody's feet.
		if (
			_open_s <= 0.0
			and (player == null or not door.area().grow(14.0).has_point(player.position))
		):
			door.is_open = false
			yard.sounds.play(&"door", yard.place(&"KeepDoor"))


func _draw() -> void:
	draw_rect(ROOM, FLOOR)
	for board: int in 10:
		var x: float = ROOM.position.x + board * 26.0
		draw_line(Vector2(x, ROOM.position.y), Vector2(x, ROOM.end.y), PLANK, 1.5)
	draw_rect(Rect2(975, 96, 110, 60), RUG)
	draw_rect(Rect2(981, 102, 98, 48), RUG.lightened(0.2), false, 2.0)
	draw_rect(Rect2(1078, 84, 66, 36), Figure.LINE)
	draw_rect(Rect2(1080, 86, 62, 26), Figure.WOOD.lightened(0.15))
	draw_rect(Rect2(1080, 112, 62, 7), Figure.WOOD)
	draw_rect(Rect2(912, 70, 40, 26), Figure.WOOD.darkened(0.3))
	for book: int in 6:
		var hue: Color = Color.from_hsv(book * 0.17, 0.5, 0.55)
		draw_rect(Rect2(915.0 + book * 6.0, 73, 5, 20), hue)


## Opens the door for a while; [param way] says whose merit that is.
func open(way: String, seconds: float) -> void:
	door.is_open = true
	_open_s = seconds
	if not way.is_empty():
		entered_by = way
	yard.sounds.play(&"door", yard.place(&"KeepDoor"))


## Tells whether a place is in the room.
func is_inside(place: Vector2) -> bool:
	return ROOM.grow(4.0).has_point(place)


## Tells whether nobody outside can see somebody at a place.
func hides(place: Vector2) -> bool:
	return is_inside(place) and not door.is_open


## Lays the letter on the table again.
func put_letter_back() -> void:
	entered_by = ""
	yard.drop_thing(&"letter", Vector2(1110.0, 118.0))


## Returns the walls.
func walls() -> Array[Obstacle]:
	var found: Array[Obstacle] = []
	for child: Node in get_children():
		if child is Obstacle and child != door:
			found.append(child)
	return found

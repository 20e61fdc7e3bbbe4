class_name Ground
extends Node2D
## The yard itself: grass and walls, and the places that have a name.

const GRASS: Color = Color(0.45, 0.53, 0.36)
const STONE: Color = Color(0.62, 0.6, 0.55)
const WOOD: Color = Color(0.5, 0.36, 0.24)
const CLOTH: Color = Color(0.75, 0.3, 0.28)
const DARK: Color = Color(0.2, 0.19, 0.18)
const INK: Color = Color(1.0, 1.0, 1.0, 0.55)
const WALL: float = 10.0

@export var yard: Yard


func _draw() -> void:
	var area: Rect2 = Rect2(Vector2.ZERO, Yard.SIZE * Body.METRE)
	draw_rect(area, GRASS)
	draw_rect(area.grow(WALL / 2.0), STONE, false, WALL)
	_draw_gate(yard.place(&"Gate"))
	_draw_stall(yard.place(&"Stall"))
	_draw_cellar(yard.place(&"Cellar"))
	_draw_shelter(yard.place(&"Shelter"))


func _draw_gate(at: Vector2) -> void:
	draw_rect(Rect2(at + Vector2(-WALL, -48), Vector2(WALL, 96)), WOOD)
	_label("gate", at + Vector2(6, 66))


func _draw_stall(at: Vector2) -> void:
	draw_rect(Rect2(at + Vector2(-64, 16), Vector2(128, 22)), WOOD)
	for stripe: int in 8:
		var colour: Color = CLOTH if stripe % 2 == 0 else Color.WHITE
		draw_rect(Rect2(at + Vector2(-64 + stripe * 16, 38), Vector2(16, 8)), colour)
	_label("stall", at + Vector2(70, 40))


func _draw_cellar(at: Vector2) -> void:
	draw_rect(Rect2(at + Vector2(-26, -20), Vector2(52, 34)), DARK)
	_label("cellar", at + Vector2(-22, 30))


func _draw_shelter(at: Vector2) -> void:
	var roof: PackedVector2Array = [
		at + Vector2(-48, -30), at + Vector2(0, -58), at + Vector2(48, -30)
	]
	draw_rect(Rect2(at + Vector2(-40, -30), Vector2(80, 40)), STONE)
	draw_colored_polygon(roof, WOOD)
	_label("shelter", at + Vector2(-22, 28))


func _label(text: String, at: Vector2) -> void:
	draw_string(ThemeDB.fallback_font, at, text, HORIZONTAL_ALIGNMENT_LEFT, -1, 12, INK)

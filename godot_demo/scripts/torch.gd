class_name Torch
extends Node2D
## A flame that lights its surroundings when it is dark, and throws shadows.

const REACH: float = 190.0
const GLOW: Color = Color(1.0, 0.72, 0.38)

static var _glow: GradientTexture2D

## Tells when it is dark.
@export var day: Day
## Stands on a pole, and does not hang on a wall.
@export var is_on_pole: bool = false

var _light: PointLight2D = PointLight2D.new()
var _time: float = 0.0


func _ready() -> void:
	_light.texture = glow()
	_light.texture_scale = REACH / 64.0
	_light.color = GLOW
	_light.shadow_enabled = true
	_light.shadow_filter = Light2D.SHADOW_FILTER_PCF5
	_light.shadow_filter_smooth = 3.0
	_light.shadow_color = Color(0.0, 0.0, 0.0, 0.75)
	_light.position = Vector2(0.0, 6.0)
	add_child(_light)
	_time = position.x


func _process(delta: float) -> void:
	_time += delta
	var flicker: float = 1.0 + 0.08 * sin(_time * 11.0) + 0.05 * sin(_time * 23.7)
	_light.energy = 1.15 * day.darkness() * flicker
	_light.visible = _light.energy > 0.02
	queue_redraw()


func _draw() -> void:
	var foot: float = 34.0 if is_on_pole else 8.0
	draw_line(Vector2(0.0, foot), Vector2(0.0, -6.0), Figure.LINE, 6.0)
	draw_line(Vector2(0.0, foot - 1.0), Vector2(0.0, -6.0), Figure.WOOD, 3.5)
	if day.darkness() < 0.15:
		draw_circle(Vector2(0.0, -9.0), 4.0, Color(0.25, 0.2, 0.18))
		return
	var sway: float = 1.5 * sin(_time * 9.0)
	var tall: float = 13.0 + 2.0 * sin(_time * 17.0)
	var flame: PackedVector2Array = [
		Vector2(-5.5, -8.0), Vector2(0.0, -4.0), Vector2(5.5, -8.0), Vector2(sway, -8.0 - tall)
	]
	draw_circle(Vector2(0.0, -11.0), 14.0, Color(1.0, 0.6, 0.2, 0.18))
	draw_colored_polygon(flame, Color(1.0, 0.55, 0.12))
	for index: int in flame.size():
		flame[index] = flame[index] * 0.55 + Vector2(0.0, -3.0)
	draw_colored_polygon(flame, Color(1.0, 0.92, 0.55))


## Returns what a light looks like that fades out to all sides; all lights have the same.
static func glow() -> GradientTexture2D:
	if _glow == null:
		_glow = _make_glow()
	return _glow


static func _make_glow() -> GradientTexture2D:
	var fading: Gradient = Gradient.new()
	fading.offsets = PackedFloat32Array([0.0, 0.35, 0.75, 1.0])
	fading.colors = PackedColorArray(
		[Color.WHITE, Color(1, 1, 1, 0.55), Color(1, 1, 1, 0.12), Color(1, 1, 1, 0.0)]
	)
	var texture: GradientTexture2D = GradientTexture2D.new()
	texture.gradient = fading
	texture.width = 128
	texture.height = 128
	texture.fill = GradientTexture2D.FILL_RADIAL
	texture.fill_from = Vector2(0.5, 0.5)
	texture.fill_to = Vector2(1.0, 0.5)
	return texture

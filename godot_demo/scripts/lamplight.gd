class_name Lamplight
extends Node2D
## Windows behind which a lamp burns: they shine when it is dark, and light the ground before them.

const GLOW: Color = Color(1.0, 0.8, 0.42)
## Pixels that the light reaches, and how far below a window its middle lies.
const REACH: float = 105.0
const BELOW: float = 26.0
## Changes of the light that nobody sees are not drawn.
const STEP: float = 0.02

## Tells when it is dark.
@export var day: Day
## Where the panes are.
@export var panes: Array[Rect2] = []

var _lights: Array[PointLight2D] = []
var _shown: float = -1.0


func _ready() -> void:
	# What shines is not dimmed by the night.
	var plain: CanvasItemMaterial = CanvasItemMaterial.new()
	plain.light_mode = CanvasItemMaterial.LIGHT_MODE_UNSHADED
	material = plain
	for pane: Rect2 in panes:
		var light: PointLight2D = PointLight2D.new()
		light.texture = Torch.glow()
		light.texture_scale = REACH / 64.0
		light.color = GLOW
		light.position = pane.get_center() + Vector2(0.0, BELOW)
		add_child(light)
		_lights.append(light)


func _process(_delta: float) -> void:
	if day == null or absf(day.darkness() - _shown) < STEP:
		return
	_shown = day.darkness()
	for light: PointLight2D in _lights:
		light.energy = 0.8 * _shown
		light.visible = _shown > STEP
	queue_redraw()


func _draw() -> void:
	for pane: Rect2 in panes:
		draw_rect(pane, Color(GLOW, maxf(0.0, _shown)))
		var frame: Color = Color(Figure.LINE, maxf(0.0, _shown))
		var middle: Vector2 = pane.get_center()
		draw_line(Vector2(middle.x, pane.position.y), Vector2(middle.x, pane.end.y), frame, 2.0)
		draw_line(Vector2(pane.position.x, middle.y), Vector2(pane.end.x, middle.y), frame, 1.5)
		draw_rect(pane, frame, false, 1.5)

class_name Hud
extends Control
## What the player has and can do: strength, purse, bag, the task, and a hint of what E does here.

const HEART: Color = Color(0.85, 0.22, 0.24)
const HEARTS: int = 5
const NOTE_S: float = 4.5

@export var yard: Yard
@export var quest: Quest

var _note_s: float = 0.0
var _player: Player

@onready var prompt: Label = %Prompt
@onready var note: Label = %Note
@onready var task: Label = %Task


func _ready() -> void:
	prompt.hide()
	note.hide()
	hide()


func _process(delta: float) -> void:
	if _player == null:
		_meet(yard.player())
		return
	_note_s -= delta
	note.visible = _note_s > 0.0
	task.text = quest.task()
	if prompt.visible:
		var at: Vector2 = yard.get_global_transform_with_canvas() * _player.position
		prompt.position = at + Vector2(-prompt.size.x / 2.0, 12.0)
	queue_redraw()


func _draw() -> void:
	if _player == null:
		return
	var at: Vector2 = Vector2(18.0, size.y - 24.0)
	draw_style_box(
		Palette.box(), Rect2(8.0, size.y - 44.0, 176.0 + _player.bag.size() * 28.0, 38.0)
	)
	for heart: int in HEARTS:
		var part: float = clampf(_player.health * HEARTS - heart, 0.0, 1.0)
		_draw_heart(at + Vector2(heart * 20.0 + 4.0, 0.0), part)
	Wares.draw(self, &"coin", at + Vector2(116.0, 0.0))
	var font: Font = get_theme_default_font()
	var left: HorizontalAlignment = HORIZONTAL_ALIGNMENT_LEFT
	draw_string(font, at + Vector2(128.0, 5.0), str(_player.purse), left, -1, 15, Palette.TEXT)
	for index: int in _player.bag.size():
		Wares.draw(self, _player.bag[index], at + Vector2(164.0 + index * 28.0, 0.0))


func _draw_heart(at: Vector2, part: float) -> void:
	var colour: Color = HEART if part > 0.0 else Color(0.3, 0.28, 0.28)
	colour.a = maxf(part, 0.35)
	draw_circle(at + Vector2(-3.5, -2.0), 4.6, colour)
	draw_circle(at + Vector2(3.5, -2.0), 4.6, colour)
	draw_colored_polygon(
		[at + Vector2(-7.8, -0.2), at + Vector2(7.8, -0.2), at + Vector2(0.0, 8.5)], colour
	)


func _meet(player: Player) -> void:
	if player == null:
		return
	_player = player
	show()
	player.prompt_changed.connect(_on_prompt_changed)
	player.noted.connect(_on_noted)
	player.bag_changed.connect(queue_redraw)


func _on_prompt_changed(text: String) -> void:
	prompt.visible = not text.is_empty()
	prompt.text = "E: %s" % text


func _on_noted(text: String) -> void:
	note.text = text
	_note_s = NOTE_S

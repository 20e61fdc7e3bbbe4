class_name Caption
extends Node2D
## What stands above somebody's head: the name, what they do, and a bubble with what they say.

const WIDTH: float = 168.0
const NAME_SIZE: int = 13
const TEXT_SIZE: int = 11
const MARGIN: Vector2 = Vector2(7.0, 4.0)
const PAPER: Color = Color(0.98, 0.96, 0.9)
const INK: Color = Color(0.13, 0.12, 0.1)
const OUTLINE: Color = Color(0.08, 0.1, 0.06, 0.85)
## By who chose what is done.
const SOURCES: Dictionary[String, Color] = {
	"tree": Color(0.93, 0.93, 0.87),
	"llm": Color(1.0, 0.85, 0.4),
	"fallback": Color(1.0, 0.55, 0.45),
	"local": Color(0.72, 0.76, 0.8),
}
## By who drives them.
const STATES: Dictionary[String, Color] = {
	"driven": Color(0.55, 0.95, 0.5),
	"held": Color(0.45, 0.75, 1.0),
	"rejected": Color(1.0, 0.4, 0.35),
}
const ALONE: Color = Color(0.7, 0.7, 0.7)

var title: String = "":
	set(value):
		title = value
		queue_redraw()
var text: String = "":
	set(value):
		text = value
		queue_redraw()
var speech: String = "":
	set(value):
		speech = value
		queue_redraw()
## Who chose what is done; see [member BrainOrder.source].
var source: String = "":
	set(value):
		source = value
		queue_redraw()
## Who drives them; see [method BrainAgent.describe]. Empty for those who have no brain.
var state: String = "":
	set(value):
		state = value
		queue_redraw()

@onready var _font: Font = ThemeDB.fallback_font


func _draw() -> void:
	var bottom: float = _draw_lines(text, TEXT_SIZE, SOURCES.get(source, SOURCES["tree"]), 0.0)
	bottom = _draw_lines(_headline(), NAME_SIZE, Color.WHITE, bottom)
	if not state.is_empty():
		var half: float = _size_of(_headline(), NAME_SIZE).x / 2.0
		var middle: Vector2 = Vector2(-half - 9.0, bottom + NAME_SIZE * 0.65)
		draw_circle(middle, 5.0, OUTLINE)
		draw_circle(middle, 3.5, STATES.get(state, ALONE))
	if not speech.is_empty():
		_draw_bubble(bottom - MARGIN.y)


func _headline() -> String:
	return "%s (held)" % title if state == "held" else title


## Draws centred lines that end at [param bottom], and returns where they begin.
func _draw_lines(words: String, size: int, colour: Color, bottom: float) -> float:
	if words.is_empty():
		return bottom
	var top: float = bottom - _size_of(words, size).y
	var where: Vector2 = Vector2(-WIDTH / 2.0, top + _font.get_ascent(size))
	var centre: HorizontalAlignment = HORIZONTAL_ALIGNMENT_CENTER
	draw_multiline_string_outline(_font, where, words, centre, WIDTH, size, -1, 4, OUTLINE)
	draw_multiline_string(_font, where, words, centre, WIDTH, size, -1, colour)
	return top


func _draw_bubble(bottom: float) -> void:
	var size: Vector2 = _size_of(speech, TEXT_SIZE) + 2.0 * MARGIN
	var top_left: Vector2 = Vector2(-size.x / 2.0, bottom - size.y - 5.0)
	var tip: PackedVector2Array = [
		Vector2(-5.0, bottom - 6.0), Vector2(5.0, bottom - 6.0), Vector2(0.0, bottom)
	]
	draw_colored_polygon(tip, PAPER)
	var paper: StyleBoxFlat = StyleBoxFlat.new()
	paper.bg_color = PAPER
	paper.set_corner_radius_all(6)
	draw_style_box(paper, Rect2(top_left, size))
	var where: Vector2 = top_left + MARGIN + Vector2(0.0, _font.get_ascent(TEXT_SIZE))
	var width: float = size.x - 2.0 * MARGIN.x
	draw_multiline_string(
		_font, where, speech, HORIZONTAL_ALIGNMENT_CENTER, width + 1.0, TEXT_SIZE, -1, INK
	)


func _size_of(words: String, size: int) -> Vector2:
	return _font.get_multiline_string_size(words, HORIZONTAL_ALIGNMENT_CENTER, WIDTH, size)

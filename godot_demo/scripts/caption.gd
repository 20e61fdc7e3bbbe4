class_name Caption
extends Node2D
## What stands above somebody's head: the name, what they do, and a bubble with what they say.

const WIDTH: float = 168.0
const NAME_SIZE: int = 13
const TEXT_SIZE: int = 11
const MARGIN: Vector2 = Vector2(7.0, 4.0)
const PAPER: Color = Color(0.98, 0.96, 0.9)
const INK: Color = Color(0.13, 0.12, 0.1)
## Before the head line, for the light.
const LIGHT: float = 14.0
## Between a bubble and what it points at.
const TIP: float = 6.0
## Between one and the next.
const GAP: float = 3.0
const OUTLINE: Color = Color(0.08, 0.1, 0.06, 0.85)
## Ties it to its head when it stands higher.
const THREAD: Color = Color(1.0, 1.0, 1.0, 0.5)
## By who chose what is done.
const SOURCES: Dictionary[String, Color] = {
	"tree": Color(0.98, 0.98, 0.94),
	"llm": Color(1.0, 0.85, 0.4),
	"fallback": Color(1.0, 0.55, 0.45),
	"local": Color(0.74, 0.79, 0.86),
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

## How many pixels higher it stands, to be clear of others; see [Captions].
var lift: float = 0.0:
	set(value):
		if not is_equal_approx(lift, value):
			lift = value
			queue_redraw()

@onready var _font: Font = ThemeDB.fallback_font


func _draw() -> void:
	if lift > TIP:
		draw_line(Vector2.ZERO, Vector2(0.0, -lift), THREAD, 1.0)
	draw_set_transform(Vector2(0.0, -roundf(lift)))
	var bottom: float = _draw_lines(text, TEXT_SIZE, _text_colour(), 0.0)
	bottom = _draw_lines(_headline(), NAME_SIZE, Color.WHITE, bottom)
	if not state.is_empty():
		var half: float = _size_of(_headline(), NAME_SIZE).x / 2.0
		var middle: Vector2 = Vector2(5.0 - half - LIGHT, bottom + NAME_SIZE * 0.65)
		draw_circle(middle, 5.0, OUTLINE)
		draw_circle(middle, 3.5, STATES.get(state, ALONE))
	if not speech.is_empty():
		_draw_bubble(bottom - MARGIN.y)


## Returns what it takes up in the yard as long as nobody else is near.
func room() -> Rect2:
	var head: Vector2 = _size_of(_headline(), NAME_SIZE) + Vector2(2.0 * LIGHT, 0.0)
	var deed: Vector2 = _size_of(text, TEXT_SIZE)
	var bubble: Vector2 = Vector2.ZERO
	if not speech.is_empty():
		bubble = _bubble_size() + Vector2(0.0, MARGIN.y + TIP)
	var width: float = maxf(maxf(head.x, deed.x), bubble.x)
	var height: float = head.y + deed.y + bubble.y + GAP
	return Rect2(global_position - Vector2(width / 2.0, height), Vector2(width, height))


## Those whom nobody drives do what they do without a brain.
func _text_colour() -> Color:
	return SOURCES.get(source, SOURCES["tree" if state == "driven" else "local"])


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
	var size: Vector2 = _bubble_size()
	var top_left: Vector2 = Vector2(-size.x / 2.0, bottom - TIP - size.y)
	# It reaches into the paper, so that no seam is seen.
	var tip: PackedVector2Array = [
		Vector2(-5.0, bottom - TIP - 1.0), Vector2(5.0, bottom - TIP - 1.0), Vector2(0.0, bottom)
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


func _bubble_size() -> Vector2:
	return _size_of(speech, TEXT_SIZE) + 2.0 * MARGIN


func _size_of(words: String, size: int) -> Vector2:
	return _font.get_multiline_string_size(words, HORIZONTAL_ALIGNMENT_CENTER, WIDTH, size)

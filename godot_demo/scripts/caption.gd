class_name Caption
extends Node2D
## What stands above somebody's head: a picture of what they do in the colour of who chose it, the
## name, and a bubble with what they say. What they do is told in words while [member is_wordy].

const WIDTH: float = 168.0
const NAME_SIZE: int = 12
const TEXT_SIZE: int = 11
const SPEECH_SIZE: int = 13
const MARGIN: Vector2 = Vector2(7.0, 4.0)
const PAPER: Color = Color(0.98, 0.96, 0.9)
const INK: Color = Color(0.13, 0.12, 0.1)
## Radius of the plate with the picture.
const PLATE: float = 12.0
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
## The action that is carried out; see [Icons].
var deed: StringName = &"":
	set(value):
		deed = value
		queue_redraw()
## What they do is told in words, too.
var is_wordy: bool = false:
	set(value):
		if is_wordy != value:
			is_wordy = value
			queue_redraw()
## The name is shown.
var is_named: bool = true:
	set(value):
		if is_named != value:
			is_named = value
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


func _init() -> void:
	# Neither night nor torches dim what is to be read.
	var plain: CanvasItemMaterial = CanvasItemMaterial.new()
	plain.light_mode = CanvasItemMaterial.LIGHT_MODE_UNSHADED
	material = plain


func _draw() -> void:
	if lift > TIP:
		draw_line(Vector2.ZERO, Vector2(0.0, -lift), THREAD, 1.0)
	draw_set_transform(Vector2(0.0, -roundf(lift)))
	var bottom: float = _draw_lines(_words(), TEXT_SIZE, _text_colour(), 0.0)
	bottom = _draw_lines(_headline(), NAME_SIZE, Color.WHITE, bottom)
	if not state.is_empty():
		bottom = _draw_plate(bottom)
	if not speech.is_empty():
		_draw_bubble(bottom - 2.0)


## Returns what it takes up in the yard as long as nobody else is near.
func room() -> Rect2:
	var head: Vector2 = _size_of(_headline(), NAME_SIZE)
	var words: Vector2 = _size_of(_words(), TEXT_SIZE)
	var plate: Vector2 = Vector2.ZERO if state.is_empty() else Vector2(2.0, 2.0) * (PLATE + 2.0)
	var bubble: Vector2 = Vector2.ZERO
	if not speech.is_empty():
		bubble = _bubble_size() + Vector2(0.0, 2.0 + TIP)
	var width: float = maxf(maxf(head.x, words.x), maxf(plate.x, bubble.x))
	var height: float = head.y + words.y + plate.y + bubble.y + GAP
	return Rect2(global_position - Vector2(width / 2.0, height), Vector2(width, height))


## Draws the picture, and returns where it begins.
func _draw_plate(bottom: float) -> float:
	var middle: Vector2 = Vector2(0.0, bottom - PLATE - 2.0)
	draw_circle(middle, PLATE + 2.0, OUTLINE)
	draw_circle(middle, PLATE + 0.5, _text_colour())
	draw_circle(middle, PLATE - 2.5, PAPER)
	Icons.draw(self, deed, middle)
	if state in ["held", "rejected"]:
		draw_circle(middle + Vector2(PLATE, -PLATE + 2.0), 5.5, OUTLINE)
		draw_circle(middle + Vector2(PLATE, -PLATE + 2.0), 4.0, STATES[state])
	return middle.y - PLATE - 2.0


## Those whom nobody drives do what they do without a brain.
func _text_colour() -> Color:
	return SOURCES.get(source, SOURCES["tree" if state == "driven" else "local"])


func _words() -> String:
	return text if is_wordy else ""


func _headline() -> String:
	if state == "held":
		return "%s: held by the debugger" % title
	return title if is_named else ""


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
	var paper: StyleBoxFlat = StyleBoxFlat.new()
	paper.bg_color = PAPER
	paper.border_color = INK
	paper.set_border_width_all(1)
	paper.set_corner_radius_all(8)
	draw_style_box(paper, Rect2(top_left, size))
	# It reaches into the paper, so that no seam is seen.
	var tip: PackedVector2Array = [
		Vector2(-5.0, bottom - TIP - 1.5), Vector2(5.0, bottom - TIP - 1.5), Vector2(0.0, bottom)
	]
	draw_colored_polygon(tip, PAPER)
	draw_line(tip[0], tip[2], INK, 1.0, true)
	draw_line(tip[1], tip[2], INK, 1.0, true)
	var where: Vector2 = top_left + MARGIN + Vector2(0.0, _font.get_ascent(SPEECH_SIZE))
	var width: float = size.x - 2.0 * MARGIN.x
	var centre: HorizontalAlignment = HORIZONTAL_ALIGNMENT_CENTER
	draw_multiline_string(_font, where, speech, centre, width + 1.0, SPEECH_SIZE, -1, INK)


func _bubble_size() -> Vector2:
	return _size_of(speech, SPEECH_SIZE) + 2.0 * MARGIN


func _size_of(words: String, size: int) -> Vector2:
	return _font.get_multiline_string_size(words, HORIZONTAL_ALIGNMENT_CENTER, WIDTH, size)

class_name MindCard
extends PanelContainer
## What goes on in the mind of whom the mouse points at: what they do and who chose it, and the last
## question to the model with its answers as bars.

const WIDTH: float = 330.0
const BAR: Vector2 = Vector2(170.0, 12.0)
const MOST_BARS: int = 6
## Pixels from the mouse within which somebody counts as pointed at.
const NEAR: float = 34.0
const SOURCES: Dictionary[String, String] = {
	"llm": "chosen by the model",
	"tree": "chosen by the tree",
	"fallback": "for want of an answer",
	"local": "without a brain",
}

@export var yard: Yard

## Whom it is about; null: nobody.
var actor: Actor

@onready var text: RichTextLabel = %Text
@onready var bars: Control = %Bars


func _ready() -> void:
	add_theme_stylebox_override(&"panel", Palette.box())
	bars.draw.connect(_draw_bars)
	hide()


func _process(_delta: float) -> void:
	var mouse: Vector2 = yard.get_local_mouse_position()
	show_mind(_pointed_at(mouse))


## Shows the mind of somebody; null: nobody's.
func show_mind(whom: Actor) -> void:
	actor = whom
	visible = actor != null
	for one: Actor in yard.actors():
		one.caption.is_wordy = one == actor
	if actor == null:
		return
	text.text = _tell(actor.brain.describe())
	bars.custom_minimum_size.y = _answers().size() * (BAR.y + 6.0)
	bars.queue_redraw()
	reset_size()
	var at: Vector2 = yard.get_global_transform_with_canvas() * actor.position
	var room: Vector2 = get_viewport_rect().size - size - Vector2(8.0, 8.0)
	var wanted: Vector2 = at + Vector2(40.0, -size.y / 2.0)
	if wanted.x > room.x:
		wanted.x = at.x - size.x - 40.0
	position = wanted.clamp(Vector2(8.0, 8.0), room.max(Vector2(8.0, 8.0)))


func _pointed_at(mouse: Vector2) -> Actor:
	var best: Actor = null
	var best_distance: float = NEAR
	for one: Actor in yard.actors():
		var distance: float = mouse.distance_to(one.position + Vector2(0.0, -22.0))
		if distance < best_distance:
			best = one
			best_distance = distance
	return best


func _tell(state: Dictionary) -> String:
	var lines: PackedStringArray = [
		"[b]%s[/b]  [color=#fffa]%s[/color]" % [actor.title, actor.kind]
	]
	lines.append(_escaped(actor.does))
	var source: String = state.get("source", "")
	if not source.is_empty():
		var colour: String = Caption.SOURCES.get(source, Color.WHITE).to_html(false)
		lines.append("[color=#%s]%s[/color]" % [colour, SOURCES.get(source, source)])
	if actor.brain.is_held:
		lines.append("[color=#73bfff]held by the debugger[/color]")
	elif not actor.brain.is_brained:
		lines.append("[color=#fffa]no brain drives %s now[/color]" % actor.title)
	var decision: Dictionary = actor.brain.last_decision
	if decision.is_empty():
		lines.append("[color=#fffa]has asked the model nothing yet[/color]")
		return "\n".join(lines)
	lines.append("")
	lines.append("[b]%s[/b]" % _escaped(str(decision.get("leaf", ""))))
	lines.append("[i]%s[/i]" % _escaped(str(decision.get("question", ""))))
	var age_s: float = maxf(0.0, Brains.time_ms - float(decision.get("heard_ms", 0.0))) / 1000.0
	var told: String = "answered in %d ms, %d s ago" % [decision.get("latency_ms", 0), age_s]
	if not str(decision.get("reason", "")).is_empty():
		told = "no usable answer: %s, %d s ago" % [decision["reason"], age_s]
	lines.append("[color=#fffa]%s[/color]" % _escaped(told))
	return "\n".join(lines)


func _draw_bars() -> void:
	var y: float = 0.0
	var font: Font = get_theme_default_font()
	for answer: Array in _answers():
		var part: float = answer[1]
		var back: Rect2 = Rect2(Vector2(96.0, y), BAR)
		bars.draw_rect(back, Color(1.0, 1.0, 1.0, 0.12))
		var colour: Color = Caption.SOURCES["llm"] if answer[2] else Palette.FAINT
		bars.draw_rect(Rect2(back.position, Vector2(BAR.x * part, BAR.y)), colour)
		var left: HorizontalAlignment = HORIZONTAL_ALIGNMENT_LEFT
		bars.draw_string(font, Vector2(0.0, y + 11.0), answer[0], left, 92.0, 13, Palette.TEXT)
		var share: String = "%d %%" % roundi(part * 100.0)
		bars.draw_string(font, Vector2(274.0, y + 11.0), share, left, -1, 12, Palette.TEXT)
		y += BAR.y + 6.0


## Returns the answers to the last question, the likeliest first: word, probability, is chosen.
func _answers() -> Array[Array]:
	var found: Array[Array] = []
	if actor == null:
		return found
	var decision: Dictionary = actor.brain.last_decision
	var probabilities: Dictionary = decision.get("probabilities", {})
	for word: String in probabilities:
		found.append([word, clampf(probabilities[word], 0.0, 1.0), word == decision.get("answer")])
	found.sort_custom(func(one: Array, other: Array) -> bool: return one[1] > other[1])
	return found.slice(0, MOST_BARS)


## What comes from the game or the model is never markup.
static func _escaped(raw: String) -> String:
	return raw.replace("[", "[lb]")

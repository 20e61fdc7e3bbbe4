class_name StatsPanel
extends PanelContainer
## How the brains are: the connection, the rate of decisions, their age, the model, and how often it
## had no answer (F1).

const EVERY_S: float = 0.5

var _due_s: float = 0.0
var _answers: int = 0
var _rate: float = 0.0

@onready var text: RichTextLabel = %Stats


func _ready() -> void:
	add_theme_stylebox_override(&"panel", Palette.box())
	hide()


func _unhandled_input(event: InputEvent) -> void:
	if event.is_action_pressed(&"mind_stats"):
		visible = not visible


func _process(delta: float) -> void:
	_due_s -= delta
	if _due_s > 0.0:
		return
	var counters: Dictionary = Brains.counters()
	var answers: int = counters["answers"]
	_rate = (answers - _answers) / (EVERY_S - _due_s)
	_answers = answers
	_due_s = EVERY_S
	if visible:
		text.text = "\n".join(_lines(counters))


func _lines(counters: Dictionary) -> PackedStringArray:
	var insight: BrainsInsight = Brains.insight
	var driven: int = 0
	var held: PackedStringArray = []
	for agent: BrainAgent in Brains.agents():
		driven += int(agent.is_brained)
		if agent.is_held:
			held.append(agent.describe()["id"])
	var latency: String = "no answer yet"
	if insight.median_latency_ms() > 0.0:
		latency = (
			"%d ms (median of the last %d)"
			% [insight.median_latency_ms(), BrainsInsight.MOST_DECISIONS]
		)
	return [
		"[b]Brains[/b]   F1",
		_row("server", "%s, %s" % [Overlay.STATES[Brains.state], BrainsSettings.server_url()]),
		_row("characters", "%d of %d driven" % [driven, Brains.agents().size()]),
		_row("answers", "%.1f per second, %d unanswered" % [_rate, counters["unanswered"]]),
		_row("action age", "%d ms from what was seen to the order" % insight.action_age_ms),
		_row("model", insight.model if not insight.model.is_empty() else "-"),
		_row("latency", latency),
		_row("no answer", "%d %% of questions" % roundi(insight.fallback_rate() * 100.0)),
		_row("held", ", ".join(held) if not held.is_empty() else "nobody"),
		_row("frames", "%d per second" % Engine.get_frames_per_second()),
	]


static func _row(what: String, value: String) -> String:
	return "[color=#fff9]%s[/color]   %s" % [what, value.replace("[", "[lb]")]

class_name Overlay
extends CanvasLayer
## What is shown above the yard: the connection, what to do when there is none, and the last news.

const MOST_NEWS: int = 3
## Characters of a piece of news.
const LONGEST_NEWS: int = 76
## Seconds without a server after which the banner comes: most losses are shorter.
const BANNER_AFTER_S: float = 1.0
const STATES: Dictionary[BrainsClient.State, String] = {
	BrainsClient.State.OFF: "off",
	BrainsClient.State.CONNECTING: "connecting",
	BrainsClient.State.GREETING: "saying hello",
	BrainsClient.State.OPEN: "connected",
	BrainsClient.State.WAITING: "waiting for the server",
	BrainsClient.State.REFUSED: "refused",
}
## What the colours of [constant Caption.SOURCES] mean.
const LEGEND: Dictionary[String, String] = {
	"llm": "by the model",
	"tree": "by the tree",
	"fallback": "for want of an answer",
	"local": "without a brain",
}
const GOOD: Color = Color(0.55, 0.95, 0.5)
const BAD: Color = Color(1.0, 0.6, 0.4)
## Part of the questions without an answer from which on the model counts as away.
const AWAY: float = 0.5
## Reasons that are the model's fault, and not of a question that came too late.
const MODEL_TROUBLE: Array[String] = [
	"busy", "malformed", "not_installed", "refused", "timeout", "unavailable", "warming_up"
]
const MODEL_ADVICE: String = (
	"The model does not answer (%s). Start   ollama serve,   or   brains serve --model embedded.\n"
	+ "Until then the trees do what they do without an answer."
)

@export var yard: Yard
@export var quest: Quest

var _why: String = ""
var _away_s: float = 0.0
var _news: PackedStringArray = []

@onready var status: Label = %Status
@onready var legend: RichTextLabel = %Legend
@onready var banner: Label = %Banner
@onready var news: Label = %News


func _enter_tree() -> void:
	for part: Node in [$Hud, $Talk, $MindCard, $TreePanel]:
		part.set(&"yard", yard)
	for part: Node in [$Hud, $Center/Menu]:
		part.set(&"quest", quest)


func _ready() -> void:
	Brains.disconnected.connect(_on_disconnected)
	Brains.problem.connect(_on_problem)
	banner.hide()
	_explain_colours()


func _process(delta: float) -> void:
	var is_open: bool = Brains.is_open()
	_away_s = 0.0 if is_open else _away_s + delta
	status.text = _status()
	status.modulate = GOOD if is_open else BAD
	banner.visible = _away_s > BANNER_AFTER_S or _is_model_away()
	if banner.visible:
		banner.text = _advice()


## Shows something that has happened.
func tell(who: String, text: String) -> void:
	var title: String = yard.title_of(who)
	# Of those who come and go it tells as it is; of others, who it was.
	var line: String = text if text.begins_with(title) else "%s   %s" % [title, text]
	_news.append(line if line.length() <= LONGEST_NEWS else line.left(LONGEST_NEWS - 1) + "…")
	if _news.size() > MOST_NEWS:
		_news.remove_at(0)
	news.text = "\n".join(_news)


func _explain_colours() -> void:
	legend.push_paragraph(HORIZONTAL_ALIGNMENT_RIGHT)
	legend.add_text("what they do is chosen")
	for source: String in LEGEND:
		legend.push_color(Caption.SOURCES[source])
		legend.add_text("   " + LEGEND[source])
		legend.pop()


func _status() -> String:
	var driven: int = 0
	for agent: BrainAgent in Brains.agents():
		driven += 1 if agent.is_brained else 0
	return (
		"%s   %s   %d of %d characters have a brain"
		% [STATES[Brains.state], BrainsSettings.server_url(), driven, Brains.agents().size()]
	)


func _is_model_away() -> bool:
	var insight: BrainsInsight = Brains.insight
	return Brains.is_open() and insight.trouble in MODEL_TROUBLE and insight.fallback_rate() > AWAY


func _advice() -> String:
	if Brains.is_open():
		return MODEL_ADVICE % Brains.insight.trouble
	if Brains.state == BrainsClient.State.REFUSED:
		return "The server refuses this game: %s" % _why
	var advice: String = (
		"No server at %s. Start one with   brains serve   in the folder that has trees/."
		% BrainsSettings.server_url()
	)
	return advice + "\nUntil then everybody does what they can without a brain."


func _on_disconnected(_code: int, reason: String, _retry_in_s: float) -> void:
	_why = reason


func _on_problem(code: String, message: String, _hint: String) -> void:
	tell("problem", "%s: %s" % [code, message])

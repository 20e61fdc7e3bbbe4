class_name TreePanel
extends PanelContainer
## The behaviour tree of one character, live (F2). Tab goes to the next one, a click on somebody to
## them.

const COLOURS: Dictionary[String, String] = {
	"s": "8fe388", "f": "ff8a70", "r": "ffd966", ".": "8d8a84"
}
const MARKS: Dictionary[String, String] = {"s": "✓", "f": "✕", "r": "▶", ".": "·"}

@export var yard: Yard

@onready var text: RichTextLabel = %Tree


func _ready() -> void:
	add_theme_stylebox_override(&"panel", Palette.box())
	Brains.insight.mind_changed.connect(_show)
	hide()


func _unhandled_input(event: InputEvent) -> void:
	if event.is_action_pressed(&"mind_tree"):
		visible = not visible
		select(Brains.insight.tracked if visible else "")
		if visible and Brains.insight.tracked.is_empty():
			select(String(yard.actors()[0].name))
	elif visible and event.is_action_pressed(&"next_agent"):
		_select_next()
	elif visible and event is InputEventMouseButton and event.is_pressed():
		for actor: Actor in yard.actors():
			var middle: Vector2 = actor.position + Vector2(0.0, -22.0)
			if yard.get_local_mouse_position().distance_to(middle) < MindCard.NEAR:
				select(String(actor.name))


## Shows the tree of a character; nobody's if [param id] is empty.
func select(id: String) -> void:
	Brains.insight.track(id)
	_show()


func _select_next() -> void:
	var actors: Array[Actor] = yard.actors()
	for index: int in actors.size():
		if String(actors[index].name) == Brains.insight.tracked:
			select(String(actors[(index + 1) % actors.size()].name))
			return
	select(String(actors[0].name))


func _show() -> void:
	if not visible:
		return
	var insight: BrainsInsight = Brains.insight
	var title: String = "nobody"
	if not insight.tracked.is_empty():
		title = yard.title_of(insight.tracked)
	var lines: PackedStringArray = ["[b]The tree of %s[/b]   F2, Tab: the next one" % title]
	if insight.nodes.is_empty():
		lines.append("[color=#fff9]no brain drives %s now[/color]" % title)
	for index: int in mini(insight.nodes.size(), insight.states.length()):
		var node: Dictionary = insight.nodes[index]
		var state: String = insight.states[index]
		var words: String = (
			"%s%s %s" % ["    ".repeat(node["depth"]), MARKS.get(state, "?"), node["name"]]
		)
		lines.append(
			"[color=#%s]%s[/color]" % [COLOURS.get(state, "fff"), words.replace("[", "[lb]")]
		)
	text.text = "\n".join(lines)
	reset_size()

class_name Menu
extends PanelContainer
## Stops the game and tells the keys; at the end it tells how it went. Esc or P opens it, R begins
## anew.

const KEYS: String = """[b]%s[/b]

%s

[color=#fff9]WASD, arrows, left stick[/color]   walk
[color=#fff9]E, A[/color]   take, open, climb
[color=#fff9]Enter, Y[/color]   speak; a line that ends in ! is shouted
[color=#fff9]Q, left shoulder[/color]   draw the sword, put it away
[color=#fff9]Space, X[/color]   strike
[color=#fff9]G, B[/color]   give
[color=#fff9]M[/color]   sound on and off
[color=#fff9]F1, F2, F3[/color]   the brains, one tree, what everybody sees
[color=#fff9]R[/color]   begin anew    [color=#fff9]Esc[/color]   go on"""
const STORY: String = (
	"A letter that would ruin you lies in the keep. Hedwig guards its door, Aldric walks the wall.\n"
	+ "Talk your way in, steal in by the window, or fight. They are slow to trust a stranger."
)

@export var quest: Quest

@onready var text: RichTextLabel = %Menu


func _ready() -> void:
	process_mode = Node.PROCESS_MODE_ALWAYS
	add_theme_stylebox_override(&"panel", Palette.box())
	quest.won.connect(_on_won)
	hide()


func _unhandled_input(event: InputEvent) -> void:
	if event.is_action_pressed(&"pause"):
		toggle()
	elif event.is_action_pressed(&"restart") and (visible or quest.is_won):
		get_tree().paused = false
		get_tree().reload_current_scene()


## Stops the game, or lets it go on.
func toggle() -> void:
	visible = not visible
	get_tree().paused = visible
	if visible and not quest.is_won:
		_tell("The castle yard", STORY)


func _on_won(way: String, seconds: float) -> void:
	var falls: int = quest.yard.player().falls
	var how: String = (
		"%s It took you %d:%02d." % [Quest.WAYS[way], int(seconds) / 60, int(seconds) % 60]
	)
	if falls > 0:
		how += " You were thrown out %d times." % falls
	show()
	_tell("The letter is yours", how + "\nR: try another way.")


func _tell(title: String, words: String) -> void:
	text.text = KEYS % [title, words]
	reset_size()

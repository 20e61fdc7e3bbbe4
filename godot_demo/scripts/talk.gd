class_name Talk
extends LineEdit
## Where the player types what to say: Enter opens it and says the line, Esc closes it.
##
## Up and down go through lines that are ready, so that a gamepad is enough.

const READY: Array[String] = [
	"Good evening. I bring a message for the lord of the castle.",
	"My brother is a clerk in the keep, may I see him?",
	"How much is the rope?",
	"Four pence for the rope, and not a penny more.",
	"There is a thief behind the stall!",
	"Out of my way, or I cut you down!",
]

@export var yard: Yard

var _line: int = -1


func _ready() -> void:
	hide()
	max_length = Player.LONGEST
	text_submitted.connect(_on_text_submitted)
	focus_exited.connect(close)


func _unhandled_input(event: InputEvent) -> void:
	if event.is_action_pressed(&"speak") and not visible and yard.player() != null:
		open()
		get_viewport().set_input_as_handled()


func _gui_input(event: InputEvent) -> void:
	if event.is_action_pressed(&"ui_cancel"):
		close()
		accept_event()
	elif event.is_action_pressed(&"ui_up") or event.is_action_pressed(&"ui_down"):
		_line = posmod(_line + (1 if event.is_action_pressed(&"ui_down") else -1), READY.size())
		text = READY[_line]
		caret_column = text.length()
		accept_event()
	elif event is InputEventJoypadButton and event.is_action_pressed(&"ui_accept"):
		_on_text_submitted(text)
		accept_event()


## Opens the line; the game goes on meanwhile.
func open() -> void:
	yard.player().pilot.is_asleep = true
	clear()
	_line = -1
	show()
	grab_focus()
	edit()


## Closes it without a word.
func close() -> void:
	if not visible:
		return
	hide()
	release_focus()
	if yard.player() != null:
		yard.player().pilot.is_asleep = false


func _on_text_submitted(line: String) -> void:
	var player: Player = yard.player()
	close()
	if player != null:
		player.say(line)

class_name Quest
extends Node
## What the game is about: the letter is to be carried out of the keep and through the gate.

## The letter is out. [param way]: [code]talk[/code], [code]steal[/code] or [code]fight[/code].
signal won(way: String, seconds: float)

const WAYS: Dictionary[String, String] = {
	"talk": "You talked your way in.",
	"steal": "You came and went like a shadow.",
	"fight": "You took it by the sword.",
}
## Pixels from the gate within which the letter counts as out.
const OUT: float = 40.0

@export var yard: Yard

var is_won: bool = false
var seconds: float = 0.0
## How many blows a guard has taken from the player.
var blows: int = 0


func _physics_process(delta: float) -> void:
	var player: Player = yard.player()
	if player == null or is_won:
		return
	seconds += delta
	if &"letter" in player.bag and player.position.x < OUT:
		is_won = true
		yard.sounds.play(&"win", player.position)
		won.emit(way(), seconds)


## Returns how the keep was entered.
func way() -> String:
	return yard.keep.entered_by if not yard.keep.entered_by.is_empty() else "steal"


## Says what is to be done next.
func task() -> String:
	var player: Player = yard.player()
	if player == null:
		return ""
	if is_won:
		return "Done."
	if &"letter" in player.bag:
		return "Carry the letter out through the gate."
	if yard.keep.is_inside(player.position):
		return "Take the letter from the table."
	return "Get the letter out of the keep: talk, steal or fight."

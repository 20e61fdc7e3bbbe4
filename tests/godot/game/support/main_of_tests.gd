extends "res://scripts/main.gd"
## The game, to which the arguments of the tests are none of its own.


func _init() -> void:
	arguments = PackedStringArray()

class_name Thing
extends Node2D
## Something that can be carried, or lies on the ground.

const LOOKS: Dictionary[StringName, String] = {
	&"coin": "a coin",
	&"key": "a key",
	&"lantern": "a lantern",
	&"letter": "a sealed letter",
	&"pie": "a pie",
	&"rope": "a rope",
}

## One of [constant LOOKS].
@export var what: StringName = &"pie"

## Who has put it there; null: nobody.
var giver: Body


func _draw() -> void:
	draw_set_transform(Vector2.ZERO, 0.0, Vector2(1.0, 0.5))
	draw_circle(Vector2(0.0, 4.0), 9.0, Figure.SHADOW)
	draw_set_transform(Vector2.ZERO)
	Wares.draw(self, what, Vector2(0.0, -4.0))


## Returns it in words.
func looks() -> String:
	return LOOKS.get(what, "something")

class_name SightCones
extends Node2D
## Shows what everybody sees and hears: their cones of sight, and how far a voice carries (F3).

const STEPS: int = 28
const COLOURS: Dictionary[String, Color] = {
	"guard": Color(0.4, 0.65, 1.0),
	"merchant": Color(1.0, 0.75, 0.3),
	"villager": Color(0.5, 0.95, 0.5),
	"thief": Color(0.9, 0.45, 0.95),
	"dog": Color(1.0, 0.6, 0.5),
}

@export var yard: Yard


func _ready() -> void:
	hide()


func _unhandled_input(event: InputEvent) -> void:
	if event.is_action_pressed(&"mind_sight"):
		visible = not visible


func _process(_delta: float) -> void:
	if visible:
		queue_redraw()


func _draw() -> void:
	for actor: Actor in yard.actors():
		var colour: Color = COLOURS.get(actor.kind, Color.WHITE)
		var area: PackedVector2Array = [actor.position]
		var reach: float = Sight.DAY if not yard.day.is_dark() else Sight.NIGHT
		for step: int in STEPS + 1:
			var turn: float = lerpf(-Sight.HALF_CONE, Sight.HALF_CONE, float(step) / STEPS)
			area.append(_end_of(actor.position, actor.facing.rotated(turn), reach))
		draw_colored_polygon(area, Color(colour, 0.13))
		area.append(area[0])
		draw_polyline(area, Color(colour, 0.6), 1.5)
		draw_arc(actor.position, Sight.CLOSE * Body.METRE, 0.0, TAU, 32, Color(colour, 0.35), 1.0)
		for sight: Dictionary in yard.sights_of(actor):
			var other: Body = yard.find(sight["id"])
			if other != null:
				draw_line(actor.position, other.position, Color(colour, 0.35), 1.0)
	for body: Body in yard.bodies.get_children():
		if not body.says.is_empty():
			var reach: float = body.loudness * Body.METRE
			draw_arc(body.position, reach, 0.0, TAU, 64, Color(1.0, 1.0, 1.0, 0.3), 1.5)


## Returns where a look ends: at a wall, or far enough away.
func _end_of(from: Vector2, along: Vector2, reach: float) -> Vector2:
	var clear: float = 0.0
	var blocked: float = reach
	if not yard.is_walled(from, from + along * reach * Body.METRE):
		return from + along * reach * Body.METRE
	for halving: int in 6:
		var middle: float = (clear + blocked) / 2.0
		if yard.is_walled(from, from + along * middle * Body.METRE):
			blocked = middle
		else:
			clear = middle
	return from + along * clear * Body.METRE

extends Node
## A game for `brains conformance --serve`: two characters that do all that a client may do.

const ACTION_S: float = 1.5


func _ready() -> void:
	for id: String in ["guard_1", "guard_2"]:
		var body: Body = Body.new()
		body.name = id
		add_child(body)


## A character whose actions take a while, which cannot do one of them, and to which things happen.
class Body:
	extends Node2D

	var brain: BrainAgent = BrainAgent.new()
	var doing: BrainOrder
	var left_s: float = 0.0
	var heard_in_s: float = 0.0

	func _ready() -> void:
		brain.brain = "guard"
		brain.actions = [
			(
				BrainAction
				. make(
					&"Patrol",
					[
						BrainParameter.text(&"route", ["wall", "gate"]),
						BrainParameter.number(&"speed", 0.0, 10.0, false),
						BrainParameter.whole(&"rounds", 1, 9, false),
					]
				)
			),
			BrainAction.make(&"Fly"),
		]
		brain.set_available(&"Fly", false)
		brain.action_requested.connect(_on_action_requested)
		add_child(brain)

	func _observe() -> Dictionary:
		return {"name": String(name), "position": position, "says": "\u0001 \u000b ok"}

	func _on_action_requested(action: BrainOrder) -> void:
		doing = action
		left_s = ACTION_S

	func _process(delta: float) -> void:
		heard_in_s -= delta
		if heard_in_s <= 0.0:
			heard_in_s = 0.2
			brain.notice(&"noise", {"loudness": 0.5})
		left_s -= delta
		if doing != null and doing.is_running() and left_s <= 0.0:
			doing.succeed({"position": position})

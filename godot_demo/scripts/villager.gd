class_name Villager
extends Actor
## Works, takes part in what happens in the yard, and passes on what is told.

## Metres in which gossip is heard.
const NEAR: float = 4.0

## What the daily work is, as those who look on would tell.
@export var chore: String = "works"


func _ready() -> void:
	super()
	brain.fallback_callable = _live_on


func _observe() -> Dictionary:
	var perceived: Dictionary = super()
	perceived["chore"] = chore
	return perceived


func _carry_out(order: BrainOrder) -> void:
	match order.name:
		&"Work":
			begin(order, chore, 2.0, _nothing_comes_of, [home])
		&"Greet":
			begin(order, "greets", 0.9)
			speak("Good day!")
		&"Flee":
			begin(order, "runs away", 1.2, _nothing_comes_of, [yard.place(&"Shelter")], 5.0)
		&"Listen":
			begin(order, "listens to a rumour", 1.5)
		&"Cheer":
			begin(order, "cheers", 1.0)
			speak("Hurray!")
		&"Gossip":
			begin(order, "tells a neighbour", 1.5, _gossip)
			speak(str(order.params["text"]))
		&"Gather":
			begin(order, "stands at the well", 4.0, _nothing_comes_of, [yard.beside(&"Well", name)])
		&"Rest":
			begin(order, "sleeps", 5.0, _nothing_comes_of, [yard.place(&"Shelter")])
		_:
			super(order)


func _gossip(order: BrainOrder) -> String:
	yard.spread(order.params["text"], self, NEAR)
	return ""


## What a villager does without a brain: she works, and greets people now and then.
func _live_on(agent: BrainAgent) -> void:
	agent.start(&"Work" if randf() < 0.7 else &"Greet")

class_name Villager
extends Actor
## Works, and takes part in what happens in the yard.


func _ready() -> void:
	super()
	brain.fallback_callable = _live_on


func _carry_out(order: BrainOrder) -> void:
	match order.name:
		&"Work":
			begin(order, "works", 2.0, _nothing_comes_of, [home])
		&"Greet":
			begin(order, "greets", 0.9)
		&"Flee":
			begin(order, "runs away", 1.2, _nothing_comes_of, [yard.place(&"Shelter")], 5.0)
		&"Listen":
			begin(order, "listens to a rumour", 1.5)
		&"Cheer":
			begin(order, "cheers", 1.0)
		_:
			super(order)


## What a villager does without a brain: she works, and greets people now and then.
func _live_on(agent: BrainAgent) -> void:
	agent.start(&"Work" if randf() < 0.7 else &"Greet")

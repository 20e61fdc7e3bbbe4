class_name Dog
extends Actor
## The castle's dog. His tree asks no model.

const RUN: float = 6.0
## Hunger that comes in a second: a minute and a half without food makes him greedy.
const HUNGER: float = 0.008
## Seconds between two snaps at somebody, and the health that one takes.
const SNAP_S: float = 1.2
const BITE: float = 0.05
## How far he goes from home on his own.
const ROUND_M: float = 3.5

## 0: fed, 1: he thinks of nothing else.
var hunger: float = 0.3


func _ready() -> void:
	super()
	brain.fallback_callable = _be_a_dog


func _physics_process(delta: float) -> void:
	super(delta)
	hunger = minf(1.0, hunger + HUNGER * delta)


func _observe() -> Dictionary:
	var perceived: Dictionary = super()
	perceived["hungry"] = snappedf(hunger, 0.01)
	perceived["night"] = yard.day.is_night()
	return perceived


func _carry_out(order: BrainOrder) -> void:
	match order.name:
		&"Bark":
			begin(order, "barks", 0.8, _bark)
			_turn_to_target(order)
			speak("Woof! Woof!", Sight.SHOUT)
			yard.sounds.play(&"bark", position)
		&"Chase":
			begin_with(order, whom(order), "chases somebody", SNAP_S, _snap, RUN)
			if doing != null:
				doing.patience_s = 4.0
				doing.reach = 1.0
		&"Eat":
			_eat(order)
		&"Fawn":
			begin_with(order, whom(order), "wags the tail", 1.5, _nothing_comes_of, RUN)
		&"Nap":
			begin(order, "sleeps in the sun", 5.0)
			figure.is_down = true
		&"Roam":
			var way: Vector2 = Vector2.from_angle(randf() * TAU) * randf_range(1.0, ROUND_M) * METRE
			begin(order, "sniffs about", 0.5, _nothing_comes_of, [home + way], 2.0)
		_:
			super(order)


func _drop() -> BrainOrder:
	figure.is_down = false
	return super()


func _eat(order: BrainOrder) -> void:
	var food: Thing = yard.find_thing(str(order.params["what"]))
	if food == null:
		turn_down(order, "it is gone")
		return
	begin(order, "eats", 1.2, _swallow, [food.position], RUN)


func _swallow(order: BrainOrder) -> String:
	var food: Thing = yard.find_thing(str(order.params["what"]))
	if food == null:
		return "it is gone"
	hunger = 0.0
	if food.giver != null:
		notice(&"fed", food.looks(), food.giver)
	food.queue_free()
	return ""


func _bark(order: BrainOrder) -> String:
	var target: Body = whom(order)
	var at: String = "a stranger" if target == null else target.looks
	yard.alert("the dog barks at %s" % at, target, Sight.SHOUT, position)
	return ""


func _snap(order: BrainOrder) -> String:
	var target: Body = whom(order)
	if target == null:
		return Yard.GONE
	yard.sounds.play(&"bark", position)
	return target.take_blow(self, BITE)


func _turn_to_target(order: BrainOrder) -> void:
	var target: Body = whom(order)
	if target != null:
		turn_to(target.position)


## What a dog does without a brain: about the same.
func _be_a_dog(agent: BrainAgent) -> void:
	agent.start(&"Nap" if randf() < 0.4 else &"Roam")

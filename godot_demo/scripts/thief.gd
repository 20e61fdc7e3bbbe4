class_name Thief
extends Actor
## Creeps to the stall, and steals when nobody looks. In his cellar nobody sees him.

## Metres from the cellar's hatch within which he is down there.
const HATCH_M: float = 0.6
## Seconds for which he lies low after a flight.
const LOW_S: float = 3.5

## What he carries.
var loot: int = 0
## What he has brought home.
var hoard: int = 0


func _ready() -> void:
	super()
	brain.fallback_callable = _lie_low


func _physics_process(delta: float) -> void:
	super(delta)
	figure.visible = can_be_seen()


func _observe() -> Dictionary:
	var perceived: Dictionary = super()
	perceived["loot"] = loot
	perceived["scene"] = yard.director.scene_for(self)
	perceived["dark"] = not yard.is_lit(position)
	return perceived


func _carry_out(order: BrainOrder) -> void:
	match order.name:
		&"Sneak":
			_sneak(order)
		&"Steal":
			begin(order, "reaches for the merchant's cash box", 0.9, _steal)
		&"HideLoot":
			begin(
				order, "drags a clinking bag into the cellar", 0.5, _hide, [yard.place(&"Cellar")]
			)
		&"Flee":
			begin(order, "runs away", LOW_S, _nothing_comes_of, [yard.place(&"Cellar")], 5.0)
		_:
			super(order)


## Nobody knows who he is.
func seen_from(distance: float) -> Dictionary:
	var sight: Dictionary = super(distance)
	sight["kind"] = "stranger"
	return sight


func can_be_seen() -> bool:
	return metres_to(yard.place(&"Cellar")) > HATCH_M


func take_challenge(by: Body) -> String:
	yard.tell(self, &"challenge", "the guard asks what you are doing here", by)
	return ""


func take_blow(by: Body, strength: float) -> String:
	# He is quick: more than a scratch is not to be had.
	super(by, strength * 0.3)
	yard.tell(self, &"challenge", "the guard draws his sword", by)
	return ""


func take_leave(_how: String) -> String:
	yard.tell(self, &"challenge", "the horn is blown")
	return ""


func _sneak(order: BrainOrder) -> void:
	var to: String = order.params["to"]
	if not yard.has_place("%s shadow" % to):
		turn_down(order, "there is no shadow to creep along in")
		return
	var shadow: Vector2 = yard.place(StringName(("%s shadow" % to).to_pascal_case()))
	begin(order, "creeps along in the shadow of the wall", 0.8, _nothing_comes_of, [shadow], 2.0)


func _steal(_order: BrainOrder) -> String:
	var witness: Actor = yard.witness_of(self, [&"guard", &"merchant"])
	if witness != null:
		yard.tell(self, &"challenge", "somebody shouts: stop, thief!", witness)
		yard.rob(self, "the cash box")
		return "somebody saw it"
	loot += 1
	yard.sounds.play(&"coins", position)
	return ""


func _hide(_order: BrainOrder) -> String:
	hoard += loot
	loot = 0
	return ""


## What the thief does without a brain: he goes home, and stays there.
func _lie_low(agent: BrainAgent) -> void:
	if metres_to(yard.place(&"Cellar")) > 0.5:
		agent.start(&"Flee")

class_name Player
extends Body
## You: a traveller who wants the letter that lies in the keep.
##
## Walks and acts as [member pilot] says: the keyboard, or one who plays by himself in a test.

## What can be done here and now has changed.
signal prompt_changed(text: String)
## Something was taken or given away.
signal bag_changed
## A few words for the player alone.
signal noted(text: String)

const PACE: float = 3.6
## Metres within which something can be reached.
const ARM: float = 1.4
## Metres that a blow reaches, and the health that it takes.
const BLADE: float = 1.9
const BLOW: float = 0.28
const SWING_S: float = 0.55
## Longest line that can be said.
const LONGEST: int = 200
const CLIMB_S: float = 2.5
const LOOKS: String = "a traveller in a grey cloak"
const ARMED_LOOKS: String = "a traveller with a drawn sword"
## Seconds for which what was done just now is still seen.
const DEED_S: float = 1.2
## Seconds on the ground, after which it goes on outside the gate.
const DOWN_S: float = 2.5

## Says where to go and what to do.
var pilot: Pilot = Pilot.new()
var purse: int = 5
## What is carried, by the names of [Thing].
var bag: Array[StringName] = []
## What was asked for at the stall, and the pence that were offered.
var wants: String = ""
var offers: int = 0
## How often the guards threw you out.
var falls: int = 0
## Lies on the ground.
var is_down: bool = false

var _deed: String = ""
var _deed_s: float = 0.0
var _swing_s: float = 0.0
var _climb_s: float = 0.0
var _climb_to: Vector2
var _prompt: String = ""
var _stride: float = 0.0


func _ready() -> void:
	super()
	looks = LOOKS
	does = "stands and waits"


func _physics_process(delta: float) -> void:
	super(delta)
	_deed_s = maxf(0.0, _deed_s - delta)
	_swing_s = maxf(0.0, _swing_s - delta)
	if is_down:
		return
	if _climb_s > 0.0:
		_climb(delta)
	else:
		pilot.act(self, delta)
	_describe()
	_offer()


## Says a line to whoever is near. One that ends in ! is shouted.
func say(text: String) -> void:
	var line: String = clean(text)
	if line.is_empty() or is_down:
		return
	var is_shout: bool = line.ends_with("!")
	speak(line, Sight.SHOUT if is_shout else Sight.TALK)
	_read_offer(line)
	yard.spread(line, self, 3.0)
	yard.told.emit("you", "say: %s" % line)


## Draws the sword, or puts it away.
func draw_weapon() -> void:
	is_armed = not is_armed
	looks = ARMED_LOOKS if is_armed else LOOKS
	_show("draws a sword" if is_armed else "puts the sword away")
	yard.sounds.play(&"clash", position)
	if is_armed:
		yard.witness("a traveller draws a sword", self)


## Swings the sword at whoever stands before you.
func strike() -> void:
	if not is_armed or _swing_s > 0.0:
		return
	_swing_s = SWING_S
	var target: Body = _nearest(BLADE)
	if target == null:
		_show("swings a sword")
		return
	turn_to(target.position)
	var whom: String = "the %s" % target.kind if target is Actor else target.looks
	if target is Villager:
		whom = "a villager"
	_show("swings a sword at %s" % whom)
	yard.sounds.play(&"clash", position)
	yard.witness("a traveller swings a sword at %s" % whom, self)
	target.take_blow(self, BLOW)
	yard.alert("a traveller swings a sword at %s" % whom, self, Sight.TALK, position, target)


## Does what [signal prompt_changed] offers.
func interact() -> void:
	var choice: Callable = _choice()[1]
	if choice.is_valid():
		choice.call()


## Gives what fits to who is near: food to the dog, a coin to anybody, or puts it down.
func give() -> void:
	var to: Body = _nearest(ARM * 1.8)
	if &"pie" in bag and (to == null or to is Dog):
		_lose(&"pie")
		yard.drop_thing(&"pie", position + facing * 30.0, self)
		_show("holds out a pie")
	elif to is Actor and purse > 0:
		purse -= 1
		_show("holds out a coin")
		yard.sounds.play(&"coins", position)
		noted.emit("You give %s a penny." % to.title)
		bag_changed.emit()
	elif not bag.is_empty() and bag[-1] != &"letter":
		yard.drop_thing(_lose(bag[-1]), position + facing * 26.0, self)
	else:
		noted.emit("You have nothing to give.")


## Pays for what was asked for; returns why it comes to nothing, or "".
func buy(merchant: Merchant) -> String:
	if not Merchant.GOODS.has(wants):
		return "they want nothing"
	var price: int = merchant.price_for(self, wants)
	if offers > 0 and offers < price or purse < price:
		noted.emit("%s wants %d pence for the %s." % [merchant.title, price, wants])
		return "they cannot pay"
	purse -= price
	yard.sounds.play(&"coins", position)
	take(StringName(wants))
	wants = ""
	offers = 0
	return ""


## Puts something into the bag.
func take(what: StringName) -> void:
	bag.append(what)
	bag_changed.emit()
	noted.emit("You have %s." % Thing.LOOKS[what])


## Tells what a merchant perceives besides; the price is the one that she has named last.
func as_customer(merchant: Merchant) -> Dictionary:
	if position.y < yard.place(&"Stall").y:
		return {}
	var customer: Dictionary = {"kind": "customer", "wants": wants, "offers": offers}
	if Merchant.GOODS.has(wants):
		customer["price"] = merchant.price_for(self, wants)
	return customer


## The letter goes back, and you stand outside the gate again.
func come_back() -> void:
	is_down = false
	figure.is_down = false
	health = 1.0
	is_armed = false
	looks = LOOKS
	if &"letter" in bag:
		_lose(&"letter")
		yard.keep.put_letter_back()
	position = yard.place(&"Start")
	noted.emit("The guards have thrown you out. Try another way.")


func can_be_seen() -> bool:
	return not is_down and not yard.keep.hides(position)


func take_blow(by: Body, strength: float) -> String:
	if is_down:
		return Yard.GONE
	super(by, strength)
	_climb_s = 0.0
	if health <= 0.0:
		falls += 1
		is_down = true
		figure.is_down = true
		stop()
		hush()
		yard.told.emit("you", "are beaten")
		get_tree().create_timer(DOWN_S, false).timeout.connect(come_back)
	return ""


func take_challenge(by: Body) -> String:
	noted.emit("%s wants to know your business. Enter: answer." % by.title)
	return ""


## Makes one line of text that may be said out of anything that was typed.
static func clean(text: String) -> String:
	var line: String = ""
	for index: int in mini(text.length(), LONGEST * 4):
		var code: int = text.unicode_at(index)
		# Controls, and marks that turn the direction of writing about.
		var is_mark: bool = code in [0x200E, 0x200F, 0xFEFF] or (code >= 0x202A and code <= 0x202E)
		is_mark = is_mark or (code >= 0x2066 and code <= 0x2069)
		if code < 32 or (code >= 127 and code < 160) or code == 0x2028 or code == 0x2029:
			line += " "
		elif not is_mark:
			line += String.chr(code)
	while "  " in line:
		line = line.replace("  ", " ")
	return line.strip_edges().left(LONGEST)


func _move(delta: float) -> void:
	if is_down or _climb_s > 0.0:
		return
	var wish: Vector2 = pilot.wish(self).limit_length()
	var step: Vector2 = wish * PACE * METRE * delta
	_slide(Vector2(step.x, 0.0))
	_slide(Vector2(0.0, step.y))
	_stride += step.length()
	if _stride > Figure.STRIDE / 2.0:
		_stride = 0.0
		yard.sounds.play(&"step", position)


func _slide(step: Vector2) -> void:
	var to: Vector2 = position + step
	# Out of a wall one may always walk.
	if not yard.ways.is_solid(to) or yard.ways.is_solid(position):
		position = to.clamp(Vector2(8.0, 60.0), Yard.SIZE * METRE - Vector2(8.0, 8.0))


func _climb(delta: float) -> void:
	_climb_s -= delta
	var witness: Actor = yard.witness_of(self, [&"guard", &"merchant", &"villager"])
	if witness != null:
		_climb_s = 0.0
		noted.emit("%s has seen you." % witness.title)
		yard.alert("%s shouts: somebody climbs into the keep" % witness.title, self, Sight.SHOUT)
		return
	if _climb_s <= 0.0:
		position = _climb_to
		if yard.keep.is_inside(position):
			yard.keep.entered_by = "steal"
		yard.sounds.play(&"door", position)


## Says what those who look on see.
func _describe() -> void:
	var is_moving: bool = pilot.wish(self).length() > 0.1
	var what: String = "stands and waits"
	if _climb_s > 0.0:
		what = "climbs into the keep by a window"
	elif _deed_s > 0.0:
		what = _deed
	elif is_moving:
		what = "runs with a drawn sword" if is_armed else "walks through the yard"
	elif metres_to(yard.place(&"KeepDoor")) < 2.0:
		what = "stands at the door of the keep"
	elif metres_to(yard.place(&"Counter")) < 1.2:
		what = "waits at the counter"
	if what != does:
		does = what


func _show(what: String) -> void:
	_deed = what
	_deed_s = DEED_S
	does = what


func _offer() -> void:
	var text: String = _choice()[0]
	if text != _prompt:
		_prompt = text
		prompt_changed.emit(text)


## Returns what can be done here, in words and as a call.
func _choice() -> Array:
	for thing: Thing in yard.things.get_children():
		if metres_to(thing.position) < ARM and not thing.is_queued_for_deletion():
			return ["take %s" % thing.looks(), _pick_up.bind(thing)]
	var keep: Keep = yard.keep
	if metres_to(yard.place(&"KeepDoor")) < ARM and not keep.door.is_open:
		if keep.is_inside(position):
			return ["unbar the door", keep.open.bind("", 8.0)]
		if &"key" in bag:
			return ["unlock the door", keep.open.bind("fight", 20.0)]
		return ["knock at the door", _knock]
	if metres_to(yard.place(&"Window")) < ARM and not keep.is_inside(position):
		if &"rope" in bag:
			return ["climb through the window", _begin_to_climb.bind(&"WindowInside")]
		return ["look up at the window", noted.emit.bind("Too high without a rope.")]
	if metres_to(yard.place(&"WindowInside")) < ARM and keep.is_inside(position):
		if &"rope" in bag:
			return ["climb out of the window", _begin_to_climb.bind(&"Window")]
	if metres_to(yard.place(&"StallSide")) < ARM and not &"rope" in bag:
		return ["take the rope without paying", _steal_rope]
	return ["", Callable()]


func _pick_up(thing: Thing) -> void:
	var what: StringName = thing.what
	thing.queue_free()
	yard.sounds.play(&"page" if what == &"letter" else &"coins", position)
	if what == &"coin":
		purse += 1
		bag_changed.emit()
	else:
		take(what)


func _knock() -> void:
	yard.sounds.play(&"door", position)
	noted.emit("It is barred. Whoever stands before it could open it, if she wanted to.")


func _begin_to_climb(to: StringName) -> void:
	_climb_s = CLIMB_S
	_climb_to = yard.place(to)


func _steal_rope() -> void:
	_show("takes the rope from the stall")
	yard.rob(self, "the rope")
	take(&"rope")


func _lose(what: StringName) -> StringName:
	bag.erase(what)
	bag_changed.emit()
	return what


## Notes the goods and the sum in what was said: sums are the game's affair.
func _read_offer(line: String) -> void:
	if metres_to(yard.place(&"Counter")) > 3.0:
		return
	for goods: String in Merchant.GOODS:
		if goods in line.to_lower():
			wants = goods
	var sum: int = Offer.pence_in(line)
	if sum > 0:
		offers = sum


## Returns who is nearest before you, or null.
func _nearest(within: float) -> Body:
	var best: Body = null
	var best_distance: float = within
	for body: Body in yard.bodies.get_children():
		var distance: float = metres_to(body.position)
		var way: Vector2 = body.position - position
		if body == self or distance > best_distance or not body.can_be_seen():
			continue
		if distance < 0.8 or absf(facing.angle_to(way)) < PI * 0.55:
			best = body
			best_distance = distance
	return best

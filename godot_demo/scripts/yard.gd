class_name Yard
extends Node2D
## The castle yard: knows who and what is where, and who sees and hears whom.

## Something has happened that people who watch may like to know.
signal told(who: String, text: String)

## In metres.
const SIZE: Vector2 = Vector2(1280.0, 720.0) / Body.METRE
## Why an order fails that is about somebody who has left.
const GONE: String = "they are not here any more"
## Seconds for which everybody is on the alert.
const ALARM_S: float = 20.0
## Metres within which a torch shows who stands there.
const TORCH_M: float = 3.2

@export var visitor_scene: PackedScene
@export var thing_scene: PackedScene

## Where the obstacles leave room to walk.
var ways: Ways = Ways.new(SIZE * Body.METRE)

var _count: int = 0
var _alarm_s: float = 0.0
var _obstacles: Array[Obstacle] = []
## Those that stop the eye.
var _tall: Array[Obstacle] = []
var _torches: PackedVector2Array = []

@onready var director: Director = $Director
@onready var day: Day = $Day
@onready var sounds: Sounds = $Sounds
@onready var keep: Keep = $Stage/Props/Keep
@onready var bodies: Node2D = $Stage/Bodies
@onready var things: Node2D = $Stage/Things


func _ready() -> void:
	Brains.observe_world = _observe_world
	for prop: Node in $Stage/Props.get_children():
		if prop is Obstacle:
			_obstacles.append(prop)
	_obstacles.append(keep.door)
	_obstacles.append_array(keep.walls())
	_tall = _obstacles.filter(func(obstacle: Obstacle) -> bool: return obstacle.is_tall)
	keep.door.opened.connect(func() -> void: ways.survey(_obstacles))
	ways.survey(_obstacles)
	for torch: Torch in $Stage/Torches.get_children():
		_torches.append(torch.position)
	for actor: Actor in actors():
		actor.spoke.connect(_on_spoke.bind(actor))


func _physics_process(delta: float) -> void:
	_alarm_s = maxf(0.0, _alarm_s - delta)


# --- who is here ---


## Returns everybody who has a brain.
func actors() -> Array[Actor]:
	var found: Array[Actor] = []
	for body: Node in bodies.get_children():
		if body is Actor:
			found.append(body)
	return found


## Returns everybody of a kind who has a brain.
func actors_of_kind(kind: String) -> Array[Actor]:
	return actors().filter(func(actor: Actor) -> bool: return actor.kind == kind)


## Returns the strangers who are not about to leave.
func strangers() -> Array[Visitor]:
	return _visitors("stranger")


## Returns the customers who are not about to leave, in the order in which they came.
func customers() -> Array[Visitor]:
	return _visitors("customer")


## Returns somebody who is not about to leave, or null.
func find(id: String) -> Body:
	var body: Body = _find(bodies, id) as Body
	return null if body == null or not body.can_be_seen() else body


## Returns how somebody is called, seen or not; the id if there is nobody of this name.
func title_of(id: String) -> String:
	var body: Body = _find(bodies, id) as Body
	return id if body == null else body.title


## Returns the player, or null while nobody is at the keyboard.
func player() -> Player:
	return _find(bodies, "player") as Player


## Returns something that lies on the ground, or null.
func find_thing(id: String) -> Thing:
	var thing: Thing = _find(things, id) as Thing
	return null if thing == null or thing.is_queued_for_deletion() else thing


## Lets somebody come through the gate.
func let_in(words: Dictionary, kind: String, spot: Vector2, patience_s: float) -> void:
	_count += 1
	var visitor: Visitor = visitor_scene.instantiate()
	visitor.play(words, kind, place(&"Gate"), patience_s)
	visitor.name = "%s_%d" % [kind, _count]
	visitor.yard = self
	visitor.leaving.connect(_on_visitor_leaving)
	bodies.add_child(visitor)
	visitor.walk_to(spot)
	told.emit(String(visitor.name), "%s comes through the gate" % visitor.looks)
	if kind == "customer":
		_advance_queue()


## Puts something on the ground.
func drop_thing(what: StringName, at: Vector2, giver: Body = null) -> Thing:
	_count += 1
	var thing: Thing = thing_scene.instantiate()
	thing.name = "%s_%d" % [what, _count]
	thing.what = what
	thing.position = at
	thing.giver = giver
	things.add_child(thing)
	return thing


# --- what is where ---


## Tells whether there is a place of this name: "Well", "stall shadow".
func has_place(called: String) -> bool:
	return _find($Places, called.to_pascal_case()) != null


## Returns where a place is: the position of a marker below Places.
func place(called: StringName) -> Vector2:
	var marker: Marker2D = get_node("Places/%s" % called)
	return marker.position


## Returns a spot round a place; everybody has one of their own.
func beside(called: StringName, who: StringName) -> Vector2:
	return place(called) + Vector2.from_angle(float(who.hash() % 8) * TAU / 8.0) * 52.0


## Returns the corners of a route, a line below Routes; none if there is no such route.
func route(called: String) -> PackedVector2Array:
	var line: Line2D = _find($Routes, called.capitalize()) as Line2D
	return line.points if line != null else PackedVector2Array()


## Returns where customers stand: the first of them, and the next one.
func counter() -> PackedVector2Array:
	return [place(&"Counter"), place(&"Queue")]


## Tells whether a place is light: by day, or near a torch.
func is_lit(at: Vector2) -> bool:
	if not day.is_dark():
		return true
	for torch: Vector2 in _torches:
		if torch.distance_to(at) < TORCH_M * Body.METRE:
			return true
	return false


## Tells whether a wall stands between two places.
func is_walled(one: Vector2, other: Vector2) -> bool:
	for wall: Obstacle in _tall:
		if wall.is_between(one, other):
			return true
	return false


# --- who sees and hears what ---


## Tells whether somebody sees somebody else.
func sees(watcher: Body, other: Body) -> bool:
	if watcher == other or not other.can_be_seen():
		return false
	var way: Vector2 = (other.position - watcher.position) / Body.METRE
	var reach: float = other.seen_within
	if not is_lit(other.position):
		reach = minf(reach, Sight.NIGHT)
	return (
		Sight.notices(way, watcher.facing, reach)
		and not is_walled(watcher.position, other.position)
	)


## Tells whether somebody hears what somebody else says now.
func hears(listener: Body, other: Body) -> bool:
	if other.says.is_empty() or listener == other:
		return false
	var is_behind: bool = is_walled(listener.position, other.position)
	return Sight.hears(listener.metres_to(other.position), other.loudness, is_behind)


## Returns all that an actor sees, nearest first.
func sights_of(actor: Actor) -> Array[Dictionary]:
	var sights: Array[Dictionary] = _things_seen_by(actor)
	for body: Body in bodies.get_children():
		if not sees(actor, body):
			continue
		var distance: float = actor.metres_to(body.position)
		var sight: Dictionary = body.seen_from(distance)
		sight["facing"] = Sight.is_in_cone(actor.position - body.position, body.facing)
		if not hears(actor, body):
			sight["says"] = ""
		if actor is Merchant and body is Player and distance <= 3.0:
			sight.merge((body as Player).as_customer(actor as Merchant), true)
		sights.append(sight)
	sights.sort_custom(_is_nearer)
	return sights


## Returns the voices of those whom an actor hears and does not see.
func voices_for(actor: Actor) -> Array[Dictionary]:
	var voices: Array[Dictionary] = []
	for body: Body in bodies.get_children():
		if hears(actor, body) and not sees(actor, body):
			var voice: Dictionary = _sight("voice", actor.metres_to(body.position))
			voice.merge({"id": String(body.name), "looks": "somebody unseen"}, true)
			voice["says"] = body.says
			voices.append(voice)
	voices.sort_custom(_is_nearer)
	return voices


## Returns somebody of these kinds who sees [param whom], or null.
func witness_of(whom: Body, kinds: Array[StringName]) -> Actor:
	for actor: Actor in actors():
		if StringName(actor.kind) in kinds and actor.health > Body.BEATEN and sees(actor, whom):
			return actor
	return null


# --- what is told ---


## Lets an actor notice something.
func tell(actor: Actor, event: StringName, text: String, who: Body = null) -> void:
	actor.notice(event, text, who)
	told.emit(String(actor.name), "%s: %s" % [event, text])


## Lets the villagers who see somebody notice what happens there.
func witness(text: String, at: Body) -> void:
	for villager: Actor in actors_of_kind("villager"):
		if sees(villager, at):
			tell(villager, &"happening", text, at)


## Tells the guards within earshot of something that is about [param whom].
func alert(
	text: String, whom: Body, loudness: float, from: Vector2 = Vector2.INF, but: Body = null
) -> void:
	var source: Vector2 = whom.position if from == Vector2.INF and whom != null else from
	for guard: Actor in actors_of_kind("guard"):
		if guard == whom or guard == but:
			continue
		if Sight.hears(guard.metres_to(source), loudness, is_walled(guard.position, source)):
			tell(guard, &"alarm", text, whom)


## Puts everybody on the alert.
func raise_alarm() -> void:
	_alarm_s = ALARM_S
	sounds.play(&"bell", place(&"Keep"))
	for villager: Actor in actors_of_kind("villager"):
		tell(villager, &"happening", "the alarm bell rings")


## Tells whether everybody is on the alert.
func is_alarmed() -> bool:
	return _alarm_s > 0.0


## Lets the villagers near a speaker hear a piece of news, nobody the same one twice.
func spread(text: String, teller: Body, reach: float) -> void:
	for villager: Actor in actors_of_kind("villager"):
		if villager == teller or villager.metres_to(teller.position) > reach:
			continue
		var known: Array = villager.get_meta(&"news", [])
		if not text in known:
			known.append(text)
			villager.set_meta(&"news", known.slice(-20))
			tell(villager, &"rumour", text, teller)


## Something is taken from the stall, if the merchant sees it she knows who it was.
func rob(robber: Body, what: String) -> void:
	for merchant: Actor in actors_of_kind("merchant"):
		if sees(merchant, robber):
			tell(merchant, &"robbed", "%s takes %s without paying" % [robber.looks, what], robber)


func _observe_world() -> Dictionary:
	return {"light": day.light(), "hour": snappedf(day.hour, 0.1), "alarm": is_alarmed()}


func _visitors(kind: String) -> Array[Visitor]:
	var found: Array[Visitor] = []
	for body: Node in bodies.get_children():
		var visitor: Visitor = body as Visitor
		if visitor != null and visitor.kind == kind and not visitor.is_leaving:
			found.append(visitor)
	return found


func _things_seen_by(actor: Actor) -> Array[Dictionary]:
	var sights: Array[Dictionary] = []
	var to_stall: float = actor.metres_to(place(&"Stall"))
	if actor is Merchant and not director.passer.is_empty():
		var passer: Dictionary = _sight("passer", 2.0)
		passer.merge({"looks": director.passer, "does": "walks by"}, true)
		sights.append(passer)
	if not actor is Merchant and to_stall <= Sight.DAY:
		var stall: Dictionary = _sight("stall", to_stall)
		stall["looks"] = "a market stall"
		sights.append(stall)
	for thing: Thing in things.get_children():
		var distance: float = actor.metres_to(thing.position)
		if thing.what == &"pie" and distance <= Sight.DAY:
			var food: Dictionary = _sight("food", distance)
			food["id"] = String(thing.name)
			food.merge({"looks": thing.looks(), "does": "lies on the ground"}, true)
			sights.append(food)
	return sights


## Lets whoever waits at the stall step up to the counter.
func _advance_queue() -> void:
	var spots: PackedVector2Array = counter()
	var queue: Array[Visitor] = customers()
	for index: int in mini(spots.size(), queue.size()):
		queue[index].walk_to(spots[index])


func _on_visitor_leaving(visitor: Visitor, how: String) -> void:
	told.emit(String(visitor.name), "%s %s" % [visitor.looks, how])
	if visitor.kind == "customer":
		_advance_queue()


func _on_spoke(text: String, _reach: float, actor: Actor) -> void:
	told.emit(String(actor.name), "says: %s" % text)


## Looks for a child by its name. Names come from brains, so they must not lead anywhere as a path.
static func _find(parent: Node, called: String) -> Node:
	for child: Node in parent.get_children():
		if String(child.name) == called:
			return child
	return null


static func _sight(kind: String, distance: float) -> Dictionary:
	return {
		"id": kind,
		"kind": kind,
		"distance": snappedf(distance, 0.1),
		"looks": "",
		"does": "",
		"says": "",
		"armed": false,
		"facing": false,
	}


static func _is_nearer(one: Dictionary, other: Dictionary) -> bool:
	if one["distance"] == other["distance"]:
		return one["id"] < other["id"]
	return one["distance"] < other["distance"]

class_name Yard
extends Node2D
## The castle yard: knows who and what is where, and who sees whom.

## Something has happened that people who watch may like to know.
signal told(who: String, text: String)

## In metres.
const SIZE: Vector2 = Vector2(24.0, 14.0)
## Metres from which the stall is seen.
const SIGHT: float = 9.0
## Why an order fails that is about somebody who has left.
const GONE: String = "they are not here any more"

@export var visitor_scene: PackedScene

var _count: int = 0

@onready var director: Director = $Director
@onready var bodies: Node2D = $Bodies


func _ready() -> void:
	Brains.observe_world = _observe_world


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


## Returns a visitor who is not about to leave, or null.
func find_visitor(id: String) -> Visitor:
	var visitor: Visitor = _find(bodies, id) as Visitor
	return null if visitor == null or visitor.is_leaving else visitor


## Returns somebody who has a brain, or null.
func find_actor(id: String) -> Actor:
	return _find(bodies, id) as Actor


## Lets somebody come through the gate.
func let_in(words: Dictionary, kind: String, spot: Vector2, patience_s: float) -> void:
	_count += 1
	var visitor: Visitor = visitor_scene.instantiate()
	visitor.play(words, kind, place(&"Gate"), patience_s)
	visitor.name = "%s_%d" % [kind, _count]
	visitor.leaving.connect(_on_visitor_leaving)
	bodies.add_child(visitor)
	visitor.walk_to(spot)
	told.emit(String(visitor.name), "%s comes through the gate" % visitor.looks)
	if kind == "customer":
		_advance_queue()


## Lets an actor notice something.
func tell(actor: Actor, event: StringName, text: String) -> void:
	actor.notice(event, text)
	told.emit(String(actor.name), "%s: %s" % [event, text])


# --- what is where ---


## Returns where a place is: the position of a marker below Places.
func place(called: StringName) -> Vector2:
	var marker: Marker2D = get_node("Places/%s" % called)
	return marker.position


## Returns the corners of a route, a line below Routes; none if there is no such route.
func route(called: String) -> PackedVector2Array:
	var line: Line2D = _find($Routes, called.capitalize()) as Line2D
	return line.points if line != null else PackedVector2Array()


## Returns where customers stand: the first of them, and the next one.
func counter() -> PackedVector2Array:
	return [place(&"Counter"), place(&"Queue")]


# --- who sees what ---


## Returns all that an actor sees, nearest first.
func sights_of(actor: Actor) -> Array[Dictionary]:
	var sights: Array[Dictionary] = []
	var to_stall: float = actor.metres_to(place(&"Stall"))
	if actor is Merchant:
		sights.append(_thing("passer", 2.0, director.passer, "walks by"))
	elif to_stall <= SIGHT:
		sights.append(_thing("stall", to_stall, "a market stall", ""))
	for body: Body in bodies.get_children():
		var distance: float = actor.metres_to(body.position)
		if body != actor and body.can_be_seen() and distance <= body.seen_within:
			sights.append(body.seen_from(distance))
	sights.sort_custom(_is_nearer)
	return sights


func _observe_world() -> Dictionary:
	return {"light": director.light}


func _visitors(kind: String) -> Array[Visitor]:
	var found: Array[Visitor] = []
	for body: Node in bodies.get_children():
		var visitor: Visitor = body as Visitor
		if visitor != null and visitor.kind == kind and not visitor.is_leaving:
			found.append(visitor)
	return found


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


## Looks for a child by its name. Names come from brains, so they must not lead anywhere as a path.
static func _find(parent: Node, called: String) -> Node:
	for child: Node in parent.get_children():
		if String(child.name) == called:
			return child
	return null


static func _thing(kind: String, distance: float, looks: String, does: String) -> Dictionary:
	return {
		"id": kind,
		"kind": kind,
		"distance": snappedf(distance, 0.1),
		"looks": looks,
		"does": does,
		"says": "",
	}


static func _is_nearer(one: Dictionary, other: Dictionary) -> bool:
	if one["distance"] == other["distance"]:
		return one["id"] < other["id"]
	return one["distance"] < other["distance"]

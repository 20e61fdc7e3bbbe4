class_name Actor
extends Body
## A body with a brain: carries out what its [BrainAgent] asks for, and tells it what it perceives.
##
## Extend it, and say in [method _carry_out] what each action takes. [method begin] does the rest:
## it walks, waits, reports progress and the end, and stops when the brain changes its mind.

## An order is being carried out from now on.
signal began(order: BrainOrder)
## It is not any more: its [code]status[/code] says why.
signal ended(order: BrainOrder)

## What it does when it has nothing to do.
@export var idle: String = "rests"
@export var yard: Yard

## What it is busy with; null: nothing.
var doing: Doing

@onready var brain: BrainAgent = $Brain
@onready var home: Vector2 = position


func _ready() -> void:
	super()
	does = idle
	brain.action_requested.connect(_on_action_requested)
	brain.action_cancelled.connect(_on_action_cancelled)
	brain.said.connect(_on_said)
	for change: Signal in [brain.brain_found, brain.brain_lost, brain.released]:
		change.connect(_show_state)
	brain.held.connect(_show_state.unbind(1))
	brain.rejected.connect(_show_state.unbind(2))
	_show_state()


func _physics_process(delta: float) -> void:
	super(delta)
	if doing == null:
		return
	doing.seconds_left -= delta
	if doing.places_left != places_ahead():
		doing.places_left = places_ahead()
		doing.order.progress({"places_left": doing.places_left})
	if doing.seconds_left <= 0.0 and doing.places_left == 0:
		_finish()


## What the brain is told with every snapshot: only what this body perceives. The addon calls it.
func _observe() -> Dictionary:
	return {
		"name": title,
		"kind": kind,
		"at": position / METRE,
		"does": does,
		"sees": yard.sights_of(self),
	}


## Begins to carry out an order. It takes [param seconds] at least, and the time to walk
## [param places]; then [param outcome] is called with the order, and returns why it has failed,
## or "".
func begin(
	order: BrainOrder,
	what: String,
	seconds: float,
	outcome: Callable = _nothing_comes_of,
	places: PackedVector2Array = [],
	pace: float = 3.0
) -> void:
	doing = Doing.new(order, seconds, places.size(), outcome)
	does = what
	go(places, pace)
	caption.source = order.source
	began.emit(order)


## Tells the brain of something that has happened.
func notice(event: StringName, text: String) -> void:
	brain.notice(event, {"text": text})


## Override it: begin each of the actions that the [BrainAgent] declares.
func _carry_out(order: BrainOrder) -> void:
	order.fail("%s has not learned %s" % [name, order.name])


## Forgets what it was busy with, and returns the order.
func _drop() -> BrainOrder:
	var order: BrainOrder = doing.order
	doing = null
	does = idle
	caption.source = ""
	stop()
	return order


func _finish() -> void:
	var outcome: Callable = doing.outcome
	var order: BrainOrder = _drop()
	var problem: String = outcome.call(order)
	if problem.is_empty():
		order.succeed()
	else:
		order.fail(problem)
	ended.emit(order)


func _on_action_requested(order: BrainOrder) -> void:
	_carry_out(order)


func _on_action_cancelled(order: BrainOrder, _reason: String) -> void:
	# It may be one that was never begun, because it was refused at once.
	if doing != null and doing.order == order:
		_drop()
		ended.emit(order)


func _on_said(_piece: String, _done: bool) -> void:
	speak(brain.line)


func _show_state() -> void:
	caption.state = brain.describe()["state"]


static func _nothing_comes_of(_order: BrainOrder) -> String:
	return ""

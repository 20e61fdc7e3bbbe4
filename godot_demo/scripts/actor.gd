class_name Actor
extends Body
## A body with a brain: carries out what its [BrainAgent] asks for, and tells it what it perceives.
##
## Extend it, and say in [method _carry_out] what each action takes. [method begin] and
## [method begin_with] do the rest: it walks, waits, reports progress and the end, and stops when
## the brain changes its mind.

## An order is being carried out from now on.
signal began(order: BrainOrder)
## It is not any more: its [code]status[/code] says why.
signal ended(order: BrainOrder)

## Seconds between two looks for somebody who moves.
const LOOK_S: float = 0.25

## What it does when it has nothing to do.
@export var idle: String = "rests"

## What it is busy with; null: nothing.
var doing: Doing

var _look_in_s: float = 0.0

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
	was_hurt.connect(_on_was_hurt)
	_show_state()


func _physics_process(delta: float) -> void:
	super(delta)
	if doing == null:
		return
	if doing.target != null and not _is_at_target(delta):
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
		"health": snappedf(health, 0.01),
		"sees": yard.sights_of(self),
		"hears": yard.voices_for(self),
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
	_take_up(Doing.new(order, seconds, places.size(), outcome), what)
	go(places, pace)


## Begins to carry out an order on somebody: walks up to them, wherever they go meanwhile.
func begin_with(
	order: BrainOrder,
	target: Body,
	what: String,
	seconds: float,
	outcome: Callable = _nothing_comes_of,
	pace: float = 4.5
) -> void:
	if target == null:
		turn_down(order, Yard.GONE)
		return
	var work: Doing = Doing.new(order, seconds, 0, outcome)
	work.target = target
	_take_up(work, what)
	_pace = pace
	_look_in_s = 0.0


## Says of an order that it cannot be begun at all.
func turn_down(order: BrainOrder, why: String) -> void:
	began.emit(order)
	order.fail(why)
	ended.emit(order)


## Tells the brain of something that has happened; [param who] did it, or is whom it is about.
func notice(event: StringName, text: String, who: Body = null) -> void:
	var data: Dictionary = {"text": text}
	if who != null:
		data["who"] = String(who.name)
		data["at"] = who.position / METRE
	brain.notice(event, data)


## Returns whom an order is about, or null.
func whom(order: BrainOrder, param: String = "target") -> Body:
	return yard.find(str(order.params.get(param, "")))


## Override it: begin each of the actions that the [BrainAgent] declares.
func _carry_out(order: BrainOrder) -> void:
	turn_down(order, "%s has not learned %s" % [name, order.name])


func _take_up(work: Doing, what: String) -> void:
	stop()
	doing = work
	does = what
	caption.source = work.order.source
	caption.deed = work.order.name
	began.emit(work.order)


## Forgets what it was busy with, and returns the order.
func _drop() -> BrainOrder:
	var order: BrainOrder = doing.order
	doing = null
	does = idle
	caption.source = ""
	caption.deed = &""
	stop()
	return order


func _finish(problem: String = "") -> void:
	var outcome: Callable = doing.outcome
	var order: BrainOrder = _drop()
	if problem.is_empty():
		problem = outcome.call(order)
	if problem.is_empty():
		order.succeed()
	else:
		order.fail(problem)
	ended.emit(order)


## Walks up to whom it is about; tells whether they are near enough.
func _is_at_target(delta: float) -> bool:
	if not is_instance_valid(doing.target) or not doing.target.can_be_seen():
		_finish(Yard.GONE)
		return false
	if metres_to(doing.target.position) <= doing.reach:
		stop()
		turn_to(doing.target.position)
		return true
	doing.patience_s -= delta
	_look_in_s -= delta
	if doing.patience_s <= 0.0:
		_finish("they got away")
	elif _look_in_s <= 0.0:
		_look_in_s = LOOK_S
		go([doing.target.position], _pace)
	return false


func _on_action_requested(order: BrainOrder) -> void:
	_carry_out(order)


func _on_action_cancelled(order: BrainOrder, _reason: String) -> void:
	# It may be one that was never begun, because it was refused at once.
	if doing != null and doing.order == order:
		_drop()
		ended.emit(order)


func _on_said(_piece: String, done: bool) -> void:
	speak(brain.line, Sight.TALK, done)


func _on_was_hurt(by: Body) -> void:
	notice(&"hurt", "%s strikes you" % by.looks, by)


func _show_state() -> void:
	caption.state = brain.describe()["state"]


static func _nothing_comes_of(_order: BrainOrder) -> String:
	return ""

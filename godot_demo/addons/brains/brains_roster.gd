class_name BrainsRoster
extends RefCounted
## The agents of the game, and what the server has been told of them.

## Agents that one message adds: a thousand declarations in one frame would be seen.
const MOST_PER_MESSAGE: int = 64
## As long as a name may be.
const LONGEST_NAME: int = 200

var seats: Dictionary[String, BrainsSeat] = {}
## Agents that the server was told to remove, and the number of the snapshot that came after that:
## until it is answered, the word of it may have been lost with the connection.
var leaving: Dictionary[String, int] = {}
## The epoch that the server knows of.
var told_epoch: int = -1
## Agents may have come or gone, or changed: see [method has_news].
var has_changes: bool = false

## What the server has been told: which node is behind an id.
var _told: Dictionary[String, int] = {}
## Agents to be declared (again).
var _untold: Dictionary[String, bool] = {}
## Agents to be removed.
var _gone: Dictionary[String, bool] = {}
var _most: int = MOST_PER_MESSAGE


## Takes an agent in; null if another one has its id already.
func add(agent: BrainAgent, client: BrainsClient) -> BrainsSeat:
	var id: String = _free_id(agent)
	if id.is_empty():
		return null
	var seat: BrainsSeat = BrainsSeat.new()
	seat.agent = agent
	seat.client = client
	seat.id = id
	seats[id] = seat
	if _told.has(id) and _told[id] != agent.get_instance_id():
		_gone[id] = true
	_untold[id] = true
	has_changes = true
	return seat


func remove(seat: BrainsSeat) -> void:
	if seats.get(seat.id) != seat:
		return
	seats.erase(seat.id)
	_untold.erase(seat.id)
	if _told.has(seat.id):
		_gone[seat.id] = true
		has_changes = true


## Has one agent declared again.
func retell(seat: BrainsSeat) -> void:
	_untold[seat.id] = true
	has_changes = true


## Begins with a server that has the session still ([param resumed]), or knows nothing.
func begin_session(resumed: bool) -> void:
	told_epoch = -1
	has_changes = true
	_most = MOST_PER_MESSAGE
	if resumed:
		for id: String in leaving:
			_gone[id] = true
	else:
		_told.clear()
		_gone.clear()
	leaving.clear()
	for id: String in seats:
		_untold[id] = true


## Tells whether there is something that the server does not know.
func has_news(epoch: int) -> bool:
	has_changes = not (_untold.is_empty() and _gone.is_empty())
	return has_changes or epoch != told_epoch


## Returns the message that the server has to be sent now.
func next_message(epoch: int) -> Dictionary:
	var added: Array[Dictionary] = []
	for id: String in _untold.keys():
		if added.size() == _most:
			break
		if not _untold.has(id):
			continue
		var problem: String = _problem_of(seats[id])
		if problem.is_empty():
			added.append(_entry(seats[id]))
		else:
			# The server would not understand the message, and so take none of the agents in it.
			_refuse(id, "bad_field", problem)
	return {"type": "agents", "epoch": epoch, "add": added, "remove": _gone.keys()}


## Has fewer agents in a message, since [param message] is too long.
func shorten(message: Dictionary) -> void:
	var count: int = message["add"].size()
	if count == 1:
		_refuse(message["add"][0]["id"], "limit_exceeded", "its actions are too long for a message")
	else:
		_most = maxi(1, count / 2)


## Notes that a message of [method next_message] was sent, before the snapshot with this number.
func told(message: Dictionary, next_snapshot: int) -> void:
	told_epoch = message["epoch"]
	for id: String in message["remove"]:
		_told.erase(id)
		_gone.erase(id)
		leaving[id] = next_snapshot
	for entry: Dictionary in message["add"]:
		var id: String = entry["id"]
		_untold.erase(id)
		var seat: BrainsSeat = seats.get(id)
		_told[id] = seat.agent.get_instance_id() if seat != null else 0
		if seat == null:
			# What heard that another one was refused has freed it.
			_gone[id] = true


## Notes that a snapshot was answered: the server has read all that was sent before it.
func answered(snapshot: int) -> void:
	for id: String in leaving.keys():
		if leaving[id] <= snapshot:
			leaving.erase(id)


func _problem_of(seat: BrainsSeat) -> String:
	if seat.agent.brain.is_empty():
		return "it has no brain: name a tree in its property `brain`"
	var names: Array[String] = [seat.id, seat.agent.brain]
	for action: BrainAction in seat.agent.actions:
		names.append(String(action.name) if action != null else "")
	for name: String in names:
		if name.length() > LONGEST_NAME:
			return (
				"%s... is too long: a name has up to %d characters" % [name.left(20), LONGEST_NAME]
			)
	return ""


func _refuse(id: String, code: String, problem: String) -> void:
	_untold.erase(id)
	seats[id].refuse(code, problem)


func _free_id(agent: BrainAgent) -> String:
	var wanted: String = agent.agent_id
	if not wanted.is_empty():
		return wanted if _is_free(wanted, agent) else ""
	var base: String = String(agent.get_parent().name)
	var id: String = base
	var number: int = 1
	while not _is_free(id, agent):
		number += 1
		id = "%s_%d" % [base, number]
	return id


## An id is free if nobody has it, or somebody who is about to go.
func _is_free(id: String, agent: BrainAgent) -> bool:
	var seat: BrainsSeat = seats.get(id)
	return seat == null or seat.agent == agent or seat.agent.is_queued_for_deletion()


func _entry(seat: BrainsSeat) -> Dictionary:
	var declared: Array[Dictionary] = []
	for action: BrainAction in seat.agent.actions:
		if action != null and not action.name.is_empty():
			declared.append(action.to_declaration())
	return {"id": seat.id, "brain": seat.agent.brain, "actions": declared}

class_name BrainsInsight
extends RefCounted
## What the server tells of the agents' minds: each decision, and the tree of one tracked agent.
##
## [code]Brains.insight[/code] is the one to use. The server tells nothing unless the project
## setting [code]brains/insight/enabled[/code] is on.

## A leaf of an agent has had its answer, or has gone without one; see [member
## BrainAgent.last_decision].
signal decided(agent: String, decision: Dictionary)
## The tracked agent's tree has changed.
signal mind_changed

## Decisions over which [method median_latency_ms] and [method fallback_rate] go.
const MOST_DECISIONS: int = 50

## The agent whose tree is told; empty: nobody's.
var tracked: String = ""
## The tree's nodes from the root down: [code]name[/code], [code]kind[/code],
## [code]depth[/code].
var nodes: Array[Dictionary] = []
## One letter for each node: [code]s[/code] success, [code]f[/code] failure, [code]r[/code] running,
## [code].[/code] not visited.
var states: String = ""
## The model that answered last.
var model: String = ""
## Milliseconds of game time from the snapshot of the newest order to the order.
var action_age_ms: float = 0.0
## Why the model did not answer last time; empty if it did.
var trouble: String = ""

var _client: BrainsClient
var _latencies: PackedFloat32Array = []
var _outcomes: PackedByteArray = []


func _init(client: BrainsClient) -> void:
	_client = client


## Wants to be told of an agent's tree from now on; of nobody's if [param id] is empty.
func track(id: String) -> void:
	tracked = id
	nodes = []
	states = ""
	if _client.link.has_insight:
		_client.link.send({"type": "track", "agent": id})
	mind_changed.emit()


## Tells the server again whom to track; for the client, after each welcome.
func ask_again() -> void:
	if _client.link.has_insight and not tracked.is_empty():
		_client.link.send({"type": "track", "agent": tracked})


## Returns the middle one of the last latencies in milliseconds; 0 without any.
func median_latency_ms() -> float:
	if _latencies.is_empty():
		return 0.0
	var sorted: PackedFloat32Array = _latencies.duplicate()
	sorted.sort()
	return sorted[sorted.size() / 2]


## Returns which part of the last questions had no usable answer, 0 to 1.
func fallback_rate() -> float:
	if _outcomes.is_empty():
		return 0.0
	return float(_outcomes.count(0)) / _outcomes.size()


## Takes a message; for the client.
func take(message: Dictionary) -> void:
	if message.get("type") == "decided":
		_take_decision(message)
	elif BrainsInbox.text_of(message, "agent") == tracked:
		_take_mind(message)


func _take_decision(message: Dictionary) -> void:
	var decision: Dictionary = {"heard_ms": _client.time_ms}
	for key: String in ["leaf", "question", "answer", "model", "reason"]:
		decision[key] = BrainsInbox.text_of(message, key)
	var latency: Variant = message.get("latency_ms")
	decision["latency_ms"] = latency if latency is float or latency is int else 0.0
	var probabilities: Dictionary[String, float] = {}
	var given: Variant = message.get("probabilities")
	if given is Dictionary:
		for label: Variant in given:
			if given[label] is float or given[label] is int:
				probabilities[str(label)] = given[label]
	decision["probabilities"] = probabilities
	trouble = decision["reason"]
	_outcomes.append(int(trouble.is_empty()))
	if decision["latency_ms"] > 0.0:
		_latencies.append(decision["latency_ms"])
		model = decision["model"]
	_outcomes = _outcomes.slice(-MOST_DECISIONS)
	_latencies = _latencies.slice(-MOST_DECISIONS)
	var id: String = BrainsInbox.text_of(message, "agent")
	var agent: BrainAgent = _client.get_agent(id)
	if agent != null:
		agent.last_decision = decision
		decided.emit(id, decision)


func _take_mind(message: Dictionary) -> void:
	var told: Array = BrainsInbox.list_of(message, "nodes")
	if not told.is_empty():
		nodes = []
		for node: Variant in told:
			if node is Dictionary:
				(
					nodes
					. append(
						{
							"name": BrainsInbox.text_of(node, "name"),
							"kind": BrainsInbox.text_of(node, "kind"),
							"depth": maxi(0, BrainsInbox.whole_of(node, "depth")),
						}
					)
				)
	states = BrainsInbox.text_of(message, "states")
	mind_changed.emit()

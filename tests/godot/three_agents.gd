extends Node
## A game without pictures that plays protocol 1 with three agents, and prints in one line of JSON
## what happened.
##
## Arguments: the server's URL, the seconds to play, and the file with the actions that each agent
## declares. Exit codes: 0 fine, 1 the server (or this script) did something wrong, 2 the server was
## silent.

const SNAPSHOT_EVERY_S := 0.1
const SILENCE_S := 3.0
const ACTION_TAKES_S := 0.4
const SCENE_LASTS_S := 3.0
const MAX_MESSAGE_BYTES := 4194304

## Who comes by, and how the yard looks, in turns of a few seconds: so questions change and verdicts
## turn.
const SCENES: Array[Dictionary] = [
	{
		"looks": "a masked man",
		"does": "swings an axe at the gate",
		"says": "Your gold or your life!",
		"guard": "is far away",
		"merchant": "dozes on a stool",
		"light": "dark",
	},
	{
		"looks": "an old woman with a basket",
		"does": "rests on a bench",
		"says": "My poor feet!",
		"guard": "stands beside the stall",
		"merchant": "counts his coins",
		"light": "bright",
	},
	{
		"looks": "a knight in black",
		"does": "kicks the miller",
		"says": "",
		"guard": "plays dice in the tower",
		"merchant": "has gone to the well",
		"light": "dim",
	},
	{
		"looks": "a boy",
		"does": "runs off with a sausage",
		"says": "Catch me!",
		"guard": "walks up and down the stalls",
		"merchant": "watches every hand",
		"light": "sunny",
	},
]

## As what each agent sees who comes by.
const KINDS: Dictionary[String, String] = {
	"guard_1": "stranger",
	"merchant_1": "customer",
	"thief_1": "stall",
}

var _socket: WebSocketPeer = WebSocketPeer.new()
var _seconds: float = 20.0
var _declared: Dictionary = {}

var _now: float = 0.0
var _since_snapshot: float = 0.0
var _silent: float = 0.0
var _seq: int = 0
var _unanswered: int = 0
var _last_answer_seq: int = 0
var _greeted: bool = false
var _welcomed: bool = false
var _accepted: bool = false

var _loot: bool = false
var _events: Array[Dictionary] = []

## The running action of each agent: {id, name, until}.
var _running: Dictionary[String, Dictionary] = {}
## Ids that have ended, so that an action that is named twice is not carried out twice.
var _ended: Dictionary[String, bool] = {}

var _snapshots: int = 0
var _acks: int = 0
var _cancels: int = 0
var _renamed: int = 0
var _says: int = 0
var _actions: Dictionary[String, int] = {}
var _by_agent: Dictionary[String, int] = {}
var _sources: Dictionary[String, int] = {}
var _results: Dictionary[String, int] = {}
var _errors: Array[String] = []
var _slowest_ack_ms: float = 0.0
var _sent_at_ms: int = 0


func _ready() -> void:
	var arguments: PackedStringArray = OS.get_cmdline_user_args()
	_seconds = float(arguments[1])
	_declared = JSON.parse_string(FileAccess.get_file_as_string(arguments[2]))
	# Buffers count from the handshake on; later changes do nothing.
	_socket.inbound_buffer_size = MAX_MESSAGE_BYTES
	_socket.outbound_buffer_size = MAX_MESSAGE_BYTES
	if _socket.connect_to_url(arguments[0]) != OK:
		_end(1, "cannot connect")


func _process(delta: float) -> void:
	_now += delta
	_silent += delta
	_socket.poll()
	match _socket.get_ready_state():
		WebSocketPeer.STATE_OPEN:
			_play(delta)
		WebSocketPeer.STATE_CLOSED:
			_end(1, "closed: %d %s" % [_socket.get_close_code(), _socket.get_close_reason()])
	if _silent > SILENCE_S:
		_end(2, "nothing from the server for %.1f s" % _silent)


func _play(delta: float) -> void:
	if not _greeted:
		_greeted = true
		_now = 0.0
		_send_hello()
	while is_processing() and _socket.get_available_packet_count() > 0:
		_silent = 0.0
		_receive(_socket.get_packet().get_string_from_utf8())
	if not is_processing() or not _accepted:
		return
	_finish_actions()
	_since_snapshot += delta
	# One snapshot in flight: when the server is slow, the next one is newer and not one of a queue.
	if _since_snapshot >= SNAPSHOT_EVERY_S and _unanswered == 0:
		_since_snapshot = 0.0
		_send_snapshot()
	if _now >= _seconds and _unanswered == 0:
		_end(0, "")


func _send(message: Dictionary) -> void:
	var text: String = JSON.stringify(message, "", false)
	var failure: Error = _socket.send_text(text)
	if failure != OK:
		_end(1, "cannot send: %s" % error_string(failure))


func _send_hello() -> void:
	_send(
		{
			"type": "hello",
			"protocol": 1,
			"min_protocol": 1,
			"client": {"name": "three_agents", "engine": Engine.get_version_info()["string"]},
			"limits": {"max_message_bytes": MAX_MESSAGE_BYTES},
			"clock": {"physics_tps": Engine.physics_ticks_per_second},
		}
	)


func _send_agents() -> void:
	var add: Array[Dictionary] = []
	for id: String in _declared:
		var brain: String = id.get_slice("_", 0)
		add.append({"id": id, "brain": brain, "kind": brain, "actions": _declared[id]})
	_send({"type": "agents", "epoch": 1, "add": add, "remove": []})


func _send_snapshot() -> void:
	_seq += 1
	_snapshots += 1
	_unanswered += 1
	_sent_at_ms = Time.get_ticks_msec()
	var scene: Dictionary = SCENES[int(_now / SCENE_LASTS_S) % SCENES.size()]
	var distance: float = 6.0 + 5.0 * sin(_now * 1.5)
	var agents: Dictionary = {}
	for id: String in _declared:
		agents[id] = {"me": _perceive(id, scene, distance)}
	_send(
		{
			"type": "snapshot",
			"seq": _seq,
			"epoch": 1,
			"frame": Engine.get_physics_frames(),
			"time_ms": int(_now * 1000.0),
			"world": {"light": scene["light"]},
			"agents": agents,
			"events": _events,
		}
	)
	_events = []


func _perceive(id: String, scene: Dictionary, distance: float) -> Dictionary:
	var seen: Dictionary = {"id": "passer_by", "distance": distance}
	for key: String in ["looks", "does", "says"]:
		seen[key] = scene[key]
	seen["kind"] = KINDS[id]
	return {
		"name": id.capitalize(),
		"pos": [distance, 0.0],
		"hp": 100,
		"sees": [seen],
		"loot": _loot if id == "thief_1" else false,
		"scene": {"guard": scene["guard"], "merchant": scene["merchant"], "light": scene["light"]},
	}


func _receive(text: String) -> void:
	var parsed: Variant = JSON.parse_string(text)
	if not parsed is Dictionary:
		_end(1, "not a message: " + text)
		return
	var message: Dictionary = parsed
	match message.get("type"):
		"welcome":
			_welcomed = true
			_send_agents()
		"agents_ack":
			_on_agents_ack(message)
		"actions":
			_on_actions(message)
		"say":
			_says += 1
		"ping":
			_send({"type": "pong", "t": message.get("t", 0.0)})
		"wake", "hold", "release", "pong":
			pass
		"bye":
			_end(1, "the server says bye: %s" % message.get("reason", ""))
		"error":
			_end(1, "error %s: %s" % [message.get("code"), message.get("message")])
		_:
			_end(1, "unknown message: " + text)


func _on_agents_ack(message: Dictionary) -> void:
	var rejected: Array = message["rejected"]
	var ok: Array = message["ok"]
	if not _welcomed or rejected.size() > 0 or ok.size() != _declared.size():
		_end(1, "agents_ack: " + JSON.stringify(message))
		return
	_accepted = true


func _on_actions(message: Dictionary) -> void:
	if int(message["snapshot"]) != _seq or int(message["seq"]) <= _last_answer_seq:
		_end(
			1, "actions %s answer snapshot %s, not %d" % [message["seq"], message["snapshot"], _seq]
		)
		return
	_last_answer_seq = int(message["seq"])
	_acks += 1
	_unanswered -= 1
	_slowest_ack_ms = maxf(_slowest_ack_ms, Time.get_ticks_msec() - _sent_at_ms)
	for id: String in message["cancel"]:
		_on_cancel(id)
	for action: Dictionary in message["actions"]:
		_on_action(action)


func _on_cancel(id: String) -> void:
	_cancels += 1
	for agent: String in _running:
		if _running[agent]["id"] == id:
			_report(agent, "cancelled")
			return
	# The action may have ended while the cancel was on its way.
	if not _ended.has(id):
		_end(1, "cancel of an action that never was: " + id)


func _on_action(action: Dictionary) -> void:
	var agent: String = action["agent"]
	var id: String = action["id"]
	if _ended.has(id) or (_running.has(agent) and _running[agent]["id"] == id):
		_renamed += 1
		return
	if not _declares(agent, action["name"]):
		_end(1, "%s never declared %s" % [agent, action["name"]])
		return
	if _running.has(agent):
		_end(
			1, "%s is to do %s while %s goes on" % [agent, action["name"], _running[agent]["name"]]
		)
		return
	_count(_actions, action["name"])
	_count(_by_agent, agent)
	_count(_sources, action["source"])
	_running[agent] = {"id": id, "name": action["name"], "until": _now + ACTION_TAKES_S}
	_result(agent, id, "running")


func _declares(agent: String, action: String) -> bool:
	var declared: Array = _declared.get(agent, [])
	return declared.any(func(entry: Dictionary) -> bool: return entry["name"] == action)


func _finish_actions() -> void:
	for agent: String in _running.keys():
		if _now >= _running[agent]["until"]:
			_happen(_running[agent]["name"])
			_report(agent, "success")


## What an action does to the world once it has succeeded.
func _happen(action: String) -> void:
	match action:
		"Steal":
			_loot = true
		"HideLoot":
			_loot = false
		"Challenge", "Attack":
			var challenge: Dictionary = {
				"agent": "thief_1",
				"name": "challenge",
				"data": {"text": "Halt!"},
				"time_ms": int(_now * 1000.0),
			}
			_events.append(challenge)


## Ends the running action of `agent` and says how.
func _report(agent: String, status: String) -> void:
	var id: String = _running[agent]["id"]
	_running.erase(agent)
	_ended[id] = true
	_result(agent, id, status)


func _result(agent: String, id: String, status: String) -> void:
	_count(_results, status)
	_send(
		{
			"type": "action_result",
			"agent": agent,
			"id": id,
			"status": status,
			"time_ms": int(_now * 1000.0),
		}
	)


func _count(counts: Dictionary[String, int], key: String) -> void:
	counts[key] = counts.get(key, 0) + 1


func _end(code: int, why: String) -> void:
	if not is_processing():
		return
	set_process(false)
	if _socket.get_ready_state() == WebSocketPeer.STATE_OPEN:
		_socket.send_text(JSON.stringify({"type": "bye", "reason": why}))
		_socket.close(1000, "bye")
	if why != "":
		_errors.append(why)
	var summary: Dictionary = {
		"snapshots": _snapshots,
		"acks": _acks,
		"actions": _actions,
		"by_agent": _by_agent,
		"sources": _sources,
		"results": _results,
		"cancels": _cancels,
		"renamed": _renamed,
		"says": _says,
		"slowest_ack_ms": _slowest_ack_ms,
		"seconds": snappedf(_now, 0.01),
		"errors": _errors,
	}
	print(JSON.stringify(summary, "", false))
	get_tree().quit(code)

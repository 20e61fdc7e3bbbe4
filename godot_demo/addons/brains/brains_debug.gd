class_name BrainsDebug
extends Node
## The game's side of the editor's Brains panel.
##
## The client adds one below itself in a game that was started from the editor. It greets the
## panel, and from then on sends only what the panel has asked for, as often as that wants it: a
## list with one short row per agent, and all that there is to know of one agent. It only reads; a
## game plays the same with it.

## Prefix of all messages.
const CAPTURE: StringName = &"brains"
## Most agents in a list; the panel's filter finds the others.
const MOST_ROWS: int = 500
## Agents that are looked at in one frame: a thousand of them must not cost a frame of their own.
const ROWS_PER_FRAME: int = 100
## Most orders that are told of the tracked agent.
const MOST_ORDERS: int = 20
## Longest text of an observation; a message of more than 8 MiB would be dropped.
const LONGEST_OBSERVATION: int = 65536
const LONGEST_CELL: int = 120
const SHORTEST_MS: int = 100
const LONGEST_MS: int = 1000
## Names of BrainsClient.State.
const STATES: PackedStringArray = ["off", "connecting", "greeting", "open", "waiting", "refused"]

## The client; its parent, unless set before.
var client: Object
## Takes a message and its data to the editor.
var sender: Callable = EngineDebugger.send_message

var _interval_ms: int = 0
var _filter: PackedStringArray = []
var _due_ms: int = 0
var _left: Array = []
var _next: int = 0
var _rows: Array[Array] = []
var _matching: int = 0
var _tracked: String = ""
var _is_captured: bool = false
var _lost: String = ""
var _problem: String = ""


func _init() -> void:
	name = "BrainsDebug"
	process_mode = Node.PROCESS_MODE_ALWAYS


func _enter_tree() -> void:
	if client == null:
		client = get_parent()
	_listen(&"connected", _on_connected)
	_listen(&"disconnected", _on_disconnected)
	_listen(&"problem", _on_problem)
	# The first one keeps it: a second client in the same game is not the one that plays.
	if not EngineDebugger.has_capture(CAPTURE):
		EngineDebugger.register_message_capture(CAPTURE, take)
		_is_captured = true
		_greet()


func _exit_tree() -> void:
	if _is_captured:
		_is_captured = false
		EngineDebugger.unregister_message_capture(CAPTURE)
	_interval_ms = 0
	_forget_sample()


func _process(_delta: float) -> void:
	step(Time.get_ticks_msec())


## Takes a message of the panel, its name without the prefix; false if it is unknown.
func take(message: String, data: Array) -> bool:
	match message:
		"watch":
			_watch(int(_item(data, 0, 0)), str(_item(data, 1, "")))
		"track":
			_track(str(_item(data, 0, "")))
		_:
			return false
	return true


## Sends what is due at this time. Called once a frame.
func step(now_ms: int) -> void:
	if _interval_ms == 0:
		return
	if _left.is_empty():
		if now_ms < _due_ms:
			return
		_due_ms = now_ms + _interval_ms
		_left = client.call(&"agents")
		_matching = 0
	_sample()


func _watch(interval_ms: int, filter: String) -> void:
	_forget_sample()
	_filter = filter.to_lower().split(" ", false)
	_due_ms = 0
	if interval_ms <= 0:
		_interval_ms = 0
		return
	if _interval_ms == 0:
		# Also the answer to a panel that was opened after the greeting.
		_greet()
	_interval_ms = clampi(interval_ms, SHORTEST_MS, LONGEST_MS)


func _greet() -> void:
	_send("hello", [{"version": BrainsProtocol.ADDON_VERSION}])


func _send(message: String, data: Array) -> void:
	sender.call("%s:%s" % [CAPTURE, message], data)


# --- the list ---


func _sample() -> void:
	var stop: int = mini(_left.size(), _next + ROWS_PER_FRAME)
	while _next < stop:
		_add_row(_left[_next])
		_next += 1
		if _rows.size() == MOST_ROWS and _filter.is_empty():
			_matching = _left.size()
			_next = _left.size()
	if _next < _left.size():
		return
	var status: Dictionary = _status()
	status["total"] = _left.size()
	status["matching"] = _matching
	var rows: Array[Array] = _rows
	_forget_sample()
	_send("list", [status, rows])
	if not _tracked.is_empty():
		_send("agent", [_details()])


func _forget_sample() -> void:
	_left = []
	_next = 0
	_rows = []


func _add_row(agent: Variant) -> void:
	# A sample takes several frames; agents may be gone meanwhile.
	if not is_instance_valid(agent):
		return
	var seen: Dictionary = (agent as Object).call(&"describe")
	var row: Array = []
	for column: String in ["id", "brain", "state", "action", "source"]:
		row.append(_cell(seen.get(column)))
	row.append(float(_number(seen.get("age_ms"))))
	if not _filter.is_empty():
		var text: String = " ".join(PackedStringArray(row.slice(0, 5))).to_lower()
		for word: String in _filter:
			if not text.contains(word):
				return
	_matching += 1
	if _rows.size() < MOST_ROWS:
		_rows.append(row)


func _status() -> Dictionary:
	var state: int = client.get(&"state")
	var counters: Dictionary = client.call(&"counters")
	return {
		"state": STATES[state] if state >= 0 and state < STATES.size() else str(state),
		"url": _url(),
		"session": _text(client.get(&"session_id")),
		"lost": _lost,
		"problem": _problem,
		"counters": counters,
	}


func _url() -> String:
	var link: Object = client.get(&"link")
	var url: String = _text(link.get(&"url")) if link != null else ""
	return url if not url.is_empty() else BrainsSettings.server_url()


# --- one agent ---


func _track(id: String) -> void:
	_tracked = id
	# It may be due at once: a person is waiting for it.
	_due_ms = 0


func _details() -> Dictionary:
	var agent: Object = client.call(&"get_agent", _tracked)
	if agent == null:
		return {"id": _tracked, "state": "gone"}
	var seen: Dictionary = agent.call(&"describe")
	return {
		"id": _cell(seen.get("id")),
		"brain": _cell(seen.get("brain")),
		"state": _cell(seen.get("state")),
		"action": _cell(seen.get("action")),
		"params": _params(seen.get("params")),
		"source": _cell(seen.get("source")),
		"reason": _text(seen.get("reason")).left(1000),
		"age_ms": float(_number(seen.get("age_ms"))),
		"line": _text(seen.get("line")).left(4000),
		"decision_rate": float(_number(seen.get("decision_rate"))),
		"refusal": _text(seen.get("refusal")).left(1000),
		"available": _available(agent),
		"observation": _observation(agent),
		"orders": _orders(agent, seen),
	}


func _available(agent: Object) -> PackedStringArray:
	var names: PackedStringArray = []
	if agent.has_method(&"possible_actions"):
		for action: Variant in agent.call(&"possible_actions"):
			names.append(str(action))
	return names


func _observation(agent: Object) -> String:
	# What the brain was told last: to look anew could change the game.
	if not agent.has_method(&"last_observation"):
		return ""
	var text: String = _pretty(agent.call(&"last_observation"), "")
	if text.length() > LONGEST_OBSERVATION:
		var more: int = text.length() - LONGEST_OBSERVATION
		return text.left(LONGEST_OBSERVATION) + "\n… and %d characters more" % more
	return text


## The running orders, and below them those that ended last, the newest first.
func _orders(agent: Object, seen: Dictionary) -> Array[Dictionary]:
	var orders: Array[Dictionary] = []
	for order: Object in agent.call(&"running"):
		(
			orders
			. append(
				{
					"name": _cell(order.get(&"name")),
					"params": _params(order.get(&"params")),
					"source": _cell(order.get(&"source")),
					"status": "running",
					"message": _text(order.get(&"reason")).left(1000),
				}
			)
		)
	var ended: Array = seen.get("history", [])
	for index: int in range(ended.size() - 1, -1, -1):
		var order: Dictionary = ended[index]
		(
			orders
			. append(
				{
					"name": _cell(order.get("name")),
					"params": "",
					"source": _cell(order.get("source")),
					"status": _cell(order.get("status")),
					"message": _text(order.get("message")).left(1000),
				}
			)
		)
	return orders.slice(0, MOST_ORDERS)


# --- the client ---


func _listen(signal_name: StringName, method: Callable) -> void:
	if client.has_signal(signal_name) and not client.is_connected(signal_name, method):
		client.connect(signal_name, method)


func _on_connected(_resumed: bool) -> void:
	_lost = ""


func _on_disconnected(_code: int, reason: String, _retry_in_s: float) -> void:
	_lost = reason


func _on_problem(code: String, message: String, hint: String) -> void:
	_problem = ("%s: %s %s" % [code, message, hint]).strip_edges()


# --- texts ---


static func _item(data: Array, index: int, otherwise: Variant) -> Variant:
	return data[index] if index < data.size() else otherwise


static func _text(value: Variant) -> String:
	return "" if value == null else str(value)


static func _cell(value: Variant) -> String:
	return _text(value).left(LONGEST_CELL)


static func _number(value: Variant) -> Variant:
	return value if value is float or value is int else 0.0


static func _params(value: Variant) -> String:
	if not value is Dictionary:
		return ""
	var parts: PackedStringArray = []
	for key: Variant in value:
		var text: String = JSON.stringify(BrainsCodec.encode(value[key]), "", false)
		parts.append("%s: %s" % [key, text])
	return ", ".join(parts).left(1000)


## JSON for people: a point takes one line, and not four.
static func _pretty(value: Variant, indent: String) -> String:
	var deeper: String = indent + "  "
	var parts: PackedStringArray = []
	if value is Dictionary:
		for key: Variant in value:
			parts.append("%s: %s" % [JSON.stringify(str(key)), _pretty(value[key], deeper)])
		return _lines("{", parts, "}", indent)
	if not value is Array:
		return JSON.stringify(value)
	var is_flat: bool = true
	for part: Variant in value:
		is_flat = is_flat and not (part is Array or part is Dictionary)
		parts.append(_pretty(part, deeper))
	return "[%s]" % ", ".join(parts) if is_flat else _lines("[", parts, "]", indent)


static func _lines(
	opening: String, parts: PackedStringArray, closing: String, indent: String
) -> String:
	if parts.is_empty():
		return opening + closing
	var between: String = ",\n" + indent + "  "
	return "%s\n%s  %s\n%s%s" % [opening, indent, between.join(parts), indent, closing]

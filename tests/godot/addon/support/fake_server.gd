class_name FakeBrainsServer
extends Node
## A server of protocol 1 that does as a test tells it, in the same process as its client.
##
## In the tree it polls itself on every frame; outside of it, call [method poll]. All methods that
## send or close mean the newest connection. It talks by itself only where an `auto_*` variable says
## so; [method serve] sets them all.

## Address for a client.
var url: String:
	get:
		return "ws://127.0.0.1:%d" % port

var port: int = 0

## What clients have sent and no [method take] has taken yet, oldest first. What came right before a
## close is lost, as it is in any peer that Godot makes (a server in Python has it).
var received: Array[Dictionary] = []

## How many TCP connections there have been.
var connections: int = 0

## Whether the newest connection has been through the WebSocket handshake and is still open.
var is_open: bool:
	get:
		return _newest != null and _newest.socket.get_ready_state() == WebSocketPeer.STATE_OPEN

## Code and reason with which a client closed a connection last; -1 and "" if it just vanished, 0
## before that.
var closed_code: int = 0
var closed_reason: String = ""

## HTTP status with which upgrades are refused; 0 accepts them.
var refuse_upgrade: int = 0

## Answers every `hello` with this `welcome`: the options of [method welcome].
var auto_welcome: bool = false
var welcome_options: Dictionary = {}

## Answers every `agents` with an `agents_ack` that takes all.
var auto_ack: bool = false

## Answers every `snapshot`, with the actions that [member on_snapshot] returns.
var auto_answer: bool = false

## Takes a snapshot and returns the actions for it, an Array of dictionaries as [method order] makes
## them.
var on_snapshot: Callable

## Whether it takes Variants from clients that ask for it. They are in [member received] as JSON
## would have had them.
var takes_variant: bool = false

## How many binary frames have come, and how many bytes are in them.
var binary_frames: int = 0
var binary_bytes: int = 0

## `seq` of the last `actions`.
var seq: int = 0

var _listener: TCPServer = TCPServer.new()
var _links: Array[Link] = []
var _newest: Link
var _is_frozen: bool = false


func _init() -> void:
	process_mode = Node.PROCESS_MODE_ALWAYS
	_listen(0)


func _process(_delta: float) -> void:
	poll()


func _notification(what: int) -> void:
	if what == NOTIFICATION_PREDELETE:
		stop()


## Takes new connections, and reads what has come in.
func poll() -> void:
	if _is_frozen:
		return
	while _listener.is_listening() and _listener.is_connection_available():
		_accept(_listener.take_connection())
	for link: Link in _links.duplicate():
		_poll_link(link)


## Does by itself what a server does: welcomes, takes every agent, and answers every snapshot with
## no actions.
func serve() -> void:
	auto_welcome = true
	auto_ack = true
	auto_answer = true


## Removes the oldest message of this type from [member received] and returns it; {} if there is
## none.
func take(type: String) -> Dictionary:
	for index: int in received.size():
		if received[index].get("type") == type:
			return received.pop_at(index)
	return {}


## Removes all messages of this type from [member received] and returns them.
func take_all(type: String) -> Array[Dictionary]:
	var taken: Array[Dictionary] = []
	while count(type) > 0:
		taken.append(take(type))
	return taken


## How many messages of this type are in [member received].
func count(type: String) -> int:
	var of_type: Callable = func(message: Dictionary) -> bool: return message.get("type") == type
	return received.filter(of_type).size()


## Whether a message of this type has come; for [method BrainsTest.until]:
## `server.has.bind("hello")`.
func has(type: String) -> bool:
	return count(type) > 0


## Sends a `welcome`. `options` replace its fields; those of its dictionaries (`session`, `limits`
## ...) one by one.
func welcome(options: Dictionary = {}) -> void:
	var message: Dictionary = {
		"type": "welcome",
		"protocol": 1,
		"server": {"name": "fake", "version": "0"},
		"session": {"id": "s1", "resume": "secret1", "resumed": false, "ttl_s": 60.0},
		"tick": {"mode": "snapshot", "hz": 10.0},
		"limits": {"max_message_bytes": 4194304, "max_agents": 1000, "window": 2},
		"heartbeat_s": 5.0,
		"features": [],
		"brains": ["guard", "merchant", "villager"],
	}
	for key: String in options:
		if options[key] is Dictionary and message.get(key) is Dictionary:
			(message[key] as Dictionary).merge(options[key], true)
		else:
			message[key] = options[key]
	if not message["session"]["resumed"]:
		seq = 0
	send(message)


## Sends an `agents_ack` that takes the agents `ids` and refuses `rejected`, an Array of {id, code,
## message}.
func ack(ids: Array, rejected: Array = [], epoch: int = 0) -> void:
	send({"type": "agents_ack", "epoch": epoch, "ok": ids, "rejected": rejected})


## Answers a snapshot.
func answer(
	snapshot: Dictionary, actions: Array = [], cancel: Array = [], busy: Array = []
) -> void:
	seq += 1
	var message: Dictionary = {"type": "actions", "seq": seq, "server_ms": 0.5}
	message.merge({"snapshot": snapshot.get("seq", 0), "epoch": snapshot.get("epoch", 0)})
	message.merge({"cancel": cancel, "actions": actions, "busy": busy})
	send(message)


## Returns an action as it stands in `actions`.
func order(
	agent: String, id: String, action: String, params: Dictionary = {}, more: Dictionary = {}
) -> Dictionary:
	var entry: Dictionary = {"agent": agent, "id": id, "name": action, "params": params}
	entry["source"] = "tree"
	entry.merge(more, true)
	return entry


## Sends a piece of a line of speech.
func say(agent: String, id: String, text: String, done: bool = false) -> void:
	send({"type": "say", "agent": agent, "id": id, "text": text, "done": done})


## Sends a message.
func send(message: Dictionary) -> void:
	send_raw(JSON.stringify(message, "", false))


## Sends a text frame.
func send_raw(text: String) -> void:
	if _newest == null:
		push_error("FakeBrainsServer: nobody is connected")
		return
	_newest.socket.send_text(text)


## Sends a binary frame.
func send_bytes(bytes: PackedByteArray) -> void:
	_newest.socket.send(bytes, WebSocketPeer.WRITE_MODE_BINARY)


## Writes bytes onto the connection past the WebSocket, for frames that Godot would not make.
func send_beside(bytes: PackedByteArray) -> void:
	_newest.stream.put_data(bytes)


## Closes the newest connection as a server does.
func close(code: int = 1000, reason: String = "") -> void:
	if _newest != null:
		_newest.socket.close(code, reason)


## Lets the newest connection break off, without a close frame.
func drop() -> void:
	if _newest != null:
		_newest.stream.disconnect_from_host()
		_forget(_newest)


## Stops to read, to accept and to answer, as a server whose process is stopped: connections stay,
## and new ones come about in the kernel only.
func freeze() -> void:
	_is_frozen = true


func thaw() -> void:
	_is_frozen = false


## Breaks off all connections and listens no longer.
func stop() -> void:
	for link: Link in _links.duplicate():
		link.stream.disconnect_from_host()
	_links.clear()
	_newest = null
	_listener.stop()


## Listens again, on the same port.
func restart() -> void:
	_listen(port)


## How many connections are there now.
func open_connections() -> int:
	return _links.size()


func _listen(on_port: int) -> void:
	# Without an address it would listen on all interfaces.
	var failure: Error = _listener.listen(on_port, "127.0.0.1")
	if failure != OK:
		push_error("FakeBrainsServer: cannot listen: " + error_string(failure))
		return
	port = _listener.get_local_port()


func _accept(stream: StreamPeerTCP) -> void:
	connections += 1
	var link: Link = Link.new()
	link.stream = stream
	link.is_refused = refuse_upgrade != 0
	_links.append(link)
	if link.is_refused:
		return
	_newest = link
	# Buffers count from the handshake on.
	link.socket.inbound_buffer_size = 8388608
	link.socket.outbound_buffer_size = 8388608
	link.socket.accept_stream(stream)


func _poll_link(link: Link) -> void:
	if link.is_refused:
		_refuse(link)
		return
	link.socket.poll()
	while link.socket.get_available_packet_count() > 0:
		var packet: PackedByteArray = link.socket.get_packet()
		if link.socket.was_string_packet():
			_receive(packet.get_string_from_utf8())
		else:
			_receive_binary(packet)
	if link.socket.get_ready_state() == WebSocketPeer.STATE_CLOSED:
		closed_code = link.socket.get_close_code()
		closed_reason = link.socket.get_close_reason()
		_forget(link)


func _refuse(link: Link) -> void:
	link.stream.poll()
	if link.stream.get_available_bytes() <= 0:
		if link.stream.get_status() != StreamPeerTCP.STATUS_CONNECTED:
			_links.erase(link)
		return
	link.stream.get_data(link.stream.get_available_bytes())
	# With fewer than four headers Godot does not look at the status at all.
	var lines: PackedStringArray = [
		"HTTP/1.1 %d No" % refuse_upgrade,
		"Content-Length: 0",
		"Content-Type: text/plain",
		"Connection: close",
		"Server: fake",
		"",
		"",
	]
	link.stream.put_data("\r\n".join(lines).to_ascii_buffer())
	link.stream.disconnect_from_host()
	_links.erase(link)


func _receive(text: String) -> void:
	var parser: JSON = JSON.new()
	if parser.parse(text) != OK or not parser.data is Dictionary:
		push_error("FakeBrainsServer: not a message: " + text.left(200))
		return
	var message: Dictionary = parser.data
	received.append(message)
	_react(message)


func _receive_binary(packet: PackedByteArray) -> void:
	if not takes_variant:
		push_error("FakeBrainsServer: a binary frame that nobody offered to take")
		return
	binary_frames += 1
	binary_bytes += packet.size()
	var value: Variant = bytes_to_var(packet)
	if not value is Dictionary:
		push_error("FakeBrainsServer: a binary frame is no Dictionary")
		return
	_receive(BrainsCodec.to_text(BrainsCodec.encode(value, 64)))


func _react(message: Dictionary) -> void:
	match message.get("type"):
		"hello" when auto_welcome:
			var options: Dictionary = welcome_options.duplicate()
			if takes_variant and "variant" in message.get("features", []):
				options["features"] = ["variant"]
			welcome(options)
		"agents" when auto_ack:
			_ack_all(message)
		"snapshot" when auto_answer:
			answer(message, on_snapshot.call(message) if on_snapshot.is_valid() else [])


func _ack_all(agents: Dictionary) -> void:
	var ids: Array = (agents.get("add", []) as Array).map(
		func(entry: Dictionary) -> String: return entry["id"]
	)
	ack(ids, [], agents.get("epoch", 0))


func _forget(link: Link) -> void:
	_links.erase(link)
	if _newest == link:
		_newest = null if _links.is_empty() else _links.back()


## One connection.
class Link:
	extends RefCounted
	var stream: StreamPeerTCP
	var socket: WebSocketPeer = WebSocketPeer.new()
	var is_refused: bool = false

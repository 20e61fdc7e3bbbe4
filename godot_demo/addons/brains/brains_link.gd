class_name BrainsLink
extends RefCounted
## The connection to the server: opens it, says hello, notices its end, and opens it again.
##
## It does nothing by itself: its owner calls [method poll] once a frame with the time, and gets
## whole messages by [signal received].

## The server has answered the hello; from now on messages may be sent.
signal welcomed(message: Dictionary)
## The connection has ended, or could not be made. [param retry_in_s] is negative when it is final.
signal lost(code: int, reason: String, retry_in_s: float)
## A message has come; [code]welcome[/code], [code]ping[/code] and [code]pong[/code] stay in here.
signal received(message: Dictionary)

## OFF: nobody wants it. WAITING: until the next attempt. REFUSED: there will be none.
enum State { OFF, CONNECTING, GREETING, OPEN, WAITING, REFUSED }

## Frames that are read in one poll; a flood must not stop the game.
const MOST_FRAMES: int = 64
## So long it has to last before the next failure counts as the first one again.
const STABLE_MS: int = 2000
## Of the time between two polls no more counts: the rest is a breakpoint or a slow machine, and not
## the server's silence.
const PAUSE_MS: int = 1000
## As long as a close frame can carry.
const LONGEST_REASON: int = 120

var state: State = State.OFF
var url: String = ""
var token: String = ""
## How the game calls itself.
var client_name: String = ""
var session_id: String = ""
var bytes_sent: int = 0
var bytes_received: int = 0
## Messages that could not be read.
var malformed: int = 0

var connect_timeout_ms: int = 5000
var hello_timeout_ms: int = 5000
var heartbeat_ms: int = 5000
var retry_min_s: float = 0.25
var retry_max_s: float = 2.0
var max_message_bytes: int = 4 * 1024 * 1024
## How deeply observations may be nested.
var max_depth: int = 16
## Whether to ask the server to take Variants.
var offers_variant: bool = true
## The server takes Variants: see [method pack].
var takes_variant: bool = false
## Would like to be told what goes on in the agents' minds.
var wants_insight: bool = false
## The server tells it.
var has_insight: bool = false
## Takes messages of type [code]actions[/code], of which nearly all are, if it is set; otherwise
## [signal received] has them like all others. A signal takes longer.
var on_actions: Callable = Callable()

var _peer: WebSocketPeer
var _packed_mode: WebSocketPeer.WriteMode = WebSocketPeer.WRITE_MODE_TEXT
var _server_limit: int = 4096
var _secret: String = ""
var _attempts: int = 0
var _now_ms: int = 0
## When the present state is over.
var _deadline_ms: int = 0
var _opened_ms: int = 0
var _heard_ms: int = 0
var _pinged: bool = false


## Takes timeouts and limits from the project settings.
func configure() -> void:
	connect_timeout_ms = _milliseconds("connection/connect_timeout_s")
	hello_timeout_ms = _milliseconds("connection/hello_timeout_s")
	heartbeat_ms = _milliseconds("connection/heartbeat_s")
	retry_min_s = BrainsSettings.value("connection/retry_min_s")
	retry_max_s = maxf(retry_min_s, BrainsSettings.value("connection/retry_max_s"))
	max_message_bytes = int(BrainsSettings.value("connection/max_message_kib")) * 1024
	max_depth = BrainsSettings.value("snapshots/max_depth")
	offers_variant = BrainsSettings.value("snapshots/as_variant")
	wants_insight = BrainsSettings.value("insight/enabled")


## Begins to connect to [param where], and does so again and again until [method stop].
func start(where: String, now_ms: int) -> void:
	if state != State.OFF and state != State.REFUSED:
		stop("another server")
	url = where
	_attempts = 0
	_now_ms = now_ms
	_connect()


## Says bye and closes. The session is over: it is not resumed later.
func stop(reason: String = "bye") -> void:
	if _peer != null:
		if state == State.OPEN:
			send({"type": "bye", "reason": reason})
		_peer.close(1000, reason.left(LONGEST_REASON / 4))
		_peer = null
	state = State.OFF
	forget_session()


## Gives the connection up and connects again, as if it had been lost.
func drop(reason: String) -> void:
	if _peer != null:
		_fail(-1, reason)


## Does not ask for the old session any more.
func forget_session() -> void:
	_secret = ""
	session_id = ""


func is_open() -> bool:
	return state == State.OPEN


## Reads, and does whatever the time has come for. Call it once a frame, also while the tree is
## paused.
func poll(now_ms: int) -> void:
	var unwatched_ms: int = now_ms - _now_ms - PAUSE_MS
	if unwatched_ms > 0:
		_deadline_ms += unwatched_ms
		_heard_ms += unwatched_ms
	_now_ms = now_ms
	if _peer == null:
		if state == State.WAITING and now_ms >= _deadline_ms:
			_connect()
		return
	_peer.poll()
	if state != State.OPEN or _peer.get_ready_state() != WebSocketPeer.STATE_OPEN:
		_watch_peer()
	# In here, since nothing of this is in the processor's cache after a frame of the game, so that
	# each function that is called is read from memory.
	var frames: int = 0
	while frames < MOST_FRAMES and _peer != null and _peer.get_available_packet_count() > 0:
		frames += 1
		var packet: PackedByteArray = _peer.get_packet()
		_heard_ms = now_ms
		_pinged = false
		bytes_received += packet.size()
		# Bytes that are no text would be an error of the engine.
		var message: Variant = null
		if _peer.was_string_packet():
			message = BrainsCodec.parse(packet.get_string_from_utf8())
		if not message is Dictionary:
			malformed += 1
		elif (
			state == State.OPEN
			and is_same(message.get("type"), "actions")
			and on_actions.is_valid()
		):
			on_actions.call(message)
		else:
			_take(message)
	if state == State.GREETING or (state == State.OPEN and now_ms - _heard_ms >= heartbeat_ms):
		_check_heartbeat()


## Longest message that the server takes.
func longest() -> int:
	return mini(_server_limit, max_message_bytes)


## Returns the frame of a message: a Variant if the server takes those, which costs a quarter of
## JSON; else its text. Every dictionary of the game's in there has to come from [method encode].
func pack(message: Dictionary) -> PackedByteArray:
	return var_to_bytes(message) if takes_variant else BrainsCodec.to_text(message).to_utf8_buffer()


## Returns a dictionary of the game's as it may stand in a message for [method pack].
func encode(value: Dictionary) -> Dictionary:
	return (
		BrainsCodec.plain(value, max_depth)
		if takes_variant
		else BrainsCodec.encode(value, max_depth)
	)


## Sends a frame: one of [method pack], unless another [param mode] is given. [constant ERR_BUSY] if
## there is no room for it now, and nothing was sent.
func send_packed(frame: PackedByteArray, mode: WebSocketPeer.WriteMode = _packed_mode) -> Error:
	if state != State.OPEN and state != State.GREETING:
		return ERR_BUSY
	# The latter is so while the server does not read.
	var bytes: int = frame.size()
	if (
		bytes > _server_limit
		or bytes > max_message_bytes - _peer.get_current_outbound_buffered_amount()
	):
		return ERR_BUSY
	var failure: Error = _peer.send(frame, mode)
	if failure == OK:
		bytes_sent += bytes
	return failure


## Sends a message as text; [constant ERR_BUSY] if there is no room for it now.
func send(message: Dictionary) -> Error:
	return send_text(BrainsCodec.to_text(message))


## Sends the text of a message.
func send_text(text: String) -> Error:
	# As bytes, which is how they count; send_text() would make the same of it.
	return send_packed(text.to_utf8_buffer(), WebSocketPeer.WRITE_MODE_TEXT)


func _milliseconds(setting: String) -> int:
	return roundi(float(BrainsSettings.value(setting)) * 1000.0)


func _connect() -> void:
	# A fresh one each time: a peer keeps its buffers, and they count from the handshake on.
	_peer = WebSocketPeer.new()
	_peer.inbound_buffer_size = max_message_bytes
	_peer.outbound_buffer_size = max_message_bytes
	_server_limit = max_message_bytes
	state = State.CONNECTING
	_deadline_ms = _now_ms + connect_timeout_ms
	var is_address: bool = url.begins_with("ws://") or url.begins_with("wss://")
	if not is_address or _peer.connect_to_url(url) != OK:
		_peer = null
		state = State.REFUSED
		lost.emit(
			-1, "%s is no address of a WebSocket server, such as ws://127.0.0.1:8765" % url, -1.0
		)


## Does for a connection that is not open, or not any more, what there is to be done before it is
## read.
func _watch_peer() -> void:
	match _peer.get_ready_state():
		WebSocketPeer.STATE_OPEN:
			if state == State.CONNECTING:
				_greet()
		WebSocketPeer.STATE_CONNECTING:
			if _now_ms >= _deadline_ms:
				_fail(-1, "%s does not answer" % url)
		_:
			# While it is closing, our own messages may be stuck; but the server has said all that it will.
			var reason: String = _peer.get_close_reason()
			if reason.is_empty() and _peer.get_close_code() == -1 and state == State.OPEN:
				reason = "the connection was cut"
			_fail(_peer.get_close_code(), reason)


func _greet() -> void:
	state = State.GREETING
	_deadline_ms = _now_ms + hello_timeout_ms
	_heard_ms = _now_ms
	_pinged = false
	var hello: Dictionary = {
		"type": "hello",
		"protocol": BrainsProtocol.VERSION,
		"min_protocol": BrainsProtocol.VERSION,
		"client":
		{
			"name": client_name,
			"version": BrainsProtocol.ADDON_VERSION,
			"engine": "Godot %s" % Engine.get_version_info()["string"],
			"platform": OS.get_name(),
		},
		"features": _features(),
		"limits": {"max_message_bytes": max_message_bytes},
		"clock": {"physics_tps": Engine.physics_ticks_per_second},
	}
	if not token.is_empty():
		hello["token"] = token
	if not _secret.is_empty():
		hello["session"] = {"id": session_id, "resume": _secret}
	send(hello)


func _features() -> Array[String]:
	var wanted: Array[String] = []
	if offers_variant:
		wanted.append("variant")
	if wants_insight:
		wanted.append("insight")
	return wanted


func _take(message: Dictionary) -> void:
	var given: Variant = message.get("type")
	# A number would not even be compared with a text.
	var type: String = given if given is String else ""
	match type:
		"welcome":
			_on_welcome(message)
		"ping":
			send({"type": "pong", "t": message.get("t", 0.0)})
		"pong":
			pass
		_:
			if state == State.OPEN or type == "error":
				received.emit(message)


func _on_welcome(message: Dictionary) -> void:
	if state != State.GREETING:
		return
	var spoken: Variant = message.get("protocol")
	var version: int = int(spoken) if spoken is float or spoken is int else 0
	if version != BrainsProtocol.VERSION:
		_fail(4406, "unsupported_protocol: the server speaks %d" % version)
		return
	var session: Dictionary = _dictionary(message.get("session"))
	session_id = BrainsInbox.text_of(session, "id")
	_secret = BrainsInbox.text_of(session, "resume")
	var limit: Variant = _dictionary(message.get("limits")).get("max_message_bytes")
	if limit is float or limit is int:
		_server_limit = clampi(int(limit), 1024, max_message_bytes)
	var features: Array = BrainsInbox.list_of(message, "features")
	takes_variant = offers_variant and features.has("variant")
	has_insight = wants_insight and features.has("insight")
	_packed_mode = (
		WebSocketPeer.WRITE_MODE_BINARY if takes_variant else WebSocketPeer.WRITE_MODE_TEXT
	)
	state = State.OPEN
	_opened_ms = _now_ms
	welcomed.emit(message)


func _check_heartbeat() -> void:
	var silent_ms: int = _now_ms - _heard_ms
	if state == State.GREETING:
		if _now_ms >= _deadline_ms:
			_fail(-1, "%s does not answer the hello" % url)
	elif silent_ms >= 2 * heartbeat_ms:
		_fail(-1, "nothing from the server for %.1f s" % (silent_ms / 1000.0))
	elif silent_ms >= heartbeat_ms and not _pinged:
		_pinged = true
		send({"type": "ping", "t": _now_ms})


func _fail(code: int, reason: String) -> void:
	# Whatever is still in it counts no more; this drops TCP at once.
	_peer.close(-1)
	_peer = null
	if state == State.OPEN and _now_ms - _opened_ms >= STABLE_MS:
		_attempts = 0
	if code == BrainsProtocol.SESSION_REPLACED:
		forget_session()
	if not BrainsProtocol.may_retry(code):
		state = State.REFUSED
		forget_session()
		lost.emit(code, reason, -1.0)
		return
	state = State.WAITING
	var wait_s: float = minf(retry_max_s, retry_min_s * pow(2.0, minf(_attempts, 16.0)))
	# Many games of one machine must not all come back in the same moment.
	wait_s *= randf_range(0.5, 1.0)
	_attempts += 1
	_deadline_ms = _now_ms + roundi(wait_s * 1000.0)
	lost.emit(code, reason, wait_s)


static func _dictionary(value: Variant) -> Dictionary:
	return value if value is Dictionary else {}

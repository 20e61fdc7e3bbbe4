extends Node
## The plain chat client: one message as text, one answer, no `hello`.

const TIMEOUT_S := 90.0

var _socket: WebSocketPeer = WebSocketPeer.new()
var _waited: float = 0.0
var _sent: bool = false


func _ready() -> void:
	var url: String = OS.get_cmdline_user_args()[0]
	if _socket.connect_to_url(url) != OK:
		_give_up("cannot connect to " + url)


func _process(delta: float) -> void:
	_waited += delta
	_socket.poll()
	match _socket.get_ready_state():
		WebSocketPeer.STATE_OPEN:
			_talk()
		WebSocketPeer.STATE_CLOSED:
			_give_up("closed: %d %s" % [_socket.get_close_code(), _socket.get_close_reason()])
	if _waited > TIMEOUT_S:
		_give_up("no answer within %d s" % TIMEOUT_S)


func _talk() -> void:
	if not _sent:
		_sent = true
		_socket.send_text(JSON.stringify({"message": "Hola"}))
	while _socket.get_available_packet_count() > 0:
		var text: String = _socket.get_packet().get_string_from_utf8()
		var answer: Variant = JSON.parse_string(text)
		if answer is Dictionary and (answer as Dictionary).get("response") is String:
			print("response: ", (answer as Dictionary)["response"])
			_socket.close(1000, "bye")
			set_process(false)
			get_tree().quit(0)
		else:
			_give_up("not an answer: " + text)


func _give_up(why: String) -> void:
	print("chat_client: ", why)
	set_process(false)
	get_tree().quit(1)

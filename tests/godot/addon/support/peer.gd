extends Node
## A WebSocket client that does one thing and says on standard output what comes of it.
##
## User arguments: what to do, the server's address, and for some things a word more. It gives up
## after ten seconds.

const GIVE_UP_S: float = 10.0

var _socket: WebSocketPeer = WebSocketPeer.new()
var _task: String = ""
var _word: String = ""
var _age: float = 0.0
var _was_open: bool = false
var _resumes_at: float = INF


func _ready() -> void:
	var arguments: PackedStringArray = OS.get_cmdline_user_args()
	_task = arguments[0]
	_word = arguments[2] if arguments.size() > 2 else ""
	if _task == "subprotocol":
		_socket.supported_protocols = [_word]
	_socket.connect_to_url(arguments[1])


func _process(delta: float) -> void:
	_age += delta
	if _age > GIVE_UP_S:
		_end("gave up")
	elif _task != "stop polling" or not _was_open or _age >= _resumes_at:
		_poll()


func _exit_tree() -> void:
	print("left the tree")
	if _task.ends_with("close in _exit_tree"):
		_socket.close(1000, "bye")


func _poll() -> void:
	if _resumes_at < INF:
		print("state ", _socket.get_ready_state())
		_resumes_at = INF
		_was_open = false
		_task = "wait"
	_socket.poll()
	if _socket.get_ready_state() == WebSocketPeer.STATE_CLOSED:
		_end("closed %d %s" % [_socket.get_close_code(), _socket.get_close_reason()])
	elif _socket.get_ready_state() == WebSocketPeer.STATE_OPEN and not _was_open:
		_was_open = true
		_begin()


## What to do once it is open.
func _begin() -> void:
	match _task:
		"close and quit":
			_socket.send_text("last words")
			_socket.close(1000, "bye")
			get_tree().quit()
		"quit", "close in _exit_tree":
			get_tree().quit()
		"stop polling":
			_resumes_at = _age + _word.to_float()
		"send":
			_socket.outbound_buffer_size = 1 << 22
			_socket.send_text("a".repeat(_word.to_int()))
		"subprotocol":
			_end("open with " + _socket.get_selected_protocol())
		"stay", "stay and close in _exit_tree":
			_socket.send_text("here")


func _end(what: String) -> void:
	print(what)
	set_process(false)
	get_tree().quit()

class_name BrainsSocketTest
extends BrainsTest
## Base of suites in which a bare [WebSocketPeer] talks to the scripted server.

var server: FakeBrainsServer
var client: WebSocketPeer


func before_each() -> void:
	server = FakeBrainsServer.new()
	add_child(server)
	client = WebSocketPeer.new()


func connect_socket() -> bool:
	if client.connect_to_url(server.url) != OK:
		return false
	var is_settled: Callable = func() -> bool:
		client.poll()
		return client.get_ready_state() != WebSocketPeer.STATE_CONNECTING
	await until(is_settled)
	await until(func() -> bool: return server.is_open, 5)
	return client.get_ready_state() == WebSocketPeer.STATE_OPEN


func is_closed() -> bool:
	client.poll()
	return client.get_ready_state() == WebSocketPeer.STATE_CLOSED

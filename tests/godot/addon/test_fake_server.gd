extends BrainsSocketTest
## The scripted server keeps to what it says, before anything is tested with it.


func test_it_takes_a_connection_and_a_message() -> void:
	if not check(await connect_socket(), "cannot connect"):
		return
	client.send_text('{"type": "hello", "protocol": 1}')
	check(await until(server.has.bind("hello")))
	equal(server.take("hello"), {"type": "hello", "protocol": 1})
	equal(server.take("hello"), {})
	equal(server.connections, 1)


func test_it_listens_on_loopback_only() -> void:
	contains(server.url, "ws://127.0.0.1:")


func test_it_answers_by_itself_if_told_to() -> void:
	server.serve()
	server.on_snapshot = func(snapshot: Dictionary) -> Array:
		return [server.order("a", "o%d" % snapshot["seq"], "Walk")]
	check(await connect_socket())
	client.send_text('{"type": "hello"}')
	client.send_text('{"type": "agents", "epoch": 2, "add": [{"id": "a"}]}')
	client.send_text('{"type": "snapshot", "seq": 7, "epoch": 2}')
	var welcome: Dictionary = await _receive()
	equal(welcome["type"], "welcome")
	equal(welcome["session"]["resumed"], false)
	equal(await _receive(), {"type": "agents_ack", "epoch": 2, "ok": ["a"], "rejected": []})
	var actions: Dictionary = await _receive()
	equal(actions["snapshot"], 7)
	equal(actions["seq"], 1)
	equal(
		actions["actions"],
		[{"agent": "a", "id": "o7", "name": "Walk", "params": {}, "source": "tree"}],
	)


func test_options_of_a_welcome_replace_single_fields() -> void:
	check(await connect_socket())
	server.welcome({"session": {"resumed": true}, "heartbeat_s": 1.0})
	var welcome: Dictionary = await _receive()
	equal(welcome["session"], {"id": "s1", "resume": "secret1", "resumed": true, "ttl_s": 60})
	equal(welcome["heartbeat_s"], 1.0)


func test_a_close_reaches_the_client() -> void:
	check(await connect_socket())
	server.close(4401, "unauthorized: no")
	check(await until(is_closed))
	equal(client.get_close_code(), 4401)
	equal(client.get_close_reason(), "unauthorized: no")


func test_a_drop_is_no_close() -> void:
	check(await connect_socket())
	server.drop()
	check(await until(is_closed))
	equal(client.get_close_code(), -1)
	equal(server.open_connections(), 0)


func test_it_sees_how_a_client_closes() -> void:
	check(await connect_socket())
	client.close(1000, "bye")
	check(await until(func() -> bool: return is_closed() and server.open_connections() == 0))
	equal(server.closed_code, 1000)
	equal(server.closed_reason, "bye")


func test_frozen_it_reads_nothing_and_thawed_it_reads_all() -> void:
	check(await connect_socket())
	server.freeze()
	client.send_text('{"type": "ping"}')
	await frames(20)
	equal(server.received, [])
	server.thaw()
	check(await until(server.has.bind("ping")))


func test_it_comes_back_on_the_same_port() -> void:
	var url: String = server.url
	check(await connect_socket())
	server.stop()
	check(await until(is_closed))
	server.restart()
	equal(server.url, url)
	client = WebSocketPeer.new()
	check(await connect_socket())
	equal(server.connections, 2)


func test_it_refuses_an_upgrade() -> void:
	server.refuse_upgrade = 401
	expect_error("Invalid status code. Got: '401', expected '101'")
	expect_error("Invalid response headers")
	check(not await connect_socket(), "connected")
	check(await until(is_closed))
	equal(client.get_close_code(), -1)


func test_a_second_connection_is_the_newest() -> void:
	check(await connect_socket())
	var first: WebSocketPeer = client
	client = WebSocketPeer.new()
	check(await connect_socket())
	server.send_raw("to the second")
	var arrived: Callable = func() -> bool:
		client.poll()
		first.poll()
		return client.get_available_packet_count() > 0
	check(await until(arrived))
	equal(first.get_available_packet_count(), 0)
	equal(server.open_connections(), 2)


func _receive() -> Dictionary:
	var arrived: Callable = func() -> bool:
		client.poll()
		return client.get_available_packet_count() > 0
	if not await until(arrived):
		fails("nothing received")
		return {}
	return JSON.parse_string(client.get_packet().get_string_from_utf8())

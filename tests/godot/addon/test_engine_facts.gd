extends BrainsSocketTest
## What the addon knows of Godot's WebSocketPeer, as tests of Godot alone. Where one fails in some
## version of Godot, the part of the addon that its comment names has to be looked at again;
## test_link.gd has the tests of what is made of these facts.
##
## Those that take a peer in Python are in tests/godot/test_engine_facts.py.

## Most bytes that fit into the buffers as they are by default.
const DEFAULT_BUFFER: int = 65535

# --- buffers ---


func test_buffers_hold_64_kib_by_default() -> void:
	equal(client.inbound_buffer_size, DEFAULT_BUFFER)
	equal(client.outbound_buffer_size, DEFAULT_BUFFER)
	equal(client.max_queued_packets, 4096)


func test_a_message_as_long_as_the_buffer_is_sent() -> void:
	check(await connect_socket())
	equal(client.send_text(_message(DEFAULT_BUFFER)), OK)
	check(await until(server.has.bind("x")))


## The link therefore measures a message before it sends it.
func test_one_byte_more_is_an_error_and_the_connection_stays() -> void:
	expect_error("Not enough space|Out of memory|outbound")
	check(await connect_socket())
	equal(client.send_text(_message(DEFAULT_BUFFER + 1)), ERR_OUT_OF_MEMORY)
	equal(client.get_ready_state(), WebSocketPeer.STATE_OPEN)
	equal(client.send_text(_message(30)), OK)
	check(await until(server.has.bind("x")))
	equal(server.received.size(), 1)


## The limit is one of bytes, and a text has characters.
func test_the_limit_counts_bytes() -> void:
	expect_error("Not enough space|Out of memory|outbound")
	check(await connect_socket())
	equal(client.send_text("é".repeat(DEFAULT_BUFFER / 2 + 1)), ERR_OUT_OF_MEMORY)
	equal(client.get_current_outbound_buffered_amount(), 0)


func test_several_long_messages_leave_in_one_frame() -> void:
	check(await connect_socket())
	for _time: int in 3:
		equal(client.send_text(_message(DEFAULT_BUFFER)), OK)
		equal(client.get_current_outbound_buffered_amount(), 0)
	check(await until(func() -> bool: return server.count("x") == 3))


func test_many_short_messages_leave_in_one_frame() -> void:
	check(await connect_socket())
	for _time: int in 5000:
		if client.send_text(_message(200)) != OK:
			fails("not sent")
			return
	check(await until(func() -> bool: return server.received.size() == 5000))


## So the link looks at the amount that is buffered, since the state says nothing.
func test_a_server_that_does_not_read_is_seen_late_and_only_in_the_buffered_amount() -> void:
	expect_error("Not enough space|Out of memory|outbound")
	check(await connect_socket())
	server.freeze()
	var text: String = _message(65000)
	var sent: int = 0
	while client.send_text(text) == OK and sent < 400:
		client.poll()
		sent += 1
	check(sent > 3 and sent < 400, "the kernel takes some")
	equal(client.get_ready_state(), WebSocketPeer.STATE_OPEN)
	check(client.get_current_outbound_buffered_amount() > 0)


func test_a_message_as_long_as_the_buffer_is_received() -> void:
	check(await connect_socket())
	server.send_raw(_message(DEFAULT_BUFFER))
	check(await until(_has_packet))
	equal(client.get_packet().size(), DEFAULT_BUFFER)


## The link says in its hello how much it can take.
func test_one_byte_more_closes_the_connection() -> void:
	check(await connect_socket())
	server.send_raw(_message(DEFAULT_BUFFER + 1))
	check(await until(is_closed))
	equal(client.get_close_code(), 1009)
	equal(client.get_close_reason(), "Message too big")


## The link sets them before it connects, with a fresh peer for each attempt.
func test_buffers_count_from_the_handshake_on() -> void:
	check(await connect_socket())
	client.inbound_buffer_size = 1 << 20
	server.send_raw(_message(100000))
	check(await until(is_closed))
	equal(client.get_close_code(), 1009)
	check(await connect_socket(), "a peer can be used again")
	server.send_raw(_message(100000))
	check(await until(_has_packet))
	equal(client.get_packet().size(), 100000)


## No frame of a server of ours is fragmented, and the heartbeat notices a connection that hangs.
func test_a_fragmented_message_above_the_buffer_hangs_without_a_word() -> void:
	check(await connect_socket())
	_send_fragments(66, 1000)
	await frames(60)
	equal(client.get_ready_state(), WebSocketPeer.STATE_OPEN)
	equal(client.get_available_packet_count(), 0)
	server.send_raw("{}")
	await frames(20)
	equal(client.get_available_packet_count(), 0, "nothing else is read either")


func test_a_fragmented_message_below_it_arrives() -> void:
	check(await connect_socket())
	_send_fragments(65, 1000)
	check(await until(_has_packet))
	equal(client.get_packet().size(), 65000)


## The link reads some per frame, and so a flood does not stop the game.
func test_of_a_flood_nothing_is_lost() -> void:
	check(await connect_socket())
	const COUNT: int = 10000
	for number: int in COUNT:
		server.send_raw(str(number))
	var seen: int = 0
	var polls: int = 0
	while seen < COUNT and polls < 2000:
		client.poll()
		polls += 1
		while client.get_available_packet_count() > 0:
			if client.get_packet().get_string_from_utf8() != str(seen):
				fails("%d is lost" % seen)
				return
			seen += 1
		await frames(1)
	equal(seen, COUNT)
	check(polls > 1, "not all at once")


func test_a_frame_that_is_no_unicode_closes_the_connection() -> void:
	check(await connect_socket())
	server.send_beside([0x81, 2, 0xC3, 0x28])
	check(await until(is_closed))
	equal(client.get_close_code(), 1007)


## The server is told not to compress, since Godot cannot.
func test_a_compressed_frame_closes_the_connection() -> void:
	check(await connect_socket())
	server.send_beside([0xC1, 1, 0x00])
	check(await until(is_closed))
	equal(client.get_close_code(), 1002)


# --- connecting ---


func test_a_port_without_a_server_is_seen_at_the_first_polls() -> void:
	server.stop()
	equal(client.connect_to_url(server.url), OK, "it does not wait for that")
	check(await until(is_closed, 60))
	equal(client.get_close_code(), -1)
	equal(client.get_close_reason(), "")


func test_an_address_of_another_kind_is_an_error_at_once() -> void:
	expect_error("Invalid protocol|Condition")
	equal(client.connect_to_url("http://127.0.0.1:1"), ERR_INVALID_PARAMETER)


func test_a_peer_connects_to_one_server_at_a_time() -> void:
	expect_error("Condition|ready_state")
	check(await connect_socket())
	equal(client.connect_to_url(server.url), ERR_ALREADY_IN_USE)


## The link has a time limit of its own.
func test_there_is_no_time_limit_for_the_handshake() -> void:
	server.freeze()
	client.connect_to_url(server.url)
	for _frame: int in 60:
		client.poll()
		await frames(1)
	equal(client.get_ready_state(), WebSocketPeer.STATE_CONNECTING)
	client.close(-1)


## So a server has to say no after the upgrade, with a close code.
func test_the_status_of_a_refused_upgrade_cannot_be_read() -> void:
	expect_error("Invalid status code. Got: '403'")
	expect_error("Invalid response headers")
	server.refuse_upgrade = 403
	client.connect_to_url(server.url)
	check(await until(is_closed))
	equal(client.get_close_code(), -1)
	equal(client.get_close_reason(), "")


# --- closing ---


func test_code_and_reason_of_a_close_can_be_read() -> void:
	check(await connect_socket())
	server.close(4401, "unauthorized: who are you?")
	check(await until(is_closed))
	equal(client.get_close_code(), 4401)
	equal(client.get_close_reason(), "unauthorized: who are you?")


func test_they_can_be_read_even_if_the_close_comes_with_the_handshake() -> void:
	client.connect_to_url(server.url)
	for _frame: int in 600:
		if server.is_open:
			break
		client.poll()
		await frames(1)
	# The server has upgraded the connection, and the client has not looked since.
	equal(client.get_ready_state(), WebSocketPeer.STATE_CONNECTING)
	server.close(4406, "unsupported_protocol: no")
	check(await until(is_closed))
	equal(client.get_close_code(), 4406)
	equal(client.get_close_reason(), "unsupported_protocol: no")


## Which is why errors that end a session stand in the reason of the close (godot #107442).
func test_a_message_right_before_a_close_is_lost() -> void:
	check(await connect_socket())
	server.send_raw('{"type": "error"}')
	server.close(4400, "bad_message: no")
	check(await until(is_closed))
	equal(client.get_available_packet_count(), 0)
	equal(client.get_close_code(), 4400)


func test_a_message_some_frames_before_a_close_arrives() -> void:
	check(await connect_socket())
	server.send_raw('{"type": "error"}')
	check(await until(_has_packet))
	server.close(4400, "bad_message: no")
	equal(client.get_packet().get_string_from_utf8(), '{"type": "error"}')
	check(await until(is_closed))
	equal(client.get_close_code(), 4400)


func test_a_connection_that_breaks_off_has_no_code() -> void:
	check(await connect_socket())
	server.drop()
	check(await until(is_closed))
	equal(client.get_close_code(), -1)
	equal(client.get_close_reason(), "")


## The link cuts its reasons.
func test_with_a_reason_that_is_too_long_it_never_closes() -> void:
	check(await connect_socket())
	client.close(1000, "é".repeat(62))
	for _frame: int in 60:
		client.poll()
		await frames(1)
	equal(client.get_ready_state(), WebSocketPeer.STATE_CLOSING)
	check(server.is_open)
	client.close(-1)


func test_a_reason_may_have_123_bytes() -> void:
	check(await connect_socket())
	client.close(1000, "x".repeat(123))
	check(await until(func() -> bool: return server.closed_code == 1000))
	equal(server.closed_reason.length(), 123)


# --- silence ---


## The link pings by itself: heartbeat_interval would, but not in web exports.
func test_a_frozen_server_goes_unnoticed() -> void:
	check(await connect_socket())
	server.freeze()
	for _frame: int in 120:
		client.poll()
		await frames(1)
	equal(client.get_ready_state(), WebSocketPeer.STATE_OPEN)


func test_with_a_heartbeat_interval_it_is_noticed() -> void:
	client.heartbeat_interval = 0.1
	check(await connect_socket())
	server.freeze()
	check(await until(is_closed, 2000))
	equal(client.get_close_code(), -1)


## Polling goes on while the tree is paused, so that the server keeps the connection.
func test_without_polling_the_state_stays_as_it_was() -> void:
	check(await connect_socket())
	server.close(1001, "shutting down")
	await frames(30)
	equal(client.get_ready_state(), WebSocketPeer.STATE_OPEN)
	check(await until(is_closed))
	equal(client.get_close_code(), 1001)


## A message of this many bytes, which the scripted server can read.
func _message(size: int) -> String:
	const HEAD: String = '{"type": "x", "text": "'
	return HEAD + "a".repeat(size - HEAD.length() - 2) + '"}'


func _has_packet() -> bool:
	client.poll()
	return client.get_available_packet_count() > 0


## One text message in several frames, as a server does that sends it piece by piece.
func _send_fragments(count: int, size: int) -> void:
	for index: int in count:
		var opcode: int = 0x01 if index == 0 else 0x00
		var final: int = 0x80 if index == count - 1 else 0x00
		var bytes: PackedByteArray = [opcode | final, 126, size >> 8, size & 0xFF]
		bytes.append_array("a".repeat(size).to_ascii_buffer())
		server.send_beside(bytes)

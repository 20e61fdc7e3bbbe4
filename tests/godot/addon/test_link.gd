extends BrainsTest
## The connection by itself: how it comes about, how its end is noticed, and what follows from that.
##
## Time is the test's own: each frame of [method step] is a sixtieth of a second to the link.

const FRAME_MS: int = 17

var server: FakeBrainsServer
var link: BrainsLink
var now_ms: int = 1000000
var welcomed: Array[Array]
var received: Array[Array]
var lost: Array[Array]


func before_each() -> void:
	server = FakeBrainsServer.new()
	server.auto_welcome = true
	add_child(server)
	link = BrainsLink.new()
	welcomed = heard(link.welcomed)
	received = heard(link.received)
	lost = heard(link.lost)


func after_each() -> void:
	link.stop()


# --- limits ---


func test_a_message_of_a_megabyte_arrives() -> void:
	await connect_link()
	server.send({"type": "say", "text": "x".repeat(1 << 20)})
	if check(await step_until(func() -> bool: return received.size() == 1)):
		equal((received[0][0]["text"] as String).length(), 1 << 20)


func test_a_message_of_a_megabyte_leaves() -> void:
	await connect_link()
	equal(link.send({"type": "snapshot", "text": "x".repeat(1 << 20)}), OK)
	if check(await step_until(server.has.bind("snapshot"))):
		equal((server.take("snapshot")["text"] as String).length(), 1 << 20)


func test_a_message_above_the_buffer_is_not_sent_and_no_error_of_the_engine() -> void:
	await connect_link()
	equal(link.send({"type": "snapshot", "text": "x".repeat(5 << 20)}), ERR_BUSY)
	equal(link.send({"type": "small"}), OK)
	check(await step_until(server.has.bind("small")))
	equal(server.count("snapshot"), 0)


func test_a_message_above_the_servers_limit_is_not_sent() -> void:
	server.welcome_options = {"limits": {"max_message_bytes": 4096}}
	await connect_link()
	equal(link.longest(), 4096)
	equal(link.send_text("x".repeat(4097)), ERR_BUSY)
	equal(link.send_text(text_of_length(4096)), OK)
	check(await step_until(server.has.bind("text")))


func test_a_server_cannot_raise_our_own_limit() -> void:
	link.max_message_bytes = 65536
	await connect_link()
	equal(link.longest(), 65536)


func test_limits_count_bytes_and_not_characters() -> void:
	server.welcome_options = {"limits": {"max_message_bytes": 4096}}
	await connect_link()
	equal(link.send_text("ü".repeat(2049)), ERR_BUSY)
	equal(link.send_text('{"type":"%s"}' % "ü".repeat(2048 - 6)), OK)


func test_bytes_are_counted_and_not_characters() -> void:
	await connect_link()
	var before: int = link.bytes_sent
	link.send_text('{"type":"ü"}')
	equal(link.bytes_sent - before, 13)


func test_a_message_above_our_buffer_ends_the_connection_and_it_is_tried_again() -> void:
	link.max_message_bytes = 65536
	await connect_link()
	server.send({"type": "say", "text": "x".repeat(65536)})
	if check(await step_until(has_lost)):
		equal(lost[0][0], 1009)
	check(await step_until(link.is_open))


func test_a_fragmented_message_above_our_buffer_hangs_and_the_heartbeat_notices() -> void:
	link.max_message_bytes = 4096
	await connect_link()
	for part: int in 20:
		server.send_beside(frame_of("x".repeat(1000), part == 0, part == 19))
	await step(30)
	check(link.is_open())
	await wait(2 * link.heartbeat_ms)
	if check(has_lost()):
		equal(lost[0][0], -1)
	check(await step_until(link.is_open))


func test_a_server_that_reads_nothing_makes_no_errors_of_the_engine() -> void:
	await connect_link()
	server.freeze()
	check(fill_up(), "it takes whatever one sends")
	equal(link.send_text("x".repeat(1 << 20)), ERR_BUSY)
	check(link.is_open())


func test_what_could_not_be_sent_can_be_once_the_server_reads() -> void:
	await connect_link()
	server.freeze()
	check(fill_up())
	server.thaw()
	check(await step_until(func() -> bool: return link.send_text(text_of_length(1 << 20)) == OK))


# --- hello ---


func test_hello_says_who_is_there_and_what_it_takes() -> void:
	link.client_name = "A game"
	link.max_message_bytes = 123456
	await connect_link()
	var hello: Dictionary = server.take("hello")
	equal(hello["protocol"], 1)
	equal(hello["min_protocol"], 1)
	equal(hello["client"]["name"], "A game")
	equal(hello["client"]["version"], BrainsProtocol.ADDON_VERSION)
	contains(hello["client"]["engine"], "Godot 4")
	equal(hello["client"]["platform"], OS.get_name())
	equal(hello["features"], ["variant"])
	equal(hello["limits"], {"max_message_bytes": 123456})
	equal(hello["clock"], {"physics_tps": Engine.physics_ticks_per_second})


func test_hello_is_the_first_message() -> void:
	link.start(server.url, now_ms)
	equal(link.send({"type": "snapshot"}), ERR_BUSY)
	check(await step_until(link.is_open))
	equal(server.received[0]["type"], "hello")
	equal(server.received.size(), 1)


func test_hello_has_neither_token_nor_session_if_there_is_none() -> void:
	await connect_link()
	var hello: Dictionary = server.take("hello")
	check(not hello.has("token"))
	check(not hello.has("session"))


func test_hello_says_the_token() -> void:
	link.token = "abc"
	await connect_link()
	equal(server.take("hello")["token"], "abc")


func test_a_lost_session_is_asked_for_with_the_newest_secret() -> void:
	await connect_link()
	server.welcome_options = {"session": {"resumed": true, "resume": "secret2"}}
	await lose_and_return()
	equal(server.take("hello")["session"], {"id": "s1", "resume": "secret1"})
	await lose_and_return()
	equal(server.take("hello")["session"], {"id": "s1", "resume": "secret2"})


func test_a_session_that_was_ended_is_not_asked_for() -> void:
	await connect_link()
	link.stop()
	server.received.clear()
	await connect_link()
	check(not server.take("hello").has("session"))
	equal(link.session_id, "s1")


# --- token and address ---


func test_the_token_is_read_from_the_environment() -> void:
	environment("BRAINS_TOKEN", "from the environment")
	equal(BrainsSettings.token(), "from the environment")


func test_the_token_is_read_from_its_file_without_the_line_end() -> void:
	environment("BRAINS_TOKEN", null)
	setting("brains/connection/token_file", write_file("a token\n"))
	equal(BrainsSettings.token(), "a token")


func test_the_environment_goes_before_the_token_file() -> void:
	environment("BRAINS_TOKEN", "abc")
	setting("brains/connection/token_file", write_file("def"))
	equal(BrainsSettings.token(), "abc")


func test_a_missing_token_file_is_warned_of() -> void:
	environment("BRAINS_TOKEN", null)
	setting("brains/connection/token_file", "/nowhere/token")
	expect_error("there is no token file /nowhere/token .brains/connection/token_file.")
	equal(BrainsSettings.token(), "")


func test_there_is_no_token_by_default() -> void:
	environment("BRAINS_TOKEN", null)
	equal(BrainsSettings.token(), "")


func test_the_address_is_an_ip_address_by_default() -> void:
	# localhost takes 0.1 s to resolve, and may be ::1, where nobody listens.
	environment("BRAINS_URL", null)
	equal(BrainsSettings.server_url(), "ws://127.0.0.1:8765")


func test_the_address_is_a_setting() -> void:
	environment("BRAINS_URL", null)
	setting("brains/connection/url", "ws://127.0.0.1:1")
	equal(BrainsSettings.server_url(), "ws://127.0.0.1:1")


func test_the_environment_goes_before_the_setting() -> void:
	environment("BRAINS_URL", "ws://127.0.0.1:2")
	setting("brains/connection/url", "ws://127.0.0.1:1")
	equal(BrainsSettings.server_url(), "ws://127.0.0.1:2")


func test_the_command_line_goes_before_the_environment() -> void:
	environment("BRAINS_URL", "ws://127.0.0.1:2")
	var printed: Array = []
	var arguments: PackedStringArray = [
		"--headless", "--path", ProjectSettings.globalize_path("res://")
	]
	arguments.append_array(["-s", "res://tests/support/print_url.gd"])
	arguments.append_array(["--", "--brains-url=ws://127.0.0.1:3"])
	equal(OS.execute(OS.get_executable_path(), arguments, printed, true), 0)
	contains(printed[0], "the server is at ws://127.0.0.1:3\n")


func test_a_debug_build_may_connect_whatever_the_setting_says() -> void:
	# What a release build may do cannot be seen from here: this Godot is a debug build.
	for allowed: bool in [false, true]:
		setting("brains/connection/run_in_release_builds", allowed)
		check(BrainsSettings.is_allowed())


func test_release_builds_may_not_connect_by_default() -> void:
	equal(BrainsSettings.value("connection/run_in_release_builds"), false)


func test_times_and_limits_are_settings() -> void:
	setting("brains/connection/connect_timeout_s", 1.5)
	setting("brains/connection/hello_timeout_s", 2.5)
	setting("brains/connection/heartbeat_s", 3.5)
	setting("brains/connection/retry_min_s", 4.0)
	setting("brains/connection/retry_max_s", 3.0)
	setting("brains/connection/max_message_kib", 64)
	link.configure()
	equal(link.connect_timeout_ms, 1500)
	equal(link.hello_timeout_ms, 2500)
	equal(link.heartbeat_ms, 3500)
	equal(link.retry_min_s, 4.0)
	equal(link.retry_max_s, 4.0, "the longest wait is at least the shortest")
	equal(link.max_message_bytes, 65536)


# --- a connection that does not come about ---


func test_an_address_of_another_kind_is_refused_with_the_reason() -> void:
	link.start("http://127.0.0.1:8765", now_ms)
	equal(link.state, BrainsLink.State.REFUSED)
	equal(lost.size(), 1)
	contains(lost[0][1], "http://127.0.0.1:8765 is no address of a WebSocket server, such as ws://")
	check(lost[0][2] < 0.0)
	await wait(20000)
	equal(lost.size(), 1)


func test_what_is_no_address_at_all_is_refused() -> void:
	expect_error("Invalid URL: ws://a b:c")
	link.start("ws://a b:c", now_ms)
	equal(link.state, BrainsLink.State.REFUSED)


func test_a_port_without_a_server_is_tried_again() -> void:
	server.stop()
	link.start(server.url, now_ms)
	check(await step_until(has_lost))
	equal(lost[0][0], -1)
	check(lost[0][2] > 0.0)
	equal(link.state, BrainsLink.State.WAITING)
	server.restart()
	check(await step_until(link.is_open))


func test_a_server_that_never_upgrades_is_given_up_and_tried_again() -> void:
	var silent: TCPServer = TCPServer.new()
	silent.listen(0, "127.0.0.1")
	link.start("ws://127.0.0.1:%d" % silent.get_local_port(), now_ms)
	await wait(4900)
	equal(lost, [])
	await wait(200)
	if check(has_lost()):
		equal(lost[0][0], -1)
		contains(lost[0][1], "does not answer")
	check(lost[0][2] > 0.0)
	silent.stop()


func test_a_server_that_never_welcomes_is_given_up_and_tried_again() -> void:
	server.auto_welcome = false
	link.start(server.url, now_ms)
	check(await step_until(server.has.bind("hello")))
	equal(link.state, BrainsLink.State.GREETING)
	await wait(4800)
	equal(lost, [])
	await wait(400)
	if check(has_lost()):
		equal(lost[0][0], -1)
		contains(lost[0][1], "does not answer the hello")
	server.auto_welcome = true
	check(await step_until(link.is_open))


func test_a_server_that_talks_but_never_welcomes_is_given_up_too() -> void:
	server.auto_welcome = false
	link.start(server.url, now_ms)
	check(await step_until(server.has.bind("hello")))
	for second: int in 6:
		if server.is_open:
			server.send({"type": "ping", "t": second})
		await wait(1000)
	check(has_lost())


func test_an_upgrade_that_is_refused_is_tried_again() -> void:
	expect_error("Invalid status code. Got: '401', expected '101'")
	expect_error("Invalid status code. Got: '404', expected '101'")
	expect_error("Invalid response headers")
	for status: int in [401, 404]:
		lost.clear()
		server.refuse_upgrade = status
		link.start(server.url, now_ms)
		check(await step_until(has_lost))
		equal(lost[0][0], -1, "the status cannot be read")
		check(lost[0][2] > 0.0)
		server.refuse_upgrade = 0
		check(await step_until(link.is_open))
		link.stop()


func test_an_upgrade_that_a_proxy_spoils_is_tried_again() -> void:
	# Godot wants `Connection` to be `upgrade` and nothing else; all we can do is to try again.
	expect_error("Missing or invalid header 'connection'")
	expect_error("Invalid response headers")
	var proxy: TCPServer = TCPServer.new()
	proxy.listen(0, "127.0.0.1")
	link.start("ws://127.0.0.1:%d" % proxy.get_local_port(), now_ms)
	check(await step_until(proxy.is_connection_available))
	var stream: StreamPeerTCP = proxy.take_connection()
	await step(2)
	var lines: PackedStringArray = [
		"HTTP/1.1 101 Switching Protocols",
		"Connection: keep-alive, Upgrade",
		"Upgrade: websocket",
		"Sec-WebSocket-Accept: x",
		"Server: proxy",
		"",
		"",
	]
	stream.put_data("\r\n".join(lines).to_ascii_buffer())
	if check(await step_until(has_lost)):
		check(lost[0][2] > 0.0)
	proxy.stop()


func test_a_server_of_another_protocol_is_not_tried_again() -> void:
	server.welcome_options = {"protocol": 2}
	link.start(server.url, now_ms)
	if check(await step_until(has_lost)):
		equal(lost[0], [4406, "unsupported_protocol: the server speaks 2", -1.0])
	equal(link.state, BrainsLink.State.REFUSED)
	equal(welcomed, [])
	await wait(20000)
	equal(server.connections, 1)


func test_a_welcome_without_a_protocol_is_of_another_protocol() -> void:
	for odd: Variant in [null, "one", [], 1.5e300]:
		lost.clear()
		server.welcome_options = {"protocol": odd}
		link.start(server.url, now_ms)
		if check(await step_until(has_lost)):
			equal(lost[0][0], 4406)


func test_an_odd_welcome_does_no_harm() -> void:
	server.welcome_options = {"session": null, "limits": [], "heartbeat_s": "soon", "brains": 5}
	server.auto_welcome = false
	link.start(server.url, now_ms)
	check(await step_until(server.has.bind("hello")))
	server.send(
		{"type": "welcome", "protocol": 1, "session": 5, "limits": {"max_message_bytes": []}}
	)
	check(await step_until(link.is_open))
	equal(link.session_id, "")
	equal(link.longest(), link.max_message_bytes)
	await lose_and_return_to(false)
	check(not server.take("hello").has("session"))


func test_a_second_welcome_is_ignored() -> void:
	await connect_link()
	server.welcome({"session": {"id": "other"}})
	await step(5)
	equal(welcomed.size(), 1)
	equal(link.session_id, "s1")


func test_before_the_welcome_nothing_counts_but_complaints() -> void:
	server.auto_welcome = false
	link.start(server.url, now_ms)
	check(await step_until(server.has.bind("hello")))
	server.send({"type": "actions", "seq": 1})
	server.send({"type": "error", "code": "bad_field", "message": "no"})
	await step(5)
	equal(received, [[{"type": "error", "code": "bad_field", "message": "no"}]])


# --- how a connection ends ---


func test_after_these_codes_it_is_not_tried_again() -> void:
	for code: int in [4401, 4406, 4413]:
		lost.clear()
		var before: int = server.connections
		await connect_link()
		server.close(code, "why: because")
		if check(await step_until(has_lost)):
			equal(lost, [[code, "why: because", -1.0]])
		equal(link.state, BrainsLink.State.REFUSED)
		await wait(10000)
		equal(server.connections, before + 1)


func test_after_these_codes_it_is_tried_again() -> void:
	for code: int in [1000, 1001, 1011, 4400, 4408, 4409, 4429, 4999]:
		lost.clear()
		await connect_link()
		server.close(code, "why: because")
		if check(await step_until(has_lost)):
			equal(lost[0].slice(0, 2), [code, "why: because"])
			check(lost[0][2] > 0.0)
		check(await step_until(link.is_open), "after %d" % code)
		link.stop()


func test_a_connection_that_breaks_off_is_tried_again() -> void:
	await connect_link()
	server.drop()
	if check(await step_until(has_lost)):
		equal(lost[0][0], -1)
	equal(link.state, BrainsLink.State.WAITING)
	check(await step_until(link.is_open))
	equal(welcomed.size(), 2)


func test_a_close_right_after_the_upgrade_is_read() -> void:
	server.auto_welcome = false
	link.start(server.url, now_ms)
	check(await step_until(func() -> bool: return server.is_open))
	server.close(4401, "unauthorized: no token")
	if check(await step_until(has_lost)):
		equal(lost[0], [4401, "unauthorized: no token", -1.0])


func test_after_a_replaced_session_a_new_one_begins() -> void:
	await connect_link()
	server.close(4409, "session_replaced: by another connection")
	check(await step_until(has_lost))
	server.received.clear()
	check(await step_until(link.is_open))
	check(not server.take("hello").has("session"))


func test_after_other_codes_the_session_is_asked_for() -> void:
	await connect_link()
	server.close(1001, "shutdown")
	check(await step_until(has_lost))
	server.received.clear()
	check(await step_until(link.is_open))
	equal(server.take("hello")["session"]["id"], "s1")


func test_a_message_right_before_a_close_is_lost_but_the_reason_is_read() -> void:
	# The engine's bug #107442: why the server puts the code into the close reason as well.
	await connect_link()
	server.send({"type": "error", "code": "flooded", "message": "too much", "fatal": true})
	server.close(4429, "flooded: too much")
	if check(await step_until(has_lost)):
		equal(lost[0].slice(0, 2), [4429, "flooded: too much"])
	equal(received, [])


func test_each_code_that_needs_somebody_to_act_says_how() -> void:
	contains(BrainsProtocol.explain(4401, "unauthorized: no token"), "unauthorized: no token (")
	contains(BrainsProtocol.explain(4401, "unauthorized"), "BRAINS_TOKEN")
	contains(BrainsProtocol.explain(4406, "unsupported_protocol"), "brains addon install")
	contains(BrainsProtocol.explain(4413, "limit_exceeded"), "send less")


func test_an_end_without_a_reason_is_put_into_words() -> void:
	equal(BrainsProtocol.explain(-1, ""), "no answer")
	equal(BrainsProtocol.explain(1006, ""), "closed with code 1006")


func test_a_close_is_seen_at_once_even_if_our_own_messages_are_stuck() -> void:
	await connect_link()
	server.freeze()
	check(fill_up())
	server.close(4413, "limit_exceeded: too long")
	await step(3)
	if check(has_lost()):
		equal(lost[0], [4413, "limit_exceeded: too long", -1.0])


func test_a_frame_that_is_no_unicode_ends_the_connection_and_it_is_tried_again() -> void:
	await connect_link()
	server.send_beside(PackedByteArray([0x81, 0x02, 0xC3, 0x28]))
	if check(await step_until(has_lost)):
		equal(lost[0][0], 1007)
	check(await step_until(link.is_open))


func test_dropping_it_connects_again() -> void:
	await connect_link()
	link.drop("the game wants another")
	equal(lost[0].slice(0, 2), [-1, "the game wants another"])
	check(await step_until(link.is_open))
	equal(welcomed.size(), 2)


# --- new attempts ---


func test_waits_grow_up_to_a_limit() -> void:
	server.stop()
	link.start(server.url, now_ms)
	await collect_waits(12)
	for index: int in lost.size():
		var longest: float = minf(2.0, 0.25 * pow(2.0, index))
		check(lost[index][2] <= longest + 0.001, "wait %d is %s" % [index, lost[index][2]])
		check(lost[index][2] >= longest / 2.0 - 0.001, "wait %d is %s" % [index, lost[index][2]])


func test_waits_are_as_long_as_was_said() -> void:
	server.stop()
	link.start(server.url, now_ms)
	check(await step_until(has_lost))
	var began_ms: int = now_ms
	check(await step_until(func() -> bool: return link.state == BrainsLink.State.CONNECTING))
	near(now_ms - began_ms, lost[0][2] * 1000.0, 2.0 * FRAME_MS)


func test_waits_differ_between_games() -> void:
	server.stop()
	var different: Dictionary[float, bool] = {}
	for game: int in 8:
		lost.clear()
		link.start(server.url, now_ms)
		check(await step_until(has_lost))
		different[lost[0][2]] = true
		link.stop()
	check(different.size() > 4, "%s" % [different.keys()])


func test_after_a_connection_that_lasted_waits_start_afresh() -> void:
	server.stop()
	link.start(server.url, now_ms)
	await collect_waits(6)
	server.restart()
	check(await step_until(link.is_open))
	await wait(2500)
	lost.clear()
	server.drop()
	check(await step_until(has_lost))
	check(lost[0][2] <= 0.25)


func test_after_connections_that_do_not_last_waits_go_on_growing() -> void:
	link.start(server.url, now_ms)
	for attempt: int in 5:
		check(await step_until(link.is_open))
		server.close(1011, "restarting")
		check(await step_until(func() -> bool: return lost.size() == attempt + 1))
	check(lost[4][2] >= 1.0)


func test_each_attempt_is_a_fresh_one_with_the_buffers_of_now() -> void:
	link.max_message_bytes = 65536
	await connect_link()
	link.max_message_bytes = 1 << 20
	await lose_and_return()
	equal(server.take("hello")["limits"]["max_message_bytes"], 1 << 20)
	server.send({"type": "say", "text": "x".repeat(500000)})
	check(await step_until(func() -> bool: return received.size() == 1))


func test_a_refused_one_can_be_started_again() -> void:
	await connect_link()
	server.close(4401, "unauthorized")
	check(await step_until(has_lost))
	link.token = "right"
	link.start(server.url, now_ms)
	check(await step_until(link.is_open))


func test_starting_elsewhere_says_bye_to_the_first() -> void:
	var other: FakeBrainsServer = FakeBrainsServer.new()
	other.auto_welcome = true
	add_child(other)
	await connect_link()
	link.start(other.url, now_ms)
	check(await step_until(link.is_open))
	equal(other.connections, 1)
	check(await step_until(func() -> bool: return server.closed_code != 0))
	equal(server.closed_code, 1000)
	check(
		not other.take("hello").has("session"), "a session of one server means nothing to another"
	)


# --- heartbeat ---


func test_a_ping_is_sent_after_silence() -> void:
	await connect_link()
	await wait(4900)
	equal(server.count("ping"), 0)
	await wait(200)
	equal(server.count("ping"), 1)


func test_no_ping_is_sent_while_the_server_talks() -> void:
	await connect_link()
	for second: int in 12:
		server.send({"type": "wake", "agents": []})
		await wait(1000)
	equal(server.count("ping"), 0)


func test_a_pong_keeps_the_connection() -> void:
	await connect_link()
	for beat: int in 4:
		check(await step_until(server.has.bind("ping")))
		server.send({"type": "pong", "t": server.take("ping")["t"]})
	check(link.is_open())
	equal(lost, [])
	equal(received, [], "a pong is nobody else's business")


func test_a_ping_of_the_server_is_answered() -> void:
	await connect_link()
	server.send({"type": "ping", "t": 12.5})
	check(await step_until(server.has.bind("pong")))
	equal(server.take("pong"), {"type": "pong", "t": 12.5})
	equal(received, [])


func test_a_frozen_server_is_noticed_after_two_heartbeats() -> void:
	await connect_link()
	server.freeze()
	await wait(9800)
	equal(lost, [])
	await wait(400)
	if check(has_lost()):
		equal(lost[0][0], -1)
		contains(lost[0][1], "nothing from the server for 10.")
	server.thaw()
	check(await step_until(link.is_open))


func test_a_breakpoint_does_not_count_as_the_servers_silence() -> void:
	await connect_link()
	now_ms += 60000
	await step(1)
	check(link.is_open())
	await wait(3900)
	check(link.is_open())
	equal(lost, [])


func test_a_breakpoint_does_not_count_as_the_servers_delay() -> void:
	server.auto_welcome = false
	link.start(server.url, now_ms)
	check(await step_until(server.has.bind("hello")))
	now_ms += 60000
	await step(1)
	equal(link.state, BrainsLink.State.GREETING)
	server.welcome()
	check(await step_until(link.is_open))


func test_a_frozen_server_is_noticed_by_a_slow_game_too() -> void:
	await connect_link()
	server.freeze()
	for frame: int in 20:
		now_ms += 1500
		await step(1)
	check(has_lost())


func test_what_has_come_during_a_breakpoint_is_read_first() -> void:
	await connect_link()
	server.send({"type": "wake", "agents": []})
	server.close(1011, "keepalive ping timeout")
	now_ms += 60000
	await step(3)
	if check(has_lost()):
		equal(lost[0][0], 1011)
	check(lost[0][2] > 0.0)


# --- what cannot be read ---


func test_malformed_frames_are_counted_and_harmless() -> void:
	await connect_link()
	var bad: PackedStringArray = [
		"", "{", "[]", "5", "null", '"text"', '{"a": NaN}', "[".repeat(3000)
	]
	for text: String in bad:
		server.send_raw(text)
	server.send({"type": "wake", "agents": []})
	check(await step_until(func() -> bool: return received.size() == 1))
	equal(link.malformed, bad.size())
	check(link.is_open())


func test_binary_frames_are_counted_and_harmless() -> void:
	await connect_link()
	server.send_bytes(PackedByteArray([0xFF, 0xFE, 0x00, 0x80]))
	server.send_bytes('{"type": "wake"}'.to_utf8_buffer())
	server.send({"type": "wake", "agents": []})
	check(await step_until(func() -> bool: return received.size() == 1))
	equal(link.malformed, 2)


func test_types_that_are_unknown_or_odd_are_harmless() -> void:
	await connect_link()
	for type: Variant in [null, 5, [], {}, "", "news"]:
		server.send({"type": type})
	server.send({"no": "type"})
	server.send({"type": "ping", "t": {"odd": []}})
	check(await step_until(server.has.bind("pong")))
	check(link.is_open())
	equal(link.malformed, 0)


func test_a_flood_is_spread_over_frames_and_nothing_is_lost() -> void:
	await connect_link()
	for number: int in 5000:
		server.send({"type": "say", "number": number})
	var most: int = 0
	var before: int = 0
	for frame: int in 400:
		await step(1)
		most = maxi(most, received.size() - before)
		before = received.size()
	check(most <= BrainsLink.MOST_FRAMES, "%d in one frame" % most)
	equal(received.size(), 5000)
	equal(received[4999][0]["number"], 4999)


# --- the end ---


func test_stopping_says_bye_and_closes() -> void:
	await connect_link()
	var before: int = link.bytes_sent
	link.stop("the game ends")
	equal(link.state, BrainsLink.State.OFF)
	check(await step_until(func() -> bool: return server.closed_code != 0))
	equal(server.closed_code, 1000)
	equal(server.closed_reason, "the game ends")
	# The server here is a Godot, which loses a message right before a close; so it is only counted.
	equal(link.bytes_sent - before, '{"type":"bye","reason":"the game ends"}'.length())
	equal(lost, [])


func test_stopping_is_clean_although_messages_are_unread() -> void:
	await connect_link()
	for number: int in 100:
		server.send({"type": "say", "text": "x".repeat(1000)})
	link.stop()
	check(await step_until(func() -> bool: return server.closed_code != 0))
	equal(server.closed_code, 1000)


func test_a_long_reason_is_shortened_for_the_close_frame() -> void:
	await connect_link()
	link.stop("ü".repeat(500))
	check(await step_until(func() -> bool: return server.closed_code != 0))
	equal(server.closed_code, 1000)
	contains(server.closed_reason, "üüü")


func test_it_can_be_stopped_at_any_time() -> void:
	link.stop()
	link.start(server.url, now_ms)
	link.stop()
	server.auto_welcome = false
	link.start(server.url, now_ms)
	check(await step_until(server.has.bind("hello")))
	link.stop()
	link.stop()
	equal(link.state, BrainsLink.State.OFF)
	await wait(6000)
	equal(lost, [])
	equal(server.open_connections(), 0)


func test_it_can_be_stopped_from_its_own_signals() -> void:
	link.received.connect(func(_message: Dictionary) -> void: link.stop())
	await connect_link()
	for number: int in 3:
		server.send({"type": "wake", "agents": []})
	await step(5)
	equal(received.size(), 1)
	equal(link.state, BrainsLink.State.OFF)


func test_it_can_be_started_from_its_own_signals() -> void:
	var again: Callable = func(_code: int, _reason: String, _retry_in_s: float) -> void:
		link.start(server.url, now_ms)
	link.lost.connect(again, CONNECT_ONE_SHOT)
	await connect_link()
	server.close(4401, "unauthorized")
	check(await step_until(func() -> bool: return welcomed.size() == 2))


# --- helpers ---


func step(count: int) -> void:
	for frame: int in count:
		now_ms += FRAME_MS
		link.poll(now_ms)
		await get_tree().process_frame


func step_until(condition: Callable, at_most: int = 600) -> bool:
	for frame: int in at_most:
		if condition.call():
			return true
		await step(1)
	return condition.call()


## Lets so much time go by, in frames that are long but not too long to count.
func wait(milliseconds: int) -> void:
	var end_ms: int = now_ms + milliseconds
	while now_ms < end_ms:
		now_ms += mini(100, end_ms - now_ms) - FRAME_MS
		await step(1)


func connect_link() -> void:
	link.start(server.url, now_ms)
	check(await step_until(link.is_open), "cannot connect")


func lose_and_return() -> void:
	await lose_and_return_to(true)


func lose_and_return_to(is_welcomed: bool) -> void:
	server.received.clear()
	server.auto_welcome = is_welcomed
	server.drop()
	check(await step_until(func() -> bool: return not link.is_open()))
	check(await step_until(link.is_open if is_welcomed else server.has.bind("hello")))


func has_lost() -> bool:
	return not lost.is_empty()


## Waits for so many attempts to fail.
func collect_waits(count: int) -> void:
	check(await step_until(func() -> bool: return lost.size() >= count, 2000))


## Sends until nothing more can be sent.
func fill_up() -> bool:
	for message: int in 100:
		if link.send_text(text_of_length(1 << 20)) != OK:
			return true
	return false


## Returns a message of so many bytes.
func text_of_length(bytes: int) -> String:
	var frame: String = '{"type":"text","text":"%s"}'
	return frame % "x".repeat(bytes - frame.length() + 2)


func write_file(text: String) -> String:
	var path: String = "user://token_of_a_test"
	var file: FileAccess = FileAccess.open(path, FileAccess.WRITE)
	file.store_string(text)
	file.close()
	return path


## Returns a part of a fragmented message, of up to 65,535 bytes.
func frame_of(text: String, is_first: bool, is_last: bool) -> PackedByteArray:
	var payload: PackedByteArray = text.to_utf8_buffer()
	var frame: PackedByteArray = [(0x80 if is_last else 0) | (1 if is_first else 0), 126]
	frame.append_array([payload.size() >> 8, payload.size() & 0xFF])
	frame.append_array(payload)
	return frame

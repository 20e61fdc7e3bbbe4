extends BrainsStage
## The examples of the protocol's description against the addon: what servers say does as it says or
## no harm, and what the addon says is made as the description has it.

## Fields that hold what games and brains make up.
const OPEN: Array[String] = ["me", "world", "data", "params"]
## Fields whose keys are names of agents.
const KEYED_BY_NAME: Array[String] = ["snapshot.agents"]

var agent: BrainAgent
var told: Array[String] = []


func before_each() -> void:
	await super()
	agent = make_agent("guard_1")
	agent.actions = [BrainAction.make(&"Patrol", [BrainParameter.text(&"route", ["wall"], false)])]
	told = log_of(agent)


func test_there_are_examples() -> void:
	check(_examples("server").size() >= 30)
	check(_examples("client").size() >= 20)
	check(_examples("invalid/server").size() >= 20)


# --- what servers say ---


func test_every_example_of_a_server_can_be_read() -> void:
	for file: String in _examples("server"):
		var message: Variant = BrainsCodec.parse(FileAccess.get_file_as_string(file))
		if check(message is Dictionary, file.get_file() + " cannot be read"):
			equal(message["type"], file.get_file().get_slice(".", 0))


func test_no_example_of_a_server_does_harm() -> void:
	expect_error("Brains: the server says \\w+")
	expect_error("Brains: the server does not take guard_1 \\(duplicate_agent\\)")
	await meet()
	for file: String in _examples("server"):
		server.send_raw(FileAccess.get_file_as_string(file))
		await step(2)
	check(await _is_well())


func test_a_game_without_agents_hears_every_example_as_well() -> void:
	expect_error("Brains: the server says \\w+")
	agent.get_parent().free()
	await meet()
	for file: String in _examples("server"):
		server.send_raw(FileAccess.get_file_as_string(file))
		await step(2)
	check(client.is_open())


func test_no_invalid_example_of_a_server_does_harm() -> void:
	expect_error("an order came without an id")
	await meet()
	var told_before: Array[String] = told.duplicate()
	for file: String in _examples("invalid/server"):
		server.send_raw(_json(file)["frame"])
		await step(2)
	equal(told, told_before)
	equal(client.counters()["started"], 0)
	check(await _is_well())


func test_null_means_absent_and_wrong_types_mean_nothing() -> void:
	await meet()
	for wrong: Variant in [null, 7, true, [], {}, "true"]:
		server.send({"type": "say", "agent": "guard_1", "id": wrong, "text": wrong, "done": wrong})
		server.send({"type": "hold", "agent": wrong, "reason": wrong})
		server.send({"type": "wake", "agents": [wrong]})
		server.send({"type": "agents_ack", "ok": [wrong], "rejected": [wrong, {"id": wrong}]})
		server.send({"type": "actions", "snapshot": wrong, "epoch": wrong, "cancel": [wrong]})
		server.send({"type": wrong})
		await step(2)
	equal(agent.line, "true")
	check(await _is_well())


func test_frames_that_are_no_messages_are_counted() -> void:
	await meet()
	var count: int = 0
	for file: String in _examples("invalid/server"):
		var example: Dictionary = _json(file)
		if example["code"] == "bad_message":
			count += 1
			server.send_raw(example["frame"])
	await step(4)
	check(count >= 8)
	equal(client.counters()["malformed"], count)


func test_invalid_examples_before_the_welcome_do_no_harm() -> void:
	server.auto_welcome = false
	client.open(server.url)
	await step_until(server.has.bind("hello"))
	for file: String in _examples("invalid/server"):
		if not file.get_file().begins_with("welcome"):
			server.send_raw(_json(file)["frame"])
	await step(4)
	equal(client.state, BrainsClient.State.GREETING)
	server.welcome()
	check(await step_until(_is_driven))


func test_every_welcome_is_welcome() -> void:
	server.auto_welcome = false
	for file: String in _examples("server"):
		if not file.get_file().begins_with("welcome."):
			continue
		client.open(server.url)
		await step_until(server.has.bind("hello"))
		server.received.clear()
		server.send_raw(FileAccess.get_file_as_string(file))
		check(await step_until(_is_driven), file.get_file() + " is not welcome")
		equal(client.session_id, "5f0c62e7a1b94d38")
		client.close()


func test_a_welcome_without_a_session_is_welcome() -> void:
	server.auto_welcome = false
	client.open(server.url)
	await step_until(server.has.bind("hello"))
	server.send_raw('{"type": "welcome", "protocol": 1}')
	check(await step_until(_is_driven))
	equal(client.session_id, "")


func test_an_order_of_the_examples_is_carried_out() -> void:
	for example: String in ["no_ttl", "null_ttl", "unknown_fields"]:
		told.clear()
		await meet()
		await _answer_with("actions." + example)
		contains(told, "requested guard_1#7", example)
		client.close()
		await step(100)


func test_a_cancel_of_the_examples_is_carried_out() -> void:
	await meet()
	await give([server.order("guard_1", "guard_1#6", "Patrol")])
	await _play("actions.full", {"epoch": 0.0, "actions": []})
	contains(told, "cancelled guard_1#6 brain")


func test_an_example_of_a_line_is_heard() -> void:
	await meet()
	await _play("say.full")
	equal(agent.line, "Halt! Who goes there?")
	await _play("say.escaped_control_characters")
	contains(agent.line, 'He said: "no".')


func test_an_example_of_a_hold_and_its_release_are_heard() -> void:
	await meet()
	told.clear()
	await _play("hold.full")
	await _play("release.minimal")
	equal(told, ["held breakpoint at Guard/Patrol", "released"])


func test_an_example_of_a_wake_is_honoured() -> void:
	agent.decision_rate = 0.01
	await meet()
	await step(3)
	server.take_all("snapshot")
	await _play("wake.full")
	await step(1)
	contains(server.take("snapshot").get("agents", {}), "guard_1")


func test_an_example_of_an_ack_is_honoured() -> void:
	server.auto_ack = false
	client.open(server.url)
	await step_until(server.has.bind("agents"))
	await _play("agents_ack.full", {"rejected": []})
	equal(told, ["found"])


func test_an_example_of_a_ping_is_answered() -> void:
	await meet()
	await _play("ping.full")
	equal(server.take("pong"), {"type": "pong", "t": 1234.5})
	await _play("ping.minimal")
	equal(server.take("pong")["type"], "pong")


func test_an_example_of_an_error_is_told() -> void:
	expect_error("the server says bad_field: snapshot: Expected .* \\(look at 'time_ms'\\)")
	var problems: Array[Array] = heard(client.problem)
	await meet()
	await _play("error.full")
	equal(problems.size(), 1)
	equal([problems[0][0], problems[0][2]], ["bad_field", "look at 'time_ms'"])


# --- what the addon says ---


func test_what_the_addon_says_has_only_fields_of_the_examples() -> void:
	expect_error("an order was not carried out")
	await _play_short()
	var known: Dictionary = _fields_of_examples()
	var types: Dictionary = {}
	for message: Dictionary in server.received:
		types[message["type"]] = true
		for field: String in _fields_of(message):
			check(known.has(field), "the description does not have " + field)
	# A bye is lost between two Godots, because the close comes right after it.
	for type: String in ["hello", "agents", "snapshot", "ping", "pong"]:
		contains(types, type, "the play was too short")


func test_what_the_addon_says_has_every_field_that_is_needed() -> void:
	expect_error("an order was not carried out")
	await _play_short()
	var needed: Dictionary = {}
	for file: String in _examples("client"):
		if file.get_file().contains(".minimal."):
			var example: Dictionary = _json(file)
			needed[example["type"]] = example.keys()
	for message: Dictionary in server.received:
		for key: String in needed[message["type"]]:
			contains(message, key, message["type"])


# --- helpers ---


## Has the client say everything that it can say.
func _play_short() -> void:
	client.link.token = "secret"
	environment("BRAINS_TOKEN", "secret")
	client.world = {"alarm": false}
	agent.actions[0].description = "Walks round."
	(
		agent
		. actions
		. append(
			(
				BrainAction
				. make(
					&"Do",
					[
						BrainParameter.text(&"text", ["a"]),
						BrainParameter.number(&"number", 0, 1),
						BrainParameter.whole(&"whole", 0, 9),
						BrainParameter.flag(&"flag", false),
						BrainParameter.point2(&"point2"),
						BrainParameter.point3(&"point3"),
					]
				)
			)
		)
	)
	agent.set_available(&"Do", false)
	await meet()
	agent.notice(&"hurt", {"by": "thief"})
	client.notice_all(&"bell")
	await give([server.order("guard_1", "g#1", "Patrol"), server.order("guard_1", "g#2", "Do")])
	agent.running()[0].progress({"part": 0.5})
	await step(4)
	agent.running()[0].fail("the gate is shut", {"at": Vector2.ONE})
	for number: int in 300:
		client.notice_all(&"bell")
	server.send({"type": "ping", "t": 1.0})
	server.auto_answer = false
	await step(20, 500)
	server.auto_answer = true
	server.drop()
	await step_until(func() -> bool: return not client.is_open())
	await step_until(_is_driven, 50, 400)
	agent.get_parent().free()
	await step(4)
	client.close("the player has quit")
	await frames(3)


## The fields of all examples that a client may send, as [method _fields_of] names them.
func _fields_of_examples() -> Dictionary:
	var known: Dictionary = {}
	for file: String in _examples("client"):
		if file.get_file().contains(".unknown_fields.") or file.get_file().contains(".newer."):
			continue
		for field: String in _fields_of(_json(file)):
			known[field] = true
	return known


## The paths of all fields of a message, such as `snapshot.events[].name`. What games fill by
## themselves is not looked into.
func _fields_of(message: Dictionary) -> Array[String]:
	var found: Array[String] = []
	# A result is the same whether it rides in a snapshot or not.
	var results: Array = message.get("results", [])
	for result: Dictionary in results:
		_collect(result, "action_result", found)
	_collect(message.merged({"results": []}, not results.is_empty()), message["type"], found)
	return found


func _collect(value: Variant, path: String, found: Array[String]) -> void:
	if value is Array:
		for item: Variant in value:
			_collect(item, path + "[]", found)
		return
	if not value is Dictionary or path.get_slice(".", path.get_slice_count(".") - 1) in OPEN:
		return
	for key: String in value:
		var inner: String = path + "." + ("*" if path in KEYED_BY_NAME else key)
		found.append(inner)
		_collect(value[key], inner, found)


func _examples(folder: String) -> Array[String]:
	var found: Array[String] = []
	for file: String in example_files():
		var inside: String = file.trim_prefix(argument("examples")).trim_prefix("/")
		if inside.get_base_dir() == folder and file.get_extension() == "json":
			found.append(file)
	return found


func _json(file: String) -> Variant:
	return JSON.parse_string(FileAccess.get_file_as_string(file))


## Sends an example, with other values in some fields.
func _play(example: String, fields: Dictionary = {}) -> void:
	var file: String = argument("examples").path_join("server/%s.json" % example)
	if fields.is_empty():
		server.send_raw(FileAccess.get_file_as_string(file))
	else:
		server.send((_json(file) as Dictionary).merged(fields, true))
	await step(2)


## Answers a snapshot with the actions of an example.
func _answer_with(example: String) -> void:
	var message: Dictionary = _json(argument("examples").path_join("server/%s.json" % example))
	await give(message["actions"])


## Tells whether the client still does what it is there for.
func _is_well() -> bool:
	told.clear()
	server.ack(["guard_1"])
	await step(150)
	await give([server.order("guard_1", "after#1", "Patrol", {"route": "wall"})])
	return client.is_open() and told.has("requested after#1")

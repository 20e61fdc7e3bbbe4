extends BrainsClientTest
## Snapshots as Variants: sent only where both sides want them, and the same for the server as in
## JSON.


func before_each() -> void:
	super()
	server.takes_variant = true


func test_snapshots_are_variants_if_the_server_takes_those() -> void:
	await drive({"health": 5, "pos": Vector2(1.5, -2), "name": &"Ann"})
	check(server.binary_frames > 0)
	var me: Dictionary = server.take("snapshot")["agents"]["guard"]["me"]
	equal(me, {"health": 5.0, "pos": [1.5, -2.0], "name": "Ann"})


func test_all_else_is_text() -> void:
	await drive({})
	server.received.clear()
	server.binary_frames = 0
	client.roster.retell(client.roster.seats["guard"])
	check(await step_until(server.has.bind("agents")))
	server.send({"type": "ping", "t": 1})
	check(await step_until(server.has.bind("pong")))
	equal(server.binary_frames, server.count("snapshot"))


func test_a_server_that_does_not_offer_it_gets_text() -> void:
	server.takes_variant = false
	await drive({"health": 5})
	equal(server.binary_frames, 0)
	equal(server.take("snapshot")["agents"]["guard"]["me"], {"health": 5.0})


func test_a_setting_keeps_to_text() -> void:
	setting("brains/snapshots/as_variant", false)
	server.welcome_options = {"features": ["variant"]}
	await drive({"health": 5})
	equal(server.take("hello")["features"], [])
	equal(server.binary_frames, 0)
	check(server.count("snapshot") > 0)


func test_the_next_server_may_want_text() -> void:
	await drive({})
	server.takes_variant = false
	server.drop()
	check(await step_until(func() -> bool: return not client.is_open()))
	check(await step_until(client.is_open))
	server.received.clear()
	check(await step_until(server.has.bind("snapshot")))


func test_a_server_may_offer_anything() -> void:
	for features: Variant in ["variant", null, 5, {"variant": true}, [5, null, {}]]:
		server.takes_variant = false
		server.welcome_options = {"features": features}
		add_agent("guard")
		await connect_client()
		check(await step_until(server.has.bind("snapshot")))
		equal(server.binary_frames, 0)
		end_client()


func test_what_has_no_place_in_json_is_the_same_in_both() -> void:
	var values: Dictionary = {
		"node": self,
		"inside": [{"node": self}],
		"object": RefCounted.new(),
		"call": quit_nothing,
		"nan": NAN,
		"place": Vector3(1, 2, INF),
		"big": 9007199254740993,
		"path": ^"A/B",
		"typed": [Vector2i(1, 2)] as Array[Vector2i],
		"bytes": PackedByteArray([1, 2, 3]),
		"keys": {1: "a", Vector2i(3, 4): "b"},
		"control": "a\u0001b",
	}
	var told: Dictionary = JSON.parse_string(BrainsCodec.to_text(BrainsCodec.encode(values)))
	await drive(values)
	equal(server.take("snapshot")["agents"]["guard"]["me"], told)
	check(server.binary_frames > 0)


func test_a_node_is_its_name_however_deep() -> void:
	var plain: Dictionary = {"a": [{"b": [Vector2.ZERO, "text", null]}]}
	check(is_same(BrainsCodec.plain(plain), plain))
	name = "Suite"
	var encoded: Dictionary = BrainsCodec.plain({"a": [{"b": [self]}], "pos": Vector2.ONE})
	equal(encoded, {"a": [{"b": ["Suite"]}], "pos": [1.0, 1.0]})


func test_freed_objects_are_null() -> void:
	var node: Node = Node.new()
	var values: Dictionary = {"node": node}
	node.free()
	equal(BrainsCodec.plain(values), {"node": null})


func test_what_contains_itself_is_cut_off_and_said_once() -> void:
	expect_error("contains itself")
	BrainsCodec._has_warned = false
	var ring: Dictionary = {}
	ring["ring"] = ring
	await drive({"ring": ring, "health": 5})
	var me: Dictionary = server.take("snapshot")["agents"]["guard"]["me"]
	equal(me["health"], 5.0)
	ring.clear()
	BrainsCodec._has_warned = false


func test_what_contains_itself_often_is_noticed_soon() -> void:
	var list: Array = []
	for _time: int in 10:
		list.append(list)
	BrainsCodec._containers_left = BrainsCodec.MOST_CONTAINERS
	check(not BrainsCodec._is_plain(list, 64))
	# Counted, since how long it takes is the machine's: it has stopped at once where it had enough.
	check(BrainsCodec._containers_left >= -1, str(BrainsCodec._containers_left))
	list.clear()


func test_a_snapshot_that_is_too_long_is_divided() -> void:
	expect_error("a snapshot of .* bytes is longer than")
	server.welcome_options = {"limits": {"max_message_bytes": 4096}}
	var agents: Array[BrainAgent] = add_agents(20)
	for agent: BrainAgent in agents:
		actor_of(agent).seen = {"text": "x".repeat(500)}
	await connect_client()
	await wait(3000)
	check(server.binary_frames > 0)
	var seen: Dictionary = {}
	for snapshot: Dictionary in server.take_all("snapshot"):
		seen.merge(snapshot["agents"])
	equal(seen.size(), 20)
	check(server.binary_bytes / server.binary_frames <= 4096)


func test_the_panel_is_shown_what_the_brain_is_told() -> void:
	var agent: BrainAgent = add_agent("guard")
	actor_of(agent).seen = {"pos": Vector2(1, 2)}
	await connect_client()
	agent.last_observation()
	check(await step_until(func() -> bool: return not agent.last_observation().is_empty()))
	equal(agent.last_observation(), {"pos": [1.0, 2.0]})
	check(server.binary_frames > 0)


func test_the_world_and_events_are_in_there_too() -> void:
	var agent: BrainAgent = add_agent("guard")
	await connect_client()
	client.world = {"sun": Color(1, 0.5, 0)}
	check(await step_until(server.has.bind("snapshot")))
	server.received.clear()
	agent.notice(&"bang", {"where": Vector2(3, 4)})
	check(await step_until(server.has.bind("snapshot")))
	var snapshot: Dictionary = server.take("snapshot")
	equal(snapshot["world"], {"sun": [1.0, 0.5, 0.0, 1.0]})
	equal(snapshot["events"][0]["data"], {"where": [3.0, 4.0]})


## Connects an agent that perceives this, until it has been in a snapshot.
func drive(seen: Dictionary) -> void:
	actor_of(add_agent("guard")).seen = seen
	await connect_client()
	check(await step_until(server.has.bind("snapshot")))


func quit_nothing() -> void:
	pass

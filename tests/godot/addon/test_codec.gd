extends BrainsTest
## Every Variant has a form in JSON, and whatever the codec writes is JSON for Python too.
##
## Python's side of it is in tests/godot/test_codec.py.

signal rang

const VT := "\\u000b"


func after_each() -> void:
	BrainsCodec._has_warned = false


# --- what stays as it is ---


func test_plain_values_stay() -> void:
	for value: Variant in [null, true, false, 0, -1, 0.5, "", "text", &"name", ^"A/B:c"]:
		identical(BrainsCodec.encode(value), value)


func test_a_value_that_needs_no_change_is_handed_back_itself() -> void:
	var inner: Array = [1, 0.5, "a", true, null, {"b": [&"c"]}]
	var value: Dictionary = {"inner": inner, "n": 1, "x": 0.5, "packed": PackedInt32Array([1])}
	check(is_same(BrainsCodec.encode(value), value))
	check(is_same(BrainsCodec.encode(inner), inner))


func test_the_value_itself_is_never_changed() -> void:
	var value: Dictionary = {"pos": Vector2(1, 2), "list": [Vector2i(3, 4)], "n": NAN}
	var before: Dictionary = value.duplicate(true)
	BrainsCodec.encode(value)
	identical(value, before)


func test_only_what_changes_is_copied() -> void:
	var same: Dictionary = {"a": 1}
	var changed: Dictionary = {"at": Vector2.ONE}
	var value: Dictionary = {"same": same, "changed": changed}
	var encoded: Dictionary = BrainsCodec.encode(value)
	check(is_same(encoded["same"], same))
	check(not is_same(encoded["changed"], changed))
	identical(encoded, {"same": {"a": 1}, "changed": {"at": [1.0, 1.0]}})


func test_keys_keep_their_order() -> void:
	var encoded: Dictionary = BrainsCodec.encode({"z": 1, "a": Vector2.ZERO, "m": 2})
	identical(encoded.keys(), ["z", "a", "m"])


func test_what_may_not_be_written_to_can_be_encoded() -> void:
	const VALUE: Dictionary = {"pos": Vector2(1, 2), "list": [Vector2(3, 4)]}
	identical(BrainsCodec.encode(VALUE), {"pos": [1.0, 2.0], "list": [[3.0, 4.0]]})


# --- numbers ---


func test_numbers_that_are_not_finite_are_null() -> void:
	identical(
		BrainsCodec.encode({"a": NAN, "b": INF, "c": -INF}), {"a": null, "b": null, "c": null}
	)
	identical(BrainsCodec.encode([NAN, 1.0]), [null, 1.0])
	identical(BrainsCodec.encode(INF), null)


func test_a_message_that_skipped_encode_has_no_infinity_either() -> void:
	equal(BrainsCodec.to_text({"time_ms": INF, "x": -INF}), '{"time_ms":null,"x":null}')
	equal(BrainsCodec.to_text({"says": "1e99999", "x": 1.5}), '{"says":"1e99999","x":1.5}')


func test_integers_that_a_float_cannot_hold_are_texts() -> void:
	identical(BrainsCodec.encode(9007199254740992), 9007199254740992)
	identical(BrainsCodec.encode(-9007199254740992), -9007199254740992)
	identical(BrainsCodec.encode(9007199254740993), "9007199254740993")
	identical(BrainsCodec.encode([-9007199254740993]), ["-9007199254740993"])
	identical(BrainsCodec.encode({"id": 9223372036854775807}), {"id": "9223372036854775807"})


# --- vectors and the like ---


func test_vectors_are_arrays() -> void:
	identical(BrainsCodec.encode(Vector2(1, 2.5)), [1.0, 2.5])
	identical(BrainsCodec.encode(Vector2i(1, 2)), [1, 2])
	identical(BrainsCodec.encode(Vector3(1, 2, 3)), [1.0, 2.0, 3.0])
	identical(BrainsCodec.encode(Vector3i(1, 2, 3)), [1, 2, 3])
	identical(BrainsCodec.encode(Vector4(1, 2, 3, 4)), [1.0, 2.0, 3.0, 4.0])
	identical(BrainsCodec.encode(Vector4i(1, 2, 3, 4)), [1, 2, 3, 4])
	identical(BrainsCodec.encode(Quaternion(0, 0, 0, 1)), [0.0, 0.0, 0.0, 1.0])
	identical(BrainsCodec.encode(Color(0.2, 0.4, 0.6)), [0.2, 0.4, 0.6, 1.0])
	identical(BrainsCodec.encode(Plane(0, 1, 0, 5)), [0.0, 1.0, 0.0, 5.0])


func test_boxes_are_their_place_and_size() -> void:
	identical(BrainsCodec.encode(Rect2(1, 2, 3, 4)), [1.0, 2.0, 3.0, 4.0])
	identical(BrainsCodec.encode(Rect2i(1, 2, 3, 4)), [1, 2, 3, 4])
	var box: AABB = AABB(Vector3(1, 2, 3), Vector3(4, 5, 6))
	identical(BrainsCodec.encode(box), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])


func test_transforms_are_their_columns() -> void:
	identical(
		BrainsCodec.encode(Transform2D(0, Vector2(3, 4))), [[1.0, 0.0], [0.0, 1.0], [3.0, 4.0]]
	)
	var basis: Array = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
	identical(BrainsCodec.encode(Basis.IDENTITY), basis)
	var placed: Transform3D = Transform3D(Basis.IDENTITY, Vector3(1, 2, 3))
	identical(BrainsCodec.encode(placed), basis + [[1.0, 2.0, 3.0]])
	var projection: Array = BrainsCodec.encode(Projection.IDENTITY)
	identical(projection[3], [0.0, 0.0, 0.0, 1.0])


func test_parts_of_vectors_are_rounded() -> void:
	var text: String = BrainsCodec.to_text({"at": BrainsCodec.encode(Vector2(0.1, 12.3))})
	equal(text, '{"at":[0.1,12.3]}')
	var inside: Dictionary = {"two": Vector2(0.1, 12.3), "three": Vector3(0.1, 12.3, -7.7)}
	identical(BrainsCodec.encode(inside), {"two": [0.1, 12.3], "three": [0.1, 12.3, -7.7]})
	equal(JSON.stringify(0.1 + 0.2 - 0.3 + Vector2(0.1, 0).x), "0.100000001490116")


func test_vectors_that_are_not_finite_are_null() -> void:
	var value: Dictionary = {
		"a": Vector2(NAN, 1),
		"b": Vector3(1, 2, INF),
		"c": Vector4(-INF, 0, 0, 0),
		"d": Rect2(0, 0, INF, 1),
		"e": Color(NAN, 0, 0),
		"f": Transform2D(0, Vector2(NAN, 0)),
		"g": [Vector2(NAN, 1)],
		"h": PackedVector2Array([Vector2(1, NAN)]),
	}
	var encoded: Dictionary = BrainsCodec.encode(value)
	for key: String in ["a", "b", "c", "d", "e", "f"]:
		identical(encoded[key], null, key)
	identical(encoded["g"], [null])
	identical(encoded["h"], [null])


func test_vectors_inside_of_containers() -> void:
	var value: Dictionary = {
		"two": Vector2(1, 2), "three": Vector3(1, 2, 3), "path": [Vector2.ZERO, Vector3.ZERO, {}]
	}
	var wanted: Dictionary = {
		"two": [1.0, 2.0], "three": [1.0, 2.0, 3.0], "path": [[0.0, 0.0], [0.0, 0.0, 0.0], {}]
	}
	identical(BrainsCodec.encode(value), wanted)


# --- containers ---


func test_typed_containers_become_ones_that_hold_anything() -> void:
	var points: Array[Vector2] = [Vector2(1, 2)]
	identical(BrainsCodec.encode(points), [[1.0, 2.0]])
	var places: Dictionary[StringName, Vector2] = {&"home": Vector2(1, 2)}
	equal(BrainsCodec.encode(places), {"home": [1.0, 2.0]})
	var nodes: Array[Node] = [self, null]
	identical(BrainsCodec.encode(nodes), ["Suite", null])
	var numbers: Array[int] = [1, 2]
	check(is_same(BrainsCodec.encode(numbers), numbers))


func test_packed_arrays_are_arrays() -> void:
	var value: Dictionary = {
		"bytes": PackedByteArray([0, 255, 10]),
		"int32": PackedInt32Array([1, -2]),
		"int64": PackedInt64Array([1, 9007199254740993]),
		"float32": PackedFloat32Array([0.5, INF]),
		"float64": PackedFloat64Array([0.25]),
		"strings": PackedStringArray(["a", "b"]),
		"vector2": PackedVector2Array([Vector2(1, 2)]),
		"vector3": PackedVector3Array([Vector3(1, 2, 3)]),
		"vector4": PackedVector4Array([Vector4(1, 2, 3, 4)]),
		"colors": PackedColorArray([Color.RED]),
	}
	var wanted: Dictionary = {
		"bytes": "AP8K",
		"int32": [1, -2],
		"int64": [1, "9007199254740993"],
		"float32": [0.5, null],
		"float64": [0.25],
		"strings": ["a", "b"],
		"vector2": [[1, 2]],
		"vector3": [[1, 2, 3]],
		"vector4": [[1, 2, 3, 4]],
		"colors": [[1, 0, 0, 1]],
	}
	equal(JSON.parse_string(BrainsCodec.to_text(BrainsCodec.encode(value))), wanted)


func test_all_keys_are_texts_in_json() -> void:
	var value: Dictionary = {1: "a", &"b": 1, 2.5: "c", null: "d", Vector2(1, 2): Vector2(3, 4)}
	var text: String = BrainsCodec.to_text(BrainsCodec.encode(value))
	equal(text, '{"1":"a","b":1,"2.5":"c","<null>":"d","(1.0, 2.0)":[3.0,4.0]}')


# --- objects ---


func test_a_node_is_its_name() -> void:
	identical(BrainsCodec.encode({"seen": self}), {"seen": "Suite"})


func test_a_resource_is_its_path() -> void:
	identical(BrainsCodec.encode(get_script()), "res://tests/test_codec.gd")
	identical(BrainsCodec.encode(Resource.new()), null)


func test_other_objects_are_null() -> void:
	identical(BrainsCodec.encode([RefCounted.new(), JSON.new(), Engine]), [null, null, null])
	var gone: Node = Node.new()
	var value: Array = [gone]
	gone.free()
	identical(BrainsCodec.encode(value), [null])
	var nobody: Node = null
	identical(BrainsCodec.encode({"a": nobody}), {"a": null})


func test_what_can_be_called_or_is_a_handle_is_null() -> void:
	identical(BrainsCodec.encode([after_each, rang, RID(), Callable()]), [null, null, null, null])
	check(rang.get_connections().is_empty())


func test_every_type_of_variant_has_a_form() -> void:
	for kind: int in TYPE_MAX:
		var value: Variant = null if kind == TYPE_OBJECT else type_convert(null, kind)
		equal(typeof(value), kind if kind != TYPE_OBJECT else TYPE_NIL)
		var encoded: Variant = BrainsCodec.encode(value)
		var text: String = BrainsCodec.to_text({"v": encoded})
		var parsed: Dictionary = JSON.parse_string(text)
		check(not text.contains('"('), type_string(kind) + " is written as a text: " + text)
		# What is null is so on purpose.
		var is_null: bool = kind in [TYPE_NIL, TYPE_OBJECT, TYPE_RID, TYPE_CALLABLE, TYPE_SIGNAL]
		equal(parsed["v"] == null, is_null, type_string(kind))


# --- too deep, too large ---


func test_what_is_too_deep_is_null_and_that_is_said_once() -> void:
	expect_error("nested too deeply")
	var deep: Array = ["bottom"]
	for level: int in 4:
		deep = [deep]
	identical(BrainsCodec.encode(deep, 5), [[[[["bottom"]]]]])
	check(not BrainsCodec._has_warned)
	identical(BrainsCodec.encode(deep, 4), [[[[null]]]])
	identical(BrainsCodec.encode({"a": {"b": {}}}, 2), {"a": {"b": null}})
	identical(BrainsCodec.encode([], 0), null)
	check(BrainsCodec._has_warned)


func test_what_contains_itself_comes_to_an_end() -> void:
	expect_error("contains itself")
	var ring: Dictionary = {"name": "ring"}
	ring["self"] = ring
	identical(
		BrainsCodec.encode(ring, 3),
		{"name": "ring", "self": {"name": "ring", "self": {"name": "ring", "self": null}}},
	)
	ring.clear()
	var list: Array = [1]
	list.append(list)
	identical(BrainsCodec.encode(list, 2), [1, [1, null]])
	list.clear()


func test_what_contains_itself_often_comes_to_an_end_soon() -> void:
	expect_error("too many parts")
	var list: Array = []
	for _time: int in 10:
		list.append(list)
	var started: int = Time.get_ticks_msec()
	var text: String = BrainsCodec.to_text({"v": BrainsCodec.encode(list)})
	check(Time.get_ticks_msec() - started < 2000, "took too long")
	check(text.length() < 100 * BrainsCodec.MOST_CONTAINERS, str(text.length()))
	list.clear()


# --- texts ---


func test_what_json_escapes_is_kept() -> void:
	var text: String = 'a"b\\c/d\b\f\n\r\te'
	equal(BrainsCodec.to_text({"v": text}), '{"v":"a\\"b\\\\c/d\\b\\f\\n\\r\\te"}')
	equal(JSON.parse_string(BrainsCodec.to_text({"v": text}))["v"], text)


func test_control_characters_are_dropped() -> void:
	for code: int in range(1, 32):
		if code in [8, 9, 10, 12, 13]:
			continue
		var text: String = "a" + String.chr(code) + "b" + String.chr(code) + String.chr(code)
		equal(BrainsCodec.to_text({"v": text}), '{"v":"ab"}', "U+%04X" % code)
	equal(BrainsCodec.to_text({"v\u007f": "a\u007f"}), '{"v":"a"}')


func test_they_are_dropped_from_keys_too() -> void:
	equal(BrainsCodec.to_text({"a\u0001\u000b": 1}), '{"a":1}')


func test_a_vertical_tab_beside_backslashes() -> void:
	var cases: Dictionary[String, String] = {
		"\u000b": "",
		"\\v": "\\v",
		"\\\u000b": "\\",
		"\u000b\u000bv\u000b": "v",
		"\\\\v\u000b\\": "\\\\v\\",
		"\n\u000b\n": "\n\n",
		"\\\u0001v": "\\v",
	}
	for text: String in cases:
		equal(JSON.parse_string(BrainsCodec.to_text({"v": text}))["v"], cases[text])


func test_other_scripts_and_signs_are_kept() -> void:
	var text: String = "Añjou 日本語 🏰 \u200d\ufeff\u2028\ufffd\u0085"
	equal(JSON.parse_string(BrainsCodec.to_text({"v": text}))["v"], text)


func test_halves_of_surrogate_pairs_are_dropped() -> void:
	for half: String in ["D800", "DBFF", "DC00", "DFFF"]:
		# Wherever else such a text might come from, Godot 4.6 puts U+FFFD in its place.
		var text: String = ("a&#x%s;b" % half).xml_unescape()
		equal(text.unicode_at(1), half.hex_to_int())
		equal(BrainsCodec.to_text({text: text}), '{"ab":"ab"}')


func test_what_is_no_character_is_dropped() -> void:
	var text: String = "a&#x110000;b".xml_unescape()
	equal(text.unicode_at(1), 0x110000)
	equal(BrainsCodec.to_text({"v": text}), '{"v":"ab"}')


func test_godot_puts_no_null_into_a_text() -> void:
	expect_error("Unexpected NUL character")
	equal(String.chr(0), "\ufffd")
	equal(BrainsCodec.parse('{"v": "a\\u0000b"}'), {"v": "a\ufffdb"})


# --- what Godot's JSON does (why there is a codec at all) ---


func test_json_turns_integers_into_floats() -> void:
	var parsed: Dictionary = BrainsCodec.parse('{"i": 1, "big": 9007199254740993}')
	identical(parsed["i"], 1.0)
	equal(parsed["i"], 1)
	equal(str(parsed["i"]), "1.0")
	check({"i": 1} != {"i": 1.0}, "dictionaries compare by type")
	check(not {1: "a"}.has(1.0), "keys too")
	identical(parsed["big"], 9007199254740992.0)
	match parsed["i"]:
		1:
			fails("a match against an integer finds a float")
		1.0:
			check(true)


func test_json_writes_vectors_as_texts() -> void:
	equal(JSON.stringify(Vector2(1, 2.5)), '"(1.0, 2.5)"')
	equal(JSON.stringify(Color.RED), '"(1.0, 0.0, 0.0, 1.0)"')
	equal(JSON.stringify(PackedVector2Array([Vector2.ZERO])), '"[(0.0, 0.0)]"')
	equal(JSON.stringify(PackedByteArray([1])), '"[1]"')
	equal(JSON.stringify(PackedInt64Array([1])), "[1]")
	equal(JSON.stringify(PackedStringArray(["a"])), '["a"]')


func test_json_writes_names_and_paths_as_texts() -> void:
	equal(JSON.stringify([&"name", ^"A/B"]), '["name","A/B"]')


func test_json_writes_objects_as_texts() -> void:
	contains(JSON.stringify(self), '"Suite:<Node#')
	contains(JSON.stringify(after_each), "::after_each")


func test_json_of_numbers_that_are_not_finite() -> void:
	# Up to 4.5 it was `inf`, which is no JSON at all; the codec lets neither happen.
	var is_new: bool = Engine.get_version_info()["hex"] >= 0x040600
	equal(JSON.stringify(INF), "1e99999" if is_new else "inf")
	if is_new:
		expect_error("NaN")
		equal(JSON.stringify(NAN), "null")


func test_json_from_python_with_nan_is_refused_as_a_whole() -> void:
	identical(BrainsCodec.parse('{"x": NaN}'), null)
	identical(BrainsCodec.parse('{"x": Infinity}'), null)


func test_json_writes_what_python_does_not_read() -> void:
	equal(JSON.stringify("\u000b"), '"\\v"')
	equal(JSON.stringify("\u001b"), '"\u001b"')


func test_json_sorts_keys_unless_told_otherwise() -> void:
	equal(JSON.stringify({"b": 1, "a": 2}), '{"a":2,"b":1}')
	equal(BrainsCodec.to_text({"b": 1, "a": 2}), '{"b":1,"a":2}')


func test_json_of_what_contains_itself() -> void:
	expect_error("recursive|circular|Converting")
	var ring: Array = []
	ring.append(ring)
	contains(JSON.stringify(ring), "[...]")
	ring.clear()


# --- reading ---


func test_only_objects_are_messages() -> void:
	equal(BrainsCodec.parse('{"a": [1, null, {"b": "c"}]}'), {"a": [1, null, {"b": "c"}]})
	for text: String in ["null", "[]", "1", '"a"', "true"]:
		identical(BrainsCodec.parse(text), null, text)


func test_what_is_no_json_is_null_and_prints_nothing() -> void:
	for text: String in ["", "{", "{'a': 1}", '{"a": }', "hello", '{"a": "\\q"}']:
		identical(BrainsCodec.parse(text), null, text)
	identical(BrainsCodec.parse("[".repeat(2000) + "]".repeat(2000)), null)
	identical(BrainsCodec.parse('{"a":'.repeat(2000) + "1" + "}".repeat(2000)), null)


## Why messages are read with an object of [JSON], and not with the shorter way.
func test_json_parse_string_prints_an_error_where_parse_does_not() -> void:
	expect_error("Parse JSON failed")
	identical(JSON.parse_string("{"), null)
	var json: JSON = JSON.new()
	equal(json.parse("{"), ERR_PARSE_ERROR)
	contains(json.get_error_message(), "Expected")


func test_json_of_what_is_too_deep_is_refused() -> void:
	var json: JSON = JSON.new()
	check(json.parse("[".repeat(2000) + "]".repeat(2000)) != OK)
	contains(json.get_error_message(), "too deep")


func test_what_godot_reads_beyond_json() -> void:
	equal(BrainsCodec.parse('{"a": [1, 2,],}'), {"a": [1, 2]})
	equal(BrainsCodec.parse('{"a": 1, "a": 2}'), {"a": 2})


func _with(code: int) -> String:
	var units: PackedByteArray = [0x61, 0, 0, 0, code & 0xFF, code >> 8, 0, 0, 0x62, 0, 0, 0]
	return units.get_string_from_utf32()

extends BrainsTest
## Actions and their parameters: what is declared, and which values get through.

const SCENE: String = "user://test_action.tres"


func test_text_takes_any_text() -> void:
	var parameter: BrainParameter = BrainParameter.text(&"x")
	identical(parameter.convert_value("a"), "a")
	identical(parameter.convert_value(""), "")
	identical(parameter.convert_value("😀 ñ\n"), "😀 ñ\n")


func test_text_becomes_a_string_also_if_the_game_gives_a_string_name() -> void:
	identical(BrainParameter.text(&"x", ["wall"]).convert_value(&"wall"), "wall")


func test_text_refuses_what_is_none() -> void:
	for wrong: Variant in [1.0, true, null, [], {}, ["a"]]:
		identical(BrainParameter.text(&"x").convert_value(wrong), null, str(wrong))


func test_text_with_choices_refuses_others() -> void:
	var parameter: BrainParameter = BrainParameter.text(&"x", ["wall", "market"])
	identical(parameter.convert_value("market"), "market")
	for wrong: Variant in ["Market", "market ", "", "moat"]:
		identical(parameter.convert_value(wrong), null, str(wrong))


func test_number_becomes_a_float() -> void:
	var parameter: BrainParameter = BrainParameter.number(&"x")
	identical(parameter.convert_value(2.5), 2.5)
	identical(parameter.convert_value(3), 3.0)
	identical(parameter.convert_value(-1e300), -1e300)


func test_number_refuses_what_is_none() -> void:
	for wrong: Variant in [NAN, INF, -INF, "1", true, null, [], {}, [1.0]]:
		identical(BrainParameter.number(&"x").convert_value(wrong), null, str(wrong))


func test_number_keeps_to_its_bounds() -> void:
	var parameter: BrainParameter = BrainParameter.number(&"x", -1.0, 2.5)
	identical(parameter.convert_value(-1.0), -1.0)
	identical(parameter.convert_value(2.5), 2.5)
	identical(parameter.convert_value(2.5000001), null)
	identical(parameter.convert_value(-1.0000001), null)


func test_number_may_have_one_bound_only() -> void:
	var parameter: BrainParameter = BrainParameter.number(&"x", 0.0)
	identical(parameter.convert_value(1e12), 1e12)
	identical(parameter.convert_value(-0.1), null)


func test_whole_becomes_an_int() -> void:
	var parameter: BrainParameter = BrainParameter.whole(&"x")
	identical(parameter.convert_value(3.0), 3)
	identical(parameter.convert_value(-3), -3)
	identical(parameter.convert_value(float(9007199254740991)), 9007199254740991)
	identical(parameter.convert_value(-0.0), 0)


func test_whole_refuses_what_is_none() -> void:
	for wrong: Variant in [
		3.5, float(9007199254740992), 9007199254740992, 1e300, NAN, INF, "3", true, null, [3.0]
	]:
		identical(BrainParameter.whole(&"x").convert_value(wrong), null, str(wrong))


func test_whole_keeps_to_its_bounds() -> void:
	var parameter: BrainParameter = BrainParameter.whole(&"x", 1, 3)
	identical(parameter.convert_value(1.0), 1)
	identical(parameter.convert_value(3.0), 3)
	identical(parameter.convert_value(0.0), null)
	identical(parameter.convert_value(4.0), null)


func test_flag_takes_true_and_false_only() -> void:
	var parameter: BrainParameter = BrainParameter.flag(&"x")
	identical(parameter.convert_value(true), true)
	identical(parameter.convert_value(false), false)
	for wrong: Variant in [1.0, 0, "true", null, []]:
		identical(parameter.convert_value(wrong), null, str(wrong))


func test_point2_becomes_a_vector() -> void:
	var parameter: BrainParameter = BrainParameter.point2(&"x")
	identical(parameter.convert_value([1.0, 2.5]), Vector2(1.0, 2.5))
	identical(parameter.convert_value([1, -2]), Vector2(1, -2))
	identical(parameter.convert_value(Vector2(3, 4)), Vector2(3, 4))
	identical(parameter.convert_value(Vector2i(3, 4)), Vector2(3, 4))


func test_point2_refuses_what_is_none() -> void:
	var parameter: BrainParameter = BrainParameter.point2(&"x")
	var all_wrong: Array = [[], [1.0], [1.0, 2.0, 3.0], [1.0, "2"], [1.0, null], [NAN, 1.0]]
	all_wrong.append_array([{"x": 1.0, "y": 2.0}, 1.0, "(1, 2)", null, Vector3.ONE])
	all_wrong.append_array([Vector2(NAN, 0.0), Vector2.INF, [[1.0], [2.0]]])
	for wrong: Variant in all_wrong:
		identical(parameter.convert_value(wrong), null, str(wrong))


func test_point2_refuses_numbers_that_a_vector_cannot_hold() -> void:
	identical(BrainParameter.point2(&"x").convert_value([1e300, 0.0]), null)


func test_point3_becomes_a_vector() -> void:
	var parameter: BrainParameter = BrainParameter.point3(&"x")
	identical(parameter.convert_value([1.0, 2.5, -3.0]), Vector3(1.0, 2.5, -3.0))
	identical(parameter.convert_value(Vector3(1, 2, 3)), Vector3(1, 2, 3))
	identical(parameter.convert_value(Vector3i(1, 2, 3)), Vector3(1, 2, 3))


func test_point3_refuses_what_is_none() -> void:
	var parameter: BrainParameter = BrainParameter.point3(&"x")
	for wrong: Variant in [[1.0, 2.0], [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, INF], Vector2.ONE, null]:
		identical(parameter.convert_value(wrong), null, str(wrong))


func test_schema_of_each_type() -> void:
	var number_list: Dictionary = {"type": "array", "items": {"type": "number"}}
	equal(BrainParameter.text(&"x").to_schema(), {"type": "string"})
	equal(BrainParameter.number(&"x").to_schema(), {"type": "number"})
	equal(BrainParameter.whole(&"x").to_schema(), {"type": "integer"})
	equal(BrainParameter.flag(&"x").to_schema(), {"type": "boolean"})
	equal(
		BrainParameter.point2(&"x").to_schema(), number_list.merged({"minItems": 2, "maxItems": 2})
	)
	equal(
		BrainParameter.point3(&"x").to_schema(), number_list.merged({"minItems": 3, "maxItems": 3})
	)


func test_schema_has_choices_and_bounds() -> void:
	equal(BrainParameter.text(&"x", ["a", "b"]).to_schema(), {"type": "string", "enum": ["a", "b"]})
	equal(
		BrainParameter.number(&"x", 0.5, 2.0).to_schema(),
		{"type": "number", "minimum": 0.5, "maximum": 2.0}
	)
	equal(BrainParameter.number(&"x", 0.5).to_schema(), {"type": "number", "minimum": 0.5})
	equal(BrainParameter.number(&"x", -INF, 0.5).to_schema(), {"type": "number", "maximum": 0.5})


func test_bounds_of_a_whole_number_are_whole() -> void:
	identical(
		BrainParameter.whole(&"x", 0.5, 3.5).to_schema(),
		{"type": "integer", "minimum": 1, "maximum": 3}
	)


func test_description_says_what_is_allowed() -> void:
	equal(BrainParameter.text(&"x", ["a", "b"]).describe(), "one of a, b")
	equal(BrainParameter.number(&"x", 0.0, 1.0).describe(), "a number from 0.0 to 1.0")
	equal(BrainParameter.number(&"x", 0.0).describe(), "a number of at least 0.0")
	equal(BrainParameter.whole(&"x", -INF, 9).describe(), "a whole number of at most 9.0")
	equal(BrainParameter.point2(&"x").describe(), "[x, y]")


func test_inspector_shows_choices_for_texts_only() -> void:
	equal(_shown(BrainParameter.text(&"x")), ["name", "type", "required", "choices"])
	equal(_shown(BrainParameter.flag(&"x")), ["name", "type", "required"])
	equal(_shown(BrainParameter.point3(&"x")), ["name", "type", "required"])


func test_inspector_shows_bounds_for_bounded_numbers_only() -> void:
	var parameter: BrainParameter = BrainParameter.number(&"x")
	equal(_shown(parameter), ["name", "type", "required", "bounded"])
	parameter.bounded = true
	equal(_shown(parameter), ["name", "type", "required", "bounded", "minimum", "maximum"])
	parameter.type = BrainParameter.Type.WHOLE
	equal(_shown(parameter), ["name", "type", "required", "bounded", "minimum", "maximum"])


func test_what_the_inspector_hides_is_saved_all_the_same() -> void:
	var parameter: BrainParameter = BrainParameter.number(&"x", 1.0, 2.0)
	parameter.bounded = false
	for property: Dictionary in parameter.get_property_list():
		if property["name"] == "minimum":
			check(property["usage"] & PROPERTY_USAGE_STORAGE != 0)


func test_resources_load_from_a_file() -> void:
	var made: BrainAction = BrainAction.make(
		&"Walk", [BrainParameter.whole(&"steps", 1, 9), BrainParameter.text(&"route", ["wall"])]
	)
	made.description = "Walks."
	equal(ResourceSaver.save(made, SCENE), OK)
	var read: BrainAction = ResourceLoader.load(SCENE, "", ResourceLoader.CACHE_MODE_IGNORE)
	DirAccess.remove_absolute(SCENE)
	if not check(read != null, "cannot be loaded"):
		return
	equal(read.to_declaration(), made.to_declaration())
	identical(read.parameters[0].convert_value(9.0), 9)
	identical(read.parameters[0].convert_value(10.0), null)


func test_a_change_of_a_parameter_is_one_of_its_action() -> void:
	var parameter: BrainParameter = BrainParameter.number(&"speed")
	var action: BrainAction = BrainAction.make(&"Walk", [parameter])
	var changes: Array[Array] = heard(action.changed)
	parameter.name = &"pace"
	equal(changes.size(), 1)
	action.parameters = []
	equal(changes.size(), 2)
	parameter.name = &"haste"
	equal(changes.size(), 2)


func test_declaration_of_an_action() -> void:
	var action: BrainAction = BrainAction.make(
		&"Walk",
		[BrainParameter.text(&"route", ["wall"]), BrainParameter.flag(&"run", false)],
		"Walks round."
	)
	identical(
		action.to_declaration(),
		{
			"name": "Walk",
			"description": "Walks round.",
			"params":
			{
				"type": "object",
				"properties":
				{"route": {"type": "string", "enum": ["wall"]}, "run": {"type": "boolean"}},
				"required": _strings(["route"]),
			},
		}
	)


func test_declaration_of_an_action_without_values() -> void:
	identical(
		BrainAction.make(&"Wait").to_declaration(),
		{
			"name": "Wait",
			"params": {"type": "object", "properties": {}, "required": _strings([])},
		}
	)


func test_values_are_converted() -> void:
	var action: BrainAction = BrainAction.make(
		&"Walk", [BrainParameter.point2(&"to"), BrainParameter.whole(&"steps")]
	)
	var converted: Dictionary = {}
	equal(action.convert_params({"to": [1.0, 2.0], "steps": 3.0}, converted), "")
	identical(converted, {"to": Vector2(1, 2), "steps": 3})


func test_a_missing_value_is_named() -> void:
	var action: BrainAction = BrainAction.make(&"Walk", [BrainParameter.point2(&"to")])
	equal(action.convert_params({}, {}), "Walk: to is missing; the order has: nothing")
	equal(action.convert_params({"to": null}, {}), "Walk: to is missing; the order has: to")


func test_a_value_that_does_not_fit_is_named() -> void:
	var action: BrainAction = BrainAction.make(&"Walk", [BrainParameter.whole(&"steps", 1, 9)])
	equal(
		action.convert_params({"steps": 10.0}, {}),
		(
			"Walk: steps is 10.0, but has to be a whole number from 1.0 to 9.0;"
			+ " mend the tree, or the BrainParameter"
		)
	)


func test_an_optional_value_may_be_absent() -> void:
	var action: BrainAction = BrainAction.make(&"Walk", [BrainParameter.flag(&"run", false)])
	var converted: Dictionary = {}
	equal(action.convert_params({}, converted), "")
	equal(action.convert_params({"run": null}, converted), "")
	equal(converted, {})


func test_an_optional_value_that_does_not_fit_is_refused() -> void:
	var action: BrainAction = BrainAction.make(&"Walk", [BrainParameter.flag(&"run", false)])
	contains(action.convert_params({"run": "yes"}, {}), "run is yes, but has to be true or false")


func test_keys_may_be_string_names() -> void:
	var action: BrainAction = BrainAction.make(&"Walk", [BrainParameter.flag(&"run")])
	var converted: Dictionary = {}
	equal(action.convert_params({&"run": true}, converted), "")
	identical(converted, {"run": true})


func test_what_is_not_declared_is_left_out_with_one_warning_for_each_name() -> void:
	expect_error(
		"orders of Walk have a value `haste` that the game does not declare, so it is left out"
	)
	var action: BrainAction = BrainAction.make(&"Walk", [BrainParameter.flag(&"run", false)])
	var converted: Dictionary = {}
	equal(action.convert_params({"haste": 1.0, "run": true}, converted), "")
	equal(converted, {"run": true})
	equal(action._told.size(), 1)
	equal(action.convert_params({"haste": 2.0}, {}), "")
	equal(action._told.size(), 1)


func test_a_flood_of_undeclared_names_is_not_all_printed() -> void:
	expect_error("that the game does not declare")
	var action: BrainAction = BrainAction.make(&"Walk")
	for number: int in 100:
		equal(action.convert_params({"x%d" % number: 1.0}, {}), "")
	equal(action._told.size(), BrainAction.MOST_TOLD)


func test_an_undeclared_null_is_nothing() -> void:
	equal(BrainAction.make(&"Walk").convert_params({"haste": null}, {}), "")


func test_empty_places_and_nameless_parameters_are_passed_over() -> void:
	var action: BrainAction = BrainAction.make(
		&"Walk", [null, BrainParameter.new(), BrainParameter.flag(&"run")]
	)
	equal(action.to_declaration()["params"]["properties"], {"run": {"type": "boolean"}})
	equal(action.to_declaration()["params"]["required"], ["run"])
	var converted: Dictionary = {}
	equal(action.convert_params({"run": false}, converted), "")
	equal(converted, {"run": false})


## What the inspector shows of a parameter.
func _shown(parameter: BrainParameter) -> Array:
	var own: Array = ["name", "type", "required", "bounded", "minimum", "maximum", "choices"]
	var shown: Array = []
	for property: Dictionary in parameter.get_property_list():
		if property["name"] in own and property["usage"] & PROPERTY_USAGE_EDITOR:
			shown.append(property["name"])
	return shown


func _strings(of: Array) -> Array[String]:
	var strings: Array[String] = []
	strings.assign(of)
	return strings

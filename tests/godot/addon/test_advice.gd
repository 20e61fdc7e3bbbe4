extends BrainsTest
## What the editor says of an agent that cannot work: it comes, says what to do, and goes.

var agent: BrainAgent


func before_each() -> void:
	var actor: Node2D = Node2D.new()
	actor.name = "Guard"
	agent = BrainAgent.new()
	agent.enabled = false
	agent.brain = "guard"
	agent.actions = [BrainAction.make(&"Walk", [BrainParameter.number(&"speed", 0, 5)])]
	agent.observed_properties = ["rotation"]
	actor.add_child(agent)
	add_child(actor)


func test_an_agent_that_works_has_no_warnings() -> void:
	equal(agent._get_configuration_warnings(), [])


func test_an_agent_without_a_brain() -> void:
	agent.brain = "  "
	_is_advised('Set `brain` to the name of a tree: what stands in @brain("...") in trees/.')
	agent.brain = "guard"
	_is_content()


func test_an_agent_that_perceives_nothing() -> void:
	agent.observed_properties = []
	_is_advised(
		(
			"The brain perceives nothing: give Guard a method _observe(), or list properties in"
			+ " `observed_properties`."
		)
	)
	agent.observed_properties = ["rotation"]
	_is_content()


func test_an_agent_without_actions() -> void:
	agent.actions = []
	_is_advised("Add a BrainAction to `actions` for each thing that the character can do.")
	agent.actions = [BrainAction.make(&"Walk")]
	_is_content()


func test_an_empty_place_in_actions() -> void:
	agent.actions = [BrainAction.make(&"Walk"), null]
	_is_advised("Fill the empty place 1 of `actions`, or remove it.")
	agent.actions = [BrainAction.make(&"Walk")]
	_is_content()


func test_an_action_without_a_name() -> void:
	agent.actions[0].name = &""
	_is_advised("Give action 0 a name: that of its class in trees/.")
	agent.actions[0].name = &"Walk"
	_is_content()


func test_two_actions_of_the_same_name() -> void:
	agent.actions = [BrainAction.make(&"Walk"), BrainAction.make(&"Walk")]
	_is_advised("Two actions are called Walk: rename or remove one.")
	agent.actions[1].name = &"Run"
	_is_content()


func test_an_action_whose_name_is_none() -> void:
	agent.actions[0].name = &"Go home"
	_is_advised("Rename the action Go home: no class can be called so.")
	agent.actions[0].name = &"Größe"
	_is_content()


func test_an_empty_place_in_parameters() -> void:
	agent.actions[0].parameters = [null]
	_is_advised("Give every parameter of Walk a name.")
	agent.actions[0].parameters = []
	_is_content()


func test_a_parameter_without_a_name() -> void:
	agent.actions[0].parameters[0].name = &""
	_is_advised("Give every parameter of Walk a name.")
	agent.actions[0].parameters[0].name = &"speed"
	_is_content()


func test_two_parameters_of_the_same_name() -> void:
	agent.actions[0].parameters = [BrainParameter.flag(&"a"), BrainParameter.text(&"a")]
	_is_advised("Walk has two parameters called a: rename one.")
	agent.actions[0].parameters[1].name = &"b"
	_is_content()


func test_a_parameter_whose_name_is_none() -> void:
	agent.actions[0].parameters[0].name = &"top speed"
	_is_advised("Rename the parameter top speed of Walk: no field of a class can be called so.")
	agent.actions[0].parameters[0].name = &"top_speed"
	_is_content()


func test_bounds_that_allow_nothing() -> void:
	agent.actions[0].parameters[0].minimum = 6.0
	_is_advised("Mend the bounds of speed of Walk: the minimum is above the maximum.")
	agent.actions[0].parameters[0].bounded = false
	_is_content()


func test_a_property_that_the_actor_does_not_have() -> void:
	agent.observed_properties = ["position:x", "health"]
	_is_advised("Guard has no property `health`: mend or remove it in `observed_properties`.")
	agent.observed_properties = ["position:x"]
	_is_content()


func test_an_id_that_is_too_long() -> void:
	agent.agent_id = "x".repeat(201)
	_is_advised("Make `agent_id` shorter: it may have 200 characters.")
	agent.agent_id = "x".repeat(200)
	_is_content()


func test_an_agent_without_a_character() -> void:
	get_tree().edited_scene_root = agent
	_is_advised("Make this node a child of the character that it is to drive.")
	get_tree().edited_scene_root = null
	_is_content()


func test_all_that_is_wrong_is_said() -> void:
	agent.brain = ""
	agent.actions = []
	equal(agent._get_configuration_warnings().size(), 2)


func test_the_editor_looks_again_when_something_was_mended() -> void:
	get_tree().edited_scene_root = agent.get_parent()
	var looks: Array[Array] = heard(get_tree().node_configuration_warning_changed)
	agent.brain = "captain"
	equal(looks.size(), 1)
	agent.actions[0].name = &"Run"
	equal(looks.size(), 2)
	agent.actions[0].parameters[0].name = &"pace"
	equal(looks.size(), 3)
	agent.observed_properties = ["position"]
	equal(looks.size(), 4)
	var before: BrainAction = agent.actions[0]
	agent.actions = [BrainAction.make(&"Walk")]
	equal(looks.size(), 5)
	before.name = &"Walk"
	equal(looks.size(), 5)
	get_tree().edited_scene_root = null


func _is_advised(text: String) -> void:
	equal(agent._get_configuration_warnings(), [text])


func _is_content() -> void:
	equal(agent._get_configuration_warnings(), [])

class_name BrainsAdvice
extends RefCounted
## What the editor says of a [BrainAgent] that cannot work, and what to do about it.


## Returns the warnings of an agent.
static func of_agent(agent: BrainAgent) -> PackedStringArray:
	var advice: PackedStringArray = []
	if agent.is_inside_tree() and agent == agent.get_tree().edited_scene_root:
		advice.append("Make this node a child of the character that it is to drive.")
	if agent.brain.strip_edges().is_empty():
		advice.append('Set `brain` to the name of a tree: what stands in @brain("...") in trees/.')
	if agent.actions.is_empty():
		advice.append("Add a BrainAction to `actions` for each thing that the character can do.")
	_advise_on_actions(agent, advice)
	_advise_on_observation(agent, advice)
	if agent.agent_id.length() > 200:
		advice.append("Make `agent_id` shorter: it may have 200 characters.")
	return advice


static func _advise_on_actions(agent: BrainAgent, advice: PackedStringArray) -> void:
	var known: Dictionary[StringName, bool] = {}
	for index: int in agent.actions.size():
		var action: BrainAction = agent.actions[index]
		if action == null:
			advice.append("Fill the empty place %d of `actions`, or remove it." % index)
			continue
		if action.name.is_empty():
			advice.append("Give action %d a name: that of its class in trees/." % index)
		elif known.has(action.name):
			advice.append("Two actions are called %s: rename or remove one." % action.name)
		elif not String(action.name).is_valid_unicode_identifier():
			advice.append("Rename the action %s: no class can be called so." % action.name)
		known[action.name] = true
		_advise_on_parameters(action, advice)


static func _advise_on_parameters(action: BrainAction, advice: PackedStringArray) -> void:
	var known: Dictionary[StringName, bool] = {}
	for parameter: BrainParameter in action.parameters:
		if parameter == null or parameter.name.is_empty():
			var whose: String = action.name if not action.name.is_empty() else &"each action"
			advice.append("Give every parameter of %s a name." % whose)
			continue
		if known.has(parameter.name):
			advice.append(
				"%s has two parameters called %s: rename one." % [action.name, parameter.name]
			)
		elif not String(parameter.name).is_valid_unicode_identifier():
			advice.append(
				(
					"Rename the parameter %s of %s: no field of a class can be called so."
					% [parameter.name, action.name]
				)
			)
		known[parameter.name] = true
		if parameter.bounded and parameter.minimum > parameter.maximum:
			advice.append(
				(
					"Mend the bounds of %s of %s: the minimum is above the maximum."
					% [parameter.name, action.name]
				)
			)


static func _advise_on_observation(agent: BrainAgent, advice: PackedStringArray) -> void:
	if not agent.is_inside_tree():
		return
	var actor: Node = agent.get_parent()
	var is_plain: bool = agent.get_script() == BrainAgent and not actor.has_method(&"_observe")
	if is_plain and agent.observed_properties.is_empty():
		(
			advice
			. append(
				(
					(
						"The brain perceives nothing: give %s a method _observe(), or list properties in"
						+ " `observed_properties`."
					)
					% actor.name
				)
			)
		)
	for property: String in agent.observed_properties:
		if not property.get_slice(":", 0) in actor:
			advice.append(
				(
					"%s has no property `%s`: mend or remove it in `observed_properties`."
					% [actor.name, property]
				)
			)

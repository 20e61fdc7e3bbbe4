@tool
extends VBoxContainer
## The debugger's Brains tab: which agents the game has, what each does, and who chose it.
##
## It knows nothing of debugging sessions: it is told what happens ([method on_started],
## [method take] ...), and says by [signal asked] what it wants from the game.

## Wants this message sent to the game.
signal asked(message: String, data: Array)

## STARTING: the game runs, and has not said hello yet. SILENT: it should have by now.
enum Phase { STOPPED, STARTING, SILENT, LIVE }

const Look: GDScript = preload("brains_look.gd")
const AgentList: GDScript = preload("brains_agent_list.gd")
const AgentDetails: GDScript = preload("brains_agent_details.gd")

## The game greets when its first scene comes in, so a slow one may still be loading then.
const PATIENCE_S: float = 5.0
const SHORTEST_MS: int = 100
const LONGEST_MS: int = 1000
const USUAL_MS: int = 250

## Icon, title and text of what is shown instead of agents.
const NOTICES: Dictionary[String, Array] = {
	"stopped":
	[
		&"Play",
		"No game is running",
		"Press Play (F5): the agents of the game are shown here while it runs."
	],
	"starting": [&"Time", "The game is starting", "It has not said hello yet."],
	"silent":
	[
		&"NodeWarning",
		"The game has no Brains autoload",
		(
			"Enable the plugin Brains in Project > Project Settings > Plugins (disable it first if it is"
			+ " enabled), or add res://addons/brains/brains_client.gd as Brains in Globals > Autoload,"
			+ " and start the game again."
		),
	],
	"paused": [&"Pause", "Paused", "Release the pause button to see the game's agents."],
	"asked":
	[&"Time", "Waiting for the game", "It has said hello; the list of agents is on its way."],
	"no agents":
	[
		&"NodeInfo",
		"The game has no agents",
		(
			"Add a BrainAgent node as a child of a character, give it the name of a brain and its actions,"
			+ " and see that it is in the scene that plays."
		),
	],
	"no match":
	[&"Search", "No agent fits the filter", "Every word of the filter has to be in the row."],
}

var phase: Phase = Phase.STOPPED
## Milliseconds between two reports of the game.
var interval_ms: int = USUAL_MS

var _is_watching: bool = false
var _is_breaked: bool = false
var _has_list: bool = false
var _status: Dictionary = {}
var _shown_notice: String = ""

var _bar: HFlowContainer = HFlowContainer.new()
var _state_icon: TextureRect = TextureRect.new()
var _state_label: Label = Label.new()
var _counters: Label = Label.new()
var _filter: LineEdit = LineEdit.new()
var _slider: HSlider = HSlider.new()
var _slider_label: Label = Label.new()
var _pause: Button = Button.new()
var _banner: PanelContainer = PanelContainer.new()
var _banner_icon: TextureRect = TextureRect.new()
var _banner_label: Label = Label.new()
var _body: HSplitContainer = HSplitContainer.new()
var _list: Tree = AgentList.new()
var _details: SplitContainer = AgentDetails.new()
var _notice: CenterContainer = CenterContainer.new()
var _notice_icon: TextureRect = TextureRect.new()
var _notice_title: Label = Label.new()
var _notice_text: Label = Label.new()
var _patience: Timer = Timer.new()
var _typing: Timer = Timer.new()


func _init() -> void:
	name = "Brains"
	_make_bar()
	_make_banner()
	_make_body()
	_make_notice()
	_patience.one_shot = true
	_patience.timeout.connect(give_up_waiting)
	add_child(_patience)
	_typing.one_shot = true
	_typing.timeout.connect(_ask)
	add_child(_typing)
	_show()


func _notification(what: int) -> void:
	match what:
		NOTIFICATION_THEME_CHANGED:
			_dress()
		NOTIFICATION_VISIBILITY_CHANGED, NOTIFICATION_ENTER_TREE:
			# A tab that nobody looks at costs the game nothing.
			_ask()


# --- what happens ---


## A game has been started.
func on_started() -> void:
	phase = Phase.STARTING
	_forget()
	_wait()
	_show()


## The game has ended.
func on_stopped() -> void:
	phase = Phase.STOPPED
	_patience.stop()
	_forget()
	_show()


## The game stands at a breakpoint or an error.
func on_breaked(_can_debug: bool = true) -> void:
	_is_breaked = true
	_patience.stop()
	_show()


## The game goes on.
func on_continued() -> void:
	_is_breaked = false
	if phase == Phase.STARTING:
		_wait()
	_show()


## The game should have said hello by now.
func give_up_waiting() -> void:
	if phase == Phase.STARTING:
		phase = Phase.SILENT
		_show()


## Takes a message of the game, its name without the prefix; false if it is unknown.
func take(message: String, data: Array) -> bool:
	match message:
		"hello":
			_on_hello()
		"list":
			if data.size() == 2 and data[0] is Dictionary and data[1] is Array:
				_on_list(data[0], data[1])
		"agent":
			if data.size() == 1 and data[0] is Dictionary:
				_on_agent(data[0])
		_:
			return false
	return true


func _on_hello() -> void:
	_patience.stop()
	if phase != Phase.LIVE:
		phase = Phase.LIVE
		# Whatever was asked before, the game has not heard it.
		_is_watching = false
	_ask()
	_show()


func _on_list(status: Dictionary, rows: Array) -> void:
	# What was on its way when the button was pressed must not undo it.
	if phase != Phase.LIVE or _pause.button_pressed:
		return
	_has_list = true
	_status = status
	_list.call(&"fill", rows)
	_show()


func _on_agent(agent: Dictionary) -> void:
	if phase == Phase.LIVE and not _pause.button_pressed and str(agent.get("id")) == _chosen():
		_details.call(&"fill", agent)


func _on_picked(id: String) -> void:
	_details.call(&"empty")
	asked.emit("track", [id])


func _on_filter_changed(_text: String) -> void:
	_typing.start(0.2)


func _on_slider_moved(value: float) -> void:
	interval_ms = roundi(value)
	_slider_label.text = "%d ms" % interval_ms
	_typing.start(0.2)


func _on_pause_toggled(_on: bool) -> void:
	_ask()
	_show()


func _wait() -> void:
	if is_inside_tree():
		_patience.start(PATIENCE_S)


func _forget() -> void:
	_is_watching = false
	_is_breaked = false
	_has_list = false
	_status = {}
	_pause.set_pressed_no_signal(false)
	_list.call(&"empty")
	_details.call(&"empty")


## Tells the game what this panel wants to know.
func _ask() -> void:
	if phase != Phase.LIVE:
		return
	var wanted: bool = is_visible_in_tree() and not _pause.button_pressed
	if wanted:
		_is_watching = true
		asked.emit("watch", [interval_ms, _filter.text])
		if not _chosen().is_empty():
			asked.emit("track", [_chosen()])
	elif _is_watching:
		_is_watching = false
		asked.emit("watch", [0, ""])


func _chosen() -> String:
	return _list.get(&"chosen")


# --- what is shown ---


func _show() -> void:
	var is_live: bool = phase == Phase.LIVE
	_bar.visible = is_live
	_show_status()
	_show_banner()
	var notice: String = _which_notice()
	_body.visible = notice.is_empty()
	_notice.visible = not notice.is_empty()
	if notice != _shown_notice and not notice.is_empty():
		_notice_icon.texture = Look.icon(NOTICES[notice][0], self)
		_notice_title.text = NOTICES[notice][1]
		_notice_text.text = NOTICES[notice][2]
	_shown_notice = notice


func _which_notice() -> String:
	match phase:
		Phase.STOPPED:
			return "stopped"
		Phase.STARTING:
			return "starting"
		Phase.SILENT:
			return "silent"
	if not _has_list:
		return "paused" if _pause.button_pressed else "asked"
	if _count("total") == 0:
		return "no agents"
	if _count("matching") == 0:
		return "no match"
	return ""


func _show_status() -> void:
	var state: String = str(_status.get("state", ""))
	var color: Color = Look.color(&"warning_color", self)
	match state:
		"open":
			color = Look.color(&"success_color", self)
		"refused":
			color = Look.color(&"error_color", self)
		"off", "":
			color = Look.color(&"disabled_font_color", self)
	_state_icon.texture = Look.dot(get_theme_default_base_scale())
	_state_icon.modulate = color
	_state_label.text = _state_text(state)
	_state_label.tooltip_text = "Session %s" % _status.get("session", "")
	_counters.text = _counter_text()
	_counters.tooltip_text = _counter_details()


func _state_text(state: String) -> String:
	match state:
		"":
			return ""
		"open":
			return "Connected to %s" % _status.get("url", "")
		"off":
			return "Not connected"
		"refused":
			return "Refused by %s" % _status.get("url", "")
	return "Connecting to %s" % _status.get("url", "")


func _counter_text() -> String:
	if not _has_list:
		return ""
	var shown: String = Look.count(_count("total"), "agent")
	if _count("matching") != _count("total"):
		shown = "%d of %s" % [_count("matching"), shown]
	var parts: PackedStringArray = [shown]
	if _list.get_root().get_child_count() < _count("matching"):
		parts[0] += " (the first %d are shown)" % _list.get_root().get_child_count()
	parts.append("%d snapshots, %d answered" % [_counter("snapshots"), _counter("answers")])
	for entry: Array in [["dropped", "order", "dropped"], ["events_dropped", "event", "dropped"]]:
		if _counter(entry[0]) > 0:
			parts.append("%s %s" % [Look.count(_counter(entry[0]), entry[1]), entry[2]])
	return " · ".join(parts)


func _counter_details() -> String:
	var lines: PackedStringArray = []
	var counters: Variant = _status.get("counters")
	if counters is Dictionary:
		for key: Variant in counters:
			lines.append("%s: %s" % [str(key).replace("_", " "), counters[key]])
	return "\n".join(lines)


func _show_banner() -> void:
	var text: String = _banner_text()
	_banner.visible = not text.is_empty()
	_banner_label.text = text
	_banner_icon.texture = Look.icon(&"NodeWarning", self)


func _banner_text() -> String:
	if _is_breaked:
		return "The game stands at a breakpoint: what is shown here is from before it."
	if phase != Phase.LIVE or not _has_list:
		return ""
	var lost: String = str(_status.get("lost", ""))
	match str(_status.get("state", "")):
		"open":
			var problem: String = str(_status.get("problem", ""))
			return "The server complains: %s" % problem if not problem.is_empty() else ""
		"off":
			return (
				"The client is off: the project setting brains/connection/connect_at_start is, or the game"
				+ " has called close(). Agents play their fallbacks."
			)
		"refused":
			return "%s. Agents play their fallbacks, and no other attempt is made." % lost
	return (
		"Not connected%s. Start the server in the folder of your trees: brains serve"
		% (": " + lost if not lost.is_empty() else "")
	)


func _count(key: String) -> int:
	var value: Variant = _status.get(key)
	return value if value is int else 0


## A number, or the sum of a dictionary of numbers.
func _counter(key: String) -> int:
	var counters: Variant = _status.get("counters")
	if not counters is Dictionary:
		return 0
	var value: Variant = counters.get(key)
	if value is Dictionary:
		var sum: int = 0
		for part: Variant in value.values():
			sum += int(part)
		return sum
	return int(value) if value is int or value is float else 0


# --- how it is made ---


func _make_bar() -> void:
	_state_icon.stretch_mode = TextureRect.STRETCH_KEEP_CENTERED
	_bar.add_child(_state_icon)
	_state_label.mouse_filter = Control.MOUSE_FILTER_STOP
	_bar.add_child(_state_label)
	_counters.mouse_filter = Control.MOUSE_FILTER_STOP
	_counters.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	_counters.text_overrun_behavior = TextServer.OVERRUN_TRIM_ELLIPSIS
	_bar.add_child(_counters)
	_filter.placeholder_text = "Filter agents"
	_filter.tooltip_text = "Shows agents whose row has all of these words."
	_filter.clear_button_enabled = true
	_filter.text_changed.connect(_on_filter_changed)
	_bar.add_child(_filter)
	_slider.min_value = SHORTEST_MS
	_slider.max_value = LONGEST_MS
	_slider.step = 50
	_slider.value = USUAL_MS
	_slider.tooltip_text = "How often the game reports: less often costs it less."
	_slider.size_flags_vertical = Control.SIZE_SHRINK_CENTER
	_slider.value_changed.connect(_on_slider_moved)
	_bar.add_child(_slider)
	_slider_label.text = "%d ms" % USUAL_MS
	_bar.add_child(_slider_label)
	_pause.toggle_mode = true
	_pause.flat = true
	_pause.text = "Pause"
	_pause.tooltip_text = "Keeps what is shown; the game goes on and reports nothing."
	_pause.toggled.connect(_on_pause_toggled)
	_bar.add_child(_pause)
	add_child(_bar)


func _make_banner() -> void:
	var row: HBoxContainer = HBoxContainer.new()
	_banner_icon.stretch_mode = TextureRect.STRETCH_KEEP_CENTERED
	row.add_child(_banner_icon)
	_banner_label.autowrap_mode = TextServer.AUTOWRAP_WORD_SMART
	_banner_label.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	row.add_child(_banner_label)
	_banner.add_child(row)
	add_child(_banner)


func _make_body() -> void:
	_body.size_flags_vertical = Control.SIZE_EXPAND_FILL
	_list.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	_list.size_flags_stretch_ratio = 1.1
	_list.connect(&"picked", _on_picked)
	_body.add_child(_list)
	_details.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	_body.add_child(_details)
	add_child(_body)


func _make_notice() -> void:
	_notice.size_flags_vertical = Control.SIZE_EXPAND_FILL
	var box: VBoxContainer = VBoxContainer.new()
	_notice_icon.stretch_mode = TextureRect.STRETCH_KEEP_CENTERED
	box.add_child(_notice_icon)
	_notice_title.theme_type_variation = &"HeaderSmall"
	_notice_title.horizontal_alignment = HORIZONTAL_ALIGNMENT_CENTER
	box.add_child(_notice_title)
	_notice_text.horizontal_alignment = HORIZONTAL_ALIGNMENT_CENTER
	_notice_text.autowrap_mode = TextServer.AUTOWRAP_WORD_SMART
	box.add_child(_notice_text)
	_notice.add_child(box)
	add_child(_notice)


## Sizes and icons, which the editor's theme and scale decide.
func _dress() -> void:
	var scale_by: float = get_theme_default_base_scale()
	custom_minimum_size = Vector2(0.0, 180.0 * scale_by)
	_filter.custom_minimum_size.x = 160.0 * scale_by
	_filter.right_icon = Look.icon(&"Search", self)
	_slider.custom_minimum_size.x = 90.0 * scale_by
	_slider_label.custom_minimum_size.x = 62.0 * scale_by
	_counters.custom_minimum_size.x = 200.0 * scale_by
	_notice_text.custom_minimum_size.x = 560.0 * scale_by
	_pause.icon = Look.icon(&"Pause", self)
	_notice_text.add_theme_color_override(&"font_color", Look.color(&"disabled_font_color", self))
	_shown_notice = ""
	_show()

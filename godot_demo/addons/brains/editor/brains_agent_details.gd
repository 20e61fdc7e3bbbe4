@tool
extends HSplitContainer
## All that there is to know of one agent: what it does and why, what it perceives, its last orders.

const Look: GDScript = preload("brains_look.gd")
const ORDER_TITLES: PackedStringArray = ["Order", "Result"]

var _about: RichTextLabel = RichTextLabel.new()
var _orders: Tree = Tree.new()
var _observation: TextEdit = TextEdit.new()
var _shown: Dictionary = {}


func _init() -> void:
	_about.selection_enabled = true
	_about.context_menu_enabled = true
	_about.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	add_child(_about)
	var tabs: TabContainer = TabContainer.new()
	tabs.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	_orders.columns = ORDER_TITLES.size()
	_orders.column_titles_visible = true
	_orders.hide_root = true
	_orders.name = "Orders"
	for column: int in ORDER_TITLES.size():
		_orders.set_column_title(column, ORDER_TITLES[column])
		_orders.set_column_title_alignment(column, HORIZONTAL_ALIGNMENT_LEFT)
		_orders.set_column_clip_content(column, true)
	_observation.name = "Perceives"
	_observation.editable = false
	tabs.add_child(_observation)
	tabs.add_child(_orders)
	add_child(tabs)


func _notification(what: int) -> void:
	if what == NOTIFICATION_THEME_CHANGED:
		_shown = {}
		var between: int = int(3.0 * get_theme_default_base_scale())
		_about.add_theme_constant_override(&"line_separation", between)
		if has_theme_font(&"source", &"EditorFonts"):
			_observation.add_theme_font_override(&"font", get_theme_font(&"source", &"EditorFonts"))
			_observation.add_theme_font_size_override(
				&"font_size", get_theme_font_size(&"source_size", &"EditorFonts")
			)


## Shows what the game says of an agent.
func fill(agent: Dictionary) -> void:
	_fill_about(agent)
	var orders: Variant = agent.get("orders")
	_fill_orders(orders if orders is Array else [])
	var seen: String = str(agent.get("observation", ""))
	# A text that is set loses its place and what is selected in it.
	if seen != _observation.text:
		var top: float = _observation.scroll_vertical
		_observation.text = seen
		_observation.scroll_vertical = top


## Asks to choose an agent.
func empty() -> void:
	_shown = {}
	_about.clear()
	_about.push_color(Look.color(&"disabled_font_color", self))
	_about.add_text("Choose an agent in the list to see what it does and why.")
	_about.pop()
	_fill_orders([])
	_observation.text = ""


func _fill_about(agent: Dictionary) -> void:
	var now: Dictionary = agent.duplicate()
	now.erase("orders")
	now.erase("observation")
	now["age_ms"] = Look.duration(_number(agent, "age_ms"))
	# So that text can be selected in a panel that is refreshed all the time.
	if now == _shown:
		return
	_shown = now
	_about.clear()
	_write_head(agent)
	if str(agent.get("state", "")) == "gone":
		return
	var action: String = str(agent.get("action", ""))
	if action.is_empty():
		_line("Does", "nothing")
	else:
		_line("Does", action, Look.duration(_number(agent, "age_ms")))
		_line("With", str(agent.get("params", "")))
		_write_source(str(agent.get("source", "")))
		_line("Because", str(agent.get("reason", "")))
	_line("Refused", str(agent.get("refusal", "")))
	_line("Says", str(agent.get("line", "")))
	var available: PackedStringArray = PackedStringArray(_list(agent, "available"))
	_line("Can do", ", ".join(available) if not available.is_empty() else "nothing now")


func _write_head(agent: Dictionary) -> void:
	var state: String = str(agent.get("state", ""))
	_about.push_bold()
	_about.add_text(str(agent.get("id", "")))
	_about.pop()
	_dim("  is  ")
	_about.push_color(Look.state_color(state, self))
	_about.add_text(state)
	_about.pop()
	_about.newline()
	if state == "gone":
		_dim(Look.STATES[state])
		return
	var rate: float = _number(agent, "decision_rate")
	_line(
		"Brain",
		str(agent.get("brain", "")),
		"%s decisions/s" % String.num(rate, 1).trim_suffix(".0")
	)


func _write_source(source: String) -> void:
	_dim("Chosen by  ")
	_about.push_color(Look.source_color(source, self))
	_about.add_text(Look.source_name(source))
	_about.pop()
	_about.newline()


func _line(title: String, text: String, remark: String = "") -> void:
	if text.is_empty():
		return
	_dim(title + "  ")
	_about.add_text(text)
	if not remark.is_empty():
		_dim("  " + remark)
	_about.newline()


func _dim(text: String) -> void:
	_about.push_color(Look.color(&"disabled_font_color", self))
	_about.add_text(text)
	_about.pop()


func _fill_orders(orders: Array) -> void:
	var root: TreeItem = _orders.get_root()
	if root == null:
		root = _orders.create_item()
	while root.get_child_count() > orders.size():
		root.get_child(-1).free()
	while root.get_child_count() < orders.size():
		_orders.create_item(root)
	for index: int in orders.size():
		if orders[index] is Dictionary:
			_fill_order(root.get_child(index), orders[index])


func _fill_order(item: TreeItem, order: Dictionary) -> void:
	var source: String = str(order.get("source", ""))
	var status: String = str(order.get("status", ""))
	var message: String = str(order.get("message", ""))
	item.set_text(0, ("%s  %s" % [order.get("name", ""), order.get("params", "")]).strip_edges())
	item.set_icon(0, Look.dot(get_theme_default_base_scale()))
	item.set_icon_modulate(0, Look.source_color(source, self))
	item.set_tooltip_text(0, "%s\n%s" % [item.get_text(0), Look.source_hint(source)])
	item.set_text(1, status + (": " + message if not message.is_empty() else ""))
	item.set_tooltip_text(1, item.get_text(1))
	item.set_custom_color(1, _status_color(status))


func _status_color(status: String) -> Color:
	match status:
		"success":
			return Look.color(&"success_color", self)
		"failure", "rejected":
			return Look.color(&"error_color", self)
		"expired", "cancelled":
			return Look.color(&"disabled_font_color", self)
	return Look.color(&"font_color", self)


static func _number(from: Dictionary, key: String) -> float:
	var value: Variant = from.get(key)
	return float(value) if value is float or value is int else 0.0


static func _list(from: Dictionary, key: String) -> Array:
	var value: Variant = from.get(key)
	return Array(value) if value is Array or value is PackedStringArray else []

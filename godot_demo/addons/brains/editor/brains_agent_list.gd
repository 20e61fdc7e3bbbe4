@tool
extends Tree
## The agents of a game, one row each, sorted by any column.

## Another agent was chosen.
signal picked(id: String)

const Look: GDScript = preload("brains_look.gd")
const TITLES: PackedStringArray = ["Agent", "Brain", "State", "Action", "Chosen by", "For"]
const WIDTHS: PackedInt32Array = [105, 75, 75, 100, 92, 52]
const STATE: int = 2
const SOURCE: int = 4
const AGE: int = 5

## The one that is shown in detail; it keeps its mark when rows move.
var chosen: String = ""

var _rows: Array = []
var _column: int = 0
var _descending: bool = false
var _is_filling: bool = false


func _init() -> void:
	columns = TITLES.size()
	column_titles_visible = true
	hide_root = true
	select_mode = Tree.SELECT_ROW
	allow_reselect = false
	create_item()
	for column: int in TITLES.size():
		set_column_title_alignment(column, HORIZONTAL_ALIGNMENT_LEFT)
		set_column_clip_content(column, true)
	column_title_clicked.connect(_on_title_clicked)
	item_selected.connect(_on_item_selected)
	_show_titles()


func _notification(what: int) -> void:
	if what == NOTIFICATION_THEME_CHANGED:
		var scale_by: float = get_theme_default_base_scale()
		for column: int in WIDTHS.size():
			set_column_custom_minimum_width(column, int(WIDTHS[column] * scale_by))
			set_column_expand_ratio(column, 2 if column in [0, 3] else 1)


## Shows rows: id, brain, state, action, source, age in milliseconds.
func fill(rows: Array) -> void:
	_rows = rows.filter(_is_row)
	_sort()
	_refill()


## Shows nothing.
func empty() -> void:
	chosen = ""
	fill([])


func _refill() -> void:
	_is_filling = true
	var root: TreeItem = get_root()
	while root.get_child_count() > _rows.size():
		root.get_child(-1).free()
	var at: TreeItem = root.get_first_child()
	var found: TreeItem = null
	for row: Array in _rows:
		if at == null:
			at = create_item(root)
		_fill_item(at, row)
		if row[0] == chosen:
			found = at
		at = at.get_next()
	if found == null:
		deselect_all()
	elif not found.is_selected(0):
		found.select(0)
	_is_filling = false


func _fill_item(item: TreeItem, row: Array) -> void:
	for column: int in SOURCE:
		item.set_text(column, row[column])
	var source: String = row[SOURCE]
	var color: Color = Look.source_color(source, self)
	item.set_text(SOURCE, Look.source_name(source))
	item.set_tooltip_text(SOURCE, Look.source_hint(source))
	item.set_icon(
		SOURCE, Look.dot(get_theme_default_base_scale()) if not source.is_empty() else null
	)
	item.set_icon_modulate(SOURCE, color)
	item.set_custom_color(SOURCE, color)
	item.set_tooltip_text(STATE, Look.STATES.get(row[STATE], ""))
	item.set_custom_color(STATE, Look.state_color(row[STATE], self))
	var runs: bool = not (row[3] as String).is_empty()
	item.set_text(AGE, Look.duration(row[AGE]) if runs else "")


func _is_row(row: Variant) -> bool:
	if not row is Array or row.size() != TITLES.size() or not row[AGE] is float:
		return false
	for column: int in AGE:
		if not row[column] is String:
			return false
	return true


func _sort() -> void:
	_rows.sort_custom(_is_before)


func _is_before(one: Array, other: Array) -> bool:
	var order: int = 0
	if _column == AGE:
		order = signi(int(one[AGE] - other[AGE]))
	else:
		order = (one[_column] as String).naturalnocasecmp_to(other[_column])
	if order == 0:
		return (one[0] as String).naturalnocasecmp_to(other[0]) < 0
	return order > 0 if _descending else order < 0


func _show_titles() -> void:
	for column: int in TITLES.size():
		var mark: String = ""
		if column == _column:
			mark = "  ▼" if _descending else "  ▲"
		set_column_title(column, TITLES[column] + mark)


func _on_title_clicked(column: int, button: int) -> void:
	if button != MOUSE_BUTTON_LEFT:
		return
	_descending = column == _column and not _descending
	_column = column
	_show_titles()
	_sort()
	_refill()


func _on_item_selected() -> void:
	var item: TreeItem = get_selected()
	if _is_filling or item == null:
		return
	chosen = item.get_text(0)
	picked.emit(chosen)

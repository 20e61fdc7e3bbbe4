class_name Palette
extends RefCounted
## The look of all panels.

const PAPER: Color = Color(0.09, 0.09, 0.1, 0.9)
const EDGE: Color = Color(0.85, 0.7, 0.4, 0.55)
const TEXT: Color = Color(0.95, 0.92, 0.84)
const FAINT: Color = Color(0.95, 0.92, 0.84, 0.6)
const GOOD: Color = Color(0.55, 0.9, 0.5)
const BAD: Color = Color(1.0, 0.55, 0.42)


## Returns the box of a panel.
static func box() -> StyleBoxFlat:
	var style: StyleBoxFlat = StyleBoxFlat.new()
	style.bg_color = PAPER
	style.border_color = EDGE
	style.set_border_width_all(1)
	style.set_corner_radius_all(6)
	style.set_content_margin_all(12.0)
	return style

@tool
extends RefCounted
## How the panel looks: colours of who chose an action and of states, icons, and times for people.

## What the panel calls a source, its hue, and what it means.
const SOURCES: Dictionary[String, Array] = {
	"tree": ["tree", 0.38, "The behaviour tree chose it, without a question to the model."],
	"llm": ["model", 0.75, "The language model chose it."],
	"fallback":
	["fallback", 0.09, "The model did not answer in time: the leaf's fallback chose it."],
	"local": ["local", -1.0, "No server drives the agent: its fallback in the game chose it."],
}
const STATES: Dictionary[String, String] = {
	"driven": "A server drives the agent.",
	"waiting": "The agent waits for a server.",
	"fallback": "No server drives the agent: its fallback plays.",
	"held": "A debugger has stopped the brain.",
	"rejected": "The server does not take the agent: see the details.",
	"off": "The agent is switched off.",
	"gone": "The agent is not in the game any more.",
}
const DOT: String = (
	'<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16">'
	+ '<circle cx="8" cy="8" r="4" fill="#fff"/></svg>'
)

static var _dots: Dictionary[float, Texture2D] = {}


static func source_name(source: String) -> String:
	return SOURCES[source][0] if SOURCES.has(source) else source


static func source_hint(source: String) -> String:
	return SOURCES[source][2] if SOURCES.has(source) else ""


## A colour that can be told from the others, on dark and on light ground.
static func source_color(source: String, on: Control) -> Color:
	var hue: float = SOURCES[source][1] if SOURCES.has(source) else -1.0
	var dark: bool = is_dark(on)
	if hue < 0.0:
		return Color(0.62, 0.65, 0.7) if dark else Color(0.45, 0.47, 0.5)
	return Color.from_hsv(hue, 0.5 if dark else 0.8, 0.95 if dark else 0.6)


static func state_color(state: String, on: Control) -> Color:
	match state:
		"rejected":
			return color(&"error_color", on)
		"fallback", "held":
			return color(&"warning_color", on)
		"waiting", "off", "gone":
			return color(&"disabled_font_color", on)
	return color(&"font_color", on)


## A colour of the editor's theme; outside the editor something like it.
static func color(called: StringName, on: Control) -> Color:
	if on.has_theme_color(called, &"Editor"):
		return on.get_theme_color(called, &"Editor")
	match called:
		&"success_color":
			return Color(0.45, 0.95, 0.5)
		&"warning_color":
			return Color(1.0, 0.87, 0.4)
		&"error_color":
			return Color(1.0, 0.47, 0.42)
		&"disabled_font_color":
			return Color(0.6, 0.6, 0.6)
	return Color(0.85, 0.85, 0.85)


## An icon of the editor's theme, or null outside the editor.
static func icon(called: StringName, on: Control) -> Texture2D:
	return (
		on.get_theme_icon(called, &"EditorIcons")
		if on.has_theme_icon(called, &"EditorIcons")
		else null
	)


## A white dot, to be coloured.
static func dot(scale: float) -> Texture2D:
	if not _dots.has(scale):
		var image: Image = Image.new()
		image.load_svg_from_string(DOT, scale)
		_dots[scale] = ImageTexture.create_from_image(image)
	return _dots[scale]


static func is_dark(on: Control) -> bool:
	return color(&"font_color", on).get_luminance() > 0.5


static func duration(ms: float) -> String:
	if ms < 10_000.0:
		return "%.1f s" % (maxf(ms, 0.0) / 1000.0)
	if ms < 120_000.0:
		return "%d s" % roundi(ms / 1000.0)
	return "%d min" % roundi(ms / 60_000.0)


static func count(number: int, what: String) -> String:
	return "%d %s%s" % [number, what, "" if number == 1 else "s"]

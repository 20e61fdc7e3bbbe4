class_name Day
extends CanvasModulate
## The time of day: ten minutes from one dawn to the next, and the colour of the light.

## Seconds that a day takes.
const LENGTH_S: float = 600.0
## Between these hours nobody sees far.
const DUSK: float = 19.0
const DAWN: float = 5.5
const COLOURS: Dictionary[float, Color] = {
	0.0: Color(0.2, 0.24, 0.42),
	4.5: Color(0.22, 0.26, 0.44),
	6.0: Color(0.78, 0.64, 0.62),
	8.0: Color(1.0, 0.97, 0.9),
	16.0: Color(1.0, 0.98, 0.92),
	18.0: Color(0.95, 0.74, 0.56),
	19.5: Color(0.52, 0.42, 0.54),
	21.0: Color(0.24, 0.27, 0.46),
	24.0: Color(0.2, 0.24, 0.42),
}
const LIGHTS: Dictionary[float, String] = {
	5.0: "at night",
	7.0: "at dawn",
	11.0: "in the morning",
	14.0: "at noon",
	17.0: "in the afternoon",
	19.5: "at dusk",
	21.5: "in the evening",
	24.0: "at night",
}

## 0 to 24. Dusk is the pretty time to begin.
@export_range(0.0, 24.0, 0.1) var hour: float = 17.5


func _ready() -> void:
	color = colour_at(hour)


func _physics_process(delta: float) -> void:
	hour = fposmod(hour + delta * 24.0 / LENGTH_S, 24.0)
	color = colour_at(hour)


## Returns how the time of day is called.
func light() -> String:
	for until: float in LIGHTS:
		if hour < until:
			return LIGHTS[until]
	return "at night"


## Tells whether one sees only what is near, or lit.
func is_dark() -> bool:
	return hour >= DUSK or hour < DAWN


## Tells whether people sleep.
func is_night() -> bool:
	return hour >= 21.5 or hour < 5.0


## Returns how bright lamps look: 0 by day, 1 at night.
func darkness() -> float:
	return clampf((0.9 - color.get_luminance()) / 0.5, 0.0, 1.0)


## Returns the colour of the light at an hour.
static func colour_at(when: float) -> Color:
	var before: float = 0.0
	for after: float in COLOURS:
		if when <= after and after > before:
			var part: float = (when - before) / (after - before)
			return COLOURS[before].lerp(COLOURS[after], part)
		before = after
	return COLOURS[0.0]

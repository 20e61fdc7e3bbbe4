class_name Sight
extends RefCounted
## What can be seen and heard from where: distance, the cone of sight, darkness and walls.
##
## All of it in metres and without any node, so that a game of yours can copy it.

## Metres by day, and in the dark.
const DAY: float = 9.0
const NIGHT: float = 5.0
## Within this nobody goes unnoticed, not even behind one's back.
const CLOSE: float = 1.5
## Half of the cone of sight.
const HALF_CONE: float = deg_to_rad(70.0)
## Metres that a voice carries.
const WHISPER: float = 2.0
const TALK: float = 6.0
const SHOUT: float = 14.0
## What a wall leaves of it.
const BEHIND_WALL: float = 0.5


## Tells whether something [param way] metres away is seen by one who looks along [param facing].
static func notices(way: Vector2, facing: Vector2, reach: float) -> bool:
	var distance: float = way.length()
	if distance > reach:
		return false
	return distance <= CLOSE or is_in_cone(way, facing)


## Tells whether a direction lies in the cone of sight.
static func is_in_cone(way: Vector2, facing: Vector2) -> bool:
	return absf(facing.angle_to(way)) <= HALF_CONE


## Tells whether a voice is heard.
static func hears(distance: float, loudness: float, is_walled: bool) -> bool:
	return distance <= loudness * (BEHIND_WALL if is_walled else 1.0)


## Tells whether a line goes through a rectangle.
static func crosses(area: Rect2, one: Vector2, other: Vector2) -> bool:
	# Most are nowhere near it.
	if not area.intersects(Rect2(one, other - one).abs().grow(1.0)):
		return false
	if area.has_point(one) or area.has_point(other):
		return true
	var corners: Array[Vector2] = [
		area.position,
		Vector2(area.end.x, area.position.y),
		area.end,
		Vector2(area.position.x, area.end.y),
	]
	for index: int in 4:
		var meets: Variant = Geometry2D.segment_intersects_segment(
			one, other, corners[index], corners[(index + 1) % 4]
		)
		if meets != null:
			return true
	return false

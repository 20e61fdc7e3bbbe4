class_name Captions
extends Node
## Keeps what stands above people's heads legible: where it would lie over what stands above
## somebody else's, the one farther back goes up.

## Pixels per second at which it comes down again.
const PACE: float = 150.0

## Their children have a caption each.
@export var bodies: Node2D


func _process(delta: float) -> void:
	var captions: Array[Caption] = []
	for body: Body in bodies.get_children():
		captions.append(body.caption)
	captions.sort_custom(_is_in_front)
	var taken: Array[Rect2] = []
	for caption: Caption in captions:
		var room: Rect2 = caption.room()
		var lowest: float = room.position.y
		room.position.y -= maxf(0.0, caption.lift - PACE * delta)
		taken.append(above(room, taken))
		caption.lift = lowest - taken[-1].position.y


## Returns the nearest place above [param room] that is free, or itself.
static func above(room: Rect2, taken: Array[Rect2]) -> Rect2:
	# It only goes up, so each of them can be in its way once.
	for _time: int in taken.size():
		for other: Rect2 in taken:
			if room.intersects(other):
				room.position.y = other.position.y - room.size.y
	return room


static func _is_in_front(one: Caption, other: Caption) -> bool:
	if one.global_position.y == other.global_position.y:
		return one.global_position.x < other.global_position.x
	return one.global_position.y > other.global_position.y

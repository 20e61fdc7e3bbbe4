class_name Cast
extends RefCounted
## The words of the play: who comes into the yard, and what happens there. They stand in
## data/cast.json.

const WORDS: JSON = preload("res://data/cast.json")


## Returns all strangers or customers of one manner.
static func visitors(kind: String, manner: String) -> Array:
	return lines(kind).filter(func(one: Dictionary) -> bool: return one["manner"] == manner)


## Returns a list of words.
static func lines(what: String) -> Array:
	return WORDS.data[what]


## Returns every [param step]th of a list, from [param first] on.
static func every(what: String, first: int, step: int) -> Array:
	return lines(what).slice(first, lines(what).size(), step)

class_name BrainsWarnings
extends RefCounted
## Warns of what goes wrong, but not of the same thing again and again, and not without end.
##
## Mistakes of the game and complaints of the server have one each: a server that complains of a
## thousand things must not silence what the game has to hear.

## Different warnings that are printed.
const MOST: int = 20

var _printed: Dictionary[String, bool] = {}


## Prints a warning, unless it or one of the same kind was printed before.
func once(text: String, kind: String = text) -> void:
	if _printed.has(kind) or _printed.size() >= MOST:
		return
	_printed[kind] = true
	push_warning("Brains: " + text)

class_name BrainsProtocol
extends RefCounted
## Protocol 1 as the addon speaks it: its numbers, and what a closed connection means.

## The protocol's version.
const VERSION: int = 1
## The addon's version; `plugin.cfg` says the same.
const ADDON_VERSION: String = "0.1.0"

## Close codes after which another attempt would end the same way: a wrong token, another protocol
## version, and a message that is too big.
const NO_RETRY: Array[int] = [4401, 4406, 4413]
## Close code of a session that another connection has taken over.
const SESSION_REPLACED: int = 4409

## How an order may end. The others are [code]running[/code].
const FINAL: Array[StringName] = [&"success", &"failure", &"rejected", &"cancelled", &"expired"]

## What to do about a close code, for people.
const CLOSE_HINTS: Dictionary[int, String] = {
	4400: "this is a mistake of the addon: please report it",
	4401:
	(
		"put the server's token into the environment variable BRAINS_TOKEN,"
		+ " or name its file in the project setting brains/connection/token_file"
	),
	4406: "install the addon that belongs to the server: brains addon install PROJECT",
	4408: "the game was busy for too long after it had connected",
	4413: "a message was too big: send less in world and in _observe()",
	4429: "this is a mistake of the addon: please report it",
}


## Tells whether it makes sense to connect again after this close code.
static func may_retry(code: int) -> bool:
	return not NO_RETRY.has(code)


## Says in one line why a connection ended and what to do about it.
static func explain(code: int, reason: String) -> String:
	var text: String = reason
	if text.is_empty():
		text = "no answer" if code == -1 else "closed with code %d" % code
	if CLOSE_HINTS.has(code):
		text += " (%s)" % CLOSE_HINTS[code]
	return text

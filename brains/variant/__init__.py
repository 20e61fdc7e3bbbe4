"""Godot's Variants as bytes: what `var_to_bytes()` writes in a game, and what the server makes of it.

A game may send a message so instead of as JSON: writing it takes the game about a quarter of the time, and it needs no
walk that first makes JSON of vectors and infinities. That walk is here. The result is the same as that of
`addons/brains/brains_codec.gd`: vectors are lists rounded to five decimals, what is not finite is None, integers beyond
2^53 are texts of their digits, and control characters are dropped.

The format is the one that Godot's manual calls "Binary serialization API", as Godot 4.4 and newer write it; it was held
against Godot 4.6.3. Everything is little-endian and padded to four bytes.
"""

from brains.variant.reading import VariantError, from_bytes
from brains.variant.writing import to_bytes

__all__ = ["VariantError", "from_bytes", "to_bytes"]

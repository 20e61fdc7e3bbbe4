"""The first word of a Variant: its type, and what the type leaves open."""

from __future__ import annotations

__all__ = ["ARRAY", "BOOL", "DICTIONARY", "FLOAT", "INT", "NIL", "STRING", "WIDE", "WIDE_FLOAT"]

NIL, BOOL, INT, FLOAT, STRING = range(5)
DICTIONARY, ARRAY = 27, 28
WIDE = 0x10000
"""Flag of a number of 64 bits."""
WIDE_FLOAT = FLOAT | WIDE

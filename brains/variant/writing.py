"""Writes values of JSON's types as `var_to_bytes()` does."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from brains.variant.types import ARRAY, BOOL, DICTIONARY, INT, NIL, STRING, WIDE, WIDE_FLOAT

__all__ = ["to_bytes"]

_HALF = 2**31


def to_bytes(value: Any) -> bytes:
    """Return a value of JSON's types as `var_to_bytes()` would write it.

    Raises:
        TypeError: it has others in it, or integers of more than 64 bits.
    """
    pieces: list[bytes] = []
    _write(value, pieces.append)
    return b"".join(pieces)


def _write(value: Any, put: Callable[[bytes], None]) -> None:
    if isinstance(value, Mapping):
        put(struct.pack("<II", DICTIONARY, len(value)))
        for pair in value.items():
            for part in pair:
                _write(part, put)
    elif isinstance(value, list | tuple):
        put(struct.pack("<II", ARRAY, len(value)))
        for part in value:
            _write(part, put)
    else:
        put(_plain(value))


def _plain(value: Any) -> bytes:
    if value is None:
        return struct.pack("<I", NIL)
    if isinstance(value, bool):
        return struct.pack("<II", BOOL, value)
    if isinstance(value, int) and -_HALF <= value < _HALF:
        return struct.pack("<Ii", INT, value)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return struct.pack("<Iq", INT | WIDE, value)
    if isinstance(value, float):
        return struct.pack("<Id", WIDE_FLOAT, value)
    if isinstance(value, str):
        raw = value.encode()
        return struct.pack("<II", STRING, len(raw)) + raw + bytes(-len(raw) % 4)
    raise TypeError(f"{repr(value)[:40]} has no form as a Variant here")

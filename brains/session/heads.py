r"""What a frame is that cannot be used: its `type` and its `seq`, to answer it by.

A snapshot that is no JSON still has to be answered, or a game with a window of one waits for ever. Godot writes such
frames: nan and inf up to 4.5, 1e99999 from 4.6 on, `\v` and control characters in any text.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

import msgspec

from brains.variant import VariantError, from_bytes

__all__ = ["head_of"]

MOST_BRACKETS = 500_000
"""So far a broken frame is looked through, which takes some 100 ms."""
MOST_FIELDS = 1000

# Up to the next bracket that is not in a string; where there is none any more, up to the end.
_bracket = re.compile(r'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+(?:([{}\[\]])|.*+)', re.DOTALL)
_OPENING = ("{", "[")
_field = re.compile(
    r'"(?:(type)"\s*:\s*"([a-z_]{1,40})"|(seq)"\s*:\s*(\d{1,16}(?:\.\d{1,16})?(?:[eE]\+?\d{1,2})?))(?=\s*[,}])'
)


def head_of(frame: str | bytes) -> dict[str, Any]:
    """Return `type` and `seq` of a wrong frame, as far as they can still be read."""
    try:
        head = from_bytes(frame) if isinstance(frame, bytes) else msgspec.json.decode(frame)
    except VariantError as error:
        head = error.head
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        head = _found_in(frame) if isinstance(frame, str) else None
    if not isinstance(head, dict):
        return {}
    kind, seq = head.get("type"), head.get("seq")
    found: dict[str, Any] = {}
    if isinstance(kind, str):
        found["type"] = kind[:40]
    if isinstance(seq, int | float) and not isinstance(seq, bool) and 0 <= seq <= 2**53:
        found["seq"] = int(seq)
    return found


def _found_in(text: str) -> dict[str, Any]:
    """Find both where they stand in the outermost object; objects in it may have fields of these names, too."""
    head: dict[str, Any] = {}
    if text.lstrip()[:1] != "{":
        return head
    depth = 0
    for step in islice(_bracket.finditer(text), MOST_BRACKETS):
        if depth == 1:
            for field in islice(_field.finditer(text, *step.span()), MOST_FIELDS):
                head[field[1] or field[3]] = field[2] or float(field[4])
        depth += 1 if step[1] in _OPENING else -1
        if depth == 0:
            break
    return head

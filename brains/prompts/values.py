"""How a value looks in a prompt: one clean line; numbers short, lists by commas, mappings as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from jinja2 import Undefined

from brains.prompts.safety import LIMIT, clean

__all__ = ["Rendered", "as_json", "quoted", "show"]

_PLACES = 2
"""Digits after the point: more would change the prompt, and so ask the model again, for nothing."""
_MOST_KEYS = 2 * LIMIT
"""Keys of mappings that are looked at for one value; for the rest a mapping ends in `…`."""


class Rendered(str):
    """What a macro, a block or `super()` made: its values are clean already, and its own line ends are meant."""

    __slots__ = ()


def show(value: Any) -> str:
    """Return a value as a prompt shows it: a clean line; numbers short, lists by commas, mappings as JSON."""
    if type(value) is Rendered:
        return value
    if isinstance(value, str):
        return clean(str(value))
    if isinstance(value, Undefined):
        return str(value)  # raises, and says what is missing
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, Mapping):
        return clean(as_json(value))
    if isinstance(value, Sequence | set | frozenset):
        return clean(", ".join(_until_full(value)))
    return clean(str(value))


def _until_full(items: Iterable[Any]) -> Iterator[str]:
    """Show so many of the items as there is room for in one value: the rest would be cut off anyway."""
    room = LIMIT + 2  # the last one has no comma behind it
    for item in items:
        shown = show(item)
        yield shown
        room -= len(shown) + 2
        if room < 0:
            return


def _number(value: int | float) -> str:
    """Write a number without the digits that nobody needs: 3, 0.25."""
    if isinstance(value, int) or not math.isfinite(value):
        return str(value)
    short = round(value, _PLACES)
    return str(int(short)) if short.is_integer() else str(short)


def quoted(value: Any) -> str:
    """Filter `quoted`: the value in double quotes, with single ones inside."""
    return f'"{show(value).replace(chr(34), chr(39))}"'


def as_json(value: Any) -> str:
    """Filter `json`: keys sorted and numbers short, so that the same state is always the same text."""
    return json.dumps(_Tidy().tidy(value), ensure_ascii=False, separators=(", ", ": "))


class _Tidy:
    """Makes one value ready for JSON, up to what there is room for: the rest would be cut off anyway.

    However large the value is, the work is bounded: by the characters that it shows, and by the keys that it sorts.
    """

    def __init__(self) -> None:
        self._room = LIMIT
        self._keys = _MOST_KEYS

    def tidy(self, value: Any) -> Any:
        """Return the value, or its beginning if it is longer than may be shown."""
        self._room -= 1
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str):
            return self._list(value)
        if isinstance(value, float) and math.isfinite(value):
            short = round(value, _PLACES)
            return int(short) if short.is_integer() else short
        if value is None or isinstance(value, bool | int):
            return value
        shown = show(value)
        self._room -= len(shown)
        return shown

    def _mapping(self, value: Mapping[Any, Any]) -> dict[str, Any]:
        too_many = len(value) > self._keys
        keys = {show(key): key for key in islice(value, self._keys)}
        self._keys -= len(keys)
        tidied: dict[str, Any] = {}
        for shown in sorted(keys):
            if self._room < 0:
                return tidied
            self._room -= len(shown) + 5
            tidied[shown] = self.tidy(value[keys[shown]])
        if too_many:
            tidied["…"] = "…"
        return tidied

    def _list(self, value: Iterable[Any]) -> list[Any]:
        tidied = []
        for item in value:
            if self._room < 0:
                break
            self._room -= 1
            tidied.append(self.tidy(item))
        return tidied

"""Messages about settings: where they stand, and what is wrong with them, in words that need no Python."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec

from brains.errors import ConfigError

__all__ = ["SHARED_FILE", "Place", "convert", "refuse_unknown"]

SHARED_FILE = "pyproject.toml"

KINDS = {
    "int": "a whole number",
    "float": "a number with a point",
    "bool": "true or false",
    "str": "text",
    "array": "a list",
    "object": "a table",
    "date": "a date",
    "datetime": "a time",
    "time": "a time",
}
"""What msgspec's messages call a kind of value, and what people do."""

T = TypeVar("T")


class Place:
    """Where settings stand, for messages: a file with that text, or None for the command line."""

    def __init__(self, path: Path | None, text: str = "") -> None:
        self._path = path
        self._text = text

    def of(self, *keys: str) -> str:
        """Return how a message about a setting begins: with the file, and its line if that is plain to see."""
        if self._path is None:
            return "the options"
        keys = (*(("tool", "brains") if self._path.name == SHARED_FILE else ()), *keys)
        line = self._line(tuple(key.partition("[")[0] for key in keys))
        return f"{self._path}:{line}" if line else str(self._path)

    def _line(self, wanted: tuple[str, ...]) -> int | None:
        table: tuple[str, ...] = ()
        for number, line in enumerate(self._text.split("\n"), 1):
            if header := re.match(r"\s*\[([\w.-]+)\]", line):
                table = found = tuple(header[1].split("."))
                if found != wanted:
                    continue
            elif entry := re.match(r"\s*([\w.-]+)\s*=", line):
                found = (*table, *entry[1].split("."))
            else:
                continue
            # `limits = {...}` is where all limits stand.
            if wanted[: len(found)] == found:
                return number
        return None


def refuse_unknown(
    table: Mapping[str, Any], known: tuple[str, ...], place: Place, *, inside: str = "", but: tuple[str, ...] = ()
) -> None:
    """Raise for a setting that does not exist, and name the nearest one."""
    names = [name for name in known if name not in but]
    for key in table:
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
            where, among = (place.of(*inside.split("."), key), f" in {inside}") if inside else (place.of(key), "")
            raise ConfigError(f"{where}: there is no setting {key!r}{among}; {hint}")


def convert(table: Any, kind: type[T], place: Place, *inside: str) -> T:
    """Return a table as a struct.

    Raises:
        ConfigError: a value is wrong; says where, if `inside` are the keys that lead to the table.
    """
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        what, _, at = str(error).partition(" - at `$")
        keys = [key for key in (*inside, *at.rstrip("`").split(".")) if key]
        raise ConfigError(f"{place.of(*keys)}: {'.'.join(keys)}: {in_words(what, kind, keys[-1])}") from error


def in_words(problem: str, struct: Any, key: str) -> str:
    """Say what msgspec says about a value in words that need no Python."""
    if problem.startswith("Invalid enum value"):
        given = problem.removeprefix("Invalid enum value ")
        kind = next(field.type for field in msgspec.structs.fields(struct) if field.name == key)
        return f"expected one of {', '.join(_words(kind))}, got {given}"
    if found := re.fullmatch(r"Expected `([\w |]+)`(?:, got `(\w+)`| (>=|<=) (-?\d+))", problem):
        expected, given, sign, bound = found.groups()
        wanted = " or ".join(KINDS.get(one, one) for one in expected.split(" | ") if one != "null")
        if sign:
            return f"expected {wanted} of {bound} or {'more' if sign == '>=' else 'less'}"
        return f"expected {wanted}, got {KINDS.get(given, given)}"
    return problem


def _words(kind: Any) -> list[str]:
    """Return the words that a type allows."""
    found: list[str] = []
    for part in get_args(kind):
        found += [part] if isinstance(part, str) else _words(part)
    return found

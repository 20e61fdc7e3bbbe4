"""Takes command lines apart: words, options, conditions. Paths of nodes have spaces: what is left is kept whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

__all__ = [
    "BreakText",
    "UsageError",
    "break_text",
    "expanded",
    "log_text",
    "number",
    "options",
    "split_line",
    "unquoted",
    "value_of",
]

ON = ("enter", "exit", "success", "failure", "running", "cancel", "error")
_QUOTES = "\"'"


class UsageError(Exception):
    """A line that cannot be understood; its text says how it is written."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def split_line(text: str) -> list[str]:
    """Return the commands of a line, which `;;` separates; not within quotes, and not after `commands` or `alias`."""
    if text.split(None, 1)[:1] in (["commands"], ["alias"]):
        return [text.strip()]
    parts, start, quote = [], 0, ""
    for index, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char == '"' or (char == "'" and not text[index - 1 : index].isalnum()):
            # An apostrophe within a word is none of them: `Merchant's stall`.
            quote = char
        elif text.startswith(";;", index) and index >= start:
            parts.append(text[start:index])
            start = index + 2
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def unquoted(text: str) -> str:
    """Return a text without the quotes around all of it."""
    text = text.strip()
    if len(text) > 1 and text[0] in _QUOTES and text[-1] == text[0] and text[0] not in text[1:-1]:
        return text[1:-1]
    return text


def options(rest: str, known: Mapping[str, type]) -> tuple[str, dict[str, Any]]:
    """Take options out of a line: `--model M`, `-n 3`, `--apply`; return what is left, and their values.

    Args:
        rest: what stands after the command.
        known: options by name, each with what its value is; bool for those without one.

    Raises:
        UsageError: there is no such option, or its value is wrong.
    """
    left: list[str] = []
    found: dict[str, Any] = {}
    words = re.findall(r"\"[^\"]*\"|'[^']*'|\S+|\s+", rest)
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        name, is_set, given = word.partition("=")
        if not re.fullmatch(r"--?[a-z][a-z-]*", name) or (is_set and name not in known):
            left.append(word)
            continue
        if name not in known:
            listed = ", ".join(known) or "none"
            raise UsageError(f"there is no option {name} here", f"options: {listed}")
        if known[name] is bool:
            found[name] = True
            continue
        if not is_set:
            while position < len(words) and words[position].isspace():
                position += 1
            if position == len(words):
                raise UsageError(f"{name} needs a value")
            given = words[position]
            position += 1
        found[name] = number(given, name) if known[name] is int else unquoted(given)
    return "".join(left).strip(), found


def number(text: str, what: str = "the number", *, least: int = 0) -> int:
    """Return a whole number.

    Raises:
        UsageError: it is none.
    """
    try:
        found = int(text)
    except ValueError:
        raise UsageError(f"{what} has to be a whole number, not {text!r}") from None
    if found < least:
        raise UsageError(f"{what} has to be {least} or more, not {found}")
    return found


def value_of(text: str) -> Any:
    """Return a JSON value.

    Raises:
        UsageError: it is none.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        shown = msgspec.json.encode(text).decode()
        raise UsageError(f"{text!r} is no JSON", f"text stands in double quotes: {shown}") from None


class BreakText(NamedTuple):
    """A place and when to stop there."""

    where: str
    kind: str
    on: str
    condition: str


def break_text(rest: str) -> BreakText:
    """Take `NODE[:exit] [if EXPR]` apart; also `template:NAME`, `model-error`, `error`.

    Raises:
        UsageError: there is no place, or no expression after `if`.
    """
    where, condition = _condition(rest)
    if not where:
        raise UsageError("where? a node, FILE:LINE, template:NAME, model-error or error", "as in: break */Respond:exit")
    if where in ("model-error", "model_error"):
        return BreakText("*", "model_error", "", condition)
    if where == "error":
        return BreakText("*", "error", "", condition)
    if where.startswith("template:"):
        return BreakText(unquoted(where[len("template:") :]), "template", "", condition)
    before, colon, last = where.rpartition(":")
    if colon and last in ON:
        return BreakText(unquoted(before), "", last, condition)
    return BreakText(unquoted(where), "", "", condition)


def log_text(rest: str) -> tuple[BreakText, str]:
    """Take `NODE "TEXT {{ expression }}" [if EXPR]` apart.

    Raises:
        UsageError: there is no place or no text.
    """
    found = re.fullmatch(r"(?P<where>.+?)\s+(?P<quote>[\"'])(?P<text>.*)(?P=quote)\s*(?P<rest>if\s.*)?", rest.strip())
    if found is None:
        raise UsageError("where, and what? the text stands in quotes", 'as in: log */Respond "hp is {{ me.hp }}"')
    place = break_text(found["where"])
    condition = _condition("x " + found["rest"])[1] if found["rest"] else ""
    return place._replace(condition=condition or place.condition), found["text"]


def _condition(rest: str) -> tuple[str, str]:
    """Split at the first ` if ` that is not within quotes."""
    rest = rest.strip()
    start = 0
    if rest.startswith('"') and (end := rest.find(rest[0], 1)) > 0:
        start = end
    found = re.compile(r"\sif(\s|$)").search(rest, start)
    if found is None:
        return rest, ""
    condition = rest[found.end() :].strip()
    if not condition:
        raise UsageError("there is no expression after `if`", "as in: break */Respond if me.hp < 5")
    return rest[: found.start()].strip(), condition


def expanded(body: str, rest: str) -> str:
    """Return an alias's lines with what follows it: `%1` to `%9` are words, `%*` is all of it."""
    words = rest.split()
    if not re.search(r"%[1-9*]", body):
        return f"{body} {rest}".strip()

    def word(found: re.Match[str]) -> str:
        if found[1] == "*":
            return rest
        index = int(found[1]) - 1
        if index >= len(words):
            raise UsageError(f"this alias takes {found[1]} words or more, not {len(words)}", body)
        return words[index]

    return re.sub(r"%([1-9*])", word, body)

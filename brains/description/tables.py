"""The tables of the protocol's README, in Markdown, from the same classes and texts as everything else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from brains.description.codes import CLOSES, ERRORS
from brains.description.kinds import CHAT, FIELDS, KINDS, Kind
from brains.description.schema import RESULT_IN_SNAPSHOT, components

__all__ = ["fill_in"]

_PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end of generated -->)", re.DOTALL)


def fill_in(text: str) -> str:
    """Return `text` with everything between `<!-- generated: NAME -->` and its end made anew.

    Raises:
        KeyError: there is no table of that name.
    """
    return _PART.sub(lambda part: f"{part[1]}\n{_TABLES[part[2]]()}\n{part[3]}", text)


def _overview() -> str:
    lines = ["| type | from | |", "|---|---|---|"]
    for kind in KINDS:
        summary = _doc(kind).partition("\n")[0]
        lines.append(f"| [`{kind.name}`](#{kind.name}) | {' and '.join(kind.senders)} | {summary} |")
    return "\n".join(lines) + "\n"


def _messages() -> str:
    """Describe every message with its fields; objects that occur in it follow it, where they occur first."""
    schemas = components("{name}")
    shown: set[str] = set()
    parts: list[str] = []
    for kind in (*KINDS, *CHAT):
        parts.append(f"### `{kind.name}`\n\nFrom the {' and the '.join(kind.senders)}. {_doc(kind)}\n")
        parts.append(_table(kind.cls.__name__, schemas))
        parts += _inner(kind.cls.__name__, schemas, shown)
    return "\n".join(parts)


def _inner(name: str, schemas: dict[str, Any], shown: set[str]) -> Iterator[str]:
    for inner in _named_in(schemas[name]):
        if inner not in shown and inner != RESULT_IN_SNAPSHOT:
            shown.add(inner)
            yield f"**{inner}**: {schemas[inner].get('description', '')}\n"
            yield _table(inner, schemas)
            yield from _inner(inner, schemas, shown)


def _table(name: str, schemas: dict[str, Any]) -> str:
    schema = schemas[name]
    required = schema.get("required", [])
    lines = ["| field | type | | |", "|---|---|---|---|"]
    for field, part in schema["properties"].items():
        if "const" in part:
            continue
        needed = "required" if field in required else _default(part)
        lines.append(f"| `{field}` | {_type(part)} | {needed} | {FIELDS.get(name, {}).get(field, '')} |")
    return "\n".join(lines) + "\n" if len(lines) > 2 else ""


def _default(part: dict[str, Any]) -> str:
    default = part.get("default")
    if default in (None, "", [], {}):
        return ""
    return f"default {str(default).lower()}"


def _type(part: dict[str, Any]) -> str:
    """Return a type in a few words."""
    if "anyOf" in part:
        return " or ".join(_type(choice) for choice in part["anyOf"])
    if "$ref" in part:
        name = part["$ref"]
        return "`action_result`" if name == RESULT_IN_SNAPSHOT else str(name)
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    if part["type"] == "array":
        return f"list of {_type(part['items'])}"
    if isinstance(part.get("additionalProperties"), dict):
        return f"object: id → {_type(part['additionalProperties'])}"
    return str(part["type"])


def _named_in(part: Any) -> Iterator[str]:
    """Yield the objects that a schema refers to."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from _named_in(value)
    elif isinstance(part, list):
        for value in part:
            yield from _named_in(value)


def _closes() -> str:
    lines = ["| code | reason begins with | try again | |", "|---|---|---|---|"]
    for close in sorted(CLOSES, key=lambda close: close.code):
        begins = f"`{close.name}: `" if close.code >= 4000 else ""
        lines.append(f"| {close.code} | {begins} | {'yes' if close.retry else '**no**'} | {close.text} |")
    return "\n".join(lines) + "\n"


def _errors() -> str:
    lines = ["| code | |", "|---|---|"]
    lines += [f"| `{code}` | {text} |" for code, text in ERRORS.items()]
    return "\n".join(lines) + "\n"


def _doc(kind: Kind) -> str:
    return " ".join((kind.cls.__doc__ or "").split())


_TABLES: dict[str, Callable[[], str]] = {
    "overview": _overview,
    "messages": _messages,
    "closes": _closes,
    "errors": _errors,
}

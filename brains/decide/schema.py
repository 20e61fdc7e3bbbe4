"""Check a JSON answer: strictly parsed, and against the flat JSON Schemas that actions have.

Not a general validator: it knows the words that `brains.actions.action_schema` writes, and refuses a schema
with others, since a word that is not checked would let wrong values through.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from brains.errors import MalformedAnswer

__all__ = ["check_value", "parse_object"]

_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}
_BOUNDS: Mapping[str, tuple[Callable[[Any, Any], bool], str]] = {
    "minimum": (lambda value, bound: value >= bound, "at least"),
    "maximum": (lambda value, bound: value <= bound, "at most"),
    "exclusiveMinimum": (lambda value, bound: value > bound, "more than"),
    "exclusiveMaximum": (lambda value, bound: value < bound, "less than"),
}
_LENGTHS: Mapping[str, tuple[Callable[[int, int], bool], str]] = {
    "minLength": (lambda size, bound: size >= bound, "at least"),
    "maxLength": (lambda size, bound: size <= bound, "at most"),
    "minItems": (lambda size, bound: size >= bound, "at least"),
    "maxItems": (lambda size, bound: size <= bound, "at most"),
    "minProperties": (lambda size, bound: size >= bound, "at least"),
    "maxProperties": (lambda size, bound: size <= bound, "at most"),
}
_CHECKED = frozenset(
    {
        "type",
        "enum",
        "const",
        "anyOf",
        "oneOf",
        "$ref",
        "properties",
        "required",
        "additionalProperties",
        "items",
    }
    | {"pattern", "multipleOf", *_BOUNDS, *_LENGTHS}
)
_NOTES = frozenset({"$schema", "$id", "$defs", "$comment", "title", "description", "default", "examples", "format"})
_DEEPEST = 16


def parse_object(text: str) -> dict[str, Any]:
    """Parse one JSON object, and nothing around it.

    Raises:
        MalformedAnswer: not JSON, not an object, a key twice, a number that is none (NaN, 1e999), or half a character.
    """
    try:
        value = json.loads(text, object_pairs_hook=_no_twice, parse_constant=_no_constant, parse_float=_finite)
        # A model that was cut off in an emoji writes `\ud83d` alone, which no message to a game can hold.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise MalformedAnswer(f"the answer is not JSON ({error}): {_short(text)}") from error
    if not isinstance(value, dict):
        raise MalformedAnswer(f"the answer is not a JSON object: {_short(text)}")
    return value


def check_value(value: Any, schema: Mapping[str, Any], where: str = "") -> None:
    """Check a JSON value against a schema.

    Raises:
        MalformedAnswer: names the field (`where`) and what is wrong with it.
        ValueError: the schema itself uses what is not known here.
    """
    _check(value, schema, schema.get("$defs", {}), where, 0)


def _check(value: Any, schema: Mapping[str, Any], defs: Mapping[str, Any], where: str, depth: int) -> None:
    unknown = set(schema) - _CHECKED - _NOTES
    if unknown:
        raise ValueError(f"the JSON Schema uses {sorted(unknown)[0]!r}, which brains does not check")
    if depth > _DEEPEST:
        raise MalformedAnswer(f"{_name(where)} is nested too deeply")
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix("#/$defs/")
        if name not in defs:
            raise ValueError(f"the JSON Schema refers to {schema['$ref']!r}, which it does not have")
        _check(value, defs[name], defs, where, depth + 1)
    _check_type(value, schema, where)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            _check_any(value, schema[word], defs, where, depth)
    _check_bounds(value, schema, where)
    if isinstance(value, dict):
        _check_fields(value, schema, defs, where, depth)
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            _check(item, schema["items"], defs, f"{where}[{index}]", depth + 1)


def _check_type(value: Any, schema: Mapping[str, Any], where: str) -> None:
    kinds = _kinds(schema)
    if kinds and not _has_type(value, kinds):
        raise MalformedAnswer(f"{_name(where)} must be {' or '.join(kinds)}, not {_short(value)}")
    allowed = schema.get("enum", [schema["const"]] if "const" in schema else None)
    # 1 == True in Python, but not in JSON
    if allowed is not None and not any(type(one) is type(value) and one == value for one in allowed):
        words = ", ".join(_short(one) for one in allowed)
        raise MalformedAnswer(f"{_name(where)} must be one of {words}, not {_short(value)}")


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    kinds = schema.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    if not set(kinds) <= set(_TYPES):
        raise ValueError(f"the JSON Schema has a type that is none: {kinds}")
    return kinds


def _has_type(value: Any, kinds: Sequence[str]) -> bool:
    return any(_TYPES[kind](value) for kind in kinds)


def _check_any(
    value: Any, schemas: Sequence[Mapping[str, Any]], defs: Mapping[str, Any], where: str, depth: int
) -> None:
    problem: MalformedAnswer | None = None
    for schema in schemas:
        try:
            return _check(value, schema, defs, where, depth + 1)
        except MalformedAnswer as error:
            # Of several, the one for a value of this type tells most.
            if problem is None or _has_type(value, _kinds(schema)):
                problem = error
    if problem is not None:
        raise problem


def _check_bounds(value: Any, schema: Mapping[str, Any], where: str) -> None:
    if _TYPES["number"](value):
        for word, (fits, phrase) in _BOUNDS.items():
            if word in schema and not fits(value, schema[word]):
                raise MalformedAnswer(f"{_name(where)} must be {phrase} {schema[word]}, not {_short(value)}")
        step = schema.get("multipleOf")
        if step is not None and not _is_multiple(value, step):
            raise MalformedAnswer(f"{_name(where)} must be a multiple of {step}, not {_short(value)}")
    if isinstance(value, str | list | dict):
        kind = {str: "Length", list: "Items", dict: "Properties"}[type(value)]
        for word, (reaches, phrase) in _LENGTHS.items():
            if word.endswith(kind) and word in schema and not reaches(len(value), schema[word]):
                raise MalformedAnswer(f"{_name(where)} must have {phrase} {schema[word]} entries or characters")
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        raise MalformedAnswer(f"{_name(where)} must look like {schema['pattern']}, not {_short(value)}")


def _check_fields(
    value: Mapping[str, Any], schema: Mapping[str, Any], defs: Mapping[str, Any], where: str, depth: int
) -> None:
    known = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            raise MalformedAnswer(f"{_name(f'{where}.{name}')} is missing")
    more = schema.get("additionalProperties", True)
    for name, item in value.items():
        inner = known.get(name, more)
        if inner is False:
            raise MalformedAnswer(f"{_name(f'{where}.{name}')} was not asked for")
        if isinstance(inner, Mapping):
            _check(item, inner, defs, f"{where}.{name}", depth + 1)


def _is_multiple(value: float, step: float) -> bool:
    """Tell whether `value` is a multiple of `step`, but for rounding."""
    if isinstance(value, int) and isinstance(step, int):
        return value % step == 0
    try:
        return math.isclose(value / step, round(value / step), abs_tol=1e-9)
    except OverflowError:
        return False


def _name(where: str) -> str:
    return f"field {where.lstrip('.')!r}" if where else "the answer"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return repr(text if len(text) <= 60 else text[:59] + "…")


def _no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not a number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large")
    return number

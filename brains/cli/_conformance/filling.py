"""Values for an action, from the schema that a client declared: right ones, and wrong ones."""

from __future__ import annotations

from typing import Any

__all__ = ["Unfillable", "fill", "spoil"]


class Unfillable(Exception):
    """There is something in the schema that is not known here."""


def fill(schema: dict[str, Any], root: dict[str, Any] | None = None) -> Any:
    """Return a value that fits.

    Raises:
        Unfillable: it has something that this does not know.
    """
    root = schema if root is None else root
    if "$ref" in schema:
        return fill(_resolved(schema["$ref"], root), root)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return fill(schema[key][0], root)
    return _of_type(schema, root)


def _of_type(schema: dict[str, Any], root: dict[str, Any]) -> Any:
    """Return a value of the schema's type."""
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    match kind:
        case "object":
            return {name: fill(part, root) for name, part in schema.get("properties", {}).items()}
        case "array":
            return [fill(schema.get("items", {"type": "number"}), root) for _ in range(_count(schema))]
        case "string":
            return "x" * max(1, int(schema.get("minLength", 1)))
        case "integer" | "number":
            return _number(schema, whole=kind == "integer")
        case "boolean":
            return True
        case "null":
            return None
    raise Unfillable(f"type {kind!r}")


def spoil(schema: dict[str, Any]) -> dict[str, Any] | None:
    """Return values of which the first one does not fit, or None if everything would."""
    right = fill(schema)
    if not isinstance(right, dict):
        return None
    for name, part in schema.get("properties", {}).items():
        wrong = _wrong(part, schema)
        if wrong is not None:
            return {**right, name: wrong}
    required = schema.get("required", [])
    return {key: value for key, value in right.items() if key != required[0]} if required else None


def _wrong(part: dict[str, Any], root: dict[str, Any]) -> Any:
    """Return something of another type than what belongs there."""
    try:
        right = fill({key: value for key, value in part.items() if key != "default"}, root)
    except Unfillable:
        return None
    match right:
        case bool():
            return "perhaps"
        case int() | float():
            return "many"
        case str():
            return {"no": "text"}
        case list():
            return "a list"
        case dict():
            return 7
    return None


def _resolved(ref: str, root: dict[str, Any]) -> dict[str, Any]:
    part: Any = root
    for key in ref.removeprefix("#/").split("/"):
        if not isinstance(part, dict) or key not in part:
            raise Unfillable(ref)
        part = part[key]
    if not isinstance(part, dict):
        raise Unfillable(ref)
    return part


def _count(schema: dict[str, Any]) -> int:
    least = int(schema.get("minItems", 0))
    return max(least, min(1, int(schema.get("maxItems", 1))))


def _number(schema: dict[str, Any], *, whole: bool) -> int | float:
    value = schema.get("minimum", schema.get("exclusiveMinimum"))
    if value is None:
        value = min(1, schema.get("maximum", 1))
    elif "minimum" not in schema:
        highest = schema.get("maximum", schema.get("exclusiveMaximum", value + 2))
        value = value + 1 if whole else (value + highest) / 2
    return int(value) if whole else float(value)

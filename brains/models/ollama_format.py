"""The part of a JSON Schema that Ollama can hold a model to.

It makes a grammar of the schema, and some parts make one that does not compile, or only after seconds: patterns, and
long strings. They are left out here; the answer is checked against the whole schema anyway, and the prompt shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["LONGEST", "grammatical"]

LONGEST = 64
"""Characters of a string, or entries of a list, that a grammar may count to."""
_COUNTS = frozenset({"minLength", "maxLength", "minItems", "maxItems"})
_NAMED = frozenset({"properties", "$defs", "definitions"})
_SEVERAL = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_ONE = frozenset({"items", "additionalProperties"})


def grammatical(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema without what no grammar should be made of; its keys keep their order."""
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "pattern" or (key in _COUNTS and value > LONGEST):
            continue
        if key in _NAMED:
            value = {name: grammatical(part) for name, part in value.items()}
        elif key in _SEVERAL:
            value = [grammatical(part) for part in value]
        elif key in _ONE and isinstance(value, Mapping):
            value = grammatical(value)
        made[key] = value
    return made

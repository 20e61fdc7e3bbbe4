"""Compares what a game declares of an action's values with the class that a tree makes them from.

A difference is no reason to refuse an agent: a body may do without a value. But nobody would guess why it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from brains.actions import GameAction

__all__ = ["differences"]


def differences(action: type[GameAction], schema: Mapping[str, Any], agent: str) -> list[str]:
    """Say how the declared `params` do not fit an action: its name comes first in each text.

    Nothing is said of a game that declares no properties, and an object that may have others, too, leaves none out.
    """
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return []
    fields = [field.encode_name for field in msgspec.structs.fields(action)]
    name, found = action.__name__, []
    # Outside JSON Schema's letter, but in its spirit: whoever lists properties and says no more wants no others.
    unheard = [field for field in fields if field not in properties]
    if unheard and not schema.get("additionalProperties"):
        them = "it is" if len(unheard) == 1 else "they are"
        found.append(
            f"{name} has the {_values(unheard)}, which the game does not declare for agent {agent!r}, "
            f"so {them} left out"
        )
    required = schema.get("required")
    lacking = [one for one in required if one not in fields] if isinstance(required, list) else []
    if lacking:
        found.append(
            f"{name} has no {_values(lacking)}, which the game requires for agent {agent!r}, so the game may reject it"
        )
    return found


def _values(names: list[Any]) -> str:
    shown = ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"value {shown}" if len(names) == 1 else f"values {shown}"

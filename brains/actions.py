"""Actions: typed orders to the game, declared as classes.

::

    class MoveTo(GameAction):
        label: ClassVar[str] = "walk"
        target: str
        speed: Annotated[float, Meta(ge=0, le=10)] = 1.0

The class name is the action's name on the wire; `label` is the word that stands for it in a prompt. msgspec checks
bounds only when it decodes, never in a constructor, so every action passes `check_action` before it leaves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

import msgspec

from brains.errors import ActionError

__all__ = ["ActionRegistry", "GameAction", "action_schema", "check_action", "decode_action", "label_of", "params_of"]

A = TypeVar("A", bound="GameAction")


# Given as a mapping because subclasses inherit it at run time, while type checkers would ask each of them to repeat it.
_CONFIG: dict[str, Any] = {"frozen": True, "forbid_unknown_fields": True}


class GameAction(msgspec.Struct, **_CONFIG):
    """Base of all actions. Subclass it, give each value a type, and a `label` if a model may choose it."""

    label: ClassVar[str] = ""


def label_of(action: type[GameAction]) -> str:
    """Return the word that stands for `action` in a prompt: its `label`, else its name in small letters."""
    return action.label or action.__name__.lower()


def params_of(action: GameAction) -> dict[str, Any]:
    """Return the action's values as the JSON object that goes on the wire."""
    params: dict[str, Any] = msgspec.to_builtins(action)
    return params


def action_schema(action: type[GameAction]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the action's values: one flat object that allows nothing else.

    Raises:
        ActionError: a value's type has no JSON Schema.
    """
    try:
        (schema,), components = msgspec.json.schema_components((action,), ref_template="#/$defs/{name}")
    except TypeError as error:
        raise ActionError(
            f"action {action.__name__!r} cannot be described to the game: {error}", action=action.__name__
        ) from error
    body = dict(components.pop(schema["$ref"].rpartition("/")[2]))
    body.pop("description", None)
    body["additionalProperties"] = False
    if components:
        body["$defs"] = components
    return body


def decode_action(action: type[A], params: Any) -> A:
    """Make an action from JSON values, strictly: nothing missing, nothing extra, everything within its bounds.

    Raises:
        ActionError: names the action, the value (`field`) and what is wrong with it.
    """
    try:
        return msgspec.convert(params, action, strict=True)
    except msgspec.ValidationError as error:
        field = _field_of(str(error))
        where = f" ({field})" if field else ""
        raise ActionError(f"{action.__name__}{where}: {error}", action=action.__name__, field=field) from error


def check_action(action: A) -> A:
    """Return `action` again if its values fit its declaration; constructors do not check them.

    Raises:
        ActionError: as `decode_action`.
    """
    try:
        params = msgspec.to_builtins(action)
    except TypeError as error:
        name = type(action).__name__
        raise ActionError(f"{name}: {error}", action=name) from error
    decode_action(type(action), params)
    return action


def _field_of(message: str) -> str | None:
    """Find which value msgspec's message is about: a path `$.speed`, or a field named in it."""
    found = re.search(r"`\$\.([^`]+)`", message) or re.search(r"field `([^`]+)`", message)
    return found.group(1) if found else None


class ActionRegistry(Mapping[str, type[GameAction]]):
    """Action classes by name."""

    def __init__(self, actions: Iterable[type[GameAction]] = ()) -> None:
        self._actions: dict[str, type[GameAction]] = {}
        for action in actions:
            self.add(action)

    def add(self, action: type[GameAction]) -> None:
        """Register a class under its name; the same class again changes nothing.

        Raises:
            ActionError: another class has this name, or the class cannot be described to the game.
        """
        name = action.__name__
        known = self._actions.get(name)
        if known is action:
            return
        if known is not None:
            raise ActionError(
                f"two actions are called {name!r}: {known.__module__}.{known.__qualname__} and "
                f"{action.__module__}.{action.__qualname__}; rename one, the game knows them by this name",
                action=name,
            )
        action_schema(action)
        self._actions[name] = action

    def decode(self, name: str, params: Any) -> GameAction:
        """Make the action called `name`.

        Raises:
            ActionError: there is none of this name, or its values do not fit.
        """
        if name not in self._actions:
            known = ", ".join(sorted(self._actions)) or "none"
            raise ActionError(f"there is no action called {name!r} (known: {known})", action=name)
        return decode_action(self._actions[name], params)

    def __getitem__(self, name: str) -> type[GameAction]:
        return self._actions[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._actions)

    def __len__(self) -> int:
        return len(self._actions)

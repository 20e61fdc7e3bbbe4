"""Values for an action that the model chose: given by the tree, limited to what the agent perceives, or asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from brains.actions import GameAction, action_schema, label_of
from brains.errors import TreeError
from brains.nodes.context import AgentContext
from brains.nodes.llm import Input
from brains.prompts.safety import clean
from brains.questions import RenderedPrompt

__all__ = ["Arguments", "OneOf", "one_of"]

Id = str | int
LONGEST_ID = 64
"""Characters of an id that can be offered to the model."""


class OneOf:
    """A value that is one of those that are there now; `one_of` makes it."""

    def __init__(self, options: Callable[[AgentContext], Iterable[Id]] | Iterable[Id]) -> None:
        if isinstance(options, str) or not (callable(options) or isinstance(options, Iterable)):
            raise TreeError(
                f"one_of takes a callable on the agent that returns ids, or a list of them, not {options!r}"
            )
        self._options: Callable[[AgentContext], Iterable[Id]] | tuple[Id, ...]
        self._options = options if callable(options) else tuple(options)

    def options(self, agent: AgentContext) -> tuple[Id, ...]:
        """Return the values that are there now, each once, in their order."""
        found = self._options(agent) if callable(self._options) else self._options
        return tuple(dict.fromkeys(found))


def one_of(options: Callable[[AgentContext], Iterable[Id]] | Iterable[Id]) -> Any:
    """Limit an argument of an `LLMAction` to the ids that the agent perceives now.

    ::

        arguments={"target": one_of(lambda agent: [one["id"] for one in agent.me["sees"]])}

    Put the likeliest first: a fallback takes the first one. An action whose value has no id left is not offered; with
    one id left it is filled in without asking; of several the model picks one, and can pick nothing else. When the
    answer comes the id must still be there. An id that the action's own declaration refuses, or that is no plain text
    of up to 64 characters (players choose names, too), counts as not there.

    Raises:
        TreeError: it is neither a callable nor a list.
    """
    return OneOf(options)


class Arguments:
    """The arguments of one leaf: what they are now, and what is missing for an action.

    `values` are those that the tree gives, taken at one moment; `open` the ids to choose from, as of that moment.
    """

    def __init__(self, given: Mapping[str, Input]) -> None:
        self.given = dict(given)
        self.values: dict[str, Any] = {}
        self.open: dict[str, tuple[Id, ...]] = {}

    def take(self, agent: AgentContext) -> None:
        """Take everything as it is now."""
        self.values, self.open = {}, {}
        for name, value in self.given.items():
            if isinstance(value, OneOf):
                self.open[name] = value.options(agent)
                continue
            found = value(agent) if callable(value) else value
            if found is not None:
                self.values[name] = found

    def look_again(self, agent: AgentContext) -> None:
        """Drop the ids that have gone. New ones do not count: nobody was asked about them."""
        for name, one in self.given.items():
            if isinstance(one, OneOf):
                there = one.options(agent)
                self.open[name] = tuple(id for id in self.open[name] if id in there)

    def allow(self, action: type[GameAction]) -> bool:
        """Tell whether every value of this action that is limited to ids has one left."""
        return all(self._fitting(action, field) for field in self._limited(action))

    def known(self, action: type[GameAction]) -> dict[str, Any]:
        """Return the values that need no asking: those the tree gave, and the only id there is."""
        known = {name: value for name, value in self.values.items() if name in _names(action)}
        for field in self._limited(action):
            fitting = self._fitting(action, field)
            if len(fitting) == 1:
                known[field] = fitting[0]
        return known

    def first(self, action: type[GameAction]) -> dict[str, Any]:
        """Return values without asking: as `known`, and of several ids the first."""
        chosen = {name: self._fitting(action, name) for name in self._limited(action)}
        return {**self.known(action), **{name: ids[0] for name, ids in chosen.items() if ids}}

    def missing(self, action: type[GameAction]) -> list[str]:
        """Return the names of the values that the model is to give."""
        known, limited = self.known(action), self._limited(action)
        fields = msgspec.structs.fields(action)
        return [f.name for f in fields if f.name not in known and (f.required or f.name in limited)]

    def gone(self, action: type[GameAction], values: Mapping[str, Any]) -> str:
        """Say which of the values is none of its ids; empty if all are."""
        for name in self._limited(action):
            if name in values and values[name] not in self._fitting(action, name):
                return f"{name} {clean(str(values[name]), LONGEST_ID)!r}"
        return ""

    def schema(self, action: type[GameAction]) -> dict[str, Any]:
        """Return the flat schema of the missing values, all required, as grammars need it; ids as an `enum`."""
        whole, names = action_schema(action), self.missing(action)
        properties = {name: whole["properties"][name] for name in names}
        for name in self._limited(action):
            if name in properties:
                properties[name] = _enum(self._fitting(action, name))
        part = {"type": "object", "properties": properties, "required": names, "additionalProperties": False}
        return {**part, "$defs": whole["$defs"]} if "$defs" in whole else part

    def question(self, prompt: RenderedPrompt, action: type[GameAction]) -> RenderedPrompt:
        """Turn a question for a label into one for the values of what was chosen."""
        names = self.missing(action)
        text = f"{prompt.user}\nYou chose: {label_of(action)}. Answer with JSON that gives {', '.join(names)}."
        for name in names:
            if name in self.open:
                ids = ", ".join(map(str, self._fitting(action, name)))
                text += f" {name} is one of: {ids}."
        return msgspec.structs.replace(prompt, name=f"{prompt.name}#{action.__name__}", user=text, turns=())

    def _limited(self, action: type[GameAction]) -> list[str]:
        names = _names(action)
        return [name for name in self.open if name in names]

    def _fitting(self, action: type[GameAction], field: str) -> tuple[Id, ...]:
        """Return the ids that can be offered: those that the action's own declaration allows, and a prompt can hold."""
        (kind,) = (one.type for one in msgspec.structs.fields(action) if one.name == field)
        return tuple(one for one in self.open[field] if _fits(one, kind) and _harmless(one))


def _names(action: type[GameAction]) -> set[str]:
    return {field.name for field in msgspec.structs.fields(action)}


def _fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError:
        return False
    return True


def _harmless(value: Id) -> bool:
    """Tell whether an id can stand in a prompt as it is: the model must be able to write the very same one."""
    return not isinstance(value, str) or (len(value) <= LONGEST_ID and clean(value) == value and value.strip() != "")


def _enum(ids: tuple[Id, ...]) -> dict[str, Any]:
    kinds = {"string" if isinstance(one, str) else "integer" for one in ids}
    return {"type": kinds.pop(), "enum": list(ids)} if len(kinds) == 1 else {"enum": list(ids)}

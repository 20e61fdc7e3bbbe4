"""Behaviour-tree brains for Godot agents, with LLM leaves on a local model.

What a tree author needs is here; tests find their fakes in `brains.testing`. A name is imported when it is first used:
so the command line is up, and can be stopped, before the libraries behind it have loaded.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from msgspec import Meta

    from brains.actions import GameAction
    from brains.errors import BrainsError
    from brains.library import BrainLibrary, brain
    from brains.nodes import (
        Action,
        AgentContext,
        Condition,
        Cooldown,
        Leaf,
        LLMAction,
        LLMCondition,
        LLMLeaf,
        LLMSelector,
        MemorySelector,
        MemorySequence,
        RandomSelector,
        ReactiveSelector,
        ReactiveSequence,
        Say,
        TimeLimit,
        Wait,
        one_of,
    )

__version__ = "0.1.0"

__all__ = [
    "Action",
    "AgentContext",
    "BrainLibrary",
    "BrainsError",
    "Condition",
    "Cooldown",
    "GameAction",
    "LLMAction",
    "LLMCondition",
    "LLMLeaf",
    "LLMSelector",
    "Leaf",
    "MemorySelector",
    "MemorySequence",
    "Meta",
    "RandomSelector",
    "ReactiveSelector",
    "ReactiveSequence",
    "Say",
    "TimeLimit",
    "Wait",
    "brain",
    "one_of",
]

_HOMES = {
    "BrainLibrary": "brains.library",
    "BrainsError": "brains.errors",
    "GameAction": "brains.actions",
    "Meta": "msgspec",
    "brain": "brains.library",
}
"""Where a name comes from if not from `brains.nodes`."""


if not TYPE_CHECKING:  # a type checker must go on finding names that there are not

    def __getattr__(name: str) -> Any:
        """Import one of the public names."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_HOMES.get(name, "brains.nodes")), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """Return the public names, too, that nobody has used yet."""
    return sorted({*globals(), *__all__})

"""Behaviour-tree brains for Godot agents, with LLM leaves on a local model.

What a tree author needs is here; tests find their fakes in `brains.testing`.
"""

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

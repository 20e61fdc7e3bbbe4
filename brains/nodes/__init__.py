"""The vocabulary of trees: composites, decorators, leaves, and the leaves that ask a model."""

from brains.nodes.composites import (
    MemorySelector,
    MemorySequence,
    RandomSelector,
    ReactiveSelector,
    ReactiveSequence,
)
from brains.nodes.context import AgentContext, Leaf
from brains.nodes.decorators import Cooldown, TimeLimit
from brains.nodes.leaves import Action, Condition, Wait
from brains.nodes.llm import LLMCondition, LLMLeaf
from brains.nodes.llm_action import LLMAction, Say

__all__ = [
    "Action",
    "AgentContext",
    "Condition",
    "Cooldown",
    "LLMAction",
    "LLMCondition",
    "LLMLeaf",
    "Leaf",
    "MemorySelector",
    "MemorySequence",
    "RandomSelector",
    "ReactiveSelector",
    "ReactiveSequence",
    "Say",
    "TimeLimit",
    "Wait",
]

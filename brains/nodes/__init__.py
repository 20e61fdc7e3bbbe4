"""The vocabulary of trees: composites, decorators, leaves, and the leaves that ask a model."""

from brains.nodes.arguments import OneOf, one_of
from brains.nodes.composites import (
    MemorySelector,
    MemorySequence,
    RandomSelector,
    ReactiveSelector,
    ReactiveSequence,
)
from brains.nodes.context import AgentContext, AgentNode, Leaf
from brains.nodes.decorators import Cooldown, TimeLimit
from brains.nodes.leaves import Action, Condition, Wait
from brains.nodes.llm import LLMLeaf, LLMNode
from brains.nodes.llm_action import LLMAction
from brains.nodes.llm_condition import LLMCondition
from brains.nodes.llm_selector import LLMSelector
from brains.nodes.say import Say

__all__ = [
    "Action",
    "AgentContext",
    "AgentNode",
    "Condition",
    "Cooldown",
    "LLMAction",
    "LLMCondition",
    "LLMLeaf",
    "LLMNode",
    "LLMSelector",
    "Leaf",
    "MemorySelector",
    "MemorySequence",
    "OneOf",
    "RandomSelector",
    "ReactiveSelector",
    "ReactiveSequence",
    "Say",
    "TimeLimit",
    "Wait",
    "one_of",
]

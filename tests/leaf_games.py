"""Prompts, actions and games of one agent, for tests of the leaves that ask a model."""

from __future__ import annotations

from typing import Any, ClassVar

from brains import GameAction, LLMCondition
from brains.library import Brain
from brains.prompts import PromptLibrary
from brains.snapshot import TickReport
from brains.testing import FakeGame

CONDITION = """---
answer: {danger: true, safe: false}
inputs: {stranger: [looks]}
---
user:
{{ stranger.looks }}
"""
ACTION = """---
answer: action
inputs: {stranger: [looks]}
---
user:
{{ stranger.looks }}
"""
DISTANCE = """---
answer: {danger: true, safe: false}
inputs: {me: [distance]}
---
user:
{{ me.distance | round | int }} m away
"""


class Challenge(GameAction):
    label: ClassVar[str] = "talk"
    target: str


class Attack(GameAction):
    label: ClassVar[str] = "fight"
    target: str


class Flee(GameAction):
    label: ClassVar[str] = "run"


class Walk(GameAction):
    pass


def library() -> PromptLibrary:
    """Make the library that these tests ask from."""
    made = PromptLibrary()
    made.put("is_hostile", CONDITION)
    made.put("respond", ACTION)
    made.put("is_near", DISTANCE)
    return made


def game(root: Any, **options: Any) -> FakeGame:
    """Make a game of one agent whose tree `root()` builds."""
    return FakeGame(Brain(name="test", factory=root), **{"prompts": library(), **options})


def stranger(agent: Any) -> Any:
    """Look at who is there."""
    return agent.me.get("stranger")


def hostile(**options: Any) -> LLMCondition:
    """Make a condition on the stranger."""
    return LLMCondition("hostile?", prompt="is_hostile", inputs={"stranger": stranger}, **{"every": 0.0, **options})


def looks(text: str) -> dict[str, str]:
    """Make a stranger."""
    return {"looks": text}


def ended(report: TickReport) -> list[tuple[str, str]]:
    """Return how questions ended in a tick: kind and reason."""
    return [(leaf.kind, leaf.reason) for leaf in report.leaves if leaf.kind not in ("asked", "expired")]


def done(report: TickReport) -> Any:
    """Return the action that begins in this tick, None if there is none."""
    return None if report.order is None else report.order.action

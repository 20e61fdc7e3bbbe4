"""What the trees remember: events, sights and words, kept on the agent's blackboard until they have been dealt with.

An event is told in one tick only, and a deed is seen in passing; to deal with them takes longer. So a condition keeps
them, the leaves after it deal with the oldest one, and `Forget` drops it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from py_trees.common import Status

from brains import AgentContext, Condition, Leaf

from .senses import nearest

MOST = 5
"""So many are kept at the most: a mind that is full forgets the oldest."""


class Memory(NamedTuple):
    """One thing that is kept."""

    time: float
    """When it happened, in seconds of the agent's clock."""
    text: str
    who: str
    """The id of whom it is about; empty: nobody in particular."""


def memories(agent: AgentContext, of: str) -> Sequence[Memory]:
    """Return what the agent keeps of an event or of sights, oldest first."""
    kept: Sequence[Memory] = agent.blackboard.get(of, ())
    return kept


def first(of: str) -> Callable[[AgentContext], str | None]:
    """Make a sense that gives the text of the oldest memory."""

    def recall(agent: AgentContext) -> str | None:
        kept = memories(agent, of)
        return kept[0].text if kept else None

    return recall


def whose(agent: AgentContext, of: str, otherwise: str) -> str:
    """Return whom the oldest memory is about; `otherwise` if it is about nobody, or there is none."""
    kept = memories(agent, of)
    return (kept[0].who if kept else "") or otherwise


def remember(agent: AgentContext, of: str, new: Sequence[Memory], *, keep: float) -> Sequence[Memory]:
    """Add to what the agent keeps, drop what is more than `keep` seconds old, and return what is left."""
    now = agent.clock.now()
    known = [memory for memory in memories(agent, of) if now - memory.time <= keep]
    kept = [*known, *new][-MOST:]
    agent.blackboard[of] = kept
    return kept


class Happened(Condition):
    """True from an event of this name on, until a `Forget` comes by or the event is `keep` seconds old."""

    def __init__(self, event: str, *, keep: float) -> None:
        super().__init__(f"Was there {'an' if event[0] in 'aeiou' else 'a'} {event}?")
        self.event = event
        self.keep = keep

    def check(self) -> object:
        now = self.agent.clock.now()
        events = [event.data for event in self.agent.events if event.name == self.event]
        new = [Memory(now, str(data.get("text", "")), str(data.get("who", ""))) for data in events]
        return remember(self.agent, self.event, new, keep=self.keep)


class Saw(Condition):
    """True once somebody of a kind was seen doing something, until a `Forget` comes by or it is `keep` seconds ago.

    What was seen is kept as `sights`, each deed once while it goes on.
    """

    def __init__(self, kind: str, *, keep: float) -> None:
        super().__init__(f"Saw a {kind} do something?")
        self.kind = kind
        self.keep = keep
        self._last = ""

    def check(self) -> object:
        return remember(self.agent, "sights", self._new(), keep=self.keep)

    def _new(self) -> Sequence[Memory]:
        found = nearest(self.agent, self.kind)
        if found is None or not found["does"]:
            return []
        text = f"{found['looks']} {found['does']}"
        if text == self._last:
            return []
        self._last = text
        return [Memory(self.agent.clock.now(), text, found["id"])]


class Forget(Leaf):
    """Drop the oldest memory: it has been dealt with."""

    def __init__(self, of: str) -> None:
        super().__init__(f"Forget the {of}")
        self.of = of

    def update(self) -> Status:
        self.agent.blackboard[self.of] = list(memories(self.agent, self.of))[1:]
        return Status.SUCCESS


class HearsNewWords(Condition):
    """True once for each thing that the nearest of a kind says: put it before what answers, in a MemorySequence."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"Has the {kind} said something new?")
        self.kind = kind

    def check(self) -> object:
        found = nearest(self.agent, self.kind)
        words = (found["id"], found["says"]) if found is not None else ("", "")
        if not words[1]:
            return False
        is_new = self.agent.blackboard.get("heard") != words
        self.agent.blackboard["heard"] = words
        return is_new

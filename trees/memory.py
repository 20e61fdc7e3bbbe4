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


class _Keeps(Condition):
    """True while something is kept, which it is for `keep` seconds."""

    def __init__(self, name: str, of: str, keep: float) -> None:
        super().__init__(name)
        self.of = of
        self.keep = keep

    def new(self) -> Sequence[Memory]:
        """Return what has come since the last tick."""
        raise NotImplementedError

    def check(self) -> object:
        now = self.agent.clock.now()
        known = [memory for memory in memories(self.agent, self.of) if now - memory.time <= self.keep]
        kept = [*known, *self.new()][-MOST:]
        self.agent.blackboard[self.of] = kept
        return kept


class Happened(_Keeps):
    """True from an event of this name on, until a `Forget` comes by or the event is `keep` seconds old."""

    def __init__(self, event: str, *, keep: float) -> None:
        super().__init__(f"Was there {'an' if event[0] in 'aeiou' else 'a'} {event}?", event, keep)

    def new(self) -> Sequence[Memory]:
        now = self.agent.clock.now()
        events = [event.data for event in self.agent.events if event.name == self.of]
        return [Memory(now, str(data.get("text", "")), str(data.get("who", ""))) for data in events]


class Saw(_Keeps):
    """True once somebody of a kind was seen doing something, until a `Forget` comes by or it is `keep` seconds ago.

    What was seen is kept as `sights`, each deed once while it goes on.
    """

    def __init__(self, kind: str, *, keep: float) -> None:
        super().__init__(f"Saw a {kind} do something?", "sights", keep)
        self.kind = kind
        self._last = ""

    def new(self) -> Sequence[Memory]:
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

"""What one agent is ticked on, and what comes out of the tick."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, Protocol

import msgspec
from py_trees.behaviour import Behaviour

from brains.actions import GameAction
from brains.questions import Decision, Ticket

__all__ = [
    "ActionStatus",
    "AgentSnapshot",
    "Event",
    "Fault",
    "LeafReport",
    "Order",
    "OrderResult",
    "TickReport",
    "Witness",
]

ActionStatus = Literal["running", "success", "failure", "rejected", "cancelled", "expired"]
"""How far the game is with an action; all but the first are final."""

Source = Literal["tree", "llm", "fallback"]
"""Who chose an action, or its branch: the tree itself, the model, or the fallback of a node without an answer."""

_EMPTY: Mapping[str, Any] = MappingProxyType({})


class Event(msgspec.Struct, frozen=True):
    """Something that happened in the game; unlike state, it is never overwritten by something newer."""

    name: str
    data: Mapping[str, Any] = _EMPTY
    time_ms: float = 0.0


class OrderResult(msgspec.Struct, frozen=True):
    """What the game says of an order (`id`) that it was given."""

    id: str
    status: ActionStatus
    code: str = ""
    message: str = ""
    data: Mapping[str, Any] = _EMPTY


class AgentSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All that one tick of one agent may depend on, but for the model's answers.

    Read-only: `world` is the same object for every agent of the game.
    """

    seq: int = 0
    """Number of the snapshot that the game sent."""
    time: float = 0.0
    """Game time in seconds."""
    me: Mapping[str, Any] = _EMPTY
    """What this agent perceives."""
    world: Mapping[str, Any] = _EMPTY
    """What all agents share."""
    events: tuple[Event, ...] = ()
    results: tuple[OrderResult, ...] = ()
    available: frozenset[str] | None = None
    """Names of the actions that are possible now; None: all that the agent declared."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One action on its way to the game."""

    id: str
    action: GameAction
    source: Source = "tree"
    reason: str = ""
    leaf: str = ""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """An exception inside a node. The node failed; the agent went on."""

    leaf: str
    error: str
    traceback: str
    first: bool = True
    """False when the same node has failed in the same way before, so that it is reported once."""
    cause: BaseException | None = None
    """The exception itself."""


class LeafReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an LLM leaf did in a tick.

    Every question that was `asked` ends in exactly one of `answered`, `fallback` (there was no answer that could be
    used; if there was one, `decision` is it) and `cancelled` (nobody wanted it any more). A `fallback` without a
    question is of a prompt that could not be rendered. `expired` ends no question: a verdict was too old to be kept.
    """

    kind: Literal["asked", "answered", "fallback", "cancelled", "expired"]
    leaf: str
    prompt: str
    text: str = ""
    """The question's last line for `asked`; what the leaf made of it otherwise."""
    decision: Decision | None = None
    reason: str = ""
    """Why there was no usable answer (`fallback`: `deadline`, `stale`, `not_possible` ...) or no need for one
    (`cancelled`)."""


class TickReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one tick of one agent brought."""

    agent: str
    brain: str
    tick: int
    time: float
    """Agent time in seconds."""
    snapshot: AgentSnapshot
    status: str
    running: tuple[str, ...]
    """Paths of the leaves that are RUNNING after the tick."""
    order: Order | None = None
    cancels: tuple[str, ...] = ()
    """Ids of orders that the game is to stop, before it starts `order`."""
    leaves: tuple[LeafReport, ...] = ()
    faults: tuple[Fault, ...] = ()
    speech: tuple[tuple[str, str, bool], ...] = ()
    """Lines of speech: (id, text, done)."""


class Witness(Protocol):
    """Hears, in order, of all that one agent's ticks depend on and bring; `brains.trace` records by it.

    Whoever ticks the tree (the agent itself, or a debugger that steps it) calls `left`; the agent calls the others.
    """

    @property
    def hears_nodes(self) -> bool:
        """Whether it wants to hear of each node; one that does not makes a tick dearer by little."""
        ...

    def begins(self, snapshot: AgentSnapshot, /) -> None:
        """Hear that a tick begins; nothing of the snapshot has been taken in, and the clock stands where it stood."""
        ...

    def drew(self, number: int, /) -> None:
        """Hear of a number for an order or a line of speech."""
        ...

    def asked(self, ticket: Ticket, /) -> None:
        """Hear of a question."""
        ...

    def left(self, node: Behaviour, /) -> None:
        """Hear that the tick has come out of a node, which has its status."""
        ...

    def went_on(self, boundary: int, /) -> None:
        """Hear that a tick which is stepped goes on from a boundary; `boundary` is as in `touched`."""
        ...

    def cancelled(self, node: Behaviour, /) -> None:
        """Hear that a RUNNING node is about to be stopped with INVALID."""
        ...

    def ended(self, report: TickReport, /) -> None:
        """Hear what a tick brought."""
        ...

    def held(self, reason: str, /) -> None:
        """Hear that a debugger holds the agent."""
        ...

    def released(self) -> None:
        """Hear that it lives on."""
        ...

    def touched(self, kind: str, place: str, value: Any, boundary: int, /) -> None:
        """Hear that a debugger has changed something.

        Args:
            kind: `set` or `delete` (a key of the blackboard), `force` (a node's result), `free` (none is forced any
                more), `answer` (a question's), `restart` (the tick is given up), `prompts`.
            place: the key, with a dot before each key inside it, or the node's path.
            value: what it is now; something that JSON can hold.
            boundary: how many node boundaries (before and after each node) of the present tick had been passed; -1
                between two ticks.
        """
        ...

    def closed(self) -> None:
        """Hear that the agent has been stopped for good."""
        ...

"""What a leaf may know and do: its agent, as the leaves see it."""

from __future__ import annotations

import inspect
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Protocol

import py_trees
from py_trees.behaviour import Behaviour

from brains.actions import GameAction
from brains.clock import Clock
from brains.errors import TreeError
from brains.questions import Outcome, Question, RenderedPrompt, Ticket
from brains.snapshot import Event, LeafReport, Order, OrderResult, Source

__all__ = ["AgentContext", "AgentNode", "Leaf", "Predicate", "is_true"]


class AgentContext(Protocol):
    """One agent, seen from its leaves. `brains.agent.Agent` is one."""

    id: str
    session: str
    me: Mapping[str, Any]
    """What this agent perceives in the present snapshot. Read-only."""
    world: Mapping[str, Any]
    """What all agents share. Read-only."""
    events: Sequence[Event]
    """What happened since this agent's last tick."""
    blackboard: MutableMapping[str, Any]
    """The agent's own memory; nobody else sees it."""
    clock: Clock
    rng: random.Random
    tick_number: int

    def path_of(self, node: Behaviour) -> str:
        """Return the node's path, such as `Guard/Deal with a stranger/Respond`."""
        ...

    def can(self, action: type[GameAction]) -> bool:
        """Tell whether the game declared this action and it is possible now."""
        ...

    def act(self, leaf: Behaviour, action: GameAction, *, source: Source = "tree", reason: str = "") -> Order | None:
        """Order an action; None if this tick has its action already, or the action is not possible now.

        Raises:
            ActionError: its values do not fit, or the game never declared it.
        """
        ...

    def result_of(self, order: Order) -> OrderResult | None:
        """Return what the game last said of an order; None before it says anything."""
        ...

    def cancel(self, order: Order) -> None:
        """Have the game stop an order; nothing happens if it has ended."""
        ...

    def new_line(self) -> str:
        """Return an id for a line of speech that no other line of this game has."""
        ...

    def say(self, line: str, text: str, *, done: bool) -> None:
        """Send a piece of the line of speech with the id `line`."""
        ...

    def truth_of(self, prompt: str) -> Mapping[str, bool]:
        """Return what each label of a prompt means, from its front matter; empty if it is not a condition.

        Raises:
            PromptError: there is no such prompt.
        """
        ...

    def render(self, prompt: str, inputs: Mapping[str, Any], labels: Sequence[str] = ()) -> RenderedPrompt:
        """Fill a prompt with this agent's present world and a leaf's inputs.

        Raises:
            PromptError: there is no such prompt, it is broken, or something that it needs is missing.
        """
        ...

    def ask(self, question: Question) -> Ticket:
        """Ask the model. Returns at once."""
        ...

    def outcome_of(self, ticket: Ticket) -> Outcome | None:
        """Return the ticket's outcome if it had arrived when this tick began."""
        ...

    def text_of(self, ticket: Ticket) -> str:
        """Return what had arrived of a free-text answer when this tick began."""
        ...

    def note(self, report: LeafReport) -> None:
        """Put something into this tick's report."""
        ...

    def fault(self, node: Behaviour, error: BaseException) -> None:
        """Report an exception in a node; the node fails, the agent goes on."""
        ...


class AgentNode(Behaviour):
    """A node, leaf or composite, that knows its agent once `setup(agent=...)` has been called."""

    _agent: AgentContext | None = None

    @property
    def agent(self) -> AgentContext:
        """The agent whose tree this node is in.

        Raises:
            TreeError: the tree has not been set up.
        """
        if self._agent is None:
            raise TreeError(
                f"{self.name!r} has no agent yet: set the tree up with `tree.setup(agent=...)` before it ticks "
                "(brains does it for agents of a game; in tests, brains.testing.FakeGame does)"
            )
        return self._agent

    def setup(self, **kwargs: Any) -> None:
        """Take the agent that py_trees' `setup(agent=...)` hands to every node."""
        agent = kwargs.get("agent")
        if agent is None:
            raise TreeError(f"{self.name!r} needs `setup(agent=...)`")
        self._agent = agent

    @property
    def path(self) -> str:
        """This node's path in its tree."""
        return self.agent.path_of(self)

    def is_real_cancel(self, new_status: py_trees.common.Status) -> bool:
        """Tell, inside `terminate`, whether this node loses its branch while it is at work.

        py_trees also calls `terminate(INVALID)` on nodes that had finished or never ran (composites.py:522,
        decorators.py:150); the status is still the old one then (behaviour.py:365).
        """
        running: bool = self.status == py_trees.common.Status.RUNNING
        return running and new_status == py_trees.common.Status.INVALID


class Leaf(AgentNode):
    """Base of all our leaves: knows its agent once `setup(agent=...)` has been called.

    Override `update` (and `initialise`, `terminate`) as in any py_trees behaviour. An exception in one of them makes
    the leaf fail in that tick, is reported with its traceback, and hurts nobody else.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)


Predicate = Callable[[AgentContext], object]
"""Anything that looks at an agent; truth decides."""


def is_true(found: object) -> bool:
    """Return the truth of what a predicate has returned.

    Raises:
        TypeError: it is something that is true whatever is in it, or comes of it: there the truth is a slip.
    """
    if found is True or found is False:
        return found
    if isinstance(found, Awaitable):
        if hasattr(found, "close"):
            found.close()  # else Python warns that nobody has awaited it
        raise TypeError("the predicate is `async`, and a tick waits for nothing: make it a plain function")
    if isinstance(found, Iterator):
        kind = type(found).__name__
        raise TypeError(f"the predicate returned a {kind}, true even if empty: say any(...), or `is not None`")
    if inspect.isroutine(found):
        raise TypeError(f"the predicate returned {found!r} and did not call it: write `()` behind it")
    return bool(found)

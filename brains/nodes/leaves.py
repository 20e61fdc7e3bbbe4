"""Leaves that need no model: conditions, actions, waiting."""

from __future__ import annotations

import typing
from collections.abc import Callable, Sequence

from py_trees.common import Status

from brains.actions import GameAction
from brains.errors import TreeError
from brains.nodes.context import AgentContext, Leaf, Predicate, is_true
from brains.snapshot import Order, Source

__all__ = ["Action", "ActionMaker", "Condition", "OrderedLeaf", "Wait", "emitted"]

ActionMaker = Callable[[AgentContext], GameAction]
"""Makes an action from what the agent knows when the leaf starts."""


class Condition(Leaf):
    """SUCCESS if a predicate over the agent is true, else FAILURE; never RUNNING.

    Give it a callable, `Condition("Hurt?", lambda agent: agent.me["hp"] < 30)`, or subclass it and override `check`.
    (`py_trees.decorators.Condition` is something else: it waits for a child's status.)
    """

    def __init__(self, name: str, predicate: Predicate | None = None) -> None:
        super().__init__(name)
        if predicate is None and type(self).check is Condition.check:
            raise TreeError(f"condition {name!r} needs a predicate, or a subclass that overrides `check`")
        self._predicate = predicate

    def check(self) -> object:
        """Return what decides; override it in a subclass."""
        assert self._predicate is not None
        return self._predicate(self.agent)

    def update(self) -> Status:
        """Return SUCCESS or FAILURE."""
        return Status.SUCCESS if is_true(self.check()) else Status.FAILURE


class OrderedLeaf(Leaf):
    """A leaf that gives the game an action and then waits for its end."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._ordered: Order | None = None

    @property
    def ordered(self) -> Order | None:
        """The order under way."""
        return self._ordered

    def order(self, action: GameAction, *, source: Source = "tree", reason: str = "") -> Status:
        """Give the order: RUNNING, or FAILURE if this agent cannot act now."""
        self._ordered = self.agent.act(self, action, source=source, reason=reason)
        if self._ordered is None:
            return Status.FAILURE
        self.feedback_message = f"{type(action).__name__} {self._ordered.id}"
        return Status.RUNNING

    def follow(self) -> Status:
        """Return how the order stands: RUNNING until the game reports its end."""
        assert self._ordered is not None
        result = self.agent.result_of(self._ordered)
        if result is None or result.status == "running":
            return Status.RUNNING
        self._ordered = None
        if result.status == "success":
            return Status.SUCCESS
        self.feedback_message = " ".join(filter(None, (result.status, result.code, result.message)))
        return Status.FAILURE

    def terminate(self, new_status: Status) -> None:
        """Have the game stop an action that has not ended: the branch is lost, or this leaf broke in the middle."""
        if self._ordered is not None:
            self.agent.cancel(self._ordered)
            self._ordered = None


class Action(OrderedLeaf):
    """Order an action; RUNNING until the game reports success or failure, cancelled if the branch is lost.

    `action` is an action, or a callable that makes one when the leaf starts. What a callable can make is read from its
    return annotation; for a lambda, say it with `emits=[Attack]`.
    """

    def __init__(self, name: str, action: GameAction | ActionMaker, *, emits: Sequence[type[GameAction]] = ()) -> None:
        super().__init__(name)
        self.action = action
        """The action, or the callable that makes it."""
        self.actions: tuple[type[GameAction], ...] = emitted(name, action, emits)
        """The classes that this leaf can order: the game must have declared them."""

    def update(self) -> Status:
        """Order the action in the first tick, then follow it."""
        if self._ordered is not None:
            return self.follow()
        action = self.action if isinstance(self.action, GameAction) else self.action(self.agent)
        return self.order(action)


def emitted(
    name: str, action: GameAction | ActionMaker, emits: Sequence[type[GameAction]]
) -> tuple[type[GameAction], ...]:
    """Return the classes that `action` can be or make: given by `emits`, or read from the callable's annotation.

    Raises:
        TreeError: it is neither an action nor says what it makes.
    """
    if isinstance(action, GameAction):
        return (type(action),)
    if isinstance(action, type):
        raise TreeError(f"action {name!r}: give an action, `{action.__name__}(...)`, not the class")
    if not callable(action):
        raise TreeError(f"action {name!r}: {action!r} is neither an action nor a callable that makes one")
    if emits:
        return tuple(emits)
    try:
        made = typing.get_type_hints(action).get("return")
    except (NameError, TypeError):
        made = None
    classes = typing.get_args(made) or (made,)
    if all(isinstance(c, type) and issubclass(c, GameAction) and c is not GameAction for c in classes):
        return tuple(classes)
    raise TreeError(
        f"action {name!r}: say what the callable can make, `emits=[SomeAction]`, or annotate the function's return: "
        "`-> SomeAction`"
    )


class Wait(Leaf):
    """RUNNING for `seconds` of agent time, then SUCCESS."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(name)
        if not seconds >= 0:
            raise TreeError(f"wait {name!r}: seconds must be 0 or more, not {seconds!r}")
        self.seconds = float(seconds)
        self._end = 0.0

    def initialise(self) -> None:
        """Start counting."""
        self._end = self.agent.clock.now() + self.seconds

    def update(self) -> Status:
        """Return SUCCESS once the time is up."""
        return Status.SUCCESS if self.agent.clock.now() >= self._end else Status.RUNNING

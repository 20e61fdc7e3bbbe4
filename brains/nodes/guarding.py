"""Keeps an exception in one node from ending the tick of a tree."""

from __future__ import annotations

from collections.abc import Callable

from py_trees.behaviour import Behaviour
from py_trees.common import Status

__all__ = ["guard", "is_guarded"]

Report = Callable[[Behaviour, BaseException], None]


def guard(node: Behaviour, report: Report, cancelled: Callable[[Behaviour], None] | None = None) -> None:
    """Wrap `initialise`, `update` and `terminate` of one node, ours or stock, on the instance.

    An exception is reported and makes the node fail in that tick. So does an `update` that returns no status: py_trees
    would make it INVALID and print to standard output (behaviour.py:299). Whatever is raised counts, `exit()` and
    `CancelledError` too: no tick is asynchronous, and no leaf may end the server. Only Ctrl-C gets through.

    `cancelled` is told when the node loses its branch while it is RUNNING.
    """
    guarded = _Guarded(node, report, cancelled)
    node.initialise = guarded.initialise  # type: ignore[method-assign]
    node.update = guarded.update  # type: ignore[method-assign]
    node.terminate = guarded.terminate  # type: ignore[method-assign]


def is_guarded(node: Behaviour) -> bool:
    """Tell whether a node has been guarded: it is in the tree of an agent already."""
    return isinstance(getattr(vars(node).get("update"), "__self__", None), _Guarded)


class _Guarded:
    """The three methods of one node, each with a guard around it."""

    __slots__ = ("_broken", "_cancelled", "_initialise", "_node", "_report", "_terminate", "_update")

    def __init__(self, node: Behaviour, report: Report, cancelled: Callable[[Behaviour], None] | None) -> None:
        self._node = node
        self._report = report
        self._cancelled = cancelled
        self._initialise, self._update, self._terminate = node.initialise, node.update, node.terminate
        self._broken = False
        """`initialise` raised: there is nothing to update."""

    def initialise(self) -> None:
        self._broken = False
        try:
            self._initialise()
        except BaseException as error:
            self._broken = True
            self._caught(error)

    def update(self) -> Status:
        if self._broken:
            return Status.FAILURE
        try:
            status = self._update()
            if type(status) is Status and status is not Status.INVALID:
                return status
            raise TypeError(f"update() of {type(self._node).__name__} returned {status!r}, which is no status")
        except BaseException as error:
            self._caught(error)
            return Status.FAILURE

    def terminate(self, new_status: Status) -> None:
        if new_status is Status.INVALID and self._node.status is Status.RUNNING and self._cancelled is not None:
            self._cancelled(self._node)
        try:
            self._terminate(new_status)
        except BaseException as error:
            self._caught(error)

    def _caught(self, error: BaseException) -> None:
        if isinstance(error, KeyboardInterrupt):
            raise error
        self._report(self._node, error)

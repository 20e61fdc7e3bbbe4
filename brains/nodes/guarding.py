"""Keeps an exception in one node from ending the tick of a tree."""

from __future__ import annotations

from collections.abc import Callable

from py_trees.behaviour import Behaviour
from py_trees.common import Status

__all__ = ["guard"]

Report = Callable[[Behaviour, Exception], None]


def guard(node: Behaviour, report: Report) -> None:
    """Wrap `initialise`, `update` and `terminate` of one node, ours or stock, on the instance.

    An exception is reported and makes the node fail in that tick. So does an `update` that returns no status: py_trees
    would make it INVALID and print to standard output (behaviour.py:299).
    """
    initialise, update, terminate = node.initialise, node.update, node.terminate
    broken = False

    def guarded_initialise() -> None:
        nonlocal broken
        broken = False
        try:
            initialise()
        except Exception as error:
            broken = True
            report(node, error)

    def guarded_update() -> Status:
        if broken:
            return Status.FAILURE
        try:
            status = update()
            if type(status) is Status and status is not Status.INVALID:
                return status
            raise TypeError(f"update() of {type(node).__name__} returned {status!r}, which is no status")
        except Exception as error:
            report(node, error)
            return Status.FAILURE

    def guarded_terminate(new_status: Status) -> None:
        try:
            terminate(new_status)
        except Exception as error:
            report(node, error)

    node.initialise = guarded_initialise  # type: ignore[method-assign]
    node.update = guarded_update  # type: ignore[method-assign]
    node.terminate = guarded_terminate  # type: ignore[method-assign]

"""One tick of a tree: in one go, or node by node for a debugger."""

from __future__ import annotations

from py_trees.behaviour import Behaviour
from py_trees.common import Status

from brains.ticking.stepping import Instrument, Step, become

__all__ = ["Instrument", "Step", "become", "tick"]


def tick(root: Behaviour) -> Status:
    """Tick a tree once, to the end, and return the root's status.

    This is py_trees' own generator (behaviour.py:305, composites.py); statuses and life-cycle calls are its own.
    """
    for _ in root.tick():
        pass
    return root.status

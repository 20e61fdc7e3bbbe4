"""One tick of a tree."""

from __future__ import annotations

from py_trees.behaviour import Behaviour
from py_trees.common import Status

__all__ = ["tick"]


def tick(root: Behaviour) -> Status:
    """Tick a tree once, to the end, and return the root's status.

    This is py_trees' own generator (behaviour.py:305, composites.py); statuses and life-cycle calls are its own.
    """
    for _ in root.tick():
        pass
    return root.status

"""Where the nodes of a tree are made: file and line of the constructor call, by path."""

from __future__ import annotations

import sys

from py_trees.behaviour import Behaviour

from brains.debugger.host import Debuggable
from brains.errors import BrainsError
from brains.library import Brain
from brains.nodes.tree import paths_of

__all__ = ["SourceMap", "class_place"]


class SourceMap:
    """Builds one more tree of each brain, once, and notes in which line of the brain's file each node is made.

    Paths are the same in every tree of a brain, so what is found for one of them is true for all. Nodes made in a loop
    share a line; nodes made by a helper in another file count for the line that called it.
    """

    def __init__(self) -> None:
        self._lines: dict[Brain, dict[str, int]] = {}

    def place(self, agent: Debuggable, path: str) -> tuple[str, int]:
        """Return file and line of a node; empty and 0 if they are not known."""
        line = self._of(agent).get(path, 0)
        return (self.file_of(agent), line) if line else ("", 0)

    def file_of(self, agent: Debuggable) -> str:
        """Return the file of the agent's brain, empty if it is not known."""
        return agent.recipe.file or ""

    def paths_at(self, agent: Debuggable, file: str, line: int) -> frozenset[str]:
        """Return the nodes made in a line, or in the next one that makes any; `file` may be the path's end."""
        mine = self.file_of(agent).replace("\\", "/")
        wanted = file.replace("\\", "/").removeprefix("./")
        if not mine or not (mine == wanted or mine.endswith(f"/{wanted}")):
            return frozenset()
        lines = self._of(agent)
        found = min((one for one in lines.values() if one >= line), default=0)
        return frozenset(path for path, one in lines.items() if one == found)

    def _of(self, agent: Debuggable) -> dict[str, int]:
        brain = agent.recipe
        if brain.file is None:
            return {}
        if brain not in self._lines:
            self._lines[brain] = _lines(brain)
        return self._lines[brain]


def class_place(node: Behaviour) -> tuple[str, int]:
    """Return file and line of a node's class, as far as they can be told without opening a file."""
    kind = type(node)
    module = sys.modules.get(kind.__module__)
    line = getattr(kind, "__firstlineno__", 0)
    if not line:
        codes = (getattr(one, "__code__", None) for one in vars(kind).values())
        line = min((code.co_firstlineno for code in codes if code is not None), default=0)
    return getattr(module, "__file__", None) or "", line


def _lines(brain: Brain) -> dict[str, int]:
    try:
        root, lines = brain.build_with_lines()
    except BrainsError:
        return {}
    paths = paths_of(root)
    for node in root.iterate():
        for client in node.blackboards:
            client.unregister(clear=False)
    return {paths[node]: line for node, line in lines.items()}

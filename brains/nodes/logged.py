"""What nodes log: py_trees prints it to standard output, which belongs to who reads a command's answer."""

from __future__ import annotations

import logging

import py_trees
from py_trees.behaviour import Behaviour

from brains.prompts.finding import escaped

__all__ = ["redirect_log"]

_log = logging.getLogger("brains.tree")


def redirect_log(node: Behaviour, agent: str, path: str) -> None:
    """Have what a node says by `self.logger` go to Python's logging, unless its author gave it a logger of his own."""
    if type(node.logger) is py_trees.logging.Logger:
        node.logger = _NodeLogger(agent, path)


class _NodeLogger(py_trees.logging.Logger):
    """Stands in for py_trees' logger."""

    def __init__(self, agent: str, path: str) -> None:
        super().__init__()
        self._where = escaped(f"agent {agent}: {path}")

    def debug(self, msg: str) -> None:
        """Drop it: py_trees says something in every tick of every node, and shows none of it either."""

    def info(self, msg: str) -> None:
        """Log what is good to know."""
        _log.info("%s: %s", self._where, escaped(msg))

    def warning(self, msg: str) -> None:
        """Log what is odd."""
        _log.warning("%s: %s", self._where, escaped(msg))

    def error(self, msg: str) -> None:
        """Log what went wrong."""
        _log.error("%s: %s", self._where, escaped(msg))

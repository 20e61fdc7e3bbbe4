"""Names that a person types, and what they mean: agents by id, nodes by path, each with the nearest match."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from functools import lru_cache

from py_trees.behaviour import Behaviour

from brains.debugger.host import Debuggable
from brains.debugger.messages import DebugError

__all__ = ["Glob", "is_glob", "nearest", "nodes_of", "resolve"]


class Glob:
    """A pattern with `*` (anything, `/` too) and `?` (one character); nothing else is special, brackets neither."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._match = _compiled(pattern).fullmatch

    def matches(self, text: str) -> bool:
        """Tell whether all of `text` fits."""
        return text == self.pattern or self._match(text) is not None

    def matches_path(self, path: str) -> bool:
        """Tell whether a path fits; a pattern without `/` is also the name of a node anywhere in the tree."""
        return self.matches(path) or ("/" not in self.pattern and self.matches(path.rpartition("/")[2]))


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(char, re.escape(char)) for char in pattern), re.DOTALL)


def is_glob(pattern: str) -> bool:
    """Tell whether a pattern asks for more than one name; a question's `?` alone does not."""
    return "*" in pattern


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a hint: the nearest name, or those that there are."""
    known = list(dict.fromkeys(names))
    near = difflib.get_close_matches(name, known, n=1) or [one for one in known if name and name.lower() in one.lower()]
    if near:
        return f"did you mean {near[0]!r}?"
    shown = ", ".join(known[:12]) + (f" and {len(known) - 12} more" if len(known) > 12 else "")
    return f"there are: {shown or 'none'}"


def nodes_of(agent: Debuggable) -> dict[str, Behaviour]:
    """Return the nodes of an agent's tree by path, from the root on."""
    found: dict[str, Behaviour] = {}

    def walk(node: Behaviour) -> None:
        found[agent.path_of(node)] = node
        for child in node.children:
            walk(child)

    walk(agent.root)
    return found


def resolve(agent: Debuggable, text: str) -> tuple[str, Behaviour]:
    """Return the one node that `text` names: a path, a glob, a name, or the end of a path.

    Raises:
        DebugError: there is none, or more than one.
    """
    nodes = nodes_of(agent)
    if text in nodes:
        return text, nodes[text]
    glob = Glob(text)
    found = [path for path in nodes if glob.matches_path(path)] or [
        path for path in nodes if path.endswith(f"/{text}") or path.lower().rpartition("/")[2] == text.lower()
    ]
    if len(found) == 1:
        return found[0], nodes[found[0]]
    if found:
        raise DebugError("unknown_node", f"{text!r} is more than one node: {_few(found)}", "name one by its path")
    raise DebugError("unknown_node", f"{agent.id} has no node {text!r}", _near_node(text, nodes))


def _near_node(text: str, paths: Collection[str]) -> str:
    """Name the path whose end, or all of it, is nearest."""
    by_name = {path.rpartition("/")[2]: path for path in reversed(list(paths))}
    near = difflib.get_close_matches(text.rpartition("/")[2], by_name, n=1)
    return f"did you mean {by_name[near[0]]!r}?" if near and "/" not in text else nearest(text, paths)


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")

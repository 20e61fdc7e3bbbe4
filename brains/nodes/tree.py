"""What can be told of a tree without ticking it: paths, leaves, the actions and prompts that it uses."""

from __future__ import annotations

from collections.abc import Iterator

from py_trees.behaviour import Behaviour

from brains.actions import GameAction
from brains.nodes.leaves import Action
from brains.nodes.llm import LLMNode
from brains.nodes.llm_action import LLMAction

__all__ = ["actions_of", "duplicate_paths", "llm_leaves_of", "paths_of"]


def paths_of(root: Behaviour) -> dict[Behaviour, str]:
    """Return every node's path: the names from the root, joined by `/`.

    Paths are unique and the same in every run: the second sibling of one name gets `[2]`; a `/` in a name becomes `|`.
    """
    paths: dict[Behaviour, str] = {}

    def walk(node: Behaviour, prefix: str, name: str) -> None:
        paths[node] = path = prefix + name
        seen: dict[str, int] = {}
        taken = {_clean(child) for child in node.children}
        for child in node.children:
            plain = _clean(child)
            seen[plain] = number = seen.get(plain, 0) + 1
            unique = plain if number == 1 else f"{plain}[{number}]"
            while number > 1 and unique in taken:
                number += 1
                unique = f"{plain}[{number}]"
            taken.add(unique)
            walk(child, path + "/", unique)

    walk(root, "", _clean(root))
    return paths


def duplicate_paths(root: Behaviour) -> Iterator[tuple[Behaviour, str]]:
    """Yield every node that shares its name with an earlier sibling, with the path they would share."""
    paths = paths_of(root)
    for node in root.iterate():
        seen: set[str] = set()
        for child in node.children:
            name = _clean(child)
            if name in seen:
                yield child, f"{paths[node]}/{name}"
            seen.add(name)


def actions_of(root: Behaviour) -> dict[str, type[GameAction]]:
    """Return the actions that a tree can choose, by name."""
    found: dict[str, type[GameAction]] = {}
    for node in root.iterate():
        if isinstance(node, Action | LLMAction):
            for action in node.actions:
                found[action.__name__] = action
    return found


def llm_leaves_of(root: Behaviour) -> list[LLMNode]:
    """Return the nodes that ask a model, in tree order: leaves, and selectors whose child the model picks."""
    return [node for node in root.iterate() if isinstance(node, LLMNode)]


def _clean(node: Behaviour) -> str:
    return str(node.name).replace("/", "|") or type(node).__name__

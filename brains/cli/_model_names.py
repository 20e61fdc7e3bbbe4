"""Finds nodes that ask a model that the settings do not name."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator

from brains.checking import Finding
from brains.errors import TreeError
from brains.library import BrainLibrary
from brains.nodes.tree import llm_leaves_of, paths_of

__all__ = ["unknown_models"]


def unknown_models(library: BrainLibrary, names: Collection[str]) -> Iterator[Finding]:
    """Yield an error for each node whose `model` is none of `names`; trees that cannot be built are left out."""
    for name in library.names():
        brain = library.get(name)
        try:
            root, lines = brain.build_with_lines()
        except TreeError:
            continue
        paths = paths_of(root)
        for node in llm_leaves_of(root):
            model = str(getattr(node, "model", ""))
            if not model or model in names:
                continue
            line = lines.get(node, brain.line or 0)
            yield Finding(brain.file or "", line, "error", "unknown-model", _message(model, names), paths[node])


def _message(model: str, names: Collection[str]) -> str:
    if not names:
        return f"the settings name no model {model!r}, nor any other: add [models.{model}] to brains.toml"
    near = difflib.get_close_matches(model, names, n=1)
    known = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(names))}"
    return f"the settings name no model {model!r}; {known}"

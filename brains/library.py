"""Brains by name: the tree factories that authors mark with `@brain`."""

from __future__ import annotations

import difflib
import inspect
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from py_trees.behaviour import Behaviour

from brains.actions import ActionRegistry
from brains.errors import TreeError

__all__ = ["Brain", "BrainLibrary", "brain", "marked_brain"]

Factory = Callable[[], Behaviour]
F = TypeVar("F", bound=Factory)
_MARK = "__brain_name__"


@dataclass(frozen=True)
class Brain:
    """A named tree factory. Every agent gets a tree of its own from it."""

    name: str
    factory: Factory
    file: str | None = None
    line: int | None = None
    description: str = ""

    def build(self) -> Behaviour:
        """Call the factory and return the root of a new tree.

        Raises:
            TreeError: the factory raised, or did not return a behaviour; file and line are those of the tree's file.
        """
        try:
            root = self.factory()
        except TreeError as error:
            file, line = self._place(error)
            raise TreeError(f"brain {self.name!r}: {error.message}", file=file, line=line) from error
        except Exception as error:
            file, line = self._place(error)
            raise TreeError(
                f"brain {self.name!r} cannot be built: {type(error).__name__}: {error}", file=file, line=line
            ) from error
        if not isinstance(root, Behaviour):
            raise TreeError(
                f"brain {self.name!r} must return the root of a tree, not {root!r}; is a `return` missing?",
                file=self.file,
                line=self.line,
            )
        if root.parent is not None:
            raise TreeError(
                f"brain {self.name!r} returned a node that is inside another tree; build a new tree in every call",
                file=self.file,
                line=self.line,
            )
        self._refuse_twice(root)
        return root

    def _refuse_twice(self, root: Behaviour) -> None:
        """Refuse a node that stands in two places: decorators take a child that has a parent already.

        Raises:
            TreeError: there is one.
        """
        seen: set[Behaviour] = set()
        for node in root.iterate():
            if node in seen:
                raise TreeError(
                    f"brain {self.name!r} has the node {node.name!r} in two places; make one for each",
                    file=self.file,
                    line=self.line,
                )
            seen.add(node)

    def build_with_lines(self) -> tuple[Behaviour, dict[Behaviour, int]]:
        """Build a tree and tell in which line of the brain's own file each node was made.

        Nodes made by a helper in another file count for the line that called the helper.
        """
        with _recorded_lines(self.file) as lines:
            root = self.build()
        return root, {node: lines[id(node)] for node in root.iterate() if id(node) in lines}

    def _place(self, error: BaseException) -> tuple[str | None, int | None]:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == self.file]
        return (self.file, frames[-1].lineno) if frames else (self.file, self.line)


@contextmanager
def _recorded_lines(file: str | None) -> Iterator[dict[int, int]]:
    """Note, while the block runs, the innermost line of `file` that each new behaviour comes from."""
    lines: dict[int, int] = {}
    original = Behaviour.__init__

    def init(self: Behaviour, name: str) -> None:
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_filename != file:
            frame = frame.f_back
        if frame.f_code.co_filename == file:
            lines[id(self)] = frame.f_lineno
        original(self, name)

    Behaviour.__init__ = init  # type: ignore[method-assign]
    try:
        yield lines
    finally:
        Behaviour.__init__ = original  # type: ignore[method-assign]


def brain(name: str) -> Callable[[F], F]:
    """Mark a function without arguments as the factory of the brain `name`.

    The function stays as it is: other trees may call it for a subtree.
    """
    if not (isinstance(name, str) and name):  # type: ignore[redundant-expr]  # `@brain` without a name
        raise TreeError('write @brain("name"), with the name that the game uses for it')

    def mark(factory: F) -> F:
        setattr(factory, _MARK, name)
        return factory

    return mark


def marked_brain(value: object) -> Brain | None:
    """Return the brain that `value` is the factory of, or None."""
    name = getattr(value, _MARK, None)
    if not isinstance(name, str) or not callable(value):
        return None
    code = getattr(inspect.unwrap(value), "__code__", None)
    return Brain(
        name=name,
        factory=value,
        file=code.co_filename if code else None,
        line=code.co_firstlineno if code else None,
        description=inspect.cleandoc(getattr(value, "__doc__", None) or ""),
    )


@dataclass
class BrainLibrary:
    """All brains of a trees folder, and the actions declared in it."""

    brains: dict[str, Brain] = field(default_factory=dict)
    actions: ActionRegistry = field(default_factory=ActionRegistry)

    @classmethod
    def of(cls, factories: Iterable[Callable[..., object]]) -> BrainLibrary:
        """Make a library of marked factories: for tests and for programs without a trees folder."""
        library = cls()
        for factory in factories:
            found = marked_brain(factory)
            if found is None:
                raise TreeError(f"{factory!r} is not marked with @brain")
            library.add(found)
        return library

    def add(self, new: Brain) -> None:
        """Add a brain.

        Raises:
            TreeError: there is another one of this name.
        """
        known = self.brains.get(new.name)
        if known is not None and known.factory is not new.factory:
            raise TreeError(
                f"a brain called {new.name!r} is already in {known.file}:{known.line}; rename one of them",
                file=new.file,
                line=new.line,
            )
        self.brains[new.name] = new

    def names(self) -> list[str]:
        """Return the names of all brains, sorted."""
        return sorted(self.brains)

    def get(self, name: str) -> Brain:
        """Return the brain called `name`.

        Raises:
            TreeError: there is none; names the nearest ones.
        """
        if name in self.brains:
            return self.brains[name]
        near = difflib.get_close_matches(name, self.brains, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(self.names()) or 'none'}"
        raise TreeError(f"there is no brain called {name!r}; {hint}")

"""Ticks a tree node by node: a stop before and after each node, results that are forced, and who stopped whom.

py_trees' tick is a generator that yields each node after it ran (behaviour.py:305). Here `tick` of every node is
shadowed on the instance by one that first yields a mark; composites and decorators pass on what they do not know. A
node's exit is the moment at which it yields itself: code of a composite after its child's last yield may never run.
`stop` is shadowed, too, because a node that is stopped yields nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from py_trees.behaviour import Behaviour
from py_trees.common import Status
from py_trees.composites import Composite

__all__ = ["Instrument", "Step", "become"]


class Step(NamedTuple):
    """One boundary of one node."""

    node: Behaviour
    phase: Literal["enter", "exit"]


class _Entering:
    """The mark that a node is about to run."""

    __slots__ = ("node",)

    status = Status.INVALID

    def __init__(self, node: Behaviour) -> None:
        self.node = node

    def visit(self, visitor: object) -> None:
        """Show itself to no visitor: py_trees' `BehaviourTree` calls this for all that a tick yields."""


class Instrument:
    """Shadows `tick` and `stop` of all nodes of a tree while it is debugged; `remove` takes that away between ticks.

    Statuses and life-cycle calls stay those of the plain tree, as long as nothing is forced.

    Args:
        root: the tree.
        on_cancel: is called with each node that is stopped while it runs.
        on_force: is called with each node that gets a forced result instead of running.

    Attributes:
        forced: by node the result that it gets instead of running.
    """

    def __init__(
        self,
        root: Behaviour,
        on_cancel: Callable[[Behaviour], None] | None = None,
        on_force: Callable[[Behaviour], None] | None = None,
    ) -> None:
        self.forced: dict[Behaviour, Status] = {}
        self._root = root
        self._on_cancel = on_cancel
        self._on_force = on_force
        self._once: set[Behaviour] = set()
        self._hollow: set[Behaviour] = set()
        """RUNNING because that was forced: they have not been initialised."""
        self._saved: list[tuple[Behaviour, str, object]] = []
        for node in list(root.iterate()):
            self._shadow(node)

    def steps(self) -> Iterator[Step]:
        """Tick the tree once; yield each boundary before the tree goes on from there."""
        for item in self._root.tick():
            yield Step(item.node, "enter") if isinstance(item, _Entering) else Step(item, "exit")

    def force(self, node: Behaviour, status: Status | None, *, keep: bool = False) -> None:
        """Give a node its result when it would run next, or (`keep`) always; None: let it run again."""
        self._once.discard(node)
        if status is None:
            self.forced.pop(node, None)
            return
        self.forced[node] = status
        if not keep:
            self._once.add(node)

    def is_kept(self, node: Behaviour) -> bool:
        """Tell whether a node is forced until that is taken back."""
        return node in self.forced and node not in self._once

    def become(self, node: Behaviour, status: Status) -> None:
        """Give a node a result now; see the function `become`."""
        become(node, status)
        self._hollow.discard(node)
        if status is Status.RUNNING:
            self._hollow.add(node)

    def remove(self) -> None:
        """Take everything away. Only between two ticks."""
        for node in self._hollow:
            node.status = Status.INVALID
        self._hollow.clear()
        for node, name, saved in self._saved:
            if saved is None:
                vars(node).pop(name, None)
            else:
                setattr(node, name, saved)
        self._saved.clear()
        self.forced.clear()
        self._once.clear()

    def _shadow(self, node: Behaviour) -> None:
        tick, stop = node.tick, node.stop

        def marked_tick() -> Iterator[Behaviour]:
            yield _Entering(node)  # type: ignore[misc]  # nobody between here and `steps` looks at it
            status = self.forced.get(node)
            if status is not None:
                if node in self._once:
                    self.force(node, None)
                self.become(node, status)
                if self._on_force is not None:
                    self._on_force(node)
                yield node
                return
            if node in self._hollow:
                self._hollow.discard(node)
                node.status = Status.INVALID
            yield from tick()

        def watched_stop(new_status: Status = Status.INVALID) -> None:
            was_running = node.status is Status.RUNNING
            self._hollow.discard(node)
            stop(new_status)
            if was_running and new_status is Status.INVALID and self._on_cancel is not None:
                self._on_cancel(node)

        for name, shadow in (("tick", marked_tick), ("stop", watched_stop)):
            self._saved.append((node, name, vars(node).get(name)))
            setattr(node, name, shadow)


def become(node: Behaviour, status: Status) -> None:
    """Give a node a result as if it had come to that by itself, without running it.

    What runs below it is stopped with INVALID first, so that no request and no action lives on. A node that is to be
    RUNNING is stopped itself, too: nothing of its own goes on.
    """
    if status is Status.RUNNING:
        if any(one.status is Status.RUNNING for one in node.iterate()):
            node.stop(Status.INVALID)
        node.status = status
        if isinstance(node, Composite) and node.current_child is None and node.children:
            # A Selector with memory takes it for granted that a running one has a child to go on with.
            node.current_child = node.children[0]
        return
    for child in node.children:
        if any(one.status is Status.RUNNING for one in child.iterate()):
            child.stop(Status.INVALID)
    node.stop(status)
    node.status = status

"""What the debugger has seen of one agent: which nodes ran in this tick and how they ended, and what stopped them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from py_trees.behaviour import Behaviour
from py_trees.common import Status

from brains.debugger.host import Debuggable
from brains.debugger.messages import CancelInfo, Visit
from brains.debugger.values import feedback_of, status_word
from brains.nodes.llm_condition import LLMCondition
from brains.ticking import Step

__all__ = ["Facts", "Tried"]


@dataclass
class Tried:
    """One visit of one node in a tick, in the order of entering."""

    node: Behaviour
    path: str
    depth: int
    status: Status | None = None
    """None: it has not ended yet."""
    feedback: str = ""
    forced: bool = False
    """A debugger said how it ended."""


@dataclass
class Facts:
    """The present tick, and the last that is known of each node from the ticks before."""

    agent: Debuggable
    tick: int = 0
    stack: list[Behaviour] = field(default_factory=list)
    """Nodes that have begun and not ended, from the root."""
    tried: list[Tried] = field(default_factory=list)
    ended: list[Tried] = field(default_factory=list)
    cancels: list[CancelInfo] = field(default_factory=list)
    last: dict[Behaviour, tuple[Status, int]] = field(default_factory=dict)
    """How each node ended when it last ran, and in which tick; a reset does not change it."""
    cancelled: dict[Behaviour, CancelInfo] = field(default_factory=dict)
    """What stopped a node, until it runs again."""
    since: dict[Behaviour, tuple[int, float]] = field(default_factory=dict)
    """Tick and agent time from which on a node has been RUNNING."""
    _open: dict[Behaviour, list[Tried]] = field(default_factory=dict)

    def begin(self) -> None:
        """Note that a tick begins."""
        self.tick = self.agent.tick_number + 1
        self.stack.clear()
        self.tried.clear()
        self.ended.clear()
        self.cancels.clear()
        self._open.clear()

    def entered(self, node: Behaviour) -> None:
        """Note that a node is about to run."""
        self.stack.append(node)
        self.cancelled.pop(node, None)
        one = Tried(node, self.agent.path_of(node), len(self.stack))
        self.tried.append(one)
        self._open.setdefault(node, []).append(one)

    def leaving(self, step: Step) -> int:
        """Note how a node ended; return its depth. It stays on the stack until `left`."""
        node = step.node
        depth = self.stack.index(node) + 1 if node in self.stack else len(self.stack) + 1
        visits = self._open.get(node)
        one = visits.pop() if visits else Tried(node, self.agent.path_of(node), depth)
        one.status, one.feedback = node.status, feedback_of(node)
        self.ended.append(one)
        self._settle(one)
        return depth

    def forced(self, node: Behaviour) -> None:
        """Note that a node which has begun gets its result from a debugger."""
        if visits := self._open.get(node):
            visits[-1].forced = True

    def changed(self, node: Behaviour) -> None:
        """Note that a debugger has given the node that ended last another result."""
        if self.ended and self.ended[-1].node is node:
            one = self.ended[-1]
            one.status, one.feedback, one.forced = node.status, feedback_of(node), True
            self._settle(one)

    def left(self, node: Behaviour) -> None:
        """Take a node that has ended from the stack, with all that never said that it ended."""
        if node in self.stack:
            del self.stack[self.stack.index(node) :]

    def _settle(self, one: Tried) -> None:
        assert one.status is not None
        self.last[one.node] = one.status, self.tick
        if one.status is Status.RUNNING:
            self.since.setdefault(one.node, (self.tick, self.agent.clock.now()))
        else:
            self.since.pop(one.node, None)

    def stopped(self, node: Behaviour) -> None:
        """Note that a node was stopped while it ran: by the one at work, because of the one that has just ended."""
        by = self.stack[-1] if self.stack else None
        because = self.ended[-1].node if self.ended else None
        if because is not None and (because is node or node in because.iterate() or because in node.iterate()):
            because = None
        info = CancelInfo(
            path=self.agent.path_of(node),
            by="" if by is None else self.agent.path_of(by),
            because="" if because is None or because.parent is not by else self.agent.path_of(because),
            tick=self.tick,
        )
        self.cancels.append(info)
        self.cancelled[node] = info
        self.since.pop(node, None)

    def so_far(self) -> list[Visit]:
        """Return the nodes that have ended in this tick, in order."""
        return [Visit(path=one.path, status=status_word(one.status)) for one in self.ended]

    def visited(self) -> set[Behaviour]:
        """Return the nodes that ran in this tick, or have begun to."""
        return {one.node for one in self.tried}

    def why(self) -> list[dict[str, Any]]:
        """Return what this tick tried, in order, each with its verdict, and what it therefore did not try."""
        seen = self.visited()
        found = [self._verdict(one) for one in self.tried]
        for parent in [one for one in self.tried if one.node.children and one.status is not None]:
            for child in parent.node.children:
                if child not in seen:
                    path = self.agent.path_of(child)
                    found.append(
                        {"path": path, "status": "INVALID", "verdict": "not tried", "depth": parent.depth + 1}
                        | self._cancel_of(child)
                    )
        order = {path: number for number, path in enumerate(_preorder(self.agent))}
        return sorted(found, key=lambda entry: order.get(entry["path"], len(order)))

    def _cancel_of(self, node: Behaviour) -> dict[str, Any]:
        info = self.cancelled.get(node)
        return {} if info is None or info.tick != self.tick else {"reason": f"stopped by {info.because or info.by}"}

    def _verdict(self, one: Tried) -> dict[str, Any]:
        verdicts = {
            Status.SUCCESS: "passed",
            Status.FAILURE: "refused",
            Status.RUNNING: "runs",
            Status.INVALID: "reset",
            None: "at work",
        }
        entry: dict[str, Any] = {
            "path": one.path,
            "status": status_word(one.status),
            "verdict": verdicts[one.status],
            "depth": one.depth,
        }
        if one.forced:
            entry["forced"] = True
        if reason := self._reason(one):
            entry["reason"] = reason
        report = self.agent.decisions.get(one.path)
        if report is not None and report.decision is not None:
            entry["probabilities"] = dict(report.decision.probabilities)
        return entry

    def _reason(self, one: Tried) -> str:
        node = one.node
        if one.forced:
            return "forced"
        if isinstance(node, LLMCondition) and node.probability is not None:
            limit = node.threshold if one.status is not Status.SUCCESS else node.release
            sign = ">=" if node.probability >= limit else "<"
            return f"{node.probability:.2f} {sign} {limit:g}"
        if one.feedback or one.status is not Status.FAILURE:
            return one.feedback
        failed = [other for other in self.ended if other.node in node.children and other.status is Status.FAILURE]
        return f"{failed[-1].node.name} refused" if failed else ""


def _preorder(agent: Debuggable) -> list[str]:
    found: list[str] = []

    def walk(node: Behaviour) -> None:
        found.append(agent.path_of(node))
        for child in node.children:
            walk(child)

    walk(agent.root)
    return found

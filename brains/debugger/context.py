"""What an agent is like at this moment, as expressions and stops have it."""

from __future__ import annotations

from typing import Any

import msgspec
from py_trees.behaviour import Behaviour

from brains.debugger.host import Debuggable
from brains.debugger.messages import DecisionInfo
from brains.debugger.values import decision_info, feedback_of, plain, status_word
from brains.nodes.llm import LLMNode
from brains.ticking import Step

__all__ = ["context_of", "decision_of"]


def decision_of(agent: Debuggable, node: Behaviour | None) -> DecisionInfo | None:
    """Return the last decision of this leaf, else the agent's newest one."""
    decisions = agent.decisions
    if isinstance(node, LLMNode):
        report = decisions.get(agent.path_of(node))
        return None if report is None else decision_info(report)
    newest = max(
        (one for one in decisions.values() if one.decision is not None),
        key=lambda one: 0 if one.decision is None else one.decision.tick_answered,
        default=None,
    )
    return None if newest is None else decision_info(newest)


def context_of(agent: Debuggable, step: Step | None) -> dict[str, Any]:
    """Return what expressions know of an agent that stands at a boundary, or between two ticks."""
    snapshot, node = agent.snapshot, None if step is None else step.node
    known: dict[str, Any] = {
        "agent": agent.id,
        "brain": agent.brain,
        "tick": agent.tick_number,
        "time": agent.clock.now(),
        "me": agent.me,
        "world": agent.world,
        "events": plain(snapshot.events),
        "blackboard": agent.blackboard,
        "snapshot": {
            "seq": snapshot.seq,
            "time": snapshot.time,
            "me": agent.me,
            "world": agent.world,
            "events": plain(snapshot.events),
            "results": plain(snapshot.results),
        },
        "orders": [{"id": order.id, "name": type(order.action).__name__} for order in agent.orders.values()],
        "phase": "tick" if step is None else step.phase,
    }
    target = node or agent.root
    known["node"] = {
        "name": target.name,
        "path": agent.path_of(target),
        "kind": type(target).__name__,
        "status": status_word(target.status),
        "feedback": feedback_of(target),
    }
    decision = decision_of(agent, node)
    if decision is not None:
        known["decision"] = msgspec.to_builtins(decision)
    return known

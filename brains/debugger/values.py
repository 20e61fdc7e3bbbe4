"""Values on their way to a front end: plain JSON, however odd the objects in an agent's memory are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

import msgspec
from py_trees.behaviour import Behaviour

from brains.actions import params_of
from brains.debugger.messages import DecisionInfo, StatusWord, TickInfo
from brains.snapshot import LeafReport, TickReport
from brains.trace.events import AgentEvent, DoneEvent, TurnEvent

__all__ = ["decision_info", "feedback_of", "plain", "recorded_info", "status_word", "tick_info"]

_DEEPEST = 12


def plain(value: Any, depth: int = 0) -> Any:
    """Return a copy in terms of JSON; what has no such form becomes its `repr`."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, str | int | float):
        return _bare(value)
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {str(key): plain(one, depth + 1) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [plain(one, depth + 1) for one in value]
    if isinstance(value, Set):
        return sorted((plain(one, depth + 1) for one in value), key=repr)
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name), depth + 1) for name in value.__struct_fields__}
    try:
        return repr(value)
    except Exception as error:
        return f"<{type(value).__name__}: {type(error).__name__} in its repr>"


def _bare(value: str | float) -> str | float:
    """Return a text or number of a subclass as one that JSON knows: numpy's, or a member of an enumeration."""
    if isinstance(value, str):
        return str.__str__(value)
    return int.__int__(value) if isinstance(value, int) else float.__float__(value)


def feedback_of(node: Behaviour) -> str:
    """Return what a node says of itself, which may be anything that its author has put there."""
    said: object = node.feedback_message
    if isinstance(said, str):
        return str.__str__(said)
    return "" if said is None else str(plain(said))


def status_word(status: object) -> StatusWord:
    """Return a status as the wire has it."""
    return getattr(status, "value", "INVALID")


def decision_info(report: LeafReport) -> DecisionInfo:
    """Return what an LLM leaf reported, flat."""
    info = DecisionInfo(
        leaf=report.leaf, kind=report.kind, prompt=report.prompt, text=report.text, reason=report.reason
    )
    decision = report.decision
    if decision is not None:
        info.answer = decision.answer
        info.value = plain(decision.value)
        info.probabilities = dict(decision.probabilities)
        info.model = decision.model
        info.seconds = decision.latency.total
        info.prompt_tokens = decision.prompt_tokens
        info.output_tokens = decision.output_tokens
        info.tick_asked = decision.tick_asked
        info.tick_answered = decision.tick_answered
    return info


def tick_info(session: str, report: TickReport, *, held: bool = False) -> TickInfo:
    """Return a finished tick."""
    order = report.order
    return TickInfo(
        agent=report.agent,
        session=session,
        tick=report.tick,
        time=report.time,
        seq=report.snapshot.seq,
        status=_status_of(report),
        running=list(report.running),
        action="" if order is None else type(order.action).__name__,
        params={} if order is None else plain(params_of(order.action)),
        source="" if order is None else order.source,
        reason="" if order is None else order.reason,
        cancels=list(report.cancels),
        decisions=[decision_info(one) for one in report.leaves],
        faults=[f"{fault.leaf}: {fault.error}" for fault in report.faults],
        speech=[text for _, text, _ in report.speech if text],
        held=held,
    )


def recorded_info(agent: AgentEvent, turn: TurnEvent, done: DoneEvent) -> TickInfo:
    """Return a tick as a recording has it."""
    order = done.order
    params = None if order is None else order.params
    return TickInfo(
        agent=agent.id,
        session=agent.session,
        tick=done.tick,
        time=done.time,
        seq=turn.seq,
        status=_status_of(done),
        running=list(done.running),
        action="" if order is None else order.name,
        params=params if isinstance(params, dict) else {},
        source="" if order is None else order.source,
        reason="" if order is None else order.reason,
        cancels=list(done.cancels),
        decisions=[decision_info(one) for one in done.leaves],
        faults=[f"{fault.leaf}: {fault.error}" for fault in done.faults],
        speech=[text for _, text, _ in done.speech if text],
    )


def _status_of(report: TickReport | DoneEvent) -> StatusWord:
    return report.status  # type: ignore[return-value]  # the agent takes it from py_trees

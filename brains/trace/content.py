"""Leaves texts out of a recording (`--record-content off`) in such a way that it can still be replayed.

A leaf that speaks looks at marks and spaces only, so a text whose letters are all `x` takes it through the same ticks.
"""

from __future__ import annotations

import msgspec

from brains.questions import Decision, NoAnswer, Outcome
from brains.snapshot import LeafReport

__all__ = ["masked", "outcome_without_text", "report_without_text"]


def masked(text: str) -> str:
    """Return a text of the same length with an `x` for each letter and digit."""
    return "".join("x" if char.isalnum() else char for char in text)


def outcome_without_text(outcome: Outcome) -> Outcome:
    """Return an outcome without what a model made up; labels and the values of actions stay."""
    if isinstance(outcome, NoAnswer):
        return NoAnswer(reason=outcome.reason)
    return _decision(outcome)


def report_without_text(report: LeafReport) -> LeafReport:
    """Return a leaf's report without its text."""
    decision = None if report.decision is None else _decision(report.decision)
    return msgspec.structs.replace(report, text="", decision=decision)


def _decision(decision: Decision) -> Decision:
    if decision.way != "text":
        return decision
    return msgspec.structs.replace(decision, answer=masked(decision.answer))

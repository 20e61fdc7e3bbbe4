"""A receipt for an answer that is there already: somebody gave it in place of the model."""

from __future__ import annotations

from brains.questions import Decision, Outcome, Question

__all__ = ["GivenTicket"]


class GivenTicket:
    """A `Ticket` that has its outcome from the beginning."""

    def __init__(self, question: Question, outcome: Outcome) -> None:
        self.question = question
        self.outcome: Outcome | None = outcome
        self.text = outcome.answer if isinstance(outcome, Decision) else ""

    def cancel(self, *, late: bool = False) -> None:
        """Do nothing: there is nothing to stop."""

"""A receipt for an answer that is there already: somebody gave it in place of the model."""

from __future__ import annotations

from brains.questions import Decision, Question

__all__ = ["GivenTicket"]


class GivenTicket:
    """A `Ticket` that has its outcome from the beginning."""

    def __init__(self, question: Question, outcome: Decision) -> None:
        self.question = question
        self.outcome = outcome
        self.text = outcome.answer

    def cancel(self) -> None:
        """Do nothing: there is nothing to stop."""

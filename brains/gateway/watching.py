"""What the gateway tells those who watch it: metrics and traces."""

from __future__ import annotations

from typing import Protocol

import msgspec

from brains.questions import ModelInfo, ModelReply, ModelRequest, Outcome, Question

__all__ = ["Exchange", "Watcher"]


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a model and what came of it."""

    question: Question
    """Of those that wait for the same answer, the one that came first."""
    model: str
    """The model's name in the configuration; empty for the only one."""
    info: ModelInfo
    url: str
    """Where its server is; empty for a model inside the process."""
    outcome: Outcome
    request: ModelRequest | None = None
    """None where the question could not even be put."""
    reply: ModelReply | None = None
    """None where there is no answer."""
    seconds: float = 0.0
    """From the model's being asked to the end."""
    cancelled: bool = False
    """Nobody waited any more."""
    retried: bool = False
    """Its server died, and it is asked of another one."""
    reloaded: bool = False
    """The model was loaded again for it."""


class Watcher(Protocol):
    """Hears all that happens, on the loop and inside somebody's tick: nothing of it may block, take long or raise."""

    def asked(self, question: Question, model: str) -> None:
        """Somebody asks `model`, a name of the configuration or empty for the only one."""
        ...

    def ended(self, question: Question, outcome: Outcome, model: str, seconds: float, kept: bool) -> None:
        """A question has its outcome after `seconds`; `kept`: a former answer did for it."""
        ...

    def exchanged(self, exchange: Exchange) -> None:
        """A model was asked, and that has ended."""
        ...

"""Keeps the last answers for a while: who asks the same again gets the same at once."""

from __future__ import annotations

from collections import OrderedDict

from brains.errors import ConfigError
from brains.questions import Decision, Question

from .queue import Identity

__all__ = ["AnswerCache", "may_be_kept"]


def may_be_kept(question: Question) -> bool:
    """Tell whether an answer does for later questions.

    Free text and what is drawn at random are to be new each time, and a person who asks again wants to know.
    """
    if question.patient or not (question.labels or question.schema is not None):
        return False
    return bool(question.labels) or not question.prompt.options.get("temperature")


class AnswerCache:
    """Answers by (model, question), the least recently used ones thrown away first.

    A question's `Identity` holds the rendered prompt, its options, the template's version and its calibrations, so that
    an answer never outlives any of them.

    Args:
        size: so many answers are kept; 0: none.
        ttl: seconds for which an answer is kept.
    """

    def __init__(self, size: int, ttl: float) -> None:
        if size < 0 or ttl < 0:
            raise ConfigError(f"the size and the age of kept answers must be 0 or more, not {size} and {ttl:g}")
        self._size = size if ttl else 0
        self._ttl = ttl
        self._kept: OrderedDict[tuple[str, Identity], tuple[float, Decision]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, model_digest: str, question: Question, identity: Identity, now: float) -> Decision | None:
        """Return the answer that the model gave to this question not long ago."""
        if not self._size or not may_be_kept(question):
            return None
        key = (model_digest, identity)
        found = self._kept.get(key)
        if found is None:
            return None
        kept_at, decision = found
        if now - kept_at >= self._ttl:
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return decision

    def put(self, decision: Decision, question: Question, identity: Identity, now: float) -> None:
        """Keep an answer."""
        if not self._size or not may_be_kept(question):
            return
        key = (decision.model_digest, identity)
        self._kept[key] = (now, decision)
        self._kept.move_to_end(key)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)

"""Label words: the answers that a model may give, told apart by how they begin.

A label question is decided by the first token of the answer, so no label may begin like another one; a token
that could begin two labels counts for neither.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["label_problem", "words_in"]

_LABEL = re.compile(r"[^\W_][\w'-]*(?: [\w'-]+)*")
_WORD = re.compile(r"\w+")
MOST = 20
"""Models give the logprobs of 20 tokens."""


def label_problem(labels: Sequence[str]) -> str | None:
    """Say what is wrong with these labels, with what to do; None if they will do."""
    if len(labels) < 2:
        return f"a question needs two labels or more, and here is {'only one' if labels else 'none'}"
    if len(labels) > MOST:
        return f"{len(labels)} labels are too many: a model tells of its {MOST} likeliest tokens only"
    for label in labels:
        if not _LABEL.fullmatch(label):
            return f"{label!r} cannot be a label: use a plain word that carries the meaning, such as danger"
    firsts = [(label.split()[0].casefold(), label) for label in labels]
    for index, (first, label) in enumerate(firsts):
        for other_first, other in firsts[index + 1 :]:
            if first.startswith(other_first) or other_first.startswith(first):
                return f"the labels {label!r} and {other!r} begin alike; choose other words"
    return None


def words_in(text: str) -> frozenset[str]:
    """Return the words of `text` in small letters."""
    return frozenset(_WORD.findall(text.casefold()))

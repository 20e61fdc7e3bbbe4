"""The stand-in for a model, `--model scripted`: it answers as the example says that is most like the question.

So the yard can be played, and won, on a machine without any model; but it only compares words, and is easily fooled.
"""

from __future__ import annotations

import zlib

from brains.models.scripted import ARROW, ScriptedModel, labels_of, last_line
from brains.prompts import words_in
from brains.questions import ModelRequest

__all__ = ["ALIKE", "CALLS", "example_like", "plain_mind", "stand_in"]

CALLS = ("Hot pies!", "Good day to you, traveller.", "Come closer, look at this!", "Only one penny!")
ALIKE = 0.1
"""Words in common, as a share of all words of both, from which on an example counts."""


def plain_mind() -> ScriptedModel:
    """Make the stand-in. It says more than one line, since always the same one is no success."""
    return ScriptedModel(_answer)


def stand_in(model: str) -> ScriptedModel | None:
    """Return the stand-in if the model of the settings is `scripted`; None: they mean another one."""
    return plain_mind() if model == "scripted" else None


def example_like(request: ModelRequest) -> str | None:
    """Return the answer of the example that shares most words with the question; None if none is like it.

    Of equally near examples the first counts.
    """
    asked = words_in(last_line(request))
    best, nearest = ALIKE, None
    for line in request.prompt.splitlines():
        text, arrow, label = line.rpartition(ARROW)
        words = words_in(text)
        if not arrow or not label.strip() or not asked | words:
            continue
        alike = len(asked & words) / len(asked | words)
        if alike > best:
            best, nearest = alike, label.strip()
    return nearest


def _answer(request: ModelRequest) -> str | None:
    if request.schema is not None:
        return None
    if labels_of(request):
        return example_like(request)
    return CALLS[zlib.crc32(last_line(request).encode()) % len(CALLS)]

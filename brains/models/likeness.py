"""How a stand-in for a model comes to an answer: it takes that of the example which is most like the question.

It only compares words, and is easily fooled. But so the castle yard can be played, and won, on a machine without any
model; and it decides alike in whichever way it is asked: by completion, by chat or by a schema.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator

from brains.prompts import words_in
from brains.questions import ModelRequest

__all__ = ["ALIKE", "ARROW", "example_like", "example_line", "last_line", "wants_speech"]

ARROW = " -> "
"""Stands before the label of an example, where the prompt is completed."""
QUOTE = ' "'
"""Stands before a line of speech."""
ALIKE = 0.1
"""Words in common, as a share of all words of both, from which on an example counts."""


def example_like(request: ModelRequest) -> str | None:
    """Return the answer of the example that shares most words with the question; None if none is like it.

    Words that all examples have say nothing, as they are of the template. Of equally near examples the first counts.
    """
    examples = [(words_in(text), answer) for text, answer in _examples_of(request)]
    everywhere = frozenset.intersection(*[words for words, _ in examples]) if examples else frozenset()
    asked = words_in(last_line(request)) - everywhere
    best, nearest = ALIKE, None
    for words, answer in examples:
        words -= everywhere
        alike = len(asked & words) / len(asked | words) if asked | words else 0.0
        if alike > best:
            best, nearest = alike, answer
    return nearest


def example_line(request: ModelRequest) -> str | None:
    """Return a line of speech that an example shows, another one for another question; None if they show no two.

    Not the most similar one: what is said to a crowd would always be the same.
    """
    lines = list(dict.fromkeys(answer for _, answer in _examples_of(request)))
    return lines[zlib.crc32(last_line(request).encode()) % len(lines)] if len(lines) > 1 else None


def _examples_of(request: ModelRequest) -> Iterator[tuple[str, str]]:
    """Give the examples that a request shows, in order: what was said, and the answer to that."""
    if request.messages:
        for (role, said), (answering, answer) in zip(request.messages, request.messages[1:], strict=False):
            if (role, answering) == ("user", "assistant") and answer.strip():
                yield said, _bare(answer.strip())
        return
    is_speech = wants_speech(request)
    for line in request.prompt.splitlines()[:-1]:
        if is_speech and not line.endswith('"'):
            continue
        text, found, answer = line.removesuffix('"' if is_speech else "").rpartition(QUOTE if is_speech else ARROW)
        if found and answer.strip():
            yield text, answer.strip()


def last_line(request: ModelRequest) -> str:
    """Return what was asked last: the last line of a completion prompt without its arrow, or the last user turn."""
    if request.messages:
        users = [content for role, content in request.messages if role == "user"]
        return users[-1] if users else ""
    lines = request.prompt.rstrip().splitlines()
    return lines[-1].removesuffix(ARROW.rstrip()).rstrip() if lines else ""


def wants_speech(request: ModelRequest) -> bool:
    """Tell whether a line of free text is asked for, and no label."""
    return request.way == "text" or request.prompt.endswith(QUOTE)


def _bare(answer: str) -> str:
    """Return the label of an answer by a schema, `{"answer": "danger"}`, and any other answer as it is."""
    try:
        value = json.loads(answer)
    except ValueError:
        return answer
    label = value.get("answer") if isinstance(value, dict) else None
    return label if isinstance(label, str) else answer

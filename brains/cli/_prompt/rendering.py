"""A prompt as a model gets it, by each way, and how much of it there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from brains.cli._prompt.printing import without_marks
from brains.decide import request_for
from brains.errors import ModelError
from brains.prompts import MARK_END, MARK_START, Prompt
from brains.questions import ChatModel, ModelInfo, ModelRequest, Question, RenderedPrompt, Way

__all__ = ["Shown", "count_tokens", "marked_spans", "question_for", "shown"]

ABLE: frozenset[Way] = frozenset({"completion", "chat", "schema", "text"})


class Shown(NamedTuple):
    """One way's request, and its text with marks around what came from the world."""

    way: str
    request: ModelRequest
    marked: str
    """The same text without marks, if they could not be kept."""
    has_marks: bool


def question_for(prompt: Prompt, rendered: RenderedPrompt, labels: Sequence[str]) -> Question:
    """Return the question that a leaf would ask."""
    asked = () if prompt.kind == "text" else tuple(labels)
    return Question(session="", agent="", leaf="", prompt=rendered, labels=asked)


def shown(prompt: Prompt, context: Mapping[str, Any], labels: Sequence[str], way: Way) -> Shown:
    """Fill a prompt and put it together in one way.

    Raises:
        PromptError: something is missing or of the wrong kind.
    """
    exact, marked = (
        _request(question_for(prompt, prompt.render(context, labels=labels or None, marked=marks), labels), way)
        for marks in (False, True)
    )
    text, with_marks = _text(exact), _text(marked)
    kept = without_marks(with_marks) == text and MARK_START not in text and MARK_END not in text
    return Shown(way, exact, with_marks if kept else text, kept)


def _request(question: Question, way: Way) -> ModelRequest:
    info = ModelInfo(name="any model", digest="", backend="scripted", ways=ABLE, label_way=way)
    return request_for(question, info, way=way if question.labels else None)


def _text(request: ModelRequest) -> str:
    return request.prompt or "\n\n".join(f"[{role}]\n{text}" for role, text in request.messages)


def marked_spans(marked: str) -> list[tuple[int, int]]:
    """Return where in the text without marks the values stand."""
    spans, place, depth, start = [], 0, 0, 0
    for char in marked:
        if char == MARK_START:
            depth += 1
            start = place if depth == 1 else start
        elif char == MARK_END:
            depth -= 1
            if depth == 0 and place > start:
                spans.append((start, place))
        else:
            place += 1
    return spans


async def count_tokens(model: ChatModel, info: ModelInfo, requests: Sequence[ModelRequest]) -> list[int | str]:
    """Let a model read each request, and return how many tokens it found; or why it could not say.

    Raises:
        ModelError: the model is away.
    """
    counted: list[int | str] = []
    for request in requests:
        if request.way not in info.ways:
            counted.append(f"{info.name} cannot be asked this way")
            continue
        try:
            reply = await model.generate(msgspec.structs.replace(request, max_tokens=1, schema=None))
        except ModelError as error:
            if error.kind in ("unavailable", "not_installed"):
                raise
            counted.append(str(error))
            continue
        told = reply.prompt_tokens if info.backend != "scripted" else 0
        counted.append(told or f"{info.name} does not count tokens")
    return counted

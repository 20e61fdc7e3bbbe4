"""An answer of Ollama while it comes in, chunk by chunk, and what it is worth once it has ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

from brains.errors import MalformedAnswer
from brains.models._ollama import ollama
from brains.models.ollama_errors import Place
from brains.questions import ModelReply, TokenChoice

__all__ = ["Answer", "Chunk"]

NANO = 1e-9
RUNAWAY = 256
"""Blank characters in a row; held to a JSON Schema, some models write them until their tokens are used up."""

Chunk = ollama.ChatResponse | ollama.GenerateResponse


class Answer:
    """Collects the chunks of one answer.

    Log-probabilities are taken from every chunk, with or without text: Ollama holds text back while it looks
    for the end of a special token, and then sends the numbers without it. Those of thoughts are left out; they
    are not the answer. So is everything from the first piece on that is several tokens in one, because a letter
    took more than one or because a stop string might have begun: it comes with the numbers of its last token
    only, and those of the others are lost.

    Attributes:
        begun: whether anything has come yet.
    """

    def __init__(self) -> None:
        self.begun = False
        self._texts: list[str] = []
        self._tokens: list[TokenChoice] = []
        self._joined = False
        self._thought = False
        self._blank = 0
        self._last: Chunk | None = None

    def add(self, chunk: Chunk) -> str:
        """Take the next chunk; return its text.

        Raises:
            MalformedAnswer: the model has run away; nothing good will come any more.
        """
        if isinstance(chunk, ollama.ChatResponse):
            text, thinking = chunk.message.content or "", chunk.message.thinking
        else:
            text, thinking = chunk.response or "", chunk.thinking
        if thinking:
            self._thought = True
        if text or not thinking:
            self._take(chunk.logprobs or ())
        self.begun = True
        self._texts.append(text)
        self._blank = self._blank + len(text) if not text.strip() else len(text) - len(text.rstrip())
        if self._blank > RUNAWAY:
            raise MalformedAnswer(
                "the model writes nothing but white space any more: put an example of the answer into the prompt, or "
                "take another model"
            )
        if chunk.done:
            self._last = chunk
        return text

    def _take(self, logprobs: Sequence[ollama._types.Logprob]) -> None:
        for choice in _tokens(logprobs):
            self._joined = self._joined or _is_joined(choice)
            if not self._joined:
                self._tokens.append(choice)

    def reply(self, place: Place) -> ModelReply:
        """Return the whole answer.

        Raises:
            MalformedAnswer: it has no end, or an end that is not one of an answer.
        """
        last = self._last
        if last is None:
            raise MalformedAnswer(
                f"the answer to {place.asked} broke off without an end: Ollama stops a model that repeats "
                "itself; "
                "ask for less, or set a smaller limit of tokens"
            )
        text = "".join(self._texts)
        if last.done_reason not in ("stop", "length"):
            what = {
                "load": "the prompt was empty, and Ollama only loaded the model",
                "unload": "the prompt was empty, and Ollama unloaded the model",
            }.get(
                last.done_reason or "",
                f"it ended for the reason {last.done_reason!r}, not 'stop' or 'length'",
            )
            raise MalformedAnswer(f"there is no answer to {place.asked}: {what}")
        if self._thought and not text:
            raise MalformedAnswer(
                f"model {place.model!r} thinks although it is told not to, and had no token left to answer "
                f"{place.asked}: "
                "choose a model that does not think"
            )
        return ModelReply(
            text=text,
            tokens=tuple(self._tokens),
            done_reason=cast(Literal["stop", "length"], last.done_reason),
            prompt_tokens=last.prompt_eval_count or 0,
            output_tokens=last.eval_count or 0,
            load=(last.load_duration or 0) * NANO,
            prompt_time=(last.prompt_eval_duration or 0) * NANO,
            generate_time=(last.eval_duration or 0) * NANO,
            queue=_waited(last),
        )

    @property
    def loaded(self) -> bool:
        """Whether this is the answer to a request that only loads the model."""
        return self._last is not None and self._last.done_reason == "load"


def _waited(last: Chunk) -> float:
    """Return the seconds that are in none of Ollama's times but in their sum: it waited for a slot."""
    known = sum(part or 0 for part in (last.load_duration, last.prompt_eval_duration, last.eval_duration))
    return max((last.total_duration or 0) - known, 0) * NANO


def _tokens(logprobs: Sequence[ollama._types.Logprob]) -> list[TokenChoice]:
    return [
        TokenChoice(
            token=entry.token,
            logprob=entry.logprob,
            top=tuple((choice.token, choice.logprob) for choice in entry.top_logprobs or ()),
        )
        for entry in logprobs
    ]


def _is_joined(choice: TokenChoice) -> bool:
    """Whether the piece is several tokens: its number is that of one of the likeliest, and its text that of none."""
    numbers = [logprob for _, logprob in choice.top]
    return choice.logprob in numbers and all(token != choice.token for token, _ in choice.top)

"""The leaf that speaks a line which the model makes up."""

from __future__ import annotations

import re
from collections.abc import Mapping

from py_trees.common import Status

from brains.errors import PromptError, TreeError
from brains.nodes.llm import Input, LLMLeaf
from brains.questions import Decision

__all__ = ["Say"]

# A mark, what closes around it, and the space that proves it is no part of a number; Chinese and Japanese need none.
_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’»)\]]*\s|[。！？]+[」』”]*\s?")  # noqa: RUF001
_PAUSE = re.compile(r"[,;:、，；：][\"'”’»)\]]*\s?|\s[-–—]\s")  # noqa: RUF001


class Say(LLMLeaf):
    """Speak a line that the model makes up, sentence by sentence as it comes; SUCCESS when it is out.

    A piece goes out when its sentence ends, or the line does. If the leaf loses its branch in the middle, the model
    stops, and the line ends after the last whole sentence that was spoken.

    Args:
        name: the node's name.
        prompt: the template's name, its path in the prompts folder without the ending: `merchant/praise`. An unknown or
            broken one is a fault in a tick; `brains check` tells it beforehand.
        inputs: values for the template by name: callables on the agent, called in the tick in which it asks, or plain
            values. If one is None there is nothing to ask about, and the leaf fails.
        fallback: the line to speak if there is no answer before the first sentence; None: fail.
        max_tokens: upper limit of the line's length for the model; 1 token is about 4 letters.
        max_chars: the line is cut at this length, at the end of a word, and the model stopped.
        max_piece: a sentence that has grown longer than this without an end is spoken in parts, cut at a comma or
            else after a word.
        deadline: seconds of agent time (10 if not given) from the question to its answer; after it the model is
            stopped, and the line ends where it is, or is the `fallback` (reason `deadline`).
        priority: a whole number, 0 if not given; questions with a higher one are asked first.
        retry: seconds of agent time (2 if not given, 0 or more) for which it does not ask again after a question
            without a usable answer and without a fallback, but fails.
        model: which model of the configuration answers, by its name there (`[models.NAME]`); empty: the default one.

    The prompt's front matter says `answer: text`.

    Raises:
        TreeError: a setting that cannot work, or an option of the model (`temperature`, `num_ctx` ...), which belongs
            into the prompt or the configuration.
    """

    def __init__(
        self,
        name: str,
        *,
        prompt: str,
        inputs: Mapping[str, Input] | None = None,
        fallback: str | None = None,
        max_tokens: int = 48,
        max_chars: int = 240,
        max_piece: int = 100,
        deadline: float = 10.0,
        priority: int = 0,
        retry: float = 2.0,
        model: str = "",
    ) -> None:
        super().__init__(
            name, prompt=prompt, inputs=inputs, deadline=deadline, priority=priority, retry=retry, model=model
        )
        for what, value in (("max_tokens", max_tokens), ("max_chars", max_chars), ("max_piece", max_piece)):
            if not value >= 1:
                raise TreeError(f"{name!r}: {what} must be 1 or more, not {value!r}")
        self.fallback = fallback
        self.max_tokens = max_tokens
        self.max_chars = max_chars
        self.max_piece = max_piece
        self._line = ""
        self._said = ""

    def initialise(self) -> None:
        """Begin a new line."""
        self._line = self._said = ""
        self.asking.stop("asked anew")

    def update(self) -> Status:
        """Ask, then pass on what has come."""
        self.seen()
        if not self.asking.open:
            return self._begin()
        ticket = self.asking.ticket
        assert ticket is not None
        outcome = self.asking.poll()
        if isinstance(outcome, Decision):
            return self._speak_all(outcome)
        if outcome is not None:
            self.fell_back(outcome.reason, outcome.message)
            return self._without_answer()
        text = _clean(self.agent.text_of(ticket))
        if len(text) > self.max_chars:
            self._send(self._cut(text), done=True)
            self.asking.stop("the line is long enough")
            return Status.SUCCESS
        end = _piece_end(text, len(self._said), self.max_piece)
        if end > len(self._said):
            self._send(text[:end], done=False)
        return Status.RUNNING

    def terminate(self, new_status: Status) -> None:
        """Stop in the middle of the line if this leaf loses its branch."""
        if self.is_real_cancel(new_status):
            self.asking.stop("the branch was lost")
            self._end_line()

    def _begin(self) -> Status:
        if self.resting:
            return Status.FAILURE
        self._line = self.agent.new_line()
        try:
            prompt = self.rendered()
        except PromptError as error:
            self.agent.fault(self, error)
            self.fell_back("prompt_error", str(error))
            return self._without_answer()
        if prompt is None:
            return Status.FAILURE
        self.asking.start(prompt, max_tokens=self.max_tokens)
        return Status.RUNNING

    def _speak_all(self, decision: Decision) -> Status:
        text = self._cut(_clean(decision.answer).rstrip())
        if not text and not self._said:
            self.fell_back("empty", "the model said nothing", decision=decision)
            return self._without_answer()
        self._send(text, done=True)
        self.answered(decision, self._said)
        return Status.SUCCESS

    def _without_answer(self) -> Status:
        if self._said:
            self._end_line()
            return Status.SUCCESS
        if self.fallback is None:
            return self.fail_for_a_while()
        self._send(self._cut(_clean(self.fallback).rstrip()), done=True)
        return Status.SUCCESS

    def _cut(self, text: str) -> str:
        """Return what of a whole line may be spoken."""
        if len(text) <= self.max_chars:
            return text
        return text[: self.max_chars].rpartition(" ")[0] or text[: self.max_chars]

    def _send(self, text: str, *, done: bool) -> None:
        """Send what is new of `text`, all that is to be spoken so far."""
        # What has been said cannot be taken back; should the whole answer differ from its pieces, its rest follows.
        new = text[len(self._said) :]
        self._said += new
        self.agent.say(self._line, new, done=done)

    def _end_line(self) -> None:
        if self._said:
            self.agent.say(self._line, "", done=True)


def _clean(text: str) -> str:
    """Return text in one line without control characters: it goes to a game, and a model may have gone astray.

    A space at the end stays: it tells that a sentence has ended.
    """
    plain = "".join(" " if char.isspace() else char for char in text if char.isprintable() or char.isspace())
    words = " ".join(plain.split())
    return f"{words} " if words and plain[-1] == " " else words


def _piece_end(text: str, start: int, longest: int) -> int:
    """Return where the next piece of a line that still grows ends; `start` if none is complete yet."""
    ends = [found.end() for found in _SENTENCE_END.finditer(text, start)]
    if ends:
        return ends[-1]
    if len(text) - start <= longest:
        return start
    room = text[start : start + longest]
    pauses = [found.end() for found in _PAUSE.finditer(room)]
    # Without any pause or space it is no sentence of words; it goes out as it is.
    return start + (pauses[-1] if pauses else room.rfind(" ") + 1 or longest)

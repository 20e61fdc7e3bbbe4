"""The plain chat client: `{"message": "..."}` in, `{"response": "..."}` out, and no `hello`.

One answer at a time, in order. Everything that goes wrong is said in a response, because that is all that
such a client shows.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import deque
from collections.abc import Callable

from brains.errors import ProtocolError
from brains.messages import CLOSE_CODES, ChatMessage, ChatResponse, close_reason, decode, encode
from brains.prompts import clean
from brains.questions import Decision, Outcome, Question, RenderedPrompt
from brains.session.limits import SessionLimits

__all__ = ["ChatSession", "is_chat"]

SYSTEM = (
    "You are a friendly character in a game. Answer in one or two short sentences, in the language of the question."
)
VERSION = hashlib.sha256(SYSTEM.encode()).hexdigest()
MAX_TOKENS = 128
TIMEOUT = 60.0
"""Seconds that somebody waits for a line of chat."""


def is_chat(frame: str | bytes) -> bool:
    """Tell whether a frame is from a plain chat client."""
    try:
        return isinstance(decode(frame), ChatMessage)
    except ProtocolError:
        return False


class ChatSession:
    """One chat client's side of the conversation; the counterpart of `GameSession`.

    The owner asks the model what `question` returns, once, and hands the outcome to `answer`.

    Args:
        limits: how long messages may be, and how many may wait.
        token_required: the server wants a token; a chat client has no way to give one, so it is sent away.
        new_id: makes the session's id.

    Attributes:
        id: names the session to the gateway.
        closing: (code, reason) with which the connection is to be closed, once `outgoing` is sent.
    """

    def __init__(
        self,
        *,
        limits: SessionLimits | None = None,
        token_required: bool = False,
        new_id: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self.id = new_id()
        self.closing: tuple[int, str] | None = None
        self._limits = limits or SessionLimits()
        self._waiting: deque[Question | str] = deque()
        self._asked = False
        self._bad = 0
        self._frames: list[str] = []
        if token_required:
            self._end("unauthorized", "this server wants a token, which only a hello can bring")

    def receive(self, frame: str | bytes) -> None:
        """Take one frame. Never raises."""
        if self.closing is not None:
            return
        try:
            message = decode(frame)
            if not isinstance(message, ChatMessage):
                raise ProtocolError("unknown_type", "this is a chat")
            self._bad = 0
            self._waiting.append(self._question(message.message))
        except ProtocolError as error:
            self._bad += 1
            self._waiting.append(f'(I only understand {{"message": "..."}}: {error.message[:200]})')
        if self._bad > self._limits.max_bad_frames or len(self._waiting) > self._limits.max_bad_frames:
            self._end("flooded", "too many messages at once")
        self._advance()

    def question(self) -> Question | None:
        """Return what is to be asked now; None while an answer is awaited, or when nothing waits."""
        if self._asked or self.closing is not None or not self._waiting:
            return None
        first = self._waiting[0]
        assert isinstance(first, Question)
        self._asked = True
        return first

    def answer(self, outcome: Outcome) -> None:
        """Take the outcome of the last `question`."""
        if self.closing is not None or not self._asked:
            return
        self._asked = False
        self._waiting.popleft()
        self._respond(_text_of(outcome))
        self._advance()

    def outgoing(self) -> list[str]:
        """Return the frames that are to be sent now, in order."""
        frames, self._frames = self._frames, []
        return frames

    @property
    def backlog(self) -> int:
        """How many frames wait to be sent."""
        return len(self._frames)

    def close(self, reason: str = "", code: int = 1000) -> None:
        """Forget what waits. Any number of times; the first one sets `closing`."""
        if self.closing is None:
            self.closing = code, reason
        self._waiting.clear()

    def _question(self, text: str) -> Question | str:
        """Return what to ask the model, or what to respond instead."""
        if len(text) > self._limits.chat_chars:
            return f"(Your message has {len(text)} characters; {self._limits.chat_chars} are allowed.)"
        if sum(isinstance(one, Question) for one in self._waiting) >= self._limits.chat_waiting:
            return "(Too many messages are waiting; say it again after the next answer.)"
        line = " ".join(clean(text, self._limits.chat_chars).split())
        if not line:
            return "(Say something.)"
        return Question(
            session=self.id,
            agent="chat",
            leaf="chat",
            prompt=RenderedPrompt(name="chat", version=VERSION, system=SYSTEM, user=line),
            max_tokens=MAX_TOKENS,
            timeout=TIMEOUT,
            patient=True,
        )

    def _advance(self) -> None:
        """Respond to everything before the next question."""
        while self._waiting and isinstance(self._waiting[0], str):
            self._respond(self._waiting.popleft())

    def _respond(self, text: str | Question) -> None:
        assert isinstance(text, str)
        self._frames.append(encode(ChatResponse(response=text)))

    def _end(self, code: str, message: str) -> None:
        self.close(close_reason(code, message), CLOSE_CODES[code])


def _text_of(outcome: Outcome) -> str:
    if isinstance(outcome, Decision):
        return outcome.answer.strip() or "(The model said nothing.)"
    return f"(No answer: {outcome.message or outcome.reason})"

"""Frames on their way to the client, none longer than it can take.

A game states its limit in `hello`; Godot closes the connection with 1009 when a frame is longer, and a
browser drops it. What can be divided is sent in pieces; actions that do not fit are kept back by
`brains.session.orders`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, TypeVar

from brains.messages import AgentsAck, ErrorMessage, Rejection, Say, ServerMessage, Wake, Welcome, encode

__all__ = ["Outbox", "size_of"]

log = logging.getLogger("brains.session")

T = TypeVar("T")

LONGEST_TEXT = 1000
"""Characters of an error's text; the rest is in the log."""


def size_of(frame: str) -> int:
    """Return the length of a frame in bytes, which is what limits count."""
    return len(frame) if frame.isascii() else len(frame.encode())


class Outbox:
    """Takes messages, gives frames in the same order.

    Attributes:
        max_bytes: longest frame that the client takes; Godot's default until it has said its own.
    """

    def __init__(self) -> None:
        self.max_bytes = 65_535
        self._frames: list[str] = []

    def __len__(self) -> int:
        return len(self._frames)

    def take(self) -> list[str]:
        """Return the frames that are to be sent now."""
        frames, self._frames = self._frames, []
        return frames

    def put_back(self, frames: list[str]) -> None:
        """Queue frames that were taken, except those that are too long for the client by now."""
        self._frames += [frame for frame in frames if size_of(frame) <= self.max_bytes]

    def put(self, message: ServerMessage) -> None:
        """Queue a message, in pieces if it is too long for the client."""
        if not self.put_if_fits(message):
            for piece in _divide(message):
                self.put(piece)

    def put_if_fits(self, message: ServerMessage) -> bool:
        """Queue a message and return True, or return False because it is too long for the client."""
        frame = encode(message)
        if size_of(frame) > self.max_bytes:
            return False
        self._frames.append(frame)
        return True

    def error(
        self,
        code: str,
        message: str,
        ref: dict[str, Any] | None = None,
        *,
        hint: str = "",
        fatal: bool = False,
    ) -> None:
        """Queue an `error`; `ref` says what it is about."""
        text = _cut(message, LONGEST_TEXT)
        self.put(ErrorMessage(code=code, message=text, hint=_cut(hint, LONGEST_TEXT), fatal=fatal, ref=ref or {}))


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: max(0, length - 3)] + "..."


def _divide(message: ServerMessage) -> list[ServerMessage]:
    """Return a message that is too long as shorter ones, or cut short where nothing can be divided."""
    match message:
        case Say(text=text) if len(text) > 1:
            middle = _middle(text)
            return [
                Say(agent=message.agent, id=message.id, text=text[:middle], done=False),
                Say(agent=message.agent, id=message.id, text=text[middle:], done=message.done),
            ]
        case Wake(agents=agents) if len(agents) > 1:
            return [Wake(agents=half) for half in _halves(agents)]
        case AgentsAck(ok=[_, *_] as ok, rejected=[_, *_] as rejected):
            return [_ack(message, ok=ok), _ack(message, rejected=rejected)]
        case AgentsAck(ok=[_, _, *_] as ok):
            return [_ack(message, ok=half) for half in _halves(ok)]
        case AgentsAck(rejected=[_, _, *_] as rejected):
            return [_ack(message, rejected=half) for half in _halves(rejected)]
        case AgentsAck(rejected=[one]):
            short = Rejection(id=one.id, code=one.code, message=_cut(one.message, len(one.message) // 2))
            return [_ack(message, rejected=[short])]
        case Welcome(brains=brains) if brains:
            message.brains = brains[: len(brains) // 2]
            return [message]
        case ErrorMessage(message=text):
            return [ErrorMessage(code=message.code, message=_cut(text, len(text) // 2), fatal=message.fatal)]
        case _:
            log.error("a %s message is too long for the client and was dropped", type(message).__name__)
            return []


def _ack(message: AgentsAck, ok: Sequence[str] = (), rejected: Sequence[Rejection] = ()) -> AgentsAck:
    return AgentsAck(epoch=message.epoch, ok=list(ok), rejected=list(rejected))


def _halves(items: list[T]) -> tuple[list[T], list[T]]:
    return items[: len(items) // 2], items[len(items) // 2 :]


def _middle(text: str) -> int:
    """Return where to divide a line: at a space close to its middle, if there is one."""
    half = len(text) // 2
    space = text.find(" ", half, half + 40)
    return half if space < 0 else space + 1

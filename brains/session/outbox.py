"""Frames on their way to the client, none longer than it can take.

A game states its limit in `hello`; Godot closes the connection with 1009 when a frame is longer, and a browser drops it.
What can be divided is sent in pieces; actions that do not fit are kept back by `brains.session.orders`.
"""

from __future__ import annotations

from brains.messages import AgentsAck, ErrorMessage, Rejection, Say, ServerMessage, Wake, Welcome, encode

__all__ = ["Outbox", "size_of"]

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

    def error(self, code: str, message: str, *, hint: str = "", fatal: bool = False, **ref: object) -> None:
        """Queue an `error`; `ref` says what it is about."""
        text = _cut(message, LONGEST_TEXT)
        self.put(ErrorMessage(code=code, message=text, hint=_cut(hint, LONGEST_TEXT), fatal=fatal, ref=ref))


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."


def _divide(message: ServerMessage) -> list[ServerMessage]:
    """Return a message that is too long as shorter ones, or cut short where nothing can be divided."""
    match message:
        case Say(text=text) if len(text) > 1:
            half = _middle(text)
            first = Say(agent=message.agent, id=message.id, text=text[:half], done=False)
            return [first, Say(agent=message.agent, id=message.id, text=text[half:], done=message.done)]
        case Wake(agents=agents) if len(agents) > 1:
            half = len(agents) // 2
            return [Wake(agents=agents[:half]), Wake(agents=agents[half:])]
        case AgentsAck(ok=ok, rejected=rejected) if len(ok) + len(rejected) > 1:
            return [
                AgentsAck(epoch=message.epoch, ok=ok[: len(ok) // 2], rejected=rejected[: len(rejected) // 2]),
                AgentsAck(epoch=message.epoch, ok=ok[len(ok) // 2 :], rejected=rejected[len(rejected) // 2 :]),
            ]
        case AgentsAck(rejected=[one]):
            short = Rejection(id=one.id, code=one.code, message=_cut(one.message, len(one.message) // 2 + 3))
            return [AgentsAck(epoch=message.epoch, ok=[], rejected=[short])]
        case Welcome(brains=brains) if brains:
            message.brains = brains[: len(brains) // 2]
            return [message]
        case ErrorMessage(message=text):
            half = _cut(text, max(20, len(text) // 2))
            return [ErrorMessage(code=message.code, message=half, fatal=message.fatal)]
        case _:
            raise AssertionError(f"{type(message).__name__} cannot be that long")


def _middle(text: str) -> int:
    """Return where to divide a line: at a space close to its middle, if there is one."""
    half = len(text) // 2
    space = text.find(" ", half, half + 40)
    return half if space < 0 else space + 1

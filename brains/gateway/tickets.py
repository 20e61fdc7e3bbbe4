"""The receipt that an asker holds: the answer when it is there, the text as it grows, a way to give up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from brains.questions import Outcome, Question

from .queue import Entry

__all__ = ["GatewayTicket", "Listener", "tell"]

logger = logging.getLogger("brains.gateway")


class GatewayTicket(Entry):
    """A `Ticket`. Made by `Gateway.ask`; for the event loop's thread only."""

    __slots__ = ("_done", "_give_up", "_listeners", "_outcome", "_text", "kept")

    def __init__(
        self, question: Question, *, number: int, asked: float, give_up: Callable[[GatewayTicket, bool], None]
    ) -> None:
        super().__init__(question, number=number, asked=asked)
        self._give_up: Callable[[GatewayTicket, bool], None] | None = give_up
        self._outcome: Outcome | None = None
        self._text = ""
        self._done: asyncio.Event | None = None
        self._listeners: list[Listener] = []
        self.kept = False
        """A former answer does for it."""

    def __repr__(self) -> str:
        state = "open" if self._outcome is None else getattr(self._outcome, "reason", "answered")
        return f"<GatewayTicket {self.number} {'/'.join(self.question.key)!r} {state}>"

    @property
    def outcome(self) -> Outcome | None:
        """The answer, or why there is none; None while it is on its way. Once set it never changes."""
        return self._outcome

    @property
    def text(self) -> str:
        """What has come so far of a free-text answer; grows until there is an outcome."""
        return self._text

    def cancel(self, *, late: bool = False) -> None:
        """Give up: the outcome is `cancelled` at once, and the model stops if nobody else waits for it.

        `late`: the deadline has passed. See `Ticket.cancel`.
        """
        if self._give_up is not None:
            self._give_up(self, late)

    async def wait(self) -> Outcome:
        """Wait for the outcome. Being cancelled here does not cancel the question."""
        if self._outcome is None:
            if self._done is None:
                self._done = asyncio.Event()
            await self._done.wait()
        assert self._outcome is not None
        return self._outcome

    def add_listener(self, listener: Listener) -> None:
        """Call `listener(ticket)` on the loop whenever the text has grown, and when the outcome has come.

        Never from inside `ask` or `cancel`. There is no call for what came before.
        """
        self._listeners.append(listener)

    # For the gateway

    def settle(self, outcome: Outcome) -> None:
        """Set the outcome, once."""
        assert self._outcome is None, f"{self!r} has an outcome already"
        self._outcome = outcome
        self._give_up = None
        if self._done is not None:
            self._done.set()

    def grow(self, text: str) -> None:
        """Set what has come so far."""
        self._text = text

    def notify(self) -> None:
        """Call the listeners."""
        for listener in tuple(self._listeners):
            tell(listener, self)
        if self._outcome is not None:
            self._listeners.clear()


Listener = Callable[[GatewayTicket], None]


def tell(listener: Listener, ticket: GatewayTicket) -> None:
    """Call a listener; whatever is wrong with it must not hurt the gateway."""
    try:
        listener(ticket)
    except Exception:
        logger.exception("A listener failed on %r", ticket)

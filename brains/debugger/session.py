"""One front end's conversation: its requests, what it attached, its lease."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from brains.debugger.arguments import parse
from brains.debugger.messages import DebugError, Request, answer, event, failure

if TYPE_CHECKING:
    from brains.debugger.debugger import Debugger
    from brains.debugger.host import Place

__all__ = ["LEASE_S", "DebugSession"]

log = logging.getLogger("brains.debugger")

LEASE_S = 5.0
"""Seconds of silence after which a debugger counts as vanished, and its agents go on."""


class DebugSession:
    """One front end. Made by `Debugger.connect`.

    Attributes:
        name: who it is, for others.
        selected: the agent that requests mean that name none.
        closed: it is over.
        hears_all: it is told of all agents that come, go, stand or go on.
        number: id of the request at hand.
    """

    def __init__(
        self, debugger: Debugger, name: str, notify: Callable[[], None] | None, lease: float | None, now: float
    ) -> None:
        self.name = name
        self.selected: Place | None = None
        self.closed = False
        self.number = 0
        self.hears_all = False
        self._debugger = debugger
        self._notify = notify
        self._lease = lease
        self._heard = now
        self._out: list[dict[str, Any]] = []

    def receive(self, request: str | bytes | dict[str, Any]) -> None:
        """Take one request, JSON or what it decodes to. Never raises: what is wrong is answered."""
        number = 0
        with self._failures(lambda: number):
            if not isinstance(request, dict):
                request = msgspec.json.decode(request)
            if isinstance(request, dict) and isinstance(request.get("id"), int):
                number = request["id"]
            try:
                wanted = msgspec.convert(request, Request)
            except msgspec.ValidationError as error:
                raise DebugError("bad_request", str(error), 'say {"id": 1, "command": "agents"}') from error
            body = self._debugger.run(self, number, wanted.command, parse(wanted.command, wanted.arguments))
            if body is not None:
                self.put(answer(number, body))

    def settle(self, number: int, result: Callable[[], Any]) -> None:
        """Answer a request that took a while; `result` returns the body, or raises why there is none."""
        with self._failures(lambda: number):
            self.put(answer(number, result()))

    @contextlib.contextmanager
    def _failures(self, number: Callable[[], int]) -> Iterator[None]:
        """Answer with what goes wrong in the block."""
        try:
            yield
        except DebugError as error:
            self.put(failure(number(), error))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.put(failure(number(), DebugError("bad_request", f"this is no JSON: {error}")))
        except Exception as error:
            log.exception("the debugger failed on a request")
            text = f"{type(error).__name__}: {error}"
            self.put(failure(number(), DebugError("internal", text, "see the server's log")))

    def put(self, message: dict[str, Any]) -> None:
        """Queue an answer or an event."""
        if self.closed:
            return
        self._out.append(message)
        if self._notify is not None:
            self._notify()

    def tell(self, name: str, body: object) -> None:
        """Queue an event."""
        self.put(event(name, body))

    def outgoing(self) -> list[dict[str, Any]]:
        """Return what is to be sent now, in order."""
        out, self._out = self._out, []
        return out

    def heard(self, now: float) -> None:
        """Note that the front end is there: something came from it."""
        self._heard = now

    def beat(self, now: float) -> bool:
        """Tell whether it is still there at `now`; one that was silent for too long is closed."""
        if not self.closed and self._lease is not None and now - self._heard > self._lease:
            self.close()
        return not self.closed

    def close(self, hold: bool = False) -> None:
        """End it: its agents go on (unless `hold`), its breakpoints go. Any number of times."""
        if self.closed:
            return
        self._debugger.disconnect(self, hold=hold)
        self.closed = True

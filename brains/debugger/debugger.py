"""The debugger of one process: who is connected, which agent is whose, and what each request does."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from brains.debugger import arguments as args
from brains.debugger.arguments import COMMANDS, Arguments
from brains.debugger.host import Host
from brains.debugger.messages import PROTOCOL_VERSION, DebugError
from brains.debugger.session import LEASE_S, DebugSession

__all__ = ["Debugger"]


class Debugger:
    """Debugs the agents of one host.

    Args:
        host: the program.
        server: its name and version, for people.
        now: tells the time in seconds, for leases and for how long an agent has been held.
    """

    def __init__(self, host: Host, *, server: str = "brains", now: Callable[[], float] = time.monotonic) -> None:
        self.host = host
        self.server = server
        self.now = now
        self._sessions: list[DebugSession] = []

    def connect(
        self, name: str, notify: Callable[[], None] | None = None, *, lease: float | None = LEASE_S
    ) -> DebugSession:
        """Begin a conversation.

        Args:
            name: who connects, until `hello` says it better.
            notify: is called when there is something in `outgoing`.
            lease: seconds of silence after which it counts as vanished; None: never (a front end in this process).
        """
        session = DebugSession(self, name, notify, lease, self.now())
        self._sessions.append(session)
        return session

    def disconnect(self, session: DebugSession, *, hold: bool = False) -> None:
        """End a conversation: its agents go on, unless `hold`; its breakpoints go."""
        self._sessions.remove(session)

    def run(self, session: DebugSession, number: int, command: str, given: Arguments) -> Any:
        """Do what a request says and return the answer's body; None: it comes later, through `session.put`.

        Raises:
            DebugError: it cannot be done.
        """
        if isinstance(given, args.Hello):
            return self._hello(session, given)
        if isinstance(given, args.Beat):
            session.heard(self.now())
            return {}
        raise DebugError("unsupported", f"{command} is not possible here")

    def _hello(self, session: DebugSession, given: args.Hello) -> dict[str, Any]:
        if given.version != PROTOCOL_VERSION:
            raise DebugError(
                "version",
                f"this is version {PROTOCOL_VERSION} of the debugger, not {given.version}",
                "use the `brains debug` of the same installation as the server",
            )
        session.name = given.name or session.name
        session.greeted = True
        session.hears_all = given.events
        return {
            "version": PROTOCOL_VERSION,
            "server": self.server,
            "pid": os.getpid(),
            "kind": self.host.kind,
            "commands": list(COMMANDS),
            "models": self.host.models(),
        }

"""A server, as its debugger sees it: the agents of all games, and the messages that tell a game who stands still."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

from brains.agent import Agent
from brains.debugger import DebugError
from brains.debugger.host import Debuggable, Past, Place
from brains.prompts import PromptLibrary
from brains.questions import Ticket
from brains.server.connection import ModelGateway
from brains.server.server import Server
from brains.session import GameSession
from brains.snapshot import AgentSnapshot, TickReport

__all__ = ["ServerHost"]


class ServerHost:
    """Makes a running server a `Host`.

    ::

        debugger = Debugger(ServerHost(server, gateway, prompts=prompts))
        server.gate = debugger

    Args:
        server: the server.
        gateway: answers reruns.
        prompts: the templates.
        name: for people.
        models: the names by which models can be asked.
        reload: reads templates that have changed, and returns their names.
        record: begins or ends to record, and returns the file.
        past: what has been recorded, for `replay` and `fork`; may be set later.
    """

    kind: Literal["live"] = "live"

    def __init__(
        self,
        server: Server,
        gateway: ModelGateway,
        *,
        prompts: PromptLibrary | None = None,
        name: str = "brains",
        models: Callable[[], list[str]] = list,
        reload: Callable[[], list[str]] = list,
        record: Callable[[bool, str], str | None] | None = None,
        past: Past | None = None,
    ) -> None:
        self.name = name
        self.prompts = prompts
        self.asker = gateway
        self.past = past
        self._server = server
        self._gateway = gateway
        self._models = models
        self._reload = reload
        self._record = record

    def agents(self) -> Iterable[Debuggable]:
        """Return the agents of all games."""
        for session in self._server.sessions:
            yield from (agent for agent in session.agents if isinstance(agent, Agent))

    def is_away(self, agent: Place) -> bool:
        """Tell whether the agent's game has lost its connection, and has not come back yet."""
        session = self._session(agent)
        return session is not None and session.is_away

    def models(self) -> list[str]:
        """Return the names by which models can be asked."""
        return self._models()

    def subscribe(self, listener: Callable[[Ticket], None]) -> Callable[[], None]:
        """Call `listener` with each ticket that there is news of."""
        return self._gateway.subscribe(listener)

    def reload(self) -> list[str]:
        """Read templates that have changed."""
        return self._reload()

    def record(self, on: bool, file: str) -> str | None:
        """Begin or end to record.

        Raises:
            DebugError: this server cannot, or not now.
        """
        if self._record is None:
            raise DebugError("unsupported", "this server cannot record now", "start it with --record FILE")
        return self._record(on, file)

    def held(self, agent: Place, reason: str) -> None:
        """Tell the game that an agent stands still."""
        session = self._session(agent)
        if session is not None:
            session.hold(agent[1], reason)
            self._server.stir(session)

    def released(self, agent: Place) -> None:
        """Tell the game that it goes on."""
        session = self._session(agent)
        if session is not None:
            session.release(agent[1])
            self._server.stir(session)

    def deliver(self, agent: Place, report: TickReport) -> None:
        """Have the game get what a tick brought: with the next `actions`."""
        session = self._session(agent)
        if session is not None:
            session.deliver(agent[1], report)
            self._server.stir(session)

    def next_turn(self, agent: Place) -> AgentSnapshot | None:
        """Return nothing: the game says when."""
        return None

    def go_to(self, agent: Place, tick: int) -> Any:
        """Refuse: what has happened in a game has happened.

        Raises:
            DebugError: always.
        """
        raise DebugError("unsupported", "a live agent cannot go back", "`fork` makes a shadow of it as it was")

    def _session(self, agent: Place) -> GameSession | None:
        return next((session for session in self._server.sessions if session.id == agent[0]), None)

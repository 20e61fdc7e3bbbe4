"""What tests of the debugger need: a front end, and games of real agents in a session that it debugs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec
from py_trees.behaviour import Behaviour

from brains.agent import Agent
from brains.debugger import Debugger
from brains.debugger.local import TreeHost
from brains.debugger.session import DebugSession
from brains.library import Brain, BrainLibrary
from brains.prompts import PromptLibrary
from brains.questions import Question, Ticket
from brains.server.debugging import ServerHost
from brains.session import GameSession
from brains.testing import FakeTicket, ManualClock, ScriptedAsker

Json = dict[str, Any]


class Refused(Exception):
    """A request was refused."""

    def __init__(self, error: Json) -> None:
        super().__init__(f"{error['kind']}: {error['message']} ({error.get('hint', '')})")
        self.kind: str = error["kind"]
        self.message: str = error["message"]
        self.hint: str = error.get("hint", "")


class Front:
    """A front end: asks, and keeps the events that come."""

    def __init__(self, session: DebugSession) -> None:
        self.session = session
        self.debugger: Debugger = session._debugger
        self.events: list[Json] = []
        self._answers: dict[int, Json] = {}
        self._number = 0

    def send(self, command: str, **arguments: Any) -> int:
        self._number += 1
        request = msgspec.json.encode({"id": self._number, "command": command, "arguments": arguments})
        self.session.receive(request)
        return self._number

    def read(self) -> None:
        for message in self.session.outgoing():
            # What a front end gets must be JSON.
            message = msgspec.json.decode(msgspec.json.encode(message))
            if "event" in message:
                self.events.append(message)
            else:
                self._answers[message["id"]] = message

    def answer(self, number: int) -> Json | None:
        """Return the answer to a request, None if it has not come.

        Raises:
            Refused: it was refused.
        """
        self.read()
        message = self._answers.get(number)
        if message is None:
            return None
        if not message["ok"]:
            raise Refused(message["error"])
        return cast(Json, message["body"])

    def ask(self, command: str, **arguments: Any) -> Json:
        """Ask, and return the body of the answer, which has to come at once, or when what takes long is done."""
        number = self.send(command, **arguments)
        while self.debugger.work():
            pass
        body = self.answer(number)
        assert body is not None, f"{command} was not answered"
        return body

    def stops(self) -> list[Json]:
        """Return the stops that it has heard of since the last call."""
        self.read()
        found = [event["body"] for event in self.events if event["event"] == "stopped"]
        self.events = [event for event in self.events if event["event"] != "stopped"]
        return found

    def stop(self) -> Json:
        """Return the only stop since the last call."""
        (stop,) = self.stops()
        return stop

    def heard(self, name: str) -> list[Json]:
        """Return the bodies of all events of a name."""
        self.read()
        return [event["body"] for event in self.events if event["event"] == name]


class Asker(ScriptedAsker):
    """A scripted gateway: it can be listened to, and closed for a session."""

    def __init__(self, answers: Any = None) -> None:
        super().__init__(answers)
        self._listeners: list[Callable[[Ticket], None]] = []

    def subscribe(self, listener: Callable[[Ticket], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def close_session(self, session: str) -> None:
        for ticket in self.tickets:
            if ticket.question.session == session:
                ticket.cancel()

    def answer(self, ticket: FakeTicket, answer: Any) -> None:
        """Answer a ticket, and tell the listeners."""
        ticket.answer(answer)
        for listener in list(self._listeners):
            listener(ticket)


class _Server:
    """As much of a server as its host looks at."""

    def __init__(self) -> None:
        self.sessions: list[GameSession] = []
        self.stirred = 0

    def stir(self, session: GameSession) -> None:
        self.stirred += 1


class Stage:
    """A game of agents, each with the tree of its brain, in a session that a debugger is the gate of."""

    def __init__(
        self,
        brains: dict[str, Callable[[], Behaviour]],
        *,
        answers: Any = None,
        prompts: PromptLibrary | None = None,
        actions: tuple[str, ...] = (),
        observer: Callable[[Any], None] | None = None,
        wait: tuple[str, ...] = (),
        models: tuple[str, ...] = (),
    ) -> None:
        self.clock = ManualClock()
        self.asker = Asker(answers)
        self.prompts = prompts or PromptLibrary()
        self.actions = actions
        server = _Server()
        self.host = ServerHost(
            cast(Any, server), cast(Any, self.asker), prompts=self.prompts, models=lambda: list(models)
        )
        self.debugger = Debugger(self.host, now=self.clock.now)
        if wait:
            self.debugger.set_up([{"where": where} for where in wait], wait=True)
        library = BrainLibrary(brains={name: _brain(name, factory) for name, factory in brains.items()})

        def make(id: str, brain: Brain, /, *, declared: frozenset[str], session: str, number: Any) -> Agent:
            return Agent(id, brain, prompts=self.prompts, asker=self.asker, declared=declared, session=session,
                         number=number)  # fmt: skip

        self.session = GameSession(
            library, make, gate=self.debugger, observer=observer, new_id=lambda: "game", now=lambda: 0.0
        )
        server.sessions.append(self.session)
        self.seq = 0
        self.send("hello", protocol=1)
        self.frames()

    def send(self, kind: str, **fields: Any) -> None:
        self.session.receive(msgspec.json.encode({"type": kind, **fields}).decode())

    def frames(self) -> list[Json]:
        """Return the frames that the game gets now."""
        return [msgspec.json.decode(frame) for frame in self.session.outgoing()]

    def add(self, *ids: str, brain: str = "") -> list[Json]:
        """Register agents; the brain is the id's part before `_`."""
        actions = [{"name": name} for name in self.actions]
        entries = [{"id": one, "brain": brain or one.partition("_")[0], "actions": actions} for one in ids]
        self.send("agents", epoch=0, add=entries, remove=[])
        return self.frames()

    def remove(self, *ids: str) -> list[Json]:
        self.send("agents", epoch=0, add=[], remove=list(ids))
        return self.frames()

    def tick(self, *, seconds: float = 0.1, results: Any = (), events: Any = (), **parts: Json) -> Json:
        """Send a snapshot of the agents that are named, tick, and return the `actions` that answer it."""
        (frames,) = [[frame for frame in self.round(seconds=seconds, results=results, events=events, **parts)
                      if frame["type"] == "actions"]]  # fmt: skip
        return frames[-1]

    def round(self, *, seconds: float = 0.1, results: Any = (), events: Any = (), **parts: Json) -> list[Json]:
        """Send a snapshot, tick, and return all frames that the game gets."""
        self.seq += 1
        agents = {id: {"me": me} for id, me in parts.items()} or {
            agent.id: {"me": {}} for agent in cast(Any, self.session.agents)
        }
        self.send(
            "snapshot", seq=self.seq, epoch=0, frame=self.seq, time_ms=self.seq * seconds * 1000, world={},
            agents=agents, events=list(events), results=list(results),
        )  # fmt: skip
        self.session.tick()
        return self.frames()

    def agent(self, id: str) -> Agent:
        """Return an agent."""
        agents: list[Agent] = cast(Any, self.session.agents)
        return next(agent for agent in agents if agent.id == id)

    def front(self, agent: str = "", name: str = "tester", **hello: Any) -> Front:
        """Connect a front end; it attaches the agent, if one is named."""
        front = Front(self.debugger.connect(name))
        front.ask("hello", version=1, name=name, **hello)
        if agent:
            front.ask("attach", agent=agent)
        return front


def _brain(name: str, factory: Callable[[], Behaviour]) -> Brain:
    code = cast(Any, factory).__code__
    return Brain(name=name, factory=factory, file=code.co_filename, line=code.co_firstlineno)


def tree_front(factory: Callable[[], Any], **options: Any) -> tuple[Front, Debugger, TreeHost]:
    """Debug a tree without a game."""
    host = TreeHost(factory, **options)
    debugger = Debugger(host)
    front = Front(debugger.connect("tester", lease=None))
    front.ask("hello", version=1, name="tester")
    return front, debugger, host


__all__ = ["Asker", "Front", "Question", "Refused", "Stage", "tree_front"]

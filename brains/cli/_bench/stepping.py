"""What the debugger costs: the other agents while one stands, and the one that is stepped itself."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal

import msgspec
import py_trees
from py_trees.behaviour import Behaviour
from py_trees.common import Status

from brains.agent import Agent
from brains.debugger import Debugger
from brains.debugger.host import Debuggable, Past, Place
from brains.debugger.local import NoModel
from brains.library import Brain, BrainLibrary
from brains.nodes import Condition, ReactiveSelector, ReactiveSequence, Wait
from brains.prompts import PromptLibrary
from brains.questions import Asker
from brains.session import GameSession
from brains.snapshot import AgentSnapshot, TickReport
from brains.ticking import Instrument

__all__ = ["AGENTS", "BRAIN", "NODES", "Game", "debugger_costs"]

AGENTS = 50
NODES = 31


def _tree() -> Behaviour:
    """Make a tree of 31 nodes, of which most run in every tick, as an agent of a game has."""
    branches: list[Behaviour] = [
        ReactiveSequence(
            f"Branch {number}",
            [
                Condition(f"Is there {number}?", lambda agent: agent.me["n"] >= 0),
                _Ends(f"Refuse {number}", Status.FAILURE),
            ],
        )
        for number in range(9)
    ]
    return ReactiveSelector("Root", [*branches, ReactiveSequence("Last", [Wait("Wait", 1e9)]), _Ends("Idle")])


class _Ends(py_trees.behaviour.Behaviour):
    """Comes to the same result in every tick."""

    def __init__(self, name: str, status: Status = Status.RUNNING) -> None:
        super().__init__(name)
        self._end = status

    def update(self) -> Status:
        """Return it."""
        return self._end


BRAIN = Brain(name="bench", factory=_tree)


class _Host:
    """The agents of one session, for a debugger."""

    kind: Literal["live"] = "live"
    name = "bench"
    prompts: PromptLibrary | None = None
    asker: Asker | None = None
    past: Past | None = None

    def __init__(self) -> None:
        self.session: GameSession | None = None

    def agents(self) -> Iterable[Debuggable]:
        return [] if self.session is None else [one for one in self.session.agents if isinstance(one, Agent)]

    def is_away(self, agent: Place) -> bool:
        return False

    def models(self) -> list[str]:
        return []

    def subscribe(self, listener: Callable[[Any], None]) -> Callable[[], None]:
        return lambda: None

    def reload(self) -> list[str]:
        return []

    def record(self, on: bool, file: str) -> str | None:
        return None

    def held(self, agent: Place, reason: str) -> None:
        assert self.session is not None
        self.session.hold(agent[1], reason)

    def released(self, agent: Place) -> None:
        assert self.session is not None
        self.session.release(agent[1])

    def deliver(self, agent: Place, report: TickReport) -> None:
        assert self.session is not None
        self.session.deliver(agent[1], report)

    def next_turn(self, agent: Place) -> AgentSnapshot | None:
        return None

    def go_to(self, agent: Place, tick: int) -> Any:
        return None


class Game:
    """A session of agents that is ticked on demand."""

    def __init__(self, agents: int, *, debugger: bool) -> None:
        self.host = _Host()
        self.debugger = Debugger(self.host)
        factory = partial(Agent, prompts=PromptLibrary(), asker=NoModel())
        gate = self.debugger if debugger else None
        self.session = self.host.session = GameSession(BrainLibrary(brains={"bench": BRAIN}), factory, gate=gate)
        self._names = [f"agent_{number}" for number in range(agents)]
        self._seq = 0
        self._send(type="hello", protocol=1)
        entries = [{"id": name, "brain": "bench", "actions": []} for name in self._names]
        self._send(type="agents", epoch=0, add=entries, remove=[])

    def _send(self, **message: Any) -> None:
        self.session.receive(msgspec.json.encode(message).decode())
        self.session.outgoing()

    def hold_first(self) -> None:
        front = self.debugger.connect("bench", lease=None)
        for command in ("attach", "pause"):
            front.receive({"id": 1, "command": command, "arguments": {"agent": self._names[0]}})
        self.tick()

    def tick(self) -> float:
        """Send a snapshot; return how long its tick took, in seconds."""
        self._seq += 1
        parts = {name: {"me": {"n": self._seq}} for name in self._names}
        self._send(type="snapshot", seq=self._seq, epoch=0, frame=0, time_ms=self._seq * 33.0, agents=parts)
        begin = time.perf_counter()
        self.session.tick()
        end = time.perf_counter()
        self.session.outgoing()
        return end - begin


def debugger_costs(seconds: float = 3.0) -> dict[str, Any]:
    """Measure by turns, so that whatever else the machine does hits all alike.

    Returns:
        Medians in microseconds and their ratios: `others_ratio` of ticks of the others while one agent stands against
        none standing, `idle_ratio` of a session that could be debugged against one that could not, `steps_ratio` of an
        instrumented tree against a plain one, `attached_ratio` of an agent that is attached and runs against one that
        is not.
    """
    others = _by_turns(seconds / 2, _sessions())
    trees = _by_turns(seconds / 2, _agents())
    found: dict[str, Any] = {f"{name}_us": round(us, 1) for name, us in {**others, **trees}.items()}
    return {
        "agents": AGENTS,
        "nodes": NODES,
        **found,
        "ratios": {
            "others_ratio": round(others["one_held"] / others["none_held"], 3),
            "idle_ratio": round(others["none_held"] / others["no_debugger"], 3),
            "steps_ratio": round(trees["instrumented"] / trees["plain"], 2),
            "attached_ratio": round(trees["attached"] / trees["alone"], 2),
        },
    }


def _sessions() -> dict[str, Callable[[], float]]:
    """Return ticks of sessions in which as many agents are ticked each, one of them with one more that stands."""
    held = Game(AGENTS + 1, debugger=True)
    held.hold_first()
    return {
        "no_debugger": Game(AGENTS, debugger=False).tick,
        "none_held": Game(AGENTS, debugger=True).tick,
        "one_held": held.tick,
    }


def _agents() -> dict[str, Callable[[], float]]:
    """Return ticks of one agent: plain, instrumented, and attached by a debugger that has nothing to stop it at."""
    game = Game(1, debugger=True)
    game.debugger.connect("bench", lease=None).receive(
        {"id": 1, "command": "attach", "arguments": {"agent": "agent_0"}}
    )
    return {
        "plain": _plain(_agent()),
        "instrumented": _instrumented(_agent()),
        "alone": Game(1, debugger=True).tick,
        "attached": game.tick,
    }


def _agent() -> Agent:
    return Agent("agent", BRAIN, prompts=PromptLibrary(), asker=NoModel(), declared=[])


def _plain(agent: Agent) -> Callable[[], float]:
    def tick() -> float:
        snapshot = AgentSnapshot(time=agent.tick_number / 30, me={"n": 1})
        begin = time.perf_counter()
        agent.tick(snapshot)
        return time.perf_counter() - begin

    return tick


def _instrumented(agent: Agent) -> Callable[[], float]:
    instrument = Instrument(agent.root)

    def tick() -> float:
        snapshot = AgentSnapshot(time=agent.tick_number / 30, me={"n": 1})
        begin = time.perf_counter()
        for _ in agent.steps(snapshot, instrument):
            pass
        return time.perf_counter() - begin

    return tick


def _by_turns(seconds: float, ways: dict[str, Callable[[], float]]) -> dict[str, float]:
    """Run all ways again and again, one after the other; return the median of each in microseconds."""
    for tick in ways.values():
        tick()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(taken[next(iter(ways))]) < 3:
        for name, tick in ways.items():
            taken[name].append(tick())
    return {name: statistics.median(times) * 1e6 for name, times in taken.items()}

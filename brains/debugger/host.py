"""What the debugger needs of the program that it is in: agents, prompts, the model."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from py_trees.behaviour import Behaviour

from brains.questions import Asker, Decision, Question
from brains.snapshot import AgentSnapshot, LeafReport, Order, TickReport, Witness
from brains.ticking import Instrument, Step

if TYPE_CHECKING:
    from brains.clock import AgentClock
    from brains.library import Brain
    from brains.nodes.llm import LLMNode
    from brains.prompts import PromptLibrary

__all__ = ["Debuggable", "Host", "HostKind", "Past", "Place"]

HostKind = Literal["live", "replay", "tree"]
Place = tuple[str, str]
"""An agent's address: (session, id)."""


class Debuggable(Protocol):
    """One agent as the debugger sees it; `brains.agent.Agent` is one, `brains.debugger.local.TreeAgent` another."""

    id: str
    brain: str
    recipe: Brain | None
    """What its tree was built by; None: it is not known."""
    root: Behaviour
    blackboard: MutableMapping[str, Any]
    me: Mapping[str, Any]
    world: Mapping[str, Any]
    clock: AgentClock
    tick_number: int
    orders: dict[str, Order]
    decisions: Mapping[str, LeafReport]
    """The last report of each LLM leaf, by path."""

    witness: Witness | None

    @property
    def session(self) -> str:
        """The game that it belongs to."""
        ...

    @property
    def snapshot(self) -> AgentSnapshot:
        """What the present tick, or the last one, is on."""
        ...

    @property
    def faults(self) -> Sequence[Any]:
        """The `Fault`s of the present tick so far."""
        ...

    @property
    def notes(self) -> Sequence[LeafReport]:
        """What LLM leaves have reported in the present tick so far."""
        ...

    @property
    def order(self) -> Order | None:
        """What the present tick has ordered so far."""
        ...

    def path_of(self, node: Behaviour) -> str:
        """Return the node's path."""
        ...

    def answer(self, leaf: LLMNode, question: Question, decision: Decision) -> None:
        """Have a leaf take an answer as the model's."""
        ...

    def finish(self) -> TickReport:
        """End a tick that was given up, and report."""
        ...

    def touched(self, kind: str, place: str, value: Any) -> None:
        """Note for a recording that something has been changed from outside."""
        ...

    def tick(self, snapshot: AgentSnapshot) -> TickReport:
        """Tick on a snapshot in one go."""
        ...

    def steps(self, snapshot: AgentSnapshot, instrument: Instrument) -> Generator[Step, None, TickReport]:
        """Tick on a snapshot, stopping before and after each node."""
        ...


class Past(Protocol):
    """A recording of an agent's inputs, by which it can be built again as it was."""

    def first_and_last(self, agent: Place) -> tuple[int, int]:
        """Return the first and the last tick that it can be brought to.

        Raises:
            DebugError: there is no recording of this agent.
        """
        ...

    def rebuild(self, agent: Place, tick: int) -> tuple[Debuggable, AgentSnapshot | None, list[str]]:
        """Return another agent, as this one was before `tick`; that tick's snapshot; and differences on the way."""
        ...


class Host(Protocol):
    """The program that is debugged.

    Attributes:
        kind: `live`: a game's snapshots drive the agents; `replay`, `tree`: the debugger asks for them (`next_turn`).
        name: for people.
        prompts: the templates; None: this host has none.
        asker: answers reruns; None: there is no model.
        past: for `replay` and `fork`; None: nothing is recorded.
    """

    kind: HostKind
    name: str
    prompts: PromptLibrary | None
    asker: Asker | None
    past: Past | None

    def agents(self) -> Iterable[Debuggable]:
        """Return all agents that can be debugged, in the order in which they came."""
        ...

    def models(self) -> list[str]:
        """Return the names by which models can be asked."""
        ...

    def subscribe(self, listener: Callable[[Any], None], /) -> Callable[[], None]:
        """Call `listener` with each ticket that there is news of; return what ends that."""
        ...

    def reload(self) -> list[str]:
        """Read templates that have changed; return their names."""
        ...

    def record(self, on: bool, file: str) -> str | None:
        """Begin or end to record; return the file.

        Raises:
            DebugError: it cannot.
        """
        ...

    def held(self, agent: Place, reason: str) -> None:
        """Tell the game that an agent stands still."""
        ...

    def released(self, agent: Place) -> None:
        """Tell the game that it goes on."""
        ...

    def deliver(self, agent: Place, report: TickReport) -> None:
        """Take what a tick brought that the debugger finished outside of the agent's turn."""
        ...

    def next_turn(self, agent: Place) -> AgentSnapshot | None:
        """Return what the agent is to be ticked on now; None: wait for the game. Its mail goes with it."""
        ...

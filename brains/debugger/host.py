"""What the debugger needs of the program that it is in: agents, prompts, the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, Protocol

from brains.agent import Agent
from brains.questions import Asker
from brains.snapshot import AgentSnapshot, TickReport

if TYPE_CHECKING:
    from brains.debugger.past import RecordedLife
    from brains.prompts import PromptLibrary

__all__ = ["Debuggable", "Host", "HostKind", "Past", "Place"]

HostKind = Literal["live", "replay", "tree"]
Debuggable = Agent
"""What can be debugged. Any tree of py_trees becomes one; see `brains.debugger.local.TreeHost`."""
Place = tuple[str, str]
"""An agent's address: (session, id)."""


class Past(Protocol):
    """A recording of agents' inputs, by which they can be built again as they were."""

    def life(self, agent: Place) -> RecordedLife:
        """Return what is recorded of an agent.

        Raises:
            DebugError: there is no recording of it.
        """
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

    @property
    def kind(self) -> HostKind:
        """What drives the agents."""
        ...

    @property
    def name(self) -> str:
        """For people."""
        ...

    @property
    def prompts(self) -> PromptLibrary | None:
        """The templates."""
        ...

    @property
    def asker(self) -> Asker | None:
        """Answers reruns."""
        ...

    @property
    def past(self) -> Past | None:
        """What has been recorded."""
        ...

    def agents(self) -> Iterable[Debuggable]:
        """Return all agents that can be debugged, in the order in which they came."""
        ...

    def is_away(self, agent: Place) -> bool:
        """Tell whether an agent is only kept for a game that has lost its connection."""
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

    def go_to(self, agent: Place, tick: int) -> Debuggable:
        """In a replay: return the agent as it was before `tick`, run again from its beginning.

        Raises:
            DebugError: it cannot be brought there.
        """
        ...

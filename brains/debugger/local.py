"""Hosts without a server: a recording that is run again, and any tree of py_trees that ticks on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

from py_trees.behaviour import Behaviour
from py_trees.blackboard import Blackboard

from brains.agent import Agent
from brains.debugger.host import Debuggable, Past, Place
from brains.debugger.messages import DebugError
from brains.debugger.past import RecordedPast
from brains.errors import ActionError, RecordingError, TreeError
from brains.library import Brain, BrainLibrary
from brains.nodes.context import AgentNode
from brains.nodes.given import GivenTicket
from brains.nodes.tree import actions_of
from brains.prompts import PromptLibrary
from brains.questions import Asker, NoAnswer, Question, Ticket
from brains.snapshot import AgentSnapshot, TickReport
from brains.trace import Recording, Replayer, Turn

__all__ = ["NoModel", "ReplayHost", "TreeHost"]


class NoModel:
    """Answers every question with why there is no answer."""

    def ask(self, question: Question) -> Ticket:
        """Return a ticket that is settled."""
        return GivenTicket(question, NoAnswer(reason="unavailable", message="there is no model here"))


class _Host:
    """What hosts without a game have in common."""

    past: Past | None = None

    def __init__(self, name: str, prompts: PromptLibrary | None, asker: Asker | None, models: Sequence[str]) -> None:
        self.name = name
        self.prompts = prompts
        self.asker = asker
        self._models = list(models)
        self.reload_prompts: Callable[[], list[str]] = list
        """Reads templates that have changed; whoever opens files sets it."""
        self.subscribe_to: Callable[[Callable[[Ticket], None]], Callable[[], None]] | None = None
        """Tells of news of tickets; whoever runs a gateway sets it."""

    def is_away(self, agent: Place) -> bool:
        """Tell that none is: there is no game."""
        return False

    def models(self) -> list[str]:
        """Return the names by which models can be asked."""
        return self._models

    def subscribe(self, listener: Callable[[Ticket], None]) -> Callable[[], None]:
        """Call `listener` with each ticket that there is news of."""
        return (lambda: None) if self.subscribe_to is None else self.subscribe_to(listener)

    def reload(self) -> list[str]:
        """Read templates that have changed."""
        return self.reload_prompts()

    def record(self, on: bool, file: str) -> str | None:
        """Refuse.

        Raises:
            DebugError: always.
        """
        raise DebugError("unsupported", "there is nothing to record here", "record a running server: --record FILE")

    def held(self, agent: Place, reason: str) -> None:
        """Do nothing: there is no game."""

    def released(self, agent: Place) -> None:
        """Do nothing: there is no game."""


class _Course:
    """The turns of one recorded agent, in order; whoever iterates ticks the agent, or it is ticked as recorded."""

    def __init__(
        self, recording: Recording, library: BrainLibrary, prompts: PromptLibrary | None, agent: Place
    ) -> None:
        session, id = agent
        life = recording.find(id, None, session)
        self.replayer = Replayer(recording, library, prompts, only={life.agent.n})
        self.turn: Turn | None = None
        self._turns = iter(self.replayer)

    def __iter__(self) -> Iterator[Turn]:
        return self._turns

    def next(self) -> Turn | None:
        """Go on to the next turn."""
        self.turn = next(self._turns, None)
        return self.turn


class ReplayHost(_Host):
    """The agents of a recording, each run again from its beginning, without a game and without a model.

    Args:
        recording: what to run again.
        library: the brains as they are now.
        prompts: where to take texts from that the recording has left out, and for reruns.
        asker: answers reruns and shadows; None: there is no model.
        models: the names by which models can be asked.

    Raises:
        RecordingError: an agent cannot be built as it was.
    """

    kind: Literal["replay"] = "replay"

    def __init__(
        self,
        recording: Recording,
        library: BrainLibrary,
        *,
        prompts: PromptLibrary | None = None,
        asker: Asker | None = None,
        models: Sequence[str] = (),
    ) -> None:
        super().__init__(recording.name, prompts, asker, models)
        self.past: Past = RecordedPast(lambda: recording, library, prompts, asker)
        self.differences: list[str] = []
        """What was different from the recording so far."""
        self._recording = recording
        self._library = library
        self._courses: dict[Place, _Course] = {}
        for life in recording.lives.values():
            place = (life.agent.session, life.id)
            if life.is_whole and life.ticks and place not in self._courses:
                self._courses[place] = self._begin(place)

    def agents(self) -> Iterable[Debuggable]:
        """Return the recording's agents that are whole."""
        return [course.turn.agent for course in self._courses.values() if course.turn is not None]

    def next_turn(self, agent: Place) -> AgentSnapshot | None:
        """Return what the agent is to be ticked on next."""
        course = self._courses[agent]
        if course.turn is not None and not course.turn.is_done:
            return course.turn.snapshot
        last = course.turn
        if course.next() is None:
            course.turn = last
            return None
        assert course.turn is not None
        return course.turn.snapshot

    def deliver(self, agent: Place, report: TickReport) -> None:
        """Compare what a tick brought with what it brought then."""
        turn = self._courses[agent].turn
        if turn is None or turn.is_done:
            return
        if turn.check(report) is not None:
            self.differences.append(str(turn.difference))

    def go_to(self, agent: Place, tick: int) -> Debuggable:
        """Return the agent as it was before `tick`, run again from its beginning.

        Raises:
            DebugError: it cannot be brought there.
        """
        try:
            course = self._begin(agent)
            while course.turn is not None and course.turn.number != tick:
                course.turn.run()
                course.next()
        except RecordingError as error:
            raise DebugError("unknown_tick", str(error)) from error
        if course.turn is None:
            found = course.replayer.differences
            why = str(found[0]) if found else course.replayer.stopped or "it ends before that"
            raise DebugError("unknown_tick", f"{agent[1]} cannot be brought to tick {tick}: {why}")
        self._courses[agent] = course
        return course.turn.agent

    def _begin(self, agent: Place) -> _Course:
        course = _Course(self._recording, self._library, self.prompts, agent)
        course.next()
        return course


class TreeHost(_Host):
    """One tree, ticked when the debugger says so: any function that returns the root of a py_trees tree.

    Nodes of ours get an agent that perceives nothing. In a tree of stock nodes only, the blackboard that is shown is
    py_trees' own.

    Args:
        factory: makes the root.
        name: of the agent.
        prompts: the templates.
        asker: answers the tree's questions; None: there is no model.
        models: the names by which models can be asked.
        seconds: time from one tick to the next, as the tree sees it.

    Raises:
        TreeError: the tree cannot be built or set up.
    """

    kind: Literal["tree"] = "tree"

    def __init__(
        self,
        factory: Callable[[], Any],
        name: str = "tree",
        *,
        prompts: PromptLibrary | None = None,
        asker: Asker | None = None,
        models: Sequence[str] = (),
        seconds: float = 0.1,
    ) -> None:
        super().__init__(name, prompts, asker, models)
        self.reports: list[TickReport] = []
        self._seconds = seconds
        self._number = 0
        code = getattr(factory, "__code__", None)
        brain = Brain(
            name=name,
            factory=lambda: _root(factory()),
            file=None if code is None else code.co_filename,
            line=None if code is None else code.co_firstlineno,
        )
        root = brain.build()
        is_ours = any(isinstance(node, AgentNode) for node in root.iterate())
        declared = list(actions_of(root))
        for node in root.iterate():
            for client in node.blackboards:
                client.unregister(clear=False)
        try:
            self.agent = Agent(
                name, brain, prompts=prompts or PromptLibrary(), asker=asker or NoModel(), declared=declared
            )
        except ActionError as error:
            raise TreeError(str(error)) from error
        if not is_ours:
            self.agent.blackboard = Blackboard.storage

    def agents(self) -> Iterable[Debuggable]:
        """Return the only one."""
        return [self.agent]

    def next_turn(self, agent: Place) -> AgentSnapshot | None:
        """Return an empty snapshot a little later than the last one."""
        self._number += 1
        return AgentSnapshot(seq=self._number, time=self._number * self._seconds)

    def deliver(self, agent: Place, report: TickReport) -> None:
        """Keep the last few reports."""
        self.reports = [*self.reports[-99:], report]

    def go_to(self, agent: Place, tick: int) -> Debuggable:
        """Refuse: nothing is recorded.

        Raises:
            DebugError: always.
        """
        raise DebugError("no_recording", "a tree without a recording cannot go back", "`history` shows its last ticks")


def _root(made: object) -> Behaviour:
    """Return the root of what a factory made: a root, or a `BehaviourTree` around one."""
    root = getattr(made, "root", made)
    if not isinstance(root, Behaviour):
        raise TreeError(f"the function must return the root of a tree, not {made!r}")
    return root

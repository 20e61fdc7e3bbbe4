"""One agent in a replay: built as it was, answered from the recording, its ticks put into events again."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Protocol

from brains.agent import Agent
from brains.errors import ActionError, RecordingError, TreeError
from brains.library import BrainLibrary
from brains.prompts import PromptLibrary
from brains.questions import Asker, Outcome, Question, Ticket
from brains.trace.events import PromptsEvent, TraceEvent, TreeEvent
from brains.trace.hand import Hand
from brains.trace.recording import Life
from brains.trace.tape import Tape, tree_event

__all__ = ["Origin", "ReplayAsker", "ReplayTape", "ReplayTicket", "Replayed", "shape_difference"]


class ReplayTicket:
    """A ticket whose outcome comes from the recording."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.outcome: Outcome | None = None
        self.text = ""

    def cancel(self, *, late: bool = False) -> None:
        """Nothing: what came of that is in the recording, too."""


class ReplayAsker:
    """Takes an agent's questions, which the recording answers.

    Attributes:
        tickets: what was given out so far, by the question's number.
        live: where set, it takes the questions from then on: the agent has left the recording behind.
    """

    def __init__(self) -> None:
        self.tickets: list[ReplayTicket] = []
        self.live: Asker | None = None

    def ask(self, question: Question) -> Ticket:
        """Take a question; its outcome shows when the recording says so."""
        if self.live is not None:
            return self.live.ask(question)
        ticket = ReplayTicket(question)
        self.tickets.append(ticket)
        return ticket


class ReplayTape(Tape):
    """Makes the record of replayed ticks, and keeps the tickets by their numbers."""

    def __init__(
        self, agent: Agent, n: int, emit: Callable[[TraceEvent], None], *, content: bool, tickets: Sequence[Ticket] = ()
    ) -> None:
        super().__init__(agent, n, emit, content=content, tickets=tickets)
        self.tickets: list[Ticket] = list(tickets)

    def asked(self, ticket: Ticket) -> None:
        """Keep a ticket."""
        super().asked(ticket)
        self.tickets.append(ticket)


class Origin(Protocol):
    """An agent as it was when its recording began, in the middle of its life."""

    def agent(
        self, *, prompts: PromptLibrary, asker: ReplayAsker, number: Callable[[], int]
    ) -> tuple[Agent, list[Ticket]]:
        """Return another agent that is as it was, and its open questions in the order in which they are numbered.

        Args:
            prompts: its templates.
            asker: takes what it asks from now on.
            number: returns what it draws.
        """
        ...


class Replayed:
    """One agent that is being replayed.

    Args:
        life: which of the recording's agents it is.
        library: the brains as they are now.
        prompts: its own, still empty.
        bring_prompts: puts the prompts with this number into them.
        content: whether texts are in the recording.
        origin: where it begins, if not with its life.

    Attributes:
        made: what its ticks brought, as events.
        prompts_event: what its prompts are now.
        is_over: it is not replayed any further.

    Raises:
        RecordingError: it cannot be built any more.
    """

    def __init__(
        self,
        life: Life,
        library: BrainLibrary,
        prompts: PromptLibrary,
        bring_prompts: Callable[[Replayed, int], None],
        *,
        content: bool,
        origin: Origin | None = None,
    ) -> None:
        self.life = life
        self.made: list[TraceEvent] = []
        self.prompts = prompts
        self.prompts_event: PromptsEvent | None = None
        self.asker = ReplayAsker()
        self._numbers: Iterator[int] = iter(())
        self._highest = 0
        self.is_over = False
        who = life.agent
        tickets: list[Ticket] = []
        if origin is not None:
            self.agent, tickets = origin.agent(prompts=prompts, asker=self.asker, number=self._number)
        else:
            self.agent = self._built(library)
        self.tape = ReplayTape(self.agent, who.n, self.made.append, content=content, tickets=tickets)
        self.agent.witness = self.tape
        self.tree = tree_event(self.agent)
        self.hand = Hand(self.agent, lambda n: bring_prompts(self, n))

    def _built(self, library: BrainLibrary) -> Agent:
        who = self.life.agent
        try:
            return Agent(
                who.id,
                library.get(who.brain),
                prompts=self.prompts,
                asker=self.asker,
                declared=who.declared,
                session=who.session,
                seed=who.seed,
                number=self._number,
            )
        except (TreeError, ActionError) as error:
            raise RecordingError(f"agent {who.id!r} cannot be built as it was: {error}") from error

    def _number(self) -> int:
        number = next(self._numbers, None)
        if number is None:
            number = self._highest + 1
        self._highest = max(self._highest, number)
        return number

    def give_numbers(self, numbers: Collection[int]) -> None:
        """Set what is drawn next; after them it is counted on."""
        self._numbers = iter(tuple(numbers))

    def path(self, place: int) -> str:
        """Return the path of a node by its place in the tree of now."""
        return self.tree.nodes[place].path


def shape_difference(recorded: TreeEvent, present: TreeEvent) -> str:
    """Say what is different between the shapes of two trees; empty if nothing is."""
    before = [f"{node.path} ({node.kind})" for node in recorded.nodes]
    after = [f"{node.path} ({node.kind})" for node in present.nodes]
    changes = [
        f"{'no more' if line[0] == '-' else 'new'}: {line[2:]}"
        for line in difflib.ndiff(before, after)
        if line[:1] in ("-", "+")
    ]
    shown = list(itertools.islice(changes, 5))
    more = f" and {len(changes) - len(shown)} more" if len(changes) > len(shown) else ""
    return "; ".join(shown) + more

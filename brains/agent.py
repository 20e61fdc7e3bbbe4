"""One agent: a tree, its memory and its clock, ticked on snapshots."""

from __future__ import annotations

import difflib
import itertools
import logging
import random
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec
from py_trees.behaviour import Behaviour
from py_trees.blackboard import Client
from py_trees.common import Status

from brains import ticking
from brains.actions import GameAction, check_action
from brains.clock import AgentClock
from brains.errors import ActionError, TreeError
from brains.library import Brain
from brains.nodes.given import GivenTicket
from brains.nodes.guarding import guard, is_guarded
from brains.nodes.llm import LLMNode
from brains.nodes.llm_selector import LLMSelector
from brains.nodes.logged import redirect_log
from brains.nodes.tree import actions_of, llm_leaves_of, paths_of
from brains.prompts.finding import escaped
from brains.questions import Asker, Decision, Outcome, Question, RenderedPrompt, Ticket
from brains.snapshot import AgentSnapshot, Event, Fault, LeafReport, Order, OrderResult, Source, TickReport, Witness

if TYPE_CHECKING:
    from brains.prompts import PromptLibrary

__all__ = ["STATE", "Agent"]

_log = logging.getLogger("brains.agent")
STATE = (
    "blackboard",
    "clock",
    "rng",
    "tick_number",
    "orders",
    "fallbacks",
    "decisions",
    "_tickets",
    "_given",
    "_adopted",
    "_results",
    "_faults_seen",
)
"""Attributes of an agent that its ticks change, and that the next tick depends on, beside those of its nodes."""
_FINAL = frozenset({"success", "failure", "rejected", "cancelled", "expired"})


class Agent:
    """One character's brain: `tick` it on a snapshot, send what the report says.

    Everything that a tick depends on enters at its start: the snapshot with its events and results, the model's answers
    that have come by then, the agent's time, and the random numbers. That is what makes a replay exact.

    Args:
        id: the agent's id in the game.
        brain: the factory of its tree.
        prompts: the templates that its leaves may use.
        asker: answers its questions; the gateway.
        declared: names of the actions that the game said this agent can carry out.
        session: which game it belongs to.
        seed: of its random numbers, together with its id.
        number: gives the numbers of orders; a game's agents share one, so that an agent that comes back under its old
            id does not give an old order's id again.

    Raises:
        TreeError: the tree cannot be built or set up.
        ActionError: the tree may choose an action that the game did not declare.
    """

    def __init__(
        self,
        id: str,
        brain: Brain,
        *,
        prompts: PromptLibrary,
        asker: Asker,
        declared: Collection[str],
        session: str = "",
        seed: int | str = 0,
        number: Callable[[], int] | None = None,
    ) -> None:
        self.id = id
        self.brain = brain.name
        self.recipe = brain
        self.session = session
        self.root = brain.build()
        self._refuse_shared()
        self.actions: Mapping[str, type[GameAction]] = actions_of(self.root)
        self.declared = frozenset(declared)
        try:
            self._refuse_undeclared()
        except ActionError:
            _unregister(self.root)
            raise
        self.blackboard: dict[str, Any] = {}
        self.clock = AgentClock()
        self.seed = seed
        self.rng = random.Random(f"{seed}:{id}")
        self.tick_number = 0
        self.orders: dict[str, Order] = {}
        """Orders that the game has and has not reported the end of, by id."""
        self.fallbacks: dict[str, Counter[str]] = {}
        """How often each LLM leaf (by path) had no usable answer, by reason, since the agent began."""
        self.decisions: dict[str, LeafReport] = {}
        """What each LLM leaf (by path) reported last."""
        self.witness: Witness | None = None
        """Hears of all that ticks depend on and bring, while the agent is recorded."""
        self._prompts = prompts
        self._asker = asker
        self._paths = paths_of(self.root)
        self._llm_leaves = llm_leaves_of(self.root)
        self._workers = [node for node in self.root.iterate() if not node.children or isinstance(node, LLMSelector)]
        self._tickets: list[Ticket] = []
        self._arrived: dict[int, Outcome] = {}
        self._texts: dict[int, str] = {}
        self._given: dict[str, Decision] = {}
        self._adopted: list[Ticket] = []
        self._boundary = -1
        self._results: dict[str, OrderResult] = {}
        self._faults_seen: set[tuple[str, str, str]] = set()
        self._number = number or itertools.count(1).__next__
        self._perceive(AgentSnapshot())
        self._clear_report()
        try:
            self._set_up()
        except BaseException:
            _unregister(self.root)
            raise

    def _refuse_shared(self) -> None:
        """Refuse a node that another agent has: it would act for the one that came last, and nobody would hear of it.

        py_trees refuses a second parent only for the children of composites (composites.py:213).
        """
        for node in self.root.iterate():
            if is_guarded(node):
                raise TreeError(
                    f"brain {self.brain!r} gave the node {node.name!r} to another agent already; make every node anew "
                    "in each call, and keep none outside of the function",
                    file=self.recipe.file,
                    line=self.recipe.line,
                )

    def _refuse_undeclared(self) -> None:
        missing = sorted(set(self.actions) - self.declared)
        if missing:
            declared = sorted(self.declared)
            near = difflib.get_close_matches(missing[0], declared, n=1)
            names = ", ".join(map(repr, missing))
            raise ActionError(
                f"the tree of brain {self.brain!r} may choose {', '.join(missing)}, which the game does not declare "
                f"for agent {self.id!r} (declared: {', '.join(declared) or 'none'}); "
                + (f"did you mean {near[0]!r}? Else " if near else "")
                + f"declare {names} in `agents`: in Godot, add a BrainAction called {names} to the agent's `actions`",
                action=missing[0],
            )

    def _set_up(self) -> None:
        """Hand the agent to every node, and guard every node against its own exceptions."""
        ready: list[Behaviour] = []
        try:
            # In py_trees' order (trees.py:99), which leaves what is set up as it is when a later node raises.
            for node in self.root.iterate():
                node.setup(agent=self)
                ready.append(node)
        except BaseException as error:
            self._shut_down(ready)
            if isinstance(error, TreeError) or not isinstance(error, Exception):
                raise
            raise TreeError(
                f"the tree of brain {self.brain!r} cannot be set up: {type(error).__name__}: {error}"
            ) from error
        for node in self.root.iterate():
            guard(node, self.fault, self._cancelled)
            redirect_log(node, self.id, self.path_of(node))

    # --- ticking ---------------------------------------------------------------------------------------------------

    def tick(self, snapshot: AgentSnapshot) -> TickReport:
        """Tick the tree once and return what came of it. Never raises for what a node does."""
        self.begin(snapshot)
        try:
            witness = self.witness
            if witness is None or not witness.hears_nodes:
                ticking.tick(self.root)
            else:
                for node in self.root.tick():
                    witness.left(node)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._broke(error)
        return self.finish()

    def steps(
        self, snapshot: AgentSnapshot, instrument: ticking.Instrument
    ) -> Generator[ticking.Step, None, TickReport]:
        """Tick the tree once, as `tick` does, but stand still before and after each node; return the report."""
        self.begin(snapshot)
        self._boundary = 0
        try:
            for step in instrument.steps():
                self._boundary += 1
                yield step
                if self.witness is not None:
                    self.witness.went_on(self._boundary)
                    if step.phase == "exit":
                        self.witness.left(step.node)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            self._broke(error)
        finally:
            self._boundary = -1
        return self.finish()

    def touched(self, kind: str, place: str, value: Any) -> None:
        """Note for the recording that a debugger has changed something; `kind` is as in `Witness.touched`."""
        if self.witness is not None:
            self.witness.touched(kind, place, value, self._boundary)

    def _broke(self, error: BaseException) -> None:
        # A composite broke: leaves are guarded. Its children may be half-way, so all of it starts afresh.
        self.fault(self.root, error)
        self.root.stop(Status.INVALID)

    def begin(self, snapshot: AgentSnapshot) -> None:
        """Take in everything that the next tick depends on. `tick` calls it; so may a program with a stock tree."""
        self.tick_number += 1
        self._clear_report()
        if self.witness is not None:
            self.witness.begins(snapshot)
        self._take(snapshot)

    def finish(self) -> TickReport:
        """End a tick: give up questions that the tree left behind, and report."""
        for leaf in self._llm_leaves:
            leaf.end_of_tick()
        self._tickets = [ticket for ticket in self._tickets if id(ticket) not in self._arrived]
        if self._adopted:
            # The tree may not have come by since it was given.
            open_now = {leaf.asking.ticket for leaf in self._llm_leaves}
            self._adopted = [ticket for ticket in self._adopted if ticket in open_now]
            self._tickets += self._adopted
        if self._order is not None:
            self.orders[self._order.id] = self._order
        report = TickReport(
            agent=self.id,
            brain=self.brain,
            tick=self.tick_number,
            time=self.clock.now(),
            snapshot=self._snapshot,
            status=self.root.status.value,
            running=tuple(self._paths[node] for node in self._workers if _is_at_work(node)),
            order=self._order,
            cancels=tuple(self._cancels),
            leaves=tuple(self._notes),
            faults=tuple(self._faults),
            speech=tuple(self._speech),
        )
        if self.witness is not None:
            self.witness.ended(report)
        return report

    def _perceive(self, snapshot: AgentSnapshot) -> None:
        self._snapshot = snapshot
        # Views, not copies: `world` may be large, and every agent of the game is given the same one in every tick.
        self.me: Mapping[str, Any] = MappingProxyType(snapshot.me)
        self.world: Mapping[str, Any] = MappingProxyType(snapshot.world)
        self.events: Sequence[Event] = snapshot.events

    def _take(self, snapshot: AgentSnapshot) -> None:
        self._perceive(snapshot)
        self.clock.follow(snapshot.time)
        for result in snapshot.results:
            if result.id in self.orders:
                self._results[result.id] = result
                if result.status in _FINAL:
                    del self.orders[result.id]
        self._arrived = {id(ticket): ticket.outcome for ticket in self._tickets if ticket.outcome is not None}
        self._texts = {id(ticket): ticket.text for ticket in self._tickets}

    def _clear_report(self) -> None:
        self._order: Order | None = None
        self._cancels: list[str] = []
        self._notes: list[LeafReport] = []
        self._faults: list[Fault] = []
        self._speech: list[tuple[str, str, bool]] = []

    def resume(self) -> tuple[Order, ...]:
        """Return the orders under way, for a game that has lost count of them."""
        return tuple(self.orders.values())

    def close(self) -> tuple[str, ...]:
        """Stop the tree and its questions, and return the ids of the orders that were under way."""
        running = tuple(self.orders)
        if self.witness is not None:
            self.witness.closed()
            self.witness = None
        self.orders.clear()
        for ticket in self._tickets:
            ticket.cancel()
        self._tickets.clear()
        try:
            self._without_raising(lambda: self.root.stop(Status.INVALID))
            self._shut_down(self.root.iterate())
        finally:
            _unregister(self.root)
        return running

    def _shut_down(self, nodes: Iterable[Behaviour]) -> None:
        """Shut every node down, whatever another one raises."""
        for node in nodes:
            self._without_raising(node.shutdown)

    def _without_raising(self, action: Callable[[], object]) -> None:
        try:
            action()
        except KeyboardInterrupt:
            raise
        except BaseException:
            _log.exception("agent %s: its tree did not stop cleanly", escaped(self.id))

    # --- what a debugger uses ---------------------------------------------------------------------------------------

    @property
    def snapshot(self) -> AgentSnapshot:
        """What the present tick is on; between ticks the last one."""
        return self._snapshot

    @property
    def tickets(self) -> Sequence[Ticket]:
        """The questions that are open, or whose answer the next tick will see."""
        return self._tickets

    def perceive_again(self, snapshot: AgentSnapshot) -> None:
        """See what another agent saw in its last tick, without a tick: this one is a copy of it."""
        self._perceive(snapshot)

    @property
    def order(self) -> Order | None:
        """What the present tick has ordered so far."""
        return self._order

    @property
    def faults(self) -> Sequence[Fault]:
        """The present tick's exceptions so far."""
        return self._faults

    @property
    def notes(self) -> Sequence[LeafReport]:
        """What LLM leaves have reported in the present tick so far."""
        return self._notes

    def answer(self, leaf: LLMNode, question: Question, decision: Decision) -> None:
        """Have a leaf take `decision` as the model's answer: to what it has asked, or else to what it asks next."""
        if leaf.takes_answer_now:
            ticket = GivenTicket(question, decision)
            leaf.adopt(ticket)
            self._adopted.append(ticket)
            self._tickets.append(ticket)
            self._arrived[id(ticket)] = decision
        else:
            self._given[self.path_of(leaf)] = decision

    # --- what leaves use -------------------------------------------------------------------------------------------

    def path_of(self, node: Behaviour) -> str:
        """Return the node's path, such as `Guard/Deal with a stranger/Respond`."""
        return self._paths.get(node, node.name)

    def can(self, action: type[GameAction]) -> bool:
        """Tell whether the game declared this action and it is possible now."""
        name, available = action.__name__, self._snapshot.available
        return name in self.declared and (available is None or name in available)

    def act(self, leaf: Behaviour, action: GameAction, *, source: Source = "tree", reason: str = "") -> Order | None:
        """Order an action; None if this tick has its action already, or the action is not possible now.

        Raises:
            ActionError: its values do not fit, or the game never declared it.
        """
        name = type(action).__name__
        if name not in self.declared:
            raise ActionError(f"the game did not declare {name} for agent {self.id!r}", action=name)
        check_action(action)
        if self._order is not None:
            leaf.feedback_message = f"{type(self._order.action).__name__} is this tick's action already"
            error = ActionError(f"{name}: an agent has one action a tick, and {leaf.feedback_message}", action=name)
            self.fault(leaf, error)
            return None
        if not self.can(type(action)):
            leaf.feedback_message = f"{name} is not possible now"
            return None
        if source == "tree" and not reason:
            source, reason = _who_picked(leaf)
        self._order = Order(
            id=f"{self.id}#{self._next()}", action=action, source=source, reason=reason, leaf=self.path_of(leaf)
        )
        return self._order

    def result_of(self, order: Order) -> OrderResult | None:
        """Return what the game last said of an order, None before it says anything. An end is told once."""
        result = self._results.get(order.id)
        if result is not None and result.status in _FINAL:
            del self._results[order.id]
        return result

    def cancel(self, order: Order) -> None:
        """Have the game stop an order. One that was given in this very tick never leaves."""
        self._results.pop(order.id, None)
        if self._order is not None and self._order.id == order.id:
            self._order = None
        elif self.orders.pop(order.id, None) is not None:
            self._cancels.append(order.id)

    def new_line(self) -> str:
        """Return an id for a line of speech that no other line of this game has."""
        return f"{self.id}~{self._next()}"

    def _next(self) -> int:
        """Draw a number; other agents of the game draw from the same ones, so it is an input, too."""
        number = self._number()
        if self.witness is not None:
            self.witness.drew(number)
        return number

    def say(self, line: str, text: str, *, done: bool) -> None:
        """Send a piece of the line of speech with the id `line`."""
        self._speech.append((line, text, done))

    def truth_of(self, prompt: str) -> Mapping[str, bool]:
        """Return what each label of a prompt means, from its front matter; empty if it is not a condition.

        Raises:
            PromptError: there is no such prompt.
        """
        return self._prompts.get(prompt).answers or {}

    def render(self, prompt: str, inputs: Mapping[str, Any], labels: Sequence[str] = ()) -> RenderedPrompt:
        """Fill a prompt with the agent's present world and a leaf's inputs; the inputs come first.

        Raises:
            PromptError: there is no such prompt, it is broken, or something that it needs is missing.
        """
        context = {
            "me": self.me,
            "world": self.world,
            "events": [msgspec.to_builtins(event) for event in self.events],
            "blackboard": self.blackboard,
            **inputs,
        }
        return self._prompts.render(prompt, context, labels=labels or None)

    def ask(self, question: Question) -> Ticket:
        """Ask the model. Returns at once; an outcome shows from the next tick on."""
        given = self._given.pop(question.leaf, None) if self._given else None
        ticket = self._asker.ask(question) if given is None else GivenTicket(question, given)
        self._tickets.append(ticket)
        if self.witness is not None:
            self.witness.asked(ticket)
        return ticket

    def outcome_of(self, ticket: Ticket) -> Outcome | None:
        """Return the ticket's outcome if it had arrived when this tick began."""
        return self._arrived.get(id(ticket))

    def text_of(self, ticket: Ticket) -> str:
        """Return what had arrived of a free-text answer when this tick began."""
        return self._texts.get(id(ticket), "")

    def note(self, report: LeafReport) -> None:
        """Put something into this tick's report."""
        self._notes.append(report)
        self.decisions[report.leaf] = report
        if report.kind == "fallback":
            self.fallbacks.setdefault(report.leaf, Counter())[report.reason] += 1

    def _cancelled(self, node: Behaviour) -> None:
        if self.witness is not None:
            self.witness.cancelled(node)

    def fault(self, node: Behaviour, error: BaseException) -> None:
        """Report an exception in a node: with its traceback the first time, counted after that.

        The same exception from the same line counts as the same, whatever values its text holds.
        """
        path = self.path_of(node)
        node.feedback_message = _said_by(error)
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        place = "" if frame is None else f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}"
        key = (path, type(error).__name__, place)
        first = key not in self._faults_seen
        self._faults_seen.add(key)
        trace = "".join(traceback.format_exception(error)) if first else ""
        self._faults.append(Fault(leaf=path, error=node.feedback_message, traceback=trace, first=first, cause=error))
        if first:
            # Line by line: what a game has sent may be in the text of an exception.
            lines = "\n".join(f"    {escaped(line)}" for line in trace.splitlines())
            _log.error(
                "agent %s: %s failed: %s\n%s",
                escaped(self.id),
                escaped(path),
                escaped(node.feedback_message),
                lines,
            )


def _said_by(error: BaseException) -> str:
    """Return an exception in a line; an author's own may fail to say what it is."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception as worse:
        return f"{type(error).__name__}, whose text cannot be made ({type(worse).__name__})"


def _is_at_work(node: Behaviour) -> bool:
    """Tell whether a leaf runs, or a selector waits for the model and has no child that runs meanwhile."""
    if not isinstance(node, LLMSelector):
        return bool(node.status == Status.RUNNING)
    return node.thinking and all(child.status != Status.RUNNING for child in node.children)


def _who_picked(leaf: Behaviour) -> tuple[Source, str]:
    """Return who picked the branch of a leaf, and why: the model, if a selector above asked it."""
    node = leaf.parent
    while node is not None and not isinstance(node, LLMSelector):
        node = node.parent
    return ("tree", "") if node is None or not node.picked else (node.source, node.reason)


def _unregister(root: Behaviour) -> None:
    """Take a tree's blackboard clients out of py_trees' registry; it would keep them for ever (blackboard.py:1214)."""
    for node in root.iterate():
        # ForEach keeps its client to itself (decorators.py:894).
        own = [vars(node).get("blackboard"), *node.blackboards]
        for client in {id(one): one for one in own if isinstance(one, Client)}.values():
            client.unregister()

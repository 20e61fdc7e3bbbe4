"""Whatever the tree and however it is stepped: a debugged run is the same as one that nobody debugs."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from py_trees.common import Status

from brains.agent import Agent
from brains.debugger import Debugger
from brains.debugger.local import TreeHost
from brains.errors import ActionError
from brains.library import Brain, BrainLibrary
from brains.snapshot import AgentSnapshot, OrderResult, TickReport
from brains.testing import ScriptedAsker
from brains.ticking import Instrument, become
from brains.trace import MemorySink, Recorder, Recording, Replayer
from tests.debugging import Front
from tests.random_trees import ACTIONS, Maker, facts_of, library, outcome_for

SEEDS = st.integers(0, 10**9)
COMMANDS = st.sampled_from(
    [
        ("step", {}),
        ("step", {"boundary": "any"}),
        ("step", {"count": 3}),
        ("next", {}),
        ("next", {"count": 2}),
        ("finish", {}),
        ("tick", {}),
        ("tick", {"count": 2}),
        ("continue", {}),
    ]
)


class Game:
    """One agent and what happens to it, all of it drawn from a seed: the same happens to its twin."""

    def __init__(self, seed: int) -> None:
        self.maker = Maker(seed)
        self.asker = ScriptedAsker(lambda question: None)
        brain = Brain(name="random", factory=self.maker)
        self.agent = Agent("twin", brain, prompts=library(), asker=self.asker, declared=ACTIONS, seed=seed)
        self.reports: list[Any] = []
        self._draw = random.Random(seed)
        self._time = 0.0

    def snapshot(self) -> AgentSnapshot:
        """Let the world go on, and some questions and orders come to an end."""
        draw = self._draw
        self._time += draw.choice([0.1, 0.1, 0.1, 0.4])
        for ticket in self.asker.tickets:
            if ticket.outcome is None:
                ticket.outcome = outcome_for(ticket.question, draw.randrange(5))
                ticket.text = draw.choice(["", "Good day. ", "Good day. How"])
        results = []
        for id in list(self.agent.orders):
            word = draw.choice(["running", "success", "failure", ""])
            if word:
                results.append(OrderResult(id=id, status=word))  # type: ignore[arg-type]  # one of its words
        return AgentSnapshot(seq=1, time=self._time, me={"n": draw.randrange(3)}, results=tuple(results))

    def note(self, report: TickReport) -> None:
        """Keep all that the tick brought and left behind."""
        faults = [(fault.leaf, fault.error) for fault in report.faults]
        self.reports.append(
            (
                report.tick, report.time, report.status, report.running, report.order, report.cancels, report.speech,
                faults, [(leaf.kind, leaf.leaf, leaf.reason, leaf.text) for leaf in report.leaves],
                facts_of(self.agent.root), list(self.maker.log),
            )
        )  # fmt: skip


class Host(TreeHost):
    """A host of a game's agent."""

    def __init__(self, game: Game) -> None:
        super().__init__(game.maker)
        self.agent = game.agent
        self.game = game

    def next_turn(self, agent: Any) -> AgentSnapshot | None:
        return self.game.snapshot()


@settings(deadline=None, max_examples=150)
@given(SEEDS, st.lists(COMMANDS, min_size=3, max_size=25))
def test_a_debugged_run_equals_one_that_nobody_debugs(seed: int, commands: list[tuple[str, dict[str, Any]]]) -> None:
    game, twin = Game(seed), Game(seed)
    debugger = Debugger(Host(game))
    front = Front(debugger.connect("tester", lease=None))
    # The log is cleared when a tree is made, and the debugger makes one more to learn its lines.
    game.maker.log.clear()
    ticks = 0

    front.ask("follow", agent="twin")
    front.ask("attach", agent="twin")
    for command, arguments in commands:
        front.ask(command, **arguments)
        for _ in range(3):
            if not debugger.controls()[0].is_held:
                debugger.pump(1)
        while ticks < len(front.heard("tick")):
            ticks += 1
            twin.note(twin.agent.tick(twin.snapshot()))
    control = debugger.controls()[0]
    front.ask("detach")
    done = game.agent.tick_number
    while twin.agent.tick_number < done:
        twin.note(twin.agent.tick(twin.snapshot()))
    assert not control.in_tick
    assert facts_of(game.agent.root) == facts_of(twin.agent.root)
    assert game.maker.log == twin.maker.log
    assert "tick" not in vars(game.agent.root)
    assert "stop" not in vars(game.agent.root)
    assert [(info["tick"], info["status"]) for info in front.heard("tick")] == [
        (report[0], report[2]) for report in twin.reports[: len(front.heard("tick"))]
    ]


CHANGES: st.SearchStrategy[tuple[str, dict[str, Any]]] = st.one_of(
    COMMANDS,
    st.tuples(st.just("set"), st.fixed_dictionaries({"key": st.just("alarm"), "value": st.integers(0, 3)})),
    st.tuples(
        st.just("force"),
        st.fixed_dictionaries(
            {"status": st.sampled_from(["success", "failure", "running", "none"]), "keep": st.booleans()}
        ),
    ),
    st.tuples(st.just("restart"), st.just({})),
)


@settings(deadline=None, max_examples=100)
@given(SEEDS, st.lists(CHANGES, min_size=5, max_size=25), st.integers(0, 10**6))
def test_a_recording_of_a_debugged_run_replays_without_a_difference(
    seed: int, commands: list[tuple[str, dict[str, Any]]], pick: int
) -> None:
    game = Game(seed)
    sink = MemorySink()
    recorder = Recorder(sink, prompts=library())
    recorder.watch(game.agent)
    debugger = Debugger(Host(game))
    front = Front(debugger.connect("tester", lease=None))
    front.ask("attach", agent="twin")
    nodes = [game.agent.path_of(node) for node in game.agent.root.iterate()]
    for command, arguments in commands:
        if command == "force":
            arguments = {**arguments, "node": nodes[pick % len(nodes)]}
        if command != "restart" or debugger.controls()[0].in_tick:
            front.ask(command, **arguments)
        for _ in range(3):
            debugger.pump(1)
    front.ask("detach")
    for _ in range(3):
        game.agent.tick(game.snapshot())
    recorder.end()
    brains = BrainLibrary(brains={"random": Brain(name="random", factory=Maker(seed))})
    replayer = Replayer(Recording.of(sink.lines), brains)
    assert replayer.run() is None
    assert (replayer.ticks, replayer.left_out, replayer.stopped) == (game.agent.tick_number, {}, "")


@settings(deadline=None, max_examples=150)
@given(SEEDS)
def test_stepping_all_boundaries_gives_the_same_reports_and_pairs_each_enter_with_an_exit(seed: int) -> None:
    game, twin = Game(seed), Game(seed)
    instrument = Instrument(game.agent.root)
    for _ in range(8):
        begun: list[Any] = []
        steps = game.agent.steps(game.snapshot(), instrument)
        while True:
            try:
                step = next(steps)
            except StopIteration as over:
                game.note(over.value)
                break
            if step.phase == "enter":
                begun.append(step.node)
            else:
                assert begun.pop() is step.node
        assert not begun
        twin.note(twin.agent.tick(twin.snapshot()))
        assert game.reports[-1] == twin.reports[-1]
    instrument.remove()
    for _ in range(3):
        game.note(game.agent.tick(game.snapshot()))
        twin.note(twin.agent.tick(twin.snapshot()))
        assert game.reports[-1] == twin.reports[-1]


@settings(deadline=None, max_examples=150)
@given(SEEDS, st.integers(0, 10**6), st.sampled_from([Status.SUCCESS, Status.FAILURE, Status.RUNNING]), st.booleans())
def test_a_forced_node_has_its_result_and_nothing_below_it_lives_on(
    seed: int, pick: int, status: Status, keep: bool
) -> None:
    game = Game(seed)
    for _ in range(pick % 4):
        game.agent.tick(game.snapshot())
    nodes = list(game.agent.root.iterate())
    node = nodes[pick % len(nodes)]
    instrument = Instrument(game.agent.root)
    instrument.force(node, status, keep=keep)
    met = 0
    for _ in range(4):
        for step in game.agent.steps(game.snapshot(), instrument):
            if step != (node, "exit"):
                continue
            met += 1
            if keep or met == 1:
                assert node.status is status
                assert all(one.status is not Status.RUNNING for one in node.iterate() if one is not node)
    instrument.remove()
    for _ in range(3):
        report = game.agent.tick(game.snapshot())
        # What leaves do of themselves is no matter here; a composite that lost its place would raise something else.
        assert all(isinstance(fault.cause, ValueError | ActionError) for fault in report.faults), report.faults


@settings(deadline=None, max_examples=100)
@given(SEEDS, st.sampled_from([Status.SUCCESS, Status.FAILURE, Status.RUNNING]))
def test_what_a_forced_composite_had_ordered_and_asked_is_given_up(seed: int, status: Status) -> None:
    game = Game(seed)
    for _ in range(5):
        game.agent.tick(game.snapshot())
    game.agent.begin(game.snapshot())
    become(game.agent.root, status)
    game.agent.finish()
    assert not game.agent.orders
    assert all(ticket.outcome is not None or ticket.cancelled for ticket in game.asker.tickets)

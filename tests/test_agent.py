"""One agent: what enters a tick, what leaves it, and what an exception does."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from typing import Any, ClassVar

import py_trees
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_trees.behaviour import Behaviour
from py_trees.common import Status

from brains import (
    Action,
    Condition,
    GameAction,
    LLMAction,
    LLMCondition,
    MemorySelector,
    MemorySequence,
    RandomSelector,
    ReactiveSelector,
    ReactiveSequence,
    TimeLimit,
    Wait,
    brain,
)
from brains.agent import Agent
from brains.errors import ActionError, TreeError
from brains.library import Brain
from brains.nodes import Leaf
from brains.prompts import PromptLibrary
from brains.questions import Decision, NoAnswer, Question
from brains.snapshot import AgentSnapshot, Event
from brains.testing import FakeGame, ScriptedAsker

PROMPT = "---\nanswer: {danger: true, safe: false}\ninputs: {me: [n]}\n---\nuser:\nnumber {{ me.n }}\n"
CHOOSE = "---\nanswer: action\ninputs: {me: [n]}\n---\nuser:\nnumber {{ me.n }}\n"


class Walk(GameAction):
    to: str = "gate"


class Fight(GameAction):
    label: ClassVar[str] = "fight"


class Flee(GameAction):
    label: ClassVar[str] = "flee"


def prompts() -> PromptLibrary:
    """Make the library that these tests ask from."""
    library = PromptLibrary()
    library.put("test/condition", PROMPT)
    library.put("test/choose", CHOOSE)
    return library


def game(root: Any, **options: Any) -> FakeGame:
    """Make a game of one agent whose tree `root()` builds."""
    return FakeGame(brain("test")(root), **{"prompts": prompts(), "allow_faults": True, **options})


class Broken(Leaf):
    """Raises wherever it is told to."""

    def __init__(self, name: str, where: str) -> None:
        super().__init__(name)
        self.where = where
        self.updates = 0

    def initialise(self) -> None:
        if self.where == "initialise":
            raise RuntimeError("in initialise")

    def update(self) -> Status:
        self.updates += 1
        if self.where == "update":
            raise RuntimeError("in update")
        if self.where == "nothing":
            return None  # type: ignore[return-value]
        return Status.SUCCESS

    def terminate(self, new_status: Status) -> None:
        if self.where == "terminate":
            raise RuntimeError("in terminate")


class Speechless(Exception):
    """Fails to say what it is."""

    def __str__(self) -> str:
        raise KeyError("text")


class StockBroken(py_trees.behaviour.Behaviour):
    """A stock leaf that knows nothing of agents."""

    def update(self) -> Status:
        raise RuntimeError("stock")


class TestSharedNodes:
    @pytest.mark.parametrize("wrapped", [False, True], ids=["root", "below a decorator"])
    def test_a_second_agent_is_refused_a_node_of_the_first(self, wrapped: bool) -> None:
        """Else the first one's leaf would order for the second one, and both would stand still without a word."""
        kept: Behaviour = Action("Walk", Walk())
        first = game(lambda: py_trees.decorators.Inverter("Not", kept) if wrapped else kept)
        with pytest.raises(TreeError, match="'Walk' to another agent already"):
            Agent("other", first.agent.recipe, prompts=prompts(), asker=ScriptedAsker(), declared=["Walk"])
        assert first.tick().order is not None


class TestFaults:
    def test_an_exception_without_a_text_fails_its_leaf_alone(self) -> None:
        def speechless(agent: object) -> bool:
            raise Speechless

        g = game(lambda: ReactiveSelector("Root", [Condition("Bad", speechless), Action("Walk", Walk())]))
        report = g.tick()
        assert report.order is not None
        assert [(fault.leaf, fault.error) for fault in report.faults] == [
            ("Root/Bad", "Speechless, whose text cannot be made (KeyError)")
        ]

    def test_what_a_game_has_sent_can_forge_no_line_of_the_log(self, caplog: pytest.LogCaptureFixture) -> None:
        """Players choose names, and an exception may hold one; a terminal shows the log."""
        forged = "Bo\n12:00:00 INFO    brains.serve: all is well\x1b[2J"

        def broken(agent: Any) -> bool:
            raise ValueError(f"no room for {agent.me['name']}")

        game(lambda: Condition("Bad", broken), agent_id=forged).tick(name=forged)
        (record,) = caplog.records
        first, *trace = record.getMessage().split("\n")
        assert first.startswith("agent Bo\\n12:00:00")
        assert "ValueError: no room for Bo\\n12:00:00" in first
        assert trace[0] == "    Traceback (most recent call last):"
        assert all(line.startswith("    ") for line in trace)
        assert "\x1b" not in record.getMessage()
        assert record.exc_info is None

    @pytest.mark.parametrize("where", ["initialise", "update", "nothing"])
    def test_an_exception_makes_the_leaf_fail_and_the_agent_go_on(self, where: str) -> None:
        """The next branch runs; the report has path and traceback."""
        g = game(lambda: ReactiveSelector("Root", [Broken("Bad", where), Action("Walk", Walk())]))
        report = g.tick()
        assert report.order is not None
        assert report.status == "RUNNING"
        (fault,) = report.faults
        assert fault.leaf == "Root/Bad"
        assert fault.first
        assert ("in " + where in fault.error) or "no status" in fault.error
        assert "Traceback" in fault.traceback

    def test_an_exception_in_terminate_is_reported_and_the_status_stands(self) -> None:
        """The leaf had succeeded."""
        g = game(lambda: Broken("Bad", "terminate"))
        report = g.tick()
        assert (report.status, report.faults[0].error) == ("SUCCESS", "RuntimeError: in terminate")

    def test_a_stock_leaf_is_guarded_too(self) -> None:
        """py_trees itself would let the exception end the tick."""
        g = game(lambda: ReactiveSelector("Root", [StockBroken("Bad"), Action("Walk", Walk())]))
        report = g.tick()
        assert report.order is not None
        assert report.faults[0].leaf == "Root/Bad"

    def test_the_same_fault_is_reported_once_with_its_traceback(self, caplog: pytest.LogCaptureFixture) -> None:
        """A leaf that fails in every tick does not fill the log."""
        g = game(lambda: Broken("Bad", "update"))
        with caplog.at_level(logging.ERROR):
            reports = [g.tick() for _ in range(100)]
        assert [r.faults[0].first for r in reports] == [True] + [False] * 99
        assert len(caplog.records) == 1
        assert reports[5].faults[0].traceback == ""

    def test_a_broken_composite_starts_afresh_and_nothing_is_left_running(self) -> None:
        """Leaves are guarded; if a composite itself breaks, its actions are cancelled."""

        class Bad(py_trees.composites.Selector):
            def tick(self) -> Iterator[Behaviour]:
                yield from super().tick()
                if self.parent is None and any(c.status == Status.RUNNING for c in self.children):
                    raise RuntimeError("broken composite")

        g = game(lambda: Bad("Root", memory=False, children=[Action("Walk", Walk())]))
        report = g.tick()
        assert report.faults[0].leaf == "Root"
        assert report.running == ()
        assert (report.order, g.agent.orders) == (None, {})


class TestReports:
    def test_running_leaves_are_named_by_their_paths(self) -> None:
        """All of them, not only the tip."""
        g = game(
            lambda: py_trees.composites.Parallel(
                "P",
                py_trees.common.ParallelPolicy.SuccessOnAll(),
                [Wait("a/b", 1), MemorySequence("S", [Wait("w", 1), Wait("w", 1)])],
            )
        )
        assert g.tick().running == ("P/a|b", "P/S/w")

    def test_siblings_of_one_name_get_numbers(self) -> None:
        """Paths are unique."""
        g = game(lambda: MemorySequence("S", [Wait("w", 0), Wait("w", 0), Wait("w[2]", 0), Wait("w", 9)]))
        agent = g.agent
        paths = [agent.path_of(node) for node in agent.root.iterate()]
        assert len(set(paths)) == len(paths) == 5
        assert g.tick().running == (paths[3],)

    def test_events_are_there_for_one_tick(self) -> None:
        """Each event is seen once."""
        g = game(lambda: Condition("bell?", lambda a: any(e.name == "bell" for e in a.events)))
        assert g.tick(events=[Event("bell")]).status == "SUCCESS"
        assert g.tick().status == "FAILURE"

    def test_the_agents_blackboard_is_its_own(self) -> None:
        """Two agents of one brain share nothing."""

        def count(agent: Any) -> bool:
            agent.blackboard["n"] = agent.blackboard.get("n", 0) + 1
            return True

        one, two = (game(lambda: Condition("c", count), agent_id=i) for i in ("a", "b"))
        one.tick(), one.tick(), two.tick()
        assert (one.agent.blackboard, two.agent.blackboard) == ({"n": 2}, {"n": 1})


class TestLife:
    def test_a_stock_behaviour_tree_ticks_our_nodes(self) -> None:
        """`begin` and `finish` around any tree's own tick."""
        g = game(lambda: ReactiveSelector("Root", [Condition("no", lambda a: False), Action("Walk", Walk())]))
        tree = py_trees.trees.BehaviourTree(g.agent.root)
        visitor = py_trees.visitors.SnapshotVisitor()
        tree.add_visitor(visitor)
        g.agent.begin(AgentSnapshot(seq=1))
        tree.tick()
        report = g.agent.finish()
        assert report.order is not None
        assert report.running == ("Root/Walk",)
        assert len(visitor.visited) == 3
        assert "Walk" in py_trees.display.unicode_tree(g.agent.root, show_status=True)

    def test_a_stock_tree_hands_the_agent_to_our_leaves(self) -> None:
        """Through py_trees' own `setup(**kwargs)`; without one the leaf says what is missing."""
        g = game(lambda: Wait("w", 1))
        tree = py_trees.trees.BehaviourTree(Condition("c", lambda agent: agent.id == "agent_1"))
        tree.setup(agent=g.agent)
        tree.tick()
        assert tree.root.status == Status.SUCCESS
        with pytest.raises(Exception, match=r"setup\(agent=\.\.\.\)"):
            py_trees.trees.BehaviourTree(Condition("c", lambda agent: True)).setup()
        with pytest.raises(Exception, match="has no agent yet"):
            Wait("w", 1).tick_once()

    def test_closing_stops_the_model_and_names_what_the_game_must_stop(self) -> None:
        """And leaves no blackboard client behind."""
        before = len(py_trees.blackboard.Blackboard.clients)

        def root() -> Behaviour:
            return py_trees.composites.Parallel(
                "P",
                py_trees.common.ParallelPolicy.SuccessOnAll(),
                [
                    Action("Walk", Walk()),
                    LLMAction("choose", prompt="test/choose", choices=[Fight, Flee]),
                    py_trees.behaviours.SetBlackboardVariable("set", "x", 1, overwrite=True),
                ],
            )

        g = FakeGame(brain("t")(root), prompts=prompts())
        built_by_fake = len(py_trees.blackboard.Blackboard.clients) - before - 1
        order = g.tick(n=1).order
        assert order is not None
        assert [o.id for o in g.agent.resume()] == [order.id]
        assert g.agent.close() == (order.id,)
        assert g.asker.tickets[0].cancelled
        assert len(py_trees.blackboard.Blackboard.clients) == before + built_by_fake
        py_trees.blackboard.Blackboard.clear()

    def test_orders_of_one_game_are_numbered_through(self) -> None:
        """An agent that comes back does not give an old order's id again."""
        numbers = iter(range(7, 99))
        found = Brain(name="b", factory=lambda: Action("Walk", Walk()))
        ids = []
        for _ in range(2):
            agent = Agent(
                "a", found, prompts=prompts(), asker=ScriptedAsker(), declared=["Walk"], number=lambda: next(numbers)
            )
            order = agent.tick(AgentSnapshot()).order
            assert order is not None
            ids.append(order.id)
        assert ids == ["a#7", "a#8"]


# --- property: whatever the tree, the world and the model, one action a tick, declared and valid


def leaves() -> st.SearchStrategy[Any]:
    """Make factories of leaves."""
    names = st.sampled_from("abcde")
    return st.one_of(
        st.builds(lambda n, k: lambda: Condition(n, lambda a: a.me["n"] % k == 0), names, st.integers(1, 4)),
        st.builds(lambda n, to: lambda: Action(n, Walk(to=to)), names, st.sampled_from(["gate", "well", 5])),
        st.builds(lambda n, s: lambda: Wait(n, s), names, st.sampled_from([0, 0.15, 0.3])),
        st.builds(
            lambda n, f: lambda: LLMAction(n, prompt="test/choose", choices=[Fight, Flee], fallback=f, deadline=0.3),
            names,
            st.sampled_from([None, Fight()]),
        ),
        st.builds(lambda n: lambda: LLMCondition(n, prompt="test/condition", ttl=0.2, deadline=0.3), names),
        st.builds(lambda n: lambda: Broken(n, "update"), names),
        st.builds(lambda n: lambda: StockBroken(n), names),
    )


def composed(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Make factories of composites and decorators over factories of nodes."""
    composites = [
        ReactiveSelector,
        MemorySelector,
        ReactiveSequence,
        MemorySequence,
        RandomSelector,
        lambda name, children: py_trees.composites.Parallel(
            name, py_trees.common.ParallelPolicy.SuccessOnOne(), list(children)
        ),
    ]
    many = st.builds(
        lambda make, children: lambda: make("n", [child() for child in children]),
        st.sampled_from(composites),
        st.lists(inner, min_size=1, max_size=4),
    )
    one = st.builds(
        lambda make, child: lambda: make(child()),
        st.sampled_from([lambda c: TimeLimit("t", c, 0.25), lambda c: py_trees.decorators.Inverter("i", c)]),
        inner,
    )
    return many | one


trees = st.recursive(leaves(), composed, max_leaves=10)
answers = st.sampled_from(
    ["fight", "flee", "danger", "safe", "open the gate", "", None, NoAnswer(reason="unavailable")]
)


def reply(question: Question, answer: Any) -> Any:
    """Answer a question with anything, also with what it did not offer."""
    if isinstance(answer, str):
        return Decision(answer=answer, probabilities={answer: 1.0})
    return answer


@settings(max_examples=150, deadline=None)
@given(trees, st.lists(st.tuples(st.integers(0, 12), answers, st.booleans()), min_size=1, max_size=12), st.integers())
def test_whatever_the_model_says_at_most_one_valid_declared_action_leaves_per_tick(
    root: Any, script: list[tuple[int, Any, bool]], seed: int
) -> None:
    """And cancels name only what the game has; every question ends in at most one report."""

    def play() -> list[Any]:
        said = iter([answer for _, answer, _ in script] * 50)
        g = game(root, answers=lambda q: reply(q, next(said, None)), declared=["Walk", "Fight", "Flee"], seed=seed)
        known: set[str] = set()
        log = []
        for number, answer, finish in script:
            if finish and g.agent.orders:
                g.report(next(iter(g.agent.orders)), "success" if number % 2 else "failure")
            for ticket in g.asker.open:
                ticket.answer(reply(ticket.question, answer))
            finished = {r.id for r in g._results}
            report = g.tick(n=number, available=["Walk", "Fight"] if number % 3 else None)
            assert set(report.cancels) <= known - finished
            known -= finished | set(report.cancels)
            if report.order is not None:
                assert report.order.action in (Walk("gate"), Walk("well"), Fight(), Flee())
                assert report.order.id not in known
                known.add(report.order.id)
            assert set(g.agent.orders) == known
            log.append((report.status, report.running, report.order, report.cancels, report.leaves))
        kinds = [leaf.kind for entry in log for leaf in entry[4]]
        ended = sum(kind in ("answered", "fallback", "cancelled") for kind in kinds)
        assert ended <= 2 * kinds.count("asked")
        g.agent.close()
        return log

    first = play()
    assert play() == first, "the same inputs give the same run"


# --- what must not happen


@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError(), GeneratorExit(), ValueError("x")])
@pytest.mark.parametrize("make", [lambda e: Raises("r", e), lambda e: RaisingSelector("r", e)])
def test_nothing_that_a_node_raises_gets_out_of_a_tick(make: Any, error: BaseException) -> None:
    """`exit()` in a tree file must not end the server; only Ctrl-C does."""
    report = game(lambda: make(error)).tick()
    assert type(error).__name__ in report.faults[0].error


def test_ctrl_c_gets_through() -> None:
    """Somebody wants to stop the program."""
    with pytest.raises(KeyboardInterrupt):
        game(lambda: Raises("r", KeyboardInterrupt())).tick()


class Raises(Leaf):
    """Raises what it is told to."""

    def __init__(self, name: str, error: BaseException) -> None:
        super().__init__(name)
        self.error = error

    def update(self) -> Status:
        raise self.error


class RaisingSelector(py_trees.composites.Selector):
    """A composite that raises what it is told to."""

    def __init__(self, name: str, error: BaseException) -> None:
        super().__init__(name, memory=False)
        self.error = error

    def tick(self) -> Iterator[Behaviour]:
        yield from super().tick()
        raise self.error


def test_a_fault_whose_text_changes_is_still_one_fault() -> None:
    """Its place counts, not the values in its text."""

    def bad(agent: Any) -> bool:
        raise ValueError(f"bad position {agent.me['x']}")

    g = game(lambda: Condition("c", bad))
    reports = [g.tick(x=number) for number in range(2000)]
    assert sum(r.faults[0].first for r in reports) == 1


def test_an_order_whose_leaf_breaks_is_cancelled() -> None:
    """The game would carry it out for nobody."""

    class Fragile(Action):
        def update(self) -> Status:
            status = super().update()
            if self.agent.me.get("break"):
                raise RuntimeError
            return status

    g = game(lambda: Fragile("f", Walk()))
    order = g.tick().order
    assert order is not None
    assert g.tick({"break": True}).cancels == (order.id,)
    assert g.agent.orders == {}
    assert g.tick({"break": True}).order is None, "broken in the very tick of the order: it never leaves"


@pytest.mark.parametrize(
    ("declared", "hint"),
    [
        (
            ["Wolk"],
            "; did you mean 'Wolk'? Else declare 'Walk' in `agents`: in Godot, add a BrainAction called 'Walk' ",
        ),
        ([], "; declare 'Walk' in `agents`: in Godot, add a BrainAction called 'Walk' to the agent's `actions`"),
    ],
)
def test_an_action_that_is_not_declared_is_refused_with_what_to_do(declared: list[str], hint: str) -> None:
    with pytest.raises(ActionError, match=re.escape(hint)):
        game(lambda: Action("Walk", Walk()), declared=declared)


def test_a_refused_agent_leaves_nothing_behind() -> None:
    """Neither undeclared actions nor a set-up that fails keep blackboard clients registered."""

    class Unready(Leaf):
        def update(self) -> Status:
            return Status.SUCCESS

        def setup(self, **kwargs: Any) -> None:
            raise RuntimeError

    def stock() -> Behaviour:
        return py_trees.behaviours.SetBlackboardVariable("set", "x", 1, overwrite=True)

    def build(*more: Any) -> Brain:
        return Brain(name="b", factory=lambda: MemorySequence("s", [stock(), *(make() for make in more)]))

    before = len(py_trees.blackboard.Blackboard.clients)
    for found in (build(lambda: Action("Walk", Walk())), build(lambda: Unready("u"))):
        with pytest.raises((ActionError, TreeError)):
            Agent("a", found, prompts=prompts(), asker=ScriptedAsker(), declared=[])
    assert len(py_trees.blackboard.Blackboard.clients) == before


def test_closing_a_broken_tree_still_cancels_its_questions() -> None:
    """And raises nothing."""

    class Sticky(py_trees.composites.Selector):
        def stop(self, new_status: Status = Status.INVALID) -> None:
            if new_status == Status.INVALID:
                raise RuntimeError("will not stop")
            super().stop(new_status)

    g = game(lambda: Sticky("s", memory=False, children=[LLMAction("c", prompt="test/choose", choices=[Fight, Flee])]))
    g.tick(n=1)
    g.agent.close()
    assert g.asker.tickets[0].cancelled


class Chatty(Leaf):
    """Says something in every tick."""

    def update(self) -> Status:
        self.logger.debug("of no interest")
        self.logger.info("so it is")
        self.logger.warning("odd")
        self.logger.error("bad")
        return Status.SUCCESS


def test_what_nodes_log_is_not_printed(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    """A command's answer goes to standard output, and `--json` is read by programs."""
    caplog.set_level(logging.DEBUG, logger="brains.tree")
    game(lambda: ReactiveSequence("Root", [Chatty("a")])).tick()
    assert capsys.readouterr().out == ""
    found = [(record.levelname, record.message) for record in caplog.records]
    assert found == [
        ("INFO", "agent agent_1: Root/a: so it is"),
        ("WARNING", "agent agent_1: Root/a: odd"),
        ("ERROR", "agent agent_1: Root/a: bad"),
    ]


def test_a_node_with_a_logger_of_its_own_keeps_it(caplog: pytest.LogCaptureFixture) -> None:
    leaf = Chatty("a")
    leaf.logger = logging.getLogger("my.game")  # type: ignore[assignment]
    game(lambda: leaf).tick()
    assert {record.name for record in caplog.records} == {"my.game"}


class Opened(Leaf):
    """Holds something from its setup to its shutdown; one of them may be broken."""

    def __init__(self, name: str, opened: list[str], breaks: str = "") -> None:
        super().__init__(name)
        self.opened = opened
        self.breaks = breaks

    def setup(self, **kwargs: Any) -> None:
        super().setup(**kwargs)
        if self.breaks == "setup":
            raise RuntimeError("in setup")
        self.opened.append(self.name)

    def update(self) -> Status:
        return Status.SUCCESS

    def shutdown(self) -> None:
        self.opened.remove(self.name)
        if self.breaks == "shutdown":
            raise RuntimeError("in shutdown")


def test_every_node_is_shut_down_though_one_raises() -> None:
    """Files and threads of the others would stay open for as long as the server runs."""
    opened: list[str] = []
    nodes = [("a", ""), ("b", "shutdown"), ("c", "")]
    g = game(lambda: ReactiveSequence("s", [Opened(name, opened, breaks) for name, breaks in nodes]))
    assert opened == ["a", "b", "c"]
    g.agent.close()
    assert opened == []


def test_what_was_set_up_is_shut_down_if_a_later_node_cannot_be() -> None:
    opened: list[str] = []
    nodes = [("a", ""), ("b", "setup"), ("c", "")]
    with pytest.raises(TreeError, match="cannot be set up: RuntimeError: in setup"):
        game(lambda: ReactiveSequence("s", [Opened(name, opened, breaks) for name, breaks in nodes]))
    assert opened == []


def test_no_blackboard_client_of_a_stock_node_outlives_its_agent() -> None:
    """Not even that of ForEach, which is in no list of the node's."""
    before = len(py_trees.blackboard.Blackboard.clients)
    found = Brain(name="b", factory=lambda: py_trees.decorators.ForEach("f", Wait("w", 1), "from", "to"))
    agent = Agent("a", found, prompts=prompts(), asker=ScriptedAsker(), declared=[])
    assert len(py_trees.blackboard.Blackboard.clients) > before
    agent.close()
    assert len(py_trees.blackboard.Blackboard.clients) == before


def test_an_agent_that_comes_late_is_young() -> None:
    """Its time starts with its first snapshot, however long the game has run."""
    g = game(lambda: Wait("w", 1.0))
    g.time = 3600.0
    assert g.tick().time == 0.0
    assert g.tick().time == pytest.approx(0.1)

"""The plain vocabulary: composites, decorators, actions and conditions."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

import py_trees
import pytest
from py_trees.behaviour import Behaviour

from brains import (
    Action,
    Condition,
    Cooldown,
    GameAction,
    MemorySelector,
    MemorySequence,
    RandomSelector,
    ReactiveSelector,
    ReactiveSequence,
    TimeLimit,
    Wait,
    brain,
)
from brains.errors import ActionError, TreeError
from brains.nodes import AgentContext
from brains.testing import FakeGame


class Walk(GameAction):
    label: ClassVar[str] = "walk"
    to: str = "gate"


class Fight(GameAction):
    label: ClassVar[str] = "fight"


class Flee(GameAction):
    label: ClassVar[str] = "flee"


def game(root: Any, **options: Any) -> FakeGame:
    """Make a game of one agent whose tree `root()` builds."""
    return FakeGame(brain("test")(root), **{"allow_faults": True, **options})


async def waits(agent: Any) -> bool:
    """Look, but not now."""
    return False


class TestComposites:
    def test_names_choose_the_memory(self) -> None:
        """The four plain composites are py_trees' own, with the memory that their names say."""
        child = [py_trees.behaviours.Success("a")]
        assert not ReactiveSelector("s", child).memory
        assert MemorySelector("s", [py_trees.behaviours.Success("a")]).memory
        assert not ReactiveSequence("s", [py_trees.behaviours.Success("a")]).memory
        assert MemorySequence("s", [py_trees.behaviours.Success("a")]).memory

    def test_random_selector_holds_its_draw_while_a_child_runs(self) -> None:
        """The drawn child is ticked until it ends, whatever the other children would say."""
        g = game(lambda: RandomSelector("R", [Wait(f"wait {i}", 0.25) for i in range(5)]))
        first = g.tick().running
        assert len(first) == 1
        assert g.tick().running == first
        assert g.tick().running == first
        assert g.tick().status == "SUCCESS"

    def test_random_selector_draws_every_child_sometimes_and_the_same_ones_for_the_same_seed(self) -> None:
        """Draws differ within a run and are the same in a run with the same seed."""

        def draws(seed: int) -> list[str]:
            g = game(lambda: RandomSelector("R", [Wait(f"wait {i}", 0.05) for i in range(3)]), seed=seed)
            seen: list[str] = []
            for _ in range(60):
                report = g.tick()
                seen += list(report.running)
            return seen

        assert draws(1) == draws(1)
        assert draws(1) != draws(2)
        assert len(Counter(draws(1))) == 3

    def test_random_selector_tries_all_children_before_it_fails(self) -> None:
        """Every child has its turn in one tick; with none left the selector fails."""
        tried: list[int] = []

        def root() -> Behaviour:
            def check(i: int) -> Condition:
                return Condition(f"c{i}", lambda agent: tried.append(i))

            return RandomSelector("R", [check(i) for i in range(4)])

        assert game(root).tick().status == "FAILURE"
        assert sorted(tried) == [0, 1, 2, 3]

    def test_random_selector_stops_its_running_child_when_it_loses_its_branch(self) -> None:
        """A drawn action is cancelled like any other."""
        g = game(
            lambda: ReactiveSelector(
                "Root",
                [
                    ReactiveSequence("Alarm", [Condition("alarm?", lambda a: a.me["alarm"]), Action("Fight", Fight())]),
                    RandomSelector("Idle", [Action("Walk", Walk())]),
                ],
            )
        )
        order = g.tick(alarm=False).order
        assert order is not None
        report = g.tick(alarm=True)
        assert report.cancels == (order.id,)
        assert report.order is not None
        assert report.order.action == Fight()

    def test_an_empty_random_selector_fails(self) -> None:
        """As an empty Selector does."""
        assert game(lambda: RandomSelector("R", [])).tick().status == "FAILURE"


class TestTime:
    def test_wait_lasts_for_its_seconds_of_agent_time(self) -> None:
        """RUNNING until the time is up, and again after a restart."""
        g = game(lambda: Wait("w", 0.25))
        assert [g.tick().status for _ in range(5)] == ["RUNNING", "RUNNING", "RUNNING", "SUCCESS", "RUNNING"]

    def test_a_pause_of_the_game_costs_no_time(self) -> None:
        """Game time that stands still does not count."""
        g = game(lambda: Wait("w", 0.25))
        g.tick()
        g.seconds = 0.0
        assert [g.tick().status for _ in range(10)] == ["RUNNING"] * 10

    def test_time_limit_fails_and_stops_its_child(self) -> None:
        """The child's action is cancelled in the tick in which its time is up."""
        g = game(lambda: TimeLimit("limit", Action("Walk", Walk()), 0.15))
        order = g.tick().order
        assert order is not None
        assert g.tick().status == "RUNNING"
        report = g.tick()
        assert (report.status, report.cancels) == ("FAILURE", (order.id,))

    def test_time_limit_passes_on_what_ends_in_time(self) -> None:
        """A child that ends is not touched."""
        g = game(lambda: TimeLimit("limit", Wait("w", 0.05), 1.0))
        assert [g.tick().status for _ in range(2)] == ["RUNNING", "SUCCESS"]

    def test_cooldown_refuses_until_its_time_is_up(self) -> None:
        """After a success the child rests, and the cooldown fails without ticking it."""
        ticked: list[int] = []

        def count(agent: AgentContext) -> bool:
            ticked.append(agent.tick_number)
            return True

        g = game(lambda: Cooldown("cool", Condition("c", count), 0.25))
        assert [g.tick().status for _ in range(5)] == ["SUCCESS", "FAILURE", "FAILURE", "SUCCESS", "FAILURE"]
        assert ticked == [1, 4]

    def test_cooldown_starts_after_a_failure_only_if_asked_to(self) -> None:
        """By default a failed child may try again at once."""
        assert [
            s for g in [game(lambda: Cooldown("c", Condition("n", lambda a: False), 9))] for s in (g.tick().status,)
        ]
        tries: list[int] = []

        def counted(agent: AgentContext) -> bool:
            tries.append(1)
            return False

        g = game(lambda: Cooldown("c", Condition("n", counted), 9))
        g.tick(), g.tick()
        assert len(tries) == 2
        tries.clear()
        g = game(lambda: Cooldown("c", Condition("n", counted), 9, after_failure=True))
        g.tick(), g.tick()
        assert len(tries) == 1

    @pytest.mark.parametrize("make", [lambda: Wait("w", -1), lambda: TimeLimit("t", Wait("w", 1), float("nan"))])
    def test_impossible_times_are_refused(self, make: Any) -> None:
        """A time below nothing, or none at all, is an error of the tree's author."""
        with pytest.raises(TreeError, match="seconds"):
            make()


class TestConditions:
    def test_a_predicate_decides(self) -> None:
        """What the predicate says is the status."""
        g = game(lambda: Condition("hurt?", lambda agent: agent.me["hp"] < 30))
        assert [g.tick(hp=hp).status for hp in (10, 50)] == ["SUCCESS", "FAILURE"]

    def test_a_subclass_may_check_itself(self) -> None:
        """`check` is there to override."""

        class Hurt(Condition):
            def check(self) -> bool:
                return bool(self.agent.me["hp"] < 30)

        assert game(lambda: Hurt("hurt?")).tick(hp=3).status == "SUCCESS"

    @pytest.mark.parametrize(
        ("predicate", "says"),
        [
            (lambda agent: (one for one in agent.me["sees"]), "say any"),
            (lambda agent: filter(None, agent.me["sees"]), "say any"),
            (lambda agent: agent.me.keys, "did not call it"),
            (waits, "async"),
        ],
        ids=["generator", "filter", "method", "async"],
    )
    def test_what_is_always_true_is_no_truth(self, predicate: Any, says: str) -> None:
        """Nobody sees anyone here, and yet each of these would have succeeded."""
        report = game(lambda: Condition("Sees anyone?", predicate)).tick(sees=[])
        assert report.status == "FAILURE"
        assert says in report.faults[0].error

    @pytest.mark.parametrize("found", [[], "", 0, None, {}])
    def test_other_values_count_by_their_truth(self, found: Any) -> None:
        g = game(lambda: Condition("c", lambda agent: agent.me["found"]))
        assert (g.tick(found=found).status, g.tick(found=[found]).status) == ("FAILURE", "SUCCESS")

    def test_a_condition_without_anything_to_check_is_refused(self) -> None:
        """Neither predicate nor subclass: the author forgot something."""
        with pytest.raises(TreeError, match="needs a predicate"):
            Condition("empty")

    def test_what_an_agent_perceives_cannot_be_written_to(self) -> None:
        """A leaf that writes into the shared world fails, and the world stays as it is."""
        world = {"alarm": False}

        def write(agent: AgentContext) -> bool:
            agent.world["alarm"] = True  # type: ignore[index]
            return True

        report = game(lambda: Condition("c", write)).tick(world=world)
        assert report.status == "FAILURE"
        assert "does not support item assignment" in report.faults[0].error
        assert world == {"alarm": False}


class TestActions:
    def test_an_action_runs_until_the_game_reports_its_end(self) -> None:
        """RUNNING before any report and while it runs, then what the game says; then the leaf orders anew."""
        g = game(lambda: Action("Walk", Walk(to="well")))
        order = g.tick().order
        assert order is not None
        assert order.action == Walk(to="well")
        assert order.source == "tree"
        assert g.tick().order is None
        g.report(order, "running")
        assert g.tick().status == "RUNNING"
        g.report(order, "success")
        report = g.tick()
        assert (report.status, report.order, g.agent.orders) == ("SUCCESS", None, {})
        again = g.tick().order
        assert again is not None
        assert again.id != order.id

    @pytest.mark.parametrize("status", ["failure", "rejected", "cancelled", "expired"])
    def test_any_other_end_is_a_failure_with_the_reason(self, status: Any) -> None:
        """The code and message of the game are the leaf's feedback."""
        g = game(lambda: Action("Walk", Walk()))
        order = g.tick().order
        assert order is not None
        g.report(order, status, code="blocked", message="a cart stands there")
        assert g.tick().status == "FAILURE"
        assert g.agent.root.feedback_message == f"{status} blocked a cart stands there"

    def test_a_lost_branch_cancels_before_the_new_action(self) -> None:
        """One report carries both: what to stop and what to start."""
        g = game(
            lambda: ReactiveSelector(
                "Root",
                [
                    ReactiveSequence("Alarm", [Condition("alarm?", lambda a: a.me["alarm"]), Action("Fight", Fight())]),
                    Action("Walk", Walk()),
                ],
            )
        )
        walk = g.tick(alarm=False).order
        report = g.tick(alarm=True)
        assert walk is not None
        assert report.cancels == (walk.id,)
        assert report.order is not None
        assert report.order.leaf == "Root/Alarm/Fight"
        assert g.tick(alarm=True).cancels == ()

    def test_a_second_action_in_one_tick_fails_its_leaf_and_is_reported(self) -> None:
        """One body does one thing at a time."""
        g = game(
            lambda: py_trees.composites.Parallel(
                "P",
                py_trees.common.ParallelPolicy.SuccessOnOne(),
                [Action("Walk", Walk()), Action("Fight", Fight())],
            )
        )
        report = g.tick()
        assert report.order is None, "the parallel failed, so the first action never leaves"
        assert "one action a tick" in report.faults[0].error
        assert report.faults[0].leaf == "P/Fight"

    def test_an_action_ordered_and_cancelled_in_one_tick_never_leaves(self) -> None:
        """There is nothing that the game would have to stop."""
        g = game(
            lambda: py_trees.composites.Parallel(
                "P",
                py_trees.common.ParallelPolicy.SuccessOnAll(),
                [Action("Walk", Walk()), Condition("no", lambda a: False)],
            )
        )
        report = g.tick()
        assert (report.order, report.cancels, g.agent.orders) == (None, (), {})

    def test_an_action_may_be_made_when_the_leaf_starts(self) -> None:
        """A callable knows what the agent perceives."""

        def towards(agent: AgentContext) -> Walk:
            return Walk(to=agent.me["goal"])

        report = game(lambda: Action("Go", towards)).tick(goal="tower")
        assert report.order is not None
        assert report.order.action == Walk(to="tower")

    def test_a_callable_must_say_what_it_makes(self) -> None:
        """Otherwise nobody could tell the game what to declare."""
        with pytest.raises(TreeError, match=r"emits=.*, or annotate the function's return: `-> SomeAction`"):
            Action("Go", lambda agent: Walk())
        assert Action("Go", lambda agent: Walk(), emits=[Walk]).actions == (Walk,)
        with pytest.raises(TreeError, match="not the class"):
            Action("Go", Walk)  # type: ignore[arg-type]

    def test_an_action_that_is_not_possible_now_fails(self) -> None:
        """The mask of the snapshot counts."""
        g = game(lambda: Action("Walk", Walk()))
        assert g.tick(available=["Fight"]).status == "FAILURE"
        assert g.tick(available=["Walk"]).status == "RUNNING"

    def test_values_out_of_bounds_never_leave(self) -> None:
        """Constructors do not check; the agent does."""
        g = game(lambda: Action("Walk", Walk(to=5)))  # type: ignore[arg-type]
        report = g.tick()
        assert report.order is None
        assert "Expected `str`" in report.faults[0].error

    def test_a_tree_that_may_choose_an_undeclared_action_is_refused_by_name(self) -> None:
        """When the agent registers, not in the middle of the game."""
        with pytest.raises(ActionError, match=r"may choose Fight, which the game does not declare"):
            game(lambda: Action("Fight", Fight()), declared=["Walk"])

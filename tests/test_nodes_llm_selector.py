"""The composite whose child the model picks."""

from __future__ import annotations

from typing import Any

import py_trees
import pytest
from hypothesis import given
from hypothesis import strategies as st
from py_trees.behaviour import Behaviour
from py_trees.common import Status

from brains import Action, Condition, LLMSelector, MemorySequence, ReactiveSequence, Wait
from brains.checking import check_brain
from brains.errors import TreeError
from brains.library import Brain
from brains.nodes.tree import llm_leaves_of
from brains.questions import Decision, NoAnswer
from brains.snapshot import AgentSnapshot, TickReport
from tests.leaf_games import Attack, Flee, Walk, done, ended, game, library, looks, stranger

A, B = looks("a bandit"), looks("a girl")


class Probe(Behaviour):
    """A child that keeps account of its life, and ends when it is told to."""

    def __init__(self, name: str, log: list[str]) -> None:
        super().__init__(name)
        self.log = log
        self.next = Status.RUNNING

    def initialise(self) -> None:
        self.log.append(f"{self.name} begins")

    def update(self) -> Status:
        return self.next

    def terminate(self, new_status: Status) -> None:
        # py_trees resets children that had ended, too.
        if self.status == Status.RUNNING or new_status != Status.INVALID:
            self.log.append(f"{self.name} {new_status.value}")


class Trio:
    """A selector over three probes in a game."""

    def __init__(self, answers: Any = None, *, guarded: bool = False, **options: Any) -> None:
        self.log: list[str] = []
        self.probes = {word: Probe(word, self.log) for word in ("fight", "talk", "run")}
        self.root = LLMSelector(
            "What now?", self.probes, prompt="respond", inputs={"stranger": stranger}, **{"retry": 0.0, **options}
        )
        near = Condition("near?", lambda agent: agent.me.get("near", True))
        tree = ReactiveSequence("S", [near, self.root]) if guarded else self.root
        self.game = game(lambda: tree, answers=answers)

    def tick(self, seen: Any = A, **perceived: Any) -> TickReport:
        """Tick once on a stranger."""
        return self.game.tick(stranger=seen, **perceived)

    def answer(self, answer: Any, seen: Any = A, **perceived: Any) -> TickReport:
        """Have the model answer its last question, and tick."""
        self.game.asker.tickets[-1].answer(answer)
        return self.tick(seen, **perceived)

    @property
    def asked(self) -> int:
        """How many questions there were."""
        return len(self.game.asker.tickets)

    @property
    def statuses(self) -> str:
        """The children's statuses in short."""
        return "".join(child.status.value[0] for child in self.root.children)


class TestPick:
    def test_it_runs_while_the_model_thinks_and_then_as_the_picked_child(self) -> None:
        t = Trio()
        report = t.tick()
        assert (report.status, report.running, t.statuses) == ("RUNNING", ("What now?",), "III")
        assert t.game.asker.tickets[0].question.labels == ("fight", "talk", "run")
        report = t.answer({"fight": 0.1, "talk": 0.8, "run": 0.1})
        assert (report.status, report.running, t.statuses) == ("RUNNING", ("What now?/talk",), "IRI")
        assert [(leaf.kind, leaf.text) for leaf in report.leaves] == [("answered", "talk, 0.80")]
        assert t.root.picked == "talk"

    @pytest.mark.parametrize("end", [Status.SUCCESS, Status.FAILURE])
    def test_the_pick_stands_until_that_child_ends_and_its_end_is_the_selectors(self, end: Status) -> None:
        """Then the next tick asks anew."""
        t = Trio(answers={"respond": "talk"})
        t.tick()
        for number in range(10):
            t.tick(looks(f"stranger {number}"))
        assert t.asked == 1
        t.probes["talk"].next = end
        assert t.tick().status == end.value
        assert t.statuses == f"I{end.value[0]}I"
        assert t.tick().status == "RUNNING"
        assert (t.asked, t.statuses) == (2, "III")

    def test_only_children_that_are_possible_are_offered(self) -> None:
        possible = {"talk": lambda agent: agent.me["awake"], "run": lambda agent: agent.me["legs"]}
        t = Trio(possible=possible)
        t.tick(awake=True, legs=False)
        assert t.game.asker.tickets[0].question.labels == ("fight", "talk")
        t = Trio(possible=possible)
        assert t.tick(awake=False, legs=False).status == "RUNNING"
        assert (t.asked, t.statuses) == (0, "RII")
        t = Trio(possible={word: lambda agent: False for word in ("fight", "talk", "run")})
        assert (t.tick().status, t.asked) == ("FAILURE", 0)

    def test_a_pick_that_has_become_impossible_is_refused(self) -> None:
        t = Trio(possible={"talk": lambda agent: agent.me["awake"]}, fallback="run")
        t.tick(awake=True)
        report = t.answer("talk", awake=False)
        assert (ended(report), t.statuses) == ([("fallback", "not_possible")], "IIR")

    def test_a_word_that_is_no_child_is_refused(self) -> None:
        t = Trio(fallback="run", answers=lambda q: Decision(answer="dance"))
        t.tick()
        assert (ended(t.tick()), t.statuses) == ([("fallback", "malformed")], "IIR")

    def test_children_in_a_list_go_by_their_names(self) -> None:
        log: list[str] = []
        made = LLMSelector("s", [Probe("fight", log), Probe("run away", log)], prompt="respond")
        assert made.labels == ("fight", "run away")
        assert [node.name for node in made.iterate()] == ["fight", "run away", "s"]

    def test_with_nothing_to_ask_about_it_fails(self) -> None:
        t = Trio(fallback="run")
        assert (t.game.tick().status, t.asked) == ("FAILURE", 0)


class TestWithoutAnswer:
    def test_past_its_deadline_the_fallback_child_runs(self) -> None:
        t = Trio(deadline=0.25, fallback="run")
        reports = [t.tick() for _ in range(4)]
        assert ended(reports[-1]) == [("fallback", "deadline")]
        assert t.statuses == "IIR"
        assert t.game.asker.tickets[0].cancelled
        assert t.game.agent.fallbacks == {"What now?": {"deadline": 1}}

    def test_without_a_fallback_it_fails_and_rests(self) -> None:
        t = Trio(retry=1.0, answers={"respond": NoAnswer(reason="unavailable")})
        statuses = [t.tick().status for _ in range(14)]
        assert statuses[:2] == ["RUNNING", "FAILURE"]
        assert statuses.count("RUNNING") == 2, "asked again, a second later"

    def test_a_fallback_that_is_not_possible_does_not_run(self) -> None:
        t = Trio(fallback="run", possible={"run": lambda a: False}, answers={"respond": NoAnswer(reason="timeout")})
        t.tick()
        assert (t.tick().status, t.statuses) == ("FAILURE", "III")

    def test_a_prompt_that_cannot_be_filled_is_a_fault_and_the_fallback_runs(self) -> None:
        t = Trio(fallback="run")
        t.game.allow_faults = True
        report = t.game.tick(stranger={"smells": "bad"})
        assert (ended(report), t.statuses) == ([("fallback", "prompt_error")], "IIR")
        assert "looks" in report.faults[0].error

    def test_a_predicate_that_breaks_hurts_nobody_else(self) -> None:
        """It is the selector that fails, and not the tree."""
        t = Trio(possible={"talk": lambda agent: agent.me["awake"]})
        t.game.allow_faults = True
        report = t.tick()
        assert (report.status, report.faults[0].leaf) == ("FAILURE", "What now?")
        t.tick(awake=True)
        report = t.answer("talk")
        assert (report.status, ended(report)) == ("FAILURE", [("fallback", "error")])


class TestMeanwhile:
    def test_a_child_runs_while_the_model_thinks_and_is_stopped_for_the_pick(self) -> None:
        """First the old one ends, then the new one begins."""
        t = Trio(meanwhile="run")
        report = t.tick()
        assert (report.running, t.statuses) == (("What now?/run",), "IIR")
        t.answer("fight")
        assert t.statuses == "RII"
        assert t.log == ["run begins", "run INVALID", "fight begins"]

    def test_if_it_is_the_pick_it_goes_on(self) -> None:
        t = Trio(meanwhile="run")
        t.tick()
        t.answer("run")
        assert t.log == ["run begins"]

    def test_its_end_is_not_the_selectors(self) -> None:
        """The pick has not been made; it begins again."""
        t = Trio(meanwhile="run")
        t.probes["run"].next = Status.SUCCESS
        assert [t.tick().status for _ in range(2)] == ["RUNNING", "RUNNING"]
        assert t.log == ["run begins", "run SUCCESS"] * 2
        t.answer("fight")
        assert (t.statuses, t.root.status) == ("RII", Status.RUNNING)

    def test_without_an_answer_and_a_fallback_it_is_stopped(self) -> None:
        t = Trio(meanwhile="run", deadline=0.15)
        assert [t.tick().status for _ in range(3)] == ["RUNNING", "RUNNING", "FAILURE"]
        assert t.log == ["run begins", "run INVALID"]


class TestReask:
    def test_it_asks_again_when_its_prompt_has_changed_and_the_time_has_come(self) -> None:
        t = Trio(reask=0.45, answers={"respond": "talk"})
        for _ in range(20):
            t.tick()
        assert t.asked == 1
        for _ in range(20):
            t.tick(B)
        assert t.asked == 2
        for number in range(10):
            t.tick(looks(f"stranger {number}"))
        assert t.asked == 4

    @pytest.mark.parametrize(
        ("answer", "expected"),
        [
            ({"fight": 0.5, "talk": 0.4, "run": 0.1}, "talk"),
            ({"fight": 0.6, "talk": 0.2, "run": 0.2}, "fight"),
            ({"fight": 0.2, "talk": 0.6, "run": 0.2}, "talk"),
        ],
    )
    def test_another_takes_over_only_by_the_margin(self, answer: dict[str, float], expected: str) -> None:
        t = Trio(reask=0.1, margin=0.3)
        t.tick()
        t.answer("talk")
        t.tick(B)
        report = t.answer(answer, B)
        assert (t.root.picked, report.status) == (expected, "RUNNING")
        assert [leaf.kind for leaf in report.leaves if leaf.kind != "asked"] == ["answered"]
        if expected != "talk":
            assert t.log == ["talk begins", "talk INVALID", "fight begins"]

    def test_picks_that_waver_do_not_flicker(self) -> None:
        """Answers that lean to and fro by less than the margin leave the running child alone."""
        t = Trio(reask=0.1, margin=0.3)
        t.tick()
        t.answer("talk")
        for number in range(20):
            t.tick(looks(f"stranger {number}"))
            lean = 0.1 if number % 2 else -0.1
            t.answer({"fight": 0.5 + lean, "talk": 0.5 - lean, "run": 0.0}, looks(f"stranger {number}"))
        assert t.log == ["talk begins"]

    def test_without_an_answer_the_child_runs_on(self) -> None:
        t = Trio(reask=0.1, fallback="run", deadline=0.25)
        t.tick()
        t.answer("talk")
        reports = [t.tick(B) for _ in range(5)]
        assert [end for report in reports for end in ended(report)] == [("fallback", "deadline")]
        assert (t.root.picked, t.log) == ("talk", ["talk begins"])

    def test_a_child_that_ends_takes_its_question_with_it(self) -> None:
        t = Trio(reask=0.1)
        t.tick()
        t.answer("talk")
        t.tick(B)
        t.probes["talk"].next = Status.SUCCESS
        report = t.tick(B)
        assert (report.status, ended(report)) == ("SUCCESS", [("cancelled", "the child has ended")])
        assert t.game.asker.tickets[1].cancelled

    def test_whatever_breaks_while_it_asks_again_the_child_runs_on(self) -> None:
        t = Trio(reask=0.1)
        t.game.allow_faults = True
        t.tick()
        t.answer("talk")
        report = t.tick({"smells": "bad"})
        assert (report.status, t.log) == ("RUNNING", ["talk begins"])
        assert "looks" in report.faults[0].error

    def test_a_fallback_is_asked_about_again(self) -> None:
        """Nothing has changed, but nobody has answered either."""
        t = Trio(reask=0.3, fallback="run", deadline=0.15)
        for _ in range(4):
            t.tick()
        assert (t.asked, t.root.picked) == (2, "run")
        t.answer("fight")
        assert t.root.picked == "fight"


class TestInATree:
    @pytest.mark.parametrize("answers", [None, {"respond": "talk"}])
    def test_a_lost_branch_stops_the_model_and_the_child(self, answers: dict[str, str] | None) -> None:
        t = Trio(answers, guarded=True)
        t.tick(), t.tick()
        report = t.tick(near=False)
        assert t.log == (["talk begins", "talk INVALID"] if answers else [])
        assert (t.statuses, t.root.current_child) == ("III", None)
        assert not t.game.asker.open
        assert ended(report) == ([] if answers else [("cancelled", "the branch was lost")])

    def test_it_lives_in_a_stock_behaviour_tree(self) -> None:
        """With visitors, tip() and the display functions."""
        t = Trio(answers={"respond": "talk"})
        tree = py_trees.trees.BehaviourTree(t.root)
        visitor = py_trees.visitors.SnapshotVisitor()
        tree.add_visitor(visitor)
        seen = []
        for number in range(3):
            t.game.agent.begin(AgentSnapshot(seq=number, me={"stranger": A}, time=number / 10))
            tree.tick()
            t.game.agent.finish()
            tip = tree.tip()
            seen.append((len(visitor.visited), None if tip is None else tip.name))
        assert seen == [(1, "What now?"), (2, "talk"), (2, "talk")]
        assert "talk" in py_trees.display.unicode_tree(t.root, show_status=True)
        t.root.stop(Status.INVALID)
        assert t.log == ["talk begins", "talk INVALID"]

    def test_actions_of_the_old_child_end_before_those_of_the_new(self) -> None:
        """In the same tick: the game hears cancel, then the order."""
        g = game(
            lambda: LLMSelector(
                "s",
                {"walk": Action("Walk", Walk()), "run": Action("Flee", Flee())},
                prompt="respond",
                inputs={"stranger": stranger},
                reask=0.1,
            )
        )
        g.tick(stranger=A)
        g.asker.tickets[0].answer("walk")
        order = g.tick(stranger=A).order
        assert order is not None
        g.tick(stranger=B)
        g.asker.tickets[1].answer("run")
        report = g.tick(stranger=B)
        assert (done(report), report.cancels) == (Flee(), (order.id,))

    @pytest.mark.parametrize(
        ("answer", "expected"),
        [("run", ("llm", "run 1.00")), (NoAnswer(reason="timeout"), ("fallback", "timeout"))],
    )
    def test_an_order_says_who_picked_its_branch(self, answer: Any, expected: tuple[str, str]) -> None:
        """The model chose that it be done, or the fallback; a child that only runs meanwhile is the tree's."""
        g = game(
            lambda: LLMSelector(
                "s",
                {"walk": Action("Walk", Walk()), "run": MemorySequence("Away", [Action("Flee", Flee())])},
                prompt="respond",
                inputs={"stranger": stranger},
                fallback="run",
                meanwhile="walk",
            )
        )
        order = g.tick(stranger=A).order
        assert order is not None
        assert (order.source, order.reason) == ("tree", "")
        g.asker.tickets[0].answer(answer)
        order = g.tick(stranger=A).order
        assert order is not None
        assert (order.source, order.reason) == expected

    def test_a_sequence_can_be_a_child(self) -> None:
        g = game(
            lambda: LLMSelector(
                "s",
                {
                    "fight": MemorySequence("Fight", [Action("Attack", Attack(target="b")), Wait("breathe", 0.05)]),
                    "run": Action("Flee", Flee()),
                },
                prompt="respond",
                inputs={"stranger": stranger},
            ),
            answers={"respond": "fight"},
        )
        g.tick(stranger=A)
        order = g.tick(stranger=A).order
        assert order is not None
        g.report(order, "success")
        assert g.tick(stranger=A).running == ("s/Fight/breathe",)
        assert g.tick(stranger=A).status == "SUCCESS"

    def test_others_find_it_among_the_nodes_that_ask(self) -> None:
        """`brains check` and the fakes do."""
        t = Trio()
        assert llm_leaves_of(t.root) == [t.root]
        made = Brain(
            name="b",
            factory=lambda: LLMSelector(
                "s",
                {"fight": Wait("f", 1), "run": Wait("r", 1)},
                prompt="is_hostile",
                inputs={"stranger": stranger},
            ),
        )
        assert [finding.rule for finding in check_brain(made, library())] == ["answer-kind"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"children": [Wait("a", 1), Wait("a", 1)]}, "two children have one word"),
        ({"children": {"fight": Wait("f", 1)}}, "two labels or more"),
        ({"children": [Wait("Is it?", 1), Wait("b", 1)]}, r"cannot be a label.*Give each child a word"),
        ({"fallback": "dance"}, "fallback names 'dance', which is no child"),
        ({"meanwhile": "dance"}, "meanwhile names 'dance'"),
        ({"possible": {"dance": lambda agent: True}}, "possible names 'dance'"),
        ({"reask": 0.0}, "reask must be more than 0"),
        ({"margin": 1.5}, "margin must be from 0 to 1"),
        ({"deadline": 0}, "deadline must be more than 0"),
        ({"num_ctx": 1}, "'num_ctx' is no setting of a node"),
    ],
)
def test_settings_that_cannot_work_are_refused(options: dict[str, Any], message: str) -> None:
    """At build time, by name."""
    children = options.pop("children", None) or {"fight": Wait("f", 1), "run": Wait("r", 1)}
    with pytest.raises(TreeError, match=message):
        LLMSelector("s", children, prompt="respond", **options)


WORDS = ("fight", "talk", "run")
STEP = st.fixed_dictionaries(
    {
        "seen": st.sampled_from([A, B, None]),
        "can": st.sets(st.sampled_from(WORDS)),
        "answer": st.sampled_from([None, None, *WORDS, "nobody"]),
        "ends": st.sampled_from([Status.RUNNING, Status.RUNNING, Status.SUCCESS, Status.FAILURE]),
        "near": st.sampled_from([True, True, True, False]),
    }
)


def test_a_predicate_that_raises_while_the_model_thinks_is_the_selectors_own_failure() -> None:
    """And not that of the whole tree, in which other branches are at work."""
    possible = {"run": lambda agent: agent.me["far"]}
    t = Trio(meanwhile="run", possible=possible, guarded=True)
    t.game.allow_faults = True
    t.tick(far=True)
    report = t.tick()
    assert [fault.leaf for fault in report.faults] == ["S/What now?"]
    assert (t.root.status, report.status) == (Status.FAILURE, "FAILURE")
    assert t.log == ["run begins", "run INVALID"]


@given(steps=st.lists(STEP, max_size=25), reask=st.booleans(), meanwhile=st.booleans(), fallback=st.booleans())
def test_whatever_happens_one_child_runs_at_the_most(
    steps: list[dict[str, Any]], reask: bool, meanwhile: bool, fallback: bool
) -> None:
    """The others are INVALID; every child that began is ended; every question ends in one report; none stays open."""
    t = Trio(
        guarded=True,
        reask=0.1 if reask else None,
        meanwhile="run" if meanwhile else None,
        fallback="talk" if fallback else None,
        deadline=0.35,
        possible={word: lambda agent, word=word: word in agent.me["can"] for word in WORDS},
    )
    notes: list[str] = []
    for step in [*steps, {"seen": A, "can": set(), "answer": None, "ends": Status.RUNNING, "near": False}]:
        for ticket in t.game.asker.open:
            word = step["answer"]
            if word is not None:
                ticket.outcome = NoAnswer(reason="malformed") if word == "nobody" else Decision(answer=word)
        for probe in t.probes.values():
            probe.next = step["ends"]
        report = t.tick(step["seen"], can=step["can"], near=step["near"])
        notes += [leaf.kind for leaf in report.leaves]
        running = [child for child in t.root.children if child.status == Status.RUNNING]
        assert len(running) <= 1
        assert all(child.status == Status.INVALID for child in t.root.children if child is not t.root.current_child)
        assert len(t.game.asker.open) <= 1
        if t.root.status != Status.RUNNING:
            assert not running
            assert not t.game.asker.open
        if not step["near"]:
            assert t.statuses == "III"
    begun = sum(line.endswith("begins") for line in t.log)
    assert len(t.log) == 2 * begun
    assert notes.count("asked") == len(t.game.asker.tickets)
    assert len(notes) == 2 * notes.count("asked")

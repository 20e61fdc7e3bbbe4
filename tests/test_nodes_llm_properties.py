"""Whatever the world does, whatever the model says and however late: what the leaves that ask a model keep to."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from brains import Action, Condition, LLMAction, LLMCondition, ReactiveSelector, ReactiveSequence, one_of
from brains.questions import Decision, NoAnswer, Question
from brains.snapshot import TickReport
from brains.testing import FakeGame
from tests.leaf_games import Attack, Challenge, Flee, Walk, game, hostile, looks, stranger

KINDS: dict[str, Any] = {"Attack": Attack, "Challenge": Challenge, "Flee": Flee}
LOOKS = [looks("a bandit"), looks("a girl"), looks("a cook")]
ALL = frozenset(KINDS)
# Mostly a calm world in which everything is possible, so that answers get far enough to be refused at the last moment.
POSSIBLE = st.sampled_from([ALL, ALL, ALL, ALL - {"Flee"}, ALL - {"Attack"}, ALL - {"Challenge"}, frozenset({"Flee"})])
TICK = st.fixed_dictionaries(
    {
        "near": st.sampled_from([True] * 9 + [False]),
        "stranger": st.sampled_from([*LOOKS, *LOOKS, *LOOKS, None]),
        "sees": st.sampled_from([["b1", "b2"], ["b1", "b2"], ["b2", "b1", "b3"], ["b1"], ["b2"], []]),
        "can": POSSIBLE,
        "available": POSSIBLE,
        "calm": st.sampled_from([True] * 4 + [False]),
        "answer": st.sampled_from([None, 0, 0, 0, 1, 1, 2, "sing", "gone"]),
        "seconds": st.sampled_from([0.0, 0.1, 0.1, 0.1, 0.1, 0.7]),
        "result": st.sampled_from([None, "success", "failure"]),
    }
)


def choices(agent: Any) -> list[type[Attack] | type[Challenge] | type[Flee]]:
    """Return what the world says is possible now."""
    return [KINDS[word] for word in sorted(agent.me["can"])]


def respond() -> LLMAction:
    """Make a leaf with everything that may change under it."""
    return LLMAction(
        "respond",
        prompt="respond",
        inputs={"stranger": stranger},
        choices=choices,
        arguments={"target": one_of(lambda agent: agent.me["sees"])},
        still=lambda agent, asked: agent.me["calm"],
        fallback=Challenge,
        emits=[Attack, Challenge, Flee],
        deadline=0.5,
        retry=0.2,
    )


def outcome(question: Question, said: int | str) -> Any:
    """Make an answer: one of those offered by its place, or a word that fits nowhere; this asker keeps to nothing."""
    if said == "gone":
        return NoAnswer(reason="unavailable")
    if question.schema is not None:
        ids = question.schema["properties"]["target"]["enum"]
        return Decision(answer="", value={"target": ids[said % len(ids)] if isinstance(said, int) else said})
    labels = question.labels
    return Decision(answer=labels[said % len(labels)] if isinstance(said, int) else said)


def answer_open(g: FakeGame, said: int | str | None) -> None:
    """Give every open question this answer."""
    for ticket in g.asker.open:
        if said is not None:
            ticket.outcome = outcome(ticket.question, said)


def report_result(g: FakeGame, result: Any) -> None:
    """Report an end of what goes on."""
    for order in g.agent.resume() if result else ():
        g.report(order, result)


def balance(reports: list[TickReport]) -> tuple[int, int]:
    """Count how many questions were asked, and how many ended with one of the three reports."""
    kinds = [leaf.kind for report in reports for leaf in report.leaves]
    return kinds.count("asked"), sum(kind in ("answered", "fallback", "cancelled") for kind in kinds)


LAST: dict[str, Any] = {
    "near": False,
    "stranger": None,
    "sees": [],
    "can": set(),
    "available": set(),
    "calm": True,
    "answer": None,
    "seconds": 0.1,
    "result": None,
}


@given(ticks=st.lists(TICK, max_size=30))
def test_an_action_never_does_what_is_not_possible_when_it_is_done(ticks: list[dict[str, Any]]) -> None:
    """No order outside the choices, the game's list or who is in sight; no ticket left; one report per question."""
    g = game(
        lambda: ReactiveSelector(
            "Root",
            [
                ReactiveSequence("Near", [Condition("near?", lambda agent: agent.me["near"]), respond()]),
                Action("Walk", Walk()),
            ],
        )
    )
    reports = []
    for tick in [*ticks, LAST]:
        answer_open(g, tick["answer"])
        report_result(g, tick["result"])
        g.seconds = tick["seconds"]
        perceived = {name: tick[name] for name in ("near", "stranger", "sees", "can", "calm")}
        report = g.tick(**perceived, available={*tick["available"], "Walk"})
        reports.append(report)
        if report.order is not None and report.order.leaf.endswith("respond"):
            made = report.order.action
            name = type(made).__name__
            assert name in tick["available"]
            assert report.order.source == "fallback" or name in tick["can"]
            if isinstance(made, Attack | Challenge):
                assert made.target in tick["sees"]
            if report.order.source == "llm":
                assert tick["calm"], "its premise was gone"
        assert len(g.asker.open) <= 1
        if not tick["near"]:
            assert not g.asker.open
    asked, ended = balance(reports)
    assert asked == ended == len(g.asker.tickets)
    assert all(ticket.cancelled or ticket.outcome is not None for ticket in g.asker.tickets)


PROBABILITY = st.sampled_from([0.0, 0.3, 0.45, 0.5, 0.55, 0.7, 1.0])


@given(
    ticks=st.lists(
        st.tuples(st.sampled_from(LOOKS), st.none() | PROBABILITY, st.sampled_from([0.05, 0.1, 0.3])), max_size=40
    ),
    dwell=st.sampled_from([0.0, 0.25, 0.8]),
    release=st.sampled_from([0.4, 0.6]),
    every=st.sampled_from([0.0, 0.2]),
)
def test_a_condition_turns_at_most_once_per_dwell_and_never_within_its_band(
    ticks: list[tuple[Any, float | None, float]], dwell: float, release: float, every: float
) -> None:
    """Counted from its first answer on; to yes it needs the threshold, to no a probability below the release."""
    g = game(lambda: hostile(threshold=0.6, release=release, dwell=dwell, every=every, deadline=9.0, retry=0.0))
    leaf = g.agent.root
    assert isinstance(leaf, LLMCondition)
    turns: list[float] = []
    last: str | None = None
    reports = []
    for seen, probability, seconds in ticks:
        for ticket in g.asker.open:
            if probability is not None:
                ticket.answer({"danger": probability, "safe": 1 - probability})
        g.seconds = seconds
        report = g.tick(stranger=seen)
        reports.append(report)
        assert report.status in ("SUCCESS", "FAILURE")
        known = leaf.probability
        if last is not None and report.status != last:
            turns.append(report.time)
            assert known is not None
            assert known >= 0.6 if report.status == "SUCCESS" else known < release
        if known is not None:
            if last is None:
                turns.append(report.time)
            last = report.status
    assert all(later - earlier >= dwell - 1e-9 for earlier, later in itertools.pairwise(turns))
    asked, ended = balance(reports)
    assert asked - ended == len(g.asker.open) <= 1
    times = [report.time for report in reports for note in report.leaves if note.kind == "asked"]
    assert all(later - earlier >= every - 1e-9 for earlier, later in itertools.pairwise(times))


@given(
    ticks=st.lists(st.tuples(st.booleans(), st.sampled_from([*LOOKS, None]), st.booleans()), max_size=30),
    on_pending=st.sampled_from(["keep", "default", "running", "success", "failure"]),
    fallback=st.sampled_from(["keep", "default", "success", "failure"]),
    ttl=st.sampled_from([None, 0.15]),
)
def test_a_condition_leaves_no_question_behind(
    ticks: list[tuple[bool, Any, bool]], on_pending: str, fallback: str, ttl: float | None
) -> None:
    """Whatever it says meanwhile; and RUNNING only if it was told to, and a question is open or waits for its turn."""
    leaf = hostile(on_pending=on_pending, fallback=fallback, ttl=ttl, deadline=0.25, retry=0.1, every=0.15)
    root = ReactiveSequence("S", [Condition("near?", lambda agent: agent.me["near"]), leaf])
    g = game(lambda: root)
    reports = []
    for near, seen, answers in [*ticks, (False, None, False)]:
        for ticket in g.asker.open:
            if answers:
                ticket.answer("danger")
        report = g.tick(near=near, stranger=seen)
        reports.append(report)
        if report.status == "RUNNING":
            assert on_pending == "running"
        if not near or seen is None:
            assert not g.asker.open
    asked, ended = balance(reports)
    assert asked == ended == len(g.asker.tickets)

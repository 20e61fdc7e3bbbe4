"""Changing what an agent remembers, what a node comes to, and what the model is taken to have said."""

from __future__ import annotations

from typing import Any

import py_trees
import pytest
from py_trees.common import Status

from brains import (
    Action,
    Condition,
    LLMAction,
    LLMCondition,
    LLMSelector,
    MemorySelector,
    ReactiveSelector,
    ReactiveSequence,
    Say,
    Wait,
)
from brains.questions import Decision, NoAnswer
from tests.debugging import Front, Refused, Stage
from tests.leaf_games import CONDITION, Flee, Walk, library, stranger


def guard() -> Any:
    return ReactiveSelector(
        "Guard",
        [
            ReactiveSequence(
                "Stranger",
                [
                    Condition("Sees", lambda agent: "stranger" in agent.me),
                    LLMCondition("hostile?", prompt="is_hostile", inputs={"stranger": stranger}, every=0),
                    LLMAction("Respond", prompt="respond", inputs={"stranger": stranger}, choices=[Flee, Walk]),
                ],
            ),
            Action("Patrol", Walk()),
        ],
    )


BANDIT = {"stranger": {"looks": "a bandit"}}


def stage(**options: Any) -> tuple[Stage, Front]:
    made = Stage({"guard": guard}, actions=("Flee", "Walk"), prompts=library(), **options)
    made.add("guard_1")
    return made, made.front("guard_1")


def verdicts(body: Any) -> dict[str, tuple[str, str, bool]]:
    """Return of each node in a `why` its verdict, the reason, and whether a debugger said so."""
    return {
        one["path"].rpartition("/")[2]: (one["verdict"], one.get("reason", ""), one.get("forced", False))
        for one in body["tried"]
    }


def test_why_tells_which_results_a_debugger_has_forced() -> None:
    game, front = stage()
    front.ask("force", node="Sees", status="success")
    game.tick(guard_1={})
    tried = verdicts(front.ask("why"))
    assert tried["Sees"] == ("passed", "forced", True)
    assert tried["Guard"][2] is tried["Patrol"][2] is False
    game.tick(guard_1={})
    assert verdicts(front.ask("why"))["Sees"] == ("refused", "", False)


def test_why_tells_that_a_result_was_forced_after_the_node_had_ended() -> None:
    game, front = stage()
    front.ask("break", where="*/Sees", on="exit")
    game.tick(guard_1=BANDIT)
    front.ask("force", node="Sees", status="failure")
    assert verdicts(front.ask("why"))["Sees"] == ("refused", "forced", True)
    front.ask("continue")
    tried = verdicts(front.ask("why"))
    assert tried["Sees"] == ("refused", "forced", True)
    assert tried["hostile?"][0] == "not tried"


def test_memory_can_be_set_in_depth_and_deleted() -> None:
    game, front = stage()
    memory = game.agent("guard_1").blackboard
    memory.update(route=["wall", "gate"], target={"name": "bob"})
    front.ask("pause")
    game.tick()
    assert front.ask("set", key="alarm", value={"level": 3}) == {"key": "alarm", "old": None, "value": {"level": 3}}
    front.ask("set", key="route.1", value="tower")
    front.ask("set", key="target.name", value="ann")
    front.ask("set", key="alarm", delete=True)
    assert memory == {"route": ["wall", "tower"], "target": {"name": "ann"}}
    for key, match in (("targt.name", "did you mean 'target'"), ("route.9", "the list has 2 items")):
        with pytest.raises(Refused, match=match):
            front.ask("set", key=key, value=1)
    with pytest.raises(Refused, match="bad_arguments: set which key"):
        front.ask("set", key="")


def test_a_result_can_be_forced_before_a_node_runs() -> None:
    game, front = stage()
    front.ask("break", where="Sees", once=True)
    game.tick()
    assert front.ask("force", status="success")["at"] == "enter"
    front.ask("next")
    assert front.stops()[-1]["status"] == "SUCCESS"
    front.ask("step")
    assert front.stop()["path"] == "Guard/Stranger/hostile?"
    front.ask("continue")
    game.tick()
    assert game.agent("guard_1").root.children[0].children[0].status is Status.FAILURE


def test_a_result_can_be_changed_after_the_node_has_run() -> None:
    game, front = stage()
    front.ask("break", where="Sees:exit", once=True)
    game.tick()
    assert front.stop()["status"] == "FAILURE"
    assert front.ask("force", status="success")["at"] == "exit"
    assert front.ask("where")["stop"]["so_far"] == [{"path": "Guard/Stranger/Sees", "status": "SUCCESS"}]
    front.ask("step")
    assert front.stop()["path"] == "Guard/Stranger/hostile?"


def test_a_kept_result_holds_until_it_is_taken_back_or_the_debugger_goes() -> None:
    game, front = stage()
    front.ask("force", node="Sees", status="success", keep=True)
    front.ask("force", node="hostile?", status="success", keep=True)
    for _ in range(3):
        game.tick(guard_1=BANDIT)
    assert game.agent("guard_1").root.children[0].status is Status.RUNNING
    tree = front.ask("tree", node="Sees")["root"]
    assert tree["forced"] == "SUCCESS"
    front.ask("force", node="Sees", status="none")
    game.tick()
    assert game.agent("guard_1").root.children[0].status is Status.FAILURE
    front.ask("detach")
    game.tick(guard_1=BANDIT)
    assert game.agent("guard_1").root.children[0].children[1].status is Status.FAILURE


@pytest.mark.parametrize("status", ["success", "failure", "running"])
def test_forcing_a_composite_stops_the_action_that_runs_below_it(status: str) -> None:
    game, front = stage()
    game.tick()
    (order,) = game.agent("guard_1").orders
    front.ask("force", node="Guard", status=status)
    answer = game.tick()
    assert answer["cancel"] == [order]
    agent = game.agent("guard_1")
    assert agent.root.status is Status[status.upper()]
    assert agent.orders == {}
    game.tick()
    assert [type(order.action) for order in agent.orders.values()] == [Walk]


@pytest.mark.parametrize("status", ["success", "failure", "running"])
def test_forcing_a_leaf_that_thinks_gives_its_question_up(status: str) -> None:
    game, front = stage(answers={"is_hostile": "danger"})
    game.tick(guard_1=BANDIT)
    game.tick(guard_1=BANDIT)
    (ticket,) = game.asker.open
    front.ask("force", node="Respond", status=status)
    game.tick(guard_1=BANDIT)
    assert ticket.cancelled
    assert not game.asker.open


@pytest.mark.parametrize(
    "make",
    [
        lambda child: py_trees.decorators.Inverter("Node", child),
        lambda child: py_trees.decorators.Repeat("Node", child, 3),
        lambda child: MemorySelector("Node", [child, Wait("Other", 9)]),
        lambda child: py_trees.composites.Parallel(
            "Node", py_trees.common.ParallelPolicy.SuccessOnAll(), [child, Wait("Other", 9)]
        ),
        lambda child: LLMSelector("Node", {"fight": child, "run": Wait("Other", 9)}, prompt="respond",
                                  inputs={"stranger": {"looks": "odd"}}),
    ],
    ids=["inverter", "repeat", "memory selector", "parallel", "llm selector"],
)  # fmt: skip
@pytest.mark.parametrize("status", ["success", "failure", "running"])
def test_nodes_of_any_kind_can_be_forced_and_run_on_afterwards(make: Any, status: str) -> None:
    game = Stage({"guard": lambda: make(Wait("Child", 9))}, prompts=library(), answers={"respond": "fight"})
    game.add("guard_1")
    front = game.front("guard_1")
    for _ in range(3):
        game.tick()
    front.ask("force", node="Node", status=status)
    game.tick()
    root = game.agent("guard_1").root
    assert root.status is Status[status.upper()]
    assert all(child.status is not Status.RUNNING for child in root.children)
    for _ in range(3):
        game.tick()
    assert root.status is Status.RUNNING
    assert any(child.status is Status.RUNNING for child in root.children)


@pytest.mark.parametrize("leave", [False, True])
def test_a_node_that_was_only_said_to_run_begins_when_it_runs(leave: bool) -> None:
    game = Stage({"guard": lambda: ReactiveSelector("Root", [Wait("Wait", 0.25), Wait("Other", 9)])})
    game.add("guard_1")
    front = game.front("guard_1")
    front.ask("force", node="Wait", status="running")
    game.tick()
    if leave:
        front.ask("detach")
    waits = game.agent("guard_1").root.children[0]
    statuses = []
    for _ in range(4):
        game.tick()
        statuses.append(waits.status)
    assert statuses == [Status.RUNNING] * 3 + [Status.SUCCESS]


def test_the_prompt_as_it_was_asked_and_as_it_would_be_asked_now() -> None:
    game, front = stage()
    front.ask("break", where="Patrol")
    game.tick(guard_1=BANDIT)
    body = front.ask("prompt", node="hostile?")
    assert body["leaf"] == "Guard/Stranger/hostile?"
    assert body["asked"]["user"] == body["now"]["user"] == "a bandit"
    assert (body["waiting"], body["changed"], body["asked"]["labels"]) == (True, False, ["danger", "safe"])
    assert body["variables"] == {"stranger": {"looks": "a bandit"}}
    game.prompts.put("is_hostile", CONDITION.replace("{{ stranger.looks }}", "See: {{ stranger.looks }}"))
    body = front.ask("prompt", node="hostile?")
    assert (body["changed"], body["now"]["user"]) == (True, "See: a bandit")
    assert body["asked"]["version"] != body["version"] == body["now"]["version"]
    with pytest.raises(Refused, match=r"Guard/Patrol asks no model.*Guard/Stranger/hostile"):
        front.ask("prompt", node="Patrol")


def test_what_the_model_said_last() -> None:
    game, front = stage()
    game.tick(guard_1=BANDIT)
    assert front.ask("reply", node="hostile?")["waiting"] == 0.0
    game.asker.tickets[0].answer({"danger": 0.2, "safe": 0.8})
    assert front.ask("reply", node="hostile?")["arrived"]["answer"] == "safe"
    game.tick(guard_1=BANDIT)
    body = front.ask("reply", node="hostile?")
    assert body["waiting"] is None
    assert body["decision"]["probabilities"] == {"danger": 0.2, "safe": 0.8}
    assert (body["decision"]["tick_asked"], body["decision"]["tick_answered"]) == (1, 2)


def test_a_question_can_be_asked_again_on_the_side() -> None:
    game, front = stage(answers=None)
    front.ask("break", where="Patrol")
    game.tick(guard_1=BANDIT)
    own = game.asker.tickets[0]
    number = front.send("rerun", node="hostile?", times=2)
    assert front.answer(number) is None
    first = game.asker.tickets[1]
    assert first.question.leaf != own.question.leaf
    assert not own.cancelled
    game.asker.answer(first, "danger")
    assert front.answer(number) is None
    game.asker.answer(game.asker.tickets[2], "safe")
    body = front.answer(number)
    assert body is not None
    assert [run["answer"] for run in body["runs"]] == ["danger", "safe"]
    assert (body["same"], body["applied"]) == (False, False)
    assert own.outcome is None
    game.tick(guard_1=BANDIT)


def test_another_model_can_be_asked_on_the_side() -> None:
    game, front = stage(answers=None, models=("small", "large"))
    game.tick(guard_1=BANDIT)
    front.ask("pause")
    game.tick(guard_1=BANDIT)
    with pytest.raises(Refused, match=r"unknown_model: there is no model 'larg' .*did you mean 'large'"):
        front.ask("rerun", node="hostile?", model="larg")
    own = game.asker.tickets[0]
    number = front.send("rerun", node="hostile?", model="large")
    ticket = game.asker.tickets[-1]
    assert (own.question.model, ticket.question.model) == ("", "large")
    assert ticket.question.prompt.user == own.question.prompt.user
    game.asker.answer(ticket, "danger")
    body = front.answer(number)
    assert body is not None
    assert body["runs"][0]["answer"] == "danger"


def test_an_answer_to_an_edited_template_can_be_applied() -> None:
    game, front = stage(answers={"is_hostile": {"danger": 0.1, "safe": 0.9}})
    front.ask("break", where="Guard/Patrol", once=True)
    game.tick(guard_1=BANDIT)
    front.stop()
    game.asker.answers = {"is_hostile": {"danger": 0.9, "safe": 0.1}}
    body = front.answer(front.send("rerun", node="hostile?", apply=True))
    assert body is not None
    assert body["applied"]
    front.ask("continue")
    game.asker.answers = {}
    game.tick(guard_1=BANDIT)
    agent = game.agent("guard_1")
    assert agent.root.children[0].children[1].status is Status.SUCCESS
    assert agent.decisions["Guard/Stranger/hostile?"].decision.probabilities["danger"] == 0.9  # type: ignore[union-attr]


def test_an_applied_answer_is_what_a_leaf_takes_that_has_not_asked_yet() -> None:
    game, front = stage(answers={"is_hostile": "danger"})
    game.tick(guard_1=BANDIT)
    front.ask("break", where="Respond", once=True)
    game.tick(guard_1=BANDIT)
    front.stop()
    number = front.send("rerun", apply=True)
    game.asker.answer(game.asker.tickets[-1], "run")
    body = front.answer(number)
    assert body is not None
    assert body["runs"][0]["answer"] == "run"
    front.ask("continue")
    game.tick(guard_1=BANDIT)
    answer = game.tick(guard_1=BANDIT)
    assert [order.leaf for order in game.agent("guard_1").orders.values()] == ["Guard/Stranger/Respond"]
    assert [type(order.action) for order in game.agent("guard_1").orders.values()] == [Flee], answer


def test_an_answer_cannot_be_applied_to_a_leaf_that_has_acted() -> None:
    game, front = stage(answers={"is_hostile": "danger", "respond": "run"})
    for _ in range(3):
        game.tick(guard_1=BANDIT)
    with pytest.raises(Refused, match="has acted on its answer already"):
        front.ask("rerun", node="Respond", apply=True)


def test_a_rerun_that_brings_no_answer_says_why_and_applies_nothing() -> None:
    game, front = stage()
    game.tick(guard_1=BANDIT)
    game.asker.answers = lambda question: NoAnswer(reason="unavailable", message="no server")
    body = front.ask("rerun", node="hostile?")
    assert (body["runs"][0]["kind"], body["runs"][0]["reason"]) == ("fallback", "unavailable")
    with pytest.raises(Refused, match="model_error: unavailable: no server"):
        front.ask("rerun", node="hostile?", apply=True)


def test_what_cannot_be_asked_again_says_so() -> None:
    game, front = stage()
    game.tick()
    with pytest.raises(Refused, match=r"no_prompt: Guard/Stranger/hostile. has nothing to ask about now"):
        front.ask("rerun", node="hostile?")
    with pytest.raises(Refused, match="times must be 1 to 50"):
        front.ask("rerun", node="hostile?", times=0)
    game.prompts.put("is_hostile", CONDITION.replace("stranger.looks", "stranger.says").replace("[looks]", "[says]"))
    game.tick(guard_1=BANDIT)
    with pytest.raises(Refused, match="prompt_error"):
        front.ask("rerun", node="hostile?")
    assert "error" in front.ask("prompt", node="hostile?")


def test_a_front_end_that_goes_while_its_rerun_is_out_is_not_waited_for() -> None:
    game, front = stage()
    game.tick(guard_1=BANDIT)
    front.send("rerun", node="hostile?", times=3)
    ticket = game.asker.tickets[-1]
    front.session.close()
    game.asker.answer(ticket, "danger")
    assert len(game.asker.tickets) == 2
    assert game.asker._listeners == []


def test_a_template_is_shown_with_its_text() -> None:
    _game, front = stage()
    body = front.ask("template", node="hostile?")
    assert (body["prompt"], body["text"], body["error"]) == ("is_hostile", CONDITION, None)
    assert front.ask("template", prompt="respond")["prompt"] == "respond"
    assert front.ask("reload") == {"prompts": [], "errors": []}


def test_what_every_leaf_would_ask_is_what_it_then_asks() -> None:
    text = CONDITION.replace("answer: {danger: true, safe: false}", "answer: text")
    prompts = library()
    prompts.put("speak", text)
    inputs = {"stranger": {"looks": "odd"}}
    for make in (
        lambda: Say("Leaf", prompt="speak", inputs=inputs),
        lambda: LLMCondition("Leaf", prompt="is_hostile", inputs=inputs),
        lambda: LLMAction("Leaf", prompt="respond", inputs=inputs, choices=[Flee, Walk]),
        lambda: LLMSelector("Leaf", {"fight": Wait("A", 1), "run": Wait("B", 1)}, prompt="respond", inputs=inputs),
    ):
        game = Stage({"guard": make}, actions=("Flee", "Walk"), prompts=prompts)
        game.add("guard_1")
        front = game.front("guard_1")
        front.ask("pause")
        game.tick()
        before = front.ask("prompt")["now"]
        front.ask("tick")
        asked = front.ask("prompt")["asked"]
        assert before == asked
        assert game.asker.tickets[0].question.labels == tuple(before["labels"])


def test_decisions_stay_known_without_a_debugger() -> None:
    game = Stage({"guard": guard}, actions=("Flee", "Walk"), prompts=library(), answers={"is_hostile": "danger"})
    game.add("guard_1")
    for _ in range(3):
        game.tick(guard_1=BANDIT)
    report = game.agent("guard_1").decisions["Guard/Stranger/hostile?"]
    assert isinstance(report.decision, Decision)
    front = game.front()
    assert front.ask("reply", agent="guard_1", node="hostile?")["decision"]["answer"] == "danger"

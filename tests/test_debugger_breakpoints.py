"""Breakpoints: where they are, when they are met, what they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import py_trees
import pytest
from py_trees.common import Status

from brains import Action, Condition, LLMCondition, MemorySequence, ReactiveSelector, ReactiveSequence, Wait
from tests.debugging import Front, Refused, Stage
from tests.leaf_games import Flee, Walk, library


def guard() -> Any:
    return ReactiveSelector(
        "Guard",
        [
            ReactiveSequence(
                "Danger", [Condition("Hurt?", lambda agent: agent.me.get("hp", 9) < 3), Action("Flee", Flee())]
            ),
            Action("Patrol", Walk()),
        ],
    )


def dog() -> Any:
    return ReactiveSelector(
        "Dog",
        [
            LLMCondition("hostile?", prompt="is_hostile", inputs={"stranger": lambda a: a.me.get("stranger")}, every=0),
            Wait("Sleep", 99),
        ],
    )


def stage(**options: Any) -> tuple[Stage, Front]:
    made = Stage({"guard": guard, "dog": dog}, actions=("Flee", "Walk"), prompts=library(), **options)
    made.add("guard_1", "guard_2", "dog_1")
    return made, made.front()


def test_a_path_glob_applies_to_agents_by_id_or_brain() -> None:
    game, front = stage()
    info = front.ask("break", where="guard:*/Patrol")
    assert info["nodes"] == ["guard_1:Guard/Patrol", "guard_2:Guard/Patrol"]
    assert game.tick()["busy"] == ["guard_1", "guard_2"]
    assert [stop["agent"] for stop in front.stops()] == ["guard_1", "guard_2"]
    front.ask("delete")
    assert front.ask("break", where="*_2:Patrol")["nodes"] == ["guard_2:Guard/Patrol"]


@pytest.mark.parametrize(
    ("on", "status", "phase"),
    [("exit", "FAILURE", "exit"), ("failure", "FAILURE", "exit"), ("success", None, ""), ("running", None, "")],
)
def test_it_stops_at_the_exit_with_a_status(on: str, status: str | None, phase: str) -> None:
    game, front = stage()
    front.ask("break", where=f"guard_1:Guard/Danger:{on}")
    game.tick()
    found = [(stop["status"], stop["phase"]) for stop in front.stops()]
    assert found == ([] if status is None else [(status, phase)])


def test_a_node_that_is_cancelled_by_something_higher_stops_with_who_did_it() -> None:
    game, front = stage()
    front.ask("break", where="guard_1:Guard/Patrol", on="cancel")
    game.tick()
    assert not front.stops()
    game.tick(guard_1={"hp": 1})
    stop = front.stop()
    assert (stop["reason"], stop["phase"], stop["path"]) == ("cancel", "cancel", "Guard/Patrol")
    assert stop["text"] == "stopped by Guard: Guard/Danger"
    assert stop["cancelled"] == [{"path": "Guard/Patrol", "by": "Guard", "because": "Guard/Danger", "tick": 2}]


def test_a_condition_that_does_not_parse_is_refused_when_it_is_set() -> None:
    _, front = stage()
    with pytest.raises(Refused, match=r"bad_expression: 'me.hp <' does not parse"):
        front.ask("break", where="Patrol", agents="guard", condition="me.hp <")
    with pytest.raises(Refused, match="bad_expression"):
        front.ask("break", where="Patrol", agents="guard", log="{{ me.hp")
    with pytest.raises(Refused, match="no statements"):
        front.ask("break", where="Patrol", agents="guard", log="{% for a in range(9) %}{% endfor %}")
    assert front.ask("breakpoints")["breakpoints"] == []


def test_a_condition_that_fails_at_run_time_stops_once_and_says_so() -> None:
    game, front = stage()
    front.ask("break", where="guard_1:Guard/Patrol", condition="me.nope < 3")
    game.tick()
    stop = front.stop()
    assert "the condition of breakpoint 1 fails" in stop["text"]
    assert "no attribute 'nope'" in stop["text"]
    front.ask("continue")
    game.tick()
    assert not front.stops()


def test_a_condition_is_on_what_the_agent_perceives() -> None:
    game, front = stage()
    front.ask("break", where="guard:Guard/Patrol", condition="me.hp == 7")
    game.tick(guard_1={"hp": 6}, guard_2={"hp": 7})
    assert front.stop()["agent"] == "guard_2"


def test_hits_are_counted_ignored_and_once_is_once() -> None:
    game, front = stage()
    front.ask("break", where="guard_1:Guard/Patrol", ignore=2)
    game.tick()
    game.tick()
    assert not front.stops()
    game.tick()
    assert front.stop()["tick"] == 3
    front.ask("continue")
    assert front.ask("breakpoints")["breakpoints"][0]["hits"] == 3
    front.ask("delete", numbers=[1])
    front.ask("break", where="guard_1:Guard/Patrol", once=True)
    game.tick()
    front.stop()
    assert front.ask("breakpoints")["breakpoints"] == []


def test_a_log_point_tells_and_does_not_stop() -> None:
    game, front = stage()
    front.ask("break", where="guard_1:Guard/Patrol", log="hp {{ me.hp }} at {{ node.name }}, {{ me.no }}")
    assert game.tick(guard_1={"hp": 5})["busy"] == []
    (said,) = front.heard("output")
    assert (said["category"], said["agent"], said["breakpoint"]) == ("log", "guard_1", 1)
    assert said["text"].startswith("hp {{ me.hp }}")
    front.ask("delete")
    front.ask("break", where="guard_1:Guard/Patrol", log="hp {{ me.hp }}")
    game.tick(guard_1={"hp": 5})
    assert front.heard("output")[-1]["text"] == "hp 5"


def test_a_watch_stops_when_a_value_changes() -> None:
    game = Stage({"guard": lambda: MemorySequence("Root", [_Counting("Count"), Wait("Wait", 99)])})
    game.add("guard_1")
    front = game.front("guard_1")
    front.ask("break", where="blackboard.count", kind="data")
    front.ask("break", where="me.hp", kind="data")
    game.tick(guard_1={"hp": 5})
    stop = front.stop()
    assert (stop["reason"], stop["text"], stop["path"]) == (
        "data breakpoint", "blackboard.count: unset -> 1", "Root/Count",
    )  # fmt: skip
    front.ask("continue")
    game.tick(guard_1={"hp": 5})
    assert not front.stops()
    game.tick(guard_1={"hp": 4})
    assert front.stop()["text"] == "me.hp: 5 -> 4"


class _Counting(py_trees.behaviour.Behaviour):
    def setup(self, **kwargs: Any) -> None:
        self.agent = kwargs["agent"]

    def update(self) -> Status:
        self.agent.blackboard["count"] = self.agent.blackboard.get("count", 0) + 1
        return Status.SUCCESS


def test_a_file_and_line_mean_the_nodes_made_there() -> None:
    game, front = stage()
    lines = Path(__file__).read_text("utf-8").splitlines()
    line = next(n for n, text in enumerate(lines, 1) if 'Action("Patrol"' in text)
    info = front.ask("break", where=f"test_debugger_breakpoints.py:{line}", agents="guard_1")
    assert (info["kind"], info["nodes"]) == ("line", ["guard_1:Guard/Patrol"])
    game.tick()
    stop = front.stop()
    assert (stop["path"], stop["line"], Path(stop["file"]).name) == ("Guard/Patrol", line, Path(__file__).name)
    with pytest.raises(Refused, match="no_source: no node is made at"):
        front.ask("break", where="test_debugger_breakpoints.py:9999", agents="guard_1")


def test_a_template_stops_at_the_question_and_at_its_answer() -> None:
    game, front = stage()
    front.ask("break", where="template:is_hostile")
    game.tick(dog_1={"stranger": {"looks": "odd"}})
    stop = front.stop()
    assert (stop["path"], stop["text"]) == ("Dog/hostile?", "Dog/hostile? asked is_hostile")
    front.ask("continue")
    game.asker.tickets[0].answer("danger")
    game.tick(dog_1={"stranger": {"looks": "odd"}})
    stop = front.stop()
    assert stop["text"] == "Dog/hostile? answered is_hostile"
    assert stop["decision"]["probabilities"] == {"danger": 1.0, "safe": 0.0}
    with pytest.raises(
        Refused, match=re.escape("no_prompt: there is no prompt 'is_hostil' (did you mean 'is_hostile'?)")
    ):
        front.ask("break", where="template:is_hostil")


def test_a_model_error_stops_with_its_reason() -> None:
    game, front = stage(answers=lambda question: None)
    front.ask("break", where="model-error")
    game.tick(dog_1={"stranger": {"looks": "odd"}})
    assert not front.stops()
    for _ in range(60):
        game.tick(dog_1={"stranger": {"looks": "odd"}})
    stop = front.stops()[0]
    assert (stop["reason"], stop["path"]) == ("model error", "Dog/hostile?")
    assert "deadline" in stop["text"]


def test_breakpoints_of_the_server_stay_and_those_of_a_front_end_go_with_it() -> None:
    game, front = stage()
    game.debugger.set_up([{"where": "guard_1:*/Patrol"}])
    front.ask("break", where="guard_2:*/Patrol")
    front.session.close()
    other = game.front(events=True)
    (left,) = other.ask("breakpoints")["breakpoints"]
    assert left["owner"] == "server"
    game.tick()
    assert other.heard("held")[0]["agent"] == "guard_1"
    assert other.ask("agents", match="guard_1")["agents"][0]["state"] == "held"
    other.ask("delete", numbers=[left["number"]])
    other.ask("attach", agent="guard_1")
    other.ask("continue")
    assert game.tick()["busy"] == []


def test_one_that_is_off_costs_nothing_and_can_be_changed() -> None:
    game, front = stage()
    front.ask("break", where="guard_1:Guard/Patrol", enabled=False)
    assert game.debugger.controls() == []
    (info,) = front.ask("change_breakpoint", numbers=[1], enabled=True, condition="me.hp > 3", ignore=1)["breakpoints"]
    assert (info["enabled"], info["condition"], info["ignore"]) == (True, "me.hp > 3", 1)
    game.tick(guard_1={"hp": 9})
    assert not front.stops()
    game.tick(guard_1={"hp": 9})
    assert front.stop()["breakpoint"] == 1
    with pytest.raises(Refused, match="unknown_breakpoint: there is no breakpoint 7"):
        front.ask("delete", numbers=[7])


def test_one_about_an_agent_of_somebody_else_does_not_stop_it() -> None:
    game, front = stage()
    other = game.front("guard_1", name="other")
    front.ask("break", where="guard_1:Guard/Patrol")
    assert game.tick()["busy"] == []
    assert not front.stops()
    assert not other.stops()


def test_a_glob_that_matches_nothing_now_warns_and_waits() -> None:
    game, front = stage()
    info = front.ask("break", where="gard_*:*/Patrol")
    assert info["warning"].startswith("no agent 'gard_*' is there now")
    game.add("gard_9", brain="guard")
    game.tick()
    assert front.stop()["agent"] == "gard_9"


@pytest.mark.parametrize(
    "source",
    [
        "().__class__.__mro__",
        "me.__class__",
        "blackboard.update({'a': 1})",
        "blackboard.thing.explode()",
        "'x' * 10 ** 9",
        "2 ** 99999999",
        "range(10 ** 9) | list",
        "cycler.__init__.__globals__",
        "[1] * 99999999",
        "nope",
    ],
)
def test_an_expression_can_only_look(source: str) -> None:
    game, front = stage()
    front.ask("attach", agent="guard_1")
    game.agent("guard_1").blackboard["thing"] = _Bomb()
    game.tick()
    with pytest.raises(Refused, match="bad_expression"):
        front.ask("evaluate", expression=source)
    assert set(game.agent("guard_1").blackboard) == {"thing"}


class _Bomb:
    def explode(self) -> None:
        raise AssertionError("called")


def test_an_expression_knows_the_agent_and_where_it_stands() -> None:
    game, front = stage()
    front.ask("break", where="guard_1:Guard/Patrol")
    game.tick(guard_1={"hp": 5, "bag": {"gold": [1, 2]}})
    for source, value in (
        ("me.hp + 1", 6),
        ("me.bag.gold | sum", 3),
        ("node.path", "Guard/Patrol"),
        ("tick", 1),
        ("snapshot.seq == 1 and agent == 'guard_1'", True),
        ("me.bag.get('silver', 0)", 0),
        ("me.bag.keys() | list", ["gold"]),
        ("'Pat' in node.name", True),
        ("me.hp ** 2", 25),
    ):
        assert front.ask("evaluate", expression=source)["value"] == value


def test_a_watch_does_not_compare_an_agent_with_one_that_had_its_name() -> None:
    game, front = stage()
    front.ask("break", where="blackboard.alarm", kind="data", agents="guard_1")
    game.agent("guard_1").blackboard["alarm"] = False
    game.tick()
    assert front.stops() == [], "it is looked at for the first time"
    game.remove("guard_1")
    game.add("guard_1")
    game.tick()
    assert front.stops() == [], "what it remembers has not changed: it is new"
    game.agent("guard_1").blackboard["alarm"] = True
    game.tick()
    assert [stop["text"] for stop in front.stops()] == ["blackboard.alarm: unset -> True"]


def test_what_is_to_be_run_after_a_stop_is_for_whom_the_breakpoint_is() -> None:
    """Whoever only watches the agent would run it, too: one `continue` too many."""
    game, front = stage()
    front.ask("break", where="Patrol", commands=["prompt", "continue"])
    game.debugger.set_up([{"where": "dog:*", "commands": ["where"]}])
    other = game.front(name="other")
    mine, servers = front.ask("breakpoints")["breakpoints"]
    assert (mine["commands"], servers["commands"]) == (["prompt", "continue"], ["where"])
    theirs, servers = other.ask("breakpoints")["breakpoints"]
    assert ("commands" not in theirs, servers["commands"]) == (True, ["where"])
    assert front.ask("breakpoints")["breakpoints"][0]["commands"] == ["prompt", "continue"]

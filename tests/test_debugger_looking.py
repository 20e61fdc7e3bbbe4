"""Looking at an agent: where it stands, its tree, why it does what it does."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

import pytest
from py_trees.behaviour import Behaviour
from py_trees.common import Status

from brains import Action, Condition, LLMAction, LLMCondition, ReactiveSelector, ReactiveSequence
from tests.debugging import Front, Json, Refused, Stage
from tests.leaf_games import Flee, Walk, library, stranger


def guard() -> Any:
    return ReactiveSelector(
        "Guard",
        [
            ReactiveSequence(
                "Stranger",
                [
                    Condition("Sees", lambda agent: "stranger" in agent.me),
                    LLMCondition(
                        "hostile?", prompt="is_hostile", inputs={"stranger": stranger}, threshold=0.6, every=0
                    ),
                    LLMAction("Respond", prompt="respond", inputs={"stranger": stranger}, choices=[Flee, Walk]),
                ],
            ),
            Action("Patrol", Walk()),
        ],
    )


BANDIT = {"stranger": {"looks": "a bandit"}}


def stage(**options: Any) -> tuple[Stage, Front]:
    made = Stage({"guard": guard}, actions=("Flee", "Walk"), prompts=library(), **options)
    made.add("guard_1", "guard_2")
    return made, made.front("guard_1")


def flat(node: Json) -> dict[str, Json]:
    found = {node["path"]: node}
    for child in node.get("children", []):
        found |= flat(child)
    return found


def test_where_tells_the_way_from_the_root() -> None:
    game, front = stage()
    assert front.ask("where")["frames"] == []
    front.ask("break", where="Sees")
    game.tick()
    body = front.ask("where")
    assert [frame["name"] for frame in body["frames"]] == ["Guard", "Stranger", "Sees"]
    assert all(Path(frame["file"]).name == Path(__file__).name and frame["line"] > 0 for frame in body["frames"])
    assert body["stop"]["path"] == "Guard/Stranger/Sees"


def test_the_tree_shows_statuses_the_running_path_and_what_was_before_the_reset() -> None:
    game, front = stage(answers={"is_hostile": {"danger": 0.9, "safe": 0.1}})
    game.tick()
    game.tick(guard_1=BANDIT)
    front.ask("break", where="Respond")
    game.tick(guard_1=BANDIT)
    nodes = flat(front.ask("tree")["root"])
    here = nodes["Guard/Stranger/Respond"]
    assert here["here"]
    assert here["on_path"]
    assert here["breakpoints"] == [1]
    assert nodes["Guard"]["on_path"]
    assert not nodes["Guard"].get("here")
    assert nodes["Guard/Stranger/hostile?"]["status"] == "SUCCESS"
    assert nodes["Guard/Stranger/hostile?"]["decision"]["probabilities"] == {"danger": 0.9, "safe": 0.1}
    patrol = nodes["Guard/Patrol"]
    assert (patrol["status"], patrol["last_status"], patrol["last_tick"]) == ("RUNNING", "RUNNING", 2)
    front.ask("next")
    front.ask("tick")
    patrol = flat(front.ask("tree")["root"])["Guard/Patrol"]
    assert (patrol["status"], patrol["last_status"]) == ("INVALID", "RUNNING")
    assert patrol["cancelled"] == {"path": "Guard/Patrol", "by": "Guard", "because": "Guard/Stranger", "tick": 3}
    part = front.ask("tree", node="Stranger")["root"]
    assert part["path"] == "Guard/Stranger"


def test_why_tells_which_branches_were_refused_and_by_which_verdict() -> None:
    game, front = stage(answers={"is_hostile": {"danger": 0.31, "safe": 0.69}})
    game.tick(guard_1=BANDIT)
    game.tick(guard_1=BANDIT)
    body = front.ask("why")
    tried = {one["path"]: one for one in body["tried"]}
    assert list(tried) == [
        "Guard", "Guard/Stranger", "Guard/Stranger/Sees", "Guard/Stranger/hostile?", "Guard/Stranger/Respond",
        "Guard/Patrol",
    ]  # fmt: skip
    verdict = tried["Guard/Stranger/hostile?"]
    assert (verdict["verdict"], verdict["reason"]) == ("refused", "0.31 < 0.6")
    assert verdict["probabilities"] == {"danger": 0.31, "safe": 0.69}
    assert tried["Guard/Stranger"]["reason"] == "hostile? refused"
    assert tried["Guard/Stranger/Respond"]["verdict"] == "not tried"
    assert tried["Guard/Patrol"]["verdict"] == "runs"
    assert (body["tick"], body["running"]) == (2, ["Guard/Patrol"])


def test_why_of_an_agent_that_nobody_has_seen_says_what_to_do() -> None:
    _, front = stage()
    with pytest.raises(Refused, match="nothing has been seen yet of guard_2's ticks"):
        front.ask("why", agent="guard_2")


def test_running_tells_for_how_long_and_on_what() -> None:
    game, front = stage(answers={"is_hostile": "danger"})
    for _ in range(4):
        game.tick(guard_1=BANDIT)
    found = {one["path"]: one for one in front.ask("running")["running"]}
    assert set(found) == {"Guard/Stranger/Respond"}
    one = found["Guard/Stranger/Respond"]
    assert (one["kind"], one["ticks"], one["thinking"]) == ("LLMAction", 3, 0.2)
    game.tick()
    (one,) = front.ask("running")["running"]
    assert (one["path"], one["action"], one["ticks"]) == ("Guard/Patrol", "Walk", 1)


def test_agents_are_listed_with_their_state() -> None:
    game, front = stage()
    front.ask("pause")
    game.tick()
    game.clock.advance(2.0)
    held, free = front.ask("agents")["agents"]
    assert (held["agent"], held["state"], held["controller"], held["held_for"]) == ("guard_1", "held", "tester", 2.0)
    assert (free["agent"], free["state"], free["running"], free["action"]) == (
        "guard_2", "running", ["Guard/Patrol"], "Walk",
    )  # fmt: skip
    assert [one["agent"] for one in front.ask("agents", match="*_2")["agents"]] == ["guard_2"]


class Metres(float):
    """As numpy's numbers are floats, and no JSON."""


class Mood(enum.IntEnum):
    CALM = 3


class Name(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "another"


def test_numbers_and_texts_of_classes_of_their_own_are_shown_as_what_they_are() -> None:
    game, front = stage()
    front.ask("break", where="blackboard.far", kind="data")
    game.agent("guard_1").blackboard.update(far=Metres(1.5), mood=Mood.CALM, name=Name("Ana"))
    assert front.ask("blackboard")["blackboard"] == {"far": 1.5, "mood": 3, "name": "Ana"}
    assert front.ask("evaluate", expression="blackboard.far")["value"] == 1.5


@pytest.mark.parametrize(
    ("said", "shown"), [(object(), "<object object at 0x"), (None, ""), (3, "3"), ({"a": 1}, "{'a': 1}")]
)
def test_what_a_node_says_of_itself_may_be_anything(said: Any, shown: str) -> None:
    class Odd(Behaviour):
        def update(self) -> Status:
            self.feedback_message = said
            return Status.FAILURE

    game = Stage(
        {"guard": lambda: ReactiveSelector("Guard", [Odd("Odd"), Action("Patrol", Walk())])}, actions=("Walk",)
    )
    game.add("guard_1")
    front = game.front()
    front.ask("break", where="Odd", on="exit")
    assert game.tick()["busy"] == ["guard_1"]
    assert front.stop().get("feedback", "").startswith(shown)
    tree = flat(front.ask("tree", agent="guard_1")["root"])
    assert tree["Guard/Odd"].get("feedback", "").startswith(shown)
    front.ask("evaluate", agent="guard_1", expression="node.feedback")
    front.ask("variables", agent="guard_1")
    front.ask("detach")
    assert [one["name"] for one in game.tick()["actions"]] == ["Walk"]


def test_the_blackboard_and_what_has_changed_in_this_tick() -> None:
    game, front = stage()
    game.agent("guard_1").blackboard.update(alarm=False, route=["wall", "gate"], odd={1, 2}, object=object)
    front.ask("pause")
    game.tick()
    front.ask("set", key="alarm", value=True)
    body = front.ask("blackboard")
    assert body["blackboard"]["alarm"] is True
    assert body["blackboard"]["odd"] == [1, 2]
    assert body["changed"] == ["alarm"]
    assert front.ask("blackboard", key="route")["blackboard"] == {"route": ["wall", "gate"]}
    with pytest.raises(Refused) as refused:
        front.ask("blackboard", key="alrm")
    assert (refused.value.kind, refused.value.hint) == ("unknown_key", "did you mean 'alarm'?")


def test_a_part_of_the_snapshot_by_its_path() -> None:
    game, front = stage()
    front.ask("pause")
    game.tick(guard_1={"bag": [{"name": "bread"}], "hp": 3})
    assert front.ask("snapshot", path="me.bag.0.name")["snapshot"] == "bread"
    with pytest.raises(Refused) as refused:
        front.ask("snapshot", path="me.hpp")
    assert refused.value.hint == "did you mean 'hp'?"


def test_the_source_of_a_node() -> None:
    game, front = stage()
    body = front.ask("source", node="Patrol")
    text = Path(body["file"]).read_text("utf-8").splitlines()[body["line"] - 1]
    assert 'Action("Patrol"' in text
    assert Path(body["class_file"]).name == "leaves.py"
    assert body["class_line"] > 0
    assert game.debugger.sources.place(game.agent("guard_2"), "Guard/Patrol")[1] == body["line"]


def test_names_for_completion() -> None:
    game, front = stage()
    game.agent("guard_1").blackboard["alarm"] = 1
    game.tick(guard_1={"hp": 1})
    assert front.ask("complete", prefix="Pat")["names"] == ["Guard/Patrol"]
    assert front.ask("complete", what="agents", prefix="guard_2")["names"] == ["guard_2"]
    assert front.ask("complete", what="keys", prefix="blackboard.a")["names"] == ["blackboard.alarm"]
    assert front.ask("complete", what="prompts", prefix="is_h")["names"] == ["is_hostile"]
    assert "tree" in front.ask("complete", what="commands")["names"]


def test_scopes_are_those_of_the_debug_adapter_protocol() -> None:
    game, front = stage(answers={"is_hostile": "danger"})
    game.tick(guard_1=BANDIT)
    scopes = front.ask("variables", node="hostile?")["scopes"]
    assert [scope["name"] for scope in scopes] == ["Node", "Blackboard", "Snapshot", "Prompt"]
    assert scopes[3]["values"]["user"] == "a bandit"


def test_past_ticks_can_be_looked_at_and_the_present_comes_back() -> None:
    game, front = stage()
    for number in range(5):
        game.agent("guard_1").blackboard["n"] = number
        game.tick(guard_1={"hp": number})
    front.ask("pause")
    game.tick(guard_1={"hp": 9})
    ticks = front.ask("history", last=3)["ticks"]
    assert [one["tick"] for one in ticks] == [3, 4, 5]
    assert ticks[0]["running"] == ["Guard/Patrol"]
    body = front.ask("goto", by=-1)
    assert body["view"] == 5
    front.ask("goto", by=-1)
    assert front.ask("evaluate", expression="[me.hp, blackboard.n, tick]")["value"] == [3, 3, 4]
    assert front.ask("snapshot", path="me.hp")["snapshot"] == 3
    assert front.ask("tree")["view"] == 4
    assert flat(front.ask("tree")["root"])["Guard/Patrol"]["status"] == "RUNNING"
    assert front.ask("why")["tick"] == 4
    front.ask("goto", by=5)
    assert front.ask("where")["view"] is None
    assert front.ask("evaluate", expression="me.hp")["value"] == 9
    front.ask("goto", tick=2)
    with pytest.raises(Refused, match="unknown_tick: tick 77 is not kept"):
        front.ask("goto", tick=77)
    front.ask("step")
    assert front.ask("where")["view"] is None


def test_each_tick_is_told_to_who_follows_and_costs_nothing_after_that() -> None:
    game, front = stage()
    front.ask("detach")
    front.ask("follow", agent="guard_2")
    game.tick()
    (info,) = front.heard("tick")
    assert (info["agent"], info["tick"], info["action"], info["status"]) == ("guard_2", 1, "Walk", "RUNNING")
    assert "tick" not in vars(game.agent("guard_2").root)
    front.ask("follow", agent="guard_2", on=False)
    game.tick()
    assert len(front.heard("tick")) == 1
    assert game.debugger.controls() == []

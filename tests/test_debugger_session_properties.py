"""Whatever a debugger does to one agent: what the game and the other agents notice of it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from brains import Action, Condition, MemorySequence, ReactiveSelector, ReactiveSequence, Wait
from tests.debugging import Refused, Stage
from tests.leaf_games import Flee, Walk

NUMBER = st.integers(0, 9)
TICKS = st.tuples(st.sampled_from(["tick", "tick", "without"]), NUMBER)
COMMANDS = [
    "pause", "continue", "step", "next", "finish", "over", "restart", "force", "break", "delete", "detach", "hold",
    "vanish", "leave",
]  # fmt: skip
ACTS = st.one_of(TICKS, TICKS, st.tuples(st.sampled_from(COMMANDS), NUMBER))
STATUSES = ["success", "failure", "running", "none"]
NODES = ["Guard", "Guard/Danger", "Guard/Danger/Flee", "Guard/Work/Patrol"]


def guard() -> Any:
    return ReactiveSelector(
        "Guard",
        [
            ReactiveSequence("Danger", [Condition("Hurt?", lambda a: a.me["hp"] < 3), Action("Flee", Flee())]),
            MemorySequence("Work", [Wait("Wait", 0.15), Action("Patrol", Walk())]),
        ],
    )


def stage() -> Stage:
    game = Stage({"guard": guard}, actions=("Flee", "Walk"))
    game.add("guard_1", "guard_2")
    return game


def ends(frames: list[Any], running: dict[str, Any]) -> list[Any]:
    """Carry out what the game is told; return the ends that it reports with the next snapshot."""
    for frame in frames:
        if frame["type"] == "actions":
            for id in frame["cancel"]:
                running.pop(id, None)
            for one in frame["actions"]:
                running[one["id"]] = [one["agent"], 3]
    results = []
    for id, entry in list(running.items()):
        entry[1] -= 1
        if entry[1] == 0:
            del running[id]
            results.append({"agent": entry[0], "id": id, "status": "success"})
    return results


class Play:
    """A game that is debugged and one that is not, on the same snapshots."""

    def __init__(self) -> None:
        self.game, self.twin = stage(), stage()
        self.front = self.game.front()
        self.held = self.leaves = False
        """The game has been told that guard_1 stands; the game leaves those who stand out of its snapshots."""
        self._running: tuple[dict[str, Any], dict[str, Any]] = {}, {}
        self._results: tuple[list[Any], list[Any]] = [], []

    def look(self, frames: list[Any]) -> None:
        """Check that the game is told in an order that makes sense."""
        for frame in frames:
            match frame["type"]:
                case "hold":
                    assert not self.held, "held twice"
                    self.held = True
                case "release":
                    assert self.held, "released without a hold"
                    self.held = False
                case "actions":
                    mine = [one for one in frame["actions"] if one["agent"] == "guard_1"]
                    assert not (self.held and mine), "an action for a body that idles"
                    assert len(mine) <= 1
                case other:
                    assert other in ("wake", "agents_ack"), frame

    def tick(self, hp: int, *, without: bool = False) -> None:
        """Send both the same snapshot."""
        parts: Any = {"guard_1": {"hp": hp}, "guard_2": {"hp": hp}}
        if without or (self.leaves and self.held):
            del parts["guard_1"]
        frames = self.game.round(results=self._results[0], **parts)
        twins = self.twin.round(results=self._results[1], **parts)
        self.look(frames)
        (answer,) = [frame for frame in frames if frame["type"] == "actions"]
        (plain,) = [frame for frame in twins if frame["type"] == "actions"]
        assert answer["snapshot"] == self.game.seq
        assert set(answer["busy"]) <= {"guard_1"}
        assert names(answer, "guard_2") == names(plain, "guard_2")
        self._results = ends(frames, self._running[0]), ends(twins, self._running[1])

    def ask(self, command: str, **arguments: Any) -> None:
        """Ask; that there is nothing to do it to is no matter."""
        number = self.front.send(command, **arguments)
        try:
            self.front.answer(number)
        except Refused as refused:
            if refused.kind not in ("not_held", "unknown_breakpoint"):
                raise
        self.look(self.game.frames())

    def do(self, act: str, number: int) -> None:
        """Do one thing of the list."""
        agent, node = {"agent": "guard_1"}, NODES[number % 4]
        status, on = STATUSES[number % 4], ["enter", "exit", "cancel", "running"][number % 4]
        wanted: dict[str, tuple[str, dict[str, Any]]] = {
            "over": ("tick", {**agent, "count": number % 3 + 1}),
            "force": ("force", {**agent, "node": node, "status": status, "keep": number > 7}),
            "break": ("break", {"where": f"guard_1:{node}", "on": on}),
            "delete": ("delete", {}),
            "detach": ("detach", {}),
            "hold": ("detach", {"hold": True}),
            "step": ("step", {**agent, "count": number % 5 + 1}),
            "next": ("next", {**agent, "count": number % 3 + 1}),
        }
        match act:
            case "tick" | "without":
                self.tick(number, without=act == "without")
            case "leave":
                self.leaves = not self.leaves
            case "vanish":
                self.front.session.close()
                self.look(self.game.frames())
                self.front = self.game.front()
            case _:
                command, arguments = wanted.get(act, (act, agent))
                self.ask(command, **arguments)


def names(answer: Any, agent: str) -> list[str]:
    return [one["name"] for one in answer["actions"] if one["agent"] == agent]


@settings(deadline=None, max_examples=200)
@given(st.lists(ACTS, min_size=5, max_size=60))
def test_others_play_on_and_the_game_is_told_in_order(acts: list[tuple[str, int]]) -> None:
    play = Play()
    for act, number in acts:
        play.do(act, number)
    play.ask("attach", agent="guard_1")
    play.do("vanish", 0)
    play.tick(9)
    game, twin = play.game, play.twin
    assert not play.held
    assert game.debugger.controls() == []
    assert "tick" not in vars(game.agent("guard_1").root)
    assert game.agent("guard_2").tick_number == twin.agent("guard_2").tick_number
    assert game.agent("guard_1").clock.now() <= game.agent("guard_2").clock.now() + 1e-9


STAYING = st.tuples(st.sampled_from([one for one in COMMANDS if one not in ("detach", "hold", "vanish")]), NUMBER)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(STAYING, st.lists(TICKS, min_size=1, max_size=3)), min_size=3, max_size=12))
def test_what_is_remembered_of_a_debugged_agent_is_what_was(rounds: list[Any]) -> None:
    play = Play()
    for hp in (4, 1, 6):
        play.tick(hp)
    play.ask("attach", agent="guard_1")
    play.tick(6)
    for command, ticks in rounds:
        for act in (command, *ticks):
            play.do(*act)
    game = play.game
    tick = game.agent("guard_1").tick_number
    request = play.front.send("replay", agent="guard_1", tick=tick)
    while game.debugger.work():
        pass
    body = play.front.answer(request)
    assert body is not None
    assert (body["first"], body["ticks"]) == (4, tick - 4)
    assert (body["differences"], body["problems"]) == ([], [])

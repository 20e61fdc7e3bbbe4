"""A copy of an agent in the middle of its life does from there on what the agent does, and shares nothing with it."""

from __future__ import annotations

import threading
from typing import Any

import py_trees
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_trees.common import Status

from brains import Condition, Leaf, ReactiveSequence
from brains.agent import Agent
from brains.errors import RecordingError, TreeError
from brains.library import Brain, BrainLibrary
from brains.prompts import PromptLibrary
from brains.snapshot import AgentSnapshot
from brains.testing import ScriptedAsker
from brains.trace import AgentCopy, MemorySink, Recorder, Recording, ReplayAsker, Replayer
from tests.random_play import COMPOSITES, Play, debugged, library_of, mes, steps, trees


class Cut:
    """A game of which agent a is recorded from the middle of its life on."""

    def __init__(self, game: Play) -> None:
        self.game = game
        self.agent = game.agents["a"]
        self.before = self.agent.tick_number
        self.copy = AgentCopy(self.agent)
        self.sink = MemorySink()
        self.recorder = Recorder(self.sink, prompts=game.prompts, now=lambda: 0.0)
        self.recorder.watch(self.agent, tickets=list(self.agent.tickets))

    def replayer(self) -> Replayer:
        self.game.session.close()
        self.recorder.end()
        recording = Recording.of(self.sink.lines)
        return Replayer(recording, BrainLibrary(brains={}), origins=dict.fromkeys(recording.lives, self.copy))


bushes = st.tuples(st.sampled_from(sorted(COMPOSITES)), st.lists(trees, min_size=2, max_size=4))
ticks = st.tuples(
    st.just("tick"),
    st.fixed_dictionaries({"a": st.tuples(mes, st.none())}),
    st.sampled_from(["sun", "rain"]),
    st.sampled_from([0.0, 0.1, 0.1, 0.35]),
)
rounds: Any = st.lists(st.tuples(steps, ticks), min_size=2, max_size=12)
"""Games in which the agent is ticked in every second step, so that there is a life to be cut in two."""


def flat(rounds: list[Any]) -> list[Any]:
    """Return the steps of a game in which the agent stays the same."""
    return [step for both in rounds for step in both if step != ("again", "a")]


def cut_in_two(tree: Any, before: list[Any], after: list[Any]) -> tuple[Replayer, Cut]:
    """Play a game, copy the agent in the middle of it, and replay the rest from the copy."""
    game = Play(library_of({"brain a": tree, "brain b": "walk"}))
    for step in before:
        game.do(step)
    cut = Cut(game)
    assert cut.copy.problems == []
    for step in after:
        game.do(step)
    game.do_free()
    replayer = cut.replayer()
    assert replayer.run() is None
    assert not replayer.left_out
    assert not replayer.stopped
    return replayer, cut


@settings(deadline=None, max_examples=60)
@given(tree=bushes, before=rounds, after=rounds)
def test_a_copy_does_what_the_agent_does_from_there_on(tree: Any, before: Any, after: Any) -> None:
    replayer, cut = cut_in_two(tree, flat(before), flat(after))
    (life,) = replayer.recording.lives.values()
    assert life.agent.late == cut.before
    assert replayer.ticks == len(life.ticks) > 0


@settings(deadline=None, max_examples=50)
@given(tree=bushes, before=rounds, after=st.lists(st.tuples(debugged, ticks), min_size=1, max_size=10))
def test_a_copy_does_what_a_debugger_had_the_agent_do(tree: Any, before: Any, after: Any) -> None:
    replayer, _ = cut_in_two(tree, flat(before), flat(after))
    assert replayer.ticks > 0


class Counts(Leaf):
    """Counts in itself, in an object of its own, and in what the factory gave it."""

    def __init__(self, name: str, shared: list[int]) -> None:
        super().__init__(name)
        self.own: dict[str, list[int]] = {}
        self.shared = shared
        self.lock: Any = None

    def update(self) -> Status:
        self.own.setdefault("ticks", []).append(self.agent.tick_number)
        self.shared.append(self.agent.tick_number)
        return Status.SUCCESS


CONSTANT = [1, 2, 3]


def counting() -> Any:
    seen: list[int] = []

    def note(agent: Any) -> bool:
        seen.append(agent.tick_number)
        return True

    tree = ReactiveSequence("Root", [Condition("Note", note), Counts("Counts", seen)])
    tree.children[1].constant = CONSTANT  # type: ignore[attr-defined]  # as an author of a tree may do
    return tree


def agent_of(factory: Any) -> Agent:
    brain = Brain(name="counting", factory=factory)
    return Agent("a", brain, prompts=PromptLibrary(), asker=ScriptedAsker(), declared=[])


def made(copy: AgentCopy) -> Agent:
    return copy.agent(prompts=PromptLibrary(), asker=ReplayAsker(), number=int)[0]


def test_a_copy_shares_nothing_that_changes() -> None:
    agent = agent_of(counting)
    agent.blackboard["route"] = ["wall"]
    for n in range(3):
        agent.tick(AgentSnapshot(time=float(n), me={"n": n}))
    copy = AgentCopy(agent)
    first, second = made(copy), made(copy)
    for one in (first, second):
        one.tick(AgentSnapshot(time=3.0))
        one.blackboard["route"].append("gate")
    live, other = (next(node for node in one.root.iterate() if isinstance(node, Counts)) for one in (agent, first))
    assert live.own == {"ticks": [1, 2, 3]}
    assert other.own == {"ticks": [1, 2, 3, 4]}
    assert live.shared == [1, 1, 2, 2, 3, 3]
    assert agent.blackboard == {"route": ["wall"]}
    assert first.blackboard == second.blackboard == {"route": ["wall", "gate"]}
    assert vars(other)["constant"] is CONSTANT
    assert agent.tick_number == 3
    assert first.clock.now() == second.clock.now() == 3.0
    assert first.rng.random() == second.rng.random() == agent.rng.random()
    copy.close()
    with pytest.raises(RecordingError, match="'a' is not remembered any more as it was after tick 3"):
        made(copy)


def test_what_cannot_be_copied_is_named() -> None:
    agent = agent_of(counting)
    agent.tick(AgentSnapshot())
    next(node for node in agent.root.iterate() if isinstance(node, Counts)).lock = threading.Lock()
    agent.blackboard["lock"] = threading.Lock()
    copy = AgentCopy(agent)
    assert copy.problems == [
        "blackboard: 'lock' cannot be copied (TypeError)",
        "Root/Counts: its 'lock' cannot be copied (TypeError)",
    ]
    assert made(copy).blackboard == {}


def test_stock_nodes_keep_their_blackboard_clients() -> None:
    agent = agent_of(lambda: py_trees.behaviours.CheckBlackboardVariableExists("Is it set?", "alarm"))
    agent.tick(AgentSnapshot())
    copy = AgentCopy(agent)
    assert copy.problems == []
    assert vars(made(copy).root)["blackboard"] is not vars(agent.root)["blackboard"]
    assert made(copy).tick(AgentSnapshot()).status == "FAILURE"


def test_a_factory_that_makes_another_tree_each_time_is_refused() -> None:
    names = iter("abc")
    agent = agent_of(lambda: Condition(next(names), lambda agent: True))
    with pytest.raises(TreeError, match="another shape each time"):
        AgentCopy(agent)

"""Random trees of all that the vocabulary and stock py_trees have, for tests that hold two ways to tick together."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, ClassVar

import py_trees
from py_trees.behaviour import Behaviour
from py_trees.common import ParallelPolicy, Status
from py_trees.decorators import Condition as WaitFor
from py_trees.decorators import (
    Count,
    EternalGuard,
    FailureIsRunning,
    FailureIsSuccess,
    Inverter,
    OneShot,
    PassThrough,
    Repeat,
    Retry,
    RunningIsFailure,
    SuccessIsFailure,
    SuccessIsRunning,
)

from brains import (
    Action,
    Condition,
    Cooldown,
    GameAction,
    LLMAction,
    LLMCondition,
    LLMSelector,
    MemorySelector,
    MemorySequence,
    RandomSelector,
    ReactiveSelector,
    ReactiveSequence,
    Say,
    TimeLimit,
    Wait,
)
from brains.nodes.leaves import OrderedLeaf
from brains.prompts import PromptLibrary
from brains.questions import Decision, NoAnswer, Question
from tests.leaf_games import ACTION, CONDITION

STATUSES = (Status.SUCCESS, Status.FAILURE, Status.RUNNING)


class Go(GameAction):
    label: ClassVar[str] = "go"


class Stay(GameAction):
    label: ClassVar[str] = "stay"


ACTIONS = ("Go", "Stay")


class Scripted(Behaviour):
    """A stock leaf that goes through a list of results and notes its life cycle; an exception is raised."""

    def __init__(self, name: str, results: list[Status | Exception], log: list[tuple[str, str]]) -> None:
        super().__init__(name)
        self.results, self.number, self.log = results, 0, log

    def initialise(self) -> None:
        self.log.append((self.name, "initialise"))

    def update(self) -> Status:
        result = self.results[self.number % len(self.results)]
        self.number += 1
        if isinstance(result, Exception):
            raise result
        return result

    def terminate(self, new_status: Status) -> None:
        self.log.append((self.name, f"terminate {self.status.value} -> {new_status.value}"))


def watched(node: Behaviour, log: list[tuple[str, str]]) -> Behaviour:
    """Have a node of ours note its life cycle, too."""
    initialise, terminate, name = node.initialise, node.terminate, node.name

    def noted_initialise() -> None:
        log.append((name, "initialise"))
        initialise()

    def noted_terminate(new_status: Status) -> None:
        log.append((name, f"terminate {node.status.value} -> {new_status.value}"))
        terminate(new_status)

    node.initialise = noted_initialise  # type: ignore[method-assign]
    node.terminate = noted_terminate  # type: ignore[method-assign]
    return node


class Maker:
    """Makes the same tree for the same seed; `log` gets the life cycle of its nodes."""

    def __init__(self, seed: int, *, depth: int = 3, stock_only: bool = False) -> None:
        self.log: list[tuple[str, str]] = []
        self._seed = seed
        self._depth = depth
        self._stock_only = stock_only

    def __call__(self) -> Behaviour:
        self._draw = random.Random(self._seed)
        self._count = 0
        self.log.clear()
        root = self._node(0)
        for node in list(root.iterate()):
            if not isinstance(node, Scripted):
                watched(node, self.log)
        return root

    def _name(self) -> str:
        self._count += 1
        return f"n{self._count}"

    def _node(self, depth: int) -> Behaviour:
        draw = self._draw
        if depth >= self._depth or draw.random() < 0.2:
            return self._leaf()
        if draw.random() < 0.6:
            return self._composite(depth)
        return self._decorator(depth)

    def _composite(self, depth: int) -> Behaviour:
        draw, name = self._draw, self._name()
        children = [self._node(depth + 1) for _ in range(draw.randrange(1, 4))]
        makers: list[Callable[[], Behaviour]] = [
            lambda: ReactiveSelector(name, children),
            lambda: MemorySelector(name, children),
            lambda: ReactiveSequence(name, children),
            lambda: MemorySequence(name, children),
            lambda: py_trees.composites.Parallel(name, ParallelPolicy.SuccessOnAll(synchronise=False), children),
            lambda: py_trees.composites.Parallel(name, ParallelPolicy.SuccessOnAll(synchronise=True), children),
            lambda: py_trees.composites.Parallel(name, ParallelPolicy.SuccessOnOne(), children),
        ]
        if not self._stock_only:
            makers.append(lambda: RandomSelector(name, children))
        if not self._stock_only and len(children) > 1:
            makers.append(lambda: LLMSelector(
                name, dict(zip(("fight", "run", "hide"), children, strict=False)), prompt="respond",
                inputs={"stranger": {"looks": "odd"}}, fallback=draw.choice([None, "run"]), deadline=0.5, retry=0.2,
                meanwhile=draw.choice([None, "fight"]), reask=draw.choice([None, 0.3]),
            ))  # fmt: skip
        return draw.choice(makers)()

    def _decorator(self, depth: int) -> Behaviour:
        draw, name = self._draw, self._name()
        child = self._node(depth + 1)
        number = draw.randrange(1, 4)
        truths = [draw.random() < 0.7 for _ in range(7)]
        calls = iter(range(10**9))
        makers: list[Callable[[], Behaviour]] = [
            lambda: Inverter(name, child),
            lambda: FailureIsRunning(name, child),
            lambda: FailureIsSuccess(name, child),
            lambda: SuccessIsFailure(name, child),
            lambda: SuccessIsRunning(name, child),
            lambda: RunningIsFailure(name, child),
            lambda: Repeat(name, child, number),
            lambda: Retry(name, child, number),
            lambda: PassThrough(name, child),
            lambda: Count(name, child),
            lambda: OneShot(name, child, py_trees.common.OneShotPolicy.ON_COMPLETION),
            lambda: EternalGuard(name=name, child=child, condition=lambda: truths[next(calls) % 7], blackboard_keys=[]),
            lambda: WaitFor(name, child, Status.SUCCESS),
        ]
        if not self._stock_only:
            makers += [lambda: TimeLimit(name, child, 0.15 * number), lambda: Cooldown(name, child, 0.15 * number)]
        return draw.choice(makers)()

    def _leaf(self) -> Behaviour:
        draw, name = self._draw, self._name()
        results: list[Status | Exception] = [draw.choice(STATUSES) for _ in range(draw.randrange(1, 6))]
        if draw.random() < 0.15:
            results[draw.randrange(len(results))] = ValueError("on purpose")
        if self._stock_only or draw.random() < 0.5:
            return Scripted(name, results, self.log)
        stranger = {"looks": draw.choice(["a cook", "a bandit"])}
        every = draw.choice([0.0, 0.3])
        makers: list[Callable[[], Behaviour]] = [
            lambda: Wait(name, 0.25),
            lambda: Condition(name, lambda agent: agent.rng.random() < 0.5),
            lambda: Action(name, Go()),
            lambda: Action(name, lambda agent: Stay(), emits=[Stay]),
            lambda: LLMCondition(
                name, prompt="hostile", every=every, deadline=0.5, ttl=0.4, retry=0.2, on_pending=draw.choice(
                    ["keep", "running", "default"]), inputs={"stranger": lambda agent: {"looks": str(agent.me["n"])}},
            ),
            lambda: LLMAction(
                name, prompt="respond", choices=[Go, Stay], fallback=draw.choice([None, Go()]), deadline=0.5, retry=0.2,
                inputs={"stranger": stranger},
            ),
            lambda: Say(name, prompt="speak", inputs={"stranger": stranger}, fallback="Hm.", deadline=0.5, retry=0.2),
        ]  # fmt: skip
        return draw.choice(makers)()


def library() -> PromptLibrary:
    """Make the prompts that the trees ask from."""
    made = PromptLibrary()
    made.put("hostile", CONDITION)
    made.put("respond", ACTION)
    made.put("speak", ACTION.replace("answer: action", "answer: text"))
    return made


def outcome_for(question: Question, said: int) -> Decision | NoAnswer | None:
    """Make an answer of a number: none yet, an error, or one of the labels."""
    if said == 0:
        return None
    if said == 1:
        return NoAnswer(reason="unavailable")
    if not question.labels:
        return Decision(answer="Good day. How are you?", way="text")
    label = question.labels[said % len(question.labels)]
    return Decision(answer=label, probabilities={one: 0.9 if one == label else 0.1 for one in question.labels})


def facts_of(root: Behaviour) -> list[Any]:
    """Return all of a tree's state that its next tick depends on, as far as it can be compared."""
    found: list[Any] = []
    for node in root.iterate():
        child = getattr(node, "current_child", None)
        ordered = node.ordered if isinstance(node, OrderedLeaf) else None
        found.append((node.name, node.status, node.feedback_message, child and child.name, ordered and ordered.id))
    return found

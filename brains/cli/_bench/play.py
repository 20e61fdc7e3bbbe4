"""Agents as a game has them: snapshots at a steady rate, most of which say what the one before said."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from typing import Any, NamedTuple

from py_trees.behaviour import Behaviour

from brains.agent import Agent
from brains.cli._bench.crowd import AGENTS, Crowd
from brains.cli._bench.questions import EXAMPLES, SYSTEM, visitor
from brains.gateway import Gateway
from brains.library import Brain
from brains.nodes import LLMCondition, ReactiveSelector, ReactiveSequence, Wait
from brains.prompts import PromptLibrary
from brains.snapshot import AgentSnapshot

__all__ = ["RATE", "STAY", "Play", "in_play"]

RATE = 10.0
"""Snapshots per second of each agent."""
STAY = 1.0
"""Seconds for which an agent sees the same visitor."""
FOR_EVER = 1e9

_HEAD = {
    "answer": {"danger": True, "safe": False},
    "inputs": ["visitor"],
    "examples": [{"visitor": about, "answer": answer} for about, answer in EXAMPLES],
}
# JSON is YAML.
_PROMPT = f"---\n{json.dumps(_HEAD)}\n---\nsystem:\n{SYSTEM}\nuser:\n{{{{ visitor }}}}\n"


class Play(NamedTuple):
    """What came of it."""

    visitors: Crowd
    """How long it took from the first snapshot of each to the tick that decides, or else in which the visitor is gone;
    and the questions without an answer."""
    messages: int
    """Snapshots that came, one agent's each."""
    decided: int
    """Those of them that were answered by what the model says of the visitor whom they show."""
    missed: int
    """Visitors who were gone before there was a decision on them."""

    def and_then(self, more: Play) -> Play:
        """Return this and what came of it another time as one."""
        return Play(
            self.visitors.and_then(more.visitors),
            self.messages + more.messages,
            self.decided + more.decided,
            self.missed + more.missed,
        )

    @property
    def per_second(self) -> float:
        """Decided messages per second."""
        return self.decided / self.visitors.seconds

    @property
    def median(self) -> float:
        """Half of the visitors were decided on in so many seconds; NaN if nobody was."""
        return self.visitors.median

    def summary(self) -> dict[str, Any]:
        """Return the numbers for a report."""
        summary = self.visitors.summary()
        return {
            "messages": self.messages,
            "decided": self.decided,
            "visitors": summary.pop("answers"),
            "missed": self.missed,
            **summary,
            "per_second": round(self.per_second, 2),
        }


async def in_play(gateway: Gateway, seconds: float, *, agents: int = AGENTS) -> Play:
    """Have agents judge visitors for a while, each visitors of its own, by trees that are ticked on snapshots.

    As in a game, an agent is ticked on each of its snapshots, and once more when the model has answered it.
    """
    prompts = PromptLibrary()
    prompts.put("bench", _PROMPT)
    guards = [_Guard(f"guard {number}", prompts, gateway) for number in range(agents)]
    by_name = {guard.agent.id: guard for guard in guards}
    ends = gateway.subscribe(lambda ticket: by_name[ticket.question.agent].woken.set())
    numbers = itertools.count()
    begin = time.perf_counter()
    try:
        await asyncio.gather(
            *(
                guard.live(begin + number / agents / RATE, number / agents * STAY, begin + seconds, numbers)
                for number, guard in enumerate(guards)
            )
        )
    finally:
        ends()
        for guard in guards:
            guard.agent.close()
    failed: Counter[str] = sum((guard.failed for guard in guards), Counter())
    latencies = itertools.chain.from_iterable(guard.latencies for guard in guards)
    return Play(
        Crowd(time.perf_counter() - begin, tuple(latencies), dict(failed)),
        sum(guard.messages for guard in guards),
        sum(guard.decided for guard in guards),
        sum(guard.missed for guard in guards),
    )


class _Guard:
    """One of them."""

    def __init__(self, name: str, prompts: PromptLibrary, gateway: Gateway) -> None:
        self.danger = LLMCondition(
            "Danger?",
            prompt="bench",
            inputs={"visitor": lambda agent: agent.me["visitor"]},
            about=lambda agent: agent.me["visitor"],
            every=0.0,
        )
        self.agent = Agent(name, Brain("bench", self._tree), prompts=prompts, asker=gateway, declared=())
        self.woken = asyncio.Event()
        self.messages = self.decided = self.missed = 0
        self.latencies: list[float] = []
        self.failed: Counter[str] = Counter()

    def _tree(self) -> Behaviour:
        challenge = ReactiveSequence("Challenge", [self.danger, Wait("Stand in the way", FOR_EVER)])
        return ReactiveSelector("Guard", [challenge, Wait("Watch", FOR_EVER)])

    async def live(self, due: float, longer: float, end: float, numbers: itertools.count[int]) -> None:
        """Be ticked from the moment `due` to the moment `end`; the first visitor stays so much `longer`."""
        await asyncio.sleep(max(due - time.perf_counter(), 0.0))
        about, came, changes, waits = "", due, due, False
        while (now := time.perf_counter()) < end:
            is_message = now >= due
            if is_message:
                # What came late is not made up for, as a game skips frames.
                due = max(due + 1 / RATE, now)
            if is_message and now >= changes:
                if waits:
                    self.missed += 1
                    self.latencies.append(now - came)
                about, came, waits = visitor(next(numbers)), now, True
                changes = now + STAY + longer
                longer = 0.0
            self.woken.clear()
            # They come nearer all the time, which the prompt does not ask about.
            report = self.agent.tick(AgentSnapshot(time=now, me={"visitor": about, "metres": 9.0 - (now - came)}))
            self.failed.update(leaf.reason for leaf in report.leaves if leaf.kind == "fallback")
            # With `about`, there is one only once the model has answered on this visitor.
            is_decided = self.danger.probability is not None
            self.messages += is_message
            self.decided += is_message and is_decided
            if waits and is_decided:
                self.latencies.append(time.perf_counter() - came)
                waits = False
            try:
                async with asyncio.timeout(max(due - time.perf_counter(), 0.0)):
                    await self.woken.wait()
            except TimeoutError:
                pass

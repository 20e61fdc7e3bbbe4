"""What the gateway costs: `python -m tests.benchmarks.bench_gateway [--json]`.

What `brains bench llm --only gateway` leaves out. Two comparisons, each of two things in turns within one run, so that
what the machine does besides hits both:

- the ticks of agents with the demo's trees while the gateway has all slots of a delayed model in another process busy
  and its queue full, against the same ticks with none in flight;
- one `ask`, with and without metrics.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from brains.agent import Agent
from brains.cli._bench.process import served
from brains.cli._running import settle_memory
from brains.gateway import Gateway, Metrics
from brains.loading import load_trees
from brains.models.ollama import OllamaModel
from brains.questions import NoAnswer, Question, RenderedPrompt, Turn
from brains.reload import load_prompts
from brains.snapshot import AgentSnapshot
from brains.testing import ManualClock, ScriptedModel

ROOT = Path(__file__).parents[2]
AGENTS = 20
LABELS = ("danger", "safe")
TURNS = tuple(Turn(user=f"somebody who does {number}", answer=LABELS[number % 2]) for number in range(12))
numbers = itertools.count()


def question(timeout: float | None = None) -> Question:
    """Make a question that was never asked before, as long as those of the demo."""
    number = next(numbers)
    prompt = RenderedPrompt(
        name="guard/is_hostile",
        version="v1",
        system="Label what the castle guard meets as danger or safe.",
        turns=TURNS,
        user=f"stranger {number}, who says hello",
    )
    return Question(
        session="s", agent=f"a{number % 50}", leaf=f"l{number}", prompt=prompt, labels=LABELS, timeout=timeout
    )


async def timed(work: Callable[[], Awaitable[Any]]) -> float:
    """Return the seconds that this takes."""
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


class Nobody:
    """An `Asker` that has no model: both phases tick the same trees in the same way."""

    def ask(self, question: Question) -> Any:
        """Refuse."""
        return _Refused(question)


class _Refused:
    def __init__(self, question: Question) -> None:
        self.question = question
        self.outcome = NoAnswer(reason="unavailable")
        self.text = ""

    def cancel(self, *, late: bool = False) -> None:
        pass


def guards() -> Iterator[Callable[[int], None]]:
    """Yield what ticks all agents, given the frame."""
    library, prompts = load_trees(ROOT / "trees"), load_prompts(ROOT / "prompts")
    declared = ["Attack", "CallForHelp", "Challenge", "Ignore", "Patrol"]
    agents = [
        Agent(f"g{number}", library.get("guard"), prompts=prompts, asker=Nobody(), declared=declared)
        for number in range(AGENTS)
    ]

    def tick(frame: int) -> None:
        for number, agent in enumerate(agents):
            looks = f"a masked man with {frame // 30} knives"
            stranger = {"id": "x", "kind": "stranger", "distance": 5.0, "looks": looks, "says": f"{number}", "does": ""}
            me = {"name": f"Guard {number}", "sees": [stranger]}
            report = agent.tick(AgentSnapshot(seq=frame, time=frame / 60, me=me))
            assert not report.faults, report.faults[0].error

    yield tick


async def bench_ticks(seconds: float, turns: int) -> dict[str, float]:
    """Compare rounds of ticks while questions are in flight with rounds while there are none."""
    tick = next(guards())
    with served("scripted", delay=0.2, slots=8) as url:
        gateway = Gateway(OllamaModel("scripted", host=url, slots=8), watchers=[Metrics()], max_queue=64)
        await gateway.start()
        frames = itertools.count()
        times: dict[bool, list[float]] = {False: [], True: []}
        in_flight: list[int] = []
        for _ in range(60):
            tick(next(frames))
            await asyncio.sleep(0)
        for turn in range(2 * turns):
            busy = bool(turn % 2)
            ends = time.perf_counter() + seconds
            while time.perf_counter() < ends:
                frame = next(frames)
                while busy and gateway.waiting + gateway.in_flight < 40:
                    gateway.ask(question(timeout=30.0))
                    await asyncio.sleep(0)
                began = time.perf_counter()
                tick(frame)
                times[busy].append(time.perf_counter() - began)
                in_flight.append(gateway.in_flight) if busy else None
                await asyncio.sleep(max(0.0, 1 / 60 - (time.perf_counter() - began)))
            gateway.close_session("s")
            await asyncio.sleep(0.3)
        await gateway.close()

    def p(share: float, busy: bool) -> float:
        return sorted(times[busy])[int(share * len(times[busy]))] * 1e3

    return {
        "rounds each": float(len(times[True])),
        "in flight": statistics.fmean(in_flight),
        "none p50 ms": p(0.5, False),
        "busy p50 ms": p(0.5, True),
        "p50 ratio": p(0.5, True) / p(0.5, False),
        "none p99 ms": p(0.99, False),
        "busy p99 ms": p(0.99, True),
        "ratio": p(0.99, True) / p(0.99, False),
    }


async def bench_metrics(rounds: int) -> dict[str, float]:
    """Compare the whole way of a question with and without metrics, the model taking no time."""
    gateways = []
    for watchers in ([], [Metrics()]):
        gateway = Gateway(ScriptedModel({"*": "danger"}), watchers=watchers, clock=ManualClock())
        await gateway.start()
        gateways.append(gateway)
    times: list[list[float]] = [[], []]
    for _ in range(rounds):
        for gateway, found in zip(gateways, times, strict=True):
            asked = question()

            async def through(gateway: Gateway = gateway, asked: Question = asked) -> None:
                await gateway.ask(asked).wait()

            found.append(await timed(through))
    for gateway in gateways:
        await gateway.close()
    without, with_metrics = (statistics.median(one) * 1e6 for one in times)
    return {"without us": without, "with us": with_metrics, "cost us": with_metrics - without}


async def run(rounds: int, seconds: float) -> dict[str, dict[str, float]]:
    """Run everything."""
    settle_memory(tidy=True)
    return {
        f"ticks of {AGENTS} agents": await bench_ticks(seconds, 6),
        "metrics": await bench_metrics(rounds),
    }


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=800, help="questions each way")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each phase of ticks")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = asyncio.run(run(given.rounds, given.seconds))
    if given.json:
        print(json.dumps(found))
        return
    for name, values in found.items():
        print(f"{name:28}" + "  ".join(f"{key} {value:.3f}" for key, value in values.items()))


if __name__ == "__main__":
    main()

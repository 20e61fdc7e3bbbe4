"""One agent whose leaves ask a real gateway and a real `OllamaModel` in front of the fake Ollama.

Agent time passes only by ticks; what takes real time is waited for by being told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from brains.agent import Agent
from brains.gateway import Gateway
from brains.library import marked_brain
from brains.prompts import PromptLibrary
from brains.snapshot import AgentSnapshot, LeafReport, TickReport

ENDS = ("answered", "fallback", "cancelled")


class Play:
    """Ticks one agent.

    Args:
        brain: a factory marked with `@brain`.
        prompts: name to text.
        gateway: a started one.
    """

    def __init__(
        self,
        brain: Callable[..., object],
        prompts: dict[str, str],
        gateway: Gateway,
        *,
        agent_id: str = "guard",
        declared: list[str] | None = None,
    ) -> None:
        library = PromptLibrary()
        for name, text in prompts.items():
            library.put(name, text)
        found = marked_brain(brain)
        assert found is not None
        self.agent = Agent(agent_id, found, prompts=library, asker=gateway, declared=declared or [])
        self.gateway = gateway
        self.time = 0.0
        self.ticks: list[TickReport] = []

    @property
    def reports(self) -> list[LeafReport]:
        """What the leaves have reported, in order."""
        return [report for tick in self.ticks for report in tick.leaves]

    @property
    def reasons(self) -> list[str]:
        """Why there was no answer, each time."""
        return [report.reason for report in self.reports if report.kind == "fallback"]

    def tick(self, seconds: float = 0.1, **me: Any) -> TickReport:
        """Let agent time pass, and tick."""
        self.time += seconds
        report = self.agent.tick(AgentSnapshot(seq=self.agent.tick_number + 1, time=self.time, me=me))
        assert not report.faults
        self.ticks.append(report)
        return report

    async def until_ended(self, count: int = 1, **me: Any) -> LeafReport:
        """Tick until so many questions have ended, without any deadline passing; return the last of their reports."""
        told = asyncio.Event()
        ends = self.gateway.subscribe(lambda ticket: told.set())
        try:
            while len(ended := [one for one in self.reports if one.kind in ENDS]) < count:
                told.clear()
                self.tick(0.001, **me)
                if len([one for one in self.reports if one.kind in ENDS]) < count:
                    await told.wait()
            return ended[-1] if len(ended) == count else ended[count - 1]
        finally:
            ends()

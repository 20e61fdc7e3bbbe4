"""The hand of a debugger in a replay: does again what was done to an agent, at the same places."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from py_trees.common import Status

from brains.agent import Agent
from brains.nodes.llm import LLMNode
from brains.questions import Decision, Question
from brains.snapshot import AgentSnapshot, TickReport
from brains.ticking import Instrument, Step
from brains.trace.events import TouchedEvent

__all__ = ["Hand"]

_KINDS = frozenset({"set", "delete", "force", "free", "answer", "restart", "prompts"})


class Hand:
    """Ticks one agent, and does to it what a debugger did.

    Args:
        agent: the agent.
        bring_prompts: gives it the prompts with this number.
    """

    def __init__(self, agent: Agent, bring_prompts: Callable[[int], None]) -> None:
        self._agent = agent
        self._bring_prompts = bring_prompts
        self._nodes = {agent.path_of(node): node for node in agent.root.iterate()}
        self._instrument: Instrument | None = None
        """Kept while it may have something to force."""

    def problem(self, touches: Sequence[TouchedEvent]) -> str:
        """Say why something that was done cannot be done again; empty if all of it can."""
        for one in touches:
            if one.kind not in _KINDS:
                return f"a debugger did something that this version does not know ({one.kind!r})"
            if one.kind == "answer" and one.value is None:
                return f"a debugger gave {one.place!r} an answer, whose prompt has been left out of the recording"
            if one.kind in ("force", "answer") and one.place not in self._nodes:
                return f"a debugger changed {one.place!r}, which is not there any more"
        return ""

    def tick(self, snapshot: AgentSnapshot, touches: Sequence[TouchedEvent]) -> TickReport:
        """Tick the agent, and do in the tick what was done in it."""
        inside = deque(one for one in touches if one.boundary >= 0)
        if not inside and self._instrument is None:
            return self._agent.tick(snapshot)
        instrument = self._instrument or Instrument(self._agent.root)
        if self._instrument is None and any(one.kind == "force" for one in inside):
            self._instrument = instrument
        steps = self._agent.steps(snapshot, instrument)
        boundary = 0
        try:
            while True:
                step = next(steps)
                boundary += 1
                while inside and inside[0].boundary <= boundary:
                    one = inside.popleft()
                    if one.kind == "restart":
                        steps.close()
                        self._agent.root.stop(Status.INVALID)
                        return self._agent.finish()
                    self._do(one, instrument, step)
        except StopIteration as over:
            report: TickReport = over.value
            return report
        finally:
            if self._instrument is None:
                instrument.remove()

    def touch(self, one: TouchedEvent) -> None:
        """Do what was done between two ticks."""
        if one.kind == "force" and self._instrument is None:
            self._instrument = Instrument(self._agent.root)
        self._do(one, self._instrument, None)

    def _do(self, one: TouchedEvent, instrument: Instrument | None, step: Step | None) -> None:
        match one.kind:
            case "set" | "delete":
                _change(self._agent.blackboard, one)
            case "prompts" if step is not None:
                self._bring_prompts(one.value)
            case "answer":
                node = self._nodes[one.place]
                assert isinstance(node, LLMNode)
                question = msgspec.convert(one.value["question"], Question)
                self._agent.answer(node, question, msgspec.convert(one.value["decision"], Decision))
            case "force":
                assert instrument is not None
                self._force(one, instrument)
            case "free" if self._instrument is not None:
                self._instrument.remove()
                self._instrument = None

    def _force(self, one: TouchedEvent, instrument: Instrument) -> None:
        node, word = self._nodes[one.place], one.value["status"]
        if word == "none":
            instrument.force(node, None)
            return
        status, keep, at_end = Status[word.upper()], bool(one.value.get("keep")), one.value.get("at") == "exit"
        if not at_end or keep:
            instrument.force(node, status, keep=keep)
        if at_end:
            instrument.become(node, status)


def _change(memory: Any, one: TouchedEvent) -> None:
    """Set or delete a key, or one inside it."""
    keys = [one.place] if one.place in memory else one.place.split(".")
    holder: Any = memory
    for key in keys[:-1]:
        holder = holder[int(key) if isinstance(holder, list) else key]
    last: Any = int(keys[-1]) if isinstance(holder, list) else keys[-1]
    if one.kind == "delete":
        del holder[last]
    else:
        holder[last] = one.value

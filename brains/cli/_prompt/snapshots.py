"""Snapshots in files: what a prompt knows where it is tried out, as its leaf would know it in a game."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, cast

import msgspec

from brains.agent import Agent
from brains.errors import BrainsError, ConfigError
from brains.library import Brain, BrainLibrary
from brains.loading import load_trees
from brains.messages import SnapshotMessage
from brains.nodes import AgentContext, LLMNode
from brains.nodes.tree import actions_of, llm_leaves_of
from brains.prompts import Prompt, PromptLibrary
from brains.questions import Outcome, Question
from brains.reload import LARGEST_DATA, read_text
from brains.snapshot import AgentSnapshot, Event

__all__ = ["GIVEN", "Situation", "TreeInputs", "read_snapshot", "situation_of"]

GIVEN = ("me", "world", "events", "blackboard")
TICKS = 2
"""A leaf in the tree may note on its blackboard in one tick what an input reads in the next."""


class Situation(NamedTuple):
    """What one agent knows."""

    snapshot: AgentSnapshot
    agent: str = ""
    blackboard: Mapping[str, Any] = {}
    inputs: Mapping[str, Any] = {}
    """Inputs of the leaf that the file gives itself."""

    @property
    def context(self) -> dict[str, Any]:
        """What every template may declare, by name."""
        events = [msgspec.to_builtins(event) for event in self.snapshot.events]
        return {
            "me": self.snapshot.me,
            "world": self.snapshot.world,
            "events": events,
            "blackboard": self.blackboard,
            **self.inputs,
        }


def read_snapshot(file: Path, agent: str = "") -> Situation:
    """Read a JSON file: a `snapshot` message, or {me, world, events, blackboard, inputs}.

    Raises:
        ConfigError: there is no such file, it is not that, or the agent is not in it; says which are.
    """
    try:
        text = read_text(file, LARGEST_DATA)
    except OSError as error:
        raise ConfigError(f"the snapshot {str(file)!r} cannot be read: {error.strerror}") from error
    try:
        data = json.loads(text)
    except RecursionError as error:
        raise ConfigError(f"{file}: nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ConfigError(f"{file}:{error.lineno}: this is not JSON: {error.msg}") from error
    except ValueError as error:  # a number of thousands of digits
        raise ConfigError(f"{file}: {error}") from error
    return situation_of(data, str(file), agent)


def situation_of(data: Any, place: str, agent: str = "") -> Situation:
    """Make a situation of what a snapshot file holds; `place` begins the error messages.

    Raises:
        ConfigError: as `read_snapshot`.
    """
    if not isinstance(data, dict):
        raise ConfigError(f'{place}: a snapshot is an object, such as {{"me": {{...}}, "world": {{...}}}}')
    if "agents" in data or data.get("type") == "snapshot":
        return _of_message(data, place, agent)
    known = (*GIVEN, "inputs", "time_ms")
    for key in data:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}, or `agents`"
            raise ConfigError(f"{place}: a snapshot has no {key!r}; {hint}")
    try:
        whole = msgspec.convert(data, _Loose)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{place}: {error}") from error
    snapshot = AgentSnapshot(
        seq=1, time=whole.time_ms / 1000, me=whole.me, world=whole.world, events=tuple(whole.events)
    )
    return Situation(snapshot, agent, whole.blackboard, whole.inputs)


class _Beside(msgspec.Struct):
    """What a snapshot message may have beside it."""

    blackboard: dict[str, Any] = {}
    inputs: dict[str, Any] = {}


class _Loose(_Beside):
    me: dict[str, Any] = {}
    world: dict[str, Any] = {}
    events: list[Event] = []
    time_ms: float = 0.0


def _of_message(data: dict[str, Any], place: str, agent: str) -> Situation:
    given = {key: value for key, value in data.items() if key not in ("blackboard", "inputs")}
    try:
        beside = msgspec.convert({key: data[key] for key in ("blackboard", "inputs") if data.get(key)}, _Beside)
        message = msgspec.convert({"seq": 1, "time_ms": 0.0, **given, "type": "snapshot"}, SnapshotMessage)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{place}: this is no `snapshot` message: {error}") from error
    ids = list(message.agents)
    chosen = agent or (ids[0] if len(ids) == 1 else "")
    if chosen not in message.agents:
        _no_agent(place, agent, ids)
    part = message.agents[chosen]
    snapshot = AgentSnapshot(
        seq=int(message.seq),
        time=message.time_ms / 1000,
        me=part.me,
        world=message.world,
        events=tuple(
            Event(event.name, event.data, event.time_ms)
            for event in message.events
            if not event.agent or event.agent == chosen
        ),
        available=None if part.available is None else frozenset(part.available),
    )
    return Situation(snapshot, chosen, beside.blackboard, beside.inputs)


def _no_agent(place: str, agent: str, ids: list[str]) -> NoReturn:
    there = f"there are: {', '.join(ids) or 'none'}"
    if not agent:
        raise ConfigError(f"{place}: say which agent with --agent; {there}")
    near = get_close_matches(agent, ids, n=1)
    raise ConfigError(f"{place}: there is no agent {agent!r}; {f'did you mean {near[0]!r}?' if near else there}")


class _Silent:
    """Takes questions and answers none: nothing is asked where only inputs are wanted."""

    def ask(self, question: Question) -> _Open:
        return _Open(question)


class _Open:
    text = ""
    outcome: Outcome | None = None

    def __init__(self, question: Question) -> None:
        self.question = question

    def cancel(self, *, late: bool = False) -> None:
        pass


class TreeInputs:
    """Computes the inputs that a prompt's leaf gives it, with the tree's own callables."""

    def __init__(self, trees: Path | BrainLibrary | None, prompts: PromptLibrary, brain: str = "") -> None:
        """Use these trees, or those of a folder, loaded when they are first needed; None: there are none."""
        self._trees = trees
        self._prompts = prompts
        self._brain = brain

    @cached_property
    def _library(self) -> BrainLibrary:
        if isinstance(self._trees, BrainLibrary):
            return self._trees
        return BrainLibrary() if self._trees is None or not self._trees.is_dir() else load_trees(self._trees)

    @cached_property
    def _asked(self) -> dict[str, list[Brain]]:
        """Return the brains whose trees ask each prompt."""
        found: dict[str, list[Brain]] = {}
        names = [self._brain] if self._brain else self._library.names()
        for brain in map(self._library.get, names):
            for prompt in {leaf.prompt for leaf in llm_leaves_of(brain.build())}:
                found.setdefault(prompt, []).append(brain)
        return found

    def context(self, prompt: Prompt, situation: Situation) -> dict[str, Any]:
        """Return all that the prompt may know: from the snapshot, and what its leaf adds to that.

        Raises:
            ConfigError: an input can be found nowhere, or the leaf would not ask with this snapshot.
        """
        context = situation.context
        wanted = [name for name in prompt.inputs if name not in context]
        if not wanted and not self._brain:
            return context
        brains = self._asked.get(prompt.name, [])
        if self._brain and not brains:
            raise ConfigError(f"no leaf of brain {self._brain!r} asks the prompt {prompt.name!r}")
        if not brains:
            raise ConfigError(
                f"{prompt.name!r} needs {', '.join(map(repr, wanted))}, which no tree computes: put it into the "
                'snapshot under "inputs"'
            )
        given = self._from_tree(prompt, brains[0], situation)
        unknown = [name for name in wanted if name not in given]
        if unknown:
            raise ConfigError(
                f"{prompt.name!r} needs {', '.join(map(repr, unknown))}, which its leaf in brain {brains[0].name!r} "
                'does not give: add it to inputs={...} there, or put it into the snapshot under "inputs"'
            )
        lacking = [name for name in wanted if given[name] is None]
        if lacking:
            raise ConfigError(
                f"with this snapshot brain {brains[0].name!r} gives no {', '.join(map(repr, lacking))}, so its leaf "
                f'would not ask {prompt.name!r}; put it under "inputs", or change what the agent perceives'
            )
        return {**context, **given, **situation.inputs}

    def labels(self, prompt: Prompt) -> tuple[str, ...]:
        """Return the answers that a prompt may have: its own, or those of its leaf's choices."""
        if prompt.labels or prompt.kind == "text":
            return prompt.labels
        try:
            brains = self._asked.get(prompt.name, [])
        except BrainsError:  # broken trees are no reason not to look at a prompt
            brains = []
        for brain in brains:
            for leaf in llm_leaves_of(brain.build()):
                labels: tuple[str, ...] = tuple(getattr(leaf, "labels", ()))
                if leaf.prompt == prompt.name and set(prompt.example_labels) <= set(labels):
                    return labels
        return prompt.example_labels

    def _from_tree(self, prompt: Prompt, brain: Brain, situation: Situation) -> dict[str, Any]:
        declared = list(actions_of(brain.build()))
        agent = Agent(situation.agent or "agent", brain, prompts=self._prompts, asker=_Silent(), declared=declared)
        try:
            agent.blackboard.update(situation.blackboard)
            (leaf, *_) = [leaf for leaf in llm_leaves_of(agent.root) if leaf.prompt == prompt.name]
            agent.begin(situation.snapshot)
            found = _inputs_of(leaf, agent)
            agent.finish()
            for _ in range(TICKS):
                if all(value is not None for value in found.values()):
                    break
                agent.tick(situation.snapshot)
                found = _inputs_of(leaf, agent)
            return found
        finally:
            agent.close()


def _inputs_of(leaf: LLMNode, agent: Agent) -> dict[str, Any]:
    """Call a leaf's inputs.

    Raises:
        ConfigError: one of them raises with this snapshot.
    """
    found, seen = {}, cast(AgentContext, agent)
    for name, value in leaf.inputs.items():
        try:
            found[name] = value(seen) if callable(value) else value
        except Exception as error:
            raise ConfigError(
                f"the input {name!r} of {agent.path_of(leaf)!r} cannot be computed from this snapshot: "
                f"{type(error).__name__}: {error}"
            ) from error
    return found

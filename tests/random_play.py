"""Random trees of the whole vocabulary, and random games for them, played through a real session core."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import py_trees
from hypothesis import strategies as st
from py_trees.behaviour import Behaviour
from py_trees.common import ParallelPolicy, Status

from brains import (
    Action,
    Condition,
    Cooldown,
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
    one_of,
)
from brains.agent import Agent
from brains.errors import PromptError
from brains.library import Brain, BrainLibrary
from brains.nodes.context import Leaf
from brains.prompts import Prompt, PromptLibrary
from brains.questions import Decision, NoAnswer, Question
from brains.session import GameSession
from brains.snapshot import AgentSnapshot
from brains.testing import ScriptedAsker
from brains.ticking import Instrument, Step
from brains.trace import MemorySink, Recorder, Recording, Replayer
from tests.fakes.session import frame, hello
from tests.leaf_games import ACTION, CONDITION, Attack, Challenge, Flee, Walk, stranger

SAY = """---
answer: text
inputs: {me: [mood], world: [weather]}
---
user:
In {{ world.weather }}, one who is {{ me.mood }} says
"""
PICK = """---
answer: [left, right]
inputs: {stranger: [looks]}
---
user:
{{ stranger.looks }}
"""
EDITED = CONDITION.replace("{{ stranger.looks }}", "It is {{ stranger.looks }}.")
BROKEN = CONDITION.replace("{{ stranger.looks }}", "{{ stranger.looks ")
TEXTS = {"is_hostile": CONDITION, "respond": ACTION, "say": SAY, "pick": PICK}
CHOICES = {"Attack": Attack, "Challenge": Challenge, "Flee": Flee}


class Moody(Leaf):
    """Remembers, draws, and breaks in a way that depends on all of it."""

    def update(self) -> Status:
        memory = self.agent.blackboard
        memory["count"] = memory.get("count", 0) + 1
        memory.setdefault("heard", []).extend(event.name for event in self.agent.events)
        if self.agent.rng.random() < 0.2 or len(memory["heard"]) == 5:
            raise ValueError(f"{object()} broke after {memory['count']}")
        self.feedback_message = f"{memory['count']}"
        return Status.RUNNING if self.agent.rng.random() < 0.5 else Status.SUCCESS


class Bad(Leaf):
    """Breaks when it is stopped, and when it begins in bad weather."""

    def initialise(self) -> None:
        if self.agent.world.get("weather") == "rain":
            raise RuntimeError("wet")

    def update(self) -> Status:
        return Status.RUNNING

    def terminate(self, new_status: Status) -> None:
        if new_status is Status.INVALID:
            raise KeyError("stopped")


def chased(agent: Any) -> Attack:
    """Make an action of what is perceived; breaks where nobody is."""
    return Attack(target=agent.me["sees"][0])


LEAVES: dict[str, Callable[[], Behaviour]] = {
    "condition": lambda: Condition("near?", lambda agent: agent.me.get("near")),
    "calm": lambda: Condition("calm?", lambda agent: agent.world.get("weather") == "sun"),
    "walk": lambda: Action("walk", Walk()),
    "attack": lambda: Action("attack", chased),
    "wait": lambda: Wait("wait", 0.15),
    "hostile": lambda: LLMCondition(
        "hostile?", prompt="is_hostile", inputs={"stranger": stranger}, ttl=0.5, every=0.1, deadline=0.6, retry=0.1
    ),
    "hostile running": lambda: LLMCondition(
        "hostile!", prompt="is_hostile", inputs={"stranger": stranger}, on_pending="running", every=0.0, dwell=0.2
    ),
    "respond": lambda: LLMAction(
        "respond",
        prompt="respond",
        inputs={"stranger": stranger},
        choices=[Attack, Challenge, Flee],
        arguments={"target": one_of(lambda agent: agent.me["sees"])},
        still=lambda agent, asked: agent.me.get("near"),
        fallback=Flee(),
        deadline=0.5,
        retry=0.1,
    ),
    "say": lambda: Say("say", prompt="say", fallback="Hm.", max_chars=40, max_piece=15, deadline=0.7, retry=0.1),
    "moody": lambda: Moody("moody"),
    "bad": lambda: Bad("bad"),
    "success": lambda: py_trees.behaviours.Success("success"),
    "failure": lambda: py_trees.behaviours.Failure("failure"),
    "running": lambda: py_trees.behaviours.Running("running"),
    "counter": lambda: py_trees.behaviours.TickCounter("counter", 2, Status.SUCCESS),
    "periodic": lambda: py_trees.behaviours.Periodic("periodic", 2),
}
COMPOSITES: dict[str, Callable[[list[Behaviour]], Behaviour]] = {
    "reactive selector": lambda children: ReactiveSelector("sel", children),
    "memory selector": lambda children: MemorySelector("msel", children),
    "reactive sequence": lambda children: ReactiveSequence("seq", children),
    "memory sequence": lambda children: MemorySequence("mseq", children),
    "random selector": lambda children: RandomSelector("rsel", children),
    "parallel": lambda children: py_trees.composites.Parallel("par", ParallelPolicy.SuccessOnOne(), children),
    "llm selector": lambda children: LLMSelector(
        "pick",
        dict(zip(("left", "right"), [*children[:2], *([Wait("rest", 0.1)] if len(children) < 2 else [])], strict=True)),
        prompt="pick",
        inputs={"stranger": stranger},
        fallback="left",
        meanwhile="right",
        reask=0.2,
        margin=0.1,
        deadline=0.5,
        retry=0.1,
    ),
}
DECORATORS: dict[str, Callable[[Behaviour], Behaviour]] = {
    "time limit": lambda child: TimeLimit("limit", child, 0.3),
    "cooldown": lambda child: Cooldown("cool", child, 0.25, after_failure=True),
    "inverter": lambda child: py_trees.decorators.Inverter("not", child),
    "retry": lambda child: py_trees.decorators.Retry("retry", child, 2),
    "repeat": lambda child: py_trees.decorators.Repeat("repeat", child, 2),
    "oneshot": lambda child: py_trees.decorators.OneShot("once", child, py_trees.common.OneShotPolicy.ON_COMPLETION),
}
trees: Any = st.recursive(
    st.sampled_from(sorted(LEAVES)),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(sorted(COMPOSITES)), st.lists(inner, min_size=1, max_size=4)),
        st.tuples(st.sampled_from(sorted(DECORATORS)), inner),
    ),
    max_leaves=10,
)

LOOKS = [{"looks": "a bandit"}, {"looks": "a girl"}, {"looks": "a cook with\tan {{ odd }} name"}]
mes = st.fixed_dictionaries(
    {
        "near": st.booleans(),
        "stranger": st.sampled_from([*LOOKS, *LOOKS, None]),
        "sees": st.sampled_from([["b1", "b2"], ["b2"], [], ["b1", "b2", "b3"]]),
        "mood": st.sampled_from(["glad", "sad"]),
        "x": st.floats(allow_nan=False, allow_infinity=False, width=32) | st.integers(-5, 5),
    }
)
ids = st.sampled_from(["a", "b"])
steps: Any = st.one_of(
    st.tuples(
        st.just("tick"),
        st.dictionaries(ids, st.tuples(mes, st.none() | st.sets(st.sampled_from([*CHOICES, "Walk"]))), min_size=1),
        st.sampled_from(["sun", "rain"]),
        st.sampled_from([0.0, 0.1, 0.1, 0.1, 0.35, -5.0]),
    ),
    st.tuples(st.just("event"), st.none() | ids, st.sampled_from(["knock", "bell"])),
    st.tuples(st.just("answer"), st.integers(0, 3), st.sampled_from([0, 0, 1, 2, "sing", "gone"])),
    st.tuples(st.just("grow"), st.sampled_from(["Hal", "Halt! Who", "Halt! Who goes there, my good friend? Speak"])),
    st.tuples(st.just("result"), st.integers(0, 2), st.sampled_from(["running", "success", "failure", "expired"])),
    st.tuples(st.just("edit"), st.sampled_from([CONDITION, EDITED, BROKEN])),
    st.tuples(st.just("hold"), ids, st.sampled_from([0.5, 3.0])),
    st.tuples(st.just("again"), ids),
)
touches: Any = st.one_of(
    st.tuples(st.just("set"), st.sampled_from([0, 40])),
    st.tuples(st.just("edit"), st.sampled_from([CONDITION, EDITED])),
    st.tuples(st.just("restart"), st.none()),
    st.tuples(
        st.just("force"),
        st.tuples(st.integers(0, 30), st.sampled_from(["success", "failure", "running", "none"]), st.booleans()),
    ),
)
debugged: Any = st.one_of(
    steps,
    st.tuples(st.just("debug"), mes, st.lists(st.tuples(st.integers(1, 12), touches), max_size=3)),
    st.tuples(st.just("free")),
)
plays: Any = st.lists(steps, max_size=40)


def library_of(trees_by_name: dict[str, Any]) -> BrainLibrary:
    """Make brains of random trees."""
    library = BrainLibrary()
    for name, tree in trees_by_name.items():
        library.add(Brain(name=name, factory=functools.partial(build, tree)))
    return library


def build(tree: Any) -> Behaviour:
    """Build a random tree."""
    if isinstance(tree, str):
        return LEAVES[tree]()
    kind, below = tree
    if kind in DECORATORS:
        return DECORATORS[kind](build(below))
    return COMPOSITES[kind]([build(child) for child in below])


@functools.cache
def compiled(name: str, text: str) -> Prompt:
    """Compile a prompt once: it takes 20 ms."""
    return Prompt(name, text)


def prompts() -> PromptLibrary:
    """Make the library that random trees ask from."""
    library = PromptLibrary()
    for name, text in TEXTS.items():
        library.take(compiled(name, text))
    return library


def outcome(question: Question, said: int | str) -> Any:
    """Make an answer: one of those offered by its place, or one that fits nowhere."""
    if said == "gone":
        return NoAnswer(reason="unavailable", message="the model said: 'Hm!'")
    if question.schema is not None:
        kinds = question.schema["properties"]["target"].get("enum", ["b1"])
        return Decision(answer="", value={"target": kinds[said % len(kinds)] if isinstance(said, int) else said})
    labels = question.labels
    if not labels:
        return Decision(answer=f"Halt! Who goes there, my good friend? Speak {said}.", way="text")
    word = labels[said % len(labels)] if isinstance(said, int) else said
    return Decision(answer=word, probabilities={word: 0.7}, raw={word: 0.61}, model_digest="m")


class Play:
    """One random game with two agents, recorded."""

    def __init__(self, library: BrainLibrary, *, content: bool = True) -> None:
        self.library = library
        self.prompts = prompts()
        self.asker = ScriptedAsker()
        self.sink = MemorySink()
        self.recorder = Recorder(self.sink, prompts=self.prompts, content=content, now=lambda: 0.0)
        self.agents: dict[str, Agent] = {}
        self.seq = itertools.count(1)
        self.time = 0.0
        self.events: list[dict[str, Any]] = []
        self.results: list[dict[str, Any]] = []
        self.orders: list[tuple[str, str]] = []
        self.instrument: Instrument | None = None
        plain = functools.partial(Agent, prompts=self.prompts, asker=self.asker, seed=7)
        made = self.recorder.factory(plain)

        def factory(name: str, brain: Any, /, **given: Any) -> Agent:
            self.agents[name] = agent = made(name, brain, **given)
            return agent

        self.session = GameSession(library, factory)
        self.session.receive(hello())
        for name in ("a", "b"):
            self.add(name)

    def add(self, name: str) -> None:
        """Add an agent, in place of one that has its name."""
        actions = [{"name": action} for action in (*CHOICES, "Walk")]
        self.session.receive(
            frame("agents", remove=[name], add=[{"id": name, "brain": f"brain {name}", "actions": actions}])
        )

    def do(self, step: Any) -> None:
        """Do one step of a random game."""
        getattr(self, f"do_{step[0]}")(*step[1:])

    def do_tick(self, parts: dict[str, Any], weather: str, seconds: float) -> None:
        self.time = max(0.0, self.time + seconds)
        agents = {
            name: {"me": me, **({} if available is None else {"available": sorted(available)})}
            for name, (me, available) in parts.items()
        }
        self.session.receive(
            frame(
                "snapshot",
                seq=next(self.seq),
                time_ms=self.time * 1000,
                world={"weather": weather},
                agents=agents,
                events=self.events,
                results=self.results,
            )
        )
        self.events, self.results = [], []
        for report in self.session.tick():
            if report.order is not None:
                self.orders.append((report.agent, report.order.id))
        self.session.outgoing()

    def do_event(self, agent: str | None, name: str) -> None:
        self.events.append({"name": name, "data": {"text": name}, **({} if agent is None else {"agent": agent})})

    def do_answer(self, number: int, said: int | str) -> None:
        tickets = self.asker.open
        if tickets:
            ticket = tickets[number % len(tickets)]
            ticket.outcome = outcome(ticket.question, said)

    def do_grow(self, text: str) -> None:
        for ticket in self.asker.open:
            if not ticket.question.labels and ticket.question.schema is None:
                ticket.text = text

    def do_result(self, number: int, status: str) -> None:
        if self.orders:
            agent, order = self.orders[-1 - number % len(self.orders)]
            self.results.append({"agent": agent, "id": order, "status": status})

    def do_edit(self, text: str) -> None:
        if text == BROKEN:
            with contextlib.suppress(PromptError):
                self.prompts.put("is_hostile", text)
        else:
            self.prompts.take(compiled("is_hostile", text))

    def do_hold(self, name: str, seconds: float) -> None:
        agent = self.agents[name]
        if agent.witness is not None:
            agent.witness.held("pause")
            agent.clock.skip_to(self.time + seconds)
            agent.witness.released()

    def do_debug(self, me: Any, given: list[tuple[int, Any]]) -> None:
        """Step agent a through a tick, as the debugger does, and do to it what is given, at these boundaries."""
        agent = self.agents["a"]
        self.time += 0.1
        if self.instrument is None:
            self.instrument = Instrument(agent.root)
        plan = sorted(given, key=lambda one: one[0])
        steps = agent.steps(AgentSnapshot(time=self.time, me=me, world={"weather": "sun"}), self.instrument)
        for boundary, step in enumerate(steps, 1):
            while plan and plan[0][0] == boundary:
                (_, (kind, value)) = plan.pop(0)
                if kind == "restart":
                    agent.touched("restart", "", None)
                    steps.close()
                    agent.root.stop(Status.INVALID)
                    agent.finish()
                    return
                self.touch(agent, step, kind, value)

    def touch(self, agent: Agent, step: Step, kind: str, value: Any) -> None:
        """Do one thing as the debugger's commands do it."""
        assert self.instrument is not None
        if kind == "edit":
            self.do_edit(value)
        elif kind == "set":
            agent.blackboard["count"] = value
            agent.touched("set", "count", value)
        else:
            number, word, keep = value
            nodes = list(agent.root.iterate())
            node = nodes[number % len(nodes)]
            if word == "none":
                self.instrument.force(node, None)
                agent.touched("force", agent.path_of(node), {"status": "none"})
                return
            at_end = step == (node, "exit")
            if not at_end or keep:
                self.instrument.force(node, Status[word.upper()], keep=keep)
            if at_end:
                self.instrument.become(node, Status[word.upper()])
            told = {"status": word, "keep": keep, "at": "exit" if at_end else "enter"}
            agent.touched("force", agent.path_of(node), told)

    def do_free(self) -> None:
        """End the debugging of agent a."""
        if self.instrument is not None:
            self.instrument.remove()
            self.instrument = None
            self.agents["a"].touched("free", "", None)

    def do_again(self, name: str) -> None:
        self.add(name)

    def recording(self) -> Recording:
        """End the game, and read what was recorded."""
        self.session.close()
        self.recorder.end()
        return Recording.of(self.sink.lines)

    def replayer(self) -> Replayer:
        """Return what replays it, on the same brains."""
        return Replayer(self.recording(), self.library, self.prompts)


def tampered(lines: list[bytes], place: int, change: Callable[[dict[str, Any]], None]) -> list[bytes]:
    """Return the lines with one of them changed."""
    event = msgspec.json.decode(lines[place])
    change(event)
    return [*lines[:place], msgspec.json.encode(event), *lines[place + 1 :]]

"""What holds for every sequence of frames, whatever the game does."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from brains.actions import GameAction
from brains.messages import CLOSE_CODES, ERROR_CODES
from brains.session import GameSession, Parking, SessionLimits
from tests.fakes.session import FakeBrains, Walk, Wave, agents, frame, hello, messages, of_type, snapshot

NAMES = ("a", "b", "c")
MAX_EVENTS = 8

# What Godot's JSON.stringify can write: floats for all numbers, `nan`, `inf` and 1e99999, raw control characters, `\v`,
# and halves of surrogate pairs, which stand for themselves in a frame only as escapes.
godot_text = st.text(st.characters(codec="utf-8"), max_size=8)
godot_values: Any = st.recursive(
    st.none() | st.booleans() | st.floats(width=32) | st.integers(-(2**63), 2**63 - 1).map(float) | godot_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(godot_text, inner, max_size=3),
    max_leaves=12,
)


def stringify(value: Any, *, old: bool = False) -> str:
    """Write JSON as Godot 4.6 does, or as 4.4 and 4.5 do (`old`), flaws included."""
    if isinstance(value, float) and not math.isfinite(value):
        if old:
            return str(value)  # nan, inf, -inf: no JSON
        return "null" if math.isnan(value) else "1e99999" if value > 0 else "-1e99999"
    if isinstance(value, str):
        text = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
        return '"' + text.replace("\r", "\\r").replace("\b", "\\b").replace("\f", "\\f").replace("\v", "\\v") + '"'
    if isinstance(value, dict):
        return "{" + ",".join(f"{stringify(key)}:{stringify(one, old=old)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(stringify(one, old=old) for one in value) + "]"
    return json.dumps(value)


fields = st.sampled_from(
    [
        "type",
        "seq",
        "epoch",
        "agents",
        "events",
        "results",
        "add",
        "remove",
        "world",
        "t",
        "message",
        "id",
        "me",
        "agent",
    ]
)
kinds = st.sampled_from(
    ["hello", "agents", "snapshot", "action_result", "ping", "pong", "error", "welcome", "actions", "x"]
)
godot_messages = st.dictionaries(fields, godot_values, max_size=6).flatmap(
    lambda message: kinds.map(lambda kind: {**message, "type": kind})
)
frames = st.one_of(
    godot_messages.map(stringify),
    godot_messages.map(lambda message: stringify(message, old=True)),
    godot_values.map(stringify),
    st.text(max_size=40),
    st.binary(max_size=40),
    godot_messages.map(stringify).flatmap(lambda text: st.integers(0, len(text)).map(lambda end: text[:end])),
)


def session_with(brains: FakeBrains, parking: Parking[GameSession] | None = None, **limits: int) -> GameSession:
    session = GameSession(
        brains,
        brains.make,
        limits=SessionLimits(**limits),
        parking=parking,
        new_id=lambda: "s",
        new_secret=lambda: "first",
        now=lambda: 0.0,
    )
    session.receive(hello(limits={"max_message_bytes": 4096}))
    session.receive(agents(*NAMES))
    session.outgoing()
    return session


@settings(deadline=None)
@given(st.lists(frames, max_size=20))
def test_any_frame_is_understood_or_refused_by_name_and_the_session_goes_on(sent: list[str | bytes]) -> None:
    brains = FakeBrains()
    session = session_with(brains)
    for one in sent:
        session.receive(one)
        session.tick()
        for message in messages(session):
            if message["type"] == "error":
                assert message["code"] in ERROR_CODES
                assert message["message"]
    assert session.closing is None
    session.receive(frame("ping", t=3))
    assert messages(session)[-1] == {"type": "pong", "t": 3.0}


@settings(deadline=None)
@given(st.lists(frames, max_size=20))
def test_before_hello_any_frame_is_harmless_too(sent: list[str | bytes]) -> None:
    brains = FakeBrains()
    session = GameSession(brains, brains.make, token="secret")
    for one in sent:
        session.receive(one)
        session.tick()
        session.outgoing()
    assert not session.open
    assert brains.made == []
    assert session.closing is None or session.closing[0] in CLOSE_CODES.values()


@settings(deadline=None)
@given(st.dictionaries(fields | godot_text, godot_values, max_size=3), st.booleans(), st.booleans())
def test_what_godot_writes_in_fields_of_free_form_reaches_the_agent_or_gives_the_credit_back(
    values: dict[str, Any], old: bool, last: bool
) -> None:
    """It sorts the keys, so that some of the free form stands before `seq` and `type`, and some after."""
    place = {"world": values} if last else {"agents": {"a": {"me": values}}}
    message = {"agents": {"a": {}}, "seq": 7.0, "time_ms": 5.0, "type": "snapshot", **place}
    text = stringify(dict(sorted(message.items())), old=old)
    brains = FakeBrains()
    session = session_with(brains)
    session.receive(text)
    session.tick()
    sent = messages(session)
    assert [message["snapshot"] for message in of_type("actions", sent)] == [7]
    if not brains.agents["a"].seen:
        (error,) = of_type("error", sent)
        assert error["code"] == "bad_message"
        assert error["ref"] == {"type": "snapshot", "seq": 7}
        flaws = ("\\v", "1e99999", "nan", "inf")
        assert any(flaw in text for flaw in flaws) or any(ord(char) < 32 for char in text)


@settings(deadline=None)
@given(godot_messages, st.integers(0, 2**53), st.booleans(), st.booleans())
def test_every_snapshot_gets_its_credit_back_whatever_is_in_it(
    message: dict[str, Any], seq: int, old: bool, ordered: bool
) -> None:
    message = {**message, "seq": float(seq), "type": "snapshot"}
    session = session_with(FakeBrains())
    session.receive(stringify(dict(sorted(message.items())) if ordered else message, old=old))
    session.tick()
    assert [answer["snapshot"] for answer in of_type("actions", messages(session))] == [seq]


class Game(RuleBasedStateMachine):
    """A game that does all it may do, at any speed, over a wire that may break at any point."""

    def __init__(self) -> None:
        super().__init__()
        self.brains = FakeBrains()
        self.parking: Parking[GameSession] = Parking(now=lambda: 0.0)
        self.session = session_with(self.brains, self.parking, max_events=MAX_EVENTS)
        self.session.receive(snapshot(1))
        self.session.tick()
        self.session.outgoing()
        self.secret = "first"
        self.seq = 1
        self.answers = 1
        self.epoch = 0
        self.unanswered: list[int] = []
        self.untold: dict[str, list[str]] = {name: [] for name in NAMES}
        self.events = 0
        self.named: set[str] = set()
        """Orders that were sent to the game, whether they arrived or not."""
        self.taken_back: set[str] = set()
        """Orders that were cancelled, whether the game knows it or not."""
        self.in_hand: dict[str, str] = {}
        """What the game carries out: order, agent."""
        self.ended: dict[str, tuple[str, str]] = {}
        """How an order ended in the game: agent, status. It tells so again if it is asked again."""
        self.told: set[str] = set()
        """Orders whose end the server was told."""
        self.begun: list[str] = []
        self.reported: list[str] = []

    def drain(self) -> None:
        self.read(self.session.outgoing())

    def read(self, sent: Sequence[str], arriving: int | None = None) -> None:
        """Look at what the session sends, and let the game carry out the first ones, or all."""
        for number, one in enumerate(sent):
            assert len(one.encode()) <= 4096
            message = json.loads(one)
            if message["type"] == "actions":
                self.check(message)
                if arriving is None or number < arriving:
                    self.carry_out(message)
            assert message["type"] != "error" or message["code"] == "stale", message

    def check(self, message: dict[str, Any]) -> None:
        assert message["snapshot"] == self.unanswered.pop(0), "every snapshot once, in order"
        self.answers += 1
        assert message["seq"] == self.answers, "the numbers go on, whatever happens to the wire"
        named = [entry["agent"] for entry in message["actions"]]
        assert len(named) == len(set(named)), "one action per agent"
        ids = {entry["id"] for entry in message["actions"]}
        assert set(message["cancel"]) <= self.named, "only what the game may know is cancelled"
        assert not ids & set(message["cancel"])
        assert not ids & self.told, "what has ended is not ordered"
        assert not ids & self.taken_back, "what was cancelled is not ordered"
        self.named |= ids
        self.taken_back |= set(message["cancel"])

    def carry_out(self, message: dict[str, Any]) -> None:
        """Do what a game has to do with an answer: the same id is the same order."""
        for order in message["cancel"]:
            agent = self.in_hand.pop(order, None)
            if agent is not None:
                self.ended[order] = agent, "cancelled"
        for entry in message["actions"]:
            order, agent = entry["id"], entry["agent"]
            if order in self.ended:
                self.tell(order, *reversed(self.ended[order]))
            elif order not in self.in_hand:
                self.in_hand[order] = agent
                self.begun.append(order)

    def tell(self, order: str, status: str, agent: str) -> None:
        self.session.receive(frame("action_result", agent=agent, id=order, status=status))
        if status != "running":
            self.told.add(order)

    @rule(
        names=st.sets(st.sampled_from(NAMES)),
        heard=st.lists(st.none() | st.sampled_from(NAMES), max_size=2),
    )
    def snapshot(self, names: set[str], heard: list[str | None]) -> None:
        self.seq += 1
        heard = heard[: MAX_EVENTS - self.events]
        events = []
        for number, name in enumerate(heard):
            event = f"{self.seq}.{number}"
            # An agent that is in no snapshot for long may forget: not what this test is about.
            for to in NAMES if name is None else (name,):
                self.untold[to].append(event)
            events.append({"name": event} | ({} if name is None else {"agent": name}))
        self.events += len(heard)
        everyone = {*names, *(name for name in NAMES if len(self.untold[name]) > MAX_EVENTS - 4)}
        self.session.receive(snapshot(self.seq, *sorted(everyone), epoch=self.epoch, events=events))
        self.unanswered.append(self.seq)
        if any(len(self.untold[name]) > MAX_EVENTS - 3 for name in NAMES):
            self.tick()

    @rule(losing=st.none() | st.integers(0, 3))
    def tick(self, losing: int | None = None) -> None:
        before = {name: len(self.brains.agents[name].seen) for name in NAMES}
        if self.session.due:
            self.events = 0
        self.session.tick()
        for name in NAMES:
            for seen in self.brains.agents[name].seen[before[name] :]:
                assert [event.name for event in seen.events] == self.untold[name], "no event is lost"
                self.untold[name] = []
        if losing is None:
            self.drain()
        else:
            self.lose_and_come_back(losing, standing=False)

    @rule(name=st.sampled_from(NAMES), size=st.sampled_from([0, 3000]), arriving=st.integers(0, 2))
    def lose_what_was_decided(self, name: str, size: int, arriving: int) -> None:
        """Tick an agent that changes its mind, and break the wire before its order and cancels arrive, or after."""
        self.plan(name, size)
        self.snapshot({name}, [])
        self.tick(arriving)

    @rule(names=st.sets(st.sampled_from(NAMES)), epoch=st.booleans())
    def snapshot_that_is_void(self, names: set[str], epoch: bool) -> None:
        seq = self.seq + 1000 if epoch else self.seq
        self.session.receive(snapshot(seq, *names, epoch=self.epoch + epoch))
        self.unanswered.append(seq)

    @rule(name=st.sampled_from(NAMES), size=st.sampled_from([0, 1, 1500, 3000]))
    def plan(self, name: str, size: int) -> None:
        agent = self.brains.agents[name]
        action: GameAction = Walk(to="x" * size) if size else Wave()
        agent.todo.append({"cancels": tuple(agent.running), "order": action})

    @rule(
        name=st.sampled_from(NAMES),
        status=st.sampled_from(["running", "success", "expired"]),
        then=st.sampled_from(["", "register_again", "change_scene", "lose"]),
    )
    def report(self, name: str, status: str, then: str) -> None:
        running = [order for order, agent in self.in_hand.items() if agent == name]
        if running:
            order = running[0]
            if status != "running":
                del self.in_hand[order]
                self.ended[order] = name, status
            if then == "lose":
                # The word of it is on its way when the wire breaks, and does not arrive.
                self.lose_and_come_back(arriving=0, standing=False)
                return
            self.tell(order, status, name)
            if then == "register_again":
                self.register_again(name)
            elif then:
                self.change_scene()

    @rule(arriving=st.integers(0, 4), standing=st.booleans())
    def lose_and_come_back(self, arriving: int, standing: bool) -> None:
        """Break the wire: the first frames arrive, the others do not; and then come back and tell what is in hand."""
        self.read(self.session.outgoing(), arriving)
        self.unanswered.clear()
        if not standing:
            assert self.parking.lost(self.session)
        fresh = GameSession(self.brains, self.brains.make, parking=self.parking, new_id=lambda: "other")
        wish = {"id": self.session.id, "resume": self.secret}
        fresh.receive(hello(session=wish, limits={"max_message_bytes": 4096}))
        assert fresh.successor is self.session
        welcome, *rest = messages(self.session)
        assert [message["type"] for message in rest] in ([], ["wake"])
        assert welcome["session"]["resumed"]
        self.secret = welcome["session"]["resume"]
        self.events = 0
        self.session.receive(agents(*NAMES, epoch=self.epoch))
        for order, agent in list(self.in_hand.items()):
            self.tell(order, "running", agent)
        for order, (agent, status) in list(self.ended.items()):
            # Those of which the game cannot be sure that they arrived; the others, too, would do no harm.
            if order not in self.told:
                self.tell(order, status, agent)
        self.drain()

    @rule(name=st.sampled_from(NAMES))
    def register_again(self, name: str) -> None:
        self.session.receive(agents(name, epoch=self.epoch))
        self.drain()

    @rule(name=st.sampled_from(NAMES))
    def answered(self, name: str) -> None:
        self.session.answered(name)

    @rule()
    def change_scene(self) -> None:
        self.epoch += 1
        self.session.receive(agents(*NAMES, epoch=self.epoch))
        self.drain()
        assert self.unanswered == []

    @initialize()
    def begin(self) -> None:
        assert len(self.brains.made) == len(NAMES)

    @invariant()
    def open(self) -> None:
        assert self.session.closing is None

    def teardown(self) -> None:
        self.tick()
        assert self.unanswered == []
        assert len(self.brains.made) == len(NAMES), "registering again keeps the trees"
        self.settle()
        for name in NAMES:
            agent = self.brains.agents[name]
            mine = {order for order, whose in self.in_hand.items() if whose == name}
            assert mine == set(agent.running), "the game does what its brain wants: all of it, and nothing else"
            got = [result.id for seen in agent.seen for result in seen.results if result.status != "running"]
            assert len(got) == len(set(got)), "an end is heard of once"
            whose = {order for order, (owner, _) in self.ended.items() if owner == name}
            assert whose & self.told - self.taken_back <= set(got), "no result is lost"
        assert len(self.begun) == len(set(self.begun)), "nothing is carried out twice"
        counts = self.session.counts
        assert (counts.answered, counts.orders) == (self.answers, len(self.named))

    def settle(self) -> None:
        """Tick until nothing is on its way any more: each agent names one order per answer."""
        for name in NAMES:
            self.brains.agents[name].todo.clear()
        for _ in range(2 + max(len(agent.running) for agent in self.brains.agents.values()) * len(NAMES)):
            self.seq += 1
            self.session.receive(snapshot(self.seq, *NAMES, epoch=self.epoch))
            self.unanswered.append(self.seq)
            self.tick()


TestGame = Game.TestCase
TestGame.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

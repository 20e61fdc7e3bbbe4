"""Whatever a model says, a leaf gets a named reason and takes its fallback, within its deadline."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Literal

import msgspec
import pytest
from py_trees.behaviour import Behaviour

from brains import GameAction, LLMAction, LLMCondition, ReactiveSelector, Say, brain
from brains.errors import MalformedAnswer
from brains.gateway import Gateway
from brains.models.ollama import OllamaModel
from brains.questions import ModelRequest
from tests.fake_ollama import Answer, FakeOllama, Fault, Gate, Piece, Reply, pieces_of
from tests.fakes.play import Play

DEADLINE = 1.5
CONDITION = """\
---
answer: {danger: true, safe: false}
inputs: {who: []}
examples:
  - {who: a bear, answer: danger}
  - {who: a lamb, answer: safe}
---
system:
Label it.
user:
{{ who }}
"""
WHERE = "---\nanswer: action\ninputs: {who: []}\n---\nsystem:\nWhere to?\nuser:\n{{ who }}\n"
LINE = "---\nanswer: text\ninputs: {who: []}\n---\nsystem:\nGreet.\nuser:\n{{ who }}\n"


class Hold(GameAction):
    """Hold a place."""

    label = "hold"
    place: Literal["gate", "wall"]
    steps: Annotated[int, msgspec.Meta(ge=0, le=9)]


@brain("watcher")
def watcher() -> LLMCondition:
    """Asks a question with two answers; it is safe if nobody says otherwise."""
    return LLMCondition("Danger?", prompt="danger", inputs={"who": "a fox"}, default=False, deadline=DEADLINE)


@brain("holder")
def holder() -> Behaviour:
    """Holds the gate if nobody says where."""
    leaf = LLMAction(
        "Where?",
        prompt="where",
        inputs={"who": "a fox"},
        choices=[Hold],
        fallback=Hold(place="gate", steps=0),
        deadline=DEADLINE,
    )
    return ReactiveSelector("Holder", [leaf])


@brain("talker")
def talker() -> Say:
    """Says hello if nobody else finds words."""
    return Say("Greet", prompt="line", inputs={"who": "a fox"}, fallback="Halt!", deadline=DEADLINE)


@pytest.fixture
async def fake() -> AsyncIterator[FakeOllama]:
    async with FakeOllama() as server:
        yield server


@asynccontextmanager
async def asking(fake: FakeOllama) -> AsyncIterator[Gateway]:
    gateway = Gateway(OllamaModel("tiny", host=fake.url))
    try:
        await gateway.start()
        yield gateway
    finally:
        await gateway.close()


def line_of(**chunk: object) -> bytes:
    """A last line of /api/generate, with what Python's JSON allows and nobody else's."""
    whole = {"model": "tiny", "created_at": "", "response": " danger", "done": True, "done_reason": "length", **chunk}
    return json.dumps(whole).encode() + b"\n"


def spelt(text: str) -> Reply:
    return Reply(pieces_of(text))


MEGABYTES = 10 << 20
LABEL_ANSWERS: dict[str, tuple[Answer, str]] = {
    "garbage": ({"qx": 0.6, "\u0000": 0.395, " danger": 0.001}, "malformed"),
    "nothing": (Reply(), "malformed"),
    "only blanks": (Reply((Piece(" ", -0.1, ((" ", -0.1),)),)), "malformed"),
    "another language": ({" peligro": 0.7, " \u5371\u9669": 0.295}, "malformed"),
    "NaN": (Reply(end="line", line=line_of(logprobs=[{"token": " danger", "logprob": float("nan")}])), "malformed"),
    "a probability above 1": (
        Reply(end="line", line=line_of(logprobs=[{"token": " danger", "logprob": 3.5}])),
        "malformed",
    ),
    "an empty list of logprobs": (Reply(end="line", line=line_of(logprobs=[])), "malformed"),
    "no logprobs at all": (Reply(end="line", line=line_of()), "malformed"),
    "no end": (Reply(pieces_of({" danger": 0.9}), end="silent"), "malformed"),
    "half a line": (Reply(end="line", line=line_of()[:40]), "malformed"),
    "10 MB in one line": (Reply(end="line", line=line_of(response="x" * MEGABYTES)), "malformed"),
    "10 MB without a line end": (Reply(end="line", line=b"x" * MEGABYTES), "malformed"),
    "10 MB in many lines": (Reply(end="line", line=line_of(done=False) * (MEGABYTES // 90)), "malformed"),
    "200 and an error line": (Reply((), end="error", error="the model fell over"), "unavailable"),
    "an answer and an error line": (Reply(pieces_of(" danger"), end="error", error="fell over"), "unavailable"),
    "a broken connection": (Reply(pieces_of(" danger"), end="reset"), "unavailable"),
    "no JSON": (Reply(end="line", line=b"<html>hello</html>\n"), "malformed"),
    "a list": (Reply(end="line", line=b"[1, 2]\n"), "malformed"),
    "a deep nest": (Reply(end="line", line=b"[" * 50_000 + b"\n"), "malformed"),
    "no unicode": (Reply(end="line", line=b'{"response": "\xff\xfe"\n'), "malformed"),
    "refused": (Fault(400, "no"), "refused"),
    "busy": (Fault(503, "server busy, please try again.  maximum pending requests exceeded"), "busy"),
    "a page of a proxy": (Fault(502, body=b"<html>Bad Gateway</html>"), "unavailable"),
}


@pytest.mark.parametrize("name", LABEL_ANSWERS)
async def test_a_condition_falls_back_on_a_bad_answer(fake: FakeOllama, name: str) -> None:
    answer, reason = LABEL_ANSWERS[name]
    async with asking(fake) as gateway:
        play = Play(watcher, {"danger": CONDITION}, gateway)
        fake.next(answer)
        report = await play.until_ended()
        assert (report.kind, report.reason) == ("fallback", reason)
        assert play.ticks[-1].status == "FAILURE"  # its default
        assert play.time < DEADLINE


async def test_the_same_condition_takes_a_good_answer(fake: FakeOllama) -> None:
    async with asking(fake) as gateway:
        play = Play(watcher, {"danger": CONDITION}, gateway)
        fake.next({" danger": 0.9, " safe": 0.05})
        report = await play.until_ended()
        assert report.kind == "answered"
        assert play.ticks[-1].status == "SUCCESS"


GOOD = '{"place":"wall","steps":3}'
OBJECT_ANSWERS: dict[str, Answer] = {
    "half of it": spelt('{"place":"wa'),
    "cut off by the limit": Reply(pieces_of(GOOD), done_reason="length"),
    "nothing": Reply(),
    "white space without end": Reply((*pieces_of("{"), *(Piece("\n" * 20) for _ in range(200)))),
    "white space and a silent end": Reply((*pieces_of("{"), *(Piece("\n") for _ in range(40)))),
    "the format is dropped": spelt("I would go to the wall, and take three steps."),
    "another language": spelt("Ich gehe zur Mauer."),
    "no end": Reply(pieces_of(GOOD), end="silent"),
    "text before it": spelt(f"Sure! {GOOD}"),
    "text after it": spelt(f"{GOOD} Is that all right?"),
    "two of them": spelt(f"{GOOD}\n{GOOD}"),
    "a fence around it": spelt(f"```json\n{GOOD}\n```"),
    "a value outside the set": spelt('{"place":"moon","steps":3}'),
    "a key outside the set": spelt('{"place":"wall","steps":3,"kill":"all"}'),
    "a missing key": spelt('{"place":"wall"}'),
    "a key twice": spelt('{"place":"wall","place":"gate","steps":3}'),
    "a wrong type": spelt('{"place":"wall","steps":"3"}'),
    "true for a number": spelt('{"place":"wall","steps":true}'),
    "out of bounds": spelt('{"place":"wall","steps":300}'),
    "NaN": spelt('{"place":"wall","steps":NaN}'),
    "infinity": spelt('{"place":"wall","steps":1e999}'),
    "a number of 5000 digits": Reply((Piece('{"place":"wall","steps":' + "9" * 5000 + "}"),)),
    "a list": spelt('["wall",3]'),
    "a deep nest": Reply((Piece("[" * 20_000),)),
    "a nest where a word should be": spelt('{"place":{"place":{"place":"wall"}},"steps":3}'),
    "a thought instead": Reply((Piece(thinking="Hmm."),)),
    "10 MB": Reply((Piece('{"place":"' + "x" * MEGABYTES),)),
}


@pytest.mark.parametrize("name", OBJECT_ANSWERS)
async def test_an_action_falls_back_on_bad_arguments(fake: FakeOllama, name: str) -> None:
    async with asking(fake) as gateway:
        play = Play(holder, {"where": WHERE}, gateway, declared=["Hold"])
        # Once more, since an object that is no good is asked for twice.
        fake.next(OBJECT_ANSWERS[name], OBJECT_ANSWERS[name])
        await play.until_ended()
        assert play.reasons == ["malformed"]
        order = play.ticks[-1].order
        assert order is not None
        assert order.action == Hold(place="gate", steps=0)
        assert play.time < DEADLINE


@pytest.mark.parametrize("name", OBJECT_ANSWERS)
async def test_an_action_takes_good_arguments_that_come_after_bad_ones(fake: FakeOllama, name: str) -> None:
    async with asking(fake) as gateway:
        play = Play(holder, {"where": WHERE}, gateway, declared=["Hold"])
        fake.next(OBJECT_ANSWERS[name], spelt(GOOD))
        await play.until_ended()
        order = play.ticks[-1].order
        assert order is not None
        # What says nothing at all is not asked for again.
        assert (order.source, gateway.stats.repaired) in (("llm", 1), ("fallback", 0))


async def test_the_same_action_takes_good_arguments(fake: FakeOllama) -> None:
    async with asking(fake) as gateway:
        play = Play(holder, {"where": WHERE}, gateway, declared=["Hold"])
        fake.next(spelt(GOOD))
        await play.until_ended()
        order = play.ticks[-1].order
        assert order is not None
        assert order.action == Hold(place="wall", steps=3)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Reply(), "malformed"),
        (Reply((Piece("\n" * 300),)), "malformed"),
        (Reply((Piece("\x00\x1b\x07"),)), "malformed"),
        (Reply((Piece("x" * MEGABYTES),)), "malformed"),
        (Reply((), end="error", error="no"), "unavailable"),
    ],
)
async def test_speech_falls_back_on_a_bad_answer(fake: FakeOllama, answer: Answer, reason: str) -> None:
    async with asking(fake) as gateway:
        play = Play(talker, {"line": LINE}, gateway)
        fake.next(answer)
        await play.until_ended()
        assert play.reasons == [reason]
        said = "".join(text for tick in play.ticks for _, text, _ in tick.speech)
        assert "Halt!" in said
        assert len(said) < 1000


@pytest.mark.parametrize("after", [0, 1])
async def test_an_answer_that_trickles_is_given_up_at_the_deadline(fake: FakeOllama, after: int) -> None:
    """One byte a second, or none at all: the leaf's time is over, the model is stopped, and the next one is asked."""
    gate = Gate()
    async with asking(fake) as gateway:
        play = Play(watcher, {"danger": CONDITION}, gateway)
        fake.next(Reply((Piece(" "), Piece(" danger")), gate=gate, gate_after=after))
        play.tick()
        await gate.arrival()
        assert not play.reasons
        play.tick(DEADLINE - 0.01)
        assert not play.reasons
        report = play.tick(0.02)
        assert (report.status, play.reasons) == ("FAILURE", ["deadline"])
        await fake.until(lambda: fake.cancelled)
        other = Play(watcher, {"danger": CONDITION}, gateway, agent_id="other")
        fake.next({" danger": 0.9})
        assert (await other.until_ended()).kind == "answered"


async def test_an_endless_answer_is_cut_off_and_does_not_pile_up() -> None:
    """What the client has not taken stands in the sockets' buffers; nothing near what it could have been."""
    sent = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n")
        try:
            while sent < 1 << 30:
                writer.write(b"x" * 65_536)
                await writer.drain()
                sent += 65_536
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(pour, "127.0.0.1", 0)
    model = OllamaModel("tiny", host=f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    model._hot_until = float("inf")
    request = ModelRequest(way="completion", prompt="a ->", top_logprobs=20)
    with pytest.raises(MalformedAnswer, match="without an end in sight"):
        await model.generate(request)
    await model.close()
    server.close()
    await server.wait_closed()
    assert sent < 16 << 20

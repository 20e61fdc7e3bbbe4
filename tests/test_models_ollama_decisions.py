"""The decision API: several questions of one agent's tick over one state are one request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from brains.decide import decide, request_for
from brains.errors import MalformedAnswer, ModelError, ModelRefused, ModelTimeout, ModelUnavailable, PromptTooLong
from brains.models.ollama import OllamaModel
from brains.models.ollama_decisions import MOST_QUESTIONS, question_of
from brains.models.ollama_info import has_decisions
from brains.questions import Latency, ModelInfo, ModelRequest, Question, RenderedPrompt, Turn
from tests.fake_ollama import BUSY, Answer, Ask, FakeModel, FakeOllama, Fault, Gate, Reply

NIMBLE = FakeModel("nimble:latest", capabilities=("decision",), parameter_size="9B", parameter_count=9_000_000_000)


INFO = ModelInfo(name="nimble", digest="d", backend="ollama", ways=frozenset({"systemone"}), label_way="systemone")


def asked(
    prompt: str = "guard/is_hostile",
    state: str = "A masked man.",
    labels: tuple[str, ...] = ("danger", "safe"),
    agent: str = "guard",
    tick: int = 1,
) -> Question:
    turns = (Turn("A bear", labels[0]),)
    rendered = RenderedPrompt(name=prompt, version="v1", system="Which is it?", turns=turns, user=state)
    return Question(session="s", agent=agent, leaf=prompt, prompt=rendered, labels=labels, tick=tick)


def by_label(ask: Ask) -> Answer:
    """Answer by the first label that the question has, so that each question has an answer of its own."""
    return {ask.labels[0]: 0.75, ask.labels[1]: 0.25}


@pytest.fixture
async def fake() -> AsyncIterator[FakeOllama]:
    async with FakeOllama([NIMBLE, FakeModel()], version="0.35.0", decisions=True, brain=by_label) as server:
        yield server


@pytest.fixture
async def model(fake: FakeOllama) -> AsyncIterator[OllamaModel]:
    model = OllamaModel("nimble", host=fake.url)
    await model.start()
    yield model
    await model.close()


def sent(fake: FakeOllama) -> list[dict[str, Any]]:
    """The bodies of the decision requests, but for the one that woke the model."""
    bodies = [record.body for record in fake.records if record.path == "/v1/systemone"]
    return [body for body in bodies if "awake" not in body["questions"]]


async def ask_all(model: OllamaModel, *questions: Question) -> list[Any]:
    requests = [request_for(question, INFO) for question in questions]
    return await asyncio.gather(*(model.generate(request) for request in requests), return_exceptions=True)


async def test_a_decision_model_is_known_by_its_capability_and_version(fake: FakeOllama, model: OllamaModel) -> None:
    info = await model.start()
    assert info.ways == {"systemone"}
    assert info.label_way == "systemone"
    assert info.slots == MOST_QUESTIONS
    assert [load.model for load in fake.loads] == ["nimble:latest"]
    for version, has in (("0.34.9", False), ("0.35.0", True), ("0.40.3", True), ("0.0.0", True), ("v1.0.0-rc1", True)):
        assert has_decisions(version) is has


async def test_a_decision_model_on_an_old_server_is_refused() -> None:
    async with FakeOllama([NIMBLE], version="0.33.0") as old:
        model = OllamaModel("nimble", host=old.url)
        with pytest.raises(ModelRefused, match=r"update Ollama to 0\.35"):
            await model.start()
        await model.close()


async def test_a_model_that_can_chat_too_may_be_asked_the_other_way() -> None:
    both = FakeModel("both:latest", capabilities=("completion", "decision"), parameter_count=3_000_000_000)
    async with FakeOllama([both], version="0.35.0", decisions=True) as fake:
        for way, expected in ((None, "systemone"), ("chat", "chat")):
            model = OllamaModel("both", host=fake.url, label_way=way)  # type: ignore[arg-type]
            info = await model.start()
            assert info.label_way == expected
            assert info.ways == {"systemone", "completion", "chat", "schema", "text"}
            await model.close()


async def test_an_ordinary_model_cannot_be_asked_so(fake: FakeOllama) -> None:
    model = OllamaModel("tiny", host=fake.url, label_way="systemone")
    with pytest.raises(ModelRefused, match=r"a decision model and Ollama 0\.35"):
        await model.start()
    await model.close()


async def test_the_request_is_as_the_api_wants_it(fake: FakeOllama, model: OllamaModel) -> None:
    question = asked()
    request = request_for(question, INFO)
    decision = decide(question, request, await model.generate(request), INFO, Latency())
    assert sent(fake) == [
        {
            "model": "nimble",
            "state": "A masked man.",
            "questions": {
                "q1": {
                    "type": "choice",
                    "instructions": "Which is it?",
                    "criteria": {"danger": "danger, as in: A bear", "safe": "safe"},
                }
            },
            "keep_alive": "30m",
        }
    ]
    assert (decision.answer, decision.probabilities) == ("danger", {"danger": 0.75, "safe": 0.25})
    assert (decision.way, decision.off_label, decision.output_tokens) == ("systemone", 0.0, 1)
    assert decision.prompt_tokens > 0


async def test_a_plain_yes_or_no_is_a_noul(fake: FakeOllama, model: OllamaModel) -> None:
    fake.next({"true": 0.9, "false": 0.1})
    (reply,) = await ask_all(model, asked(labels=("no", "yes")))
    assert sent(fake)[0]["questions"]["q1"] == {"type": "noul", "instructions": "Which is it?"}
    assert reply.probabilities == pytest.approx({"no": 0.1, "yes": 0.9})


async def test_a_yes_or_no_that_the_prompt_describes_has_criteria(fake: FakeOllama, model: OllamaModel) -> None:
    plain = asked(labels=("yes", "no"))
    prompt = msgspec.structs.replace(plain.prompt, criteria={"yes": "He may pass.", "no": "He stays outside."})
    fake.next({"true": 0.9, "false": 0.1})
    (reply,) = await ask_all(model, msgspec.structs.replace(plain, prompt=prompt))
    assert sent(fake)[0]["questions"]["q1"]["criteria"] == {"true": "He may pass.", "false": "He stays outside."}
    assert reply.probabilities == pytest.approx({"yes": 0.9, "no": 0.1})


async def test_questions_of_one_tick_over_one_state_are_one_request(fake: FakeOllama, model: OllamaModel) -> None:
    replies = await ask_all(model, asked("a"), asked("b", labels=("flee", "hide")), asked("c", labels=("up", "down")))
    assert [list(body["questions"]) for body in sent(fake)] == [["q1", "q2", "q3"]]
    assert [reply.text for reply in replies] == ["danger", "flee", "up"]


async def test_other_agents_ticks_and_states_are_other_requests(fake: FakeOllama, model: OllamaModel) -> None:
    await ask_all(model, asked(), asked("b", tick=2), asked("b", agent="thief"), asked("b", state="A bear."))
    assert [len(body["questions"]) for body in sent(fake)] == [1, 1, 1, 1]


async def test_what_comes_while_a_request_waits_for_its_turn_joins_it(fake: FakeOllama, model: OllamaModel) -> None:
    gate = Gate()
    fake.next(Reply(gate=gate))
    first = asyncio.create_task(ask_all(model, asked(agent="thief")))
    await gate.arrival()
    second = asyncio.create_task(ask_all(model, asked("a")))
    for _ in range(5):
        await asyncio.sleep(0)
    third = asyncio.create_task(ask_all(model, asked("b")))
    for _ in range(5):
        await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(first, second, third)
    assert [len(body["questions"]) for body in sent(fake)] == [1, 2]


async def test_too_many_questions_are_two_requests(fake: FakeOllama, model: OllamaModel) -> None:
    replies = await ask_all(model, *(asked(f"p{number}") for number in range(MOST_QUESTIONS + 1)))
    assert [len(body["questions"]) for body in sent(fake)] == [MOST_QUESTIONS, 1]
    assert {reply.text for reply in replies} == {"danger"}


async def test_too_many_bytes_are_two_requests_or_none(fake: FakeOllama, model: OllamaModel) -> None:
    long = ("x" * 17_000, "safe")
    await ask_all(model, asked("a", labels=long), asked("b", labels=long))
    assert [len(body["questions"]) for body in sent(fake)] == [1, 1]
    (error,) = await ask_all(model, asked(state="é" * 40_000))
    assert isinstance(error, PromptTooLong)
    assert "64 KiB" in str(error)


async def test_cancelling_one_leaves_the_others(fake: FakeOllama, model: OllamaModel) -> None:
    gate = Gate()
    fake.next(Reply(gate=gate), {"flee": 1.0, "hide": 0.0})
    one = asyncio.create_task(model.generate(request_for(asked("a"), INFO)))
    other = asyncio.create_task(model.generate(request_for(asked("b", labels=("flee", "hide")), INFO)))
    await gate.arrival()
    one.cancel()
    gate.open()
    assert (await other).text == "flee"
    assert one.cancelled()
    assert not fake.cancelled


async def test_cancelling_the_last_one_stops_the_model(fake: FakeOllama, model: OllamaModel) -> None:
    gate = Gate()
    fake.next(Reply(gate=gate))
    tasks = [asyncio.create_task(model.generate(request_for(asked(name), INFO))) for name in "ab"]
    await gate.arrival()
    for task in tasks:
        task.cancel()
    await fake.until(lambda: fake.cancelled)
    # And the connection of the next one is as good as any.
    assert (await ask_all(model, asked()))[0].text == "danger"


async def test_who_is_cancelled_before_it_is_sent_is_not_asked(fake: FakeOllama, model: OllamaModel) -> None:
    gate = Gate()
    fake.next(Reply(gate=gate))
    running = asyncio.create_task(model.generate(request_for(asked(agent="thief"), INFO)))
    await gate.arrival()
    waiting = [asyncio.create_task(model.generate(request_for(asked(name), INFO))) for name in "ab"]
    alone = asyncio.create_task(model.generate(request_for(asked(agent="merchant"), INFO)))
    for _ in range(5):
        await asyncio.sleep(0)
    waiting[0].cancel()
    alone.cancel()
    gate.open()
    await asyncio.gather(running, waiting[1])
    assert [list(body["questions"]) for body in sent(fake)] == [["q1"], ["q2"]]


async def test_closing_ends_what_waits(fake: FakeOllama) -> None:
    model = OllamaModel("nimble", host=fake.url)
    await model.start()
    gate = Gate()
    fake.next(Reply(gate=gate))
    task = asyncio.create_task(model.generate(request_for(asked(), INFO)))
    await gate.arrival()
    await model.close()
    with pytest.raises(ModelUnavailable, match="closed while it answered"):
        await task


def raw(text: str) -> Reply:
    return Reply(end="line", line=text.encode())


def answers(**answer: Any) -> str:
    return json.dumps({"model": "nimble", "answers": {"q1": answer}, "usage": {"input_tokens": 5, "output_tokens": 1}})


@pytest.mark.parametrize(
    ("said", "kind", "says"),
    [
        (Fault(404, "model 'nimble' not found"), ModelError, "not installed"),
        (Fault(404, body=b"404 page not found"), ModelRefused, "has no decision API: update Ollama"),
        (Fault(413, "request body too large"), PromptTooLong, "does not fit"),
        (Fault(503, BUSY), ModelError, "busy"),
        (Fault(drop=True), ModelUnavailable, "broke"),
        (raw("no json"), MalformedAnswer, "no JSON"),
        (raw('{"answers":{"q1":{"type":"choice","probabilities":'), MalformedAnswer, "no JSON"),
        (raw("[]"), MalformedAnswer, "did not answer"),
        (raw('{"answers":{}}'), MalformedAnswer, "did not answer"),
        (raw(answers(type="choice", choice="danger")), MalformedAnswer, "gave no probabilities"),
        (raw(answers(type="choice", probabilities={"danger": "1"})), MalformedAnswer, "'1' as a probability"),
        (raw(answers(type="choice", probabilities={"danger": True})), MalformedAnswer, "as a probability"),
        (raw(" " * 300_000), MalformedAnswer, "without an end"),
    ],
)
async def test_what_goes_wrong_has_a_name(
    fake: FakeOllama, model: OllamaModel, said: Answer, kind: type[ModelError], says: str
) -> None:
    fake.next(said)
    (error,) = await ask_all(model, asked())
    assert isinstance(error, kind)
    assert says in str(error)


async def test_one_missing_answer_does_not_harm_the_others(fake: FakeOllama, model: OllamaModel) -> None:
    fake.next("danger", raw(answers(type="choice", probabilities={"danger": 0.0, "safe": 1.0})))
    one, other = await ask_all(model, asked("a"), asked("b"))
    assert one.text == "safe"
    assert isinstance(other, MalformedAnswer)


async def test_a_server_that_hangs_is_given_up(fake: FakeOllama) -> None:
    model = OllamaModel("nimble", host=fake.url)
    await model.start()
    impatient = OllamaModel("nimble", host=fake.url, request_timeout=0.02)
    fake.gate = Gate()
    request = request_for(asked(), INFO)
    with pytest.raises(ModelTimeout):
        await asyncio.wait_for(_ask(impatient, request), 5)
    await impatient.close()
    await model.close()


async def _ask(model: OllamaModel, request: ModelRequest) -> None:
    model._hot_until = float("inf")
    await model.generate(request)


def test_a_choice_names_its_criteria() -> None:
    request = ModelRequest(way="systemone", messages=(("system", "What?"), ("user", "")), criteria={"a": "x", "b": "y"})
    assert question_of(request) == {"type": "choice", "instructions": "What?", "criteria": {"a": "x", "b": "y"}}

"""What users of such systems ask for and nobody has, by number, as far as models and decisions go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from brains.decide import decide, request_for
from brains.errors import (
    ConfigError,
    MalformedAnswer,
    ModelBusy,
    ModelError,
    ModelNotInstalled,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
    PromptTooLong,
)
from brains.gateway import Gateway
from brains.models.ollama import OllamaModel
from brains.questions import Calibration, Decision, Latency, NoAnswer, Question, RenderedPrompt, Turn, Way
from tests.fake_ollama import BUSY, TOO_LONG, Answer, FakeOllama, Fault, Gate, Reply

PROMPT = RenderedPrompt(
    name="guard/is_hostile",
    version="v1",
    system="Label it.",
    turns=(Turn("a bear", "danger"), Turn("a lamb", "safe")),
    user="a fox",
)
LABELS = ("danger", "safe")


def asked(leaf: str = "danger?", prompt: RenderedPrompt = PROMPT, labels: tuple[str, ...] = LABELS) -> Question:
    return Question(session="s", agent="guard", leaf=leaf, prompt=prompt, labels=labels, tick=3)


@pytest.fixture
async def fake() -> AsyncIterator[FakeOllama]:
    async with FakeOllama() as server:
        yield server


@pytest.fixture
async def model(fake: FakeOllama) -> AsyncIterator[OllamaModel]:
    model = OllamaModel("tiny", host=fake.url)
    await model.start()
    yield model
    await model.close()


async def decision_of(model: OllamaModel, question: Question, way: Way | None = None) -> Decision:
    info = await model.start()
    request = request_for(question, info, way=way)
    return decide(question, request, await model.generate(request), info, Latency())


async def test_1_a_deadline_stops_the_model_and_frees_it_for_the_next(fake: FakeOllama) -> None:
    gateway = Gateway(OllamaModel("tiny", host=fake.url))
    await gateway.start()
    gate = Gate()
    fake.next(Reply(gate=gate))
    late = gateway.ask(asked())
    await gate.arrival()
    late.cancel()  # what a leaf does at its deadline: it returns at once, and the outcome is there
    assert isinstance(late.outcome, NoAnswer)
    await fake.until(lambda: fake.cancelled)
    told = asyncio.Event()
    gateway.subscribe(lambda ticket: told.set())
    fake.next({" safe": 0.9})
    ticket = gateway.ask(asked("another"))
    await told.wait()
    assert isinstance(ticket.outcome, Decision)
    await gateway.close()


async def test_1_the_time_in_the_servers_own_queue_is_told(fake: FakeOllama, model: OllamaModel) -> None:
    info = await model.start()
    gate = Gate()
    fake.next(Reply(gate=gate))
    request = request_for(asked(), info)
    first = asyncio.create_task(model.generate(request))
    await gate.arrival()
    second = asyncio.create_task(model.generate(request))
    await fake.until(lambda: [loaded.users for loaded in fake.scheduler.running()] == [2])
    fake.advance(3.0)
    gate.open()
    await asyncio.wait([first])
    assert (await second).queue > 2.9
    assert (await model.generate(request)).queue < 2.9
    first.exception()


async def test_8_no_way_of_asking_loads_the_model_again(fake: FakeOllama, model: OllamaModel) -> None:
    warm = msgspec.structs.replace(PROMPT, options={"temperature": 0.7, "seed": 5})
    for way in ("completion", "chat", "schema"):
        await decision_of(model, asked(prompt=warm if way == "chat" else PROMPT), way)
    await decision_of(model, asked(labels=()))
    assert len(fake.loads) == 1
    assert len({str(sorted(load.options.items())) for load in fake.loads}) == 1


async def test_8_a_prompt_that_would_load_it_again_is_named(fake: FakeOllama, model: OllamaModel) -> None:
    wrong = msgspec.structs.replace(PROMPT, options={"num_ctx": 8192})
    with pytest.raises(ConfigError, match=r"guard/is_hostile.*num_ctx"):
        await decision_of(model, asked(prompt=wrong))
    assert not fake.asked


async def test_9_each_decision_has_a_calibrated_confidence(fake: FakeOllama, model: OllamaModel) -> None:
    info = await model.start()
    lean = Calibration(scale=1.0, bias={"danger": -3.0, "safe": 0.0}, prompt_hash="v1")
    fitted = msgspec.structs.replace(PROMPT, calibrations={info.digest: lean})
    fake.next({" danger": 0.6, " safe": 0.3, " a": 0.1}, {" danger": 0.6, " safe": 0.3, " a": 0.1})
    raw, corrected = await decision_of(model, asked()), await decision_of(model, asked(prompt=fitted))
    assert (raw.answer, raw.calibrated) == ("danger", False)
    assert raw.confidence == pytest.approx(2 / 3)
    assert (corrected.answer, corrected.calibrated) == ("safe", True)
    assert corrected.raw == raw.raw
    assert corrected.off_label == pytest.approx(0.1)
    for decision in (raw, corrected):
        assert (decision.prompt, decision.prompt_hash, decision.tick_asked) == (PROMPT.name, PROMPT.digest, 3)
        assert (decision.way, decision.model, decision.model_digest) == ("completion", "tiny", info.digest)
        assert (decision.prompt_tokens > 0, decision.output_tokens) == (True, 1)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (Fault(404, "model 'tiny' not found"), ModelNotInstalled),
        (Fault(503, BUSY), ModelBusy),
        (Fault(400, TOO_LONG), PromptTooLong),
        (Fault(400, "failed to parse grammar"), ModelRefused),
        (Fault(504, "timed out"), ModelTimeout),
        (Fault(500, "model runner has unexpectedly stopped"), ModelUnavailable),
        (Reply(end="silent"), MalformedAnswer),
    ],
)
async def test_10_every_failure_has_a_class_of_its_own(
    fake: FakeOllama, model: OllamaModel, said: Answer, kind: type[ModelError]
) -> None:
    fake.next(said)
    with pytest.raises(kind) as caught:
        await decision_of(model, asked())
    assert type(caught.value) is kind
    assert caught.value.kind != ModelError.kind

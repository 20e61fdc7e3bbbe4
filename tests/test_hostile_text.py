"""Text of players that tries to break out of a prompt forges no role, runs nothing, has an end, and stalls nobody."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import AsyncIterator
from typing import Any

import pytest

from brains import LLMCondition, brain
from brains.decide import completion_text, request_for
from brains.gateway import Gateway
from brains.models.ollama import OllamaModel
from brains.prompts import Prompt
from brains.prompts.safety import LIMIT
from brains.questions import ModelInfo, Question, RenderedPrompt, Way
from tests.fake_ollama import Answer, Ask, FakeOllama, Gate, Reply
from tests.fakes.hostile import CORPUS, MARKERS, PRODUCT
from tests.fakes.play import Play

TEXT = """\
---
answer: {danger: true, safe: false}
inputs: {stranger: [looks, says], list: [], flag: []}
examples:
  - {stranger: {looks: a bear, says: growls}, list: [a], flag: x, answer: danger}
  - {stranger: {looks: a lamb, says: bleats}, list: [b], flag: x, answer: safe}
---
system:
Label what comes to {{ flag }} as danger or safe.
user:
{{ stranger.looks }}, who says {{ stranger.says | quoted }}; {{ list | json }}, {{ list | join(", ") }}
"""
PROMPT = Prompt("danger", TEXT)
LABELS = ("danger", "safe")
UNSEEN = {"Cc", "Cs", "Co", "Cn"}
"""Unicode's categories of what nobody sees; `Cf` has letters that Persian and emoji need."""
HIDDEN = re.compile(
    "[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad\U000e0000-\U000e007f"
    "\u034f\u061c\u115f\u1160\u3164\uffa0\u180e\ufe00-\ufe0d\U000e0100-\U000e01ef]"
)


def fill(text: str) -> dict[str, Any]:
    """Put the text into every place that a game can fill."""
    return {"stranger": {"looks": text, "says": text}, "list": [text, text], "flag": text}


def rendered(text: str) -> RenderedPrompt:
    return PROMPT.render(fill(text))


def tame() -> RenderedPrompt:
    return rendered("x")


def messages_of(prompt: RenderedPrompt, way: Way) -> tuple[tuple[str, str], ...]:
    info = ModelInfo(
        name="m",
        digest="d",
        backend="ollama",
        ways=frozenset({"completion", "chat", "schema", "systemone"}),
        label_way=way,
    )
    question = Question(session="s", agent="a", leaf="l", prompt=prompt, labels=LABELS)
    return request_for(question, info).messages


@pytest.mark.parametrize("name", CORPUS)
def test_a_prompt_keeps_its_shape(name: str) -> None:
    prompt, plain = rendered(CORPUS[name]), tame()
    assert prompt.turns == plain.turns
    text, tame_text = completion_text(prompt), completion_text(plain)
    # As many lines and as many answers as without it, and the question is still the last one.
    assert text.count("\n") == tame_text.count("\n")
    assert text.count("->") == tame_text.count("->") == 3
    assert text.endswith(" ->")
    assert [line.rpartition(" -> ")[2] for line in text.split("\n")[2:4]] == ["danger", "safe"]
    for way in ("chat", "schema", "systemone"):
        asked, wanted = messages_of(prompt, way), messages_of(plain, way)
        assert [role for role, _ in asked] == [role for role, _ in wanted]
        assert asked[1:-1] == wanted[1:-1]


@pytest.mark.parametrize("name", CORPUS)
def test_a_value_brings_no_marker_and_nothing_unseen(name: str) -> None:
    prompt = rendered(CORPUS[name])
    for part in (prompt.system, prompt.user):
        low = part.casefold()
        assert not [marker for marker in MARKERS if marker.casefold() in low]
        assert not [char for char in part if unicodedata.category(char) in UNSEEN and char not in "\n"]
        assert not HIDDEN.search(part)
        part.encode()


@pytest.mark.parametrize("name", CORPUS)
def test_a_prompt_has_an_end(name: str) -> None:
    prompt = rendered(CORPUS[name])
    # Six places; quoting in JSON may double a text.
    assert len(prompt.system) + len(prompt.user) < 10 * LIMIT


@pytest.mark.parametrize("name", [name for name in CORPUS if name.startswith("template")])
def test_a_template_in_a_value_is_not_run(name: str) -> None:
    prompt = rendered(CORPUS[name])
    assert PRODUCT not in prompt.user + prompt.system
    assert "root:" not in prompt.user


# --- end to end ---


@brain("guard")
def guard() -> LLMCondition:
    """Asks about whatever it sees."""
    inputs = {name: (lambda agent, name=name: agent.me[name]) for name in ("stranger", "list", "flag")}
    return LLMCondition("Danger?", prompt="danger", inputs=inputs, default=False, every=0.0, retry=0.0, deadline=5.0)


def obeying(ask: Ask) -> Answer:
    """A model that does what the text says, as far as the question lets it: it wants to say something of its own."""
    return {" obey": 0.5, " attack": 0.2, " danger": 0.1, " safe": 0.1}


@pytest.fixture
async def fake() -> AsyncIterator[FakeOllama]:
    async with FakeOllama(brain=obeying) as server:
        yield server


@pytest.fixture
async def gateway(fake: FakeOllama) -> AsyncIterator[Gateway]:
    gateway = Gateway(OllamaModel("tiny", host=fake.url))
    await gateway.start()
    yield gateway
    await gateway.close()


async def test_the_answers_are_the_labels_whatever_is_said(fake: FakeOllama, gateway: Gateway) -> None:
    play = Play(guard, {"danger": TEXT}, gateway)
    for number, text in enumerate(CORPUS.values(), start=1):
        play.tick(1.0, **fill(text))
        report = await play.until_ended(number, **fill(text))
        if report.kind == "answered":
            assert report.decision is not None
            assert tuple(report.decision.probabilities) == LABELS
            assert report.decision.off_label == pytest.approx(0.8)
        else:
            # What is too long for this small model is refused by name.
            assert report.reason == "prompt_too_long"
    assert all(reason == "prompt_too_long" for reason in play.reasons)
    asked = [record.body for record in fake.asked]
    assert len(asked) == len(CORPUS)
    for body in asked:
        assert body["raw"] is True
        assert body["options"]["num_predict"] == 1
        assert body["prompt"].startswith("Label what comes to ")
    assert len(fake.loads) == 1


async def test_the_others_are_answered_meanwhile(fake: FakeOllama, gateway: Gateway) -> None:
    """A hundred kilobytes, and a model that is stuck on them, do not keep anybody else waiting for longer."""
    gate = Gate()
    fake.next(Reply(gate=gate))
    hostile = Play(guard, {"danger": TEXT}, gateway, agent_id="hostile")
    other = Play(guard, {"danger": TEXT}, gateway, agent_id="other")
    hostile.tick(**fill(CORPUS["long-0"]))
    await gate.arrival()
    other.tick(**fill("a lamb"))
    # Its deadline passes, its request is stopped, and the one behind it is answered.
    hostile.tick(5.1, **fill(CORPUS["long-0"]))
    assert hostile.reasons == ["deadline"]
    assert (await other.until_ended(**fill("a lamb"))).kind == "answered"
    assert len(fake.cancelled) == 1


def test_a_flood_is_cut_before_anything_looks_at_it_twice() -> None:
    """A pattern that looks for an end that never comes would take hours on a megabyte."""
    for text in ("<" * 1_000_000, "-" * 1_000_000, "[" * 1_000_000, "<|" * 500_000, "{{" * 500_000):
        prompt = rendered(text)
        assert len(prompt.system) + len(prompt.user) < 10 * LIMIT

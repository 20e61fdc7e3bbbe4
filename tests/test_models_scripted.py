"""The fake model: what it answers, and how tests steer it."""

from __future__ import annotations

import asyncio
import json
import math

import pytest

from brains.errors import ModelUnavailable
from brains.models.scripted import ScriptedModel, labels_of, last_line, smallest_value
from brains.questions import ModelReply, ModelRequest

PROMPT = "Label each.\n\nA wolf bites. -> danger\nA girl sings. -> safe\nA cow -> eats -> safe\n"
SCHEMA = {
    "type": "object",
    "properties": {
        "direction": {"enum": ["north", "south"]},
        "steps": {"type": "integer", "minimum": 2, "maximum": 9},
        "why": {"type": "string"},
    },
    "required": ["direction", "steps"],
}


def label(line: str = "A bear growls.", *, name: str = "guard/is_hostile", top: int = 20) -> ModelRequest:
    return ModelRequest(way="completion", prompt=f"{PROMPT}{line} ->", top_logprobs=top, name=name)


def chat(line: str = "A bear growls.") -> ModelRequest:
    messages = (
        ("system", "Label each."),
        ("user", "A wolf"),
        ("assistant", "danger"),
        ("user", "A girl"),
        ("assistant", "safe"),
        ("user", line),
    )
    return ModelRequest(way="chat", messages=messages, top_logprobs=20)


def schema(line: str = "Where to?") -> ModelRequest:
    return ModelRequest(way="schema", messages=(("user", line),), schema=SCHEMA, max_tokens=64)


def chances(reply: ModelReply) -> dict[str, float]:
    (token,) = reply.tokens
    return {text.strip(): math.exp(chance) for text, chance in token.top}


def test_finds_the_labels_that_a_request_shows() -> None:
    assert labels_of(label()) == ("danger", "safe")
    assert labels_of(chat()) == ("danger", "safe")
    assert labels_of(schema()) == ("north", "south")
    assert labels_of(ModelRequest(way="text", messages=(("user", "hi"),))) == ()


def test_finds_the_question() -> None:
    assert last_line(label("A bear growls.")) == "A bear growls."
    assert last_line(chat("A cat")) == "A cat"
    assert last_line(ModelRequest(way="completion")) == ""


async def test_default_is_always_the_same_for_one_line_and_varies_over_lines() -> None:
    model = ScriptedModel()
    first = await model.generate(label("A bear growls."))
    assert await ScriptedModel().generate(label("A bear growls.")) == first
    answers = {(await model.generate(label(f"Stranger {number} comes."))).text for number in range(20)}
    assert answers == {" danger", " safe"}


@pytest.mark.parametrize("request_", [label(), chat()])
async def test_default_is_a_distribution_with_a_little_off_the_labels(request_: ModelRequest) -> None:
    reply = await ScriptedModel().generate(request_)
    found = chances(reply)
    assert sum(found.values()) == pytest.approx(1.0)
    assert set(found) == {"danger", "safe", "the"}
    assert reply.tokens[0].token == reply.text
    assert reply.text.startswith(" ") == (request_.way == "completion")


async def test_answers_by_template_then_by_text_then_by_star() -> None:
    model = ScriptedModel({"bear": "danger", "guard/is_hostile": "safe", "*": {"danger": 0.5}})
    assert (await model.generate(label("A bear growls."))).text == " safe"
    assert (await model.generate(label("A bear growls.", name="x"))).text == " danger"
    assert chances(await model.generate(label("A cat.", name="x"))) == pytest.approx({"danger": 0.5, "the": 0.5})


async def test_a_label_gets_most_of_the_probability() -> None:
    found = chances(await ScriptedModel({"*": "safe"}).generate(label()))
    assert found == pytest.approx({"safe": 0.9, "danger": 0.08, "the": 0.02})


async def test_a_list_is_given_one_by_one_and_its_last_stays() -> None:
    model = ScriptedModel({"*": ["danger", "safe"]})
    assert [(await model.generate(label())).text for _ in range(3)] == [" danger", " safe", " safe"]


async def test_a_function_decides_by_the_request() -> None:
    model = ScriptedModel(lambda request: "safe" if "cat" in request.prompt else None)
    assert (await model.generate(label("A cat."))).text == " safe"
    assert (await model.generate(label("A bear."))) == await ScriptedModel().generate(label("A bear."))


async def test_a_whole_reply_is_given_as_it_is() -> None:
    reply = ModelReply(text="nonsense")
    assert await ScriptedModel({"*": reply}).generate(label()) is reply


async def test_gives_as_many_alternatives_as_were_asked_for() -> None:
    model = ScriptedModel()
    assert len((await model.generate(label(top=2))).tokens[0].top) == 2
    assert (await model.generate(label(top=0))).tokens == ()


async def test_probabilities_without_any_are_all_off_the_labels() -> None:
    assert chances(await ScriptedModel({"*": {"danger": 0.0}}).generate(label())) == pytest.approx({"the": 1.0})


async def test_a_schema_gets_an_object() -> None:
    reply = await ScriptedModel().generate(schema())
    value = json.loads(reply.text)
    assert value["direction"] in ("north", "south")
    assert value == {"direction": value["direction"], "steps": 2}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("south", {"direction": "south", "steps": 2}),
        ({"north": 0.1, "south": 0.9}, {"direction": "south", "steps": 2}),
        ({"direction": "up", "steps": 99}, {"direction": "up", "steps": 99}),
    ],
)
async def test_a_schema_answer_can_be_set(answer: object, expected: object) -> None:
    reply = await ScriptedModel({"*": answer}).generate(schema())  # type: ignore[dict-item]
    assert json.loads(reply.text) == expected


async def test_a_schema_can_be_answered_wrongly() -> None:
    assert (await ScriptedModel({"*": "no JSON {"}).generate(schema())).text == "no JSON {"


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "string", "minLength": 2}, "xx"),
        ({"type": "boolean"}, False),
        ({"type": "number", "exclusiveMinimum": 1}, 1.000001),
        ({"type": "integer", "exclusiveMinimum": 1}, 2),
        ({"type": "integer", "maximum": -3}, -3),
        ({"type": "integer"}, 0),
        ({"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2}, [1, 1]),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, ""),
        ({"const": 5}, 5),
        ({"type": ["integer", "null"]}, 0),
        ({"type": "null"}, None),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"enum": ["x"]}}}, "x"),
    ],
)
def test_smallest_value(part: dict[str, object], expected: object) -> None:
    assert smallest_value(part) == expected


async def test_text_comes_in_pieces() -> None:
    pieces: list[str] = []
    request = ModelRequest(way="text", messages=(("user", "hi"),), max_tokens=64)
    reply = await ScriptedModel().generate(request, pieces.append)
    assert "".join(pieces) == reply.text
    assert len(pieces) > 2
    assert reply.done_reason == "stop"
    cut = await ScriptedModel().generate(ModelRequest(way="text", messages=(("user", "hi"),), max_tokens=2))
    assert (cut.text, cut.done_reason) == ("Good day", "length")


async def test_an_exception_is_raised() -> None:
    model = ScriptedModel({"*": ModelUnavailable("gone")})
    with pytest.raises(ModelUnavailable):
        await model.generate(label())
    assert (len(model.finished), model.running) == (1, 0)


async def test_can_be_told_to_fail() -> None:
    model = ScriptedModel()
    model.fail_with = ModelUnavailable("gone")
    with pytest.raises(ModelUnavailable):
        await model.start()
    with pytest.raises(ModelUnavailable):
        await model.generate(label())
    model.fail_with = None
    assert (await model.start()).backend == "scripted"
    assert model.starts == 2


async def test_the_gate_holds_answers_and_cancelled_ones_are_remembered() -> None:
    model = ScriptedModel()
    model.gate = asyncio.Event()
    kept, dropped = (asyncio.create_task(model.generate(label(line))) for line in ("A bear.", "A cat."))
    await model.asked(2)
    assert (model.running, kept.done()) == (2, False)
    dropped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dropped
    model.gate.set()
    await kept
    assert [last_line(request) for request in model.cancelled] == ["A cat."]
    assert [last_line(request) for request in model.finished] == ["A bear."]
    assert (len(model.requests), model.running) == (2, 0)


async def test_asked_returns_at_once_for_what_has_come() -> None:
    model = ScriptedModel()
    waiting = asyncio.create_task(model.asked())
    await asyncio.sleep(0)
    await model.generate(label())
    await waiting
    await model.asked()


async def test_close_is_remembered() -> None:
    model = ScriptedModel(name="x", label_way="chat", slots=2, context=99)
    info = await model.start()
    assert (info.name, info.label_way, info.slots, info.context, model.name) == ("x", "chat", 2, 99, "x")
    await model.close()
    assert model.closed

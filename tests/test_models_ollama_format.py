"""What of a schema Ollama is asked to hold a model to."""

from __future__ import annotations

import json
from typing import Annotated

import msgspec
import pytest

from brains import GameAction
from brains.actions import action_schema
from brains.decide import decide, request_for
from brains.errors import MalformedAnswer
from brains.models.ollama import OllamaModel
from brains.models.ollama_format import LONGEST, grammatical
from brains.questions import Latency, Question, RenderedPrompt
from tests.fake_ollama import FakeOllama, Reply, pieces_of


def test_patterns_and_long_strings_are_left_out_wherever_they_are() -> None:
    short, long = {"maxLength": LONGEST, "type": "string"}, {"minLength": 1, "maxLength": LONGEST + 1, "type": "string"}
    schema = {
        "type": "object",
        "properties": {
            "pattern": {"type": "string", "pattern": "^[a-z]+$"},
            "few": {"type": "array", "items": {"anyOf": [short, long]}, "minItems": 2, "maxItems": 1000},
            "word": {"enum": ["pattern", "maxLength"]},
            "other": {"$ref": "#/$defs/other"},
        },
        "required": ["pattern", "few"],
        "additionalProperties": False,
        "$defs": {"other": {"type": "object", "properties": {"a": {"pattern": "x"}}, "additionalProperties": long}},
    }
    before = json.dumps(schema)
    assert grammatical(schema) == {
        "type": "object",
        "properties": {
            "pattern": {"type": "string"},
            "few": {"type": "array", "items": {"anyOf": [short, {"minLength": 1, "type": "string"}]}, "minItems": 2},
            "word": {"enum": ["pattern", "maxLength"]},
            "other": {"$ref": "#/$defs/other"},
        },
        "required": ["pattern", "few"],
        "additionalProperties": False,
        "$defs": {
            "other": {
                "type": "object",
                "properties": {"a": {}},
                "additionalProperties": {"minLength": 1, "type": "string"},
            }
        },
    }
    assert json.dumps(schema) == before


class Shout(GameAction):
    word: Annotated[str, msgspec.Meta(pattern="^[a-z]+$", max_length=500)]
    times: Annotated[int, msgspec.Meta(ge=1, le=3)]


@pytest.mark.parametrize("word", ["Fire!", "a" * 501])
async def test_the_answer_is_held_to_the_whole_schema_all_the_same(word: str) -> None:
    schema = action_schema(Shout)
    assert {"pattern", "maxLength"} <= set(schema["properties"]["word"])
    prompt = RenderedPrompt(name="shout", version="v", user="What?")
    question = Question(session="s", agent="a", leaf="l", prompt=prompt, schema=schema, max_tokens=600)
    async with FakeOllama() as fake:
        model = OllamaModel("tiny", host=fake.url)
        info = await model.start()
        request = request_for(question, info)
        for said in ("fire", word):
            fake.next(Reply(pieces_of(json.dumps({"word": said, "times": 2}))))
        good, bad = [await model.generate(request) for _ in range(2)]
        await model.close()
    sent = fake.asked[-1].body["format"]
    assert sent["properties"] == {"word": {"type": "string"}, "times": {"type": "integer", "minimum": 1, "maximum": 3}}
    assert decide(question, request, good, info, Latency()).value == {"word": "fire", "times": 2}
    with pytest.raises(MalformedAnswer, match="word"):
        decide(question, request, bad, info, Latency())

"""JSON answers are parsed strictly, and checked against what actions declare."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from brains.actions import GameAction, action_schema
from brains.decide import check_value, parse_object
from brains.errors import MalformedAnswer


class Walk(GameAction):
    target: Literal["gate", "wall"]
    speed: Annotated[float, Meta(ge=0, le=10)] = 1.0
    steps: Annotated[int, Meta(gt=0, multiple_of=2)] = 2
    loud: bool = False
    note: Annotated[str, Meta(max_length=5)] | None = None
    path: Annotated[list[int], Meta(max_length=2)] = msgspec.field(default_factory=list)


SCHEMA = action_schema(Walk)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("gate", "not JSON"),
        ('{"target": "gate"} ok', "not JSON"),
        ('```json\n{"target": "gate"}\n```', "not JSON"),
        ('{"target": "gate", "target": "wall"}', "twice"),
        ('{"note": "\\ud83d"}', "surrogates not allowed"),
        ('{"\\ude00": 1}', "surrogates not allowed"),
        ('{"speed": NaN}', "NaN is not a number"),
        ('{"speed": -Infinity}', "not a number"),
        ('{"speed": 1e999}', "too large"),
        ("9" * 5000, "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not a JSON object"),
        ('"gate"', "not a JSON object"),
    ],
)
def test_only_one_strict_object_will_do(text: str, says: str) -> None:
    with pytest.raises(MalformedAnswer, match=says):
        parse_object(text)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({}, "field 'target' is missing"),
        ({"target": "moon"}, "field 'target' must be one of 'gate', 'wall', not 'moon'"),
        ({"target": "gate", "speed": 11}, "field 'speed' must be at most 10"),
        ({"target": "gate", "speed": -0.5}, "field 'speed' must be at least 0"),
        ({"target": "gate", "speed": "1"}, "field 'speed' must be number"),
        ({"target": "gate", "speed": True}, "field 'speed' must be number"),
        ({"target": "gate", "steps": 0}, "more than 0"),
        ({"target": "gate", "steps": 3}, "multiple of 2"),
        ({"target": "gate", "steps": 2.0}, "integer"),
        ({"target": "gate", "loud": 1}, "boolean"),
        ({"target": "gate", "note": "too long"}, "at most 5"),
        ({"target": "gate", "note": 5}, "field 'note'"),
        ({"target": "gate", "path": [1, 2, 3]}, "at most 2"),
        ({"target": "gate", "path": [1, "x"]}, r"field 'path\[1\]' must be integer"),
        ({"target": "gate", "tempo": 1}, "field 'tempo' was not asked for"),
    ],
)
def test_the_field_is_named(value: dict[str, Any], says: str) -> None:
    with pytest.raises(MalformedAnswer, match=says):
        check_value(value, SCHEMA)


values = st.fixed_dictionaries(
    {},
    optional={
        "target": st.sampled_from(["gate", "wall", "moon", 1]),
        "speed": st.one_of(st.floats(-1, 11), st.integers(-1, 11), st.booleans(), st.just("1")),
        "steps": st.one_of(st.integers(-2, 9), st.none()),
        "loud": st.one_of(st.booleans(), st.integers(0, 1)),
        "note": st.one_of(st.none(), st.text(max_size=7), st.integers()),
        "path": st.one_of(st.lists(st.integers(), max_size=3), st.none()),
        "more": st.none(),
    },
)


@given(values)
def test_it_agrees_with_the_actions_own_decoder(value: dict[str, Any]) -> None:
    try:
        msgspec.convert(value, Walk, strict=True)
        fits = True
    except msgspec.ValidationError:
        fits = False
    try:
        check_value(parse_object(json.dumps(value)), SCHEMA)
    except MalformedAnswer:
        assert not fits
    else:
        assert fits


def test_nested_definitions_are_followed() -> None:
    schema = {
        "$ref": "#/$defs/A",
        "$defs": {"A": {"type": "object", "properties": {"b": {"$ref": "#/$defs/B"}}}, "B": {"const": 1}},
    }
    check_value({"b": 1}, schema)
    with pytest.raises(MalformedAnswer, match="field 'b' must be one of"):
        check_value({"b": True}, schema)


def test_endless_definitions_end() -> None:
    with pytest.raises(MalformedAnswer, match="too deeply"):
        check_value({}, {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}})


@pytest.mark.parametrize("schema", [{"uniqueItems": True}, {"type": "date"}, {"$ref": "#/$defs/X"}])
def test_a_schema_that_cannot_be_checked_is_an_error(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="JSON Schema"):
        check_value([], schema)


def test_patterns_and_steps() -> None:
    check_value(0.3, {"multipleOf": 0.1})
    check_value("ab", {"pattern": "^a"})
    for value, schema in ((0.35, {"multipleOf": 0.1}), (10**400, {"multipleOf": 0.1}), ("b", {"pattern": "^a"})):
        with pytest.raises(MalformedAnswer):
            check_value(value, schema)

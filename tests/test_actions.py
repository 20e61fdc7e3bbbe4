"""Typed orders: schema, strict decoding, registry."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from brains.actions import (
    ActionRegistry,
    GameAction,
    action_schema,
    check_action,
    decode_action,
    label_of,
    params_of,
)
from brains.errors import ActionError


class MoveTo(GameAction):
    """Go somewhere."""

    label: ClassVar[str] = "walk"
    target: str
    speed: Annotated[float, Meta(ge=0, le=10)] = 1.0


class Shout(GameAction):
    words: str = ""
    mood: Literal["angry", "merry"] = "merry"


def test_the_schema_is_one_flat_strict_object() -> None:
    """Names, types, bounds and defaults are there; nothing else is allowed."""
    assert action_schema(MoveTo) == {
        "title": "MoveTo",
        "type": "object",
        "properties": {
            "target": {"type": "string"},
            "speed": {"type": "number", "minimum": 0, "maximum": 10, "default": 1.0},
        },
        "required": ["target"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "target"),
        ({"target": 5}, "target"),
        ({"target": "x", "speed": 11}, "speed"),
        ({"target": "x", "speed": "fast"}, "speed"),
        ({"target": "x", "sped": 1}, "sped"),
    ],
)
def test_a_wrong_value_is_named(params: dict[str, Any], field: str) -> None:
    """The error says which action and which value."""
    with pytest.raises(ActionError, match="MoveTo") as caught:
        decode_action(MoveTo, params)
    assert (caught.value.action, caught.value.field) == ("MoveTo", field)


def test_constructors_do_not_check_but_check_action_does() -> None:
    """Bounds, types and not-a-number."""
    assert check_action(MoveTo("x", 3)) == MoveTo("x", 3)
    for wrong in (MoveTo("x", 99), MoveTo("x", float("nan")), MoveTo(None)):  # type: ignore[arg-type]
        with pytest.raises(ActionError):
            check_action(wrong)


def test_the_label_is_the_word_for_prompts() -> None:
    """The class variable, or the name in small letters."""
    assert (label_of(MoveTo), label_of(Shout)) == ("walk", "shout")


def test_a_registry_finds_actions_by_name_and_refuses_a_second_one() -> None:
    """The game knows actions by name, so a name is given once."""
    registry = ActionRegistry([MoveTo, MoveTo, Shout])
    assert list(registry) == ["MoveTo", "Shout"]
    assert registry["Shout"] is Shout
    assert len(registry) == 2
    assert registry.decode("MoveTo", {"target": "gate"}) == MoveTo("gate")
    with pytest.raises(ActionError, match=r"no action called 'Fly' \(known: MoveTo, Shout\)"):
        registry.decode("Fly", {})
    other = type("Shout", (GameAction,), {})
    with pytest.raises(ActionError, match="two actions are called 'Shout'"):
        registry.add(other)


def test_an_action_that_has_no_schema_is_refused() -> None:
    """Its values could not be declared to the game."""

    class Odd(GameAction):
        thing: complex = 1j

    with pytest.raises(ActionError, match="cannot be described"):
        ActionRegistry([Odd])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
near = st.fixed_dictionaries({}, optional={"target": json_values, "speed": json_values, "words": json_values})


@given(near | json_values)
def test_whatever_is_decoded_is_valid_and_goes_back_to_the_same_values(params: Any) -> None:
    """Decoding gives a valid action or a named error, nothing in between."""
    try:
        action = decode_action(MoveTo, params)
    except ActionError:
        return
    assert 0 <= action.speed <= 10
    assert decode_action(MoveTo, params_of(action)) == check_action(action)

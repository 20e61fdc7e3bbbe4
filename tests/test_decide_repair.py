"""A second try for an object that was no good: shown what is wrong with it, and only if there is time."""

from __future__ import annotations

import math

import pytest

from brains.decide import repair_for
from brains.questions import ModelReply, ModelRequest

ASKED = ModelRequest(
    way="schema", messages=(("system", "Answer with JSON."), ("user", "Where to?")), schema={}, max_tokens=30, name="p"
)
BAD = ModelReply(text='{"place": "moon"}')


def test_the_model_is_shown_what_is_wrong() -> None:
    again = repair_for(ASKED, BAD, "'place' must be one of gate, wall", took=0.5, left=2.0)
    assert again is not None
    assert again.messages[:2] == ASKED.messages
    assert again.messages[2] == ("assistant", '{"place": "moon"}')
    assert again.messages[3][0] == "user"
    assert "'place' must be one of gate, wall" in again.messages[3][1]
    assert (again.schema, again.max_tokens, again.name) == (ASKED.schema, 30, "p")


def test_a_long_answer_is_not_shown_whole() -> None:
    again = repair_for(ASKED, ModelReply(text="x" * 10_000), "it is too long", took=0.5, left=math.inf)
    assert again is not None
    assert len(again.messages[2][1]) == 400


@pytest.mark.parametrize(
    ("took", "left", "tries"), [(1.0, 1.6, True), (1.0, 1.4, False), (9.0, math.inf, True), (0.1, 0.0, False)]
)
def test_it_is_tried_only_if_there_is_time(took: float, left: float, tries: bool) -> None:
    assert (repair_for(ASKED, BAD, "no", took=took, left=left) is not None) is tries


def test_what_a_second_try_would_not_mend_is_left() -> None:
    labels = ModelRequest(way="completion", prompt="a ->", top_logprobs=20)
    assert repair_for(labels, ModelReply(text=" x"), "no", took=0.1, left=math.inf) is None
    assert repair_for(ASKED, ModelReply(text=" \n"), "no", took=0.1, left=math.inf) is None

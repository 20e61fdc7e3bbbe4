"""The project's own prompts and their cases: enough, balanced, and none in both. What a model makes of them is
measured in `tests/model`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from brains.prompts import Example, Prompt
from brains.reload import load_prompts

PROMPTS = Path(__file__).parent.parent / "prompts"
LIBRARY = load_prompts(PROMPTS)
DECIDING = [name for name in LIBRARY.names() if LIBRARY.get(name).kind != "text"]


def cases_of(prompt: Prompt) -> tuple[Example, ...]:
    return prompt.cases((PROMPTS / f"{prompt.name}.cases.yaml").read_text(encoding="utf-8"))


def same(inputs: Mapping[str, Any]) -> str:
    """Return the inputs as text that is equal for what a reader would call the same."""
    return json.dumps(inputs, sort_keys=True).casefold()


def spread(examples: Iterable[Example]) -> Counter[str]:
    return Counter(example.answer for example in examples)


def test_there_are_deciding_prompts_and_no_broken_ones() -> None:
    assert len(DECIDING) >= 6
    assert LIBRARY.errors == {}


@pytest.mark.parametrize("name", DECIDING)
def test_examples_and_cases_are_enough_and_balanced(name: str) -> None:
    prompt = LIBRARY.get(name)
    cases = cases_of(prompt)
    assert len(prompt.examples) >= 12
    assert len(cases) >= 40
    labels = set(prompt.labels or prompt.example_labels)
    for counts in (spread(prompt.examples), spread(cases)):
        assert set(counts) == labels
        assert max(counts.values()) - min(counts.values()) <= 1, counts


@pytest.mark.parametrize("name", DECIDING)
def test_no_case_is_an_example_or_another_case(name: str) -> None:
    """A case that the model has seen measures its memory."""
    prompt = LIBRARY.get(name)
    inputs = [same(one.inputs) for one in (*prompt.examples, *cases_of(prompt))]
    assert [text for text, count in Counter(inputs).items() if count > 1] == []

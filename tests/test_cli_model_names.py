"""Nodes that ask a model that the settings do not name."""

from __future__ import annotations

import pytest
from py_trees.behaviour import Behaviour

from brains import LLMCondition, brain
from brains.cli._model_names import unknown_models
from brains.cli._running import errors_of
from brains.library import BrainLibrary
from brains.prompts import PromptLibrary


class Asks(LLMCondition):
    """A leaf that asks a model by name."""

    def __init__(self, model: str) -> None:
        super().__init__("Hostile?", prompt="hostile")
        self.model = model


def library(model: str) -> BrainLibrary:
    @brain("guard")
    def guard() -> Behaviour:
        return Asks(model)

    return BrainLibrary.of([guard])


def test_a_model_that_the_settings_name_is_fine() -> None:
    assert [*unknown_models(library(""), []), *unknown_models(library("big"), ["big"])] == []


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ([], "the settings name no model 'bgi', nor any other: add [models.bgi] to brains.toml"),
        (["big"], "the settings name no model 'bgi'; did you mean 'big'?"),
        (["llama", "qwen"], "the settings name no model 'bgi'; there are: llama, qwen"),
    ],
)
def test_another_one_is_an_error(names: list[str], says: str) -> None:
    (found,) = unknown_models(library("bgi"), names)
    assert (found.severity, found.rule, found.message, found.node) == ("error", "unknown-model", says, "Hostile?")
    assert found.line > 0
    assert any(says in line for line in errors_of(library("bgi"), PromptLibrary(), names))

"""Calibration and scoring: what they make of labelled cases."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brains.decide import Sample, accuracy, apply_calibration, auc, fit, held_out, majority, nearest_example
from brains.questions import Calibration, Turn

LABELS = ("danger", "safe", "odd")


def leaning(count: int = 60, lean: float = 3.0, seed: int = 1) -> list[Sample]:
    """Make cases of a model that ranks well, but says `danger` far too readily."""
    dice = random.Random(seed)
    samples: list[Sample] = []
    for index in range(count):
        right = LABELS[index % len(LABELS)]
        scores = [2.5 * (label == right) + lean * (label == "danger") + dice.gauss(0, 0.5) for label in LABELS]
        total = sum(map(math.exp, scores))
        samples.append(({label: math.exp(s) / total for label, s in zip(LABELS, scores, strict=True)}, right))
    return samples


def test_a_lean_is_corrected() -> None:
    samples = leaning()
    assert accuracy(samples) < 0.6
    calibration = fit(samples, LABELS, prompt_hash="v1", accuracy=0.9)
    assert calibration.bias["danger"] < calibration.bias["safe"] - 2
    corrected = [(apply_calibration(calibration, raw, LABELS), right) for raw, right in samples]
    assert accuracy(corrected) > 0.95
    assert (calibration.prompt_hash, calibration.cases, calibration.accuracy) == ("v1", 60, 0.9)


def test_fitting_is_deterministic_and_good_on_unseen_cases() -> None:
    assert fit(leaning(), LABELS) == fit(leaning(), LABELS)
    scores = held_out(leaning(), LABELS)
    assert scores == held_out(leaning(), LABELS)
    assert len(scores.splits) == 20
    assert scores.worst == min(scores.splits) <= scores.mean
    assert scores.mean > 0.9
    assert held_out(leaning(), LABELS, seed=1) != scores


def test_a_model_that_is_too_sure_is_toned_down() -> None:
    samples = [({"a": 0.999, "b": 0.001}, "a" if i % 4 else "b") for i in range(40)]
    samples += [({"a": 0.001, "b": 0.999}, "b" if i % 4 else "a") for i in range(40)]
    calibration = fit(samples, ("a", "b"))
    assert calibration.scale < 0.5
    assert apply_calibration(calibration, {"a": 0.999, "b": 0.001}, ("a", "b"))["a"] == pytest.approx(0.75, abs=0.05)


def test_few_cases_move_little() -> None:
    assert fit([], LABELS) == Calibration(scale=1.0, bias=dict.fromkeys(LABELS, 0.0))
    one = fit([({"a": 0.5, "b": 0.5}, "a")], ("a", "b"))
    assert abs(one.bias["a"]) < 3


def test_an_unknown_label_is_an_error() -> None:
    with pytest.raises(ValueError, match="not in"):
        fit([({"a": 1.0}, "c")], ("a", "b"))


def test_a_label_that_the_calibration_does_not_know_has_no_bias() -> None:
    found = apply_calibration(Calibration(bias={"a": 1.0}), {"a": 0.5, "new": 0.5}, ("a", "new"))
    assert found["a"] == pytest.approx(math.e / (math.e + 1))


probability = st.floats(0, 1)
cases = st.lists(
    st.tuples(st.fixed_dictionaries(dict.fromkeys(LABELS, probability)), st.sampled_from(LABELS)), max_size=12
)


@given(cases)
def test_any_cases_give_a_usable_calibration(samples: list[Sample]) -> None:
    calibration = fit(samples, LABELS)
    assert 0 < calibration.scale <= 5
    assert all(math.isfinite(bias) and abs(bias) <= 20 for bias in calibration.bias.values())
    for raw, _ in samples:
        found = apply_calibration(calibration, raw, LABELS)
        assert math.isclose(sum(found.values()), 1.0)
    held_out(samples, LABELS, splits=2)


def test_halves_share_each_label() -> None:
    samples = [({"a": 1.0, "b": 0.0}, "a"), ({"a": 0.0, "b": 1.0}, "b")] * 3
    assert held_out(samples, ("a", "b"), splits=4).splits == (1.0,) * 4


def test_guesses_without_a_model() -> None:
    assert majority(["a", "b", "a", "c"]) == 0.5
    assert majority([]) == 0.0
    examples = [Turn("A wolf bites the lamb", "danger"), Turn("A girl sings", "safe")]
    assert nearest_example([("The WOLF bites", "danger"), ("a girl bites", "safe"), ("x", "safe")], examples) == 2 / 3
    assert nearest_example([("x", "safe")], []) == 0.0


def test_auc_ranks() -> None:
    meaning = {"danger": True, "safe": False}
    chances = [(0.9, "danger"), (0.6, "danger"), (0.7, "safe"), (0.1, "safe")]
    samples: list[Sample] = [({"danger": p, "safe": 1 - p}, right) for p, right in chances]
    assert auc(samples, meaning) == 0.75
    assert accuracy([]) == 0.0

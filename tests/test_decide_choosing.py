"""Which calibration suits a prompt, and the isotonic one among them."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brains.decide import METHODS, Sample, apply_calibration, choose_method, fit, log_loss
from brains.decide.isotonic import apply_knots, fit_knots
from brains.errors import PromptError
from brains.prompts import StoredCalibration, decode_calibrations, encode_calibrations
from brains.questions import Calibration

LABELS = ("danger", "safe")
pairs = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


def samples(truth: list[tuple[float, float]], count: int = 200, seed: int = 1) -> list[Sample]:
    """Draw cases: raw probability of danger, and how often it is danger then."""
    dice = random.Random(seed)
    found: list[Sample] = []
    for index in range(count):
        raw, chance = truth[index % len(truth)]
        found.append(({"danger": raw, "safe": 1 - raw}, "danger" if dice.random() < chance else "safe"))
    return found


@given(pairs, st.floats(0, 1), st.floats(0, 1))
def test_knots_rise_and_give_probabilities(cases: list[tuple[float, bool]], one: float, other: float) -> None:
    knots = fit_knots(cases)
    assert all(x0 < x1 and y0 <= y1 for (x0, y0), (x1, y1) in pairwise(knots))
    low, high = sorted((one, other))
    assert 0 < apply_knots(knots, low) <= apply_knots(knots, high) + 1e-12 < 1


@given(pairs)
def test_knots_keep_how_much_happens(cases: list[tuple[float, bool]]) -> None:
    """Over the fitted cases the corrected probabilities add up to what happened, but for the margin at 0 and 1."""
    knots = fit_knots(cases)
    total = sum(apply_knots(knots, probability) for probability, _ in cases)
    assert abs(total - sum(happened for _, happened in cases)) <= len(cases) / (len(cases) + 2) + 1e-9


def test_a_bent_model_is_read_off_the_knots() -> None:
    """It says 0.01 where it knows nothing, and 0.6 where it is nearly sure: no scale and bias mends both."""
    bent = samples([(0.01, 0.5), (0.5, 0.5), (0.6, 0.99), (0.99, 0.99)], 500)
    found = choose_method(bent, LABELS)
    assert found.method == "isotonic"
    assert set(found.losses) == set(METHODS)
    calibrated = apply_calibration(fit(bent, LABELS, method="isotonic"), {"danger": 0.6, "safe": 0.4}, LABELS)
    assert calibrated["danger"] > 0.9
    assert math.isclose(sum(calibrated.values()), 1)


def test_a_leaning_model_wants_a_bias_and_one_that_is_too_sure_a_scale() -> None:
    odds = [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]

    def sure(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    assert choose_method(samples([(sure(x + 2), sure(x)) for x in odds], 700), LABELS).method == "platt"
    assert choose_method(samples([(sure(3 * x), sure(x)) for x in odds], 700), LABELS).method == "temperature"


def test_more_than_two_labels_have_no_isotonic_calibration() -> None:
    three = [({"a": 0.5, "b": 0.3, "c": 0.2}, label) for label in "abc" * 4]
    assert "isotonic" not in choose_method(three, "abc").losses
    with pytest.raises(ValueError, match="two labels, not 3"):
        fit(three, "abc", method="isotonic")


def test_few_cases_are_not_measured() -> None:
    assert choose_method(samples([(0.5, 0.5)], 4), LABELS) == ("platt", {})


def test_an_isotonic_calibration_of_other_labels_changes_nothing() -> None:
    calibration = Calibration(method="isotonic", label="danger", knots=((0.5, 0.9),))
    for raw in ({"good": 0.3, "bad": 0.7}, {"danger": 0.2, "safe": 0.3, "odd": 0.5}):
        assert apply_calibration(calibration, raw, tuple(raw)) == raw


@pytest.mark.parametrize("method", METHODS)
def test_a_calibration_is_the_same_after_it_was_stored(method: str) -> None:
    cases = samples([(0.1, 0.2), (0.3, 0.3), (0.6, 0.9), (0.9, 0.8)], 80)
    fitted = fit(cases, LABELS, method=method, prompt_hash="h")  # type: ignore[arg-type]
    one = StoredCalibration(
        model="m", method=fitted.method, scale=fitted.scale, bias=fitted.bias, label=fitted.label, knots=fitted.knots
    )
    stored = decode_calibrations(encode_calibrations({"d": one}), file="x")["d"]
    before, after = ([(apply_calibration(c, raw, LABELS), right) for raw, right in cases] for c in (fitted, stored))
    assert math.isclose(log_loss(before), log_loss(after), rel_tol=1e-4)


def test_a_file_of_before_there_were_methods_is_written_as_it_was() -> None:
    text = encode_calibrations({"d": StoredCalibration(scale=2.0, bias={"danger": 1.0, "safe": -1.0}, cases=3)})
    assert "method" not in text
    assert "knots" not in text
    assert decode_calibrations(text, file="x")["d"].method == "platt"


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ('{"d": {"method": "isotonic"}}', "no knots"),
        ('{"d": {"method": "isotonic", "label": "a", "knots": [[0.5, 0.1], [0.5, 0.2]]}}', "do not rise"),
        ('{"d": {"method": "isotonic", "label": "a", "knots": [[0.1, 0.3], [0.5, 0.2]]}}', "do not rise"),
        ('{"d": {"method": "isotonic", "label": "a", "knots": [[0.1, 3]]}}', "from 0 to 1"),
        ('{"d": {"threshold": 2}}', "threshold"),
        ('{"d": {"method": "magic"}}', "no calibration file"),
    ],
)
def test_a_broken_file_is_refused(broken: str, says: str) -> None:
    with pytest.raises(PromptError, match=says):
        decode_calibrations(broken, file="x")

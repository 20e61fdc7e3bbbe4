"""How well probabilities fit what happened, on numbers that can be worked out by hand."""

from __future__ import annotations

import math

import pytest

from brains.decide import (
    Sample,
    best_threshold,
    calibration_error,
    chances,
    held_out,
    log_loss,
    mean_auc,
    reliability,
)

TRUTH = {"danger": True, "safe": False}


def sample(danger: float, right: str) -> Sample:
    return {"danger": danger, "safe": 1 - danger}, right


SAMPLES = [sample(0.9, "danger"), sample(0.8, "danger"), sample(0.7, "safe"), sample(0.1, "safe")]


def test_log_loss() -> None:
    expected = -(math.log(0.9) + math.log(0.8) + math.log(0.3) + math.log(0.9)) / 4
    assert log_loss(SAMPLES) == pytest.approx(expected)
    assert log_loss([sample(0.0, "danger")]) < 30


def test_chances_of_a_condition_are_of_true_and_else_of_the_likeliest() -> None:
    assert chances(SAMPLES, TRUTH) == [(0.9, True), (0.8, True), (0.7, False), (0.1, False)]
    assert chances(SAMPLES) == [(0.9, True), (0.8, True), (0.7, False), (0.9, True)]


def test_reliability_and_its_error() -> None:
    bins = reliability([(0.72, True), (0.78, False), (0.1, False), (1.0, True)])
    assert [(round(one.predicted, 2), one.happened, one.count) for one in bins] == [
        (0.1, 0.0, 1),
        (0.75, 0.5, 2),
        (1.0, 1.0, 1),
    ]
    assert calibration_error([(0.72, True), (0.78, False), (0.1, False), (1.0, True)]) == pytest.approx(0.15)
    assert calibration_error([]) == 0


def test_the_best_threshold_is_right_most_often() -> None:
    assert best_threshold(chances(SAMPLES, TRUTH)) == pytest.approx(0.75)
    assert best_threshold([(0.9, True), (0.1, False)]) == 0.5


def test_the_mean_area_of_several_labels() -> None:
    rows = [((0.8, 0.1, 0.1), "a"), ((0.1, 0.8, 0.1), "b"), ((0.2, 0.7, 0.1), "c")]
    three = [(dict(zip("abc", row, strict=True)), right) for row, right in rows]
    assert mean_auc(three, "abc") == pytest.approx((1 + 1 + 0.5) / 3)
    assert mean_auc(SAMPLES, ("danger", "safe"), TRUTH) == 1.0


def test_held_out_predictions_are_of_cases_that_were_not_seen() -> None:
    cases = [sample(0.3, "danger")] * 10 + [sample(0.2, "safe")] * 10
    scores = held_out(cases, ("danger", "safe"), splits=4)
    assert len(scores.predictions) == 4 * 10
    assert scores.mean == 1.0

"""Choose how to calibrate a prompt for a model: by what each method predicts of cases that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from brains.decide.calibration import METHODS, Method, Sample, apply, fit
from brains.decide.scoring import log_loss

__all__ = ["Choice", "choose_method"]

FOLDS = 5
SIMPLER = 0.01
"""A method that is not better than a simpler one by so much log loss is not taken."""


class Choice(NamedTuple):
    """The method, and what all of them lost on cases that they had not seen."""

    method: Method
    losses: Mapping[Method, float]


def choose_method(samples: Sequence[Sample], labels: Sequence[str], *, folds: int = FOLDS) -> Choice:
    """Compare the methods by cross-validated log loss; the same cases always give the same choice.

    Each label's cases are dealt out to the folds in turn. With fewer cases than folds it is `platt`, unmeasured.
    """
    if len(samples) < folds:
        return Choice("platt", {})
    dealt = _deal(samples, labels, folds)
    losses: dict[Method, float] = {}
    for method in METHODS:
        if method == "isotonic" and len(labels) != 2:
            continue
        predicted: list[Sample] = []
        for index, test in enumerate(dealt):
            train = [sample for other, fold in enumerate(dealt) if other != index for sample in fold]
            calibration = fit(train, labels, method=method)
            predicted += [(apply(calibration, raw, labels), right) for raw, right in test]
        losses[method] = log_loss(predicted)
    best = METHODS[0]
    for method in losses:
        if losses[method] < losses[best] - SIMPLER:
            best = method
    return Choice(best, losses)


def _deal(samples: Sequence[Sample], labels: Sequence[str], folds: int) -> list[list[Sample]]:
    ordered = sorted(range(len(samples)), key=lambda index: (labels.index(samples[index][1]), index))
    return [[samples[index] for index in ordered[start::folds]] for start in range(folds)]

"""Correct a model's label probabilities with what it gets wrong on labelled cases.

A small model ranks well and leans: it says `danger` too readily, or is too sure. So p' is made proportional
to exp(scale * log p + bias): one scale for all labels, one bias per label. Both are fitted by maximum
likelihood, held back by a penalty so that a few dozen cases suffice. This is Platt scaling for more than two
labels (Guo et al. 2017, arXiv:1706.04599, section 4.2, with one scale in place of a vector; on the lean see
Zhao et al. 2021, arXiv:2102.09690).

Two other methods stand beside it: `temperature`, the same without biases, and `isotonic`, a rising line through the
cases for prompts with two labels (Zadrozny and Elkan 2002). `brains.decide.choosing` finds the one that suits a prompt.
All of it is a few lines of plain Python: for some dozen cases a library would cost more to import than it saves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from brains.decide.isotonic import apply_knots, fit_knots
from brains.questions import Calibration

__all__ = ["METHODS", "Method", "Sample", "apply", "fit"]

Method = Literal["temperature", "platt", "isotonic"]
METHODS: tuple[Method, ...] = ("temperature", "platt", "isotonic")
"""From the simplest to the most flexible."""

Sample = tuple[Mapping[str, float], str]
"""The raw probabilities of one case, and its right label."""

_SCALE_PENALTY = 1.0
"""Holds the scale near 1. Not critical: held-out accuracy over six prompts of 48 cases was 0.81 to 0.82 for all of
0.25 to 16 here and 0.03 to 1 below."""
_BIAS_PENALTY = 0.2
"""Holds the biases near 0, weakly: leans of several units are common."""
_NO_BIAS_PENALTY = 1e9
"""Holds the biases at 0."""
_LEAST_SCALE, _MOST_SCALE = 0.05, 5.0
_MOST_BIAS = 20.0
_LEAST = 1e-9
_STEPS = 50


def apply(calibration: Calibration, raw: Mapping[str, float], labels: Sequence[str]) -> dict[str, float]:
    """Return the corrected probabilities of `labels`, in their order, summing to 1.

    A label that the calibration does not know has no bias. Where the numbers overflow, or an isotonic calibration is
    of other labels, `raw` is kept.
    """
    if calibration.method == "isotonic":
        return _by_knots(calibration, raw, labels)
    scores = [
        calibration.scale * math.log(max(raw.get(label, 0.0), _LEAST)) + calibration.bias.get(label, 0.0)
        for label in labels
    ]
    if not all(map(math.isfinite, scores)):
        return dict(raw)
    return dict(zip(labels, _softmax(scores), strict=True))


def fit(
    samples: Sequence[Sample],
    labels: Sequence[str],
    *,
    method: Method = "platt",
    prompt_hash: str = "",
    accuracy: float = 0.0,
) -> Calibration:
    """Fit scale and biases, or knots, on labelled cases; the same cases always give the same calibration.

    Args:
        samples: raw probabilities and right label of each case.
        labels: all labels.
        method: see the module.
        prompt_hash: `RenderedPrompt.version`, kept for later.
        accuracy: held-out accuracy, kept for people.

    Raises:
        ValueError: a case's label is not among `labels`, or there are more than two for `isotonic`.
    """
    facts: dict[str, Any] = {"prompt_hash": prompt_hash, "cases": len(samples), "accuracy": accuracy}
    if method == "isotonic":
        if len(labels) != 2:
            raise ValueError(f"isotonic calibration is for two labels, not {len(labels)}")
        knots = fit_knots([(raw.get(labels[0], 0.0), labels.index(right) == 0) for raw, right in samples])
        return Calibration(method=method, label=labels[0], knots=knots, **facts)
    penalty = _BIAS_PENALTY if method == "platt" else _NO_BIAS_PENALTY
    rows = [
        ([math.log(max(raw.get(label, 0.0), _LEAST)) for label in labels], labels.index(right))
        for raw, right in samples
    ]
    parameters = [1.0] + [0.0] * len(labels)  # scale, then one bias per label
    loss = _loss(rows, parameters, penalty)
    for _ in range(_STEPS):
        gradient, hessian = _derivatives(rows, parameters, penalty)
        step = _solve(hessian, gradient)
        parameters, better = _descend(rows, parameters, step, loss, penalty)
        if loss - better < 1e-10:
            break
        loss = better
    bias = dict(zip(labels, parameters[1:], strict=True)) if method == "platt" else {}
    return Calibration(method=method, scale=parameters[0], bias=bias, **facts)


def _by_knots(calibration: Calibration, raw: Mapping[str, float], labels: Sequence[str]) -> dict[str, float]:
    if len(labels) != 2 or calibration.label not in labels or not calibration.knots:
        return dict(raw)
    corrected = apply_knots(calibration.knots, raw.get(calibration.label, 0.0))
    return {label: corrected if label == calibration.label else 1.0 - corrected for label in labels}


_Row = tuple[list[float], int]


def _softmax(scores: Sequence[float]) -> list[float]:
    top = max(scores)
    weights = [math.exp(score - top) for score in scores]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def _corrected(logs: Sequence[float], parameters: Sequence[float]) -> list[float]:
    return [parameters[0] * log + bias for log, bias in zip(logs, parameters[1:], strict=True)]


def _loss(rows: Sequence[_Row], parameters: Sequence[float], penalty: float) -> float:
    """Return the negative log likelihood and the penalty; convex in the parameters."""
    total = 0.5 * _SCALE_PENALTY * (parameters[0] - 1.0) ** 2
    total += 0.5 * penalty * math.fsum(bias * bias for bias in parameters[1:])
    for logs, right in rows:
        scores = _corrected(logs, parameters)
        top = max(scores)
        total += top + math.log(math.fsum(math.exp(score - top) for score in scores)) - scores[right]
    return total


def _derivatives(
    rows: Sequence[_Row], parameters: Sequence[float], penalty: float
) -> tuple[list[float], list[list[float]]]:
    """Return the gradient and the Hessian of the loss."""
    size = len(parameters)
    gradient = [_SCALE_PENALTY * (parameters[0] - 1.0), *(penalty * bias for bias in parameters[1:])]
    hessian = [[0.0] * size for _ in range(size)]
    hessian[0][0] = _SCALE_PENALTY
    for index in range(1, size):
        hessian[index][index] = penalty
    for logs, right in rows:
        p = _softmax(_corrected(logs, parameters))
        mean = math.fsum(q * log for q, log in zip(p, logs, strict=True))
        gradient[0] += mean - logs[right]
        hessian[0][0] += math.fsum(q * (log - mean) ** 2 for q, log in zip(p, logs, strict=True))
        for i, (q, log) in enumerate(zip(p, logs, strict=True), start=1):
            gradient[i] += q - (i - 1 == right)
            hessian[0][i] += q * (log - mean)
            hessian[i][0] += q * (log - mean)
            for j, other in enumerate(p, start=1):
                hessian[i][j] += q * ((i == j) - other)
    return gradient, hessian


def _solve(matrix: Sequence[Sequence[float]], vector: Sequence[float]) -> list[float]:
    """Solve a linear system by elimination; the penalties keep it solvable."""
    size = len(vector)
    rows = [[*row, value] for row, value in zip(matrix, vector, strict=True)]
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for row in range(column + 1, size):
            factor = rows[row][column] / rows[column][column]
            for k in range(column, size + 1):
                rows[row][k] -= factor * rows[column][k]
    solution = [0.0] * size
    for row in range(size - 1, -1, -1):
        known = math.fsum(rows[row][k] * solution[k] for k in range(row + 1, size))
        solution[row] = (rows[row][size] - known) / rows[row][row]
    return solution


def _descend(
    rows: Sequence[_Row], parameters: Sequence[float], step: Sequence[float], loss: float, penalty: float
) -> tuple[list[float], float]:
    """Go along a Newton step, halved until the loss falls, and stay within bounds."""
    for halvings in range(30):
        moved = [value - delta / 2**halvings for value, delta in zip(parameters, step, strict=True)]
        moved[0] = min(max(moved[0], _LEAST_SCALE), _MOST_SCALE)
        moved[1:] = [min(max(bias, -_MOST_BIAS), _MOST_BIAS) for bias in moved[1:]]
        better = _loss(rows, moved, penalty)
        if better <= loss:
            return moved, better
    return list(parameters), loss

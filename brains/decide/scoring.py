"""Measure how well a prompt decides: on cases that its calibration has not seen, and against mere guesses."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec

from brains.decide.calibration import Method, Sample, apply, fit
from brains.decide.labels import likeliest
from brains.prompts import words_in
from brains.questions import Turn

__all__ = [
    "Bin",
    "Scores",
    "accuracy",
    "auc",
    "best_threshold",
    "calibration_error",
    "chances",
    "held_out",
    "log_loss",
    "majority",
    "mean_auc",
    "nearest_example",
    "reliability",
]

BINS = 10
"""Of the reliability plot and the expected calibration error."""
_LEAST = 1e-9

Chance = tuple[float, bool]
"""A probability that was given, and whether what it was given to came true."""


class Scores(msgspec.Struct, frozen=True):
    """Held-out accuracies, each 0 to 1."""

    mean: float
    worst: float
    splits: tuple[float, ...]
    predictions: tuple[Sample, ...] = ()
    """What was predicted of the cases that a calibration had not seen, all splits together."""


class Bin(msgspec.Struct, frozen=True):
    """Cases whose probabilities are near each other."""

    predicted: float
    """Mean of the probabilities."""
    happened: float
    """Share that came true."""
    count: int


def accuracy(samples: Sequence[Sample]) -> float:
    """Return the share of cases whose likeliest label is the right one; 0 without cases."""
    return _share([likeliest(probabilities) == right for probabilities, right in samples])


def held_out(
    samples: Sequence[Sample], labels: Sequence[str], *, splits: int = 20, seed: int = 0, method: Method = "platt"
) -> Scores:
    """Fit on one half of the cases, measure on the other, `splits` times; the halves share out each label."""
    dice = random.Random(seed)
    found, predictions = [], []
    for _ in range(splits):
        train, test = _halves(samples, labels, dice)
        calibration = fit(train, labels, method=method)
        predicted = [(apply(calibration, raw, labels), right) for raw, right in test]
        found.append(accuracy(predicted))
        predictions += predicted
    return Scores(_mean(found), min(found, default=0.0), tuple(found), tuple(predictions))


def log_loss(samples: Sequence[Sample]) -> float:
    """Return the mean negative logarithm of the right label's probability: 0 is perfect, ln(labels) is chance."""
    return _mean([-math.log(max(probabilities.get(right, 0.0), _LEAST)) for probabilities, right in samples])


def chances(samples: Sequence[Sample], meaning: Mapping[str, bool] | None = None) -> list[Chance]:
    """Return what a reliability plot is made of.

    For a condition the probability of true, and whether it was; else that of the likeliest label, and whether it was
    right.
    """
    if meaning:
        return [
            (math.fsum(p for label, p in probabilities.items() if meaning[label]), meaning[right])
            for probabilities, right in samples
        ]
    tops = [(likeliest(probabilities), probabilities, right) for probabilities, right in samples]
    return [(probabilities[top], top == right) for top, probabilities, right in tops]


def reliability(pairs: Sequence[Chance], bins: int = BINS) -> list[Bin]:
    """Sort probabilities into bins of equal width, and leave out the empty ones."""
    groups: dict[int, list[Chance]] = {}
    for chance in pairs:
        groups.setdefault(min(int(chance[0] * bins), bins - 1), []).append(chance)
    return [
        Bin(_mean([p for p, _ in group]), _share([true for _, true in group]), len(group))
        for _, group in sorted(groups.items())
    ]


def calibration_error(pairs: Sequence[Chance], bins: int = BINS) -> float:
    """Return the expected calibration error, 0 to 1: how far from what happened a probability is on average."""
    found = reliability(pairs, bins)
    return math.fsum(one.count * abs(one.predicted - one.happened) for one in found) / max(len(pairs), 1)


def best_threshold(pairs: Sequence[Chance]) -> float:
    """Return the threshold that is right most often; of equally good ones that nearest to a half."""
    values = sorted({p for p, _ in pairs})
    candidates = [0.5, *((low + high) / 2 for low, high in pairwise(values))]

    def quality(threshold: float) -> tuple[int, float]:
        return sum((p >= threshold) == true for p, true in pairs), -abs(threshold - 0.5)

    return max(candidates, key=quality)


def mean_auc(samples: Sequence[Sample], labels: Sequence[str], meaning: Mapping[str, bool] | None = None) -> float:
    """Return the area under the curve of a condition, else the mean over labels of each against the rest."""
    if meaning:
        return auc(samples, meaning)
    right = {label for _, label in samples}
    told_apart = [label for label in labels if label in right and len(right) > 1]
    return _mean([auc(samples, {one: one == label for one in labels}) for label in told_apart])


def majority(answers: Sequence[str]) -> float:
    """Return the accuracy of always giving the most frequent answer."""
    return max(Counter(answers).values(), default=0) / max(len(answers), 1)


def nearest_example(cases: Sequence[tuple[str, str]], examples: Sequence[Turn]) -> float:
    """Return the accuracy of copying the answer of the example that shares most words (Jaccard) with the case.

    `cases` are (the rendered question, its right answer); of equally near examples the first counts. A prompt
    that is no better than this needs no model.
    """
    known = [(words_in(turn.user), turn.answer) for turn in examples]
    if not known:
        return 0.0
    hits = []
    for text, right in cases:
        words = words_in(text)
        _, answer = max(known, key=lambda example: _overlap(words, example[0]))
        hits.append(answer == right)
    return _share(hits)


def auc(samples: Sequence[Sample], meaning: Mapping[str, bool]) -> float:
    """Return how well a condition's probability ranks true above false cases: 0.5 is chance, 1 perfect."""
    chances: dict[bool, list[float]] = {True: [], False: []}
    for probabilities, right in samples:
        chances[meaning[right]].append(sum(p for label, p in probabilities.items() if meaning[label]))
    pairs = [(yes > no) + 0.5 * (yes == no) for yes in chances[True] for no in chances[False]]
    return _mean(pairs)


def _halves(samples: Sequence[Sample], labels: Sequence[str], dice: random.Random) -> tuple[list[Sample], list[Sample]]:
    """Split the cases of each label in two at random; odd ones go to either half by turns."""
    halves: tuple[list[Sample], list[Sample]] = ([], [])
    extra = 0
    for label in labels:
        group = [sample for sample in samples if sample[1] == label]
        dice.shuffle(group)
        middle = (len(group) + extra) // 2
        extra = (extra + len(group)) % 2
        halves[0].extend(group[:middle])
        halves[1].extend(group[middle:])
    return halves


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / (len(one | other) or 1)


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits) if hits else 0.0


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0

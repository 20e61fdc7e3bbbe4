"""Measure how well a prompt decides: on cases that its calibration has not seen, and against mere guesses."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from brains.decide.calibration import Sample, apply, fit
from brains.decide.labels import likeliest
from brains.prompts import words_in
from brains.questions import Turn

__all__ = ["Scores", "accuracy", "auc", "held_out", "majority", "nearest_example"]


class Scores(msgspec.Struct, frozen=True):
    """Held-out accuracies, each 0 to 1."""

    mean: float
    worst: float
    splits: tuple[float, ...]


def accuracy(samples: Sequence[Sample]) -> float:
    """Return the share of cases whose likeliest label is the right one; 0 without cases."""
    return _share([likeliest(probabilities) == right for probabilities, right in samples])


def held_out(samples: Sequence[Sample], labels: Sequence[str], *, splits: int = 20, seed: int = 0) -> Scores:
    """Fit on one half of the cases, measure on the other, `splits` times; the halves share out each label."""
    dice = random.Random(seed)
    found = []
    for _ in range(splits):
        train, test = _halves(samples, labels, dice)
        calibration = fit(train, labels)
        found.append(accuracy([(apply(calibration, raw, labels), right) for raw, right in test]))
    return Scores(_mean(found), min(found, default=0.0), tuple(found))


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

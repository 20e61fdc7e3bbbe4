"""Isotonic regression: the rising line that fits pairs of a probability and what happened best."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

__all__ = ["apply_knots", "fit_knots"]

Knots = tuple[tuple[float, float], ...]


def fit_knots(pairs: Sequence[tuple[float, bool]]) -> Knots:
    """Fit by pooling neighbours that fall (the pool-adjacent-violators algorithm).

    Each pool is a knot, at the mean of its probabilities. No knot is nearer to 0 or 1 than so few cases can tell.
    """
    pools: list[list[float]] = []  # [sum of probabilities, how many happened, how many]
    groups: dict[float, list[bool]] = {}
    for probability, happened in pairs:
        groups.setdefault(probability, []).append(happened)
    for probability in sorted(groups):
        count = len(groups[probability])
        pools.append([probability * count, sum(groups[probability]), count])
        while len(pools) > 1 and pools[-2][1] * pools[-1][2] >= pools[-1][1] * pools[-2][2]:
            last = pools.pop()
            pools[-1] = [one + other for one, other in zip(pools[-1], last, strict=True)]
    margin = 1.0 / (len(pairs) + 2)
    return tuple((total / n, min(max(true / n, margin), 1.0 - margin)) for total, true, n in pools)


def apply_knots(knots: Knots, probability: float) -> float:
    """Return the corrected probability: straight lines between the knots, level outside."""
    place = bisect_right(knots, probability, key=lambda knot: knot[0])
    if place == 0:
        return knots[0][1]
    if place == len(knots):
        return knots[-1][1]
    (x0, y0), (x1, y1) = knots[place - 1], knots[place]
    return y0 + (y1 - y0) * (probability - x0) / (x1 - x0)

"""Isotonic regression: the rising line that fits pairs of a probability and what happened best."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["apply_knots", "fit_knots"]

Knots = tuple[tuple[float, float], ...]


class _Pool(NamedTuple):
    low: float
    high: float
    true: int
    """How many happened."""
    cases: int


def fit_knots(pairs: Sequence[tuple[float, bool]]) -> Knots:
    """Fit by pooling neighbours that fall (the pool-adjacent-violators algorithm).

    Each pool has a knot at its lowest and one at its highest probability. No knot is nearer to 0 or 1 than so few cases
    can tell.
    """
    groups: dict[float, list[bool]] = {}
    for probability, happened in pairs:
        groups.setdefault(probability, []).append(happened)
    pools: list[_Pool] = []
    for probability in sorted(groups):
        pool = _Pool(probability, probability, sum(groups[probability]), len(groups[probability]))
        while pools and pools[-1].true * pool.cases >= pool.true * pools[-1].cases:
            below = pools.pop()
            pool = _Pool(below.low, pool.high, below.true + pool.true, below.cases + pool.cases)
        pools.append(pool)
    margin = 1.0 / (len(pairs) + 2)
    knots: dict[float, float] = {}
    for low, high, true, cases in pools:
        share = min(max(true / cases, margin), 1.0 - margin)
        knots[low] = knots[high] = share
    return tuple(knots.items())


def apply_knots(knots: Knots, probability: float) -> float:
    """Return the corrected probability: straight lines between the knots, level outside."""
    place = bisect_right(knots, probability, key=lambda knot: knot[0])
    if place == 0:
        return knots[0][1]
    if place == len(knots):
        return knots[-1][1]
    (x0, y0), (x1, y1) = knots[place - 1], knots[place]
    return y0 + (y1 - y0) * (probability - x0) / (x1 - x0)

"""Filters of templates for numbers: they keep jitter out of a prompt, so that a small change is no new question."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from brains.prompts.values import show

__all__ = ["bucket", "rounded"]


def rounded(value: float, precision: int = 0, method: Literal["common", "ceil", "floor"] = "common") -> int | float:
    """Filter `round`, as Jinja's, but whole numbers without a point: `round`, `round(1)`, `round(0, "floor")`."""
    if method == "common":
        return round(value, precision) if precision else round(value)
    if method not in ("ceil", "floor"):
        raise ValueError(f"round: the method is 'common', 'ceil' or 'floor', not {method!r}")
    whole = math.ceil if method == "ceil" else math.floor
    return whole(value * 10**precision) / 10**precision if precision else whole(value)


def bucket(value: float, *edges: float, names: Sequence[str] = ()) -> int | float | str:
    """Filter `bucket`: `bucket(5)` is down to a multiple of 5; `bucket(2, 8)` is `under 2`, `2 to 8` or `8 or more`.

    `bucket(2, 8, names=["touching", "near", "far"])` says it in words; there is one name more than edges.
    """
    if not edges:
        raise ValueError("bucket: give a step, as bucket(5), or edges, as bucket(2, 8)")
    if len(edges) == 1 and not names:
        return _multiple(value, edges[0])
    if any(low >= high for low, high in pairwise(edges)):
        raise ValueError(f"bucket: the edges must grow, and {', '.join(map(show, edges))} do not")
    if names and len(names) != len(edges) + 1:
        raise ValueError(f"bucket: {len(edges)} edges part {len(edges) + 1} names, not {len(names)}")
    place = sum(value >= edge for edge in edges)
    if names:
        return names[place]
    if place == 0:
        return f"under {show(edges[0])}"
    if place == len(edges):
        return f"{show(edges[-1])} or more"
    return f"{show(edges[place - 1])} to {show(edges[place])}"


def _multiple(value: float, step: float) -> int | float:
    if step <= 0:
        raise ValueError(f"bucket({step}): the step must be more than 0")
    steps = round(value / step, 9)  # 0.3 / 0.1 is a little less than 3
    low = round(math.floor(steps) * step, 6)
    return int(low) if float(low).is_integer() else low

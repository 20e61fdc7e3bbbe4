"""A reliability plot as SVG: how often what was given a probability came true, before and after calibration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from brains.cli._prompt.evaluation import Evaluation
from brains.decide import Bin

__all__ = ["reliability_svg"]

SIDE = 240
"""Of a plot's square, in pixels."""
LEFT, TOP, RIGHT, BOTTOM = 52, 58, 20, 70
COLUMNS = 3
BEFORE, AFTER = "#9a6b00", "#0b62a4"
_FONT = "font-family='system-ui, sans-serif'"


def reliability_svg(results: Sequence[Evaluation]) -> str:
    """Draw a plot for each prompt and model that decides; the dots grow with the number of cases."""
    shown = [one for one in results if one.labels]
    wide, high = SIDE + LEFT + RIGHT, SIDE + TOP + BOTTOM
    columns = min(COLUMNS, max(len(shown), 1))
    width, height = wide * columns, high * max(math.ceil(len(shown) / columns), 1)
    pieces = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' viewBox='0 0 {width} {height}'>",
        f"<rect width='{width}' height='{height}' fill='white'/>",
    ]
    for index, one in enumerate(shown):
        row, column = divmod(index, columns)
        pieces += [f"<g transform='translate({column * wide + LEFT} {row * high + TOP})'>", *_panel(one), "</g>"]
    return "\n".join([*pieces, "</svg>", ""])


def _panel(one: Evaluation) -> list[str]:
    before, after = one.calibration_error
    axis = f"probability of {_true(one)}" if _true(one) else "probability of the likeliest answer"
    pieces = [
        _text(0, -36, one.prompt, size=14, weight="bold"),
        _text(0, -20, f"{one.model}, {one.cases} cases", size=11),
        f"<rect width='{SIDE}' height='{SIDE}' fill='#f7f7f7' stroke='#888'/>",
    ]
    for step in range(1, 5):
        at = SIDE * step / 5
        pieces.append(f"<path d='M{at:g} 0V{SIDE}M0 {at:g}H{SIDE}' stroke='#ddd' fill='none'/>")
    pieces.append(f"<path d='M0 {SIDE}L{SIDE} 0' stroke='#888' stroke-dasharray='4 4' fill='none'/>")
    for step in range(6):
        at, label = SIDE * step / 5, f"{step / 5:.1f}"
        pieces += [_text(at, SIDE + 14, label, anchor="middle"), _text(-6, SIDE - at + 4, label, anchor="end")]
    pieces += [
        _text(SIDE / 2, SIDE + 30, axis, anchor="middle", size=11),
        f"<g transform='rotate(-90)'>{_text(-SIDE / 2, -34, 'share that came true', anchor='middle', size=11)}</g>",
        *_line(one.bins_before, BEFORE),
        *_line(one.bins_after, AFTER),
        *_legend(0, BEFORE, f"raw: ECE {before:.2f}"),
        *_legend(SIDE / 2, AFTER, f"{one.method}: ECE {after:.2f}"),
    ]
    return pieces


def _true(one: Evaluation) -> str:
    """Return the labels of a condition that mean true; empty for a choice, whose plot is of its likeliest answer."""
    return " or ".join(one.true_labels)


def _line(bins: Sequence[Bin], colour: str) -> list[str]:
    most = max((one.count for one in bins), default=1)
    points = [(one.predicted * SIDE, (1 - one.happened) * SIDE, one.count) for one in bins]
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
    pieces = [f"<polyline points='{joined}' stroke='{colour}' stroke-width='1.5' fill='none'/>"]
    for x, y, count in points:
        radius = 2.5 + 5 * math.sqrt(count / most)
        pieces.append(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='{radius:.1f}' fill='{colour}' fill-opacity='0.75'/>")
    return pieces


def _legend(x: float, colour: str, text: str) -> list[str]:
    return [
        f"<circle cx='{x + 5:g}' cy='{SIDE + 46}' r='4.5' fill='{colour}'/>",
        _text(x + 14, SIDE + 50, text, size=11),
    ]


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 10, weight: str = "normal") -> str:
    style = f"{_FONT} font-size='{size}' font-weight='{weight}' text-anchor='{anchor}' fill='#222'"
    return f"<text x='{x:g}' y='{y:g}' {style}>{escape(text)}</text>"

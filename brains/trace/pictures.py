"""Pictures of a recording, as SVG: a tree with what its nodes did, and what one agent did over time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape

from brains.trace.counting import NodeCounts, TreeCounts
from brains.trace.events import DoneEvent
from brains.trace.recording import Life, Tick, one_line
from brains.trace.window import Window

__all__ = ["timeline_svg", "tree_svg"]

COLOURS = {
    "S": "#2e9e5b",
    "F": "#c8553d",
    "R": "#e0a526",
    "X": "#7a5195",
    "I": "#8a8f98",
    "": "#b9bec7",
}
WORDS = {"S": "success", "F": "failure", "R": "running", "X": "cancelled"}
STYLE = """<style>
text { font: 12px system-ui, sans-serif; fill: #1c2128; }
.small { font-size: 10px; fill: #57606a; }
.title { font-size: 15px; font-weight: 600; }
.never text { fill: #8a8f98; }
@media (prefers-color-scheme: dark) {
  svg { background: #16191e; } text { fill: #e6e9ee; } .small { fill: #a8b0bb; } .never text { fill: #7b828d; }
  .box { fill: #22272e; } .line { stroke: #3b434d; }
}
</style>"""
BOX_W, BOX_H, GAP_X, GAP_Y = 190, 40, 36, 10
LABEL_W, LANE_H, PLOT_W = 260, 22, 1000
LONGEST_NAME = 28


def tree_svg(counts: TreeCounts) -> str:
    """Draw a tree from left to right: each node with its visits by status, coloured by its last one."""
    rows, depths = _layout(counts.nodes)
    width = int((max(depths) + 1) * (BOX_W + GAP_X)) + 20
    height = int((max(rows) + 1) * (BOX_H + GAP_Y)) + 90
    agents = ", ".join(counts.agents[:6]) + (" ..." if len(counts.agents) > 6 else "")
    share = f"{counts.visited} of {len(counts.nodes)} nodes visited ({counts.coverage:.0%})"
    body = [
        _text(10, 24, f"{counts.brain}: {agents}", "title"),
        _text(10, 42, f"{counts.ticks} ticks, {share}", "small"),
        *_legend(10, 58),
    ]
    for place, node in enumerate(counts.nodes):
        if node.parent >= 0:
            body.append(_edge(*_spot(rows, depths, node.parent), *_spot(rows, depths, place), node.visits > 0))
    for place, node in enumerate(counts.nodes):
        body += _box(node, *_spot(rows, depths, place))
    return _svg(width, height, f"Tree of brain {counts.brain}", body)


def _layout(nodes: list[NodeCounts]) -> tuple[list[float], list[int]]:
    """Return each node's row (its children's middle) and its depth."""
    depths = [0] * len(nodes)
    children: list[list[int]] = [[] for _ in nodes]
    for place, node in enumerate(nodes):
        if node.parent >= 0:
            depths[place] = depths[node.parent] + 1
            children[node.parent].append(place)
    rows = [0.0] * len(nodes)
    # Parents stand before their children: leaves get their rows in order, then the others from the end on.
    leaves = [place for place in range(len(nodes)) if not children[place]]
    for row, place in enumerate(leaves):
        rows[place] = float(row)
    for place in reversed(range(len(nodes))):
        if children[place]:
            rows[place] = (rows[children[place][0]] + rows[children[place][-1]]) / 2
    return rows, depths


def _spot(rows: list[float], depths: list[int], place: int) -> tuple[float, float]:
    return 10 + depths[place] * (BOX_W + GAP_X), 74 + rows[place] * (BOX_H + GAP_Y)


def _edge(x0: float, y0: float, x1: float, y1: float, visited: bool) -> str:
    start, end, middle = x0 + BOX_W, x1, (x0 + BOX_W + x1) / 2
    dash = "" if visited else ' stroke-dasharray="3 3"'
    a, b = y0 + BOX_H / 2, y1 + BOX_H / 2
    return (
        f'<path class="line" d="M{start:g} {a:g} C{middle:g} {a:g} {middle:g} {b:g} {end:g} {b:g}" fill="none" '
        f'stroke="#9aa1ab"{dash}/>'
    )


def _box(node: NodeCounts, x: float, y: float) -> Iterator[str]:
    colour = COLOURS[node.last if node.visits or node.cancelled else ""]
    never = not node.visits
    kind = ' class="never"' if never else ""
    yield f"<g{kind}><title>{_shown(node.path)} ({_shown(node.kind)})</title>"
    dash = ' stroke-dasharray="4 3"' if never else ""
    yield (
        f'<rect class="box" x="{x:g}" y="{y:g}" width="{BOX_W}" height="{BOX_H}" rx="5" fill="#fff" '
        f'stroke="{colour}" stroke-width="2"{dash}/>'
    )
    yield _text(x + 8, y + 16, _short(node.path.rpartition("/")[2]))
    counts = (("S", node.success), ("F", node.failure), ("R", node.running), ("X", node.cancelled))
    shown = "  ".join(f"{letter} {number}" for letter, number in counts if number) or "never visited"
    yield _text(x + 8, y + 31, shown, "small")
    total = sum(number for _, number in counts)
    left = x + 2
    for letter, number in counts:
        part = (BOX_W - 4) * number / total if total else 0
        if part:
            yield f'<rect x="{left:g}" y="{y + BOX_H - 5:g}" width="{part:g}" height="3" fill="{COLOURS[letter]}"/>'
        left += part
    yield "</g>"


def timeline_svg(window: Window, life: Life) -> str:
    """Draw what one agent did: a lane per leaf with the ticks in which it ran, its questions, and the actions."""
    ticks = list(window.ticks(life))
    first, last = (ticks[0].turn.tick, ticks[-1].turn.tick) if ticks else (0, 0)
    scale = PLOT_W / max(1, last - first + 1)
    lanes = _lanes(window, ticks)
    height = 84 + LANE_H * (len(lanes) + 1)

    def x_of(tick: float) -> float:
        return LABEL_W + (tick - first) * scale

    body = [
        _text(10, 24, f"{life.id} ({life.agent.brain})", "title"),
        _text(10, 42, f"ticks {first} to {last}; a bar below the line is a question, a point an action", "small"),
    ]
    for number, path in enumerate(lanes):
        y = 70 + number * LANE_H
        body.append(
            f'<line class="line" x1="{LABEL_W}" x2="{LABEL_W + PLOT_W}" y1="{y + 16}" y2="{y + 16}" stroke="#e1e4e8"/>'
        )
        body.append(
            f"<g><title>{_shown(path)}</title>{_text(10, y + 12, _short('/'.join(path.split('/')[-2:]), 38))}</g>"
        )
        for start, end in _runs(
            tick.turn.tick for tick in ticks if tick.done is not None and path in tick.done.running
        ):
            body.append(_bar(x_of(start), y + 2, (end - start + 1) * scale, 9, COLOURS["R"], f"runs {start} to {end}"))
        for start, end, word, colour in _questions(ticks, path, last):
            body.append(_bar(x_of(start), y + 12, max(2.0, (end - start) * scale), 4, colour, f"asked {start}: {word}"))
        body += [_point(x_of(done.tick + 0.5), y + 6, done) for done in _orders(ticks, path)]
    body += _axis(first, last, x_of, 70 + len(lanes) * LANE_H + 14)
    return _svg(LABEL_W + PLOT_W + 20, height + 14, f"What {life.id} did", body)


def _lanes(window: Window, ticks: list[Tick]) -> list[str]:
    """Return the paths of the leaves that did something, each once, in the order in which they first did."""
    found: dict[str, None] = {}
    for tick in ticks:
        if tick.done is None:
            continue
        order = () if tick.done.order is None else (tick.done.order.leaf,)
        for path in (*(note.leaf for note in tick.done.leaves), *order, *tick.done.running):
            if window.shows(path):
                found[path] = None
    return list(found)


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield stretches of consecutive numbers as (first, last)."""
    start = end = None
    for number in numbers:
        if start is None or end is None or number != end + 1:
            if start is not None and end is not None:
                yield start, end
            start = number
        end = number
    if start is not None and end is not None:
        yield start, end


def _questions(ticks: list[Tick], path: str, last: int) -> Iterator[tuple[int, int, str, str]]:
    """Yield a leaf's questions as (asked, ended, what came of it, colour)."""
    asked: int | None = None
    for tick in ticks:
        for note in () if tick.done is None else tick.done.leaves:
            if note.leaf != path or note.kind == "expired":
                continue
            if note.kind == "asked":
                asked = tick.turn.tick
            elif asked is not None:
                ends = {"answered": ("S", note.text), "fallback": ("F", f"fallback, {note.reason}")}
                letter, word = ends.get(note.kind, ("X", f"not needed any more, {note.reason}"))
                yield asked, tick.turn.tick, word, COLOURS[letter]
                asked = None
    if asked is not None:
        yield asked, last + 1, "open", COLOURS["I"]


def _orders(ticks: list[Tick], path: str) -> Iterator[DoneEvent]:
    for tick in ticks:
        if tick.done is not None and tick.done.order is not None and tick.done.order.leaf == path:
            yield tick.done


def _point(x: float, y: float, done: DoneEvent) -> str:
    assert done.order is not None
    colour = {"llm": "#3b6fd1", "fallback": COLOURS["F"]}.get(done.order.source, "#57606a")
    title = _shown(f"tick {done.tick}: {done.order.name} ({done.order.source})")
    return f'<circle cx="{x:g}" cy="{y:g}" r="4" fill="{colour}"><title>{title}</title></circle>'


def _axis(first: int, last: int, x_of: object, y: float) -> Iterator[str]:
    assert callable(x_of)
    step = max(1, (last - first) // 10)
    for tick in range(first, last + 1, step):
        yield _text(x_of(tick), y, str(tick), "small")


def _bar(x: float, y: float, width: float, height: float, colour: str, title: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:g}" width="{width:.1f}" height="{height:g}" rx="1.5" fill="{colour}">'
        f"<title>{_shown(title)}</title></rect>"
    )


def _legend(x: float, y: float) -> Iterator[str]:
    for number, (letter, word) in enumerate(WORDS.items()):
        yield f'<rect x="{x + number * 100:g}" y="{y - 8:g}" width="10" height="10" fill="{COLOURS[letter]}"/>'
        yield _text(x + number * 100 + 15, y + 1, f"{letter} {word}", "small")


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    of = f' class="{kind}"' if kind else ""
    return f'<text x="{x:g}" y="{y:g}"{of}>{_shown(text)}</text>'


def _short(name: str, longest: int = LONGEST_NAME) -> str:
    return name if len(name) <= longest else name[: longest - 1] + "…"


def _shown(text: str) -> str:
    """Return text for a picture: XML has no control characters, however they are written."""
    return escape(one_line(text, None))


def _svg(width: int, height: int, title: str, body: Iterable[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img"><title>{_shown(title)}</title>{STYLE}'
    )
    return "\n".join([head, *body, "</svg>", ""])

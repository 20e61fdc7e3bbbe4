"""Shows a run in the terminal: line by line, or as a screen that keeps itself up to date."""

from __future__ import annotations

import logging
import sys
from collections import Counter, deque
from collections.abc import Iterable
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from brains.cli._demo.story import AgentState, Item, Story, printable
from brains.cli._demo.tally import LeafTally, Tally
from brains.snapshot import TickReport

__all__ = ["LogToShow", "PlainShow", "ScreenShow", "Show", "print_summary"]

STYLES = {
    "news": "dim",
    "says": "magenta",
    "asks": "cyan",
    "answer": "green",
    "FALLBACK": "bold red",
    "does": "yellow",
    "cancels": "dim",
    "problem": "bold red",
}
QUIET = frozenset({"asks", "answer", "cancels"})
"""What the screen shows in an agent's own lines, and so not in the list of what happened."""
MOST_ITEMS = 60


class Show:
    """Base of the two ways to show a run; also the `Watcher` of the game's client."""

    def __init__(self) -> None:
        self.story = Story()
        self.broken: OSError | None = None
        """Why nothing can be written any more."""

    def status(self, text: str) -> None:
        """Say how the start-up goes."""
        raise NotImplementedError

    def items(self, items: Iterable[Item]) -> None:
        """Show what has happened."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Draw what has changed; called a few times per second."""

    def close(self) -> None:
        """Leave the terminal as it was."""

    def report(self, report: TickReport) -> None:
        """Show what one tick brought."""
        self.items(self.story.report(report))

    def news(self, who: str, text: str) -> None:
        """Show what happened in the yard."""
        self.items([Item(self.story.time, who, "news", printable(text))])

    def speech(self, agent: str, text: str, done: bool) -> None:
        """Show what an agent says."""
        self.items(self.story.speech(agent, text, done))

    def problem(self, text: str) -> None:
        """Show what is not as it should be."""
        self.items([Item(self.story.time, "demo", "problem", printable(text))])

    def message(self, text: str) -> None:
        """Show a message of the server or of the prompts' watcher."""
        self.items([Item(self.story.time, "brains", "news", printable(text))])


class PlainShow(Show):
    """One line per thing that happens; it can be piped."""

    def __init__(self, out: TextIO) -> None:
        super().__init__()
        self._out = out

    def status(self, text: str) -> None:
        """Print it."""
        self._write(printable(text))

    def items(self, items: Iterable[Item]) -> None:
        """Print a line each."""
        for item in items:
            self._write(f"{item.time:6.1f}s  {item.who:<12} {item.kind:<8}  {item.text}")

    def _write(self, line: str) -> None:
        if self.broken is not None:
            return
        try:
            print(line, file=self._out, flush=True)
        except OSError as error:  # nobody reads it any more, or the disk is full
            self.broken = error


PINNED_SECONDS = 20.0
"""How long a problem stands at the top of the screen."""


class ScreenShow(Show):
    """A screen with a panel per agent, and below it what happened last."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.headline = ""
        self._console = console
        self._items: deque[Item] = deque(maxlen=MOST_ITEMS)
        self._problem: Item | None = None
        self._live = Live(console=console, screen=True, auto_refresh=False, transient=True)
        self._live.start()

    def status(self, text: str) -> None:
        """Put it into the first line."""
        self.headline = printable(text)
        self.refresh()

    def items(self, items: Iterable[Item]) -> None:
        """Keep what belongs into the list of what happened."""
        for item in items:
            if item.kind == "problem":
                self._problem = item
            # What the tree does by itself, over and over, is in the agents' own lines.
            if item.kind not in QUIET and not (item.kind == "does" and item.text.endswith("[tree]")):
                self._items.append(item)

    def refresh(self) -> None:
        """Draw everything anew."""
        self._live.update(self.render(), refresh=True)

    def close(self) -> None:
        """Leave the screen."""
        self._live.stop()

    def render(self) -> RenderableType:
        """Return the whole screen for the console's present size."""
        story, height = self.story, self._console.height
        agents = list(story.agents.values())
        lines = 4 if height >= 12 + 5 * len(agents) else 2
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=12, no_wrap=True)
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        for state in agents:
            table.add_row(self._name(state, lines), Group(*self._lines(state)[-lines:]))
            if lines > 2:
                table.add_row("", "")
        counts = Text.assemble(
            f"{story.time:5.1f} s   {story.rate():.1f} questions/s   {story.asked} asked   ",
            (f"{story.answered} answered", "green"),
            "   ",
            (_fallbacks(story.fallbacks), "bold red" if story.fallbacks else "dim"),
        )
        counts.no_wrap, counts.overflow = True, "ellipsis"
        problem = self._pinned()
        used = 3 + len(problem) + len(agents) * (lines + (lines > 2))
        room = max(0, height - used - 1)
        log = self._log(room)
        head = Text(f"brains demo   {self.headline}", style="bold", no_wrap=True, overflow="ellipsis")
        return Group(head, counts, *problem, table, *log)

    def _pinned(self) -> list[Text]:
        """Return the last problem, whole: in the list below it would be cut, and gone in a few seconds."""
        if self._problem is None or self.story.time > self._problem.time + PINNED_SECONDS:
            return [Text("")]
        text = Text(f"problem: {self._problem.text}", style="bold red")
        lines = list(text.wrap(self._console, self._console.width))
        # Half of a small screen is for those who play.
        return lines[: max(4, self._console.height // 2)]

    def _log(self, room: int) -> list[Text]:
        """Return what happened last, in so many lines; a problem is wrapped, since its end says what to do."""
        found: list[Text] = []
        for item in reversed(self._items):
            line = _item_line(item)
            lines = [line]
            if item.kind == "problem":
                line.no_wrap = False
                lines = list(line.wrap(self._console, self._console.width, overflow="fold"))
            if len(found) + len(lines) > room:
                break
            found = lines + found
        return found

    def _name(self, state: AgentState, lines: int) -> Text:
        text = Text(state.agent, style="bold")
        if lines > 2:
            text.append(f"\n{state.brain}", style="dim")
            if state.fallbacks:
                text.append(f"\n{state.fallbacks} fallback{'s' * (state.fallbacks > 1)}", style="red")
        return text

    def _lines(self, state: AgentState) -> list[Text]:
        leaf = state.running.partition("/")[2] or state.running
        source = f"  [{state.action_source}]" if state.action_source else ""
        style = "bold red" if state.action_source == "fallback" else "yellow"
        lines = [
            Text.assemble(("sees  ", "dim"), state.perceives),
            Text.assemble(("runs  ", "dim"), leaf, "  ", (state.action + source, style)),
            Text.assemble(("asks  ", "dim"), (state.question, "cyan")),
            Text.assemble(("      ", "dim"), (state.answer, "bold red" if state.fell_back else "bold green")),
        ]
        if state.says:
            lines[0].append(f'   says "{state.says}"', style="magenta")
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        # On a small screen only the last two lines are shown: then the action matters more than the question.
        return lines if self._console.height >= 12 + 5 * len(self.story.agents) else [lines[1], lines[3]]


def _fallbacks(reasons: Counter[str]) -> str:
    told = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    return f"{reasons.total()} fallbacks" + (f" ({told})" if told else "")


def _item_line(item: Item) -> Text:
    line = Text.assemble(
        (f"{item.time:5.1f} ", "dim"), (f"{item.who:<12} ", "bold"), (f"{item.kind:<8} ", "dim"), item.text
    )
    line.stylize(STYLES[item.kind], 6)
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


class LogToShow(logging.Handler):
    """Passes the log of `brains` on: prompt reloads and their errors, models that come and go."""

    def __init__(self, show: Show) -> None:
        super().__init__()
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record in one line."""
        if record.name == "brains.agent":
            # The reports of ticks have the same faults.
            return
        if record.levelno >= logging.WARNING:
            self._show.problem(record.getMessage())
        elif not record.name.startswith(("brains.server", "brains.session")):
            # Of connections there is only our own.
            self._show.message(record.getMessage())


def print_summary(tally: Tally, model: str, out: TextIO | None = None) -> None:
    """Print what the run came to."""
    console = Console(file=out or sys.stdout, highlight=False, soft_wrap=True)
    share = "" if tally.share is None else f" ({tally.share:.0%})"
    median, p95 = tally.latency(50), tally.latency(95)
    speed = "no answers" if median is None or p95 is None else f"{median * 1000:.0f} ms, 95% {p95 * 1000:.0f} ms"
    orders = tally.orders
    rows = [
        ("model", model),
        ("time", f"{tally.seconds:.1f} s, {tally.ticks} ticks of {len(tally.agents)} agents, {tally.faults} faults"),
        ("actions", f"{orders.total()}: tree {orders['tree']}, model {orders['llm']}, fallback {orders['fallback']}"),
        ("questions", f"{tally.total('asked')}"),
        ("answered", f"{tally.total('answered')} by the model{share}, {tally.total('unanswered')} not"),
        ("not needed", f"{tally.total('cancelled')} (the tree went elsewhere), {tally.total('open')} still open"),
        ("fallbacks", ", ".join(f"{reason} {n}" for reason, n in tally.fallbacks.most_common()) or "none"),
        ("latency", f"median {speed}" if median is not None else speed),
    ]
    if tally.total("expired"):
        rows.insert(-1, ("too old", f"{tally.total('expired')} verdicts were dropped, having outlived their ttl"))
    console.print()
    for name, text in rows:
        console.print(Text.assemble((f"{name:<11}", "bold"), printable(text)))
    console.print()
    for leaf in tally.leaves.values():
        console.print(_leaf_line(leaf, max(len(one.leaf) for one in tally.leaves.values())))


def _leaf_line(leaf: LeafTally, width: int) -> Text:
    """Return what one leaf came to: how sure the model was, what it said, and how often it did not count."""
    if leaf.speaks:
        said = f"{leaf.answered} lines, {len(leaf.answers)} different"
    else:
        said = ", ".join(f"{label} {count}" for label, count in leaf.answers.most_common()) or "no answers"
    sure = "" if leaf.confidence is None else f"sure {leaf.confidence:.2f}"
    line = Text.assemble(f"{leaf.leaf:<{width}}   asked {leaf.asked:>3}   {sure:<9}   ", (printable(said), "green"))
    if leaf.fallbacks:
        line.append(f"   {_fallbacks(leaf.fallbacks)}", style="red")
    return line

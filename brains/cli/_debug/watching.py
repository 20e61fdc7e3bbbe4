"""Watches agents from outside: asks for what it draws a few times per second, and for nothing when it is gone."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol

import rich
from rich.live import Live
from rich.text import Text

from brains.cli._debug import show_stop, show_tree
from brains.cli._debug.link import ControlLink
from brains.cli._debug.out import Out
from brains.cli._debug.starting import our_name
from brains.cli._debug.text import Line, bold, clean, dim, line
from brains.control import ControlLost, RequestFailed, ServerEntry

__all__ = ["LineView", "Rates", "ScreenView", "View", "watch"]

Body = Mapping[str, Any]

MOST_DECISIONS = 6


class Rates:
    """How often each agent is ticked, from how far its count has come."""

    def __init__(self, window: float = 3.0) -> None:
        self._window = window
        self._seen: dict[str, deque[tuple[float, int]]] = {}

    def look(self, agents: Sequence[Body], now: float) -> None:
        """Note the counts of all agents that are there; those that are not any more are forgotten."""
        before, self._seen = self._seen, {}
        for one in agents:
            seen = self._seen[show_stop.address_of(one)] = before.get(show_stop.address_of(one), deque())
            tick = one.get("tick", 0)
            if seen and tick < seen[-1][1]:
                seen.clear()  # another agent under the same name
            seen.append((now, tick))
            while len(seen) > 2 and now - seen[0][0] > self._window:
                seen.popleft()

    def per_second(self, agent: Body) -> float:
        """Return its ticks per second lately; 0 where that is not known."""
        seen = self._seen.get(show_stop.address_of(agent))
        if seen is None or len(seen) < 2 or seen[-1][0] <= seen[0][0]:
            return 0.0
        return (seen[-1][1] - seen[0][1]) / (seen[-1][0] - seen[0][0])


class View(Protocol):
    """Shows what is watched."""

    def __enter__(self) -> View:
        """Begin."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        ...

    def all_agents(self, body: Body, rates: Rates, server: str) -> None:
        """Show all agents."""
        ...

    def one_agent(self, info: Body, tree: Body, rates: Rates, decisions: Sequence[Body]) -> None:
        """Show one agent."""
        ...

    def tick(self, body: Body) -> None:
        """Show a tick that has just ended."""
        ...

    def say(self, text: str) -> None:
        """Say something else."""
        ...


class LineView:
    """Prints lines: for pipes, and for `--json`."""

    def __init__(self, *, as_json: bool = False) -> None:
        self._out = Out(as_json=as_json)
        self._last: dict[str, tuple[Any, ...]] = {}

    def __enter__(self) -> LineView:
        return self

    def __exit__(self, *given: object) -> None:
        pass

    def all_agents(self, body: Body, rates: Rates, server: str) -> None:
        """Print each agent whose doing is another than before."""
        if self._out.as_json:
            agents = [{**one, "rate": round(rates.per_second(one), 2)} for one in body["agents"]]
            self._out.json({"event": "agents", "body": {"agents": agents}})
            return
        before, self._last = self._last, {}
        for one in body["agents"]:
            now = (one.get("state"), tuple(one.get("running", ())), one.get("action"), bool(one.get("thinking")))
            self._last[show_stop.address_of(one)] = now
            if before.get(show_stop.address_of(one)) != now:
                self._out.lines(show_stop.one_agent(one))

    def one_agent(self, info: Body, tree: Body, rates: Rates, decisions: Sequence[Body]) -> None:
        """Print nothing: its ticks say it."""

    def tick(self, body: Body) -> None:
        """Print a tick, if something happened in it."""
        now = (tuple(body.get("running", ())), body.get("status"))
        changed = self._last.get(body["agent"]) != now
        self._last[body["agent"]] = now
        if self._out.as_json:
            self._out.json({"event": "tick", "body": dict(body)})
        elif changed or any(body.get(key) for key in ("action", "decisions", "faults", "speech", "cancels")):
            self._out.lines([show_stop.tick(body)])

    def say(self, text: str) -> None:
        """Print a line."""
        if not self._out.as_json:
            self._out.lines([line(dim(text))])


class ScreenView:
    """Draws a screen that keeps itself up to date."""

    def __init__(self) -> None:
        self._console = rich.get_console()
        self._live = Live(console=self._console, screen=True, auto_refresh=False, transient=True)

    def __enter__(self) -> ScreenView:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def all_agents(self, body: Body, rates: Rates, server: str) -> None:
        """Draw all agents."""
        agents = [{**one, "brain": f"{one.get('brain', '')} {rates.per_second(one):.1f}/s"} for one in body["agents"]]
        self._draw([line(bold("brains watch"), dim(f"  {server}")), line(), *show_stop.agents({"agents": agents}),
                    line(), line(dim("`brains watch AGENT` shows its tree; Ctrl-C ends"))])  # fmt: skip

    def one_agent(self, info: Body, tree: Body, rates: Rates, decisions: Sequence[Body]) -> None:
        """Draw one agent: its state, its tree, the last decisions."""
        head = [*show_stop.one_agent(info)[0], *line(dim(f"  {rates.per_second(info):.1f} ticks/s"))]
        if action := info.get("action"):
            head += line("  ", bold(action))
        lines: list[Line | str] = [tuple(head), line(), *show_tree.tree(tree), line()]
        if decisions:
            lines += [line(dim("last decisions")), *(line("  ", *show_stop.decision(one)) for one in decisions)]
        self._draw(lines)

    def _draw(self, lines: Sequence[Line | str]) -> None:
        text = Text(no_wrap=True, overflow="ellipsis")
        for one in lines[: max(1, self._console.height)]:
            for piece in line(one) if isinstance(one, str) else one:
                text.append(clean(piece.text), style=piece.style)
            text.append("\n")
        self._live.update(text, refresh=True)

    def tick(self, body: Body) -> None:
        """Draw nothing: the next look does."""

    def say(self, text: str) -> None:
        """Draw only this."""
        self._draw([line(dim(text))])


async def watch(entry: ServerEntry, agent: str, view: View, *, rate: float, seconds: float | None) -> None:
    """Watch until the time is up, somebody interrupts it, or the server ends.

    Raises:
        RequestFailed: there is no such agent.
        ControlLost: the server is gone.
    """
    link = ControlLink(entry, f"brains watch of {our_name()}")
    events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    link.on_event = events.put_nowait
    await link.start(events=bool(agent))
    try:
        await _Looking(link, agent, view, events).run(rate, seconds)
    finally:
        await link.close()


class _Looking:
    """Looks at a server again and again, and shows what it tells in between."""

    def __init__(self, link: ControlLink, agent: str, view: View, events: asyncio.Queue[dict[str, Any]]) -> None:
        self._link = link
        self._agent = agent
        self._view = view
        self._events = events
        self._rates = Rates()
        self._decisions: deque[Body] = deque(maxlen=MOST_DECISIONS)
        self._follows = False
        self._is_gone = False

    async def run(self, rate: float, seconds: float | None) -> None:
        if self._agent:
            await self._follow()
        end = None if seconds is None else time.monotonic() + seconds
        while end is None or time.monotonic() < end:
            try:
                await self._look()
                self._is_gone = False
            except ControlLost:
                raise
            except RequestFailed as error:
                if error.kind not in ("terminated", "unknown_agent"):
                    raise
                if not self._is_gone:
                    self._view.say(f"{self._agent} is gone; waiting for it to come back")
                self._is_gone, self._follows = True, False
            await self._show_until(time.monotonic() + 1 / rate)

    async def _follow(self) -> None:
        await self._link.request("follow", agent=self._agent)
        self._follows = True

    async def _look(self) -> None:
        agent = self._agent
        if agent and not self._follows:
            await self._follow()
        body = await self._link.request("agents", match=agent if agent and "/" not in agent else "*")
        self._rates.look(body["agents"], time.monotonic())
        if not agent:
            self._view.all_agents(body, self._rates, str(self._link.about.get("server", "")))
            return
        info = next((one for one in body["agents"] if agent in (one["agent"], show_stop.address_of(one))), None)
        tree = await self._link.request("tree", agent=agent)
        self._view.one_agent(info or {"agent": agent}, tree, self._rates, list(self._decisions))

    async def _show_until(self, end: float) -> None:
        """Show ticks until it is time for the next look, or the agent is another one, of which we do not hear yet."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, end - time.monotonic())):
                while True:
                    given = await self._events.get()
                    body = given["body"]
                    if given["event"] == "tick":
                        self._decisions.extend(body.get("decisions", ()))
                        self._view.tick(body)
                    elif given["event"] == "joined" and self._agent in (body["agent"], show_stop.address_of(body)):
                        self._follows = False
                        return

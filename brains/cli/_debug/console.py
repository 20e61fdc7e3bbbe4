"""One conversation of a person or a script with a debugger: runs command lines, waits for stops, shows what comes.

Everything that arrives goes through one queue, so that what follows a stop (displays, a breakpoint's commands, the
sticky tree) is on the screen before the next thing happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any, ClassVar, NoReturn

from brains.cli._debug import show_stop
from brains.cli._debug.failing import CommandFailed
from brains.cli._debug.link import Link
from brains.cli._debug.out import Out
from brains.cli._debug.parsing import UsageError, expanded, split_line
from brains.cli._debug.showing import show
from brains.cli._debug.text import Line, clean, dim, line
from brains.control import RequestFailed

__all__ = ["Console"]

DEEPEST = 20
"""Aliases of aliases, and files that read files."""


_in_startup: ContextVar[bool] = ContextVar("in_startup", default=False)
"""What happens meanwhile, such as a stop, is somebody else's doing."""


class Console:
    """Runs command lines against a link.

    Args:
        link: the debugger.
        out: where answers go.
        interactive: a person is there; otherwise each command that lets the agent run waits for its next stop.
        timeout: seconds that a script waits for a stop; None: for ever.

    Attributes:
        agent: the selected one, as people call it; empty: none.
        session: the game that it is in, or the fork.
        stop: where it stands; None: it runs.
        sticky: the tree is drawn after each stop.
        focus: what is looked at, as an index of `frames`; None: where the agent stands.
        displays: expressions that are shown after each stop if they have changed, with what they were.
        aliases: command lines by name.
        closed: why the conversation is over; empty while it is not.
        on_news: is called after a stop, and at the end.
        in_startup: commands of a file that lies in the current folder are running, or what it has put into an alias or
            after a breakpoint: they may not write files.
        of_startup: such aliases, by name, and breakpoints, by number.
    """

    def __init__(
        self, link: Link, out: Out, *, interactive: bool = False, timeout: float | None = None, sticky: bool = False
    ) -> None:
        self.link = link
        self.out = out
        self.interactive = interactive
        self.timeout = timeout
        self.sticky = sticky
        self.agent = ""
        self.session = ""
        self._id = ""
        self.stop: dict[str, Any] | None = None
        self.frames: list[dict[str, Any]] = []
        self.focus: int | None = None
        self.displays: dict[str, Any] = {}
        self.aliases: dict[str, str] = {}
        self.of_startup: set[str | int] = set()
        self.closed = ""
        self.on_news: Callable[[], None] = lambda: None
        self._last = ""
        self._depth = 0
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._pump: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._gone = ""
        self._pausing = False
        self._waits_no_longer = False
        self._resumed = False
        self._told_stop = 0
        """Number of the newest stop of the selected agent that has been shown, its breakpoint's commands done."""
        self._known_stop = 0
        """Of the newest one that whoever types the commands has taken note of."""
        self._broken: BaseException | None = None
        link.on_event = self._events.put_nowait
        link.on_lost = self._lost

    async def start(self) -> None:
        """Begin to take events."""
        self._pump = asyncio.create_task(self._take_events())

    async def close(self) -> None:
        """End the conversation."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        await self.link.close()

    @property
    def prompt(self) -> str:
        """Return what stands before the line that is typed."""
        if not self.agent:
            return "(brains) "
        if self.stop is None:
            return clean(f"({self.agent} runs) ")
        return clean(f"({self.agent} {self.stop.get('tick', 0)} {self.stop.get('node') or 'between ticks'}) ")

    @property
    def in_startup(self) -> bool:
        """What runs now may not write files."""
        return _in_startup.get()

    @in_startup.setter
    def in_startup(self, value: bool) -> None:
        _in_startup.set(value)

    def note_startup(self, name: str | int) -> None:
        """Note who has just set an alias, or the commands of a breakpoint: the folder's startup file or a person."""
        (self.of_startup.add if self.in_startup else self.of_startup.discard)(name)

    @contextlib.contextmanager
    def _of_startup(self, name: str | int) -> Iterator[None]:
        """Run what an alias or a breakpoint stands for with no more rights than whoever has set it had."""
        before = self.in_startup
        self.in_startup = before or name in self.of_startup
        try:
            yield
        finally:
            self.in_startup = before

    # --- command lines -----------------------------------------------------------------------------------------

    async def run(self, text: str) -> None:
        """Run a line; an empty one repeats the last. What is wrong is told, and then raised.

        Raises:
            CommandFailed: one of its commands could not be done.
            Quit: it ends the conversation.
        """
        text = text.strip()
        if text.startswith("#"):
            return
        if not text:
            if not self.interactive or not self._last:
                return
            text = self._last
        else:
            self._last = text
        for part in split_line(text):
            await self._run_one(part)

    async def run_lines(self, lines: Iterable[str]) -> None:
        """Run the lines of a file; comments and empty lines are skipped.

        Raises:
            CommandFailed: one could not be done; those after it were not tried.
        """
        if self._depth >= DEEPEST:
            raise UsageError("files that read files lead to themselves")
        self._depth += 1
        try:
            for text in lines:
                if text.strip() and not text.lstrip().startswith("#"):
                    for part in split_line(text.strip()):
                        await self._run_one(part)
        finally:
            self._depth -= 1

    async def _run_one(self, text: str) -> None:
        """Run one command."""
        word = text.split(None, 1)[0]
        try:
            self._raise_if_broken()
            await self._dispatch(text)
        except UsageError as error:
            self.fail(word, "usage", error.message, error.hint)
        except RequestFailed as error:
            self.fail(word, error.kind, error.message, error.hint)
        except CommandFailed:
            raise

    _HINTS: ClassVar = {"held_by_other": "`--watch` only looks; `agent NAME --take` takes it from them"}
    """What to do next in this front end's words, where the debugger's are of requests."""

    def fail(self, word: str, kind: str, message: str, hint: str) -> NoReturn:
        """Tell why a command could not be done, and raise that.

        Raises:
            CommandFailed: always.
        """
        hint = self._HINTS.get(kind, hint)
        self.out.failure(word, kind, message, hint)
        raise CommandFailed(kind, message, hint) from None

    async def _dispatch(self, text: str) -> None:
        from brains.cli._debug.commands import find

        word, _, rest = text.partition(" ")
        if not re.match(r"[A-Za-z_]|[.?]$", word):
            raise UsageError(f"{word!r} is no command", "`help` lists them")
        if word in self.aliases:
            if self._depth >= DEEPEST:
                raise UsageError(f"alias {word!r} leads to itself")
            self._depth += 1
            try:
                with self._of_startup(word):
                    for part in split_line(expanded(self.aliases[word], rest.strip())):
                        await self._dispatch(part)
            finally:
                self._depth -= 1
            return
        command = find(word)
        if self.interactive or (command.name != "continue" and command.group != "Breakpoints"):
            # A breakpoint that a script has just set may be hit before it says `continue`: it has yet to wait for that.
            self._known_stop = self._told_stop
        await command.run(self, rest.strip())

    # --- what commands use ---------------------------------------------------------------------------------------

    async def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Send a request, leaving out arguments that are None or empty.

        Raises:
            RequestFailed: it cannot be done.
        """
        return await self.link.request(command, **{key: given for key, given in arguments.items() if given != ""})

    async def go(
        self, name: str, command: str, *, wait: bool | None = None, quiet: bool = False, **arguments: Any
    ) -> None:
        """Send a request after which the agent runs, and wait until it stands still again.

        Args:
            name: the command as people call it.
            command: the request.
            wait: whether to; a person waits, too, as in any debugger, and interrupts it by Ctrl-C.
            quiet: print no answer.
            **arguments: of the request.

        Raises:
            RequestFailed: it cannot be done.
            CommandFailed: it took longer than a script may wait, or the agent is gone.
        """
        self._gone = ""
        if asyncio.current_task() is self._pump:
            # One of a breakpoint's commands: nobody waits for what comes of it.
            self.out.answer(name, await self.ask(command, **arguments), list)
            self._resumed = True
            return
        if command == "continue" and not self._id and await self._may_stop(command) and not self._id:
            await self._wait(name, 1)
            self.out.answer(name, await self.ask("where", agent=self.address), list)
            return
        if command == "continue":
            # The agent may have come to a breakpoint by now, and the news of it be on their way.
            arguments["since"] = self._known_stop
        body = await self.ask(command, **arguments)
        if not quiet:
            self.out.answer(name, body, list)
        is_held = body["state"] == "held"
        if wait is None and not is_held and not await self._may_stop(command):
            self.out.lines([line(dim(f"{self.agent} runs, and nothing will stop it"))])
        elif wait is not False:
            await self._wait(name, body["stop"]["number"] if is_held else body.get("stops", 0) + 1)

    async def _may_stop(self, command: str) -> bool:
        """Tell whether a `continue` of a script will ever come back: whether there is anything to stop it."""
        if command != "continue" or self.interactive:
            return True
        found = (await self.ask("breakpoints"))["breakpoints"]
        return any(one.get("enabled", True) and not one.get("log") for one in found)

    async def _wait(self, name: str, number: int) -> None:
        """Wait for a stop of the selected agent, or of any if none is, that has this number or a higher one."""
        self._waits_no_longer = False
        try:
            async with asyncio.timeout(None if self.interactive else self.timeout):
                while not (self._told_stop >= number or self._gone or self._broken or self._waits_no_longer):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            hint = "`--timeout SECONDS` waits longer; does the game send snapshots?"
            self.fail(name, "timeout", f"{self.agent or 'the agent'} has not stopped within {self.timeout:g} s", hint)
        self._raise_if_broken()
        self._known_stop = self._told_stop
        if self._pausing and self.stop is None and not self._gone:
            self.out.lines(["it stops at the next snapshot of the game; none has come yet"])
        self._pausing = False
        if self._gone:
            gone, self._gone = self._gone, ""
            self.fail(name, "server_lost" if self.closed else "terminated", gone, "")

    @property
    def address(self) -> str:
        """Return what requests call the selected agent: two games, or a game and a fork, may have one of that id."""
        return f"{self.session}/{self._id}" if self.session else self._id

    @property
    def node(self) -> str:
        """Return the path of what is looked at, if it is another than where the agent stands."""
        if self.focus is None or not self.frames:
            return ""
        path: str = self.frames[self.focus]["path"]
        return path

    def leave(self) -> None:
        """Select no agent."""
        self.agent = self.session = self._id = ""
        self.stop, self.frames, self.focus = None, [], None
        self._told_stop = self._known_stop = 0

    def select(self, info: dict[str, Any]) -> None:
        """Take an agent as the selected one."""
        self.session = info.get("session", "")
        self.agent = show_stop.name_of(info)
        self._id = info["agent"]
        self.stop = info.get("stop") if info.get("state") == "held" else None
        self.frames, self.focus = [], None
        self._told_stop = self._known_stop = 0 if self.stop is None else self.stop["number"]

    async def interrupt(self) -> bool:
        """Pause the agent, as Ctrl-C does; if that was asked for already, wait for it no longer.

        Return False if there is none that runs.
        """
        if not self.agent or self.stop is not None or self.closed:
            return False
        if self._pausing:
            self._waits_no_longer = True
            self._changed.set()
            return True
        self._pausing = True
        try:
            await self.ask("pause", agent=self.address)
        except RequestFailed as error:
            self.out.failure("pause", error.kind, error.message, error.hint)
        return True

    # --- what arrives --------------------------------------------------------------------------------------------

    def _lost(self, reason: str) -> None:
        self.closed = reason
        self._events.put_nowait({"event": "lost", "body": {"reason": reason}})

    def _raise_if_broken(self) -> None:
        if self._broken is not None:
            raise self._broken

    async def _take_events(self) -> None:
        while True:
            event = await self._events.get()
            try:
                await self._event(event["event"], event["body"])
            except (CommandFailed, RequestFailed, UsageError):
                pass  # a breakpoint's command has failed, and that was told
            except Exception as error:
                # Such as the end of our output: whoever runs lines has to hear of it.
                self._broken = error
                self._changed.set()

    async def _event(self, name: str, body: dict[str, Any]) -> None:
        mine = self._id != "" and (body.get("agent"), body.get("session", "")) == (self._id, self.session)
        if name == "stopped":
            if not self._id:
                # Nobody was selected: whoever stops first is.
                self.select(body)
                mine = True
            await self._stopped(body, mine)
        elif name == "terminated":
            self._terminated(body, mine)
        elif name == "lost":
            self.stop, self._gone = None, body["reason"]
            self._changed.set()
            if self.interactive:
                self.out.lines([body["reason"]])
            self.on_news()
        else:
            if name == "continued" and mine:
                self.stop, self.frames, self.focus = None, [], None
            if name == "joined" and body.get("agent") == self._id and not _is_shadow(body):
                # Perhaps in another session of its game.
                self.session = body.get("session", "")
            self.out.event(name, body, lambda: self._told(name, body))

    def _told(self, name: str, body: dict[str, Any]) -> list[Line]:
        """Return what people see of an event that changes nothing here."""
        if name == "output":
            return [line(dim(f"{body.get('agent', '')}: "), body.get("text", ""))]
        if name == "tick":
            return [show_stop.tick(body)]
        return [line(f"{self.agent} is back")] if name == "joined" and body.get("agent") == self._id else []

    def _terminated(self, body: dict[str, Any], mine: bool) -> None:
        gone = f"{body['agent']} is gone: {body.get('reason') or 'the game removed it'}"
        self.out.event("terminated", body, lambda: [gone])
        if mine:
            self.stop, self.frames, self.focus = None, [], None
            self._gone = gone
            self._changed.set()

    async def _stopped(self, body: dict[str, Any], mine: bool) -> None:
        if not mine:
            if body.get("reason") == "entry" and _is_shadow(body):
                # `fork` itself says where its shadow stands.
                self.out.event("stopped", body, list)
                return
            more = line(dim(f"   (`agent {show_stop.name_of(body)}` goes there)"))
            self.out.event("stopped", body, lambda: [*show_stop.stop(body)[:2], more])
            self.on_news()
            return
        self.stop, self.frames, self.focus = body, [], None
        await show(self, body)
        self._resumed = False
        try:
            number = body.get("breakpoint", 0)
            with self._of_startup(number):
                for command in await self._commands_of(number):
                    await self._run_one(command)
        finally:
            if not self._resumed:
                self._pausing = False
                self._told_stop = max(self._told_stop, body["number"])
                self._changed.set()
        self.on_news()

    async def _commands_of(self, breakpoint_number: int) -> list[str]:
        if not breakpoint_number:
            return []
        with contextlib.suppress(RequestFailed):
            for one in (await self.ask("breakpoints"))["breakpoints"]:
                if one["number"] == breakpoint_number:
                    return list(one.get("commands", ()))
        return []


def _is_shadow(body: dict[str, Any]) -> bool:
    """Tell whether this is about a shadow."""
    return "/" in show_stop.name_of(body)

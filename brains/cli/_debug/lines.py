"""Where command lines come from: a person at a terminal, a pipe, or `-c`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from brains.cli._debug.commands import COMMANDS, find
from brains.cli._debug.console import Console
from brains.cli._debug.parsing import UsageError
from brains.control import RequestFailed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from prompt_toolkit.completion import CompleteEvent, Completion
    from prompt_toolkit.document import Document

__all__ = ["Lines", "Piped", "Typed", "completions", "interrupts"]


class Lines(Protocol):
    """A source of lines."""

    async def read(self, prompt: str) -> str | None:
        """Return the next line; None: there is none any more.

        Raises:
            KeyboardInterrupt: Ctrl-C was typed instead.
        """
        ...


class Piped:
    """Standard input that is no terminal, or one without line editing. It may be written to as we answer."""

    def __init__(self, *, prompt: bool = False) -> None:
        self._prompt = prompt
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._reader: threading.Thread | None = None

    async def read(self, prompt: str) -> str | None:
        """Wait for a line."""
        if self._reader is None:
            loop = asyncio.get_running_loop()
            # A daemon: nobody can interrupt a read, and we do not wait for one when we leave.
            self._reader = threading.Thread(target=self._read_all, args=(loop,), daemon=True)
            self._reader.start()
        if self._prompt:
            sys.stdout.write(prompt)
            sys.stdout.flush()
        return await self._lines.get()

    def _read_all(self, loop: asyncio.AbstractEventLoop) -> None:
        def put(line: str | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: we have left
                loop.call_soon_threadsafe(self._lines.put_nowait, line)

        try:
            for line in sys.stdin:
                put(line.rstrip("\n"))
        except (OSError, ValueError):
            pass
        put(None)


class Typed:
    """A terminal: with line editing, a history that lasts, and completion by the Tab key."""

    def __init__(self, console: Console) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.completion import Completer, Completion
        from prompt_toolkit.history import FileHistory, InMemoryHistory

        class ByConsole(Completer):
            def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
                return iter(())  # asked for by the asynchronous twin

            async def get_completions_async(
                self, document: Document, complete_event: CompleteEvent
            ) -> AsyncGenerator[Completion, None]:
                names, typed = await completions(console, document.text_before_cursor)
                for name in names:
                    yield Completion(name, start_position=-len(typed))

        file = _history_file()
        self._session: PromptSession[str] = PromptSession(
            history=FileHistory(str(file)) if file is not None else InMemoryHistory(),
            completer=ByConsole(),
            complete_while_typing=False,
        )
        self._console = console
        console.on_news = self._news

    async def read(self, prompt: str) -> str | None:
        """Wait for a line, while what happens meanwhile is printed above it."""
        from prompt_toolkit.patch_stdout import patch_stdout

        try:
            with patch_stdout(raw=True):
                # Not the prompt as it is now: the agent may stop while the line is typed.
                return await self._session.prompt_async(lambda: self._console.prompt, handle_sigint=False)
        except EOFError:
            return None

    def _news(self) -> None:
        app = self._session.app
        if not app.is_running:
            return
        if self._console.closed:
            app.exit(exception=EOFError())
        else:
            app.invalidate()


def _history_file() -> Path | None:
    """Return where typed lines are kept; None if that cannot be written. They may hold game text: owner-only."""
    state = os.environ.get("XDG_STATE_HOME")
    folder = (Path(state) if state else Path.home() / ".local" / "state") / "brains"
    file = folder / "debug_history"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
    except OSError:
        return None
    return file


async def completions(console: Console, text: str) -> tuple[list[str], str]:
    """Return what may follow a line so far: names, and how much of the line's end they replace."""
    text = text.rpartition(";;")[2].lstrip()
    word, space, rest = text.partition(" ")
    if not space:
        names = [*COMMANDS, *console.aliases]
        return sorted(name for name in names if name.startswith(word)), word
    try:
        what = find(word).completes
    except UsageError:
        return [], ""
    rest = rest.lstrip()
    if what == "commands":
        return sorted(name for name in COMMANDS if name.startswith(rest)), rest
    if what == "files":
        return await asyncio.to_thread(_files, rest), rest
    if not what:
        return [], ""
    options = [part for part in rest.split(" ") if part.startswith("-")]
    if options and rest.startswith("-"):
        rest = rest.rpartition(" ")[2]
    if what == "nodes" and rest.startswith("template:"):
        found = await _ask(console, "prompts", rest[len("template:") :])
        return [f"template:{name}" for name in found], rest
    return await _ask(console, what, rest), rest


async def _ask(console: Console, what: str, prefix: str) -> list[str]:
    try:
        body = await console.ask("complete", agent=console.address, what=what, prefix=prefix)
    except RequestFailed:
        return []
    return [str(name) for name in body["names"]]


def _files(text: str) -> list[str]:
    path = Path(text or ".").expanduser()
    folder, start = (path, "") if not text or text.endswith("/") else (path.parent, path.name)
    try:
        names = sorted(one for one in folder.iterdir() if one.name.startswith(start))
    except OSError:
        return []
    return [f"{one}{'/' if one.is_dir() else ''}" for one in names]


@contextlib.contextmanager
def interrupts(handle: Callable[[], None]) -> Iterator[None]:
    """Have Ctrl-C call `handle`, until the block ends."""
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(signal.SIGINT, handle)
    except (NotImplementedError, RuntimeError, ValueError):  # Windows; not in the main thread
        try:
            before = signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(handle))
        except ValueError:
            yield
            return
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)

"""Plays a Godot project against the demo's server: a process of its own, with its output in a file."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import signal
import tempfile
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any

from brains.cli._demo.engine import Engine, import_project, needs_import
from brains.cli._demo.show import Show

__all__ = ["GodotGame", "GodotLog"]

ERROR = re.compile(r"^(?:USER |SCRIPT |SHADER )*ERROR:")
MACHINE = re.compile(r"^\s+at: .*\((?:drivers/(?:alsa|coreaudio|pulseaudio|wasapi|xaudio2)|platform)/")
"""Where in the engine an error is from that is none of the game's: the machine has no sound, or an odd display."""
LAST_LINES = 15
MOST_PROBLEMS = 20
LOOK_SECONDS = 0.2
"""Between two looks at Godot's output."""
STOP_SECONDS = 3.0
"""What Godot has to end after SIGTERM."""
GRACE_SECONDS = 3.0
"""What the game has to end by itself when its time is up."""
SIGNAL_SECONDS = 0.5
"""Ctrl-C reaches Godot and us; so long after Godot's end ours may still be on its way."""


class GodotLog:
    """The file with Godot's output, and what is to be told of it.

    Attributes:
        path: where it is.
        errors: lines in which Godot complains of an error of the game, at most `MOST_PROBLEMS`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.errors: list[str] = []
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._position = 0
        self._rest = b""
        self._suspect = ""

    def read(self, *, ended: bool = False) -> list[str]:
        """Take in what is new, and return the new errors; the line after one says where it is from."""
        with self.path.open("rb") as file:
            file.seek(self._position)
            new = file.read()
        self._position += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        known = len(self.errors)
        for line in (line.decode(errors="replace").rstrip() for line in lines):
            self._last.append(line)
            self._judge("" if MACHINE.match(line) else self._suspect)
            self._suspect = line if ERROR.match(line) else ""
        if ended:
            self._judge(self._suspect)
        return self.errors[known:]

    def _judge(self, suspect: str) -> None:
        if suspect and len(self.errors) < MOST_PROBLEMS:
            self.errors.append(suspect)

    def tail(self) -> str:
        """Return the last lines, for somebody who wants to know why it ended."""
        return "\n".join(line for line in [*self._last, self._rest.decode(errors="replace")] if line) or "(no output)"


class GodotGame:
    """A Godot project that is played once. Use it as `with GodotGame(...) as game`.

    Args:
        engine: what runs it.
        project: its folder.
        headless: without a window, and nobody at the keyboard.
        actions: it ends after so many finished actions.
        seconds: it ends after so long.
        seed: decides who comes and what happens.

    Attributes:
        problems: what went wrong.
        closed: the player has closed the window.
        summary: what the game says of itself, if it does.
    """

    def __init__(
        self,
        engine: Engine,
        project: Path,
        *,
        headless: bool = False,
        actions: int | None = None,
        seconds: float | None = None,
        seed: int = 0,
    ) -> None:
        self.engine = engine
        self.project = project
        self.problems: list[str] = []
        self.closed = False
        self.summary: dict[str, Any] = {}
        self._headless = headless
        self._actions = actions
        self._seconds = seconds
        self._seed = seed
        self._started = False
        self._folder = Path(tempfile.mkdtemp(prefix="brains-demo-"))
        self._summary_file = self._folder / "summary.json"
        self.log = GodotLog(self._folder / "godot.log")
        self._output = self.log.path.open("wb")

    def __enter__(self) -> GodotGame:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._output.close()
        if not self._started or (error is None and not self.problems):
            shutil.rmtree(self._folder, ignore_errors=True)

    async def prepare(self, show: Show, stop: asyncio.Event) -> None:
        """Have Godot read the project in, if it has not yet.

        Raises:
            BrainsError: it cannot.
        """
        if not await asyncio.to_thread(needs_import, self.project):
            return
        show.status(f"Godot {self.engine.version} reads the project in (only when scripts are new) ...")
        reading = asyncio.create_task(import_project(self.engine, self.project))
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([reading, stopped], return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
        finally:
            for task in (reading, stopped):
                task.cancel()
            await asyncio.gather(reading, stopped, return_exceptions=True)

    def arguments(self, url: str) -> list[str]:
        """Return Godot's command line."""
        engine = ["--headless", "--max-fps", "60"] if self._headless else []
        game = [f"--brains-url={url}", f"--seed={self._seed}"]
        if self._headless or self._actions is not None:
            game.append("--autopilot")
        if self._actions is not None:
            game.append(f"--quit-after-actions={self._actions}")
        if self._seconds is not None:
            game.append(f"--quit-after-seconds={self._seconds:g}")
        game.append(f"--summary={self._summary_file}")
        return [self.engine.command, *engine, "--path", str(self.project), "--", *game]

    async def play(self, url: str, show: Show, stop: asyncio.Event) -> None:
        """Run the game until it ends, its time is up, or somebody stops it."""
        self._started = True
        process = await asyncio.create_subprocess_exec(
            *self.arguments(url), stdin=asyncio.subprocess.DEVNULL, stdout=self._output, stderr=self._output
        )
        ended = asyncio.create_task(process.wait())
        try:
            await self._watch(ended, show, stop)
        finally:
            in_time = ended.done()
            if not in_time:
                await _end(process)
            await ended
        await self._look(show, ended=True)
        await self._sum_up(process.returncode or 0, in_time, stop)

    async def _watch(self, ended: asyncio.Task[int], show: Show, stop: asyncio.Event) -> None:
        """Pass on what Godot complains of, until there is a reason to end."""
        loop = asyncio.get_running_loop()
        until = None if self._seconds is None else loop.time() + self._seconds + GRACE_SECONDS
        stopped = asyncio.create_task(stop.wait())
        try:
            while not ended.done() and not stopped.done() and (until is None or loop.time() < until):
                await asyncio.wait([ended, stopped], timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                await self._look(show)
        finally:
            stopped.cancel()
            await asyncio.gather(stopped, return_exceptions=True)

    async def _look(self, show: Show, *, ended: bool = False) -> None:
        for line in await asyncio.to_thread(self.log.read, ended=ended):
            self.problems.append(f"Godot: {line}")
            show.problem(f"Godot: {line}")

    async def _sum_up(self, code: int, in_time: bool, stop: asyncio.Event) -> None:
        """Say what the end of the process means."""
        with contextlib.suppress(OSError, ValueError):
            self.summary = json.loads(await asyncio.to_thread(self._summary_file.read_text))
        if in_time and code in (-signal.SIGINT, 128 + signal.SIGINT, -signal.SIGTERM, 128 + signal.SIGTERM):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), SIGNAL_SECONDS)
        if stop.is_set():
            return
        if self._actions is not None and (not in_time or code == 1):
            within = "" if self._seconds is None else f" in {self._seconds:g} s"
            self.problems.append(f"the game did not finish {self._actions} actions{within}")
        elif in_time and code != 0:
            self.problems.append(f"Godot {_how_it_ended(code)}; its last lines:\n{self.log.tail()}")
        elif in_time and self._actions is None and not self.summary:
            self.closed = True


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


async def _end(process: asyncio.subprocess.Process) -> None:
    """End Godot: kindly at first."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()

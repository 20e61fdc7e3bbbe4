"""What makes a running command debuggable: the debugger at its server, its control socket, its breakpoints."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from brains import __version__
from brains.control import ControlServer
from brains.debugger import DebugError, Debugger
from brains.errors import ConfigError
from brains.server.debugging import ServerHost

if TYPE_CHECKING:
    from brains.cli._recordings import Recordings
    from brains.errors import PromptError
    from brains.prompts import PromptLibrary
    from brains.reload import PromptWatcher
    from brains.server import Server
    from brains.server.connection import ModelGateway

__all__ = ["Edits", "debugger_of", "parsed_breakpoints", "reachable"]

log = logging.getLogger("brains.debug")

READS_PROMPTS = ("reload", "rerun", "prompt", "template")
"""Commands that are about templates as they are now, and not as they were 0.3 s ago."""
READS_PAST = ("replay", "fork")
GLANCES_AT_PAST = ("history", "goto")
"""Commands for which it is enough to know what was before the agent was attached; the debugger has seen the rest."""


class Edits:
    """Templates that were edited; whoever debugs asks which, and has them read at once.

    Attributes:
        watcher: reads the files; set after it was made with `note`.
    """

    def __init__(self) -> None:
        self.watcher: PromptWatcher | None = None
        self._changed: dict[str, None] = {}

    def note(self, name: str, error: PromptError | None) -> None:
        """Take note of a template that was read again."""
        self._changed[name] = None

    async def look(self) -> None:
        """Read what has changed now."""
        if self.watcher is not None:
            await self.watcher.look(patient=False)

    def take(self) -> list[str]:
        """Return what has changed since this was last asked."""
        changed, self._changed = list(self._changed), {}
        return changed


def parsed_breakpoints(given: Sequence[str]) -> list[dict[str, Any]]:
    """Return what `--break` says as arguments of the debugger's `break`.

    Raises:
        UsageError: one cannot be understood.
    """
    from brains.cli._debug.parsing import UsageError, break_text

    found = []
    for text in given:
        try:
            place = break_text(text)
        except UsageError as error:
            raise click.UsageError(f"--break {text!r}: {error.message}; {error.hint}") from error
        wanted = {"where": place.where, "kind": place.kind, "on": place.on, "condition": place.condition}
        found.append({key: value for key, value in wanted.items() if value})
    return found


def debugger_of(
    server: Server,
    gateway: ModelGateway,
    *,
    command: str,
    prompts: PromptLibrary,
    edits: Edits,
    models: Sequence[str] = (),
    recordings: Recordings,
    breakpoints: Sequence[dict[str, Any]] = (),
    wait: bool = False,
) -> Debugger:
    """Give a server a debugger, before its first game comes. What it costs is one look per snapshot.

    Raises:
        ConfigError: a breakpoint cannot be set.
    """
    host = ServerHost(
        server,
        gateway,
        prompts=prompts,
        name=f"brains {command}",
        models=lambda: list(models),
        reload=edits.take,
    )
    recordings.attach(host)
    debugger = Debugger(host, server=f"brains {__version__}")
    try:
        debugger.set_up(breakpoints, wait=wait)
    except DebugError as error:
        raise ConfigError(f"--break: {error.message}" + (f"; {error.hint}" if error.hint else "")) from error
    server.gate = debugger
    return debugger


@contextlib.asynccontextmanager
async def reachable(
    debugger: Debugger,
    server: Server,
    *,
    command: str,
    edits: Edits,
    recordings: Recordings,
    stats: Callable[[], Any],
    required: bool = False,
) -> AsyncIterator[None]:
    """Let this user's debuggers in, until the block ends. The server listens already.

    Raises:
        ConfigError: there is no place for the socket, and it is required: agents wait for a debugger. Otherwise that is
            only said, since a game can be played all the same.
    """

    async def counted(given: dict[str, Any]) -> Any:
        return stats()

    control = ControlServer(
        debugger,
        command=command,
        game=server.url,
        version=__version__,
        extras={"stats": counted, "record": recordings.record},
        before={
            **dict.fromkeys(READS_PROMPTS, edits.look),
            **dict.fromkeys(READS_PAST, recordings.refresh),
            **dict.fromkeys(GLANCES_AT_PAST, recordings.glance),
            "attach": recordings.outdate,
        },
    )
    try:
        await control.start()
    except ConfigError as error:
        if required:
            raise
        log.warning("nobody can debug this server: %s", error)
    try:
        yield
    finally:
        await control.close()
        await recordings.close()

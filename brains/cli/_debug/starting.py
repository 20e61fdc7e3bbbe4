"""Finds what is to be debugged: a running server, a recording, or any py_trees tree."""

from __future__ import annotations

import contextlib
import getpass
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from brains.cli._debug import show_stop
from brains.cli._debug.commands.moving import begin
from brains.cli._debug.console import Console
from brains.cli._debug.link import ControlLink, Link
from brains.control import RequestFailed, ServerEntry, find_servers, pick, read_entry
from brains.control.discovery import describe
from brains.errors import BrainsError, ConfigError, ModelError

__all__ = ["Target", "attach", "opened", "our_name", "server_of", "told_of"]


@dataclass
class Target:
    """What is to be debugged."""

    agent: str = ""
    watch: bool = False
    ask: bool = False
    """A person is there to choose among several servers."""
    pid: int | None = None
    socket_file: str | None = None
    replay: str | None = None
    at: int | None = None
    life: int | None = None
    tree: str | None = None
    trees: str | None = None
    prompts: str | None = None
    model: str | None = None
    config_file: str | None = None

    def __post_init__(self) -> None:
        named = {"--pid": self.pid, "--socket": self.socket_file, "--replay": self.replay, "--tree": self.tree}
        given = [name for name, value in named.items() if value is not None]
        if len(given) > 1:
            raise click.UsageError(f"{' and '.join(given)} are two things to debug; name one")
        if self.at is not None and self.replay is None:
            raise click.UsageError("--at works with --replay only; `goto` looks at a past tick of a live agent")
        for name in ("life", "trees", "prompts", "model", "config_file"):
            if getattr(self, name) is not None and self.replay is None:
                raise click.UsageError(f"--{name.removesuffix('_file')} works with --replay only")


def our_name() -> str:
    """Return how others who want to debug the same agent hear of us."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "somebody"
    where = "over SSH, " if os.environ.get("SSH_CONNECTION") else ""
    return f"{user} ({where}pid {os.getpid()})"


def server_of(pid: int | None, socket_file: str | None, *, ask: bool = False) -> ServerEntry:
    """Return the server that is meant; if there are several, and a person is there to `ask`, the one that they say.

    Raises:
        ConfigError: there is none, or there are several.
    """
    if socket_file is None:
        servers = find_servers()
        if ask and pid is None and len(servers) > 1:
            return _asked(servers)
        return pick(servers, pid)
    path = Path(socket_file).absolute()
    if path.suffix == ".json":
        return read_entry(path)
    file = path.with_suffix(".json")
    if file.exists():
        return read_entry(file)
    if not path.exists():
        raise ConfigError(f"there is no control socket at {path}; `brains ctl servers` lists those that are there")
    return ServerEntry(pid=0, socket=str(path))


def _asked(servers: Sequence[ServerEntry]) -> ServerEntry:
    """Have a person choose."""
    for number, one in enumerate(servers, 1):
        click.echo(f"{number:>3}  {describe(one)} (pid {one.pid})")
    return servers[click.prompt("which", type=click.IntRange(1, len(servers))) - 1]


def told_of(error: BrainsError, target: Target | None = None) -> tuple[str, str, str]:
    """Return the kind, the message and the hint of what went wrong at the start; the kind is one of the closed set."""
    if isinstance(error, RequestFailed):
        return error.kind, error.message, error.hint
    if isinstance(error, ModelError):
        return "model_error", str(error), ""
    is_local = target is not None and (target.replay is not None or target.tree is not None)
    return "file" if is_local or not isinstance(error, ConfigError) else "no_server", str(error), ""


@contextlib.asynccontextmanager
async def opened(target: Target) -> AsyncIterator[Link]:
    """Give the link to what is to be debugged, not started.

    Raises:
        BrainsError: it is not there.
    """
    if target.replay is not None or target.tree is not None:
        from brains.cli._debug.local import local_link

        async with local_link(target) as link:
            yield link
    else:
        yield ControlLink(server_of(target.pid, target.socket_file, ask=target.ask), our_name())


async def attach(console: Console, target: Target) -> None:
    """Attach to the agent that is named, or to the only one there is.

    Raises:
        CommandFailed: it cannot be done; that has been told.
    """
    about = console.link.about
    if console.interactive:
        console.out.lines([f"{about.get('server', 'brains')}, {_kind(about)}"])
    agent = target.agent or await _only_agent(console)
    if not agent:
        if console.interactive:
            await console.run("agents")
        return
    try:
        body = await console.ask("attach", agent=agent, mode="watch" if target.watch else "control")
        console.select(body)
        # The output of a script is what its commands say, and where it begins.
        console.out.answer("agent", body, lambda: show_stop.one_agent(body) if console.interactive else [])
        if target.at is None and console.stop is None and about.get("kind") != "live":
            await begin(console)
    except RequestFailed as error:
        console.fail("agent", error.kind, error.message, error.hint)
    if target.at is not None:
        await console.run(f"goto {target.at}")


async def _only_agent(console: Console) -> str:
    """Return the agent, if there is but one; of a recording the first."""
    found = (await console.ask("agents"))["agents"]
    if len(found) == 1 or (found and console.link.about.get("kind") == "tree"):
        return str(found[0]["agent"])
    return ""


def _kind(about: dict[str, object]) -> str:
    kinds = {
        "live": f"a running game (pid {about.get('pid')})",
        "replay": "a recording",
        "tree": "a tree without a game",
    }
    return kinds.get(str(about.get("kind")), "")

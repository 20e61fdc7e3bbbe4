"""How a debugger finds running servers: each leaves a file that says where its control socket is."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from brains.control.folder import runtime_folder
from brains.errors import ConfigError

__all__ = ["CONTROL_VERSION", "ServerEntry", "find_servers", "forget", "pick", "read_entry"]

CONTROL_VERSION = 1
"""Of the channel: how a server is found, how one connects, how frames are made. What is in them has its own."""
SUFFIX = ".json"


class ServerEntry(msgspec.Struct, kw_only=True, frozen=True):
    """What a server says of itself in its file."""

    control: int = CONTROL_VERSION
    pid: int
    socket: str = ""
    """Path of the Unix socket; empty where there is a port instead."""
    port: int = 0
    """On 127.0.0.1."""
    token: str = msgspec.field(default="")
    """What has to be said at the port."""
    version: str = ""
    """Of brains."""
    command: str = ""
    """`serve` or `demo`."""
    game: str = ""
    """Where the game connects."""
    folder: str = ""
    """Where it was started."""
    started: float = 0.0
    """Seconds since 1970."""

    def __repr__(self) -> str:
        return f"ServerEntry(pid={self.pid}, socket={self.socket!r}, port={self.port})"


def find_servers(folder: Path | None = None) -> list[ServerEntry]:
    """Return the servers of this user that run, the oldest first; what dead ones left is removed.

    Raises:
        ConfigError: the folder is not private, so nothing in it can be trusted.
    """
    folder = runtime_folder() if folder is None else folder
    found = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            entry = read_entry(path)
        except ConfigError:
            continue
        if is_running(entry.pid):
            found.append(entry)
        else:
            forget(path, entry)
    return sorted(found, key=lambda entry: entry.started)


def read_entry(path: Path) -> ServerEntry:
    """Read one server's file.

    Raises:
        ConfigError: there is none, or it is no such file.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=ServerEntry)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} does not describe a server: {error}") from error


def pick(servers: Sequence[ServerEntry], pid: int | None = None) -> ServerEntry:
    """Return the server that is meant.

    Raises:
        ConfigError: there is none, or there are several.
    """
    listed = "\n".join(f"  --pid {one.pid}  {describe(one)}" for one in servers)
    if pid is not None:
        for one in servers:
            if one.pid == pid:
                return one
        raise ConfigError(
            f"no brains server has the process id {pid}" + (f"; there are:\n{listed}" if servers else "; none runs")
        )
    if not servers:
        raise ConfigError(
            "no brains server of yours runs here: start `brains serve` or `brains demo` in another terminal, "
            "or open a recording with --replay FILE"
        )
    if len(servers) > 1:
        raise ConfigError(f"{len(servers)} brains servers run; say which:\n{listed}")
    return servers[0]


def describe(entry: ServerEntry) -> str:
    """Return a server in words."""
    parts = [f"brains {entry.command}".strip(), entry.game, f"in {entry.folder}" if entry.folder else ""]
    return " ".join(filter(None, parts))


def forget(path: Path, entry: ServerEntry) -> None:
    """Remove what a server left."""
    for one in (path, Path(entry.socket) if entry.socket else None):
        # Only what lies beside the file: its text may say anything.
        if one is not None and one.parent == path.parent:
            with contextlib.suppress(OSError):
                one.unlink()


def is_running(pid: int) -> bool:
    """Tell whether there is such a process."""
    if pid <= 0:
        return False
    if sys.platform == "win32":
        # There, os.kill with signal 0 is no question. Who is not there any more is found when nobody answers.
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True

"""The control socket of a process: carries the debugger's messages, and ends what stays silent."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import msgspec
import websockets.asyncio.server as ws
from websockets.exceptions import ConnectionClosed

from brains.control.discovery import SUFFIX, ServerEntry, find_servers, forget
from brains.control.folder import RUNTIME_VARIABLE, runtime_folder
from brains.control.peer import PeerGate
from brains.debugger.messages import DebugError, answer, failure
from brains.errors import ConfigError
from brains.files import write_whole
from brains.jsontext import encoded

if TYPE_CHECKING:
    from brains.debugger import Debugger, DebugSession

__all__ = ["LARGEST", "ControlServer"]

log = logging.getLogger("brains.control")
_library_log = logging.getLogger("brains.control.websocket")
_library_log.setLevel(logging.WARNING)

OWNER_ONLY = 0o600
"""Rights of the file by which debuggers find us; the token for another system's sockets is in it."""
LARGEST = 16 * 1024 * 1024
"""Bytes of one message; a snapshot of a whole world has to fit."""
LOOK_S = 1.0
"""Between two looks at who is still there."""
SEND_TIMEOUT = 5.0
"""Seconds that a debugger may go without reading before it is cut off."""
STOP_WITHIN = 1.0
LONGEST_PATH = 100
"""Bytes of a Unix socket's path: 108 on Linux, 104 on macOS, with the end."""
HAS_UNIX = hasattr(socket, "AF_UNIX") and sys.platform != "win32"


class ControlServer:
    """Listens for debuggers. Use it as `async with ControlServer(...)`.

    Nobody who does not debug is slowed down by it: without a connection it does nothing at all.

    Args:
        debugger: what answers.
        command: the command that runs, for people.
        game: where the game connects, for people.
        version: of brains, for people.
        extras: requests that are answered here and not by the debugger, by their command: each gets the arguments,
            returns the body, and may raise a `DebugError`.
        before: what is awaited before a command is passed on, by the command: reading changed templates, say; may raise
            a `DebugError`.
        folder: where the socket and its file go; the user's runtime folder if not given.
        tcp: use a port on loopback instead of a Unix socket; as on Windows.

    Attributes:
        entry: how it is found, once it listens.
    """

    def __init__(
        self,
        debugger: Debugger,
        *,
        command: str = "",
        game: str = "",
        version: str = "",
        extras: Mapping[str, Callable[[dict[str, Any]], Awaitable[Any]]] | None = None,
        before: Mapping[str, Callable[[], Awaitable[None]]] | None = None,
        folder: Path | None = None,
        tcp: bool = not HAS_UNIX,
    ) -> None:
        self._debugger = debugger
        self._about: dict[str, Any] = {"command": command, "game": game, "version": version}
        self._extras = dict(extras or {})
        self._before = dict(before or {})
        self._folder = folder
        self._tcp = tcp
        self._server: ws.Server | None = None
        self._file: Path | None = None
        self._number = 0
        self._working: asyncio.Task[None] | None = None
        self.entry: ServerEntry | None = None

    async def start(self) -> ServerEntry:
        """Begin to listen, and leave a file by which debuggers find us.

        Raises:
            ConfigError: there is no private folder for it, its path is too long, or it cannot be written.
        """
        # Two servers of one process, as in tests, need two names.
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        token = secrets.token_urlsafe(32) if self._tcp else ""
        folder, listening = await asyncio.to_thread(self._open, name)
        serve = ws.serve if self._tcp else ws.unix_serve
        self._server = await serve(
            self._serve,
            sock=listening,
            process_request=PeerGate(token if self._tcp else None),
            compression=None,
            max_size=LARGEST,
            max_queue=16,
            open_timeout=5.0,
            # Its own beats are what counts: a stopped client's library would still answer pings.
            ping_interval=None,
            close_timeout=1.0,
            logger=_library_log,
        )
        address = listening.getsockname()
        self.entry = ServerEntry(
            pid=os.getpid(),
            socket="" if self._tcp else str(address),
            port=address[1] if self._tcp else 0,
            token=token,
            folder=await asyncio.to_thread(os.getcwd),
            started=time.time(),
            **self._about,
        )
        self._file = folder / f"{name}{SUFFIX}"
        try:
            await asyncio.to_thread(write_whole, self._file, encoded(self.entry), mode=OWNER_ONLY)
        except OSError as error:
            await self.close()
            self.entry = None
            raise ConfigError(f"{self._file} cannot be written: {error.strerror or error}") from error
        log.debug("debuggers find us by %s", self._file)
        return self.entry

    def _open(self, name: str) -> tuple[Path, socket.socket]:
        """Bind the socket, in a thread: files are looked at."""
        folder = runtime_folder(create=True) if self._folder is None else self._folder
        # What servers left that were killed is removed by who looks for one, and by who comes after them.
        find_servers(folder)
        if self._tcp:
            listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            listening.bind(("127.0.0.1", 0))
            return folder, listening
        path = folder / f"{name}.sock"
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise ConfigError(f"the path of the control socket is too long: {path}; name another folder in "
                              f"{RUNTIME_VARIABLE}")  # fmt: skip
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(str(path))
            path.chmod(0o600)
        except OSError as error:
            listening.close()
            raise ConfigError(f"cannot make a control socket at {path}: {error.strerror or error}") from error
        return folder, listening

    async def close(self) -> None:
        """Let every held agent go on, say goodbye to debuggers and remove what they found us by."""
        server, self._server = self._server, None
        if server is None:
            return
        assert self._file is not None
        assert self.entry is not None
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)
        await asyncio.to_thread(forget, self._file, self.entry)
        server.close(code=1001, reason="server stops")
        closed = asyncio.ensure_future(server.wait_closed())
        await asyncio.wait([closed], timeout=STOP_WITHIN)
        for connection in server.connections:
            connection.transport.abort()
        await closed

    async def __aenter__(self) -> ControlServer:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _serve(self, websocket: ws.ServerConnection) -> None:
        """Serve one debugger; what happens in it stays in it."""
        self._number += 1
        something, busy = asyncio.Event(), asyncio.Event()
        session = self._debugger.connect(f"debugger {self._number}", something.set)
        helpers = [
            asyncio.create_task(self._send(websocket, session, something)),
            asyncio.create_task(self._look(websocket, session, busy)),
        ]
        try:
            async for frame in websocket:
                session.heard(self._debugger.now())
                busy.set()
                await self._receive(session, frame)
                busy.clear()
                something.set()
        except ConnectionClosed:
            pass
        except Exception:
            log.exception("a debugger's connection failed")
        finally:
            session.close()
            for task in helpers:
                task.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    async def _receive(self, session: DebugSession, frame: str | bytes) -> None:
        """Pass a request on, or answer it here."""
        try:
            request = msgspec.json.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            request = None
        command = request.get("command") if isinstance(request, dict) else None
        if not isinstance(command, str):
            session.receive(frame)
            return
        number = request.get("id", 0)
        try:
            if command in self._extras:
                session.put(answer(number, await self._extras[command](request.get("arguments") or {})))
                return
            if command in self._before:
                await self._before[command]()
        except DebugError as error:
            session.put(failure(number, error))
        except Exception as error:
            log.exception("the debugger failed on a request")
            text = f"{type(error).__name__}: {error}"
            session.put(failure(number, DebugError("internal", text, "see the server's log")))
        else:
            session.receive(request)
            if self._debugger.bench.is_busy and (self._working is None or self._working.done()):
                self._working = asyncio.create_task(self._work())

    async def _work(self) -> None:
        """Do what takes long, slice by slice: games and other debuggers get their turn in between."""
        while self._debugger.work():  # noqa: ASYNC110 - it is done, not waited for
            await asyncio.sleep(0)

    async def _send(self, websocket: ws.ServerConnection, session: DebugSession, something: asyncio.Event) -> None:
        """Send what there is, until the connection ends."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await something.wait()
                something.clear()
                for frame in filter(None, map(_frame_of, session.outgoing())):
                    try:
                        async with asyncio.timeout(SEND_TIMEOUT):
                            await websocket.send(frame)
                    except TimeoutError:
                        log.warning("%s does not read; cut off", session.name)
                        websocket.transport.abort()
                        return

    async def _look(self, websocket: ws.ServerConnection, session: DebugSession, busy: asyncio.Event) -> None:
        """End a debugger that was silent for too long: its agents go on. While we are `busy` for it, it may be."""
        while True:
            now = self._debugger.now()
            if busy.is_set():
                session.heard(now)
            if not session.beat(now):
                break
            await asyncio.sleep(LOOK_S)
        log.warning("%s has been silent for too long; what it held goes on", session.name)
        await websocket.close(4408, "silent for too long")


def _frame_of(message: dict[str, Any]) -> str | None:
    """Return a message as its text frame; None for an event that is too long for any debugger."""
    frame = encoded(message)
    if len(frame) <= LARGEST:
        return frame.decode()
    if "event" in message:
        log.warning("a debugger is not told of %r: it would take %d bytes", message["event"], len(frame))
        return None
    said = f"the answer has {len(frame)} bytes, and {LARGEST} can be sent"
    return _frame_of(failure(message["id"], DebugError("unsupported", said, "ask for a part of it")))

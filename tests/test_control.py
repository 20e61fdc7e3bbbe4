"""The control socket: who finds it, who is let in, and what becomes of a debugger that vanishes."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect, unix_connect
from websockets.exceptions import InvalidStatus

from brains.control import (
    ControlClient,
    ControlLost,
    ControlServer,
    RequestFailed,
    ServerEntry,
    find_servers,
    pick,
    runtime_folder,
)
from brains.control.peer import uid_of
from brains.control.server import LARGEST
from brains.debugger import DebugError, Debugger, DebugSession
from brains.errors import ConfigError

UNIX = pytest.param(False, marks=pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets in asyncio there"))
both = pytest.mark.parametrize("tcp", [UNIX, True], ids=["unix", "tcp"])


class NoAgents:
    """A host without anybody in it."""

    kind = "live"
    name = "nothing"
    prompts = asker = past = None

    def agents(self) -> list[Any]:
        return []

    def models(self) -> list[str]:
        return []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *given: lambda: None


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.time = 0.0
        self.looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return self.time


class Noted(Debugger):
    """A debugger that keeps its sessions, so that a test can see how they ended."""

    def __init__(self, now: Clock) -> None:
        super().__init__(NoAgents(), now=now)  # type: ignore[arg-type]
        self.sessions: list[DebugSession] = []

    def connect(self, *given: Any, **options: Any) -> DebugSession:
        session = super().connect(*given, **options)
        self.sessions.append(session)
        return session


@pytest.fixture
def folder() -> Iterator[Path]:
    """A private folder whose name is short: a Unix socket's path is."""
    with tempfile.TemporaryDirectory(prefix="brains-") as name:
        yield Path(name)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def server_of(folder: Path, clock: Clock, *, tcp: bool = False, **options: Any) -> tuple[ControlServer, Noted]:
    debugger = Noted(clock)
    return ControlServer(debugger, folder=folder, tcp=tcp, command="serve", game="ws://x", **options), debugger


@both
async def test_a_debugger_finds_the_server_and_says_hello(folder: Path, clock: Clock, tcp: bool) -> None:
    server, _ = server_of(folder, clock, tcp=tcp, version="1.2")
    async with server:
        (entry,) = await asyncio.to_thread(find_servers, folder)
        assert (entry.pid, entry.command, entry.game, entry.version) == (os.getpid(), "serve", "ws://x", "1.2")
        async with ControlClient(entry, name="me") as client:
            assert client.about["pid"] == os.getpid()
            assert client.about["kind"] == "live"
            assert await client.request("beat") == {}


@pytest.mark.skipif(sys.platform == "win32", reason="modes of files are those of Unix")
@both
async def test_nobody_else_can_find_or_open_it(folder: Path, clock: Clock, tcp: bool) -> None:
    server, _ = server_of(folder, clock, tcp=tcp)
    async with server:
        modes = {path.suffix: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}  # noqa: ASYNC240
    assert modes == ({".json": 0o600} if tcp else {".json": 0o600, ".sock": 0o600})
    assert list(folder.iterdir()) == [], "nothing is left behind"  # noqa: ASYNC240


async def test_at_a_port_the_token_is_asked_for(folder: Path, clock: Clock) -> None:
    server, _ = server_of(folder, clock, tcp=True)
    async with server:
        assert server.entry is not None
        assert server.entry.token not in repr(server.entry)
        thief = msgspec.structs.replace(server.entry, token="guessed")
        with pytest.raises(ControlLost, match="the token is missing or wrong"):
            async with ControlClient(thief):
                pass


@both
async def test_web_pages_are_refused(folder: Path, clock: Clock, tcp: bool) -> None:
    server, debugger = server_of(folder, clock, tcp=tcp)
    async with server:
        entry = server.entry
        assert entry is not None
        origin: Any = "http://evil"
        headers = {"Authorization": f"Bearer {entry.token}"}
        port = connect(f"ws://127.0.0.1:{entry.port}", origin=origin, additional_headers=headers, proxy=None)
        with pytest.raises(InvalidStatus, match="403"):
            await (port if tcp else unix_connect(entry.socket, "ws://brains/", origin=origin))
    assert debugger.sessions == []


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="only these tell who is at the other end")
def test_the_other_end_of_a_socket_is_known() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert uid_of(ours) == os.getuid()


async def test_a_vanished_debugger_is_let_go_of(folder: Path, clock: Clock) -> None:
    server, debugger = server_of(folder, clock)
    async with server:
        assert server.entry is not None
        async with ControlClient(server.entry):
            pass
        await ended(debugger.sessions[0])


async def test_a_silent_debugger_is_let_go_of_and_told(
    folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brains.control.server.LOOK_S", 0.01)
    server, debugger = server_of(folder, clock)
    lost: asyncio.Queue[str] = asyncio.Queue()
    async with server:
        assert server.entry is not None
        client = ControlClient(server.entry, on_lost=lost.put_nowait, beat=0)
        await client.start()
        clock.time = 5.5
        assert "silent" in await lost.get()
        assert debugger.sessions[0].closed
        with pytest.raises(ControlLost, match="silent"):
            await client.request("beat")
        await client.close()


async def test_a_debugger_that_beats_stays(folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brains.control.server.LOOK_S", 0.01)
    server, debugger = server_of(folder, clock)
    async with server:
        assert server.entry is not None
        async with ControlClient(server.entry, beat=0) as client:
            for _ in range(5):
                clock.time += 3
                await client.request("beat")
            assert not debugger.sessions[0].closed


async def test_a_server_that_stops_tells_its_debuggers(folder: Path, clock: Clock) -> None:
    server, _ = server_of(folder, clock)
    lost: asyncio.Queue[str] = asyncio.Queue()
    await server.start()
    assert server.entry is not None
    client = ControlClient(server.entry, on_lost=lost.put_nowait)
    await client.start()
    await server.close()
    assert await lost.get() == "the server has stopped"
    await client.close()


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ("nonsense", "bad_request"),
        ('{"id": 3, "command": "agent"}', "unknown_command"),
        ('{"id": 3, "command": "step", "arguments": {"cuont": 1}}', "bad_arguments"),
        ("[]", "bad_request"),
        ('{"id": 3, "command": "hello", "arguments": {"version": 99}}', "version"),
    ],
)
async def test_what_cannot_be_done_is_answered(folder: Path, clock: Clock, frame: str, kind: str) -> None:
    server, _ = server_of(folder, clock)
    async with server:
        assert server.entry is not None
        async with unix_connect(server.entry.socket, "ws://brains/") as client:
            await client.send(frame)
            answer = json.loads(await client.recv())
    assert (answer["ok"], answer["error"]["kind"]) == (False, kind)
    assert answer["error"]["message"]


async def test_extras_are_answered_by_the_shell(folder: Path, clock: Clock) -> None:
    async def stats(given: dict[str, Any]) -> dict[str, Any]:
        if "bad" in given:
            raise DebugError("bad_arguments", "bad is not good", "leave it out")
        return {"asked": 3, **given}

    server, _ = server_of(folder, clock, extras={"stats": stats})
    async with server:
        assert server.entry is not None
        async with ControlClient(server.entry) as client:
            assert await client.request("stats", x=1) == {"asked": 3, "x": 1}
            with pytest.raises(RequestFailed, match="bad is not good; leave it out"):
                await client.request("stats", bad=1)
            with pytest.raises(RequestFailed, match="there is no command 'stat'"):
                await client.request("stat")


async def test_an_extra_that_fails_is_answered_and_the_conversation_goes_on(
    folder: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(given: dict[str, Any]) -> Any:
        raise ValueError("a bug")

    async def broken_before() -> None:
        raise OSError("no such disk")

    server, _ = server_of(folder, clock, extras={"stats": broken}, before={"agents": broken_before})
    async with server:
        assert server.entry is not None
        async with ControlClient(server.entry) as client:
            with pytest.raises(RequestFailed, match="ValueError: a bug") as caught:
                await client.request("stats")
            assert caught.value.kind == "internal"
            with pytest.raises(RequestFailed, match="OSError: no such disk"):
                await client.request("agents")
            assert await client.request("beat") == {}
    assert "the debugger failed on a request" in caplog.text


async def test_a_text_that_is_none_is_answered_and_one_that_is_too_long_refused(folder: Path, clock: Clock) -> None:
    async def stats(given: dict[str, Any]) -> Any:
        return {"text": "half \ud83d"} if not given else {"text": "x" * LARGEST}

    server, debugger = server_of(folder, clock, extras={"stats": stats})
    events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    async with server:
        assert server.entry is not None
        async with ControlClient(server.entry, on_event=events.put_nowait) as client:
            assert await client.request("stats") == {"text": "half \ufffd"}
            with pytest.raises(RequestFailed, match=r"the answer has 16777\d{3} bytes") as caught:
                await client.request("stats", long=True)
            assert caught.value.kind == "unsupported"
            debugger.sessions[0].tell("output", {"text": "x" * LARGEST})
            debugger.sessions[0].tell("output", {"text": "short"})
            assert (await events.get())["body"] == {"text": "short"}


async def test_whoever_cannot_take_an_event_does_not_wait_for_answers_for_ever(folder: Path, clock: Clock) -> None:
    def broken(event: dict[str, Any]) -> None:
        raise ValueError("a bug")

    server, debugger = server_of(folder, clock)
    async with server:
        assert server.entry is not None
        async with ControlClient(server.entry, on_event=broken) as client:
            debugger.sessions[0].tell("output", {"text": "x"})
            with pytest.raises(ControlLost, match="ValueError: a bug"):
                await client.request("beat")


async def test_who_waits_for_an_answer_that_takes_long_is_not_silent(
    folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is read from it meanwhile, so its beats are not heard."""
    monkeypatch.setattr("brains.control.server.LOOK_S", 0.0)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def stats(given: dict[str, Any]) -> Any:
        begun.set()
        await go_on.wait()
        return {"asked": 3}

    server, debugger = server_of(folder, clock, extras={"stats": stats})
    async with server:
        assert server.entry is not None
        async with ControlClient(server.entry, beat=0) as client:
            answer = asyncio.create_task(client.request("stats"))
            await begun.wait()
            clock.time += 6
            looks = clock.looks
            while clock.looks < looks + 3 and not debugger.sessions[0].closed:  # noqa: ASYNC110 - there is no event
                await asyncio.sleep(0)
            go_on.set()
            assert not debugger.sessions[0].closed
            assert await answer == {"asked": 3}


# --- finding servers ---------------------------------------------------------------------------------------------


def entry_of(folder: Path, pid: int, **more: Any) -> ServerEntry:
    entry = ServerEntry(pid=pid, socket=str(folder / f"{pid}.sock"), command="serve", **more)
    (folder / f"{pid}.json").write_bytes(msgspec.json.encode(entry))
    (folder / f"{pid}.sock").touch()
    return entry


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.skipif(sys.platform == "win32", reason="there, nobody can be asked whether a process lives")
def test_dead_servers_are_swept(folder: Path) -> None:
    alive, _ = entry_of(folder, os.getpid()), entry_of(folder, dead_pid())
    (folder / "broken.json").write_text("{")
    assert find_servers(folder) == [alive]
    assert {path.name for path in folder.iterdir()} == {f"{alive.pid}.json", f"{alive.pid}.sock", "broken.json"}


@pytest.mark.skipif(sys.platform == "win32", reason="there, nobody can be asked whether a process lives")
def test_a_swept_file_removes_nothing_elsewhere(folder: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.touch()
    pid = dead_pid()
    entry = ServerEntry(pid=pid, socket=str(precious))
    (folder / f"{pid}.json").write_bytes(msgspec.json.encode(entry))
    assert find_servers(folder) == []
    assert precious.exists()


def test_which_server_is_meant(folder: Path) -> None:
    first, second = ServerEntry(pid=1, game="ws://a"), ServerEntry(pid=2, game="ws://b")
    assert pick([first]) is first
    assert pick([first, second], 2) is second
    with pytest.raises(ConfigError, match=r"(?s)2 brains servers run; say which:.*--pid 1.*ws://a.*--pid 2"):
        pick([first, second])
    with pytest.raises(ConfigError, match="start `brains serve`"):
        pick([])
    with pytest.raises(ConfigError, match=r"(?s)process id 3; there are:.*--pid 1"):
        pick([first], 3)


async def test_a_server_that_starts_sweeps_what_dead_ones_left(folder: Path, clock: Clock) -> None:
    entry_of(folder, dead_pid())
    server, _ = server_of(folder, clock)
    async with server:
        assert len(list(folder.glob("*.json"))) == 1  # noqa: ASYNC240


async def test_a_server_that_does_not_answer_is_said(folder: Path) -> None:
    gone = ServerEntry(pid=4, socket=str(folder / "gone.sock"))
    with pytest.raises(ControlLost, match="nobody answers at the control socket"):
        async with ControlClient(gone):
            pass
    other = ServerEntry(pid=4, control=99)
    with pytest.raises(ControlLost, match="speaks version 99"):
        async with ControlClient(other):
            pass


@pytest.mark.skipif(sys.platform == "win32", reason="modes of files are those of Unix")
def test_the_runtime_folder_has_to_be_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "run"
    monkeypatch.setenv("BRAINS_RUNTIME_DIR", str(folder))
    assert runtime_folder() == folder, "and it need not be there to be asked for"
    assert runtime_folder(create=True) == folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    with pytest.raises(ConfigError, match="is open to other users"):
        runtime_folder()
    folder.chmod(0o700)
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.setenv("BRAINS_RUNTIME_DIR", str(tmp_path / "link"))
    with pytest.raises(ConfigError, match="is no folder"):
        runtime_folder(create=True)


async def test_a_path_too_long_for_a_socket_is_said(tmp_path: Path, clock: Clock) -> None:
    server, _ = server_of(tmp_path / ("x" * 100), clock)
    with pytest.raises(ConfigError, match="too long"):
        await server.start()


@pytest.mark.skipif(sys.platform == "win32", reason="there, no process can be kept from writing")
@both
async def test_a_disk_that_is_full_is_said_and_leaves_nothing_behind(folder: Path, clock: Clock, tcp: bool) -> None:
    import resource

    server, _ = server_of(folder, clock, tcp=tcp)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with pytest.raises(ConfigError, match="cannot be written"):
            await server.start()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert server.entry is None
    assert list(folder.iterdir()) == []  # noqa: ASYNC240
    await server.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only there, a folder's name may be any bytes")
async def test_a_folder_whose_name_is_no_text_keeps_nobody_from_being_found(
    folder: Path, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = os.path.join(os.fsencode(tmp_path), b"caf\xe9")
    os.mkdir(odd)
    monkeypatch.chdir(os.fsdecode(odd))
    server, _ = server_of(folder, clock)
    async with server:
        (entry,) = await asyncio.to_thread(find_servers, folder)
        assert entry.folder.endswith("caf\ufffd")
        async with ControlClient(entry) as client:
            assert await client.request("beat") == {}


async def ended(session: DebugSession) -> None:
    """Wait until the server has noticed."""
    async with asyncio.timeout(5):
        while not session.closed:  # noqa: ASYNC110 - the debugger has no event for it
            await asyncio.sleep(0)

"""What we know of Godot's WebSocketPeer and cannot see from inside of Godot: how it looks to a server in Python.

tests/godot/addon/test_engine_facts.gd has the rest.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

PATIENCE = 20


class Listener:
    """A server that keeps what it is sent, and how its connections end."""

    def __init__(self, **options: Any) -> None:
        self.frames: queue.Queue[str | bytes] = queue.Queue()
        self.ends: queue.Queue[tuple[int | None, str | None]] = queue.Queue()
        self.headers: queue.Queue[dict[str, str]] = queue.Queue()
        self._server = serve(self._handle, "127.0.0.1", 0, compression=None, **options)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"

    def __enter__(self) -> Listener:
        self._thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._server.shutdown()
        self._thread.join()

    def _handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.headers.put({name.lower(): value for name, value in socket.request.headers.raw_items()})
        with contextlib.suppress(ConnectionClosed):
            for frame in socket:
                self.frames.put(frame)
        self.ends.put((socket.protocol.close_code, socket.protocol.close_reason))


@contextlib.contextmanager
def peer(
    godot: str, project: Path, task: str, url: str, *words: str, options: tuple[str, ...] = ()
) -> Iterator[subprocess.Popen[str]]:
    """Run a client in Godot that does a task; it ends by itself, or is ended."""
    scene = "res://tests/support/peer.tscn"
    command = [godot, "--headless", *options, "--path", str(project), scene, "--", task, url, *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def output_of(godot: str, project: Path, task: str, url: str, *words: str) -> str:
    with peer(godot, project, task, url, *words) as process:
        return process.communicate(timeout=PATIENCE)[0]


@pytest.mark.parametrize(
    ("task", "end"),
    [
        ("close and quit", (1000, "bye")),
        ("close in _exit_tree", (1000, "bye")),
        # A client that closes nothing just vanishes; the addon closes in _exit_tree.
        ("quit", (1006, "")),
    ],
)
def test_how_a_game_quits(godot: str, addon_project: Path, task: str, end: tuple[int, str]) -> None:
    with Listener() as listener:
        assert "left the tree" in output_of(godot, addon_project, task, listener.url)
        assert listener.ends.get(timeout=PATIENCE) == end


def test_how_the_engine_quits(godot: str, addon_project: Path) -> None:
    """With `--quit-after`, which counts frames: `_exit_tree` is run as well."""
    options = ("--max-fps", "60", "--quit-after", "360")
    with Listener() as listener:
        with peer(godot, addon_project, "stay and close in _exit_tree", listener.url, options=options) as process:
            assert listener.frames.get(timeout=PATIENCE) == "here"
            assert "left the tree" in process.communicate(timeout=PATIENCE)[0]
        assert listener.ends.get(timeout=PATIENCE) == (1000, "bye")


def test_what_is_sent_right_before_a_close_arrives(godot: str, addon_project: Path) -> None:
    """Not so the other way round: see `test_a_message_right_before_a_close_is_lost`."""
    with Listener() as listener:
        output_of(godot, addon_project, "close and quit", listener.url)
        assert listener.frames.get(timeout=PATIENCE) == "last words"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_game_that_is_killed_says_nothing(godot: str, addon_project: Path, number: signal.Signals) -> None:
    """So a server has to take 1006 as ordinary, and "Stop" in the editor is such an end."""
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip(f"{number.name} is ignored here, as in a job in the background of a shell without job control")
    with Listener() as listener, peer(godot, addon_project, "stay", listener.url) as process:
        assert listener.frames.get(timeout=PATIENCE) == "here"
        process.send_signal(number)
        output = process.communicate(timeout=PATIENCE)[0]
        assert listener.ends.get(timeout=PATIENCE) == (1006, "")
    assert process.returncode != 0
    assert "left the tree" not in output


def test_a_game_that_does_not_poll_is_closed_by_the_keepalive(godot: str, addon_project: Path) -> None:
    """After forty seconds, with the times that are usual. It learns of that when it polls again."""
    # A second is longer than a busy machine keeps the game waiting before it stops.
    with Listener(ping_interval=1.0, ping_timeout=1.0) as listener:
        output = output_of(godot, addon_project, "stop polling", listener.url, "4.0")
    assert "state 1\n" in output
    assert "closed 1011 keepalive ping timeout" in output


def test_a_message_above_the_servers_limit_ends_the_connection(godot: str, addon_project: Path) -> None:
    """So the link measures messages, and takes the limit from the server's welcome."""
    with Listener(max_size=10_000) as listener:
        output = output_of(godot, addon_project, "send", listener.url, "10001")
    assert "closed 1009 frame" in output
    assert "exceeds limit of 10000 bytes" in output


def test_a_subprotocol_that_only_one_side_names_fails_without_a_reason(godot: str, addon_project: Path) -> None:
    """So the addon offers none; the server accepts that."""
    with Listener() as listener:
        assert "closed -1 \n" in output_of(godot, addon_project, "subprotocol", listener.url, "brains.v1")
    with Listener(subprotocols=["brains.v1"]) as listener:
        assert "closed -1 \n" in output_of(godot, addon_project, "stay", listener.url)
        assert "open with brains.v1" in output_of(godot, addon_project, "subprotocol", listener.url, "brains.v1")


def test_what_the_request_says(godot: str, addon_project: Path) -> None:
    """No origin, which is how a server tells a game from a page in a browser; and no compression."""
    with Listener() as listener:
        output_of(godot, addon_project, "quit", listener.url)
        headers = listener.headers.get(timeout=PATIENCE)
    assert headers["host"] == listener.url.removeprefix("ws://")
    assert headers["connection"] == "Upgrade"
    assert not {"origin", "user-agent", "sec-websocket-extensions", "sec-websocket-protocol"} & set(headers)

"""Servers for games that tests play."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["listening", "serving"]

ROOT = Path(__file__).parent.parent.parent


@contextlib.contextmanager
def serving(folder: Path, *options: str, cwd: Path = ROOT) -> Iterator[str]:
    """Run `brains serve` on a free port, and yield the URL that it listens on; it must end as it is asked to.

    Args:
        folder: Where its output goes.
        options: Further ones.
        cwd: Where it is run: it takes `trees` and `prompts` from there.
    """
    with listening(folder, "serve", "--port", "0", *options, cwd=cwd) as (server, url):
        try:
            yield url
        finally:
            server.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(15)
    assert server.returncode in (0, 130), f"{server.returncode}: {(folder / 'server.err').read_text()}"


@contextlib.contextmanager
def listening(
    folder: Path, *command: str, cwd: Path = ROOT, module: str = "brains"
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run a command of `brains` that listens, and yield it with the URL; it is killed if it has not ended by then.

    Args:
        folder: Where its output goes, to server.out and server.err; there must be no traceback in it.
        command: Its arguments.
        cwd: Where it is run.
        module: What is run instead of `brains`.
    """
    out, err = folder / "server.out", folder / "server.err"
    with out.open("w") as stdout, err.open("w") as stderr:
        server = subprocess.Popen(
            [sys.executable, "-m", module, *command],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
    try:
        yield server, listening_url(server, out, err)
    finally:
        server.kill()
        server.wait()
    assert "Traceback" not in err.read_text(), err.read_text()


def listening_url(server: subprocess.Popen[bytes], out: Path, err: Path) -> str:
    """Wait for the line in which the server says where it listens."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if found := re.search(r"^listening on (ws://\S+)$", out.read_text() + err.read_text(), re.MULTILINE):
            return found[1]
        if server.poll() is not None:
            break
        time.sleep(0.05)
    pytest.fail(f"the server does not listen: {out.read_text()}\n{err.read_text()}")

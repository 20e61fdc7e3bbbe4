"""The castle yard as tests play it: the game with its trace, and a connection that can be cut."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

__all__ = [
    "AGENTS",
    "DEMO",
    "ERROR",
    "Game",
    "Proxy",
    "copy_of_the_yard",
    "free_port",
    "lines_of",
    "playing",
    "wait_for",
]

DEMO = Path(__file__).parent.parent.parent / "godot_demo"
AGENTS = {"guard_1", "guard_2", "merchant_1", "villager_1", "villager_2", "villager_3", "thief_1", "dog_1"}
ERROR = re.compile(r"^.*ERROR:.*$", re.MULTILINE)
END = "end"
"""File that ends a game."""

Line = dict[str, Any]
T = TypeVar("T")


def copy_of_the_yard(folder: Path, **settings: object) -> Path:
    """Copy the project as a clone has it, with settings of the addon by their names; `__` stands for `/`."""
    project = folder / "yard"
    shutil.copytree(DEMO, project, ignore=shutil.ignore_patterns(".godot"))
    lines = [f"{name.replace('__', '/')}={json.dumps(value)}" for name, value in settings.items()]
    with (project / "project.godot").open("a") as file:
        file.write("\n[brains]\n\n" + "\n".join(lines) + "\n")
    return project


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def lines_of(path: Path) -> list[Line]:
    """Read lines of JSON, leaving out the last one while it is being written."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def wait_for(what: str, found: Callable[[], T | None], within: float = 10.0) -> T:
    """Wait until `found` returns something, and return that."""
    deadline = time.monotonic() + within
    while not (value := found()):
        if time.monotonic() > deadline:
            pytest.fail(f"in {within} s there was no {what}")
        time.sleep(0.03)
    return value


class Game:
    """A game under way, as its trace tells of it."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self._process = process
        self._folder = folder

    @property
    def trace(self) -> list[Line]:
        """Everything that has happened so far."""
        return lines_of(self._folder / "trace.jsonl")

    @property
    def output(self) -> str:
        """What Godot has said so far, on both streams."""
        return (self._folder / "godot.log").read_text()

    def since(self, moment: float, what: str) -> list[Line]:
        """Return what has happened of one kind since some time."""
        return [line for line in self.trace if line["what"] == what and line["t"] >= moment]

    def first_acts(self, moment: float) -> dict[str, float]:
        """Return when each agent first began something that its brain wanted, since some time."""
        acts: dict[str, float] = {}
        for line in self.since(moment, "began"):
            if line["source"] != "local":
                acts.setdefault(line["agent"], line["t"])
        return acts

    def wait_until_all_act(self, moment: float) -> float:
        """Wait until every agent has acted since some time; return after how many seconds the last one has."""
        acts: dict[str, float] = wait_for(
            f"action of everybody since {moment}: {self.trace[-5:]}",
            lambda: acts if (acts := self.first_acts(moment)).keys() >= AGENTS else None,
        )
        return max(acts.values()) - moment

    def orders_running(self) -> dict[str, str]:
        """Return the ids of the orders that are being carried out, by agent."""
        running = {}
        for line in self.trace:
            if line["what"] == "began":
                running[line["agent"]] = line["id"]
            elif line["what"] == "ended" and running.get(line["agent"]) == line["id"]:
                del running[line["agent"]]
        return running

    def finish(self, within: float) -> Line:
        """Tell the game to end, and return its summary."""
        (self._folder / END).touch()
        code = self._process.wait(within)
        assert code == 0, self.output
        summary: Line = json.loads((self._folder / "summary.json").read_text())
        return summary


@contextlib.contextmanager
def playing(godot: str, project: Path, folder: Path, url: str) -> Iterator[Game]:
    """Play without a window until `Game.finish`, however long that takes on a busy machine."""
    arguments = [
        f"--brains-url={url}", "--autopilot", f"--quit-when={folder / END}",
        f"--trace={folder / 'trace.jsonl'}", f"--summary={folder / 'summary.json'}",
    ]  # fmt: skip
    with (folder / "godot.log").open("wb") as log:
        process = subprocess.Popen(
            [godot, "--headless", "--max-fps", "60", "--path", str(project), "--", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Game(process, folder)
    finally:
        process.kill()
        process.wait()


class Proxy:
    """A connection between game and server that can be cut. Use it as `with Proxy(port) as proxy`."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Proxy:
        self._threads[0].start()
        return self

    def __exit__(self, *error: object) -> None:
        # Closing alone does not wake the thread that accepts.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()
        for thread in self._threads:
            thread.join()

    def cut(self) -> None:
        """End all connections as a pulled cable would, if anybody noticed that at once."""
        with self._lock:
            for end in self._ends:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                game, _ = self._listening.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                game.close()
                continue
            with self._lock:
                self._ends |= {game, server}
            for source, target in ((game, server), (server, game)):
                thread = threading.Thread(target=self._pump, args=(source, target))
                self._threads.append(thread)
                thread.start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._ends.discard(source)
        source.close()

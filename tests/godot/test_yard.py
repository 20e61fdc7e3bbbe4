"""The castle yard in a real Godot: played by `brains demo`, and with servers that come and go."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.godot.servers import listening
from tests.godot.yard import (
    AGENTS,
    DEMO,
    ERROR,
    Game,
    Line,
    Proxy,
    copy_of_the_yard,
    free_port,
    lines_of,
    playing,
    wait_for,
)

ROOT = Path(__file__).parent.parent.parent

WINDOW = 2
"""Snapshots that the game sends without waiting for an answer."""
KILLS = 3
AGAIN_WITHIN = 3.0
"""Seconds after which every agent acts, once the server is back."""
AROUND = 1.0
"""Seconds before a kill in which frames may get lost."""
HEARTBEAT = 1.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def project(godot: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the yard that Godot has not yet read in, and that soon notices a silent server."""
    return copy_of_the_yard(tmp_path_factory.mktemp("yard"), connection__heartbeat_s=HEARTBEAT)


@pytest.fixture(scope="module")
def demo(godot: str, project: Path) -> subprocess.CompletedProcess[str]:
    """Play twenty actions as a user would."""
    options = ["--godot", godot, "--project", str(project), "--headless", "--actions", "20", "--seconds", "40"]
    return subprocess.run(
        [sys.executable, "-m", "brains", "demo", "--model", "scripted", *options, "--json"],
        cwd=ROOT, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def yard(demo: subprocess.CompletedProcess[str], project: Path) -> Path:
    """Return the yard after Godot has read it in."""
    return project


# --- the demo --------------------------------------------------------------------------------------------------------


def test_the_demo_plays_the_yard(demo: subprocess.CompletedProcess[str]) -> None:
    assert demo.returncode == 0, demo.stdout + demo.stderr
    summary = json.loads(demo.stdout)
    assert summary["problems"] == []
    assert set(summary["agents"]) == AGENTS
    game = summary["game"]
    assert game["finished"] >= 20
    assert {agent for agent, count in game["by_agent"].items() if count} == AGENTS
    assert game["errors"] == []
    assert game["counters"]["dropped"] == {}


def test_unknown_arguments_are_refused(godot: str, yard: Path) -> None:
    for argument in ("--quit-after-action=3", "--quit-after-actions=many", "--autopilot=yes", "nonsense"):
        result = subprocess.run(
            [godot, "--headless", "--path", str(yard), "--", argument],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert result.returncode == 2
        assert f"{argument} is no argument of this game" in result.stderr
        assert not ERROR.search(result.stderr)


def test_a_game_that_is_too_slow_says_so(godot: str, yard: Path) -> None:
    result = subprocess.run(
        [godot, "--headless", "--path", str(yard), "--", "--brains-url=ws://127.0.0.1:1", "--autopilot",
         "--quit-after-actions=20", "--quit-after-seconds=2.5"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    summary = json.loads(result.stdout.splitlines()[-1])
    assert summary["finished"] == 0
    # Without any server, those live on who have a fallback that needs none.
    assert summary["sources"].keys() == {"local"}
    assert not ERROR.search(result.stderr)


def test_reading_the_project_in_and_playing_leave_it_as_it_was(godot: str, yard: Path) -> None:
    version = subprocess.run([godot, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    if not version.startswith("4.6"):
        pytest.skip("every Godot writes its own parameters into *.import; the yard has those of 4.6")
    before, after = files_of(DEMO), files_of(yard)
    assert after.keys() == before.keys()
    assert [name for name in before if after[name] != before[name]] == []


def files_of(project: Path) -> dict[str, bytes]:
    """Return what is in a project's files, without project.godot: the copy has settings of its own."""
    paths = [path.relative_to(project) for path in sorted(project.rglob("*")) if path.is_file()]
    return {
        path.as_posix(): (project / path).read_bytes()
        for path in paths
        if path.parts[0] not in (".godot", "project.godot")
    }


# --- the server is killed --------------------------------------------------------------------------------------------


class Killable:
    """A server that counts, and can be killed and started again on its port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}"
        self.notes = folder / "server.jsonl"
        self.kills: list[float] = []
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it, and return when it listened."""
        command = [sys.executable, "-m", "tests.godot.yard_server", str(self.port), str(self.notes)]
        self._process = process = subprocess.Popen(command, cwd=ROOT)
        listening: Line = wait_for(
            "server",
            lambda: next(
                (n for n in lines_of(self.notes) if n["run"] == process.pid and n["what"] == "listening"), None
            ),
        )
        moment: float = listening["t"]
        return moment

    def kill(self) -> None:
        """Kill it as nobody can who is asked first."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def sessions(self) -> list[list[Line]]:
        """Return what each run has written down, in order."""
        runs: dict[int, list[Line]] = {}
        for note in lines_of(self.notes):
            runs.setdefault(note["run"], []).append(note)
        return list(runs.values())


@contextlib.contextmanager
def killable(folder: Path) -> Iterator[Killable]:
    server = Killable(folder)
    try:
        yield server
    finally:
        with contextlib.suppress(AssertionError):
            server.kill()


class Session:
    """What game and server say of one session: the time between two losses."""

    def __init__(self, notes: list[Line]) -> None:
        self.began: dict[str, float] = {}
        self.ended: dict[str, Line] = {}
        """Of what it began, also if it ended later: an order outlives its server until there is another one."""
        self.sent = {id: note["t"] for note in notes if note["what"] == "actions" for id in note["ids"]}
        self.snapshots = len({note["seq"] for note in notes if note["what"] == "snapshot"})
        results = [result for note in notes for result in note.get("results", ())]
        self.told_running = {id for id, status in results if status == "running"}
        self.told_end = {id: status for id, status in results if status != "running"}
        self.last = notes[-1]["t"]


def sessions_of(game: Game, server: Killable) -> list[Session]:
    """Divide the game's trace by its connections, and put the servers' notes beside each part."""
    sessions = [Session(notes) for notes in server.sessions()]
    to_come = iter(sessions)
    # Every server counts from 1, so an id alone does not say whose order it is; an agent does one thing at a time.
    doing: dict[str, Session] = {}
    for line in game.trace:
        if line["what"] == "connected":
            assert not line["resumed"]
            session = next(to_come)
        elif line["what"] == "began" and line["source"] != "local":
            session.began[line["id"]] = line["t"]
            doing[line["agent"]] = session
        elif line["what"] == "ended" and line["source"] != "local":
            doing.pop(line["agent"]).ended[line["id"]] = line
    assert next(to_come, None) is None
    assert len(sessions) == KILLS + 1
    return sessions


@pytest.fixture(scope="module")
def killed(
    godot: str, yard: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Game, Line, list[Session], list[float]]:
    """Play while the server is killed three times: for a moment, for longer than agents wait, and for longer still."""
    folder = tmp_path_factory.mktemp("killed")
    with killable(folder) as server:
        listening = server.start()
        with playing(godot, yard, folder, server.url) as game:
            game.wait_until_all_act(listening)
            again = []
            for away in (0.0, 1.5, 3.0):
                listening = _kill(game, server, listening, away)
                again.append(game.wait_until_all_act(listening))
            summary = game.finish(within=30)
        return game, summary, sessions_of(game, server), again


def _kill(game: Game, server: Killable, since: float, away: float) -> float:
    """Kill the server after some play, and start it again; return when it listened."""
    wait_for("time to play", lambda: _now(game) > since + 2.0)
    server.kill()
    lost: Line = wait_for("loss", lambda: game.since(since, "disconnected"))[0]
    wait_for("time without a server", lambda: time.time() > lost["t"] + away)
    return server.start()


def _now(game: Game) -> float:
    """Return the time of the last thing that has happened in the game."""
    moment: float = game.trace[-1]["t"]
    return moment


Killed = tuple[Game, Line, list[Session], list[float]]


def test_everybody_acts_soon_after_a_killed_server_is_back(killed: Killed) -> None:
    *_, again = killed
    assert len(again) == KILLS
    assert max(again) < AGAIN_WITHIN


def test_a_game_whose_server_is_killed_goes_on_without_an_error(killed: Killed) -> None:
    game, summary, *_ = killed
    assert not ERROR.search(game.output), game.output
    assert summary["errors"] == []
    assert summary["counters"]["connects"] == KILLS + 1
    assert summary["counters"]["losses"] >= KILLS
    # While the server was away for long, agents lived on by themselves.
    assert summary["sources"]["local"] > 0


def test_the_snapshots_of_both_sides_add_up(killed: Killed) -> None:
    _, summary, sessions, _ = killed
    counters = summary["counters"]
    received = sum(session.snapshots for session in sessions)
    # One more window for the end of the game.
    assert 0 <= counters["snapshots"] - received <= WINDOW * (KILLS + 1)
    assert 0 <= counters["snapshots"] - counters["answers"] - counters["unanswered"] <= WINDOW


def test_the_actions_of_both_sides_add_up(killed: Killed) -> None:
    _, summary, sessions, _ = killed
    counters = summary["counters"]
    assert counters["dropped"] == {}
    assert counters["actions"] == counters["started"] == sum(len(session.began) for session in sessions)
    for session in sessions:
        assert session.began.keys() <= session.sent.keys()
        for id in session.sent.keys() - session.began.keys():
            assert session.sent[id] > session.last - AROUND


def test_every_action_has_ended_or_is_running(killed: Killed) -> None:
    _, summary, sessions, _ = killed
    counters = summary["counters"]
    for session in sessions[:-1]:
        assert session.began.keys() == session.ended.keys()
    last = sessions[-1]
    assert last.began.keys() - last.ended.keys() == set(summary["running"].values())
    ends = Counter(line["status"] for session in sessions for line in session.ended.values())
    assert ends == summary["results"]
    assert counters["running"] == len(summary["running"])


def test_the_results_of_both_sides_add_up(killed: Killed) -> None:
    *_, sessions, _ = killed
    for session in sessions:
        for id, status in session.told_end.items():
            assert session.ended[id]["status"] == status
        for id, line in session.ended.items():
            assert id in session.told_end or line["t"] > session.last - AROUND, line
        for id, moment in session.began.items():
            # Of what is over before anything can be sent, only the end is told.
            brief = id in session.told_end and session.ended[id]["t"] - moment < AROUND
            assert id in session.told_running or brief or moment > session.last - AROUND


# --- the server comes late -------------------------------------------------------------------------------------------


def test_a_game_that_begins_without_a_server_finds_it_when_it_comes(godot: str, yard: Path, tmp_path: Path) -> None:
    port = free_port()
    with playing(godot, yard, tmp_path, f"ws://127.0.0.1:{port}") as game:
        wait_for("attempt that fails", lambda: game.since(0, "disconnected"))
        wait_for("life without a server", lambda: game.since(0, "began"))
        assert {line["source"] for line in game.since(0, "began")} == {"local"}
        with listening(tmp_path, "serve", "--model", "scripted", "--port", str(port)):
            wait_for("connection", lambda: game.since(0, "connected"), within=30.0)
            wait_for("action of everybody", lambda: game.first_acts(0).keys() >= AGENTS, within=30.0)
        assert not ERROR.search(game.output), game.output


# --- the server stops, freezes, or is out of reach for a moment ------------------------------------------------------


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="Windows cannot freeze a process")
def test_a_server_that_is_cut_off_or_frozen_or_stopped(godot: str, yard: Path, tmp_path: Path) -> None:
    port = free_port()
    serve = ["serve", "--model", "scripted", "--port", str(port)]
    with contextlib.ExitStack() as stack:
        server, _ = stack.enter_context(listening(tmp_path, *serve))
        proxy = stack.enter_context(Proxy(port))
        game = stack.enter_context(playing(godot, yard, tmp_path, f"ws://127.0.0.1:{proxy.port}"))
        game.wait_until_all_act(0)
        _cut(game, proxy)
        _freeze(game, server)
        server.send_signal(signal.SIGINT)
        assert server.wait(10) == 0
        stopped: Line = wait_for("word of the stop", lambda: _losses(game)[2:])[0]
        assert stopped["code"] == 1001
        stack.enter_context(listening(tmp_path, *serve))
        back: Line = wait_for("new session", lambda: game.since(stopped["t"], "connected"))[0]
        assert not back["resumed"]
        assert game.wait_until_all_act(back["t"]) < AGAIN_WITHIN
        summary = game.finish(within=30)
    assert not ERROR.search(game.output), game.output
    assert summary["errors"] == []
    assert summary["counters"]["resumes"] == 2


def _losses(game: Game) -> list[Line]:
    """Return the losses of a connection that was there; attempts that fail are losses, too."""
    losses, was_open = [], False
    for line in game.trace:
        if line["what"] == "disconnected" and was_open:
            losses.append(line)
        was_open = line["what"] == "connected" or (was_open and line["what"] != "disconnected")
    return losses


def _cut(game: Game, proxy: Proxy) -> None:
    """Cut the connection: the session is resumed, and orders go on under their ids."""
    wait_for("patrol", lambda: _patrol(game))
    order = _patrol(game)
    proxy.cut()
    lost: Line = wait_for("loss", lambda: _losses(game))[0]
    back: Line = wait_for("connection", lambda: game.since(lost["t"], "connected"))[0]
    assert back["resumed"]
    assert back["t"] - lost["t"] < AGAIN_WITHIN
    wait_for("sign of the order", lambda: _after(game, order, back["t"]))
    others = [line["t"] for line in game.trace if line["what"] == "began" and line["agent"] == "guard_1"]
    assert not [moment for moment in others if lost["t"] <= moment <= back["t"]]


def _patrol(game: Game) -> str | None:
    """Return the id of the guard's round, if he is on it."""
    order = game.orders_running().get("guard_1")
    return (
        next((n["id"] for n in game.trace if n.get("id") == order and n["action"] == "Patrol"), None) if order else None
    )


def _after(game: Game, order: str | None, moment: float) -> bool:
    """Tell whether an order went on for a while after some time."""
    if game.orders_running().get("guard_1") == order:
        return _now(game) > moment + 1.0
    return any(line["id"] == order and line["t"] > moment for line in game.trace if line["what"] == "ended")


def _freeze(game: Game, server: subprocess.Popen[bytes]) -> None:
    """Freeze the server: the game notices by itself, and goes on with the session when the server thaws."""
    os.kill(server.pid, signal.SIGSTOP)
    lost: Line = wait_for("loss of a frozen server", lambda: _losses(game)[1:])[0]
    assert lost["reason"].startswith("nothing from the server for"), lost
    os.kill(server.pid, signal.SIGCONT)
    back: Line = wait_for("connection", lambda: game.since(lost["t"], "connected"))[0]
    assert back["resumed"]
    wait_for("action after the thaw", lambda: game.first_acts(back["t"]), within=AGAIN_WITHIN)

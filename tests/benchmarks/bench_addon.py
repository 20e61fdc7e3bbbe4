"""What the Godot addon costs a game per frame: `python tests/benchmarks/bench_addon.py --godot PATH`.

Prints the table that the addon's README shows. Both loops run in one Godot, in turns, against one server in a process
of its own; see `addon/bench.gd` for what is compared. Times are of the machine that it runs on, ratios less so.
Where the system can do that, server and game get processors of their own: otherwise a game that has just sent something
is often interrupted by the server that reads it, and what that does would count as the game's.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from brains.variant import from_bytes

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
ORDER_EVERY = 10
"""An agent gets an order in every tenth of its decisions, which is once a second; every third one after a `wake`."""

PROJECT = """\
config_version=5

[application]
config/name="brains benchmark"
run/main_scene="res://bench/main.tscn"
run/flush_stdout_on_print=true
"""


async def play(socket: ServerConnection) -> None:
    """Answer a client as a server does whose trees take no time at all."""
    with contextlib.suppress(ConnectionClosed):
        await answer_all(socket)


async def answer_all(socket: ServerConnection) -> None:
    """Answer until the client closes."""
    decisions: dict[str, int] = {}
    woken: set[str] = set()
    seq = number = 0
    async for frame in socket:
        message = json.loads(frame) if isinstance(frame, str) else from_bytes(frame)
        kind = message["type"]
        if kind == "hello":
            session = {"id": "bench", "resume": "", "resumed": False, "ttl_s": 0}
            limits = {"max_message_bytes": 4 << 20, "max_agents": 5000, "window": 2}
            welcome = {"type": "welcome", "protocol": 1, "session": session, "limits": limits}
            await socket.send(json.dumps({**welcome, "features": message.get("features", [])}))
        elif kind == "agents":
            ok = [entry["id"] for entry in message["add"]]
            await socket.send(json.dumps({"type": "agents_ack", "epoch": 0, "ok": ok, "rejected": []}))
        elif kind == "snapshot":
            seq += 1
            orders: list[dict[str, Any]] = []
            wake: list[str] = []
            for agent in message["agents"]:
                # Each begins somewhere else, or all of them would get their orders in the same moment.
                count = decisions[agent] = decisions.get(agent, zlib.crc32(agent.encode()) % (3 * ORDER_EVERY)) + 1
                if agent in woken or count % ORDER_EVERY == 0:
                    if count % (3 * ORDER_EVERY) == 0 and agent not in woken:
                        # As when the model has just been asked: the order comes once it has answered.
                        woken.add(agent)
                        wake.append(agent)
                        continue
                    woken.discard(agent)
                    number += 1
                    params = {"target": f"post_{number % 7}"}
                    order = {"agent": agent, "id": f"o{number}", "name": "MoveTo", "params": params, "source": "tree"}
                    orders.append({**order, "ttl_ms": 1000})
            answer = {"type": "actions", "seq": seq, "snapshot": message["seq"], "epoch": message["epoch"]}
            answer |= {"cancel": [], "actions": orders, "busy": [], "server_ms": 0.1}
            await socket.send(json.dumps(answer))
            if wake:
                await socket.send(json.dumps({"type": "wake", "agents": wake}))


def serve_forever() -> None:
    """Serve until killed; print the port first."""

    async def run() -> None:
        async with serve(play, "127.0.0.1", 0, compression=None, max_size=8 << 20) as server:
            print(server.sockets[0].getsockname()[1], flush=True)
            await asyncio.get_running_loop().create_future()

    asyncio.run(run())


def make_project(folder: Path) -> Path:
    """Make a Godot project of the addon and the benchmark."""
    shutil.copytree(ROOT / "godot_demo" / "addons", folder / "addons")
    shutil.copytree(HERE / "addon", folder / "bench")
    (folder / "project.godot").write_text(PROJECT)
    return folder


def share_processors(server: int) -> set[int]:
    """Give the server one of our processors; return the others. None can be given: return nothing."""
    if not hasattr(os, "sched_setaffinity"):
        return set()
    every = os.sched_getaffinity(0)
    if len(every) < 2:
        return every
    os.sched_setaffinity(server, {max(every)})
    return every - {max(every)}


@contextlib.contextmanager
def processors(ours: set[int]) -> Iterator[None]:
    """Start what is started in the block on these processors."""
    if not ours:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, ours)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def measure(godot: str, agents: str, seconds: float, *, as_json: bool = False) -> list[dict[str, Any]]:
    """Run the benchmark and return what it measured, by number of agents."""
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(Path(folder) / "project")
        subprocess.run(
            [godot, "--headless", "--path", str(project), "--import"], check=True, capture_output=True, timeout=120
        )
        server = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
        ours = share_processors(server.pid)
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            command = [godot, "--headless", "--max-fps", "60", "--path", str(project), "--"]
            command += [f"--url=ws://127.0.0.1:{port}", f"--agents={agents}", f"--seconds={seconds}"]
            command += ["--as-json"] if as_json else []
            with processors(ours):
                done = subprocess.run(command, capture_output=True, text=True, timeout=60 + 10 * seconds, check=False)
        finally:
            server.kill()
            server.wait()
    lines = [line.removeprefix("@@bench ") for line in done.stdout.splitlines() if line.startswith("@@bench ")]
    if done.returncode != 0 or not lines or "ERROR" in done.stderr:
        raise SystemExit(f"the benchmark failed:\n{done.stdout[-2000:]}\n{done.stderr[:2000]}")
    return [json.loads(line) for line in lines]


def table(results: list[dict[str, Any]]) -> str:
    """Return the results as a table in Markdown."""
    lines = [
        "| agents | addon, us per frame: mean, 99 %, worst | bare loop: mean, 99 %, worst | ratio of means "
        "| worst / mean | action age, median, 99 % | wake to action, frames |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        "| {agents} | {addon_us:.0f}, {addon_p99_us:.0f}, {addon_worst_us:.0f} "
        "| {bare_us:.0f}, {bare_p99_us:.0f}, {bare_worst_us:.0f} | {ratio:.2f} | {worst_to_mean:.1f} "
        "(bare: {bare_worst_to_mean:.1f}) | {age_p50_ms:.0f} ms, {age_p99_ms:.0f} ms "
        "| {wake_to_action_frames_p50:.0f} to {wake_to_action_frames_max:.0f} |".format(**one)
        for one in results
    ]
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--godot", default=os.environ.get("GODOT") or shutil.which("godot"))
    parser.add_argument("--agents", default="10,100,200,1000")
    parser.add_argument("--seconds", type=float, default=10.0, help="per number of agents")
    parser.add_argument("--as-json", action="store_true", help="have the addon send JSON, and no Variants")
    parser.add_argument("--json", action="store_true", help="print the raw numbers")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve_forever()
        return
    if not options.godot:
        raise SystemExit("no Godot: put `godot` on the PATH, or name it with --godot or GODOT")
    results = measure(options.godot, options.agents, options.seconds, as_json=options.as_json)
    print(json.dumps(results, indent=1) if options.json else table(results))


if __name__ == "__main__":
    main()

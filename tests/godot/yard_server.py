"""A server for the castle yard that writes down every frame, so that the counts survive when it is killed.

    python -m tests.godot.yard_server PORT FILE

The game talks to a relay, and the relay to an ordinary server in the same process. So the frames are counted by
somebody who knows nothing of sessions. Each line of FILE is complete before its frame is passed on.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from brains.agent import Agent
from brains.gateway import Gateway
from brains.loading import load_trees
from brains.models.scripted import ScriptedModel
from brains.reload import load_prompts
from brains.server import Server
from brains.variant import from_bytes

ROOT = Path(__file__).parent.parent.parent
LARGEST = 4 * 1024 * 1024


class Notes:
    """The file."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(self, what: str, **data: Any) -> None:
        """Add a line; what `write` has taken, a kill does not take back."""
        line = json.dumps({"run": os.getpid(), "t": time.time(), "what": what, **data})
        os.write(self._file, line.encode() + b"\n")

    def frame(self, frame: str | bytes) -> None:
        """Add a line for a frame that matters."""
        message = json.loads(frame) if isinstance(frame, str) else from_bytes(frame)
        results = [(one["id"], one["status"]) for one in message.get("results", ())]
        match message["type"]:
            case "snapshot":
                self.note("snapshot", seq=message["seq"], results=results)
            case "action_result":
                self.note("result", results=[(message["id"], message["status"])])
            case "actions":
                self.note("actions", ids=[one["id"] for one in message["actions"]], snapshot=message["snapshot"])


async def relay(notes: Notes, url: str, game: ServerConnection) -> None:
    """Pass everything on in both directions, until one side ends."""
    async with connect(url, proxy=None, compression=None, max_size=LARGEST) as server:
        await asyncio.gather(_pass_on(notes, game, server), _pass_on(notes, server, game))


async def _pass_on(notes: Notes, source: Connection, target: Connection) -> None:
    try:
        async for frame in source:
            notes.frame(frame)
            await target.send(frame)
    except ConnectionClosed:
        pass
    await target.close(source.close_code if source.close_code in (1000, 1001) else 1011)


async def main(port: int, path: str) -> None:
    """Serve until somebody kills us."""
    notes = Notes(path)
    prompts, gateway = load_prompts(ROOT / "prompts"), Gateway(ScriptedModel())
    await gateway.start()
    factory = functools.partial(Agent, prompts=prompts, asker=gateway)
    async with (
        Server(load_trees(ROOT / "trees"), factory, gateway, port=0) as server,
        serve(
            functools.partial(relay, notes, server.url),
            "127.0.0.1", port, compression=None, max_size=LARGEST,
        ),
    ):  # fmt: skip
        notes.note("listening")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))

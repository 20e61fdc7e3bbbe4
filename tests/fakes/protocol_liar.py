"""Stands between a client and a real server, and makes the server break one rule of the protocol."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, ConnectionClosedError

Json = dict[str, Any]

Close = tuple[int, str]


class Lie:
    """One connection between the two, told truthfully; a lie overrides what it changes."""

    def __init__(self) -> None:
        self.resumed = False
        self.answers = 0

    def to_server(self, frame: str | bytes) -> str | bytes | None:
        """Return what the server gets; None: nothing."""
        try:
            message = json.loads(frame)
        except (ValueError, RecursionError):
            return frame
        if not isinstance(message, dict) or isinstance(frame, bytes):
            return frame
        asked = self.ask(message)
        return None if asked is None else json.dumps(asked)

    def ask(self, message: Json) -> Json | None:
        """As `to_server`, of a message."""
        return message

    def to_client(self, message: Json) -> Any:
        """Return what the client gets: a message, a frame, pieces of a frame, or None."""
        if message["type"] == "welcome":
            self.resumed = message["session"]["resumed"]
        self.answers += message["type"] == "actions"
        return self.tell(message)

    def tell(self, message: Json) -> Any:
        """As `to_client`."""
        return message

    def close(self, code: int, reason: str) -> Close | None:
        """Return how the client is closed when the server closes; None: not at all."""
        return code, reason


@contextlib.asynccontextmanager
async def lying(url: str, lie: Callable[[], Lie]) -> AsyncIterator[str]:
    """Yield the URL of a server that is like the one at `url`, but for a lie."""

    async def handle(client: ServerConnection) -> None:
        told = lie()
        # No server before the first frame: what is sent to it is what a lie wants it to get.
        first = await client.recv()
        server = await connect(url, proxy=None, compression=None, max_size=None)
        asking = asyncio.create_task(_ask(client, server, told, first))
        with contextlib.suppress(ConnectionClosedError):
            async for frame in server:
                answer = told.to_client(json.loads(frame))
                if answer is not None:
                    await client.send(json.dumps(answer) if isinstance(answer, dict) else answer)
        how = told.close(server.close_code or 1006, server.close_reason or "")
        if how is None:
            await client.wait_closed()
        else:
            await client.close(*how)
        await asking

    async def quietly(client: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            await handle(client)

    async with serve(quietly, "127.0.0.1", 0, max_size=None, compression=None, close_timeout=0.2) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def _ask(client: ServerConnection, server: ClientConnection, told: Lie, frame: str | bytes) -> None:
    with contextlib.suppress(ConnectionClosed):
        while True:
            asked = told.to_server(frame)
            if asked is not None:
                await server.send(asked)
            frame = await client.recv()
    # A client that is lost is lost to the server, too, and one that says goodbye has done so already.
    if server.close_code is None:
        server.transport.abort()

"""A small HTTP/1.1 server on asyncio and h11: whole requests in, whole or streamed responses out.

A handler runs for as long as its client is there: when the client closes the connection, it is cancelled.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any, NamedTuple

import h11

__all__ = ["Handler", "HttpServer", "Request", "Responder"]

MOST_BODY = 16 << 20
"""Bytes of a request; more is refused before it is read."""
READ = 64 << 10

logger = logging.getLogger(__name__)


class Request(NamedTuple):
    """One request."""

    method: str
    path: str
    host: str
    body: bytes
    origin: str = ""
    """The web page that asks, where one does."""


class Responder:
    """Writes one response: `send` for a whole one, or `stream` any number of times and `end`.

    Attributes:
        begun: whether anything was sent, so that the status is out.
        extra: headers besides those of the body.
    """

    def __init__(self, connection: h11.Connection, writer: asyncio.StreamWriter) -> None:
        self.begun = False
        self.extra: list[tuple[str, str]] = []
        self._head_only = False
        self._connection = connection
        self._writer = writer

    def leave_out_body(self) -> None:
        """Send heads only: the request was HEAD."""
        self._head_only = True

    async def send(self, status: int, body: bytes = b"", kind: str = "") -> None:
        """Send a whole response."""
        self._head(status, ("Content-Length", str(len(body))), kind)
        if not self._head_only:
            self._write(h11.Data(data=body))
        await self.end()

    async def json(self, status: int, value: Any) -> None:
        """Send a value as JSON."""
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        await self.send(status, text.encode("utf-8", "replace"), "application/json; charset=utf-8")

    async def stream(self, data: bytes, kind: str) -> None:
        """Send a piece of a response; the first one sends the head."""
        if not self.begun:
            self._head(200, ("Transfer-Encoding", "chunked"), kind)
        self._write(h11.Data(data=data))
        await self._writer.drain()

    async def end(self) -> None:
        """Say that the response is complete."""
        self._write(h11.EndOfMessage())
        await self._writer.drain()

    def _head(self, status: int, length: tuple[str, str], kind: str) -> None:
        self.begun = True
        headers = [*self.extra, *((("Content-Type", kind),) if kind else ())]
        if status != HTTPStatus.NO_CONTENT:
            headers.append(length)
        self._write(h11.Response(status_code=status, headers=headers, reason=HTTPStatus(status).phrase))

    def _write(self, event: h11.Event) -> None:
        data = self._connection.send(event)
        if data:
            self._writer.write(data)


Handler = Callable[[Request, Responder], Awaitable[None]]


class HttpServer:
    """Listens, and gives every request to the handler.

    Args:
        handler: answers one request; what it raises closes the connection.
        host: the address to listen on.
        port: 0 takes a free one.
    """

    def __init__(self, handler: Handler, *, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be had.
        """
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and cancel what is being answered. Any number of times."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        connection = h11.Connection(h11.SERVER)
        try:
            await self._requests(connection, reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client has gone, or `close` was called
        except h11.RemoteProtocolError as error:
            logger.debug("not HTTP: %s", error)
            if connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                with suppress(ConnectionError):
                    text = f"400 Bad Request: {error}".encode()
                    await Responder(connection, writer).send(400, text, "text/plain; charset=utf-8")
        except Exception:
            logger.exception("a request could not be answered")
        finally:
            self._connections.discard(task)
            writer.close()

    async def _requests(
        self, connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            respond = Responder(connection, writer)
            request = await _read(connection, reader, respond)
            if request is None or not await self._one(request, respond, connection, reader):
                return
            if connection.our_state is not h11.DONE:
                return
            connection.start_next_cycle()

    async def _one(
        self, request: Request, respond: Responder, connection: h11.Connection, reader: asyncio.StreamReader
    ) -> bool:
        """Answer one request; return whether the client is still there."""
        early = bytearray()
        gone = asyncio.create_task(_gone(reader, early))
        answer = asyncio.ensure_future(self._handler(request, respond))
        try:
            await asyncio.wait({gone, answer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Also when we are cancelled ourselves: nobody is left to read it.
            for task in (gone, answer):
                task.cancel()
            await asyncio.wait({gone, answer})
        if not answer.cancelled():
            answer.result()
        if early:
            connection.receive_data(bytes(early))
        return not answer.cancelled()


async def _read(connection: h11.Connection, reader: asyncio.StreamReader, respond: Responder) -> Request | None:
    """Read the next request; None if there is none any more."""
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(READ))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MOST_BODY:
                await respond.json(413, {"error": "request body too large"})
                return None
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            known = {name: value.decode("latin-1") for name, value in head.headers}
            if head.method == b"HEAD":
                respond.leave_out_body()
            path = head.target.decode("latin-1").partition("?")[0]
            method = head.method.decode("latin-1")
            return Request(method, path, known.get(b"host", ""), bytes(body), known.get(b"origin", ""))
        else:
            return None


async def _gone(reader: asyncio.StreamReader, early: bytearray) -> None:
    """Return when the client closes the connection; what it sends before that is kept for later."""
    with suppress(ConnectionError):
        while data := await reader.read(READ):
            early += data
            if len(early) > MOST_BODY:
                return

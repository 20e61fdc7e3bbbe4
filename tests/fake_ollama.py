"""A fake Ollama: real HTTP on a real port, scripted answers, and every fault that a real one has.

In the test's own event loop::

    async with FakeOllama(brain=lambda ask: {" danger": 0.9, " safe": 0.1}) as fake:
        model = OllamaModel("tiny", host=fake.url)
        ...
        fake.next(Reply(...), Fault(503, BUSY))     # for the next questions, before the brain is asked
        await fake.until(lambda: fake.cancelled)    # a client has gone
        assert fake.asked[0].body["truncate"] is False

In a thread, for code that blocks: `with BackgroundOllama() as background: background.url`; the fake itself is
`background.fake`, and whatever steers it goes through `background.call(fake.next, ...)`. As a process of
its own, which prints its address: `python -m tests.fake_ollama --port 0`.

It follows Ollama 0.33: order of keys, omitted zeros, error texts, status codes and content types are its;
times in the metrics are made up. Its clock is real time plus `advance(seconds)`; it never sleeps, it waits
at a `Gate`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, ParamSpec

from tests.fakes.ollama_answer import Dropped
from tests.fakes.ollama_routes import PLAIN, Routes
from tests.fakes.ollama_runner import Load, Scheduler
from tests.fakes.ollama_script import (
    BROKE_OFF,
    BUSY,
    CRASHED,
    NEVER_RAN,
    NO_TEMPLATE,
    TOO_LONG,
    Answer,
    Ask,
    Brain,
    FakeModel,
    Fault,
    Gate,
    Piece,
    Reply,
    pieces_of,
    plausible,
)
from tests.fakes.ollama_wire import JSON, HttpRequest, Incoming, Outgoing, go_json

__all__ = [
    "BROKE_OFF",
    "BUSY",
    "CRASHED",
    "NEVER_RAN",
    "NO_TEMPLATE",
    "TOO_LONG",
    "Answer",
    "Ask",
    "BackgroundOllama",
    "FakeModel",
    "FakeOllama",
    "Fault",
    "Gate",
    "Piece",
    "Reply",
    "pieces_of",
    "plausible",
]

P = ParamSpec("P")

NO_REQUEST = "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
"""The headers of what Go says to what it does not take for a request."""


@dataclass
class Record:
    """One request as the server saw it."""

    id: int
    method: str
    path: str
    headers: dict[str, str]
    body: Any
    state: Literal["open", "answered", "cancelled", "dropped"] = "open"
    status: int | None = None


class FakeOllama:
    """The server. Start it, stop it, and start it again on the same port.

    Args:
        models: what is installed; by default one `tiny:latest`.
        brain: gives the answer to each question: a text, probabilities of the next token, a `Reply` or a
        `Fault`.
        version: what /api/version says.
        parallel: slots per model.
        max_queue: how many requests may wait for a load.
        max_loaded: how many models may be loaded.
        decisions: whether there is /v1/systemone; its brain is asked for each question apart.
        fragment: send streams in chunks of so many bytes, whatever the lines are.
        host: the address to listen on.
        port: 0 takes a free one, and keeps it over a restart.

    Attributes:
        records: all requests, in order.
        gate: where set, every question waits for it before its first byte, in no slot.
    """

    def __init__(
        self,
        models: Sequence[FakeModel] = (FakeModel(),),
        *,
        brain: Brain = plausible,
        version: str = "0.33.0",
        parallel: int = 1,
        max_queue: int = 512,
        max_loaded: int = 3,
        decisions: bool = False,
        fragment: int | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.scheduler = Scheduler(models, parallel=parallel, max_queue=max_queue, max_loaded=max_loaded)
        self.scheduler.changed = self._changed
        self.routes = Routes(self.scheduler, self._think, version=version, decisions=decisions)
        self.brain = brain
        self.fragment = fragment
        self.host = host
        self.port = port
        self.records: list[Record] = []
        self.gate: Gate | None = None
        self.fault: Callable[[HttpRequest], Fault | None] = lambda request: None
        self._next: list[Answer] = []
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}
        self._waiting: list[tuple[Callable[[], object], asyncio.Future[None]]] = []

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{self.host}:{self.port}"

    @property
    def asked(self) -> list[Record]:
        """The questions: requests with a prompt."""
        return [record for record in self.records if isinstance(record.body, dict) and _has_prompt(record)]

    @property
    def cancelled(self) -> list[int]:
        """Ids of the requests whose client went away before the answer was complete."""
        return [record.id for record in self.records if record.state == "cancelled"]

    @property
    def loads(self) -> list[Load]:
        """Every load of a model."""
        return self.scheduler.loads

    def next(self, *answers: Answer) -> None:
        """Answer the next questions with these, and only then ask the brain again."""
        self._next += answers

    def advance(self, seconds: float) -> None:
        """Let time pass: models expire."""
        self.scheduler.advance(seconds)

    async def until(self, condition: Callable[[], object]) -> None:
        """Return when this is true; looked at whenever a request changes its state, or a model is loaded."""
        if not condition():
            future = asyncio.get_running_loop().create_future()
            self._waiting.append((condition, future))
            await future

    async def start(self) -> None:
        """Listen; on the port of the last time if there was one."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Die: connections break, and loaded models are gone. Any number of times."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for task, writer in list(self._connections.items()):
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await server.wait_closed()
        self.scheduler.forget()

    async def __aenter__(self) -> FakeOllama:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _think(self, ask: Ask) -> Answer:
        return self._next.pop(0) if self._next else self.brain(ask)

    def _changed(self) -> None:
        for entry in list(self._waiting):
            condition, future = entry
            if future.done() or condition():
                self._waiting.remove(entry)
                if not future.done():
                    future.set_result(None)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        incoming = Incoming(reader)
        try:
            while (request := await incoming.request()) is not None:
                if not await self._one(request, incoming, writer):
                    break
        except asyncio.CancelledError:
            pass  # by stop()
        finally:
            del self._connections[task]
            writer.close()

    async def _one(self, request: HttpRequest, incoming: Incoming, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether the connection is still good."""
        if "host" not in request.headers:
            said = ": missing required Host header" if request.method else ""
            writer.write(f"HTTP/1.1 400 Bad Request{said}\r\n{NO_REQUEST}\r\n400 Bad Request{said}".encode())
            await writer.drain()
            return False
        body = _parsed(request.body)
        record = Record(len(self.records), request.method, request.path, request.headers, body)
        self.records.append(record)
        self._changed()
        out = Outgoing(writer, head=request.method == "HEAD", fragment=self.fragment)
        async with asyncio.TaskGroup() as group:
            gone = group.create_task(incoming.gone())
            answer = group.create_task(self._answer(request, record, out))
            try:
                await asyncio.wait({gone, answer}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                gone.cancel()
                answer.cancel()
        record.status = out.status
        if record.state == "open":
            record.state = "cancelled"
        self._changed()
        return record.state == "answered"

    async def _answer(self, request: HttpRequest, record: Record, out: Outgoing) -> None:
        try:
            if self.gate is not None and record in self.asked:
                await self.gate.wait()
            fault = self.fault(request)
            if fault is None:
                await self.routes.answer(request, out, record.id)
            elif fault.drop:
                raise Dropped
            elif fault.body is not None:
                await out.send(fault.status, fault.body, "text/html" if fault.body[:1] == b"<" else PLAIN)
            else:
                await out.send(fault.status, go_json(fault.json).encode(), JSON)
            record.state = "answered"
        except Dropped:
            record.state = "dropped"
            out.reset()
        except ConnectionError:
            pass  # the client has gone


class BackgroundOllama:
    """A `FakeOllama` in a thread with an event loop of its own."""

    def __init__(self, fake: FakeOllama | None = None) -> None:
        self.fake = fake or FakeOllama()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake ollama", daemon=True)

    @property
    def url(self) -> str:
        """Where it is."""
        return self.fake.url

    def call(self, function: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> Any:
        """Call a method of the fake in its thread, wait for it, and return what it returns."""

        async def run() -> Any:
            result = function(*args, **kwargs)
            return await result if asyncio.iscoroutine(result) else result

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(timeout=30)

    def __enter__(self) -> BackgroundOllama:
        self._thread.start()
        self.call(self.fake.start)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.call(self.fake.stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return body


def _has_prompt(record: Record) -> bool:
    wanted = {"/api/chat": "messages", "/api/generate": "prompt", "/v1/systemone": "questions"}.get(record.path)
    return wanted is not None and bool(record.body.get(wanted))


async def serve(port: int, models: Sequence[FakeModel]) -> None:
    """Run until killed."""
    async with FakeOllama(models, port=port) as fake:
        print(fake.url, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Run as a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.fake_ollama", description=serve.__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--model", action="append", help="a name to have installed; may be given again")
    given = parser.parse_args()
    models = [FakeModel(name if ":" in name else f"{name}:latest") for name in given.model or ("tiny",)]
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(given.port, models))


if __name__ == "__main__":
    main()

"""llama.cpp inside this process, through xllamacpp: threads, not asyncio.

What xllamacpp 2026.10 does, measured, and what follows from it here:

- A call cannot be stopped from outside, but its callback can stop it; and a callback comes with every batch of the
  prompt (`return_progress`) and every token. So all calls are streamed, batches are small, and the callback looks at a
  flag. Before that a call that waits for a free slot is deaf: so no more calls are made than there are slots.
- It always opens llama.cpp's HTTP port. On POSIX it is a Unix socket whose file is removed at once, so that nobody can
  reach it at all; elsewhere it is a port on loopback behind a random key.
- An interpreter that exits while a call runs dies by SIGABRT or SIGSEGV; and a server that is deleted before its loop
  runs hangs for ever. So there is a first call before anything else, and at exit all calls are stopped and waited for.
- Threads of llama.cpp wait for each other by spinning. If something else, such as a game, needs one of the cores, two
  threads on two cores are ten times slower than one. So by default half of the processors are used.
- Loading keeps the GIL: Python stands still for that time, 0.5 s for the small model.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import secrets
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from brains.errors import ConfigError, ModelRefused, ModelUnavailable
from brains.models.pull import HOW_TO_INSTALL

__all__ = ["Call", "Llama", "Settings", "default_threads"]

Route = Literal["completion", "chat"]
Chunk = Mapping[str, Any]

BATCH = 64
"""Tokens of a prompt that are worked on in one go; a cancel is noticed between two of them."""
SAME_PROMPT = 0.5
"""A slot's cache is taken over if this part of the new prompt is in it; below, another slot is sacrificed."""
EXIT_TIMEOUT = 30.0
"""Seconds that the interpreter's exit waits for running calls to notice that they are cancelled."""
SOCKET_PATH_LIMIT = 100

logger = logging.getLogger(__name__)


class Settings(NamedTuple):
    """How a model is loaded."""

    path: Path
    slots: int
    """Prompts whose beginnings are kept at the same time."""
    context: int
    """Tokens per slot."""
    threads: int
    cache_ram_mib: int
    verbosity: int = 0
    """How much llama.cpp itself writes to stderr: 0 nothing, 1 errors, 2 warnings, 3 and 4 more."""


class Call:
    """One request to the model, made and cancelled from any thread.

    Args:
        route: whether `body` holds a `prompt` or `messages`.
        body: llama-server's JSON.
        on_chunk: gets each piece of the answer, in a thread of ours; what it raises stops the call.
        on_end: is called once, in some thread, when nothing will come any more.
        schema: a JSON Schema that the answer is held to.
        alone: calls with the same word here run one after the other. They share the beginning of their prompts, which
            only one slot has in its cache; a second one at the same time would have to work through all of it.
    """

    def __init__(
        self,
        route: Route,
        body: Mapping[str, Any],
        on_chunk: Callable[[Chunk], None],
        on_end: Callable[[], None],
        *,
        schema: Mapping[str, Any] | None = None,
        alone: str = "",
    ) -> None:
        self.route: Route = route
        self.body = body
        self.schema = schema
        self.alone = alone
        self.error: BaseException | None = None
        self.cancelled = False
        self.ended = threading.Event()
        self._on_chunk = on_chunk
        self._on_end = on_end

    def take(self, chunk: Chunk) -> bool:
        """Take a piece of the answer; return whether the model is to stop."""
        # An exception that left the callback would be swallowed, and the model would go on.
        if not self.cancelled:
            try:
                self._on_chunk(chunk)
            except BaseException as error:
                self.error = error
                self.cancelled = True
        return self.cancelled

    def end(self) -> None:
        """Tell that nothing will come any more."""
        self.ended.set()
        self._on_end()


class Llama:
    """One loaded model with its slots. Everything here may be called from any thread.

    Args:
        settings: how it is loaded.
        sockets: whether llama.cpp's HTTP server may hide behind a Unix socket, where there are such.

    Attributes:
        address: where the HTTP server of llama.cpp can be reached; empty if nowhere.
    """

    def __init__(self, settings: Settings, *, sockets: bool = os.name == "posix") -> None:
        self.settings = settings
        self.address = ""
        self._sockets = sockets
        self._server: Any = None
        self._loading = threading.Lock()
        self._lock = threading.Lock()
        self._waiting: list[Call] = []
        self._running: list[Call] = []
        self._grammars: dict[str, str] = {}

    @property
    def loaded(self) -> bool:
        """Whether calls can be made."""
        return self._server is not None

    def load(self) -> None:
        """Load the model, if it is not; blocks for as long as that takes.

        Raises:
            ConfigError: xllamacpp is not installed.
            ModelRefused: llama.cpp cannot load this file.
            ModelUnavailable: the interpreter is exiting.
        """
        with self._loading:
            if self._server is not None:
                return
            if _exiting.is_set():
                raise ModelUnavailable("Python is exiting, and no model is loaded any more")
            # From here on the exit waits for us: a model that it knows nothing of would crash it.
            _open.add(self)
            try:
                with _private_address(self._sockets) as host:
                    server = _load(self.settings, host)
            except BaseException:
                _open.discard(self)
                raise
            # The address of a socket whose file is gone leads nowhere.
            self.address = "" if host.endswith(".sock") else server.listening_address
            self._server = server

    def submit(self, call: Call) -> None:
        """Make a call as soon as there is room for it; return at once."""
        with self._lock:
            self._waiting.append(call)
        self._pump()

    def cancel(self, call: Call) -> None:
        """Stop a call; one that waits ends here and now, one that runs ends with its next batch or token."""
        call.cancelled = True
        with self._lock:
            waited = call in self._waiting
            if waited:
                self._waiting.remove(call)
        if waited:
            call.end()

    def close(self, timeout: float | None = None) -> None:
        """Cancel all calls, wait for their end, and free the model; it can be loaded again.

        A model whose calls do not end in time is left as it is, because freeing it would crash.
        """
        with self._loading:
            with self._lock:
                calls = [*self._waiting, *self._running]
            for call in calls:
                self.cancel(call)
            end = None if timeout is None else time.monotonic() + timeout
            for call in calls:
                if not call.ended.wait(None if end is None else max(end - time.monotonic(), 0.0)):
                    logger.warning("llama.cpp did not stop within %.0f s", timeout)
                    return
            self._server = None
            _open.discard(self)

    def _pump(self) -> None:
        """Start each waiting call that there is room for, and end those that are cancelled."""
        started, cancelled = [], []
        with self._lock:
            for call in list(self._waiting):
                if call.cancelled:
                    self._waiting.remove(call)
                    cancelled.append(call)
                    continue
                if len(self._running) >= self.settings.slots:
                    break
                if call.alone and any(other.alone == call.alone for other in self._running):
                    continue
                self._waiting.remove(call)
                self._running.append(call)
                started.append(call)
        for call in cancelled:
            call.end()
        for call in started:
            # A daemon: Python waits for other threads at its exit before it asks anybody to hurry.
            threading.Thread(target=self._run, args=(call,), name="llama", daemon=True).start()

    def _run(self, call: Call) -> None:
        try:
            self._handle(call)
        except BaseException as error:
            # Whoever keeps the error would keep the server with it, over the end of the model and of the interpreter.
            traceback.clear_frames(error.__traceback__)
            call.error = error
        finally:
            with self._lock:
                self._running.remove(call)
            call.end()
            self._pump()

    def _handle(self, call: Call) -> None:
        server = self._server
        if server is None:
            raise ModelUnavailable("the model inside the process is closed")
        if call.cancelled:
            return
        body = {**call.body, "stream": True, "return_progress": True, "cache_prompt": True}
        if call.schema is not None:
            body["grammar"] = self._grammar(server, call.schema)
        handle = server.handle_completions if call.route == "completion" else server.handle_chat_completions
        try:
            handle(body, call.take)
        except ValueError as error:
            raise ModelRefused(f"llama.cpp refuses the request: {error}") from error

    def _grammar(self, server: Any, schema: Mapping[str, Any]) -> str:
        """Return the grammar of a JSON Schema; it allows no white space for beauty, which halves the tokens.

        A grammar that is wrong is not reported: the model then writes what it likes. So the schema is tried out first,
        in the way that does report.
        """
        import xllamacpp

        key = json.dumps(schema)
        if key not in self._grammars:
            errors: list[Any] = []
            shape = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
            trial = {"messages": [{"role": "user", "content": "a"}], "max_tokens": 1, "response_format": shape}

            def take(chunk: Chunk) -> bool:
                errors.extend([chunk["error"]["message"]] if "error" in chunk else [])
                return True

            try:
                server.handle_chat_completions({**trial, "stream": True, "return_progress": True}, take)
                grammar = xllamacpp.json_schema_to_grammar({**schema, "x-guidance": {"whitespace_flexible": False}})
            except (RuntimeError, ValueError) as error:
                errors.append(error)
            if errors:
                raise ModelRefused(f"llama.cpp cannot hold the model to this JSON Schema: {errors[0]}")
            self._grammars[key] = grammar
        return self._grammars[key]


_open: set[Llama] = set()
_exiting = threading.Event()


@atexit.register
def _close_all() -> None:
    """Free all models before the interpreter goes, since llama.cpp's threads do not survive it."""
    _exiting.set()
    for llama in list(_open):
        for call in [*llama._waiting, *llama._running]:
            call.cancelled = True
    for llama in list(_open):
        llama.close(EXIT_TIMEOUT)


def default_threads() -> int:
    """Return half of the processors: the game needs the others, and llama.cpp's threads spin when they must wait."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
    return max(count // 2, 1)


@contextlib.contextmanager
def _private_address(sockets: bool) -> Iterator[str]:
    """Give llama.cpp's HTTP server an address that nobody can connect to afterwards, where there is such a thing."""
    if sockets:
        with tempfile.TemporaryDirectory(prefix="brains-") as folder:
            path = os.path.join(folder, "llama.sock")
            if len(path) < SOCKET_PATH_LIMIT:
                yield path
                return
    yield "127.0.0.1"


def _load(settings: Settings, host: str) -> Any:
    try:
        import xllamacpp
    except ImportError as error:
        raise ConfigError(f"a model inside the process needs xllamacpp ({error}): {HOW_TO_INSTALL}") from error
    params = xllamacpp.CommonParams()
    params.model.path = str(settings.path)
    params.n_parallel = settings.slots
    params.n_ctx = settings.slots * settings.context
    params.n_batch = params.n_ubatch = BATCH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings.threads
    params.cache_ram_mib = settings.cache_ram_mib
    params.slot_prompt_similarity = SAME_PROMPT
    params.fit_params = False  # it would load the model twice to find out what we know
    params.verbosity = settings.verbosity
    params.hostnames = [host]
    params.port = 0
    params.n_threads_http = 1
    params.api_keys = [secrets.token_urlsafe(32)]
    params.cors_origins = "http://127.0.0.1"
    params.ui = params.endpoint_slots = False
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        raise ModelRefused(
            f"llama.cpp cannot load {settings.path}: the file is cut off or damaged, is of a newer kind than this "
            f"xllamacpp knows, or does not fit into memory with {settings.slots} slots of {settings.context} tokens"
        ) from error
    # Its loop may not have begun; a server that is freed before that hangs.
    server.handle_completions({"prompt": "a", "max_tokens": 1, "cache_prompt": False})
    return server

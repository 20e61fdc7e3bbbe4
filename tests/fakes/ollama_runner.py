"""The fake Ollama's scheduler: which models are loaded, with what options, and who waits for them."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.ollama_script import BUSY, FakeModel, Fault, Gate, tokens_of

SECOND = 1_000_000_000
FOR_EVER = 2**63 - 1
DEFAULT_KEEP_ALIVE = 300 * SECOND
LOAD_TIME = 2 * SECOND
"""What a load takes in the metrics; nothing here really takes time."""
HOT_TIME = 12_345_678
PER_PROMPT_TOKEN = 1_000_000
PER_TOKEN = 20_000_000

# As on a machine without a graphics card.
RUNNER_DEFAULTS: Mapping[str, Any] = {
    "num_ctx": 4096,
    "num_batch": 512,
    "num_gpu": -1,
    "main_gpu": None,
    "use_mmap": False,
    "num_thread": 0,
    "draft_num_predict": 0,
}
INTEGERS = {
    *("num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "draft_num_predict"),
    *("num_keep", "seed", "num_predict", "top_k", "repeat_last_n"),
}
FLOATS = {
    *("top_p", "min_p", "typical_p", "temperature", "repeat_penalty"),
    *("presence_penalty", "frequency_penalty"),
}


class Refusal(Exception):
    """The server answers with an error."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error


@dataclass
class Load:
    """A model was loaded, for this request and with these options."""

    model: str
    options: Mapping[str, Any]
    request: int


@dataclass(eq=False)
class Slot:
    """One place for a prompt, with what is left in it of the last one."""

    tokens: list[str] = field(default_factory=list)
    busy: bool = False
    used: int = 0


@dataclass(eq=False)
class Loaded:
    """A loaded model."""

    model: FakeModel
    options: dict[str, Any]
    auto: frozenset[str]
    shift: bool
    slots: list[Slot]
    free: asyncio.Semaphore
    keep_alive: int
    users: int = 0
    expires_at: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, prompt: list[str], now: int) -> tuple[Slot, int]:
        """Take the free slot that shares most with the prompt; return it and how many tokens it shares."""
        free = [slot for slot in self.slots if not slot.busy]
        shared = {id(slot): _common(slot.tokens, prompt) for slot in free}
        best = max(free, key=lambda slot: shared[id(slot)])
        if shared[id(best)] < 0.1 * len(prompt):
            best = min(free, key=lambda slot: slot.used)
        best.busy, best.used, best.tokens = True, now, prompt
        return best, shared[id(best)]


class Scheduler:
    """Loads, hands out and unloads models, as Ollama's does.

    Attributes:
        loads: every load that was completed.
        aborted: ids of the requests that took a load down with them.
        unloads: names of unloaded models.
        gate: where set, a load waits for it.
        fault: where set, a load ends with it.
    """

    def __init__(self, models: Iterable[FakeModel], *, parallel: int, max_queue: int, max_loaded: int) -> None:
        self.models = {model.name: model for model in models}
        self.parallel = parallel
        self.max_queue = max_queue
        self.max_loaded = max_loaded
        self.loads: list[Load] = []
        self.aborted: list[int] = []
        self.unloads: list[str] = []
        self.gate: Gate | None = None
        self.fault: Fault | None = None
        self.changed: Callable[[], None] = lambda: None
        self.pending = 0
        self._loaded: dict[str, Loaded] = {}
        self._skipped = 0
        self._alone = asyncio.Lock()

    def now(self) -> int:
        """Nanoseconds since 1970 on the fake's clock."""
        return time.time_ns() + self._skipped

    def advance(self, seconds: float) -> None:
        """Let time pass: idle models expire."""
        self._skipped += int(seconds * SECOND)

    def running(self) -> list[Loaded]:
        """The loaded models, the one that stays longest first."""
        for name, loaded in list(self._loaded.items()):
            if not loaded.users and loaded.expires_at <= self.now():
                self._unload(name)
        return sorted(self._loaded.values(), key=lambda loaded: -(loaded.expires_at // SECOND))

    def forget(self) -> None:
        """Lose all models, as a restart does."""
        self._loaded.clear()

    def expire(self, model: FakeModel) -> None:
        """Unload a model as soon as nobody uses it."""
        loaded = self._loaded.get(model.name)
        if loaded is not None:
            loaded.keep_alive = loaded.expires_at = 0
            self.running()

    async def runner(
        self,
        model: FakeModel,
        given: Mapping[str, Any],
        *,
        shift: bool | None,
        keep_alive: int | None,
        request: int,
    ) -> tuple[Loaded, bool]:
        """Return the loaded model for a request, and whether it had to be loaded for it.

        Raises:
            Refusal: an option has a wrong type, too many wait, or it cannot be loaded.
        """
        options, auto = resolve(model, given)
        shifts = model.shifts if shift is None else shift
        loaded = self._usable(model, options, auto, shifts)
        new = loaded is None
        if loaded is None:
            loaded = await self._queue(model, options, auto, shifts, request)
        loaded.users += 1
        self.changed()
        loaded.idle.clear()
        if keep_alive is not None:
            loaded.keep_alive = keep_alive
        if new:
            loaded.expires_at = self.now() + loaded.keep_alive
        return loaded, new

    def release(self, loaded: Loaded) -> None:
        """Say that a request has ended."""
        loaded.users -= 1
        if not loaded.users:
            loaded.idle.set()
            loaded.expires_at = self.now() + loaded.keep_alive
            self.running()

    async def _queue(
        self, model: FakeModel, options: dict[str, Any], auto: frozenset[str], shift: bool, request: int
    ) -> Loaded:
        if self.pending >= self.max_queue:
            raise Refusal(503, BUSY)
        self.pending += 1
        self.changed()
        try:
            await self._alone.acquire()
        finally:
            self.pending -= 1
        try:
            # Somebody else may have loaded it in the meantime.
            there = self._usable(model, options, auto, shift)
            return there or await self._load(model, options, auto, shift, request)
        finally:
            self._alone.release()

    async def _load(
        self, model: FakeModel, options: dict[str, Any], auto: frozenset[str], shift: bool, request: int
    ) -> Loaded:
        await self._make_room(model)
        if self.gate is not None:
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.aborted.append(request)
                raise
        if self.fault is not None:
            raise Refusal(self.fault.status, self.fault.error)
        parallel = self.parallel
        loaded = Loaded(
            model,
            options,
            auto,
            shift,
            slots=[Slot() for _ in range(parallel)],
            free=asyncio.Semaphore(parallel),
            keep_alive=DEFAULT_KEEP_ALIVE,
            expires_at=self.now() + DEFAULT_KEEP_ALIVE,
        )
        self._loaded[model.name] = loaded
        self.loads.append(Load(model.name, options, request))
        self.changed()
        return loaded

    async def _make_room(self, model: FakeModel) -> None:
        old = self._loaded.get(model.name)
        if old is None and len(self._loaded) >= self.max_loaded:
            old = min(self._loaded.values(), key=lambda loaded: (loaded.users, loaded.expires_at))
        if old is not None:
            if old.users:
                await old.idle.wait()
            self._unload(old.model.name)

    def _usable(self, model: FakeModel, options: dict[str, Any], auto: frozenset[str], shift: bool) -> Loaded | None:
        self.running()
        loaded = self._loaded.get(model.name)
        if loaded is None or loaded.shift != shift:
            return None
        wanted = dict(options)
        for name in auto & loaded.auto:
            wanted[name] = loaded.options[name]
        if wanted["num_gpu"] < 0:
            wanted["num_gpu"] = loaded.options["num_gpu"]
        return loaded if wanted == loaded.options else None

    def _unload(self, name: str) -> None:
        if self._loaded.pop(name, None) is not None:
            self.unloads.append(name)
            self.changed()


def resolve(model: FakeModel, given: Mapping[str, Any]) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the load-time options of a request, and which of them nobody has set.

    Raises:
        Refusal: an option has a wrong type.
    """
    merged = {**model.parameters, **given}
    for name, value in merged.items():
        if value is not None:
            _check(name, value)
    set_ones = {name: _whole(value) for name, value in merged.items() if name in RUNNER_DEFAULTS and value is not None}
    options = {**RUNNER_DEFAULTS, **set_ones}
    options["num_ctx"] = min(max(options["num_ctx"], 4), model.context_length)
    if "vision" in model.capabilities:
        options["num_ctx"] = max(options["num_ctx"], 2048)
    return options, frozenset({"num_ctx", "num_batch", "use_mmap"} - set_ones.keys())


def _check(name: str, value: Any) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    wrong = ""
    if name in INTEGERS and not number:
        wrong = "of type integer"
    elif name in FLOATS and not number:
        wrong = "of type float32"
    elif name == "use_mmap" and not isinstance(value, bool):
        wrong = "of type boolean"
    elif name == "stop" and not isinstance(value, list):
        wrong = "of type array"
    elif name == "stop" and not all(isinstance(item, str) for item in value):
        wrong = "of an array of strings"
    if wrong:
        raise Refusal(500, f'option "{name}" must be {wrong}')


def _whole(value: Any) -> Any:
    return math.trunc(value) if isinstance(value, float) else value


def _common(first: list[str], second: list[str]) -> int:
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count


def count_tokens(text: str) -> int:
    """How many tokens a text has for the fake."""
    return len(tokens_of(text))

"""A model inside this process: no server to install, for first steps, tests, and games that bring their model along."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from brains.errors import (
    ConfigError,
    MalformedAnswer,
    ModelError,
    ModelNotInstalled,
    ModelRefused,
    ModelUnavailable,
    PromptTooLong,
)
from brains.models.gguf import GgufHead, read_head
from brains.models.llama import Call, Chunk, Llama, Route, Settings, default_threads
from brains.models.ollama_options import LOAD_TIME_OPTIONS
from brains.models.pull import cache_folder, default_model_path
from brains.models.recode import recoded
from brains.questions import ModelInfo, ModelReply, ModelRequest, TokenChoice, Way

__all__ = ["EmbeddedModel", "digest_of"]

CONTEXT = 2048
USUAL_TEMPLATES = 7
"""For as many there are slots where their number is not known."""
SPARE_SLOTS = 1
"""For what belongs to no template, such as a chat, lest it take a template's."""
CACHE_BYTES = 512 << 20
"""Memory that the slots' caches may take together; 8 slots of 2048 tokens of the small model take 360 MiB."""
AT_ONCE = 4
"""Requests that the gateway is told to send at the same time; more would only wait for the processor, in our queue
instead of in the gateway's, which knows their priorities. There are more slots than that because each keeps the
beginning of another prompt."""
STOP_TIMEOUT = 5.0
"""Seconds that a cancelled request waits for the model to stop."""
LABEL_TOKENS = 4
"""An answer of so few tokens is over in the time of its prompt."""

SAMPLING = frozenset(
    {
        "frequency_penalty",
        "min_p",
        "mirostat",
        "mirostat_eta",
        "mirostat_tau",
        "presence_penalty",
        "repeat_last_n",
        "repeat_penalty",
        "seed",
        "stop",
        "temperature",
        "top_k",
        "top_p",
        "typical_p",
    }
)
"""Ollama's sampling options that llama-server knows by the same name."""

logger = logging.getLogger(__name__)

T = TypeVar("T")


class EmbeddedModel:
    """A `ChatModel` that runs a GGUF file by llama.cpp inside this process.

    Loading stops all of Python for a moment, 0.5 s for the small model; start it before the game connects.

    Args:
        path: the file; by default the small one that `brains model pull` fetches.
        slots: for how many prompts their beginnings are kept ready; by default one for each template and one more,
            as far as they fit into 512 MiB.
        threads: processor threads; by default half of the processors, because the game needs the others.
        context: tokens that a prompt and its answer may take together; 2048 by default.
        cache_ram_mib: memory for the beginnings of further prompts.
        label_way: how label questions are put; `completion` suits small and base models.
        verbosity: how much llama.cpp itself writes to stderr; 0 is nothing.
        templates: how many templates there are; without it, 7.
        fast_weights: whether a small model in Q4_1 is run from a copy in Q8_0, which decides faster and a little
            otherwise. It is written at the first start, beside the other things that are kept (`$BRAINS_CACHE`);
            `ModelInfo.digest` stays that of the file, so that its calibrations are used.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        slots: int | None = None,
        threads: int | None = None,
        context: int | None = None,
        cache_ram_mib: int = 256,
        label_way: Way | None = None,
        verbosity: int = 0,
        templates: int | None = None,
        fast_weights: bool = False,
    ) -> None:
        for what, number in (("slots", slots), ("threads", threads), ("context", context)):
            if number is not None and number < 1:
                raise ConfigError(f"{what} of a model must be 1 or more, not {number}")
        self.path = default_model_path() if path is None else Path(path)
        self._is_default = path is None
        self._slots = slots
        self._threads = threads or default_threads()
        self._context = context
        self._cache_ram_mib = cache_ram_mib
        self._label_way: Way = label_way or "completion"
        self._verbosity = verbosity
        self._templates = templates
        self._fast_weights = fast_weights
        self._llama: Llama | None = None
        self._info: ModelInfo | None = None
        self._ignored: set[str] = set()

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    async def start(self) -> ModelInfo:
        """Load the model, if it is not, and say what it can do.

        Raises:
            ConfigError: xllamacpp is not installed, or the file that was named is not there or no usable model.
            ModelError: the default model is not there or cannot be loaded; `brains model pull` may yet bring it.
        """
        if self._info is None or self._llama is None or not self._llama.loaded:
            try:
                self._info = await _in_thread(self._load)
            except (ModelNotInstalled, ModelRefused) as error:
                if self._is_default:
                    raise
                # Nobody brings a file that was named wrongly: to try again would be to try for ever.
                raise ConfigError(str(error)) from error
        return self._info

    async def generate(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        """Answer one request. Cancelling the task stops the model, within 64 tokens of prompt or one of the answer.

        Raises:
            ModelError: the kind says what happened.
        """
        if self._llama is None or not self._llama.loaded:
            await self.start()
        llama = self._llama
        assert llama is not None
        route, body = self._body(request)
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        answer = _Answer(request)

        def take(chunk: Chunk) -> None:
            text = answer.add(chunk)
            if text and on_text is not None:
                loop.call_soon_threadsafe(tell, text)

        def tell(text: str) -> None:
            if on_text is None or call.cancelled:
                return
            try:
                on_text(text)
            except BaseException as error:
                call.error = error
                llama.cancel(call)

        schema = request.schema if request.way == "schema" else None
        alone = _prefix_of(request)
        call = Call(route, body, take, lambda: _call_in(loop, _settle, ended), schema=schema, alone=alone)
        llama.submit(call)
        try:
            await asyncio.wait([ended])
        except asyncio.CancelledError:
            llama.cancel(call)
            await asyncio.wait([ended], timeout=STOP_TIMEOUT)
            raise
        if call.error is not None:
            raise call.error
        if call.cancelled:
            raise ModelUnavailable("the model inside the process was closed while it answered")
        return answer.reply(request, self.name, llama.settings.context)

    async def close(self) -> None:
        """Stop everything and free the model. Any number of times; `start` loads it again."""
        if self._llama is not None:
            await _in_thread(self._llama.close)

    def _load(self) -> ModelInfo:
        begin = time.perf_counter()
        if not self.path.is_file():
            hint = "run `brains model pull`" if self._is_default else "`brains model pull` fetches a small one"
            raise ModelNotInstalled(f"there is no model at {self.path}: {hint}")
        try:
            head = read_head(self.path)
            digest = digest_of(self.path)
        except OSError as error:
            raise ModelNotInstalled(f"the model {self.path} cannot be read: {error.strerror}") from error
        if self._llama is None:
            path = recoded(self.path, digest, cache_folder() / "recoded") if self._fast_weights else self.path
            self._llama = Llama(self._settings(head, path))
        settings = self._llama.settings
        logger.info(
            "loading %s (%.0f MB, %d slots of %d tokens, %d threads)",
            self.name,
            self.path.stat().st_size / 1e6,
            settings.slots,
            settings.context,
            settings.threads,
        )
        self._llama.load()
        logger.info("loaded %s in %.1f s", self.name, time.perf_counter() - begin)
        return ModelInfo(
            name=self.name,
            digest=digest,
            backend="embedded",
            ways=frozenset({"completion", "chat", "schema", "text"}),
            label_way=self._label_way,
            context=settings.context,
            slots=min(settings.slots, AT_ONCE),
        )

    def _settings(self, head: GgufHead, path: Path) -> Settings:
        context = self._context or CONTEXT
        if head.context:
            context = min(context, head.context)
        fit = CACHE_BYTES // (context * head.cache_per_token) if head.cache_per_token else AT_ONCE
        templates = USUAL_TEMPLATES if self._templates is None else self._templates
        wanted = max(templates + SPARE_SLOTS, AT_ONCE)
        if fit < wanted and not self._slots:
            logger.info(
                "%d prompts take turns, and memory for the beginnings of %d is used: say slots = %d for one each",
                wanted,
                max(fit, 1),
                wanted,
            )
        return Settings(
            path=path,
            slots=self._slots or max(min(fit, wanted), 1),
            context=context,
            threads=self._threads,
            cache_ram_mib=self._cache_ram_mib,
            verbosity=self._verbosity,
        )

    def _body(self, request: ModelRequest) -> tuple[Route, dict[str, Any]]:
        body = self._options(request)
        body["max_tokens"] = request.max_tokens
        if request.way == "schema" and request.schema is None:
            raise ConfigError(f"prompt {request.name!r} is to be asked by schema, but has no schema")
        if request.way != "text":
            body.setdefault("temperature", 0)
        if request.messages:
            if request.top_logprobs:
                body |= {"logprobs": True, "top_logprobs": request.top_logprobs}
            messages = [{"role": role, "content": content} for role, content in request.messages]
            return "chat", {**body, "messages": messages}
        if request.top_logprobs:
            body["logprobs"] = request.top_logprobs
        return "completion", {**body, "prompt": request.prompt}

    def _options(self, request: ModelRequest) -> dict[str, Any]:
        """Return the options that llama-server knows; the others are named once in the log."""
        wrong = sorted(LOAD_TIME_OPTIONS & request.options.keys())
        if wrong:
            raise ConfigError(
                f"prompt {request.name!r} sets {', '.join(map(repr, wrong))}, which is set once, for the model: "
                "take it out of the prompt's `model: options:`"
            )
        unknown = request.options.keys() - SAMPLING - {"num_predict"} - self._ignored
        if unknown:
            self._ignored |= unknown
            logger.warning("llama.cpp knows no option %s: ignored", ", ".join(map(repr, sorted(unknown))))
        return {name: value for name, value in request.options.items() if name in SAMPLING}


class _Answer:
    """Puts the pieces of an answer together; filled by one thread, read by another after the end."""

    def __init__(self, request: ModelRequest) -> None:
        self._request = request
        self._text: list[str] = []
        self._tokens: list[TokenChoice] = []
        self._finish = ""
        self._timings: Mapping[str, Any] = {}
        self._error: Mapping[str, Any] | None = None

    def add(self, chunk: Chunk) -> str:
        """Take a piece, and return the text in it."""
        if "error" in chunk:
            self._error = chunk["error"]
            return ""
        self._timings = chunk.get("timings") or self._timings
        text = ""
        for choice in chunk.get("choices", ()):
            text += choice.get("text") or choice.get("delta", {}).get("content") or ""
            self._finish = choice.get("finish_reason") or self._finish
            for entry in (choice.get("logprobs") or {}).get("content") or ():
                top = tuple((one["token"], one["logprob"]) for one in entry["top_logprobs"] if _likely(one))
                self._tokens.append(TokenChoice(entry["token"], entry["logprob"] or 0.0, top))
        if text:
            self._text.append(text)
        return text

    def reply(self, request: ModelRequest, model: str, context: int) -> ModelReply:
        """Return the whole answer.

        Raises:
            ModelError: there is none.
        """
        if self._error is not None:
            raise _explain(self._error, request, context)
        if not self._finish:
            raise MalformedAnswer(f"the answer of {model} to prompt {request.name!r} broke off")
        timings = self._timings
        return ModelReply(
            text="".join(self._text),
            tokens=tuple(self._tokens) if request.top_logprobs else (),
            done_reason="length" if self._finish == "length" else "stop",
            prompt_tokens=timings.get("cache_n", 0) + timings.get("prompt_n", 0),
            cached_tokens=timings.get("cache_n", 0),
            output_tokens=timings.get("predicted_n", 0),
            prompt_time=timings.get("prompt_ms", 0.0) / 1000,
            generate_time=timings.get("predicted_ms", 0.0) / 1000,
        )


def _likely(entry: Mapping[str, Any]) -> bool:
    """Whether the token can come at all; JSON writes the logarithm of 0, which is minus infinity, as null."""
    return entry["logprob"] is not None


def _explain(error: Mapping[str, Any], request: ModelRequest, context: int) -> ModelError:
    message = str(error.get("message", error))
    if error.get("type") == "exceed_context_size_error":
        tokens = error.get("n_prompt_tokens", "more")
        return PromptTooLong(
            f"prompt {request.name!r} has {tokens} tokens, and the context of the model takes {context}: "
            "shorten it, or give the model a larger context",
            prompt=request.name,
        )
    code = error.get("code")
    if isinstance(code, int) and 400 <= code < 500:
        return ModelRefused(f"llama.cpp refuses prompt {request.name!r}: {message}")
    return ModelUnavailable(f"llama.cpp failed on prompt {request.name!r}: {message}")


def _prefix_of(request: ModelRequest) -> str:
    """Return what stands for the constant beginning of a label question; nothing for a long answer.

    Label questions of one template run one after the other: each is over in a moment if it meets its beginning in a
    slot's cache. Long answers gain from running together.
    """
    if request.max_tokens > LABEL_TOKENS:
        return ""
    return request.name or (request.messages[0][1] if request.messages else request.prompt)[:64]


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file; what was reckoned before for this size and time of change is remembered."""
    stat = path.stat()
    key = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
    memory = cache_folder() / "digests.json"
    known: dict[str, str] = {}
    try:
        read = json.loads(memory.read_text(encoding="utf-8"))
        known = read if isinstance(read, dict) else {}
    except (OSError, ValueError):
        pass
    if key in known:
        return str(known[key])
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        part = memory.with_name(f"{memory.name}.{os.getpid()}")
        part.write_text(json.dumps({**known, key: found}), encoding="utf-8")
        os.replace(part, memory)
    except OSError as error:
        logger.debug("the digest of %s is not remembered: %s", path, error)
    return found


async def _in_thread(work: Callable[[], T]) -> T:
    """Run blocking work in a thread that the interpreter's exit does not wait for."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:
            failure.append(error)
        _call_in(loop, _settle, ended)

    threading.Thread(target=run, name="model", daemon=True).start()
    await asyncio.wait([ended])
    if failure:
        raise failure[0]
    return outcome[0]


def _call_in(loop: asyncio.AbstractEventLoop, work: Callable[..., None], *args: Any) -> None:
    """Call something in a loop, from another thread; a loop that is closed needs it no more."""
    try:
        loop.call_soon_threadsafe(work, *args)
    except RuntimeError:
        if not loop.is_closed():
            raise


def _settle(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)

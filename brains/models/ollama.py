"""A model that runs in Ollama.

What is always so, whatever is asked: answers are streamed; thinking is off (Ollama switches it on for models
that can); a prompt is never cut to fit; the load-time options and the keep-alive are the same; nothing is
asked twice.

A request that has to load the model first takes the load down with it when it is cancelled, so that a leaf
with a short deadline could keep a model from ever being loaded. Therefore a model that may be cold is loaded
by a task of its own, which outlives whoever waits for it, and only then asked.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, TypeVar

import msgspec

from brains.errors import (
    ConfigError,
    MalformedAnswer,
    ModelError,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
    PromptTooLong,
)
from brains.models._ollama import ollama
from brains.models.ollama_answer import Answer, Chunk
from brains.models.ollama_client import LoopClients, NoDecisions, OllamaClient
from brains.models.ollama_decisions import MOST_QUESTIONS, Decider
from brains.models.ollama_errors import CALL_ERRORS, Place, explain
from brains.models.ollama_format import grammatical
from brains.models.ollama_host import connectable_url
from brains.models.ollama_info import best_way, find_installed, possible_ways
from brains.models.ollama_names import is_of_cloud
from brains.models.ollama_options import freeze, keep_alive_seconds, merge
from brains.models.ollama_reload import absence_cause, reload_cause
from brains.questions import ModelInfo, ModelReply, ModelRequest, Way

__all__ = ["OllamaModel"]

KEEP_ALIVE_MARGIN = 5.0
"""Seconds before the end of the keep-alive in which we already take the model for unloaded."""

WAKING: Mapping[str, Any] = {"state": "", "questions": {"awake": {"type": "noul", "instructions": "Are you awake?"}}}
"""The smallest question that loads a decision model."""

logger = logging.getLogger(__name__)

Reply = TypeVar("Reply")


class OllamaModel:
    """A `ChatModel` behind Ollama's HTTP interface.

    It may be used from several event loops, one after the other; `close` it in each.

    Args:
        name: the model, as `ollama list` shows it; `:latest` may be left out.
        host: where Ollama is, as in `OLLAMA_HOST`; by default what that says, else this machine.
        load_options: Ollama's load-time options (`num_ctx`, `num_gpu` ...). They never change, because Ollama
            loads a model again when they do. `num_ctx` is 4096 by default.
        keep_alive: how long Ollama keeps the model after a request; sent with every one.
        connect_timeout: seconds in which something must answer at the address.
        request_timeout: seconds in which a whole answer must have come.
        load_timeout: seconds in which the model must be loaded.
        label_way: how label questions are put, if not as the model's kind suggests.
        slots: how many requests the server works on at the same time; by default `OLLAMA_NUM_PARALLEL` of our
            environment (the server does not tell its own), else 1. A decision model's requests hold several questions
            each, and `ModelInfo.slots` counts questions.

    Raises:
        ConfigError: one of these cannot work.
    """

    def __init__(
        self,
        name: str,
        *,
        host: str | None = None,
        load_options: Mapping[str, Any] | None = None,
        keep_alive: str | float = "30m",
        connect_timeout: float = 2.0,
        request_timeout: float = 60.0,
        load_timeout: float = 300.0,
        label_way: Way | None = None,
        slots: int | None = None,
    ) -> None:
        if not name.strip():
            raise ConfigError("the name of the Ollama model is empty: `ollama list` shows what there is")
        self._name = name
        self._url = connectable_url(host)
        self._load_options = freeze(load_options)
        self._keep_alive = keep_alive
        self._stays = keep_alive_seconds(keep_alive)
        self._request_timeout = request_timeout
        self._load_timeout = load_timeout
        self._label_way = label_way
        self._slots = slots or _slots_of_environment()
        self._clients = LoopClients(self._url, connect_timeout=connect_timeout)
        self._context = int(self._load_options["num_ctx"])
        self._hot_until = 0.0
        self._loading: asyncio.Task[None] | None = None
        self._was_ready = False
        self._listed = 0
        """The context that the server told for the model right after we had loaded it; 0: it does not tell."""
        self._reload: tuple[float, str] | None = None
        """Seconds and cause of a load that nobody has been told of."""
        self._only_decides = False
        self._deciders: dict[asyncio.AbstractEventLoop, Decider] = {}

    @property
    def name(self) -> str:
        """The model's name."""
        return self._name

    @property
    def url(self) -> str:
        """Where Ollama is."""
        return self._url

    @property
    def heard(self) -> int:
        """How often anything has come of the model's answers; while this stays the same, it is silent."""
        return self._clients.heard

    async def start(self) -> ModelInfo:
        """Check that the model is there, load it with a long patience, and say what it can do.

        Raises:
            ModelError: with what to do about it.
        """
        client = await self._clients.get()
        server = await self._call(client.version())
        models, version = (await self._call(client.list())).models, server.version
        installed = find_installed(models, self._name, served_at=self._url if server.server == "brains" else "")
        show = await self._call(client.show(self._name))
        ways = possible_ways(show, version)
        if is_of_cloud(self._name):
            ways -= {"schema"}  # it is not held to one there
            logger.warning(
                "%s runs on Ollama's servers: all that is asked, and what players say, goes there", self._name
            )
        label_way = self._label_way or best_way(show, ways)
        if label_way not in ways:
            raise ModelRefused(
                f"model {self._name!r} cannot be asked by {label_way!r} at {self._url} (Ollama {version}), "
                "only by "
                f"{', '.join(sorted(ways))}: log-probabilities need Ollama 0.12.11, `chat` a chat template, and "
                "`systemone` a decision model and Ollama 0.35"
            )
        self._only_decides = ways == {"systemone"}
        await self._load()
        running = await self._call(client.ps())
        self._context = self._context_of(running, installed)
        self._listed = next((one.context_length or 0 for one in running.models if one.model == installed.model), 0)
        self._was_ready = True
        return ModelInfo(
            name=self._name,
            digest=installed.digest or "",
            backend="ollama",
            ways=ways,
            label_way=label_way,
            context=self._context,
            slots=self._slots * (MOST_QUESTIONS if label_way == "systemone" else 1),
        )

    async def generate(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        """Answer one request; cancelling closes the connection at once, which stops the model.

        Raises:
            ConfigError: the request sets a load-time option.
            ModelError: the kind says what happened.
        """
        if request.way == "systemone":
            return _later(await self._be_loaded(), await self._decider().ask(request))
        place = Place(self._url, self._name, request.name)
        options = merge(self._load_options, request.options, max_tokens=request.max_tokens, prompt=request.name)
        loading = await self._be_loaded()
        answer = await self._run(
            place, self._request_timeout, lambda client: self._ask(client, request, options), on_text
        )
        reply = answer.reply(place)
        self._check(reply, place)
        return _later(loading, reply)

    async def close(self) -> None:
        """Stop loading and close the connections. Any number of times; a later call opens them again."""
        loading, self._loading = self._loading, None
        if loading is not None and loading.get_loop() is asyncio.get_running_loop():
            loading.cancel()
            await asyncio.wait([loading])
        decider = self._deciders.pop(asyncio.get_running_loop(), None)
        if decider is not None:
            await decider.close()
        await self._clients.close()

    def _ask(self, client: OllamaClient, request: ModelRequest, options: Mapping[str, Any]) -> Awaitable[Any]:
        asked: dict[str, Any] = {**self._always(), "options": options}
        if request.top_logprobs:
            # While a stop string, also one of the model's own, may have begun, Ollama holds back the text, and with
            # it the probabilities; of a single token they are never sent then. A label is over in a token anyway.
            asked |= {"options": {**options, "stop": []}, "logprobs": True, "top_logprobs": request.top_logprobs}
        if request.way == "completion":
            return client.generate(prompt=request.prompt, raw=True, **asked)
        if request.way == "schema":
            if request.schema is None:
                raise ConfigError(f"prompt {request.name!r} is to be asked by schema, but has no schema")
            asked["format"] = grammatical(request.schema)
        messages = [{"role": role, "content": content} for role, content in request.messages]
        return client.chat(messages=messages, **asked)

    def _decider(self) -> Decider:
        loop = asyncio.get_running_loop()
        if loop not in self._deciders:
            self._deciders = {loop: Decider(self._decide, at_once=self._slots)}
        return self._deciders[loop]

    async def _decide(self, body: Mapping[str, Any], prompt: str, seconds: float | None = None) -> Any:
        """Send one request to the decision API, and wait for as long as for any other, or for so many seconds."""
        place = Place(self._url, self._name, prompt)
        client = await self._clients.get()
        try:
            async with asyncio.timeout(seconds or self._request_timeout):
                answer = await client.decide({"model": self._name, **body, "keep_alive": self._keep_alive})
        except NoDecisions as error:
            raise ModelRefused(
                f"what answers at {self._url} has no decision API: update Ollama to 0.35, or put label questions "
                f"another way (label_way) than 'systemone' to model {self._name!r}"
            ) from error
        except CALL_ERRORS as error:
            raise self._failed(error, place) from error
        self._stay_hot()
        return answer

    def _stay_hot(self) -> None:
        self._hot_until = time.monotonic() + self._stays - min(KEEP_ALIVE_MARGIN, self._stays / 2)

    def _always(self) -> dict[str, Any]:
        return {"model": self._name, "stream": True, "think": False, "keep_alive": self._keep_alive}

    async def _run(
        self,
        place: Place,
        seconds: float,
        ask: Callable[[OllamaClient], Awaitable[Any]],
        on_text: Callable[[str], None] | None = None,
    ) -> Answer:
        """Ask, and collect what comes; the connection is closed when this returns, raises or is cancelled."""
        client = await self._clients.get()
        answer = Answer()
        try:
            async with asyncio.timeout(seconds) as limit:
                async with aclosing(self._chunks(await ask(client), place)) as chunks:
                    async for chunk in chunks:
                        text = answer.add(chunk)
                        if text and on_text is not None:
                            on_text(text)
        except asyncio.CancelledError:
            if not answer.begun:
                # Perhaps the model was being loaded again, and our going stops that. The next one finds out.
                self._hot_until = 0.0
            raise
        except TimeoutError:
            if not limit.expired():
                raise
            self._hot_until = 0.0
            raise ModelTimeout(
                f"Ollama at {self._url} did not answer {place.asked} within {seconds:g} s: "
                "it is overloaded, or the model is too large for this machine"
            ) from None
        self._stay_hot()
        return answer

    async def _chunks(self, stream: AsyncGenerator[Chunk, None], place: Place) -> AsyncGenerator[Chunk, None]:
        # The ollama package hides its response in a generator. Left to the garbage collector, the connection
        # would stay open for a while, and the model would go on for nobody.
        async with aclosing(stream):
            while True:
                try:
                    chunk = await anext(stream)
                except StopAsyncIteration:
                    return
                except CALL_ERRORS as error:
                    raise self._failed(error, place) from error
                yield chunk

    async def _call(self, asked: Awaitable[Reply]) -> Reply:
        place = Place(self._url, self._name)
        try:
            async with asyncio.timeout(self._request_timeout):
                return await asked
        except CALL_ERRORS as error:
            raise self._failed(error, place) from error

    def _failed(self, error: BaseException, place: Place) -> ModelError:
        # Whatever it was, the model may be gone, and loading it once more in vain costs nothing.
        self._hot_until = 0.0
        return explain(error, place)

    async def _be_loaded(self) -> float:
        """Have the model loaded again if it may not be; return how many seconds that took."""
        began = time.monotonic()
        if began < self._hot_until:
            return 0.0
        await self._load()
        return 0.0 if self._reload is None else time.monotonic() - began

    async def _load(self) -> None:
        """Load the model, once for all who want it. Cancelling ends the waiting, not the loading."""
        task = self._loading
        if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
            task = self._loading = asyncio.create_task(self._load_alone(), name=f"load {self._name}")
            task.add_done_callback(_retrieve)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            waiter = asyncio.current_task()
            if task.cancelled() and waiter is not None and not waiter.cancelling():
                raise ModelUnavailable(f"model {self._name!r} was closed while it was being loaded") from None
            raise

    async def _load_alone(self) -> None:
        cause = await self._why_absent() if self._was_ready else ""
        began = time.monotonic()
        await self._have_it_loaded()
        if cause:
            self._reload = time.monotonic() - began, cause

    async def _have_it_loaded(self) -> None:
        place = Place(self._url, self._name)
        if self._only_decides:
            # It knows no chat that could load it; but whatever it is asked does.
            await self._decide(WAKING, "", self._load_timeout)
            return
        options = dict(self._load_options)
        answer = await self._run(
            place,
            self._load_timeout,
            lambda client: client.chat(messages=[], options=options, **self._always()),
        )
        if not answer.loaded:
            self._hot_until = 0.0
            raise MalformedAnswer(
                f"Ollama at {self._url} was to load model {self._name!r}, but does not say that it did"
            )

    def _context_of(self, running: ollama.ProcessResponse, installed: ollama.ListResponse.Model) -> int:
        """Return how many tokens the loaded model takes: fewer than asked for if it was made for fewer."""
        wanted = int(self._load_options["num_ctx"])
        for model in running.models:
            if model.model == installed.model and model.context_length:
                if self._only_decides:
                    return model.context_length  # the decision API takes no options
                if model.context_length > wanted:
                    logger.warning(
                        "model %s runs with a context of %d tokens and not the %d we ask for: another "
                        "program uses it with "
                        "other options, and each request loads it again",
                        self._name,
                        model.context_length,
                        wanted,
                    )
                return min(wanted, model.context_length)
        return wanted

    def _check(self, reply: ModelReply, place: Place) -> None:
        if reply.prompt_tokens >= self._context:
            raise PromptTooLong(
                f"{place.asked} fills the whole context of model {self._name!r} ({reply.prompt_tokens} of "
                f"{self._context} "
                "tokens), so that Ollama has cut it: shorten it, or give the model a larger num_ctx",
                prompt=place.prompt,
            )
        if reply.prompt_tokens + reply.output_tokens > self._context:
            # `truncate: false` is about the prompt alone. For a long answer Ollama makes room by itself.
            logger.warning(
                "the answer to %s ran over the context of model %s (%d tokens), and Ollama went on without the "
                "beginning of the prompt: "
                "set a smaller limit of tokens, or give the model a larger num_ctx",
                place.asked,
                self._name,
                self._context,
            )

    async def _why_absent(self) -> str:
        """Return why the model, which was loaded, is not any more; empty if it is, or if the server does not tell."""
        slept = str(self._keep_alive) if 0 < self._hot_until <= time.monotonic() else ""
        client = await self._clients.get()
        try:
            return absence_cause(await self._call(client.ps()), self._name, self._listed, slept=slept)
        except ModelError:
            return ""  # loading it will say what is wrong

    def take_reload(self) -> tuple[float, str] | None:
        """Return, once, how many seconds it took to load the model again, and why; None if it was not.

        Of loads that no answer tells of: while one goes on, the questions that wait for it may be given up.
        """
        reload, self._reload = self._reload, None
        return reload

    async def why_reloaded(self) -> str:
        """Return why the model was loaded again just now, as far as the server can tell; empty for unknown."""
        client = await self._clients.get()
        return reload_cause(await self._call(client.ps()), self._name, int(self._load_options["num_ctx"]))


def _later(seconds: float, reply: ModelReply) -> ModelReply:
    """Return a reply that waited for so much loading besides its own."""
    return msgspec.structs.replace(reply, load=reply.load + seconds) if seconds else reply


def _slots_of_environment() -> int:
    value = os.environ.get("OLLAMA_NUM_PARALLEL", "").strip()
    return max(int(value), 1) if value.isdecimal() and value.isascii() else 1


def _retrieve(loading: asyncio.Task[None]) -> None:
    """Take the task's exception, so that asyncio does not report one that nobody waited for any more."""
    if not loading.cancelled():
        loading.exception()

"""Speaks Ollama's HTTP interface over any model of ours, so that whatever can talk to Ollama can talk to it.

It knows what `OllamaModel` and most other clients need: version, tags, ps, show, chat and generate, streamed or not,
with log-probabilities, JSON Schemas and Ollama's error texts. Different from Ollama: one model, which is never
unloaded; load-time options change nothing; and a prompt that is too long is always refused, never cut.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from brains.errors import ModelBusy, ModelError, ModelRefused, PromptTooLong
from brains.models.ollama_names import full_name
from brains.models.wire_answer import Writer
from brains.models.wire_http import Handler, HttpServer, Request, Responder
from brains.models.wire_request import ChatBody, GenerateBody, ShowBody, WireError, as_request, parse
from brains.questions import ChatModel, ModelInfo, ModelReply

__all__ = ["Facts", "WireServer"]

VERSION = "0.33.0"
"""The Ollama that it is like."""
LOAD_TIME = 1e-5
"""Seconds; to hand out a hot model takes no time."""
STATUS: Mapping[type[ModelError], int] = {PromptTooLong: 400, ModelRefused: 400, ModelBusy: 503}
CHATML = "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
BASE = "{{ .Prompt }}"
PREFLIGHT = [
    ("Access-Control-Allow-Methods", "GET,POST,HEAD,OPTIONS"),
    ("Access-Control-Allow-Headers", "Content-Type"),
]
PAGES = re.compile(
    r"https?://(localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(:\d+)?|(app|file|tauri|vscode-webview|vscode-file)://.*"
)
"""The web pages that Ollama answers: those of this machine, and of programs on it."""

logger = logging.getLogger(__name__)


class Facts(NamedTuple):
    """What is told of the model besides its `ModelInfo`."""

    family: str = "llama"
    parameter_size: str = ""
    """Such as `135M`."""
    size: int = 0
    """Bytes of the file."""


class WireServer:
    """Serves one started model.

    Args:
        model: the model; whoever made it closes it.
        info: what its `start` said.
        facts: what else is known of it.
        host: the address to listen on.
        port: 0 takes a free one; afterwards `url` names it.
    """

    def __init__(
        self,
        model: ChatModel,
        info: ModelInfo,
        facts: Facts = Facts(),  # noqa: B008 (it cannot be changed)
        *,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._model = model
        self._info = info
        self._facts = facts
        self._since = datetime.now(UTC).isoformat()
        self._http = HttpServer(self._answer, host=host, port=port)
        chat = partial(self._ask, chat=True)
        ask = partial(self._ask, chat=False)
        self._routes: dict[tuple[str, str], Handler] = {
            ("GET", "/"): self._hello,
            ("GET", "/api/version"): self._version,
            ("GET", "/api/tags"): self._tags,
            ("GET", "/api/ps"): self._ps,
            ("POST", "/api/show"): self._show,
            ("POST", "/api/chat"): chat,
            ("POST", "/api/generate"): ask,
        }

    @property
    def url(self) -> str:
        """Where it is."""
        host = f"[{self._http.host}]" if ":" in self._http.host else self._http.host
        return f"http://{host}:{self._http.port}"

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be had.
        """
        await self._http.start()

    async def close(self) -> None:
        """Stop listening, and stop the model on what it is being asked."""
        await self._http.close()

    async def _answer(self, request: Request, respond: Responder) -> None:
        if not _allowed_host(request.host) or not _allowed_origin(request.origin):
            await respond.send(403)
            return
        if request.origin:
            respond.extra += [("Access-Control-Allow-Origin", request.origin), ("Vary", "Origin")]
        if request.method == "OPTIONS":
            respond.extra += PREFLIGHT
            await respond.send(204)
            return
        method = "GET" if request.method == "HEAD" else request.method
        handler = self._routes.get((method, request.path))
        if handler is None:
            known = [method for method, path in self._routes if path == request.path]
            if known:
                respond.extra.append(("Allow", ", ".join(["HEAD", *known] if "GET" in known else known)))
            text = b"405 method not allowed" if known else b"404 page not found"
            await respond.send(405 if known else 404, text, "text/plain")
            return
        try:
            await handler(request, respond)
        except WireError as error:
            await self._fail(respond, error.status, str(error))
        except ModelError as error:
            await self._fail(respond, STATUS.get(type(error), 500), _wording(error))

    async def _fail(self, respond: Responder, status: int, text: str) -> None:
        """Say what went wrong: by the status, or in the stream where that is out already."""
        if not respond.begun:
            await respond.json(status, {"error": text})
            return
        await respond.stream(json.dumps({"error": text}).encode() + b"\n", "application/x-ndjson")
        await respond.end()

    async def _hello(self, request: Request, respond: Responder) -> None:
        await respond.send(200, b"Ollama is running", "text/plain; charset=utf-8")

    async def _version(self, request: Request, respond: Responder) -> None:
        await respond.json(200, {"version": VERSION, "server": "brains"})

    async def _tags(self, request: Request, respond: Responder) -> None:
        entry = self._entry()
        details = {**entry.pop("details"), "context_length": self._info.context}
        more = {"modified_at": self._since, "details": details, "capabilities": ["completion"]}
        await respond.json(200, {"models": [{**entry, **more}]})

    async def _ps(self, request: Request, respond: Responder) -> None:
        more = {"expires_at": "2318-01-01T00:00:00Z", "size_vram": 0, "context_length": self._info.context}
        await respond.json(200, {"models": [{**self._entry(), **more}]})

    async def _show(self, request: Request, respond: Responder) -> None:
        asked = parse(request.body, ShowBody)
        self._check_model(asked.model or asked.name or "")
        family = self._facts.family
        body = {
            "modelfile": f"FROM {self._info.name}\n",
            "template": CHATML if "chat" in self._info.ways else BASE,
            "details": self._details(),
            "model_info": {"general.architecture": family, f"{family}.context_length": self._info.context},
            "capabilities": ["completion"],
            "modified_at": self._since,
        }
        await respond.json(200, body)

    async def _ask(self, request: Request, respond: Responder, *, chat: bool) -> None:
        began = time.perf_counter()
        body: ChatBody | GenerateBody = parse(request.body, ChatBody) if chat else parse(request.body, GenerateBody)
        body.check()
        name = body.model or ""
        if not chat and not name.strip():
            raise WireError(404, f"model '{name}' not found")
        self._check_model(name)
        writer = Writer(respond, name, chat=chat, stream=body.stream is not False, alternatives=body.top_logprobs or 0)
        empty = not (body.messages if isinstance(body, ChatBody) else body.prompt)
        if empty and body.unloads:
            await writer.nothing("unload")
            return
        if empty:
            body.format = None  # Ollama looks at it when there is something to answer
        asked = as_request(body, self._info)
        if empty:
            await writer.nothing("load")
            return
        reply = await writer.run(self._model, asked)
        await writer.end(reply, _metrics(reply, time.perf_counter() - began))

    def _check_model(self, name: str) -> None:
        """Refuse another model than ours.

        Raises:
            WireError: as Ollama says it.
        """
        if not name.strip():
            raise WireError(400, "model is required")
        if full_name(name) != full_name(self._info.name):
            raise WireError(404, f"model '{name}' not found")

    def _entry(self) -> dict[str, Any]:
        name = f"{self._info.name}:latest"
        known = {"size": self._facts.size, "digest": self._info.digest, "details": self._details()}
        return {"name": name, "model": name, **known}

    def _details(self) -> dict[str, Any]:
        family = self._facts.family
        known = {"parameter_size": self._facts.parameter_size, "quantization_level": ""}
        return {"parent_model": "", "format": "gguf", "family": family, "families": [family], **known}


def _wording(error: ModelError) -> str:
    """Say it in words by which Ollama's clients know what it is."""
    if isinstance(error, PromptTooLong):
        return f"the prompt exceeds the available context size: {error}"
    if isinstance(error, ModelBusy):
        return "server busy, please try again.  maximum pending requests exceeded"
    return str(error)


def _metrics(reply: ModelReply, total: float) -> dict[str, int]:
    seconds = {
        "total_duration": total,
        "load_duration": LOAD_TIME + reply.load,
        "prompt_eval_duration": reply.prompt_time,
        "eval_duration": reply.generate_time,
    }
    nano = {name: int(value * 1e9) for name, value in seconds.items()}
    counts = {"prompt_eval_count": reply.prompt_tokens, "eval_count": reply.output_tokens}
    order = ("total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count")
    both = {**nano, **counts}
    # Go leaves out a zero.
    return {name: both[name] for name in (*order, "eval_duration") if both[name]}


def _allowed_origin(header: str) -> bool:
    """Whether a page may ask us: any page in a browser can send requests here, and make the model work."""
    return not header or PAGES.fullmatch(header) is not None


def _allowed_host(header: str) -> bool:
    """Whether a request is meant for us: a web page that rebinds its name to this address is not."""
    host = header.rpartition(":")[0] if not header.endswith("]") and ":" in header else header
    host = host.strip("[]").casefold()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host in ("", "localhost") or host.endswith((".localhost", ".local", ".internal"))
    return address.is_private or address.is_loopback

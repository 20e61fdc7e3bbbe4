"""The fake Ollama's routes: what is checked in what order, and what comes back."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

from tests.fakes.ollama_answer import Dropped, Job, as_reply, check_format, check_images, chunks, fitted, render
from tests.fakes.ollama_body import (
    chat_chunk,
    details,
    generate_chunk,
    message,
    nanoseconds,
    parse,
    show_body,
    tags_entry,
)
from tests.fakes.ollama_decide import MOST_BYTES, check_questions, decide
from tests.fakes.ollama_runner import Refusal, Scheduler
from tests.fakes.ollama_script import Answer, Ask, FakeModel, Fault
from tests.fakes.ollama_wire import JSON, NDJSON, STREAM_ERROR, HttpRequest, Outgoing, go_json, rfc3339_nano

PLAIN = "text/plain"
_PART = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"
_NAME = re.compile(rf"(?:(?:[A-Za-z0-9_][A-Za-z0-9_.:-]*/)?[A-Za-z0-9_][A-Za-z0-9_-]*/)?{_PART}(?::{_PART})?")
_PRIVATE = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))

Think = Callable[[Ask], Answer]
Handler = Callable[[HttpRequest, Outgoing, int], Awaitable[None]]


class Routes:
    """Everything between a request and its response, but for the connection."""

    def __init__(self, scheduler: Scheduler, brain: Think, *, version: str, decisions: bool) -> None:
        self.scheduler = scheduler
        self.brain = brain
        self.version = version
        self.decisions = decisions
        self.check_host = True
        self.handlers: dict[tuple[str, str], Handler] = {
            ("HEAD", "/"): self._hello,
            ("HEAD", "/api/version"): self._version,
            ("HEAD", "/api/tags"): self._tags,
            ("GET", "/"): self._hello,
            ("GET", "/api/version"): self._version,
            ("GET", "/api/tags"): self._tags,
            ("GET", "/api/ps"): self._ps,
            ("POST", "/api/show"): self._show,
            ("POST", "/api/chat"): self._ask,
            ("POST", "/api/generate"): self._ask,
        }
        if decisions:
            self.handlers["POST", "/v1/systemone"] = self._decide

    async def answer(self, request: HttpRequest, out: Outgoing, number: int) -> None:
        """Answer one request."""
        if self.check_host and not allowed_host(request.headers.get("host", "")):
            await out.send(403)
            return
        origin = request.headers.get("origin", "")
        if origin and not allowed_origin(origin):
            await out.send(403)
            return
        out.extra = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"} if origin else {}
        if request.method == "OPTIONS":
            await out.send(204)
            return
        handler = self.handlers.get((request.method, request.path))
        if handler is None and (request.method, request.path.removesuffix("/")) in self.handlers:
            await self._redirect(request, out)
            return
        if handler is None:
            others = [method for method, path in self.handlers if path == request.path]
            if others:
                await out.send(405, b"405 method not allowed", PLAIN, {"Allow": ", ".join(others)})
            else:
                await out.send(404, b"404 page not found", PLAIN)
            return
        try:
            await handler(request, out, number)
        except Refusal as refusal:
            await self._json(out, {"error": refusal.error}, refusal.status)

    async def _json(self, out: Outgoing, body: Any, status: int = 200, kind: str = JSON) -> None:
        await out.send(status, go_json(body).encode(), kind)

    async def _redirect(self, request: HttpRequest, out: Outgoing) -> None:
        path = {"Location": request.path.removesuffix("/")}
        if request.method == "POST":
            await out.send(307, b"", None, path)
            return
        link = f'<a href="{path["Location"]}">Moved Permanently</a>.\n\n'.encode()
        await out.send(301, link, "text/html; charset=utf-8", path)

    async def _hello(self, request: HttpRequest, out: Outgoing, number: int) -> None:
        await out.send(200, b"Ollama is running", "text/plain; charset=utf-8")

    async def _version(self, request: HttpRequest, out: Outgoing, number: int) -> None:
        await self._json(out, {"version": self.version})

    async def _tags(self, request: HttpRequest, out: Outgoing, number: int) -> None:
        models = sorted(self.scheduler.models.values(), key=lambda model: -model.modified_at)
        await self._json(out, {"models": [tags_entry(model) for model in models]})

    async def _ps(self, request: HttpRequest, out: Outgoing, number: int) -> None:
        models = [
            {
                "name": loaded.model.name,
                "model": loaded.model.name,
                "size": loaded.model.size,
                "digest": loaded.model.digest,
                "details": details(loaded.model),
                "expires_at": rfc3339_nano(loaded.expires_at),
                "size_vram": 0,
                "context_length": loaded.options["num_ctx"],
            }
            for loaded in self.scheduler.running()
        ]
        await self._json(out, {"models": models})

    async def _show(self, request: HttpRequest, out: Outgoing, number: int) -> None:
        body = parse(request.body, "ShowRequest")
        name = body.get("model") or body.get("name") or ""
        if not name.strip():
            raise Refusal(400, "model is required")
        await self._json(out, show_body(self._model(name, shown=full_name(name))))

    async def _decide(self, request: HttpRequest, out: Outgoing, number: int) -> None:
        if len(request.body) > MOST_BYTES:
            raise Refusal(413, "request body too large")
        body = parse(request.body, "SystemOneRequest")
        model = self._model(body.get("model", ""))
        check_questions(model, body)
        loaded, _ = await self.scheduler.runner(
            model, {}, shift=None, keep_alive=nanoseconds(body.get("keep_alive")), request=number
        )
        try:
            answer = await decide(body, loaded, self.brain, number)
        finally:
            self.scheduler.release(loaded)
        if isinstance(answer, Fault):
            if answer.drop:
                raise Dropped
            await self._fault(answer, out)
        elif isinstance(answer, bytes):
            await out.send(200, answer, JSON)
        else:
            await self._json(out, answer)

    def _model(self, name: str, shown: str | None = None) -> FakeModel:
        full = full_name(name).casefold()
        for known, model in self.scheduler.models.items():
            if known.casefold() == full:
                return model
        raise Refusal(404, f"model '{shown or name}' not found")

    async def _ask(self, request: HttpRequest, out: Outgoing, number: int) -> None:
        chat = request.path == "/api/chat"
        body = parse(request.body, "ChatRequest" if chat else "GenerateRequest")
        name, keep_alive = body.get("model", ""), nanoseconds(body.get("keep_alive"))
        if not name.strip():
            raise Refusal(400, "model is required") if chat else Refusal(404, f"model '{name}' not found")
        model, empty = self._model(name), not body.get("messages" if chat else "prompt")
        if empty and keep_alive == 0:
            self.scheduler.expire(model)
            await self._json(out, self._nothing(chat, name, "unload"))
            return
        thinks = self._check(model, body, chat)
        loaded, new = await self.scheduler.runner(
            model, body.get("options") or {}, shift=body.get("shift"), keep_alive=keep_alive, request=number
        )
        try:
            if empty:
                await self._json(out, self._nothing(chat, name, "load"))
                return
            await self._answer(Job(request.path, body, model, loaded, new, thinks), out, number)
        finally:
            self.scheduler.release(loaded)

    def _check(self, model: FakeModel, body: Mapping[str, Any], chat: bool) -> bool:
        """Return whether the model will think."""
        name, think = body["model"], body.get("think")
        raw = not chat and body.get("raw")
        if raw and any(body.get(other) for other in ("template", "system", "context")):
            raise Refusal(400, "raw mode does not support template, system, or context")
        if "thinking" not in model.capabilities and think:
            raise Refusal(400, f'"{name}" does not support thinking')
        if "completion" not in model.capabilities:
            raise Refusal(400, f'"{name}" does not support {"chat" if chat else "generate"}')
        for field, capability in (("tools", "tools"),) if chat else (("suffix", "insert"),):
            if body.get(field) and capability not in model.capabilities:
                raise Refusal(400, f"registry.ollama.ai/library/{model.name} does not support {capability}")
        return "thinking" in model.capabilities and think is not False

    def _nothing(self, chat: bool, name: str, reason: str) -> dict[str, Any]:
        """Return the answer to a request that asks nothing, and only loads or unloads the model."""
        now = self.scheduler.now()
        if chat:
            return chat_chunk(name, now, message(), done=True, done_reason=reason)
        return generate_chunk(name, now, done=True, done_reason=reason)

    async def _render_only(self, job: Job, prompt: str, out: Outgoing) -> None:
        name, now, debug = job.body["model"], self.scheduler.now(), dict[str, Any](rendered_template=prompt)
        images = [turn.get("images") or [] for turn in (job.body.get("messages") or [job.body])]
        if any(images):
            debug["image_count"] = sum(map(len, images))
        if job.chat:
            body = chat_chunk(name, now, {"role": "", "content": ""}, debug=debug)
        else:
            body = generate_chunk(name, now, debug=debug)
        await self._json(out, body)

    async def _answer(self, job: Job, out: Outgoing, number: int) -> None:
        prompt = render(job)
        if job.body.get("_debug_render_only"):
            await self._render_only(job, prompt, out)
            return
        try:
            check_format(job.body.get("format"))
            check_images(job.body, job.model)
            tokens = fitted(job, prompt)
            said_by_brain = self.brain(Ask(number, job.path, job.body, prompt))
            if isinstance(said_by_brain, Fault) and (said_by_brain.body is not None or said_by_brain.signin_url):
                await self._fault(said_by_brain, out)
                return
            stream = chunks(job, tokens, as_reply(said_by_brain), self.scheduler)
        except Refusal as refusal:
            kind = JSON if job.body.get("stream") is False else STREAM_ERROR
            await self._json(out, {"error": refusal.error}, refusal.status, kind)
            return
        if job.body.get("stream") is False:
            await self._whole(job, stream, out)
        else:
            await self._stream(stream, out)

    async def _fault(self, fault: Fault, out: Outgoing) -> None:
        if fault.body is not None:
            await out.send(fault.status, fault.body, PLAIN if not fault.body.startswith(b"{") else JSON)
        else:
            await self._json(out, fault.json, fault.status)

    async def _stream(self, stream: AsyncGenerator[Any, None], out: Outgoing) -> None:
        async for chunk in stream:
            if isinstance(chunk, Refusal):
                if out.status is None:
                    await self._json(out, {"error": chunk.error}, chunk.status, STREAM_ERROR)
                    return
                await out.stream(go_json({"error": chunk.error}).encode() + b"\n")
            else:
                await out.stream(chunk if isinstance(chunk, bytes) else go_json(chunk).encode() + b"\n")
        await out.stream(b"", NDJSON)
        await out.end()

    async def _whole(self, job: Job, stream: AsyncGenerator[Any, None], out: Outgoing) -> None:
        whole: dict[str, Any] = {}
        text, thoughts, numbers = "", "", []
        async for chunk in stream:
            if isinstance(chunk, Refusal):
                raise chunk
            if isinstance(chunk, bytes):
                continue
            whole = chunk
            said = chunk["message"] if job.chat else chunk
            text += said["content" if job.chat else "response"]
            thoughts += said.get("thinking", "")
            numbers += chunk.get("logprobs", [])
        if not whole:
            zero = {"model": "", "created_at": "0001-01-01T00:00:00Z"}
            said = {"message": {"role": "", "content": ""}} if job.chat else {"response": ""}
            await self._json(out, {**zero, **said, "done": False})
            return
        more = {
            "done_reason": whole.get("done_reason"),
            "context": whole.get("context"),
            "logprobs": numbers,
            "metrics": [(key, value) for key, value in whole.items() if re.search("_(duration|count)$", key)],
        }
        at, done = self.scheduler.now(), whole["done"]
        if job.chat:
            body = chat_chunk(job.body["model"], at, message(text, thoughts), done, **more)
        else:
            body = generate_chunk(job.body["model"], at, text, done, thinking=thoughts, **more)
        await self._json(out, body)


def full_name(name: str) -> str:
    """Return a model's name with its tag, and without what all names of Ollama's own library have before them.

    Raises:
        Refusal: it is no name.
    """
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise Refusal(400, "invalid model name")
    short = re.sub(r"^(registry\.ollama\.ai/)?library/", "", name)
    return short if ":" in short.rpartition("/")[2] else f"{short}:latest"


def allowed_origin(header: str) -> bool:
    """Whether a web page may ask: those of this machine, and of programs on it."""
    here = r"https?://(localhost|127\.0\.0\.1|0\.0\.0\.0)(:\d+)?"
    return re.fullmatch(rf"{here}|(app|file|tauri|vscode-webview|vscode-file)://.*", header) is not None


def allowed_host(header: str) -> bool:
    """Whether a server on loopback answers to this name: a defence against rebinding of DNS names."""
    match = re.fullmatch(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):.*", header)
    host = (match[1] or match[2] or "" if match else header).lower()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        known = {"", "localhost", socket.gethostname().lower()}
        return host in known or host.endswith((".localhost", ".local", ".internal"))
    # Python counts more addresses as private than Go does.
    private = any(address in network for network in _PRIVATE)
    return address.is_loopback or private or address.is_unspecified


__all__ = ["Dropped", "Routes", "allowed_host", "allowed_origin"]

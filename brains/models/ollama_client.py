"""The ollama package's client, made safe for a game: no silent truncation, no proxies, no redirects."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import httpx
import pydantic

from brains.models._ollama import ollama
from brains.models.ollama_limits import LimitedTransport, limit_of

__all__ = ["LoopClients", "NoDecisions", "OllamaClient", "ServerVersion"]

ASKS_THE_MODEL = frozenset({"/api/chat", "/api/generate"})
DECISION_TOKENS = 16
"""What an answer of the decision API weighs, for the limit on its size."""


class NoDecisions(Exception):
    """The server has no decision API."""


class ServerVersion(pydantic.BaseModel):
    """What a server says of itself."""

    version: str
    """Such as `0.33.0`."""
    server: str = ""
    """`brains` of `brains model serve`; Ollama says nothing."""


class OllamaClient(ollama.AsyncClient):
    """`ollama.AsyncClient` that never lets the server cut a prompt, and knows one more route.

    By default Ollama drops what does not fit into the context, beginning with the rules at the prompt's head,
    and says so nowhere but in its log. `truncate: false` makes it an error; the package's own methods cannot
    send it.
    """

    async def _request(self, cls: Any, *args: Any, stream: Any = False, **kwargs: Any) -> Any:
        if args[1] in ASKS_THE_MODEL:
            body = kwargs["json"] = {**kwargs["json"], "truncate": False}
            tokens = (body.get("options") or {}).get("num_predict", 0)
            kwargs["extensions"] = limit_of(tokens, question=bool(body.get("messages") or body.get("prompt")))
        return await super()._request(cls, *args, stream=stream, **kwargs)

    async def version(self) -> ServerVersion:
        """Return the server's version."""
        reply: ServerVersion = await self._request(ServerVersion, "GET", "/api/version")
        return reply

    async def decide(self, body: Mapping[str, Any]) -> Any:
        """Ask the decision API, and return the JSON that it answers.

        Raises:
            NoDecisions: this server has no such thing.
        """
        try:
            response: httpx.Response = await self._request_raw(  # type: ignore[no-untyped-call]
                "POST", "/v1/systemone", json=body, extensions=limit_of(DECISION_TOKENS)
            )
        except ollama.ResponseError as error:
            # A missing model is a 404, too, but one that Ollama itself says in JSON.
            if error.status_code in (404, 405) and not error.error.startswith("model "):
                raise NoDecisions(error.error) from error
            raise
        return response.json()


class LoopClients:
    """One client for each event loop, because connections belong to the loop that opened them.

    Attributes:
        heard: how often anything has come of answers to questions.
    """

    def __init__(self, url: str, *, connect_timeout: float) -> None:
        self._url = url
        self._connect_timeout = connect_timeout
        self.heard = 0
        self._open: dict[asyncio.AbstractEventLoop, tuple[AsyncGenerator[OllamaClient, None], OllamaClient]] = {}

    async def get(self) -> OllamaClient:
        """Return the running loop's client; open it if there is none."""
        loop = asyncio.get_running_loop()
        if loop not in self._open:
            tls = await self._tls()
            self._open = {known: entry for known, entry in self._open.items() if not known.is_closed()}
            if loop not in self._open:  # another task may have been faster
                keeper = self._keep(tls)
                self._open[loop] = (keeper, await anext(keeper))
        return self._open[loop][1]

    async def close(self) -> None:
        """Close the running loop's client and its connections. Any number of times."""
        entry = self._open.pop(asyncio.get_running_loop(), None)
        if entry is not None:
            await entry[0].aclose()

    def _on_sign(self) -> None:
        self.heard += 1

    async def _keep(self, tls: ssl.SSLContext) -> AsyncGenerator[OllamaClient, None]:
        # A generator, because a loop closes the generators that are still open when it ends: no socket is
        # left behind even where nobody called close().
        client = OllamaClient(
            self._url,
            follow_redirects=False,
            # Proxies are for the web. A request to this machine or the next one would get lost there.
            trust_env=False,
            # Only the caller knows how long an answer may take; but whoever is there accepts a connection at
            # once.
            timeout=httpx.Timeout(None, connect=self._connect_timeout),
            headers={"Accept-Encoding": "identity"},
            transport=LimitedTransport(
                self._on_sign, verify=tls, trust_env=False, limits=httpx.Limits(max_connections=None)
            ),
        )
        try:
            yield client
        finally:
            await client.close()  # type: ignore[no-untyped-call]

    async def _tls(self) -> ssl.SSLContext:
        if self._url.startswith("https://"):
            return await asyncio.to_thread(ssl.create_default_context)  # it reads a file of certificates
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

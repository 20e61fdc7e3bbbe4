"""A limit on what an answer may weigh: a server that has gone mad must not fill our memory, nor hold up the ticks.

Parsing a line of 10 MB would stop the event loop for a tenth of a second, and the lines before its end pile up.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx

__all__ = ["ANY_ANSWER", "AnswerTooLarge", "LimitedTransport", "limit_of"]

ANY_ANSWER = 16 << 20
"""Bytes; what is asked once at the start, such as the list of all models, may be long."""
HEAD, PER_TOKEN, MOST = 64 << 10, 8 << 10, 4 << 20
"""Bytes; a token with its 20 alternatives, each spelt out byte by byte, takes 3 KB."""

_LIMIT = "brains_limit"
_QUESTION = "brains_question"


class AnswerTooLarge(ValueError):
    """More came than any answer could be."""


def limit_of(max_tokens: int, *, question: bool = True) -> dict[str, Any]:
    """Return the `extensions` of an httpx request whose answer has so many tokens at most.

    `question`: whether the model itself has to do something for it, and not only its server.
    """
    return {_LIMIT: min(HEAD + PER_TOKEN * max(max_tokens, 0), MOST), _QUESTION: question}


class LimitedTransport(httpx.AsyncHTTPTransport):
    """Cuts a response off where it becomes too large.

    Args:
        on_sign: called whenever anything has come of the answer to a question: its head, or a piece of it.
        options: of the base class.
    """

    def __init__(self, on_sign: Callable[[], None], **options: Any) -> None:
        super().__init__(**options)
        self._on_sign = on_sign

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request.

        Raises:
            AnswerTooLarge: while the response is read.
        """
        response = await super().handle_async_request(request)
        on_sign = self._on_sign if request.extensions.get(_QUESTION) else _ignore
        on_sign()
        if response.headers.get("content-encoding", "identity") != "identity":
            # A few bytes may unpack to any number of them; and nobody has asked for it.
            await response.aclose()
            raise AnswerTooLarge("the answer is compressed, which was not asked for")
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Limited(response.stream, request.extensions.get(_LIMIT, ANY_ANSWER), on_sign)
        return response


def _ignore() -> None:
    """Do nothing."""


class _Limited(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, limit: int, on_sign: Callable[[], None]) -> None:
        self._on_sign = on_sign
        self._stream = stream
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for data in self._stream:
            self._on_sign()
            size += len(data)
            if size > self._limit:
                raise AnswerTooLarge(f"the answer is larger than {self._limit >> 10} KiB")
            yield data

    async def aclose(self) -> None:
        await self._stream.aclose()

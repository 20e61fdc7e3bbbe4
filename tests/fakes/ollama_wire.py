"""The fake Ollama's bytes: JSON, times and HTTP/1.1 as Go writes them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

JSON = "application/json; charset=utf-8"
"""What gin says of an ordinary answer."""
STREAM_ERROR = "application/json"
"""What Ollama says of an error that comes where a stream was to begin; it is sent in chunks, as the stream was."""
NDJSON = "application/x-ndjson"
BUFFERED = 2048
"""Go gives a Content-Length to what fits into its buffer, and sends the rest in chunks."""

_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_SURROGATE = re.compile("[\ud800-\udfff]")


def go_json(value: Any) -> str:
    """Return what Go's `json.Marshal` writes: compact, in the given order, with `<`, `>` and `&` escaped."""
    if isinstance(value, str):
        text = json.dumps(_SURROGATE.sub("\ufffd", value), ensure_ascii=False)
        return "".join(_ESCAPED.get(char, char) for char in text)
    if isinstance(value, float):
        return go_float(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{go_json(str(key))}:{go_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(go_json, value)) + "]"
    return json.dumps(value)


def go_float(value: float) -> str:
    """Return a float64 as Go's JSON does: no exponent from 1e-6 up to 1e21, and none with a leading zero."""
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        text = format(Decimal(repr(value)), "f")
        return text.removesuffix(".0")
    mantissa, _, exponent = repr(value).partition("e")
    if not exponent:
        mantissa, _, exponent = f"{value:e}".partition("e")
    sign, digits = exponent[0], exponent[1:].lstrip("0")
    return f"{mantissa.removesuffix('.0')}e{sign}{digits}"


def go_quoted(text: str) -> str:
    """Return a string as Go's `%q` does (near enough: no rare control characters)."""
    return json.dumps(text, ensure_ascii=False)


def go_char(char: str) -> str:
    """Return a character as Go's JSON errors show it."""
    if char in "'\"":
        return {"'": r"'\''", '"': "'\"'"}[char]
    return f"'{repr(char)[1:-1]}'"


def rfc3339_nano(nanoseconds: int) -> str:
    """Return a time since 1970 as Go's RFC3339Nano in UTC: zeros at the end of the fraction are left out."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    # Python's years end at 9999, and a model that stays for ever expires after Go's largest duration: 292 years.
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{text}{fraction}Z"


@dataclass
class HttpRequest:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Incoming:
    """A connection's requests, and whether its other end is still there."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._early = b""

    async def request(self) -> HttpRequest | None:
        """Return the next request; None when the client has gone."""
        try:
            head = self._early + await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        self._early = b""
        first, *lines = head.decode("latin-1").split("\r\n")
        if first.count(" ") != 2:
            return HttpRequest("", "", {}, b"")
        method, target, _ = first.split(" ")
        headers: dict[str, str] = {}
        for line in filter(None, lines):
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = await self._chunks()
        else:
            body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return HttpRequest(method, target.partition("?")[0], headers, body)

    async def _chunks(self) -> bytes:
        body = b""
        while True:
            size = int(await self._reader.readline(), 16)
            body += (await self._reader.readexactly(size + 2))[:size]
            if not size:
                return body

    async def gone(self) -> None:
        """Return when the client has closed the connection; until then it may send its next request."""
        while True:
            try:
                data = await self._reader.read(1)
            except ConnectionError:
                return
            if not data:
                return
            self._early += data


@dataclass
class Outgoing:
    """One response. `fragment` cuts a stream into chunks of so many bytes, without any regard for lines."""

    writer: asyncio.StreamWriter
    head: bool = False
    fragment: int | None = None
    status: int | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    """Headers of every response, whatever it is."""
    _held: bytes = field(default=b"", repr=False)

    async def send(
        self, status: int, body: bytes = b"", kind: str | None = None, extra: Mapping[str, str] | None = None
    ) -> None:
        """Send a whole response."""
        chunked = len(body) > BUFFERED or kind == STREAM_ERROR
        length = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(body))}
        if status == 204:
            length = {}
        self._headers(status, {**(extra or {}), **({"Content-Type": kind} if kind else {})}, length)
        if not self.head:
            self.writer.write(_chunk(body) + b"0\r\n\r\n" if chunked else body)
        await self.writer.drain()

    async def stream(self, data: bytes, kind: str = NDJSON) -> None:
        """Send a part of a stream; the first one brings the headers."""
        if self.status is None:
            self._headers(200, {"Content-Type": kind}, {"Transfer-Encoding": "chunked"})
        if self.fragment is None:
            self.writer.write(_chunk(data) if data else b"")
        else:
            self._held += data
            while len(self._held) >= self.fragment:
                self.writer.write(_chunk(self._held[: self.fragment]))
                self._held = self._held[self.fragment :]
        await self.writer.drain()

    async def end(self) -> None:
        """End a stream, also one in which nothing was sent."""
        await self.stream(b"")
        if self._held:
            self.writer.write(_chunk(self._held))
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    def reset(self) -> None:
        """Break the connection as a crash does."""
        self.writer.transport.abort()

    def _headers(self, status: int, named: Mapping[str, str], length: Mapping[str, str]) -> None:
        self.status = status
        known = {entry.value: entry.phrase for entry in HTTPStatus}
        lines = [f"HTTP/1.1 {status} {known.get(status, f'status code {status}')}"]
        # Go sorts what the handler has set, and then adds its own.
        lines += [f"{name}: {value}" for name, value in sorted({**self.extra, **named}.items())]
        lines += [f"Date: {formatdate(usegmt=True)}", *(f"{name}: {value}" for name, value in length.items())]
        self.writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)

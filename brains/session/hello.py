"""Whether a `hello` is good enough to be welcomed."""

from __future__ import annotations

import hmac

from brains.errors import ProtocolError
from brains.messages import CLOSE_CODES, PROTOCOL_VERSION, Hello
from brains.session.limits import MIN_MESSAGE_BYTES

__all__ = ["check_hello", "fatal"]


def check_hello(hello: Hello, token: str | None) -> None:
    """Check version, token and limits.

    Raises:
        ProtocolError: fatal: the client cannot be served.
    """
    if not hello.min_protocol <= PROTOCOL_VERSION <= hello.protocol:
        raise fatal("unsupported_protocol", f"server speaks {PROTOCOL_VERSION}")
    if token is not None and not _same(hello.token or "", token):
        text = "the token is wrong" if hello.token else "this server wants a token"
        raise fatal("unauthorized", f"{text}: the one in BRAINS_TOKEN or --token-file")
    if hello.limits.max_message_bytes < MIN_MESSAGE_BYTES:
        raise fatal("limit_exceeded", f"limits.max_message_bytes has to be {MIN_MESSAGE_BYTES} or more")


def fatal(code: str, message: str) -> ProtocolError:
    """Return an error that ends the session, with its close code."""
    return ProtocolError(code, message, fatal=True, close_code=CLOSE_CODES[code])


def _same(given: str, token: str) -> bool:
    """Compare in a time that tells nothing of the token."""
    return hmac.compare_digest(given.encode(errors="replace"), token.encode(errors="replace"))

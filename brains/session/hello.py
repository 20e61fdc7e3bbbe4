"""Whether a `hello` is good enough to be welcomed, and the welcome."""

from __future__ import annotations

import hmac

from brains.errors import ProtocolError
from brains.messages import CLOSE_CODES, FEATURES, PROTOCOL_VERSION, Hello, SessionInfo, Welcome
from brains.session.limits import MIN_MESSAGE_BYTES, SessionLimits

__all__ = ["check_hello", "fatal", "same_secret", "welcome"]

HEARTBEAT_S = 20.0
SUGGESTED_HZ = 10
WINDOW = 2
"""Snapshots that a game may have unanswered; more of them only makes actions older."""


def check_hello(hello: Hello, token: str | None) -> None:
    """Check version, token and limits.

    Raises:
        ProtocolError: fatal: the client cannot be served.
    """
    if not hello.min_protocol <= PROTOCOL_VERSION <= hello.protocol:
        raise fatal("unsupported_protocol", f"server speaks {PROTOCOL_VERSION}")
    if token is not None and not same_secret(hello.token or "", token):
        text = "the token is wrong" if hello.token else "this server wants a token"
        raise fatal("unauthorized", f"{text}: the one in BRAINS_TOKEN or --token-file")
    if hello.limits.max_message_bytes < MIN_MESSAGE_BYTES:
        raise fatal("limit_exceeded", f"limits.max_message_bytes has to be {MIN_MESSAGE_BYTES} or more")


def welcome(
    hello: Hello, session: SessionInfo, server: tuple[str, str], limits: SessionLimits, brains: list[str]
) -> Welcome:
    """Return the answer to a good `hello`."""
    name, version = server
    return Welcome(
        protocol=PROTOCOL_VERSION,
        server={"name": name, "version": version},
        session=session,
        tick={"mode": "snapshot", "hz": SUGGESTED_HZ},
        limits={
            "max_message_bytes": limits.max_message_bytes,
            "max_agents": limits.max_agents,
            "window": WINDOW,
        },
        heartbeat_s=HEARTBEAT_S,
        features=[feature for feature in FEATURES if feature in hello.features],
        brains=brains,
    )


def fatal(code: str, message: str) -> ProtocolError:
    """Return an error that ends the session, with its close code."""
    return ProtocolError(code, message, fatal=True, close_code=CLOSE_CODES[code])


def same_secret(given: str, secret: str) -> bool:
    """Compare in a time that tells nothing of the secret."""
    return hmac.compare_digest(given.encode(errors="replace"), secret.encode(errors="replace"))

"""Who is at the other end of a connection, and whether they may be."""

from __future__ import annotations

import os
import secrets
import socket
import struct
import sys
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

__all__ = ["PeerGate", "uid_of"]

_UCRED = struct.Struct("3i")
_XUCRED = struct.Struct("IIh2x16I")
_SOL_LOCAL = 0
_LOCAL_PEERCRED = 1


def uid_of(peer: Any) -> int | None:
    """Return the user id of the process at the other end of a Unix socket; None where the system does not tell."""
    try:
        if sys.platform == "linux":
            given = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
            return int(_UCRED.unpack(given)[1])
        if sys.platform == "darwin":
            given = peer.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED.size)
            return int(_XUCRED.unpack(given)[1])
    except (OSError, struct.error):
        return None
    return None


class PeerGate:
    """Lets the owner in. A web page never is: a browser says its origin, a debugger does not.

    Args:
        token: what has to be said; None: the socket's folder and the peer's user id say who it is.
    """

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, connection: ServerConnection, request: Request) -> Response | None:
        """Check a request; None lets it in."""
        problem = self._problem(connection, request)
        if problem is None:
            return None
        connection.logger.warning("refused a debugger: %s", problem)
        return connection.respond(HTTPStatus.FORBIDDEN, problem + "\n")

    def _problem(self, connection: ServerConnection, request: Request) -> str | None:
        if request.headers.get_all("Origin"):
            return "web pages may not debug"
        if self._token is not None:
            given = " ".join(request.headers.get_all("Authorization"))
            if not secrets.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
                return "the token is missing or wrong: it is in the server's file"
            return None
        uid = uid_of(connection.transport.get_extra_info("socket"))
        # Root can do all this and more without asking us.
        if uid is not None and uid not in (os.getuid(), 0):
            return f"user {uid} is not who started this server"
        return None

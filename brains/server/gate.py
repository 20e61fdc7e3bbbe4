"""Who may open a connection, judged by the request's headers before there is a WebSocket.

A web page in the user's browser can reach a server on loopback, too. It says so by its `Origin`, which a
native client such as Godot does not send; and a page that has rebound its own name to 127.0.0.1 still asks
for that name as `Host`. A `null` origin is a browser as well. Lists are exact: patterns are how such checks
get bypassed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

__all__ = ["Gate", "is_loopback"]

WILDCARDS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - recognised here, not bound


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach a server on `host`."""
    address = _address(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


class Gate:
    """Lets a request in, or refuses it with 403 or 421.

    Args:
        host: where the server listens.
        allow_origins: web pages that may connect, such as `http://localhost:8060`.
    """

    def __init__(self, host: str, allow_origins: Iterable[str] = ()) -> None:
        self._host = host.lower()
        self._origins = frozenset(origin.lower().rstrip("/") for origin in allow_origins) - {"null"}

    def __call__(self, connection: ServerConnection, request: Request) -> Response | None:
        """Check a request; None lets it in."""
        problem = self.problem(request.headers.get_all("Host"), request.headers.get_all("Origin"))
        if problem is None:
            return None
        status, text = problem
        connection.logger.warning("refused %s: %s", connection.remote_address, text)
        return connection.respond(status, text + "\n")

    def problem(self, hosts: list[str], origins: list[str]) -> tuple[HTTPStatus, str] | None:
        """Return what is wrong with the values of the two headers."""
        if len(hosts) != 1 or not self._is_here(_name_of(hosts[0])):
            return HTTPStatus.MISDIRECTED_REQUEST, f"this server is not {', '.join(hosts)[:200]!r}"
        if len(origins) > 1 or (origins and origins[0].lower() not in self._origins):
            text = f"pages of {', '.join(origins)[:200]!r} may not connect"
            return HTTPStatus.FORBIDDEN, f"{text}; to let one in, start the server with --allow-origin"
        return None

    def _is_here(self, name: str) -> bool:
        if name == self._host or is_loopback(name):
            return bool(name)
        # On every interface we cannot know all our names, but an address cannot have been rebound.
        return self._host in WILDCARDS and _address(name) is not None


def _name_of(host: str) -> str:
    """Return a Host header without its port."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].rstrip(".")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None

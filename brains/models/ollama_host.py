"""Where Ollama is: `OLLAMA_HOST` read by the same rules as Ollama's own clients read it.

The Python package has rules of its own: it would connect to 0.0.0.0, which is an address to listen on and
fails on Windows. Ollama's (envconfig, `ConnectableHost`) are: no scheme means http and port 11434, `http://`
without a port 80, `https://` 443, a bad port the default one; spaces and quotes around it are dropped; a path
stays.
"""

from __future__ import annotations

import ipaddress
import logging
import os

from brains.errors import ConfigError

__all__ = ["DEFAULT_PORT", "connectable_url"]

DEFAULT_PORT = 11434
LAST_PORT = 65535

logger = logging.getLogger(__name__)


def connectable_url(host: str | None = None) -> str:
    """Return the URL to connect to, such as `http://127.0.0.1:11434`; without a final slash.

    Args:
        host: as in `OLLAMA_HOST`; by default that variable, and this machine if it is not set.

    Raises:
        ConfigError: no URL can be made of it.
    """
    value = host if host is not None else os.environ.get("OLLAMA_HOST", "")
    text = value.strip().strip("\"'").strip()
    scheme, found, rest = text.partition("://")
    if not found:
        scheme, rest = "http", text
        if text == "ollama.com":
            scheme, rest = "https", "ollama.com:443"
    if scheme not in ("http", "https"):
        raise ConfigError(f"the Ollama host {value!r} must begin with http:// or https://, or have no scheme")
    default = {True: {"http": 80, "https": 443}, False: {"http": DEFAULT_PORT}}[bool(found)].get(scheme, 443)
    authority, _, path = rest.partition("/")
    if "@" in authority or any(char.isspace() for char in authority):
        raise ConfigError(
            f"the Ollama host {value!r} is not an address: write HOST:PORT, without user name and password "
            "(a key goes into OLLAMA_API_KEY)"
        )
    name, port = _host_and_port(authority, default)
    address = f"{scheme}://{_connectable(name)}:{port}"
    path = path.strip("/")
    return f"{address}/{path}" if path else address


def _host_and_port(authority: str, default: int) -> tuple[str, int]:
    parts = _split(authority)
    if parts is None:
        return (authority.strip("[]") if _is_ip(authority.strip("[]")) else authority), default
    name, text = parts
    if text.isdecimal() and text.isascii() and int(text) <= LAST_PORT:
        return name, int(text)
    logger.warning("the port %r of the Ollama host is no port: using %d", text, default)
    return name, default


def _split(authority: str) -> tuple[str, str] | None:
    """Split off the port as Go's `net.SplitHostPort` does; None where that gives an error."""
    name, colon, port = authority.rpartition(":")
    if not colon:
        return None
    if name.startswith("["):
        return (name[1:-1], port) if name.endswith("]") and name.count("]") == 1 else None
    return None if any(char in name for char in ":[]") else (name, port)


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _connectable(name: str) -> str:
    """Put loopback for an address that one can only listen on, and brackets around IPv6."""
    if not name:
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return name if address.version == 4 else f"[{address}]"

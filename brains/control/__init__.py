"""The debugger's way into a running process: a channel of its own, for the user who started it and nobody else.

A Unix socket in a folder that only its owner can enter, found by a file beside it; on Windows a port on loopback and a
random token in such a file. It carries what `brains.debugger.messages` describes, one JSON object per text frame, and
evaluates no Python.
"""

from brains.control.client import ControlClient, ControlLost, RequestFailed
from brains.control.discovery import CONTROL_VERSION, ServerEntry, find_servers, pick, read_entry
from brains.control.folder import runtime_folder
from brains.control.server import ControlServer

__all__ = [
    "CONTROL_VERSION",
    "ControlClient",
    "ControlLost",
    "ControlServer",
    "RequestFailed",
    "ServerEntry",
    "find_servers",
    "pick",
    "read_entry",
    "runtime_folder",
]

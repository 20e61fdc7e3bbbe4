"""What ends a command, or the conversation."""

from __future__ import annotations

__all__ = ["FRONT_END_KINDS", "CommandFailed", "Quit"]

FRONT_END_KINDS = ("usage", "timeout", "no_server", "server_lost", "file")
"""Kinds of errors of ours, beside those of the debugger (`brains.debugger.messages.ERROR_KINDS`)."""


class CommandFailed(Exception):
    """A command could not be done; it has been told."""

    def __init__(self, kind: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint


class Quit(Exception):
    """The conversation is to end."""

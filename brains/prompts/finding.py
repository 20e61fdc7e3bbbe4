"""One mistake in a prompt or a tree, with its place: what `brains check` and `brains prompt lint` tell."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Finding", "Severity", "escaped"]

Severity = Literal["error", "warning"]


class Finding(msgspec.Struct, frozen=True, order=True):
    """One mistake, with its place."""

    file: str
    line: int
    severity: Severity
    rule: str
    """A word that names the kind of mistake, the same in every version."""
    message: str
    node: str = ""
    """Path of the node that it is about, if it is about one."""

    def __str__(self) -> str:
        """Return one line, whatever names the tree and its files have."""
        place = ":".join(filter(None, (self.file, str(self.line or "")))) + ": " if self.file else ""
        node = f" ({self.node})" if self.node else ""
        return escaped(f"{place}{self.severity}: {self.message}{node} [{self.rule}]")


def escaped(text: str) -> str:
    """Return text that can neither begin another line nor steer a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)

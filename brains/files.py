"""Writes a file in one step: whoever reads it meanwhile sees the old one or the new one, and never a half."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Write a file; its folder must be there.

    Args:
        path: where; what is there is replaced.
        content: all of it.
        mode: its rights, which no draft of it ever exceeds; None: as they are, and 0644 for a new one.

    Raises:
        OSError: it cannot be written; what was there is still there.
    """
    if mode is None:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except FileNotFoundError:
            mode = 0o644
    # It is made for its owner alone. Godot does not look at files whose name begins with a dot.
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".brains-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(draft, mode)
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise

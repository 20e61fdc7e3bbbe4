"""The folder of control sockets: only its owner can enter it, so only they can find or open what is in it."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path

from brains.errors import ConfigError

__all__ = ["RUNTIME_VARIABLE", "runtime_folder"]

RUNTIME_VARIABLE = "BRAINS_RUNTIME_DIR"


def runtime_folder(*, create: bool = False) -> Path:
    """Return where the control sockets of this user's servers are.

    `$BRAINS_RUNTIME_DIR`, else `brains` in the session's runtime folder, else a folder of the user's in the temporary
    one, whose name others could have taken: what is there already is used only if it is this user's and closed to
    others.

    Args:
        create: make it, if it is not there.

    Raises:
        ConfigError: it is not private, or cannot be made.
    """
    folder = _folder()
    try:
        if create:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _require_private(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise ConfigError(
            f"no folder for control sockets at {folder}: {error.strerror or error}; name another in {RUNTIME_VARIABLE}"
        ) from error
    return folder


def _folder() -> Path:
    if named := os.environ.get(RUNTIME_VARIABLE):
        return Path(named)
    if sys.platform == "win32":
        # Below the user's profile, whose access rights its files inherit.
        return Path(os.environ.get("LOCALAPPDATA") or tempfile.gettempdir()) / "brains" / "run"
    session = os.environ.get("XDG_RUNTIME_DIR")
    if session and Path(session).is_dir():
        return Path(session) / "brains"
    return Path(tempfile.gettempdir()) / f"brains-{os.getuid()}"


def _require_private(folder: Path) -> None:
    if sys.platform == "win32":
        return
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        problem = "is no folder"
    elif found.st_uid != os.getuid():
        problem = "belongs to another user"
    elif found.st_mode & 0o077:
        problem = "is open to other users (chmod 700)"
    else:
        return
    raise ConfigError(f"{folder}, where control sockets belong, {problem}; name another in {RUNTIME_VARIABLE}")

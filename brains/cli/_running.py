"""What running commands share: the model of the settings, an end by a signal, edits of prompts meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Iterator

import msgspec

from brains.checking import check_all
from brains.config import Config
from brains.library import BrainLibrary
from brains.prompts import PromptLibrary
from brains.questions import ChatModel
from brains.reload import PromptWatcher

__all__ = ["errors_of", "keep_watching", "model_of", "short_path", "stopped_by_signals"]

log = logging.getLogger("brains.cli")


def model_of(config: Config) -> ChatModel:
    """Return the model that the settings name, not started.

    Raises:
        ConfigError: the name means nothing.
    """
    from brains.models import open_model

    return open_model(
        config.model,
        host=config.ollama_host,
        label_way=config.label_way,
        ollama_model=config.ollama_model,
        slots=config.slots,
        threads=config.threads,
        context=config.context,
    )


def errors_of(library: BrainLibrary, prompts: PromptLibrary) -> list[str]:
    """Return a line for each error that `brains check` knows, except prompts that do not load: those are said anyway.

    A check that fails itself must not keep anybody from playing.
    """
    try:
        found = check_all(library, prompts)
    except (Exception, SystemExit):
        log.debug("trees and prompts could not be checked", exc_info=True)
        return []
    return [
        str(msgspec.structs.replace(one, file=short_path(one.file)))
        for one in found
        if one.severity == "error" and one.rule != "prompt"
    ]


def short_path(file: str) -> str:
    """Return the path from the current folder, which terminals and editors can open, if it is shorter."""
    if not file:
        return file
    try:
        return min(os.path.relpath(file), file, key=len)
    except (ValueError, OSError):  # another drive; the current folder is gone
        return file


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[asyncio.Event]:
    """Give an event that Ctrl-C and SIGTERM set, until the block ends."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    before = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows
            before[number] = signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
        except (ValueError, RuntimeError):  # not in the main thread: whoever runs us there stops us otherwise
            pass
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
                loop.remove_signal_handler(number)
        for number, handler in before.items():
            signal.signal(number, handler)


async def keep_watching(watcher: PromptWatcher) -> None:
    """Keep the prompts up to date; without that the command is still worth having."""
    try:
        await watcher.run()
    except Exception:
        log.exception("edits of prompts are no longer noticed")

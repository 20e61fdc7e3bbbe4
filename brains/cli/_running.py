"""What running commands share: the model of the settings, an end by a signal, edits of prompts meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from brains.checking import check_all
from brains.cli._model_names import unknown_models
from brains.config import Config, ModelSettings, of_ollama
from brains.errors import ConfigError, ModelError
from brains.library import BrainLibrary
from brains.prompts import PromptLibrary
from brains.questions import ChatModel
from brains.reload import PromptWatcher

if TYPE_CHECKING:
    from brains.gateway import ModelRouter, Watcher

__all__ = [
    "errors_of",
    "keep_watching",
    "model_of",
    "models_of",
    "router_of",
    "settle_memory",
    "short_path",
    "start_named",
    "stopped_by_signals",
]

log = logging.getLogger("brains.cli")

RETRY_S = 5.0
"""Seconds between two attempts to start a model."""


def model_of(config: Config) -> ChatModel:
    """Return the model that the settings name, not started; of several servers the first.

    Raises:
        ConfigError: the name means nothing.
    """
    return models_of(config)[0]


def models_of(config: Config, name: str = "", templates: int | None = None) -> list[ChatModel]:
    """Return a model of the settings on each of its servers, not started: the default's, or one of `[models.NAME]`.

    `templates`: how many templates take turns, where that is known.

    Raises:
        ConfigError: the name means nothing, or there are several servers for what runs on none.
    """
    from brains.models import open_model

    settings: Config | ModelSettings = config.models[name] if name else config
    hosts = config.hosts_of(name)
    try:
        if len(hosts) > 1 and not of_ollama(settings.model):
            raise ConfigError(f"hosts are for a model of Ollama, such as `llama3.2`, and not for {settings.model!r}")
        return [
            open_model(
                settings.model,
                host=host,
                label_way=settings.label_way,
                ollama_model=config.ollama_model,
                slots=settings.slots,
                threads=settings.threads,
                context=settings.context,
                templates=templates,
                fast_weights=settings.fast_weights,
            )
            for host in hosts
        ]
    except ConfigError as error:
        if not name:
            raise
        raise ConfigError(f"models.{name}: {error}") from error


def router_of(
    config: Config,
    watchers: Iterable[Watcher] = (),
    *,
    templates: int | None = None,
    default: ChatModel | None = None,
) -> ModelRouter:
    """Return what asks all models of the settings, not started.

    Args:
        config: the settings.
        watchers: hear of all that happens.
        templates: how many templates take turns, where that is known.
        default: what is asked in place of the settings' own default model.

    Raises:
        ConfigError: the name of a model means nothing.
    """
    from brains.gateway import Gateway, ModelRouter

    watching = list(watchers)

    def gateway(name: str) -> Gateway:
        known = [default] if default is not None and not name else models_of(config, name, templates)
        first, *replicas = known
        return Gateway(
            first,
            replicas=replicas,
            name=name,
            way=(config.models[name] if name else config).label_way,
            max_queue=config.max_queue,
            cache_size=config.cache_size,
            cache_ttl=config.cache_ttl,
            questions_per_minute=config.questions_per_minute,
            tokens_per_minute=config.tokens_per_minute,
            watchers=watching,
        )

    return ModelRouter({name: gateway(name) for name in ("", *config.models)})


async def start_named(router: ModelRouter, name: str) -> None:
    """Start one of several models, again and again until it is there. Its leaves fall back meanwhile.

    Raises:
        ConfigError: the settings make it impossible.
    """
    problem, gateway = "", router.gateways[name]
    called = f"model {name!r}" if name else "model"
    while gateway.state != "ready":
        try:
            info = await gateway.start()
        except ModelError as error:
            if str(error) != problem:
                problem = str(error)
                log.warning("no %s yet, leaves fall back; it is tried every %g s: %s", called, RETRY_S, problem)
            await asyncio.sleep(RETRY_S)
        else:
            log.info("%s %s (%s)", called, info.name, info.backend)


def errors_of(library: BrainLibrary, prompts: PromptLibrary, models: Collection[str] = ()) -> list[str]:
    """Return a line for each error that `brains check` knows, except prompts that do not load: those are said anyway.

    `models` are the names that a node may give as its model. A check that fails itself must not keep anybody from
    playing.
    """
    try:
        found = [*check_all(library, prompts), *unknown_models(library, models)]
    except (Exception, SystemExit):
        log.debug("trees and prompts could not be checked", exc_info=True)
        return []
    return [
        str(msgspec.structs.replace(one, file=short_path(one.file)))
        for one in found
        if one.severity == "error" and one.rule != "prompt"
    ]


def settle_memory(*, tidy: bool) -> None:
    """Have the garbage collector leave alone what is there by now, which stays as long as the process.

    Else it goes through all of that every so often: 60 ms in which no agent is ticked. `tidy` throws away first what
    nobody needs, which takes as long; for when nobody plays yet.
    """
    if tidy:
        gc.collect()
    gc.freeze()


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

"""Debugging without a server: a recording, or any py_trees tree, in this very process."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from brains.cli._debug.link import LocalLink
from brains.cli._debugging import READS_PROMPTS, Edits
from brains.config import Config, load_config
from brains.debugger import Debugger
from brains.debugger.local import ReplayHost, TreeHost
from brains.errors import BrainsError, ConfigError, TreeError

if TYPE_CHECKING:
    from brains.cli._debug.starting import Target
    from brains.gateway import ModelRouter
    from brains.trace import Recording

__all__ = ["local_link", "tree_factory"]


@contextlib.asynccontextmanager
async def local_link(target: Target) -> AsyncIterator[LocalLink]:
    """Give the link to what the target names.

    Raises:
        BrainsError: there is no such recording or function, or it cannot be built.
    """
    # What a leaf raises is seen where it stands; its traceback would stand in the middle of what is typed.
    logging.getLogger("brains").addHandler(logging.NullHandler())
    async with contextlib.AsyncExitStack() as stack:
        host: ReplayHost | TreeHost
        edits = Edits()
        if target.replay is not None:
            host = await _replay_host(target, stack, edits)
        else:
            assert target.tree is not None
            with tree_factory(target.tree) as factory:
                host = TreeHost(factory, target.tree.rpartition(":")[2] or target.tree)
        yield LocalLink(Debugger(host), "you", before=dict.fromkeys(READS_PROMPTS, edits.look))


async def _replay_host(target: Target, stack: contextlib.AsyncExitStack, edits: Edits) -> ReplayHost:
    from brains.loading import load_trees
    from brains.recording import open_recording
    from brains.reload import PromptWatcher, load_prompts

    assert target.replay is not None
    config = load_config(target.config_file, model=target.model, trees=target.trees, prompts=target.prompts)
    recording = await asyncio.to_thread(open_recording, target.replay)
    if target.life is not None:
        recording.leave_lives(target.life)
    await asyncio.to_thread(_say_what_to_know, recording, config)
    library = await asyncio.to_thread(load_trees, config.trees_folder)
    prompts = await asyncio.to_thread(load_prompts, config.prompts_folder)
    router = None if target.model is None else await stack.enter_async_context(_model(config))
    host = ReplayHost(
        recording,
        library,
        prompts=prompts,
        asker=router,
        models=[] if router is None else [name for name in router.gateways if name],
    )
    if router is not None:
        host.subscribe_to = router.subscribe
    edits.watcher = PromptWatcher(config.prompts_folder, prompts, edits.note)
    host.reload_prompts = edits.take
    return host


def _say_what_to_know(recording: Recording, config: Config) -> None:
    """Say what has changed since, and what is missing."""
    from brains.cli.replay import notes_of, shown

    for note in notes_of(recording, config):
        click.echo(f"note: {shown(note)}", err=True)
    again = [(id, len(lives)) for (_, id), lives in recording.lives_by_agent().items() if len(lives) > 1]
    if again:
        id, times = again[0]
        others = f", and so did {len(again) - 1} more" if len(again) > 1 else ""
        click.echo(f"note: {shown(id)} lived {times} times{others}: this is the last; --life 1 is the first", err=True)
    for life in recording.lives.values():
        if life.ticks and not life.is_whole:
            click.echo(f"note: {shown(life.id)} is left out: its beginning is not in the recording", err=True)
    if recording.damage:
        click.echo(
            f"error: {recording.name}: {shown(recording.damage)}; what comes before it can be debugged", err=True
        )


@contextlib.asynccontextmanager
async def _model(config: Config) -> AsyncIterator[ModelRouter]:
    """Give the model that `rerun` asks, started."""
    from brains.cli._running import router_of

    router = router_of(config)
    try:
        await router.gateways[""].start()
        yield router
    finally:
        await router.close()


@contextlib.contextmanager
def tree_factory(named: str) -> Iterator[Callable[[], Any]]:
    """Give the function that `MODULE:FUNCTION` or `FILE.py:FUNCTION` names; modules of the current folder are found.

    Raises:
        BrainsError: there is none.
    """
    module_name, colon, name = named.rpartition(":")
    if not colon or not module_name or not name:
        raise click.UsageError(
            f"--tree wants MODULE:FUNCTION, such as py_trees.demos.selector:create_root, not {named!r}"
        )
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        module = _module(module_name)
        found: Any = module
        for part in name.split("."):
            if not hasattr(found, part):
                raise ConfigError(f"{module_name} has no {name!r}; {_offered(module)}")
            found = getattr(found, part)
        factory = getattr(found, "build", found)
        if not callable(factory):
            raise ConfigError(f"{named} is no function, but {found!r}")
        yield factory
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(here)


def _module(name: str) -> Any:
    try:
        if name.endswith(".py"):
            spec = importlib.util.spec_from_file_location(Path(name).stem, name)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigError(f"there is no module {error.name!r} here or among what is installed") from error
    except FileNotFoundError as error:
        raise ConfigError(f"there is no file {name}") from error
    except BrainsError:
        raise
    except (Exception, SystemExit) as error:
        raise TreeError(f"{name} cannot be imported: {type(error).__name__}: {error}") from error


def _offered(module: Any) -> str:
    names = [name for name, one in vars(module).items() if callable(one) and not name.startswith("_")
             and getattr(one, "__module__", None) == module.__name__ and not isinstance(one, type)]  # fmt: skip
    return f"its functions: {', '.join(names)}" if names else "it has no functions"

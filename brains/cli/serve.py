"""`brains serve`: trees, prompts and a model behind a WebSocket, for a game to connect to."""

from __future__ import annotations

import asyncio
import functools
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from brains import __version__
from brains.config import Config, load_config
from brains.errors import BrainsError, ModelError
from brains.warmup import warm_up, warm_up_questions

if TYPE_CHECKING:
    from collections.abc import Callable

    from brains.gateway import Gateway
    from brains.library import BrainLibrary
    from brains.prompts import PromptLibrary
    from brains.snapshot import TickReport

__all__ = ["command"]

log = logging.getLogger("brains.serve")

RETRY_S = 5.0
"""Between attempts to start a model that is not there."""
LEVELS = ("debug", "info", "warning", "error")

EXAMPLES = """\b
Examples:
  brains serve                                    trees/ and prompts/, any model that is there
  brains serve --model ollama:llama3.2
  brains serve --model scripted                   no model at all: plausible answers, for a first try
  brains serve --trees my_trees --prompts my_prompts --port 9000
  brains serve --allow-origin http://localhost:8060         let a web export in
  brains serve --log-level debug                  what agents ask, decide and do, line by line
  BRAINS_TOKEN=secret brains serve --host 0.0.0.0           let other machines in

Settings may stand in brains.toml, or in pyproject.toml under [tool.brains], by the same names.
"""


@click.command(epilog=EXAMPLES)
@click.option("--host", help="Address to listen on; 127.0.0.1 by default.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 8765 by default, 0 for any free one.")
@click.option("--model", help="auto, NAME or ollama:NAME, embedded, embedded:/path/to.gguf or scripted.")
@click.option("--trees", type=click.Path(), help="Folder of the brains.")
@click.option("--prompts", type=click.Path(), help="Folder of their templates.")
@click.option("--token-file", type=click.Path(), help="File with the token that clients need (mode 0600).")
@click.option("--allow-origin", "allow_origins", multiple=True, help="Web page that may connect; repeatable.")
@click.option("--log-level", type=click.Choice(LEVELS), help="How much to log on stderr.")
@click.option("--config", "config_file", type=click.Path(), help="Settings file to use instead of the nearest.")
def command(config_file: str | None, allow_origins: tuple[str, ...], **options: Any) -> None:
    """Serve behaviour trees to a game over WebSocket, until Ctrl-C."""
    config = load_config(config_file, allow_origins=list(allow_origins) or None, **options)
    logging.basicConfig(
        level=config.log_level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
    )
    # One line per HTTP request to the model says nothing that ours do not.
    for chatty in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # Imported here, so that `--help` and a wrong option do not wait for all of it.
    from brains.cli._running import errors_of
    from brains.loading import load_trees
    from brains.reload import load_prompts

    trees, folder = config.trees_folder, config.prompts_folder
    prompts = load_prompts(folder)
    for error in prompts.errors.values():
        log.error("%s", error)
    library = load_trees(trees)
    for text in errors_of(library, prompts):
        log.warning("%s", text)
    asyncio.run(_serve(config, library, prompts, folder))
    click.echo("stopped")


async def _serve(config: Config, library: BrainLibrary, prompts: PromptLibrary, folder: Path) -> None:
    """Serve until a signal comes."""
    from brains.agent import Agent
    from brains.cli._running import keep_watching, model_of, stopped_by_signals
    from brains.gateway import Gateway
    from brains.reload import PromptWatcher
    from brains.server import Server, is_loopback

    model = model_of(config)
    gateway = Gateway(model, way=config.label_way)
    server = Server(
        library,
        functools.partial(Agent, prompts=prompts, asker=gateway),
        gateway,
        host=config.host,
        port=config.port,
        token=config.token,
        allow_origins=config.allow_origins,
        limits=config.limits,
        observer=_teller() if log.isEnabledFor(logging.DEBUG) else None,
        version=__version__,
    )
    failed: list[BrainsError] = []
    try:
        with stopped_by_signals() as stop:
            await server.start()
            click.echo(f"listening on {server.url}")
            if not is_loopback(config.host):
                click.echo(f"open to other machines, too (host {config.host}): to whoever knows the token")
            brains, templates = len(library.names()), len(prompts.names())
            click.echo(f"model {config.model}, {_count(brains, 'brain')}, {_count(templates, 'prompt')}")
            sys.stdout.flush()
            async with asyncio.TaskGroup() as tasks:
                background = [
                    tasks.create_task(_start_model(gateway, library, prompts)),
                    tasks.create_task(keep_watching(PromptWatcher(folder, prompts))),
                ]
                await stop.wait()
                for task in background:
                    task.cancel()
    except* BrainsError as group:
        failed += [error for error in group.exceptions if isinstance(error, BrainsError)]
    finally:
        # Side by side: each has up to two seconds, and nobody should wait for four.
        await asyncio.gather(server.close(), gateway.close())
    if failed:
        raise failed[0]


def _teller() -> Callable[[TickReport], None]:
    """Return an observer that logs what agents ask, decide and do: `--log-level debug`."""
    from brains.cli._demo.story import Story

    story = Story()

    def tell(report: TickReport) -> None:
        for item in story.report(report):
            log.debug("%s %s %s", item.who, item.kind, item.text)

    return tell


async def _start_model(gateway: Gateway, library: BrainLibrary, prompts: PromptLibrary) -> None:
    """Start the model, again and again until it is there, and have it read the prompts.

    Meanwhile the game plays on fallbacks.

    Raises:
        ConfigError: there is nothing to wait for: `auto` found neither an Ollama nor a model for inside the process.
    """
    problem = ""
    while gateway.state != "ready":
        try:
            info = await gateway.start()
        except ModelError as error:
            if str(error) != problem:
                problem = str(error)
                log.warning("no model yet, leaves fall back: %s", problem)
            await asyncio.sleep(RETRY_S)
        else:
            log.info("model %s (%s)", info.name, info.backend)
    try:
        questions = list(warm_up_questions(library, prompts))
        await warm_up(gateway, questions)
        log.info("the model has read %s", _count(len(questions), "prompt"))
    except Exception:
        # Without it the first answers are slow, and that is all.
        log.exception("the model could not be given the prompts to read")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"

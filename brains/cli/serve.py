"""`brains serve`: trees, prompts and a model behind a WebSocket, for a game to connect to."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from brains import __version__
from brains.cli._record import Recorded, record_options, recorder_of
from brains.config import Config, OtelSettings, load_config
from brains.errors import BrainsError, ConfigError
from brains.warmup import warm_up, warm_up_questions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from brains.cli._stats import StatsFormat
    from brains.gateway import Metrics, ModelRouter, Watcher
    from brains.library import BrainLibrary
    from brains.prompts import PromptLibrary
    from brains.recording import FileRecorder
    from brains.snapshot import TickReport

__all__ = ["command"]

log = logging.getLogger("brains.serve")

STATS_EVERY_S = 10.0
LEVELS = ("debug", "info", "warning", "error")

EXAMPLES = """\b
Examples:
  brains serve                                    trees/ and prompts/, any model that is there
  brains serve --model ollama:llama3.2
  brains serve --model scripted                   no model at all: it answers as the most similar example
  brains serve --trees my_trees --prompts my_prompts --port 9000
  brains serve --allow-origin http://localhost:8060         let a web export in
  brains serve --log-level debug                  what agents ask, decide and do, line by line
  brains serve --break 'guard:*/Respond' --wait   agents wait for `brains debug` before their first tick
  brains serve --record run.jsonl                 all that agents do, for `brains replay` and `brains trace`
  brains serve --stats                            what leaves asked and models did, every 10 s and at the end
  brains serve --stats 60 --stats-format json >> stats.jsonl
  brains serve --stats 0                          only at the end
  BRAINS_TOKEN=secret brains serve --host 0.0.0.0           let other machines in

Settings may stand in brains.toml, or in pyproject.toml under [tool.brains], by the same names. Only there:

\b
  hosts = ["http://a:11434", "http://b:11434"]    several Ollama servers that have the model
  cache_size = 256                                answers kept for those who ask the same, for
  cache_ttl = 10.0                                so many seconds
  questions_per_minute = 60                       of each agent; 0 for any number; as
  tokens_per_minute = 20000                       of the answers to it, prompts and all
  [models.big]                                    another model, which a leaf picks by model="big"
  model = "llama3.1:70b"
  host = "http://c:11434"
  [otel]                                          traces and metrics (pip install 'godot-brains[otel]')
  endpoint = "http://localhost:4318"
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
@click.option(
    "--stats",
    "stats_every",
    type=click.FloatRange(min=0),
    is_flag=False,
    flag_value=STATS_EVERY_S,
    metavar="[SECONDS]",
    help="Print what was asked and answered, every so often (10 s; 0 for never) and at the end.",
)
@click.option(
    "--stats-format",
    type=click.Choice(["table", "json"]),
    default="table",
    help="As tables, or as one JSON object per line; all else that is said goes to stderr then.",
)
@click.option(
    "--break",
    "stops",
    multiple=True,
    metavar="WHERE",
    help="Hold an agent there until somebody debugs it, as in 'guard_*:*/Respond:exit'; repeatable.",
)
@click.option("--wait", is_flag=True, help="Hold agents before their first tick: those of --break, or all.")
@record_options
@click.option("--config", "config_file", type=click.Path(), help="Settings file to use instead of the nearest.")
def command(
    config_file: str | None,
    allow_origins: tuple[str, ...],
    stops: tuple[str, ...],
    wait: bool,
    record: Recorded | None,
    stats_every: float | None,
    stats_format: StatsFormat,
    **options: Any,
) -> None:
    """Serve behaviour trees to a game over WebSocket, until Ctrl-C."""
    breakpoints = _breakpoints(stops)
    config = load_config(config_file, allow_origins=list(allow_origins) or None, **options)
    from brains.cli._log import log_to_stderr

    log_to_stderr(config.log_level.upper())
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
        log.error("%s", error.summary)
    library = load_trees(trees)
    for text in errors_of(library, prompts, config.model_names):
        log.warning("%s", text)
    stats = None if stats_every is None else _Stats(stats_every, stats_format)
    with recorder_of(record, prompts, trees) as recorder:
        asyncio.run(_serve(config, library, prompts, folder, stats, recorder, _Stops(breakpoints, wait)))
    _say("stopped", stats)


def _breakpoints(given: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the breakpoints of the command line; most have none, and need none of the debugger's code to say so."""
    if not given:
        return []
    from brains.cli._debugging import parsed_breakpoints

    return parsed_breakpoints(given)


class _Stops(NamedTuple):
    """Where agents are to be held, and whether they wait for a debugger before their first tick."""

    breakpoints: list[dict[str, Any]]
    wait: bool


class _Stats:
    """How statistics are printed. They are for stdout, where JSON must have no other lines beside it."""

    def __init__(self, every: float, form: StatsFormat) -> None:
        self.every = every
        self.form: StatsFormat = form
        self.since = time.monotonic()

    def write(self, metrics: Metrics, router: ModelRouter) -> None:
        """Print what there is so far. Whoever reads it may be gone, and that must not end the game."""
        from brains.cli._stats import stats_of, stats_text

        with contextlib.suppress(OSError):
            sys.stdout.write(stats_text(stats_of(metrics, router, self.since), self.form))
            sys.stdout.flush()


def _say(text: str, stats: _Stats | None) -> None:
    click.echo(text, err=stats is not None and stats.form == "json")


async def _serve(
    config: Config,
    library: BrainLibrary,
    prompts: PromptLibrary,
    folder: Path,
    stats: _Stats | None,
    recorder: FileRecorder | None,
    stops: _Stops,
) -> None:
    """Serve until a signal comes."""
    from brains.agent import Agent
    from brains.cli._debugging import Edits, debugger_of, reachable
    from brains.cli._recordings import Recordings
    from brains.cli._running import keep_watching, router_of, settle_memory, stopped_by_signals
    from brains.cli._stats import stats_of
    from brains.gateway import Metrics
    from brains.reload import PromptWatcher
    from brains.server import Server, is_loopback

    metrics, edits, since = Metrics(), Edits(), time.monotonic()
    edits.watcher = PromptWatcher(folder, prompts, edits.note)
    failed: list[BrainsError] = []
    async with _telemetry(config) as tracing:
        router = router_of(config, [metrics, *tracing], templates=len(prompts.names()))
        recordings = Recordings(library, prompts, config.trees_folder, router, recorder)
        server = Server(
            library,
            recordings.factory(functools.partial(Agent, prompts=prompts, asker=router)),
            router,
            host=config.host,
            port=config.port,
            token=config.token,
            allow_origins=config.allow_origins,
            limits=config.limits,
            observer=_observer(metrics),
            version=__version__,
        )
        debugger = debugger_of(
            server, router, command="serve", prompts=prompts, edits=edits, models=router.names, recordings=recordings,
            breakpoints=stops.breakpoints, wait=stops.wait,
        )  # fmt: skip
        try:
            async with contextlib.AsyncExitStack() as stack:
                stop = stack.enter_context(stopped_by_signals())
                settle_memory(tidy=True)
                await server.start()
                await stack.enter_async_context(
                    reachable(
                        debugger, server, command="serve", edits=edits, recordings=recordings,
                        stats=lambda: stats_of(metrics, router, since),
                        required=bool(stops.breakpoints) or stops.wait,
                    )
                )  # fmt: skip
                _say(f"listening on {server.url}", stats)
                if not is_loopback(config.host):
                    _say(f"open to other machines, too (host {config.host}): to whoever knows the token", stats)
                brains, templates = len(library.names()), len(prompts.names())
                _say(f"{_models(config)}, {_count(brains, 'brain')}, {_count(templates, 'prompt')}", stats)
                if stops.wait:
                    _say("agents wait for a debugger before their first tick: `brains debug`", stats)
                if recorder is not None:
                    _say(f"recording to {recorder.path}", stats)
                sys.stdout.flush()
                async with asyncio.TaskGroup() as tasks:
                    background = [
                        tasks.create_task(keep_watching(edits.watcher)),
                        *(tasks.create_task(_start_model(router, name, library, prompts)) for name in router.gateways),
                    ]
                    if stats is not None and stats.every:
                        background.append(tasks.create_task(_print_stats(stats, metrics, router)))
                    await stop.wait()
                    for task in background:
                        task.cancel()
        except* BrainsError as group:
            failed += [error for error in group.exceptions if isinstance(error, BrainsError)]
        finally:
            # Side by side: each has up to two seconds, and nobody should wait for four.
            await asyncio.gather(server.close(), router.close())
            if stats is not None:
                stats.write(metrics, router)
    if failed:
        raise failed[0]


@contextlib.asynccontextmanager
async def _telemetry(config: Config) -> AsyncIterator[list[Watcher]]:
    """Give what sends traces and metrics, if that is wanted, until the block ends.

    Raises:
        ConfigError: it is wanted by the settings, and OpenTelemetry is not installed.
    """
    from brains.gateway.otel import open_telemetry, wanted_by

    settings = config.otel
    if not (wanted_by(os.environ) if settings is None else settings.enabled):
        yield []
        return
    given = settings or OtelSettings()
    try:
        # The libraries behind it read files as they load.
        telemetry = await asyncio.to_thread(
            open_telemetry, endpoint=given.endpoint, service=given.service, content=given.content
        )
    except ConfigError as error:
        if settings is not None:
            raise
        # The environment may mean other programs.
        log.warning("no traces, although the environment names a collector: %s", error)
        yield []
        return
    try:
        yield [telemetry.watcher]
    finally:
        await asyncio.to_thread(telemetry.close)


async def _print_stats(stats: _Stats, metrics: Metrics, router: ModelRouter) -> None:
    """Print statistics every so often."""
    while True:
        await asyncio.sleep(stats.every)
        stats.write(metrics, router)


def _observer(metrics: Metrics) -> Callable[[TickReport], None]:
    """Return what gets the report of every tick."""
    if not log.isEnabledFor(logging.DEBUG):
        return metrics.report
    tell = _teller()

    def observe(report: TickReport) -> None:
        metrics.report(report)
        tell(report)

    return observe


def _teller() -> Callable[[TickReport], None]:
    """Return an observer that logs what agents ask, decide and do: `--log-level debug`."""
    from brains.cli._demo.story import Story

    story = Story()

    def tell(report: TickReport) -> None:
        for item in story.report(report):
            log.debug("%s %s %s", item.who, item.kind, item.text)

    return tell


async def _start_model(router: ModelRouter, name: str, library: BrainLibrary, prompts: PromptLibrary) -> None:
    """Start a model, again and again until it is there, and have it read the prompts that it is asked by.

    Meanwhile the game plays on fallbacks.

    Raises:
        ConfigError: there is nothing to wait for: `auto` found neither an Ollama nor a model for inside the process.
    """
    from brains.cli._running import settle_memory, start_named

    await start_named(router, name)
    settle_memory(tidy=False)
    try:
        questions = [one for one in warm_up_questions(library, prompts) if one.model == name]
        await warm_up(router, questions)
        if questions:
            log.info("the model has read %s", _count(len(questions), "prompt"))
    except Exception:
        # Without it the first answers are slow, and that is all.
        log.exception("the model could not be given the prompts to read")


def _models(config: Config) -> str:
    """Return the models and where they are, in words."""
    named = [f"{name} ({one.model})" for name, one in config.models.items()]
    servers = f" on {len(config.hosts)} servers" if len(config.hosts) > 1 else ""
    return f"model {config.model}{servers}" + (f" and {', '.join(named)}" if named else "")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"

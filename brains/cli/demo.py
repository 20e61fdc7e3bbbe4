"""`brains demo`: a castle yard in the terminal or in Godot, played over a real socket by a real model."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from brains.cli._record import Recorded, record_options, recorder_of
from brains.config import Config, load_config
from brains.errors import ConfigError

if TYPE_CHECKING:
    from brains.cli._demo.godot import GodotGame
    from brains.cli._demo.play import Ending
    from brains.cli._demo.show import Show
    from brains.cli._demo.tally import Tally
    from brains.questions import ChatModel

__all__ = ["command"]

FOR_GODOT = ("headless", "actions", "project")
FOR_TERMINAL = ("rate", "speed")
EXAMPLES = """\b
Examples:
  brains demo                                     until Ctrl-C, with any model that is there: in a window of Godot if
                                                  there are a Godot and a screen, else in the terminal
  brains demo --terminal                          in the terminal in any case
  brains demo --seconds 20
  brains demo --model ollama:llama3.2
  brains demo --model scripted                    no model at all, only to see the parts move
  brains demo --plain | grep FALLBACK
  brains demo --seconds 20 --json > summary.json
  brains demo --seconds 20 --record run.jsonl && brains replay run.jsonl
  brains demo --godot                             in a window of Godot, until you close it
  brains demo --godot ~/bin/Godot_4.6 --headless --actions 20
  brains demo --godot --project my_game           a game of yours; it gets --brains-url and the like after --

Edit a file in prompts/ meanwhile: the next question uses it.

Exit code 0 if the model did its work; 1 if it answered fewer than half of the questions that were asked, or gave one
and the same answer wherever a leaf asked ten times or more, or if something is missing; 130 for a Ctrl-C before
anything ran. With --godot it is also 1 for an error in Godot's output, or if the actions were not finished in time.
"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--seconds", type=click.FloatRange(min=0, min_open=True), help="How long to play; until Ctrl-C if not given."
)
@click.option("--model", help="auto, ollama:NAME, embedded, embedded:/path/to.gguf or scripted.")
@click.option("--trees", type=click.Path(), help="Folder of the brains.")
@click.option("--prompts", type=click.Path(), help="Folder of their templates.")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides who comes and what happens.")
@click.option("--rate", type=click.FloatRange(1, 60), default=10, show_default=True, help="Snapshots per second.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the server; any free one if not given.")
@click.option("--speed", type=click.FloatRange(0.1, 20), default=1, hidden=True, help="Game seconds per second.")
@click.option(
    "--godot",
    is_flag=False,
    flag_value="",
    metavar="[PATH]",
    help="Play in Godot 4.4 or newer: the program at PATH, else $GODOT, else `godot` on the PATH.",
)
@click.option("--terminal", is_flag=True, help="Play in the terminal, even if there is a Godot.")
@click.option("--headless", is_flag=True, help="With --godot: no window, and nobody at the keyboard.")
@click.option("--actions", type=click.IntRange(min=1), help="With --godot: end after so many finished actions.")
@click.option("--project", type=click.Path(), help="With --godot: play this project and not the castle yard.")
@click.option("--plain", is_flag=True, help="Print lines instead of drawing a screen.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object, and all else on stderr.")
@record_options
@click.option("--config", "config_file", type=click.Path(), help="Settings file to use instead of the nearest.")
@click.pass_context
def command(
    context: click.Context,
    seconds: float | None,
    model: str | None,
    trees: str | None,
    prompts: str | None,
    seed: int,
    rate: float,
    speed: float,
    port: int,
    godot: str | None,
    terminal: bool,
    headless: bool,
    actions: int | None,
    project: str | None,
    plain: bool,
    as_json: bool,
    record: Recorded | None,
    config_file: str | None,
) -> None:
    """Play a castle yard in the terminal or in Godot: eight agents, their trees, and a model that they ask."""
    _require_fitting(context, godot)
    if terminal and godot is not None:
        raise click.UsageError("--terminal and --godot exclude each other")
    # A program that runs this command may bring a model of its own as the click object.
    given: ChatModel | None = context.obj
    config = load_config(config_file, model=model, trees=trees, prompts=prompts, port=port, host="127.0.0.1")
    _require_folders(config)
    is_plain = terminal or plain or as_json or any(_is_given(context, name) for name in FOR_TERMINAL)
    if godot is None and not is_plain and _can_play_in_godot(config):
        click.echo("There is a Godot, so the yard is played in its window (--terminal: here).")
        godot = ""
    # Imported here, so that `--help` and a wrong option do not wait for all of it.
    from brains.cli._demo.play import Run, play
    from brains.cli._demo.tally import Tally
    from brains.cli._running import errors_of, router_of
    from brains.gateway import Metrics
    from brains.loading import load_trees
    from brains.reload import load_prompts
    from brains.warmup import asking_brains

    with contextlib.ExitStack() as stack:
        game = None
        if godot is not None:
            game = stack.enter_context(
                _godot_game(config, godot, project, headless=headless, actions=actions, seconds=seconds, seed=seed)
            )
        library, templates = load_trees(config.trees_folder), load_prompts(config.prompts_folder)
        metrics = Metrics()
        run = Run(
            library=library,
            prompts=templates,
            prompts_folder=config.prompts_folder,
            trees_folder=config.trees_folder,
            router=router_of(config, [metrics], templates=len(templates.names()), default=given),
            metrics=metrics,
            seconds=seconds,
            rate=rate,
            speed=speed,
            seed=seed,
            port=config.port,
            godot=game,
            recorder=stack.enter_context(recorder_of(record, templates, config.trees_folder)),
        )
        tally = Tally(asking=asking_brains(run.library))
        show = stack.enter_context(_show(plain=plain, as_json=as_json))
        for error in run.prompts.errors.values():
            show.problem(error.summary)
        for text in errors_of(run.library, run.prompts, config.model_names):
            show.problem(text)
        ending = asyncio.run(play(run, show, tally))
    _end(tally, ending, show, as_json)


def _require_fitting(context: click.Context, godot: str | None) -> None:
    """Refuse options that would have no effect."""
    for name in FOR_GODOT if godot is None else FOR_TERMINAL:
        if _is_given(context, name):
            where = "works with --godot only" if godot is None else "is for the terminal: in Godot, Godot decides"
            raise click.UsageError(f"--{name} {where}")


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _can_play_in_godot(config: Config) -> bool:
    """Tell whether somebody sits at a screen of a machine that has a Godot and the castle yard for it."""
    from brains.cli._demo.engine import find_engine, find_project, has_screen

    if not (sys.stdout.isatty() and has_screen()):
        return False
    try:
        find_project(None, config.trees_folder)
        find_engine(None)
    except ConfigError:
        return False
    return True


def _godot_game(
    config: Config, named: str, project: str | None, *,
    headless: bool, actions: int | None, seconds: float | None, seed: int,
) -> GodotGame:  # fmt: skip
    """Find all that it takes to play in Godot."""
    from brains.cli._demo.engine import find_engine, find_project
    from brains.cli._demo.godot import GodotGame

    folder = find_project(project, config.trees_folder)
    return GodotGame(find_engine(named), folder, headless=headless, actions=actions, seconds=seconds, seed=seed)


def _require_folders(config: Config) -> None:
    """Say where trees and prompts can be had from: they are not part of the installed package."""
    try:
        _ = config.trees_folder, config.prompts_folder
    except ConfigError as error:
        raise ConfigError(
            f"{error}. The demo plays the brains of a checkout of the project: `git clone` its repository and run "
            "`brains demo` in there, or name your own folders with --trees PATH --prompts PATH"
        ) from error


@contextlib.contextmanager
def _show(*, plain: bool, as_json: bool) -> Iterator[Show]:
    """Open the screen, or plain lines where there is none or nobody wants it; the log of brains goes there, too."""
    from rich.console import Console

    from brains.cli._demo.show import LogToShow, PlainShow, ScreenShow

    out = sys.stderr if as_json else sys.stdout
    console = Console(file=out, highlight=False)
    is_screen = console.is_terminal and not console.is_dumb_terminal and not plain
    show: Show = ScreenShow(console) if is_screen else PlainShow(out)
    handler = LogToShow(show)
    log = logging.getLogger("brains")
    level, propagate = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield show
    finally:
        show.close()
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = propagate


def _end(tally: Tally, ending: Ending, show: Show, as_json: bool) -> None:
    """Print the summary and leave with the exit code that it deserves."""
    from brains.cli._demo.show import print_summary

    if show.broken is not None:
        if not isinstance(show.broken, BrokenPipeError):
            raise show.broken
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(0)
    if ending.interrupted and not tally.ticks:
        raise KeyboardInterrupt
    problems = [*tally.problems(), *ending.problems]
    failed = bool(ending.problems) or (bool(problems) and not ending.early)
    if as_json:
        _print_json(tally, ending, problems)
    else:
        print_summary(tally, ending.model)
        if ending.game:
            click.echo(_shown_game(ending.game))
    for problem in problems:
        click.secho(f"problem: {problem}", fg="red", err=as_json)
    raise click.exceptions.Exit(1 if failed else 0)


def _shown_game(game: dict[str, Any]) -> str:
    """Return what the castle yard in Godot says of itself in a line."""
    results = ", ".join(f"{status} {count}" for status, count in game.get("results", {}).items())
    longest = max(game.get("longest_silence_s", {}).values(), default=0.0)
    return f"game       {game.get('finished', 0)} actions finished ({results}), nobody idle for over {longest:.1f} s"


def _print_json(tally: Tally, ending: Ending, problems: list[str]) -> None:
    summary: dict[str, Any] = {
        "model": ending.model,
        **tally.summary(),
        **({"game": ending.game} if ending.game else {}),
        "interrupted": ending.interrupted,
        "ok": not problems,
        "problems": problems,
    }
    click.echo(json.dumps(summary, ensure_ascii=False))

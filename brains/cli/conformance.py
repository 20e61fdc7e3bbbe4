"""`brains conformance`: does this server, or this client, speak the protocol?"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from brains.config import Config, load_config
from brains.errors import ConfigError

if TYPE_CHECKING:
    from brains.cli._conformance.checks import Pace, Result
    from brains.messages import DeclaredAction

__all__ = ["command"]

EXAMPLES = """\b
Examples:
  brains conformance ws://127.0.0.1:8765                 a server, such as brains serve
  brains conformance ws://127.0.0.1:8765 --brain guard --declare actions.json
  brains conformance --serve                             a client: start it, and let it connect
  brains conformance --serve --port 8765 --seconds 120 --json > checks.jsonl
  brains conformance --serve --only 'action.*' --only 'resume.*'

To check a server, its brain has to want something: --declare names the actions that it may choose (those of the trees
folder, if there is one), and --me is what it perceives. To check a client, it should have an agent with an action that
takes a second or more.

Exit code 0: nothing failed, what was skipped is said; 1: something failed, or nobody was there; 2: wrong usage.
"""


@click.command(epilog=EXAMPLES)
@click.argument("url", required=False)
@click.option("--serve", is_flag=True, help="Be the server, and check the client that connects.")
@click.option("--host", default="127.0.0.1", show_default=True, help="With --serve: address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="With --serve: port; any free one by default.")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="With --serve: stop after so long.")
@click.option("--brain", "brains", multiple=True, help="Brain to ask for, or with --serve to offer (repeatable).")
@click.option("--declare", type=click.Path(path_type=Path), help="JSON file with a list of declared actions.")
@click.option("--me", help="JSON object that agents perceive.  [default: {}]")
@click.option("--token", envvar="BRAINS_TOKEN", help="Token for hello; $BRAINS_TOKEN by default.")
@click.option("--trees", type=click.Path(path_type=Path), help="Trees folder to take brains and actions from.")
@click.option(
    "--timeout", type=click.FloatRange(min=0.05), default=5.0, show_default=True, help="Seconds for an answer."
)
@click.option("--only", multiple=True, metavar="PATTERN", help="Run the checks that match, such as 'resume.*'.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per check.")
@click.pass_obj
def command(
    pace: Pace | None,
    /,
    url: str | None,
    serve: bool,
    timeout: float,
    only: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Check the server at URL by a scripted client, or with --serve any client by a scripted server."""
    if bool(url) == serve:
        raise click.UsageError("give the URL of a server, or --serve to check a client")
    from brains.cli._conformance.checks import Pace

    # A program that runs this command may bring times of its own as the click object.
    pace = pace or Pace(answer=timeout)
    show = _Show(as_json)

    def wanted(name: str) -> bool:
        return not only or any(fnmatchcase(name, pattern) for pattern in only)

    run = _serve if serve else _visit
    results = asyncio.run(run(pace, show, wanted, url=url or "", **options))
    if not results:
        raise click.UsageError("--only matches no check")
    sys.exit(1 if show.sum_up(results) else 0)


def _visit(
    pace: Pace, show: _Show, wanted: Callable[[str], bool], *, url: str, brains: tuple[str, ...], **options: Any
) -> Coroutine[Any, Any, list[Result]]:
    """Make ready to check a server."""
    from brains.cli._conformance.player import Visit
    from brains.cli._conformance.servers import check_server

    visit = Visit(
        url if "://" in url else f"ws://{url}",
        token=options["token"],
        brain=brains[0] if brains else None,
        declared=_declared(options["declare"], options["trees"]),
        me=_object(options["me"]),
        pace=pace,
    )
    return check_server(visit, show.line, wanted)


def _serve(
    pace: Pace, show: _Show, wanted: Callable[[str], bool], *, brains: tuple[str, ...], **options: Any
) -> Coroutine[Any, Any, list[Result]]:
    """Make ready to check a client."""
    from brains.cli._conformance.clients import check_client
    from brains.cli._conformance.game import Game

    game = Game(
        host=options["host"],
        port=options["port"],
        brains=list(brains) or _names_of(options["trees"]),
        token=options["token"],
        pace=pace,
    )

    async def run() -> list[Result]:
        async with game:
            show.say(f"listening on {game.url}")
            return await check_client(game, show.line, wanted, options["seconds"])

    return run()


class _Show:
    """Prints checks as they are done: a line each."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json

    def say(self, text: str) -> None:
        """Print what is no check."""
        click.echo(text, err=self._as_json)
        (sys.stderr if self._as_json else sys.stdout).flush()

    def line(self, result: Result) -> None:
        """Print a check."""
        if self._as_json:
            click.echo(msgspec.json.encode(result).decode())
        else:
            colour = {"ok": "green", "failed": "red", "skipped": "yellow"}[result.outcome]
            name = click.style(f"{result.outcome:8}", fg=colour) + f"{result.check:24}"
            click.echo(f"{name}{result.expected} -> {result.got}")
        sys.stdout.flush()

    def sum_up(self, results: list[Result]) -> int:
        """Print the counts; return how many failed."""
        counts = {outcome: sum(one.outcome == outcome for one in results) for outcome in ("ok", "failed", "skipped")}
        self.say(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
        nobody = all(one.outcome == "skipped" for one in results)
        return counts["failed"] or int(nobody)


def _declared(file: Path | None, trees: Path | None) -> list[DeclaredAction]:
    """Return the actions to declare: those of the file, else those of the trees folder, if there is one."""
    from brains.messages import DeclaredAction

    if file is not None:
        try:
            return msgspec.json.decode(file.read_bytes(), type=list[DeclaredAction])
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror}") from error
        except msgspec.MsgspecError as error:
            raise ConfigError(f'{file}: {error}; it has to be a list such as [{{"name": "Patrol"}}]') from error
    folder = _trees(trees)
    if folder is None:
        return []
    from brains.actions import action_schema
    from brains.loading import load_trees

    actions = load_trees(folder).actions
    return [DeclaredAction(name=name, params=action_schema(action)) for name, action in actions.items()]


def _names_of(trees: Path | None) -> list[str]:
    """Return the names of the brains in the trees folder, if there is one."""
    folder = _trees(trees)
    if folder is None:
        return []
    from brains.loading import load_trees

    return load_trees(folder).names()


def _trees(given: Path | None) -> Path | None:
    """Return the trees folder; it may be missing unless it was named."""
    config: Config = load_config(None, trees=given)
    try:
        return config.trees_folder
    except ConfigError:
        if given is not None:
            raise
        return None


def _object(text: str | None) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise click.UsageError(f"--me has to be a JSON object: {error}") from error

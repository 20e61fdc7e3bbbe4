"""The command `brains`: each subcommand lives in a module of its own and is imported when it is called."""

from __future__ import annotations

import contextlib
import errno
import importlib
import io
import os
import sys
from typing import NoReturn

import click

from brains import __version__
from brains.errors import BrainsError, PromptError

__all__ = ["main"]

COMMANDS = {
    "serve": "Serve behaviour trees to a game over WebSocket.",
    "demo": "Play a castle yard in the terminal, with a real model.",
    "debug": "Step-debug one agent, live or from a recording.",
    "ctl": "Look at, hold and release agents of a running server.",
    "watch": "Watch agents live: trees with statuses, decisions, rates.",
    "check": "Check trees and prompts without running anything.",
    "prompt": "Work on prompts: list, render, evaluate, calibrate.",
    "model": "Get, inspect and serve the small default model.",
    "replay": "Run a recording again and find the first difference.",
    "trace": "Look at a recording: timeline, coverage, pictures, parts.",
    "bench": "Measure how fast decisions are.",
    "addon": "Bring the Godot addon into a project.",
    "conformance": "Check any server, or any client, against the protocol.",
    "protocol": "Print the protocol: AsyncAPI, JSON Schema, examples.",
}


UNWRITABLE = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What the system says where output cannot be written: nobody reads it, or the disk is full."""


class LazyGroup(click.Group):
    """Imports `brains.cli.NAME` and takes its `command` only when NAME is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the subcommands in the order people need them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one subcommand."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"brains.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with `brains demo`. Every command has its own --help with examples.",
)
@click.version_option(__version__, prog_name="brains")
def cli() -> None:
    """Behaviour-tree brains for Godot agents, with LLM leaves on a local model."""


def main(args: list[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code.

    0 fine, 1 an error that a message explains (or a closed pipe), 2 wrong usage, 74 the output cannot be written, 130
    Ctrl-C.
    """
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            # Not all that games and models say is in every encoding: a terminal in Latin-1, a file on Windows.
            stream.reconfigure(errors="replace")
    try:
        code = _run(args)
        if sys.stdout is not None:
            sys.stdout.flush()  # what Python does itself at its end, where nobody can catch what comes of it
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        _let_go_of_output()
        code = 1 if error.errno == errno.EPIPE else 74
        if code == 74:
            _say(f"error: cannot write: {error.strerror}")
    sys.exit(code)


def _run(args: list[str] | None) -> int | str:
    try:
        return int(cli.main(args=args, prog_name="brains", standalone_mode=False) or 0)
    except SystemExit as stop:
        return stop.code or 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (click.Abort, KeyboardInterrupt):
        _say("stopped")
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrainsError as error:
        _say(f"error: {error.summary if isinstance(error, PromptError) else error}")
        return 1


def _say(text: str) -> None:
    """Say something on stderr, if anybody hears it. It may name agents, and what a game calls one is not ours."""
    from brains.cli._debug.text import clean

    with contextlib.suppress(OSError):
        click.echo("\n".join(map(clean, text.split("\n"))), err=True)


def _let_go_of_output() -> None:
    """Point what cannot be written to into the void: Python would complain once more when it flushes at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

"""The command `brains`: each subcommand lives in a module of its own and is imported when it is called."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from brains import __version__
from brains.errors import BrainsError

__all__ = ["main"]

COMMANDS = {
    "serve": "Serve behaviour trees to a game over WebSocket.",
    "demo": "Play a castle yard in the terminal, with a real model.",
    "debug": "Step-debug one agent: live, backwards, and from a recording.",
    "ctl": "Look at, hold and release agents of a running server, in one go.",
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


def main(args: list[str] | None = None) -> Any:
    """Run the command line; exit code 0 fine, 1 an error that a message explains, 2 wrong usage, 130 Ctrl-C."""
    try:
        sys.exit(cli.main(args=args, prog_name="brains", standalone_mode=False) or 0)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrainsError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)

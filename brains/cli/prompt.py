"""`brains prompt`: list, show, render, ask, lint, evaluate, compare and calibrate prompts.

A prompt's cases are in `NAME.cases.yaml` beside it: a YAML list of its inputs, each with the right `answer`. They are
not its examples: the model never sees them.
"""

from __future__ import annotations

import click

from brains.cli._prompt.calibrating import calibrate
from brains.cli._prompt.linting import lint
from brains.cli._prompt.looking import ask, list_, render, show
from brains.cli._prompt.measuring import diff, eval_

__all__ = ["command"]

EPILOG = """\b
Examples:
  brains prompt list
  brains prompt render guard/is_hostile --snapshot yard.json --agent guard_1
  brains prompt ask guard/is_hostile --model embedded -n 5
  brains prompt lint
  brains prompt eval guard/is_hostile
  brains prompt diff guard/is_hostile --rev HEAD~1
  brains prompt calibrate"""


class _InOrder(click.Group):
    """Lists its commands in the order in which people need them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InOrder, epilog=EPILOG)
def command() -> None:
    """Work on prompts: look at them, ask, measure, compare."""


for _one in (list_, show, render, ask, lint, eval_, diff, calibrate):
    command.add_command(_one)

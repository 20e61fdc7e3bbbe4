"""`brains replay`: run a recording again, and hold each tick against what was recorded."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

import click
import msgspec

from brains.config import load_config
from brains.errors import RecordingError

if TYPE_CHECKING:
    from brains.config import Config
    from brains.trace import Difference, Recording, Replayer

__all__ = ["command"]

EXAMPLES = """\b
Examples:
  brains replay run.jsonl
  brains replay run.jsonl --agent guard_1
  brains replay run.jsonl --json | jq .first
  brains replay run.jsonl --model ollama:llama3.2       what another model would have decided
  brains replay run.jsonl --prompts prompts             what the prompts would decide as they are now

Recordings are made by `brains serve --record FILE` and `brains demo --record FILE`. The trees are those of now, the
prompts, the answers of the model and everything else are those of the recording: so a difference is a change in a
tree, or a tree that depends on something else, such as the clock on the wall.

Exit code 0 if there is no difference; with --model or --prompts, if no decision flips. 1 otherwise, and if the
recording cannot be read to its end.
"""


@click.command(epilog=EXAMPLES)
@click.argument("file", type=click.Path())
@click.option("--agent", "agents", multiple=True, metavar="ID", help="Replay these agents only; repeatable.")
@click.option("--trees", type=click.Path(), help="Folder of the brains.")
@click.option("--prompts", type=click.Path(), help="Ask again, with the prompts of this folder; lists what flips.")
@click.option("--model", help="Ask again, this model: auto, ollama:NAME, embedded ... Lists what flips.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.option("--config", "config_file", type=click.Path(), help="Settings file to use instead of the nearest.")
def command(
    file: str,
    agents: tuple[str, ...],
    trees: str | None,
    prompts: str | None,
    model: str | None,
    as_json: bool,
    config_file: str | None,
) -> None:
    """Replay a recording without a game and without a model, and name the first difference."""
    config = load_config(config_file, trees=trees, prompts=prompts, model=model)
    from brains.cli._log import at_level
    from brains.loading import load_trees
    from brains.recording import open_recording

    # What leaves did wrong was told when it was recorded.
    silent = at_level("brains.agent", logging.CRITICAL)
    recording = open_recording(file)
    only = numbers_of(recording, agents)
    library = load_trees(config.trees_folder)
    notes = notes_of(recording, config)
    if model is not None or prompts is not None:
        from brains.cli._replay.asking import ask_again, print_flips

        with silent:
            result = ask_again(recording, library, config, only=only, with_folder=prompts is not None)
        print_flips(result, notes, as_json=as_json)
        raise click.exceptions.Exit(0 if result.is_fine else 1)
    from brains.trace import Replayer

    replayer = Replayer(recording, library, stored_prompts(config, recording), only=only)
    with silent:
        replayer.run()
    notes += [f"the tree of {brain} has another shape now: {what}" for brain, what in replayer.reshaped.items()]
    if not replayer.ticks and not replayer.stopped:
        notes = [*notes, "nothing could be replayed"]
    summary = summary_of(recording, replayer, notes)
    if as_json:
        click.echo(msgspec.json.encode(summary))
    else:
        _print(recording, replayer, notes)
    raise click.exceptions.Exit(0 if summary["ok"] else 1)


def numbers_of(recording: Recording, agents: tuple[str, ...]) -> list[int] | None:
    """Return the numbers of all agents with these ids; None: of all.

    Raises:
        RecordingError: there is no agent with such an id; names the nearest.
    """
    if not agents:
        return None
    for agent in agents:
        recording.find(agent)
    return [n for n, life in recording.lives.items() if life.id in agents]


def stored_prompts(config: Config, recording: Recording) -> Any:
    """Return the folder's prompts where the recording has left its texts out, else None."""
    if recording.head is None or recording.head.content:
        return None
    from brains.reload import load_prompts

    return load_prompts(config.prompts_folder)


def notes_of(recording: Recording, config: Config) -> list[str]:
    """Say what a reader of the result should know: what has changed since, and what is missing."""
    from brains.cli._replay.changes import prompts_changed, trees_changed

    notes = trees_changed(recording, config.trees_folder)
    with contextlib.suppress(Exception):
        notes += prompts_changed(recording, config.prompts_folder)
    if recording.is_cut:
        notes.append("its last line is not whole: the program was ended while it wrote it")
    if recording.skipped:
        notes.append(f"{recording.skipped} lines are of a newer version and were left out")
    return notes


def summary_of(recording: Recording, replayer: Replayer, notes: list[str]) -> dict[str, Any]:
    """Return the result for scripts."""
    differences = [msgspec.to_builtins(one) for one in replayer.differences]
    return {
        "file": recording.name,
        "ticks": replayer.ticks,
        "actions": replayer.actions,
        "differences": differences,
        "first": differences[0] if differences else None,
        "left_out": replayer.left_out,
        "stopped": replayer.stopped,
        "complete": not replayer.stopped and not replayer.left_out and not recording.is_cut,
        "notes": notes,
        "ok": not differences and not recording.damage and replayer.ticks > 0,
    }


def _print(recording: Recording, replayer: Replayer, notes: list[str]) -> None:
    for note in notes:
        click.echo(f"note: {shown(note)}", err=True)
    for agent, why in replayer.left_out.items():
        click.echo(f"note: {shown(agent)} is left out: {shown(why)}", err=True)
    if replayer.stopped:
        advice = "; what comes before it has been replayed"
        click.echo(
            f"{'error' if recording.damage else 'note'}: {recording.name}: {shown(replayer.stopped)}{advice}", err=True
        )
    if replayer.differences:
        print_difference(replayer.differences[0])
    count = len(replayer.differences)
    click.echo(
        f"{replayer.ticks} ticks, {replayer.actions} actions, {count} difference{'s' * (count != 1)}"
        + (" (each ends the replay of its agent)" if count > 1 else "")
    )


def print_difference(difference: Difference) -> None:
    """Print a difference in lines for people."""
    session = f" (session {shown(difference.session)})" if difference.session else ""
    click.echo(f"first difference: tick {difference.tick} of {shown(difference.agent)}{session}")
    if difference.path:
        click.echo(f"  node      {shown(difference.path)}")
    click.echo(f"  what      {difference.what}")
    click.echo(f"  expected  {shown(difference.expected)}")
    click.echo(f"  got       {shown(difference.got)}")


def shown(text: str) -> str:
    """Return text of a game or a model for a terminal: one line that cannot steer it."""
    from brains.trace.recording import one_line

    return one_line(text, None)


def require_whole(recording: Recording) -> None:
    """Refuse a damaged recording.

    Raises:
        RecordingError: with what is wrong.
    """
    if recording.damage:
        raise RecordingError(recording.damage, file=recording.name)

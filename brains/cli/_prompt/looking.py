"""`brains prompt list`, `show`, `render` and `ask`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from brains.cli._prompt.asking import Asked, ask_often, print_asked
from brains.cli._prompt.folder import Folder
from brains.cli._prompt.printing import bars, coloured, print_lines, with_marks, without_marks
from brains.cli._prompt.rendering import Shown, count_tokens, marked_spans, question_for, shown
from brains.cli._prompt.running import started
from brains.cli._prompt.snapshots import GIVEN, read_snapshot
from brains.config import Config, load_config
from brains.errors import ConfigError
from brains.prompts import (
    SUFFIX,
    Prompt,
    PromptLibrary,
    StoredCalibration,
    lint_prompt,
)
from brains.questions import ModelRequest, Way

__all__ = ["ask", "folder_option", "json_option", "list_", "model_option", "render", "show", "trees_options"]

F = TypeVar("F", bound=Callable[..., Any])

folder_option = click.option(
    "--prompts", metavar="DIR", type=click.Path(path_type=Path), help="The prompts folder.  [default: prompts]"
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
WAYS = click.Choice(["completion", "chat", "schema"])
MODEL_HELP = "auto, llama3.2 (or ollama:llama3.2), embedded, embedded:FILE.gguf, or scripted (answers made up)."


def model_option(function: F) -> F:
    """Add --model."""
    return click.option("--model", help=f"{MODEL_HELP}  [default: auto]")(function)


def trees_options(function: F) -> F:
    """Add what says how a leaf fills its inputs."""
    trees = click.option(
        "--trees", metavar="DIR", type=click.Path(path_type=Path), help="The trees folder.  [default: trees]"
    )
    brain = click.option("--brain", default="", help="Compute the leaf's inputs with this brain's tree.")
    return trees(brain(function))


def situation_options(function: F) -> F:
    """Add what says what the prompt knows."""
    snapshot = click.option(
        "--snapshot",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="What the agent perceives, as JSON; see below.",
    )
    agent = click.option("--agent", default="", metavar="ID", help="Which agent of the snapshot.")
    inputs = click.option("--inputs", metavar="JSON", help="Give these inputs; they come first.")
    return snapshot(agent(inputs(trees_options(function))))


SNAPSHOTS = """
    A snapshot FILE is a `snapshot` message of the protocol, or {"me": ..., "world": ...}, with "events" and
    "blackboard" where they matter. What the prompt's leaf computes itself is computed by the tree that asks it
    (--brain names one of several), or given under "inputs". Without FILE and --inputs it is the first case.
"""

LIST_EPILOG = """\b
Examples:
  brains prompt list
  brains prompt list --prompts my_prompts --json

Exit code 1: a prompt is broken."""


@click.command("list", epilog=LIST_EPILOG)
@folder_option
@json_option
def list_(prompts: Path | None, as_json: bool) -> None:
    """List all prompts, and what is wrong with them."""
    folder = Folder(prompts)
    library = folder.library
    found = [library.get(name) for name in library.names()]
    errors = errors_of(library)
    if as_json:
        click.echo(json.dumps({"prompts": [_facts(one, library) for one in found], "errors": errors}))
    else:
        if found:
            _print_prompts([_facts(one, library) for one in found])
        else:
            what = "no prompt that works" if errors else "no prompts"
            click.echo(f"{what} in {folder.path}: each is a file NAME{SUFFIX}", err=True)
        for one in found:
            for warning in one.warnings:
                click.echo(f"{one.file}: warning: {warning}", err=True)
        for message in errors:
            click.echo(f"error: {message}", err=True)
    if errors:
        raise click.exceptions.Exit(1)


SHOW_EPILOG = """\b
Examples:
  brains prompt show guard/is_hostile
  brains prompt show guard/is_hostile --way chat
  brains prompt show villager/is_good_news --inputs '{"rumour": "the king is dead"}'"""


@click.command(epilog=SHOW_EPILOG)
@click.argument("name")
@folder_option
@click.option("--inputs", metavar="JSON", help="Fill in these.  [default: those of the first case]")
@click.option("--way", type=WAYS, default="completion", show_default=True)
def show(name: str, prompts: Path | None, inputs: str | None, way: Way) -> None:
    """Show a prompt filled in, exactly as a model gets it."""
    folder = Folder(prompts)
    prompt = folder.get(name)
    found = shown(prompt, _context(folder, prompt, None, "", inputs), folder.trees.labels(prompt), way)
    _tell_about(prompt)
    click.echo(without_marks(found.marked))


RENDER_EPILOG = """\b
Examples:
  brains prompt render guard/is_hostile --snapshot yard.json --agent guard_1
  brains prompt render guard/is_hostile --way completion > prompt.txt
  brains prompt render merchant/praise --inputs '{"me": {"name": "Otto", "sees": []}}' --marks
  brains prompt render guard/is_hostile --model embedded"""


@click.command(epilog=RENDER_EPILOG)
@click.argument("name")
@folder_option
@situation_options
@click.option(
    "--way", "ways", multiple=True, type=click.Choice(["completion", "chat", "schema"]), help="Only this way."
)
@click.option("--marks", is_flag=True, help="Put [[ and ]] around what came from the world, in place of colour.")
@click.option("--model", help=f"Count tokens with this model: {MODEL_HELP}")
@json_option
def render(
    name: str,
    prompts: Path | None,
    snapshot: Path | None,
    agent: str,
    inputs: str | None,
    trees: Path | None,
    brain: str,
    ways: tuple[Way, ...],
    marks: bool,
    model: str | None,
    as_json: bool,
) -> None:
    """Print the exact text that a model gets.

    What came from the world is in colour; with --marks, or in a pipe with it, in [[ and ]].
    """
    folder = Folder(prompts, trees, brain)
    prompt = folder.get(name)
    context, labels = _context(folder, prompt, snapshot, agent, inputs), folder.trees.labels(prompt)
    found = [shown(prompt, context, labels, way) for way in ways or ("completion", "chat")]
    tokens: Sequence[int | str]
    if model is None:
        tokens = ["not counted without --model"] * len(found)
    else:
        tokens = asyncio.run(_count(load_config(model=model), [one.request for one in found]))
    warnings = [one.message for one in lint_prompt(prompt) if one.rule in ("prefix-cache", "token-budget")]
    if as_json:
        facts = {
            "prompt": prompt.name,
            "version": prompt.version,
            "ways": [_way_facts(one, count) for one, count in zip(found, tokens, strict=True)],
            "warnings": warnings,
        }
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    _tell_about(prompt)
    for one, count in zip(found, tokens, strict=True):
        _print_way(one, count, marks, alone=len(found) == 1)
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)


render.help = f"{render.help}\n{SNAPSHOTS}"


def _print_way(one: Shown, tokens: int | str, marks: bool, *, alone: bool) -> None:
    text = without_marks(one.marked)
    told = f"{tokens} tokens" if isinstance(tokens, int) else f"tokens: {tokens}"
    head = f"--- {one.way}: {len(text)} characters, {told}"
    click.echo(click.style(head, dim=True), err=alone)
    if not one.has_marks:
        click.echo("what came from the world cannot be marked in this text", err=True)
        click.echo(text)
    else:
        click.echo(with_marks(one.marked) if marks else coloured(one.marked))
    if not alone:
        click.echo()


def _way_facts(one: Shown, tokens: int | str) -> dict[str, Any]:
    return {
        "way": one.way,
        "text": without_marks(one.marked),
        "messages": [{"role": role, "content": content} for role, content in one.request.messages],
        "from_world": marked_spans(one.marked),
        "tokens": tokens if isinstance(tokens, int) else None,
        "note": "" if isinstance(tokens, int) else tokens,
    }


async def _count(config: Config, requests: Sequence[ModelRequest]) -> list[int | str]:
    async with started(config) as (model, info):
        return await count_tokens(model, info, requests)


ASK_EPILOG = """\b
Examples:
  brains prompt ask guard/is_hostile --snapshot yard.json --agent guard_1
  brains prompt ask guard/is_hostile --model embedded -n 5
  brains prompt ask villager/is_good_news --inputs '{"rumour": "the war is over"}' --json

Exit code 1: no usable answer."""


@click.command(epilog=ASK_EPILOG)
@click.argument("name")
@folder_option
@situation_options
@model_option
@click.option("-n", "times", default=1, show_default=True, type=click.IntRange(1), help="Ask so often, one by one.")
@json_option
def ask(
    name: str,
    prompts: Path | None,
    snapshot: Path | None,
    agent: str,
    inputs: str | None,
    trees: Path | None,
    brain: str,
    model: str | None,
    times: int,
    as_json: bool,
) -> None:
    """Ask a model, and print what came of it."""
    folder = Folder(prompts, trees, brain)
    prompt = folder.get(name)
    context, labels = _context(folder, prompt, snapshot, agent, inputs), folder.trees.labels(prompt)
    calibrations = folder.library.calibrations(prompt.name)
    rendered = prompt.render(context, labels=labels or None, calibrations=calibrations)
    asked: Asked = asyncio.run(ask_often(load_config(model=model), question_for(prompt, rendered, labels), times))
    if as_json:
        click.echo(msgspec.json.encode(asked).decode())
    else:
        click.echo(rendered.user)
        print_asked(asked, prompt.answers, bars)
    if not asked.decisions:
        raise click.exceptions.Exit(1)


ask.help = f"{ask.help}\n{SNAPSHOTS}"


def _context(
    folder: Folder, prompt: Prompt, snapshot: Path | None, agent: str, inputs: str | None
) -> Mapping[str, Any]:
    """Return what a prompt may know, by what the command line says."""
    given = {} if inputs is None else _json_object(inputs)
    for name in given:
        if name not in prompt.inputs and name not in GIVEN:
            raise ConfigError(f"{prompt.name!r} has no input {name!r}; it has: {', '.join(prompt.inputs) or 'none'}")
    if snapshot is not None:
        situation = read_snapshot(snapshot, agent)
        return folder.trees.context(prompt, situation._replace(inputs={**situation.inputs, **given}))
    if inputs is not None:
        return given
    if agent:
        raise ConfigError("--agent names one of the agents in a snapshot: add --snapshot FILE")
    cases = folder.cases(prompt, most=1)
    if cases:
        first = folder.work(prompt, cases)
        first.rendered()  # if it lacks something, that is told of the case
        return first.contexts[0]
    return prompt.examples[0].inputs if prompt.examples else {}


def _json_object(text: str) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise click.BadParameter(f"--inputs must be a JSON object: {error}") from error


def _tell_about(prompt: Prompt) -> None:
    about = f": {prompt.description}" if prompt.description else ""
    click.echo(f"{prompt.file}, version {prompt.version}{about}", err=True)
    for path in prompt.files:
        click.echo(f"uses {path}", err=True)
    for warning in prompt.warnings:
        click.echo(f"warning: {warning}", err=True)


def _print_prompts(found: Sequence[Mapping[str, Any]]) -> None:
    """Print what `list` tells."""
    rows, notes = [], []
    for one in found:
        answer = " / ".join(one["labels"]) or one["kind"]
        rows.append((one["name"], str(one["examples"]), ", ".join(one["inputs"]) or "-", answer))
        models, stale = (", ".join(one[key]) for key in ("calibrated_for", "stale_for"))
        notes.append(
            (
                one["description"],
                f"calibrated for {models}" if models else "",
                f"calibration for {stale} is of an older text and not used" if stale else "",
            )
        )
    print_lines(("prompt", "examples", "inputs", "answer"), rows, notes, right={1})


def _facts(prompt: Prompt, library: PromptLibrary) -> dict[str, Any]:
    """Return what `list` tells of a prompt."""
    current: list[str] = []
    stale: list[str] = []
    for digest, one in library.calibrations(prompt.name).items():
        name = (one.model if isinstance(one, StoredCalibration) else "") or digest[:12]
        (current if one.prompt_hash == prompt.version else stale).append(name)
    return {
        "name": prompt.name,
        "file": prompt.file,
        "version": prompt.version,
        "description": prompt.description,
        "kind": prompt.kind,
        "labels": prompt.labels,
        "inputs": prompt.inputs,
        "uses": sorted(prompt.files),
        "examples": len(prompt.examples),
        "calibrated_for": current,
        "stale_for": stale,
        "warnings": prompt.warnings,
    }


def errors_of(library: PromptLibrary) -> list[str]:
    """Return the errors of the prompts that are broken, sorted by name: the first of each."""
    return [library.errors[name].summary for name in sorted(library.errors)]

"""`brains prompt`: list, show, evaluate and calibrate prompts.

A prompt's cases are in `NAME.cases.yaml` beside it: a YAML list of its inputs, each with the right `answer`. They are
not its examples: the model never sees them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from brains.cli._evaluation import Evaluation, Limits, Run, Work, ask_cases, evaluate
from brains.config import Config, load_config
from brains.decide import accuracy, fit, held_out, request_for
from brains.errors import ConfigError, PromptError
from brains.prompts import Example, Prompt, PromptLibrary, StoredCalibration, decode_calibrations, encode_calibrations
from brains.questions import ModelInfo, Question, Way
from brains.reload import CALIBRATION, load_prompts, read_text

__all__ = ["command"]

CASES = ".cases.yaml"
_WIDE = 150
"""Columns where there is no terminal: nothing is to be cut off in a log."""
F = TypeVar("F", bound=Callable[..., Any])


def _folder_option(function: F) -> F:
    return click.option(
        "--prompts", metavar="DIR", type=click.Path(path_type=Path), help="The prompts folder.  [default: prompts]"
    )(function)


def _model_options(function: F) -> F:
    model = click.option("--model", help="auto, embedded, embedded:FILE.gguf, or a model of Ollama.  [default: auto]")
    splits = click.option(
        "--splits", default=20, show_default=True, type=click.IntRange(1), help="How often to halve the cases."
    )
    return model(splits(function))


_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


EPILOG = """\b
Examples:
  brains prompt list
  brains prompt show guard/is_hostile
  brains prompt eval guard/is_hostile
  brains prompt calibrate"""


@click.group(epilog=EPILOG)
def command() -> None:
    """Work on prompts: list, show, evaluate, calibrate."""


LIST_EPILOG = """\b
Examples:
  brains prompt list
  brains prompt list --prompts my_prompts --json

Exit code 1: a prompt is broken."""


@command.command("list", epilog=LIST_EPILOG)
@_folder_option
@_json_option
def list_(prompts: Path | None, as_json: bool) -> None:
    """List all prompts, and what is wrong with them."""
    library, _ = _open(prompts)
    found = [library.get(name) for name in library.names()]
    if as_json:
        click.echo(json.dumps({"prompts": [_facts(one, library) for one in found], "errors": _errors(library)}))
    else:
        table = Table("prompt", "answer", "inputs", "examples", "calibrated for", "about")
        for one in found:
            facts = _facts(one, library)
            models, answer = ", ".join(facts["calibrated_for"]) or "-", " / ".join(one.labels) or one.kind
            table.add_row(one.name, answer, ", ".join(one.inputs), str(len(one.examples)), models, one.description)
        _console().print(table)
        for one in found:
            for warning in one.warnings:
                click.echo(f"{one.file}: warning: {warning}", err=True)
        _tell_errors(library)
    if library.errors:
        raise click.exceptions.Exit(1)


SHOW_EPILOG = """\b
Examples:
  brains prompt show guard/is_hostile
  brains prompt show guard/is_hostile --way chat
  brains prompt show villager/is_good_news --inputs '{"rumour": "the king is dead"}'"""


@command.command(epilog=SHOW_EPILOG)
@click.argument("name")
@_folder_option
@click.option("--inputs", metavar="JSON", help="Fill in these.  [default: those of the first case]")
@click.option("--way", type=click.Choice(["completion", "chat", "schema"]), default="completion", show_default=True)
def show(name: str, prompts: Path | None, inputs: str | None, way: Way) -> None:
    """Show a prompt filled in, exactly as a model gets it."""
    library, folder = _open(prompts)
    prompt = library.get(name)
    if inputs is None:
        known = [*_cases(prompt, folder), *prompt.examples]
        context = known[0].inputs if known else {}
    else:
        context = _json_object(inputs)
    labels = () if prompt.kind == "text" else prompt.labels or prompt.example_labels
    question = Question(session="", agent="", leaf="", prompt=library.render(name, context), labels=labels)
    able: frozenset[Way] = frozenset({"completion", "chat", "schema", "text"})
    info = ModelInfo(name="any model", digest="", backend="scripted", ways=able)
    request = request_for(question, info, way=way)
    click.echo(f"{prompt.file}, version {prompt.version}: {prompt.description}", err=True)
    for warning in prompt.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(request.prompt or "\n\n".join(f"[{role}]\n{text}" for role, text in request.messages))


EVAL_EPILOG = """\b
Examples:
  brains prompt eval
  brains prompt eval guard/is_hostile --model llama3.2
  brains prompt eval --model embedded --json > accuracy.json

The calibrated accuracy is held out: fitted on one half of the cases and measured on the other, many times.

Exit code 1: a prompt is broken, not good enough, or hardly better than the most frequent answer or than copying the
example that shares most words with the case."""


@command.command("eval", epilog=EVAL_EPILOG)
@click.argument("names", nargs=-1)
@_folder_option
@_model_options
@click.option("--min-accuracy", default=0.80, show_default=True, help="Least calibrated accuracy.")
@click.option("--min-margin", default=0.15, show_default=True, help="Least distance to those two guesses.")
@_json_option
def eval_(
    names: tuple[str, ...],
    prompts: Path | None,
    model: str | None,
    splits: int,
    min_accuracy: float,
    min_margin: float,
    as_json: bool,
) -> None:
    """Measure how often prompts decide rightly; all that have a NAME.cases.yaml, or those named."""
    library, folder = _open(prompts)
    info, runs = asyncio.run(_run_all(load_config(model=model), _work(library, folder, names)))
    limits = Limits(min_accuracy, min_margin)
    results = [evaluate(run, info, limits, splits) for run in runs]
    if as_json:
        click.echo(msgspec.json.encode(results).decode())
    else:
        _console().print(_table(results, info))
    for result in results:
        for problem in result.problems:
            click.echo(f"{result.prompt}: {problem}", err=True)
    broken = _errors(library) if not names else []
    if broken:
        _tell_errors(library)
    if broken or any(result.problems for result in results):
        raise click.exceptions.Exit(1)


CALIBRATE_EPILOG = """\b
Examples:
  brains prompt calibrate
  brains prompt calibrate guard/is_hostile --model llama3.2

A running `brains serve` takes the result over at once. Calibrate again after each edit of a prompt: a calibration holds
for the text that it was made with."""


@command.command(epilog=CALIBRATE_EPILOG)
@click.argument("names", nargs=-1)
@_folder_option
@_model_options
def calibrate(names: tuple[str, ...], prompts: Path | None, model: str | None, splits: int) -> None:
    """Fit prompts to a model on all their cases, and store the result beside them."""
    library, folder = _open(prompts)
    info, runs = asyncio.run(_run_all(load_config(model=model), _work(library, folder, names)))
    for run in runs:
        prompt, labels = run.work.prompt, run.work.labels
        if any(decision is not None and decision.way == "schema" for decision in run.decisions):
            raise ConfigError(f"{info.name} gives no probabilities to calibrate; use another model")
        if len(run.samples) * 2 < len(run.work.cases):
            raise ConfigError(f"{info.name} answered too few cases of {prompt.name!r}; see `brains prompt eval`")
        scores = held_out(run.samples, labels, splits=splits)
        fitted = fit(run.samples, labels, prompt_hash=prompt.version, accuracy=scores.mean)
        file = folder / f"{prompt.name}{CALIBRATION}"
        _store(file, info.digest, StoredCalibration(model=info.name, **msgspec.structs.asdict(fitted)))
        raw = accuracy(run.samples)
        click.echo(f"{file}: {fitted.cases} cases, raw {raw:.2f}, calibrated {scores.mean:.2f} (held out)")


def _open(prompts: Path | None) -> tuple[PromptLibrary, Path]:
    """Load the prompts folder; named from the current one where it can be, since messages show it."""
    folder = load_config(prompts=prompts).prompts_folder
    with contextlib.suppress(ValueError):
        folder = folder.relative_to(Path.cwd())
    return load_prompts(folder), folder


def _work(library: PromptLibrary, folder: Path, names: Sequence[str]) -> list[Work]:
    """Return the prompts to ask: all that have cases, or those named."""
    found = []
    for name in names or library.names():
        prompt = library.get(name)
        cases = _cases(prompt, folder)
        if names and prompt.kind == "text":
            raise ConfigError(f"{name!r} answers with free text, which nobody can count as right or wrong")
        if names and not cases:
            raise ConfigError(f"{name!r} has no cases: write some into {folder / name}{CASES}")
        if cases and prompt.kind != "text":
            found.append(Work(prompt, cases))
    if not found:
        raise ConfigError(f"no prompt in {folder} has cases: write some into NAME{CASES} beside a NAME.j2")
    return found


def _cases(prompt: Prompt, folder: Path) -> tuple[Example, ...]:
    """Return the cases of a prompt; none if it has no case file.

    Raises:
        PromptError: the file is broken; with its line.
    """
    file = folder / f"{prompt.name}{CASES}"
    try:
        text = read_text(file)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise PromptError(f"cannot be read: {error.strerror}", file=str(file)) from error
    return prompt.cases(text, file=str(file))


async def _run_all(config: Config, work: Sequence[Work]) -> tuple[ModelInfo, list[Run]]:
    """Start the model, ask everything, and close it again."""
    from brains.models import open_model

    model = open_model(
        config.model, host=config.ollama_host, label_way=config.label_way, ollama_model=config.ollama_model
    )
    try:
        with _progress(sum(len(one.cases) for one in work)) as (say, step):
            say(f"starting {model.name}")
            info = await model.start()
            runs = []
            for one in work:
                say(one.prompt.name)
                runs.append(await ask_cases(model, info, one, step))
        return info, runs
    finally:
        await model.close()


@contextlib.contextmanager
def _progress(total: int) -> Iterator[tuple[Callable[[str], None], Callable[[], None]]]:
    """Show a line of progress on a terminal, and nothing elsewhere; gives (say what is done, count one)."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total)
        yield (
            lambda text: progress.update(task, description=text),
            lambda: progress.advance(task),
        )


def _table(results: Sequence[Evaluation], info: ModelInfo) -> Table:
    title = f"{info.name} ({info.label_way}); calibrated: mean and worst of the splits"
    table = Table(title=title, title_justify="left")
    for name in ("prompt", "labels"):
        table.add_column(name)
    for name in ("examples", "cases", "raw", "calibrated", "worst", "majority", "nearest", "ms", ""):
        table.add_column(name, justify="right")
    for one in results:
        shares = (one.raw, one.calibrated, one.worst, one.majority, one.nearest)
        verdict = "[red]not good enough[/]" if one.problems else "[green]good[/]"
        table.add_row(
            one.prompt,
            " ".join(one.labels),
            str(one.examples),
            f"{one.cases}" if not one.unanswered else f"{one.cases} ({one.unanswered} unanswered)",
            *(f"{share:.2f}" for share in shares),
            f"{one.median_ms:.0f}",
            verdict,
        )
    return table


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)


def _facts(prompt: Prompt, library: PromptLibrary) -> dict[str, Any]:
    """Return what `list` tells of a prompt."""
    stored = library.calibrations(prompt.name)
    current = [one for one in stored.values() if one.prompt_hash == prompt.version]
    return {
        "name": prompt.name,
        "file": prompt.file,
        "version": prompt.version,
        "description": prompt.description,
        "kind": prompt.kind,
        "labels": prompt.labels,
        "inputs": prompt.inputs,
        "examples": len(prompt.examples),
        "calibrated_for": [one.model for one in current if isinstance(one, StoredCalibration)],
        "warnings": prompt.warnings,
    }


def _errors(library: PromptLibrary) -> list[str]:
    return [str(library.errors[name]) for name in sorted(library.errors)]


def _tell_errors(library: PromptLibrary) -> None:
    for message in _errors(library):
        click.echo(f"error: {message}", err=True)


def _json_object(text: str) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise click.BadParameter(f"--inputs must be a JSON object: {error}") from error


def _store(file: Path, digest: str, calibration: StoredCalibration) -> None:
    """Put one model's calibration into a file beside those of other models; readers see the old file or the new."""
    stored = decode_calibrations(read_text(file), file=str(file)) if file.exists() else {}
    text = encode_calibrations({**stored, digest: calibration})
    try:
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=CALIBRATION)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
            os.chmod(temporary, 0o644)  # mkstemp lets nobody else read it
            os.replace(temporary, file)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from error

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
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from brains.cli._evaluation import Evaluation, Limits, Run, Work, ask_cases, evaluate, too_few
from brains.config import Config, load_config
from brains.decide import accuracy, fit, held_out, request_for
from brains.errors import ConfigError, PromptError
from brains.prompts import Example, Prompt, PromptLibrary, StoredCalibration, decode_calibrations, encode_calibrations
from brains.questions import ModelInfo, Question, Way
from brains.reload import CALIBRATION, load_prompts, read_text

__all__ = ["command"]

CASES = ".cases.yaml"
_ENDLESS = 10_000
F = TypeVar("F", bound=Callable[..., Any])


def _folder_option(function: F) -> F:
    return click.option(
        "--prompts", metavar="DIR", type=click.Path(path_type=Path), help="The prompts folder.  [default: prompts]"
    )(function)


def _model_options(function: F) -> F:
    model = click.option(
        "--model", help="auto, llama3.2 (or ollama:llama3.2), embedded, or embedded:FILE.gguf.  [default: auto]"
    )
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
        _print_prompts([_facts(one, library) for one in found])
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
    about = f": {prompt.description}" if prompt.description else ""
    click.echo(f"{prompt.file}, version {prompt.version}{about}", err=True)
    for warning in prompt.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(request.prompt or "\n\n".join(f"[{role}]\n{text}" for role, text in request.messages))


EVAL_EPILOG = """\b
Examples:
  brains prompt eval
  brains prompt eval guard/is_hostile --model llama3.2
  brains prompt eval --model embedded --json > accuracy.json

Exit code 1: a prompt is broken, not good enough, or hardly better than the two guesses."""


@command.command("eval", epilog=EVAL_EPILOG)
@click.argument("names", nargs=-1)
@_folder_option
@_model_options
@click.option("--min-accuracy", default=0.80, show_default=True, help="Least calibrated accuracy.")
@click.option("--min-margin", default=0.15, show_default=True, help="Least distance to both guesses.")
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
    """Measure how often prompts decide rightly.

    All prompts are measured that have a NAME.cases.yaml, or only those named. The calibrated accuracy is held out:
    fitted on one half of the cases and measured on the other, many times; below 20 cases it is chance.

    It is compared with two guesses that need no model: always the most frequent answer (majority), and the answer of
    the example that shares most words with the case (nearest).
    """
    library, folder = _open(prompts)
    info, runs = asyncio.run(_run_all(load_config(model=model), _work(library, folder, names)))
    limits = Limits(min_accuracy, min_margin)
    results = [evaluate(run, info, limits, splits) for run in runs]
    if as_json:
        click.echo(msgspec.json.encode(results).decode())
    else:
        _print_results(results, info, splits)
    for result in results:
        for warning in result.warnings:
            click.echo(f"{result.prompt}: warning: {warning}", err=True)
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
    """Fit prompts to a model.

    All prompts that have a NAME.cases.yaml, or only those named, are fitted on all their cases, and the result is
    stored beside them in NAME.calibration.json. Write 40 cases or more: below 20 it learns chance.
    """
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
        for warning in too_few(fitted.cases):
            click.echo(f"{prompt.name}: warning: {warning}", err=True)


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
    from brains.cli._running import model_of

    model = model_of(config)
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


def _print_prompts(found: Sequence[Mapping[str, Any]]) -> None:
    """Print what `list` tells."""
    rows, notes = [], []
    for one in found:
        answer = " / ".join(one["labels"]) or one["kind"]
        rows.append((one["name"], str(one["examples"]), ", ".join(one["inputs"]) or "-", answer))
        models = ", ".join(one["calibrated_for"])
        notes.append((one["description"], f"calibrated for {models}" if models else ""))
    _print_lines(("prompt", "examples", "inputs", "answer"), rows, notes, right={1})


def _print_results(results: Sequence[Evaluation], info: ModelInfo, splits: int) -> None:
    """Print what `eval` tells."""
    titles = ("prompt", "cases", "raw", "calibrated", "worst", "majority", "nearest")
    rows, notes = [], []
    for one in results:
        shares = (one.raw, one.calibrated, one.worst, one.majority, one.nearest)
        rows.append((one.prompt, str(one.cases), *(f"{share:.2f}" for share in shares)))
        verdict = click.style("not good enough", fg="red") if one.problems else click.style("good", fg="green")
        unanswered = f", {one.unanswered} unanswered" if one.unanswered else ""
        facts = f"{one.examples} examples, {one.median_ms:.0f} ms{unanswered}; {' '.join(one.labels)}"
        notes.append((f"{verdict}: {facts}",))
    click.echo(f"{info.name} ({info.label_way}); calibrated: mean and worst of {splits} splits\n")
    _print_lines(titles, rows, notes, right=set(range(1, len(titles))))


def _print_lines(
    titles: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[Sequence[str]], *, right: set[int]
) -> None:
    """Print aligned columns without frames, each row with its notes below it: nothing is ever cut off."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    wrap = textwrap.TextWrapper(_width(), break_long_words=False, break_on_hyphens=False)
    wrap.initial_indent = wrap.subsequent_indent = "  "

    def line(cells: Sequence[str]) -> str:
        aligned = (
            cell.rjust(size) if index in right else cell.ljust(size)
            for index, (cell, size) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(aligned).rstrip()

    click.echo(line(titles))
    for row, below in zip(rows, notes, strict=True):
        click.echo(line(row))
        for note in filter(None, below):
            click.echo(wrap.fill(note))


def _width() -> int:
    """Return the terminal's columns; where there is none, lines may be as long as they like."""
    return Console().width if sys.stdout.isatty() else _ENDLESS


def _facts(prompt: Prompt, library: PromptLibrary) -> dict[str, Any]:
    """Return what `list` tells of a prompt."""
    stored = library.calibrations(prompt.name)
    current = [
        (one.model if isinstance(one, StoredCalibration) else "") or digest[:12]
        for digest, one in stored.items()
        if one.prompt_hash == prompt.version
    ]
    return {
        "name": prompt.name,
        "file": prompt.file,
        "version": prompt.version,
        "description": prompt.description,
        "kind": prompt.kind,
        "labels": prompt.labels,
        "inputs": prompt.inputs,
        "examples": len(prompt.examples),
        "calibrated_for": current,
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

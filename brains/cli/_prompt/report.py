"""What `brains prompt eval` tells: a table for people, JUnit XML for CI."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as Xml

import click

from brains.cli._prompt.evaluation import Evaluation, Failure
from brains.cli._prompt.printing import print_lines
from brains.errors import ConfigError

__all__ = ["failure_line", "print_evaluations", "write_file", "write_junit"]


def print_evaluations(results: Sequence[Evaluation], splits: int, failures: int) -> None:
    """Print a table, and up to so many failures of each prompt."""
    for model in dict.fromkeys(one.model for one in results):
        own = [one for one in results if one.model == model]
        decided = [one for one in own if one.labels]
        way = next((one.way for one in decided if one.way), "")
        click.echo(f"{model} ({way}); calibrated: mean and worst of {splits} splits\n" if decided else f"{model}\n")
        if decided:
            _print_decided(decided)
        for one in own:
            if not one.labels:
                click.echo(f"{one.prompt}: {one.raw:.2f} of {one.cases} lines are as they should be ({_time(one)})")
        _print_failures(own, failures)


def _print_decided(results: Sequence[Evaluation]) -> None:
    titles = ("prompt", "cases", "raw", "calibrated", "worst", "majority", "nearest", "AUC", "log loss", "ECE", "ms")
    rows, notes = [], []
    for one in results:
        shares = (one.raw, one.calibrated, one.worst, one.majority, one.nearest, one.auc)
        pairs = (f"{before:.2f} -> {after:.2f}" for before, after in (one.log_loss, one.calibration_error))
        rows.append((one.prompt, str(one.cases), *(f"{share:.2f}" for share in shares), *pairs, f"{one.median_ms:.0f}"))
        verdict = click.style("not good enough", fg="red") if one.problems else click.style("good", fg="green")
        unanswered = f", {one.unanswered} unanswered" if one.unanswered else ""
        facts = f"{one.examples} examples, {_time(one)}{unanswered}; {' '.join(one.labels)}"
        notes.append((f"{verdict}: {facts}", _calibration(one)))
    print_lines(titles, rows, notes, right=set(range(1, len(titles))))


def _time(one: Evaluation) -> str:
    tokens = f", {one.prompt_tokens:.0f} tokens" if one.prompt_tokens else ""
    return f"{one.median_ms:.0f} ms{tokens}"


def _calibration(one: Evaluation) -> str:
    if one.calibration == "stale":
        return f"its stored calibration is of an older text and not used; run `brains prompt calibrate {one.prompt}`"
    if one.calibration == "none":
        return f"not calibrated for this model; best would be {one.method}: `brains prompt calibrate {one.prompt}`"
    return f"with its stored calibration ({one.calibration}) {one.used:.2f} of the cases are right"


def _print_failures(results: Sequence[Evaluation], most: int) -> None:
    for one in results:
        if not one.failures or most <= 0:
            continue
        click.echo(f"\n{one.prompt}: {len(one.failures)} of {one.cases} are wrong as it decides now")
        for failure in one.failures[:most]:
            click.echo(f"  {failure_line(failure)}")
        if len(one.failures) > most:
            click.echo(f"  and {len(one.failures) - most} more: --failures {len(one.failures)} shows all")


def failure_line(failure: Failure) -> str:
    """Return a failure as one line, which begins with the place of its case."""
    expected = " or ".join(failure.expected)
    got = failure.got or "no usable answer"
    share = f" ({expected} had {failure.probability:.2f})" if failure.got and failure.probability else ""
    return f"{failure.file}:{failure.line}: {failure.question}: {got}, not {expected}{share}"


def write_junit(results: Sequence[Evaluation], file: Path) -> None:
    """Write a suite for each prompt and model: its cases, and whether it is good enough as a whole.

    A single wrong case is no failure, since no model is always right; it is told in the case's output.

    Raises:
        ConfigError: the file cannot be written.
    """
    suites = Xml.Element("testsuites")
    for one in results:
        suite = Xml.SubElement(suites, "testsuite", name=f"{one.prompt} ({one.model})", tests=str(one.cases + 1))
        suite.set("failures", str(int(bool(one.problems))))
        facts = Xml.SubElement(suite, "properties")
        for name in ("raw", "calibrated", "worst", "used", "auc", "log_loss", "calibration_error", "median_ms"):
            Xml.SubElement(facts, "property", name=name, value=str(getattr(one, name)))
        whole = Xml.SubElement(suite, "testcase", classname=one.prompt, name="good enough")
        if one.problems:
            Xml.SubElement(whole, "failure", message="; ".join(one.problems)).text = "\n".join(one.problems)
        wrong = {failure.case: failure for failure in one.failures}
        for number in range(1, one.cases + 1):
            case = Xml.SubElement(suite, "testcase", classname=one.prompt, name=f"case {number}")
            if number in wrong:
                Xml.SubElement(case, "system-out").text = _printable(failure_line(wrong[number]))
    Xml.indent(suites)
    write_file(file, Xml.tostring(suites, encoding="unicode", xml_declaration=True) + "\n")


def _printable(text: str) -> str:
    """Return a text without characters that XML does not know."""
    return "".join(char if char.isprintable() else "?" for char in text)


def write_file(file: Path, text: str) -> None:
    """Write a file that the command line names.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from error

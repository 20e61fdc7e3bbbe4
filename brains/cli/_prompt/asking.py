"""Ask a model one question, several times over, and say what came of it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import click
import msgspec

from brains.cli._prompt.printing import spread
from brains.cli._prompt.running import started
from brains.config import Config
from brains.decide import decide, request_for
from brains.errors import MalformedAnswer
from brains.questions import Decision, Latency, Question

__all__ = ["Asked", "ask_often", "print_asked"]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """All answers to one question."""

    model: str
    decisions: tuple[Decision, ...]
    unusable: tuple[str, ...] = ()
    """Why an answer could not be used."""
    calibration: str = ""
    """`used`, `stale` or `none`."""


async def ask_often(config: Config, question: Question, times: int) -> Asked:
    """Ask `times` times, one after the other.

    Raises:
        ConfigError, ModelError: there is no such model, it is away, or it refuses; an unusable answer is no error.
    """
    decisions, unusable = [], []
    async with started(config) as (model, info):
        request = request_for(question, info)
        for _ in range(times):
            start = time.perf_counter()
            reply = await model.generate(request)
            latency = Latency(
                total=time.perf_counter() - start,
                load=reply.load,
                prompt=reply.prompt_time,
                generate=reply.generate_time,
            )
            try:
                decisions.append(decide(question, request, reply, info, latency))
            except MalformedAnswer as error:
                unusable.append(str(error))
    stored = question.prompt.calibrations.get(info.digest)
    state = "none" if stored is None else "stale" if stored.prompt_hash != question.prompt.version else "used"
    return Asked(model=info.name, decisions=tuple(decisions), unusable=tuple(unusable), calibration=state)


def print_asked(
    asked: Asked,
    meaning: Mapping[str, bool] | None,
    bars: Callable[[Mapping[str, float], Mapping[str, str] | None], Iterator[str]],
) -> None:
    """Print probabilities as bars, then confidence, time and tokens; with several answers, how far they spread."""
    for problem in dict.fromkeys(asked.unusable):
        click.echo(f"no usable answer: {problem}", err=True)
    if not asked.decisions:
        return
    first = asked.decisions[0]
    if not first.probabilities:
        for text in dict.fromkeys(one.answer for one in asked.decisions):
            click.echo(f"  {text}")
    else:
        _print_probabilities(asked.decisions, meaning, bars)
        if asked.calibration == "stale":
            click.echo("its calibration is of an older text and not used: `brains prompt calibrate`", err=True)
    _print_costs(asked)


def _print_probabilities(
    decisions: Sequence[Decision],
    meaning: Mapping[str, bool] | None,
    bars: Callable[[Mapping[str, float], Mapping[str, str] | None], Iterator[str]],
) -> None:
    first = decisions[0]
    means = {label: statistics.mean(one.probabilities[label] for one in decisions) for label in first.probabilities}
    notes = {}
    for label in means:
        raw = f"raw {first.raw[label]:.3f}" if first.calibrated else ""
        truth = str(meaning[label]).lower() if meaning else ""
        notes[label] = "  ".join(filter(None, (truth, raw, spread([one.probabilities[label] for one in decisions]))))
    for line in bars(means, notes):
        click.echo(line)
    confidence = statistics.mean(one.confidence for one in decisions)
    off = statistics.mean(one.off_label for one in decisions)
    calibrated = "calibrated" if first.calibrated else "not calibrated"
    answers = dict.fromkeys(one.answer for one in decisions)
    click.echo(f"{' or '.join(answers)}: confidence {confidence:.3f} ({calibrated}), off the labels {off:.3f}")


def _print_costs(asked: Asked) -> None:
    first, times = asked.decisions[0], [one.latency.total * 1000 for one in asked.decisions]
    split = ", ".join(
        f"{name} {statistics.median(getattr(one.latency, name) for one in asked.decisions) * 1000:.0f} ms"
        for name in ("load", "prompt", "generate")
    )
    some = f"; {len(times)} times, {min(times):.0f} to {max(times):.0f} ms" if len(times) > 1 else ""
    click.echo(f"{asked.model}, {first.way}: {statistics.median(times):.0f} ms ({split}{some})")
    click.echo(f"{first.prompt_tokens} tokens in, {first.output_tokens} out")

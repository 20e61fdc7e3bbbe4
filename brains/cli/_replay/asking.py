"""Asks the questions of a recording again, and lists the decisions that flip."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from typing import Any

import click
import msgspec

from brains.config import Config
from brains.library import BrainLibrary
from brains.questions import Outcome, Question
from brains.trace import Difference, Recording
from brains.trace.reasking import Asked, Flip, flip_of, questions_of

__all__ = ["AskedAgain", "ask_again", "print_flips"]

AT_ONCE = 16


class AskedAgain(msgspec.Struct, kw_only=True):
    """What came of it."""

    model: str
    questions: int = 0
    """Of the recording, with an answer."""
    asked: int = 0
    """Different ones, each of which was asked once."""
    texts: int = 0
    """Free texts, which are not compared."""
    flips: list[Flip] = []
    differences: list[Difference] = []
    """Where the trees no longer come to the questions of the recording."""

    @property
    def is_fine(self) -> bool:
        """Whether everything is decided as it was."""
        return not self.flips and not self.differences


def ask_again(
    recording: Recording, library: BrainLibrary, config: Config, *, only: Collection[int] | None, with_folder: bool
) -> AskedAgain:
    """Ask the model of the settings what the recording's agents asked.

    Raises:
        RecordingError: it cannot be replayed.
        ModelError, ConfigError: there is no such model.
    """
    from brains.reload import load_prompts

    folder = load_prompts(config.prompts_folder) if with_folder else None
    stored = folder
    if stored is None and recording.head is not None and not recording.head.content:
        stored = load_prompts(config.prompts_folder)
    result = AskedAgain(model=config.model)
    found: list[Asked] = []
    for one in questions_of(recording, library, folder, stored=stored, only=only):
        if isinstance(one, Difference):
            result.differences.append(one)
        elif one.is_text:
            result.texts += 1
        else:
            found.append(one)
    result.questions = len(found) + result.texts
    outcomes = asyncio.run(_ask(config, found, result))
    for one in found:
        outcome = None if one.question is None else outcomes[_key(one.question)]
        flip = flip_of(one, outcome)
        if flip is not None:
            result.flips.append(flip)
    return result


def _key(question: Question) -> str:
    """Return what equal questions have in common."""
    return msgspec.json.encode([question.prompt.digest, question.labels, question.schema, question.model]).decode()


async def _ask(config: Config, found: list[Asked], result: AskedAgain) -> dict[str, Outcome]:
    """Ask each question once."""
    from brains.cli._running import router_of

    questions = {_key(one.question): one.question for one in found if one.question is not None}
    result.asked = len(questions)
    if not questions:
        return {}
    outcomes: dict[str, Outcome] = {}
    router = router_of(config)
    try:
        info = await router.gateways[""].start()
        result.model = info.name
        for name in {question.model for question in questions.values()} & set(router.names):
            await router.gateways[name].start()
        room = asyncio.Semaphore(AT_ONCE)

        async def ask(key: str, question: Question, number: int) -> None:
            async with room:
                # Each for itself, so that none replaces another one of its leaf.
                ticket = router.ask(
                    msgspec.structs.replace(question, timeout=None, patient=True, leaf=f"{question.leaf} {number}")
                )
                outcomes[key] = await ticket.wait()

        async with asyncio.TaskGroup() as tasks:
            for number, (key, question) in enumerate(questions.items()):
                tasks.create_task(ask(key, question, number))
    finally:
        await router.close()
    return outcomes


def print_flips(result: AskedAgain, notes: list[str], *, as_json: bool) -> None:
    """Print what came of it."""
    from brains.cli.replay import print_difference, shown

    if as_json:
        summary: dict[str, Any] = {**msgspec.to_builtins(result), "notes": notes, "ok": result.is_fine}
        click.echo(msgspec.json.encode(summary))
        return
    for note in notes:
        click.echo(f"note: {shown(note)}", err=True)
    if result.differences:
        print_difference(result.differences[0])
    for flip in result.flips:
        now = f"{flip.now} {flip.now_probability:.2f}" if flip.now else f"no answer ({shown(flip.problem)})"
        click.echo(f"tick {flip.tick} of {shown(flip.agent)}, {shown(flip.leaf)}: {shown(flip.question)}")
        click.echo(f"  {shown(flip.before)} {flip.before_probability:.2f} -> {shown(now)}")
    by_prompt = Counter(flip.prompt for flip in result.flips)
    for prompt, count in by_prompt.most_common():
        click.echo(f"{shown(prompt)}: {count} flip{'s' * (count != 1)}")
    texts = f", {result.texts} free texts are not compared" if result.texts else ""
    count = len(result.flips)
    click.echo(
        f"{result.model}: {result.questions} questions, {result.asked} different ones asked again, "
        f"{count} flip{'s' * (count != 1)}{texts}"
    )

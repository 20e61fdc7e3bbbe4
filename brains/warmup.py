"""Asks every prompt once before it matters.

The examples at the beginning of a prompt take a model on a processor seconds to read, the first time; after that it
knows them, and only the last line is new (llama.cpp keeps the longest common prefix of a slot). In a game the first
question would not be answered before its deadline, its leaf would stop it half-read, and the next one would begin anew.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from brains.errors import BrainsError
from brains.library import BrainLibrary
from brains.nodes import LLMAction, LLMCondition, LLMNode, LLMSelector
from brains.nodes.tree import llm_leaves_of, paths_of
from brains.prompts import Prompt, PromptLibrary
from brains.questions import Outcome, Question

__all__ = ["PRIORITY", "WaitingAsker", "asking_brains", "warm_up", "warm_up_questions"]

PRIORITY = -100
"""A game that has begun already goes first."""


class WaitingTicket(Protocol):
    """A ticket that can be waited for."""

    async def wait(self) -> Outcome:
        """Return the outcome once there is one."""
        ...

    def cancel(self, *, late: bool = False) -> None:
        """Say that nobody waits any more."""
        ...


class WaitingAsker(Protocol):
    """What is asked: the gateway."""

    def ask(self, question: Question, /) -> WaitingTicket:
        """Take a question and return its ticket."""
        ...


def warm_up_questions(
    library: BrainLibrary, prompts: PromptLibrary, me: Mapping[str, Mapping[str, Any]] | None = None
) -> Iterator[Question]:
    """Yield a question for each model, prompt and label set of these trees, with an example in place of the world.

    What cannot be built or filled so is left out; whoever really asks it will say what is wrong.

    Args:
        library: the trees.
        prompts: their prompts.
        me: what agents of a brain perceive, by brain, where that is known: for prompts that speak of it before the
            examples.
    """
    seen: set[tuple[str, str, tuple[str, ...]]] = set()
    for name in library.names():
        try:
            root = library.get(name).build()
        except BrainsError:
            continue
        paths = paths_of(root)
        for leaf in llm_leaves_of(root):
            try:
                prompt = prompts.get(leaf.prompt)
                labels = _labels(leaf, prompt)
                if (leaf.model, leaf.prompt, labels) in seen:
                    continue
                rendered = prompts.render(
                    leaf.prompt, _context(prompt, (me or {}).get(name, {})), labels=labels or None
                )
            except BrainsError:
                continue
            seen.add((leaf.model, leaf.prompt, labels))
            yield Question(
                session="warm-up",
                agent=name,
                leaf=paths[leaf],
                prompt=rendered,
                labels=labels,
                max_tokens=1,
                priority=PRIORITY,
                model=leaf.model,
            )


async def warm_up(
    asker: WaitingAsker, questions: Sequence[Question], progress: Callable[[int, Question], None] | None = None
) -> None:
    """Ask these questions one after the other; `progress` is told the number (from 1) and the question before each."""
    for number, question in enumerate(questions, start=1):
        if progress is not None:
            progress(number, question)
        ticket = asker.ask(question)
        try:
            await ticket.wait()
        except asyncio.CancelledError:
            ticket.cancel()
            raise


def asking_brains(library: BrainLibrary) -> frozenset[str]:
    """Return the names of the brains whose trees can ask a model anything; those that cannot be built are left out."""
    asking = set()
    for name in library.names():
        with contextlib.suppress(BrainsError):
            if llm_leaves_of(library.get(name).build()):
                asking.add(name)
    return frozenset(asking)


def _labels(leaf: LLMNode, prompt: Prompt) -> tuple[str, ...]:
    if isinstance(leaf, LLMAction | LLMSelector):
        return leaf.labels
    return prompt.labels if isinstance(leaf, LLMCondition) else ()


def _context(prompt: Prompt, me: Mapping[str, Any]) -> dict[str, Any]:
    """Return values for all that a prompt may use: those of its first example, and an agent's own below them."""
    inputs = dict(prompt.examples[0].inputs) if prompt.examples else {}
    given = inputs.get("me", {})
    return {**inputs, "me": {**me, **given} if isinstance(given, Mapping) else given}

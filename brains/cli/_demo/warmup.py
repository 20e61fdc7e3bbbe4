"""Asks every prompt of the trees once before the game begins.

The examples at the beginning of a prompt take a model on a processor seconds to read, the first time; after that it
knows them, and only the last line is new. In a game the first question would not be answered before its deadline, its
leaf would stop it half-read, and the next one would begin anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from brains.cli._demo.show import Show
from brains.cli._demo.yard import Yard
from brains.errors import BrainsError
from brains.gateway import Gateway
from brains.library import BrainLibrary
from brains.nodes import LLMAction, LLMLeaf, Say
from brains.nodes.tree import llm_leaves_of, paths_of
from brains.prompts import PromptLibrary
from brains.questions import Question

__all__ = ["warm_up", "warm_up_questions"]

LONGEST = 60.0
"""Seconds after which the game begins all the same."""


def warm_up_questions(library: BrainLibrary, prompts: PromptLibrary, yard: Yard) -> Iterator[Question]:
    """Yield a question for each prompt that an agent of the yard may ask, with an example in place of its world."""
    seen = set()
    for body in yard.bodies.values():
        if body.kind not in library.brains:
            continue
        root = library.get(body.kind).build()
        paths = paths_of(root)
        for leaf in llm_leaves_of(root):
            labels = _labels(leaf, prompts)
            if (leaf.prompt, labels) in seen:
                continue
            seen.add((leaf.prompt, labels))
            try:
                context = _context(body.id, leaf.prompt, prompts, yard)
                prompt = prompts.render(leaf.prompt, context, labels=labels)
            except BrainsError:
                # The leaf that asks it will say so, with its place.
                continue
            yield Question(
                session="warm-up", agent=body.id, leaf=paths[leaf], prompt=prompt, labels=labels or (), max_tokens=1
            )


def _context(agent: str, prompt: str, prompts: PromptLibrary, yard: Yard) -> dict[str, Any]:
    """Return an agent's present world, with the inputs of the prompt's first example laid over it."""
    me = yard.part(agent).me
    context: dict[str, Any] = {"me": me, "world": yard.world(), "events": [], "blackboard": {}}
    for example in prompts.get(prompt).examples[:1]:
        context |= example.inputs
        context["me"] = {**me, **example.inputs.get("me", {})}
    return context


def _labels(leaf: LLMLeaf, prompts: PromptLibrary) -> tuple[str, ...] | None:
    if isinstance(leaf, Say):
        return None
    if isinstance(leaf, LLMAction):
        return leaf.labels
    return prompts.get(leaf.prompt).labels if leaf.prompt in prompts.names() else ()


async def warm_up(gateway: Gateway, questions: list[Question], show: Show, stop: asyncio.Event) -> None:
    """Ask one after the other, and show how far it is."""
    loop = asyncio.get_running_loop()
    end = loop.time() + LONGEST
    for number, question in enumerate(questions, start=1):
        show.status(f"the model reads the prompts: {question.prompt.name} ({number} of {len(questions)})")
        ticket = gateway.ask(question)
        waits = [asyncio.create_task(ticket.wait()), asyncio.create_task(stop.wait())]
        await asyncio.wait(waits, timeout=max(0.0, end - loop.time()), return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if ticket.outcome is None:
            ticket.cancel()
            return

"""A server whose model says what a test tells it to say, while a game plays against it.

    python -m tests.godot.directed_server FOLDER

FOLDER/answers.json has the answers by the prompt's name, as `ScriptedModel` takes them, and `"*"` for all others; it is
read anew for each question, so that a test in the game can change it. The name `"away"` stands for a reason why the
model answers nothing at all. What no answer is given for is answered as the most similar example is. Text comes word by
word. Each question is added to FOLDER/asked.jsonl as {"name", "line", "prompt"} before it is answered.
"""

from __future__ import annotations

import asyncio
import functools
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from brains.agent import Agent
from brains.errors import ModelUnavailable
from brains.gateway import Gateway
from brains.loading import load_trees
from brains.models.likeness import last_line
from brains.models.scripted import Answer, ScriptedModel
from brains.questions import ModelInfo, ModelReply, ModelRequest
from brains.reload import load_prompts
from brains.server import Server

ROOT = Path(__file__).parent.parent.parent
ANSWERS, ASKED = "answers.json", "asked.jsonl"
BETWEEN_WORDS = 0.15
"""Seconds."""


class DirectedModel(ScriptedModel):
    """The model, with the folder in which its answers stand."""

    def __init__(self, folder: Path) -> None:
        super().__init__(self._direct)
        self._folder = folder

    async def start(self) -> ModelInfo:
        """Fail where the model is to be away: a server looks for one that is away by starting it."""
        self._require_presence(self._directions())
        return await super().start()

    async def generate(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        """Answer as directed, and speak no faster than a model does."""
        reply = await super().generate(request)
        if on_text is not None:
            for word in re.findall(r"\S+\s*", reply.text):
                on_text(word)
                await asyncio.sleep(BETWEEN_WORDS)
        return reply

    def _direct(self, request: ModelRequest) -> Answer | None:
        line = last_line(request)
        with (self._folder / ASKED).open("a", encoding="utf-8") as asked:
            asked.write(json.dumps({"name": request.name, "line": line, "prompt": request.prompt}) + "\n")
        directions = self._directions()
        self._require_presence(directions)
        answer: Answer | None = directions.get(request.name, directions.get("*"))
        return answer

    def _directions(self) -> dict[str, Any]:
        path = self._folder / ANSWERS
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return found

    def _require_presence(self, directions: dict[str, Any]) -> None:
        if "away" in directions:
            raise ModelUnavailable(directions["away"])


async def main(folder: Path) -> None:
    """Serve until somebody ends us."""
    prompts, gateway = load_prompts(ROOT / "prompts"), Gateway(DirectedModel(folder))
    await gateway.start()
    factory = functools.partial(Agent, prompts=prompts, asker=gateway)
    async with Server(load_trees(ROOT / "trees"), factory, gateway, port=0) as server:
        print(f"listening on {server.url}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

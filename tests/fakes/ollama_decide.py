"""The fake Ollama's decision API: what it refuses, and the JSON that it answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.fakes.ollama_runner import Loaded, Refusal, count_tokens
from tests.fakes.ollama_script import Answer, Ask, FakeModel, Fault, Gate, Reply

MOST_BYTES = 64 * 1024
FEWEST, MOST = 2, 26
KINDS = ("choice", "noul", "score")


def check_questions(model: FakeModel, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the questions of a request.

    Raises:
        Refusal: the model does not decide, or something in them is wrong.
    """
    if "decision" not in model.capabilities:
        raise Refusal(400, f'"{body["model"]}" does not support decisions')
    questions = body.get("questions")
    if not isinstance(questions, dict) or not questions:
        raise Refusal(400, "questions is required")
    for name, question in questions.items():
        kind, criteria = question.get("type"), question.get("criteria")
        if kind not in KINDS:
            raise Refusal(400, f'question "{name}": unknown type')
        if not question.get("instructions"):
            raise Refusal(400, f'question "{name}": instructions is required')
        if kind != "noul" and not FEWEST <= len(criteria or ()) <= MOST:
            raise Refusal(400, f'question "{name}": criteria must have between {FEWEST} and {MOST} options')
        if kind == "noul" and not set(criteria or ()) <= {"false", "true"}:
            raise Refusal(400, f'question "{name}": criteria are for false and true')
    return questions


async def decide(body: Mapping[str, Any], loaded: Loaded, think: Callable[[Ask], Answer], number: int) -> Any:
    """Answer all questions of a request, in one of the model's slots: a dict, bytes as they are, or a Fault."""
    state = body.get("state", "")
    shown = state if isinstance(state, str) else json.dumps(state)
    async with loaded.free:
        answers = {}
        for name, question in body["questions"].items():
            ask = Ask(number, "/v1/systemone", {**body, "questions": {name: question}}, shown)
            said = think(ask)
            if isinstance(said, Fault):
                return said
            if isinstance(said, Reply):
                await _pass(said.gate)
                if said.end == "line":
                    return said.line
                said = "".join(piece.text for piece in said.pieces)
            answers[name] = _answer(question, said)
    return {
        "model": body["model"],
        "answers": answers,
        "usage": {"input_tokens": count_tokens(shown) + 10 * len(answers), "output_tokens": 1},
    }


async def _pass(gate: Gate | None) -> None:
    if gate is not None:
        await gate.wait()


def _answer(question: Mapping[str, Any], said: str | Mapping[str, float]) -> dict[str, Any]:
    criteria = question.get("criteria") or {}
    if question["type"] == "noul":
        return {"type": "noul", "noul": _among(["false", "true"], said)["true"]}
    names = list(criteria) if question["type"] == "choice" else [str(level) for level in range(len(criteria))]
    chances = _among(names, said)
    if question["type"] == "choice":
        choice = max(chances, key=lambda name: chances[name])
        return {"type": "choice", "choice": choice, "probabilities": chances, "confidence": chances[choice]}
    legend = dict(zip(names, criteria, strict=True))
    score = sum(int(name) * chance for name, chance in chances.items()) / (len(names) - 1)
    return {"type": "score", "score": score, "legend": legend, "probabilities": chances, "confidence": 0.0}


def _among(names: list[str], said: str | Mapping[str, float]) -> dict[str, float]:
    """Return a chance for each name: the answer's own, or even ones where it says nothing of them."""
    chances = {name: float(said == name) if isinstance(said, str) else float(said.get(name, 0.0)) for name in names}
    total = sum(chances.values())
    return {name: chance / total if total else 1 / len(names) for name, chance in chances.items()}

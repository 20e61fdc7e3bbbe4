"""Choose how a question is put to a model, and write the request."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from brains.errors import ConfigError, ModelRefused
from brains.prompts import words_in
from brains.questions import ModelInfo, ModelRequest, Question, RenderedPrompt, Way

__all__ = ["TOP_LOGPROBS", "choose_way", "completion_text", "is_yes_no", "label_schema", "request_for"]

TOP_LOGPROBS = 20
"""Ollama gives no more."""
_CHAT_LABEL_TOKENS = 4
"""A chat model may begin with a space or a line end, and without logprobs the word has to be told from its
text. Most labels end after one or two tokens anyway."""
_SCHEMA_LABEL_TOKENS = 32
"""`{"answer": "danger"}` takes about ten; the rest is for a model that likes whitespace."""
_LABEL_WAYS: tuple[Way, ...] = ("systemone", "completion", "chat", "schema")
MOST_CRITERIA = 26
"""The decision API takes no more options than the alphabet has letters."""
_SHOWN_EXAMPLES = 3
"""Examples of each label that stand in for a description of it."""
_YES_NO = (frozenset({"yes", "no"}), frozenset({"true", "false"}))
_SAMPLING: Mapping[str, Any] = {"temperature": 0, "top_k": 1, "seed": 1, "repeat_penalty": 1.0}


def choose_way(question: Question, info: ModelInfo, override: Way | None = None) -> Way:
    """Choose how to put `question` to this model.

    `override` is for label questions: put them this way, whatever suits the model best.

    Raises:
        ConfigError: the override is no way to ask for labels, or this model cannot do it.
        ModelRefused: the model can do nothing that would answer the question.
    """
    if question.schema is not None:
        if "schema" in info.ways:
            return "schema"
        raise ModelRefused(f"{info.name} cannot fill in values ({question.prompt.name}); take a chat model")
    if not question.labels:
        if "text" in info.ways:
            return "text"
        raise ModelRefused(f"{info.name} cannot write free text ({question.prompt.name}); take a chat model")
    able = [way for way in _LABEL_WAYS if way in info.ways and _fits(way, question.labels)]
    if override is not None:
        if override not in able:
            raise ConfigError(
                f"{info.name} cannot be asked by {override!r}; choose {' or '.join(able) or 'another model'}"
            )
        return override
    if info.label_way in able:
        return info.label_way
    if not able:
        raise ModelRefused(f"{info.name} cannot choose among labels ({question.prompt.name}); take another model")
    return able[0]


def request_for(question: Question, info: ModelInfo, *, way: Way | None = None) -> ModelRequest:
    """Write the request that puts `question` to this model.

    Raises:
        ConfigError, ModelRefused: as `choose_way`.
    """
    chosen = choose_way(question, info, way)
    prompt, labels = question.prompt, question.labels
    common: dict[str, Any] = {"way": chosen, "options": _options(prompt.options), "name": prompt.name}
    if chosen == "systemone":
        return ModelRequest(
            messages=(("system", prompt.system or _which(labels)), ("user", prompt.user)),
            criteria=_criteria(prompt, labels),
            batch=(question.session, question.agent, str(question.tick)),
            **{**common, "options": {}},
        )
    if chosen == "completion":
        return ModelRequest(prompt=completion_text(prompt), max_tokens=1, top_logprobs=TOP_LOGPROBS, **common)
    if chosen == "chat":
        return ModelRequest(
            messages=_messages(prompt, _with_labels(prompt.system, labels)),
            max_tokens=_CHAT_LABEL_TOKENS,
            top_logprobs=TOP_LOGPROBS,
            **common,
        )
    if chosen == "schema" and question.schema is None:
        told = f"Answer with JSON: {json.dumps({'answer': labels[0]})}, the answer being {_one_of(labels)}."
        answers = [json.dumps({"answer": turn.answer}, ensure_ascii=False) for turn in prompt.turns]
        return ModelRequest(
            messages=_messages(prompt, _joined(prompt.system, told), answers),
            max_tokens=_SCHEMA_LABEL_TOKENS,
            schema=label_schema(labels),
            **common,
        )
    if question.schema is not None:
        shown = json.dumps(question.schema, ensure_ascii=False)
        told = f"Answer with one JSON object that fits this JSON Schema: {shown}"
        # Examples answer with labels; here they would teach the wrong thing.
        return ModelRequest(
            messages=_messages(prompt, _joined(prompt.system, told), ()),
            max_tokens=question.max_tokens,
            schema=question.schema,
            **common,
        )
    if prompt.turns and info.label_way == "completion" and "completion" in info.ways:
        options = {"repeat_penalty": 1.1, **prompt.options}
        spoken = {**common, "way": "completion", "options": {**_options(options), "stop": ['"', "\n"]}}
        return ModelRequest(prompt=speech_text(prompt), max_tokens=question.max_tokens, **spoken)
    return ModelRequest(messages=_messages(prompt, prompt.system), max_tokens=question.max_tokens, **common)


def completion_text(prompt: RenderedPrompt) -> str:
    """Write the text that a model continues with a label: system, a line per example, the question's line."""
    lines = "".join(f"{turn.user} -> {turn.answer}\n" for turn in prompt.turns)
    head = f"{prompt.system}\n\n" if prompt.system else ""
    return f"{head}{lines}{prompt.user} ->"


def speech_text(prompt: RenderedPrompt) -> str:
    """Write the text that a small model continues with a line of speech: each example with its line in quotes.

    In chat turns a 135M model hardly ever said a usable line; after an opening quote it mostly does.
    """
    lines = "".join(f'{turn.user} "{_unquoted(turn.answer)}"\n\n' for turn in prompt.turns)
    head = f"{prompt.system}\n\n" if prompt.system else ""
    return f'{head}{lines}{prompt.user} "'


def is_yes_no(labels: Sequence[str]) -> bool:
    """Whether these are the answers of a plain yes-or-no question, for which the decision API has a kind of its own.

    Words that carry a meaning, such as danger and safe, are not: they are told apart by what they stand for.
    """
    return frozenset(label.casefold() for label in labels) in _YES_NO


def label_schema(labels: Sequence[str]) -> dict[str, Any]:
    """Return the flat JSON Schema of an answer that is one of `labels`."""
    return {
        "type": "object",
        "properties": {"answer": {"type": "string", "enum": list(labels)}},
        "required": ["answer"],
        "additionalProperties": False,
    }


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sampling options: the likeliest token always, unless the prompt says otherwise."""
    options = {**_SAMPLING, **given}
    if given.get("temperature") and "top_k" not in given:
        del options["top_k"]  # with one token to choose from, a temperature would change nothing
    return options


def _messages(prompt: RenderedPrompt, system: str, answers: Sequence[str] | None = None) -> tuple[tuple[str, str], ...]:
    """Write chat turns; `answers` stand in for the examples' own, none at all leave the examples out."""
    messages = [("system", system)] if system else []
    shown = [turn.answer for turn in prompt.turns] if answers is None else answers
    for turn, answer in zip(prompt.turns, shown, strict=False):
        messages += [("user", turn.user), ("assistant", answer)]
    return (*messages, ("user", prompt.user))


def _with_labels(system: str, labels: Sequence[str]) -> str:
    """Name the labels in the system text, if it does not already."""
    words = words_in(system)
    if system and all(words_in(label) <= words for label in labels):
        return system
    return _joined(system, f"Answer with one word: {_one_of(labels)}.")


def _fits(way: Way, labels: Sequence[str]) -> bool:
    return way != "systemone" or 2 <= len(labels) <= MOST_CRITERIA


def _which(labels: Sequence[str]) -> str:
    return f"Which is it: {_one_of(labels)}?"


def _criteria(prompt: RenderedPrompt, labels: Sequence[str]) -> dict[str, str]:
    """Say what each label stands for; a plain yes or no says itself what it means, unless the prompt describes it."""
    if is_yes_no(labels):
        return {label: prompt.criteria.get(label, label) for label in labels}
    return {label: _criterion(prompt, label) for label in labels}


def _criterion(prompt: RenderedPrompt, label: str) -> str:
    """Say what a label stands for: as the prompt describes it, else by the first of its examples."""
    if label in prompt.criteria:
        return prompt.criteria[label]
    shown = [turn.user for turn in prompt.turns if turn.answer == label][:_SHOWN_EXAMPLES]
    return f"{label}, as in: {'; '.join(shown)}" if shown else label


def _one_of(labels: Sequence[str]) -> str:
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} or {labels[-1]}"


def _unquoted(text: str) -> str:
    return " ".join(text.replace('"', "'").split())


def _joined(system: str, more: str) -> str:
    return f"{system.rstrip()}\n{more}" if system else more

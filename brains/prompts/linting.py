"""What is wrong with prompts that compile: they would work, but badly, or not mean what they say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from brains.errors import BrainsError, PromptError
from brains.prompts.finding import Finding, Severity
from brains.prompts.labels import words_in
from brains.prompts.layout import first_live, live_tail
from brains.prompts.library import PromptLibrary, is_shared
from brains.prompts.prompt import Prompt

__all__ = [
    "ALIKE",
    "BUDGET",
    "PROMPT_RULES",
    "about",
    "from_error",
    "from_errors",
    "lint_library",
    "lint_prompt",
    "similar_labels",
]

ALIKE = 3
"""Letters that two labels may not have in common at their beginning: a token is often as long as that."""
BUDGET = 2000
"""Tokens of a template before the question; a model's context is mostly 4096, and every token is read at least once."""
CHARACTERS = 4
"""Of a token of English text, roughly."""
_LONG_REST = 1000
"""Characters that may be read anew without a word about it. With a name above 860 of them no loss could be measured: a
model keeps a few prefixes warm at the same time."""
_TAIL = 8
"""Characters of constant text that may follow the last value of a question."""

PROMPT_RULES = {
    "prompt": "the front matter is wrong, or something in the file that has no rule of its own",
    "template": "a part is not Jinja, or does not compile",
    "role-order": "parts out of order, missing, misspelt, or text outside of them",
    "include": "a file that is not there, leads out of the folder, or cannot be used so",
    "undeclared-input": "a name or field that `inputs:` does not declare",
    "unused-input": "an input or field that is declared, and that nothing uses",
    "example-inputs": "an example does not give what `user:` uses",
    "examples": "examples that are too few, not balanced, or lack a label",
    "labels-alike": "labels that a token may not tell apart",
    "contract": "the text asks for other answers than `answer:` allows",
    "special-token": "a special token of some models in the text",
    "load-option": "an option that loads the model anew",
    "token-budget": "the template is too long",
    "prefix-cache": "text that changes stands before text that does not, so a model reads that again and again",
    "stale-calibration": "a calibration of an older text: it is not used",
    "unused-shared": "a shared file that no prompt uses",
    "cases": "a case file that cannot be read, or a case that does not fit its prompt or lacks what it needs",
}
"""What `brains prompt lint` looks for."""

_NAMED = r"[\"'`]?[\w-]+[\"'`]?"
_ASKS = re.compile(
    r"(?:\b(?:answer|reply|respond|say|choose)\b|\blabel\b[^.\n]*?\bas\b)"
    r"(?:\s+(?:only|just|with|by|from|either|one|word|of))*\s*:?\s*"
    rf"(?P<list>{_NAMED}(?:\s*[,/]\s*{_NAMED})*(?:\s*,)?(?:\s*(?:\bor\b|/)\s*{_NAMED})+)",
    re.IGNORECASE,
)
"""As in: Answer with one word: danger, safe or unclear."""
_SEPARATOR = re.compile(r"[\s,/\"'`]+")


def lint_library(prompts: PromptLibrary, *, budget: int = BUDGET) -> Iterator[Finding]:
    """Yield what is wrong with prompts by themselves, without the trees that ask them."""
    for error in prompts.errors.values():
        yield from from_errors(error)
    used: set[str] = set()
    for name in prompts.names():
        prompt = prompts.get(name)
        used.update(prompt.files)
        yield from lint_prompt(prompt, budget=budget)
        for digest, calibration in prompts.calibrations(name).items():
            model = getattr(calibration, "model", "") or digest[:12]
            if calibration.prompt_hash != prompt.version:
                message = (
                    f"its calibration for model {model} is of an older version of the text and is not used; "
                    f"run `brains prompt calibrate {name}`"
                )
                yield about(prompt, 1, "warning", "stale-calibration", message)
    for path, source in prompts.sources.items():
        # A broken prompt may use it.
        if is_shared(path) and path not in used and not prompts.errors:
            yield Finding(source.file, 1, "warning", "unused-shared", f"no prompt uses {path!r}")


def lint_prompt(prompt: Prompt, *, budget: int = BUDGET) -> Iterator[Finding]:
    """Yield what is wrong with one prompt."""
    first_example = prompt.examples[0].line if prompt.examples else prompt.front.answer_line
    for warning in prompt.warnings:
        yield about(prompt, first_example, "warning", "examples", warning)
    yield from _unused(prompt)
    yield from _alike(prompt)
    yield from _contract(prompt)
    yield from _order(prompt)
    tokens = _size(prompt) // CHARACTERS
    if tokens > budget:
        message = (
            f"about {tokens} tokens before the question, more than {budget}: drop examples, or shorten them "
            "(`brains prompt render` counts exactly)"
        )
        yield about(prompt, first_example, "warning", "token-budget", message)


def about(prompt: Prompt, line: int, severity: Severity, rule: str, message: str) -> Finding:
    """Make a finding about a prompt's file."""
    return Finding(prompt.file or prompt.name, line, severity, rule, message)


def from_error(error: BrainsError, rule: str = "prompt") -> Finding:
    """Make a finding of an error that has a place."""
    found = error.code if isinstance(error, PromptError) and error.code != "prompt" else rule
    message = getattr(error, "message", str(error))
    return Finding(getattr(error, "file", "") or "", getattr(error, "line", 0) or 0, "error", found, message)


def from_errors(error: PromptError, rule: str = "prompt") -> Iterator[Finding]:
    """Make findings of an error and of those that were found with it."""
    for one in (error, *error.further):
        yield from_error(one, rule)


def _size(prompt: Prompt) -> int:
    """Return the characters that stand before the question, but for what comes from the world."""
    shown = sum(len(part.source.strip()) for part in prompt.parts[:-1])
    return shown + sum(len(turn.user) + len(turn.answer) + 5 for turn in prompt.turns)


def _unused(prompt: Prompt) -> Iterator[Finding]:
    """Yield inputs and fields that no part uses."""
    for name, fields in prompt.inputs.items():
        line = prompt.front.input_lines.get(name, 1)
        using = [part for part in prompt.parts if name in part.uses]
        if not using:
            message = f"no part uses the input {name!r}: take it out of `inputs:`, or use it"
            yield about(prompt, line, "warning", "unused-input", message)
        elif not any(name in part.whole for part in using):
            for field in fields:
                if not any(field in part.uses[name] for part in using):
                    message = f"no part uses {name}.{field}: take it out of `inputs:`, or use it"
                    yield about(prompt, line, "warning", "unused-input", message)


def _alike(prompt: Prompt) -> Iterator[Finding]:
    """Yield the prompt's own labels that are alike: where it lists them, else at the example that brings the second."""
    if prompt.kind == "text":
        return
    firsts = {example.answer: example.line for example in reversed(prompt.examples)}
    for one, other, message in similar_labels(prompt.labels or prompt.example_labels):
        line = prompt.front.answer_line if prompt.labels else max(firsts[one], firsts[other])
        yield about(prompt, line, "error", "labels-alike", message)


def similar_labels(labels: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yield pairs of labels that a tokenizer may begin with one token, and why that is wrong."""
    words = sorted(labels)
    for index, one in enumerate(words):
        for other in words[index + 1 :]:
            begin = _common_beginning(one.casefold(), other.casefold())
            if begin and len(begin) == min(len(one), len(other)):
                yield one, other, f"the label {other!r} begins with the label {one!r}; choose other words"
            elif len(begin) >= ALIKE:
                message = (
                    f"the labels {one!r} and {other!r} both begin with {begin!r}, so one token may stand for either; "
                    f"choose words that differ in their first {ALIKE} letters"
                )
                yield one, other, message


def _common_beginning(one: str, other: str) -> str:
    length = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:length]


def _contract(prompt: Prompt) -> Iterator[Finding]:
    """Yield where the text and `answer:` disagree on what may be answered."""
    labels = prompt.labels or prompt.example_labels
    if prompt.kind == "text" or not labels:
        return
    known = frozenset().union(*map(words_in, labels))
    named: set[str] = set()
    for part in prompt.parts:
        for text, line in ((row, number) for number, row in enumerate(part.source.split("\n"), 1)):
            named |= {label for label in labels if words_in(label) <= words_in(text)}
            for found in _ASKS.finditer(text):
                asked = [word for word in _SEPARATOR.split(found["list"]) if word and word.casefold() != "or"]
                strangers = [word for word in asked if word.casefold() not in known]
                if strangers:
                    message = (
                        f"the text asks for {' or '.join(map(repr, strangers))}, which is no label "
                        f"(labels: {', '.join(labels)})"
                    )
                    yield about(prompt, line, "warning", "contract", message)
    missing = [label for label in labels if label not in named]
    if named and missing:
        message = f"the text names {', '.join(sorted(named))}, but not {', '.join(missing)}: name all labels, or none"
        yield about(prompt, prompt.parts[0].line, "warning", "contract", message)
    elif missing and not prompt.examples:
        message = f"neither the text nor an example names the labels {', '.join(labels)}: the model cannot know them"
        yield about(prompt, prompt.parts[0].line, "warning", "contract", message)


def _order(prompt: Prompt) -> Iterator[Finding]:
    """Yield text that changes and stands before text that does not."""
    for index, part in enumerate(prompt.parts[:-1]):
        if not part.uses:
            continue
        line, rest = first_live(part)
        rest += sum(len(later.source.strip()) for later in prompt.parts[index + 1 : -1])
        rest += sum(len(turn.user) + len(turn.answer) + 5 for turn in prompt.turns)
        if rest > _LONG_REST:
            what = ", ".join(sorted(part.uses))
            message = (
                f"`{part.role}:` shows {what}, which changes, before {rest} characters that do not: each change makes "
                "the model read them anew; say it in the last `user:`"
            )
            yield about(prompt, line, "warning", "prefix-cache", message)
        break
    question = prompt.parts[-1]
    tail = live_tail(question)
    if prompt.kind != "text" and question.uses and len(tail) > _TAIL:
        message = (
            f"the question ends in constant text ({tail!r}): put that before the values; what matters has to stand last"
        )
        yield about(prompt, question.line, "warning", "prefix-cache", message)

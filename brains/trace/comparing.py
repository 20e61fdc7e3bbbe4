"""What is different between two records of the same tick: the first thing, with the node that it is about."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

import msgspec

from brains.trace.events import DoneEvent, NodesEvent, QuestionEvent, encode

__all__ = ["Difference", "first_difference"]

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]+")
_STATUS = {"S": "SUCCESS", "F": "FAILURE", "R": "RUNNING", "I": "INVALID", "X": "cancelled"}
_IN_ORDER = ("order", "cancels", "leaves", "speech", "faults", "running", "status", "time", "numbers")
"""Fields of a `done`, those first that say most."""
_OF_QUESTIONS = (
    "leaf",
    "prompt",
    "labels",
    "schema",
    "model",
    "max_tokens",
    "priority",
    "timeout",
    "version",
    "digest",
)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Where a replay does not do what the recording says."""

    agent: str
    session: str
    tick: int
    path: str
    """Of the node that it is about; empty: of none in particular."""
    what: str
    """What differs: `node`, `question`, `order`, `status` ..."""
    expected: str
    """What the recording says."""
    got: str

    def __str__(self) -> str:
        where = f"tick {self.tick} of {self.agent}" + (f", {self.path}" if self.path else "")
        return f"{where}: {self.what}: expected {self.expected}, got {self.got}"


Found = tuple[str, str, str, str]
"""(path, what, expected, got)"""


def first_difference(
    recorded: tuple[NodesEvent | None, Sequence[QuestionEvent], DoneEvent],
    made: tuple[NodesEvent | None, Sequence[QuestionEvent], DoneEvent],
    recorded_path: Callable[[int], str],
    made_path: Callable[[int], str],
) -> Found | None:
    """Return the first difference of two records of a tick: nodes, their questions, and what the tick brought."""
    differences = (
        _nodes(recorded[0], made[0], recorded_path, made_path),
        _questions(recorded[1], made[1]),
        _done(_plain(recorded[2]), _plain(made[2])),
    )
    return next((found for each in differences for found in each), None)


def _nodes(
    recorded: NodesEvent | None,
    made: NodesEvent | None,
    recorded_path: Callable[[int], str],
    made_path: Callable[[int], str],
) -> Iterator[Found]:
    if recorded is None or made is None:
        return
    for one, other in zip_longest(recorded.ran, made.ran):
        expected = "nothing more" if one is None else f"{_STATUS[one[1]]}"
        got = "nothing more" if other is None else f"{_STATUS[other[1]]}"
        path = "" if one is None else recorded_path(one[0])
        there = "" if other is None else made_path(other[0])
        if path != there:
            yield (path or there), "node", f"{path} {expected}".strip(), f"{there} {got}".strip()
        elif expected != got:
            yield path, "node", expected, got


def _questions(recorded: Sequence[QuestionEvent], made: Sequence[QuestionEvent]) -> Iterator[Found]:
    for one, other in zip_longest(recorded, made):
        if one is None or other is None:
            there = one or other
            assert there is not None
            shown = f"{there.prompt}: {there.user!r}"
            path = there.leaf
            yield (path, "question", "none", shown) if one is None else (path, "question", shown, "none")
            continue
        before, after = _plain(one), _plain(other)
        for name in _OF_QUESTIONS:
            if before.get(name) == after.get(name):
                continue
            if name == "digest" and one.user != other.user:
                yield one.leaf, "question", repr(one.user), repr(other.user)
            else:
                yield one.leaf, f"question ({name})", _shown(before.get(name)), _shown(after.get(name))


def _done(recorded: dict[str, Any], made: dict[str, Any]) -> Iterator[Found]:
    for name in _IN_ORDER:
        expected, got = recorded.get(name), made.get(name)
        if name == "faults":
            expected, got = _faults(expected), _faults(got)
        if expected == got:
            continue
        if isinstance(expected, list) and isinstance(got, list):
            for one, other in zip_longest(expected, got):
                if one != other:
                    yield _path_of(one) or _path_of(other), name, *_apart(one, other)
        yield _path_of(expected) or _path_of(got), name, *_apart(expected, got)


def _apart(expected: Any, got: Any) -> tuple[str, str]:
    """Return two values as text; of two objects only what differs in them."""
    if isinstance(expected, dict) and isinstance(got, dict):
        names = [name for name in {**expected, **got} if expected.get(name) != got.get(name)]
        return (
            ", ".join(f"{name} {_shown(expected.get(name))}" for name in names),
            ", ".join(f"{name} {_shown(got.get(name))}" for name in names),
        )
    return _shown(expected), _shown(got)


def _faults(faults: Any) -> list[dict[str, Any]]:
    """Return faults without what differs from run to run: where objects lie, and in which line something is."""
    return [
        {**{k: v for k, v in one.items() if k != "traceback"}, "error": _ADDRESS.sub("0x…", one["error"])}
        for one in faults or ()
    ]


def _path_of(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("leaf", ""))
    if isinstance(value, list) and value:
        return _path_of(value[0])
    return ""


def _shown(value: Any, longest: int = 300) -> str:
    text = "nothing" if value is None else msgspec.json.encode(value).decode()
    return text if len(text) <= longest else text[:longest] + "..."


def _plain(event: DoneEvent | QuestionEvent) -> dict[str, Any]:
    """Return an event as a reader of the file sees it, so that a number that was an int there is one here."""
    found: dict[str, Any] = msgspec.json.decode(encode(event))
    return found

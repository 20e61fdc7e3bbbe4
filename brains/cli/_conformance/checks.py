"""What a check is, and how a row of them is run: each ends in one line, whatever the other side does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Generic, Literal, TypeVar

import msgspec
from websockets.exceptions import WebSocketException

__all__ = ["Check", "Checks", "Mismatch", "Outcome", "Pace", "Result", "Skip", "expect", "run_checks", "short"]

S = TypeVar("S")

Outcome = Literal["ok", "failed", "skipped"]


class Mismatch(Exception):
    """The other side does not do what the protocol says.

    Args:
        expected: what should have happened.
        got: what did.
    """

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected = expected
        self.got = got


class Skip(Exception):
    """This cannot be checked here; the text says why."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How long things may take, in seconds."""

    answer: float = 5.0
    """Until an answer."""
    hello: float = 5.0
    """What a client has for its hello."""
    quiet: float = 0.3
    """So long nothing has to come to be sure that nothing will."""
    withhold: float = 0.5
    """An answer is held back so long, to see what the client does without."""
    back: float = 10.0
    """Until a client has come back."""
    patience: float = 4.0
    """A client that was sent away for good must not come back in that time."""
    whole: float = 60.0
    """Longest that one check may take."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a check."""

    check: str
    outcome: Outcome
    expected: str
    got: str
    seconds: float


class Check(Generic[S]):
    """One thing that is looked at.

    Args:
        name: what it is called, `subject.detail`.
        expects: what should happen, for people.
        run: does it; returns what it got, in a few words.

    Raises:
        Mismatch, Skip: from `run`.
    """

    def __init__(self, name: str, expects: str, run: Callable[[S], Awaitable[str]]) -> None:
        self.name = name
        self.expects = expects
        self.run = run


class Checks(Generic[S]):
    """Collects checks: `@checks("hello.welcome", "...")` on a coroutine function."""

    def __init__(self) -> None:
        self._checks: list[Check[S]] = []

    def __call__(
        self, name: str, expects: str
    ) -> Callable[[Callable[[S], Awaitable[str]]], Callable[[S], Awaitable[str]]]:
        """Take the decorated function for the check `name`."""

        def take(run: Callable[[S], Awaitable[str]]) -> Callable[[S], Awaitable[str]]:
            self._checks.append(Check(name, expects, run))
            return run

        return take

    def __iter__(self) -> Iterator[Check[S]]:
        return iter(self._checks)


def expect(condition: object, expected: str, got: object) -> None:
    """Go on if `condition` holds.

    Raises:
        Mismatch: it does not.
    """
    if not condition:
        raise Mismatch(expected, short(got))


def short(value: object, length: int = 200) -> str:
    """Return a value in one line that is not too long."""
    text = " ".join((value if isinstance(value, str) else repr(value)).split())
    return text if len(text) <= length else text[: length - 3] + "..."


async def run_checks(
    checks: Iterable[Check[S]], stage: S, tell: Callable[[Result], None], *, longest: float
) -> list[Result]:
    """Run checks one after the other; `tell` gets each result as soon as there is one."""
    results = []
    for check in checks:
        started = time.monotonic()
        expected = check.expects
        outcome: Outcome
        try:
            async with asyncio.timeout(longest):
                outcome, got = "ok", await check.run(stage)
        except Mismatch as error:
            outcome, expected, got = "failed", f"{check.expects}: {error.expected}", error.got
        except Skip as error:
            outcome, got = "skipped", str(error)
        except TimeoutError:
            outcome, got = "failed", f"no end of it within {longest:g} s"
        except (OSError, WebSocketException) as error:
            outcome, got = "failed", f"{type(error).__name__}: {short(str(error))}"
        seconds = round(time.monotonic() - started, 3)
        result = Result(check=check.name, outcome=outcome, expected=expected, got=short(got, 400), seconds=seconds)
        tell(result)
        results.append(result)
    return results

"""All example messages in one list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from brains.description.client_examples import CLIENT_EXAMPLES
from brains.description.server_examples import CHAT_EXAMPLES, SERVER_EXAMPLES

__all__ = ["Example", "examples", "examples_of"]


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One message as it may be sent."""

    sender: Literal["client", "server", "chat"]
    """`chat`: of the plain chat client, both ways."""
    type: str
    case: str
    message: dict[str, Any]


def examples() -> Iterator[Example]:
    """Yield every example, those of one sender and type together."""
    for sender, cases in (("client", CLIENT_EXAMPLES), ("server", SERVER_EXAMPLES), ("chat", CHAT_EXAMPLES)):
        yield from _listed(sender, cases)  # type: ignore[arg-type]


def examples_of(type: str) -> list[Example]:
    """Return the examples of one type, those that both sides send once."""
    found: dict[str, Example] = {}
    for one in examples():
        if one.type == type and all(one.message != other.message for other in found.values()):
            name = one.case if one.case not in found else f"{one.case}_{one.sender}"
            found[name] = msgspec.structs.replace(one, case=name)
    return list(found.values())


def _listed(
    sender: Literal["client", "server", "chat"], cases: dict[str, dict[str, dict[str, Any]]]
) -> Iterator[Example]:
    for type, by_case in cases.items():
        for case, message in by_case.items():
            yield Example(sender=sender, type=type, case=case, message=message)

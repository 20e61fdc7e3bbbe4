"""One more try for an answer that is no good, if there is time for it."""

from __future__ import annotations

import msgspec

from brains.questions import ModelReply, ModelRequest

__all__ = ["repair_for"]

_SHOWN = 400
"""Characters of the bad answer that the model is shown again."""
_SLACK = 1.5
"""The second answer may take this many times as long as the first one did."""


def repair_for(
    request: ModelRequest, reply: ModelReply, problem: str, *, took: float, left: float
) -> ModelRequest | None:
    """Return the request that shows the model what was wrong with its object; None where that is not worth it.

    Only objects are worth a second try: a label's one token would be the same again, and a repaired one must not be
    repaired again, which is for the caller to see to.

    Args:
        request: what was asked.
        reply: the answer that could not be used.
        problem: what is wrong with it, in words.
        took: seconds that it took.
        left: seconds until nobody waits any more.
    """
    if request.way != "schema" or not reply.text.strip() or left < _SLACK * took:
        return None
    told = f"That cannot be used: {problem}. Answer once more, with nothing but the JSON object."
    more = (("assistant", reply.text[:_SHOWN]), ("user", told))
    return msgspec.structs.replace(request, messages=(*request.messages, *more))

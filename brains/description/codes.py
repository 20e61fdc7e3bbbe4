"""What the numbers and words mean with which things go wrong, and whether trying again helps."""

from __future__ import annotations

import msgspec

from brains.messages import CLOSE_CODES

__all__ = ["CLOSES", "ERRORS", "Close"]


class Close(msgspec.Struct, frozen=True):
    """One way in which a connection ends."""

    code: int
    name: str
    retry: bool
    """A client should try again, a little later each time."""
    text: str


_OWN = {
    "bad_message": (True, "What came was not the protocol at all."),
    "unauthorized": (False, "The token is missing or wrong. Tell the player; the same `hello` fails again."),
    "unsupported_protocol": (False, "No version in common. One of the two has to be updated."),
    "hello_timeout": (True, "No `hello` within five seconds."),
    "session_replaced": (True, "A newer connection has resumed this session. Whoever tries again gets a new session."),
    "limit_exceeded": (False, "A frame was longer than `welcome.limits`, or `hello.limits` is too small to serve."),
    "flooded": (True, "A hundred messages in a row could not be used."),
}

CLOSES = (
    Close(1000, "normal", False, "After a `bye`."),
    Close(1001, "going_away", True, "The server stops; it may be started again."),
    Close(1006, "lost", True, "No close at all: the connection broke. Godot says -1."),
    Close(
        1009,
        "too_big",
        True,
        "A frame was longer than the other side takes.",
    ),
    Close(1011, "unexpected", True, "No answer to pings for a minute, or a fault of the server."),
    *(Close(number, name, *_OWN[name]) for name, number in CLOSE_CODES.items()),
)
"""All close codes that occur, by number."""

ERRORS = {
    "bad_message": "Not JSON, not an object, a binary frame without the feature `variant`, or not what may come now, "
    "such as a second `hello`.",
    "unauthorized": "The token is missing or wrong. Fatal.",
    "unsupported_protocol": "No version in common. Fatal.",
    "hello_timeout": "No `hello` in time. Fatal.",
    "session_replaced": "The session is now on another connection. Fatal.",
    "limit_exceeded": "Too long, or too many of something; fatal where a frame is too long. An action that is longer "
    "than `hello.limits` is not sent.",
    "flooded": "Nothing but unusable messages. Fatal.",
    "unknown_type": "There is no message of this `type`. Clients ignore it as well.",
    "bad_field": "A field is missing, has the wrong type or is out of bounds; `hint` names it.",
    "unknown_agent": "The agent was not added, or not taken. Each id is reported once.",
    "unknown_brain": "There is no brain of this name; the message names the nearest one.",
    "unknown_action": "The tree may choose an action that the agent's body did not declare, or has chosen it.",
    "action_not_available": "An action was chosen that is not in `available`; it is not sent.",
    "bad_params": "Values do not fit the action's schema.",
    "stale": "Too late: of an older epoch, an older snapshot, or of an action that is over.",
    "too_many_events": "More events than are taken between two snapshots, 256; the newest were dropped.",
    "too_many_agents": "`welcome.limits.max_agents` is reached.",
    "duplicate_agent": "The id is in the message twice, or is driven by another brain: remove it first.",
    "agent_fault": "A tree raised an exception. The agent goes on as far as it can; the server's log says more.",
    "llm_unavailable": "There is no model. Leaves fall back.",
    "llm_timeout": "The model did not answer in time. Leaves fall back.",
    "internal": "A fault of the server; see its log.",
}
"""Meaning of every error code."""

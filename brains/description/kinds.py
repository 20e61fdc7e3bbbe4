"""Every message of protocol 1 once: its name, its class, who sends it, and what its fields mean.

The classes of `brains.messages` say what is valid. What is said here is for whoever writes a client, in whatever
engine, so it stands beside them and not in them; each class and each field has to be named here.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

from brains import messages

__all__ = ["CHAT", "FIELDS", "KINDS", "Kind", "Sender"]

Sender = Literal["client", "server"]


class Kind(msgspec.Struct, frozen=True):
    """One kind of message."""

    name: str
    """Its `type`; of chat messages, which have none, a name for them."""
    cls: type[msgspec.Struct]
    senders: tuple[Sender, ...]


def _kinds() -> tuple[Kind, ...]:
    """Collect the messages from the two unions, in their order."""
    senders: dict[type[msgspec.Struct], list[Sender]] = {}
    unions: tuple[tuple[Sender, Any], ...] = (("client", messages.ClientMessage), ("server", messages.ServerMessage))
    for sender, union in unions:
        for cls in get_args(union):
            senders.setdefault(cls, []).append(sender)
    return tuple(Kind(str(cls.__struct_config__.tag), cls, tuple(by)) for cls, by in senders.items())


KINDS = _kinds()
CHAT = (
    Kind("chat_message", messages.ChatMessage, ("client",)),
    Kind("chat_response", messages.ChatResponse, ("server",)),
)
"""What the plain chat client says and hears on the same port; it sends no `hello`."""

FIELDS: dict[str, dict[str, str]] = {
    "Hello": {
        "protocol": "The newest version that the client speaks: 1.",
        "min_protocol": "The oldest version that it speaks. The server takes the highest that both know.",
        "client": "Who it is, for people and logs: `name`, `version`, `engine`, `platform`.",
        "token": "What the server's owner has set; required wherever a server has one, and never sent in the URL.",
        "session": "The session to go on with, after a connection was lost. Absent: a new one.",
        "features": "Optional features that the client would like: `variant`, `insight`. Unknown ones are ignored.",
        "limits": "What the client can take.",
        "clock": "How the game's time runs, for people: `physics_tps`.",
    },
    "SessionWish": {
        "id": "`session.id` of the last `welcome`.",
        "resume": "`session.resume` of the last `welcome`: the secret that lets nobody else take the session.",
    },
    "Limits": {
        "max_message_bytes": "Longest frame that it takes, in bytes of UTF-8; 4096 or more. The server sends none that "
        "is longer. State the size that your buffers really have.",
        "max_agents": "Not used by a client.",
        "window": "Not used by a client.",
    },
    "AgentsMessage": {
        "epoch": "Which scene the game is in, counted up at every scene change.",
        "add": "Agents to add. To add one again changes nothing, except that its running actions are named again.",
        "remove": "Ids of agents that are gone. Their running actions are cancelled. Done before `add`.",
    },
    "AgentEntry": {
        "id": "The agent's name in this session, 1 to 200 characters; unique, and the same after a resume.",
        "brain": "Which of `welcome.brains` drives it.",
        "kind": "What sort of body it is; for people.",
        "actions": "All that its body can do. A tree that may choose anything else is refused with `unknown_action`.",
        "meta": "Anything else about it, for people and tools.",
    },
    "DeclaredAction": {
        "name": "The action's name: the class name in the trees folder.",
        "description": "One line that says what it does.",
        "params": "JSON Schema of its values, an object: `type`, `properties`, `required`, `enum`, `minimum`, "
        "`maximum`, `items`. The client checks what it is given against this.",
    },
    "SnapshotMessage": {
        "seq": "Counts the client's snapshots: 1, 2, 3 ... in a session, and on after a resume.",
        "time_ms": "Game time in milliseconds: it stands still while the game is paused, and never goes back.",
        "epoch": "That of the last `agents`. A snapshot of another epoch is answered empty, with an error `stale`.",
        "frame": "Physics frame, for people.",
        "world": "What all agents of the snapshot may know.",
        "agents": "By id, the agents that are due for a decision. Others keep doing what they do.",
        "events": "What has happened since the last snapshot. Kept until it is sent: events are never overwritten.",
        "events_dropped": "How many events the client could not keep since the snapshot before.",
        "results": "`action_result`s that ride along; `type` may be left out in them.",
    },
    "AgentPart": {
        "me": "All that this agent perceives, in whatever form its brain expects.",
        "available": "Names of the actions that are possible now. Absent: all that were declared.",
        "requested": "The agent asked for a decision, by an event or because an action ended.",
    },
    "GameEvent": {
        "name": "What happened.",
        "agent": "Whom it is for. Absent or empty: for all agents.",
        "data": "Anything about it.",
        "time_ms": "When, in game time.",
    },
    "ActionResult": {
        "agent": "Whose action it is.",
        "id": "The action's id.",
        "status": "`running`: taken up, or still going. `success`, `failure`: it ended. `rejected`: not carried out, "
        "see `code`. `cancelled`: ended because the server said so, or a newer action took its place. `expired`: it "
        "came too late, with code `stale`.",
        "code": "Why, as a word: `unknown_agent`, `unknown_action`, `action_not_available`, `bad_params` with "
        "`rejected`, `stale` with `expired`, or one of your own with `failure`.",
        "message": "Why, for people.",
        "data": "What came of it, for the tree.",
        "time_ms": "When, in game time.",
    },
    "Track": {"agent": "Its id. Empty: nobody's tree any more. One that is not there yet is tracked once it is."},
    "Ping": {"t": "Any number: the answer has the same."},
    "Pong": {"t": "That of the `ping`."},
    "ErrorMessage": {
        "code": "One of the error codes.",
        "message": "What is wrong.",
        "hint": "What to do about it.",
        "fatal": "The connection is about to be closed. The close reason says the same, since Godot loses a message "
        "that comes right before a close.",
        "ref": "What it is about, as far as that is known: `type`, `seq`, `agent`, `id`.",
    },
    "Bye": {"reason": "Why, for people. The session is over: it cannot be resumed."},
    "SessionInfo": {
        "id": "The session's name; the same after a resume.",
        "resume": "The secret to come back with, new in every `welcome`. Absent: a lost session is not kept.",
        "resumed": "This is the session that `hello.session` asked for. Otherwise it is a new one.",
        "ttl_s": "Seconds for which a lost session is kept.",
    },
    "Welcome": {
        "protocol": "The version that both speak from now on.",
        "server": "Who it is, for people: `name`, `version`.",
        "session": "This session, and how to come back to it.",
        "tick": "`mode`: `snapshot`, trees are ticked when a snapshot comes. `hz`: snapshots per second that are "
        "worth it.",
        "limits": "What the server takes: `max_message_bytes` of a frame, `max_agents` of a session, and `window`, the "
        "snapshots that may be unanswered at a time.",
        "heartbeat_s": "After so many seconds without a message the server asks whether the client is there, by a "
        "WebSocket ping.",
        "features": "Those of `hello.features` that are on.",
        "brains": "Names of the brains on offer; cut short if they are too many for `hello.limits`.",
    },
    "Rejection": {
        "id": "The agent.",
        "code": "Why, as a word: `unknown_brain`, `unknown_action`, `duplicate_agent`, `too_many_agents`, "
        "`limit_exceeded`, `stale`, `agent_fault`.",
        "message": "Why, for people.",
    },
    "AgentsAck": {
        "epoch": "The epoch that counts now.",
        "ok": "Ids of `add` that are in, new or again.",
        "rejected": "Those that are not. There may be several `agents_ack` to one `agents`, if one would be too long.",
    },
    "ActionsEntry": {
        "agent": "Who is to do it.",
        "id": "Names this action in results and cancels; unique in a session. The same id again means the same action.",
        "name": "One of the agent's declared actions.",
        "params": "Its values, as its `params` schema says.",
        "source": "Who chose it: the tree, the model, or the fallback of a leaf that the model did not answer.",
        "ttl_ms": "Milliseconds of game time since the snapshot after which it must no longer begin. Absent or null: "
        "any age.",
        "reason": "Why it was chosen, for people.",
    },
    "Actions": {
        "seq": "Counts the server's answers: 1, 2, 3 ... in a session, and on after a resume.",
        "snapshot": "`seq` of the snapshot that this answers, even if it was empty, stale or not readable.",
        "epoch": "The epoch that it was decided in. Entries of another one are dropped as `stale`.",
        "cancel": "Ids of actions to end. Carried out before `actions`; an id that is not known is nothing to report.",
        "actions": "What is to begin: at most one per agent. Agents that are not in it go on with what they do.",
        "busy": "Agents of the snapshot that were not ticked, because a debugger holds them. For display.",
        "server_ms": "Milliseconds that the trees took.",
    },
    "Say": {
        "agent": "Who speaks.",
        "id": "Names the line: pieces with the same id belong together, in the order in which they come.",
        "text": "The next piece of the line; may be empty in the last one.",
        "done": "This was the last piece.",
    },
    "Wake": {"agents": "Ids. An unknown one is nothing to report."},
    "Hold": {"agent": "Whose brain stands still.", "reason": "Why, for people."},
    "Release": {"agent": "Whose brain goes on."},
    "Decided": {
        "agent": "Who had asked.",
        "leaf": "Path of the leaf in its tree.",
        "question": "The last line of what was asked, for people.",
        "answer": "The likeliest label; empty if there was no answer.",
        "probabilities": "Of every label; none for an answer in free text.",
        "latency_ms": "Milliseconds from question to answer; 0 without one.",
        "model": "Who answered.",
        "reason": "Why there was no answer that could be used, as a word; empty if there was.",
    },
    "MindNode": {
        "name": "Its name in the tree.",
        "kind": "Its class.",
        "depth": "How deep it stands; the root's is 0.",
    },
    "Mind": {
        "agent": "Whose tree it is.",
        "states": "One letter per node, from the root down as it is written: `s` success, `f` failure, `r` running, "
        "`.` not visited.",
        "nodes": "The tree's nodes in the same order. Only in the first message after a `track`, and after the tree is "
        "another one: later ones have `states` alone.",
    },
    "ChatMessage": {"message": "What the user says."},
    "ChatResponse": {"response": "What the model answers, or in brackets why it does not."},
}
"""Meaning of every field, by class."""

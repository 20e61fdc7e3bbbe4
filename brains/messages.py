"""Protocol 1: the messages between a game and brains, one JSON object per text frame.

The types here are the protocol. `decode` takes what a game sent; unknown fields are ignored, so that newer games work
with older servers. Numbers that count are declared as floats because Godot's JSON turns every number into one. A game
that asked for the feature `variant` may send binary frames as well: see `brains.variant`.

Evidence for the rules is in the Godot 4.6.3 sources (`modules/websocket/wsl_peer.cpp`, `core/io/json.cpp`).
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from brains.errors import ProtocolError
from brains.jsontext import encoded
from brains.variant import VariantError, from_bytes

__all__ = [
    "CLOSE_CODES",
    "ERROR_CODES",
    "FEATURES",
    "NO_ME",
    "PROTOCOL_VERSION",
    "ActionResult",
    "Actions",
    "ActionsEntry",
    "AgentEntry",
    "AgentPart",
    "AgentsAck",
    "AgentsMessage",
    "Bye",
    "ChatMessage",
    "ChatResponse",
    "ClientMessage",
    "Decided",
    "DeclaredAction",
    "ErrorMessage",
    "GameEvent",
    "Hello",
    "Hold",
    "Mind",
    "MindNode",
    "Ping",
    "Pong",
    "Rejection",
    "Release",
    "Say",
    "ServerMessage",
    "SessionInfo",
    "SessionWish",
    "SnapshotMessage",
    "Track",
    "Wake",
    "Welcome",
    "close_reason",
    "decode",
    "encode",
]

PROTOCOL_VERSION = 1

CLOSE_CODES: dict[str, int] = {
    "bad_message": 4400,
    "unauthorized": 4401,
    "unsupported_protocol": 4406,
    "hello_timeout": 4408,
    "session_replaced": 4409,
    "limit_exceeded": 4413,
    "flooded": 4429,
}
"""Close code of each fatal error. A game must not try again after 4401, 4406 and 4413."""

ERROR_CODES = (
    *CLOSE_CODES,
    "unknown_type",
    "bad_field",
    "unknown_agent",
    "unknown_brain",
    "unknown_action",
    "action_not_available",
    "bad_params",
    "stale",
    "too_many_events",
    "too_many_agents",
    "duplicate_agent",
    "agent_fault",
    "llm_unavailable",
    "llm_timeout",
    "internal",
)

FEATURES = ("variant", "insight")
"""What a `hello` may ask for; `welcome` names those of it that the server has."""

Whole = Annotated[float, Meta(ge=0, le=2**53)]
"""A count or a sequence number; Godot sends 3 as 3.0 once it has been through its JSON."""

Id = Annotated[str, Meta(min_length=1, max_length=200)]


class _Message(msgspec.Struct, tag_field="type", omit_defaults=True, kw_only=True):
    """Base of all messages: `type` is the class's tag."""


# --- from the game -----------------------------------------------------------------------------------------------


class Limits(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What the sender can take."""

    max_message_bytes: Whole = 65_535
    max_agents: Whole | None = None
    window: Whole | None = None


class SessionWish(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Which session the game wants to go on with."""

    id: str = ""
    resume: str | None = None


class Hello(_Message, tag="hello"):
    """The game's first message, within five seconds."""

    protocol: Whole
    min_protocol: Whole = 1
    client: dict[str, Any] = {}
    token: str | None = None
    session: SessionWish | None = None
    features: list[str] = []
    limits: Limits = msgspec.field(default_factory=Limits)
    clock: dict[str, Any] = {}


class DeclaredAction(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An action that an agent's body can carry out; `params` is a small JSON Schema."""

    name: Id
    description: str = ""
    params: dict[str, Any] = {}


class AgentEntry(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An agent that the game adds."""

    id: Id
    brain: Id
    kind: str = ""
    actions: list[DeclaredAction] = []
    meta: dict[str, Any] = {}


class AgentsMessage(_Message, tag="agents"):
    """Adds and removes agents. `epoch` grows when the scene changes; it voids older snapshots, not running actions."""

    epoch: Whole = 0
    add: list[AgentEntry] = []
    remove: list[Id] = []


NO_ME: dict[str, Any] = {}
"""What a part without `me` has in its place; told apart by identity."""


class AgentPart(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One agent's part of a snapshot: what it perceives, and which of its actions are possible now."""

    me: dict[str, Any] = msgspec.field(default_factory=lambda: NO_ME)
    """All that this agent perceives. `NO_ME` itself: the game forgot it, or put what is perceived beside it."""
    available: list[str] | None = None
    requested: bool = False


class GameEvent(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Something that happened, for one agent or (where `agent` is absent or empty) for all."""

    name: str
    agent: str | None = None
    data: dict[str, Any] = {}
    time_ms: float = 0.0


class ActionResult(_Message, tag="action_result"):
    """How far the game is with an action."""

    agent: Id
    id: Id
    status: Literal["running", "success", "failure", "rejected", "cancelled", "expired"]
    code: str = ""
    message: str = ""
    data: dict[str, Any] = {}
    time_ms: float = 0.0


class SnapshotMessage(_Message, tag="snapshot"):
    """The world for one tick, with the agents that are due in it."""

    seq: Whole
    time_ms: Annotated[float, Meta(ge=-(2**53), le=2**53)]
    """Game time. Leaves count their deadlines in it, so it has to go on with the game, and may stand still with it."""
    epoch: Whole = 0
    frame: Whole = 0
    world: dict[str, Any] = {}
    agents: dict[str, AgentPart] = {}
    events: list[GameEvent] = []
    events_dropped: Whole = 0
    """Events that the game had to drop since the snapshot before."""
    results: list[ActionResult] = []


class Ping(_Message, tag="ping"):
    """Asks for a `pong` with the same `t`; for web exports, which have no WebSocket pings."""

    t: float = 0.0


class Pong(_Message, tag="pong"):
    """Answers a `ping`."""

    t: float = 0.0


class ErrorMessage(_Message, tag="error"):
    """Something is wrong with what the other side sent; the session goes on unless `fatal`."""

    code: str
    message: str
    hint: str = ""
    fatal: bool = False
    ref: dict[str, Any] = {}


class Track(_Message, tag="track"):
    """Names the agent whose tree the game would like to see. Only with the feature `insight`."""

    agent: str = ""


class Bye(_Message, tag="bye"):
    """The sender is about to close."""

    reason: str = ""


# --- to the game -------------------------------------------------------------------------------------------------


class SessionInfo(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Which session the game is in, and how it comes back to it when the connection is lost."""

    id: str
    resume: str | None = None
    """The secret for `hello.session`, new in each `welcome`; absent: a lost session is not kept."""
    resumed: bool
    ttl_s: float
    """Seconds for which a lost session is kept."""


class Welcome(_Message, tag="welcome"):
    """Answers `hello`."""

    protocol: int
    server: dict[str, str]
    session: SessionInfo
    tick: dict[str, Any]
    limits: dict[str, int]
    heartbeat_s: float
    features: list[str]
    brains: list[str]


class Rejection(msgspec.Struct, kw_only=True):
    """Why an agent was not taken."""

    id: str
    code: str
    message: str


class AgentsAck(_Message, tag="agents_ack"):
    """Answers `agents`."""

    epoch: int
    ok: list[str]
    rejected: list[Rejection]


class ActionsEntry(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One action for one agent."""

    agent: str
    id: str
    name: str
    params: dict[str, Any]
    source: Literal["tree", "llm", "fallback"]
    ttl_ms: int | None = None
    reason: str = ""


class Actions(_Message, tag="actions", omit_defaults=False):
    """Answers one snapshot, and is the credit for the next. The game carries out `cancel` before `actions`."""

    seq: int
    snapshot: int
    epoch: int
    cancel: list[str]
    actions: list[ActionsEntry]
    busy: list[str]
    server_ms: float


class Say(_Message, tag="say", omit_defaults=False):
    """A piece of a line of speech; the pieces with one `id` make the line."""

    agent: str
    id: str
    text: str
    done: bool


class Wake(_Message, tag="wake"):
    """An answer has arrived: put these agents into the very next snapshot."""

    agents: list[str]


class Hold(_Message, tag="hold"):
    """A debugger has stopped this agent's brain; its body should idle."""

    agent: str
    reason: str = ""


class Release(_Message, tag="release"):
    """The agent's brain goes on."""

    agent: str


class Decided(_Message, tag="decided"):
    """A leaf has had its answer from the model, or has gone without one. Only with the feature `insight`."""

    agent: str
    leaf: str
    question: str = ""
    answer: str = ""
    probabilities: dict[str, float] = {}
    latency_ms: float = 0.0
    model: str = ""
    reason: str = ""


class MindNode(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One node of a tree that is shown."""

    name: str
    kind: str
    depth: int


class Mind(_Message, tag="mind"):
    """What the tree of the tracked agent does. Only with the feature `insight`, and only when it has changed."""

    agent: str
    states: str
    nodes: list[MindNode] = []


# --- the plain chat client ---------------------------------------------------------------------------------------


class ChatMessage(msgspec.Struct, kw_only=True):
    """What the plain chat client sends, without a `hello`."""

    message: str


class ChatResponse(msgspec.Struct, kw_only=True):
    """What it gets back."""

    response: str


ClientMessage = Hello | AgentsMessage | SnapshotMessage | ActionResult | Track | Ping | Pong | ErrorMessage | Bye
ServerMessage = (
    Welcome | AgentsAck | Actions | Say | Wake | Hold | Release | Decided | Mind | Ping | Pong | ErrorMessage | Bye
)

_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)
_encoder = msgspec.json.Encoder()
_types = frozenset(str(kind.__struct_config__.tag) for kind in get_args(ClientMessage))

_NO_JSON = (
    "strip control characters (also \\v) and halves of surrogate pairs from text, and send no nan and no inf, "
    "which may look like 1e99999; JSON.stringify does none of that"
)


def encode(message: ServerMessage | ClientMessage | ChatResponse) -> str:
    """Return the text frame for a message. Not-a-number and infinities become null: Godot refuses them."""
    return encoded(message, _encoder).decode()


def decode(frame: str | bytes, *, variant: bool = False) -> ClientMessage | ChatMessage:
    """Read one frame.

    An object without `type` but with `message` is a `ChatMessage`.

    Args:
        frame: the text frame, or the binary one.
        variant: whether binary frames are welcome.

    Raises:
        ProtocolError: never fatal: `bad_message` (not JSON, or not an object), `unknown_type`, `bad_field`.
    """
    if isinstance(frame, bytes):
        return _decode_variant(frame, variant)
    try:
        return _decoder.decode(frame)
    except RecursionError:
        raise ProtocolError("bad_message", "the JSON is nested too deeply") from None
    except msgspec.ValidationError as error:
        why = str(error)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ProtocolError("bad_message", str(error), hint=_NO_JSON) from None
    try:
        found = msgspec.json.decode(frame)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ProtocolError("bad_message", str(error), hint=_NO_JSON) from None
    return _not_a_message(found, why)


def _decode_variant(frame: bytes, is_welcome: bool) -> ClientMessage | ChatMessage:
    if not is_welcome:
        raise ProtocolError(
            "bad_message",
            "binary frames are not part of the protocol unless `welcome.features` has `variant`",
            hint='send text frames, WebSocketPeer.send_text() in Godot, or ask in hello: "features": ["variant"]',
        )
    try:
        found = from_bytes(frame)
    except VariantError as error:
        raise ProtocolError("bad_message", f"no Variant: {error}", hint="var_to_bytes(message) makes one") from None
    try:
        message: ClientMessage = msgspec.convert(found, ClientMessage)
    except msgspec.ValidationError as error:
        return _not_a_message(found, str(error))
    return message


def _not_a_message(found: Any, why: str) -> ChatMessage:
    """Tell a chat message from a wrong one; raise for the latter."""
    if not isinstance(found, dict):
        raise ProtocolError("bad_message", "a message is a JSON object", hint='such as {"type": "hello", ...}')
    kind = found.get("type")
    if kind is None and "message" in found:
        try:
            return msgspec.convert(found, ChatMessage)
        except msgspec.ValidationError as error:
            raise ProtocolError("bad_field", str(error)) from None
    if not isinstance(kind, str) or kind not in _types:
        shown = kind if isinstance(kind, str) else msgspec.json.encode(kind).decode()
        raise ProtocolError(
            "unknown_type", f"there is no message of type {shown[:40]!r}", hint=f"known: {', '.join(sorted(_types))}"
        )
    field = re.search(r"`\$\.?([^`]*)`", why) or re.search(r"field `([^`]+)`", why)
    raise ProtocolError(
        "bad_field", f"{kind}: {why}", hint=f"look at {field.group(1)!r}" if field and field.group(1) else ""
    )


def close_reason(code: str, message: str) -> str:
    """Return `code: message`, cut to the 123 bytes that a close frame can carry.

    The reason carries the error because Godot loses a message that is sent right before a close (godot #107442).
    """
    return f"{code}: {message}".encode()[:123].decode(errors="ignore")

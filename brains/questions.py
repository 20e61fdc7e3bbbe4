"""What is asked of a model and what comes back, as values; and the protocols that the parts meet at.

A leaf renders a prompt and asks a `Question`; an `Asker` (the gateway) answers with a `Ticket`; later the ticket has an
outcome: a `Decision`, or a `NoAnswer` that says why. `brains.decide` makes a `ModelRequest` from a question and a
decision from the `ModelReply`; a `ChatModel` only ever sees requests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Literal, Protocol

import msgspec

__all__ = [
    "Asker",
    "Calibration",
    "ChatModel",
    "Decision",
    "Latency",
    "ModelInfo",
    "ModelReply",
    "ModelRequest",
    "NoAnswer",
    "Outcome",
    "Question",
    "RenderedPrompt",
    "Ticket",
    "TokenChoice",
    "Turn",
    "Way",
]

Way = Literal["completion", "chat", "schema", "text", "systemone"]
"""How a question is put: labels by raw few-shot completion, labels by chat turns, a JSON Schema, free text, and the
decision API (`/v1/systemone`) of models that are made for it."""


class Turn(msgspec.Struct, frozen=True):
    """One example: what was said, and the right answer."""

    user: str
    answer: str


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """Corrects one model's label probabilities for one prompt: p' is proportional to exp(scale * log p + bias).

    That is multinomial Platt scaling (temperature and prior shift) over the label log-probabilities; fitted on labelled
    cases by `brains.decide.calibration`. With the method `isotonic`, which is for two labels only, p' of one of them is
    read off a rising line through `knots` instead.
    """

    method: Literal["temperature", "platt", "isotonic"] = "platt"
    """`temperature` is `platt` without biases."""

    scale: float = 1.0
    bias: Mapping[str, float] = {}
    prompt_hash: str = ""
    """`RenderedPrompt.version` that it was fitted on; for another version it is stale and not used."""
    cases: int = 0
    accuracy: float = 0.0
    """Held-out accuracy when it was fitted (mean over splits)."""
    label: str = ""
    """For `isotonic`: the label that the knots are of; the other one gets the rest."""
    knots: tuple[tuple[float, float], ...] = ()
    """For `isotonic`: (raw, corrected) probabilities, both rising; straight lines between them, level outside."""
    threshold: float | None = None
    """For a condition: the probability of true, 0 to 1, from which on saying so was right most often."""


class RenderedPrompt(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A prompt filled with one agent's world, still in parts: each way puts them together differently."""

    name: str
    """The template's name, such as `guard/is_hostile`."""
    version: str
    """Hash of the template's text: of the examples and the wording, not of the state."""
    system: str = ""
    turns: tuple[Turn, ...] = ()
    user: str = ""
    """The question itself, one line; the state stands last, so that the model's prefix cache holds."""
    options: Mapping[str, Any] = {}
    """Sampling options of the front matter (`model: {options: ...}`); never load-time options."""
    calibrations: Mapping[str, Calibration] = {}
    """By model digest."""
    criteria: Mapping[str, str] = {}
    """What each label stands for, in a few words; for models that decide by descriptions."""
    off_label_limit: float | None = None
    """With more of the mass off the labels there is no answer, 0 to 1; None: as `brains.decide` thinks best."""

    @cached_property
    def digest(self) -> str:
        """Hash of all that the answer depends on; equal digests are the same question."""
        raw = msgspec.json.encode([self.name, self.version, self.system, self.turns, self.user, self.options])
        return hashlib.sha256(raw).hexdigest()


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One question of one leaf of one agent."""

    session: str
    agent: str
    leaf: str
    """The leaf's path."""
    prompt: RenderedPrompt
    labels: tuple[str, ...] = ()
    """The allowed answers, words that differ in their beginning; empty for `schema` and free text."""
    schema: Mapping[str, Any] | None = None
    """A flat JSON Schema; the answer is then an object."""
    max_tokens: int = 64
    """Upper limit for an answer that is not a label."""
    timeout: float | None = None
    """Seconds after which nobody waits for the answer any more."""
    priority: int = 0
    """Higher goes first."""
    patient: bool = False
    """Wait while the model is still loading, instead of being told so at once: a person asked, and not a tick."""
    tick: int = 0
    """The agent's tick in which it was asked."""
    model: str = ""
    """Which of the configured models is to answer, by the name that the configuration gives it; empty: the default."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Who asks; a newer question with the same key replaces one that still waits."""
        return (self.session, self.agent, self.leaf)


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time of an answer went, in seconds."""

    total: float = 0.0
    """From ask to answer."""
    queue: float = 0.0
    load: float = 0.0
    prompt: float = 0.0
    generate: float = 0.0


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One answered question."""

    answer: str
    """The likeliest label, or the free text; empty for a schema answer."""
    probabilities: Mapping[str, float] = {}
    """Per label, calibrated if there is a calibration for this model, summing to 1."""
    raw: Mapping[str, float] = {}
    """Per label, before calibration."""
    off_label: float = 0.0
    """Probability that the model put on anything but the labels, 0 to 1."""
    value: Mapping[str, Any] | None = None
    """The object of a schema answer, checked against the schema."""
    way: Way = "completion"
    model: str = ""
    model_digest: str = ""
    calibrated: bool = False
    latency: Latency = Latency()
    prompt_tokens: int = 0
    output_tokens: int = 0
    shared: bool = False
    """The answer was given to somebody else's identical question."""
    prompt: str = ""
    """Name of the template."""
    prompt_hash: str = ""
    """`RenderedPrompt.digest` of what was asked."""
    tick_asked: int = 0
    """The agent's tick in which it was asked."""
    tick_answered: int = 0
    """The agent's tick in which its leaf took the answer; 0 before that."""
    fallback: str = ""
    """Why the answer was not used after all, the same word as in a `NoAnswer`; empty if it was."""

    @property
    def confidence(self) -> float:
        """Probability of the answer, 0 to 1; 1 for an answer without probabilities."""
        return self.probabilities.get(self.answer, 1.0) if self.probabilities else 1.0


class NoAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A question that will not be answered, and why."""

    reason: str
    """A word to count by: a `ModelError.kind`, `superseded`, `cancelled`, `queue_full`, `deadline` or `warming_up`."""
    message: str = ""


Outcome = Decision | NoAnswer


class Ticket(Protocol):
    """The receipt for a question. Nothing of it blocks or awaits."""

    @property
    def question(self) -> Question:
        """The question that was asked."""
        ...

    @property
    def outcome(self) -> Outcome | None:
        """The answer, or why there is none; None while it is on its way. Once set it never changes."""
        ...

    @property
    def text(self) -> str:
        """What has come so far of a free-text answer; grows until there is an outcome."""
        ...

    def cancel(self, *, late: bool = False) -> None:
        """Say that nobody waits any more. Returns at once; the model stops soon after. Any number of times.

        `late`: because its deadline has passed. A server that sends not a byte within the deadlines of several
        questions is taken for dead; nothing can be told from those that were given up for other reasons.
        """
        ...


class Asker(Protocol):
    """Takes questions. The gateway is one; tests have others."""

    def ask(self, question: Question) -> Ticket:
        """Take a question and return its ticket at once; never raises for a model that is away."""
        ...


class TokenChoice(msgspec.Struct, frozen=True):
    """One generated token with the likeliest alternatives at its place, as (token, natural log of probability)."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is to do, in the terms that all models share."""

    way: Way
    prompt: str = ""
    """For `completion`: the raw text to continue. No chat template is applied."""
    messages: tuple[tuple[str, str], ...] = ()
    """For the other ways: (role, content), role being system, user or assistant."""
    max_tokens: int = 1
    top_logprobs: int = 0
    """How many alternatives per token; 0 to 20, Ollama's limit."""
    schema: Mapping[str, Any] | None = None
    options: Mapping[str, Any] = {}
    """Sampling options (temperature, seed, top_k ...) by Ollama's names."""
    name: str = ""
    """The template's name, for error messages."""
    criteria: Mapping[str, str] = {}
    """For `systemone`: the labels, each with what it stands for. The system turn holds the instructions and the user
    turn the state."""
    batch: tuple[str, ...] = ()
    """Who asks, and when: requests with the same words here and the same state may go to the model as one."""


class ModelReply(msgspec.Struct, frozen=True, kw_only=True):
    """What the model said. A reply is whole: a model that was cut off raises instead, or says `length`."""

    text: str
    tokens: tuple[TokenChoice, ...] = ()
    done_reason: Literal["stop", "length"] = "stop"
    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Of those of the prompt, the ones that the model did not have to work through; 0 where it does not tell."""
    output_tokens: int = 0
    probabilities: Mapping[str, float] = {}
    """Per label, where the model itself gives them (`systemone`); not yet checked."""
    load: float = 0.0
    """Seconds, here and below."""
    prompt_time: float = 0.0
    generate_time: float = 0.0
    queue: float = 0.0
    """For which the server let it wait for others, as far as it tells."""


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a model once it is ready."""

    name: str
    digest: str
    """Identifies the weights; calibrations are kept by it."""
    backend: str
    """`ollama`, `embedded` or `scripted`."""
    ways: frozenset[Way]
    """What it can do."""
    label_way: Way = "completion"
    """How label questions are best put to it: `completion` (small and base models), `chat`, `schema`, or `systemone`
    (models made for decisions)."""
    context: int = 4096
    """Tokens that a prompt and its answer may take together."""
    slots: int = 1
    """Requests that it works on at the same time."""


class ChatModel(Protocol):
    """A model that answers requests; the only thing that knows about HTTP or llama.cpp."""

    @property
    def name(self) -> str:
        """The name that people call it by."""
        ...

    async def start(self) -> ModelInfo:
        """Check that the model is there, load it, and say what it can do. May take minutes; may be called again.

        Raises:
            ModelError: with what to do about it.
        """
        ...

    async def generate(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        """Answer one request. Cancelling the task stops the model, too.

        `on_text` gets each piece of text as it comes.

        Raises:
            ModelError: the kind says what happened.
        """
        ...

    async def close(self) -> None:
        """Stop everything and free the model. Any number of times."""
        ...

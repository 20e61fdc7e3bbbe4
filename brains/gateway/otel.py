"""Traces and metrics for OpenTelemetry, by its names for generative AI; needs the extra `otel`.

Each request to a model is one span of kind CLIENT, such as `chat llama3.2`. What a leaf asked and
what was said is left out unless `content` says otherwise: it holds what players wrote.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from brains.errors import ConfigError
from brains.questions import Decision, ModelRequest, NoAnswer, Outcome, Question

from .watching import Exchange

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Status, TracerProvider

__all__ = ["HOW_TO_INSTALL", "OtelWatcher", "Telemetry", "open_telemetry", "wanted_by"]

logger = logging.getLogger("brains.gateway")

HOW_TO_INSTALL = "install it with `pip install 'godot-brains[otel]'`"
ENDPOINTS = tuple(f"OTEL_EXPORTER_OTLP_{what}ENDPOINT" for what in ("", "TRACES_", "METRICS_"))
NANO = 1_000_000_000
DURATIONS = [0.01 * 2**power for power in range(14)]
TOKENS = [4.0**power for power in range(14)]
"""The bucket bounds that OpenTelemetry recommends for both."""
SAMPLING = ("temperature", "top_k", "top_p", "seed", "presence_penalty", "frequency_penalty")


class OtelWatcher:
    """A `Watcher` that makes spans and metrics.

    Args:
        traces: where spans go.
        metrics: where measurements go.
        content: put prompts and answers into the spans.
    """

    def __init__(self, traces: TracerProvider, metrics: MeterProvider, *, content: bool = False) -> None:
        from opentelemetry.trace import SpanKind, Status, StatusCode

        self._client = SpanKind.CLIENT
        self._status: Callable[[str | None], Status] = partial(Status, StatusCode.ERROR)
        self._tracer = traces.get_tracer("brains.gateway")
        self._content = content
        meter = metrics.get_meter("brains.gateway")
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="How long a request to the model took",
            explicit_bucket_boundaries_advisory=DURATIONS,
        )
        self._first_token = meter.create_histogram(
            "gen_ai.server.time_to_first_token",
            unit="s",
            description="How long the model took to load and to read the prompt",
            explicit_bucket_boundaries_advisory=DURATIONS,
        )
        self._usage = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Tokens of prompts and answers",
            explicit_bucket_boundaries_advisory=TOKENS,
        )
        self._questions = meter.create_counter(
            "brains.questions", unit="{question}", description="Questions of leaves, by what became of them"
        )

    def asked(self, question: Question, model: str) -> None:
        """Do nothing: questions are counted by their end."""

    def ended(self, question: Question, outcome: Outcome, model: str, seconds: float, kept: bool) -> None:
        """Count a question."""
        became = outcome.reason if isinstance(outcome, NoAnswer) else "reused" if outcome.shared else "answered"
        attributes = {"brains.leaf": question.leaf, "brains.prompt": question.prompt.name, "brains.outcome": became}
        self._questions.add(1, attributes)

    def exchanged(self, exchange: Exchange) -> None:
        """Make a span of a request, and measure it."""
        common = _common(exchange)
        ended = time.time_ns()
        span = self._tracer.start_span(
            f"{common['gen_ai.operation.name']} {exchange.info.name}",
            kind=self._client,
            attributes=common | _of_span(exchange) | (_content(exchange) if self._content else {}),
            start_time=ended - int(exchange.seconds * NANO),
        )
        if "error.type" in common:
            message = exchange.outcome.message if isinstance(exchange.outcome, NoAnswer) else ""
            # A message may quote what the model said.
            span.set_status(self._status(message if self._content else None))
        span.end(ended)
        self._measure(exchange, common)

    def _measure(self, exchange: Exchange, common: Mapping[str, Any]) -> None:
        self._duration.record(exchange.seconds, common)
        reply = exchange.reply
        if reply is None:
            return
        self._usage.record(reply.prompt_tokens, {**common, "gen_ai.token.type": "input"})
        self._usage.record(reply.output_tokens, {**common, "gen_ai.token.type": "output"})
        if reply.prompt_time:
            self._first_token.record(reply.load + reply.prompt_time, common)


def _common(exchange: Exchange) -> dict[str, Any]:
    """Return what spans and metrics say alike: nothing that differs from agent to agent."""
    way = exchange.request.way if exchange.request is not None else "chat"
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "text_completion" if way == "completion" else "chat",
        "gen_ai.provider.name": exchange.info.backend,
        "gen_ai.request.model": exchange.info.name,
        "gen_ai.response.model": exchange.info.name,
    }
    if exchange.url:
        server = urlsplit(exchange.url)
        attributes["server.address"] = server.hostname or ""
        if server.port is not None:
            attributes["server.port"] = server.port
    if isinstance(exchange.outcome, NoAnswer):
        attributes["error.type"] = exchange.outcome.reason
    return attributes


def _of_span(exchange: Exchange) -> dict[str, Any]:
    question, request, reply = exchange.question, exchange.request, exchange.reply
    attributes: dict[str, Any] = {
        "gen_ai.conversation.id": question.session,
        "gen_ai.agent.id": question.agent,
        "brains.leaf": question.leaf,
        "brains.prompt": question.prompt.name,
        "brains.tick": question.tick,
    }
    if exchange.model:
        attributes["brains.model"] = exchange.model
    if exchange.reloaded:
        attributes["brains.reloaded"] = True
    if exchange.retried:
        attributes["brains.retried"] = True
    if request is not None:
        attributes["brains.way"] = request.way
        attributes["gen_ai.output.type"] = "json" if request.way == "schema" else "text"
        attributes["gen_ai.request.max_tokens"] = request.max_tokens
        known = {name: request.options[name] for name in SAMPLING if name in request.options}
        attributes |= {f"gen_ai.request.{name}": value for name, value in known.items()}
    if reply is not None:
        attributes["gen_ai.response.finish_reasons"] = (reply.done_reason,)
        attributes["gen_ai.usage.input_tokens"] = reply.prompt_tokens
        attributes["gen_ai.usage.output_tokens"] = reply.output_tokens
    if isinstance(exchange.outcome, Decision) and exchange.outcome.probabilities:
        attributes["brains.confidence"] = exchange.outcome.confidence
    return attributes


def _content(exchange: Exchange) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    if exchange.request is not None:
        system, messages = _messages(exchange.request)
        if system:
            attributes["gen_ai.system_instructions"] = json.dumps(system)
        attributes["gen_ai.input.messages"] = json.dumps(messages)
    if exchange.reply is not None:
        said = {**_message("assistant", exchange.reply.text), "finish_reason": exchange.reply.done_reason}
        attributes["gen_ai.output.messages"] = json.dumps([said])
    return attributes


def _messages(request: ModelRequest) -> tuple[list[dict[str, str]], list[dict[str, Any]]]:
    if request.way == "completion":
        return [], [_message("user", request.prompt)]
    system = [{"type": "text", "content": text} for role, text in request.messages if role == "system"]
    return system, [_message(role, text) for role, text in request.messages if role != "system"]


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


class Telemetry:
    """A watcher, and what sends what it sees to a collector."""

    def __init__(self, watcher: OtelWatcher, providers: tuple[Any, ...]) -> None:
        self.watcher = watcher
        self._providers = providers

    def close(self) -> None:
        """Send what is left. Blocks, for a few seconds at most; so not on an event loop."""
        for provider in self._providers:
            provider.shutdown()


def wanted_by(environ: Mapping[str, str]) -> bool:
    """Tell whether the environment names a collector."""
    return any(environ.get(name) for name in ENDPOINTS) and environ.get("OTEL_SDK_DISABLED", "").lower() != "true"


def open_telemetry(*, endpoint: str | None = None, service: str = "brains", content: bool = False) -> Telemetry:
    """Return what sends to a collector that takes OTLP by HTTP.

    Args:
        endpoint: its address; None for what OTEL_EXPORTER_OTLP_ENDPOINT says, else http://localhost:4318.
        service: what the traces call us, unless OTEL_SERVICE_NAME says otherwise.
        content: send prompts and answers, too.

    Raises:
        ConfigError: OpenTelemetry is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigError(f"OpenTelemetry is not installed ({error}): {HOW_TO_INSTALL}") from error
    base = endpoint.rstrip("/") if endpoint else None
    resource = Resource.create({SERVICE_NAME: service}).merge(OTELResourceDetector().detect())
    traces = TracerProvider(resource=resource)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(base and f"{base}/v1/traces", timeout=2)))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(base and f"{base}/v1/metrics", timeout=2))
    metrics = MeterProvider(resource=resource, metric_readers=[reader])
    return Telemetry(OtelWatcher(traces, metrics, content=content), (traces, metrics))

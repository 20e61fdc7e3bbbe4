"""Traces and metrics by OpenTelemetry's names, seen by its own in-memory exporter."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from brains.errors import ConfigError, ModelBusy
from brains.gateway import Exchange, Gateway
from brains.gateway.otel import OtelWatcher, open_telemetry, wanted_by
from brains.models.ollama import OllamaModel
from brains.questions import NoAnswer
from brains.testing import ManualClock
from tests.fake_ollama import FakeOllama
from tests.test_gateway import INFO, FakeModel, idle, question, running


class Collector:
    """What was sent."""

    def __init__(self, *, content: bool = False) -> None:
        self._spans = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        traces = TracerProvider()
        traces.add_span_processor(SimpleSpanProcessor(self._spans))
        self._metrics = MeterProvider(metric_readers=[self._reader])
        self.watcher = OtelWatcher(traces, self._metrics, content=content)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._spans.get_finished_spans()

    def metrics(self) -> dict[str, list[Any]]:
        """Return all points by the metric's name."""
        found = self._reader.get_metrics_data()
        assert found is not None
        metrics = [metric for of in found.resource_metrics for scope in of.scope_metrics for metric in scope.metrics]
        return {metric.name: list(metric.data.data_points) for metric in metrics}


async def test_a_request_is_a_span_by_the_standard_names() -> None:
    collector = Collector()
    async with FakeOllama() as fake:
        gateway = Gateway(OllamaModel("tiny", host=fake.url), watchers=[collector.watcher], name="small")
        await gateway.start()
        await gateway.ask(question("x", agent="guard", leaf="Guard/Hostile?", tick=7)).wait()
        await gateway.close()
    (span,) = collector.spans
    assert span.name == "text_completion tiny"
    assert span.kind is SpanKind.CLIENT
    assert span.status.status_code is StatusCode.UNSET
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time > span.start_time
    attributes = dict(span.attributes or {})
    assert attributes.pop("brains.confidence") == pytest.approx(1.0, abs=1.0)
    tokens = {name: attributes.pop(f"gen_ai.usage.{name}_tokens") for name in ("input", "output")}
    assert tokens["output"] == 1
    assert attributes == {
        "gen_ai.operation.name": "text_completion",
        "gen_ai.provider.name": "ollama",
        "gen_ai.request.model": "tiny",
        "gen_ai.response.model": "tiny",
        "gen_ai.conversation.id": "s",
        "gen_ai.agent.id": "guard",
        "gen_ai.output.type": "text",
        "gen_ai.request.max_tokens": 1,
        "gen_ai.request.temperature": 0,
        "gen_ai.request.top_k": 1,
        "gen_ai.request.seed": 1,
        "gen_ai.response.finish_reasons": ("length",),
        "server.address": "127.0.0.1",
        "server.port": fake.port,
        "brains.leaf": "Guard/Hostile?",
        "brains.prompt": "guard/is_hostile",
        "brains.model": "small",
        "brains.tick": 7,
        "brains.way": "completion",
    }
    metrics = collector.metrics()
    assert set(metrics) == {
        "gen_ai.client.operation.duration",
        "gen_ai.client.token.usage",
        "gen_ai.server.time_to_first_token",
        "brains.questions",
    }
    (duration,) = metrics["gen_ai.client.operation.duration"]
    assert duration.count == 1
    assert duration.explicit_bounds[:3] == (0.01, 0.02, 0.04)
    assert "gen_ai.agent.id" not in duration.attributes, "a metric per agent would never end"
    usage = {point.attributes["gen_ai.token.type"]: point.sum for point in metrics["gen_ai.client.token.usage"]}
    assert usage == tokens


async def test_content_is_sent_only_if_asked_for() -> None:
    for content in (False, True):
        collector = Collector(content=content)
        model = FakeModel()
        async with running(model, clock=ManualClock(), watchers=[collector.watcher], way="chat") as gateway:
            gateway.ask(question("secret", agent="guard"))
            await idle()
            model.calls[0].answer()
            await idle()
        (span,) = collector.spans
        assert span.name == "chat fake"
        attributes = span.attributes or {}
        assert ("secret" in repr(dict(attributes))) is content
        if content:
            asked = json.loads(str(attributes["gen_ai.input.messages"]))
            assert asked[-1] == {"role": "user", "parts": [{"type": "text", "content": "q:secret"}]}
            said = json.loads(str(attributes["gen_ai.output.messages"]))
            assert said == [
                {"role": "assistant", "parts": [{"type": "text", "content": "danger"}], "finish_reason": "stop"}
            ]
            assert "gen_ai.system_instructions" in attributes


async def test_failures_and_drops_are_seen() -> None:
    collector, model = Collector(), FakeModel()
    async with running(model, watchers=[collector.watcher], questions_per_minute=1) as gateway:
        gateway.ask(question("x", agent="a"))
        gateway.ask(question("y", agent="a"))
        await idle()
        model.calls[0].fail(ModelBusy("the prompt was: secret"))
        await idle()
        ticket = gateway.ask(question("z", agent="b"))
        await idle()
        ticket.cancel()
        await idle()
    failed, cancelled = collector.spans
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.status.description is None
    assert (failed.attributes or {})["error.type"] == "busy"
    assert (cancelled.attributes or {})["error.type"] == "cancelled"
    ends = {point.attributes["brains.outcome"]: point.value for point in collector.metrics()["brains.questions"]}
    assert ends == {"busy": 1, "budget": 1, "cancelled": 1}


def test_asked_for_and_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigError, match=r"not installed .*pip install 'godot-brains\[otel\]'"):
        open_telemetry()


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_standard_environment_counts(environ: dict[str, str], wanted: bool) -> None:
    assert wanted_by(environ) is wanted


def test_it_is_sent_to_the_collector_of_the_settings() -> None:
    got: list[str] = []

    class Collect(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Collect) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        telemetry = open_telemetry(endpoint=f"http://127.0.0.1:{server.server_address[1]}/", service="castle")
        asked = question("x")
        telemetry.watcher.asked(asked, "")
        telemetry.watcher.ended(asked, NoAnswer(reason="shed"), "", 0.0, False)
        exchange = Exchange(question=asked, model="", info=INFO, url="", outcome=NoAnswer(reason="busy"), seconds=0.5)
        telemetry.watcher.exchanged(exchange)
        telemetry.close()
        server.shutdown()
        thread.join()
    assert set(got) == {"/v1/traces", "/v1/metrics"}

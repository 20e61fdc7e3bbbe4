"""`brains model serve`: a model inside this process, by Ollama's interface."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from brains.errors import ConfigError

if TYPE_CHECKING:
    from brains.models.wire_server import Facts
    from brains.questions import ChatModel

__all__ = ["serve_command"]

PORT = 11434
"""Ollama's own."""

EPILOG = """\b
Examples:
  brains model serve                              the small default model, where Ollama would be
  brains model serve --port 0                     on any free port; the first line says which
  brains model serve --model embedded:FILE.gguf --context 4096
  brains model serve --model scripted --delay 0.2 no model, but what answers like one, slowly
  OLLAMA_HOST=127.0.0.1:11500 brains serve --model ollama:SmolLM2-135M-Instruct.Q4_1

It serves version, tags, ps, show, chat and generate, streamed or not, with
log-probabilities and JSON Schemas, to whatever can talk to Ollama. There is one
model, which stays loaded; load-time options of a request change nothing."""


@click.command(name="serve", epilog=EPILOG)
@click.option("--model", default="embedded", show_default=True, help="embedded, embedded:FILE.gguf or scripted.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 for any free one.")
@click.option("--threads", type=click.IntRange(min=1), help="Processor threads; by default half of the processors.")
@click.option("--fast-weights", is_flag=True, help="Run a small model in Q4_1 from a copy in Q8_0: faster decisions.")
@click.option("--slots", type=click.IntRange(min=1), help="Prompts whose beginnings are kept ready.")
@click.option(
    "--delay",
    type=click.FloatRange(0.0),
    metavar="SECONDS",
    help="What each answer of the scripted model takes; none by default.",
)
@click.option("--context", type=click.IntRange(min=1), help="Tokens that a prompt and its answer may take together.")
def serve_command(
    model: str,
    host: str,
    port: int,
    threads: int | None,
    fast_weights: bool,
    slots: int | None,
    delay: float | None,
    context: int | None,
) -> None:
    """Serve a model by Ollama's interface, until Ctrl-C.

    A game and its brains on one machine stay smoother so than with the model inside the brains' process.
    """
    from brains.models import open_model
    from brains.models.scripted import ScriptedModel

    if model != "scripted" and model.partition(":")[0] != "embedded":
        raise ConfigError(f"{model!r} cannot be served: say embedded, embedded:FILE.gguf or scripted")
    if delay is not None and model != "scripted":
        raise ConfigError(f"--delay is for --model scripted: {model} takes the time that it takes")
    opened = open_model(model, slots=slots, threads=threads, context=context, fast_weights=fast_weights)
    if delay is not None and isinstance(opened, ScriptedModel):
        opened.latency = delay
    asyncio.run(_serve(host, port, opened))
    click.echo("stopped")


async def _serve(host: str, port: int, model: ChatModel) -> None:
    from brains.cli._running import stopped_by_signals
    from brains.models.wire_server import WireServer

    with stopped_by_signals() as stop:
        try:
            info = await model.start()
            server = WireServer(model, info, _facts(model), host=host, port=port)
            try:
                await server.start()
            except OSError as error:
                raise ConfigError(
                    f"cannot listen on {host}:{port} ({error.strerror}): Ollama may be running there; "
                    "choose another --port, or 0 for any free one"
                ) from error
            try:
                click.echo(f"listening on {server.url}")
                click.echo(f"model {info.name}, {info.context} tokens, {info.slots} requests at the same time")
                sys.stdout.flush()
                await stop.wait()
            finally:
                await server.close()
        finally:
            await model.close()


def _facts(model: ChatModel) -> Facts:
    """Return what the model's file tells of it."""
    from brains.models.embedded import EmbeddedModel
    from brains.models.gguf import read_head
    from brains.models.wire_server import Facts

    if not isinstance(model, EmbeddedModel):
        return Facts()
    head = read_head(model.path)
    return Facts(head.architecture, head.size_label, model.path.stat().st_size)

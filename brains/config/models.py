"""Settings of several models, and of what watches them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from brains.errors import ConfigError
from brains.questions import Way

from .places import Place, convert, refuse_unknown

__all__ = ["Count", "ModelSettings", "Natural", "OtelSettings", "check_models", "of_ollama", "refuse_reloads"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
Natural = Annotated[int, Meta(ge=1)]


Count = Annotated[int, Meta(ge=0)]


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of several models, which leaves pick by its name: `[models.NAME]`. They hold for all questions to it."""

    model: str
    """As `brains.models.open_model` takes it."""
    host: str | None = None
    """Where its Ollama is; None: as for the default model."""
    hosts: list[str] = []
    """Several Ollama servers that have it."""
    label_way: Way | None = None
    threads: Natural | None = None
    fast_weights: bool = False
    slots: Natural | None = None
    context: Natural | None = None


class OtelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """OpenTelemetry: `[otel]`. The standard OTEL_* environment says all that these do not."""

    enabled: bool = True
    endpoint: str | None = None
    """Where an OTLP collector takes HTTP, such as `http://localhost:4318`."""
    service: str = "brains"
    content: bool = False
    """Send prompts and answers, too. They hold what players said."""


def check_models(table: Mapping[str, Any], place: Place) -> None:
    """Check the settings of named models and of tracing in a file's table.

    Raises:
        ConfigError: one is unknown, has a wrong value, or cannot go with another.
    """
    otel, models = table.get("otel"), table.get("models", {})
    if isinstance(otel, dict):
        refuse_unknown(otel, OtelSettings.__struct_fields__, place, inside="otel")
        convert(otel, OtelSettings, place, "otel")
    if not isinstance(models, dict):
        return  # said later, like any other value of a wrong kind
    for name, one in models.items():
        if not NAME.fullmatch(name):
            raise ConfigError(
                f"{place.of('models')}: a model cannot be named {name!r}: take letters, digits and any of _.-"
            )
        if isinstance(one, dict):
            refuse_unknown(one, ModelSettings.__struct_fields__, place, inside=f"models.{name}")
        settings = convert(one, ModelSettings, place, "models", name)
        if settings.host and settings.hosts:
            raise ConfigError(f"{place.of('models', name, 'host')}: models.{name}: say either host or hosts")


def refuse_reloads(models: Mapping[str, tuple[ModelSettings, Sequence[str | None]]], place: Place) -> None:
    """Refuse one model of one server with two contexts: each question would load it again.

    Args:
        models: each model's settings and servers by its name, the default's being the empty one and the first.
        place: where they stand.

    Raises:
        ConfigError: there is such a model.
    """
    seen: dict[tuple[str, str], tuple[str, int | None]] = {}
    for name, (one, hosts) in models.items():
        model = one.model.removeprefix("ollama:").removesuffix(":latest")
        if not of_ollama(model):
            continue
        for host in hosts:
            other, context = seen.setdefault((model, host or ""), (name, one.context))
            if context != one.context:
                raise ConfigError(
                    f"{place.of('models', name, 'context')}: models.{name}: {other or 'the default'} and {name} are "
                    "one model of one server with two contexts, so that it would be loaded again for each question: "
                    "give both the same context, or `ollama cp` the model to another name"
                )


def of_ollama(model: str) -> bool:
    """Tell whether a model's name means one of Ollama's."""
    return model not in ("auto", "scripted") and model.partition(":")[0] != "embedded"

"""A model that was loaded again: noticed, explained, and told once."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from brains.errors import ModelUnavailable
from brains.gateway import Gateway
from brains.gateway.reloads import MANY, UNKNOWN, ReloadWatch
from brains.models.ollama import OllamaModel
from brains.models.ollama_reload import absence_cause, reload_cause
from tests.fake_ollama import FakeOllama
from tests.test_gateway import INFO, FakeModel, idle, question, running


class Explaining(FakeModel):
    """A model that knows why."""

    def __init__(self) -> None:
        super().__init__()
        self.causes: list[str | Exception] = []

    async def why_reloaded(self) -> str:
        cause = self.causes.pop(0)
        if isinstance(cause, Exception):
            raise cause
        return cause


async def reload(gateway: Gateway, model: FakeModel, about: str, seconds: float = 3.0) -> None:
    gateway.ask(question(about, leaf=f"Guard/{about}"))
    await idle()
    model.calls[-1].answer(load=seconds)
    await idle()


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def test_table_b_8_a_reload_is_diagnosed_once_per_cause(caplog: pytest.LogCaptureFixture) -> None:
    model = Explaining()
    model.causes = ["another program asks with other options", "another program asks with other options", ""]
    async with running(model) as gateway:
        await reload(gateway, model, "warm", seconds=0.4)
        assert (told(caplog), gateway.stats.reloads) == ([], 0)
        for about in ("first", "second", "third"):
            await reload(gateway, model, about)
        assert gateway.stats.reloads == 3
    lines = told(caplog)
    assert len(lines) == 2
    assert lines[0].startswith(
        "fake was loaded again for the prompt guard/is_hostile of the leaf Guard/first, which took 3.0 s: "
        "another program asks with other options."
    )
    assert "of the leaf Guard/third" in lines[1]
    assert UNKNOWN in lines[1]


async def test_table_b_8_a_program_with_another_num_ctx_is_found_out(caplog: pytest.LogCaptureFixture) -> None:
    """Through Ollama's wire: the other program's request loads the model with its own options, and ours again."""
    async with FakeOllama() as fake:
        model, other = (
            OllamaModel("tiny", host=fake.url),
            OllamaModel("tiny", host=fake.url, load_options={"num_ctx": 8192}),
        )
        gateway = Gateway(model)
        await gateway.start()
        await gateway.ask(question("warm")).wait()
        assert gateway.stats.reloads == 0
        await other.start()
        await gateway.ask(question("after the other")).wait()
        assert gateway.stats.reloads == 1
        async with asyncio.timeout(20):
            while not told(caplog):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        await other.close()
        await gateway.close()
    (line,) = [line for line in told(caplog) if "loaded again for the prompt guard/is_hostile" in line]
    assert "another program asked for it with other options (num_ctx" in line


@pytest.mark.parametrize(
    ("cause", "logged"), [(ModelUnavailable("gone"), None), (RuntimeError("a bug"), "cannot say why")]
)
async def test_a_cause_that_cannot_be_had_is_unknown(
    cause: Exception, logged: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    model = Explaining()
    model.causes = [cause]
    async with running(model) as gateway:
        await reload(gateway, model, "x")
    assert UNKNOWN in told(caplog)[-1]
    assert logged is None or logged in caplog.text


async def test_table_b_8_a_reload_is_told_of_though_who_met_it_was_given_up(caplog: pytest.LogCaptureFixture) -> None:
    class Noting(FakeModel):
        noted: tuple[float, str] | None = None

        def take_reload(self) -> tuple[float, str] | None:
            noted, self.noted = self.noted, None
            return noted

    model = Noting()
    async with running(model) as gateway:
        met = gateway.ask(question("met", leaf="Guard/met"))
        await idle()
        met.cancel()
        await idle()
        assert gateway.stats.reloads == 0
        model.noted = 7.0, "another program asks with other options"
        await reload(gateway, model, "next", seconds=0.0)
        assert gateway.stats.reloads == 1
        await reload(gateway, model, "last", seconds=0.0)
        assert gateway.stats.reloads == 1
    (line,) = told(caplog)
    assert line.startswith(
        "fake was loaded again for the prompt guard/is_hostile of the leaf Guard/next, which took 7.0 s: "
        "another program asks with other options."
    )


async def test_closing_does_not_wait_for_a_cause() -> None:
    class Slow(FakeModel):
        async def why_reloaded(self) -> str:
            await asyncio.Event().wait()
            raise AssertionError

    model = Slow()
    async with running(model) as gateway:
        await reload(gateway, model, "x")


async def test_not_more_causes_are_told_than_can_be_remembered(caplog: pytest.LogCaptureFixture) -> None:
    model, watch = Explaining(), ReloadWatch()
    model.causes = [f"cause {number}" for number in range(MANY + 5)]
    for _ in list(model.causes):
        watch.saw(model, INFO, question("x"), 2.0)
    await idle()
    assert len(told(caplog)) == MANY


def ps(*models: tuple[str, int]) -> Any:
    return SimpleNamespace(models=[SimpleNamespace(model=name, context_length=length) for name, length in models])


@pytest.mark.parametrize(
    ("running_models", "said"),
    [
        ([("tiny:latest", 4096)], "no other model runs on the same server, so that another program asked for it with"),
        ([("tiny:latest", 2048)], "no other model runs on the same server, so that another program asked for it with"),
        ([], ""),
        ([("tiny:latest", 8192)], "another program asks for it with other options (a context of 8192 tokens, and not"),
        ([("tiny:latest", 4096), ("llava:7b", 4096)], "llava:7b runs on the same server, too"),
    ],
)
def test_what_ollamas_list_tells(running_models: list[tuple[str, int]], said: str) -> None:
    cause = reload_cause(ps(*running_models), "tiny", 4096)
    assert cause.startswith(said)
    assert bool(cause) == bool(said)


@pytest.mark.parametrize(
    ("running_models", "slept", "said"),
    [
        ([("tiny:latest", 4096)], "5m", ""),
        ([("tiny:latest", 0)], "", ""),
        (
            [("tiny:latest", 1024), ("llava:7b", 4096)],
            "5m",
            "another program asks for it with other options (a context of",
        ),
        ([], "5m", "nobody had asked it for longer than its keep_alive (5m)"),
        ([], "", "another program asked for it with other options (num_ctx, num_gpu ...) or unloaded it, or"),
        (
            [("llava:7b", 4096), ("a:b", 1)],
            "",
            "a:b, llava:7b runs on the same server, too, and there may not be enough",
        ),
    ],
)
def test_what_ollamas_list_tells_of_one_that_is_gone(
    running_models: list[tuple[str, int]], slept: str, said: str
) -> None:
    cause = absence_cause(ps(*running_models), "tiny", 4096, slept=slept)
    assert cause.startswith(said)
    assert bool(cause) == bool(said)


def test_a_server_that_never_listed_a_context_cannot_tell_of_another_one() -> None:
    assert absence_cause(ps(("tiny:latest", 1024)), "tiny", 0) == ""

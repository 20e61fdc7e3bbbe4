from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import ollama
import pytest

from brains.decide import request_for
from brains.errors import (
    ConfigError,
    MalformedAnswer,
    ModelBusy,
    ModelError,
    ModelNotInstalled,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
    PromptTooLong,
)
from brains.models.ollama import OllamaModel
from brains.models.ollama_errors import Place, explain
from brains.models.ollama_host import connectable_url
from brains.models.ollama_info import has_logprobs, possible_ways
from brains.models.ollama_options import freeze, keep_alive_seconds, merge
from brains.questions import ChatModel, ModelRequest, Question, RenderedPrompt, Way
from tests.fake_ollama import (
    BROKE_OFF,
    BUSY,
    CRASHED,
    NEVER_RAN,
    NO_TEMPLATE,
    TOO_LONG,
    BackgroundOllama,
    FakeModel,
    FakeOllama,
    Fault,
    Gate,
    Piece,
    Reply,
    pieces_of,
)

LABEL = ModelRequest(
    way="completion",
    prompt="A bear attacks. -> danger\nA baker waves. -> safe\nA wolf attacks. ->",
    top_logprobs=20,
    name="guard/is_hostile",
)
CHAT = ModelRequest(way="chat", messages=(("user", "A wolf attacks."),), top_logprobs=5, name="guard/chat")
TEXT = ModelRequest(way="text", messages=(("user", "Say hello."),), max_tokens=50, name="guard/hello")
SCHEMA = ModelRequest(
    way="schema",
    messages=(("user", "Where to?"),),
    schema={"type": "object", "properties": {"to": {"enum": ["gate", "wall"]}}, "required": ["to"]},
    max_tokens=30,
    name="guard/where",
)
LAST_WORDS = "error: request (5001 tokens) exceeds the available context size (4096 tokens), try increasing it"
"""What the model's process wrote last before it died, of another request; Ollama shows it."""
DANGER = {" danger": 0.9, " safe": 0.1}
DONE = b'{"model":"tiny","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"'


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OLLAMA_HOST", "OLLAMA_API_KEY", "OLLAMA_NUM_PARALLEL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def fake() -> AsyncIterator[FakeOllama]:
    async with FakeOllama() as server:
        yield server


@asynccontextmanager
async def opened(fake: FakeOllama, name: str = "tiny", **given: Any) -> AsyncIterator[OllamaModel]:
    model = OllamaModel(name, host=fake.url, **given)
    try:
        yield model
    finally:
        await model.close()


@pytest.fixture
async def model(fake: FakeOllama) -> AsyncIterator[OllamaModel]:
    async with opened(fake) as started:
        await started.start()
        yield started


class TestHost:
    @pytest.mark.parametrize(
        ("value", "url"),
        [
            ("", "http://127.0.0.1:11434"),
            ("1.2.3.4", "http://1.2.3.4:11434"),
            (":1234", "http://127.0.0.1:1234"),
            ("1.2.3.4:1234", "http://1.2.3.4:1234"),
            ("example.com", "http://example.com:11434"),
            ("example.com:1234", "http://example.com:1234"),
            (":66000", "http://127.0.0.1:11434"),
            (":-1", "http://127.0.0.1:11434"),
            ("h:port", "http://h:11434"),
            ("[::1]", "http://[::1]:11434"),
            ("::1", "http://[::1]:11434"),
            ("[::1]:1337", "http://[::1]:1337"),
            ("[::]", "http://[::1]:11434"),
            ("[::]:80", "http://[::1]:80"),
            ("0.0.0.0", "http://127.0.0.1:11434"),  # noqa: S104 (nobody listens there)
            ("0.0.0.0:8080", "http://127.0.0.1:8080"),
            (" 1.2.3.4 ", "http://1.2.3.4:11434"),
            ('"1.2.3.4"', "http://1.2.3.4:11434"),
            (' " 1.2.3.4 " ', "http://1.2.3.4:11434"),
            ("'1.2.3.4'", "http://1.2.3.4:11434"),
            ("http://1.2.3.4", "http://1.2.3.4:80"),
            ("http://1.2.3.4:4321", "http://1.2.3.4:4321"),
            ("https://1.2.3.4", "https://1.2.3.4:443"),
            ("https://1.2.3.4:4321", "https://1.2.3.4:4321"),
            ("https://example.com/ollama", "https://example.com:443/ollama"),
            ("example.com:1234/path/", "http://example.com:1234/path"),
            ("ollama.com", "https://ollama.com:443"),
        ],
    )
    def test_is_read_as_ollama_reads_it(self, value: str, url: str) -> None:
        assert connectable_url(value) == url

    def test_comes_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OLLAMA_HOST", "0.0.0.0:7777")
        assert OllamaModel("tiny").url == "http://127.0.0.1:7777"
        assert OllamaModel("tiny", host="h").url == "http://h:11434"

    @pytest.mark.parametrize("value", ["ftp://h", "http://user:secret@h:1", "two words"])
    def test_that_is_no_address_is_refused(self, value: str) -> None:
        with pytest.raises(ConfigError, match="host"):
            connectable_url(value)


class TestOptions:
    def test_of_the_load_are_frozen(self) -> None:
        given = {"num_gpu": 0}
        frozen = freeze(given)
        given["num_gpu"] = 99
        assert frozen == {"num_ctx": 4096, "num_gpu": 0}
        with pytest.raises(TypeError):
            frozen["num_gpu"] = 1  # type: ignore[index]

    @pytest.mark.parametrize(
        "options", [{"temperature": 0}, {"num_ctx": 0}, {"num_ctx": True}, {"num_gpu": "all"}, {"num_ctx": 4096.5}]
    )
    def test_of_the_load_are_checked(self, options: dict[str, Any]) -> None:
        with pytest.raises(ConfigError):
            freeze(options)

    def test_of_the_load_are_not_for_prompts(self) -> None:
        with pytest.raises(ConfigError, match=r"'guard/x' sets 'num_ctx'"):
            merge(freeze(None), {"num_ctx": 2048, "seed": 1}, max_tokens=1, prompt="guard/x")

    def test_limit_of_tokens_is_the_requests(self) -> None:
        merged = merge(freeze(None), {"seed": 1, "num_predict": 9}, max_tokens=3, prompt="x")
        assert merged == {"seed": 1, "num_predict": 3, "num_ctx": 4096}

    @pytest.mark.parametrize(
        ("given", "seconds"),
        [("30m", 1800), ("1h30m", 5400), ("1.5s", 1.5), ("500ms", 0.5), (90, 90), (-1, math.inf), ("-1m", math.inf)],
    )
    def test_keep_alive_is_a_go_duration(self, given: str | float, seconds: float) -> None:
        assert keep_alive_seconds(given) == pytest.approx(seconds)

    @pytest.mark.parametrize("given", ["", "soon", "30", 0, "0s", "30m "])
    def test_keep_alive_must_keep(self, given: str | float) -> None:
        with pytest.raises(ConfigError, match="keep_alive"):
            OllamaModel("tiny", keep_alive=given)

    def test_model_must_have_a_name(self) -> None:
        with pytest.raises(ConfigError, match="ollama list"):
            OllamaModel(" ")


class TestStart:
    async def test_tells_what_there_is(self, fake: FakeOllama) -> None:
        async with opened(fake) as model:
            info = await model.start()
        assert info.name == model.name == "tiny"
        assert info.digest == FakeModel().digest
        assert info.backend == "ollama"
        assert info.ways == {"completion", "chat", "schema", "text"}
        assert (info.label_way, info.context, info.slots) == ("completion", 4096, 1)

    async def test_asks_in_order_and_loads_last(self, fake: FakeOllama) -> None:
        async with opened(fake) as model:
            await model.start()
        paths = [record.path for record in fake.records]
        assert paths == ["/api/version", "/api/tags", "/api/show", "/api/chat", "/api/ps"]
        assert fake.records[3].body["messages"] == []
        assert len(fake.loads) == 1

    def test_is_a_chat_model(self) -> None:
        model: ChatModel = OllamaModel("tiny")
        assert model.name == "tiny"

    @pytest.mark.parametrize(
        "name",
        [
            *("tiny", "tiny:latest", "Tiny", " tiny "),
            *("library/tiny", "registry.ollama.ai/library/tiny", "registry.ollama.ai/library/tiny:latest"),
        ],
    )
    async def test_finds_the_model_by_each_of_its_names(self, fake: FakeOllama, name: str) -> None:
        async with opened(fake, name) as model:
            assert (await model.start()).digest == FakeModel().digest
            assert (await model.generate(TEXT)).text

    @pytest.mark.parametrize(
        ("installed", "way"),
        [
            (FakeModel("m:latest"), "completion"),
            (FakeModel("m:latest", parameter_count=3_212_749_888), "chat"),
            (FakeModel("m:latest", parameter_count=None, parameter_size="3.2B"), "chat"),
            (FakeModel("m:latest", parameter_count=None, parameter_size="494.03M"), "completion"),
            (FakeModel("m:latest", parameter_count=None, parameter_size=""), "chat"),
            (FakeModel("m:latest", parameter_count=8_000_000_000, template=NO_TEMPLATE), "completion"),
            (FakeModel("m:latest", parameter_count=8_000_000_000, template=""), "completion"),
            (
                FakeModel("m:latest", parameter_count=8_000_000_000, template=NO_TEMPLATE, renderer="qwen3.5"),
                "chat",
            ),
            (FakeModel("m:latest", parameter_count=8_000_000_000, template="{% x %}", native=True), "chat"),
        ],
    )
    async def test_chooses_the_way_of_labels_by_the_kind_of_model(self, installed: FakeModel, way: Way) -> None:
        async with FakeOllama([installed]) as fake, opened(fake, "m") as model:
            assert (await model.start()).label_way == way

    async def test_base_model_cannot_chat(self) -> None:
        async with FakeOllama([FakeModel("m:latest", template=NO_TEMPLATE)]) as fake, opened(fake, "m") as model:
            assert "chat" not in (await model.start()).ways

    @pytest.mark.parametrize(
        ("version", "has"),
        [
            *[("0.12.10", False), ("0.12.11", True), ("0.33.0-rc2", True), ("0.9.6", False), ("1.0.0", True)],
            *[("0.0.0", True), ("custom", True)],
        ],
    )
    def test_knows_which_versions_have_logprobs(self, version: str, has: bool) -> None:
        assert has_logprobs(version) is has

    async def test_old_server_is_asked_by_schema(self) -> None:
        async with FakeOllama(version="0.12.10") as fake, opened(fake) as model:
            info = await model.start()
        assert info.label_way == "schema"
        assert info.ways == {"schema", "text"}

    async def test_way_of_labels_can_be_given(self, fake: FakeOllama) -> None:
        async with opened(fake, label_way="chat") as model:
            assert (await model.start()).label_way == "chat"

    async def test_way_that_the_model_does_not_know_is_refused(self) -> None:
        async with FakeOllama(version="0.12.10") as fake, opened(fake, label_way="chat") as model:
            with pytest.raises(ModelRefused, match=r"only by schema, text"):
                await model.start()
        assert fake.loads == []

    @pytest.mark.parametrize("name", ["gpt-oss:120b-cloud", "glm-4.6:cloud"])
    async def test_a_model_of_the_cloud_is_held_to_no_schema_and_told_of(
        self, name: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with FakeOllama([FakeModel(name, parameter_count=10**11)]) as fake, opened(fake, name) as model:
            info = await model.start()
        assert info.ways == {"chat", "completion", "text"}
        assert f"{name} runs on Ollama's servers" in caplog.text
        schema = {"type": "object", "properties": {"steps": {"type": "integer"}}, "required": ["steps"]}
        prompt = RenderedPrompt(name="where", version="v", user="Where to?")
        asked = Question(session="s", agent="a", leaf="l", prompt=prompt, schema=schema)
        with pytest.raises(ModelRefused, match="cannot fill in values"):
            request_for(asked, info)

    @pytest.mark.parametrize("name", ["cloud", "cloud-7b:latest", "hf.co/cloud/x:q4"])
    async def test_a_name_with_a_cloud_in_it_is_none_of_the_cloud(
        self, name: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        installed = FakeModel(name if ":" in name else f"{name}:latest")
        async with FakeOllama([installed]) as fake, opened(fake, name) as model:
            assert "schema" in (await model.start()).ways
        assert "Ollama's servers" not in caplog.text

    def test_old_server_that_tells_no_capabilities(self) -> None:
        show = ollama.ShowResponse(template="{{ .Messages }}", model_info={})
        assert possible_ways(show, "0.5.0") == {"schema", "text"}

    async def test_embedding_model_is_refused(self) -> None:
        installed = FakeModel("m:latest", capabilities=("embedding",))
        async with FakeOllama([installed]) as fake, opened(fake, "m") as model:
            with pytest.raises(ModelRefused, match="embedding"):
                await model.start()

    async def test_missing_model_says_how_to_get_it_and_what_is_there(self, fake: FakeOllama) -> None:
        async with opened(fake, "llama3.2") as model:
            with pytest.raises(ModelNotInstalled) as caught:
                await model.start()
        assert str(caught.value) == (
            "model 'llama3.2' is not installed: run `ollama pull llama3.2` (installed are tiny:latest)"
        )

    async def test_missing_model_says_when_nothing_is_there(self) -> None:
        async with FakeOllama([]) as fake, opened(fake) as model:
            with pytest.raises(ModelNotInstalled, match="nothing is installed yet"):
                await model.start()

    async def test_context_is_what_the_model_was_made_for(self) -> None:
        installed = FakeModel("m:latest", context_length=2048)
        async with FakeOllama([installed]) as fake, opened(fake, "m") as model:
            assert (await model.start()).context == 2048
            await model.generate(TEXT)
        assert len(fake.loads) == 1

    async def test_warns_of_other_programs(self, fake: FakeOllama, caplog: pytest.LogCaptureFixture) -> None:
        running = b'{"models":[{"name":"tiny:latest","model":"tiny:latest","context_length":32768}]}'
        fake.fault = lambda request: Fault(200, body=running) if request.path == "/api/ps" else None
        async with opened(fake) as model:
            assert (await model.start()).context == 4096
        assert "32768 tokens" in caplog.text

    async def test_other_loaded_models_do_not_matter(self) -> None:
        models = [FakeModel(), FakeModel("other:latest", context_length=512)]
        async with FakeOllama(models) as fake, opened(fake, "other", keep_alive=-1) as other, opened(fake) as model:
            assert (await other.start()).context == 512
            assert (await model.start()).context == 4096

    async def test_slots_come_from_the_environment(self, fake: FakeOllama, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OLLAMA_NUM_PARALLEL", "4")
        async with opened(fake) as model, opened(fake, slots=2) as other:
            assert (await model.start()).slots == 4
            assert (await other.start()).slots == 2

    async def test_may_be_called_again(self, fake: FakeOllama) -> None:
        async with opened(fake) as model:
            assert await model.start() == await model.start()
        assert len(fake.loads) == 1

    async def test_without_a_server_says_so(self, fake: FakeOllama) -> None:
        await fake.stop()
        async with opened(fake) as model:
            with pytest.raises(ModelUnavailable) as caught:
                await model.start()
        assert str(caught.value) == f"no Ollama answers at {fake.url}: start it with `ollama serve`"

    @pytest.mark.parametrize("path", ["/api/version", "/api/tags", "/api/show", "/api/chat", "/api/ps"])
    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (Fault(500, "broken"), ModelUnavailable),
            (Fault(200, body=b"<html>hello"), MalformedAnswer),
            (Fault(200, body=b'{"strange":1}'), MalformedAnswer),
            (Fault(404, body=b"404 page not found"), ModelRefused),
            (Fault(307, body=b"elsewhere"), ModelRefused),
            (Fault(drop=True), ModelUnavailable),
        ],
    )
    async def test_every_step_names_its_error(
        self, fake: FakeOllama, path: str, fault: Fault, error: type[ModelError]
    ) -> None:
        fake.fault = lambda request: fault if request.path == path else None
        async with opened(fake) as model:
            with pytest.raises(error):
                await model.start()

    @pytest.mark.parametrize("path", ["/api/version", "/api/chat"])
    async def test_has_its_timeouts(self, fake: FakeOllama, path: str) -> None:
        gate = fake.scheduler.gate = Gate()
        if path == "/api/version":
            fake.routes.handlers["GET", path] = lambda *_: gate.wait()
        async with opened(fake, request_timeout=0.05, load_timeout=0.05) as model:
            with pytest.raises(ModelTimeout):
                await model.start()

    async def test_waits_long_for_the_load(self, fake: FakeOllama) -> None:
        gate = fake.scheduler.gate = Gate()
        async with opened(fake, request_timeout=0.5) as model:
            starting = asyncio.create_task(model.start())
            await gate.arrival()
            await asyncio.wait([starting], timeout=0.7)
            assert not starting.done()
            gate.open()
            await starting
        assert fake.scheduler.aborted == []


class TestRequests:
    async def test_every_one_says_what_must_always_be_said(self, fake: FakeOllama, model: OllamaModel) -> None:
        for request in (LABEL, CHAT, TEXT, SCHEMA):
            await model.generate(request)
        bodies = [record.body for record in fake.records if record.path in ("/api/chat", "/api/generate")]
        assert len(bodies) == 5
        for body in bodies:
            assert body["model"] == "tiny"
            assert body["truncate"] is False
            assert body["think"] is False
            assert body["stream"] is True
            assert body["keep_alive"] == "30m"
            assert body["options"]["num_ctx"] == 4096

    async def test_options_never_change_so_that_one_load_does(self, fake: FakeOllama) -> None:
        async with opened(fake, load_options={"num_ctx": 1024, "num_batch": 64, "num_gpu": 0}) as model:
            await model.start()
            for request in (LABEL, SCHEMA, TEXT, CHAT, LABEL):
                await model.generate(request)
        assert [dict(load.options, main_gpu=0) for load in fake.loads] == [
            {
                **{"num_ctx": 1024, "num_batch": 64, "num_gpu": 0, "main_gpu": 0},
                **{"use_mmap": False, "num_thread": 0, "draft_num_predict": 0},
            }
        ]

    async def test_completion_is_raw(self, fake: FakeOllama, model: OllamaModel) -> None:
        await model.generate(LABEL)
        record = fake.asked[-1]
        assert record.path == "/api/generate"
        assert record.body["raw"] is True
        assert record.body["prompt"] == LABEL.prompt
        assert (record.body["logprobs"], record.body["top_logprobs"]) == (True, 20)
        assert record.body["options"]["num_predict"] == 1

    async def test_a_stop_string_of_the_model_does_not_hold_a_label_back(self) -> None:
        async with FakeOllama([FakeModel(parameters={"stop": [" dangerous"]})]) as fake, opened(fake) as model:
            await model.start()
            fake.next(DANGER, "in dangerous lands")
            assert [token.token for token in (await model.generate(LABEL)).tokens] == [" danger"]
            assert fake.asked[-1].body["options"]["stop"] == []
            assert (await model.generate(TEXT)).text == "in"

    async def test_chat_sends_turns(self, fake: FakeOllama, model: OllamaModel) -> None:
        turns = (("system", "Be brief."), ("user", "A bear."), ("assistant", "danger"), ("user", "A wolf."))
        await model.generate(ModelRequest(way="chat", messages=turns, top_logprobs=5))
        assert fake.asked[-1].path == "/api/chat"
        assert fake.asked[-1].body["messages"] == [{"role": role, "content": text} for role, text in turns]

    async def test_without_logprobs_asks_for_none(self, fake: FakeOllama, model: OllamaModel) -> None:
        reply = await model.generate(TEXT)
        assert "logprobs" not in fake.asked[-1].body
        assert "top_logprobs" not in fake.asked[-1].body
        assert reply.tokens == ()

    async def test_schema_goes_into_the_format(self, fake: FakeOllama, model: OllamaModel) -> None:
        reply = await model.generate(SCHEMA)
        assert fake.asked[-1].body["format"] == SCHEMA.schema
        assert json.loads(reply.text) == {"to": "gate"}

    async def test_schema_must_be_there(self, model: OllamaModel) -> None:
        with pytest.raises(ConfigError, match="has no schema"):
            await model.generate(ModelRequest(way="schema", messages=(("user", "x"),), name="guard/x"))

    async def test_sampling_options_are_passed_on(self, fake: FakeOllama, model: OllamaModel) -> None:
        await model.generate(ModelRequest(way="chat", messages=(("user", "x"),), options={"min_p": 0.1, "seed": 7}))
        assert fake.asked[-1].body["options"] == {"min_p": 0.1, "seed": 7, "num_predict": 1, "num_ctx": 4096}

    async def test_load_time_option_is_refused(self, fake: FakeOllama, model: OllamaModel) -> None:
        with pytest.raises(ConfigError, match=r"guard/x.*num_gpu"):
            await model.generate(
                ModelRequest(way="chat", messages=(("user", "x"),), options={"num_gpu": 1}, name="guard/x")
            )
        assert fake.asked == []

    async def test_key_is_sent(self, fake: FakeOllama, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OLLAMA_API_KEY", "sesame")
        async with opened(fake) as model:
            await model.start()
        assert {record.headers["authorization"] for record in fake.records} == {"Bearer sesame"}

    async def test_proxies_are_not_used(self, fake: FakeOllama, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        async with opened(fake) as model:
            await model.start()

    async def test_connection_is_kept(self, fake: FakeOllama, model: OllamaModel) -> None:
        connections = set(fake._connections)
        for _ in range(3):
            await model.generate(LABEL)
        assert set(fake._connections) == connections


class TestReplies:
    async def test_label_has_its_probabilities(self, fake: FakeOllama, model: OllamaModel) -> None:
        fake.next(DANGER)
        reply = await model.generate(LABEL)
        assert reply.text == " danger"
        assert reply.done_reason == "length"  # it was one token, as asked for
        assert [token.token for token in reply.tokens] == [" danger"]
        assert dict(reply.tokens[0].top) == pytest.approx({" danger": math.log(0.9), " safe": math.log(0.1)})

    @pytest.mark.parametrize(("before", "kept"), [((), []), ((Piece(" ", -0.2, ((" ", -0.2),)),), [" "])])
    async def test_numbers_of_one_token_do_not_count_for_several(
        self, fake: FakeOllama, model: OllamaModel, before: tuple[Piece, ...], kept: list[str]
    ) -> None:
        letter = Piece("\u4e00", -0.1, (("\ufffd", -0.1), ("a", -2.5)))  # its bytes took three tokens
        after = Piece("b", -0.3, (("b", -0.3), ("c", -1.5)))
        fake.next(Reply((*before, letter, after)))
        reply = await model.generate(ModelRequest(way="chat", messages=(("user", "x"),), max_tokens=4, top_logprobs=5))
        assert reply.text.strip() == "\u4e00b"
        assert [token.token for token in reply.tokens] == kept

    async def test_an_unlikely_token_is_one_token(self, fake: FakeOllama, model: OllamaModel) -> None:
        fake.next(Reply((Piece("x", -7.5, (("a", -0.1), ("b", -2.5))),)))
        assert [token.token for token in (await model.generate(LABEL)).tokens] == ["x"]

    async def test_metrics_are_seconds(self, fake: FakeOllama, model: OllamaModel) -> None:
        fake.next("one two three")
        reply = await model.generate(TEXT)
        assert (reply.output_tokens, reply.done_reason) == (4, "stop")  # the fourth says that it is over
        assert reply.prompt_tokens > 5
        assert reply.generate_time == pytest.approx(0.08)
        assert reply.prompt_time == pytest.approx(0.001 * reply.prompt_tokens)
        assert 0 < reply.load < 0.1

    async def test_metrics_may_be_missing(self, fake: FakeOllama, model: OllamaModel) -> None:
        fake.next(Reply(pieces_of("hello"), metrics=False))
        reply = await model.generate(TEXT)
        assert (reply.text, reply.prompt_tokens, reply.generate_time) == ("hello", 0, 0.0)

    async def test_text_comes_in_pieces(self, fake: FakeOllama, model: OllamaModel) -> None:
        fake.next("Who goes <there> & why?")
        pieces: list[str] = []
        reply = await model.generate(TEXT, pieces.append)
        assert len(pieces) > 3
        assert "".join(pieces) == reply.text == "Who goes <there> & why?"

    async def test_text_comes_at_once(self, fake: FakeOllama, model: OllamaModel) -> None:
        gate = Gate()
        fake.next(Reply(pieces_of("one two three"), gate=gate, gate_after=2))
        pieces: asyncio.Queue[str] = asyncio.Queue()
        answering = asyncio.create_task(model.generate(TEXT, pieces.put_nowait))
        assert [await pieces.get(), await pieces.get()] == ["one", " two"]
        gate.open()
        assert (await answering).text == "one two three"

    @pytest.mark.parametrize("fragment", [1, 2, 3, 7, 64, 1000])
    async def test_chunks_need_not_be_lines(self, fragment: int) -> None:
        async with FakeOllama(fragment=fragment) as fake, opened(fake) as model:
            fake.next("Señor, ¿qué pasa? 好")
            assert (await model.generate(TEXT)).text == "Señor, ¿qué pasa? 好"

    async def test_logprobs_are_collected_from_all_chunks(self, fake: FakeOllama, model: OllamaModel) -> None:
        fake.next(Reply((Piece("dan", -0.5, hidden=True), Piece("ger", -0.25), Piece("!", -0.1, hidden=True))))
        reply = await model.generate(ModelRequest(way="chat", messages=CHAT.messages, max_tokens=9, top_logprobs=2))
        assert reply.text == "ger"
        assert [(token.token, token.logprob) for token in reply.tokens] == [("dan", -0.5), ("ger", -0.25), ("!", -0.1)]

    async def test_logprobs_of_thoughts_are_not_the_answers(self, fake: FakeOllama, model: OllamaModel) -> None:
        fake.next(Reply((Piece(thinking="Hm."), Piece("danger", -0.25))))
        reply = await model.generate(ModelRequest(way="chat", messages=CHAT.messages, max_tokens=9, top_logprobs=2))
        assert (reply.text, [token.token for token in reply.tokens]) == ("danger", ["danger"])

    async def test_model_that_only_thinks_is_no_good(self, fake: FakeOllama, model: OllamaModel) -> None:
        fake.next(Reply((Piece(thinking="Hm."),)))
        with pytest.raises(MalformedAnswer, match="thinks although"):
            await model.generate(CHAT)

    async def test_model_that_can_think_does_not(self) -> None:
        installed = FakeModel(capabilities=("completion", "thinking"))
        async with FakeOllama([installed]) as fake, opened(fake) as model:
            assert (await model.generate(TEXT)).text == "Good day to you, traveller."

    async def test_a_reload_shows_in_the_reply_and_is_the_gateways_to_report(
        self, fake: FakeOllama, model: OllamaModel, caplog: pytest.LogCaptureFixture
    ) -> None:
        await model.generate(LABEL)
        fake.advance(seconds=3600)
        with caplog.at_level(logging.WARNING):
            assert (await model.generate(LABEL)).load == 2.0
        assert len(fake.loads) == 2
        assert caplog.text == ""
        assert "no other model runs on the same server" in await model.why_reloaded()


class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "error", "says"),
        [
            (Fault(400, "missing request body"), ModelRefused, "missing request body"),
            (Fault(400, "invalid character 'x' looking for beginning of value"), ModelRefused, "invalid char"),
            (Fault(400, 'invalid think value: "perhaps" (must be ...)'), ModelRefused, "invalid think"),
            (Fault(400, "top_logprobs must be between 0 and 20"), ModelRefused, "top_logprobs"),
            (Fault(400, "model is required"), ModelRefused, "model is required"),
            (Fault(404, "model 'tiny' not found"), ModelNotInstalled, "`ollama pull tiny`"),
            (Fault(404, 'model "tiny" not found, try pulling it first'), ModelNotInstalled, "`ollama pull tiny`"),
            (Fault(400, '"tiny" does not support thinking'), ModelRefused, "cannot think"),
            (Fault(400, '"tiny" does not support chat'), ModelRefused, "choose a model that can chat"),
            (
                Fault(400, "registry.ollama.ai/library/tiny:latest does not support tools"),
                ModelRefused,
                "does not support tools",
            ),
            (
                Fault(500, 'invalid format: "\\"xml\\""; expected "json" or a valid JSON Schema object'),
                ModelRefused,
                "flat schema",
            ),
            (Fault(400, "failed to parse grammar"), ModelRefused, "flat schema"),
            (Fault(400, TOO_LONG), PromptTooLong, "larger num_ctx"),
            (Fault(400, "the input length exceeds the context length"), PromptTooLong, "larger num_ctx"),
            (Fault(500, 'option "num_ctx" must be of type integer'), ModelRefused, "model: options:"),
            (Fault(503, BUSY), ModelBusy, "OLLAMA_MAX_QUEUE"),
            (Fault(499, "request canceled"), ModelUnavailable, "request canceled"),
            (Fault(500, CRASHED), ModelUnavailable, "Ollama's log"),
            (Fault(500, CRASHED + ": CUDA error: out of memory"), ModelUnavailable, "smaller model"),
            (Fault(500, BROKE_OFF), ModelUnavailable, "unexpected EOF"),
            (Fault(500, BROKE_OFF.replace("unexpected EOF", LAST_WORDS)), ModelUnavailable, "Ollama's log"),
            (Fault(500, f"{CRASHED}: {LAST_WORDS}"), ModelUnavailable, "Ollama's log"),
            (Fault(500, f"{NEVER_RAN}: {LAST_WORDS}"), ModelUnavailable, "Ollama's log"),
            (Fault(500, NEVER_RAN), ModelUnavailable, "signal: killed"),
            (
                Fault(401, "unauthorized", signin_url="https://ollama.com/connect"),
                ModelRefused,
                "`ollama signin`",
            ),
            (Fault(400, "invalid input type"), ModelRefused, "invalid input type"),
            (Fault(403, body=b""), ModelRefused, "127.0.0.1"),
            (Fault(404, body=b"404 page not found"), ModelRefused, "no Ollama"),
            (Fault(405, body=b"405 method not allowed"), ModelRefused, "no Ollama"),
            (Fault(502, body=b"<html>Bad Gateway</html>"), ModelUnavailable, "Bad Gateway"),
            (Fault(429, "slow down"), ModelBusy, "slow down"),
            (Fault(500, "timed out waiting for llama runner to start"), ModelTimeout, "in time"),
            (Fault(418, "teapot"), ModelRefused, "teapot"),
            (Fault(drop=True), ModelUnavailable, "broke"),
        ],
    )
    @pytest.mark.parametrize("request_", [LABEL, TEXT], ids=["generate", "chat"])
    async def test_before_the_first_byte(
        self,
        fake: FakeOllama,
        model: OllamaModel,
        fault: Fault,
        error: type[ModelError],
        says: str,
        request_: ModelRequest,
    ) -> None:
        fake.next(fault)
        with pytest.raises(error) as caught:
            await model.generate(request_)
        assert type(caught.value) is error
        assert says in str(caught.value)
        assert (await model.generate(request_)).text  # and it goes on

    @pytest.mark.parametrize(
        ("reply", "error", "says"),
        [
            (Reply(end="error", error=BROKE_OFF), ModelUnavailable, "unexpected EOF"),
            (
                Reply(end="error", error=BROKE_OFF.replace("unexpected EOF", LAST_WORDS)),
                ModelUnavailable,
                "Ollama's log",
            ),
            (Reply(end="error", error="context deadline exceeded"), ModelTimeout, "deadline"),
            (
                Reply(end="error", error='{"error":{"code":400,"message":"exceeds the available context size"}}'),
                PromptTooLong,
                "exceeds the available context size. Shorten",
            ),
            (Reply(end="silent"), MalformedAnswer, "broke off"),
            (Reply(end="reset"), ModelUnavailable, "broke"),
            (Reply(end="line", line=b"\n"), MalformedAnswer, "no JSON object"),
            (Reply(line=b"\n"), MalformedAnswer, "no JSON object"),
            (Reply(end="line", line=b'{"half":\n'), MalformedAnswer, "no JSON object"),
            (Reply(end="line", line=b"[]\n"), MalformedAnswer, "no JSON object"),
            (Reply(end="line", line=b'{"done":"perhaps"}\n'), MalformedAnswer, "no JSON object"),
            (Reply(end="line", line=DONE + b',"prompt_eval_count":4096}\n'), PromptTooLong, "4096 of 4096"),
            (Reply(done_reason="load"), MalformedAnswer, "only loaded"),
            (Reply(done_reason="unload"), MalformedAnswer, "unloaded"),
            (Reply(done_reason="connection_closed"), MalformedAnswer, "'connection_closed'"),
            (Reply(done_reason=""), MalformedAnswer, "None"),
        ],
    )
    async def test_in_the_middle(
        self, fake: FakeOllama, model: OllamaModel, reply: Reply, error: type[ModelError], says: str
    ) -> None:
        whole = Reply(pieces_of("Good day"), **{k: v for k, v in vars(reply).items() if k != "pieces"})
        fake.next(whole)
        with pytest.raises(error) as caught:
            await model.generate(TEXT)
        assert type(caught.value) is error
        assert says in str(caught.value)
        assert (await model.generate(TEXT)).text

    async def test_model_was_removed(self, fake: FakeOllama, model: OllamaModel) -> None:
        del fake.scheduler.models["tiny:latest"]
        with pytest.raises(ModelNotInstalled, match="`ollama pull tiny`"):
            await model.generate(LABEL)

    async def test_long_prompt_is_named(self, fake: FakeOllama, model: OllamaModel) -> None:
        with pytest.raises(PromptTooLong, match=r"'guard/long'.*request \(5000 tokens\)") as caught:
            await model.generate(ModelRequest(way="completion", prompt=" word" * 5000, name="guard/long"))
        assert caught.value.prompt == "guard/long"

    async def test_answer_that_runs_over_is_told(
        self, fake: FakeOllama, model: OllamaModel, caplog: pytest.LogCaptureFixture
    ) -> None:
        request = ModelRequest(way="completion", prompt=" word" * 4090, max_tokens=20, name="guard/long")
        fake.next(Reply(pieces_of(" a b c")), Reply(pieces_of(" a b c d e f")))
        await model.generate(request)
        assert "ran over" not in caplog.text
        await model.generate(request)
        assert "the answer to prompt 'guard/long' ran over the context of model tiny (4096 tokens)" in caplog.text

    async def test_wrong_type_of_an_option(self, model: OllamaModel) -> None:
        with pytest.raises(ModelRefused, match=r"'guard/x'.*\"temperature\" must be of type float32"):
            await model.generate(
                ModelRequest(way="text", messages=TEXT.messages, options={"temperature": "hot"}, name="guard/x")
            )

    async def test_too_many_logprobs(self, model: OllamaModel) -> None:
        with pytest.raises(ModelRefused, match="between 0 and 20"):
            await model.generate(ModelRequest(way="completion", prompt="x", top_logprobs=21))

    async def test_endless_whitespace(self, fake: FakeOllama, model: OllamaModel) -> None:
        fake.next(Reply((Piece("{"), *(Piece("\n") for _ in range(60)))))
        with pytest.raises(MalformedAnswer, match="repeats itself"):
            await model.generate(ModelRequest(way="text", messages=TEXT.messages, max_tokens=100))

    async def test_empty_prompt(self, fake: FakeOllama, model: OllamaModel) -> None:
        with pytest.raises(MalformedAnswer, match="the prompt was empty"):
            await model.generate(ModelRequest(way="completion", prompt=""))

    async def test_queue_of_the_server_is_full(self) -> None:
        async with FakeOllama(max_queue=1) as fake:
            gate = fake.scheduler.gate = Gate()
            fake.scheduler.models["other:latest"] = FakeModel("other:latest")
            async with opened(fake, "other") as loading, opened(fake) as waiting, opened(fake) as refused:
                first = asyncio.create_task(loading.generate(TEXT))
                await gate.arrival()
                second = asyncio.create_task(waiting.generate(TEXT))
                await fake.until(lambda: fake.scheduler.pending)
                with pytest.raises(ModelBusy):
                    await refused.generate(TEXT)
                gate.open()
                await asyncio.gather(first, second)

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (httpx.ConnectError("refused"), ModelUnavailable),
            (httpx.ConnectTimeout("nobody"), ModelUnavailable),
            (ConnectionError("Failed to connect to Ollama."), ModelUnavailable),
            (httpx.ReadError("reset"), ModelUnavailable),
            (httpx.RemoteProtocolError("Server disconnected without sending a response."), ModelUnavailable),
            (httpx.ReadTimeout("slow"), ModelTimeout),
            (httpx.DecodingError("not gzip"), MalformedAnswer),
            (json.JSONDecodeError("Expecting value", "", 0), MalformedAnswer),
            (
                ollama.ResponseError("request (9 tokens) exceeds the available context size (8 tokens)", 400),
                PromptTooLong,
            ),
            (
                ollama.ResponseError("the request exceeds the available context size. try increasing", 400),
                PromptTooLong,
            ),
            (ollama.ResponseError("context deadline exceeded", 500), ModelTimeout),
            (ollama.ResponseError("context canceled", 500), ModelUnavailable),
            (ollama.ResponseError("error loading model /x.gguf: file not found", 500), ModelUnavailable),
            (ollama.ResponseError('{"error":{"code":503,"message":"Loading model"}}', 503), ModelBusy),
            (ollama.ResponseError("request body too large", 413), PromptTooLong),
            (ollama.ResponseError("", 504), ModelTimeout),
            (ollama.ResponseError("{broken " + "x" * 999, 500), ModelUnavailable),
        ],
    )
    def test_by_its_kind_or_text(self, error: Exception, kind: type[ModelError]) -> None:
        assert type(explain(error, Place("http://h:1", "tiny", "guard/x"))) is kind


class TestTimeAndServer:
    async def test_hanging_server(self, fake: FakeOllama) -> None:
        async with opened(fake, request_timeout=0.5) as model:
            await model.start()
            fake.gate = Gate()
            with pytest.raises(ModelTimeout, match=r"within 0.5 s"):
                await model.generate(LABEL)
            await fake.until(lambda: fake.cancelled)
            fake.gate = None
            assert (await model.generate(LABEL)).text

    async def test_load_that_takes_too_long(self, fake: FakeOllama) -> None:
        fake.scheduler.gate = Gate()
        async with opened(fake, load_timeout=0.5) as model:
            with pytest.raises(ModelTimeout, match=r"within 0.5 s"):
                await model.generate(LABEL)
            await fake.until(lambda: fake.scheduler.aborted)

    async def test_load_that_fails(self, fake: FakeOllama) -> None:
        fake.scheduler.fault = Fault(500, NEVER_RAN)
        async with opened(fake) as model:
            with pytest.raises(ModelUnavailable, match="signal: killed"):
                await model.start()
            fake.scheduler.fault = None
            await model.start()

    async def test_load_that_is_none(self, fake: FakeOllama) -> None:
        fake.fault = lambda request: Fault(200, body=DONE + b"}") if request.path == "/api/chat" else None
        async with opened(fake) as model:
            with pytest.raises(MalformedAnswer, match="does not say that it did"):
                await model.start()

    async def test_other_addresses(self, fake: FakeOllama) -> None:
        await fake.stop()
        async with opened(fake, "tiny") as model:
            secure = OllamaModel("tiny", host=fake.url.replace("http:", "https:"))
            for nobody in (model, secure):
                with pytest.raises(ModelUnavailable, match="no Ollama answers at"):
                    await nobody.start()
            await secure.close()

    async def test_server_that_restarts(self, fake: FakeOllama, model: OllamaModel) -> None:
        await model.generate(LABEL)
        await fake.stop()
        for _ in range(2):
            with pytest.raises(ModelUnavailable, match="ollama serve"):
                await model.generate(LABEL)
        await fake.start()
        assert (await model.generate(LABEL)).text
        assert len(fake.loads) == 2

    async def test_server_that_dies_in_the_middle(self, fake: FakeOllama, model: OllamaModel) -> None:
        gate = Gate()
        fake.next(Reply(pieces_of("one two"), gate=gate, gate_after=1))
        answering = asyncio.create_task(model.generate(TEXT))
        await gate.arrival()
        await fake.stop()
        with pytest.raises(ModelUnavailable, match="broke"):
            await answering


class TestCancelling:
    async def test_in_the_middle_of_an_answer(self, fake: FakeOllama, model: OllamaModel) -> None:
        gate = Gate()
        fake.next(Reply(pieces_of("one two three"), gate=gate, gate_after=1))
        pieces: asyncio.Queue[str] = asyncio.Queue()
        answering = asyncio.create_task(model.generate(TEXT, pieces.put_nowait))
        await pieces.get()
        answering.cancel()
        await asyncio.wait([answering])
        assert answering.cancelled()
        await fake.until(lambda: fake.cancelled)
        assert fake.cancelled == [fake.asked[-1].id]
        assert gate.waiting == 0  # it generates no more
        assert (await model.generate(TEXT)).text

    async def test_before_the_first_byte(self, fake: FakeOllama, model: OllamaModel) -> None:
        fake.gate = Gate()
        answering = asyncio.create_task(model.generate(LABEL))
        await fake.gate.arrival()
        answering.cancel()
        await fake.until(lambda: fake.cancelled)
        assert answering.cancelled()

    async def test_while_waiting_for_a_slot(self, fake: FakeOllama, model: OllamaModel) -> None:
        gate = Gate()
        fake.next(Reply(pieces_of("one"), gate=gate), "two")
        first = asyncio.create_task(model.generate(TEXT))
        await gate.arrival()
        second = asyncio.create_task(model.generate(TEXT))
        await fake.until(lambda: len(fake.asked) == 2)
        second.cancel()
        await fake.until(lambda: fake.cancelled)
        gate.open()
        assert (await first).text == "one"
        assert fake.cancelled == [fake.asked[1].id]

    async def test_closes_no_other_request(self) -> None:
        async with FakeOllama(parallel=2) as fake, opened(fake) as model:
            await model.start()
            gate = Gate()
            fake.next(Reply(pieces_of("one"), gate=gate), Reply(pieces_of("two"), gate=gate))
            first, second = (asyncio.create_task(model.generate(TEXT)) for _ in range(2))
            await gate.arrival(2)
            first.cancel()
            await fake.until(lambda: fake.cancelled)
            gate.open()
            assert (await second).text in ("one", "two")

    async def test_does_not_stop_a_load(self, fake: FakeOllama) -> None:
        gate = fake.scheduler.gate = Gate()
        async with opened(fake) as model:
            for _ in range(3):
                hurried = asyncio.create_task(model.generate(LABEL))
                await gate.arrival()
                hurried.cancel()
                await asyncio.wait([hurried])
            patient = asyncio.create_task(model.generate(LABEL))
            gate.open()
            assert (await patient).text
        assert len(fake.loads) == 1
        assert fake.scheduler.aborted == []
        assert fake.cancelled == []

    async def test_does_not_stop_the_load_after_a_silent_unload(self, fake: FakeOllama, model: OllamaModel) -> None:
        """The model was thrown out behind our back, and leaves are in more of a hurry than a load takes."""
        fake.scheduler.forget()
        gate = fake.scheduler.gate = Gate()
        for _ in range(2):
            await self._give_up(model, gate)
        await fake.until(lambda: len(fake.scheduler.aborted) == 1)  # of the first one, which could not know
        gate.open()
        assert (await model.generate(LABEL)).text
        assert len(fake.scheduler.aborted) == 1

    async def test_a_reload_that_no_answer_tells_of_is_noted_with_its_cause(
        self, fake: FakeOllama, model: OllamaModel
    ) -> None:
        """The one who met it has been given up, and those who come later are answered by a model that is there."""
        usual = (await model.generate(LABEL)).load
        assert model.take_reload() is None
        fake.scheduler.forget()
        await self._given_up_while_it_loads(fake, model)
        reply = await model.generate(LABEL)
        assert reply.text
        assert reply.load > usual
        noted = model.take_reload()
        assert noted is not None
        assert noted[0] > 0
        assert noted[1].endswith("or unloaded it, or Ollama was started again")
        assert model.take_reload() is None
        assert (await model.generate(LABEL)).load == usual

    async def test_a_reload_for_another_program_names_its_options(self, fake: FakeOllama, model: OllamaModel) -> None:
        await model.generate(LABEL)
        async with opened(fake, load_options={"num_ctx": 1024}) as other:
            await other.generate(LABEL)
        await self._given_up_while_it_loads(fake, model)
        async with opened(fake, load_options={"num_ctx": 1024}) as other:
            await other.generate(LABEL)
        await model.generate(LABEL)
        noted = model.take_reload()
        assert noted is not None
        assert noted[1].startswith("another program asks for it with other options (a context of 1024 tokens, and not")

    async def test_one_that_was_idle_for_too_long_says_so(self, fake: FakeOllama) -> None:
        async with opened(fake, keep_alive="1ms") as model:
            await model.start()
            await model.generate(LABEL)
            noted = model.take_reload()
        assert noted is not None
        assert noted[1] == "nobody had asked it for longer than its keep_alive (1ms)"

    async def test_one_that_is_there_was_not_loaded_again(self, fake: FakeOllama, model: OllamaModel) -> None:
        usual = (await model.generate(LABEL)).load
        gate = fake.gate = Gate()
        await self._give_up(model, gate)
        fake.gate = None
        gate.open()
        assert (await model.generate(LABEL)).load == usual
        assert model.take_reload() is None

    async def _give_up(self, model: OllamaModel, gate: Gate) -> None:
        """Ask, and hurry away as soon as the server has come to the gate."""
        hurried = asyncio.create_task(model.generate(LABEL))
        await gate.arrival()
        hurried.cancel()
        await asyncio.wait([hurried])

    async def _given_up_while_it_loads(self, fake: FakeOllama, model: OllamaModel) -> None:
        gate = fake.scheduler.gate = Gate()
        await self._give_up(model, gate)
        await fake.until(lambda: fake.scheduler.aborted)
        fake.scheduler.gate = None
        gate.open()

    async def test_close_stops_a_load(self, fake: FakeOllama) -> None:
        gate = fake.scheduler.gate = Gate()
        async with opened(fake) as model:
            starting = asyncio.create_task(model.start())
            await gate.arrival()
            await model.close()
            await fake.until(lambda: fake.scheduler.aborted)
            with pytest.raises(ModelUnavailable, match="closed while it was being loaded"):
                await starting

    async def test_close_breaks_off_answers(self, fake: FakeOllama, model: OllamaModel) -> None:
        gate = Gate()
        fake.next(Reply(pieces_of("one two"), gate=gate, gate_after=1))
        answering = asyncio.create_task(model.generate(TEXT))
        await gate.arrival()
        await model.close()
        with pytest.raises(ModelUnavailable, match="broke"):
            await answering
        await fake.until(lambda: fake.cancelled)

    async def test_error_of_the_listener_closes_the_connection(self, fake: FakeOllama, model: OllamaModel) -> None:
        fake.next(Reply(pieces_of("one two"), gate=Gate(), gate_after=1))

        def listen(text: str) -> None:
            raise LookupError(text)

        with pytest.raises(LookupError, match="one"):
            await model.generate(TEXT, listen)
        await fake.until(lambda: fake.cancelled)

    async def test_time_of_the_listener_is_not_ours(self, fake: FakeOllama, model: OllamaModel) -> None:
        def listen(text: str) -> None:
            raise TimeoutError(text)

        with pytest.raises(TimeoutError, match="Good"):
            await model.generate(TEXT, listen)


class TestLoops:
    @pytest.mark.parametrize("closes", [True, False])
    def test_one_after_another(self, closes: bool) -> None:
        with BackgroundOllama() as background:
            model = OllamaModel("tiny", host=background.url)

            async def play() -> str:
                await model.start()
                reply = await model.generate(LABEL)
                if closes:
                    await model.close()
                return reply.text

            assert [asyncio.run(play()) for _ in range(3)] == [" danger"] * 3
            assert len(background.fake.loads) == 1

    async def test_close_may_be_called_again(self, fake: FakeOllama) -> None:
        model = OllamaModel("tiny", host=fake.url)
        await model.close()
        await model.start()
        await model.close()
        await model.close()
        assert (await model.generate(LABEL)).text
        await model.close()


def test_what_is_no_address_in_ollama_host_is_said_so() -> None:
    """The package itself would end in a traceback when it is imported."""
    code = "import brains.models.ollama"
    for host in ("nonsense:x:y", "http://localhost:99999"):
        env = {**os.environ, "OLLAMA_HOST": host}
        result = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
        last = result.stderr.strip().splitlines()[-1]
        assert last.startswith(f"brains.errors.ConfigError: OLLAMA_HOST is '{host}'")


async def test_another_http_server_is_told_from_ollama() -> None:
    """A 404 without a word is nobody's refusal of a model."""
    async with FakeOllama() as fake:
        fake.fault = lambda request: Fault(404, body=b"")
        model = OllamaModel("tiny", host=fake.url)
        with pytest.raises(ModelRefused, match=r"no Ollama, or a very old one \(status 404: no text\)"):
            await model.start()
        await model.close()

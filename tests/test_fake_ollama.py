"""The fake is as good as its likeness: its bytes are held here against those of a real Ollama."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.fake_ollama import (
    BROKE_OFF,
    BUSY,
    CRASHED,
    NEVER_RAN,
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
from tests.fakes.ollama_routes import allowed_host
from tests.fakes.ollama_script import instance, schema_faults
from tests.fakes.ollama_wire import go_char, go_json, rfc3339_nano

TIME = r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z"'
HI: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
JSON = "application/json; charset=utf-8"
LONG = [{"role": "system", "content": "Rules."}, *({"role": "user", "content": "word " * 40} for _ in range(3))]
CANNOT = "json: cannot unmarshal"
SCHEMA = {"type": "object", "properties": {"to": {"enum": ["gate"]}, "run": {"type": "boolean"}}}


@pytest.fixture
async def fake() -> AsyncIterator[FakeOllama]:
    async with FakeOllama() as server:
        yield server


@pytest.fixture
async def client(fake: FakeOllama) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(fake) as opened:
        yield opened


def client_of(fake: FakeOllama) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=fake.url, trust_env=False, timeout=10)


async def chat(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await client.post("/api/chat", json={**HI, **body})


def lines(response: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in response.text.splitlines()]


def times_out(text: str) -> str:
    """Blank out what differs from run to run."""
    return re.sub(TIME, '"T"', text)


async def raw(fake: FakeOllama, request: bytes) -> bytes:
    """Return everything that the server sends for a request that asks it to close."""
    reader, writer = await asyncio.open_connection(fake.host, fake.port)
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if b"chunked" in head:
        body = await reader.readuntil(b"\r\n0\r\n\r\n")
    else:
        length = re.search(rb"Content-Length: (\d+)", head)
        assert length is not None
        body = await reader.readexactly(0 if request.startswith(b"HEAD") else int(length[1]))
    writer.close()
    await writer.wait_closed()
    return head + body


def post(path: str, body: Any, host: str = "localhost") -> bytes:
    data = json.dumps(body).encode()
    return f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


class TestGo:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("<a> & b\u2028", r'"\u003ca\u003e \u0026 b\u2028"'),
            ("Señor\n\x01", r'"Señor\n\u0001"'),
            ("\ud800", '"\ufffd"'),
            (0.1, "0.1"),
            (1.0, "1"),
            (-2.165579080581665, "-2.165579080581665"),
            (0.0000015, "0.0000015"),
            (1.5e-7, "1.5e-7"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-0.0, "-0"),
            ({"b": [1, True, None], "a": {}}, '{"b":[1,true,null],"a":{}}'),
        ],
    )
    def test_json(self, value: Any, text: str) -> None:
        assert go_json(value) == text

    @pytest.mark.parametrize(("char", "text"), [("x", "'x'"), ("'", r"'\''"), ('"', "'\"'"), ("\n", r"'\n'")])
    def test_characters(self, char: str, text: str) -> None:
        assert go_char(char) == text

    @pytest.mark.parametrize(
        ("nanoseconds", "text"),
        [
            (0, "1970-01-01T00:00:00Z"),
            (1_691_135_565_499_127_000, "2023-08-04T07:52:45.499127Z"),
            (1_691_135_539_385_406_455, "2023-08-04T07:52:19.385406455Z"),
            (2**63 - 1, "2262-04-11T23:47:16.854775807Z"),
        ],
    )
    def test_times(self, nanoseconds: int, text: str) -> None:
        assert rfc3339_nano(nanoseconds) == text


class TestRoutes:
    async def test_hello(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/")
        assert (response.text, response.headers["content-type"]) == ("Ollama is running", "text/plain; charset=utf-8")
        head = await client.head("/")
        assert (head.status_code, head.text, head.headers["content-length"]) == (200, "", "17")

    async def test_version(self, fake: FakeOllama) -> None:
        answer = await raw(fake, b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n")
        expected = rb"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n" rb"Date: [^\r]+ GMT\r\n"
        assert re.fullmatch(expected + rb'Content-Length: 20\r\n\r\n\{"version":"0.33.0"\}', answer)

    async def test_unknown_path(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/api/nothing")
        assert (response.status_code, response.text) == (404, "404 page not found")
        assert response.headers["content-type"] == "text/plain"

    async def test_wrong_method(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/api/chat")
        assert (response.status_code, response.text) == (405, "405 method not allowed")
        assert (response.headers["content-type"], response.headers["allow"]) == ("text/plain", "POST")

    async def test_slash_at_the_end(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        response = await client.get("/api/tags/")
        assert (response.status_code, response.headers["location"]) == (301, "/api/tags")
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert response.text == '<a href="/api/tags">Moved Permanently</a>.\n\n'
        answer = await raw(fake, post("/api/chat/", HI))
        expected = (
            rb"HTTP/1.1 307 Temporary Redirect\r\nLocation: /api/chat\r\nDate: [^\r]+\r\nContent-Length: 0\r\n\r\n"
        )
        assert re.fullmatch(expected, answer)

    @pytest.mark.parametrize("host", ["", "localhost", "localhost:11434", "127.0.0.1:1", "[::1]:1", "::1"])
    def test_host_is_allowed(self, host: str) -> None:
        assert allowed_host(host)

    @pytest.mark.parametrize("host", ["192.168.1.7", "10.0.0.1:80", "0.0.0.0", "a.local", "x.internal:1"])  # noqa: S104
    def test_host_of_the_house_is_allowed(self, host: str) -> None:
        assert allowed_host(host)

    @pytest.mark.parametrize(
        "host",
        [
            *("evil.example", "8.8.8.8:80", "localhost.evil.example", "localhost.", "a.lan", "127.1"),
            *("[::1]", "[::]", "[fe80::1]", "169.254.1.1", "172.32.0.1", "192.0.2.1", "240.0.0.1"),
        ],
    )
    async def test_foreign_host_is_forbidden(self, fake: FakeOllama, host: str) -> None:
        request = f"GET /api/version HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        answer = await raw(fake, request)
        assert re.fullmatch(rb"HTTP/1.1 403 Forbidden\r\nDate: [^\r]+\r\nContent-Length: 0\r\n\r\n", answer)

    @pytest.mark.parametrize("page", ["http://localhost:3000", "https://127.0.0.1", "http://0.0.0.0:1", "tauri://x"])
    async def test_pages_of_this_machine_may_ask(self, client: httpx.AsyncClient, page: str) -> None:
        for response in (
            await client.get("/api/version", headers={"Origin": page}),
            await client.options("/api/chat", headers={"Origin": page}),
        ):
            assert response.is_success
            assert response.headers["access-control-allow-origin"] == page

    @pytest.mark.parametrize("page", ["http://evil.example", "http://localhost.evil.example", "null"])
    async def test_other_pages_may_not(self, fake: FakeOllama, client: httpx.AsyncClient, page: str) -> None:
        response = await client.post("/api/chat", json=HI, headers={"Origin": page})
        assert (response.status_code, response.text) == (403, "")
        assert fake.loads == []

    @pytest.mark.parametrize(
        ("request_", "said"),
        [
            (b"\x16\x03\x01 hello\r\n\r\n", b"400 Bad Request"),
            (b"GET /api/version HTTP/1.1\r\n\r\n", b"400 Bad Request: missing required Host header"),
        ],
    )
    async def test_what_is_no_request(self, fake: FakeOllama, request_: bytes, said: bytes) -> None:
        reader, writer = await asyncio.open_connection(fake.host, fake.port)
        writer.write(request_)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert (head.splitlines()[0], body) == (b"HTTP/1.1 " + said, said)
        writer.close()

    async def test_body_in_chunks(self, client: httpx.AsyncClient) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield b'{"model":'
            yield b'"nope"}'

        response = await client.post("/api/show", content=body())
        assert response.json() == {"error": "model 'nope:latest' not found"}

    async def test_tags(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/api/tags")
        digest = FakeModel().digest
        assert response.text == (
            '{"models":[{"name":"tiny:latest","model":"tiny:latest","modified_at":"2025-08-12T12:00:00.123456789Z",'
            f'"size":98000000,"digest":"{digest}","details":{{"parent_model":"","format":"gguf","family":"llama",'
            '"families":["llama"],"parameter_size":"134.52M","quantization_level":"Q4_1","context_length":8192,'
            '"embedding_length":576},"capabilities":["completion"]}]}'
        )

    async def test_tags_newest_first(self) -> None:
        models = [FakeModel("old:latest", modified_at=1), FakeModel("new:latest", modified_at=2)]
        async with FakeOllama(models) as fake, client_of(fake) as client:
            names = [model["name"] for model in (await client.get("/api/tags")).json()["models"]]
        assert names == ["new:latest", "old:latest"]

    async def test_long_answers_are_chunked(self) -> None:
        models = [FakeModel(f"m{number}:latest") for number in range(20)]
        async with FakeOllama(models) as fake, client_of(fake) as client:
            response = await client.get("/api/tags")
        assert response.headers["transfer-encoding"] == "chunked"
        assert len(response.json()["models"]) == 20

    async def test_show(self) -> None:
        parameters = {"temperature": 0.5, "stop": ["<a>", "b c"], "use_mmap": False}
        model = FakeModel(capabilities=("completion", "tools"), parameters=parameters, system="Be brief.")
        async with FakeOllama([model]) as fake, client_of(fake) as client:
            response = await client.post("/api/show", json={"model": "tiny"})
        body = response.json()
        keys = ["modelfile", "parameters", "template", "system", "details", "model_info", "tensors", "capabilities"]
        assert list(body) == [*keys, "modified_at"]
        assert response.headers["transfer-encoding"] == "chunked"
        assert body["capabilities"] == ["completion", "tools"]
        assert body["model_info"]["llama.context_length"] == 8192
        assert body["parameters"].splitlines() == [
            "temperature                    0.5",
            'stop                           "<a>"',
            'stop                           "b c"',
            "use_mmap                       false",
        ]
        assert body["modelfile"] == (
            '# Modelfile generated by "ollama show"\n# To build a new Modelfile based on this, replace FROM with:\n'
            f"# FROM tiny:latest\n\nFROM /models/blobs/sha256-{model.digest}\n"
            'TEMPLATE "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n'
            '{{ end }}<|im_start|>assistant\n"\nSYSTEM Be brief.\nPARAMETER temperature 0.5\n'
            "PARAMETER stop <a>\nPARAMETER stop b c\nPARAMETER use_mmap false\n"
        )

    async def test_show_of_a_template_in_the_weights(self) -> None:
        async with FakeOllama([FakeModel(native=True, template="{% x %}")]) as fake, client_of(fake) as client:
            body = (await client.post("/api/show", json={"model": "tiny"})).json()
        assert body["template"] == "{% x %}"
        assert body["modelfile"].endswith("TEMPLATE {{ .Prompt }}\n")

    async def test_show_of_nothing(self, client: httpx.AsyncClient) -> None:
        missing = await client.post("/api/show", json={"model": "x"})
        assert (missing.status_code, missing.text) == (404, '{"error":"model \'x:latest\' not found"}')
        unnamed = await client.post("/api/show", json={})
        assert (unnamed.status_code, unnamed.text) == (400, '{"error":"model is required"}')

    async def test_ps(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        assert (await client.get("/api/ps")).text == '{"models":[]}'
        await chat(client, keep_alive="10m", options={"num_ctx": 1024})
        (entry,) = (await client.get("/api/ps")).json()["models"]
        keys = ["name", "model", "size", "digest", "details", "expires_at", "size_vram", "context_length"]
        assert list(entry) == keys
        assert entry["context_length"] == 1024
        fake.advance(seconds=599)
        assert (await client.get("/api/ps")).json()["models"]
        fake.advance(seconds=2)
        assert (await client.get("/api/ps")).text == '{"models":[]}'

    async def test_ps_longest_first(self) -> None:
        async with FakeOllama([FakeModel("a:latest"), FakeModel("b:latest")]) as fake, client_of(fake) as client:
            await chat(client, model="a", keep_alive=60)
            await chat(client, model="b", keep_alive=-1)
            models = (await client.get("/api/ps")).json()["models"]
        assert [model["name"] for model in models] == ["b:latest", "a:latest"]
        assert re.match("23[0-9]{2}-", models[0]["expires_at"])  # after the 292 years that Go can count

    async def test_decisions_are_absent_before_0_35(self, client: httpx.AsyncClient) -> None:
        response = await client.post("/v1/systemone", json={"model": "tiny"})
        assert (response.status_code, response.text) == (404, "404 page not found")

    async def test_decisions(self) -> None:
        questions = {
            "act": {"type": "choice", "instructions": "?", "criteria": {"flee": "x", "hide": "y"}},
            "low": {"type": "noul", "instructions": "?"},
            "threat": {"type": "score", "instructions": "?", "criteria": ["none", "deadly"]},
        }
        models = [FakeModel(), FakeModel("nimble:latest", capabilities=("decision",))]
        async with FakeOllama(models, decisions=True) as fake, client_of(fake) as client:
            missing = await client.post("/v1/systemone", json={"model": "x", "questions": {}})
            body = {"model": "nimble", "state": "s", "questions": questions}
            chatty = await client.post("/v1/systemone", json={**body, "model": "tiny"})
            alone = {"act": {"type": "choice", "instructions": "?", "criteria": {"flee": "x"}}}
            lonely = await client.post("/v1/systemone", json={**body, "questions": alone})
            response = await client.post("/v1/systemone", json=body)
            large = await client.post("/v1/systemone", json={**body, "state": "x" * 70_000})
        assert (missing.status_code, missing.text) == (404, '{"error":"model \'x\' not found"}')
        answers = response.json()["answers"]
        assert answers["act"]["probabilities"] == {"flee": 0.5, "hide": 0.5}
        assert answers["low"] == {"type": "noul", "noul": 0.5}
        assert answers["threat"]["legend"] == {"0": "none", "1": "deadly"}
        assert large.status_code == 413
        assert (chatty.status_code, lonely.status_code) == (400, 400)
        assert [load.model for load in fake.loads] == ["nimble:latest"]


class TestAnswers:
    async def test_chat_to_the_byte(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        fake.next("Hi there")
        response = await chat(client)
        assert response.headers["content-type"] == "application/x-ndjson"
        assert response.headers["transfer-encoding"] == "chunked"
        text = re.sub(r'"total_duration":\d+', '"total_duration":1', times_out(response.text))
        assert text == (
            '{"model":"tiny","created_at":"T","message":{"role":"assistant","content":"Hi"},"done":false}\n'
            '{"model":"tiny","created_at":"T","message":{"role":"assistant","content":" there"},"done":false}\n'
            '{"model":"tiny","created_at":"T","message":{"role":"assistant","content":""},"done":true,'
            '"done_reason":"stop","total_duration":1,"load_duration":2000000000,"prompt_eval_count":7,'
            '"prompt_eval_duration":7000000,"eval_count":3,"eval_duration":60000000}\n'
        )

    async def test_generate_to_the_byte(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        fake.next({" a": 0.5, " b": 0.25})
        body = {"model": "tiny", "prompt": "x ->", "raw": True, "logprobs": True, "top_logprobs": 1}
        response = await client.post("/api/generate", json={**body, "options": {"num_predict": 1}})
        text = re.sub(r'"total_duration":\d+', '"total_duration":1', times_out(response.text))
        token = '"token":" a","logprob":-0.6931471805599453,"bytes":[32,97]'
        assert text == (
            '{"model":"tiny","created_at":"T","response":" a","done":false,'
            f'"logprobs":[{{{token},"top_logprobs":[{{{token}}}]}}]}}\n'
            '{"model":"tiny","created_at":"T","response":"","done":true,"done_reason":"length","total_duration":1,'
            '"load_duration":2000000000,"prompt_eval_count":3,"prompt_eval_duration":3000000,"eval_count":1,'
            '"eval_duration":20000000}\n'
        )

    async def test_generate_without_raw_has_a_context(self, client: httpx.AsyncClient) -> None:
        last = lines(await client.post("/api/generate", json={"model": "tiny", "prompt": "hi"}))[-1]
        keys = list(last)
        assert keys.index("context") == keys.index("done_reason") + 1 == keys.index("total_duration") - 1

    async def test_whole_answer(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        fake.next(Reply((Piece(thinking="Hm."), *pieces_of("Hi there"))))
        response = await chat(client, stream=False, logprobs=True)
        assert response.headers["content-type"] == JSON
        body = response.json()
        assert body["message"] == {"role": "assistant", "content": "Hi there", "thinking": "Hm."}
        assert [entry["token"] for entry in body["logprobs"]] == ["Hm.", "Hi", " there"]
        assert "top_logprobs" not in body["logprobs"][0]
        assert body["done_reason"] == "stop"
        assert list(body)[:5] == ["model", "created_at", "message", "done", "done_reason"]

    async def test_whole_answer_of_generate(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        fake.next("Hi there")
        response = await client.post("/api/generate", json={"model": "tiny", "prompt": "hi", "stream": False})
        assert (response.json()["response"], response.json()["done"]) == ("Hi there", True)

    async def test_html_is_escaped(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        fake.next("<b>")
        response = await chat(client)
        assert r'"\u003c"' in response.text
        assert "".join(line["message"]["content"] for line in lines(response)) == "<b>"

    @pytest.mark.parametrize("fragment", [1, 5, 50])
    async def test_chunks_are_not_lines(self, fragment: int) -> None:
        async with FakeOllama(fragment=fragment) as fake:
            fake.next("Hi there")
            answer = await raw(fake, post("/api/chat", HI))
        body = answer.partition(b"\r\n\r\n")[2]
        whole, sizes = b"", []
        while body:
            size, _, rest = body.partition(b"\r\n")
            sizes.append(int(size, 16))
            whole, body = whole + rest[: sizes[-1]], rest[sizes[-1] + 2 :]
        assert set(sizes[:-2]) == {fragment}
        assert sizes[-1] == 0
        assert len(whole.splitlines()) == 3
        assert all(json.loads(line) for line in whole.splitlines())

    async def test_metrics_can_be_left_out(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        fake.next(Reply(pieces_of("Hi"), metrics=False))
        assert list(lines(await chat(client))[-1]) == ["model", "created_at", "message", "done", "done_reason"]

    @pytest.mark.parametrize(
        ("limit", "reason", "count"),
        [(1, "length", 1), (2, "length", 2), (3, "stop", 3), (-1, "stop", 3), (0, "stop", 3)],
    )
    async def test_limit_of_tokens(
        self, fake: FakeOllama, client: httpx.AsyncClient, limit: int, reason: str, count: int
    ) -> None:
        fake.next("Hi there")
        last = lines(await chat(client, options={"num_predict": limit}))[-1]
        assert (last["done_reason"], last["eval_count"]) == (reason, count)

    async def test_stop_string(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        fake.next("one two three")
        answer = lines(await chat(client, options={"stop": ["wo"]}))
        assert "".join(line["message"]["content"] for line in answer) == "one t"
        assert answer[-1]["done_reason"] == "stop"

    async def test_what_may_be_a_stop_string_is_held_back(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        tokens = [Piece(text, -number, ((text, -number),)) for number, text in enumerate((" ", "7", " ", "8", " "))]
        fake.next(Reply(tuple(tokens)), Reply(tuple(tokens)))
        held = lines(await chat(client, options={"stop": [" 9"]}, logprobs=True, top_logprobs=1))
        numbers = [line["logprobs"][0] for line in held[:-1]]
        # The text of both tokens, and the numbers of the second.
        assert [(one["token"], one["logprob"], one["top_logprobs"][0]["token"]) for one in numbers] == [
            (" 7", -1, "7"),
            (" 8", -3, "8"),
        ]
        assert held[-1]["eval_count"] == 6
        (last,) = lines(await chat(client, options={"stop": [" 9"], "num_predict": 1}, logprobs=True))
        assert (last["done_reason"], last["eval_count"]) == ("length", 1)

    async def test_logprobs_are_not_in_the_last_chunk(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        fake.next(Reply((Piece("dan", -1.0, hidden=True), Piece("ger", -2.0, (("ger", -2.0), ("x", -3.0))))))
        first, second, last = lines(await chat(client, logprobs=True, top_logprobs=2))
        assert first["message"]["content"] == ""
        assert first["logprobs"] == [{"token": "dan", "logprob": -1, "bytes": [100, 97, 110]}]
        assert [top["token"] for top in second["logprobs"][0]["top_logprobs"]] == ["ger", "x"]
        assert "logprobs" not in last

    async def test_thinks_unless_told_not_to(self) -> None:
        model = FakeModel(capabilities=("completion", "thinking"))
        async with FakeOllama([model], brain=lambda ask: "Hi") as fake, client_of(fake) as client:
            thoughts = lines(await chat(client))
            assert thoughts[0]["message"] == {"role": "assistant", "content": "", "thinking": "Let me think."}
            assert lines(await chat(client, think=False))[0]["message"]["content"] == "Hi"

    @pytest.mark.parametrize("keep_alive", [None, "10m", -1])
    async def test_empty_request_loads(
        self, fake: FakeOllama, client: httpx.AsyncClient, keep_alive: str | None
    ) -> None:
        response = await chat(client, messages=[], keep_alive=keep_alive)
        assert response.headers["content-type"] == JSON
        assert times_out(response.text) == (
            '{"model":"tiny","created_at":"T","message":{"role":"assistant","content":""},"done":true,"done_reason":"load"}'
        )
        assert len(fake.loads) == 1

    async def test_empty_request_unloads(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        await chat(client)
        response = await client.post("/api/generate", json={"model": "tiny", "keep_alive": 0})
        assert times_out(response.text) == (
            '{"model":"tiny","created_at":"T","response":"","done":true,"done_reason":"unload"}'
        )
        assert fake.scheduler.unloads == ["tiny:latest"]
        assert (await client.get("/api/ps")).json() == {"models": []}

    async def test_renders_only(self, client: httpx.AsyncClient) -> None:
        response = await chat(client, _debug_render_only=True)
        assert times_out(response.text) == (
            '{"model":"tiny","created_at":"T","message":{"role":"","content":""},"done":false,"_debug_info":'
            r'{"rendered_template":"\u003c|im_start|\u003euser\nhi\u003c|im_end|\u003e\n\u003c|im_start|\u003eassistant\n"}}'
        )
        bare = await client.post(
            "/api/generate", json={"model": "tiny", "prompt": "a ->", "raw": True, "_debug_render_only": True}
        )
        assert bare.json()["_debug_info"] == {"rendered_template": "a ->"}

    async def test_turns_of_one_speaker_are_one(self, client: httpx.AsyncClient) -> None:
        said = [("system", "a"), ("system", "b"), ("user", "x"), ("USER", "y")]
        messages = [{"role": role, "content": text} for role, text in said]
        shown = await chat(client, messages=messages, _debug_render_only=True)
        assert shown.json()["_debug_info"]["rendered_template"] == (
            "<|im_start|>system\na\n\nb<|im_end|>\n<|im_start|>user\nx\n\ny<|im_end|>\n<|im_start|>assistant\n"
        )

    async def test_images(self, client: httpx.AsyncClient) -> None:
        turn = {"role": "user", "content": "x", "images": ["aGVsbG8="]}
        blind = await chat(client, messages=[turn])
        assert blind.status_code == 400
        assert "does not support multimodal requests" in json.loads(blind.json()["error"])["error"]["message"]
        shown = await chat(client, messages=[turn], _debug_render_only=True)
        assert shown.json()["_debug_info"]["image_count"] == 1
        async with FakeOllama([FakeModel(capabilities=("completion", "vision"))]) as fake, client_of(fake) as seeing:
            assert (await chat(seeing, messages=[turn])).status_code == 200

    async def test_default_brain_finds_labels(self, client: httpx.AsyncClient) -> None:
        prompt = "A bear attacks. -> danger\nA baker smiles. -> safe\nA wolf attacks. ->"
        body = {"model": "tiny", "prompt": prompt, "raw": True, "logprobs": True, "top_logprobs": 20}
        first = lines(await client.post("/api/generate", json=body))[0]
        assert first["response"] == " danger"
        assert {entry["token"] for entry in first["logprobs"][0]["top_logprobs"]} == {" danger", " safe"}
        turns = [("user", "A bear."), ("assistant", "danger"), ("user", "Bread!"), ("assistant", "safe")]
        messages = [{"role": role, "content": text} for role, text in [*turns, ("user", "Bread?")]]
        assert lines(await chat(client, messages=messages))[0]["message"]["content"] == "safe"


class TestErrors:
    @pytest.mark.parametrize(
        ("path", "body", "status", "error"),
        [
            ("/api/chat", b"", 400, "missing request body"),
            ("/api/generate", b" ", 400, "missing request body"),
            ("/api/show", b"", 400, "missing request body"),
            ("/api/chat", b"{", 400, "unexpected EOF"),
            ("/api/chat", b"hello", 400, "invalid character 'h' looking for beginning of value"),
            ("/api/chat", b"{]", 400, "invalid character ']' looking for beginning of object key string"),
            (
                "/api/chat",
                b'{"model":1}',
                400,
                "json: cannot unmarshal number into Go struct field ChatRequest.model of type string",
            ),
            ("/api/chat", b"[]", 400, "json: cannot unmarshal array into Go value of type api.ChatRequest"),
            (
                "/api/chat",
                b'{"model":"tiny","think":"hard"}',
                400,
                'invalid think value: "hard" (must be "high", "medium", "low", "max", true, or false)',
            ),
            (
                "/api/chat",
                b'{"model":"tiny","think":1}',
                400,
                'think must be a boolean or string ("high", "medium", "low", "max", true, or false)',
            ),
            ("/api/chat", b"null", 400, "model is required"),
            ("/api/chat", b'{"a":"\x01"}', 400, r"invalid character '\x01' in string literal"),
            ("/api/chat", rb'{"a":"\x"}', 400, "invalid character 'x' in string escape code"),
            ("/api/chat", rb'{"a":"\u12"}', 400, r"""invalid character '"' in \u hexadecimal character escape"""),
            ("/api/chat", b'{"a":tru}', 400, "invalid character '}' in literal true (expecting 'e')"),
            ("/api/chat", b'{"a":NaN}', 400, "invalid character 'N' looking for beginning of value"),
            ("/api/chat", b"\xef\xbb\xbf{}", 400, "invalid character '\u00ef' looking for beginning of value"),
            ("/api/chat", b"[" * 20_000, 400, "invalid character '[' exceeded max depth"),
            ("/api/chat", b'{"MODEL":"x"}', 404, "model 'x' not found"),
            ("/api/show", b'{"model":" "}', 400, "model is required"),
            (
                "/api/chat",
                b'{"messages":[{"images":"x"}]}',
                400,
                f"{CANNOT} string into Go struct field ChatRequest.messages.images of type []api.ImageData",
            ),
            ("/api/chat", b'{"messages":[{"images":["%"]}]}', 400, "illegal base64 data at input byte 0"),
            ("/api/generate", b'{"images":["ab%="]}', 400, "illegal base64 data at input byte 2"),
            (
                "/api/chat",
                b'{"messages":[{"tool_calls":3}]}',
                400,
                f"{CANNOT} number into Go struct field ChatRequest.messages.tool_calls of type []api.ToolCall",
            ),
            (
                "/api/chat",
                b'{"tools":"x"}',
                400,
                "json: cannot unmarshal string into Go struct field ChatRequest.tools of type api.Tools",
            ),
            (
                "/api/generate",
                b'{"context":["x"]}',
                400,
                "json: cannot unmarshal string into Go struct field GenerateRequest.context of type int",
            ),
            (
                "/api/chat",
                b'{"top_logprobs":10.0}',
                400,
                "json: cannot unmarshal number 10.0 into Go struct field ChatRequest.top_logprobs of type int",
            ),
            (
                "/api/chat",
                b'{"top_logprobs":99999999999999999999}',
                400,
                f"{CANNOT} number 99999999999999999999 into Go struct field ChatRequest.top_logprobs of type int",
            ),
            ("/api/generate", b'{"model":null}', 404, "model '' not found"),
            ("/api/chat", b"{'a':1}", 400, r"invalid character '\'' looking for beginning of object key string"),
            (
                "/api/chat",
                b'{"messages":["x"]}',
                400,
                "json: cannot unmarshal string into Go struct field ChatRequest.messages of type api.Alias",
            ),
            (
                "/api/chat",
                b'{"messages":[{"content":5}]}',
                400,
                "json: cannot unmarshal number into Go struct field ChatRequest.messages.content of type string",
            ),
            (
                "/api/generate",
                b'{"top_logprobs":2.5}',
                400,
                "json: cannot unmarshal number 2.5 into Go struct field GenerateRequest.top_logprobs of type int",
            ),
            ("/api/chat", b'{"raw":1}', 400, "model is required"),
            ("/api/show", b'{"stream":1,"model":"x"}', 404, "model 'x:latest' not found"),
            ("/api/chat", b'{"model":"tiny","keep_alive":"x"}', 400, 'time: invalid duration "x"'),
            ("/api/chat", b'{"model":"tiny","keep_alive":"1d"}', 400, 'time: unknown unit "d" in duration "1d"'),
            ("/api/chat", b'{"model":"tiny","keep_alive":"9999999999h"}', 400, 'time: invalid duration "9999999999h"'),
            ("/api/chat", b'{"model":"tiny","keep_alive":[1]}', 400, "Unsupported type: '[]interface {}'"),
            ("/api/chat", b'{"model":"tiny","keep_alive":"5"}', 400, 'time: missing unit in duration "5"'),
            ("/api/chat", b'{"model":"tiny","top_logprobs":21}', 400, "top_logprobs must be between 0 and 20"),
            ("/api/generate", b'{"model":"tiny","top_logprobs":-1}', 400, "top_logprobs must be between 0 and 20"),
            ("/api/chat", b'{"model":""}', 400, "model is required"),
            ("/api/generate", b'{"model":""}', 404, "model '' not found"),
            ("/api/chat", b'{"model":"a b"}', 400, "invalid model name"),
            ("/api/show", b'{"model":"a:b:c"}', 400, "invalid model name"),
            ("/api/generate", b'{"model":"a/b/c/d"}', 400, "invalid model name"),
            ("/api/chat", b'{"model":"host.com/a/b"}', 404, "model 'host.com/a/b' not found"),
            (
                "/api/generate",
                b'{"model":"tiny","prompt":"x","suffix":"y"}',
                400,
                "registry.ollama.ai/library/tiny:latest does not support insert",
            ),
            ("/api/chat", b'{"model":"x"}', 404, "model 'x' not found"),
            ("/api/generate", b'{"model":"x"}', 404, "model 'x' not found"),
            ("/api/chat", b'{"model":"tiny","think":true}', 400, '"tiny" does not support thinking'),
            ("/api/chat", b'{"model":"embed","messages":[]}', 400, '"embed" does not support chat'),
            ("/api/generate", b'{"model":"embed"}', 400, '"embed" does not support generate'),
            (
                "/api/chat",
                b'{"model":"tiny","tools":[{"type":"function"}]}',
                400,
                "registry.ollama.ai/library/tiny:latest does not support tools",
            ),
            (
                "/api/generate",
                b'{"model":"tiny","prompt":"x","raw":true,"system":"y"}',
                400,
                "raw mode does not support template, system, or context",
            ),
            (
                "/api/chat",
                b'{"model":"tiny","options":{"num_ctx":"4096"}}',
                500,
                'option "num_ctx" must be of type integer',
            ),
            (
                "/api/chat",
                b'{"model":"tiny","options":{"temperature":"0"}}',
                500,
                'option "temperature" must be of type float32',
            ),
            ("/api/chat", b'{"model":"tiny","options":{"stop":"x"}}', 500, 'option "stop" must be of type array'),
            (
                "/api/chat",
                b'{"model":"tiny","options":{"use_mmap":1}}',
                500,
                'option "use_mmap" must be of type boolean',
            ),
        ],
    )
    async def test_of_the_request(self, path: str, body: bytes, status: int, error: str) -> None:
        models = [FakeModel(), FakeModel("embed:latest", capabilities=("embedding",))]
        async with FakeOllama(models) as fake, client_of(fake) as client:
            response = await client.post(path, content=body)
        assert response.status_code == status
        assert response.text == go_json({"error": error})
        assert response.headers["content-type"] == JSON

    @pytest.mark.parametrize("name", ["tiny", " tiny:LATEST", "library/tiny", "registry.ollama.ai/library/tiny:latest"])
    async def test_names_of_one_model(self, client: httpx.AsyncClient, name: str) -> None:
        assert (await chat(client, model=name)).status_code == 200

    async def test_message_may_lack_anything(self, client: httpx.AsyncClient) -> None:
        shown = await chat(client, messages=[{"content": None}, {"content": "hi"}], raw=True, _debug_render_only=True)
        assert shown.json()["_debug_info"]["rendered_template"].startswith("<|im_start|>\n\n\nhi<|im_end|>")

    async def test_unknown_option_is_ignored(self, client: httpx.AsyncClient) -> None:
        options: dict[str, Any] = {"nonsense": [], "num_ctx": None, "num_predict": None, "stop": None}
        assert (await chat(client, options=options)).status_code == 200

    @pytest.mark.parametrize("stream", [True, False])
    async def test_bad_format(self, client: httpx.AsyncClient, stream: bool) -> None:
        response = await chat(client, format="xml", stream=stream)
        wanted = 'invalid format: "\\"xml\\""; expected "json" or a valid JSON Schema object'
        assert (response.status_code, response.text) == (500, go_json({"error": wanted}))
        assert response.headers["content-type"] == ("application/json" if stream else JSON)
        # The headers of a stream were on their way.
        assert ("transfer-encoding" in response.headers) is stream

    @pytest.mark.parametrize(
        "fault",
        [
            *(Fault(500, CRASHED), Fault(500, BROKE_OFF), Fault(400, "failed to parse grammar")),
            *(Fault(503, BUSY), Fault(499, "x")),
        ],
    )
    async def test_of_the_runner(self, fake: FakeOllama, client: httpx.AsyncClient, fault: Fault) -> None:
        fake.next(fault)
        response = await chat(client)
        assert (response.status_code, response.json()) == (fault.status, {"error": fault.error})

    async def test_not_signed_in(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        fake.next(Fault(401, "unauthorized", signin_url="https://ollama.com/connect?name=x"))
        response = await chat(client)
        assert response.status_code == 401
        assert response.text == '{"error":"unauthorized","signin_url":"https://ollama.com/connect?name=x"}'

    async def test_in_the_middle(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        fake.next(Reply(pieces_of("Hi"), end="error", error="an error was <encountered>"))
        response = await chat(client)
        assert response.status_code == 200
        assert response.text.endswith('"done":false}\n{"error":"an error was \\u003cencountered\\u003e"}\n')

    async def test_in_the_middle_of_what_is_not_streamed(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        fake.next(Reply(pieces_of("Hi"), end="error", error="oh"))
        response = await chat(client, stream=False)
        assert (response.status_code, response.text) == (500, '{"error":"oh"}')

    async def test_silent_end(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        fake.next(Reply(pieces_of("Hi there"), end="silent"), Reply(pieces_of("Hi there"), end="silent"))
        assert [line["done"] for line in lines(await chat(client))] == [False, False]
        whole = (await chat(client, stream=False)).json()
        assert (whole["done"], whole["message"]["content"]) == (False, "Hi there")
        assert "done_reason" not in whole

    async def test_nothing_at_all(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        fake.next(Reply(end="silent"), Reply(end="silent"))
        response = await chat(client)
        assert (response.status_code, response.text) == (200, "")
        assert response.headers["content-type"] == "application/x-ndjson"
        assert (await chat(client, stream=False)).text == (
            '{"model":"","created_at":"0001-01-01T00:00:00Z","message":{"role":"","content":""},"done":false}'
        )

    @pytest.mark.parametrize(("native", "chunks"), [(False, 31), (True, 51)])
    async def test_repetition_ends_without_a_word(self, native: bool, chunks: int) -> None:
        async with FakeOllama([FakeModel(native=native)]) as fake, client_of(fake) as client:
            fake.next(Reply(tuple(Piece("la ") for _ in range(50))))
            answer = lines(await chat(client))
        assert len(answer) == chunks
        assert answer[-1]["done"] is native

    async def test_broken_connection(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        fake.next(Fault(drop=True), Reply(pieces_of("Hi"), end="reset"))
        for _ in range(2):
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                await chat(client)
        assert [record.state for record in fake.records] == ["dropped", "dropped"]


class TestContext:
    async def test_too_long_and_not_to_be_cut(self, client: httpx.AsyncClient) -> None:
        body = {"model": "tiny", "prompt": " word" * 100, "raw": True, "truncate": False}
        response = await client.post("/api/generate", json={**body, "options": {"num_ctx": 64}})
        assert response.status_code == 400
        assert json.loads(response.json()["error"]) == {
            "error": {
                "code": 400,
                "message": "request (100 tokens) exceeds the available context size (64 tokens), try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 100,
                "n_ctx": 64,
            }
        }

    async def test_oldest_turns_are_dropped(self, client: httpx.AsyncClient) -> None:
        options = {"num_ctx": 128}
        shown = await chat(client, messages=LONG, options=options, _debug_render_only=True)
        prompt = shown.json()["_debug_info"]["rendered_template"]
        assert (prompt.count("Rules."), prompt.count("word")) == (1, 80)

    async def test_prompt_is_cut_in_silence(self, client: httpx.AsyncClient) -> None:
        body = {"model": "tiny", "prompt": " word" * 100, "raw": True, "options": {"num_ctx": 64}}
        last = lines(await client.post("/api/generate", json=body))[-1]
        assert last["prompt_eval_count"] == 34

    async def test_chat_of_llama_server_is_not_cut(self) -> None:
        async with FakeOllama([FakeModel(native=True)]) as fake, client_of(fake) as client:
            said = {"role": "user", "content": " word" * 100}
            response = await chat(client, messages=[said], options={"num_ctx": 64})
            fits = await chat(client, messages=[said, *HI["messages"]], options={"num_ctx": 64})
        assert response.status_code == 400
        assert "exceeds the available context size" in response.json()["error"]
        assert fits.status_code == 200

    @pytest.mark.parametrize(("shift", "reason", "count"), [(True, "stop", 31), (False, "length", 24)])
    async def test_answer_may_run_over(
        self, fake: FakeOllama, client: httpx.AsyncClient, shift: bool, reason: str, count: int
    ) -> None:
        fake.next(Reply(tuple(Piece(f" w{number}") for number in range(30))))
        body = {"model": "tiny", "prompt": " word" * 40, "raw": True, "shift": shift, "options": {"num_ctx": 64}}
        last = lines(await client.post("/api/generate", json=body))[-1]
        assert (last["done_reason"], last["eval_count"]) == (reason, count)

    async def test_model_that_cannot_shift_refuses(self) -> None:
        async with FakeOllama([FakeModel(shifts=False)]) as fake, client_of(fake) as client:
            body = {"model": "tiny", "prompt": " word" * 100, "raw": True, "options": {"num_ctx": 64}}
            response = await client.post("/api/generate", json=body)
        assert (response.status_code, response.json()["error"]) == (400, TOO_LONG)

    async def test_prefix_is_cached(self, client: httpx.AsyncClient) -> None:
        async def durations(prompt: str) -> tuple[int, int]:
            body = {"model": "tiny", "prompt": prompt, "raw": True}
            last = lines(await client.post("/api/generate", json=body))[-1]
            return last["prompt_eval_count"], last["prompt_eval_duration"] // 1_000_000

        assert await durations(" word" * 50 + " x") == (51, 51)
        assert await durations(" word" * 50 + " y") == (51, 1)
        assert await durations(" word" * 50 + " y") == (51, 1)
        assert await durations(" now" + " word" * 50) == (51, 51)


class TestFormat:
    async def test_is_kept(self, client: httpx.AsyncClient) -> None:
        whole = (await chat(client, format=SCHEMA, stream=False)).json()
        assert json.loads(whole["message"]["content"]) == {"to": "gate", "run": False}

    async def test_is_broken_in_many_ways(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        faults = schema_faults(SCHEMA)
        texts = {}
        for name, pieces in faults.items():
            fake.next(Reply(tuple(pieces)))
            texts[name] = (await chat(client, format=SCHEMA, stream=False)).json()
        assert json.loads(texts["violated"]["message"]["content"]) == {"action": "dance"}
        assert list(json.loads(texts["sorted"]["message"]["content"])) == ["run", "to"]
        with pytest.raises(json.JSONDecodeError):
            json.loads(texts["truncated"]["message"]["content"])
        assert texts["whitespace"]["done"] is False

    def test_instances(self) -> None:
        number = {"type": "integer", "minimum": 3}
        schema = {
            "type": "object",
            "properties": {"a": {"const": 1}, "b": {"type": "array", "items": number, "minItems": 2}},
        }
        assert instance(schema) == {"a": 1, "b": [3, 3]}


class TestLoading:
    async def test_other_options_load_again(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        for options in ({"num_ctx": 1024}, {"num_ctx": 1024, "seed": 1}, {"num_ctx": 1024.0}, {"num_ctx": 2048}, {}):
            await chat(client, options=options)
        assert [load.options["num_ctx"] for load in fake.loads] == [1024, 2048, 4096]
        await chat(client, shift=False)
        assert len(fake.loads) == 4
        await chat(client, shift=False, options={"num_gpu": -1})
        assert len(fake.loads) == 4

    async def test_mapping_the_file_is_off_unless_asked_for(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        for asked in ({}, {"use_mmap": False}, {"use_mmap": True}, {}):
            await chat(client, options=asked)
        assert [load.options["use_mmap"] for load in fake.loads] == [False, True, False]

    async def test_reload_waits_for_those_who_use_it(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        gate = Gate()
        fake.next(Reply(pieces_of("one"), gate=gate))
        first = asyncio.create_task(chat(client))
        await gate.arrival()
        second = asyncio.create_task(chat(client, options={"num_ctx": 1024}))
        await fake.until(lambda: len(fake.asked) == 2)
        assert len(fake.loads) == 1
        gate.open()
        await asyncio.gather(first, second)
        assert [load.options["num_ctx"] for load in fake.loads] == [4096, 1024]

    async def test_context_is_not_larger_than_the_model(self) -> None:
        async with FakeOllama([FakeModel(context_length=2048)]) as fake, client_of(fake) as client:
            for size in (4096, 8192):
                await chat(client, options={"num_ctx": size})
        assert [load.options["num_ctx"] for load in fake.loads] == [2048]

    async def test_model_expires(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        await chat(client)
        fake.advance(seconds=301)
        last = lines(await chat(client, keep_alive=-1))[-1]
        assert last["load_duration"] == 2_000_000_000
        fake.advance(seconds=10_000_000)
        last = lines(await chat(client))[-1]
        assert last["load_duration"] < 100_000_000
        assert len(fake.loads) == 2

    async def test_too_many_models(self) -> None:
        models = [FakeModel(f"{name}:latest") for name in "abc"]
        async with FakeOllama(models, max_loaded=2) as fake, client_of(fake) as client:
            for name, keep in (("a", "1m"), ("b", "9m"), ("c", "9m")):
                await chat(client, model=name, keep_alive=keep)
        assert fake.scheduler.unloads[:1] == ["a:latest"]

    async def test_load_is_aborted_with_its_request(self, fake: FakeOllama) -> None:
        gate = fake.scheduler.gate = Gate()
        async with client_of(fake) as client:
            loading = asyncio.create_task(chat(client))
            await gate.arrival()
            loading.cancel()
            await asyncio.wait([loading])
            await fake.until(lambda: fake.cancelled)
        assert fake.scheduler.aborted == fake.cancelled == [0]
        assert fake.loads == []

    async def test_503_only_while_it_loads(self) -> None:
        async with FakeOllama(max_queue=2) as fake, client_of(fake) as client:
            gate = fake.scheduler.gate = Gate()
            tasks = [asyncio.create_task(chat(client))]
            await gate.arrival()
            tasks += [asyncio.create_task(chat(client)) for _ in range(2)]
            await fake.until(lambda: fake.scheduler.pending == 2)
            response = await chat(client)
            assert response.status_code == 503
            assert response.text == ('{"error":"server busy, please try again.  maximum pending requests exceeded"}')
            gate.open()
            assert [answer.status_code for answer in await asyncio.gather(*tasks)] == [200] * 3
            # From now on any number may wait.
            slow = Gate()
            fake.next(Reply(pieces_of("one"), gate=slow))
            tasks = [asyncio.create_task(chat(client)) for _ in range(20)]
            await fake.until(lambda: len(fake.asked) == 24)
            slow.open()
            assert {answer.status_code for answer in await asyncio.gather(*tasks)} == {200}

    @pytest.mark.parametrize("parallel", [1, 2, 3])
    async def test_slots(self, parallel: int) -> None:
        async with FakeOllama(parallel=parallel) as fake, client_of(fake) as client:
            await chat(client, messages=[])
            gate = Gate()
            fake.next(*(Reply(pieces_of("x"), gate=gate) for _ in range(5)))
            tasks = [asyncio.create_task(chat(client)) for _ in range(5)]
            (loaded,) = fake.scheduler.running()
            await fake.until(lambda: loaded.users == 5)
            await gate.arrival(parallel)
            assert gate.waiting == parallel
            gate.open()
            await asyncio.gather(*tasks)
        assert fake.cancelled == []

    async def test_failing_load(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        fake.scheduler.fault = Fault(500, NEVER_RAN)
        response = await chat(client)
        assert (response.status_code, response.json()) == (500, {"error": NEVER_RAN})


class TestServer:
    async def test_sees_the_client_go(self, fake: FakeOllama) -> None:
        gate = Gate()
        fake.next(Reply(pieces_of("one two"), gate=gate, gate_after=1))
        async with client_of(fake) as client, client.stream("POST", "/api/chat", json=HI) as response:
            await anext(response.aiter_lines())
            await gate.arrival()
        await fake.until(lambda: fake.cancelled)
        assert fake.records[0].state == "cancelled"
        assert gate.waiting == 0

    async def test_records_what_it_was_asked(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        await client.get("/api/version")
        await chat(client, messages=[])
        await chat(client)
        assert [(record.method, record.path) for record in fake.records] == [
            ("GET", "/api/version"),
            ("POST", "/api/chat"),
            ("POST", "/api/chat"),
        ]
        assert [record.id for record in fake.asked] == [2]
        assert fake.asked[0].body == HI
        assert [record.state for record in fake.records] == ["answered"] * 3

    async def test_starts_again_on_its_port(self) -> None:
        fake = FakeOllama()
        await fake.start()
        port = fake.port
        async with client_of(fake) as client:
            await chat(client)
            await fake.stop()
            await fake.stop()
            with pytest.raises(httpx.ConnectError):
                await chat(client)
            await fake.start()
            assert fake.port == port
            assert (await client.get("/api/ps")).json() == {"models": []}
        await fake.stop()

    async def test_breaks_connections_when_it_stops(self, fake: FakeOllama, client: httpx.AsyncClient) -> None:
        gate = fake.gate = Gate()
        asking = asyncio.create_task(chat(client))
        await gate.arrival()
        await fake.stop()
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await asking

    def test_runs_in_a_thread(self) -> None:
        with BackgroundOllama() as background, httpx.Client(base_url=background.url, trust_env=False) as client:
            background.call(background.fake.next, "Hi")
            response = client.post("/api/chat", json={**HI, "stream": False})
            assert response.json()["message"]["content"] == "Hi"
            background.call(background.fake.stop)
            with pytest.raises(httpx.TransportError):
                client.get("/")
            background.call(background.fake.start)
            assert client.get("/").text == "Ollama is running"

    def test_runs_as_a_process(self) -> None:
        command = [sys.executable, "-m", "tests.fake_ollama", "--model", "m"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            models = httpx.get(f"{url}/api/tags", trust_env=False).json()["models"]
            process.terminate()
        assert [model["name"] for model in models] == ["m:latest"]

"""Ollama's interface over a model of ours: by the real client of Ollama, and by bare HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import httpx
import pytest

from brains.errors import ModelBusy, ModelNotInstalled, ModelRefused, ModelUnavailable, PromptTooLong
from brains.models.ollama import OllamaModel
from brains.models.scripted import ScriptedModel
from brains.models.wire_http import MOST_BODY
from brains.models.wire_server import Facts, WireServer
from brains.questions import ModelReply, ModelRequest, TokenChoice

LABEL = ModelRequest(way="completion", prompt="a bear -> danger\na lamb -> safe\na wolf ->", top_logprobs=20, name="p")
CHAT = ModelRequest(way="chat", messages=(("user", "Danger or safe?"),), max_tokens=4, top_logprobs=5, name="p")
TEXT = ModelRequest(way="text", messages=(("system", "Be brief."), ("user", "Say hello.")), max_tokens=20, name="p")
SCHEMA = ModelRequest(
    way="schema",
    messages=(("user", "Where to?"),),
    schema={"type": "object", "properties": {"to": {"enum": ["gate", "wall"]}}, "required": ["to"]},
    max_tokens=30,
    name="p",
)


async def test_another_model_than_the_one_served_is_not_to_be_pulled(server: WireServer) -> None:
    """`ollama pull` would not bring it: what is served is said, and how to ask for it."""
    model = OllamaModel("llama3.2", host=server.url)
    with pytest.raises(ModelNotInstalled) as caught:
        await model.start()
    await model.close()
    assert str(caught.value) == (
        f"there is no model 'llama3.2' at {server.url}: the `brains model serve` there serves 'tiny'. Ask for that "
        "with `--model ollama:tiny`, or serve another one with `brains model serve --model embedded:FILE.gguf`"
    )


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop run until this is so."""
    while not condition():  # noqa: ASYNC110 (the server tells nobody of it)
        await asyncio.sleep(0)


def _cancelled(scripted: ScriptedModel, number: int) -> bool:
    return len(scripted.cancelled) == number


@pytest.fixture
def scripted() -> ScriptedModel:
    return ScriptedModel(name="tiny")


@pytest.fixture
async def server(scripted: ScriptedModel) -> AsyncIterator[WireServer]:
    server = WireServer(scripted, await scripted.start(), Facts("llama", "135M", 98_000_000))
    await server.start()
    yield server
    await server.close()


@pytest.fixture
async def model(server: WireServer) -> AsyncIterator[OllamaModel]:
    model = OllamaModel("tiny", host=server.url)
    await model.start()
    yield model
    await model.close()


@pytest.fixture
async def http(server: WireServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        yield client


async def test_ollamas_client_finds_the_model(server: WireServer, scripted: ScriptedModel) -> None:
    model = OllamaModel("tiny", host=server.url)
    info = await model.start()
    assert info.ways == {"completion", "chat", "schema", "text"}
    assert info.label_way == "completion"  # a model of 135 million parameters
    assert info.context == 4096
    assert info.digest == (await scripted.start()).digest
    await model.close()


async def test_labels_come_with_their_probabilities(model: OllamaModel, scripted: ScriptedModel) -> None:
    for request in (LABEL, CHAT):
        scripted.answers = lambda request: {"danger": 0.7, "safe": 0.2}
        reply = await model.generate(request)
        lead = " " if request.way == "completion" else ""
        assert [token for token, _ in reply.tokens[0].top] == [f"{lead}danger", f"{lead}safe", f"{lead}the"]
        assert reply.done_reason == "length"
        assert reply.output_tokens == 1
        asked = scripted.requests[-1]
        assert (asked.way, asked.prompt, asked.messages) == (request.way, request.prompt, request.messages)
        assert (asked.max_tokens, asked.top_logprobs) == (request.max_tokens, request.top_logprobs)


async def test_text_is_streamed_and_objects_are_whole(model: OllamaModel, scripted: ScriptedModel) -> None:
    pieces: list[str] = []
    scripted.answers = lambda request: "Good day to you"
    reply = await model.generate(TEXT, pieces.append)
    assert (reply.text, pieces) == ("Good day to you", ["Good", " day", " to", " you"])
    assert scripted.requests[-1].messages == TEXT.messages
    scripted.answers = None
    assert json.loads((await model.generate(SCHEMA)).text) in ({"to": "gate"}, {"to": "wall"})
    assert scripted.requests[-1].schema == SCHEMA.schema
    assert scripted.requests[-1].options == {}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (PromptTooLong("9000 tokens"), PromptTooLong),
        (ModelRefused("no"), ModelRefused),
        (ModelBusy("later"), ModelBusy),
        (ModelUnavailable("it died"), ModelUnavailable),
    ],
)
async def test_errors_are_told_as_ollama_tells_them(
    model: OllamaModel, scripted: ScriptedModel, error: Exception, kind: type[Exception]
) -> None:
    scripted.answers = lambda request: error
    for request in (LABEL, TEXT):
        with pytest.raises(kind):
            await model.generate(request)


async def test_a_client_that_goes_stops_the_model(model: OllamaModel, scripted: ScriptedModel) -> None:
    scripted.gate = asyncio.Event()
    for number, request in enumerate((LABEL, TEXT), start=1):
        task = asyncio.create_task(model.generate(request))
        await scripted.asked(number)
        task.cancel()
        await until(partial(_cancelled, scripted, number))
    scripted.gate.set()
    assert (await model.generate(LABEL)).text


async def test_closing_stops_what_is_asked(server: WireServer, model: OllamaModel, scripted: ScriptedModel) -> None:
    scripted.gate = asyncio.Event()
    task = asyncio.create_task(model.generate(LABEL))
    await scripted.asked()
    await server.close()
    with pytest.raises(ModelUnavailable):
        await task
    assert scripted.cancelled
    await server.close()


async def test_other_clients_get_what_ollama_gives_them(http: httpx.AsyncClient, scripted: ScriptedModel) -> None:
    assert (await http.get("/")).text == "Ollama is running"
    head = await http.head("/api/version")
    assert (head.status_code, head.content) == (200, b"")
    assert "version" in (await http.get("/api/version")).json()
    assert (await http.get("/api/tags")).json()["models"][0]["name"] == "tiny:latest"
    assert (await http.get("/api/ps")).json()["models"][0]["context_length"] == 4096
    scripted.answers = lambda request: "Hello there"
    body = {"model": "tiny:latest", "messages": [{"role": "USER", "content": "Hi"}], "stream": False}
    whole = (await http.post("/api/chat", json=body)).json()
    assert whole["message"] == {"role": "assistant", "content": "Hello there"}
    assert (whole["done"], whole["done_reason"], whole["eval_count"]) == (True, "stop", 2)
    plain = (
        await http.post("/api/generate", json={"model": "tiny", "prompt": "Hi", "system": "S", "stream": False})
    ).json()
    assert plain["response"] == "Hello there"
    assert scripted.requests[-1].messages == (("system", "S"), ("user", "Hi"))
    loaded = (await http.post("/api/generate", json={"model": "tiny"})).json()
    assert (loaded["done"], loaded["done_reason"]) == (True, "load")
    gone = (await http.post("/api/chat", json={"model": "tiny", "keep_alive": 0})).json()
    assert gone["done_reason"] == "unload"


async def test_json_without_a_schema_is_any_object(http: httpx.AsyncClient, scripted: ScriptedModel) -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], "format": "json"}
    assert (await http.post("/api/chat", json=body)).status_code == 200
    assert scripted.requests[-1].schema == {"type": "object"}


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("/api/chat", b"", 400, "missing request body"),
        ("/api/chat", b"{", 400, "invalid JSON"),
        ("/api/chat", b"[" * 100_000, 400, "cannot unmarshal"),
        ("/api/chat", b'{"model":"tiny","a":' + b"[" * 100_000, 400, "invalid JSON"),
        ("/api/chat", b"[]", 400, "cannot unmarshal"),
        ("/api/chat", {"messages": [{"role": "user", "content": "a"}]}, 400, "model is required"),
        ("/api/chat", {"model": "huge"}, 404, "model 'huge' not found"),
        ("/api/show", {"model": "huge"}, 404, "model 'huge' not found"),
        ("/api/chat", {"messages": "a"}, 400, "messages"),
        ("/api/chat", {"top_logprobs": 21, "logprobs": True}, 400, "top_logprobs must be between 0 and 20"),
        ("/api/chat", {"format": 3}, 500, "invalid format"),
        ("/api/chat", {"options": {"num_ctx": "a"}}, 500, 'option "num_ctx" must be of type integer'),
        ("/api/chat", {"options": {"temperature": "a"}}, 500, 'option "temperature" must be of type float32'),
        ("/api/chat", {"options": 3}, 400, "options"),
        ("/api/chat", {"options": []}, 400, "$.options"),
        ("/api/chat", {"options": {"stop": "x"}}, 500, 'option "stop" must be of type array'),
        ("/api/chat", {"options": {"stop": [1]}}, 500, 'option "stop" must be of an array of strings'),
        ("/api/chat", {"options": {"use_mmap": 1}}, 500, 'option "use_mmap" must be of type boolean'),
        (
            "/api/chat",
            {"options": {"frequency_penalty": "a"}},
            500,
            'option "frequency_penalty" must be of type float32',
        ),
        ("/api/chat", {"think": True}, 400, '"tiny" does not support thinking'),
        ("/api/chat", {"think": "hard"}, 400, 'invalid think value: "hard"'),
        ("/api/chat", {"think": 1}, 400, "think must be a boolean or string"),
        ("/api/chat", {"messages": {}}, 400, "$.messages"),
        ("/api/chat", {"messages": [{"content": 5}]}, 400, "$.messages[0].content"),
        ("/api/chat", {"messages": [{"role": 5}]}, 400, "$.messages[0].role"),
        ("/api/chat", {"messages": [{"images": ["aGk="]}]}, 400, "does not support images"),
        ("/api/chat", {"model": 1}, 400, "$.model"),
        ("/api/chat", {"stream": 0}, 400, "$.stream"),
        ("/api/chat", {"logprobs": 1}, 400, "$.logprobs"),
        ("/api/chat", {"top_logprobs": 2.5}, 400, "$.top_logprobs"),
        ("/api/chat", {"truncate": "no"}, 400, "$.truncate"),
        ("/api/chat", {"keep_alive": "1d"}, 400, 'invalid duration "1d"'),
        ("/api/chat", {"keep_alive": True}, 400, "keep_alive must be seconds"),
        ("/api/chat", {"tools": [{}]}, 400, "registry.ollama.ai/library/tiny:latest does not support tools"),
        ("/api/generate", {"prompt": "x", "suffix": "y"}, 400, "does not support insert"),
        ("/api/generate", {"prompt": "x", "raw": True, "system": "y"}, 400, "raw mode does not support template"),
        ("/api/generate", b"{}", 404, "model '' not found"),
        ("/api/pull", {}, 404, "404 page not found"),
        ("/api/tags", {}, 405, "405 method not allowed"),
    ],
)
async def test_what_ollama_refuses_is_refused(
    http: httpx.AsyncClient, path: str, body: Any, status: int, says: str
) -> None:
    if isinstance(body, dict) and not says.startswith("model"):
        body = {"model": "tiny", "messages": [{"role": "user", "content": "a"}], **body}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = await http.post(path, content=content)
    assert response.status_code == status
    assert says in (response.json()["error"] if response.text.startswith("{") else response.text)
    # And the connection is still good.
    assert (await http.get("/api/version")).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("127.0.0.1:11434", 200), ("[::1]:1", 200), ("a.localhost:1", 200), ("evil.example", 403)],
)
async def test_a_web_page_of_another_name_is_shut_out(http: httpx.AsyncClient, host: str, status: int) -> None:
    assert (await http.get("/", headers={"Host": host})).status_code == status


async def test_a_body_that_is_too_large_is_refused(http: httpx.AsyncClient) -> None:
    response = await http.post("/api/chat", content=b" " * (MOST_BODY + 1))
    assert response.status_code == 413


@pytest.mark.parametrize("said", [b"\x16\x03\x01 hello\r\n\r\n", b"GET /api/version HTTP/1.1\r\n\r\n"])
async def test_what_is_not_http_is_told_so(server: WireServer, said: bytes) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(said)
    assert (await reader.read()).startswith(b"HTTP/1.1 400 Bad Request\r\n")
    writer.close()


@pytest.mark.parametrize("page", ["http://localhost:8060", "https://127.0.0.1", "tauri://localhost"])
async def test_pages_of_this_machine_may_ask(http: httpx.AsyncClient, page: str) -> None:
    wanted = {"Origin": page, "Access-Control-Request-Method": "POST"}
    allowed = await http.options("/api/chat", headers=wanted)
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (204, page)
    assert "POST" in allowed.headers["access-control-allow-methods"]
    assert "content-length" not in allowed.headers
    answered = await http.get("/api/tags", headers={"Origin": page})
    assert (answered.status_code, answered.headers["access-control-allow-origin"]) == (200, page)


@pytest.mark.parametrize("page", ["https://evil.example", "http://localhost.evil.example", "null"])
async def test_other_pages_cannot_make_the_model_work(
    http: httpx.AsyncClient, scripted: ScriptedModel, page: str
) -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]}
    assert (await http.post("/api/chat", json=body, headers={"Origin": page})).status_code == 403
    assert scripted.requests == []


@pytest.mark.parametrize("name", ["tiny", " TINY:latest", "library/tiny", "registry.ollama.ai/library/tiny:latest"])
async def test_all_names_of_the_model_are_known(http: httpx.AsyncClient, name: str) -> None:
    assert (await http.post("/api/show", json={"name": name})).status_code == 200
    assert (await http.post("/api/chat", json={"model": name})).json()["model"] == name


@pytest.mark.parametrize(("top", "shown"), [(None, 0), (0, 0), (1, 1), (2, 2)])
async def test_as_many_alternatives_come_as_were_asked_for(
    http: httpx.AsyncClient, scripted: ScriptedModel, top: int | None, shown: int
) -> None:
    scripted.answers = lambda request: {"danger": 0.7, "safe": 0.2}
    body = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], "logprobs": True, "top_logprobs": top}
    whole = (await http.post("/api/chat", json={**body, "stream": False})).json()
    assert len(whole["logprobs"][0].get("top_logprobs", [])) == shown
    # In a chat they come before the metrics.
    keys = list(whole)
    assert keys.index("logprobs") == keys.index("done_reason") + 1 < keys.index("total_duration")


async def test_null_is_nothing(http: httpx.AsyncClient, scripted: ScriptedModel) -> None:
    nothing = dict.fromkeys(("stream", "format", "keep_alive", "think", "logprobs", "top_logprobs", "tools"))
    body = {**nothing, "model": "tiny", "messages": [None, {"role": None, "content": "Hi"}]}
    assert (await http.post("/api/chat", json={**body, "options": {"num_predict": None}})).status_code == 200
    assert scripted.requests[-1].messages == (("", ""), ("", "Hi"))


@pytest.mark.parametrize(("keep_alive", "reason"), [(0, "unload"), ("0", "unload"), ("0s", "unload"), ("5m", "load")])
async def test_an_empty_request_is_a_load(http: httpx.AsyncClient, keep_alive: Any, reason: str) -> None:
    for path in ("/api/chat", "/api/generate"):
        answer = await http.post(path, json={"model": "tiny", "keep_alive": keep_alive, "format": "xml"})
        assert answer.json()["done_reason"] == reason


async def test_a_raw_prompt_is_held_to_a_schema_too(http: httpx.AsyncClient, scripted: ScriptedModel) -> None:
    body = {"model": "tiny", "prompt": "x", "raw": True, "format": SCHEMA.schema}
    assert (await http.post("/api/generate", json=body)).status_code == 200
    asked = scripted.requests[-1]
    assert (asked.way, asked.prompt, asked.schema) == ("schema", "x", SCHEMA.schema)


async def test_a_wrong_method_is_told_the_right_one(http: httpx.AsyncClient) -> None:
    assert (await http.get("/api/chat")).headers["allow"] == "POST"
    assert (await http.post("/api/tags", json={})).headers["allow"] == "HEAD, GET"


async def test_two_requests_on_one_connection_without_waiting(server: WireServer) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    request = f"GET /api/version HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    writer.write(request * 2)
    for _ in range(2):
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK")
        await reader.readexactly(len(b'{"version":"0.33.0","server":"brains"}'))
    writer.close()


async def test_a_token_of_half_a_letter_passes(model: OllamaModel, scripted: ScriptedModel) -> None:
    half = TokenChoice("\ud83d", -0.1, (("\ud83d", -0.1),))
    scripted.answers = lambda request: ModelReply(text="\ud83d", tokens=(half,), output_tokens=1)
    assert (await model.generate(LABEL)).tokens[0].logprob == -0.1

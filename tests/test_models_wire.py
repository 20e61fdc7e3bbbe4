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
        ("/api/chat", b"[" * 100_000, 400, "invalid JSON"),
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
        ("/api/chat", {"think": True}, 400, '"tiny" does not support thinking'),
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


async def test_what_is_not_http_is_hung_up_on(server: WireServer) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"\x16\x03\x01 hello\r\n\r\n")
    assert await reader.read() == b""
    writer.close()


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

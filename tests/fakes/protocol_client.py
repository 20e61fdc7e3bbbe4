"""A small game that follows protocol 1 to the letter, or breaks one rule of it if a test says so."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from brains.variant import to_bytes

Json = dict[str, Any]

ACTIONS = [
    {
        "name": "Walk",
        "params": {
            "type": "object",
            "properties": {"to": {"type": "string"}, "speed": {"type": "number", "minimum": 0, "maximum": 5}},
            "required": ["to"],
        },
    },
    {"name": "Wave", "params": {"type": "object", "properties": {}}},
    {"name": "Fly", "params": {}},
]
"""Walk lasts until it is cancelled, Wave ends at once, Fly is never available."""
TYPES: Json = {"string": str, "number": (int, float), "object": dict}
NEVER_AGAIN = (4401, 4406, 4413)


class ProtocolClient:
    """Two agents, who do what they are told.

    Args:
        url: where the server is.
        faults: rules to break, by name; see the uses of `_does`.
        period: seconds between two snapshots.
        token: for hello.
    """

    def __init__(self, url: str, *faults: str, period: float = 0.01, token: str | None = None) -> None:
        self.faults = set(faults)
        self.used: set[str] = set()
        self._url = url
        self._period = period
        self._token = token
        self._ids = ["a", "b"]
        self._variant = False
        self._started = 0.0
        self._last_due = 0.0
        self._session: Json | None = None
        self._forget()

    def _forget(self) -> None:
        """Begin a new session."""
        self._seq = 0
        self._known: dict[str, Json] = {}
        """Orders by id, with their `status`."""
        self._applied: dict[str, float] = {}

    def _does(self, fault: str) -> bool:
        """Tell whether to break a rule here."""
        if fault in self.faults:
            self.used.add(fault)
            return True
        return False

    async def play(self) -> None:
        """Connect, and connect again, until the server says never again."""
        self._started = asyncio.get_running_loop().time()
        while True:
            try:
                async with connect(self._url, proxy=None, compression=None) as socket:
                    await self._connection(socket)
                    code = socket.close_code
            except OSError:
                code = None
            if code in NEVER_AGAIN and not self._does("comes back after 4401"):
                return
            if self._does("never comes back"):
                return
            await asyncio.sleep(0.01)

    async def _connection(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._unanswered: dict[float, float] = {}
        self._woken: set[str] = set()
        self._ok: list[str] = []
        self._events: list[Json] = []
        snapshots: asyncio.Task[None] | None = None
        with contextlib.suppress(ConnectionClosed):
            try:
                await self._hello()
                async for frame in socket:
                    message = json.loads(frame)
                    await self._take(message)
                    if message["type"] == "agents_ack" and snapshots is None:
                        snapshots = asyncio.create_task(self._show())
                    if message["type"] in ("dance", "ping") and self._does(f"closes at {message['type']}"):
                        return
            finally:
                if snapshots is not None:
                    snapshots.cancel()
                    await asyncio.gather(snapshots, return_exceptions=True)

    async def _send(self, **message: Any) -> None:
        await self._socket.send(json.dumps(message))

    async def _hello(self) -> None:
        if self._does("says no hello"):
            await self._send(type="snapshot", seq=1, time_ms=0)
        hello: Json = {"protocol": 1, "client": {"name": "test"}, "limits": {"max_message_bytes": 1 << 20}}
        hello["features"] = ["telepathy", "variant"]
        if self._does("speaks version 2"):
            hello |= {"protocol": 2, "min_protocol": 2}
        if self._does("has a small buffer"):
            hello["limits"] = {"max_message_bytes": 100}
        if self._session is not None and not self._does("forgets its session"):
            resume = "old" if self._does("keeps an old secret") else self._session["resume"]
            hello["session"] = {"id": self._session["id"], "resume": resume}
        if self._token is not None:
            hello["token"] = self._token
        await self._send(type="hello", **hello)

    async def _agents(self) -> None:
        actions = [] if self._does("declares nothing") else ACTIONS
        if self._does("declares a list as params"):
            actions = [{"name": "Walk", "params": {"type": "array"}}]
        add = [{"id": id, "brain": "guard", "actions": actions} for id in self._ids]
        await self._send(type="agents", epoch=2, add=add, remove=[])

    async def _take(self, message: Json) -> None:
        match message["type"]:
            case "welcome":
                await self._welcomed(message)
            case "agents_ack":
                self._ok = self._ids if self._does("ignores a refusal") else message["ok"]
            case "actions":
                await self._apply(message)
            case "wake":
                self._woken.update(set(message["agents"]) & set(self._ok))
            case "ping":
                if not self._does("answers no ping"):
                    await self._send(type="pong", t=message["t"])

    async def _welcomed(self, welcome: Json) -> None:
        resumed = welcome["session"]["resumed"]
        self._variant = "variant" in welcome["features"] or self._does("sends Variants to everybody")
        self._session = welcome["session"]
        if resumed and self._does("begins anew after a resume"):
            self._seq = 0
        if not resumed:
            old = self._known
            if not self._does("goes on counting"):
                self._forget()
            if self._does("reports old orders"):
                self._known = old
                resumed = True
        if not (resumed and self._does("sends no agents after a resume")):
            await self._agents()
        if resumed and not self._does("reports nothing after a resume"):
            for order in self._known.values():
                await self._report(order, order["status"])

    async def _show(self) -> None:
        """Send snapshots."""
        with contextlib.suppress(ConnectionClosed):
            turn = 0
            while True:
                await asyncio.sleep(self._period)
                if self._unanswered and not self._does("does not wait for answers"):
                    continue
                turn += 1
                await self._snapshot(turn)

    async def _snapshot(self, turn: int) -> None:
        self._seq += 2 if self._does("skips numbers") else 1
        now = self._now()
        if self._does("sends old snapshots"):
            now = self._last_due = self._last_due + self._period * 1000
        due = {self._ok[turn % len(self._ok)]} if self._ok else set()
        due = due - self._woken if self._does("sleeps on") else due | self._woken
        self._woken = set()
        agents: Json = {id: {"me": {"hp": 100}, "available": ["Walk", "Wave"]} for id in due}
        if self._does("forgets me"):
            agents = {id: {"obs": {"hp": 100}} for id in due}
        if self._does("invents agents"):
            agents["ghost"] = {"me": {}}
        self._unanswered[self._seq] = now
        time = -now if self._does("goes back in time") else now
        epoch = 1 if self._does("forgets the epoch") else 2
        events = [{"name": "tock", "time_ms": now}]
        message = {"type": "snapshot", "seq": self._seq, "epoch": epoch, "time_ms": time, "agents": agents}
        message["events"] = events
        text = json.dumps(message)
        if self._does("writes nan"):
            text = text.replace("100", "nan")
            await self._socket.send(text)
        elif self._does("sends pieces"):
            await self._socket.send([text[:10], text[10:]])
        else:
            await self._socket.send(to_bytes(message) if self._variant else text)

    def _now(self) -> float:
        return round((asyncio.get_running_loop().time() - self._started) * 1000, 3)

    async def _apply(self, message: Json) -> None:
        for id in message["cancel"]:
            await self._cancel(id)
        for entry in message["actions"]:
            await self._order(entry, message)
        self._unanswered.pop(message["snapshot"], None)

    async def _cancel(self, id: str) -> None:
        order = self._known.get(id)
        if order is None:
            if self._does("reports unknown cancels"):
                await self._send(type="action_result", agent="a", id=id, status="cancelled")
        elif order["status"] == "running" and not self._does("ignores cancels"):
            await self._report(order, "cancelled")

    async def _order(self, entry: Json, message: Json) -> None:
        known = self._known.get(entry["id"])
        if known is not None and not self._does("does things twice"):
            if not self._does("is silent about what it knows"):
                await self._report(known, known["status"])
            return
        refusal = self._refusal(entry, message)
        if refusal is not None:
            await self._report(entry, *refusal)
            return
        if self._does("reports nothing"):
            return
        self._known[entry["id"]] = entry
        self._applied[entry["agent"]] = message["snapshot"]
        await self._report(entry, "running" if entry["name"] == "Walk" else "success")

    def _refusal(self, entry: Json, message: Json) -> tuple[str, str] | None:
        """Return status and code with which an action is dropped."""
        sent = self._unanswered.get(message["snapshot"])
        age = 0.0 if sent is None else self._now() - sent
        action = next((one for one in ACTIONS if one["name"] == entry["name"]), None)
        rules = (
            ("agent", entry["agent"] not in self._ok, "rejected", "unknown_agent"),
            ("name", action is None, "rejected", "unknown_action"),
            ("mask", entry["name"] == "Fly", "rejected", "action_not_available"),
            ("params", action is not None and not _fits(entry["params"], action["params"]), "rejected", "bad_params"),
            ("epoch", message["epoch"] != 2, "expired", "stale"),
            ("order", message["snapshot"] < self._applied.get(entry["agent"], 0), "expired", "stale"),
            ("age", entry.get("ttl_ms") is not None and age > entry["ttl_ms"], "expired", "stale"),
        )
        for rule, broken, status, code in rules:
            if broken and not self._does(f"does not check {rule}"):
                return status, code
        return None

    async def _report(self, order: Json, status: str, code: str = "") -> None:
        order["status"] = status
        await self._send(type="action_result", agent=order["agent"], id=order["id"], status=status, code=code)


def _fits(params: Json, schema: Any) -> bool:
    known = schema.get("properties", {})
    typed = all(isinstance(value, TYPES[known[name]["type"]]) for name, value in params.items() if name in known)
    return typed and set(schema.get("required", ())) <= set(params)

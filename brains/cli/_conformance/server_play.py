"""Checks of a server: snapshots and their answers, results, and frames that are none."""

from __future__ import annotations

from brains.cli._conformance.checks import Skip, expect
from brains.cli._conformance.player import Player, Visit, server_checks
from brains.cli._conformance.server_start import closed
from brains.messages import Actions, ErrorMessage
from brains.variant import to_bytes

__all__: list[str] = []

MANY = 20
LARGEST = 64 * 1024 * 1024
"""A server that takes more than that in one frame is not tried out."""


@server_checks("snapshot.answered", "each snapshot is answered by one actions, with the same epoch")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.enter("a")
        for _ in range(5):
            answer = await game.tick("a")
            expect(answer.epoch == game.epoch, f"epoch {game.epoch}", answer.epoch)
        await game.alive()
        expect(game.wire.take(Actions) is None, "one answer each", "more")
        return "5 of 5"


@server_checks("snapshot.empty", "a snapshot without agents is answered")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.greet()
        answer = await game.tick()
        expect(not answer.actions, "no actions", answer.actions)
        return "answered"


@server_checks("snapshot.burst", f"{MANY} snapshots sent at once are all answered, in order")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.enter("a")
        sent = [await game.show("a") for _ in range(MANY)]
        answers = [await game.get(Actions, f"{MANY} answers") for _ in sent]
        got = [answer.snapshot for answer in answers]
        expect(got == sent, f"answers to 1 to {MANY}", got)
        return f"{MANY} of {MANY}"


@server_checks("snapshot.seq", "the numbers of answers grow by one, from 1")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.enter("a")
        got = [(await game.tick("a")).seq for _ in range(5)]
        expect(got == [1, 2, 3, 4, 5], "1, 2, 3, 4, 5", got)
        return "1 to 5"


@server_checks("snapshot.float", "counts may be written as 1.0, and null where something is absent")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.enter("a")
        parts = {"a": {"me": visit.me, "available": None, "extra": 1}}
        answer = await game.tick(seq=7.0, epoch=float(game.epoch), frame=9.0, agents=parts, base=3)
        return f"answer to {answer.snapshot}"


@server_checks("snapshot.old", "a snapshot whose number does not grow is an error stale, and is answered")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.enter("a")
        await game.tick("a", seq=5)
        await game.tick("a", seq=5)
        await game.error("stale")
        await game.tick("a", seq=6)
        return "error stale, answered"


@server_checks("snapshot.epoch", "a snapshot of an older epoch is an error stale, and is answered")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.enter("a")
        old, game.epoch = game.epoch, game.epoch + 1
        await game.add("a")
        answer = await game.tick("a", epoch=old)
        expect(not answer.actions, "no actions", answer.actions)
        await game.error("stale")
        answer = await game.tick("a")
        expect(answer.epoch == game.epoch, f"epoch {game.epoch}", answer.epoch)
        return "error stale, answered"


@server_checks("snapshot.stranger", "an unknown agent is an error unknown_agent, and the snapshot is answered")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.enter("a")
        await game.tick("a", "stranger")
        await game.error("unknown_agent")
        return "error unknown_agent, answered"


@server_checks("snapshot.bad_field", "a snapshot without time_ms is an error bad_field, and is answered")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.enter("a")
        seq = await game.show("a", time_ms=None)
        await game.error("bad_field")
        await game.answer(seq)
        return "error bad_field, answered"


_BROKEN = {
    "control_character": ("a raw control character", '"a\x01b"'),
    "nan": ("nan", "nan"),
    "overflow": ("1e99999", "1e99999"),
    "vertical_tab": ("the escape \\v", '"a\\vb"'),
}


def _broken(name: str, what: str, value: str) -> None:
    @server_checks(f"snapshot.{name}", f"a snapshot with {what} is an error bad_message, and is answered")
    async def _(visit: Visit) -> str:
        async with visit.player() as game:
            await game.enter("a")
            text = (
                f'{{"type":"snapshot","seq":1,"epoch":{game.epoch},"time_ms":1,"world":{{"x":{value}}},"agents":{{}}}}'
            )
            await game.wire.send(text)
            await game.error("bad_message")
            await game.answer(1)
            game.seq = 1
            await game.tick("a")
            return "error bad_message, answered"


for _name, (_what, _value) in _BROKEN.items():
    _broken(_name, _what, _value)


def _refused(name: str, what: str, frame: str | bytes, code: str) -> None:
    @server_checks(f"frame.{name}", f"{what} is an error {code}, and the session goes on")
    async def _(visit: Visit) -> str:
        async with visit.player() as game:
            await game.greet()
            await game.wire.send(frame)
            await game.error(code)
            await game.alive()
            return f"error {code}"


_refused("unknown_type", "an unknown type", '{"type":"dance"}', "unknown_type")
_refused("no_type", "an object without a type", "{}", "unknown_type")
_refused("list", "a list", "[]", "bad_message")
_refused("no_json", "text that is no JSON", "hello", "bad_message")
_refused("deep", "JSON that is nested too deeply", "[" * 5000, "bad_message")
_refused("binary", "a binary frame that no feature allows", b'{"type":"ping"}', "bad_message")
_refused("bad_field", "a wrong status", '{"type":"action_result","agent":"a","id":"1","status":"fine"}', "bad_field")


@server_checks("variant.snapshot", "with the feature variant, a snapshot may be a Variant, with 1.0 or 1 as counts")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await _entered_with_variants(game)
        for seq in (1, 2.0):
            parts = {"a": {"me": visit.me, "available": None}}
            message = {"type": "snapshot", "seq": seq, "epoch": game.epoch, "time_ms": 100, "agents": parts}
            await game.wire.send(to_bytes(message))
            await game.answer(int(seq))
        return "answered"


@server_checks("variant.broken", "a Variant that is cut off is an error bad_message, and is answered")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await _entered_with_variants(game)
        message = {"type": "snapshot", "seq": 1, "epoch": game.epoch, "time_ms": 100, "world": {"x": ["y"] * 9}}
        await game.wire.send(to_bytes(message)[:-16])
        await game.error("bad_message")
        await game.answer(1)
        return "error bad_message, answered"


@server_checks("variant.text", "with the feature variant, text is as good as before")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await _entered_with_variants(game)
        await game.tick("a")
        return "answered"


async def _entered_with_variants(game: Player) -> None:
    welcome = await game.greet(features=["variant"])
    if "variant" not in welcome.features:
        raise Skip("the server does not have it")
    expect(welcome.features == ["variant"], "the feature variant alone", welcome.features)
    await game.join("a")


@server_checks("frame.ping", "ping is answered by pong with the same t, before hello, too")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.alive()
        await game.greet()
        await game.alive()
        return "pong"


@server_checks("frame.error", "errors of the client are taken, known codes and others")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.greet()
        for code in ("unknown_type", "too_hot"):
            await game.wire.send({"type": "error", "code": code, "message": "!", "ref": {"type": "actions"}})
        await game.alive()
        complaint = game.wire.take(ErrorMessage)
        expect(complaint is None, "no error in return", complaint)
        return "taken"


@server_checks("frame.too_big", "a frame longer than welcome.limits: closed with 4413 or 1009")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        most = (await game.greet()).limits.get("max_message_bytes", 0)
        if not 0 < most <= LARGEST:
            raise Skip(f"max_message_bytes is {most}")
        await game.wire.send('{"type":"ping","t":0,"x":"' + "x" * most + '"}')
        return await closed(game, 4413, 1009)


@server_checks("result.unknown", "a running that nobody knows of is cancelled in the next answer, or an error")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.enter("a")
        await game.wire.send({"type": "action_result", "agent": "a", "id": "nobody#1", "status": "running"})
        answer = await game.tick("a")
        if "nobody#1" in answer.cancel:
            return "cancelled"
        await game.error("stale")
        return "error stale"


@server_checks("result.stranger", "a result of an unknown agent is an error unknown_agent")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.enter("a")
        await game.wire.send({"type": "action_result", "agent": "stranger", "id": "s#1", "status": "success"})
        await game.error("unknown_agent")
        return "error unknown_agent"


@server_checks("action.fields", "an action is for an agent of the snapshot, was declared, and has an id of its own")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.enter("a", "b")
        orders = [await game.order("a"), await game.order("b")]
        names = {action["name"] for action in visit.declared}
        for order in orders:
            expect(order.id and order.name in names, f"one of {', '.join(sorted(names))}", order)
        expect(orders[0].id != orders[1].id, "two ids", orders[0].id)
        return f"{orders[0].name} as {orders[0].id!r}, {orders[1].name} as {orders[1].id!r}"


@server_checks("action.mask", "an action that is not available is not sent")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.enter("a")
        order = await game.order("a")
        await game.wire.send({"type": "action_result", "agent": "a", "id": order.id, "status": "success"})
        others = [action["name"] for action in visit.declared if action["name"] != order.name]
        for _ in range(5):
            answer = await game.tick(agents={"a": {"me": visit.me, "available": others}})
            sent = [entry.name for entry in answer.actions]
            expect(order.name not in sent, f"no {order.name}", sent)
        return f"no {order.name}"


@server_checks("result.taken", "running, and then success of an action are taken without a word")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.enter("a")
        order = await game.order("a")
        for status in ("running", "running", "success"):
            await game.wire.send({"type": "action_result", "agent": "a", "id": order.id, "status": status})
            answer = await game.tick("a")
            expect(not answer.cancel, "no cancel", answer.cancel)
            complaint = game.wire.take(ErrorMessage, lambda one: one.code == "stale")
            expect(complaint is None, "no error", complaint)
        return f"{order.name} {order.id!r}"


@server_checks("result.riding", "results in a snapshot need no type")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.enter("a")
        order = await game.order("a")
        await game.tick("a", results=[{"agent": "a", "id": order.id, "status": "success", "time_ms": 1}])
        complaint = game.wire.take(ErrorMessage, lambda one: one.code in ("stale", "bad_field"))
        expect(complaint is None, "no error", complaint)
        return f"{order.name} {order.id!r}"

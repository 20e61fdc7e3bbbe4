"""Checks of a server: hello, and the agents."""

from __future__ import annotations

from brains.cli._conformance.checks import Skip, expect
from brains.cli._conformance.player import Player, Visit, server_checks
from brains.messages import PROTOCOL_VERSION, AgentsAck
from brains.session.limits import MIN_MESSAGE_BYTES

__all__: list[str] = []


async def closed(game: Player, *codes: int, seconds: float = 0.0) -> str:
    """Wait for a close with one of these codes."""
    expected = f"closed with {' or '.join(map(str, codes))}"
    code, _ = await game.wire.until_closed(expected, seconds or game.visit.pace.answer)
    expect(code in codes, expected, game.wire.how_closed())
    return game.wire.how_closed()


@server_checks("hello.welcome", "hello is answered by welcome with a session, limits and brains")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        welcome = await game.greet()
        expect(welcome.protocol == PROTOCOL_VERSION, f"protocol {PROTOCOL_VERSION}", welcome.protocol)
        expect(isinstance(game.session.get("id"), str) and game.session["id"], "a session.id", game.session)
        expect(game.session.get("resumed", False) is False, "resumed false", game.session)
        for limit in ("max_message_bytes", "window"):
            expect(welcome.limits.get(limit, 0) >= 1, f"limits.{limit}", welcome.limits)
        expect(welcome.features == [], "no feature that was not asked for", welcome.features)
        return f"window {welcome.limits['window']}, brains {', '.join(welcome.brains) or 'none'}"


@server_checks("hello.minimal", "hello with nothing but its version is enough")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        welcome = await game.greet(min_protocol=None, client=None, limits=None)
        return f"session {game.session.get('id')}, protocol {welcome.protocol}"


@server_checks("hello.lenient", "unknown fields and features are ignored, counts may be 1.0")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        welcome = await game.greet(protocol=1.0, features=["telepathy"], mood={"sunny": [True]}, clock={"x": None})
        expect(welcome.features == [], "no feature that nobody has", welcome.features)
        return "welcome"


@server_checks("hello.newer", "a newer client that still speaks protocol 1 is welcome")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        welcome = await game.greet(protocol=PROTOCOL_VERSION + 5)
        expect(welcome.protocol == PROTOCOL_VERSION, f"protocol {PROTOCOL_VERSION}", welcome.protocol)
        return f"protocol {welcome.protocol}"


@server_checks("hello.version", "without a common version: closed with 4406")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.say_hello(protocol=99, min_protocol=99)
        return await closed(game, 4406)


@server_checks("hello.token", "with a wrong token: closed with 4401")
async def _(visit: Visit) -> str:
    if not visit.token:
        raise Skip("give the server a token, and --token here")
    async with visit.player() as game:
        await game.say_hello(token=f"{visit.token}?")
        return await closed(game, 4401)


@server_checks("hello.limit", f"a client that takes fewer than {MIN_MESSAGE_BYTES} bytes: closed with 4413")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.say_hello(limits={"max_message_bytes": 100})
        return await closed(game, 4413)


@server_checks("hello.first", "anything before hello is an error bad_message, and hello is still welcome")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.show()
        await game.error("bad_message")
        await game.greet()
        return "error bad_message, then welcome"


@server_checks("hello.twice", "a second hello is an error bad_message, and the session goes on")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.greet()
        await game.say_hello()
        await game.error("bad_message")
        await game.alive()
        return "error bad_message"


@server_checks("agents.ok", "an agent with a brain on offer is taken")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.greet()
        ack = await game.add("a")
        why = ack.rejected[0] if ack.rejected else ack
        expect(ack.ok == ["a"], f"ok ['a'] for brain {game.brain()!r} (declare its actions with --declare)", why)
        expect(ack.epoch == game.epoch, f"epoch {game.epoch}", ack.epoch)
        return f"brain {game.brain()}"


@server_checks("agents.again", "to add an agent again changes nothing")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.enter("a")
        ack = await game.add("a")
        expect(ack.ok == ["a"] and not ack.rejected, "ok ['a']", ack)
        return "ok"


@server_checks("agents.unknown_brain", "an unknown brain is refused with unknown_brain, and the others are taken")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.enter("a")
        entries = [{"id": "b", "brain": "no such brain"}, {"id": "a", "brain": game.brain(), "actions": visit.declared}]
        ack = await game.add(add=entries)
        refused = [(one.id, one.code) for one in ack.rejected]
        expect(refused == [("b", "unknown_brain")] and ack.ok == ["a"], "b refused with unknown_brain, a taken", ack)
        return ack.rejected[0].message


@server_checks("agents.duplicate", "an id twice in one message is taken once and refused once with duplicate_agent")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.enter("a")
        ack = await game.add("b", "b")
        refused = [(one.id, one.code) for one in ack.rejected]
        expect(ack.ok == ["b"] and refused == [("b", "duplicate_agent")], "one ok, one duplicate_agent", ack)
        return ack.rejected[0].message


@server_checks(
    "agents.undeclared", "a brain that may choose an action that was not declared is refused with unknown_action"
)
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.enter("a")
        ack = await game.add(add=[{"id": "bare", "brain": game.brain(), "actions": []}])
        if ack.ok == ["bare"]:
            raise Skip("this brain needs no action")
        expect([one.code for one in ack.rejected] == ["unknown_action"], "unknown_action", ack)
        return ack.rejected[0].message


@server_checks("agents.removed", "an agent that was removed is unknown_agent in snapshots, which are answered")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.enter("a", "b")
        await game.add(remove=["a", "never there"])
        answer = await game.tick("a", "b")
        await game.error("unknown_agent")
        expect(all(entry.agent == "b" for entry in answer.actions), "nothing for a", answer)
        return "error unknown_agent"


@server_checks("agents.old_epoch", "agents of an older epoch are refused with stale")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.enter("a")
        await game.add(epoch=game.epoch + 1)
        ack = await game.add("b", epoch=game.epoch)
        expect([one.code for one in ack.rejected] == ["stale"] and not ack.ok, "b refused with stale", ack)
        expect(ack.epoch == game.epoch + 1, f"epoch {game.epoch + 1}", ack.epoch)
        return "stale"


@server_checks("agents.pieces", f"no answer is longer than the client's limit, here {MIN_MESSAGE_BYTES} bytes")
async def _(visit: Visit) -> str:
    ids = {f"agent {number} {'x' * 60}" for number in range(100)}
    async with visit.player() as game:
        await game.greet(limits={"max_message_bytes": MIN_MESSAGE_BYTES})
        entries = [{"id": id, "brain": "no such brain"} for id in sorted(ids)]
        await game.wire.send({"type": "agents", "epoch": 1, "add": entries, "remove": []})
        named: set[str] = set()
        acks = 0
        while named != ids:
            ack = await game.get(AgentsAck, f"agents_acks that name all {len(ids)} agents, and not just {len(named)}")
            acks += 1
            named.update(one.id for one in ack.rejected)
            named.update(ack.ok)
        await game.alive()
        return f"{len(ids)} agents in {acks} agents_acks"

"""Checks of a server: how sessions end, and how clients come back to them; and what can only be said of all frames."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from brains.cli._conformance.checks import Skip, expect
from brains.cli._conformance.player import MOST_TICKS, Player, Visit, server_checks
from brains.cli._conformance.server_start import closed
from brains.messages import ErrorMessage

__all__: list[str] = []


@server_checks("bye.closed", "bye is answered by a close with 1000")
async def _(visit: Visit) -> str:
    async with visit.player() as game:
        await game.greet()
        await game.wire.send({"type": "bye", "reason": "the end"})
        return await closed(game, 1000)


def _kept(old: Player) -> Player:
    """Return a player whose session the server would keep.

    Raises:
        Skip: the server does not.
    """
    if not old.session.get("resume"):
        raise Skip("the server keeps no sessions: there is no session.resume in welcome")
    return old


@contextlib.asynccontextmanager
async def _back(visit: Visit, old: Player) -> AsyncIterator[Player]:
    """Lose a connection, and come back to its session."""
    await _kept(old).wire.abort()
    async with visit.player() as game:
        await game.greet(session=old.ticket)
        expect(game.session.get("resumed") is True, "resumed true", game.session)
        game.seq, game.epoch, game._time = old.seq, old.epoch, old._time
        yield game


@server_checks("resume.kept", "a lost session can be resumed: the same id, and a new secret")
async def _(visit: Visit) -> str:
    async with visit.player() as old:
        await old.greet()
        _kept(old)
        expect(old.session.get("ttl_s", 0) > 0, "session.ttl_s above 0", old.session)
        async with _back(visit, old) as game:
            expect(game.session.get("id") == old.session["id"], f"id {old.session['id']}", game.session)
            expect(game.session.get("resume") not in (None, "", old.session["resume"]), "a new secret", game.session)
            return f"resumed, kept for {old.session['ttl_s']:g} s"


@server_checks("resume.seq", "numbers go on in a resumed session, both ways")
async def _(visit: Visit) -> str:
    async with visit.player() as old:
        await old.enter("a")
        before = [await old.tick("a") for _ in range(3)][-1]
        async with _back(visit, old) as game:
            await game.add("a")
            after = await game.tick("a")
            expect(after.seq == before.seq + 1, f"seq {before.seq + 1}", after.seq)
            complaint = game.wire.take(ErrorMessage, lambda one: one.code == "stale")
            expect(complaint is None, "no error", complaint)
            return f"seq {before.seq}, then {after.seq}"


@server_checks("resume.action", "a running action is named again with the same id after a resume")
async def _(visit: Visit) -> str:
    async with visit.player() as old:
        await old.enter("a")
        order = await old.order("a")
        await old.wire.send({"type": "action_result", "agent": "a", "id": order.id, "status": "running"})
        await old.alive()
        async with _back(visit, old) as game:
            ack = await game.add("a")
            expect(ack.ok == ["a"], "a is taken again", ack)
            await game.wire.send({"type": "action_result", "agent": "a", "id": order.id, "status": "running"})
            named: list[str] = []
            for _ in range(MOST_TICKS):
                answer = await game.tick("a")
                named += [entry.id for entry in answer.actions] + [f"cancel {id}" for id in answer.cancel]
                if order.id in named:
                    return f"{order.name} {order.id!r}"
            expect(False, f"{order.id!r} named again", ", ".join(named) or "no action at all")
            raise AssertionError


@server_checks("resume.orphan", "a running action that the server does not know is cancelled in the next answer")
async def _(visit: Visit) -> str:
    async with visit.player() as old:
        await old.enter("a")
        async with _back(visit, old) as game:
            await game.add("a")
            await game.wire.send({"type": "action_result", "agent": "a", "id": "nobody#1", "status": "running"})
            answer = await game.tick("a")
            expect("nobody#1" in answer.cancel, "cancel of 'nobody#1'", answer)
            complaint = game.wire.take(ErrorMessage)
            expect(complaint is None, "no error", complaint)
            return "cancelled"


@server_checks("resume.secret", "a wrong secret, or an old one, gets a new session")
async def _(visit: Visit) -> str:
    async with visit.player() as old:
        await old.greet()
        first = _kept(old).ticket
        async with visit.player() as game:
            await game.greet(session={**first, "resume": "a guess"})
            expect(not game.session.get("resumed"), "resumed false for a guess", game.session)
            expect(game.session.get("id") != first["id"], "another id", game.session)
        async with _back(visit, old) as game, visit.player() as late:
            # A server may take the old one until the client has shown that it has got the new one.
            await game.tick()
            await late.greet(session=first)
            expect(not late.session.get("resumed"), "resumed false for a secret that was used", late.session)
        return "new sessions"


@server_checks("resume.bye", "a session that was ended by bye cannot be resumed")
async def _(visit: Visit) -> str:
    async with visit.player() as old:
        await old.greet()
        _kept(old)
        await old.wire.send({"type": "bye"})
        await closed(old, 1000)
        async with visit.player() as game:
            await game.greet(session=old.ticket)
            expect(not game.session.get("resumed"), "resumed false", game.session)
            return "a new session"


@server_checks("resume.takeover", "a resume takes the session from a connection that is still open: 4409 for that one")
async def _(visit: Visit) -> str:
    async with visit.player() as old:
        await old.greet()
        _kept(old)
        async with visit.player() as game:
            await game.greet(session=old.ticket)
            expect(game.session.get("resumed") is True, "resumed true", game.session)
            got = await closed(old, 4409)
            await game.alive()
            return got


@server_checks("hello.timeout", "a client that says nothing is closed with 4408 after five seconds")
async def _(visit: Visit) -> str:
    wire, started = visit.mute or await visit.keep_mute()
    code, _ = await wire.until_closed("closed with 4408", visit.pace.hello + visit.pace.answer)
    after = f"{wire.how_closed()} after {wire.closed_at - started:.1f} s"
    expect(code == 4408, "closed with 4408", after)
    expect(wire.closed_at - started >= 0.9 * visit.pace.hello, f"not before {visit.pace.hello:g} s are over", after)
    return after


@server_checks("frame.whole", "no message is fragmented")
async def _(visit: Visit) -> str:
    return _none(visit, visit.record.fragmented, "unfragmented text frames")


@server_checks("frame.text", "no message is binary")
async def _(visit: Visit) -> str:
    return _none(visit, visit.record.binary, "text frames")


@server_checks("frame.limit", "no message is longer than the client's limit")
async def _(visit: Visit) -> str:
    return _none(visit, visit.record.too_long, "frames within hello.limits")


@server_checks("frame.valid", "every message is one of the protocol's, with all its fields")
async def _(visit: Visit) -> str:
    return _none(visit, visit.record.unreadable, "messages as docs/protocol/schema.json has them")


@server_checks("close.reason", "the reason of a close for an error begins with the error's code")
async def _(visit: Visit) -> str:
    bad = visit.record.bad_reasons()
    expect(not bad, "reasons such as 'hello_timeout: ...'", "; ".join(bad[:3]))
    return f"{len(visit.record.closes)} closes"


def _none(visit: Visit, faults: list[str], expected: str) -> str:
    expect(not faults, expected, f"{len(faults)} others: {'; '.join(faults[:3])}")
    return f"{visit.record.frames} frames"

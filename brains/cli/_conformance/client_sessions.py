"""Checks of a client: messages that it may not know, and how it comes back after a connection was lost."""

from __future__ import annotations

from typing import Any

from brains.cli._conformance.checks import Mismatch, Skip, expect
from brains.cli._conformance.client_actions import lasting
from brains.cli._conformance.game import Game, client_checks
from brains.messages import FEATURES, ErrorMessage, Hold, Ping, Release, Say

__all__: list[str] = []


def _tolerated(name: str, what: str, *messages: Any) -> None:
    @client_checks(f"message.{name}", f"{what}: the client goes on")
    async def _(game: Game) -> str:
        await game.here()
        agent = next(iter(game.agents))
        for message in messages:
            await game.send(message(agent) if callable(message) else message)
        await game.alive()
        return "goes on"


_tolerated("unknown_type", "a message of an unknown type", {"type": "dance", "agents": [1, None]})
_tolerated(
    "error",
    "an error that is not fatal, of a known and of an unknown code",
    ErrorMessage(code="agent_fault", message="a tree has raised", hint="see the log", ref={"agent": "nobody"}),
    ErrorMessage(code="too_hot", message="\N{FIRE}"),
)
_tolerated(
    "say",
    "speech in pieces, with text of all sorts",
    lambda agent: Say(agent=agent, id="line 1", text="Hola, ¿qué ", done=False),
    lambda agent: Say(agent=agent, id="line 1", text="tal?\n\t\x1b[31m\u2028 \N{WAVING HAND SIGN}", done=False),
    lambda agent: Say(agent=agent, id="line 1", text="", done=True),
    Say(agent="nobody of this name", id="line 2", text="Hm.", done=True),
)
_tolerated(
    "hold",
    "hold and release, also of an agent that is not there",
    lambda agent: Hold(agent=agent, reason="a breakpoint"),
    Hold(agent="nobody of this name"),
    lambda agent: Release(agent=agent),
    Release(agent="nobody of this name"),
)


@client_checks("message.unknown_fields", "unknown fields, and counts written as 1.0, are no trouble")
async def _(game: Game) -> str:
    await game.here()
    snapshot = await game.fresh()
    game.pending.remove(snapshot)
    seq = game.actions(int(snapshot.seq)).seq
    counts = {"seq": float(seq), "snapshot": float(snapshot.seq), "epoch": float(game.watch.epoch)}
    rest: dict[str, Any] = {"cancel": [], "actions": [], "busy": ["nobody"], "server_ms": 1, "mood": {"sunny": [True]}}
    await game.send({"type": "actions", **counts, **rest})
    await game.alive()
    return "the next snapshot comes"


@client_checks("message.ping", "ping is answered by pong with the same t")
async def _(game: Game) -> str:
    await game.here()
    await game.send(Ping(t=1234.5))
    await game.until(lambda: True if 1234.5 in game.pongs else None, "pong with t 1234.5")
    return "pong"


@client_checks("return.soon", "after a close with 1001 the client comes back, within ten seconds")
async def _(game: Game) -> str:
    await game.here()
    await game.leave(1001, "server stops", resuming=False)
    await game.back()
    return "hello"


@client_checks("return.session", "it comes back with the id and the newest secret of its session")
async def _(game: Game) -> str:
    await game.here()
    id, secret = game.session
    await game.leave(1001, "server stops", resuming=False)
    wish = (await game.back()).session
    expect(wish is not None, "hello.session", "none")
    assert wish is not None
    expect(wish.id == id, f"id {id!r}", wish.id)
    expect(wish.resume == secret, "the newest secret", "another one" if wish.resume else "none")
    return f"session {id}"


@client_checks("return.new", "in a new session it adds its agents again, and counts snapshots from 1")
async def _(game: Game) -> str:
    await game.here()
    before = set(game.agents)
    await game.leave(1011, "internal: a fault", resuming=False)
    await game.back()
    await game.until(lambda: game.latest if game.agents else None, "agents and a snapshot", pump=False)
    expect(set(game.agents) & before, f"some of {', '.join(sorted(before))}", ", ".join(game.agents))
    assert game.latest is not None
    expect(game.latest.seq == 1, "snapshot 1", f"{game.latest.seq:g}")
    return f"{len(game.agents)} agents"


@client_checks("return.old_actions", "in a new session it reports nothing of the old one's actions")
async def _(game: Game) -> str:
    entry = await lasting(game)
    await game.leave(1001, "server stops", resuming=False)
    await game.back()
    for _ in range(3):
        await game.alive()
    told = [one for one in game.results if one.id == entry.id]
    expect(not told, f"nothing of {entry.id!r}", told)
    return "nothing"


@client_checks("return.plain", "with a server that has no features, it does without them")
async def _(game: Game) -> str:
    await game.here()
    asked = game.features
    game.offers = ()
    try:
        await game.leave(1001, "server stops", resuming=False)
        await game.back()
        before = len(game.record.binary)
        await game.alive()
        expect(len(game.record.binary) == before, "text frames", "a binary frame")
    finally:
        game.offers = FEATURES
        await game.leave(1001, "server stops", resuming=False)
        await game.back()
    return f"without {', '.join(asked)}" if asked else "it asks for none"


async def _resumed(game: Game, how: str = "abort") -> None:
    """Lose the client, and let it have its session back.

    Raises:
        Skip: it does not want it back, which another check says.
    """
    assert game.wire is not None
    id, _ = game.session
    if how == "abort":
        game.resuming = True
        await game.wire.abort()
    else:
        await game.leave(1001, "server stops", resuming=True)
    await game.back()
    if game.session[0] != id:
        raise Skip("the client did not ask for its session")


@client_checks("resume.agents", "in a resumed session it sends all its agents again")
async def _(game: Game) -> str:
    await game.here()
    before = set(game.agents)
    await _resumed(game)
    await game.until(lambda: game.declared or None, "agents", pump=False)
    expect(set(game.agents) >= before, ", ".join(sorted(before)), ", ".join(game.agents) or "none")
    return f"{len(game.agents)} agents"


@client_checks("resume.seq", "in a resumed session the numbers of snapshots go on")
async def _(game: Game) -> str:
    await game.here()
    await game.fresh()
    last = game.watch.seq
    await _resumed(game, "close")
    snapshot = await game.fresh()
    expect(snapshot.seq > last, f"snapshot {last + 1}", f"{snapshot.seq:g}")
    return f"{last}, then {snapshot.seq:g}"


@client_checks("resume.action", "in a resumed session it reports each action that it is at as running, or how it ended")
async def _(game: Game) -> str:
    entry = await lasting(game)
    await _resumed(game)
    result = await game.result(entry.id, "running", "success", "failure", "cancelled")
    return f"{entry.name} of {entry.agent}: {result.status}"


@client_checks("resume.named", "an action that is named again after a resume goes on, and is not begun anew")
async def _(game: Game) -> str:
    entry = await lasting(game)
    await _resumed(game)
    await game.result(entry.id)
    since = len(game.results)
    await game.give(entry)
    result = await game.result(entry.id, since=since)
    expect(result.status not in ("rejected", "expired"), "running, or its end", f"{result.status} {result.code}")
    return result.status


@client_checks("resume.unanswered", "a snapshot that was unanswered at the loss is forgotten: others come")
async def _(game: Game) -> str:
    await game.here()
    await game.fresh()
    await _resumed(game)
    for _ in range(3):
        await game.alive()
    return "others come"


@client_checks("agents.refused", "an agent that is refused is in no snapshot, and the others go on")
async def _(game: Game) -> str:
    await game.here()
    if len(game.agents) < 2:
        raise Skip("there is only one agent")
    unlucky = list(game.agents)[-1]
    await game.leave(1001, "server stops", resuming=False, refuse=[unlucky])
    await game.back()
    for _ in range(5):
        await game.alive()
        assert game.latest is not None
        expect(unlucky not in game.latest.agents, f"no {unlucky!r}", ", ".join(game.latest.agents))
    return f"no {unlucky!r} in 5 snapshots"


@client_checks("close.refused", "after a close with 4401 the client does not come back by itself")
async def _(game: Game) -> str:
    await game.here()
    await game.leave(4401, "unauthorized: the token is wrong", resuming=False)
    try:
        await game.back(game.pace.patience)
    except Mismatch:
        return f"away for {game.pace.patience:g} s"
    raise Mismatch("nobody", "the client came back")

"""Checks of a client: how it says hello, what it declares, and how its snapshots come."""

from __future__ import annotations

import asyncio

from brains.cli._conformance.checks import Mismatch, Skip, expect
from brains.cli._conformance.filling import Unfillable, fill
from brains.cli._conformance.game import WINDOW, Game, client_checks
from brains.messages import Hello, Wake
from brains.session.limits import MIN_MESSAGE_BYTES

__all__: list[str] = []


async def _hello(game: Game) -> Hello:
    """Wait for the first client, and return what it says first."""
    await game.arrived()
    try:
        await game.until(
            lambda: game.hello or (game.stranger and game.said()) or None,
            "hello",
            timeout=game.pace.hello,
            pump=False,
        )
    except Mismatch as error:
        unreadable = game.record.unreadable[-1:] or [error.got]
        raise Mismatch("hello", unreadable[0]) from None
    expect(game.hello is not None, "hello", game.said())
    assert game.hello is not None
    return game.hello


@client_checks("hello.first", "the first message is hello, within five seconds")
async def _(game: Game) -> str:
    hello = await _hello(game)
    about = " ".join(str(hello.client[key]) for key in ("name", "version", "engine") if hello.client.get(key))
    return about or "hello"


@client_checks("hello.version", "hello offers protocol 1")
async def _(game: Game) -> str:
    hello = await _hello(game)
    expect(hello.min_protocol <= 1 <= hello.protocol, "min_protocol <= 1 <= protocol", game.said())
    return f"{hello.min_protocol:g} to {hello.protocol:g}"


@client_checks("hello.limit", f"hello states limits.max_message_bytes of {MIN_MESSAGE_BYTES} or more")
async def _(game: Game) -> str:
    most = (await _hello(game)).limits.max_message_bytes
    expect(most >= MIN_MESSAGE_BYTES, f"{MIN_MESSAGE_BYTES} or more", most)
    return f"{most:g} bytes"


@client_checks("hello.token", "hello has the token")
async def _(game: Game) -> str:
    hello = await _hello(game)
    if game.token is None:
        raise Skip("none is wanted; give one to both sides, here with --token")
    expect(hello.token == game.token, "the token of --token", "another one" if hello.token else "none")
    return "the right one"


@client_checks("agents.declared", "after welcome it adds at least one agent, with a brain and the actions it can do")
async def _(game: Game) -> str:
    await _hello(game)
    await game.until(lambda: game.agents or None, "agents", pump=False)
    able = [id for id, entry in game.agents.items() if entry.actions]
    expect(able, "an agent with actions", f"{len(game.agents)} agents without")
    for id, entry in game.agents.items():
        names = [action.name for action in entry.actions]
        expect(len(set(names)) == len(names), f"every action of {id!r} once", names)
    return f"{len(game.agents)} agents, {len(able)} with actions"


@client_checks("agents.params", "the params of each action are a JSON Schema of an object")
async def _(game: Game) -> str:
    await game.here()
    seen = 0
    for id, entry in game.agents.items():
        for action in entry.actions:
            seen += 1
            if not action.params:
                continue
            expect(action.params.get("type") == "object", f"type object for {action.name} of {id!r}", action.params)
            try:
                filled = fill(action.params)
            except (Unfillable, TypeError, ValueError, AttributeError) as error:
                raise Mismatch(f"a schema of {action.name} of {id!r} that can be filled", str(error)) from None
            missing = set(action.params.get("required", ())) - set(filled)
            expect(not missing, f"required values of {action.name} of {id!r} among its properties", missing)
    return f"{seen} actions"


@client_checks("flow.window", f"without an answer, no more than {WINDOW} snapshot comes")
async def _(game: Game) -> str:
    await game.here()
    await game.fresh()
    await game.quiet(game.pace.withhold)
    expect(len(game.pending) <= WINDOW, f"{WINDOW} snapshot in {game.pace.withhold:g} s", len(game.pending))
    return f"{len(game.pending)} in {game.pace.withhold:g} s"


@client_checks("flow.latest", "after an answer that was late comes one snapshot, of the time when it is sent")
async def _(game: Game) -> str:
    await game.here()
    loop = asyncio.get_running_loop()
    # How fast the game's time goes, from some snapshots that are answered at once; the first may have waited for long.
    await game.answer(await game.fresh())
    first, started = await game.fresh(), loop.time()
    for _ in range(3):
        await game.answer(await game.fresh())
    late = await game.fresh()
    speed = (late.time_ms - first.time_ms) / (loop.time() - started)
    if speed <= 0:
        raise Skip("the game's time stands still")
    await game.quiet(game.pace.withhold)
    await game.answer(late)
    newest = await game.fresh()
    await game.quiet(game.pace.quiet)
    expect(len(game.pending) == 1, "one snapshot", len(game.pending))
    passed, least = newest.time_ms - late.time_ms, 0.5 * speed * game.pace.withhold
    expect(passed >= least, f"{least:.0f} ms or more of game time since the one before", f"{passed:.0f} ms")
    return f"{passed:.0f} ms of game time later"


@client_checks("flow.events", "events that happen while an answer is late come with the next snapshot")
async def _(game: Game) -> str:
    await game.here()
    late = await game.fresh()
    await game.quiet(game.pace.withhold)
    await game.answer(late)
    newest = await game.fresh()
    meanwhile = [event for event in newest.events if event.time_ms >= late.time_ms]
    if not meanwhile:
        raise Skip("nothing has happened in that time")
    expect(newest.events_dropped == 0, "none dropped", f"{newest.events_dropped:g} dropped")
    return f"{len(meanwhile)} events"


@client_checks("flow.wake", "an agent that is woken is in the next snapshot")
async def _(game: Game) -> str:
    await game.here()
    seen = dict.fromkeys(game.agents, 0)
    for _ in range(4):
        snapshot = await game.fresh()
        for id in seen.keys() & snapshot.agents.keys():
            seen[id] += 1
        await game.answer(snapshot)
    # Whose turn comes seldom: of the others it could not be told whether they were woken.
    agent = min(seen, key=lambda id: seen[id])
    late = await game.fresh()
    await game.send(Wake(agents=[agent, "nobody of this name"]))
    await game.quiet(game.pace.quiet)
    await game.answer(late)
    newest = await game.fresh()
    expect(agent in newest.agents, f"{agent!r} in the next snapshot", ", ".join(newest.agents) or "nobody")
    return f"{agent}"


_ALWAYS = {
    "seq": "the numbers of snapshots grow by one, from 1 in a new session",
    "epoch": "snapshots are of the epoch of the last agents, which never goes back",
    "time": "game time never goes back",
    "window": f"never more than {WINDOW} snapshot is unanswered",
    "agents": "snapshots have only agents that were added and taken",
    "me": "every agent in a snapshot has its `me`",
}


def always() -> None:
    """Add the checks of what was watched all the time; they come last."""

    def add(key: str, expects: str) -> None:
        @client_checks(f"snapshot.{key}", expects)
        async def _(game: Game) -> str:
            faults = game.watch.faults[key]
            expect(not faults, "always", f"{len(faults)} times not: {'; '.join(faults[:3])}")
            return f"{game.watch.snapshots} snapshots"

    for key, expects in _ALWAYS.items():
        add(key, expects)

    @client_checks("frame.valid", "every message is one of the protocol's, and valid JSON")
    async def _(game: Game) -> str:
        return _none(game, game.record.unreadable)

    @client_checks("frame.whole", "no message is fragmented")
    async def _(game: Game) -> str:
        return _none(game, game.record.fragmented)

    @client_checks("frame.limit", "no message is longer than welcome.limits")
    async def _(game: Game) -> str:
        return _none(game, game.record.too_long)


def _none(game: Game, faults: list[str]) -> str:
    expect(not faults, "none", f"{len(faults)}: {'; '.join(faults[:3])}")
    return f"{game.record.frames} frames"

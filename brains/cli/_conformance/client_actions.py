"""Checks of a client: what it carries out, what it refuses, and what it reports."""

from __future__ import annotations

from typing import Any

from brains.cli._conformance.checks import Mismatch, Skip, expect
from brains.cli._conformance.filling import Unfillable, fill, spoil
from brains.cli._conformance.game import Game, client_checks
from brains.messages import ActionResult, ActionsEntry, DeclaredAction

__all__ = ["lasting"]

STARTED = ("running", "success", "failure", "cancelled")
ENDED = ("success", "failure", "cancelled", "rejected", "expired")
MOST_TRIED = 12


def _candidates(game: Game) -> list[tuple[str, DeclaredAction, dict[str, Any]]]:
    """Return what can be asked for now, as (agent, action, params); agents of the latest snapshot first."""
    latest = game.latest.agents if game.latest is not None else {}
    found = []
    for id in sorted(game.agents, key=lambda id: id not in latest):
        part = latest.get(id)
        mask = None if part is None else part.available
        for action in game.agents[id].actions:
            if mask is None or action.name in mask:
                try:
                    params = fill(action.params)
                except (Unfillable, TypeError, ValueError, AttributeError):
                    continue
                found.append((id, action, params))
    if not found:
        raise Skip("no agent has an action that is available")
    return found


async def _valid(game: Game, **fields: Any) -> ActionsEntry:
    await game.here()
    agent, action, params = _candidates(game)[0]
    return game.entry(agent, action.name, params, **fields)


async def lasting(game: Game) -> ActionsEntry:
    """Have something begun that does not end at once, and return it.

    Raises:
        Skip: everything ends at once.
    """
    await game.here()
    for agent, action, params in _candidates(game)[:MOST_TRIED]:
        entry = game.entry(agent, action.name, params)
        await game.give(entry)
        first = await game.result(entry.id)
        if first.status != "running":
            continue
        try:
            await game.result(entry.id, *ENDED, timeout=game.pace.quiet)
        except Mismatch:
            return entry
    raise Skip("every action ends at once")


def _refused(result: ActionResult, status: str, code: str) -> str:
    got = f"{result.status} {result.code}".strip()
    expect((result.status, result.code) == (status, code), f"{status} with code {code}", got)
    return got


@client_checks("action.begun", "a valid action is begun: running, or its end")
async def _(game: Game) -> str:
    entry = await _valid(game)
    await game.give(entry)
    result = await game.result(entry.id, *STARTED)
    expect(result.agent == entry.agent, f"agent {entry.agent!r}", result.agent)
    return f"{entry.name} of {entry.agent}: {result.status}"


@client_checks("action.no_ttl", "an action without ttl_ms is begun")
async def _(game: Game) -> str:
    entry = await _valid(game, ttl_ms=None)
    await game.give(entry)
    return (await game.result(entry.id, *STARTED)).status


@client_checks("action.undeclared", "an action that was not declared is rejected with unknown_action")
async def _(game: Game) -> str:
    entry = await _valid(game)
    entry.name = "NoSuchActionAtAll"
    await game.give(entry)
    return _refused(await game.result(entry.id), "rejected", "unknown_action")


@client_checks("action.bad_params", "values that do not fit the declared schema are rejected with bad_params")
async def _(game: Game) -> str:
    await game.here()
    for agent, action, _params in _candidates(game):
        wrong = spoil(action.params)
        if wrong is not None:
            entry = game.entry(agent, action.name, wrong)
            await game.give(entry)
            return _refused(await game.result(entry.id), "rejected", "bad_params") + f": {action.name} {wrong}"
    raise Skip("no action takes values that could be wrong")


@client_checks("action.unavailable", "an action that is not in `available` is rejected with action_not_available")
async def _(game: Game) -> str:
    await game.here()
    snapshot = await game.fresh()
    for id, part in snapshot.agents.items():
        for action in game.agents[id].actions if id in game.agents and part.available is not None else ():
            if action.name not in (part.available or ()):
                entry = game.entry(id, action.name, fill(action.params))
                await game.answer(snapshot, entry)
                return _refused(await game.result(entry.id), "rejected", "action_not_available")
    raise Skip("everything that was declared is available")


@client_checks("action.stranger", "an action for an agent that is not there is rejected with unknown_agent")
async def _(game: Game) -> str:
    entry = await _valid(game)
    entry.agent = "nobody of this name"
    await game.give(entry)
    return _refused(await game.result(entry.id), "rejected", "unknown_agent")


@client_checks("action.epoch", "actions of another epoch are expired with stale")
async def _(game: Game) -> str:
    entry = await _valid(game)
    other = game.watch.epoch - 1 if game.watch.epoch else 1
    await game.give(entry, epoch=other)
    return _refused(await game.result(entry.id), "expired", "stale")


@client_checks("action.ttl", "an action that comes later than its ttl_ms is expired with stale")
async def _(game: Game) -> str:
    entry = await _valid(game, ttl_ms=0)
    snapshot = await game.fresh(entry.agent)
    await game.quiet(game.pace.quiet)
    await game.answer(snapshot, entry)
    newest = await game.fresh()
    if newest.time_ms <= snapshot.time_ms:
        raise Skip("the game's time stands still")
    return _refused(await game.result(entry.id), "expired", "stale")


@client_checks(
    "action.overtaken", "an action for an older snapshot than the last that was obeyed is expired with stale"
)
async def _(game: Game) -> str:
    entry = await _valid(game)
    older = await game.fresh(entry.agent)
    await game.answer(older)
    await game.give(entry)
    await game.result(entry.id, *STARTED)
    late = await _valid(game)
    late.agent, late.name, late.params = entry.agent, entry.name, entry.params
    await game.send(game.actions(int(older.seq), late))
    return _refused(await game.result(late.id), "expired", "stale")


@client_checks("action.cancel", "a running action that is cancelled is reported as cancelled")
async def _(game: Game) -> str:
    entry = await lasting(game)
    await game.answer(await game.fresh(), cancel=["nobody#1", entry.id])
    result = await game.result(entry.id, *ENDED)
    expect(result.status == "cancelled", "cancelled", result.status)
    return f"{entry.name} of {entry.agent}"


@client_checks("action.cancel_first", "cancels of a message are carried out before its actions")
async def _(game: Game) -> str:
    entry = await lasting(game)
    after = game.entry(entry.agent, entry.name, entry.params)
    await game.give(after, cancel=[entry.id])
    cancelled = await game.result(entry.id, *ENDED)
    expect(cancelled.status == "cancelled", "cancelled", cancelled.status)
    begun = await game.result(after.id, *STARTED)
    expect(game.results.index(cancelled) < game.results.index(begun), "cancelled, then running", "the other way round")
    return f"cancelled, then {begun.status}"


@client_checks("action.again_running", "a running action that is named again goes on: it is reported as running again")
async def _(game: Game) -> str:
    entry = await lasting(game)
    since = len(game.results)
    await game.give(entry)
    result = await game.result(entry.id, since=since)
    expect(result.status in ("running", "success", "failure"), "running, or its end", f"{result.status} {result.code}")
    return result.status


@client_checks("action.again_ended", "an action that has ended and is named again is not begun: its end is told again")
async def _(game: Game) -> str:
    entry = await _valid(game)
    await game.give(entry)
    await game.result(entry.id)
    await game.answer(await game.fresh(), cancel=[entry.id])
    end = await game.result(entry.id, *ENDED)
    since = len(game.results)
    await game.give(entry)
    result = await game.result(entry.id, since=since)
    expect(result.status == end.status, f"{end.status} again", f"{result.status} {result.code}".strip())
    return f"{end.status}, twice"


@client_checks("action.cancel_unknown", "cancels of actions that have ended, or never were, are nothing to report")
async def _(game: Game) -> str:
    await game.here()
    since = len(game.results)
    await game.answer(await game.fresh(), cancel=["nobody#1", "nobody#2"])
    await game.alive()
    told = [one for one in game.results[since:] if one.id.startswith("nobody#")]
    expect(not told, "no result", told)
    return "nothing"

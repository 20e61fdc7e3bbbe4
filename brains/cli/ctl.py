"""`brains ctl`: one question to a running server, or one order, for scripts and for a quick look."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import click

from brains.errors import BrainsError

if TYPE_CHECKING:
    from brains.cli._debug.text import Line
    from brains.control import ControlClient

__all__ = ["command"]

EXAMPLES = """\b
Examples:
  brains ctl agents                               who is there, and what each is at
  brains ctl agents 'guard_*' --json
  brains ctl pause guard_1                        hold it; it stays held when this command has ended
  brains ctl tree guard_1
  brains ctl prompt guard_1 'Is the stranger hostile?'
  brains ctl resume guard_1                       let it go on; or: brains ctl resume --all
  brains ctl break 'guard_*:*/Respond' --timeout 60         wait until one comes there, and hold it
  brains ctl stats --json
  brains ctl servers                              the servers of yours that run

Exit code 0 if it was done, 1 if not, 2 for wrong usage. With --json, an error is an object, too:
{"error": {"kind": ..., "message": ..., "hint": ...}}.
"""

Work = Callable[["ControlClient"], Awaitable[None]]


@click.group(epilog=EXAMPLES)
def command() -> None:
    """Look at, hold and release agents of a running server, in one go."""


def _server_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a subcommand the options that all have."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="One JSON object."),
        click.option("--socket", "socket_file", type=click.Path(), help="The server at this control socket."),
        click.option("--pid", type=int, help="The server with this process id."),
    ):
        function = option(function)
    return function


def _run(work: Work, *, pid: int | None, socket_file: str | None, as_json: bool, **client: Any) -> None:
    """Connect, do the work, leave.

    Raises:
        BrainsError: it cannot be done.
    """
    from brains.cli._debug.starting import our_name, server_of
    from brains.control import ControlClient

    async def connected() -> None:
        entry = await asyncio.to_thread(server_of, pid, socket_file)
        async with ControlClient(entry, name=f"brains ctl of {our_name()}", **client) as control:
            await work(control)

    try:
        asyncio.run(connected())
    except BrainsError as error:
        if not as_json:
            raise
        _print_error(error)
        raise click.exceptions.Exit(1) from error
    except BrokenPipeError:
        _hush()


def _print_error(error: BrainsError) -> None:
    import msgspec

    from brains.cli._debug.starting import told_of

    told = dict(zip(("kind", "message", "hint"), told_of(error), strict=True))
    click.echo(msgspec.json.encode({"error": {key: value for key, value in told.items() if value}}).decode())


def _hush() -> None:
    """Say nothing of a reader that is gone, as after `| head`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show(as_json: bool, body: Any, lines: Callable[[], list[Line | str]]) -> None:
    import msgspec

    from brains.cli._debug.out import Out, OutputClosed

    if as_json:
        click.echo(msgspec.json.encode(body).decode())
        return
    try:
        Out().lines(lines())
    except OutputClosed as error:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from error


@command.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def servers(as_json: bool) -> None:
    """List the servers of this user that run."""
    import msgspec

    from brains.control import find_servers
    from brains.control.discovery import describe

    found = find_servers()
    bodies = [{key: value for key, value in msgspec.to_builtins(one).items() if key != "token"} for one in found]
    none = "no brains server of yours runs here; `brains serve` starts one"
    _show(as_json, {"servers": bodies}, lambda: [f"{one.pid:>7}  {describe(one)}" for one in found] or [none])


@command.command()
@click.argument("match", required=False, default="*")
@_server_options
def agents(match: str, as_json: bool, **server: Any) -> None:
    """List agents, by a pattern of their ids or brains."""
    from brains.cli._debug import show_stop

    async def work(client: ControlClient) -> None:
        body = await client.request("agents", match=match)
        _show(as_json, body, lambda: show_stop.agents(body))

    _run(work, as_json=as_json, **server)


@command.command()
@click.argument("agent")
@click.option("--timeout", type=click.FloatRange(min=0), default=30.0, show_default=True, help="Seconds to wait.")
@_server_options
def pause(agent: str, timeout: float, as_json: bool, **server: Any) -> None:
    """Hold an agent before its next node. It stays held: `brains ctl resume` or a debugger lets it go on."""
    stops: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def work(client: ControlClient) -> None:
        info = await client.request("attach", agent=agent)
        stop = info.get("stop") if info.get("state") == "held" else None
        if stop is None:
            await client.request("pause", agent=agent)
            stop = await _next_stop(stops, timeout, f"{agent} has not come to a node")
        await client.request("detach", agent=agent, hold=True)
        _print_stop(as_json, stop)

    _run(work, as_json=as_json, on_event=_into(stops), **server)


@command.command()
@click.argument("where")
@click.option("--if", "condition", default="", metavar="EXPR", help="Only where this Jinja expression is true.")
@click.option("--timeout", type=click.FloatRange(min=0), default=30.0, show_default=True, help="Seconds to wait.")
@_server_options
def break_(where: str, condition: str, timeout: float, as_json: bool, **server: Any) -> None:
    """Wait until an agent comes to a place, such as 'guard_*:*/Respond:exit', and hold it there."""
    from brains.cli._debug.parsing import UsageError, break_text

    try:
        place = break_text(where)
    except UsageError as error:
        raise click.UsageError(f"{error.message}; {error.hint}") from error
    stops: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    from brains.cli._debug.show_stop import address_of

    async def work(client: ControlClient) -> None:
        given = {"where": place.where, "kind": place.kind, "on": place.on, "condition": condition or place.condition}
        made = await client.request("break", **{key: value for key, value in given.items() if value})
        stop = await _next_stop(stops, timeout, f"no agent has come to {where}")
        # Whoever comes there next does not stop any more: this one is held.
        await client.request("delete", numbers=[made["number"]])
        await client.request("detach", agent=address_of(stop), hold=True)
        _print_stop(as_json, stop)

    _run(work, as_json=as_json, on_event=_into(stops), **server)


break_.name = "break"
command.add_command(break_, "break")


def _into(stops: asyncio.Queue[dict[str, Any]]) -> Callable[[dict[str, Any]], None]:
    def put(event: dict[str, Any]) -> None:
        if event["event"] in ("stopped", "terminated"):
            stops.put_nowait(event)

    return put


async def _next_stop(stops: asyncio.Queue[dict[str, Any]], timeout: float, otherwise: str) -> dict[str, Any]:
    from brains.control import RequestFailed

    try:
        async with asyncio.timeout(timeout):
            event = await stops.get()
    except TimeoutError:
        hint = "does the game send snapshots? --timeout waits longer"
        raise RequestFailed("timeout", f"{otherwise} within {timeout:g} s", hint) from None
    body: dict[str, Any] = event["body"]
    if event["event"] == "terminated":
        raise RequestFailed("terminated", f"{body['agent']} is gone")
    return body


def _print_stop(as_json: bool, stop: dict[str, Any]) -> None:
    from brains.cli._debug import show_stop

    hint = (
        f"it stays held; `brains debug {stop['agent']}` goes there, `brains ctl resume {stop['agent']}` lets it go on"
    )
    _show(as_json, stop, lambda: [*show_stop.stop(stop), hint])


@command.command()
@click.argument("agents", nargs=-1, metavar="[AGENT]...")
@click.option("--all", "everybody", is_flag=True, help="All that are held and that nobody debugs.")
@click.option("--take", is_flag=True, help="Also from a debugger that controls it.")
@_server_options
def resume(agents: tuple[str, ...], everybody: bool, take: bool, as_json: bool, **server: Any) -> None:
    """Let held agents go on."""
    from brains.cli._debug.show_stop import address_of
    from brains.control import RequestFailed

    if bool(agents) == everybody:
        raise click.UsageError("name agents, or say --all")

    async def work(client: ControlClient) -> None:
        names: list[str] = []
        meant = {name: name for name in agents}
        if everybody:
            found = (await client.request("agents"))["agents"]
            held = [one for one in found if one.get("state") == "held" and not one.get("controller")]
            meant = {address_of(one): one["agent"] for one in held}
        for address, name in meant.items():
            try:
                await client.request("attach", agent=address, **({"take": True} if take else {}))
                await client.request("detach", agent=address)
            except RequestFailed as error:
                if not everybody or error.kind not in ("unknown_agent", "held_by_other"):
                    raise
            else:
                names.append(name)
        _show(as_json, {"resumed": names}, lambda: [f"{name} goes on" for name in names] or ["nobody is held"])

    _run(work, as_json=as_json, **server)


@command.command()
@click.argument("agent")
@click.option("-a", "full", is_flag=True, help="With kinds, places and last statuses.")
@_server_options
def tree(agent: str, full: bool, as_json: bool, **server: Any) -> None:
    """Show an agent's tree with its statuses."""
    from brains.cli._debug import show_tree

    async def work(client: ControlClient) -> None:
        body = await client.request("tree", agent=agent)
        _show(as_json, body, lambda: [*show_tree.tree(body, full=full)])

    _run(work, as_json=as_json, **server)


@command.command()
@click.argument("agent")
@click.argument("node")
@click.option("--all", "full", is_flag=True, help="With all its examples.")
@_server_options
def prompt(agent: str, node: str, full: bool, as_json: bool, **server: Any) -> None:
    """Show the prompt of one of an agent's leaves: as it was asked, and as it would be now."""
    from brains.cli._debug import show_prompt

    async def work(client: ControlClient) -> None:
        body = await client.request("prompt", agent=agent, node=node)
        _show(as_json, body, lambda: [*show_prompt.prompt(body, full=full)])

    _run(work, as_json=as_json, **server)


@command.command()
@_server_options
def stats(as_json: bool, **server: Any) -> None:
    """Show what leaves asked and models did, as `brains serve --stats` does."""
    from brains.cli._stats import stats_text

    async def work(client: ControlClient) -> None:
        body = await client.request("stats")
        _show(as_json, body, lambda: [*stats_text(body, "table").splitlines()])

    _run(work, as_json=as_json, **server)

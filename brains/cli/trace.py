"""`brains trace`: look at a recording: in sum, line by line, what was covered, as pictures, and cut out a part."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from brains.cli.replay import require_whole, shown
from brains.errors import ConfigError, RecordingError

if TYPE_CHECKING:
    from brains.trace import Recording
    from brains.trace.counting import NodeCounts, TreeCounts
    from brains.trace.telling import AgentSummary, Line
    from brains.trace.window import Window

__all__ = ["command"]

EXAMPLES = """\b
Examples:
  brains trace run.jsonl                                     who, how long, what was asked and done
  brains trace run.jsonl --timeline --agent guard_1
  brains trace run.jsonl --timeline --node '*/Respond' --ticks 40..80
  brains trace run.jsonl --coverage                          which nodes ran, and with which results
  brains trace run.jsonl --coverage --threshold 80           exit code 1 below 80 % of the nodes
  brains trace run.jsonl --svg tree.svg --agent guard_1      the tree with visits and statuses
  brains trace run.jsonl --svg-timeline time.svg --agent guard_1
  brains trace run.jsonl --export bug.jsonl --agent guard_1 --ticks ..120     a part, as a recording

--agent and --node take patterns (guard_*, */Respond); --ticks takes 40, 40..60, 40.. and ..60.
Where several games were recorded, the summary names agents as GAME/AGENT, and --session picks one.
A part that begins with the first tick can be replayed.

Exit code 1 below --threshold, and if the recording is damaged.
"""


@click.command(epilog=EXAMPLES)
@click.argument("file", type=click.Path())
@click.option("--agent", "agents", multiple=True, metavar="ID", help="These agents only; repeatable.")
@click.option("--node", default="", metavar="PATH", help="These nodes only.")
@click.option(
    "--session", default="", metavar="ID", help="Agents of this game only, if there are several; or its beginning."
)
@click.option("--ticks", metavar="A..B", help="These ticks of each agent only.")
@click.option("--timeline", "wants_timeline", is_flag=True, help="What the agents did, line by line.")
@click.option("--coverage", "wants_coverage", is_flag=True, help="Which nodes ran, with which results.")
@click.option("--threshold", type=click.FloatRange(0, 100), metavar="PERCENT", help="Exit code 1 below this coverage.")
@click.option("--svg", type=click.Path(dir_okay=False), help="Draw the tree (of one brain) into this file.")
@click.option("--svg-timeline", type=click.Path(dir_okay=False), help="Draw what one agent did into this file.")
@click.option("--export", type=click.Path(dir_okay=False), help="Write what is meant as a recording of its own.")
@click.option("--json", "as_json", is_flag=True, help="JSON: one object, or one per line of the timeline.")
def command(
    file: str,
    agents: tuple[str, ...],
    node: str,
    session: str,
    ticks: str | None,
    wants_timeline: bool,
    wants_coverage: bool,
    threshold: float | None,
    svg: str | None,
    svg_timeline: str | None,
    export: str | None,
    as_json: bool,
) -> None:
    """Look at a recording: in sum, or in one of the other ways."""
    from brains.recording import open_recording
    from brains.trace.window import Window, parse_ticks

    try:
        meant = (1, 2**53) if ticks is None else parse_ticks(ticks)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--ticks") from error
    recording = open_recording(file)
    window = Window(recording, agents, meant, node, session)
    if export is not None:
        _export(window, export)
    if svg is not None:
        _draw_tree(window, svg)
    if svg_timeline is not None:
        _draw_timeline(window, svg_timeline)
    low = False
    if wants_coverage or threshold is not None:
        low = _coverage(window, threshold, as_json)
    elif wants_timeline:
        _timeline(window, as_json)
    elif export is None and svg is None and svg_timeline is None:
        _summary(recording, window, as_json)
    if recording.damage:
        click.echo(f"error: {recording.name}: {recording.damage}; this is of what comes before it", err=True)
    raise click.exceptions.Exit(1 if low or recording.damage else 0)


def _summary(recording: Recording, window: Window, as_json: bool) -> None:
    from brains.trace.telling import summary_of

    found = summary_of(recording, window)
    assert recording.head is not None
    whole = {
        "file": recording.name,
        "started": recording.head.started,
        "brains": recording.head.brains,
        "content": recording.head.content,
        "ended": recording.is_ended,
        "cut": recording.is_cut,
        "gaps": len(recording.gaps),
        "dropped_nodes": recording.dropped,
        "damage": recording.damage,
    }
    if as_json:
        click.echo(msgspec.json.encode({**whole, "agents": found}))
        return
    ended = "ended in order" if recording.is_ended else "ended in the middle, as when the program is killed"
    click.echo(f"{recording.name}: of {shown(recording.head.started)}, brains {shown(recording.head.brains)}; {ended}")
    for what, count in (
        ("gaps, at which a replay stops", len(recording.gaps)),
        ("ticks without nodes", recording.dropped),
    ):
        if count:
            click.echo(f"{count} {what}: the disk was too slow")
    click.echo(f"\n{'agent':16} {'brain':12} {'ticks':>11} {'time':>9} {'actions':>8} {'asked':>6} {'answered':>9} "
               f"{'fallback':>9} {'faults':>7} {'tick':>9}")  # fmt: skip
    for one in found:
        _print_agent(one, f"{one.session}/{one.agent}" if len(window.sessions) > 1 else one.agent)


def _print_agent(one: AgentSummary, name: str) -> None:
    fallbacks = sum(one.fallbacks.values())
    late = "" if one.replayable else "  (its beginning is missing)"
    click.echo(f"{shown(name):16} {shown(one.brain):12} {f'{one.first}..{one.last}':>11} {one.seconds:>7.1f} s "
               f"{one.actions:>8} {one.asked:>6} {one.answered:>9} {fallbacks:>9} {one.faults:>7} "
               f"{one.median_us:>6.0f} us{late}")  # fmt: skip
    for reason, count in one.fallbacks.items():
        click.echo(f"{'':16} {count} without an answer: {shown(reason)}")


def _timeline(window: Window, as_json: bool) -> None:
    from brains.trace.telling import timeline

    for line in timeline(window):
        click.echo(msgspec.json.encode(line._asdict()) if as_json else _line(line))


def _line(line: Line) -> str:
    path = f"{'/'.join(line.path.split('/')[-2:])}  " if line.path else ""
    tick = str(line.tick) if line.tick else ""
    return (
        f"{tick:>6} {line.time:>8.2f}  {shown(line.agent):14} {shown(line.kind):9} {shown(path + line.text)}".rstrip()
    )


def _coverage(window: Window, threshold: float | None, as_json: bool) -> bool:
    """Print what was covered; return whether it is too little."""
    from brains.trace.counting import tree_counts

    found = tree_counts(window)
    for one in found:
        one.nodes = [node for node in one.nodes if window.shows(node.path)]
    nodes, visited = sum(len(one.nodes) for one in found), sum(one.visited for one in found)
    share = visited / nodes if nodes else 1.0
    low = threshold is not None and share * 100 < threshold
    if as_json:
        trees = [{**msgspec.to_builtins(one), "coverage": one.coverage} for one in found]
        click.echo(
            msgspec.json.encode({"coverage": share, "nodes": nodes, "visited": visited, "ok": not low, "trees": trees})
        )
        return low
    for one in found:
        _print_tree(one)
    click.echo(f"{visited} of {nodes} nodes ran ({share:.1%})")
    if low:
        click.echo(f"that is less than {threshold:g} %", err=True)
    return low


def _print_tree(tree: TreeCounts) -> None:
    click.echo(f"{shown(tree.brain)} ({', '.join(map(shown, tree.agents))}): {tree.ticks} ticks, "
               f"{tree.visited} of {len(tree.nodes)} nodes ({tree.coverage:.0%})")  # fmt: skip
    if tree.unknown:
        click.echo(f"  of {tree.unknown} ticks the nodes are not known: the disk was too slow")
    click.echo(f"  {'success':>8} {'failure':>8} {'running':>8} {'cancelled':>10}")
    for node in tree.nodes:
        _print_node(node)
    click.echo()


def _print_node(node: NodeCounts) -> None:
    depth = node.path.count("/")
    numbers = [number or "-" for number in (node.success, node.failure, node.running, node.cancelled)]
    never = "" if node.visits else "   never"
    click.echo(
        "  {:>8} {:>8} {:>8} {:>10}  ".format(*numbers) + "  " * depth + shown(node.path.rpartition("/")[2]) + never
    )


def _draw_tree(window: Window, file: str) -> None:
    from brains.trace.counting import tree_counts
    from brains.trace.pictures import tree_svg

    found = tree_counts(window)
    if not found:
        raise RecordingError("there is no tree in this part of it", file=window.recording.name)
    if len(found) > 1:
        names = ", ".join(f"{one.brain} ({one.agents[0]})" for one in found)
        raise ConfigError(f"one picture shows one tree, and there are {len(found)}: {names}. Pick one with --agent")
    _write(file, [tree_svg(found[0]).encode()])


def _draw_timeline(window: Window, file: str) -> None:
    from brains.trace.pictures import timeline_svg

    if len({life.id for life in window.lives}) != 1:
        names = ", ".join(dict.fromkeys(life.id for life in window.lives))
        raise ConfigError(f"the timeline shows one agent: pick one with --agent ({names})")
    _write(file, [timeline_svg(window, window.lives[-1]).encode()])


def _export(window: Window, file: str) -> None:
    from brains.trace.window import exported

    require_whole(window.recording)
    if Path(file).exists() and Path(file).resolve() == Path(window.recording.name).resolve():
        raise ConfigError(f"{file} is the recording itself; name another file for the part")
    _write(file, (line + b"\n" for line in exported(window)))
    if not any(life.is_whole and window.first == 1 for life in window.lives):
        click.echo("note: no agent's first tick is in it, so it can be looked at, but not replayed", err=True)


def _write(file: str, data: Iterable[bytes]) -> None:
    """Write a file, or standard output for `-`.

    Raises:
        ConfigError: it cannot be written.
    """
    if file == "-":
        for piece in data:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    try:
        with Path(file).open("wb") as out:
            for piece in data:
                out.write(piece)
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror or error}") from error
    click.echo(f"wrote {file}", err=True)

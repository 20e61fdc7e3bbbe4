"""What people see of an agent: where it stands and why, its frames, its reasons, its past."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from brains.cli._debug.text import Line, Piece, bold, columns, dim, line, status, value
from brains.cli._running import short_path

__all__ = [
    "address_of", "agents", "decision", "frames", "history", "name_of", "one_agent", "place", "running", "stop", "tick",
    "why",
]  # fmt: skip

Body = Mapping[str, Any]

PHASES = {"enter": "before", "exit": "after", "cancel": "cancelled", "tick": "between ticks"}
MOST_SO_FAR = 6
LONGEST_PATH = 60


def place(body: Body) -> str:
    """Return a file and line, if they are known."""
    file = body.get("file", "")
    return f"{short_path(file)}:{body['line']}" if file and body.get("line") else short_path(file)


def name_of(body: Body) -> str:
    """Return an agent's name for people, who can type it: a shadow has the id of whom it was made of."""
    session = body.get("session", "")
    return f"{session}/{body['agent']}" if session.startswith("fork") else str(body["agent"])


def address_of(body: Body) -> str:
    """Return what requests call an agent: another game may have one of the same id."""
    return f"{body['session']}/{body['agent']}" if body.get("session") else str(body["agent"])


def stop(body: Body) -> list[Line]:
    """Return three to six lines: where it stands and why, the statuses so far, the last decision."""
    lines = [_headline(body)]
    if body.get("path"):
        where = place(body)
        lines.append(line("  at      ", body["path"], *([dim(f"   {where}")] if where else [])))
    if feedback := body.get("feedback"):
        lines.append(line("  says    ", feedback))
    if so_far := body.get("so_far"):
        lines.append(line("  so far  ", *_visits(so_far)))
    if cancelled := body.get("cancelled"):
        shown = ", ".join(f"{_leaf(one['path'])} by {_leaf(one['by'])}" for one in cancelled[:3])
        lines.append(line("  stopped ", shown + (f" and {len(cancelled) - 3} more" if len(cancelled) > 3 else "")))
    if said := body.get("decision"):
        lines.append(line("  model   ", *decision(said)))
    return lines


def _headline(body: Body) -> Line:
    reason = body["reason"] + (f" {body['breakpoint']}" if body.get("breakpoint") else "")
    if text := body.get("text"):
        reason += f" ({text})"
    time = dim(f" ({body.get('time', 0.0):.2f} s)")
    head: list[str | Piece] = [bold(name_of(body)), f" tick {body.get('tick', 0)}", time, ": "]
    phase = body.get("phase", "enter")
    if body.get("path"):
        head += [f"{PHASES.get(phase, phase)} ", bold(body["node"]), dim(f" ({body.get('kind', '')})")]
        if phase in ("exit", "cancel"):
            word = body.get("status", "INVALID")
            head += [" ", status(word), " ", status(word, text=word)]
    else:
        head += [PHASES["tick"], *([f", {body['status']}"] if body.get("status", "INVALID") != "INVALID" else [])]
    return line(*head, dim(f"  [{reason}]"))


def _visits(visits: list[Body]) -> Iterator[str | Piece]:
    if len(visits) > MOST_SO_FAR:
        yield dim(f"({len(visits) - MOST_SO_FAR} before) ")
    for index, one in enumerate(visits[-MOST_SO_FAR:]):
        yield f"{', ' if index else ''}{_leaf(one['path'])} "
        yield status(one["status"])


def _leaf(path: str) -> str:
    return path.rpartition("/")[2]


def decision(body: Body, *, leaf: bool = True) -> list[str | Piece]:
    """Return a decision: what it was, how sure, how long it took."""
    parts: list[str | Piece] = [f"{_leaf(body.get('leaf', ''))}: "] if leaf and body.get("leaf") else []
    kind = body.get("kind", "")
    if kind == "asked":
        return [*parts, Piece("asked, no answer yet", "yellow")]
    if kind and kind != "answered":
        parts.append(Piece(kind, "yellow"))
        if body.get("reason"):
            parts.append(f" ({body['reason']})")
        if not body.get("answer"):
            return parts
        parts.append(", ")
    parts.append(bold(body.get("answer") or body.get("text") or "answered"))
    chances = sorted((body.get("probabilities") or {}).items(), key=lambda item: -item[1])
    if chances:
        parts.append("  " + ", ".join(f"{label} {chance:.2f}" for label, chance in chances[:4]))
    if facts := ", ".join(_facts(body)):
        parts.append(dim(f"  {facts}"))
    return parts


def _facts(body: Body) -> Iterator[str]:
    """Yield what it took to decide."""
    if body.get("seconds"):
        yield f"{body['seconds'] * 1000:.0f} ms"
    if body.get("prompt_tokens"):
        yield f"{body['prompt_tokens']}+{body.get('output_tokens', 0)} tokens"
    if body.get("model"):
        yield body["model"]
    if body.get("tick_answered"):
        yield f"tick {body['tick_answered']}"
    if body.get("forced"):
        yield "put in by rerun --apply"


def agents(body: Body) -> list[Line | str]:
    """Return a table of agents."""
    rows: list[list[str | Piece]] = []
    for one in body["agents"]:
        state = one.get("state", "running")
        tint = {"held": "yellow", "waiting": "cyan"}.get(state, "")
        mark = "*" if name_of(one) == body.get("selected") else " "
        doing = ", ".join(_leaf(path) for path in one.get("running", ()))
        if thinking := one.get("thinking"):
            doing += f" (asks the model: {', '.join(_leaf(path) for path in thinking)})"
        held = f"{one['held_for']:.0f} s" if one.get("held_for") else ""
        lag = f"{held}, {one['dropped']} snapshots gone by" if one.get("dropped") else held
        who = one.get("controller") or ("nobody" if state == "held" else "")
        rows.append(
            [mark + " " + name_of(one), one.get("brain", ""), Piece(state, tint), str(one.get("tick", 0)),
             doing, one.get("action", ""), who, lag]
        )  # fmt: skip
    if not rows:
        return ["no agents: no game is connected, or none of them matches"]
    titles = ["  agent", "brain", "state", "tick", "at work", "action", "debugged by", "lag"]
    # Most games have nobody held: columns in which nothing stands are left out.
    keep = [index for index in range(len(titles)) if any("".join(line(row[index])[0][:1]).strip() for row in rows)]
    right = [keep.index(3)] if 3 in keep else []
    return list(columns([titles[i] for i in keep], [[row[i] for i in keep] for row in rows], right=right))


def one_agent(body: Body) -> list[Line]:
    """Return an agent in a line."""
    at_work = ", ".join(_leaf(path) for path in body.get("running", ())) or "nothing yet"
    state = body.get("state", "running")
    return [line(bold(name_of(body)), f" ({body.get('brain', '')}) {state}, tick {body.get('tick', 0)}, at {at_work}")]


def frames(body: Body, focus: int | None = None) -> list[Line | str]:
    """Return the way from the root to where the agent stands; the arrow is where one looks from."""
    lines: list[Line | str] = []
    if body.get("view") is not None:
        lines.append(line(dim(f"(a look at tick {body['view']}; `goto` returns to the present)")))
    found = body.get("frames") or []
    if found:
        focus = len(found) - 1 if focus is None else focus
    for index, one in enumerate(found):
        word = one.get("status", "INVALID")
        lines.append(
            line("-> " if index == focus else "   ", "  " * index, status(word), " ",
                 bold(one["name"]) if index == focus else one["name"],
                 dim(f"  {one.get('kind', '')}  {place(one)}"))
        )  # fmt: skip
    if (stopped := body.get("stop")) is not None:
        return [*stop(stopped)[: 1 if found else None], *lines]
    return lines or ["it runs; `pause` stops it"]


def why(body: Body) -> list[Line]:
    """Return what a tick tried, refused and chose."""
    word = body.get("status", "INVALID")
    lines = [line(f"tick {body['tick']}: ", status(word, text=word), *_action_of(body))]
    for one in body.get("tried", ()):
        indent = "  " * (one.get("depth", 0) + 1)
        at_work = one.get("verdict") == "at work"
        parts: list[str | Piece] = [indent, status("RUNNING" if at_work else one["status"]), " ", _leaf(one["path"])]
        if verdict := one.get("verdict"):
            parts.append(f"  {verdict}")
        if reason := one.get("reason"):
            parts.append(Piece(f"  {reason}", "magenta") if one.get("forced") else dim(f"  {reason}"))
        lines.append(line(*parts))
        if said := one.get("decision"):
            lines.append(line(indent, "    ", *decision(said, leaf=False)))
    return lines


def _action_of(body: Body) -> Iterable[str | Piece]:
    action = body.get("action")
    if not action:
        return ["; no new action"]
    return ["; action ", bold(action if isinstance(action, str) else value(action))]


def running(body: Body) -> list[Line | str]:
    """Return what is at work."""
    rows: list[list[str]] = []
    for one in body["running"]:
        waits = f"asks {one.get('model') or 'the model'}" if one.get("thinking") else ""
        rows.append(
            [one["path"], f"{one.get('seconds') or 0:.1f} s", str(one.get("ticks", 0)), one.get("action") or waits]
        )
    if not rows:
        return ["nothing is running"]
    return list(columns(["leaf", "for", "ticks", "what"], rows, right=[1, 2]))


def history(body: Body) -> list[Line | str]:
    """Return past ticks, the newest last."""
    rows: list[list[str | Piece]] = []
    for one in body["ticks"]:
        said = "; ".join(_said(each) for each in one.get("decisions", ()))
        more = [said, *(f"fault: {fault}" for fault in one.get("faults", ()))]
        mark = ">" if one["tick"] == body.get("view") else " "
        word = one.get("status", "INVALID")
        rows.append(
            [f"{mark} {one['tick']}", f"{one.get('time', 0.0):.2f}", status(word, text=word.lower()),
             ", ".join(_leaf(path) for path in one.get("running", ())), _ordered(one), "; ".join(filter(None, more))]
        )  # fmt: skip
    if not rows:
        return ["nothing has been ticked yet"]
    lines: list[Line | str] = list(columns(["  tick", "time", "status", "at work", "action", "model"], rows, right=[1]))
    first, last = body.get("first"), body.get("last")
    if first is not None and last is not None and len(rows) < last - first + 1:
        lines.append(line(dim(f"ticks {first} to {last} can be looked at; `history -n 100` lists more")))
    return lines


def _said(body: Body) -> str:
    return "".join(part if isinstance(part, str) else part.text for part in decision(body)[:3])


def _ordered(one: Body) -> str:
    action = one.get("action", "")
    if not action:
        return ""
    params = ", ".join(f"{key}={value(given, 30)}" for key, given in (one.get("params") or {}).items())
    return f"{action}({params})"


def tick(one: Body) -> Line:
    """Return a finished tick in a line."""
    word = one.get("status", "INVALID")
    parts: list[str | Piece] = [bold(one["agent"]), f" {one['tick']} ", status(word), " "]
    parts.append(", ".join(_leaf(path) for path in one.get("running", ())) or "-")
    if ordered := _ordered(one):
        parts += ["  ", Piece(ordered, "cyan")]
    for said in one.get("decisions", ()):
        parts += ["  ", *decision(said)]
    for fault in one.get("faults", ()):
        parts.append(Piece(f"  fault: {fault}", "red"))
    for words in one.get("speech", ()):
        parts.append(f"  “{words}”")
    return line(*parts)

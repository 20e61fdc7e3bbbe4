"""`brains demo`: whole runs over a real socket with a scripted model, what they print, and how they end."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from brains.cli._demo.show import PlainShow, ScreenShow, print_summary
from brains.cli._demo.story import printable
from brains.cli._demo.tally import Tally
from brains.cli.demo import command
from brains.errors import MalformedAnswer
from brains.models.scripted import ScriptedModel, labels_of
from brains.questions import Decision, Latency, ModelRequest
from brains.snapshot import AgentSnapshot, Fault, LeafReport, TickReport

ROOT = Path(__file__).parent.parent
FOLDERS = ["--trees", str(ROOT / "trees"), "--prompts", str(ROOT / "prompts")]
FAST = ["--speed", "10"]


def demo(*args: str, model: ScriptedModel | None = None) -> Result:
    return CliRunner().invoke(command, [*FOLDERS, *args], obj=model)


def summary_of(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found


# --- whole runs ------------------------------------------------------------------------------------------------------


def test_a_run_adds_up() -> None:
    result = demo("--seconds", "20", "--json", *FAST, model=ScriptedModel())
    assert result.exit_code == 0, result.output
    summary = summary_of(result)
    questions = summary["questions"]
    assert summary["ok"]
    assert summary["model"] == "scripted (scripted)"
    assert len(summary["agents"]) == 8
    for counts in (questions, *summary["leaves"]):
        ends = counts["answered"] + counts["unanswered"] + counts["cancelled"] + counts["open"]
        assert counts["asked"] == ends
        assert min(counts["open"], counts["unanswered"]) >= 0
    for count in ("asked", "answered", "unanswered", "cancelled", "open"):
        assert questions[count] == sum(leaf[count] for leaf in summary["leaves"])
    assert summary["actions"]["all"] == sum(summary["actions"][s] for s in ("tree", "llm", "fallback"))
    assert questions["answered_percent"] > 50
    assert all(leaf["asked"] for leaf in summary["leaves"])
    assert summary["faults"] == 0


def test_lines_tell_of_questions_answers_and_actions() -> None:
    result = demo("--seconds", "6", "--plain", *FAST, model=ScriptedModel())
    for kind in ("asks", "answer", "does", "news"):
        assert f" {kind} " in result.stdout
    assert "latency" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_model_that_answers_nothing_is_no_success() -> None:
    broken = ScriptedModel({"*": MalformedAnswer("mumbles")})
    result = demo("--seconds", "8", "--plain", *FAST, model=broken)
    assert result.exit_code == 1
    assert "FALLBACK" in result.stdout
    assert "the model answered only 0% of the questions (malformed" in result.stdout


def test_a_model_that_always_says_the_same_is_no_success() -> None:
    def first(request: ModelRequest) -> str | None:
        labels = labels_of(request)
        return labels[0] if labels else None

    result = demo("--seconds", "40", "--json", *FAST, model=ScriptedModel(first))
    summary = summary_of(result)
    assert result.exit_code == 1
    assert not summary["ok"]
    assert any("only ever" in problem for problem in summary["problems"])


def test_without_a_model_it_plays_well_for_a_minute() -> None:
    """Also the merchant says more than one thing to ten questions and more."""
    result = demo("--model", "scripted", "--seconds", "60", "--json", *FAST)
    (praise,) = [leaf for leaf in summary_of(result)["leaves"] if leaf["prompt"] == "merchant/praise"]
    assert result.exit_code == 0, result.output
    assert praise["asked"] >= 10
    assert len(praise["answers"]) > 1


def test_json_has_standard_output_for_itself() -> None:
    result = demo("--seconds", "2", "--json", *FAST, model=ScriptedModel())
    assert len(result.stdout.splitlines()) == 1
    assert " asks " in result.stderr


def test_a_broken_prompt_is_named_with_its_place(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts"
    shutil.copytree(ROOT / "prompts", prompts)
    broken = prompts / "villager" / "react.j2"
    broken.write_text(broken.read_text().replace("{{ event", "{{ event |"))
    args = ["--trees", str(ROOT / "trees"), "--prompts", str(prompts), "--seconds", "3", "--plain", *FAST]
    result = CliRunner().invoke(command, args, obj=ScriptedModel())
    assert "villager/react.j2:" in result.stdout
    assert "FALLBACK" in result.stdout


def test_a_leaf_may_ask_another_model_of_the_settings(tmp_path: Path) -> None:
    trees = tmp_path / "yard"
    shutil.copytree(ROOT / "trees", trees, ignore=shutil.ignore_patterns("__pycache__"))
    guard = trees / "guard.py"
    guard.write_text(guard.read_text().replace('prompt="guard/is_hostile"', 'prompt="guard/is_hostile", model="big"'))
    settings = tmp_path / "brains.toml"
    settings.write_text('[models.big]\nmodel = "scripted"\n')
    args = ["--config", str(settings), "--trees", str(trees), "--prompts", str(ROOT / "prompts")]
    default = ScriptedModel()
    result = CliRunner().invoke(command, [*args, "--seconds", "20", "--json", *FAST], obj=default)
    assert result.exit_code == 0, result.output
    answered = {leaf["prompt"]: leaf["answered"] for leaf in summary_of(result)["leaves"]}
    assert answered["guard/is_hostile"] > 0
    asked = {request.name for request in default.requests}
    assert "guard/is_hostile" not in asked
    assert "villager/react" in asked


def test_a_missing_brain_leaves_its_body_standing(tmp_path: Path) -> None:
    trees = tmp_path / "few_trees"
    shutil.copytree(ROOT / "trees", trees, ignore=shutil.ignore_patterns("thief.py", "__pycache__"))
    args = ["--trees", str(trees), "--prompts", str(ROOT / "prompts"), "--seconds", "2", "--plain", *FAST]
    result = CliRunner().invoke(command, args, obj=ScriptedModel())
    assert "there is no brain called 'thief'" in result.stdout
    assert "7 agents" in result.stdout


def test_a_yard_whose_trees_ask_nothing_plays_well(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text(
        "from brains import Wait, brain\n\n\n@brain('guard')\ndef guard():\n    return Wait('Stand', 1)\n"
    )
    args = ["--trees", str(tmp_path), "--prompts", str(ROOT / "prompts"), "--seconds", "2", "--json", *FAST]
    result = CliRunner().invoke(command, args, obj=ScriptedModel())
    assert result.exit_code == 0, result.output
    assert summary_of(result)["problems"] == []


def test_what_check_knows_is_said_before_the_game(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts"
    shutil.copytree(ROOT / "prompts", prompts)
    (prompts / "villager" / "react.j2").unlink()
    args = ["--trees", str(ROOT / "trees"), "--prompts", str(prompts), "--seconds", "1", "--plain", *FAST]
    result = CliRunner().invoke(command, args, obj=ScriptedModel())
    assert "[unknown-prompt]" in result.stdout


def brains(*args: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "brains", "demo", *args], capture_output=True, text=True, check=False, cwd=cwd, env=env
    )


def test_it_runs_from_the_command_line() -> None:
    result = brains("--model", "scripted", "--seconds", "2", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["ticks"] > 0


def test_outside_a_checkout_it_says_how_to_get_one(tmp_path: Path) -> None:
    result = brains("--model", "scripted", "--seconds", "1", cwd=tmp_path)
    assert result.returncode == 1
    assert "git clone" in result.stderr
    assert "--trees" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for child processes")
def test_ctrl_c_ends_with_the_summary() -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    command_line = [sys.executable, "-m", "brains", "demo", "--model", "scripted", "--plain"]
    with subprocess.Popen(command_line, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=env) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if " asks " in line:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stdout.read()
    assert process.returncode == 0
    assert "answered" in rest


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe is something else on Windows")
def test_nobody_reads_on() -> None:
    """As in `brains demo --plain | head -1`."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command_line = [sys.executable, "-m", "brains", "demo", "--model", "scripted", "--plain"]
    with subprocess.Popen(
        command_line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=env
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == 0, errors
    assert errors == ""


# --- what is shown ---------------------------------------------------------------------------------------------------

RED = "\x1b[31m"


def report(*notes: LeafReport, text: str = "a masked man", **more: Any) -> TickReport:
    sees = [{"id": "s", "kind": "stranger", "distance": 2.0, "looks": text, "does": "waits", "says": ""}]
    return TickReport(
        agent="guard_1", brain="guard", tick=1, time=1.0, snapshot=AgentSnapshot(time=1.0, me={"sees": sees}),
        status="SUCCESS", running=("Guard/Patrol",), leaves=notes, **more,
    )  # fmt: skip


def expired() -> LeafReport:
    return LeafReport(kind="expired", leaf="Guard/Hostile?", prompt="guard/is_hostile", reason="stale")


def asked(leaf: str = "Guard/Hostile?") -> LeafReport:
    return LeafReport(kind="asked", leaf=leaf, prompt="guard/is_hostile", text="A masked man waits")


def answered(label: str = "danger", seconds: float = 0.05, leaf: str = "Guard/Hostile?") -> LeafReport:
    decision = Decision(answer=label, probabilities={label: 0.9, "other": 0.1}, latency=Latency(total=seconds))
    return LeafReport(kind="answered", leaf=leaf, prompt="guard/is_hostile", text="yes, 0.90", decision=decision)


def spoken(text: str) -> LeafReport:
    decision = Decision(answer=text, way="text")
    return LeafReport(kind="answered", leaf="Guard/Hostile?", prompt="guard/is_hostile", text=text, decision=decision)


GONE = LeafReport(kind="cancelled", leaf="Guard/Hostile?", prompt="guard/is_hostile", reason="elsewhere")


def fallback(reason: str) -> LeafReport:
    return LeafReport(kind="fallback", leaf="Guard/Hostile?", prompt="guard/is_hostile", reason=reason, text="why")


def test_no_control_characters_reach_the_terminal() -> None:
    assert printable(f"a{RED}b\r\nc\u202ed") == "a [31mb c d"
    out = io.StringIO()
    show = PlainShow(out)
    show.report(report(asked(), answered(), text=RED, faults=(Fault(leaf=RED, error=RED, traceback=""),)))
    show.news("yard", RED)
    show.speech("guard_1", RED, True)
    show.problem(RED)
    assert "\x1b" not in out.getvalue()


def screen(show: ScreenShow, console: Console) -> str:
    with console.capture() as capture:
        console.print(show.render())
    return capture.get()


@pytest.mark.parametrize(("width", "height"), [(120, 40), (80, 24), (40, 10)])
def test_the_screen_fits_and_marks_fallbacks(width: int, height: int) -> None:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    show = ScreenShow(console)
    try:
        show.status("scripted")
        for number in range(50):
            show.news("yard", f"number {number} " + "x" * 200)
        show.report(report(asked(), fallback("deadline")))
    finally:
        show.close()
    lines = screen(show, console).splitlines()
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert any("FALLBACK deadline" in line for line in lines)
    if width >= 80:
        assert any("1 fallbacks (deadline 1)" in line for line in lines)
    assert any("guard_1" in line for line in lines)


def test_a_problem_stands_whole_at_the_top_for_a_while() -> None:
    console = Console(file=io.StringIO(), width=80, height=24, force_terminal=True, color_system=None)
    show = ScreenShow(console)
    text = "prompts/guard/is_hostile.j2:26: the template does not parse: " + "because of this " * 6 + "END"
    try:
        show.problem(text)
        for number in range(50):
            show.news("yard", f"number {number}")
        lines = screen(show, console).splitlines()
        assert len(lines) <= 24
        assert "END" in " ".join(lines)
        show.story.time += 60
        assert "END" not in screen(show, console)
    finally:
        show.close()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 30)])
def test_a_problem_is_never_cut_at_the_edge_of_the_screen(width: int, height: int) -> None:
    """At the top while it is new; in the list of what happened after that."""
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    show = ScreenShow(console)
    text = "prompts/guard/is_hostile.j2:26: " + "many a word " * 30 + "END"
    try:
        show.problem(text)
        assert screen(show, console).count("END") == 2
        show.story.time += 60
        lines = screen(show, console).splitlines()
        assert len(lines) <= height
        assert max(map(len, lines)) <= width
        assert "END" in lines[-1]
    finally:
        show.close()


# --- counting --------------------------------------------------------------------------------------------------------


def test_a_stale_verdict_ends_no_question() -> None:
    tally = Tally()
    tally.add(report(asked(), expired()))
    assert (tally.total("open"), tally.total("expired"), tally.fallbacks.total()) == (1, 1, 0)
    tally.add(report(answered()))
    assert (tally.total("open"), tally.share) == (0, 1.0)


def test_questions_that_were_cancelled_were_not_answered() -> None:
    tally = Tally()
    for note in (answered(), answered(), fallback("deadline"), GONE):
        tally.add(report(asked(), note))
    assert (tally.share, tally.total("cancelled"), tally.problems()) == (0.5, 1, [])
    tally.add(report(asked(), GONE))
    assert tally.problems() == ["the model answered only 40% of the questions (deadline 1, cancelled 2)"]


def test_questions_that_are_still_open_do_not_count() -> None:
    tally = Tally()
    tally.add(report(asked(), answered()))
    for _ in range(3):
        tally.add(report(asked("Guard/Respond")))
    assert (tally.share, tally.problems()) == (1.0, [])


def test_how_sure_the_model_was_and_why_a_leaf_did_without_are_shown() -> None:
    """While it plays, and in the summary at the end; an answer that was refused is told with its reason."""
    off = Decision(answer="danger", probabilities={"danger": 0.8, "safe": 0.2}, off_label=0.75, fallback="stale")
    refused = LeafReport(
        kind="fallback", leaf="Guard/Hostile?", prompt="guard/is_hostile", reason="stale", text="gone", decision=off
    )
    out, summary, tally = io.StringIO(), io.StringIO(), Tally()
    show = PlainShow(out)
    for note in (answered(), refused, fallback("deadline"), fallback("deadline")):
        show.report(report(asked(), note))
        tally.add(report(asked(), note))
    assert "stale: gone (it was danger 0.80, 75% off the labels)" in out.getvalue()
    print_summary(tally, "scripted", summary)
    line = summary.getvalue().splitlines()[-1]
    assert line.startswith("Guard/Hostile?   asked   4   sure ")
    assert line.endswith("3 fallbacks (deadline 2, stale 1)")
    (leaf,) = tally.summary()["leaves"]
    assert leaf["fallbacks"] == {"deadline": 2, "stale": 1}
    assert 0.5 < leaf["confidence"] <= 1


def test_a_fallback_after_an_answer_is_not_counted_twice() -> None:
    tally = Tally()
    tally.add(report(asked(), answered(), fallback("bad_arguments")))
    assert (tally.total("answered"), tally.total("unanswered"), tally.total("open")) == (1, 0, 0)


def test_nothing_asked_proves_nothing() -> None:
    tally = Tally()
    tally.add(report())
    assert tally.problems() == ["no question came to an end"]


def test_where_no_tree_can_ask_nothing_asked_is_no_problem() -> None:
    brains = report().brain
    tally = Tally(asking=frozenset({"another"}))
    tally.add(report())
    assert tally.problems() == []
    tally = Tally(asking=frozenset({brains}))
    tally.add(report())
    assert tally.problems() == ["no question came to an end"]


def test_where_nobody_played_it_is_no_success() -> None:
    assert Tally(asking=frozenset()).problems() == ["no question came to an end"]


def test_half_of_the_answers_are_enough_and_less_are_not() -> None:
    tally = Tally()
    tally.add(report(asked(), answered()))
    tally.add(report(asked(), fallback("deadline")))
    assert tally.problems() == []
    tally.add(report(asked(), fallback("deadline")))
    assert tally.problems() == ["the model answered only 33% of the questions (deadline 2)"]


def test_one_answer_to_ten_questions_is_suspect_and_to_nine_it_is_not() -> None:
    tally = Tally()
    for note in [*[answered()] * 6, GONE, fallback("deadline"), GONE]:
        tally.add(report(asked(), note))
    assert tally.problems() == []
    tally.add(report(asked()))
    assert tally.problems() == ["Guard/Hostile? was asked 10 times, and answered only ever 'danger'"]
    tally.add(report(answered("safe")))
    assert tally.problems() == []


def test_a_leaf_that_never_gets_an_answer_is_suspect() -> None:
    tally = Tally()
    for _ in range(10):
        tally.add(report(asked("Guard/Respond"), answered(leaf="Guard/Respond")))
        tally.add(report(asked("Guard/Respond"), answered("safe", leaf="Guard/Respond")))
        tally.add(report(asked(), GONE))
    assert tally.problems() == ["Guard/Hostile? was asked 10 times, and answered never"]


def test_speech_that_is_always_the_same_is_suspect() -> None:
    tally = Tally()
    for _ in range(10):
        tally.add(report(asked(), spoken("Buy pears!")))
    assert tally.problems() == ["Guard/Hostile? was asked 10 times, and answered only ever 'Buy pears!'"]
    tally.add(report(asked(), spoken("Buy apples!")))
    assert tally.problems() == []


def test_latencies_are_in_milliseconds() -> None:
    tally = Tally()
    for number in range(1, 101):
        tally.add(report(asked(), answered(seconds=number / 1000)))
    assert tally.summary()["latency_ms"] == {"median": 50.5, "p95": 95.1}


def test_a_model_that_is_not_there_is_said_in_one_line() -> None:
    command_line = [sys.executable, "-m", "brains", "demo", "--plain", "--model", "embedded:/no/such.gguf"]
    result = subprocess.run(command_line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "/no/such.gguf" in result.stderr

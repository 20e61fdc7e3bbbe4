"""`brains replay` and `brains trace` on what `brains demo` and `brains serve` have recorded."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import xml.dom.minidom
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from brains.cli import cli
from brains.recording import open_recording

ROOT = Path(__file__).parent.parent
TREES, PROMPTS = str(ROOT / "trees"), str(ROOT / "prompts")


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, [*args], standalone_mode=False, catch_exceptions=True)


def replay(*args: str, trees: str = TREES) -> Result:
    return run("replay", *args, "--trees", trees)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Play the demo once with a scripted model: four times as fast, since a busy machine leaves out ticks."""
    file = tmp_path_factory.mktemp("run") / "run.jsonl"
    command = ["demo", "--seconds", "8", "--speed", "4", "--model", "scripted", "--plain", "--record", str(file)]
    done = subprocess.run(
        [sys.executable, "-m", "brains", *command, "--trees", TREES, "--prompts", PROMPTS],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert file.exists(), done.stderr
    return file


@pytest.fixture
def file(recorded: Path, tmp_path: Path) -> Path:
    """Return a copy, to change."""
    return Path(shutil.copy(recorded, tmp_path / "run.jsonl"))


def change(file: Path, kind: str, number: int, **fields: Any) -> dict[str, Any]:
    """Change fields of a line; return it as it was."""
    lines = file.read_bytes().splitlines(keepends=True)
    places = [place for place, line in enumerate(lines) if line.startswith(b'{"type":"%s"' % kind.encode())]
    event: dict[str, Any] = json.loads(lines[places[number]])
    lines[places[number]] = json.dumps({**event, **fields}).encode() + b"\n"
    file.write_bytes(b"".join(lines))
    return event


class TestReplay:
    def test_the_demo_is_replayed_without_a_difference(self, recorded: Path) -> None:
        result = replay(str(recorded))
        assert result.return_value == 0, result.output
        ticks, actions = (result.output.split()[place] for place in (0, 2))
        assert result.output.endswith(f"{ticks} ticks, {actions} actions, 0 differences\n")
        assert int(ticks) > 30
        assert int(actions) > 5

    def test_json_has_all_of_it(self, recorded: Path) -> None:
        found = json.loads(replay(str(recorded), "--json").stdout)
        assert found["ok"] is found["complete"] is True
        assert found["differences"] == []
        assert found["first"] is None
        assert found["ticks"] == len(list(open_recording(recorded).ticks()))

    def test_one_agent_alone(self, recorded: Path) -> None:
        found = json.loads(replay(str(recorded), "--agent", "guard_1", "--json").stdout)
        assert 0 < found["ticks"] < len(list(open_recording(recorded).ticks()))
        assert "did you mean 'guard_2'?" in str(replay(str(recorded), "--agent", "guard_7").exception)

    def test_the_first_difference_is_told_and_the_exit_code_is_1(self, file: Path) -> None:
        was = change(file, "done", 30, status="INVALID")
        result = replay(str(file))
        assert result.return_value == 1
        assert f"first difference: tick {was['tick']} of " in result.output
        assert '  expected  "INVALID"' in result.output
        assert result.output.endswith("1 difference\n")
        found = json.loads(replay(str(file), "--json").stdout)
        assert found["first"]["tick"] == was["tick"]
        assert found["ok"] is False

    def test_changed_trees_are_named_with_the_difference(self, file: Path, tmp_path: Path) -> None:
        trees = tmp_path / "replayed_trees"
        shutil.copytree(TREES, trees, ignore=shutil.ignore_patterns("__pycache__"))
        text = (trees / "guard.py").read_text()
        (trees / "guard.py").write_text(text.replace('Patrol(route="wall")', 'Patrol(route="gate")'))
        result = replay(str(file), trees=str(trees))
        assert result.return_value == 1
        assert "replayed_trees/guard.py has changed since the recording: -" in result.output
        assert '+        Action("Patrol", Patrol(route="gate"))' in result.output
        assert "node      Guard/Patrol" in result.output
        assert '  got       params {"route":"gate"}' in result.output

    def test_a_damaged_line_is_an_error_and_what_is_before_it_is_replayed(self, file: Path) -> None:
        data = file.read_bytes()
        lines = data.splitlines(keepends=True)
        lines[100] = lines[100][:30] + b"\n"
        file.write_bytes(b"".join(lines))
        result = replay(str(file))
        assert result.return_value == 1
        assert "line 101 is damaged" in result.output
        assert "what comes before it has been replayed" in result.output
        assert "0 differences" in result.output

    def test_a_recording_that_ends_in_the_middle_is_fine(self, file: Path) -> None:
        file.write_bytes(file.read_bytes()[:-1000])
        result = replay(str(file))
        assert result.return_value == 0
        assert "its last line is not whole" in result.output

    @pytest.mark.parametrize(("text", "says"), [("", "this is empty"), ("hello\n", "no recording of brains")])
    def test_what_is_no_recording_is_refused(self, tmp_path: Path, text: str, says: str) -> None:
        (tmp_path / "x.jsonl").write_text(text)
        assert says in str(replay(str(tmp_path / "x.jsonl")).exception)
        assert says in str(run("trace", str(tmp_path / "x.jsonl")).exception)


class TestAskingAgain:
    def test_the_same_model_and_prompts_decide_the_same(self, recorded: Path) -> None:
        result = replay(str(recorded), "--model", "scripted", "--json")
        found = json.loads(result.stdout)
        # The demo's own stand-in makes up free text in another way, which is not compared.
        assert found["flips"] == []
        assert found["questions"] >= found["asked"] > 0
        assert result.return_value == 0

    def test_an_edited_prompt_lists_what_flips(self, recorded: Path, tmp_path: Path) -> None:
        prompts = tmp_path / "prompts"
        shutil.copytree(PROMPTS, prompts)
        edited = prompts / "guard" / "is_hostile.j2"
        text = edited.read_text()
        edited.write_text(text.replace("danger: true, safe: false", "danger: false, safe: true"))
        result = replay(str(recorded), "--model", "scripted", "--prompts", str(prompts), "--json")
        found = json.loads(result.stdout)
        assert result.return_value == 1
        assert {flip["prompt"] for flip in found["flips"]} == {"guard/is_hostile"}
        shown = replay(str(recorded), "--model", "scripted", "--prompts", str(prompts))
        assert "guard/is_hostile: " in shown.output
        assert "has changed since the recording" in shown.output


class TestTrace:
    def test_the_summary_tells_of_each_agent(self, recorded: Path) -> None:
        result = run("trace", str(recorded))
        assert result.return_value == 0
        assert "ended in order" in result.output
        assert "guard_1" in result.output
        found = json.loads(run("trace", str(recorded), "--json").stdout)
        guard = next(one for one in found["agents"] if one["agent"] == "guard_1")
        assert guard["brain"] == "guard"
        assert guard["actions"] == sum(guard["by_source"].values()) > 0

    def test_the_timeline_is_filtered(self, recorded: Path) -> None:
        args = ("trace", str(recorded), "--timeline", "--json", "--agent", "guard_1")
        everything = [json.loads(line) for line in run(*args).stdout.splitlines()]
        assert {one["agent"] for one in everything} == {"guard_1"}
        some = [json.loads(line) for line in run(*args, "--node", "*/Patrol", "--ticks", "1..20").stdout.splitlines()]
        assert some == [one for one in everything if one["path"].endswith("/Patrol") and 1 <= one["tick"] <= 20]
        assert some[0]["kind"] == "does"

    def test_wrong_filters_say_what_is_there(self, recorded: Path) -> None:
        assert "did you mean 'Guard/Patrol'" in str(run("trace", str(recorded), "--node", "Guard/Patrols").exception)
        assert "write 40, 40..60" in str(run("trace", str(recorded), "--ticks", "a").exception)
        assert "ends before it begins" in str(run("trace", str(recorded), "--ticks", "9..3").exception)

    def test_coverage_has_a_threshold(self, recorded: Path) -> None:
        result = run("trace", str(recorded), "--coverage", "--json")
        found = json.loads(result.stdout)
        assert result.return_value == 0
        assert 0 < found["visited"] <= found["nodes"]
        percent = found["coverage"] * 100
        assert run("trace", str(recorded), "--threshold", str(percent)).return_value == 0
        some = ("trace", str(recorded), "--coverage", "--ticks", "1", "--threshold", "90")
        result = run(*some)
        assert result.return_value == 1
        assert "never" in result.output
        assert "that is less than 90 %" in result.output

    def test_pictures_are_svg(self, recorded: Path, tmp_path: Path) -> None:
        tree, time = tmp_path / "tree.svg", tmp_path / "time.svg"
        result = run("trace", str(recorded), "--agent", "guard_1", "--svg", str(tree), "--svg-timeline", str(time))
        assert result.return_value == 0
        xml.dom.minidom.parse(str(tree))
        for name in ("Patrol", "Respond", "Sees a stranger"):
            assert f">{name}</text>" in tree.read_text()
        (counted,) = json.loads(run("trace", str(recorded), "--agent", "guard_1", "--coverage", "--json").stdout)[
            "trees"
        ]
        patrol = next(one for one in counted["nodes"] if one["path"] == "Guard/Patrol")
        shown = "  ".join(f"{status[0].upper()} {patrol[status]}" for status in ("success", "failure", "running")
                          if patrol[status])  # fmt: skip
        assert f">{shown}" in tree.read_text(), "with how often it came to what"
        assert "Guard/Patrol" in time.read_text()
        life = open_recording(recorded).find("guard_1")
        asked = {tick.turn.tick for tick in life.ticks.values() if tick.questions}
        bars = {int(tick) for tick in re.findall(r"<title>asked (\d+): ", time.read_text())}
        assert bars, "each question is a bar"
        assert bars <= asked
        xml.dom.minidom.parse(str(time))
        assert "Pick one with --agent" in str(run("trace", str(recorded), "--svg", str(tree)).exception)

    def test_a_part_is_a_recording_of_its_own(self, recorded: Path, tmp_path: Path) -> None:
        part = tmp_path / "part.jsonl"
        args = ("trace", str(recorded), "--export", str(part), "--agent", "guard_1")
        assert run(*args, "--ticks", "..15").return_value == 0
        found = json.loads(replay(str(part), "--json").stdout)
        assert (found["ticks"], found["ok"]) == (15, True)
        result = run(*args, "--ticks", "10..15")
        assert "not replayed" in result.output
        result = replay(str(part))
        assert result.return_value == 1
        assert "guard_1 is left out: the recording has its ticks from 10 on only" in result.output

    def test_output_that_nobody_reads_any_more_is_no_error(self, recorded: Path) -> None:
        command = f"{sys.executable} -m brains trace {recorded} --timeline | head -1"
        done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=50, check=False)  # noqa: S602
        assert done.stdout.count("\n") == 1
        assert done.stderr == ""


def test_without_content_no_text_is_in_it_and_it_is_replayed(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl.gz"
    options = ["--seconds", "2", "--speed", "10", "--model", "scripted", "--plain", "--record", str(file)]
    done = run("demo", *options, "--record-content", "off", "--trees", TREES, "--prompts", PROMPTS)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    recording = open_recording(file)
    assert recording.head is not None
    assert recording.head.content is False
    questions = [question for life in recording.lives.values() for question in life.questions.values()]
    assert questions
    assert all(question.user == "" for question in questions)
    assert not any("Label" in text for text in recording.texts.values() if "{{" in text)
    assert replay(str(file), "--prompts", PROMPTS).exit_code in (0, 1)
    result = run("replay", str(file), "--trees", TREES)
    assert "0 differences" in result.output, result.output


def test_a_recording_of_somebody_else_does_not_steer_the_terminal(file: Path, tmp_path: Path) -> None:
    esc = "\x1b]0;pwned\x07"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    lines[0] |= {"started": f"then{esc}", "brains": f"1{esc}"}
    for line in lines:
        if line["type"] == "agent":
            line["session"] = f"game{esc}"
        elif line["type"] == "tree":
            line["brain"] += esc
            line["nodes"] = [{**node, "kind": f"K{esc}"} for node in line["nodes"]]
    next(line for line in lines if line["type"] == "done")["status"] = f"RUNNING{esc}"
    lines.append({"type": "touched", "agent": 1, "tick": 1, "kind": f"set{esc}", "place": esc})
    lines.append({"type": "gap", "lines": 1, "why": esc})
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    picture = tmp_path / "tree.svg"
    for args in (
        ["trace", str(file)],
        ["trace", str(file), "--coverage"],
        ["trace", str(file), "--timeline"],
        ["trace", str(file), "--svg", str(picture), "--agent", "guard_1"],
        ["replay", str(file), "--trees", TREES],
    ):
        result = run(*args)
        assert not set(map(chr, range(32))) & set(result.output.replace("\n", "")), args
    xml.dom.minidom.parse(str(picture))
    assert "first difference" in result.output
    assert "pwned" in result.output

"""`brains prompt`, called as people call it, with the scripted model in place of a real one."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from brains.cli import cli
from brains.cli._prompt.evaluation import Limits, Work, ask_cases, evaluate
from brains.errors import ConfigError, ModelUnavailable, PromptError
from brains.prompts import Prompt, decode_calibrations
from brains.questions import ModelInfo, ModelReply, ModelRequest, TokenChoice, Way
from brains.reload import load_prompts

PROMPT = """\
---
description: Is it a threat?
answer: {danger: true, safe: false}
inputs: {x: []}
examples:
  - {x: a wolf, answer: danger}
  - {x: a lamb, answer: safe}
---
system:
Label it.
user:
{{ x }}
"""
CASES = """\
- {x: a bear, answer: danger}
- {x: a hen, answer: safe}
- {x: a lion, answer: danger}
- {x: a cow, answer: safe}
"""
MANY_CASES = CASES * 5
ACTION = "---\nanswer: action\nexamples:\n  - {answer: fight}\n  - {answer: flee}\n---\nuser:\nNow"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder `prompts` in the current folder, with two prompts, one of them with cases."""
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "prompts"
    (place / "guard").mkdir(parents=True)
    (place / "guard/is_hostile.j2").write_text(PROMPT)
    (place / "guard/is_hostile.cases.yaml").write_text(CASES)
    (place / "respond.j2").write_text(ACTION)
    return place


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, ["prompt", *args], standalone_mode=False)


def code(result: Result) -> int:
    """Return the exit code; click gives it as the value outside of its standalone mode."""
    assert result.exception is None, result.exception
    return int(result.return_value or 0)


def test_list_names_all_and_what_is_not_well(folder: Path) -> None:
    result = run("list")
    assert code(result) == 0
    assert "guard/is_hostile" in result.stdout
    assert "danger / safe" in result.stdout
    assert "prompts/respond.j2: warning: 2 examples" in result.stderr
    (folder / "broken.j2").write_text("x")
    result = run("list")
    assert code(result) == 1
    assert "error: prompts/broken.j2:1: a prompt file starts with" in result.stderr


def test_list_of_none_that_work_has_no_head(folder: Path) -> None:
    for file in folder.rglob("*.j2"):
        file.unlink()
    result = run("list")
    assert (code(result), result.stdout) == (0, "")
    assert result.stderr == "no prompts in prompts: each is a file NAME.j2\n"
    (folder / "broken.j2").write_text("x")
    result = run("list")
    assert (code(result), result.stdout) == (1, "")
    assert result.stderr.startswith(
        "no prompt that works in prompts: each is a file NAME.j2\nerror: prompts/broken.j2:1"
    )


def test_list_never_cuts_a_name_off(folder: Path) -> None:
    name = "guard/" + "a_long_name_" * 12
    (folder / f"{name}.j2").write_text(PROMPT)
    lines = run("list").stdout.splitlines()
    assert lines[0].split() == ["prompt", "examples", "inputs", "answer"]
    at = next(index for index, line in enumerate(lines) if line.startswith(name))
    assert lines[at].split() == [name, "2", "x", "danger", "/", "safe"]
    assert lines[at + 1] == "  Is it a threat?"
    other = next(line for line in lines if line.startswith("guard/is_hostile "))
    assert other.index("danger /") == lines[at].index("danger /")


def test_a_calibration_without_a_name_is_listed_by_its_digest(folder: Path) -> None:
    version = load_prompts(folder).get("guard/is_hostile").version
    file = folder / "guard/is_hostile.calibration.json"
    file.write_text(json.dumps({"0123456789abcdef": {"prompt_hash": version}, "other": {"model": "big"}}))
    assert "calibrated for 0123456789ab\n" in run("list").stdout


def test_list_as_json(folder: Path) -> None:
    facts = json.loads(run("list", "--json", "--prompts", "prompts").stdout)
    assert [(one["name"], one["kind"], one["examples"]) for one in facts["prompts"]] == [
        ("guard/is_hostile", "condition", 2),
        ("respond", "action", 2),
    ]
    assert facts["errors"] == []


@pytest.mark.usefixtures("folder")
def test_show_is_what_a_model_gets() -> None:
    result = run("show", "guard/is_hostile")
    assert result.stdout == "Label it.\n\na wolf -> danger\na lamb -> safe\na bear ->\n"
    assert "Is it a threat?" in result.stderr
    result = run("show", "guard/is_hostile", "--inputs", '{"x": "a mouse"}', "--way", "chat")
    assert result.stdout.endswith("[assistant]\nsafe\n\n[user]\na mouse\n")
    assert "Answer with one word: danger or safe." in result.stdout


def test_show_of_a_prompt_without_a_description(folder: Path) -> None:
    version = load_prompts(folder).get("respond").version
    assert run("show", "respond").stderr.startswith(f"prompts/respond.j2, version {version}\n")


@pytest.mark.usefixtures("folder")
def test_show_tells_what_is_wrong() -> None:
    result = run("show", "guard/hostile")
    assert isinstance(result.exception, PromptError)
    assert "did you mean 'guard/is_hostile'" in str(result.exception)
    assert "JSON object" in str(run("show", "guard/is_hostile", "--inputs", "[]").exception)
    assert isinstance(run("show", "guard/is_hostile", "--inputs", "{}").exception, PromptError)


@pytest.mark.usefixtures("folder")
def test_eval_measures_all_prompts_that_have_cases() -> None:
    result = run("eval", "--model", "scripted", "--json", "--min-accuracy", "0", "--min-margin", "-1", "--splits", "3")
    assert code(result) == 0
    (found,) = json.loads(result.stdout)
    assert (found["prompt"], found["cases"], found["examples"], found["problems"]) == ("guard/is_hostile", 4, 2, [])
    assert (found["labels"], found["majority"], found["nearest"]) == (["danger", "safe"], 0.5, 0.5)
    assert 0 <= found["worst"] <= found["calibrated"] <= 1


@pytest.mark.usefixtures("folder")
def test_eval_fails_when_a_prompt_is_not_good_enough() -> None:
    result = run("eval", "guard/is_hostile", "--model", "scripted", "--min-accuracy", "1.01")
    assert code(result) == 1
    assert "not good enough" in result.stdout
    assert "is less than 1.01" in result.stderr


@pytest.mark.parametrize(("times", "few"), [(1, True), (4, True), (5, False)])
def test_few_cases_are_warned_of_and_calibrate_nothing(folder: Path, times: int, few: bool) -> None:
    (folder / "guard/is_hostile.cases.yaml").write_text(CASES * times)
    measured = run("eval", "--model", "scripted", "--splits", "1", "--min-accuracy", "0", "--min-margin", "-1")
    assert code(measured) == 0
    assert (f"guard/is_hostile: warning: {times * 4} cases are too few" in measured.stderr) == few
    calibrated = run("calibrate", "--model", "scripted", "--splits", "1", "--force")
    assert (folder / "guard/is_hostile.calibration.json").exists() != few
    if few:
        assert isinstance(calibrated.exception, ConfigError)
        assert f"it has {times * 4} cases with one right answer, and needs 20 or more" in str(calibrated.exception)
    else:
        assert code(calibrated) == 0


def test_a_label_that_is_hardly_ever_right_calibrates_nothing(folder: Path) -> None:
    """It would learn never to say it."""
    rows = [f"- {{x: thing {number}, answer: danger}}\n" for number in range(30)]
    (folder / "guard/is_hostile.cases.yaml").write_text("".join(rows) + "- {x: a lamb, answer: safe}\n")
    said = str(run("calibrate", "--model", "scripted").exception)
    assert said.startswith("'guard/is_hostile' is not calibrated: each label needs 2 cases or more")
    assert said.endswith("; too few: safe")


def test_one_prompt_with_too_few_cases_does_not_keep_the_others_from_it(folder: Path) -> None:
    (folder / "guard/is_hostile.cases.yaml").write_text(CASES * 5)
    (folder / "respond.cases.yaml").write_text("- {answer: fight}\n- {answer: flee}\n")
    result = run("calibrate", "--model", "scripted")
    assert int(result.return_value or 0) == 1
    assert result.stdout.startswith("prompts/guard/is_hostile.calibration.json: 20 cases")
    assert "error: 'respond' is not calibrated: it has 2 cases" in result.stderr
    assert not (folder / "respond.calibration.json").exists()


def test_what_predicts_worse_than_nothing_is_stored_by_force_only(folder: Path) -> None:
    """The scripted model knows nothing, and a line through so few of its answers only gets it wrong with more zeal."""
    rows = [f"- {{x: thing 0 {number}, answer: {('danger', 'safe')[number % 2]}}}\n" for number in range(20)]
    (folder / "guard/is_hostile.cases.yaml").write_text("".join(rows))
    file, args = folder / "guard/is_hostile.calibration.json", ("--model", "scripted", "--method", "isotonic")
    result = run("calibrate", *args)
    assert int(result.return_value or 0) == 1
    assert "; not stored\n" in result.stdout
    assert "on cases that it was not fitted on its log loss is 0." in result.stderr
    assert "insist with --force" in result.stderr
    (told,) = json.loads(run("calibrate", *args, "--json").stdout)
    before, after = told["log_loss"]
    assert (after > before, told["stored"], file.exists()) == (True, False, False)
    assert code(run("calibrate", *args, "--force")) == 0
    assert file.exists()


@pytest.mark.usefixtures("folder")
def test_eval_prints_a_line_of_numbers_for_each_prompt() -> None:
    lines = run("eval", "--model", "scripted", "--min-accuracy", "0", "--min-margin", "-1").stdout.splitlines()
    assert lines[0] == "scripted (completion); calibrated: mean and worst of 20 splits"
    assert lines[2].split()[:7] == ["prompt", "cases", "raw", "calibrated", "worst", "majority", "nearest"]
    assert lines[2].split()[7:] == ["AUC", "log", "loss", "ECE", "ms"]
    assert lines[3].startswith("guard/is_hostile      4  ")
    assert len(lines[3]) == len(lines[2])
    assert re.search(r"  0\.\d\d -> 0\.\d\d  0\.\d\d -> 0\.\d\d  +\d+$", lines[3])
    assert lines[4].startswith("  good: 2 examples, ")
    assert lines[4].endswith(" tokens; danger safe")


@pytest.mark.parametrize(
    ("names", "says"),
    [(["respond"], "has no cases"), (["talk"], "free text"), (["nothing"], "no prompt called")],
)
def test_what_cannot_be_evaluated_is_said(folder: Path, names: list[str], says: str) -> None:
    (folder / "talk.j2").write_text("---\nanswer: text\n---\nuser:\nHi")
    assert says in str(run("eval", *names, "--model", "scripted").exception)


def test_no_cases_at_all(folder: Path) -> None:
    (folder / "guard/is_hostile.cases.yaml").unlink()
    assert isinstance(run("eval", "--model", "scripted").exception, ConfigError)


def test_a_broken_case_names_its_line(folder: Path) -> None:
    (folder / "guard/is_hostile.cases.yaml").write_text(CASES + "- {y: a hen, answer: safe}\n")
    error = run("eval", "--model", "scripted").exception
    assert str(error).startswith("prompts/guard/is_hostile.cases.yaml:5: case 5: 'y' is not an input")


def test_calibrate_stores_beside_the_prompt_and_keeps_other_models(folder: Path) -> None:
    file = folder / "guard/is_hostile.calibration.json"
    file.write_text('{"other": {"model": "big", "scale": 2.0}}')
    (folder / "guard/is_hostile.cases.yaml").write_text(MANY_CASES)
    result = run("calibrate", "--model", "scripted", "--splits", "2", "--method", "platt")
    assert code(result) == 0
    assert result.stdout.startswith("prompts/guard/is_hostile.calibration.json: 20 cases, raw ")
    stored = decode_calibrations(file.read_text(), file="x")
    assert stored.pop("other").model == "big"
    ((digest, calibration),) = stored.items()
    prompt = load_prompts(folder).get("guard/is_hostile")
    assert (calibration.prompt_hash, calibration.cases, set(calibration.bias)) == (
        prompt.version,
        20,
        {"danger", "safe"},
    )
    assert digest
    assert sorted(path.name for path in file.parent.iterdir()) == [
        "is_hostile.calibration.json",
        "is_hostile.cases.yaml",
        "is_hostile.j2",
    ]
    assert calibration.model in run("list").stdout


def test_a_model_without_probabilities_cannot_be_calibrated(folder: Path) -> None:
    (folder / "guard/is_hostile.cases.yaml").write_text(MANY_CASES)
    Path("brains.toml").write_text('label_way = "schema"')
    assert "no probabilities" in str(run("calibrate", "--model", "scripted").exception)


def test_a_calibration_that_cannot_be_written_is_said(folder: Path) -> None:
    (folder / "guard/is_hostile.calibration.json").write_text("{")
    (folder / "guard/is_hostile.cases.yaml").write_text(MANY_CASES)
    assert "no calibration file" in str(run("calibrate", "--model", "scripted").exception)


class Fake:
    """A model that answers from a list, and fails where that holds an error."""

    name = "fake"

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.most = self._now = 0

    async def start(self) -> ModelInfo:
        able: frozenset[Way] = frozenset({"chat"})
        return ModelInfo(name="fake", digest="f", backend="scripted", ways=able, label_way="chat", slots=2)

    async def generate(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        self._now += 1
        self.most = max(self.most, self._now)
        await asyncio.sleep(0)
        self._now -= 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return ModelReply(text=answer, tokens=(TokenChoice(answer, -0.05),), prompt_time=0.25)

    async def close(self) -> None:
        pass


def work() -> Work:
    prompt = Prompt("guard/is_hostile", PROMPT)
    return Work(prompt, prompt.cases(CASES))


async def test_cases_are_asked_as_many_at_a_time_as_there_are_slots() -> None:
    model, steps = Fake("danger", "safe", "dunno", "danger"), []
    info = await model.start()
    run = await ask_cases(model, info, work(), lambda: steps.append(1))
    assert model.most == 2
    assert len(steps) == 4
    assert [None if one is None else one.answer for one in run.decisions] == ["danger", "safe", None, "danger"]
    found = evaluate(run, info, Limits(0.8, 0.15), splits=2)
    assert (found.unanswered, found.raw, found.median_ms) == (1, 0.5, 250.0)
    assert len(found.problems) == 3


async def test_a_model_that_goes_away_ends_it() -> None:
    model = Fake("danger", ModelUnavailable("gone"), "safe", "safe")
    with pytest.raises(ModelUnavailable, match="gone"):
        await ask_cases(model, await model.start(), work(), lambda: None)


@pytest.mark.parametrize("args", [["--help"], ["list", "--help"], ["show", "--help"], ["eval", "--help"]])
def test_help_has_examples(args: list[str]) -> None:
    result = run(*args)
    assert "Examples:" in result.stdout


@pytest.mark.parametrize("command", ["render", "ask", "eval", "diff", "calibrate"])
def test_help_names_every_kind_of_model(command: str) -> None:
    text = " ".join(run(command, "--help").stdout.split())
    assert "auto, llama3.2 (or ollama:llama3.2), embedded, embedded:FILE.gguf, or scripted (answers made up)" in text


def test_no_help_is_cut_off() -> None:
    result = CliRunner().invoke(cli, ["prompt", "--help"], standalone_mode=False, terminal_width=80)
    assert "..." not in result.stdout.replace("[ARGS]...", "")


def test_the_two_guesses_are_explained_before_they_are_named() -> None:
    text = run("eval", "--help").stdout
    assert 0 < text.index("two guesses") < text.index("--min-margin")


def test_the_settings_reach_the_model(folder: Path) -> None:
    (folder / "guard/is_hostile.cases.yaml").write_text(MANY_CASES)
    (folder.parent / "brains.toml").write_text("slots = 0")
    assert "slots: expected a whole number of 1 or more" in str(run("eval", "--model", "scripted").exception)
    (folder.parent / "brains.toml").write_text("slots = 1\nthreads = 1\ncontext = 256")
    assert code(run("calibrate", "--model", "scripted")) == 0

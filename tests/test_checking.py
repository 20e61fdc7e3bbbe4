"""`brains check`: each kind of mistake is found, in its file and line; what is right is left alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from brains.checking import Finding
from brains.cli.check import command

HEAD = """from typing import ClassVar
import py_trees
from brains import (Action, Condition, GameAction, LLMAction, LLMCondition, LLMLeaf, MemorySequence, Say,
                    ReactiveSelector, ReactiveSequence, Wait, brain)

class Talk(GameAction):
    label: ClassVar[str] = "talk"

class Fight(GameAction):
    label: ClassVar[str] = "fight"

class Flee(GameAction):
    label: ClassVar[str] = "run"

class Go(GameAction):
    to: str

KEPT = Wait("kept", 1)

@brain("guard")
def guard():
"""
FIRST = HEAD.count("\n") + 1
CLASS_LINES = 3
"""Of one more action."""
EXAMPLES = "\n".join(
    f"  - {{stranger: {{looks: number {n}}}, answer: {'danger' if n % 2 else 'safe'}}}" for n in range(12)
)
CONDITION = f"""---
answer: {{danger: true, safe: false}}
inputs: {{stranger: [looks]}}
examples:
{EXAMPLES}
---
user:
{{{{ stranger.looks }}}}
"""
CHOOSE = "\n".join(
    (
        "---",
        "answer: action",
        "inputs: {stranger: [looks]}",
        "examples:",
        *(f"  - {{stranger: {{looks: number {n}}}, answer: {'talk' if n % 2 else 'fight'}}}" for n in range(12)),
        "---",
        "user:",
        "{{ stranger.looks }}",
        "",
    )
)
GOOD = {
    "is_hostile": CONDITION,
    "respond": CHOOSE,
    "shout": "---\nanswer: text\ninputs: {me: [name]}\n---\nuser:\nWhat does {{ me.name }} say?\n",
}
RIGHT = """    return ReactiveSelector("Guard", [
        ReactiveSequence("Deal", [
            LLMCondition("hostile?", prompt="is_hostile", inputs={"stranger": 1}),
            LLMAction("respond", prompt="respond", inputs={"stranger": 1}, choices=[Talk, Fight]),
        ]),
        Say("shout", prompt="shout"),
    ])
"""


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    """Make a project with a right tree and right prompts."""
    (tmp_path / "check_trees").mkdir()
    (tmp_path / "prompts").mkdir()
    (tmp_path / "check_trees" / "guard.py").write_text(HEAD + RIGHT)
    for name, text in GOOD.items():
        (tmp_path / "prompts" / f"{name}.j2").write_text(text)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "check_trees"]:
        del sys.modules[name]


def check(folders: Path, *options: str) -> Result:
    """Run `brains check` on the project."""
    return CliRunner().invoke(
        command, ["--trees", str(folders / "check_trees"), "--prompts", str(folders / "prompts"), *options]
    )


def findings(folders: Path) -> list[Finding]:
    """Return the findings as values."""
    return msgspec.json.decode(check(folders, "--json").stdout, type=list[Finding])


def tree(folders: Path, body: str, action: str = "") -> None:
    """Give the guard another tree, and maybe one action more."""
    lines = "".join(f"    {line}\n" for line in body.strip().split("\n"))
    more = f'class {action}(GameAction):\n    label: ClassVar[str] = "{action.lower()}"\n\n' if action else ""
    (folders / "check_trees" / "guard.py").write_text(HEAD.replace("@brain", more + "@brain") + lines)


def test_what_is_right_is_left_alone(folders: Path) -> None:
    """Exit code 0, and one line that counts."""
    result = check(folders)
    assert (result.exit_code, result.output) == (0, "1 brain, 3 prompts: 0 errors, 0 warnings\n")


@pytest.mark.parametrize(
    ("rule", "line", "body"),
    [
        ("unknown-prompt", 0, 'return LLMCondition("h", prompt="is_hostil", inputs={"stranger": 1})'),
        ("undeclared-input", 0, 'return LLMCondition("h", prompt="is_hostile", inputs={"stranger": 1, "mood": 2})'),
        ("missing-input", 0, 'return LLMCondition("h", prompt="is_hostile")'),
        ("answer-kind", 0, 'return LLMCondition("h", prompt="respond", inputs={"stranger": 1})'),
        ("answer-kind", 0, 'return LLMAction("r", prompt="shout", choices=[Talk, Fight])'),
        ("answer-kind", 0, 'return Say("s", prompt="is_hostile", inputs={"stranger": 1})'),
        ("duplicate-path", 2, 'return MemorySequence("G", [\n    Wait("w", 1),\n    Wait("w", 2),\n])'),
        ("stock-timer", 1, 'return MemorySequence("G", [\n    py_trees.timers.Timer("t", 1.0),\n])'),
        ("stock-timer", 0, 'return py_trees.decorators.Timeout("t", Wait("w", 1), 1.0)'),
        ("bare-blackboard", 0, 'return py_trees.behaviours.SetBlackboardVariable("s", "x", 1, overwrite=True)'),
        ("bare-blackboard", 0, 'return py_trees.decorators.StatusToBlackboard("s", Wait("w", 1), "x")'),
        ("stock-random", 0, 'return py_trees.behaviours.ProbabilisticBehaviour("p")'),
        ("restless-decorator", 0, 'return py_trees.decorators.RunningIsSuccess("r", Action("go", Talk()))'),
        ("restless-decorator", 0, 'return py_trees.decorators.RunningIsFailure("r", Wait("w", 1))'),
        (
            "restless-decorator",
            1,
            'return MemorySequence("G", [\n    py_trees.decorators.RunningIsFailure("r",\n'
            '        LLMAction("c", prompt="respond", inputs={"stranger": 1}, choices=[Talk, Fight])),\n])',
        ),
        (
            "bad-action",
            0,
            'return LLMAction("r", prompt="respond", inputs={"stranger": 1}, choices=[Talk, Fight], fallback=Go)',
        ),
        ("shared-node", -2, "return KEPT"),
        ("shared-node", -2, 'return py_trees.decorators.Inverter("i", KEPT)'),
        ("shared-node", 0, 'return MemorySequence("G", [KEPT])'),
        ("bad-action", 0, 'return Action("a", Go(to=5))'),
        ("tree", 0, "return 1 / 0"),
        ("tree", 0, 'return Wait("w", -1)'),
    ],
)
def test_a_mistake_in_a_tree_is_found_in_its_line(folders: Path, rule: str, line: int, body: str) -> None:
    """With exit code 1 and the rule's name."""
    tree(folders, body)
    errors = [f for f in findings(folders) if f.severity == "error"]
    assert [(Path(f.file).name, f.line, f.rule) for f in errors] == [("guard.py", FIRST + line, rule)]
    result = check(folders)
    assert result.exit_code == 1
    assert f"guard.py:{FIRST + line}: error: " in result.output


def test_a_choice_that_no_action_has_is_found_in_the_prompt(folders: Path) -> None:
    """In the line of the first example that gives it."""
    (folders / "prompts" / "respond.j2").write_text(
        CHOOSE.replace("number 4}, answer: fight", "number 4}, answer: flee")
    )
    (finding,) = [f for f in findings(folders) if f.severity == "error"]
    assert (Path(finding.file).name, finding.line, finding.rule) == ("respond.j2", 9, "no-such-choice")
    assert "'flee'" in finding.message
    assert "talk, fight" in finding.message


def test_a_choice_that_has_no_example_is_a_warning(folders: Path) -> None:
    """The model has never seen the word."""
    tree(folders, RIGHT.replace("[Talk, Fight]", "[Talk, Fight, Flee]").replace("\n    ", "\n"))
    (finding,) = findings(folders)
    assert (finding.rule, finding.severity, check(folders).exit_code) == ("examples", "warning", 0)


def at(findings: list[Finding]) -> list[tuple[str, int, str]]:
    """Return file, line and rule of the errors."""
    return [(Path(f.file).name, f.line, f.rule) for f in findings if f.severity == "error"]


@pytest.mark.parametrize(
    ("labels", "rule"),
    [("{danger: true, dangerous: false}", "prompt"), ("{attack: true, attend: false}", "labels-alike")],
)
def test_labels_that_share_a_beginning_are_found_where_the_prompt_lists_them(
    folders: Path, labels: str, rule: str
) -> None:
    """One token could mean either."""
    words = labels.strip("{}").replace(": true", "").replace(": false", "").split(", ")
    text = CONDITION.replace("answer: {danger: true, safe: false}", f"description: x\nanswer: {labels}")
    text = text.replace("answer: danger}", f"answer: {words[0]}}}").replace("answer: safe}", f"answer: {words[1]}}}")
    (folders / "prompts" / "is_hostile.j2").write_text(text)
    found = findings(folders)
    assert at(found) == [("is_hostile.j2", 3, rule)]
    assert "begin" in found[0].message
    assert check(folders).exit_code == 1


def test_labels_of_examples_that_share_a_beginning_are_found_at_the_second_one(folders: Path) -> None:
    """The prompt has no list of them."""
    text = CHOOSE.replace("number 6}, answer: fight", "number 6}, answer: talon")
    (folders / "prompts" / "respond.j2").write_text(text)
    tree(folders, RIGHT.replace("[Talk, Fight]", "[Talk, Fight, Talon]").replace("\n    ", "\n"), "Talon")
    found = [f for f in findings(folders) if f.severity == "error"]
    assert at(found) == [("respond.j2", 11, "labels-alike")]
    assert "differ in their first 3 letters" in found[0].message


def test_labels_of_a_leaf_that_share_a_beginning_are_found_in_the_tree(folders: Path) -> None:
    """The prompt is right; its leaf has one word too many."""
    tree(folders, RIGHT.replace("[Talk, Fight]", "[Talk, Fight, Talon]").replace("\n    ", "\n"), "Talon")
    assert at(findings(folders)) == [("guard.py", FIRST + CLASS_LINES + 3, "labels-alike")]


def test_labels_that_share_two_letters_will_do(folders: Path) -> None:
    """The rule is three, and `brains check --help` says so."""
    tree(folders, RIGHT.replace("[Talk, Fight]", "[Talk, Fight, Tame]").replace("\n    ", "\n"), "Tame")
    assert at(findings(folders)) == []
    assert "three letters" in CliRunner().invoke(command, ["--help"]).output


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (CONDITION.replace("{{ stranger.looks }}", "{{ stranger.looks "), CONDITION.count("\n")),
        (CONDITION.replace("{{ stranger.looks }}", "{{ thief.looks }}"), CONDITION.count("\n")),
        (CONDITION.replace("answer: {danger", "anwser: {danger"), 2),
        # An open brace: YAML notices it in the line below, and names the line of the brace in its message.
        (CONDITION.replace("number 3}", "number 3"), 9),
        (CONDITION.replace("{looks: number 5}", "{smells: odd}"), 10),
    ],
)
def test_a_template_that_does_not_parse_is_found_in_its_own_line(folders: Path, text: str, line: int) -> None:
    """Front matter, examples and Jinja, by the file's own numbers; the leaf that asks it is not blamed, too."""
    (folders / "prompts" / "is_hostile.j2").write_text(text)
    errors = [f for f in findings(folders) if f.severity == "error"]
    assert [(Path(f.file).name, f.line) for f in errors] == [("is_hostile.j2", line)]


def test_an_unused_prompt_is_a_warning(folders: Path) -> None:
    """It may be meant for later."""
    (folders / "prompts" / "later.j2").write_text(GOOD["shout"])
    (finding,) = findings(folders)
    assert (finding.rule, finding.severity, check(folders).exit_code) == ("unused-prompt", "warning", 0)


def test_beside_a_tree_that_does_not_build_no_prompt_is_called_unused(folders: Path) -> None:
    """What that tree would ask is not known."""
    file = folders / "check_trees" / "guard.py"
    file.write_text(file.read_text().replace('prompt="respond", inputs', 'prompt="respond", temperature=0, inputs'))
    assert [finding.rule for finding in findings(folders)] == ["tree"]


def test_trees_that_do_not_load_do_not_hide_what_is_wrong_with_prompts(folders: Path) -> None:
    """Both are told."""
    (folders / "check_trees" / "guard.py").write_text("x = (\n")
    (folders / "prompts" / "later.j2").write_text("no front matter")
    assert {(Path(f.file).name, f.rule) for f in findings(folders)} == {("guard.py", "tree"), ("later.j2", "prompt")}


def test_findings_are_printed_one_per_line_and_as_json(folders: Path) -> None:
    """With the node's path, for programs and for people."""
    tree(folders, 'return ReactiveSelector("G", [LLMCondition("h", prompt="nope")])')
    line = check(folders).stdout.split("\n")[0]
    assert line.endswith("(G/h) [unknown-prompt]")
    (found,) = [f for f in json.loads(check(folders, "--json").stdout) if f["severity"] == "error"]
    assert (found["node"], found["rule"], found["line"]) == ("G/h", "unknown-prompt", FIRST)


ODD = (
    'return py_trees.behaviours.SetBlackboardVariable("Mark Done\\n[FAILURE]\\x1b[31m\\u2028", "x", 1, overwrite=True)'
)


def test_a_finding_is_one_line_whatever_the_nodes_name_is(folders: Path) -> None:
    """Programs split at line ends, and a terminal does what control characters say; JSON has the name itself."""
    tree(folders, ODD)
    result = check(folders)
    found, *_, count = lines = result.output.splitlines()
    assert len(lines) == 5, lines
    assert "(Mark Done\\n[FAILURE]\\x1b[31m\\u2028) [bare-blackboard]" in found
    assert count == "1 brain, 3 prompts: 1 error, 3 warnings"
    (error,) = [f for f in findings(folders) if f.severity == "error"]
    assert error.node == "Mark Done\n[FAILURE]\x1b[31m\u2028"


def test_folders_that_are_not_there_are_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    """Not a traceback."""
    result = CliRunner().invoke(command, ["--trees", str(tmp_path / "no"), "--prompts", str(tmp_path)])
    assert result.exit_code == 1
    assert "no trees folder" in str(result.exception)


def test_a_trees_folder_without_trees_is_named(folders: Path) -> None:
    """A line of a finding begins with a place, and never with a colon."""
    for file in (folders / "check_trees").rglob("*.py"):
        file.unlink()
    lines = check(folders).output.splitlines()
    (line,) = [line for line in lines if "[tree]" in line]
    place, severity, message = line.split(": ", 2)
    assert (Path(place).resolve(), severity) == ((folders / "check_trees").resolve(), "error")
    assert message.startswith("no Python file in the trees folder: write one")
    assert str(Finding("", 3, "error", "tree", "hm")) == "error: hm [tree]"
    assert str(Finding("a.py", 3, "error", "tree", "hm", "G/x")) == "a.py:3: error: hm (G/x) [tree]"
    assert str(Finding("a.py", 0, "error", "tree", "hm")) == "a.py: error: hm [tree]"


def test_an_empty_composite_is_a_warning(folders: Path) -> None:
    """It does nothing, and that is seldom meant."""
    tree(folders, 'return ReactiveSequence("G", [])')
    assert ("empty", "warning") in [(f.rule, f.severity) for f in findings(folders)]


def test_a_case_file_is_checked_too(folders: Path) -> None:
    """`brains prompt eval` would stop at it."""
    (folders / "prompts" / "is_hostile.cases.yaml").write_text("- {stranger: {looks: a man}, answer: stronk}\n")
    (finding,) = findings(folders)
    assert (Path(finding.file).name, finding.line, finding.rule) == ("is_hostile.cases.yaml", 1, "cases")

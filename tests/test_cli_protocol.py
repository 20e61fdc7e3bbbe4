"""`brains protocol`: what it prints, and what it writes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from brains.cli.protocol import command

ROOT = Path(__file__).parent.parent


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_it_prints_the_document() -> None:
    result = run()
    assert result.exit_code == 0
    assert YAML(typ="safe", pure=True).load(result.output)["asyncapi"] == "3.0.0"
    assert result.output == (ROOT / "docs" / "protocol" / "asyncapi.yaml").read_text(encoding="utf-8")


def test_it_prints_the_schema() -> None:
    result = run("--schema")
    assert result.exit_code == 0
    assert "ClientMessage" in json.loads(result.output)["$defs"]


def test_it_prints_an_example_per_line() -> None:
    result = run("--examples")
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.output.splitlines()]
    assert {(line["from"], line["type"]) for line in lines} >= {("client", "hello"), ("server", "actions")}
    assert all(set(line) == {"from", "type", "case", "message"} for line in lines)


def test_it_writes_everything_and_removes_examples_that_are_no_more(tmp_path: Path) -> None:
    old = tmp_path / "examples" / "client" / "dance.minimal.json"
    old.parent.mkdir(parents=True)
    old.write_text("{}")
    (tmp_path / "README.md").write_text("# Mine\n\n<!-- generated: closes -->\n<!-- end of generated -->\n")
    result = run("--write", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert not old.exists()
    assert (tmp_path / "schema.json").is_file()
    assert (tmp_path / "examples" / "invalid" / "client" / "nan.json").is_file()
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# Mine\n")
    assert "| 4401 |" in readme


def test_two_things_at_once_are_wrong_usage(tmp_path: Path) -> None:
    assert run("--schema", "--write", str(tmp_path)).exit_code == 2


def test_a_reader_that_has_enough_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "brains", "protocol"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""

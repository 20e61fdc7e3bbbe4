"""The command `brains` itself: help, versions, exit codes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from brains.cli import COMMANDS


def brains(*args: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "brains", *args],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )


def test_help_lists_every_command() -> None:
    """Without importing any of them."""
    result = brains("--help")
    assert result.returncode == 0
    for name, text in COMMANDS.items():
        assert name in result.stdout
        assert text in result.stdout


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help_with_examples(name: str) -> None:
    """`--help` ends 0 and shows how to use it."""
    result = brains(name, "--help")
    assert result.returncode == 0, result.stderr
    assert "xample" in result.stdout


def test_the_version_is_that_of_the_package() -> None:
    """One number."""
    import brains as package

    result = brains("--version")
    assert result.returncode == 0
    assert package.__version__ in result.stdout


def test_wrong_usage_is_exit_code_2_with_a_hint() -> None:
    """As click has it."""
    for args in (["nonsense"], ["check", "--nonsense"]):
        result = brains(*args)
        assert result.returncode == 2
        assert "--help" in result.stderr


def test_an_error_of_ours_is_one_line_and_exit_code_1() -> None:
    """No traceback."""
    result = brains("check", "--trees", "no/such/folder")
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals are sent as POSIX does it")
@pytest.mark.parametrize("module", ["brains.cli", "py_trees"])
def test_ctrl_c_while_all_is_imported_ends_it_at_once(module: str) -> None:
    """An import that interrupts itself: one line, no traceback; also if the import would have caught an exception."""
    code = f"""
import os, signal, sys
import brains.__main__ as start

class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except KeyboardInterrupt:
                print("caught", file=sys.stderr)

sys.meta_path.insert(0, Interrupted())
sys.argv = ["brains", "check"]
start.main()
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if module == "brains.cli":
        assert (result.returncode, result.stderr) == (130, "stopped\n")
    else:
        # A command imports it, and by then Ctrl-C is an exception again.
        assert result.returncode != 1
        assert "Traceback" not in result.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
@pytest.mark.parametrize(
    "args", [["--help"], ["--version"], ["protocol"], ["demo", "--model", "scripted", "--plain", "--seconds", "9"]]
)
def test_a_full_disk_is_said_in_one_line(args: list[str]) -> None:
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "brains", *args], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (result.returncode, result.stderr) == (74, f"error: cannot write: {os.strerror(errno.ENOSPC)}\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
@pytest.mark.parametrize(
    ("args", "code"), [(["check", "--trees", "no/such"], 1), (["check", "--nonsense"], 74), (["--help"], 74)]
)
def test_if_nothing_can_be_said_at_all_the_exit_code_says_it(args: list[str], code: int) -> None:
    with open("/dev/full", "w") as full:
        result = subprocess.run([sys.executable, "-m", "brains", *args], stdout=full, stderr=full, check=False)
    assert result.returncode == code


@pytest.mark.skipif(os.name == "nt", reason="pipes are closed as POSIX does it")
@pytest.mark.parametrize("args", [["protocol"], ["ctl", "servers"]])
def test_a_closed_pipe_is_no_traceback(args: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "brains", *args]
    result = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (result.returncode, result.stderr) == (1, "")


def test_one_line_tells_one_mistake_and_where_the_others_are_told(tmp_path: Path) -> None:
    (tmp_path / "dog.j2").write_text("---\nanswer: text\n---\nuser:\n{{ bone | uper }} {{ cat }}")
    for args in (["show", "dog"], ["list"]):
        result = brains("prompt", *args, "--prompts", str(tmp_path))
        assert result.returncode == 1
        (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
        assert "there is no filter 'uper'; did you mean 'upper'?" in line
        assert line.endswith(" (and 2 more: `brains prompt lint` tells all)")


@pytest.mark.parametrize("given", [["-c", "tree"], []], ids=["said", "piped"])
def test_what_an_encoding_does_not_have_is_replaced_and_all_the_rest_is_there(given: list[str]) -> None:
    """Statuses are shown by signs that ASCII lacks, and what is piped in may be of another encoding."""
    done = subprocess.run(
        [sys.executable, "-m", "brains", "debug", "--tree", "py_trees.demos.selector:create_root", *given],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        input=b"" if given else b"print '\xe9'\ntree\n",
        capture_output=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"? Selector" in done.stdout


def test_an_error_that_names_an_agent_does_not_steer_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    file.write_text(
        '{"type":"recording","format":"1.0","run":"r"}\n'
        '{"type":"agent","n":1,"id":"Ana\\u001b]0;pwned\\u0007","brain":"b","tree":"t"}\n'
        '{"type":"turn","agent":1,"tick":1,"at":0}\n'
    )
    result = brains("trace", str(file), "--agent", "nobody")
    assert result.returncode == 1
    assert result.stderr.endswith("there is no agent 'nobody' in here; there are: Ana\n")

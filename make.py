#!/usr/bin/env python3
"""Set brains up and run it: `python make.py help`.

Only the standard library, and syntax that an old Python 3 can parse: whoever has no Python that brains can
run on must read here what to install, and not a syntax error.
"""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, "brains-stamp.json")
LOG = os.path.join(VENV, "brains-install.log")
OLDEST = (3, 11)
NEWEST_TRIED = (3, 14)
LINTED = ("brains", "tests", "trees", "make.py")
TYPED = ("brains", "tests", "trees")
GDSCRIPT = ("godot_demo", "tests")

HELP = """usage: python make.py TARGET [ARGUMENTS]

  demo    play the demonstration             python make.py demo --seconds 20   make demo SECONDS=20
  test    lint, then run the tests           python make.py test -k session     make test ARGS="-k session"
  lint    ruff, mypy, the import rules, and gdlint for GDScript
  format  let ruff and gdformat format and mend the code
  clean   delete .venv and everything made
  help    show this

Everything is installed into .venv, with uv if that is on the path, otherwise with pip."""


class Stop(Exception):
    """Ends the run with a message and an exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        Exception.__init__(self, message)
        self.code = code


def say(text: str) -> None:
    """Print a line of our own, before whatever a child process prints next."""
    print("make.py: " + text, flush=True)


# --- the right Python ---


def version_text(version: Iterable[object]) -> str:
    """Return (3, 11) as "3.11"."""
    return ".".join(str(part) for part in version)


def python_version_of(command: List[str]) -> Optional[Tuple[int, int]]:
    """Return the (major, minor) version that `command` starts, or None where it starts none."""
    probe = "import sys; print('%d %d' % sys.version_info[:2])"
    try:
        out = subprocess.check_output([*command, "-c", probe], stderr=subprocess.DEVNULL, timeout=20)
        major, minor = out.decode().split()
        return int(major), int(minor)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def newer_python() -> Optional[List[str]]:
    """Find a Python that is new enough, as a command; None where there is none."""
    minors = range(NEWEST_TRIED[1], OLDEST[1] - 1, -1)
    candidates = [["python3.%d" % minor] for minor in minors]
    for command in [*candidates, ["py", "-3"], ["python3"], ["python"]]:
        version = python_version_of(command)
        if version is not None and version >= OLDEST:
            return command
    if shutil.which("uv"):
        # uv fetches a Python where there is none.
        return ["uv", "run", "--no-project", "--python", ">=" + version_text(OLDEST)]
    return None


def too_old_message() -> str:
    """Say which Python this is, and how to get one that will do."""
    if sys.platform.startswith("linux"):
        how = "install it with your package manager (Debian, Ubuntu: python3.12 python3.12-venv)"
    elif sys.platform == "darwin":
        how = "install it with `brew install python@3.12` or from python.org"
    else:
        how = "install it from python.org or with `winget install Python.Python.3.12`"
    return "Python %s or newer is needed; this is %s at %s; %s, or install uv, which fetches one." % (
        version_text(OLDEST),
        version_text(sys.version_info[:3]),
        sys.executable,
        how,
    )


def run_with_newer_python(argv: List[str]) -> int:
    """Run this file again with a Python that is new enough."""
    command = None if os.environ.get("BRAINS_MAKE_RERUN") else newer_python()
    if command is None:
        raise Stop(too_old_message())
    # Should the one found turn out too old after all, this stops an endless chain of reruns.
    return run([*command, os.path.abspath(__file__), *argv], env={"BRAINS_MAKE_RERUN": "1"})


# --- child processes ---


def child_env(extra: Optional[Dict[str, str]] = None) -> Dict[str, str]:
    """Return the environment for child processes: they are to find our .venv, whatever else is active."""
    path = os.path.dirname(venv_python()) + os.pathsep + os.environ.get("PATH", "")
    env = dict(os.environ, VIRTUAL_ENV=VENV, PATH=path)
    # PYTHONPATH comes before .venv: a sourced ROS has an older py_trees there, which pip, too, would take for ours.
    for name in ("PYTHONHOME", "PYTHONPATH"):
        env.pop(name, None)
    env.update(extra or {})
    return env


def end(process: "subprocess.Popen[bytes]", patience: float) -> None:
    """Wait `patience` seconds for a child to end by itself, then end it."""
    for seconds, push in ((patience, process.terminate), (5, process.kill)):
        try:
            process.wait(seconds)
            return
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            push()
    process.wait()


@contextlib.contextmanager
def started(command: List[str], **options: Any) -> "Iterator[subprocess.Popen[bytes]]":
    """Start a child, and let it not outlive an interruption of the block."""
    late = []  # type: List[int]
    before = {}  # type: Dict[int, Any]
    process = None
    try:
        # A signal that comes while the child is started waits until we know the child that it has to end.
        for number in (int(signal.SIGINT), int(signal.SIGTERM)):
            before[number] = signal.signal(number, lambda number, frame: late.append(number))
        try:
            process = subprocess.Popen(command, cwd=ROOT, **options)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        for number in late:
            if callable(before[number]):
                before[number](number, None)
        yield process
    except KeyboardInterrupt:
        # Ctrl-C in a terminal has reached the child too: it is on its way, and wants to tidy up.
        if process is not None:
            end(process, 5)
        raise
    except BaseException:
        if process is not None:
            end(process, 0)
        raise


def run(command: List[str], env: Optional[Dict[str, str]] = None, patient: bool = False) -> int:
    """Run a command in the foreground and return its exit code; if patient, also of one that Ctrl-C has ended."""
    with started(command, env=child_env(env)) as process:
        if not patient:
            return process.wait()
        # Not by catching KeyboardInterrupt: one that comes just as the child ends would lose its exit code.
        before = signal.signal(signal.SIGINT, lambda number, frame: None)
        try:
            code = process.wait()
        finally:
            signal.signal(signal.SIGINT, before)
    if code == -signal.SIGINT:
        raise KeyboardInterrupt
    return code


def last_line(path: str) -> str:
    """Return the last line of a log, for a sign of life."""
    try:
        with open(path, errors="replace") as log:
            lines = [line.strip() for line in log if line.strip()]
    except OSError:
        return ""
    return lines[-1][:90] if lines else ""


def run_logged(command: List[str], what: str) -> bool:
    """Run a long command with its output in the log, and a sign of life every ten seconds; did it succeed?"""
    say(what)
    started_at = time.time()
    with open(LOG, "a") as log, started(
        command, env=child_env(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
    ) as process:
        while True:
            try:
                return process.wait(10) == 0
            except subprocess.TimeoutExpired:
                say("  %d s: %s" % (time.time() - started_at, last_line(LOG)))


def log_tail(count: int = 15) -> str:
    """Return the last lines of the installation log."""
    with open(LOG, errors="replace") as log:
        return "".join(log.readlines()[-count:]).rstrip()


# --- .venv ---


def venv_python() -> str:
    """Return the path of the Python inside .venv."""
    if os.name == "nt":
        return os.path.join(VENV, "Scripts", "python.exe")
    return os.path.join(VENV, "bin", "python")


def venv_version() -> Tuple[int, ...]:
    """Return the version of the Python inside .venv; () where it does not run."""
    return python_version_of([venv_python()]) or ()


def use_uv() -> bool:
    """Tell whether uv installs; BRAINS_INSTALLER=pip is for those whose package index only pip knows."""
    return os.environ.get("BRAINS_INSTALLER") != "pip" and shutil.which("uv") is not None


def read_stamp() -> Dict[str, Any]:
    """Return what the last installation wrote (`python`, `hash`, `parts`); {} where there was none."""
    try:
        with open(STAMP) as stamp:
            content = json.load(stamp)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_stamp(content: Dict[str, Any]) -> None:
    """Write the stamp in one piece, so that an interruption leaves the old one or the new one."""
    with open(STAMP + ".new", "w") as stamp:
        json.dump(content, stamp)
    os.replace(STAMP + ".new", STAMP)


def project_hash() -> str:
    """Return a hash of everything that decides what is to be installed."""
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as project:
        return hashlib.sha256(project.read() + ROOT.encode()).hexdigest()


def venv_fault(stamp: Dict[str, Any]) -> Optional[str]:
    """Say what is wrong with .venv, as a reason to make it anew; None if nothing is."""
    if not os.path.isdir(VENV):
        return "there is none"
    version = venv_version()
    if not version:
        return "its Python does not run"
    if version < OLDEST:
        return "its Python is %s" % version_text(version)
    if stamp.get("unfinished"):
        return "it was not finished"
    if stamp and stamp.get("python") != version_text(version):
        return "its Python has changed"
    if not use_uv() and subprocess.call([venv_python(), "-c", "import pip"], stderr=subprocess.DEVNULL) != 0:
        return "it has no pip"
    return None


def venv_package() -> Optional[str]:
    """Name the Debian package that brings venv and ensurepip for this Python; None elsewhere."""
    if not (sys.platform.startswith("linux") and shutil.which("apt-get")):
        return None
    if not os.path.realpath(sys.executable).startswith("/usr/bin/"):
        return None
    this = version_text(sys.version_info[:2])
    default = python_version_of(["/usr/bin/python3"])
    return "python3-venv" if default == sys.version_info[:2] else "python%s-venv" % this


def require_venv_modules() -> None:
    """Stop with the name of the missing package where this Python cannot make a virtual environment."""
    try:
        import ensurepip  # noqa: F401  (only whether it is there)
        import venv  # noqa: F401
    except ImportError:
        package = venv_package()
        if package:
            how = "run: sudo apt-get install " + package
        else:
            how = "install them with your package manager, or use a Python from python.org"
        raise Stop(
            "%s cannot make a virtual environment: its modules `venv` and `ensurepip` are missing.\n"
            "  %s\n  (or install uv, which needs neither)" % (sys.executable, how)
        ) from None


def delete(path: str) -> None:
    """Delete a file, a link or a folder, if it is there."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)


def make_venv(why: str) -> None:
    """Make .venv anew."""
    base = sys.executable
    if os.path.realpath(sys.prefix) == os.path.realpath(VENV):
        # This very Python lives in the .venv that is about to be deleted.
        base = getattr(sys, "_base_executable", base)
    if not use_uv():
        require_venv_modules()
    if os.path.lexists(VENV):
        say("making .venv anew: " + why)
        delete(VENV)
    else:
        say("making .venv with Python %s" % version_text(sys.version_info[:3]))
    if use_uv():
        command = ["uv", "venv", "--quiet", "--python", base, VENV]
    else:
        command = [base, "-m", "venv", VENV]
    # Not into the log, which is in .venv; and not onto the terminal, where Ctrl-C would leave a traceback.
    with tempfile.TemporaryFile() as output:
        with started(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT) as process:
            code = process.wait()
        if code != 0:
            output.seek(0)
            raise Stop("could not make .venv:\n" + output.read().decode(errors="replace").rstrip())


# --- installing ---


def group(groups: Dict[str, Any], name: str, seen: Tuple[str, ...] = ()) -> List[str]:
    """Return the requirements of a dependency group (PEP 735), included groups resolved."""
    if name in seen:
        raise Stop("pyproject.toml: dependency group %r includes itself" % name)
    requirements = []  # type: List[str]
    for item in groups[name]:
        if isinstance(item, dict):
            requirements += group(groups, item["include-group"], (*seen, name))
        else:
            requirements.append(item)
    return requirements


def requirements_of(parts: List[str]) -> List[str]:
    """Return the requirements of the parts: names of extras and of dependency groups."""
    import tomllib  # new in 3.11, so not at the top

    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as project:
        content = tomllib.load(project)
    extras = content["project"]["optional-dependencies"]
    requirements = []  # type: List[str]
    for part in parts:
        requirements += extras[part] if part in extras else group(content["dependency-groups"], part)
    return requirements


def install_command(what: List[str]) -> List[str]:
    """Return the command that installs the requirements `what` into .venv."""
    if use_uv():
        return ["uv", "pip", "install", "--python", venv_python(), *what]
    quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    return [venv_python(), "-m", "pip", "install", *quiet, *what]


def install(parts: List[str]) -> bool:
    """Bring .venv to where it has the package and `parts`, and say whether it has them all.

    Does nothing at all where the stamp says that all is there. Only the part `embedded` may fail: not every
    machine has a wheel of it.
    """
    stamp = read_stamp()
    fault = venv_fault(stamp)
    if fault is not None:
        make_venv(fault)
        stamp = {}
    fresh = {"hash": project_hash(), "python": version_text(venv_version()), "parts": []}
    if stamp.get("hash") != fresh["hash"]:
        stamp = fresh
    missing = [part for part in ("package", *parts) if part not in stamp["parts"]]
    if not missing:
        return True
    write_stamp(dict(stamp, unfinished=True))
    with open(LOG, "w"):
        pass
    required = [part for part in missing if part != "embedded"]
    if required:
        install_required(required)
    done = stamp["parts"] + required
    if "embedded" in missing and install_embedded():
        done = [*done, "embedded"]
    write_stamp(dict(stamp, parts=done))
    return set(parts) <= set(done)


def install_required(parts: List[str]) -> None:
    """Install parts without which nothing goes on."""
    what = requirements_of([part for part in parts if part != "package"])
    if "package" in parts:
        what += ["--editable", ROOT]
    program = "uv" if use_uv() else "pip"
    text = "installing with %s: %s (a minute or two the first time)" % (program, ", ".join(parts))
    if run_logged(install_command(what), text):
        return
    hint = "\n  (BRAINS_INSTALLER=pip makes me use pip instead of uv)" if use_uv() else ""
    raise Stop("the installation failed; its last lines (the rest: %s):\n%s%s" % (LOG, log_tail(), hint))


def install_embedded() -> bool:
    """Install the model runner; on failure say why, and return False."""
    # Only ready-made wheels: to compile it takes a compiler and a quarter of an hour, and then it may fail.
    what = ["--only-binary", ":all:", *requirements_of(["embedded"])]
    if run_logged(install_command(what), "installing the embedded model runner"):
        return True
    say("the embedded model runner cannot be installed on this machine; the last lines say why:")
    print(log_tail(5), flush=True)
    return False


# --- targets ---


def brains(*arguments: str, patient: bool = False) -> int:
    """Run the command line of brains inside .venv and return its exit code."""
    return run([venv_python(), "-m", "brains", *arguments], patient=patient)


def demo(arguments: List[str]) -> int:
    """Play the demonstration on whatever model there is."""
    if not install(["embedded"]):
        say("the demo needs either a running Ollama (ollama.com) or the extra `embedded` of godot-brains;")
        say("  without the second it now looks for the first")
    elif brains("model", "pull") != 0:
        say("the small model could not be fetched; the demo looks for Ollama")
    model = [] if any(item.split("=")[0] == "--model" for item in arguments) else ["--model", "auto"]
    # It ends by Ctrl-C with a summary, and that is a good end.
    return brains("demo", *(model + arguments), patient=True)


def test(arguments: List[str]) -> int:
    """Lint, then run the tests; pytest has the last word."""
    if not install(["lint", "test", "embedded"]):
        say("tests that need the embedded model are skipped")
    elif brains("model", "pull") != 0:
        say("warning: the small model could not be fetched; tests that need it are skipped")
    if lint_installed() != 0:
        say("lint failed, so the tests were not run")
        return 1
    say("pytest " + " ".join(arguments))
    return run([venv_python(), "-m", "pytest", *arguments])


def lint(arguments: List[str]) -> int:
    """Check the code without running it."""
    # With the tests' own packages, since mypy reads the tests as well.
    install(["lint", "test"])
    return lint_installed()


def existing(paths: Iterable[str]) -> List[str]:
    """Return those of the paths that there are."""
    return [path for path in paths if os.path.exists(os.path.join(ROOT, path))]


def with_gdscript(paths: Iterable[str]) -> List[str]:
    """Return those of the folders that have scripts for Godot in them."""
    found = []  # type: List[str]
    for path in paths:
        walk = os.walk(os.path.join(ROOT, path))
        if any(name.endswith(".gd") for _, _, names in walk for name in names):
            found.append(path)
    return found


def lint_installed() -> int:
    """Run every checker, all of them even if one complains; return 1 if any did."""
    linted, typed, gdscript = existing(LINTED), existing(TYPED), with_gdscript(GDSCRIPT)
    checks = [
        ["ruff", "check", *linted],
        ["ruff", "format", "--check", *linted],
        ["mypy", *typed],
        ["lint-imports", "--no-cache", "--no-logo"],
    ]
    if gdscript:
        checks += [["gdformat", "--check", *gdscript], ["gdlint", *gdscript]]
    failed = 0
    for name, *rest in checks:
        say(" ".join([name, *rest]))
        failed |= run([tool(name), *rest]) != 0
    return int(failed)


def tool(name: str) -> str:
    """Return the path of a command inside .venv."""
    return os.path.join(os.path.dirname(venv_python()), name + (".exe" if os.name == "nt" else ""))


def format_code(arguments: List[str]) -> int:
    """Format the code, and mend what ruff can mend; return non-zero if any of it failed."""
    install(["lint"])
    linted, gdscript = existing(LINTED), with_gdscript(GDSCRIPT)
    steps = [["ruff", "check", "--fix", *linted], ["ruff", "format", *linted]]
    if gdscript:
        steps.append(["gdformat", *gdscript])
    failed = 0
    for name, *rest in steps:
        failed |= run([tool(name), *rest]) != 0
    return int(failed)


def clean(arguments: List[str]) -> int:
    """Delete everything that these targets made."""
    made = [".venv", "build", "dist", "htmlcov", ".coverage", ".hypothesis"]
    made += [".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache"]
    for name in made:
        delete(os.path.join(ROOT, name))
    for folder, folders, _ in os.walk(ROOT):
        if "__pycache__" in folders:
            delete(os.path.join(folder, "__pycache__"))
        folders[:] = [name for name in folders if not name.startswith((".", "__pycache__"))]
    return 0


def show_help(arguments: List[str]) -> int:
    """Show the targets."""
    print(HELP)
    return 0


TARGETS = {
    "demo": demo,
    "test": test,
    "lint": lint,
    "format": format_code,
    "clean": clean,
    "help": show_help,
    "-h": show_help,
    "--help": show_help,
}


def terminated(number: int, frame: object) -> None:
    """Turn SIGTERM into an exception, so that child processes are ended as on Ctrl-C."""
    raise Stop("terminated", 128 + number)


def main(argv: List[str]) -> int:
    """Run a target and return the exit code."""
    signal.signal(signal.SIGTERM, terminated)
    name, arguments = (argv[0], argv[1:]) if argv else ("help", [])
    try:
        if name not in TARGETS:
            raise Stop("there is no target %r\n%s" % (name, HELP), 2)
        if sys.version_info < OLDEST and TARGETS[name] not in (clean, show_help):
            return run_with_newer_python(argv)
        return TARGETS[name](arguments)
    except KeyboardInterrupt:
        print("\nmake.py: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Our reader has gone (`make test | head`); without this, Python complains about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except Stop as stop:
        print("make.py: %s" % stop, file=sys.stderr)
        return stop.code
    except OSError as error:
        # Such as a full disk, or a .venv that somebody has made with sudo.
        hint = "; does it belong to another user?" if isinstance(error, PermissionError) else ""
        print("make.py: %s: %s%s" % (error.filename or ROOT, error.strerror or error, hint), file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

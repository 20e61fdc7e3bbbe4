"""Recordings as files: whole after a kill, in parts, compressed, and never in the way of a tick."""

from __future__ import annotations

import gzip
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from brains.errors import RecordingError
from brains.recording import FileRecorder, FileSink, open_recording, texts_of
from brains.recording.files import lines_of, part_of, parts_of
from brains.trace import Recorder, Replayer
from tests.random_play import Play
from tests.test_trace_replay import USUAL, both, played

HEAD = b'{"type":"recording","format":"1.0","run":"r"}'


def write(file: Path, game: Play, **options: Any) -> FileSink:
    """Write what a game has recorded to a file."""
    sink = FileSink(file, **options)
    for place, line in enumerate(game.sink.lines):
        kind = json.loads(line)["type"]
        if kind in ("text", "prompts", "tree", "agent"):
            event = json.loads(line)
            key = f"{kind} {event.get('n') or event.get('hash')}" if kind != "prompts" else kind
            sink.put(line, "definition", key)
        elif kind == "world":
            sink.put(line, "input", "world")
        else:
            sink.put(line, "head" if place == 0 else "spare" if kind == "nodes" else "input")
        if options and place % 40 == 0:
            assert sink.flush()  # as time does
    sink.close()
    return sink


@pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz"])
def test_what_was_recorded_is_read_and_replayed(tmp_path: Path, name: str) -> None:
    game = played(*USUAL)
    game.recording()
    write(tmp_path / name, game)
    recording = open_recording(tmp_path / name)
    assert recording.is_ended
    assert not recording.is_cut
    replayer = Replayer(recording, game.library)
    assert replayer.run() is None
    assert replayer.ticks == 10
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    if name.endswith(".gz"):
        assert gzip.decompress((tmp_path / name).read_bytes()).splitlines() == game.sink.lines


class TestParts:
    @pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz", "run", "a.b.jsonl"])
    def test_a_long_recording_goes_on_in_more_files_and_is_read_as_one(self, tmp_path: Path, name: str) -> None:
        game = played(*USUAL * 6)
        game.recording()
        write(tmp_path / name, game, max_bytes=1500)
        parts = parts_of(tmp_path / name)
        assert len(parts) > 2
        assert [part_of(tmp_path / name, number) for number in range(1, len(parts) + 1)] == parts
        replayer = Replayer(open_recording(tmp_path / name), game.library)
        assert replayer.run() is None
        assert replayer.ticks == 60
        heads = [json.loads(next(lines_of(part))) for part in parts]
        assert [head.get("part", 1) for head in heads] == list(range(1, len(parts) + 1))

    def test_only_the_newest_are_kept_if_that_is_wanted(self, tmp_path: Path) -> None:
        """Agents that began in one that is gone cannot be replayed; one that begins later can, from its own part on."""
        game = played(*USUAL * 6, ("again", "b"), both(), both())
        game.recording()
        file = tmp_path / "run.jsonl"
        write(file, game, max_bytes=6000, keep=2)
        assert not file.exists()
        assert len(parts_of(file)) == 2
        replayer = Replayer(open_recording(file), game.library)
        assert replayer.run() is None
        assert replayer.ticks == 2
        assert "only" in replayer.left_out["a"]

    def test_an_older_recording_of_this_name_makes_room(self, tmp_path: Path) -> None:
        game = played(*USUAL * 6)
        game.recording()
        file = tmp_path / "run.jsonl"
        write(file, game, max_bytes=1500)
        (tmp_path / "run.jsonl.bak").write_text("mine")
        write(file, game)
        assert sorted(other.name for other in tmp_path.iterdir()) == ["run.jsonl", "run.jsonl.bak"]
        assert open_recording(file).is_ended

    def test_one_that_is_none_of_its_parts_is_not_read_with_it(self, tmp_path: Path) -> None:
        """Two runs that were written side by side, `run.jsonl` and `run.2.jsonl`."""
        first, second = played(*USUAL), played(*USUAL * 2)
        for name, game in (("run.jsonl", first), ("run.2.jsonl", second)):
            game.recording()
            write(tmp_path / name, game)
        for name, ticks in (("run.jsonl", 10), ("run.2.jsonl", 20)):
            replayer = Replayer(open_recording(tmp_path / name), first.library)
            assert replayer.run() is None
            assert replayer.ticks == ticks


class TestRefused:
    def test_a_file_with_something_else_in_it_is_left_alone(self, tmp_path: Path) -> None:
        file = tmp_path / "notes.jsonl"
        file.write_text("dear diary\n")
        with pytest.raises(RecordingError, match="something else in this file: name another one"):
            FileSink(file)
        assert file.read_text() == "dear diary\n"

    def test_an_empty_first_line_does_not_make_it_empty(self, tmp_path: Path) -> None:
        file = tmp_path / "notes.md"
        file.write_text("\n# Notes\n")
        with pytest.raises(RecordingError, match="something else in this file"):
            FileSink(file)
        assert file.read_text() == "\n# Notes\n"

    def test_a_recording_that_only_looks_like_a_part_by_its_name_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "run.2.jsonl").write_bytes(HEAD + b"\n")
        with pytest.raises(RecordingError, match=r"run\.2\.jsonl: this is a recording of its own"):
            FileSink(tmp_path / "run.jsonl")
        assert [other.name for other in tmp_path.iterdir()] == ["run.2.jsonl"]

    def test_nothing_is_removed_if_not_all_can_make_room(self, tmp_path: Path) -> None:
        part = HEAD.replace(b"}", b',"part":2}\n')
        (tmp_path / "run.2.jsonl").write_bytes(part)
        (tmp_path / "run.3.jsonl").write_text("mine\n")
        with pytest.raises(RecordingError, match="something else"):
            FileSink(tmp_path / "run.jsonl")
        assert (tmp_path / "run.2.jsonl").read_bytes() == part

    @pytest.mark.skipif(os.name == "nt", reason="files are locked as POSIX does it")
    @pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz"])
    def test_what_somebody_records_into_is_left_alone_until_it_is_closed(self, tmp_path: Path, name: str) -> None:
        sink = FileSink(tmp_path / name, max_bytes=100)
        sink.put(HEAD, "head")
        for _ in range(3):
            # The first part is finished before long; the last one is what is being written.
            with pytest.raises(RecordingError, match="a server is recording into this file: name another one"):
                FileSink(tmp_path / name)
            sink.put(b'{"type":"text","hash":"1","text":"%s"}' % os.urandom(100).hex().encode(), "spare")
            assert sink.flush()
        sink.close()
        assert len(parts_of(tmp_path / name)) > 1
        assert open_recording(tmp_path / name).texts
        FileSink(tmp_path / name).close()
        assert parts_of(tmp_path / name) == [tmp_path / name]

    def test_a_file_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(RecordingError, match=r"nowhere.*run\.jsonl: cannot be written: No such file"):
            FileSink(tmp_path / "nowhere" / "run.jsonl")
        with pytest.raises(RecordingError, match="this is a folder"):
            FileSink(tmp_path)

    def test_a_recording_that_is_not_there_gets_the_nearest_name(self, tmp_path: Path) -> None:
        (tmp_path / "run.jsonl").write_bytes(HEAD)
        with pytest.raises(RecordingError, match=r"there is no such file; did you mean 'run\.jsonl'\?"):
            open_recording(tmp_path / "runs.jsonl")

    def test_damaged_compressed_data_is_a_damaged_line(self, tmp_path: Path) -> None:
        game = played(*USUAL)
        game.recording()
        file = tmp_path / "run.jsonl.gz"
        write(file, game)
        data = bytearray(file.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 40] = bytes(40)
        file.write_bytes(data)
        recording = open_recording(file)
        assert "damaged" in recording.damage

    def test_a_file_without_lines_is_not_read_into_memory_whole(self, tmp_path: Path) -> None:
        file = tmp_path / "big"
        with file.open("wb") as out:
            out.truncate(70 * 1024 * 1024)
        with pytest.raises(RecordingError, match="no recording"):
            open_recording(file)


@pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz"])
def test_a_part_that_cannot_be_begun_ends_the_recording_and_what_is_there_is_whole(tmp_path: Path, name: str) -> None:
    sink = FileSink(tmp_path / name, max_bytes=100)
    part_of(tmp_path / name, 2).mkdir()
    sink.put(HEAD, "head")
    for number in range(100):
        assert not sink.problem
        sink.put(b'{"type":"text","hash":"%d","text":"%s"}' % (number, os.urandom(40).hex().encode()), "spare")
        if not sink.flush():
            break
    sink.close()
    assert sink.problem.startswith(f"{part_of(tmp_path / name, 2)}: ")
    part_of(tmp_path / name, 2).rmdir()
    recording = open_recording(tmp_path / name)
    assert 1 <= len(recording.texts) <= number
    assert not recording.is_cut


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
class TestTooMuch:
    """The disk stands still, since nobody reads the pipe that is written to."""

    def test_nodes_go_first_then_inputs_and_both_are_told(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        got: list[bytes] = []
        opened = threading.Event()
        go_on = threading.Event()

        def read() -> None:
            with pipe.open("rb") as stream:
                opened.set()
                go_on.wait(30)
                got.extend(stream.read().splitlines())

        reader = threading.Thread(target=read)
        reader.start()
        sink = FileSink(pipe, queue_bytes=200_000)
        opened.wait(30)
        sink.put(HEAD, "head")
        line = json.dumps({"type": "nodes", "agent": 1, "tick": 1, "pad": "x" * 1000}).encode()
        other = json.dumps({"type": "turn", "agent": 1, "tick": 1, "at": 0, "pad": "x" * 1000}).encode()
        for _ in range(1000):
            sink.put(line, "spare")
        assert sink.dropped > 0
        spare = sink.dropped
        for _ in range(1000):
            sink.put(other, "input")
        lost = sink.dropped - spare
        assert lost > 0
        for number in range(300):
            sink.put(b'{"type":"text","hash":"%d","text":"needed"}' % number, "definition", f"text {number}")
        go_on.set()
        sink.close()
        reader.join()
        events = [json.loads(one) for one in got]
        kinds = [event["type"] for event in events]
        assert kinds.count("nodes") + sum(event["nodes"] for event in events if event["type"] == "dropped") == 1000
        assert kinds.count("turn") + sum(event["lines"] for event in events if event["type"] == "gap") == 1000
        assert kinds.count("text") == 300

    def test_a_disk_that_is_full_ends_the_recording_and_nothing_else(self, caplog: pytest.LogCaptureFixture) -> None:
        if not Path("/dev/full").exists():
            pytest.skip("only Linux has a full disk at hand")
        sink = FileSink("/dev/full")
        sink.put(HEAD, "head")
        assert not sink.flush()
        assert "No space left" in sink.problem
        sink.put(b"{}", "input")
        sink.close()
        assert "nothing is recorded any more" in caplog.text


def test_a_recorder_reads_what_it_has_written_so_far(tmp_path: Path) -> None:
    (tmp_path / "trees").mkdir()
    (tmp_path / "trees" / "guard.py").write_text("GUARD = 1\n")
    recorder = FileRecorder(tmp_path / "run.jsonl", trees=tmp_path / "trees", version="9")
    recording = recorder.read()
    assert recording.head is not None
    assert recording.head.brains == "9"
    assert [recording.texts[digest] for digest in recording.head.trees.values()] == ["GUARD = 1\n"]
    assert not recording.is_ended
    recorder.close()
    recorder.close()
    assert open_recording(recorder.path).is_ended


KILLED = """
import sys, time, functools
sys.path.insert(0, {root!r})
from brains.recording import FileRecorder
from tests.random_play import Play
from tests.test_trace_replay import USUAL, library_of, GUARD, WALK
game = Play(library_of({{"brain a": GUARD, "brain b": WALK}}))
from brains.agent import Agent
recorder = FileRecorder({file!r}, prompts=game.prompts)
for agent in game.agents.values():
    recorder.watch(agent)
print("ready", flush=True)
while True:
    for step in USUAL:
        game.do(step)
"""


@pytest.mark.parametrize(("name", "enough"), [("run.jsonl", 50_000), ("run.jsonl.gz", 2_000)])
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_what_was_written_before_a_kill_can_be_replayed(tmp_path: Path, name: str, enough: int) -> None:
    file = tmp_path / name
    code = KILLED.format(root=str(Path(__file__).parent.parent), file=str(file))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        while not file.exists() or file.stat().st_size < enough:
            assert process.poll() is None
            threading.Event().wait(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    recording = open_recording(file)
    assert not recording.is_ended
    assert not recording.damage
    game = played()
    replayer = Replayer(recording, game.library)
    assert replayer.run() is None
    assert replayer.ticks > 20


def test_texts_of_a_folder_leave_out_what_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("A")
    (tmp_path / "b.py").write_bytes(b"\xff\xfe")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "c.py").write_text("C")
    assert texts_of(tmp_path) == {"a.py": "A"}


def test_recording_needs_no_file() -> None:
    """A sink is anything that takes lines."""
    lines: list[bytes] = []

    class Here:
        def put(self, line: bytes, kind: str, key: str = "") -> None:
            lines.append(line)

    Recorder(Here()).end()
    assert [json.loads(line)["type"] for line in lines] == ["recording", "end"]

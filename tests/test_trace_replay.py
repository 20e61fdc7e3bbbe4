"""Recordings that are wrong, cut, changed or foreign, and agents that a debugger had in its hands."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brains.errors import RecordingError
from brains.library import BrainLibrary
from brains.questions import Decision
from brains.trace import MemorySink, Recorder, Recording, Replayer
from tests.leaf_games import CONDITION
from tests.random_play import EDITED, LOOKS, Play, library_of, plays, tampered, trees

ME: dict[str, Any] = {"near": True, "stranger": LOOKS[0], "sees": ["b1", "b2"], "mood": "glad", "x": 1.5}
GUARD = ("reactive selector", [("reactive sequence", ["condition", "hostile", "respond"]), "say", "walk"])
WALK = "walk"


def played(*steps: Any, tree: Any = GUARD, content: bool = True) -> Play:
    """Play some steps with agent a of this tree."""
    game = Play(library_of({"brain a": tree, "brain b": WALK}), content=content)
    for step in steps:
        game.do(step)
    return game


def tick(**me: Any) -> Any:
    return ("tick", {"a": ({**ME, **me}, None)}, "sun", 0.1)


def both(**me: Any) -> Any:
    return ("tick", {"a": ({**ME, **me}, None), "b": (ME, None)}, "sun", 0.1)


USUAL = [both(), ("answer", 0, 0), both(), ("answer", 0, 0), both(near=False), both(), both()]


def find(game: Play, kind: str, number: int = 0) -> int:
    """Return the place of a line of this type."""
    game.recording()
    places = [place for place, line in enumerate(game.sink.lines) if json.loads(line)["type"] == kind]
    return places[number]


def replay(lines: list[bytes], library: BrainLibrary) -> Replayer:
    replayer = Replayer(Recording.of(lines), library)
    replayer.run()
    return replayer


class TestTampered:
    """Whatever is changed in a recording, the replay names it."""

    def change(self, kind: str, number: int, change: Any) -> Any:
        game = played(*USUAL)
        place = find(game, kind, number)
        return replay(tampered(game.sink.lines, place, change), game.library)

    def test_another_status_of_a_node(self) -> None:
        def other(event: Any) -> None:
            assert event["ran"][0] == [2, "S"]
            event["ran"][0][1] = "F"

        found = self.change("nodes", 2, other).differences[0]
        assert (found.agent, found.tick, found.path, found.what) == ("a", 2, "sel/seq/near?", "node")
        assert (found.expected, found.got) == ("FAILURE", "SUCCESS")

    def test_another_action(self) -> None:
        replayer = self.change("done", 1, lambda event: event["order"].update(name="Wave"))
        found = replayer.differences[0]
        assert (found.agent, found.tick, found.path, found.what) == ("b", 1, "walk", "order")
        assert (found.expected, found.got) == ('name "Wave"', 'name "Walk"')
        assert str(found) == 'tick 1 of b, walk: order: expected name "Wave", got name "Walk"'

    def test_another_question(self) -> None:
        def other(event: Any) -> None:
            event["user"], event["digest"] = "a cook", "0"

        found = self.change("question", 0, other).differences[0]
        assert (found.tick, found.path, found.what) == (1, "sel/seq/hostile?", "question")
        assert (found.expected, found.got) == ("'a cook'", "'a bandit'")

    def test_another_answer_of_the_model(self) -> None:
        def other(event: Any) -> None:
            event["answers"][0]["decision"]["probabilities"] = {"safe": 0.9}

        found = self.change("turn", 2, other).differences[0]
        assert (found.agent, found.tick, found.path) == ("a", 2, "sel/seq/hostile?")

    def test_another_time(self) -> None:
        found = self.change("turn", 4, lambda event: event.update(time=77.0)).differences[0]
        assert (found.agent, found.tick, found.what) == ("a", 3, "time")

    def test_another_way_of_counting_orders(self) -> None:
        found = self.change("done", 1, lambda event: event.update(numbers=[9])).differences[0]
        assert (found.agent, found.what) == ("b", "order")

    def test_another_event(self) -> None:
        game = played(("event", "a", "knock"), tick(), tick(), tree="moody")
        place = find(game, "turn", 0)
        lines = tampered(game.sink.lines, place, lambda event: event.update(events=[{"name": "x"}] * 5))
        found = replay(lines, game.library).differences[0]
        assert (found.agent, found.path) == ("a", "moody")

    def test_the_others_are_replayed_to_their_end(self) -> None:
        replayer = self.change("done", 1, lambda event: event["order"].update(name="Wave"))
        assert replayer.ticks == 5 + 1
        assert len(replayer.differences) == 1


@settings(deadline=None, max_examples=40)
@given(tree=trees, play=plays, data=st.data())
def test_a_done_that_is_changed_anywhere_is_found(tree: Any, play: list[Any], data: st.DataObject) -> None:
    """Of any play, in any field: what is found first is that very tick."""
    game = played(*play, tick(), tree=tree)
    game.recording()
    lines = game.sink.lines
    places = [place for place, line in enumerate(lines) if line.startswith(b'{"type":"done"')]
    place = data.draw(st.sampled_from(places))
    field, value = data.draw(
        st.sampled_from(
            [
                ("status", "INVALID"),
                ("time", 1e9),
                ("running", ["x"]),
                ("cancels", ["x#9"]),
                ("speech", [["x", "y", True]]),
            ]
        )
    )
    changed = json.loads(lines[place])
    replayer = replay(tampered(lines, place, lambda event: event.update({field: value})), game.library)
    assert len(replayer.differences) == 1
    found = replayer.differences[0]
    assert (found.what, found.tick) == (field, changed["tick"])


class TestReading:
    def test_the_last_line_may_be_cut_off_anywhere(self) -> None:
        """As after `kill -9`; the tick that was being written is not compared, and all before it are."""
        game = played(*USUAL)
        game.recording()
        lines = game.sink.lines[:-1]
        for end in range(0, len(lines[-1]), 7):
            recording = Recording.of([*lines[:-1], lines[-1][:end]])
            assert recording.is_cut == (end > 0)
            assert not recording.damage
            replayer = Replayer(recording, game.library)
            assert replayer.run() is None
            assert not replayer.stopped

    def test_a_damaged_line_is_named_and_what_is_before_it_is_replayed(self) -> None:
        game = played(*USUAL)
        place = find(game, "turn", 3)
        lines = list(game.sink.lines)
        lines[place] = lines[place][:20] + b"\x00\xff" + lines[place][22:]
        recording = Recording.of(lines)
        assert recording.damage.startswith(f"line {place + 1} is damaged")
        replayer = Replayer(recording, game.library)
        assert replayer.run() is None
        assert replayer.ticks == 3
        assert replayer.stopped == recording.damage

    @pytest.mark.parametrize(("kind", "field"), [("turn", "me"), ("world", "world")])
    @pytest.mark.parametrize("value", [[1], None, 3, "text"])
    def test_a_line_in_which_the_world_is_no_object_is_damaged(self, kind: str, field: str, value: Any) -> None:
        game = played(*USUAL)
        place = find(game, kind)
        lines = list(game.sink.lines)
        lines[place] = json.dumps({**json.loads(lines[place]), field: value}).encode()
        recording = Recording.of(lines)
        assert recording.damage == f"line {place + 1} is damaged (`{field}` is no object)"
        assert Replayer(recording, game.library).run() is None

    def test_a_turn_that_stands_before_its_agent_is_left_out(self) -> None:
        game = played(*USUAL)
        lines = list(game.sink.lines)
        agent, turn = find(game, "agent", 0), find(game, "turn", 0)
        lines[agent], lines[turn] = lines[turn], lines[agent]
        recording = Recording.of(lines)
        replayer = Replayer(recording, game.library)
        assert replayer.run() is None
        assert replayer.left_out == {"a": "the recording has its ticks from 2 on only"}
        assert next(tick.turn.tick for life, tick in recording.ticks() if life.id == "a") == 2

    @pytest.mark.parametrize("kind", ["turn", "world", "text", "done"])
    def test_a_line_with_bytes_that_are_no_text_is_damaged(self, kind: str) -> None:
        """Also where the line is kept raw, and read only when somebody wants to see it."""
        game = played(*USUAL)
        lines = list(game.sink.lines)
        place = next(n for n, line in enumerate(lines) if json.loads(line)["type"] == kind)
        text = lines[place].rindex(b'"')
        lines[place] = lines[place][:text] + b"\xff" + lines[place][text:]
        recording = Recording.of(lines)
        assert recording.damage.startswith(f"line {place + 1} is damaged")
        cut = Recording.of(lines[: place + 1])
        assert (cut.is_cut, cut.damage) == (True, "")

    @pytest.mark.parametrize(
        "lines",
        [
            [b"hello"],
            [b'{"type": "turn"}'],
            [b'{"type": "turn", "me": "\xe9"}'],
            [b"\x89PNG\r\n"],
            [b"[]"],
            [b"{" * 100_000],
        ],
    )
    def test_something_else_is_no_recording(self, lines: list[bytes]) -> None:
        with pytest.raises(RecordingError, match=r"no recording of brains.*--record FILE"):
            Recording.of(lines, "x.jsonl")

    def test_an_empty_file_is_no_recording(self) -> None:
        with pytest.raises(RecordingError, match=r"^x: this is empty"):
            Recording.of([], "x")

    @pytest.mark.parametrize(
        ("version", "says"),
        [
            ("2.0", "a newer version"),
            ("0.9", "an older version"),
            ("one", "none that was ever"),
            (None, "none that was ever"),
        ],
    )
    def test_another_major_version_is_refused(self, version: str | None, says: str) -> None:
        with pytest.raises(RecordingError, match=says):
            Recording.of([json.dumps({"type": "recording", "format": version}).encode()])

    def test_a_newer_minor_version_is_read_without_what_is_new(self) -> None:
        game = played(*USUAL)
        game.recording()
        head, *rest = (json.loads(line) for line in game.sink.lines)
        head["format"] = "1.7"
        for event in rest:
            event["novel"] = 1
        lines = [json.dumps(event).encode() for event in (head, {"type": "mood", "n": 1}, *rest)]
        recording = Recording.of(lines)
        assert recording.skipped == 1
        assert Replayer(recording, game.library).run() is None

    def test_an_older_minor_version_lacks_fields_that_have_defaults(self) -> None:
        """1.0 is the first one: what may be missing is what has a default."""
        game = played(*USUAL)
        game.recording()
        lines = []
        for line in game.sink.lines:
            event = json.loads(line)
            for name in ("us", "at", "python", "why", "tick_s"):
                if event["type"] != "turn":
                    event.pop(name, None)
            lines.append(json.dumps(event).encode())
        assert Replayer(Recording.of(lines), game.library).run() is None

    def test_two_runs_in_one_file_are_refused(self) -> None:
        game, other = played(tick()), played(tick())
        game.recording(), other.recording()
        with pytest.raises(RecordingError, match="of another run"):
            Recording.of([*game.sink.lines, *other.sink.lines])

    def test_a_gap_stops_the_replay_and_says_so(self) -> None:
        game = played(*USUAL)
        place = find(game, "turn", 4)
        lines = [*game.sink.lines[:place], b'{"type":"gap","lines":3,"why":"the disk was too slow"}']
        replayer = replay([*lines, *game.sink.lines[place + 3 :]], game.library)
        assert not replayer.differences
        assert replayer.ticks == 4
        assert (
            replayer.stopped == "there is a gap in the recording: 3 lines could not be written (the disk was too slow)"
        )

    def test_without_nodes_all_else_is_compared(self) -> None:
        game = played(*USUAL)
        game.recording()
        lines = [line for line in game.sink.lines if b'"type":"nodes"' not in line]
        replayer = replay(lines, game.library)
        assert replayer.ticks == 10
        assert not replayer.differences


class TestChanged:
    def test_a_tree_that_does_otherwise_is_named(self) -> None:
        game = played(*USUAL)
        game.recording()
        library = library_of({"brain a": GUARD, "brain b": "wait"})
        replayer = replay(game.sink.lines, library)
        found = replayer.differences
        assert replayer.reshaped == {"brain b": "no more: walk (Action); new: wait (Wait)"}
        assert [(one.agent, one.tick, one.path, one.what) for one in found] == [("b", 1, "walk", "node")]
        assert found[0].got == "wait RUNNING"

    def test_a_brain_that_is_gone_is_named_with_the_nearest(self) -> None:
        game = played(*USUAL)
        game.recording()
        with pytest.raises(RecordingError, match=r"agent 'b' cannot be built .*did you mean 'brain c'"):
            replay(game.sink.lines, library_of({"brain a": GUARD, "brain c": WALK}))

    def test_texts_that_were_left_out_must_be_those_of_the_folder(self) -> None:
        game = played(*USUAL, content=False)
        recording = game.recording()
        assert Replayer(recording, game.library, game.prompts).run() is None
        game.prompts.put("is_hostile", EDITED)
        with pytest.raises(RecordingError, match=r"'is_hostile' is not in the recording.*another version"):
            Replayer(recording, game.library, game.prompts).run()
        with pytest.raises(RecordingError, match="not in the recording"):
            Replayer(recording, game.library).run()


class TestAgents:
    def test_one_that_had_lived_before_is_left_out(self) -> None:
        game = played(tick(), tick())
        sink = MemorySink()
        Recorder(sink, prompts=game.prompts).watch(game.agents["a"])
        game.do(tick())
        game.do(tick())
        recording = Recording.of(sink.lines)
        replayer = Replayer(recording, game.library)
        assert replayer.run() is None
        assert replayer.ticks == 0
        assert replayer.left_out == {"a": "it had lived for 2 ticks before it was recorded"}
        with pytest.raises(RecordingError, match="it had lived for 2 ticks"):
            replayer.rebuild("a", 4)

    def test_unknown_names_get_the_nearest(self) -> None:
        recording = played(tick(), tick()).recording()
        with pytest.raises(RecordingError, match=r"no agent 'aa' in here; did you mean 'a'\?"):
            recording.find("aa")
        with pytest.raises(RecordingError, match=r"no agent 'zz' in here; there are: a"):
            recording.find("zz")
        with pytest.raises(RecordingError, match="no tick 9 in here; it has 1 to 2"):
            recording.find("a", 9)

    def test_one_of_several_lives_can_be_left(self) -> None:
        game = played(both(), both(), ("again", "a"), both())
        game.recording()
        lines = list(game.sink.lines)
        lives = Recording.of(lines).lives_by_agent()
        assert [(id, [len(life.ticks) for life in of]) for (_, id), of in lives.items()] == [("a", [2, 1]), ("b", [3])]
        for number, ticks in ((1, 2), (2, 1)):
            recording = Recording.of(lines)
            recording.leave_lives(number)
            assert {life.id: len(life.ticks) for life in recording.lives.values()} == {"a": ticks, "b": 3}
        with pytest.raises(RecordingError, match="no agent lived 3 times in here: a did 2 times"):
            Recording.of(lines).leave_lives(3)

    def test_one_that_comes_back_is_another_one(self) -> None:
        game = played(both(), both(), ("again", "a"), both())
        replayer = game.replayer()
        assert replayer.run() is None
        assert [life.last for life in replayer.recording.lives.values() if life.id == "a"] == [2, 1]
        assert replayer.rebuild("a", 2).agent.tick_number == 1

    def test_what_a_debugger_sets_between_two_ticks_is_set_in_the_replay(self) -> None:
        game = played(tick(), tree="moody")
        agent = game.agents["a"]
        assert agent.witness is not None
        agent.blackboard["count"] = 40
        agent.touched("set", "count", 40)
        game.do(tick())
        assert agent.blackboard["count"] == 41
        replayer = game.replayer()
        assert replayer.run() is None
        assert replayer.rebuild("a", 3).agent.blackboard["count"] == 41

    def test_a_prompt_that_is_edited_in_mid_tick_is_edited_there(self) -> None:
        """The node that has just been left was asked with the old text, the next one with the new one."""
        tree = ("parallel", ["hostile", "hostile running"])
        game = played(tick(), tree=tree)
        for step in (("answer", 0, 0), ("answer", 0, 0), tick()):
            game.do(step)
        before = len(game.asker.tickets)
        game.do(("debug", {**ME, "stranger": LOOKS[1]}, [(3, ("edit", EDITED))]))
        assert [one.question.prompt.user for one in game.asker.tickets[before:]] == ["a girl", "It is a girl."]
        game.do(("edit", CONDITION))
        game.do(tick())
        assert game.replayer().run() is None

    def test_an_answer_that_a_debugger_gave_is_given_again(self) -> None:
        game = played(tick(), tree="hostile")
        agent = game.agents["a"]
        question = game.asker.tickets[0].question
        decision = Decision(answer="danger", probabilities={"danger": 1.0})
        agent.answer(agent.root, question, decision)  # type: ignore[arg-type]
        agent.touched("answer", "hostile?", {"question": question, "decision": decision})
        game.do(tick())
        assert agent.root.status.value == "SUCCESS"
        assert game.replayer().run() is None

    def test_a_rebuilt_agent_can_go_its_own_way(self) -> None:
        game = played(*USUAL)
        rebuilt = game.replayer().rebuild("a", 3)
        rebuilt.asker.live = game.asker
        before = len(game.asker.tickets)
        assert rebuilt.turn is not None
        report = rebuilt.agent.tick(rebuilt.turn.snapshot)
        assert report.tick == 3
        rebuilt.agent.tick(rebuilt.turn.snapshot)
        assert len(game.asker.tickets) > before
        assert game.agents["a"].tick_number == 5

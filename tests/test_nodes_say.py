"""The leaf that speaks: sentence by sentence, stopped in the middle, and never longer than it may be."""

from __future__ import annotations

from typing import Any

import py_trees
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brains import Condition, ReactiveSequence, Say, brain
from brains.errors import TreeError
from brains.prompts import PromptLibrary
from brains.questions import NoAnswer
from brains.testing import FakeGame

SHOUT = """---
answer: text
inputs: {me: [name]}
---
user:
What does {{ me.name }} say?
"""


def game(root: Any, **options: Any) -> FakeGame:
    """Make a game of one agent whose tree `root()` builds."""
    library = PromptLibrary()
    library.put("shout", SHOUT)
    return FakeGame(brain("test")(root), **{"prompts": library, "allow_faults": True, **options})


def saying(**options: Any) -> FakeGame:
    """Make a game whose tree is one speaking leaf."""
    return game(lambda: Say("shout", prompt="shout", **options))


def heard(g: FakeGame, texts: list[str]) -> list[tuple[str, bool]]:
    """Let the answer grow, a step a tick, and return what was said in pieces."""
    said: list[tuple[str, bool]] = []
    for text in texts:
        g.asker.tickets[-1].text = text
        said += [(piece, done) for _, piece, done in g.tick(name="Ann").speech]
    return said


class TestStreaming:
    def test_it_speaks_sentence_by_sentence_and_succeeds_with_the_last(self) -> None:
        """What is sent adds up to the line; half sentences wait for their end."""
        g = saying()
        assert g.tick(name="Ann").status == "RUNNING"
        ticket = g.asker.tickets[0]
        assert ticket.question.labels == ()
        assert ticket.question.schema is None
        said = heard(g, ["Ha", "Halt, str", "Halt, stranger!", "Halt, stranger! Who", "Halt, stranger! Who goes"])
        ticket.answer("Halt, stranger! Who goes there?")
        report = g.tick(name="Ann")
        said += [(piece, done) for _, piece, done in report.speech]
        assert report.status == "SUCCESS"
        assert said == [("Halt, stranger! ", False), ("Who goes there?", True)]

    def test_sentences_that_came_together_are_one_piece(self) -> None:
        g = saying()
        g.tick(name="Ann")
        assert heard(g, ["One. Two! Thr"]) == [("One. Two! ", False)]

    def test_a_number_is_no_end_of_a_sentence(self) -> None:
        """Nor is a mark that may go on."""
        g = saying()
        g.tick(name="Ann")
        assert heard(g, ["That makes 3.", "That makes 3.5 coins.", "That makes 3.5 coins. A"]) == [
            ("That makes 3.5 coins. ", False)
        ]

    def test_quotes_close_with_their_sentence(self) -> None:
        g = saying()
        g.tick(name="Ann")
        assert heard(g, ["“Halt!” he"]) == [("“Halt!” ", False)]

    def test_a_language_without_spaces_is_spoken_by_sentences_too(self) -> None:
        g = saying()
        g.tick(name="Ann")
        assert heard(g, ["止まれ。誰"]) == [("止まれ。", False)]

    def test_a_sentence_that_never_ends_is_cut_at_a_pause_or_after_a_word(self) -> None:
        g = saying(max_piece=20)
        g.tick(name="Ann")
        assert heard(g, ["well, you see, the king of old was"]) == [("well, you see, ", False)]
        g = saying(max_piece=20)
        g.tick(name="Ann")
        assert heard(g, ["one two three four five six"]) == [("one two three four ", False)]
        g = saying(max_piece=20)
        g.tick(name="Ann")
        assert heard(g, ["a" * 30]) == [("a" * 20, False)]


class TestEnds:
    def test_without_an_answer_it_speaks_its_fallback_or_fails(self) -> None:
        """Counted either way."""
        for fallback, status, speech in (("Halt!", "SUCCESS", ["Halt!"]), (None, "FAILURE", [])):
            g = saying(fallback=fallback, deadline=0.15)
            reports = [g.tick(name="Ann") for _ in range(3)]
            assert reports[-1].status == status
            assert [text for _, text, _ in reports[-1].speech] == speech
            assert [leaf.reason for leaf in reports[-1].leaves] == ["deadline"]

    def test_an_answer_without_a_word_ends_in_the_fallback(self) -> None:
        g = saying(fallback="Halt!", deadline=9.0)
        g.tick(name="Ann")
        g.asker.tickets[0].answer(" \n\x00 ")
        report = g.tick(name="Ann")
        assert [text for _, text, _ in report.speech] == ["Halt!"]
        assert [(leaf.kind, leaf.reason) for leaf in report.leaves] == [("fallback", "empty")]

    def test_a_line_cut_off_in_the_middle_is_ended(self) -> None:
        """The game is told that no more comes."""
        g = saying(deadline=0.25, fallback="never used")
        g.tick(name="Ann")
        assert heard(g, ["Well. I think", "Well. I think that"]) == [("Well. ", False)]
        report = g.tick(name="Ann")
        assert report.status == "SUCCESS"
        assert [(text, done) for _, text, done in report.speech] == [("", True)]

    def test_a_lost_branch_ends_the_line(self) -> None:
        """In the middle of a sentence: what was not spoken is not, and the model stops."""
        g = game(lambda: ReactiveSequence("S", [Condition("on?", lambda a: a.me["on"]), Say("shout", prompt="shout")]))
        g.tick(name="Ann", on=True)
        g.asker.tickets[0].text = "Well. I think"
        g.tick(name="Ann", on=True)
        report = g.tick(name="Ann", on=False)
        assert [(text, done) for _, text, done in report.speech] == [("", True)]
        assert g.asker.tickets[0].cancelled
        assert [(leaf.kind, leaf.reason) for leaf in report.leaves] == [("cancelled", "the branch was lost")]

    def test_a_line_that_was_not_begun_needs_no_end(self) -> None:
        g = game(lambda: ReactiveSequence("S", [Condition("on?", lambda a: a.me["on"]), Say("shout", prompt="shout")]))
        g.tick(name="Ann", on=True)
        assert g.tick(name="Ann", on=False).speech == ()

    def test_a_long_line_is_cut_at_a_word(self) -> None:
        """A model that will not stop does not flood the game."""
        g = saying(max_chars=20)
        g.tick(name="Ann")
        g.asker.tickets[0].answer("one two three four five six seven")
        assert "".join(text for _, text, _ in g.tick(name="Ann").speech) == "one two three four"

    def test_a_model_that_goes_on_after_the_limit_is_stopped(self) -> None:
        g = saying(max_chars=20)
        g.tick(name="Ann")
        g.asker.tickets[0].text = "one two. three four five six"
        report = g.tick(name="Ann")
        assert report.status == "SUCCESS"
        assert [(text, done) for _, text, done in report.speech] == [("one two. three four", True)]
        assert g.asker.tickets[0].cancelled

    @pytest.mark.parametrize("wrong", ["max_tokens", "max_chars", "max_piece"])
    def test_limits_of_nothing_are_refused(self, wrong: str) -> None:
        with pytest.raises(TreeError, match=wrong):
            Say("x", prompt="shout", **{wrong: 0})  # type: ignore[arg-type]


def test_lines_of_speech_have_ids_of_their_own() -> None:
    """Two that start in the same tick, too."""
    g = game(
        lambda: py_trees.composites.Parallel(
            "P",
            py_trees.common.ParallelPolicy.SuccessOnAll(),
            [Say("one", prompt="shout", fallback="a"), Say("two", prompt="shout", fallback="b")],
        ),
        answers=lambda q: NoAnswer(reason="unavailable"),
    )
    g.tick(name="Ann")
    assert len({line for line, _, _ in g.tick(name="Ann").speech}) == 2


def test_speech_is_clean_and_complete() -> None:
    """Control characters never reach the game, and do not cost the end of the line."""
    g = saying()
    g.tick(name="Ann")
    g.asker.tickets[0].text = "Hi! \x1b[31m\x00 you"
    said = list(g.tick(name="Ann").speech)
    g.asker.tickets[0].answer("Hi! [31m you there!")
    said += list(g.tick(name="Ann").speech)
    assert "".join(text for _, text, _ in said) == "Hi! [31m you there!"
    assert said[-1][2]


@given(
    text=st.text(alphabet="ab .!?,\n\x00。", min_size=1, max_size=60),
    steps=st.lists(st.integers(1, 12), min_size=1, max_size=12),
    max_piece=st.integers(1, 20),
    max_chars=st.integers(1, 40),
)
def test_however_it_comes_the_pieces_add_up_to_the_line(
    text: str, steps: list[int], max_piece: int, max_chars: int
) -> None:
    """The pieces are the beginning of the cleaned answer, within the limit, and the line is closed once."""
    g = saying(max_piece=max_piece, max_chars=max_chars, fallback="-", deadline=99.0)
    said = list(g.tick(name="Ann").speech)
    ticket, end = g.asker.tickets[0], 0
    for step in steps:
        end += step
        ticket.text = text[:end]
        report = g.tick(name="Ann")
        said += list(report.speech)
        if report.status != "RUNNING":
            break
    else:
        ticket.answer(text)
        report = g.tick(name="Ann")
        said += list(report.speech)
    line = "".join(piece for _, piece, _ in said)
    whole = " ".join("".join(c for c in text if c != "\x00").split())
    assert report.status == "SUCCESS"
    assert [done for _, _, done in said] == [False] * (len(said) - 1) + [True]
    assert len(line) <= max_chars
    assert line == "-" if not whole else whole.startswith(line.rstrip())
    if len(whole) <= max_chars:
        assert line.rstrip() == (whole or "-")

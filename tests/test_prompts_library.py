"""A library keeps the last good version of each prompt, whatever is put into it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brains.errors import PromptError
from brains.prompts import PromptLibrary, StoredCalibration, decode_calibrations, encode_calibrations

GOOD = "---\nanswer: [low, high]\ninputs: {x: []}\n---\nuser:\n{{ x }} version %d"
BAD = "---\nanswer: [low, high]\n---\nuser:\n{{ x }} version %d"
CALIBRATION = StoredCalibration(model="smol", scale=2, bias={"low": 0.5}, prompt_hash="abc", cases=48, accuracy=0.9)


def test_a_broken_edit_keeps_the_last_good_version_and_is_remembered() -> None:
    library = PromptLibrary()
    first = library.put("a/b", GOOD % 1, file="a/b.j2")
    with pytest.raises(PromptError, match=r"a/b\.j2:5: 'x' is not among"):
        library.put("a/b", BAD % 2, file="a/b.j2")
    assert library.get("a/b") is first
    assert library.errors["a/b"].line == 5
    assert library.render("a/b", {"x": 1}).user == "1 version 1"
    library.put("a/b", GOOD % 3)
    assert library.errors == {}
    assert library.render("a/b", {"x": 1}).user == "1 version 3"


def test_the_same_text_again_changes_nothing_but_clears_the_error() -> None:
    library = PromptLibrary()
    first = library.put("a", GOOD % 1)
    revision = library.revision
    assert library.put("a", GOOD % 1) is first
    assert library.revision == revision
    with pytest.raises(PromptError):
        library.put("a", BAD % 1)
    assert library.put("a", GOOD % 1) is first
    assert library.errors == {}
    assert library.revision == revision + 2


def test_an_unknown_name_gets_the_nearest() -> None:
    library = PromptLibrary()
    library.put("guard/is_hostile", GOOD % 1)
    with pytest.raises(PromptError, match="no prompt called 'guard/hostile'; did you mean 'guard/is_hostile'"):
        library.get("guard/hostile")


def test_a_name_that_never_was_good_says_what_is_wrong_with_it() -> None:
    library = PromptLibrary()
    with pytest.raises(PromptError):
        library.put("a", BAD % 1, file="a.j2")
    with pytest.raises(PromptError, match=r"a\.j2:5"):
        library.render("a", {})
    assert library.names() == []


def test_removed_is_gone() -> None:
    library = PromptLibrary()
    library.put("a", GOOD % 1)
    library.put_calibrations("a", encode_calibrations({"d": CALIBRATION}))
    revision = library.revision
    library.remove("a")
    library.remove("b")
    assert library.names() == []
    assert library.calibrations("a") == {}
    assert library.revision == revision + 2


def test_calibrations_travel_with_the_prompt() -> None:
    library = PromptLibrary()
    library.put("a", GOOD % 1)
    library.put_calibrations("a", encode_calibrations({"d": CALIBRATION}))
    revision = library.revision
    library.put_calibrations("a", encode_calibrations({"d": CALIBRATION}))
    assert library.revision == revision
    assert library.render("a", {"x": 1}).calibrations == {"d": CALIBRATION}
    with pytest.raises(PromptError, match=r"a\.calibration: this is no calibration file"):
        library.put_calibrations("a", "{")
    assert library.render("a", {"x": 1}).calibrations == {"d": CALIBRATION}
    assert list(library.errors) == ["a.calibration"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"d": 1}',
        '{"d": {"scale": "x"}}',
        '{"d": {"scale": 1e999}}',
        '{"d": {"scale": 0}}',
        '{"d": {"bias": {"a": 1e9}}}',
        '{"d": {"scael": 1}}',
        '{"d": {"scale": NaN}}',
        "[" * 5000,
    ],
)
def test_what_is_no_calibration_is_refused(text: str) -> None:
    with pytest.raises(PromptError):
        decode_calibrations(text, file="x")


def test_calibrations_are_written_sorted_and_read_back() -> None:
    text = encode_calibrations({"e": CALIBRATION, "d": CALIBRATION})
    assert decode_calibrations(text, file="x") == {"d": CALIBRATION, "e": CALIBRATION}
    assert text.index('"d"') < text.index('"e"')
    assert text.endswith("}\n")


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.sampled_from("ab"))))
def test_an_edit_cycle_never_loses_the_last_good_version(edits: list[tuple[bool, int, str]]) -> None:
    library, good, broken = PromptLibrary(), {}, set()
    for fine, number, name in edits:
        try:
            library.put(name, (GOOD if fine else BAD) % number)
            good[name] = number
            broken.discard(name)
        except PromptError:
            broken.add(name)
        assert library.names() == sorted(good)
        assert set(library.errors) == broken
        for known, version in good.items():
            assert library.render(known, {"x": "x"}).user == f"x version {version}"

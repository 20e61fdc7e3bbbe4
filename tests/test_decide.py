"""Questions into requests, replies into decisions."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brains.decide import (
    FLOOR,
    choose_way,
    decide,
    is_yes_no,
    request_for,
    score_labels,
    usable_calibration,
)
from brains.errors import ConfigError, MalformedAnswer, ModelRefused
from brains.questions import (
    Calibration,
    Decision,
    Latency,
    ModelInfo,
    ModelReply,
    Question,
    RenderedPrompt,
    TokenChoice,
    Turn,
    Way,
)

LABELS = ("danger", "safe")
PROMPT = RenderedPrompt(
    name="guard/is_hostile",
    version="v1",
    system="Label it as danger or safe.",
    turns=(Turn("A wolf", "danger"), Turn("A lamb", "safe")),
    user="A fox",
)
SCHEMA = {
    "type": "object",
    "properties": {"target": {"enum": ["gate", "wall"]}},
    "required": ["target"],
    "additionalProperties": False,
}


def model(*ways: Way, label_way: Way = "completion") -> ModelInfo:
    able = frozenset(ways or ("completion", "chat", "schema", "text"))
    return ModelInfo(name="smol", digest="d1", backend="scripted", ways=able, label_way=label_way)


def question(prompt: RenderedPrompt = PROMPT, labels: tuple[str, ...] = LABELS, **more: Any) -> Question:
    return Question(session="s", agent="a", leaf="l", prompt=prompt, labels=labels, **more)


def token(**top: float) -> TokenChoice:
    """Return a token with these probabilities; the first is the chosen one."""
    logs = tuple((text.replace("_", " "), math.log(p)) for text, p in top.items())
    return TokenChoice(*logs[0], logs)


def answer(
    reply: ModelReply, asked: Question | None = None, way: Way | None = None, info: ModelInfo | None = None
) -> Decision:
    asked = asked or question()
    known = info or model()
    return decide(asked, request_for(asked, known, way=way), reply, known, Latency(total=0.1))


def scored(**top: float) -> Decision:
    return answer(ModelReply(text="", tokens=(token(**top),)))


# --- ways and requests ---


@pytest.mark.parametrize(
    ("asked", "info", "override", "way"),
    [
        (question(), model(), None, "completion"),
        (question(), model(label_way="chat"), None, "chat"),
        (question(), model("chat", "schema"), None, "chat"),
        (question(), model("schema", "text"), None, "schema"),
        (question(), model(), "chat", "chat"),
        (question(labels=(), schema=SCHEMA), model(), "chat", "schema"),
        (question(labels=()), model(label_way="chat"), "completion", "text"),
    ],
)
def test_the_way_follows_question_and_model(asked: Question, info: ModelInfo, override: Way | None, way: Way) -> None:
    assert choose_way(asked, info, override) == way
    assert request_for(asked, info, way=override).way == way


@pytest.mark.parametrize(
    ("asked", "info", "override", "error"),
    [
        (question(labels=(), schema=SCHEMA), model("completion"), None, ModelRefused),
        (question(labels=()), model("completion"), None, ModelRefused),
        (question(), model("text"), None, ModelRefused),
        (question(), model("chat"), "completion", ConfigError),
        (question(), model(), "text", ConfigError),
    ],
)
def test_what_a_model_cannot_do_is_refused(
    asked: Question, info: ModelInfo, override: Way | None, error: type[Exception]
) -> None:
    with pytest.raises(error, match="smol"):
        choose_way(asked, info, override)


def test_completion_is_few_shot_text() -> None:
    request = request_for(question(), model())
    assert request.prompt == "Label it as danger or safe.\n\nA wolf -> danger\nA lamb -> safe\nA fox ->"
    assert (request.max_tokens, request.top_logprobs, request.messages) == (1, 20, ())
    assert request.options == {"temperature": 0, "top_k": 1, "seed": 1, "repeat_penalty": 1.0}


def test_chat_is_turns() -> None:
    request = request_for(question(), model(), way="chat")
    assert request.messages == (
        ("system", "Label it as danger or safe."),
        ("user", "A wolf"),
        ("assistant", "danger"),
        ("user", "A lamb"),
        ("assistant", "safe"),
        ("user", "A fox"),
    )
    assert request.top_logprobs == 20


@pytest.mark.parametrize(
    ("system", "said"),
    [
        ("Dangerous or safe?", "Dangerous or safe?\nAnswer with one word: danger or safe."),
        ("", "Answer with one word: danger or safe."),
        ("Safe or DANGER?", "Safe or DANGER?"),
    ],
)
def test_labels_are_named_if_the_system_text_does_not(system: str, said: str) -> None:
    request = request_for(question(RenderedPrompt(name="p", version="v", system=system, user="x")), model(), way="chat")
    assert request.messages[0] == ("system", said)


def test_schema_asks_for_an_object() -> None:
    request = request_for(question(), model(), way="schema")
    assert request.schema is not None
    assert request.schema["properties"] == {"answer": {"type": "string", "enum": ["danger", "safe"]}}
    assert request.messages[2] == ("assistant", '{"answer": "danger"}')
    assert request.messages[0][1].endswith('Answer with JSON: {"answer": "danger"}, the answer being danger or safe.')
    assert 0 < request.max_tokens <= 64


def test_arguments_are_asked_for_without_the_examples() -> None:
    request = request_for(question(labels=(), schema=SCHEMA, max_tokens=30), model())
    assert [role for role, _ in request.messages] == ["system", "user"]
    assert json.dumps(SCHEMA) in request.messages[0][1]
    assert (request.schema, request.max_tokens) == (SCHEMA, 30)


def test_a_small_model_goes_on_after_an_opening_quote() -> None:
    prompt = RenderedPrompt(
        name="p", version="v", system="Ann calls.", turns=(Turn("A man. Ann:", 'Say "hello"!'),), user="A girl. Ann:"
    )
    request = request_for(question(prompt, (), max_tokens=50), model())
    assert (request.way, request.max_tokens) == ("completion", 50)
    assert request.prompt == 'Ann calls.\n\nA man. Ann: "Say \'hello\'!"\n\nA girl. Ann: "'
    assert request.options["stop"] == ['"', "\n"]
    reply = ModelReply(text="Good morning, my dear gi", done_reason="length")
    decision = decide(question(prompt, ()), request, reply, model(), Latency())
    assert (decision.answer, decision.way) == ("Good morning, my dear", "text")


def test_free_text_keeps_the_prompt_as_it_is() -> None:
    request = request_for(question(labels=(), max_tokens=50), model(label_way="chat"))
    assert request.messages[0] == ("system", PROMPT.system)
    assert (request.max_tokens, request.top_logprobs) == (50, 0)


def test_a_prompts_temperature_frees_the_choice() -> None:
    warm = RenderedPrompt(name="p", version="v", user="x", options={"temperature": 0.7})
    assert request_for(question(warm, ()), model()).options == {"temperature": 0.7, "seed": 1, "repeat_penalty": 1.0}


# --- labels ---


def test_spellings_of_a_label_count_together() -> None:
    decision = scored(_danger=0.4, Danger=0.1, dan=0.1, _safe=0.2, _the=0.1)
    assert decision.answer == "danger"
    assert decision.probabilities == pytest.approx({"danger": 0.75, "safe": 0.25})
    assert decision.off_label == pytest.approx(0.2)
    assert decision.raw == decision.probabilities
    assert not decision.calibrated


def test_tokenizers_signs_for_a_space_are_spaces() -> None:
    for space in ("\u2581", "\u0120", " \n"):
        scores = score_labels([TokenChoice(space + "safe", math.log(0.5))], LABELS)
        assert scores is not None
        assert scores.raw["safe"] > 0.99


def test_a_token_that_begins_two_labels_counts_for_neither() -> None:
    scores = score_labels([token(_st=0.5, _sto=0.3, _ste=0.1)], ("steal", "stop"))
    assert scores is not None
    assert scores.raw == pytest.approx({"steal": 0.25, "stop": 0.75})
    assert scores.off_label == pytest.approx(0.6)


def test_an_unseen_label_is_unlikely_and_not_impossible() -> None:
    assert scored(_safe=0.5, _the=0.5).probabilities["danger"] == pytest.approx(FLOOR / 0.5, rel=1e-3)


def test_blank_tokens_are_passed_over() -> None:
    tokens = (token(_=0.9, safe=0.1), TokenChoice("\n", -0.1), token(danger=0.8, safe=0.1))
    assert answer(ModelReply(text="\n danger", tokens=tokens)).answer == "danger"
    with pytest.raises(MalformedAnswer, match="none of danger, safe"):
        answer(ModelReply(text=" \n", tokens=tokens[:2]))


def test_no_answer_if_nearly_all_is_off_the_labels() -> None:
    assert scored(_the=0.95, _safe=0.03, _danger=0.01).answer == "safe"
    with pytest.raises(
        MalformedAnswer, match=r"guard/is_hostile, asked of smol: 99% .* none of danger, safe \(but ' the'\)"
    ):
        scored(_the=0.98, _safe=0.01)


@pytest.mark.parametrize("logprob", [math.nan, math.inf, -math.inf, 0.5])
def test_what_is_no_logarithm_of_a_probability_is_refused(logprob: float) -> None:
    for choice in (TokenChoice(" safe", logprob), TokenChoice(" safe", -1.0, ((" safe", -1.0), (" x", logprob)))):
        with pytest.raises(MalformedAnswer, match="logarithm"):
            answer(ModelReply(text=" safe", tokens=(choice,)))


def test_an_empty_answer_is_none() -> None:
    with pytest.raises(MalformedAnswer, match=r"is empty: .* begin with a plain letter \(danger, safe\)"):
        answer(ModelReply(text=""))


@pytest.mark.parametrize("text", [" safe", "danger, because it bites", "no idea"])
def test_a_label_without_logprobs_is_no_answer(text: str) -> None:
    """Certainty that the model has not expressed is none."""
    with pytest.raises(MalformedAnswer, match=r"no log-probabilities .* label_way"):
        answer(ModelReply(text=text))


def test_signs_around_a_label_do_not_matter() -> None:
    scores = score_labels([token(**{'"danger': 0.4, "danger.": 0.2, "**Safe**": 0.2, '"': 0.1})], LABELS)
    assert scores is not None
    assert scores.raw == pytest.approx({"danger": 0.75, "safe": 0.25})
    assert scores.off_label == pytest.approx(0.2)
    assert scores.stranger == '"'


def test_probabilities_that_are_more_than_one_are_refused() -> None:
    with pytest.raises(MalformedAnswer, match="more than 1 together"):
        scored(_danger=0.9, _safe=0.9)


@pytest.mark.parametrize(("limit", "fits"), [(0.5, True), (0.3, False), (0.0, False), (1.0, True)])
def test_a_prompt_may_say_how_much_may_be_off_its_labels(limit: float, fits: bool) -> None:
    asked = question(msgspec.structs.replace(PROMPT, off_label_limit=limit))
    reply = ModelReply(text="", tokens=(token(_danger=0.4, _safe=0.2, _the=0.4),))
    if fits:
        assert answer(reply, asked).off_label == pytest.approx(0.4)
    else:
        with pytest.raises(MalformedAnswer, match="40% of the answer is none of"):
            answer(reply, asked)


def test_a_decision_tells_where_it_comes_from() -> None:
    asked = question(tick=7)
    decision = answer(
        ModelReply(text="", tokens=(token(_danger=0.6, _safe=0.4),), prompt_tokens=9, output_tokens=1), asked
    )
    assert (decision.prompt, decision.prompt_hash) == ("guard/is_hostile", PROMPT.digest)
    assert (decision.tick_asked, decision.way, decision.model, decision.model_digest) == (7, "completion", "smol", "d1")
    assert (decision.prompt_tokens, decision.output_tokens, decision.fallback) == (9, 1, "")


# --- the decision API ---

DECIDER = model("systemone", label_way="systemone")


def test_a_decision_model_gets_instructions_criteria_and_the_state() -> None:
    prompt = msgspec.structs.replace(PROMPT, criteria={"safe": "no harm can come of it"})
    request = request_for(question(prompt, tick=3), DECIDER)
    assert request.way == "systemone"
    assert request.messages == (("system", "Label it as danger or safe."), ("user", "A fox"))
    assert request.criteria == {"danger": "danger, as in: A wolf", "safe": "no harm can come of it"}
    assert request.batch == ("s", "a", "3")


def test_a_bare_question_gets_instructions_from_its_labels() -> None:
    request = request_for(question(RenderedPrompt(name="p", version="v", user="x")), DECIDER)
    assert request.messages[0] == ("system", "Which is it: danger or safe?")
    assert request.criteria == {"danger": "danger", "safe": "safe"}


def test_a_decision_model_can_do_nothing_else() -> None:
    for asked in (question(labels=()), question(labels=(), schema=SCHEMA)):
        with pytest.raises(ModelRefused, match="take a chat model"):
            request_for(asked, DECIDER)
    many = tuple(f"{chr(97 + number)}x" for number in range(27))
    with pytest.raises(ModelRefused, match="cannot choose among"):
        request_for(question(labels=many), DECIDER)
    both = model("systemone", "completion", label_way="systemone")
    assert choose_way(question(labels=many), both) == "completion"


def test_a_decision_of_a_decision_model() -> None:
    decision = answer(ModelReply(text="safe", probabilities={"safe": 0.75, "danger": 0.2501}), info=DECIDER)
    assert (decision.answer, decision.way, decision.off_label) == ("safe", "systemone", 0.0)
    assert tuple(decision.probabilities) == LABELS
    assert sum(decision.probabilities.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "other answers than danger, safe: see 'danger'"),
        ({"danger": 1.0}, "see 'safe'"),
        ({"danger": 0.5, "safe": 0.4, "dance": 0.1}, "see 'dance'"),
        ({"danger": math.nan, "safe": 0.5}, "nan as the probability of danger"),
        ({"danger": -0.1, "safe": 1.1}, "-0.1 as the probability"),
        ({"danger": math.inf, "safe": 0.0}, "inf as the probability"),
        ({"danger": 0.2, "safe": 0.2}, "sum to 0.4 and not to 1"),
    ],
)
def test_probabilities_that_are_none_are_refused(given: dict[str, float], says: str) -> None:
    with pytest.raises(MalformedAnswer, match=says):
        answer(ModelReply(text="safe", probabilities=given), info=DECIDER)


@pytest.mark.parametrize(
    ("labels", "plain"), [(("yes", "no"), True), (("False", "true"), True), (LABELS, False), (("yes", "nay"), False)]
)
def test_a_yes_or_no_question_is_known_by_its_labels(labels: tuple[str, ...], plain: bool) -> None:
    assert is_yes_no(labels) is plain


logprobs = st.one_of(st.floats(max_value=0), st.floats(), st.just(-1e308))
some_token = st.sampled_from([" danger", "safe", " s", "d", "", " ", "the", "\u2581safe", "SAFE", "danger", "fl", "x"])
choices = st.builds(
    TokenChoice, some_token, logprobs, st.lists(st.tuples(some_token, logprobs), max_size=20).map(tuple)
)
calibrations = st.builds(
    Calibration,
    scale=st.floats(allow_nan=False),
    bias=st.dictionaries(st.sampled_from(LABELS), st.floats()),
    prompt_hash=st.sampled_from(["v1", "v0"]),
)


@given(st.lists(choices, max_size=4), st.text(max_size=8), st.none() | calibrations)
def test_a_decision_is_always_a_label_with_probabilities(
    tokens: list[TokenChoice], text: str, calibration: Calibration | None
) -> None:
    prompt = RenderedPrompt(
        name="p", version="v1", user="x", calibrations={"d1": calibration} if calibration is not None else {}
    )
    try:
        decision = answer(ModelReply(text=text, tokens=tuple(tokens)), question(prompt))
    except MalformedAnswer:
        return
    assert decision.answer in LABELS
    for probabilities in (decision.probabilities, decision.raw):
        assert tuple(probabilities) == LABELS
        assert math.isclose(sum(probabilities.values()), 1.0)
        assert all(0 <= p <= 1 for p in probabilities.values())
    assert decision.probabilities[decision.answer] == max(decision.probabilities.values())
    assert 0 <= decision.off_label <= 1


# --- calibration in use ---


def calibrated(hash_: str = "v1") -> Question:
    calibration = Calibration(scale=1.0, bias={"danger": -3.0, "safe": 0.0}, prompt_hash=hash_)
    return question(RenderedPrompt(name="p", version="v1", user="x", calibrations={"d1": calibration}))


def test_a_calibration_corrects_the_lean() -> None:
    decision = answer(ModelReply(text="", tokens=(token(_danger=0.6, _safe=0.4),)), calibrated())
    assert decision.answer == "safe"
    assert decision.calibrated
    assert decision.raw == pytest.approx({"danger": 0.6, "safe": 0.4})


def test_a_stale_calibration_is_not_used() -> None:
    decision = answer(ModelReply(text="", tokens=(token(_danger=0.6, _safe=0.4),)), calibrated("v0"))
    assert (decision.answer, decision.calibrated) == ("danger", False)


def test_a_calibration_holds_for_the_way_it_was_made_with() -> None:
    asked = calibrated()
    assert usable_calibration(asked, request_for(asked, model()), model()) is not None
    assert usable_calibration(asked, request_for(asked, model(), way="chat"), model()) is None
    chatty = model("chat", "text")
    assert usable_calibration(asked, request_for(asked, chatty), chatty) is not None


# --- schema and text ---


def test_a_schema_answer_is_a_value() -> None:
    asked = question(labels=(), schema=SCHEMA)
    decision = answer(ModelReply(text='{"target": "gate"}'), asked)
    assert (decision.answer, decision.value, decision.way) == ("", {"target": "gate"}, "schema")
    assert decision.confidence == 1.0


def test_a_cut_off_object_is_told_first() -> None:
    with pytest.raises(MalformedAnswer, match="cut off after 3 tokens"):
        answer(
            ModelReply(text='{"target": "ga', done_reason="length", output_tokens=3),
            question(labels=(), schema=SCHEMA),
        )


def test_a_label_may_come_as_an_object() -> None:
    decision = answer(ModelReply(text=' {"answer": "safe"}\n'), way="schema")
    assert (decision.answer, decision.probabilities, decision.value) == ("safe", {"danger": 0.0, "safe": 1.0}, None)
    with pytest.raises(MalformedAnswer, match="field 'answer' must be one of"):
        answer(ModelReply(text='{"answer": "help"}'), way="schema")


def test_free_text_is_trimmed() -> None:
    asked = question(labels=())
    assert answer(ModelReply(text=" Halt!\x00\nWho goes there?\n"), asked).answer == "Halt!\nWho goes there?"
    with pytest.raises(MalformedAnswer, match="said nothing"):
        answer(ModelReply(text=" \x07\n"), asked)

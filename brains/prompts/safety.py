"""Make text from the game harmless before it goes into a prompt.

The rule: after `clean`, a value is one line, without control characters, and holds neither `<` nor `>`.
Nearly every special token of nearly every model needs those two (`<|im_start|>`, `<s>`, `<start_of_turn>`,
`<<SYS>>`), and so does the ` -> ` of an example line: what data does not have, it cannot put together, not
even from two values side by side. Tokens in square brackets (`[INST]`) are taken out by name. `scrub` does
the last pass over a whole rendered part, where the template's own text and a value may have met.
"""

from __future__ import annotations

import re

__all__ = ["LIMIT", "clean", "one_line", "scrub", "special_token"]

LIMIT = 2000
"""Characters that one value may take in a prompt; the rest is cut off and `…` put in its place."""

_SPACES = "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u2028\u2029\u2581"  # U+2581 is a space to SentencePiece models
_INVISIBLE = [
    *range(0x00, 0x09),
    *range(0x0E, 0x1C),
    *range(0x7F, 0x85),
    *range(0x86, 0xA0),
    0xAD,
    0x34F,
    0x61C,  # bidi, like U+200E and U+200F below
    *(0x115F, 0x1160, 0x3164, 0xFFA0),  # letters that are nothing but room
    *(0x17B4, 0x17B5, 0x180E),
    0x200B,  # not U+200C and U+200D: Persian and the Indic scripts are written with them
    0x200E,
    0x200F,
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    *range(0xD800, 0xE000),  # lone surrogates: they cannot be encoded
    *(0xE000, 0xE001),  # mark, for people, what came from the world: a value could say that it did not
    *range(0xFE00, 0xFE0E),  # not U+FE0E and U+FE0F: they say how a picture is drawn
    0xFEFF,
    *range(0xFFF9, 0xFFFC),
    *range(0xE0000, 0xE0080),  # tag characters: text that nobody sees but the model
    *range(0xE0100, 0xE01F0),  # variation selectors, which can hide any text behind one picture
]
_TABLE: dict[int, str | None] = {**dict.fromkeys(_INVISIBLE), **{ord(space): " " for space in _SPACES}}
# Look-alikes that no tokenizer takes for the real ones. The full-width and small forms go, too: some models'
# normalisation would turn them into the plain ones.
_LEFT, _RIGHT = "\u2039", "\u203a"
_ANGLES = str.maketrans({"<": _LEFT, ">": _RIGHT, "\uff1c": _LEFT, "\uff1e": _RIGHT, "\ufe64": _LEFT, "\ufe65": _RIGHT})

_SUSPECT = re.compile(
    r"[\x00-\x1f\x7f-\xa0\xad<>\[\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u2581\ud800-\ue001\ufeff\ufff9-\ufffb"
    r"\u034f\u061c\u115f\u1160\u3164\uffa0\u17b4\u17b5\u180e\ufe00-\ufe0d\U000e0100-\U000e01ef"
    r"\uff1c\uff1e\ufe64\ufe65\U000e0000-\U000e007f]"
)
_ARROW = re.compile(r"-+>+")
_TOKEN = re.compile(
    r"<[|\uff5c][^<>\n]{0,64}?[|\uff5c]>"
    r"|<<?/?SYS>>?"
    r"|</?(?:s|bos|eos|pad|unk|mask|cls|sep|think|thinking|tool_call|tool_response|0x[0-9a-f]{2}|unused\d+"
    r"|(?:start|end)_of_(?:turn|image|text|role)|(?:fim|image|audio|im|turn|reserved|begin|end|extra)_[a-z0-9_]{1,32})>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_CALL|TOOL_RESULTS|TOOL_CONTENT|CALL_ID|ARGS|THINK"
    r"|MODEL_SETTINGS|IMG|IMG_BREAK|IMG_END|AUDIO|BEGIN_AUDIO|TRANSCRIBE|PREFIX|SUFFIX|MIDDLE|gMASK|sMASK|MASK|CLS|SEP"
    r"|PAD|UNK|BOS|EOS)\]",
    re.IGNORECASE,
)
_RUN_OF_SPACE = re.compile(r"\s+")


def clean(text: str, limit: int = LIMIT) -> str:
    """Return `text` as one harmless line of at most `limit` characters.

    Control and invisible characters go, line ends and tabs become spaces, special tokens and arrows are taken
    out, and the `<` and `>` that remain become single guillemets. Cleaning twice changes nothing.
    """
    if len(text) > limit:
        text = text[: max(limit - 1, 0)] + "…"
    if not _SUSPECT.search(text):
        return text
    # Invisible characters first: `[IN\\0ST]` must not become a token afterwards. What is taken out leaves a
    # space, and no bracket token has a space in it, so that none can re-form.
    text = text.translate(_TABLE)
    text = _ARROW.sub("-", _TOKEN.sub(" ", text))
    return text.translate(_ANGLES)


def scrub(text: str, *, arrows: bool) -> str:
    """Return a rendered part without special tokens, and without `->` where `arrows` is False.

    Values are clean already; this is for what a value and the text around it make together: `<{{ x }}>`.
    """
    while _TOKEN.search(text):
        text = _TOKEN.sub(" ", text)
    if not arrows:
        text = _ARROW.sub("-", text)
    return text


def one_line(text: str) -> str:
    """Return `text` with every run of whitespace as one space, and none at its ends."""
    return _RUN_OF_SPACE.sub(" ", text).strip()


def special_token(text: str) -> tuple[str, int] | None:
    """Find the first special token in `text`: the token and the offset where it starts."""
    found = _TOKEN.search(text)
    return None if found is None else (found.group(), found.start())

"""The body of a prompt file: parts, each a sandboxed Jinja template that knows the file's line numbers.

A part starts at a line that holds nothing but `system:`, `user:` or `assistant:`. The text is cut at those
lines before Jinja sees it, and each part is rendered on its own; so no value can ever start another part.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, Undefined, UndefinedError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from brains.errors import PromptError
from brains.prompts.reading import Place, nearest
from brains.prompts.safety import LIMIT, clean, special_token

__all__ = ["Part", "Role", "compile_part", "split_parts"]

Role = Literal["system", "user", "assistant"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant")

_ROLE_LIKE = re.compile(r"\s*([A-Za-z]+)\s*:\s*")
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_PLACES = 2
"""Digits after the point: more would change the prompt, and so ask the model again, for nothing."""
_MOST_KEYS = 2 * LIMIT
"""Keys of mappings that are looked at for one value; for the rest a mapping ends in `…`."""


class _Missing(StrictUndefined):
    """Says what is missing and what there is."""

    @property
    def _undefined_message(self) -> str:
        name = self._undefined_name
        if isinstance(self._undefined_obj, Mapping):
            return f"there is no {name!r}{nearest(str(name), map(str, self._undefined_obj))}"
        if self._undefined_hint or not isinstance(name, str):
            return super()._undefined_message
        if self._undefined_obj is missing:
            return f"{name!r} was not given"
        return f"{show(self._undefined_obj)[:40]!r} has no {name!r}"


class _Environment(ImmutableSandboxedEnvironment):
    """Sandboxed; in a mapping, `x.items` is the entry of that name and never a method."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Mapping):
            try:
                return obj[argument]
            except (KeyError, TypeError):
                return self.undefined(obj=obj, name=argument)
        return super().getitem(obj, argument)


def show(value: Any) -> str:
    """Return a value as a prompt shows it: a clean line; numbers short, lists by commas, mappings as JSON."""
    if isinstance(value, str):
        return clean(str(value))
    if isinstance(value, Undefined):
        return str(value)  # raises, and says what is missing
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, Mapping):
        return clean(_json(value))
    if isinstance(value, Sequence | set | frozenset):
        return clean(", ".join(_until_full(value)))
    return clean(str(value))


def _until_full(items: Iterable[Any]) -> Iterator[str]:
    """Show so many of the items as there is room for in one value: the rest would be cut off anyway."""
    room = LIMIT + 2  # the last one has no comma behind it
    for item in items:
        shown = show(item)
        yield shown
        room -= len(shown) + 2
        if room < 0:
            return


def _number(value: int | float) -> str:
    """Write a number without the digits that nobody needs: 3, 0.25."""
    if isinstance(value, int) or not math.isfinite(value):
        return str(value)
    short = round(value, _PLACES)
    return str(int(short)) if short.is_integer() else str(short)


def _quoted(value: Any) -> str:
    """Filter `quoted`: the value in double quotes, with single ones inside."""
    return f'"{show(value).replace(chr(34), chr(39))}"'


def _json(value: Any) -> str:
    """Filter `json`: keys sorted and numbers short, so that the same state is always the same text."""
    return json.dumps(_Tidy().tidy(value), ensure_ascii=False, separators=(", ", ": "))


class _Tidy:
    """Makes one value ready for JSON, up to what there is room for: the rest would be cut off anyway.

    However large the value is, the work is bounded: by the characters that it shows, and by the keys that it sorts.
    """

    def __init__(self) -> None:
        self._room = LIMIT
        self._keys = _MOST_KEYS

    def tidy(self, value: Any) -> Any:
        """Return the value, or its beginning if it is longer than may be shown."""
        self._room -= 1
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str):
            return self._list(value)
        if isinstance(value, float) and math.isfinite(value):
            short = round(value, _PLACES)
            return int(short) if short.is_integer() else short
        if value is None or isinstance(value, bool | int):
            return value
        shown = show(value)
        self._room -= len(shown)
        return shown

    def _mapping(self, value: Mapping[Any, Any]) -> dict[str, Any]:
        too_many = len(value) > self._keys
        keys = {show(key): key for key in islice(value, self._keys)}
        self._keys -= len(keys)
        tidied: dict[str, Any] = {}
        for shown in sorted(keys):
            if self._room < 0:
                return tidied
            self._room -= len(shown) + 5
            tidied[shown] = self.tidy(value[keys[shown]])
        if too_many:
            tidied["…"] = "…"
        return tidied

    def _list(self, value: Iterable[Any]) -> list[Any]:
        tidied = []
        for item in value:
            if self._room < 0:
                break
            self._room -= 1
            tidied.append(self.tidy(item))
        return tidied


def _round(value: float, precision: int = 0) -> int | float:
    """Filter `round`: to whole numbers, or to `precision` digits after the point."""
    return round(value, precision) if precision else round(value)


def _bucket(value: float, step: float) -> int | float:
    """Filter `bucket(step)`: down to a multiple of `step`, so that small changes are no change."""
    if step <= 0:
        raise ValueError(f"bucket({step}): the step must be more than 0")
    low = round(math.floor(value / step) * step, 6)
    return int(low) if float(low).is_integer() else low


def _environment() -> _Environment:
    environment = _Environment(
        undefined=_Missing, autoescape=False, finalize=show, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update({"quoted": _quoted, "json": _json, "round": _round, "bucket": _bucket})
    environment.globals.pop("lipsum", None)
    return environment


_JINJA = _environment()


class Part:
    """One compiled part.

    Attributes:
        role: `system`, `user` or `assistant`.
        line: where its text starts in the file.
        uses: the inputs that it uses, each with the fields that it names.
        arrows: its own text has `->` in it.
    """

    def __init__(
        self, role: Role, line: int, template: Template, uses: Mapping[str, frozenset[str]], arrows: bool
    ) -> None:
        self.role = role
        self.line = line
        self.uses = uses
        self.arrows = arrows
        self._template = template

    def render(self, values: Mapping[str, Any], place: Place, title: str) -> str:
        """Fill the part; `title` starts the error message.

        Raises:
            PromptError: with the line; something was missing or of the wrong kind.
        """
        try:
            return "".join(self._template.root_render_func(self._template.new_context(dict(values))))
        except Exception as error:
            # Whatever a template does wrong, such as adding words, is the prompt's fault and no crash.
            message = error.message if isinstance(error, TemplateError) else None
            message = message or f"{type(error).__name__}: {error}"
            if isinstance(error, UndefinedError) and not self.uses.keys() <= values.keys():
                message += f" (given: {', '.join(values) or 'nothing'})"
            raise place.error(f"{title}: {message}", self._line_of(error)) from error

    def _line_of(self, error: BaseException) -> int:
        """Find the template's line in a traceback."""
        line, step = self.line, error.__traceback__
        while step is not None:
            if step.tb_frame.f_globals.get("__jinja_template__") is self._template:
                line = self._template.get_corresponding_lineno(step.tb_lineno)
            step = step.tb_next
        return line


def split_parts(body: str, first_line: int, place: Place) -> list[tuple[Role, str, int]]:
    """Cut the body at its role lines into (role, text, line of the text).

    Raises:
        PromptError: text before the first role line, or a role line that is misspelt.
    """
    lines = body.split("\n")
    starts: list[tuple[Role, int]] = []
    for index, line in enumerate(lines):
        role = _role(line, first_line + index, place)
        if role is not None:
            starts.append((role, index))
    head = "\n".join(lines[: starts[0][1]] if starts else lines)
    if not starts or _COMMENT.sub("", head).strip():
        skipped = next((i for i, line in enumerate(head.split("\n")) if line.strip()), 0)
        place.fail("text before the first role line; put a line `system:` or `user:` above it", first_line + skipped)
    ends = [index for _, index in starts[1:]] + [len(lines)]
    return [
        (role, "\n".join(lines[index + 1 : end]), first_line + index + 1)
        for (role, index), end in zip(starts, ends, strict=True)
    ]


def _role(line: str, number: int, place: Place) -> Role | None:
    """Return the role that a line starts, if it does; refuse one that is nearly a role line."""
    found = _ROLE_LIKE.fullmatch(line)
    if found is None:
        return None
    for role in ROLES:
        if line.rstrip() == f"{role}:":
            return role
    close = difflib.get_close_matches(found.group(1).lower(), ROLES, n=1, cutoff=0.8)
    if close:
        place.fail(
            f"{line.strip()!r} looks like a role line; write `{close[0]}:` at the start of the line, "
            "in small letters (or, if it is text, more than one word)",
            number,
        )
    return None


def compile_part(
    role: Role, text: str, line: int, inputs: Mapping[str, tuple[str, ...]], place: Place, name: str
) -> Part:
    """Compile one part whose text starts at `line` of the file.

    Raises:
        PromptError: with the line: a syntax error, a name that `inputs` does not declare, a special token.
    """
    token = special_token(text)
    if token is not None:
        place.fail(
            f"{token[0]!r} is a special token of some models; leave those to the model's own chat template",
            line + text.count("\n", 0, token[1]),
        )
    source = "\n" * (line - 1) + text  # Jinja then counts the file's lines
    try:
        tree = _JINJA.parse(source)
        _check_names(tree, inputs, place)
        code = _JINJA.compile(tree, name=name, filename=place.file or name)
        template = Template.from_code(_JINJA, code, _JINJA.globals)
    except TemplateSyntaxError as error:
        raise place.error(f"{error.message or 'this is not Jinja'} (in `{role}:`)", error.lineno) from error
    except PromptError:
        raise
    except Exception as error:  # an expression of constants is computed here, and may fail in any way
        raise place.error(f"`{role}:` does not compile: {error}", line) from error
    uses: dict[str, set[str]] = {used: set() for used in meta.find_undeclared_variables(tree)}
    for used, field, _ in _fields(tree):
        if used in uses:
            uses[used].add(field)
    frozen = {used: frozenset(fields) for used, fields in uses.items()}
    return Part(role, line, template, frozen, "->" in text)


def _check_names(tree: nodes.Template, inputs: Mapping[str, tuple[str, ...]], place: Place) -> None:
    """Refuse names and fields that are not declared, and what would need other files."""
    for foreign in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        place.fail("a prompt is one file: include, import and extends are not available", foreign.lineno)
    undeclared = meta.find_undeclared_variables(tree)
    for used in sorted(tree.find_all(nodes.Name), key=lambda node: node.lineno):
        if used.name in undeclared and used.name not in inputs:
            place.fail(f"{used.name!r} is not among the `inputs:`{nearest(used.name, inputs)}", used.lineno)
    own = {node.name for node in tree.find_all(nodes.Name) if node.ctx != "load"}
    for name, field, line in _fields(tree):
        fields = inputs.get(name, ())
        if fields and name not in own and field not in fields:
            place.fail(f"{name}.{field} is not declared in `inputs:`{nearest(field, fields)}", line)


def _fields(tree: nodes.Template) -> Iterator[tuple[str, str, int]]:
    """Yield every `name.field` and `name["field"]` with its line."""
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
            yield node.node.name, node.attr, node.lineno
        elif isinstance(node, nodes.Getitem) and isinstance(node.node, nodes.Name):
            key = node.arg.value if isinstance(node.arg, nodes.Const) else None
            if isinstance(key, str):
                yield node.node.name, key, node.lineno

"""The body of a prompt file: parts, each a sandboxed Jinja template that knows the file's line numbers.

A part starts at a line that holds nothing but `system:`, `user:` or `assistant:`. The text is cut at those
lines before Jinja sees it, and each part is rendered on its own; so no value can ever start another part.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from jinja2 import Template, TemplateError, TemplateSyntaxError, UndefinedError, nodes

from brains.errors import PromptError
from brains.prompts.composing import base_of, body_of, check_part, checked_path, has_roles
from brains.prompts.environment import JINJA, Environment, MissingEntry, Source, environment_for, marking
from brains.prompts.reading import Place

__all__ = ["Part", "Role", "compile_parts"]

Role = Literal["system", "user", "assistant"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant")

_ROLE_LIKE = re.compile(r"\s*([A-Za-z]+)\s*:\s*")
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_HEAD = (nodes.Import, nodes.FromImport, nodes.Macro, nodes.Assign, nodes.AssignBlock)
"""What may stand above the first role line: it holds for all parts."""
_MOST_BASES = 20


class _Cut(NamedTuple):
    """One part before it is compiled."""

    role: Role
    text: str
    """With an empty line for each line of the file that is not the part's."""
    line: int
    """Where the part starts in the file."""
    sources: Mapping[str, Source]
    """The files that it may use."""


class Part:
    """One compiled part.

    Attributes:
        role: `system`, `user` or `assistant`.
        line: where its text starts in the file.
        uses: the inputs that it uses, each with the fields that it names.
        whole: those of them that it uses as a whole, too, and not only by field.
        arrows: its own text has `->` in it.
        files: every other file that it is made of.
        source: its own text, at the file's lines.
    """

    def __init__(self, cut: _Cut, inputs: Mapping[str, tuple[str, ...]] | None, place: Place, name: str) -> None:
        found = check_part(cut.text, inputs, place, cut.sources, f"`{cut.role}:`")
        self.role = cut.role
        self.line = cut.line
        self.source = cut.text
        self.uses = {used: frozenset(fields) for used, fields in found.uses.items()}
        self.whole = frozenset(found.whole)
        self.arrows = found.arrows
        self.files: Mapping[str, Source] = found.files
        environment = environment_for(found.files)
        try:
            code = environment.compile(environment.parse(cut.text), name=name, filename=place.file or name)
            self._template = Template.from_code(environment, code, environment.globals)
            for path in found.files:
                environment.get_template(path)
        except TemplateSyntaxError as error:  # such as a block that is defined twice
            file = found.files[error.name].file if error.name in found.files else place.file
            message = f"{error.message} (in `{cut.role}:`)"
            raise PromptError(message, file=file, line=error.lineno, code="template") from error
        except Exception as error:  # an expression of constants is computed here, and may fail in any way
            raise place.error(f"`{cut.role}:` does not compile: {error}", cut.line, code="template") from error
        self._compiled = (environment, code)

    def render(self, values: Mapping[str, Any], place: Place, title: str, *, marked: bool = False) -> str:
        """Fill the part; `title` starts the error message; with `marked`, marks stand around every value.

        Raises:
            PromptError: with the line; something was missing or of the wrong kind.
        """
        template = self._marking() if marked else self._template
        try:
            return "".join(template.root_render_func(template.new_context(dict(values))))
        except Exception as error:
            # Whatever a template does wrong, such as adding words, is the prompt's fault and no crash.
            message = error.message if isinstance(error, TemplateError) else None
            message = message or f"{type(error).__name__}: {error}"
            if isinstance(error, MissingEntry):
                message = error.told(values)
            if isinstance(error, UndefinedError) and not self.uses.keys() <= values.keys():
                message += f" (given: {', '.join(values) or 'nothing'})"
            file, line = self._where(error, template, place)
            raise PromptError(f"{title}: {message}", file=file, line=line) from error

    def _marking(self) -> Template:
        environment, code = self._compiled
        marked: Environment = marking(environment)
        return Template.from_code(marked, code, marked.globals)

    def _where(self, error: BaseException, own: Template, place: Place) -> tuple[str | None, int]:
        """Find file and line of a template in a traceback: the innermost counts."""
        file, line, step = place.file, self.line, error.__traceback__
        while step is not None:
            template = step.tb_frame.f_globals.get("__jinja_template__")
            if isinstance(template, Template):
                file = place.file if template is own else template.filename
                line = template.get_corresponding_lineno(step.tb_lineno)
            step = step.tb_next
        return file, line


def compile_parts(
    text: str,
    first_line: int,
    inputs: Mapping[str, tuple[str, ...]] | None,
    place: Place,
    name: str,
    sources: Mapping[str, Source],
) -> tuple[tuple[Part, ...], dict[str, Source]]:
    """Compile the parts of a prompt file's text, whose body starts at `first_line`; return the files that it uses, too.

    Where `inputs` are not known (None), names are not checked. Mistakes of one part are kept, and the part is left out.

    Raises:
        PromptError: with the line: text above the first role line, or one that is misspelt.
    """
    body, _ = body_of(text)
    base = base_of(body, place)
    files: dict[str, Source] = {}
    if base is None:
        cuts = _cut(body, first_line, place, sources)
    else:
        cuts = _inherited(body, base, place, sources, files)
    parts = []
    for cut in cuts:
        with place.going_on():
            parts.append(Part(cut, inputs, place, name))
    for part in parts:
        files.update((path, sources[path]) for path in part.files)
    return tuple(parts), files


def _cut(body: str, first_line: int, place: Place, sources: Mapping[str, Source]) -> list[_Cut]:
    """Cut the body at its role lines.

    Raises:
        PromptError: text before the first role line, or a role line that is misspelt.
    """
    lines = body.split("\n")
    starts: list[tuple[Role, int]] = []
    own = Place(place.file)
    for index, line in enumerate(lines):
        with own.going_on():
            role = _role(line, index + 1, place)
            if role is not None:
                starts.append((role, index))
    own.settle()
    head = lines[: starts[0][1]] if starts else lines
    if not starts or not _is_head("\n".join(head)):
        skipped = next((index + 1 for index, line in enumerate(head) if line.strip()), first_line)
        place.fail(
            "text before the first role line; put a line `system:` or `user:` above it", skipped, code="role-order"
        )
    ends = [index for _, index in starts[1:]] + [len(lines)]
    return [
        _Cut(role, "\n".join([*head, *[""] * (index + 1 - len(head)), *lines[index + 1 : end]]), index + 2, sources)
        for (role, index), end in zip(starts, ends, strict=True)
    ]


def _is_head(text: str) -> bool:
    """Tell whether a text may stand above the first role line: comments, imports, macros, `set`; nothing that shows."""
    if not _COMMENT.sub("", text).strip():
        return True
    try:
        found = JINJA.parse(text).body
    except TemplateSyntaxError:
        return False
    return all(isinstance(node, _HEAD) or _is_blank(node) for node in found)


def _is_blank(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Output) and all(
        isinstance(piece, nodes.TemplateData) and not piece.data.strip() for piece in node.nodes
    )


def _inherited(
    body: str, base: tuple[str, int], place: Place, sources: Mapping[str, Source], files: dict[str, Source]
) -> list[_Cut]:
    """Cut a body that extends another one: the role lines are those of the last file in the chain.

    Each of its parts becomes a template of its own, which the same blocks fill. `files` gets the whole chain.
    """
    asked, (path, line) = place, base
    first = line
    while True:
        source = checked_path(path, sources, asked, line)
        text, _ = body_of(source.text)
        if path in files or len(files) > _MOST_BASES:
            place.fail(f"{path!r} extends itself", first, code="include")
        files[path] = source
        asked = Place(source.file)
        further = base_of(text, asked)
        if further is None:
            break
        path, line = further
    if not has_roles(text):
        place.fail(
            f"{path!r} has no role lines: extend it below a line `system:` or `user:`, or give it some",
            first,
            code="role-order",
        )
    return [
        _Cut(cut.role, body, first + 1, {**sources, path: Source(cut.text, source.file)})
        for cut in _cut(text, 1, asked, sources)
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
            code="role-order",
        )
    return None

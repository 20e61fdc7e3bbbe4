"""What one part of a prompt is made of: its own text, and the files that it includes, imports or extends.

Files are named by a constant, from the prompts folder, so that which ones a prompt uses is known before it is rendered:
its version covers them, and an edit of one of them compiles it anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import cast

from jinja2 import TemplateSyntaxError, meta, nodes

from brains.errors import PromptError
from brains.prompts.environment import JINJA, Source
from brains.prompts.reading import Place, nearest
from brains.prompts.safety import special_token

__all__ = ["Composition", "base_of", "body_of", "check_part", "checked_path", "has_roles"]

_ROLE_LINE = re.compile(r"^(?:system|user|assistant):[ \t]*$", re.MULTILINE)
_EXTENDS = re.compile(r"\A(?:\s|\{#(?:(?!#\}).)*#\})*\{%[-+]?\s*extends\b\s*(?P<name>\"[^\"]*\"|'[^']*')?", re.DOTALL)
Reference = nodes.Include | nodes.Import | nodes.FromImport | nodes.Extends


@dataclass
class Composition:
    """What the check of a part found out."""

    uses: dict[str, set[str]] = field(default_factory=dict)
    """Inputs, each with the fields that are named."""
    whole: set[str] = field(default_factory=set)
    """Inputs that are used as a whole, and not by a field."""
    files: dict[str, Source] = field(default_factory=dict)
    """Every other file of the part, by its path in the folder."""
    arrows: bool = False
    """The texts have `->` in them."""


def has_roles(text: str) -> bool:
    """Tell whether a text has role lines."""
    return _ROLE_LINE.search(text) is not None


def body_of(text: str) -> tuple[str, bool]:
    """Return a file's text with empty lines in place of its front matter, and whether it has one."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines[0].rstrip() == "---":
        for index in range(1, len(lines)):
            if lines[index].rstrip() == "---":
                return "\n".join([""] * (index + 1) + lines[index + 1 :]), True
    return "\n".join(lines), False


def base_of(text: str, place: Place) -> tuple[str, int] | None:
    """Return the file that a whole body extends, with the line that says so; None if it extends none."""
    found = _EXTENDS.match(text)
    if found is None or has_roles(text):
        return None
    line = text.count("\n", 0, found.end()) + 1
    if found["name"] is None:
        place.fail('name the file itself, in quotes, such as {% extends "_shared/base.j2" %}', line, code="include")
    return found["name"][1:-1], line


def checked_path(path: str, sources: Mapping[str, Source], place: Place, line: int) -> Source:
    """Return the source of a path.

    Raises:
        PromptError: it leads out of the folder, or there is no such file.
    """
    if any(part in ("", ".", "..") for part in path.split("/")) or "\\" in path or ":" in path:
        place.fail(
            f"{path!r} is no file of the prompts folder: write the path from there, such as '_shared/people.j2', "
            "without `..`",
            line,
            code="include",
        )
    if path in sources:
        return sources[path]
    if f"{path}.j2" in sources:
        place.fail(f"there is no {path!r}; did you mean '{path}.j2'?", line, code="include")
    close = get_close_matches(path, sources, n=1)
    shared = [known for known in sorted(sources) if any(part.startswith("_") for part in known.split("/"))]
    hint = f"did you mean {close[0]!r}?" if close else f"shared files are: {', '.join(shared) or 'none'}"
    place.fail(f"there is no file {path!r} in the prompts folder; {hint}", line, code="include")


def check_part(
    text: str, inputs: Mapping[str, tuple[str, ...]] | None, place: Place, sources: Mapping[str, Source], title: str
) -> Composition:
    """Check a part's text, and every file that it uses.

    Args:
        text: the part's.
        inputs: the declared ones, with their fields; None: not known, and names are not checked.
        place: of the part's file.
        sources: the files that it may use.
        title: the part's role.

    Raises:
        PromptError: with file and line: a syntax error, a name that `inputs` does not declare, a filter that there is
            not, a special token, a file that is not there. `further` has all that was found besides.
    """
    check, own = _Check(inputs, sources), Place(place.file)
    with own.going_on():
        check.file(text, own, known=frozenset(), shares=True, title=title)
    own.settle()
    return check.found


class _Check:
    """Goes through a part and its files."""

    def __init__(self, inputs: Mapping[str, tuple[str, ...]] | None, sources: Mapping[str, Source]) -> None:
        self.found = Composition()
        self._names_known = inputs is not None
        self._inputs = inputs or {}
        self._sources = sources
        self._inside: list[str] = []

    def file(self, text: str, place: Place, *, known: frozenset[str], shares: bool, title: str) -> None:
        """Check one file; `shares`: it sees the inputs, and `known`, the names that files around it set."""
        token = special_token(text)
        with place.going_on():
            if token is not None:
                place.fail(
                    f"{token[0]!r} is a special token of some models; leave those to the model's own chat template",
                    text.count("\n", 0, token[1]) + 1,
                    code="special-token",
                )
        try:
            tree = JINJA.parse(text)
            _refuse_unknown(tree, place)
            undeclared = meta.find_undeclared_variables(tree)
        except TemplateSyntaxError as error:
            message = f"{error.message or 'this is not Jinja'} (in {title})"
            raise place.error(message, error.lineno, code="template") from error
        self.found.arrows = self.found.arrows or "->" in text
        own = {node.name for node in tree.find_all(nodes.Name) if node.ctx != "load"} | known
        own |= {alias for node in tree.find_all(nodes.FromImport) for alias in _aliases(node)}
        own |= {node.target for node in tree.find_all(nodes.Import)}
        self._names(tree, undeclared - known, own, place, shares)
        for kind in _VERBS:
            for node in tree.find_all(kind):
                with place.going_on():
                    self._reference(cast(Reference, node), place, frozenset(own), shares)

    def _names(self, tree: nodes.Template, undeclared: set[str], own: set[str], place: Place, shares: bool) -> None:
        """Refuse names and fields that are not declared."""
        for used in sorted(tree.find_all(nodes.Name), key=lambda node: node.lineno):
            if used.name in undeclared and not (shares and used.name in self._inputs) and self._names_known:
                place.keep(self._stranger(used, place, shares))
        for used_name in undeclared if shares else ():
            self.found.uses.setdefault(used_name, set())
        by_field = list(_fields(tree))
        bases = {id(name) for name, _ in by_field}
        for node in tree.find_all(nodes.Name):
            if shares and node.name in undeclared and id(node) not in bases:
                self.found.whole.add(node.name)
        for node, attribute in by_field:
            fields = self._inputs.get(node.name, ()) if shares and node.name not in own else ()
            if fields and attribute not in fields:
                message = f"{node.name}.{attribute} is not declared in `inputs:`{nearest(attribute, fields)}"
                place.keep(place.error(message, node.lineno, code="undeclared-input"))
            if node.name in self.found.uses and node.name not in own:
                self.found.uses[node.name].add(attribute)

    def _stranger(self, used: nodes.Name, place: Place, shares: bool) -> PromptError:
        """Return the error of a name that nobody declares."""
        if shares:
            message = f"{used.name!r} is not among the `inputs:`{nearest(used.name, self._inputs)}"
        else:
            message = (
                f"{used.name!r} is not known here: an imported macro knows only its arguments, unless the import "
                "ends in `with context`"
            )
        return place.error(message, used.lineno, code="undeclared-input")

    def _reference(self, node: Reference, place: Place, own: frozenset[str], shares: bool) -> None:
        """Check a file that is included, imported or extended."""
        what = _VERBS[type(node)]
        if not isinstance(node.template, nodes.Const) or not isinstance(node.template.value, str):
            place.fail(
                f"name the file to {what} itself, in quotes: which files a prompt uses must be known beforehand",
                node.lineno,
                code="include",
            )
        if getattr(node, "ignore_missing", False):
            place.fail("`ignore missing` would hide a slip: take it out", node.lineno, code="include")
        path = node.template.value
        source = checked_path(path, self._sources, place, node.lineno)
        if path in self._inside:
            place.fail(f"{path!r} uses itself: {' -> '.join([*self._inside, path])}", node.lineno, code="include")
        text, front = body_of(source.text)
        if front and not isinstance(node, nodes.Extends):
            place.fail(
                f"{path!r} is a prompt, with front matter; {what} a file without, such as one in _shared/",
                node.lineno,
                code="include",
            )
        if has_roles(text):
            place.fail(
                f"{path!r} has role lines; {what} a file without (or extend it in place of all parts, above any role "
                "line)",
                node.lineno,
                code="include",
            )
        self.found.files[path] = Source(text, source.file)
        self._inside.append(path)
        inner = shares and getattr(node, "with_context", True)
        self.file(text, place.beside(source.file), known=own if inner else frozenset(), shares=inner, title=path)
        self._inside.pop()


def _refuse_unknown(tree: nodes.Template, place: Place) -> None:
    """Keep the errors of filters and tests that there are not, and put others in their places: more may be wrong."""
    for kind, what, known, stand_in in (
        (nodes.Filter, "filter", JINJA.filters, "string"),
        (nodes.Test, "test", JINJA.tests, "defined"),
    ):
        for node in tree.find_all(kind):
            if node.name not in known:
                close = get_close_matches(node.name, known, n=1)
                own = "quoted, json, bucket and round, and " if what == "filter" else ""
                hint = f"did you mean {close[0]!r}?" if close else f"there are {own}those of Jinja"
                place.keep(place.error(f"there is no {what} {node.name!r}; {hint}", node.lineno, code="template"))
                node.name = stand_in


_VERBS: Mapping[type[nodes.Stmt], str] = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "import",
    nodes.Extends: "extend",
}


def _aliases(node: nodes.FromImport) -> Iterator[str]:
    for name in node.names:
        yield name if isinstance(name, str) else name[1]


def _named(node: nodes.Node) -> tuple[nodes.Name, str] | None:
    """Return the name and the field of a node that is `name.field` or `name["field"]`."""
    if not isinstance(node, nodes.Getattr | nodes.Getitem) or not isinstance(node.node, nodes.Name):
        return None
    if isinstance(node, nodes.Getattr):
        return node.node, node.attr
    key = node.arg.value if isinstance(node.arg, nodes.Const) else None
    return (node.node, key) if isinstance(key, str) else None


def _fields(tree: nodes.Template) -> Iterator[tuple[nodes.Name, str]]:
    """Yield every `name.field` and `name["field"]`."""
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        found = _named(node)
        if found is not None:
            yield found

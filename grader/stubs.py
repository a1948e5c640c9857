"""Solution text in, exercise text out; and what a stub says about the text that a learner made of it.

Everything here is text and syntax trees: nothing is imported, and text from a learner may be anything.
"""

from __future__ import annotations

import ast
import doctest
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from grader.errors import GraderError
from grader.files import lines_of, read_text
from grader.section import Section
from grader.sources import BEGIN, END, parsed

EXAMPLE_RULE = "The example in the docstring gives what it shows."
STUB = "raise NotImplementedError"
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Region(NamedTuple):
    """What stands between two markers: the line number of BEGIN SOLUTION, and the lines after it."""

    line: int
    lines: tuple[str, ...]


class Example(NamedTuple):
    """One `>>>` example: its source, what it must print, and its line in the file."""

    source: str
    want: str
    lineno: int


def cut(text: str) -> str:
    """Puts one `raise NotImplementedError` in the place of every region and leaves every other byte alone.

    A marker is a comment line that contains BEGIN SOLUTION or END SOLUTION, in any case (nbgrader's own rule, which
    looks at code and prose too).

    Raises:
        GraderError: a marker is nested, unclosed, stray or behind code on its line.
    """
    cutout, _ = _split(text)
    return cutout


def regions(text: str) -> list[Region]:
    """What `cut` takes out, in order; raises like it."""
    _, found = _split(text)
    return found


def _split(text: str) -> tuple[str, list[Region]]:
    kept: list[str] = []
    found: list[Region] = []
    begun: tuple[int, str] | None = None
    inside: list[str] = []
    for number, line in enumerate(lines_of(text), 1):
        _check_marker(line, number, begun)
        if BEGIN.match(line):
            begun, inside = (number, line[: line.index("#")]), []
        elif begun and END.match(line):
            kept.append(begun[1] + STUB + line[len(line.rstrip("\r\n")) :])
            found.append(Region(begun[0], tuple(inside)))
            begun = None
        else:
            (inside if begun else kept).append(line)
    if begun:
        raise GraderError(f"line {begun[0]}: BEGIN SOLUTION has no END SOLUTION after it.")
    return "".join(kept), found


def _check_marker(line: str, number: int, begun: tuple[int, str] | None) -> None:
    comment = line[line.index("#") :] if "#" in line else ""
    opens, closes = BEGIN.match(comment), END.match(comment)
    if (opens or closes) and line.lstrip(" \t\f") != comment:
        raise GraderError(f"line {number}: a marker stands behind code; it needs a line of its own.")
    if opens and begun:
        raise GraderError(f"line {number}: BEGIN SOLUTION inside the region that begins on line {begun[0]}.")
    if closes and not opens and not begun:
        raise GraderError(f"line {number}: END SOLUTION without a BEGIN SOLUTION before it.")


def definition(text: str, name: str) -> str:
    """The source of a top-level function or class, with its decorators; of the last one, if the name is taken twice.

    Raises:
        GraderError: the text is not valid Python, or does not define the name.
    """
    lines = lines_of(text)
    first, last = _span(text, lines, name)
    return "".join(lines[first:last])


def replace_definition(text: str, name: str, new_source: str) -> str:
    """`text` with other source for one definition, in the line ends of `text`; raises like `definition`."""
    lines = lines_of(text)
    first, last = _span(text, lines, name)
    end = lines[last - 1][len(lines[last - 1].rstrip("\r\n")) :]
    style = lines[0][len(lines[0].rstrip("\r\n")) :] or "\n"
    new = style.join(line.rstrip("\r\n") for line in lines_of(new_source.rstrip("\r\n")))
    return "".join([*lines[:first], new + end, *lines[last:]])


def _span(text: str, lines: list[str], name: str) -> tuple[int, int]:
    try:
        tree = parsed(text)
    except SyntaxError as error:
        raise GraderError(f"line {error.lineno}: not valid Python: {error.msg}.") from error
    nodes = [node for node in tree.body if isinstance(node, _Definition) and node.name == name]
    if not nodes:
        raise GraderError(f"There is no top-level def or class `{name}`.", f"`grader reset {name}` puts its stub back.")
    node = nodes[-1]
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return first - 1, _with_comments(lines, node.end_lineno or node.lineno)


def _with_comments(lines: list[str], end: int) -> int:
    """Indented comments after the last statement (an END SOLUTION, say) belong to the definition."""
    for number in range(end, len(lines)):
        line = lines[number]
        if line.strip() and not (line[0] in " \t" and line.lstrip().startswith("#")):
            break
        if line.strip():
            end = number + 1
    return end


def same_code(a: str, b: str) -> bool:
    """Whether two texts are the same program apart from comments, docstrings and formatting."""
    try:
        return ast.dump(_without_docstrings(parsed(a))) == ast.dump(_without_docstrings(parsed(b)))
    except (SyntaxError, RecursionError):
        return False


def is_stub(learner_text: str, stub_text: str, name: str) -> bool:
    """Whether the learner's text still means the stub by `name` (a name that is bound again further down does not).

    Raises:
        GraderError: the *stub* does not define the name. About the learner's text nothing is asked.
    """
    stub = _bound(stub_text).get(name)
    if not isinstance(stub, _Definition):
        raise GraderError(f"The stubs have no top-level def or class `{name}`.")
    try:
        found = _bound(learner_text).get(name)
        return found is not None and ast.dump(found) == ast.dump(stub)
    except (SyntaxError, RecursionError):
        return False


@lru_cache(maxsize=8)
def _bound(text: str) -> dict[str, ast.AST]:
    """What binds each name, docstrings left out. The exercises of one file ask one after another."""
    return _bindings(_without_docstrings(parsed(text)))


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | _Definition) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return tree


class _Bindings(ast.NodeVisitor):
    """The last thing that binds each name of a module, not looking into functions and classes."""

    def __init__(self) -> None:
        self.last: dict[str, ast.AST] = {}

    def _define(self, node: _Definition) -> None:
        self.last[node.name] = node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _define

    def visit_Lambda(self, node: ast.Lambda) -> None:
        return

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.last[node.id] = node

    def visit_alias(self, node: ast.alias) -> None:
        self.last[node.asname or node.name.partition(".")[0]] = node


def _bindings(tree: ast.Module) -> dict[str, ast.AST]:
    visitor = _Bindings()
    visitor.visit(tree)
    return visitor.last


def examples(stub_text: str, name: str) -> list[Example]:
    """The `>>>` examples in the docstrings of a function, or of a class and its methods: the public checks.

    Raises:
        GraderError: the name is not defined, or an example is not written as doctest wants it.
    """
    node = _bindings(parsed(stub_text)).get(name)
    if not isinstance(node, _Definition):
        raise GraderError(f"The stubs have no top-level def or class `{name}`.")
    within = [child for child in node.body if isinstance(child, _Definition)] if isinstance(node, ast.ClassDef) else []
    return [example for each in (node, *within) for example in _examples(each)]


def _examples(node: _Definition) -> list[Example]:
    docstring = ast.get_docstring(node, clean=False)
    if docstring is None:
        return []
    try:
        found = doctest.DocTestParser().get_examples(docstring)
    except ValueError as error:
        raise GraderError(f"The docstring of `{node.name}` has an example that cannot be read: {error}.") from error
    return [Example(each.source, each.want, each.lineno + node.body[0].lineno) for each in found]


def cut_file(path: Path) -> str:
    """What `cut` makes of a file; raises like it, with the file's name."""
    text = read_text(path)
    try:
        return cut(text)
    except GraderError as error:
        raise GraderError(error.problem.replace("line ", f"{path}:", 1), error.hint) from error


def pristine(section: Section) -> str:
    """A section's stubs as the course has them: cut from the solution, or as they were handed out."""
    return cut_file(section.source) if section.solution else read_text(section.source)

"""Mechanical mutants of a solution: one small change each, inside the regions that learners complete.

The change is made in the text, so that everything else stays as it was written; what may change stands in
`mutations.py`. Order and ids depend on the text alone.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from grader.author.change import Change
from grader.author.mutations import changes
from grader.errors import GraderError
from grader.files import lines_of
from grader.sources import parsed
from grader.stubs import regions

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Mutant:
    """A solution with one change. `trap` marks one that only asks whether the checks ever come here."""

    id: str
    line: int
    change: str
    text: str
    trap: bool = False


@dataclass(frozen=True)
class _Place:
    """One exercise inside its module: the definition's own text and where it begins, in bytes and lines."""

    before: bytes
    text: bytes
    after: bytes
    line: int

    def offset(self, line: int, column: int) -> int:
        """Where a position of the syntax tree of `text` is, in bytes of `text`."""
        return sum(len(each) for each in self.text.splitlines(keepends=True)[: line - 1]) + column


def mutants_of(solution: str, exercise: str) -> list[Mutant]:
    """All mutants of one exercise, in the order of their places; none of them is the same program as another.

    Raises:
        GraderError: the exercise is not defined there.
    """
    place = _place(solution, exercise)
    tree = ast.parse(place.text)
    wanted = _lines_of_regions(solution, place)
    seen = {ast.dump(tree)}
    return [mutant for change in changes(tree, place.text.decode(), wanted) for mutant in _made(place, change, seen)]


def _place(solution: str, exercise: str) -> _Place:
    tree = parsed(solution)
    nodes = [node for node in tree.body if isinstance(node, _Definition) and node.name == exercise]
    if not nodes:
        raise GraderError(f"There is no top-level def or class `{exercise}`.")
    node = nodes[-1]
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    lines = [line.encode() for line in lines_of(solution)]
    end = node.end_lineno or node.lineno
    return _Place(b"".join(lines[: first - 1]), b"".join(lines[first - 1 : end]), b"".join(lines[end:]), first)


def _lines_of_regions(solution: str, place: _Place) -> frozenset[int]:
    """The lines inside regions, counted from the definition's first line, which is 1."""
    spans = [(region.line + 1, region.line + len(region.lines)) for region in regions(solution)]
    return frozenset(line - place.line + 1 for first, last in spans for line in range(first, last + 1))


def _made(place: _Place, change: Change, seen: set[str]) -> Iterator[Mutant]:
    """The mutant, unless the change leaves the program as it was, repeats another or is not Python."""
    node = change.node
    start = place.offset(node.lineno, node.col_offset)
    end = place.offset(node.end_lineno or node.lineno, node.end_col_offset or 0)
    text = place.text[:start] + change.new.encode() + place.text[end:]
    try:
        program = ast.dump(parsed(text.decode()))
    except SyntaxError:
        return
    if program in seen:
        return
    seen.add(program)
    id = hashlib.sha256(program.encode()).hexdigest()[:10]
    whole = (place.before + text + place.after).decode()
    says = f"{_short(place.text[start:end].decode())} → {_short(change.says or change.new)}"
    yield Mutant(id, place.line + node.lineno - 1, says, whole, change.trap)


def _short(text: str) -> str:
    line = re.sub(r"\s+", " ", text)
    return line if len(line) <= 60 else f"{line[:38]} … {line[-19:]}"

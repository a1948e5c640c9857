"""The module that a notebook's cells mean: what its exercises need, and nothing else that was tried on the way.

The rule is what a notebook leaves behind when all its cells run from top to bottom: of several definitions the last
counts. A copy of the stub never replaces something written; the course's own code is always the course's. A statement
counts if an exercise uses a name that it binds or changes, directly or through others; the rest was trying things out
and never runs. A cell that is not valid Python defines nothing; what only it would have defined says so when called.
"""

from __future__ import annotations

import ast
import builtins
import symtable
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from grader.cells import Cell
from grader.errors import GraderError
from grader.files import lines_of
from grader.section import Section
from grader.sources import parsed
from grader.statements import STAR, Statement, statements
from grader.stubs import definition, is_stub

MOST_STATEMENTS = 2000
_BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True)
class Program:
    """The text of the module, the number of the cell that counts for each exercise, and which line came from where.

    `origins` is (cell, line in it) by the line of the text; given code is not in it.
    """

    text: str
    cells: dict[str, int]
    origins: dict[int, tuple[int, int]]


def pieces(text: str, section: Section) -> list[tuple[str, str]]:
    """A section's text cut into given code (first and last, too) and exercises: `(source, exercise's name or "")`."""
    found = {each.name: definition(text, each.name) for each in section.exercises}
    cut: list[tuple[str, str]] = []
    for name in sorted(found, key=lambda name: text.index(found[name])):
        before, _, text = text.partition(found[name])
        cut += [(before, ""), (found[name], name)]
    return [*cut, (text, "")]


def program(cells: Sequence[Cell], section: Section, stub: str) -> Program:
    """What the code cells mean for a section.

    Raises:
        GraderError: no cell has anything to do with the section, or there is more code than anybody writes.
    """
    exercises = frozenset(each.name for each in section.exercises)
    code = (each for cell in cells if cell.kind == "code" for each in statements(cell))
    written = list(islice(code, MOST_STATEMENTS + 1))
    if len(written) > MOST_STATEMENTS:
        raise GraderError(
            f"The notebook has more than {MOST_STATEMENTS} statements.", "Hand in what the exercises need."
        )
    if not any(each.binds & exercises for each in written):
        raise GraderError(f"No cell defines an exercise of {section.id}.", "Hand in the notebook of that section.")
    given = _bound_by(stub) - exercises
    chosen = _needed(_counting(written, exercises, given, stub), exercises, given)
    found = {name: each.cell for each in [*written, *chosen] for name in each.binds & exercises}
    future = [each.text for each in written if each.text.startswith("from __future__ ")]
    blocks = [each for each in _assembled(pieces(stub, section), future, chosen, exercises) if each.text.strip()]
    origins: dict[int, tuple[int, int]] = {}
    line = 1
    for block in blocks:
        count = block.text.strip("\n").count("\n") + 1
        origins |= {line + n: (block.cell, block.line + n) for n in range(count) if block.cell}
        line += count + 2
    return Program("\n\n\n".join(each.text.strip("\n") for each in blocks) + "\n", found, origins)


def _counting(
    written: Sequence[Statement], exercises: frozenset[str], given: frozenset[str], stub: str
) -> list[Statement]:
    """The statements that can count: no stubs, nothing that gives another meaning to a name of the given code."""
    kept = [
        each for each in written
        if (each.binds.isdisjoint(given) or _is_submodule(each))
        and not (each.tries and each.binds & exercises)
        and not any(is_stub(each.text, stub, name) for name in each.binds & exercises)
    ]  # fmt: skip
    defined = frozenset(name for each in kept if not each.broken for name in each.binds)
    return [each for each in kept if not (each.broken and each.binds <= defined)]


@lru_cache(maxsize=64)
def _bound_by(stub: str) -> frozenset[str]:
    table = symtable.symtable(stub, "stub", "exec")
    return frozenset(each.get_name() for each in table.get_symbols() if each.is_assigned() or each.is_imported())


def _is_submodule(statement: Statement) -> bool:
    return not statement.replaces and statement.text.startswith("import ")


def _needed(counting: Sequence[Statement], exercises: frozenset[str], given: frozenset[str]) -> list[Statement]:
    """What the exercises need, in the notebook's order."""
    places: dict[str, list[int]] = {}
    for place, each in enumerate(counting):
        for name in each.binds:
            places.setdefault(name, []).append(place)
    known = given | exercises | _BUILTINS | {STAR}
    waiting = [(name, len(counting)) for name in exercises]
    seen: set[tuple[str, int]] = set()
    while waiting:
        name, before = waiting.pop()
        index = bisect_left(places.get(name, ()), before) - 1
        if index < 0 and name not in known:
            waiting.append((STAR, len(counting)))
        if index < 0 or (name, places[name][index]) in seen:
            continue
        place = places[name][index]
        seen.add((name, place))
        found = counting[place]
        waiting += [(each, place) for each in found.at_once] + [(each, len(counting)) for each in found.later]
        waiting += [] if found.replaces else [(name, place)]
    return [counting[place] for place in sorted({place for _, place in seen})]


def _assembled(
    cut: Sequence[tuple[str, str]], future: Sequence[str], chosen: Sequence[Statement], exercises: frozenset[str]
) -> list[Statement]:
    """The stub with the statements in the exercises' places, each after what stands before it in the notebook."""
    docstring, given = _docstring(cut[0][0])
    stars = [place for place, each in enumerate(chosen) if STAR in each.binds]
    placed = set(stars)
    blocks = [
        _given(docstring),
        *map(_given, dict.fromkeys(future)),
        *(chosen[place] for place in stars),
        _given(given),
    ]

    def put(place: int) -> None:
        if place not in placed:
            placed.add(place)
            for earlier in range(place):
                if chosen[earlier].binds & chosen[place].at_once:
                    put(earlier)
            blocks.append(chosen[place])

    for source, name in cut[1:]:
        last = max((place for place, each in enumerate(chosen) if name in each.binds), default=-1)
        if last < 0:
            blocks.append(_given(source))
        for place in range(last + 1):
            if chosen[place].binds.isdisjoint(exercises - {name}):
                put(place)
    for place in range(len(chosen)):
        put(place)
    return blocks


def _given(text: str) -> Statement:
    return Statement(0, 0, text, frozenset())


def _docstring(given: str) -> tuple[str, str]:
    """The module's docstring, and what comes after it."""
    tree, lines = parsed(given), lines_of(given)
    end = (tree.body[0].end_lineno or 0) if ast.get_docstring(tree, clean=False) is not None else 0
    return "".join(lines[:end]), "".join(lines[end:])

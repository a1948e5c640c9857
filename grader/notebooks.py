"""A section as a notebook, for plain Jupyter and for nbgrader, and the module that a submitted notebook means."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from grader.cells import read
from grader.course import Exercise, Section
from grader.errors import GraderError
from grader.files import read_text
from grader.program import pieces, program
from grader.stubs import cut

if TYPE_CHECKING:
    from nbformat import NotebookNode

_HEADING = re.compile(r"^(?=## )", re.MULTILINE)
_FENCE = re.compile(r"^(```+|~~~+).*?^\1", re.MULTILINE | re.DOTALL)
_HOW = """\
## The exercises

Run the cells from the top. Write your code in the place of `raise NotImplementedError`; the cell below each exercise
runs the examples in its docstring. Cells of your own are welcome, with whatever your code uses: imports, constants,
helper functions. What counts is what the notebook leaves behind when all its cells run from top to bottom."""
_EXAMPLES = '''\
# Given: the cells below the exercises call this.
import doctest


def run_examples(exercise):
    """Run the examples in the docstrings of a function or class, and say where one gives something else."""
    flags, said = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS, []
    runner = doctest.DocTestRunner(optionflags=flags)
    for test in doctest.DocTestFinder().find(exercise, exercise.__name__, globs=globals()):
        runner.run(test, out=said.append)
    assert not said, "".join(said)
    print(f"{exercise.__name__}: {runner.tries} lines of examples give what they show.")'''


def notebook_name(section: Section) -> str:
    """The notebook's name without its ending, unique in the course: `ch02_attention`."""
    return section.id.replace("/", "_")


def solution_cell(exercise: Exercise) -> str:
    """nbgrader's id of the cell that the learner completes."""
    return exercise.name


def grade_cell(exercise: Exercise) -> str:
    """nbgrader's id of the cell that carries the points. No Python name has a hyphen, so no two ids meet."""
    return f"{exercise.name}-checks"


def grade_points(exercise: Exercise) -> float:
    """What the grade cell is worth; what is earned beyond the core is counted elsewhere."""
    return sum(check.points for check in exercise.checks) if exercise.kind == "core" else 0.0


def build(section: Section, text: str, graded: Collection[Exercise] | None = None) -> NotebookNode:
    """A section as a notebook: lesson, given code, a cell for each exercise, and one that runs its examples.

    Args:
        section: its lesson and exercises.
        text: its solution with markers, or its stub.
        graded: the exercises that have a grade; None for all of them.

    Raises:
        GraderError: the text does not define all exercises.
    """
    import nbformat

    exercises = {each.name: each for each in section.exercises}
    chosen = exercises.values() if graded is None else graded
    cells = [*_lesson(section), _markdown("exercises", _HOW), _locked("given-examples", _EXAMPLES)]
    for number, (source, name) in enumerate(pieces(text, section)):
        if name:
            cells += _exercise(exercises[name], source, graded=exercises[name] in chosen)
        elif source.strip():
            cells.append(_locked(f"given-{number}", source))
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    whole = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return nbformat.from_dict(whole)  # type: ignore[no-any-return, no-untyped-call]


def _lesson(section: Section) -> list[dict[str, Any]]:
    """The lesson, a cell for each of its headings."""
    text = read_text(section.lesson) if section.lesson else f"# {section.number} {section.title}\n"
    fenced = [match.span() for match in _FENCE.finditer(text)]
    starts = [match.start() for match in _HEADING.finditer(text)]
    cuts = [0, *(at for at in starts if at and not any(first < at < last for first, last in fenced)), len(text)]
    parts = [text[first:last] for first, last in pairwise(cuts)]
    return [_markdown(f"lesson-{number}", part) for number, part in enumerate(parts, 1) if part.strip()]


def _exercise(exercise: Exercise, source: str, graded: bool) -> list[dict[str, Any]]:
    """The cell to complete and the one that runs its examples; without a grade the first has no marks, no answer."""
    solution = _marks(solution_cell(exercise), solution=True) if graded else {}
    checks = _marks(grade_cell(exercise), locked=True)
    if graded:
        checks |= {"grade": True, "points": grade_points(exercise)}
    return [
        _code(exercise.name, source if graded else cut(source), solution),
        # The tag lets "Run all" go on where an example fails.
        _code(grade_cell(exercise), f"run_examples({exercise.name})", checks, tags=["raises-exception"]),
    ]


def _locked(name: str, source: str) -> dict[str, Any]:
    return _code(name, source, _marks(name, locked=True))


def _marks(name: str, *, locked: bool = False, solution: bool = False) -> dict[str, Any]:
    """nbgrader's own keys; it refuses any other."""
    kind = {"grade": False, "locked": locked, "solution": solution, "task": False}
    return {**kind, "grade_id": name, "schema_version": 3}


def _code(name: str, source: str, marks: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    metadata |= {"nbgrader": marks} if marks else {}
    metadata |= {"deletable": False, "editable": False} if marks.get("locked") else {}
    cell = _cell("code", name, source, metadata)
    return {**cell, "execution_count": None, "outputs": []}


def _markdown(name: str, source: str) -> dict[str, Any]:
    return _cell("markdown", name, source, {})


def _cell(kind: str, name: str, source: str, metadata: dict[str, Any]) -> dict[str, Any]:
    return {"cell_type": kind, "id": name, "metadata": metadata, "source": source.strip("\n")}


def dumps(notebook: NotebookNode) -> str:
    """The notebook as a file, the same byte for byte each time."""
    import nbformat

    return str(nbformat.writes(notebook)) + "\n"  # type: ignore[no-untyped-call]


def module_text(notebook: bytes, section: Section, stub: str) -> str:
    """The module that a submitted notebook means, whatever became of its cells and their metadata.

    Args:
        notebook: the file as it was handed in; it may be anything.
        section: what it was handed in for.
        stub: the section's pristine stub; given code is taken from it.

    Raises:
        GraderError: it cannot be read or has nothing to do with the section; the reason is for the learner.
    """
    try:
        return program(read(notebook), section, stub).text
    except RecursionError as error:
        raise GraderError("The notebook's code is nested too deeply to be read.") from error

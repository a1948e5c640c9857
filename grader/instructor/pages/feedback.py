"""Feedback: a page for each graded student, `feedback/ASSIGNMENT/STUDENT.html` and the same as `.md`.

Each page is made from one `Grade` alone. What a check on fixed data must not give away is withheld on the way.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.errors import GraderError
from grader.files import atomic_write
from grader.instructor.grades import Grade
from grader.instructor.pages.withheld import withheld
from grader.instructor.term import Assignment, Student, Term, check_id
from grader.report import pages

__all__ = ["Written", "chosen", "folder", "setting", "withheld", "write"]


@dataclass(frozen=True)
class Written:
    """What was written where, and who has nothing that could be written about."""

    folder: Path
    pages: tuple[Path, ...]
    without: tuple[Student, ...]


def folder(term: Term, assignment: Assignment) -> Path:
    return term.root / "feedback" / assignment.name


def setting(term: Term, assignment: Assignment) -> pages.Setting:
    """What all pages of an assignment share."""
    return pages.Setting({section.id: section for section in term.selection(assignment)}, term.zone)


def write(
    term: Term, assignment: Assignment, grades: Iterable[Grade], done: Callable[[str], None] = lambda name: None
) -> Written:
    """Writes both pages of every student of whom something was graded; `done` is told each id.

    Raises:
        GraderError: a page cannot be written; those before it are there.
    """
    target, shared = folder(term, assignment), setting(term, assignment)
    written: list[Path] = []
    without: list[Student] = []
    for grade in grades:
        if not grade.graded:
            without.append(grade.student)
            continue
        name = check_id(grade.student.id, "The student id")
        for ending, page in (("html", pages.html), ("md", pages.markdown)):
            written.append(target / f"{name}.{ending}")  # an id may hold dots: no `with_suffix`
            atomic_write(written[-1], page(grade, shared))
        done(name)
    return Written(target, tuple(written), tuple(without))


def chosen(grades: Iterable[Grade], students: Sequence[str]) -> list[Grade]:
    """The grades of the students that are named, or all; raises `GraderError` for a name that nobody has."""
    known = {grade.student.id: grade for grade in grades}
    for name in students:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"Did you mean {near[0]}?" if near else "Ids stand in students.csv."
            raise GraderError(f"No student has the id {name!r}.", hint)
    return [known[name] for name in students] if students else list(known.values())

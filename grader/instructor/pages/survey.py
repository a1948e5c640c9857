"""A class looked at as a whole: its grades and what it handed in, read and made into `reports/ASSIGNMENT.html`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from grader.errors import GraderError
from grader.files import LARGEST_TEXT, atomic_write
from grader.instructor import attempts
from grader.instructor.grades import Grade
from grader.instructor.pages import class_page, class_report
from grader.instructor.pages.class_report import ClassReport
from grader.instructor.pages.similarity import Fingerprints, compare, fingerprints
from grader.instructor.term import Assignment, Term
from grader.stubs import pristine

Done = Callable[[str], None]


def survey(term: Term, assignment: Assignment, grades: Sequence[Grade], done: Done) -> ClassReport:
    """Everything about a class; what cannot be read of an attempt is noted and left out of the comparison."""
    folders = attempts.attempts(term, assignment)
    stubs = {section.path: pristine(section) for section in term.selection(assignment)}
    found: dict[str, Fingerprints] = {}
    notes: list[str] = []
    for grade in (each for each in grades if each.graded):
        try:
            found[grade.student.id] = _prints(_counting(folders.get(grade.student.id, []), grade.digest), stubs)
        except GraderError as error:
            notes.append(f"Not compared: {grade.student.id}. {error.problem}")
        done(grade.student.id)
    counts = {student: len(each) for student, each in folders.items()}
    return class_report.of(grades, counts, compare(found), notes)


def _counting(folders: Sequence[Path], digest: str) -> Path:
    """The folder of the attempt that was graded."""
    named = [folder for folder in folders if folder.name.endswith(digest[:12])] or list(folders)
    if not named:
        raise GraderError("What was handed in is not there any more.")
    return named[-1]


def _prints(folder: Path, stubs: Mapping[str, str]) -> Fingerprints:
    files = attempts.read(folder).files
    found: dict[int, str] = {}
    for path, stub in stubs.items():
        found |= fingerprints(files.get(path, b"")[:LARGEST_TEXT].decode("utf-8", "replace"), stub)
    return found


def write(term: Term, assignment: Assignment, report: ClassReport) -> Path:
    """Writes the page outside `feedback/`, which is handed to students, and says where."""
    path = term.root / "reports" / f"{assignment.name}.html"
    atomic_write(path, class_page.html(report))
    return path

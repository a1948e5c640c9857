"""A course folder for nbgrader, written from the course: its own commands work there, unmodified.

The folder belongs to a class, or is one itself: class.toml says which exercises an assignment has, from which seed they
are graded and what handing in late costs, and its database is nbgrader's gradebook.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbgrader import api
from nbgrader.utils import compute_checksum, is_locked
from sqlalchemy import select as select_rows

from grader.course import Course, Exercise, Section, select
from grader.errors import GraderError
from grader.files import atomic_write, present, read_bytes, read_text
from grader.instructor.grading import rows
from grader.instructor.grading.gradebook import Gradebook
from grader.instructor.term import Assignment, Term, add_assignment, create, locate, new_seed
from grader.notebooks import build, dumps, notebook_name
from grader.stubs import pristine

OURS = "grader.instructor.nbgrader.preprocessor"
_CONFIG = '''\
"""Settings of nbgrader for this course folder, written by `grader nbgrader build`. Yours can stand below."""

from pathlib import Path

from grader.instructor.term import Term

c = get_config()  # noqa: F821
c.OfClass.class_folder = str(Path(__file__).parent / {folder!r})
c.CourseDirectory.course_id = "{course_id}"
c.CourseDirectory.db_url = Term.load(Path(c.OfClass.class_folder)).database
c.ClearSolutions.code_stub = {{"python": "raise NotImplementedError"}}

# No cell that a learner handed in runs on this machine: in the place of nbgrader's `Execute`, the course's judge grades
# what the cells define, and writes points and feedback into the grade cells.
c.Autograde.exporter_class = "{ours}.Submissions"
c.Autograde.autograde_preprocessors = [
    "{ours}.Judged",
    "nbgrader.preprocessors.SaveAutoGrades",
    "{ours}.Beyond",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.AssignLatePenalties.plugin_class = "{ours}.LatePolicy"
'''
_IGNORE = """\
# Other people's work and grades, and a key.
/submitted/
/autograded/
/feedback/
/replaced/
/attempts/
/exports/
/gradebook.db*
/class.key
"""
_README = """\
# {course_id}

A course folder for nbgrader. `source/` holds the notebooks with their solutions: it is yours alone.

1. `nbgrader generate_assignment {example}` makes release/, the notebooks that learners get.
2. `nbgrader release_assignment {example}`, or give them release/{example}/ in any other way.
3. `nbgrader collect {example}`, or put what comes back into submitted/STUDENT/{example}/.
4. `nbgrader autograde {example}` grades behind the wall: no learner's cell runs on this machine.
5. `jupyter lab` has nbgrader's formgrader, to see, comment and adjust.
6. `nbgrader generate_feedback {example}` and `nbgrader export`.

Points, seeds and the late policy are those of class.toml. `grader nbgrader build` writes the notebooks again when the
course changed; nbgrader then wants `generate_assignment {example} --force`. For the grader's own reports and exports,
`grader collect {example} submitted --as nbgrader` and `grader grade {example}` take the same submissions.
"""


@dataclass(frozen=True)
class Built:
    """What was written: the folder, for each assignment the names of its notebooks, and what notebooks said before."""

    folder: Path
    assignments: Mapping[str, Sequence[str]]
    replaced: Sequence[Path]


def home(out: Path, option: Path | None, course: Callable[[], Path]) -> Term:
    """The class that a course folder is for: the one named, the one around either place, or the folder itself.

    Args:
        out: the course folder.
        option: the class folder that was named.
        course: gives the course's folder, should a class be made.
    """
    around = option or locate(out) or locate(Path.cwd())
    return Term.load(around) if around else create(out, course(), None)


def plan(term: Term, names: Sequence[str], name: str | None) -> tuple[Term, list[Assignment]]:
    """The assignments to write, added to class.toml where they are new.

    One of this `name`; without it, all that the class has; where it has none or exercises are named, one for each
    chapter.

    Raises:
        GraderError: the name cannot be used, or its assignment says something else in class.toml.
    """
    if name is not None and "+" in name:
        raise GraderError(f"nbgrader takes no + in the name of an assignment: {name!r}.", "Choose another --name.")
    if not names and name is not None and name not in term.assignments:
        raise GraderError(
            f"There is no assignment `{name}` yet.", "Name the exercises that it is to have, such as ch02."
        )
    if not names and term.assignments:
        return term, [term.assignment(name)] if name else list(term.assignments.values())
    wanted = {name: tuple(names)} if name else _by_chapter(term.course, names)
    for each, exercises in wanted.items():
        known = term.assignments.get(each)
        same = known is not None and known.exercises == exercises
        term = add_assignment(term, known if known and same else Assignment(each, exercises, None, new_seed()))
    return term, [term.assignment(each) for each in wanted]


def _by_chapter(course: Course, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    chosen = {each.id for part in select(course, names).values() for each in part}
    found: dict[str, tuple[str, ...]] = {}
    for chapter in course.chapters:
        every = [each.id for section in chapter.sections for each in section.exercises]
        mine = tuple(id for id in every if id in chosen)
        if mine:
            found[chapter.id] = (chapter.id,) if len(mine) == len(every) else mine
    return found


def write(term: Term, assignments: Sequence[Assignment], out: Path) -> Built:
    """Writes the course folder, and the assignments into the class's gradebook.

    Raises:
        GraderError: there are no solutions here, something cannot be written, or the folder has other settings.
    """
    _settle(term, out, assignments[0].name if assignments else "ASSIGNMENT")
    built: dict[str, Sequence[str]] = {}
    replaced: list[Path] = []
    for assignment in assignments:
        _refuse_code(out / "source" / assignment.name)
        selection = term.selection(assignment)
        for section, exercises in selection.items():
            replaced += _write_section(section, exercises, out, assignment.name)
        built[assignment.name] = [notebook_name(section) for section in selection]
    with Gradebook.open(term) as book:
        for assignment in assignments:
            _register(book, assignment)
    return Built(out, built, replaced)


def _settle(term: Term, out: Path, example: str) -> None:
    """What stands beside `source/`; what is there already stays."""
    facts = {"folder": Path(os.path.relpath(term.root, out.absolute())).as_posix(), "ours": OURS, "example": example,
             "course_id": re.sub(r"[^A-Za-z0-9_-]+", "_", term.name).strip("_") or "course"}  # fmt: skip
    config = out / "nbgrader_config.py"
    if present(config) and OURS not in read_text(config):
        problem = f"{config} is there, and would let nbgrader run what learners hand in."
        raise GraderError(problem, "Move it away, build again, and put your settings below the new ones.")
    for name, text in (("nbgrader_config.py", _CONFIG), (".gitignore", _IGNORE), ("README.md", _README)):
        if not present(out / name):
            atomic_write(out / name, text.format(**facts))


def _write_section(section: Section, exercises: tuple[Exercise, ...], out: Path, assignment: str) -> list[Path]:
    """Writes a notebook and its figures; what it said before, where an instructor may have changed it, is kept."""
    if section.solution is None:
        raise GraderError(f"The solution of {section.id} is not here.", "Build from the whole course.")
    text = dumps(build(section, read_text(section.solution), exercises))
    name = f"{assignment}/{notebook_name(section)}.ipynb"
    path, kept = out / "source" / name, out / "replaced" / name
    before = read_bytes(path) if present(path) else text.encode()
    if before != text.encode():
        atomic_write(kept, before)
    atomic_write(path, text)
    for figure in _figures(section):
        atomic_write(path.with_name(figure.name), read_bytes(figure))
    return [kept] if before != text.encode() else []


def _figures(section: Section) -> list[Path]:
    """What the lesson shows; nothing that nbgrader would hand out and that the course would not."""
    text = read_text(section.lesson) if section.lesson else ""
    beside = (path for path in section.source.parent.iterdir() if path.suffix not in (".py", ".toml", ".md"))
    return sorted(path for path in beside if path.is_file() and path.name in text)


def _refuse_code(folder: Path) -> None:
    for path in sorted(folder.rglob("*.py")):
        raise GraderError(f"nbgrader would hand out {path} as it is, solutions and all.", "Move it away.")


def _register(book: Gradebook, assignment: Assignment) -> None:
    """What `generate_assignment` would write, so that points can come in before it and after it.

    nbgrader refuses an assignment that has submissions and other cells than before. Where exercises came to it, the
    submissions get their rows, too.
    """
    book.register(assignment)
    selection = book.term.selection(assignment)
    with book.database.transaction() as session:
        row = session.scalar(select_rows(api.Assignment).filter_by(name=assignment.name))
        notebooks = {each.name: each for each in row.notebooks}
        for section, exercises in selection.items():
            _register_sources(session, notebooks[notebook_name(section)], build(section, pristine(section), exercises))
        session.flush()
        for student in [each.student_id for each in row.submissions]:
            submitted = rows.submission(session, assignment.name, student)
            for notebook in submitted.notebooks:
                known = {comment.cell_id for comment in notebook.comments}
                new = [cell for cell in notebook.notebook.solution_cells if cell.id not in known]
                session.add_all(api.Comment(cell_id=cell.id, notebook=notebook) for cell in new)


def _register_sources(session: Any, row: Any, notebook: Any) -> None:
    cells = {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}
    counted = {cell.name for cell in row._base_cells}
    known = {each.name: each for each in row.source_cells}
    for name, each in known.items():
        if name not in cells and name not in counted:  # given code that stands elsewhere now
            session.delete(each)
    for name, cell in cells.items():
        source = known.get(name) or api.SourceCell(name=name, notebook=row)
        source.cell_type, source.locked = cell.cell_type, is_locked(cell)
        source.source, source.checksum = cell.source, compute_checksum(cell)
        session.add(source)

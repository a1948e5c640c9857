"""nbgrader's rows: an assignment is a row with a notebook for each section and a grade cell for each exercise.

The names are those of the notebooks that `grader nbgrader build` writes, so that both ways fill one gradebook.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from nbgrader import api
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from grader.course import Exercise, Section
from grader.instructor.lateness import Lateness
from grader.instructor.term import Assignment, Student
from grader.notebooks import grade_cell, grade_points, notebook_name, solution_cell

Selection = Mapping[Section, tuple[Exercise, ...]]


def plain(moment: datetime) -> datetime:
    """As nbgrader keeps times: UTC, without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def register(session: Any, assignment: Assignment, selection: Selection, course: str) -> None:
    """Makes or brings up to date the rows of an assignment, its notebooks and its cells."""
    row = session.scalar(select(api.Assignment).filter_by(name=assignment.name))
    if row is None:
        session.add(row := api.Assignment(name=assignment.name, course_id=course))
    row.duedate = plain(assignment.due) if assignment.due else None
    for section, exercises in selection.items():
        name = notebook_name(section)
        notebook = next((each for each in row.notebooks if each.name == name), None)
        if notebook is None:
            session.add(notebook := api.Notebook(name=name, assignment=row))
        for exercise in exercises:
            _register_cells(session, notebook, exercise)


def _register_cells(session: Any, notebook: Any, exercise: Exercise) -> None:
    known = {(type(cell), cell.name): cell for cell in notebook._base_cells}
    cell = known.get((api.GradeCell, grade_cell(exercise)))
    if cell is None:
        session.add(cell := api.GradeCell(name=grade_cell(exercise), notebook=notebook, cell_type="code"))
    cell.max_score = grade_points(exercise)
    if (api.SolutionCell, solution_cell(exercise)) not in known:
        session.add(api.SolutionCell(name=solution_cell(exercise), notebook=notebook))


def register_student(session: Any, student: Student) -> None:
    row = session.get(api.Student, student.id)
    if row is None:
        session.add(row := api.Student(id=student.id))
    row.first_name, row.last_name = student.first_name or None, student.last_name or None
    row.email = student.email or None


def submission(session: Any, assignment: str, student: str) -> Any:
    """nbgrader's row for a student's submission, made with all that belongs to it where there is none."""
    wanted = select(api.SubmittedAssignment).join(api.Assignment).where(api.Assignment.name == assignment)
    found = session.scalar(wanted.filter_by(student_id=student).options(*_EVERYTHING))
    if found is None:
        if session.get(api.Student, student) is None:
            session.add(api.Student(id=student))
        row = session.scalar(select(api.Assignment).filter_by(name=assignment))
        session.add(found := api.SubmittedAssignment(assignment=row, student_id=student))
    mine = {each.notebook: each for each in found.notebooks}
    for notebook in found.assignment.notebooks:
        if notebook not in mine:
            session.add(submitted := api.SubmittedNotebook(notebook=notebook, assignment=found))
            mine[notebook] = submitted
        for row, cells in ((api.Grade, notebook.grade_cells), (api.Comment, notebook.solution_cells)):
            present = {each.cell_id for each in (*mine[notebook].grades, *mine[notebook].comments)}
            new = [cell for cell in cells if cell.id not in present]
            session.add_all(row(cell_id=cell.id, notebook=mine[notebook]) for cell in new)
    session.flush()
    return found


_EVERYTHING = (
    selectinload(api.SubmittedAssignment.notebooks).selectinload(api.SubmittedNotebook.grades),
    selectinload(api.SubmittedAssignment.notebooks).selectinload(api.SubmittedNotebook.comments),
    selectinload(api.SubmittedAssignment.notebooks)
    .joinedload(api.SubmittedNotebook.notebook)
    .selectinload(api.Notebook._base_cells),
)


def submissions(session: Any, assignment: str) -> dict[str, Any]:
    """All rows of an assignment's submissions by student, with their grades."""
    wanted = select(api.SubmittedAssignment).join(api.Assignment).where(api.Assignment.name == assignment)
    found = session.scalars(wanted.options(*_EVERYTHING, joinedload(api.SubmittedAssignment.student)))
    return {row.student_id: row for row in found.unique()}


def grades(submitted: Any, selection: Selection) -> Iterator[tuple[Exercise, Any]]:
    """Each exercise with nbgrader's row for its grade, as far as there are some."""
    notebooks = {each.notebook.name: each for each in submitted.notebooks}
    for section, exercises in selection.items():
        notebook = notebooks.get(notebook_name(section))
        if notebook is None:
            continue
        cells = {cell.name: cell.id for cell in notebook.notebook._base_cells if isinstance(cell, api.GradeCell)}
        present = {grade.cell_id: grade for grade in notebook.grades}
        for exercise in exercises:
            cell = cells.get(grade_cell(exercise))
            if cell in present:
                yield exercise, present[cell]


def write_penalties(submitted: Any, lateness: Lateness, seconds: float) -> None:
    """nbgrader takes a penalty off each notebook."""
    for notebook in submitted.notebooks:
        notebook.late_submission_penalty = lateness.penalty(sum(map(points, notebook.grades)), seconds)


def points(grade: Any) -> float:
    """As nbgrader counts: what a person gave in place of the grader's, and what was added."""
    given = grade.auto_score if grade.manual_score is None else grade.manual_score
    return (given or 0.0) + (grade.extra_credit or 0.0)

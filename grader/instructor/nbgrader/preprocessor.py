"""nbgrader's autograding with our judge in the place of its execution: no cell of a learner runs on this machine.

`nbgrader_config.py` names these classes; nbgrader makes and calls them. `Submissions` reads what was handed in, within
bounds, and puts it in order; `Judged` writes points and feedback into the grade cells, from where nbgrader takes them.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbgrader.api import Gradebook
from nbgrader.plugins import LateSubmissionPlugin
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Unicode
from traitlets.config import Configurable

from grader.cells import LARGEST_NOTEBOOK, read
from grader.course import Exercise, Section
from grader.errors import GraderError
from grader.instructor.grading.batch import seed_of
from grader.instructor.grading.judges import Court, JudgeProcess, Task
from grader.instructor.nbgrader.marks import Order, grade_nodes, released
from grader.instructor.nbgrader.outputs import refused, told
from grader.instructor.pages.withheld import withheld
from grader.instructor.term import Term
from grader.notebooks import build, grade_cell, notebook_name
from grader.program import program
from grader.results import ExerciseResult
from grader.stubs import pristine


class OfClass(Configurable):
    """What is graded for a class. `c.OfClass.class_folder` says for which."""

    class_folder = Unicode(help="The folder with class.toml.").tag(config=True)

    @cached_property
    def term(self) -> Term:
        return Term.load(Path(self.class_folder))


@dataclass(frozen=True)
class Place:
    """Which notebook of whose submission is being worked on."""

    student: str
    assignment: str
    notebook: str

    @classmethod
    def of(cls, resources: Any) -> Place:
        return cls(*(resources["nbgrader"][key] for key in ("student", "assignment", "notebook")))


@dataclass(frozen=True)
class Reading:
    """What a submitted notebook came to: the text of a module, or why it is refused."""

    place: Place
    section: Section
    exercises: tuple[Exercise, ...]
    text: str = ""
    origins: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    refused: str = ""

    def placed(self, message: str) -> str:
        """The message, with the notebook's cells in the place of lines of a module that the learner never saw."""

        def named(match: re.Match[str]) -> str:
            cell, line = self.origins.get(int(match[1]), (0, 0))
            return f"cell {cell}, line {line}" if cell else f"given code, line {match[1]}"

        return re.sub(rf"{re.escape(self.section.path)}, line (\d{{1,6}})", named, message)


class Submissions(OfClass, NotebookExporter):
    """Reads a submission's notebook twice, as nbgrader asks: as it was handed in, and as it was put in order then."""

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)  # type: ignore[no-untyped-call]
        self._reading: Reading | None = None
        self._judges: dict[str, JudgeProcess] = {}
        self.results: dict[str, ExerciseResult] = {}  # of the notebook at hand, by the id of the grade cell

    def from_file(self, file_stream: Any, resources: Any = None, **kw: Any) -> Any:
        place = Place.of(resources)
        section, exercises = self._part(place)
        if section is None or self.reading(place):
            return super().from_file(file_stream, resources=resources, **kw)
        content = file_stream.buffer.read(LARGEST_NOTEBOOK + 1)
        marks = released(resources["nbgrader"]["db_url"], place.notebook, place.assignment)
        order = Order({each.name: each for each in marks}, section.exercises, _lesson(section))
        self._reading, nodes = _read(content, Reading(place, section, exercises), order)
        whole = _node({"cells": nodes, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
        return self.from_notebook_node(whole, resources=resources, **kw)  # type: ignore[no-untyped-call]

    def reading(self, place: Place) -> Reading | None:
        """What was read of the notebook at hand; None for one that an instructor put beside ours."""
        return self._reading if self._reading and self._reading.place == place else None

    def _part(self, place: Place) -> tuple[Section | None, tuple[Exercise, ...]]:
        """What a notebook is graded for."""
        known = self.term.assignments.get(place.assignment)
        selection = self.term.selection(known) if known else {}
        return next((each for each in selection.items() if notebook_name(each[0]) == place.notebook), (None, ()))

    def judge(self, reading: Reading) -> None:
        """Fills `results`."""
        place, names = reading.place, {each.id: grade_cell(each) for each in reading.exercises}
        if reading.refused:
            self.results = {}
            return
        seed = seed_of(self.term.assignment(place.assignment), place.student)
        task = Task(place.notebook, reading.section.id, reading.text.encode(), tuple(names), seed)
        results = self._judge(place.assignment).grade_surely(task)
        self.results = {names[each.id]: each for each in withheld(results, reading.exercises)}
        if missing := sum(each.not_run_points for each in results):
            self.log.warning("%g points of %s could not be checked on this machine", missing, place.notebook)

    def _judge(self, assignment: str) -> JudgeProcess:
        """One for the whole run; it ends with this object, at the latest with nbgrader."""
        if assignment not in self._judges:
            sections = tuple(each.id for each in self.term.selection(self.term.assignment(assignment)))
            self._judges[assignment] = process = JudgeProcess(Court(self.term.course.root, sections))
            weakref.finalize(self, process.close)
        return self._judges[assignment]


def _read(content: bytes, reading: Reading, order: Order) -> tuple[Reading, list[dict[str, Any]]]:
    """The reading, and the cells in order; those that were released where nothing can be read."""
    try:
        cells = read(content)
        found = program(cells, reading.section, pristine(reading.section))
    except (GraderError, RecursionError) as error:
        says = f"{error.problem} {error.hint}" if isinstance(error, GraderError) else "It is nested too deeply."
        return replace(reading, refused=says.strip()), order.arrange((), {})
    return replace(reading, text=found.text, origins=found.origins), order.arrange(cells, found.cells)


def _node(data: dict[str, Any]) -> Any:
    return nbformat.from_dict(data)  # type: ignore[no-untyped-call]


@lru_cache(maxsize=32)
def _lesson(section: Section) -> frozenset[str]:
    """The course's own prose, which is shown as it is."""
    return frozenset(cell.source for cell in build(section, pristine(section)).cells if cell.cell_type == "markdown")


class Judged(NbGraderPreprocessor):  # type: ignore[misc]
    """Stands in the place of nbgrader's `Execute`: the grade cells' outputs are what the judge says, and nothing else.

    Raises:
        GraderError: there is no isolation level strict here, or a cell would have to be run to be graded.
    """

    def preprocess(self, nb: Any, resources: Any) -> Any:
        place, submissions = Place.of(resources), self.parent
        if not isinstance(submissions, Submissions):
            problem = "`c.Autograde.exporter_class` must be our `Submissions`."
            raise GraderError(problem, "Move nbgrader_config.py away, and build the course folder again.")
        reading = submissions.reading(place)
        if reading:
            submissions.judge(reading)
        names = {grade_cell(each) for each in reading.exercises} if reading else set()
        for cell in (each for each in nb.cells if each.cell_type == "code"):
            cell.outputs, cell.execution_count = [], None
        for cell in grade_nodes(nb.cells):
            marks = cell.metadata.nbgrader
            if reading is None or marks.grade_id not in names:
                problem = f"The cell `{marks.grade_id}` of {place.notebook} would have to be run to be graded."
                raise GraderError(problem, "No learner's code runs here: make it a cell that is graded by hand.")
            found = submissions.results.get(marks.grade_id)
            cell.outputs = list(
                map(_node, told(found, marks.points, reading.placed) if found else refused(reading.refused))
            )
        return nb, resources


class Beyond(OfClass, NbGraderPreprocessor):  # type: ignore[misc]
    """After nbgrader saved the scores: the counted share of the points of extra exercises, whose cells are worth 0."""

    def preprocess(self, nb: Any, resources: Any) -> Any:
        place, submissions = Place.of(resources), self.parent
        if self.term.beyond and isinstance(submissions, Submissions) and submissions.reading(place):
            with Gradebook(resources["nbgrader"]["db_url"]) as book:
                for name, result in submissions.results.items():
                    if result.kind != "core":
                        grade = book.find_grade(name, place.notebook, place.assignment, place.student)
                        grade.auto_score = result.points * self.term.beyond
                book.db.commit()
        return nb, resources


class LatePolicy(OfClass, LateSubmissionPlugin):  # type: ignore[misc]
    """What handing in late costs, as class.toml says."""

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float:
        return self.term.lateness.penalty(score, total_seconds_late)

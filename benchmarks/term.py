"""A class through `grader grade`: a hundred submissions of 2.3, against nbgrader's own autograder and cold pytest.

All start from nothing and end with points in a gradebook (pytest: with an exit code). Every submission is a text of its
own, so that nothing is taken from what is known already.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import sys
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import nbformat
from nbformat import v4

from benchmarks.batch import submissions, theirs
from benchmarks.measure import ROOT, Figure, Spent, timed_process
from benchmarks.places import TORCH, Places
from grader.course import Course, Section
from grader.instructor import attempts
from grader.instructor import term as terms
from grader.instructor.attempts import Attempt
from grader.instructor.grades import Verdict
from grader.instructor.grading.batch import Batch
from grader.instructor.grading.gradebook import Gradebook
from grader.instructor.grading.local import Local
from grader.instructor.term import Assignment, Term

NOW = datetime(2026, 11, 19, tzinfo=UTC)
TINY = ROOT / "tests" / "grader" / "tiny"
SETTINGS = """
c = get_config()
c.CourseDirectory.root = {root!r}
c.CourseDirectory.db_url = "sqlite:///{root}/gradebook.db"
c.ClearSolutions.enforce_metadata = False
c.Execute.timeout = 120
"""
RUN_CHECKS = """
import os
os.environ["LEARNER"] = "unused"
import pytest
from benchmarks import inkernel
points = inkernel.judge({suite!r}, globals())
"""


def classroom(folder: Path, course: Path, section: Section, texts: list[str]) -> Term:
    """A class in which everybody handed in one text."""
    terms.create(folder, course, None)
    Gradebook.open(Term.load(folder)).__exit__()  # as `grader class` does
    term = terms.add_assignment(Term.load(folder), Assignment("hw1", (section.id,), None, 7))
    for number, text in enumerate(texts):
        attempts.keep(term, Attempt(f"s{number:05}", "hw1", NOW, {section.path: f"{text}# {number}\n".encode()}))
    return term


def graded(term: Term) -> Spent:
    """`grader grade hw1` in a fresh process."""
    command = [sys.executable, "-m", "grader", "grade", "hw1", "--class", str(term.root)]
    return timed_process(command, env={**os.environ, "PYTHONPATH": str(ROOT)})


def term(places: Places, quick: bool) -> list[Figure]:
    """Submissions per second, start-up and gradebook included."""
    section, count = places.section(TORCH), 20 if quick else 100
    texts = submissions(section, count)
    folder = places.plain.parent
    sample = [texts[number] for number in (0, 1, 2, 3, 4, 9)]
    cold = [theirs(places, sample)["each"]]
    ours = graded(classroom(folder / "term", ROOT, section, texts)).wall
    cold.append(theirs(places, sample)["each"])
    plain = autograded(folder / "nbgrader", section, sample)
    made_of = {"grader": ours, "pytest, each": cold, "nbgrader, each": plain, "submissions": count}
    says = f"{count} submissions in {ours:.0f} s; "
    against = f"{plain:.1f} s each, one at a time as nbgrader does (extrapolated from {len(sample)})"
    pytest = f"{statistics.mean(cold):.1f} s each, two at a time (extrapolated from {2 * len(sample)})"
    return [
        Figure("grade, nbgrader", plain * count / ours, "×", f"{says}`nbgrader autograde`: {against}", at_least=25.0),
        Figure("grade, pytest", statistics.mean(cold) * count / ours, "×", f"{says}a cold pytest: {pytest}",
               at_least=15.0, made_of=made_of),
    ]  # fmt: skip


def autograded(folder: Path, section: Section, texts: list[str]) -> float:
    """Seconds per submission of the unmodified `nbgrader autograde`, with the same checks in notebooks' cells."""
    assert section.suite is not None
    folder.mkdir()
    (folder / "nbgrader_config.py").write_text(SETTINGS.format(root=str(folder)), "utf-8")
    names = [exercise.name for exercise in section.exercises]
    assert section.solution is not None
    _write(folder / "source" / "hw1" / "attention.ipynb", section.solution.read_text("utf-8"), section.suite, names)
    nbgrader = [sys.executable, "-m", "nbgrader"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    timed_process([*nbgrader, "generate_assignment", "hw1"], cwd=folder, env=environment)
    for number, text in enumerate(texts):
        path = folder / "submitted" / f"s{number}" / "hw1" / "attention.ipynb"
        shutil.copytree(folder / "release" / "hw1", path.parent)
        notebook = nbformat.read(path, 4)
        notebook.cells[0].source = text
        nbformat.write(notebook, path)
    spent = timed_process([*nbgrader, "autograde", "hw1"], cwd=folder, env=environment)
    return spent.wall / len(texts)


def _write(path: Path, source: str, suite: Path, names: list[str]) -> None:
    path.parent.mkdir(parents=True)
    cells = [_cell(source, "all", solution=True), _cell(RUN_CHECKS.format(suite=str(suite)), "run", locked=True)]
    cells += [_cell(f"points[{name!r}]", name, grade=True, locked=True, points=10) for name in names]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(v4.new_notebook(cells=cells, metadata=kernel), path)


def _cell(source: str, name: str, **kind: object) -> nbformat.NotebookNode:
    facts = {"schema_version": 3, "grade_id": name, "grade": False, "solution": False, "locked": False, "task": False}
    return v4.new_code_cell(source, metadata={"nbgrader": {**facts, **kind}})


def growth(places: Places, quick: bool) -> list[Figure]:
    """5,000 small submissions: does the last thousand take as long as the first, and as much memory?"""
    section = Course.load(TINY).sections[0]
    count = 500 if quick else 5000
    assert section.solution is not None
    class_ = classroom(places.plain.parent / "growth", TINY, section, [section.solution.read_text("utf-8")] * count)
    stamps, memory = [time.monotonic()], []
    with Gradebook.open(class_) as book:
        assignment, done = class_.assignment("hw1"), iter(range(1, count + 1))
        book.register(assignment)

        def take(verdict: Verdict) -> None:
            book.commit(assignment, verdict)
            if next(done) % (count // 5) == 0:
                stamps.append(time.monotonic())
                memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

        batch = Batch(book, assignment, take)
        batch.run(batch.pending(), Local())
    fifths = [later - earlier for earlier, later in pairwise(stamps)]
    says = f"{count} submissions in {sum(fifths):.0f} s; each fifth: {', '.join(f'{each:.1f}' for each in fifths)} s"
    made_of = {"fifths": fifths, "memory": memory}
    more = f"largest memory after each fifth: {', '.join(f'{each / 1024:.0f}' for each in memory)} MB"
    return [
        Figure("growth, time", fifths[-1] / statistics.mean(fifths[1:-1]), "×", says, at_most=1.2, made_of=made_of),
        Figure("growth, memory", memory[-1] / memory[0], "×", more, at_most=1.1),
    ]

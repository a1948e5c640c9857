"""nbgrader's own commands on a course folder of ours: points, feedback, and nothing of a learner's runs on the host."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook as PlainGradebook
from typer.testing import CliRunner

from grader import notebooks
from grader.cli_nbgrader import nbgrader as commands
from grader.course import Course
from grader.errors import GraderError
from grader.files import read_text
from grader.instructor import attempts
from grader.instructor import term as terms
from grader.instructor.attempts import Attempt
from grader.instructor.grading.batch import Batch
from grader.instructor.grading.gradebook import Gradebook
from grader.instructor.grading.local import Local
from grader.instructor.nbgrader import course as nbgrader_course
from grader.instructor.nbgrader.marks import harmless
from grader.instructor.term import Assignment, Term
from grader.place import Place
from grader.sandbox import isolation
from grader.stubs import cut, pristine
from tests.grader.corpus import VICTIM, entries

ROOT = Path(__file__).parents[2]
TINY = Path(__file__).parent / "tiny"
DUE = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
NAME = "ch01_first"
pytestmark = pytest.mark.skipif(bool(isolation.missing_for_strict()), reason="no strict level here")


class Folder:
    """A course folder, nbgrader's commands in it, and what its gradebook says."""

    def __init__(self, root, term):
        self.root, self.term = root, term
        self.home = root.parent / f"home of {root.name}"
        self.home.mkdir(exist_ok=True)

    def run(self, *words, cwd=None, code=0, **environment):
        """nbgrader's command line, unmodified, as a process of its own; what it says."""
        home = {"HOME": str(self.home), "JUPYTER_CONFIG_DIR": str(self.home / "jupyter")}
        environment = {**os.environ, **home, **environment}
        command = [str(Path(sys.executable).parent / "nbgrader"), *words]
        ran = subprocess.run(
            command, cwd=cwd or self.root, env=environment, capture_output=True, text=True, check=False
        )
        said = ran.stdout + ran.stderr
        assert ran.returncode == code, said[-4000:]
        return said

    def hand_in(self, student, notebook, assignment="hw1", received=DUE - timedelta(hours=1), **files):
        """As `collect` leaves it; `notebook` are its bytes, or cells."""
        folder = self.root / "submitted" / student / assignment
        folder.mkdir(parents=True)
        name = files.pop("name", NAME)
        content = notebook if isinstance(notebook, bytes) else written(notebook)
        (folder / f"{name}.ipynb").write_bytes(content)
        (folder / "timestamp.txt").write_text(f"{received:%Y-%m-%d %H:%M:%S.%f} UTC")
        for each, text in files.items():
            (folder / f"{each}.py").write_text(text)

    def released(self, assignment="hw1", name=NAME):
        return json.loads((self.root / "release" / assignment / f"{name}.ipynb").read_text())["cells"]

    def points(self, student, assignment="hw1", name=NAME):
        """By grade cell: its score."""
        with PlainGradebook(self.term.database) as book:
            found = book.find_submission_notebook(name, assignment, student)
            return {grade.name: grade.score for grade in found.grades}

    def cells(self, student, assignment="hw1", name=NAME):
        """The autograded notebook's cells."""
        return nbformat.read(self.root / "autograded" / student / assignment / f"{name}.ipynb", 4).cells

    def told(self, student, cell):
        """What a grade cell of an autograded notebook says, as text."""
        outputs = next(each.outputs for each in self.cells(student) if each.id == cell)
        return "\n".join(each.data["text/plain"] for each in outputs)

    def exported(self):
        self.run("export")
        with (self.root / "grades.csv").open() as file:
            return {(row["assignment"], row["student_id"]): row for row in csv.DictReader(file)}


def written(cells, **more):
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells, **more}).encode()


def solved(cells, **bodies):
    """The cells of a released notebook with these lines in the place of `raise NotImplementedError`."""
    copy = json.loads(json.dumps(cells))
    for cell in copy:
        if cell["id"] in bodies:
            source = "".join(cell["source"])
            cell["source"] = source.replace("raise NotImplementedError", bodies[cell["id"]])
    return copy


def code(source, **more):
    return {"cell_type": "code", "id": f"new-{random.getrandbits(40)}", "source": source, "metadata": {},
            "outputs": [], "execution_count": None, **more}  # fmt: skip


RIGHT = {"add": "return a + b", "mean": "return np.asarray(x).sum(-1) / np.shape(x)[-1]", "double": "return 2 * a"}
HALF = {**RIGHT, "mean": "return np.sum(x) / 2"}  # the first of its rules holds, which is worth 2 of 3 points
EXTRA = '''

def double(a):
    """Double a number.

    Args:
        a: a number.

    Returns:
        Twice that.

    Example:
        >>> double(2)
        4
    """
    # BEGIN SOLUTION
    return 2 * a
    # END SOLUTION
'''
SUITE = '''

@pytest.mark.fixed_data
@pytest.mark.exercise("double", points=4)
def test_twice(learner):
    """Twice the number comes back."""
    check_equal(learner.double(987654321), 1975308642)
'''


def course_with_an_extra(root):
    """The tiny course with a picture in its lesson and an exercise beyond the core, checked on fixed data."""
    shutil.copytree(TINY, root)
    shutil.rmtree(root / "exercises")
    chapter, suite = root / "solutions/ch01_tiny", root / "tests/chapters/ch01_tiny/test_first.py"
    for path, more in (
        (chapter / "first.py", EXTRA),
        (chapter / "first.md", "\n![A sum.](first_sum.svg)\n"),
        (suite, SUITE),
    ):
        path.write_text(path.read_text() + more)
    toml = (chapter / "first.toml").read_text()
    table = '[exercises.double]\nkind = "extra"\ndifficulty = 1\nminutes = 2\nhints = ["a", "b", "c"]\n\n[[questions]]'
    (chapter / "first.toml").write_text(toml.replace("[[questions]]", table))
    (chapter / "first_sum.svg").write_text("<svg/>")
    (chapter / "answers.csv").write_text("1,2\n")
    return root


def settled(root, course, exercises=("ch01",), due=DUE, database=""):
    """A class on this course with the assignment hw1, and a course folder for it."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "students.csv").write_text(
        "id,first_name,last_name,email\nada,Ada,Byron,ada@example.org\nearly,Eve,Early,\n"
    )
    term = terms.create(root / "class", course, root / "students.csv")
    toml = root / "class" / "class.toml"
    text = toml.read_text().replace("beyond = 0.0 ", "beyond = 0.5 ")
    toml.write_text(text.replace('"sqlite:///gradebook.db"', f'"{database}"') if database else text)
    return terms.add_assignment(Term.load(term.root), Assignment("hw1", exercises, due, 7))


def build(term, out):
    nbgrader_course.write(*nbgrader_course.plan(term, (), "hw1"), out)
    return Folder(out, term)


def graded_otherwise(term, student, **bodies):
    """A submission that came in as a file and was graded by `grader grade`."""
    section = term.course.sections[0]
    text = cut(read_text(section.solution))
    for body in bodies.values():
        text = text.replace("raise NotImplementedError", body, 1)
    attempts.keep(term, Attempt(student, "hw1", DUE - timedelta(hours=1), {section.path: text.encode()}))
    with Gradebook.open(term) as book:
        assignment = term.assignment("hw1")
        book.register(assignment)
        batch = Batch(book, assignment, lambda verdict: book.commit(assignment, verdict))
        batch.run(batch.pending(), Local(1))


# Cells copied, deleted, moved, renamed; marks and outputs that a learner wrote.


def renamed(cell, **marks):
    cell["metadata"]["nbgrader"] = {**cell["metadata"].get("nbgrader", {}), **marks}
    return cell


def by_id(cells):
    return {cell["id"]: cell for cell in cells}


def swapped(cells):
    found = by_id(cells)
    for one, other in (("add", "mean"), ("add-checks", "mean-checks")):
        renamed(found[one], grade_id=other)
        renamed(found[other], grade_id=one)
    return cells


def edited(cells):
    found = by_id(cells)
    found["add-checks"]["source"] = found["mean-checks"]["source"] = "1000.0"
    found["given-0"]["source"] = "np = None"
    found["given-examples"]["source"] = "raise SystemExit"
    return cells


def forged(cells):
    for name in ("add-checks", "mean-checks", "add", "mean"):
        data = {"text/plain": "3.0", "text/html": "<script>forged()</script>"}
        by_id(cells)[name]["outputs"] = [
            {"output_type": "execute_result", "metadata": {}, "execution_count": 7, "data": data},
            {"output_type": "display_data", "metadata": {}, "data": data},
        ]
    return cells


def garbage(cells):
    evil = {"grade": True, "solution": True, "locked": 5, "schema_version": 99, "comment": "<b>", "points": -1}
    return [{**cell, "metadata": {"nbgrader": {**evil, "grade_id": f"x{n}"}}} for n, cell in enumerate(cells)]


def merged(cells):
    kept = [cell for cell in cells if cell["id"] not in ("add", "mean", "double")]
    sources = ["".join(by_id(cells)[name]["source"]) for name in ("add", "mean", "double")]
    return [*kept, code("\n\n".join(sources))]


MUTATIONS = {
    "copied": lambda cells: [*cells, *cells],
    "reordered": lambda cells: cells[::-1],
    "stripped": lambda cells: [{**cell, "metadata": {}, "id": f"c{n}"} for n, cell in enumerate(cells)],
    "deleted": lambda cells: [cell for cell in cells if not cell["metadata"].get("nbgrader", {}).get("locked")],
    "only-solutions": lambda cells: [cell for cell in cells if cell["id"] in ("add", "mean", "double")],
    "raised": lambda cells: [renamed(cell, points=1000) if "checks" in cell["id"] else cell for cell in cells],
    "made-solutions": lambda cells: [
        renamed(cell, solution=True) if "checks" in cell["id"] else cell for cell in cells
    ],
    "unlocked": lambda cells: [renamed(cell, locked=False, grade=False) for cell in cells],
    "texts": lambda cells: [{**cell, "cell_type": "raw"} if "checks" in cell["id"] else cell for cell in cells],
    "swapped": swapped,
    "edited": edited,
    "forged": forged,
    "garbage": garbage,
    "merged": merged,
}
REFUSED = {
    "no-json": (b"add = 5", "not a notebook"),
    "no-text": (b"\xff\xfe\x00", "not a notebook"),
    "deep": (b"[" * 200_000, "nested too deeply"),
    "old": (written([], nbformat=3), "version 4"),
    "numbers": (written([code(5)]), "source of cell 1"),
    "elsewhere": (written([code("def softmax(x): return x")]), "No cell defines an exercise of ch01/first"),
}
CANARY = "import pathlib\npathlib.Path({path!r}).write_text('ran')\n"


@pytest.fixture(scope="module")
def hw1(tmp_path_factory):
    """A class whose hw1 went all the way, with every kind of submission; graded in one run of `nbgrader autograde`."""
    root = tmp_path_factory.mktemp("hw1")
    course = course_with_an_extra(root / "course")
    graded_otherwise(settled(root, course), "early", **HALF)  # before nbgrader heard of anything
    folder = build(Term.load(root / "class"), root / "folder")
    folder.canary = root / "canary"
    folder.run("generate_assignment", "hw1")
    right, half = (solved(folder.released(), **bodies) for bodies in (RIGHT, HALF))
    folder.hand_in("right", right)
    folder.hand_in("half", half)
    folder.hand_in("untouched", folder.released())
    folder.hand_in("late", right, received=DUE + timedelta(days=1.5))
    for name, mutate in MUTATIONS.items():
        for base, cells in (("right", right), ("half", half)):
            folder.hand_in(f"{name}-{base}", mutate(json.loads(json.dumps(cells))))
    for name, (content, _) in REFUSED.items():
        folder.hand_in(name, content)
    folder.hand_in("hidden", [{**cell, "cell_type": "markdown"} if cell["id"] == "mean" else cell for cell in right])
    folder.hand_in("slip", solved(folder.released(), **{**RIGHT, "add": "return (a + b"}))
    evil = "print('<script>said()</script>', a); raise ValueError('<script>raised()</script>\\x1b[31m')"
    prose = {"cell_type": "markdown", "id": "prose", "metadata": {},
             "source": "<script>prose()</script> [x](javascript:prose()) mine & yours"}  # fmt: skip
    folder.hand_in("evil", [prose, *solved(folder.released(), add=evil, mean=RIGHT["mean"], double=evil)])
    canary = CANARY.format(path=str(folder.canary))
    inside = canary.replace("\n", "; ").rstrip("; ")
    spying = solved(folder.released(), **{**RIGHT, "add": f"{inside}\n    return a + b"})
    folder.hand_in("spy", [code(canary), code(f"!touch {folder.canary}"), *spying], conftest=canary,
                   sitecustomize=canary, grader=canary, numpy=canary)  # fmt: skip
    folder.said = folder.run("autograde", "hw1")
    folder.run("generate_feedback", "hw1")
    folder.rows = folder.exported()
    return folder


def test_right_answers_earn_all(hw1):
    """Core exercises their points, an exercise beyond the core the share that class.toml counts."""
    assert hw1.points("right") == {"add-checks": 2, "mean-checks": 3, "double-checks": 2}


def test_a_part_of_the_rules_earns_a_part_of_the_points(hw1):
    assert hw1.points("half") == {"add-checks": 2, "mean-checks": 2, "double-checks": 2}


def test_an_untouched_notebook_earns_nothing(hw1):
    assert set(hw1.points("untouched").values()) == {0}
    assert "not written yet: Two and three make five." in hw1.told("untouched", "add-checks")


@pytest.mark.parametrize("name", MUTATIONS)
@pytest.mark.parametrize("base", ["right", "half"])
def test_cells_are_graded_by_what_they_contain(hw1, name, base):
    """Whatever became of cells, marks and outputs: the same points as without, no more and no less."""
    assert hw1.points(f"{name}-{base}") == hw1.points(base)


def test_autograded_notebooks_hold_every_grade_cell_once(hw1):
    """Below the cell that counts, with the code that was released and nothing that a learner wrote into it."""
    folders = sorted((hw1.root / "autograded").iterdir())
    for folder in folders:
        ids = [cell.metadata.nbgrader.grade_id for cell in hw1.cells(folder.name) if cell.metadata]
        sources = {cell.source for cell in hw1.cells(folder.name) if cell.id.endswith("-checks")}
        assert sorted(each for each in ids if each.endswith("-checks")) == [
            "add-checks",
            "double-checks",
            "mean-checks",
        ]
        assert len(ids) == len(set(ids))
        assert sources == {"run_examples(add)", "run_examples(mean)", "run_examples(double)"}

    assert len(folders) == 4 + 2 * len(MUTATIONS) + len(REFUSED) + 4
    for name in MUTATIONS:
        found = {cell.id: cell.source for cell in hw1.cells(f"{name}-half")}
        assert RIGHT["add"] in found["add"]
        assert HALF["mean"] in (found["mean"] if name != "merged" else found["add"])
    shuffled = [cell.id for cell in hw1.cells("reordered-right")]
    assert shuffled.index("mean-checks") == shuffled.index("mean") + 1


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_with_the_reason(hw1, name):
    """Zero in each cell, the reason in each cell, and nbgrader went on."""
    assert set(hw1.points(name).values()) == {0}
    for cell in ("add-checks", "mean-checks", "double-checks"):
        assert REFUSED[name][1] in hw1.told(name, cell)


def test_one_exercise_that_is_gone_or_broken_costs_only_itself(hw1):
    """A cell that became prose defines nothing; one that is no Python says where."""
    assert hw1.points("hidden") == {"add-checks": 2, "mean-checks": 0, "double-checks": 2}
    assert hw1.points("slip") == {"add-checks": 0, "mean-checks": 3, "double-checks": 2}
    told = hw1.told("slip", "add-checks")
    assert "was never closed (cell 5, line 15)" in told
    assert "cell 5, line 15, in add" in told


def test_late_is_as_the_class_says(hw1):
    """A day and a half is two days begun, each a tenth of the points, as `grader grade` takes them."""
    row = hw1.rows["hw1", "late"]

    assert float(row["raw_score"]) == 7
    assert float(row["score"]) == pytest.approx(7 * 0.8)


def test_both_ways_fill_one_gradebook(hw1):
    """What `grader grade` wrote before stands beside what nbgrader wrote, with equal points, and both are exported."""
    rows = hw1.rows

    assert hw1.points("early") == hw1.points("half")
    assert float(rows["hw1", "early"]["score"]) == float(rows["hw1", "half"]["score"]) == 6
    assert rows["hw1", "early"]["max_score"] == "5.0"
    assert rows["hw1", "early"]["first_name"] == "Eve"
    assert rows["hw1", "right"]["duedate"] == "2026-11-20 23:59:00"
    graded_otherwise(hw1.term, "half", **HALF)
    assert hw1.points("half") == hw1.points("early")
    with PlainGradebook(hw1.term.database) as book:
        shown = {each["student"]: each for each in book.submission_dicts("hw1")}
    assert shown["early"]["score"] == shown["half"]["score"] == 6


def test_nothing_of_a_learner_ran_here(hw1):
    """Neither cells nor shell lines nor files beside the notebook; the same code ran behind the wall and is graded."""
    assert not hw1.canary.exists()
    assert hw1.points("spy")["add-checks"] == 0
    assert hw1.points("spy")["mean-checks"] == 3
    assert "Your code raised" in hw1.told("spy", "add-checks")


def test_feedback_says_what_holds_and_what_does_not(hw1):
    page = (hw1.root / "feedback" / "half" / "hw1" / f"{NAME}.html").read_text()

    for text in ("mean: 2 of 3 points", "holds: The mean of 1 and 3 is 2.", "does not hold: Leading axes stay.",
                 "must be a NumPy array; yours is the number", "double: 4 of 4 points, beyond the core"):  # fmt: skip
        assert text in page
    assert "(Score: 2.0 / 3.0)" in page


def test_feedback_is_harmless_and_gives_nothing_away(hw1):
    """What learners wrote, printed and raised is escaped; no check's source, nothing on fixed data, no solution."""
    page = (hw1.root / "feedback" / "evil" / "hw1" / f"{NAME}.html").read_text()
    notebook = (hw1.root / "autograded" / "evil" / "hw1" / f"{NAME}.ipynb").read_text()

    for text in ("<script>said", "<script>raised", "<script>prose", "javascript:prose", "\x1b[31m"):
        assert text not in page
    assert "&lt;script&gt;said()&lt;/script&gt;" in page
    assert "Your code raised ValueError" in page
    assert "cell 6, line 15, in add" in hw1.told("evil", "add-checks")
    for text in ("987654321", "1975308642", "check_equal", "check_close"):
        assert text not in page + notebook
    for folder in ("autograded", "feedback"):
        for path in (hw1.root / folder).rglob("*"):
            if path.is_file():
                assert b"forged()" not in path.read_bytes()
                assert b"BEGIN SOLUTION" not in path.read_bytes()


def test_one_judge_serves_the_whole_run_and_ends(hw1):
    """No process is left when nbgrader is done."""
    left = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    mine = [line for line in left.splitlines() if "grader.instructor.grading.judging" in line]
    for line in mine:
        assert os.readlink(f"/proc/{line.split()[0]}/cwd") != str(hw1.root)


def test_a_release_has_stubs_pictures_and_no_code_of_ours(hw1):
    files = {path.name for path in (hw1.root / "release" / "hw1").iterdir()}
    text = (hw1.root / "release" / "hw1" / f"{NAME}.ipynb").read_text()

    assert files == {f"{NAME}.ipynb", "first_sum.svg"}
    assert text.count("raise NotImplementedError") == 3 + 1  # the fourth is in the prose
    assert "BEGIN SOLUTION" not in text
    assert not list(hw1.root.rglob("source/**/*.py"))


def test_a_second_run_grades_again_to_the_same(hw1):
    """`--force`, one student: what was graded is replaced, a manual score stands."""
    with PlainGradebook(hw1.term.database) as book:
        grade = book.find_grade("add-checks", NAME, "hw1", "slip")
        grade.manual_score = 1.5
        book.db.commit()
    before = hw1.points("slip")
    hw1.run("autograde", "hw1", "--student", "slip", "--force")

    assert hw1.points("slip") == before == {"add-checks": 1.5, "mean-checks": 3, "double-checks": 2}


def test_building_again_changes_nothing(hw1):
    """The same bytes, the same seed; and nbgrader takes it although there are submissions."""
    before = {path: path.read_bytes() for path in (hw1.root / "source").rglob("*") if path.is_file()}
    toml = (hw1.term.root / "class.toml").read_text()
    build(Term.load(hw1.term.root), hw1.root)
    hw1.run("generate_assignment", "hw1", "--force")

    assert {path: path.read_bytes() for path in (hw1.root / "source").rglob("*") if path.is_file()} == before
    assert (hw1.term.root / "class.toml").read_text() == toml
    assert hw1.points("half")["mean-checks"] == 2


def test_nbgraders_own_execution_would_have_run_it(hw1, tmp_path):
    """The same submission, graded with nbgrader's own settings, does on this machine what it wants."""
    plain = Folder(tmp_path / "plain", hw1.term)
    for name in ("source", "submitted/spy"):
        shutil.copytree(hw1.root / name, plain.root / name)
    canary = tmp_path / "canary"
    notebook = plain.root / "submitted/spy/hw1" / f"{NAME}.ipynb"
    notebook.write_text(notebook.read_text().replace(str(hw1.canary), str(canary)))
    (plain.root / "submitted/spy/hw1/numpy.py").unlink()
    tools = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))  # it looks for alembic there
    plain.run("generate_assignment", "hw1", "--CourseDirectory.db_url=sqlite:///plain.db", PATH=tools)
    plain.run("autograde", "hw1", "--CourseDirectory.db_url=sqlite:///plain.db")

    assert canary.read_text() == "ran"
    assert not hw1.canary.exists()


def test_learners_can_validate(hw1):
    """nbgrader's check for learners runs the examples: it names the exercises whose examples fail, or none."""
    folder = hw1.root.parent / "validated"
    folder.mkdir()
    (folder / "stub.ipynb").write_bytes(written(hw1.released()))
    (folder / "right.ipynb").write_bytes(written(solved(hw1.released(), **RIGHT)))

    assert "VALIDATION FAILED ON 3 CELL(S)" in hw1.run("validate", "stub.ipynb", cwd=folder)
    assert "Success! Your notebook passes all the tests." in hw1.run("validate", "right.ipynb", cwd=folder)


@pytest.fixture(scope="module")
def grown(hw1, tmp_path_factory):
    """An assignment that grades one exercise of its section, to which an instructor adds cells, and later exercises."""
    root = tmp_path_factory.mktemp("grown")
    folder = build(settled(root, hw1.term.course_root, exercises=("ch01/first/add",)), root / "folder")
    source = folder.root / "source" / "hw1" / f"{NAME}.ipynb"
    notebook = nbformat.read(source, 4)
    marks = {"grade": True, "solution": True, "locked": False, "task": False, "schema_version": 3, "points": 4}
    essay = nbformat.v4.new_markdown_cell("Why?", id="essay", metadata={"nbgrader": {**marks, "grade_id": "essay"}})
    notebook.cells.append(essay)
    nbformat.write(notebook, source)
    tests = {**marks, "solution": False, "locked": True, "grade_id": "tests"}
    notebook.cells = [nbformat.v4.new_code_cell("assert True", id="tests", metadata={"nbgrader": tests})]
    nbformat.write(notebook, source.with_name("more.ipynb"))
    folder.run("generate_assignment", "hw1")
    answered = solved(folder.released(), **HALF)
    by_id(answered)["essay"]["source"] = "Because <b>it</b> is."
    folder.hand_in("writer", answered[::-1])
    folder.hand_in("runner", written(folder.released(name="more")), name="more")
    folder.said = folder.run("autograde", "hw1", code=1)
    return folder


def test_only_what_an_assignment_grades_has_points(grown):
    """The rest of the section stands in the notebook as it is handed out, without a solution."""
    cells = by_id(grown.released())

    assert "BEGIN SOLUTION" not in json.dumps(grown.released())
    assert cells["add-checks"]["metadata"]["nbgrader"]["points"] == 2
    assert "nbgrader" not in cells["mean"]["metadata"]
    assert not cells["mean-checks"]["metadata"]["nbgrader"]["grade"]
    assert grown.points("writer") == {"add-checks": 2, "essay": 0}


def test_cells_that_an_instructor_adds_are_graded_by_hand(grown):
    """A written answer keeps its marks and waits for its score; it is shown, and does nothing."""
    assert "Because &lt;b&gt;it&lt;/b&gt; is." in [cell.source for cell in grown.cells("writer") if cell.id == "essay"]
    with PlainGradebook(grown.term.database) as book:
        assert book.find_grade("essay", NAME, "hw1", "writer").needs_manual_grade
        assert not book.find_grade("add-checks", NAME, "hw1", "writer").needs_manual_grade


def test_a_cell_that_would_have_to_be_run_is_refused(grown):
    """In a notebook that an instructor put beside ours: nbgrader stops there with a sentence, and gives no points."""
    assert "The cell `tests` of more would have to be run to be graded." in grown.said
    assert not (grown.root / "autograded" / "runner" / "hw1").exists()


def test_an_assignment_may_grow_after_submissions(grown):
    """nbgrader itself refuses that. What the instructor had changed in the notebook is kept beside."""
    source = grown.root / "source" / "hw1" / f"{NAME}.ipynb"
    kept = grown.root / "replaced" / "hw1" / f"{NAME}.ipynb"
    changed, toml = source.read_bytes(), grown.term.root / "class.toml"
    toml.write_text(toml.read_text().replace('"ch01/first/add"', '"ch01/first/add", "ch01/first/mean"'))
    build(Term.load(grown.term.root), grown.root)
    assert kept.read_bytes() == changed
    notebook = nbformat.read(source, 4)
    notebook.cells.append(nbformat.read(kept, 4).cells[-1])
    nbformat.write(notebook, source)
    grown.run("generate_assignment", "hw1", "--force")
    grown.run("autograde", "hw1", "--student", "writer", "--force")

    assert grown.points("writer") == {"add-checks": 2, "mean-checks": 2, "essay": 0}


def test_the_exchange_brings_notebooks_to_learners_and_back(tmp_path, monkeypatch):
    """release_assignment, fetch_assignment, submit, collect, autograde, generate_feedback, export; SQLite, no class."""
    exchange = tmp_path / "exchange"
    exchange.mkdir(mode=0o777)
    exchange.chmod(0o777)
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(commands, ["build", "--out", "course"], obj=Place(None, TINY))
    assert ran.exit_code == 0, ran.output
    assert ran.output == "ch01: ch01_first.ipynb\nNext: cd course, then nbgrader generate_assignment ch01\n"
    folder = Folder(tmp_path / "course", Term.load(tmp_path / "course"))
    learner = tmp_path / "learner"
    learner.mkdir()
    place = (f"--Exchange.root={exchange}", "--CourseDirectory.course_id=course")
    folder.run("generate_assignment", "ch01")
    folder.run("release_assignment", "ch01", *place)
    folder.run("fetch_assignment", "ch01", *place, cwd=learner)
    notebook = learner / "ch01" / f"{NAME}.ipynb"
    notebook.write_bytes(written(solved(json.loads(notebook.read_text())["cells"], **HALF)))
    folder.run("submit", "ch01", "--CourseDirectory.student_id=ada", *place, cwd=learner)
    folder.run("collect", "ch01", *place)
    folder.run("autograde", "ch01")
    folder.run("generate_feedback", "ch01")

    row = folder.exported()["ch01", "ada"]
    assert (row["score"], row["max_score"]) == ("4.0", "5.0")
    assert "does not hold: Leading axes stay." in (folder.root / f"feedback/ada/ch01/{NAME}.html").read_text()


def test_a_gradebook_on_postgresql(postgres_url, tmp_path):
    """The same with the gradebook on a PostgreSQL server, which both ways fill."""
    term = settled(tmp_path, course_with_an_extra(tmp_path / "course"), database=postgres_url)
    folder = build(term, tmp_path / "folder")
    folder.run("generate_assignment", "hw1")
    folder.hand_in("half", solved(folder.released(), **HALF))
    folder.hand_in("late", solved(folder.released(), **RIGHT), received=DUE + timedelta(days=1.5))
    folder.run("autograde", "hw1")
    graded_otherwise(term, "early", **HALF)
    folder.run("generate_feedback", "hw1")
    rows = folder.exported()

    assert folder.points("early") == folder.points("half") == {"add-checks": 2, "mean-checks": 2, "double-checks": 2}
    assert float(rows["hw1", "late"]["score"]) == pytest.approx(7 * 0.8)
    assert not list(tmp_path.rglob("gradebook.db"))


def test_the_real_course(tmp_path):
    """0.1 with its solution earns all of its points, and its release none."""
    section = next(each for each in Course.load(ROOT).sections if each.id == "ch00/essential_math")
    name = notebooks.notebook_name(section)
    folder = build(settled(tmp_path, ROOT, exercises=("ch00/essential_math",)), tmp_path / "folder")
    folder.run("generate_assignment", "hw1")
    solution = notebooks.dumps(notebooks.build(section, read_text(section.solution))).encode()
    folder.hand_in("right", solution, name=name)
    folder.hand_in("stub", written(folder.released(name=name)), name=name)
    folder.run("autograde", "hw1")
    rows = folder.exported()

    beyond = sum(check.points for each in section.exercises if each.kind != "core" for check in each.checks)
    assert float(rows["hw1", "right"]["score"]) == float(rows["hw1", "right"]["max_score"]) + 0.5 * beyond
    assert float(rows["hw1", "stub"]["score"]) == 0
    assert (folder.root / "release/hw1/essential_math_differences.svg").is_file()


CHEATS = [each for each in entries("cheats") if "strict" in each.facts["LEVELS"]]


@pytest.fixture(scope="module")
def cheated(tmp_path_factory):
    """Every cheat handed in as a notebook whose exercises run all of its text, and as a file beside it."""
    root = tmp_path_factory.mktemp("cheats")
    folder = build(settled(root, VICTIM), root / "folder")
    before = _files(folder.term)
    sections = {section.module: section for section in folder.term.course.sections}
    texts = {cheat.name: (sections[cheat.section], cheat.path.read_text()) for cheat in CHEATS}
    texts["honest"] = sections["numpy_part"], read_text(sections["numpy_part"].solution)
    for name, (section, text) in texts.items():
        cells = notebooks.build(section, pristine(section))["cells"]
        names = "\n".join(f"{each.name} = ran or globals().get({each.name!r})" for each in section.exercises)
        folder.hand_in(name, [*cells, code(f"ran = exec({text!r}, globals())\n{names}")],
                       name=notebooks.notebook_name(section), conftest=text)  # fmt: skip
    folder.run("autograde", "hw1")
    folder.before, folder.after = before, _files(folder.term)
    return folder


def _files(term):
    paths = [path for path in (*VICTIM.rglob("*"), *term.root.rglob("*.toml")) if path.is_file()]
    return {path: path.read_bytes() for path in paths if "__pycache__" not in path.parts}


@pytest.mark.parametrize("cheat", CHEATS, ids=lambda cheat: cheat.name)
def test_no_cheat_earns_a_point(cheated, cheat):
    section = next(each for each in cheated.term.course.sections if each.module == cheat.section)
    points = cheated.points(cheat.name, name=notebooks.notebook_name(section))

    assert set(points) == {notebooks.grade_cell(each) for each in section.exercises}
    assert set(points.values()) == {0}


def test_what_a_cheat_runs_through_runs(cheated):
    """The right solution, handed in just like the cheats, earns all of its points."""
    rows = cheated.exported()

    assert rows["hw1", "honest"]["score"] != "0.0"
    assert set(cheated.points("honest", name="ch01_numpy_part").values()) == {
        notebooks.grade_points(each) for each in Course.load(VICTIM).sections[0].exercises
    }


def test_a_cheats_tampering_is_no_part_of_the_module():
    """In a cell as it is, what a cheat does to libraries and to the grader does not even reach the worker."""
    section = next(each for each in Course.load(VICTIM).sections if each.module == "torch_part")
    text = (VICTIM.parent / "cheats" / "patched_torch.py").read_text()
    module = notebooks.module_text(written([code(text)]), section, pristine(section))

    assert "torch.allclose" in text
    assert "torch.allclose" not in module
    assert "return torch.ones(x.shape)" in module


def test_cheats_changed_nothing_here(cheated):
    assert cheated.before == cheated.after


# Building


def test_a_class_builds_what_it_has(tmp_path):
    """Without names: all its assignments; where it has none, one for each chapter, whose seeds stay."""
    term = terms.create(tmp_path / "class", ROOT, None)
    term, planned = nbgrader_course.plan(term, (), None)

    assert [each.name for each in planned] == [chapter.id for chapter in term.course.chapters]
    assert nbgrader_course.plan(term, (), None)[1] == planned
    assert nbgrader_course.plan(term, ("ch02/attention/rms_norm",), "norms")[1][0].exercises == (
        "ch02/attention/rms_norm",
    )
    assert [each.name for each in nbgrader_course.plan(Term.load(term.root), (), "norms")[1]] == ["norms"]


@pytest.mark.parametrize(
    ("names", "name", "says"),
    [
        ((), "hw9", "no assignment `hw9`"),
        (("ch01",), "a+b", "no \\+"),
        (("ch01/first/add",), "hw1", "says something else"),
        (("nothing",), None, "called `nothing`"),
    ],
)
def test_what_cannot_be_built_says_why(tmp_path, names, name, says):
    term = settled(tmp_path, TINY)
    with pytest.raises(GraderError, match=says) as told:
        nbgrader_course.plan(term, names, name)
    assert told.value.hint


def test_a_folder_that_would_run_learners_code_is_refused(tmp_path):
    """Settings of somebody else's stay, and nothing is built beside them; code in source/ would be handed out."""
    term = settled(tmp_path, TINY)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/nbgrader_config.py").write_text("c = get_config()\n")
    with pytest.raises(GraderError, match="would let nbgrader run what learners hand in"):
        build(term, tmp_path / "folder")
    (tmp_path / "folder/nbgrader_config.py").unlink()
    (tmp_path / "folder/source/hw1").mkdir(parents=True)
    (tmp_path / "folder/source/hw1/solution.py").write_text("x = 1\n")
    with pytest.raises(GraderError, match="as it is, solutions and all"):
        build(term, tmp_path / "folder")


def test_a_course_without_solutions_cannot_be_built(tmp_path):
    course = tmp_path / "course"
    shutil.copytree(TINY / "exercises", course / "exercises")
    with pytest.raises(GraderError, match="solution of ch01/first is not here"):
        build(settled(tmp_path, course), tmp_path / "folder")


def test_prose_is_shown_and_never_acts():
    text = harmless("<b>a</b> & [x](JavaScript\\:alert(1)) ![y](data:text/html,<script>) a < b: `c`")

    assert (
        text
        == "&lt;b&gt;a&lt;/b&gt; &amp; [x](JavaScript \\:alert(1)) ![y](data :text/html,&lt;script&gt;) a &lt; b: `c`"
    )

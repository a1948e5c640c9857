"""Hands-on runs: whose code is taken for each exercise, and what a run is given and leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from grader.course import Course
from grader.errors import GraderError
from grader.handson import prepare
from grader.parts import compose
from grader.progress import Progress, Record, source_hash
from grader.report.look import Look
from grader.report.overview import running
from grader.results import Status
from grader.workspace import Workspace, init

ROOT = Path(__file__).parents[2]
PIECES = """import math


def area(r):
    # BEGIN SOLUTION
    return math.pi * r * r
    # END SOLUTION


def name():
    # BEGIN SOLUTION
    return "packaged"
    # END SOLUTION
"""
MODEL = """class Model:
    def __init__(self, size, parts):
        # BEGIN SOLUTION
        self.text = f"{parts.name()}:{parts.area(size):.2f}"
        # END SOLUTION


def load(parts):
    return Model(2, parts)


def main(parts, folder):
    (folder / "out.txt").write_text(load(parts).text)
    print(load(parts).text)
"""
LATER = """def shout(text):
    # BEGIN SOLUTION
    return text.upper()
    # END SOLUTION


def main(folder, parts):
    print(shout(parts.load().text), parts.Model(1).text)
"""
PARTS = '[parts]\narea = "ch01/pieces/area"\nname = "ch01/pieces/name"\n'
LATER_PARTS = '[parts]\nload = "ch01/model/load"\nModel = "ch01/model/Model"\n'


def section(root: Path, name: str, number: str, text: str, exercises: list[str], more: str = "") -> None:
    folder = root / "solutions/ch01_small"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(text)
    tables = "".join(f"[exercises.{each}]\ndifficulty = 1\nminutes = 5\n" for each in exercises)
    (folder / f"{name}.toml").write_text(f'number = "{number}"\ntitle = "{name}"\n{more}{tables}')


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace of a course in which `later` stands on `model`, and `model` on `pieces`."""
    root = tmp_path / "course"
    section(root, "pieces", "1.1", PIECES, ["area", "name"])
    section(root, "model", "1.2", MODEL, ["Model"], PARTS)
    section(root, "later", "1.3", LATER, ["shout"], LATER_PARTS)
    return init(Course.load(root), tmp_path / "work").workspace


def solve(workspace: Workspace, id: str, text: str, record: bool = True) -> None:
    """Writes the learner's whole file of a section; records a pass of the exercise as it stands."""
    exercise = next(each for each in workspace.course.exercises if each.id == id)
    workspace.path(workspace.course.section_of(exercise)).write_text(text)
    if record:
        passed = Record(status=Status.PASSED, points=1, max_points=1, source_hash=source_hash(text, exercise.name))
        Progress.open(workspace).update({id: passed})


def of(workspace: Workspace, name: str):
    return next(each for each in workspace.course.sections if each.id == f"ch01/{name}")


def run(workspace: Workspace, name: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "grader", "run", f"ch01/{name}", "--workspace", str(workspace.root)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=workspace.root)


def test_the_packaged_solution_stands_in(workspace):
    """With nothing done, everything is the course's, and it runs."""
    shown = run(workspace, "model")

    assert shown.returncode == 0, shown.stderr
    assert "the course's  1.2 Model; 1.1 area, name" in shown.stdout
    assert "packaged:12.57\n" in shown.stdout
    assert shown.stdout.endswith("To look at:\n  runs/ch01_small/model/out.txt\n")


def test_what_passes_is_taken(workspace):
    """A passed exercise of the learner's runs beside packaged ones of the same file, whose imports come along."""
    solve(
        workspace,
        "ch01/pieces/name",
        'def area(r):\n    raise NotImplementedError\n\n\ndef name():\n    return "mine"\n',
    )

    shown = run(workspace, "model")

    assert "yours         1.1 name" in shown.stdout
    assert "mine:12.57\n" in shown.stdout


def test_what_was_never_checked_is_not_taken(workspace):
    """Code without a recorded pass stays out, right or wrong."""
    solve(workspace, "ch01/pieces/name", 'def name():\n    return "mine"\n', record=False)

    assert not compose(workspace, of(workspace, "model")).modules["ch01/pieces"].yours


def test_what_changed_since_it_passed_is_not_taken(workspace):
    """The pass counts for the text that passed; the run says that another one stands there now."""
    solve(workspace, "ch01/pieces/name", 'def name():\n    return "mine"\n')
    solve(workspace, "ch01/pieces/name", 'def name():\n    return "worse"\n', record=False)

    shown = running(compose(workspace, of(workspace, "model")), Look())

    assert "Passed once, not as it stands now, so not taken: ch01/pieces/name." in shown


def test_parts_of_parts_come_bound(workspace):
    """A part that takes parts itself is called without them; given functions are parts too."""
    shown = run(workspace, "later")

    assert shown.returncode == 0, shown.stderr
    assert "PACKAGED:12.57 packaged:3.14\n" in shown.stdout
    assert "1.3 shout; 1.2 Model; 1.1 area, name" in shown.stdout


def test_a_broken_file_is_replaced_whole(workspace):
    """A file that is not Python has no passes; the run takes the packaged one and says so."""
    solve(workspace, "ch01/pieces/name", "def name(:\n", record=False)

    assert run(workspace, "model").returncode == 0


def test_a_gap_is_named(workspace, tmp_path):
    """A hand-out without solutions names the exercise to do first."""
    from grader.exercises import derive

    derive(workspace.course, tmp_path / "handout/exercises")
    bare = Workspace(workspace.root, Course.load(tmp_path / "handout"))

    with pytest.raises(GraderError, match="ch01/pieces/area"):
        prepare(bare, of(bare, "model"))


def test_a_part_that_there_is_not(workspace):
    """A slip in the table of parts is told with the file and the nearest name."""
    toml = workspace.course.root / "solutions/ch01_small/model.toml"
    toml.write_text(toml.read_text().replace("pieces/area", "pieces/aera"))

    with pytest.raises(GraderError, match="aera") as caught:
        prepare(again := Workspace(workspace.root, Course.load(workspace.course.root)), of(again, "model"))

    assert caught.value.hint == "Did you mean `ch01/pieces/area`?"


def test_a_missing_model_is_told_before_the_run(workspace, monkeypatch, tmp_path):
    """The line that fetches it stands in the message."""
    monkeypatch.setenv("GRADER_MODELS", str(tmp_path / "none"))
    toml = workspace.course.root / "solutions/ch01_small/model.toml"
    toml.write_text(toml.read_text().replace("[parts]", 'models = ["smollm2"]\n[parts]'))
    course = Course.load(workspace.course.root)

    with pytest.raises(GraderError, match="grader models fetch smollm2"):
        prepare(Workspace(workspace.root, course), of(Workspace(workspace.root, course), "model"))


def test_tracebacks_name_the_learners_file(workspace):
    """A file that is taken whole runs where it stands."""
    solve(workspace, "ch01/model/Model", MODEL.replace("self.text =", "self.text = 1 / 0 #"))

    shown = run(workspace, "model")

    assert shown.returncode == 1
    assert str(workspace.root / "ch01_small/model.py") in shown.stderr


def test_the_plan_is_readable(workspace):
    """What runs is written down, module by module, in the order in which it is loaded."""
    ready = prepare(workspace, of(workspace, "later"))

    assert [each["id"] for each in json.loads(ready.plan.read_text())["modules"]] == [
        "ch01/pieces",
        "ch01/model",
        "ch01/later",
    ]


def test_a_run_reads_files_that_its_chapter_brings(tmp_path: Path) -> None:
    """`data` is the folder in which they stand, also where the module is put together elsewhere."""
    text = LATER.replace("parts):\n    print(shout(parts.load().text), parts.Model(1).text)", "data):\n") + (
        '    (folder / "out.txt").write_text(shout((data / "reader_words.json").read_text()))\n'
    )
    section(tmp_path / "course", "reader", "1.1", text, ["shout"])
    (tmp_path / "course/solutions/ch01_small/reader_words.json").write_text('"words"')
    course = Course.load(tmp_path / "course")
    workspace = init(course, tmp_path / "work").workspace

    code, left = prepare(workspace, course.sections[0]).start()

    assert (code, [path.read_text() for path in left]) == (0, ['"WORDS"'])

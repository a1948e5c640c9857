"""A workspace never loses work, whatever it meets."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from grader.course import Course
from grader.errors import GraderError
from grader.exercises import derive
from grader.stubs import is_stub
from grader.workspace import Workspace, course_of, find, init, locate

TINY = Path(__file__).parent / "tiny"
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
STUB = "    raise NotImplementedError"


@pytest.fixture
def course(tmp_path: Path) -> Course:
    root = tmp_path / "course"
    for ending in ("py", "md", "toml"):
        path = root / f"solutions/ch01_tiny/first.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TINY / "solutions/ch01_tiny" / path.name, path)
    return Course.load(root)


@pytest.fixture
def workspace(course: Course, tmp_path: Path) -> Workspace:
    return init(course, tmp_path / "mine", NOON).workspace


def solve(workspace: Workspace) -> str:
    """Answers both exercises, and returns the text."""
    path = workspace.path(workspace.course.sections[0])
    text = path.read_text().replace(STUB, "    return a + b", 1).replace(STUB, "    return x.mean(-1)", 1)
    path.write_text(text)
    return text


def test_a_new_workspace_holds_stubs_and_lessons(course, tmp_path):
    """The learner sees stubs and lessons; the pristine ones are read-only beside them."""
    created = init(course, tmp_path / "deep/er", NOON)
    root = created.workspace.root
    kept = root / ".grader/stubs/ch01_tiny/first.py"

    assert sorted(created.written) == ["ch01_tiny/first.md", "ch01_tiny/first.py"]
    assert created.kept == ()
    assert (root / "ch01_tiny/first.py").read_text().count(STUB) == 2
    assert "SOLUTION" not in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o444
    assert (root / "ch01_tiny/first.py").stat().st_mode & 0o200
    facts = {"version": 1, "course": str(course.root), "created": "2025-03-01T12:00:00Z"}
    assert json.loads((root / ".grader/workspace.json").read_text()) == facts


def test_init_again_completes_and_keeps(workspace):
    """A second init writes what is missing and touches nothing that is there."""
    text = solve(workspace)
    (workspace.root / "ch01_tiny/first.md").unlink()

    created = init(workspace.course, workspace.root)

    assert created.written == ("ch01_tiny/first.md",)
    assert created.kept == ("ch01_tiny/first.py",)
    assert workspace.read(workspace.course.sections[0]) == text


def test_init_refuses_what_is_not_a_workspace(course, tmp_path):
    """A folder with something in it, or a file, is left alone."""
    (tmp_path / "notes.txt").write_text("mine")

    for target in (tmp_path, tmp_path / "notes.txt", tmp_path / "notes.txt/below"):
        with pytest.raises(GraderError):
            init(course, target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["course", "notes.txt"]


def test_an_interrupted_init_can_be_repeated(course, tmp_path, monkeypatch):
    """When the disk is full in the middle, the message says so and the next try completes the work."""
    write, calls = os.fsync, iter(range(99))

    def full(descriptor: int) -> None:
        if next(calls) == 3:
            raise OSError(28, "No space left on device")
        write(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(GraderError, match="No space left on device"):
        init(course, tmp_path / "mine")

    init(course, tmp_path / "mine")
    assert not list((tmp_path / "mine").rglob(".*.new"))
    assert (tmp_path / "mine/ch01_tiny/first.py").exists()


def test_init_from_a_hand_out(course, tmp_path):
    """Where there are no solutions, the stubs that were handed out are used, never the answers beside them."""
    derive(course, course.root / "exercises/.grader/stubs")
    derive(course, course.root / "exercises")
    shutil.rmtree(course.root / "solutions")
    (course.root / "exercises/ch01_tiny/first.py").write_text("answer = 42\n")

    workspace = init(Course.load(course.root), tmp_path / "mine").workspace

    assert (workspace.root / "ch01_tiny/first.py").read_text().count(STUB) == 2


def test_the_workspace_one_stands_in(workspace, tmp_path):
    """Any folder inside a workspace leads to it; elsewhere the course's exercises are meant."""
    course = workspace.course

    assert find(workspace.root / "ch01_tiny", course) == workspace
    assert find(tmp_path, course).root == course.root / "exercises"
    assert locate(tmp_path) is None
    assert course_of(workspace.root) == course.root


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1}', "\0", '{"version": 99, "course": "x"}'])
def test_a_damaged_marker_is_told(workspace, text):
    """A workspace.json that cannot be used is named."""
    (workspace.root / ".grader/workspace.json").write_text(text)

    with pytest.raises(GraderError, match=r"workspace\.json"):
        find(workspace.root, workspace.course)


def test_pristine_stubs(workspace):
    """They come from the workspace, and from the solutions where those are gone."""
    section = workspace.course.sections[0]
    kept = workspace.pristine(section)
    shutil.rmtree(workspace.root / ".grader/stubs")

    assert workspace.pristine(section) == kept


def test_reset_puts_one_stub_back(workspace):
    """Only that definition changes, and the backup holds the file as it was."""
    section, exercise = workspace.course.sections[0], workspace.course.exercises[0]
    old = solve(workspace)

    backup = workspace.reset(exercise, NOON)

    assert backup == workspace.root / ".grader/backups/ch01_tiny/first.py.20250301-120000"
    assert backup.read_text() == old
    assert workspace.read(section) == old.replace("    return a + b", STUB)


def test_no_backup_replaces_another(workspace):
    """Two resets within a second leave two backups."""
    exercise = workspace.course.exercises[0]
    names = [workspace.reset(exercise, NOON).name for _ in range(3)]

    assert names == [f"first.py.20250301-120000{number}" for number in ("", ".1", ".2")]


@pytest.mark.parametrize("content", [b"def add(:\n", b"caf\xe9", b"\0"])
def test_reset_of_a_file_that_does_not_parse(workspace, content):
    """All of the file is put back, and the backup holds every byte."""
    section = workspace.course.sections[0]
    workspace.path(section).write_bytes(content)

    backup = workspace.reset(workspace.course.exercises[0])

    assert backup.read_bytes() == content
    assert workspace.read(section) == workspace.pristine(section)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("def add(", "def plus("),
        lambda text: text + "\nadd = lambda a, b: a + b\n",
        lambda text: text + "\ndef add(a, b):\n    return a + b\n",
        lambda text: (text + "\nadd = 1").replace("\n", "\r\n"),
    ],
)
def test_after_a_reset_the_name_means_the_stub(workspace, change):
    """Also where the definition is gone, or another further down takes its name; other work stays."""
    section, exercise = workspace.course.sections[0], workspace.course.exercises[0]
    text = change(solve(workspace))
    workspace.path(section).write_bytes(text.encode())

    workspace.reset(exercise)

    new = workspace.path(section).read_bytes().decode()
    assert is_stub(new, workspace.pristine(section), "add")
    assert "return x.mean(-1)" in new
    assert ("\r\n" in text) == ("\r\n" in new)
    assert new.count("\r\n") in (0, new.count("\n"))


def test_reset_of_a_missing_file(workspace):
    """The file is made anew, and there is nothing to keep."""
    section = workspace.course.sections[0]
    workspace.path(section).unlink()

    with pytest.raises(GraderError, match="is missing") as caught:
        workspace.read(section)
    assert caught.value.hint == "`grader reset ch01/first/add` makes it anew."
    assert workspace.reset(workspace.course.exercises[0]) is None
    assert workspace.read(section) == workspace.pristine(section)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_something_else_in_the_files_place(workspace, make):
    """A folder or a pipe is told, and does not hang."""
    section = workspace.course.sections[0]
    workspace.path(section).unlink()
    make(workspace.path(section))

    for do in (lambda: workspace.read(section), lambda: workspace.reset(workspace.course.exercises[0])):
        with pytest.raises(GraderError, match="must be a file"):
            do()


def test_a_file_that_is_too_large(workspace):
    """Nobody's source has half a megabyte, and nothing tries to parse it."""
    section = workspace.course.sections[0]
    workspace.path(section).write_bytes(b"1," * 2**20)

    with pytest.raises(GraderError, match="more than the"):
        workspace.read(section)


def test_a_reset_that_cannot_be_written_changes_nothing(workspace, monkeypatch):
    """When the disk is full the learner's file stands as it was."""
    old = solve(workspace)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(GraderError, match="No space left"):
        workspace.reset(workspace.course.exercises[0])

    assert workspace.read(workspace.course.sections[0]) == old


def test_permissions_survive_a_reset(workspace):
    """A file that only its owner may read stays so."""
    path = workspace.path(workspace.course.sections[0])
    path.chmod(0o600)

    workspace.reset(workspace.course.exercises[0])

    assert path.stat().st_mode & 0o777 == 0o600


def test_init_where_some_solutions_were_given(course, tmp_path):
    """In a chapter with one solution given, that section is cut from it, whatever the exercises beside it hold."""
    for name in ("first", "second"):
        for ending in ("py", "md", "toml"):
            copy = course.root / f"exercises/ch01_tiny/{name}.{ending}"
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(course.root / f"solutions/ch01_tiny/first.{ending}", copy)
    for name in ("first", "second"):
        (course.root / f"exercises/ch01_tiny/{name}.py").write_text("answer = 42\n")

    workspace = init(Course.load(course.root), tmp_path / "mine").workspace

    assert (workspace.root / "ch01_tiny/first.py").read_text().count(STUB) == 2
    assert (workspace.root / "ch01_tiny/second.py").read_text() == "answer = 42\n"


def test_a_write_that_is_interrupted_leaves_the_old_file(workspace, monkeypatch):
    """The new content appears by one rename; before it nothing of the old is touched."""
    old = solve(workspace)
    monkeypatch.setattr(os, "replace", lambda *paths: (_ for _ in ()).throw(OSError(5, "Input/output error")))

    with pytest.raises(GraderError, match="Input/output error"):
        workspace.reset(workspace.course.exercises[0])

    assert workspace.read(workspace.course.sections[0]) == old
    assert not list(workspace.root.rglob(".*.new"))

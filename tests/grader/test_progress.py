"""Progress is readable, follows renames, and is never lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import grader.progress
from grader.course import Course
from grader.errors import GraderError
from grader.progress import Progress, Record, source_hash
from grader.results import Status
from grader.workspace import Workspace

TINY = Path(__file__).parent / "tiny"
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
LATER = datetime(2025, 3, 2, 12, tzinfo=UTC)
ADD, MEAN = "ch01/first/add", "ch01/first/mean"
PASSED = Record(Status.PASSED, 2.0, 2.0, seed=7, source_hash="abc")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    for ending in ("py", "toml"):
        path = tmp_path / f"solutions/ch01_tiny/first.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TINY / "solutions/ch01_tiny" / path.name, path)
    return Workspace(tmp_path / "mine", Course.load(tmp_path))


@pytest.fixture
def path(workspace: Workspace) -> Path:
    return workspace.private / "progress.json"


def kept(path: Path) -> list[Path]:
    return sorted(path.parent.glob("progress.json.damaged-*"))


def test_nothing_done_yet(workspace, path):
    """Looking at progress writes nothing."""
    progress = Progress.open(workspace)

    assert progress.get(workspace.course.exercises[0]) == Record()
    assert not path.parent.exists()


def test_what_was_done_is_found_again(workspace, path):
    """Records survive, in a file that people can read."""
    add, mean = workspace.course.exercises
    Progress.open(workspace).update({MEAN: PASSED, ADD: Record(Status.FAILED, 0.0, 2.0, seed=1)}, NOON)

    progress = Progress.open(workspace)

    stamp = "2025-03-01T12:00:00Z"
    assert progress.get(mean) == replace(PASSED, passed_at=stamp, checked_at=stamp)
    assert progress.get(add).passed_at is None
    lines = path.read_text().splitlines()
    assert lines.index(f'    "{ADD}": {{') < lines.index(f'    "{MEAN}": {{')


def test_the_first_pass_and_the_hints_stay(workspace):
    """A later failure changes the status and forgets neither."""
    add = workspace.course.exercises[0]
    progress = Progress.open(workspace)
    progress.hint(add)
    progress.update({ADD: PASSED}, NOON)
    progress.update({ADD: Record(Status.FAILED, 1.0, 2.0)}, LATER)

    record = progress.get(add)

    assert (record.status, record.points, record.hints_used) == (Status.FAILED, 1.0, 1)
    assert (record.passed_at, record.checked_at) == ("2025-03-01T12:00:00Z", "2025-03-02T12:00:00Z")


def test_hints_go_up_to_the_last(workspace):
    """Each call is one level more, and the last level stays."""
    add = workspace.course.exercises[0]

    assert [Progress.open(workspace).hint(add) for _ in range(5)] == [1, 2, 3, 3, 3]


def test_the_seed_stays(workspace):
    """An exercise keeps the seed it was checked with; before that the seed depends only on its id."""
    add, mean = workspace.course.exercises
    progress = Progress.open(workspace)
    first = progress.seed_for(add)
    assert Progress.open(workspace).seed_for(add) == first
    progress.update({ADD: Record(seed=0)})

    assert progress.seed_for(add) == 0
    assert first != progress.seed_for(mean)


def test_two_writers_lose_nothing(workspace, path):
    """Someone else's records, written after ours were read, are merged."""
    one, other = Progress.open(workspace), Progress.open(workspace)
    one.update({ADD: PASSED})
    other.update({MEAN: PASSED})
    one.update({ADD: PASSED})

    assert set(json.loads(path.read_text())["exercises"]) == {ADD, MEAN}
    other.update({})
    assert other.get(workspace.course.exercises[0]).status is Status.PASSED


def test_many_processes_lose_nothing(workspace, path):
    """Processes that write at the same moment all find their records in the file."""
    code = """
import sys
from pathlib import Path
from grader.course import Course
from grader.progress import Progress, Record
from grader.workspace import Workspace
root, who = Path(sys.argv[1]), sys.argv[2]
workspace = Workspace(root / "mine", Course.load(root))
for number in range(20):
    Progress.open(workspace).update({f"{who}/{number}": Record(points=1.0)})
"""
    arguments = [sys.executable, "-c", code, str(workspace.course.root)]
    writers = [subprocess.Popen([*arguments, who], cwd=TINY.parents[2]) for who in "abc"]

    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert len(json.loads(path.read_text())["exercises"]) == 60


def test_records_follow_a_renaming(workspace, path):
    """What was done under a former id counts under the new one, and moves there when it changes."""
    Progress.open(workspace).update({ADD: PASSED}, NOON)
    folder = workspace.course.root / "solutions/ch01_tiny"
    (folder / "first.toml").write_text('former_ids = ["ch01/first"]\n' + (folder / "first.toml").read_text())
    for ending in ("py", "toml"):
        (folder / f"first.{ending}").rename(folder / f"start.{ending}")
    renamed = Workspace(workspace.root, Course.load(workspace.course.root))
    add = renamed.course.exercises[0]

    progress = Progress.open(renamed)

    assert progress.get(add).status is Status.PASSED
    progress.update({add.id: Record(Status.FAILED)}, LATER)
    assert list(json.loads(path.read_text())["exercises"]) == ["ch01/start/add"]
    assert progress.get(add).passed_at == "2025-03-01T12:00:00Z"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"version": 1}',
        b'{"version": 1, "exercises": {"a": 3}}',
        b'{"version": 1, "exercises": {"a": {"status": "great"}}}',
        b'{"version": 1, "exercises": {"a": {"points": "2"}}}',
        b'{"version": 1, "exercises": {"a": {"points": NaN}}}',
        b'{"version": 1, "exercises": {"a": {"hints_used": null}}}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_kept_aside_and_said(workspace, path, content):
    """Nothing is thrown away: the file stays under another name, which the note tells."""
    path.parent.mkdir(parents=True)
    path.write_bytes(content)

    progress = Progress.open(workspace)
    progress.update({ADD: PASSED})

    (aside,) = kept(path)
    assert aside.read_bytes() == content
    (note,) = progress.notes
    assert str(aside) in note
    assert Progress.open(workspace).notes == ()
    assert Progress.open(workspace).get(workspace.course.exercises[0]).status is Status.PASSED


def test_a_file_that_is_damaged_while_it_is_open(workspace, path):
    """What was read before does not come back over the damage unsaid."""
    progress = Progress.open(workspace)
    progress.update({ADD: PASSED})
    path.write_text("{")

    progress.update({MEAN: PASSED})

    assert len(kept(path)) == len(progress.notes) == 1


def test_a_newer_version_is_left_alone(workspace, path):
    """A file of a newer grader is refused, not damaged."""
    path.parent.mkdir(parents=True)
    path.write_text('{"version": 2, "exercises": {}}')

    with pytest.raises(GraderError, match="version 2"):
        Progress.open(workspace)
    assert not kept(path)


def test_a_folder_in_the_files_place(workspace, path):
    """It is told with its name."""
    path.mkdir(parents=True)

    with pytest.raises(GraderError, match="must be a file"):
        Progress.open(workspace)


def test_a_full_disk(workspace, path, monkeypatch):
    """The old file stands when the new one cannot be written."""
    progress = Progress.open(workspace)
    progress.update({ADD: PASSED})
    old = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(GraderError, match="No space left"):
        progress.update({MEAN: PASSED})
    assert path.read_bytes() == old


def test_another_process_that_never_lets_go(workspace, path, monkeypatch):
    """Waiting ends with a sentence."""
    monkeypatch.setattr(grader.progress, "PATIENCE", 0.05)
    path.parent.mkdir(parents=True)

    with grader.progress.FileLock(path.with_suffix(".lock")), pytest.raises(GraderError, match="Another process"):
        Progress.open(workspace).update({ADD: PASSED})


def test_the_hash_is_of_one_definition():
    """Line ends and the rest of the file do not count; the code does."""
    text = "def add(a, b):\n    return a + b\n"

    assert source_hash(text, "add") == source_hash("x = 1\r\n" + text.replace("\n", "\r\n"), "add")
    assert source_hash(text, "add") != source_hash(text.replace("+", "-"), "add")
    assert source_hash("def add(:", "add") == ""

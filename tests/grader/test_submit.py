"""What a learner hands in: exactly the files that count, with a receipt that depends on nothing else."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from nbformat.v4 import new_output
from typer.testing import CliRunner

from grader.cli_collect import submit
from grader.course import Course
from grader.errors import GraderError
from grader.exercises import derive
from grader.instructor.attempts import Attempt
from grader.notebooks import build, dumps
from grader.options import SETTINGS, Anywhere, CourseOption, WorkspaceOption
from grader.place import Place
from grader.progress import Progress, Record, source_hash
from grader.receipts import receipt
from grader.results import Status
from grader.submit import MANIFEST, Release, Submission, chosen, default_name, pack, read_release, write, zipped
from grader.workspace import Workspace, init

TINY = Path(__file__).parent / "tiny"
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
STUB = "    raise NotImplementedError"


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """Two chapters; each has a section called `first`."""
    for chapter, number in (("ch01_tiny", "1.1"), ("ch02_more", "2.1")):
        folder = tmp_path / "course/solutions" / chapter
        shutil.copytree(TINY / "solutions/ch01_tiny", folder)
        text = (folder / "first.toml").read_text()
        (folder / "first.toml").write_text(text.replace('number = "1.1"', f'number = "{number}"'))
    return Course.load(tmp_path / "course")


@pytest.fixture
def workspace(course: Course, tmp_path: Path) -> Workspace:
    return init(course, tmp_path / "mine", NOON).workspace


@pytest.fixture
def run(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    """`grader submit`, typed in the workspace."""
    app = typer.Typer(cls=Anywhere, **SETTINGS)

    @app.callback()
    def place(context: typer.Context, workspace: WorkspaceOption = None, course: CourseOption = None) -> None:
        context.obj = Place(workspace, course)

    app.command("submit")(submit)
    monkeypatch.chdir(workspace.root)
    return lambda *arguments: CliRunner().invoke(app, ["submit", *arguments])


def solve(workspace: Workspace, number: int = 0) -> str:
    """Writes `add`, and returns the text."""
    path = workspace.path(workspace.course.sections[number])
    path.write_text(path.read_text().replace(STUB, "    return a + b", 1))
    return path.read_text()


def released(workspace: Workspace, **facts: object) -> None:
    manifest = {"assignment": "hw1", "sections": ["ch01/first"], "student": None, **facts}
    (workspace.root / MANIFEST).write_text(json.dumps(manifest))


def packed(workspace: Workspace, *names: str, student: str = "", at: datetime = NOON) -> Submission:
    release = read_release(workspace)
    return pack(workspace, chosen(workspace, release, names), release, student, at)


def content(made: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_only_what_counts_goes_in(workspace):
    """Of everything that lies in the workspace, the hand-out's sections and the facts are packed, byte for byte."""
    released(workspace)
    text = solve(workspace).replace("\n", "\r\n")
    workspace.path(workspace.course.sections[0]).write_bytes(text.encode())
    solve(workspace, 1)
    (workspace.root / "ch01_tiny/secret.txt").write_text("mine")

    files = content(zipped(packed(workspace, student="ada")))

    assert set(files) == {"ch01_tiny/first.py", "submission.json"}
    assert files["ch01_tiny/first.py"] == text.encode()
    facts = json.loads(files["submission.json"])
    assert facts["files"] == {"ch01_tiny/first.py": hashlib.sha256(text.encode()).hexdigest()}
    assert (facts["assignment"], facts["student"], facts["created"]) == ("hw1", "ada", "2025-03-01T12:00:00Z")
    assert {"grader", "python", "platform", "numpy", "torch"} == set(facts["versions"])


def test_versions_are_found_without_importing(workspace):
    """Saying which torch is installed does not load it."""
    code = "import sys; from grader.submit import versions; print(versions()['torch'], 'torch' in sys.modules)"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout

    assert said.split()[0] != "not"
    assert said.split()[-1] == "False"


def test_the_same_files_have_the_same_receipt(workspace):
    """A day later the receipt is the same, and the zip too, but for submission.json."""
    solve(workspace)

    one, two = packed(workspace), packed(workspace, at=NOON + timedelta(days=1))

    assert one.receipt == two.receipt
    assert zipped(one) == zipped(packed(workspace))
    assert {**content(zipped(one)), "submission.json": b""} == {**content(zipped(two)), "submission.json": b""}
    solve(workspace, 1)
    assert packed(workspace).receipt != one.receipt


def test_the_instructor_sees_the_same_receipt(workspace):
    """The code is made from what an attempt keeps."""
    text = solve(workspace)

    attempt = Attempt("ada", "hw1", NOON, {"ch01_tiny/first.py": text.encode()})

    assert packed(workspace).receipt == receipt(attempt.digest)
    assert len(packed(workspace).receipt) == 19


def test_names_choose_and_without_them_what_is_written(workspace):
    """Named sections, else those with something written; an unwritten workspace is told so."""
    with pytest.raises(GraderError, match="Nothing is written yet"):
        packed(workspace)
    solve(workspace, 1)

    assert list(packed(workspace).files) == ["ch02_more/first.py"]
    assert list(packed(workspace, "ch01/first/add").files) == ["ch01_tiny/first.py"]


def test_a_name_that_does_not_count_is_refused(workspace):
    """In a hand-out, what it does not count cannot be handed in."""
    released(workspace)

    with pytest.raises(GraderError, match="ch02/first is no part of hw1"):
        packed(workspace, "ch02")


def test_a_missing_file_is_said(workspace):
    """What is there is packed; what is not is named; nothing at all is an error."""
    released(workspace, sections=["ch01/first", "ch02/first"])
    workspace.path(workspace.course.sections[0]).unlink()

    assert packed(workspace).missing == ("ch01_tiny/first.py",)
    workspace.path(workspace.course.sections[1]).unlink()
    with pytest.raises(GraderError, match="None of these files is there"):
        packed(workspace)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"assignment": "hw1"}', '{"assignment": "a", "sections": 3}', "[" * 99999]
)
def test_a_damaged_manifest_is_told(workspace, text):
    """A hand-out that was damaged is a sentence, not a crash."""
    (workspace.root / MANIFEST).write_text(text)

    with pytest.raises(GraderError, match="is damaged"):
        read_release(workspace)


def test_the_hand_out_knows_its_student(workspace):
    """A variant is packed for its student; another name is packed as such, and both are recorded."""
    released(workspace, student="ada")

    assert packed(workspace).facts["student"] == "ada"
    assert (packed(workspace, student="bob").facts["student"], packed(workspace, student="bob").facts["made_for"]) == (
        "bob",
        "ada",
    )


def test_a_notebook_hand_out_packs_the_notebook(workspace):
    """The notebook goes in as it is; its receipt is that of the code in it, whatever its outputs."""
    section = workspace.course.sections[0]
    notebook = build(section, solve(workspace))
    module = workspace.path(section)
    module.unlink()
    module.with_suffix(".ipynb").write_text(dumps(notebook))
    released(workspace, files={"ch01_tiny/first.ipynb": ""})
    one = packed(workspace)
    module.write_text("scratch = 1")  # the learner's own, which the hand-out did not bring
    notebook.cells[-1].outputs = [new_output("stream", text="hello")]
    module.with_suffix(".ipynb").write_text(dumps(notebook))
    two = packed(workspace)

    assert list(one.files) == list(two.files) == ["ch01_tiny/first.ipynb"]
    assert one.files != two.files
    assert one.receipt == two.receipt
    assert one.standings[0].stubs == ("mean",)


def test_what_a_learner_wants_to_know(workspace, run):
    """Before packing: what passed, what changed since, what is a stub."""
    text = solve(workspace)
    add, mean = workspace.course.sections[0].exercises
    records = {
        add.id: Record(Status.PASSED, source_hash=source_hash(text, "add")),
        mean.id: Record(Status.PASSED, source_hash="what it was"),
    }
    Progress.open(workspace).update(records)

    said = " ".join(run("ch01/first").output.split())

    assert "1 of 2 passed here when last checked" in said
    assert "changed since they passed: mean" in said
    assert "still as handed out: mean" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [(b"x = 1\ndef f(:\n", "line 2: not valid Python"), (b"\xff\xfe", "not UTF-8"), (b"(" * 5000, "not valid Python")],
)
def test_a_file_that_cannot_be_graded_is_packed_and_said(workspace, run, text, said):
    """A deadline may be near: it is packed all the same, and said with its line."""
    workspace.path(workspace.course.sections[0]).write_bytes(text)

    result = run("ch01/first")

    assert said in " ".join(result.output.split())
    assert result.exit_code == 0
    assert content((workspace.root / "submission.zip").read_bytes())["ch01_tiny/first.py"] == text


def test_only_asked_exercises_are_counted(workspace, run):
    """Of a section of which the hand-out asks for one exercise, the others are not spoken of."""
    released(workspace, exercises=[{"id": "ch01/first/add"}])
    solve(workspace)

    assert "0 of 1 passed here when last checked\n" in run().output


def test_the_command_says_what_it_made_and_sends_nothing(workspace, run):
    """The zip, the receipt on the screen and in the workspace, and what to do with them."""
    released(workspace)
    solve(workspace)

    result = run("--student", "ada")

    assert result.exit_code == 0
    (kept,) = (workspace.root / ".grader/submissions").iterdir()
    facts = json.loads(kept.read_text())
    assert f"Receipt: {facts['receipt']}" in result.output
    assert result.output.endswith("Nothing was sent. Next: upload hw1-ada.zip to where your class hands in.\n")
    assert json.loads(content((workspace.root / "hw1-ada.zip").read_bytes())["submission.json"]) == facts


def test_other_files_are_not_overwritten(workspace, run):
    """An earlier zip is replaced; something else of that name stays."""
    solve(workspace)
    mine = workspace.root / "notes.zip"
    mine.write_text("mine")

    assert run("--out", "notes.zip").exit_code == 2
    assert mine.read_text() == "mine"
    assert run().exit_code == run().exit_code == 0


def test_a_failed_write_leaves_the_old_zip(workspace):
    """What cannot be written leaves what was there."""
    solve(workspace)
    target = workspace.root / "deep"
    target.write_text("a file")

    with pytest.raises(GraderError):
        write(workspace, packed(workspace), target / "out.zip")
    assert target.read_text() == "a file"
    assert not list(workspace.root.rglob("*.new"))


@pytest.mark.parametrize("student", ["../../evil", "a/b", "-x", "ada\n", "α β", ""])
def test_no_id_leads_out_of_the_folder(workspace, student):
    """An id that cannot be part of a name is left out of it."""
    solve(workspace)
    submission = packed(workspace, student=student)

    assert default_name(submission) == "submission.zip"


def test_too_large_a_file_is_told(workspace):
    """Half a megabyte is the bound, as for the collector."""
    workspace.path(workspace.course.sections[0]).write_text("#" * (2**19 + 1))

    with pytest.raises(GraderError, match="more than the"):
        pack(workspace, workspace.course.sections[:1], Release())


def test_a_course_of_stubs_is_enough(course, tmp_path):
    """Submitting needs neither solutions nor suites."""
    derive(course, tmp_path / "alone/exercises")
    workspace = init(Course.load(tmp_path / "alone"), tmp_path / "hers").workspace
    solve(workspace)

    assert list(packed(workspace).files) == ["ch01_tiny/first.py"]

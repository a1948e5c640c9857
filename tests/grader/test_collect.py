"""What comes in is taken from whatever it came in, with its time; what is hostile is refused with the reason."""

from __future__ import annotations

import io
import os
import re
import shutil
import stat
import struct
import subprocess
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from grader.cli_collect import collect as command
from grader.course import Course, select
from grader.errors import GraderError
from grader.instructor import attempts
from grader.instructor.handout.handout import HandOut
from grader.instructor.intake import repositories
from grader.instructor.intake.collect import Collected, Options, collect
from grader.instructor.intake.entries import SUBMISSION, Refused, name_problem
from grader.instructor.intake.finding import MOST_ZIPS
from grader.instructor.intake.folders import folder_entries
from grader.instructor.intake.origins import Kind
from grader.instructor.intake.unpacking import zip_entries
from grader.instructor.term import Assignment, Term, add_assignment, create
from grader.notebooks import build, dumps
from grader.options import SETTINGS
from grader.submit import MANIFEST, Release, pack, read_release, write
from grader.workspace import Workspace, init

TINY = Path(__file__).parent / "tiny"
DUE = datetime(2025, 3, 1, 12, tzinfo=UTC)
EARLY, AFTER = DUE - timedelta(days=1), DUE + timedelta(days=2)
CODE = b"def add(a, b):\n    return a + b\n"
FIRST, SECOND, OTHER = "ch01_tiny/first.py", "ch01_tiny/second.py", "ch02_more/first.py"
ROSTER = """\
id,first_name,last_name,email,canvas_id,moodle_id,github
ada,Ada,Lovelace,ada@x.org,101,,countess
bob,Bob,Ross,Bob@x.org,,502,
zoe,Zoë,Çelik-Šević,zoe@x.org,,,
kim1,Kim,Lee,kim1@x.org,,,
kim2,Kim,Lee,kim2@x.org,105,,
"""
Hostile = Callable[[], bytes]


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sections; two are called `first`."""
    root = tmp_path_factory.mktemp("course")
    for number, path in (("1.1", FIRST), ("1.2", SECOND), ("2.1", OTHER)):
        target = root / "solutions" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        for ending in ("py", "md", "toml"):
            shutil.copy(TINY / f"solutions/ch01_tiny/first.{ending}", target.with_suffix(f".{ending}"))
        toml = target.with_suffix(".toml")
        toml.write_text(toml.read_text().replace('number = "1.1"', f'number = "{number}"'))
    return root


@pytest.fixture
def term(course: Path, tmp_path: Path) -> Term:
    """A class with a roster and two assignments: one section, and all three."""
    (tmp_path / "students.csv").write_text(ROSTER)
    made = create(tmp_path / "class", course, tmp_path / "students.csv")
    made = add_assignment(made, Assignment("hw1", ("ch01/first",), DUE, 7))
    return add_assignment(made, Assignment("hw2", ("ch01", "ch02"), DUE, 7))


def take(term: Term, *sources: Path, name: str = "hw1", **options: object) -> Collected:
    return collect(term, term.assignment(name), sources, Options(**options), lambda shown: None)  # type: ignore[arg-type]


def kept(term: Term, name: str = "hw1") -> dict[str, list[attempts.Attempt]]:
    found = attempts.attempts(term, term.assignment(name))
    return {student: [attempts.read(folder) for folder in folders] for student, folders in found.items()}


def only(term: Term, student: str, name: str = "hw1") -> attempts.Attempt:
    (attempt,) = kept(term, name)[student]
    return attempt


def zipped(files: Mapping[str, bytes], at: datetime = EARLY) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, at.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return made.getvalue()


def put(path: Path, content: bytes, at: datetime = EARLY) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def reasons(collected: Collected) -> dict[str, str]:
    return dict(collected.refused)


# --- folders, zips, and who it is ---


def test_a_folder_for_each_student(term, tmp_path):
    """By path or by bare name, as folder, file or zip; the time is that of the newest file that counts."""
    source = tmp_path / "in"
    put(source / "ada" / FIRST, CODE)
    put(source / "ada/notes.txt", b"later", AFTER)
    put(source / "bob.py", CODE + b"# bob\n", AFTER)
    put(source / "hw1-zoe.zip", zipped({"deep/er/first.py": CODE + b"# zoe\n"}, AFTER))
    put(source / "README.txt", b"")

    collected = take(term, source)

    assert (collected.refused, collected.unknown) == ([], [])
    assert only(term, "ada").files == {FIRST: CODE}
    assert only(term, "bob").files == {FIRST: CODE + b"# bob\n"}
    assert only(term, "zoe").files == {FIRST: CODE + b"# zoe\n"}
    assert [only(term, each).received for each in ("ada", "bob", "zoe")] == [EARLY, AFTER, EARLY]
    assert [each.id for each in collected.missing] == ["kim1", "kim2"]
    assert all("time: that of the newest" in row.attempt.notes[0] for row in collected.rows)


def test_what_lies_hidden_does_not_count(term, tmp_path):
    """A whole workspace may be handed in: its pristine stubs, backups and caches are not mistaken for answers."""
    for place in (FIRST, f".grader/stubs/{FIRST}", f"__pycache__/{FIRST}", ".git/first.py", "venv/first.py"):
        put(tmp_path / "in/ada" / place, CODE if place == FIRST else b"x = 1\n")
    os.symlink("/usr/bin/python3", tmp_path / "in/ada/venv/python")
    shutil.rmtree(tmp_path / "in/ada/.git")
    mac = {FIRST: CODE, "__MACOSX/ch01_tiny/._first.py": b"\0", ".ipynb_checkpoints/first.py": b"old"}
    put(tmp_path / "in/bob.zip", zipped(mac))

    assert take(term, tmp_path / "in").refused == []
    assert only(term, "ada").files == only(term, "bob").files == {FIRST: CODE}


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("ada", "ada"), ("ada@x.org", "ada"), ("BOB@X.ORG", "bob"), ("Ada Lovelace", "ada"), ("lovelace_ada", "ada"),
        ("Zoe Celik Sevic", "zoe"), ("kim2", "kim2"), ("Kim Lee", None), ("nobody", None), ("101", None), ("", None),
    ],
)  # fmt: skip
def test_who_it_is(term, tmp_path, name, student):
    """By id, by email, by name without case and accents where one alone has it; else nobody's, and said."""
    source = tmp_path / "in"
    put(source / (name or "mystery") / FIRST, CODE)
    put(source / "kim1" / FIRST, CODE)

    collected = take(term, source)

    assert set(kept(term)) == {"kim1", *([student] if student else [])}
    assert len(collected.unknown) == (student is None)
    assert all("students.csv" in why for _, why in collected.unknown)


def test_without_a_roster_folders_name_the_students(term, tmp_path):
    """A class without students.csv takes ids from names, where they can be ids."""
    (term.root / "students.csv").unlink()
    term = Term.load(term.root)
    put(tmp_path / "in/ann" / FIRST, CODE)
    put(tmp_path / "in/a b" / FIRST, CODE)

    collected = take(term, tmp_path / "in")

    assert set(kept(term)) == {"ann"}
    assert [shown for shown, _ in collected.unknown] == ["a b"]
    assert collected.missing == []


def test_two_files_that_differ_are_never_chosen_between(term, tmp_path):
    """Both paths are named; equal copies are one; the exact path goes before a bare name; a stub is no answer."""
    stub = (term.course_root / "solutions" / FIRST).read_text()
    stub = re.sub(r"# BEGIN SOLUTION\n.*?# END SOLUTION", "raise NotImplementedError", stub, flags=re.DOTALL)
    put(tmp_path / "in/ada/a/first.py", CODE)
    put(tmp_path / "in/ada/b/first.py", CODE + b"#")
    put(tmp_path / "in/bob/a/first.py", CODE)
    put(tmp_path / "in/bob/b/first.py", CODE)
    put(tmp_path / "in/zoe/old/first.py", b"old")
    put(tmp_path / "in/zoe" / FIRST, CODE)
    put(tmp_path / "in/kim1/a/first.py", stub.encode())
    put(tmp_path / "in/kim1/b/first.py", CODE)

    collected = take(term, tmp_path / "in")

    assert list(reasons(collected)) == ["ada"]
    assert "a/first.py and b/first.py differ" in reasons(collected)["ada"]
    assert only(term, "bob").files == only(term, "zoe").files == only(term, "kim1").files == {FIRST: CODE}
    assert any("a/first.py is the stub" in note for note in only(term, "kim1").notes)


def test_a_bare_name_of_two_sections_is_none(term, tmp_path):
    """`first.py` could be either; with its folder it is one."""
    put(tmp_path / "in/ada/first.py", CODE)
    put(tmp_path / "in/ada/second.py", CODE)
    put(tmp_path / "in/bob/ch02_more/first.py", CODE)

    collected = take(term, tmp_path / "in", name="hw2")

    assert only(term, "ada", "hw2").files == {SECOND: CODE}
    assert only(term, "bob", "hw2").files == {OTHER: CODE}
    assert {row.wanted for row in collected.rows} == {3}


def test_a_lone_file_counts_under_any_name(term, tmp_path):
    """Where one file counts, the only Python file is it; of several none is guessed."""
    put(tmp_path / "in/ada/homework one.py", CODE)
    put(tmp_path / "in/bob/one.py", CODE)
    put(tmp_path / "in/bob/two.py", CODE)
    put(tmp_path / "in/zoe.tar.gz", b"")

    collected = take(term, tmp_path / "in")

    assert only(term, "ada").files == {FIRST: CODE}
    assert "there is one.py, two.py" in reasons(collected)["bob"]
    assert "not opened: hand in what `grader submit` makes" in reasons(collected)["zoe.tar.gz"]


def test_a_notebook_is_read_for_its_code(term, tmp_path):
    """The text of its cells is kept; one that cannot be read is said, with what it is called."""
    (section, *_) = term.course.sections
    good = dumps(build(section, (term.course_root / "solutions" / FIRST).read_text())).encode()
    put(tmp_path / "in/ada/ch01_first.ipynb", good)
    put(tmp_path / "in/bob/first.ipynb", b"{")

    collected = take(term, tmp_path / "in")

    assert b"return a + b" in only(term, "ada").files[FIRST]
    assert "first.ipynb is not taken" in reasons(collected)["bob"]


def test_a_notebook_of_a_section_that_is_partly_given(term, tmp_path):
    """Given code is what learners were given, not a stub; so that both sides see one receipt."""
    assignment = Assignment("hw3", ("ch01/first/add",), DUE, 7, given=("ch01/first/mean",))
    term = add_assignment(term, assignment)
    asked, given = (select(term.course, each) for each in (assignment.exercises, assignment.given))
    root = tmp_path / "hand-out"
    for name, content in HandOut(term.course, assignment, asked, given, term, notebooks=True).common.items():
        put(root / name, content)
    put(root / MANIFEST, b'{"assignment": "hw3", "sections": ["ch01/first"], "student": null}')
    workspace = Workspace(root, Course.load(root / ".grader"))
    submission = pack(workspace, workspace.course.sections, read_release(workspace))

    (row,) = take(term, root, name="hw3", student="ada").rows

    assert list(submission.files) == ["ch01_tiny/first.ipynb"]
    assert row.receipt == submission.receipt
    assert b"np.asarray(x).sum" in row.attempt.files[FIRST]


# --- what `grader submit` made ---


def submission(term: Term, tmp_path: Path, student: str) -> tuple[Path, str]:
    workspace = init(term.course, tmp_path / f"work-{student}").workspace
    put(workspace.root / FIRST, CODE)
    made = pack(workspace, workspace.course.sections[:1], Release("hw1", student), student)
    write(workspace, made, tmp_path / f"hw1-{student}.zip")
    os.utime(tmp_path / f"hw1-{student}.zip", (EARLY.timestamp(), EARLY.timestamp()))
    return tmp_path / f"hw1-{student}.zip", made.receipt


def test_a_submission_as_it_was_packed(term, tmp_path):
    """One zip, whatever it is called by now; the same receipt on both sides; its own time is not believed."""
    path, receipt = submission(term, tmp_path, "ada")
    path = path.rename(tmp_path / "download (3).zip")

    (row,) = take(term, path).rows

    assert (row.attempt.student, row.receipt, row.attempt.received) == ("ada", receipt, EARLY)
    assert "whose it is, the submission itself says" in row.attempt.notes


def test_what_does_not_fit_is_noted_and_taken(term, tmp_path):
    """Made for somebody else, changed after packing, of another assignment: noted, and graded by what it holds."""
    path, _ = submission(term, tmp_path, "bob")
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["submission.json"] = files["submission.json"].replace(b'"hw1"', b'"hw9"')
    put(tmp_path / "in/ada.zip", zipped(files | {FIRST: CODE + b"# more\n"}))

    take(term, tmp_path / "in")

    notes = " | ".join(only(term, "ada").notes)
    assert only(term, "ada").files == {FIRST: CODE + b"# more\n"}
    for said in (
        "packed by `grader submit` for bob",
        "made for bob",
        "assignment hw9",
        "changed after `grader submit`",
    ):
        assert said in notes


@pytest.mark.parametrize("facts", [b"{", b"[1]", b'{"student": 3, "files": []}', b"[" * 99999, b'{"files": {"x": 1}}'])
def test_nonsense_about_itself_is_passed_over(term, tmp_path, facts):
    """submission.json may be anything."""
    put(tmp_path / "ada.zip", zipped({FIRST: CODE, "submission.json": facts}))

    assert take(term, tmp_path / "ada.zip").refused == []
    assert only(term, "ada").files == {FIRST: CODE}


def test_a_zip_of_zips(term, tmp_path):
    """A class in one zip, a zip for each student; a zip in a student's zip is opened, one within that is not."""
    deep = zipped({"more.zip": zipped({"most.zip": zipped({FIRST: CODE})})})
    files = {"all/ada.zip": zipped({FIRST: CODE}), "all/bob/up.zip": zipped({FIRST: CODE}), "all/zoe.zip": deep}
    put(tmp_path / "class.zip", zipped(files, AFTER))

    collected = take(term, tmp_path / "class.zip")

    assert only(term, "ada").received == only(term, "bob").received == AFTER
    assert "an archive within is not opened" in reasons(collected)["zoe.zip"]


def test_options_say_more_than_names(term, tmp_path):
    """--student and --received decide; an unknown student is an error; --as decides the kind."""
    put(tmp_path / "stuff.zip", zipped({FIRST: CODE}))

    take(term, tmp_path / "stuff.zip", student="bob", received=AFTER)

    assert only(term, "bob").received == AFTER
    assert only(term, "bob").notes == ("time: as given with --received",)
    with pytest.raises(GraderError, match="not in students"):
        take(term, tmp_path / "stuff.zip", student="nobody")
    assert take(term, tmp_path / "stuff.zip", kind=Kind.folder).unknown


def test_every_attempt_is_kept_once(term, tmp_path):
    """The same export twice adds nothing, downloaded again neither; other content does, and the first content again."""
    path = tmp_path / "ada.zip"
    for number, (code, at, new) in enumerate(
        [(b"1", EARLY, 1), (b"1", EARLY, 0), (b"1", AFTER, 0), (b"2", AFTER, 1), (b"1", AFTER + timedelta(days=1), 1)]
    ):
        put(path, zipped({FIRST: code}), at)
        (row,) = take(term, path).rows
        assert row.new == bool(new), number

    assert [(each.files[FIRST], each.received) for each in kept(term)["ada"]] == [
        (b"1", EARLY), (b"2", AFTER), (b"1", AFTER + timedelta(days=1)),
    ]  # fmt: skip


def test_a_dry_run_keeps_nothing(term, tmp_path):
    """It says what would come in, and leaves the class as it was."""
    put(tmp_path / "ada.zip", zipped({FIRST: CODE}))
    before = tree(term.root)

    collected = take(term, tmp_path / "ada.zip", dry_run=True)

    assert [row.new for row in collected.rows] == [True]
    assert "ada" not in [each.id for each in collected.missing]
    assert tree(term.root) == before


# --- platforms ---


def canvas(at: datetime) -> bytes:
    return zipped(
        {
            "lovelaceada_101_9001_first-2.py": CODE,
            "rossbob_LATE_777_9002_hw.zip": zipped({FIRST: CODE + b"# bob\n"}),
            "çelikševićzoë_778_9003_first.py": CODE,
            "leekim_105_9004_first.py": CODE,
            "leekim_106_9005_first.py": CODE,
            "doejane_779_9006_first.py": CODE,
            "poppinsmary_780_text.html": b"hello",
            "LATE_anon_a1B2c_9007_first.py": CODE,
            "readme.txt": b"",
        },
        at,
    )


def test_canvas(term, tmp_path):
    """By canvas_id, else by name; what is not LATE is in time, however late it was downloaded."""
    collected = take(term, put(tmp_path / "submissions.zip", canvas(AFTER)))

    assert set(kept(term)) == {"ada", "bob", "zoe", "kim2"}
    assert only(term, "ada").files == {FIRST: CODE}
    assert [only(term, each).received for each in ("ada", "bob", "zoe")] == [DUE, AFTER, DUE]
    assert "does not call it late" in only(term, "ada").notes[0]
    assert "late, says the platform" in only(term, "bob").notes[0]
    unknown = dict(collected.unknown)
    assert set(unknown) == {"leekim_106", "doejane_779"}
    assert "its canvas_id (779)" in unknown["doejane_779"]
    refused = reasons(collected)
    assert "not as a file" in refused["poppinsmary_780"]
    assert "anonymously" in refused["LATE_anon_a1B2c_9007_first.py"]
    assert "not named as Canvas" in refused["readme.txt"]


def test_canvas_again_and_earlier(term, tmp_path):
    """Another download of the same adds nothing; one before the due date has its own time; unpacked it is the same."""
    put(tmp_path / "one.zip", canvas(EARLY))
    put(tmp_path / "two.zip", canvas(AFTER))
    with zipfile.ZipFile(tmp_path / "two.zip") as archive:
        archive.extractall(tmp_path / "three")

    assert sum(row.new for row in take(term, tmp_path / "one.zip").rows) == 4
    assert sum(row.new for row in take(term, tmp_path / "two.zip", tmp_path / "three").rows) == 0
    assert only(term, "ada").received == EARLY


def test_names_that_a_tool_did_not_mark_as_utf8(term, tmp_path):
    """Canvas writes UTF-8 without saying so in the archive."""
    made = bytearray(zipped({"çelikševićzoë_778_9003_first.py": CODE}))
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        struct.pack_into("<H", made, made.index(signature) + place, 0)

    take(term, put(tmp_path / "submissions.zip", bytes(made)))

    assert only(term, "zoe").files == {FIRST: CODE}


@pytest.mark.parametrize("end", ["/", "_/", "_"])
def test_moodle(term, tmp_path, end):
    """Folders of newer and older versions, and flat files; by moodle_id, else by name; onlinetext is no file."""
    files = {
        f"Ada Lovelace_501_assignsubmission_file{end}first.py": CODE,
        f"Somebody Else_502_assignsubmission_file{end}first.py": CODE + b"# bob\n",
        f"Kim Lee_503_assignsubmission_file{end}first.py": CODE,
        f"Zoë Çelik-Šević_504_assignsubmission_onlinetext{end}onlinetext.html": b"hello",
        f"Ada Lovelace_501_assignsubmission_onlinetext{end}onlinetext.html": b"hello",
    }

    collected = take(term, put(tmp_path / "hw1.zip", zipped(files, AFTER)))

    assert {student: each[0].files for student, each in kept(term).items()} == {
        "ada": {FIRST: CODE}, "bob": {FIRST: CODE + b"# bob\n"},
    }  # fmt: skip
    assert only(term, "ada").received == DUE
    assert [shown for shown, _ in collected.unknown] == ["Kim Lee_503_assignsubmission_file"]
    assert "not as a file" in reasons(collected)["Zoë Çelik-Šević_504_assignsubmission_onlinetext"]


METADATA = """\
submission_1:
  :submitters:
  - :name: Countess
    :sid: ada
    :email: ''
  :created_at: 2025-03-03 12:00:00.861687000 Z
  :score: 2.0
  :results: &r
    output: |-
      ===
      :sid: zoe
    tests: [{name: a, score: 1.0}, {name: b}]
  :history:
  - :created_at: 2025-02-27 12:00:00.000000000 Z
    :submitters:
    - :sid: kim1
submission_2:
  :results: *r
  :submitters:
  - :name: Robert
    :sid: '0'
    :email: bob@X.org
  - :name: Zoe Celik-Sevic
    :sid:
    :email:
  :created_at: 2025-03-01 01:00:00.000000000 -08:00
submission_3:
  :submitters: []
submission_4:
  :submitters:
  - :name: Nobody
    :sid: '44'
    :email: n@x.org
"""


def gradescope(metadata: str = METADATA) -> bytes:
    files = {f"submission_{number}/first.py": CODE + str(number).encode() for number in (1, 2, 3, 4, 5)}
    files["submission_metadata.yml"] = metadata.encode()
    return zipped({f"assignment_77_export/{name}": content for name, content in files.items()}, AFTER)


def test_gradescope(term, tmp_path):
    """By sid, email, name; a group for each member; the time is Gradescope's own."""
    collected = take(term, put(tmp_path / "export.zip", gradescope()))

    assert {student: each[0].files[FIRST][-1:] for student, each in kept(term).items()} == {
        "ada": b"1", "bob": b"2", "zoe": b"2",
    }  # fmt: skip
    assert only(term, "ada").received.replace(microsecond=0) == AFTER
    assert only(term, "bob").received == datetime(2025, 3, 1, 9, tzinfo=UTC)
    assert "handed in as a group: Robert, Zoe Celik-Sevic" in only(term, "zoe").notes
    assert [shown for shown, _ in collected.unknown] == ["submission_4"]
    assert "does not name it" in reasons(collected)["submission_3"]
    assert "does not name it" in reasons(collected)["submission_5"]
    assert sum(row.new for row in take(term, tmp_path / "export.zip").rows) == 0


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{one}: &{one} [{','.join([f'*{other}'] * 9)}]\n" for other, one in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        (LAUGHS, "does not name it"),
        ("[" * 5000, "nest"),
        ("- " * 60 + "x", "nested too deeply"),
        ("x: [", "cannot be read"),
        ("- a\n- b\n", "does not name it"),
        ("submission_1: &x\n  <<: *x\n", "does not name it"),
        ("!!python/object/apply:os.system ['touch pwned']\n", "does not name it"),
        ("submission_1:\n  :submitters:\n    x:\n      :sid: ada\n", "names nobody"),
        ("submission_1:\n  :submitters: *x\n", "does not name it"),
        ("\0", "cannot be read"),
    ],
)
def test_hostile_metadata(term, tmp_path, metadata, why):
    """Nothing in the metadata is expanded, built or run."""
    collected = take(term, put(tmp_path / "export.zip", gradescope(metadata)))

    assert kept(term) == {}
    assert why in " ".join(reasons(collected).values())


def test_nbgrader(term, tmp_path):
    """STUDENT/ASSIGNMENT with nbgrader's time; other assignments are not looked at; so from the course's folder too."""
    (section, *_) = term.course.sections
    notebook = dumps(build(section, (term.course_root / "solutions" / FIRST).read_text())).encode()
    root = tmp_path / "nb"
    for student in ("ada", "bob"):
        put(root / "submitted" / student / "hw1/ch01_first.ipynb", notebook, AFTER)
        put(root / "submitted" / student / "hw2/ch01_first.ipynb", b"{")
    put(root / "submitted/ada/hw1/timestamp.txt", b"2025-02-28 12:00:00.123456 UTC\n")
    put(root / "submitted/bob/hw1/timestamp.txt", b"yesterday")
    put(root / "source/hw1/ch01_first.ipynb", b"{}")

    for source in (root, root / "submitted"):
        assert take(term, source).refused == []

    assert only(term, "ada").received.replace(microsecond=0) == EARLY
    assert "nbgrader wrote" in only(term, "ada").notes[0]
    assert only(term, "bob").received == AFTER


def test_nobody_speaks_for_others(term, tmp_path):
    """Somebody's own folder or zip may look like an export of the whole class: it is theirs all the same."""
    spoofs = {
        "submission_metadata.yml": METADATA.encode(),
        "submission_1/first.py": b"spoof",
        "Ada Lovelace_501_assignsubmission_file/first.py": b"spoof",
        "submitted/ada/hw1/first.py": b"spoof",
        "ada_101_1_first.py": b"spoof",
        "submission.json": b'{"student": "ada"}',
        FIRST: CODE,
    }
    for name, content in spoofs.items():
        put(tmp_path / "in/bob" / name, content)
    put(tmp_path / "zips/bob.zip", zipped(spoofs))

    for source in (tmp_path / "in", tmp_path / "in/bob", tmp_path / "zips", tmp_path / "zips/bob.zip"):
        take(term, source)

    assert set(kept(term)) == {"bob"}
    assert only(term, "bob").files == {FIRST: CODE}


# --- repositories ---


def git(folder: Path, *arguments: str, at: datetime = EARLY) -> str:
    identity = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (
        ("NAME", "x"), ("EMAIL", "x@x"), ("DATE", f"{at:%Y-%m-%dT%H:%M:%S}Z"))}  # fmt: skip
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    run = ["git", "-c", "core.hooksPath=/dev/null", *arguments]
    done = subprocess.run(run, cwd=folder, env={**kept, **identity}, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def repository(folder: Path, *commits: tuple[bytes, datetime]) -> Path:
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--template=", "--initial-branch=main")
    for content, at in commits:
        put(folder / FIRST, content)
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "--allow-empty", "-m", "x", at=at)
    return folder


def test_repositories(term, tmp_path):
    """The newest commit, or the last one until a time; what is not committed does not count."""
    repository(tmp_path / "in/ada", (b"1", EARLY), (b"two", AFTER))
    put(tmp_path / "in/ada" / FIRST, b"not committed")
    repository(tmp_path / "in/hw1-countess", (b"three", AFTER))
    put(tmp_path / "in/bob" / FIRST, CODE)

    take(term, tmp_path / "in", until=DUE)
    take(term, tmp_path / "in")

    assert {(each.files[FIRST], each.received) for each in kept(term)["ada"]} == {
        (b"1", EARLY), (b"two", AFTER), (b"three", AFTER),
    }  # fmt: skip
    assert only(term, "bob").files == {FIRST: CODE}
    notes = kept(term)["ada"][0].notes
    assert "student's word" in notes[0]
    assert re.fullmatch(r"commit [0-9a-f]{12}", notes[1])
    assert not list(term.root.glob(".collecting-*"))


def test_addresses(term, tmp_path):
    """A csv file with addresses; what would start a program is not cloned, and others go on."""
    bare = tmp_path / "far/ada.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(repository(tmp_path / "w", (CODE, EARLY))), str(bare))
    table = ["student,url", f"ada,file://{bare}", f"bob,ext::sh -c 'touch {tmp_path}/pwned'", "zoe,--upload-pack=touch"]
    table += [f"kim1,{tmp_path}/nothing", "kim2,ssh://-oProxyCommand=touch/x"]
    (tmp_path / "repos.csv").write_text("\n".join(table))

    collected = take(term, tmp_path / "repos.csv")

    assert set(kept(term)) == {"ada"}
    assert set(reasons(collected)) == {"bob", "zoe", "kim1", "kim2"}
    assert not (tmp_path / "pwned").exists()


def test_a_hostile_repository(term, tmp_path):
    """Its settings, hooks and filters do not act; links and odd names are refused; large files too."""
    pwned = tmp_path / "pwned"
    script = put(tmp_path / "evil.sh", f"#!/bin/sh\ntouch {pwned}\n".encode())
    script.chmod(0o755)
    ada = repository(tmp_path / "in/ada", (CODE, EARLY))
    for setting in ("core.fsmonitor", "core.sshCommand", "core.pager", "gpg.program", "uploadpack.packObjectsHook",
                    "filter.x.smudge", "core.alternateRefsCommand", "diff.external", "core.askPass"):  # fmt: skip
        git(ada, "config", setting, str(script))
    git(ada, "config", "log.showSignature", "true")
    for hook in ("post-checkout", "pre-receive", "post-index-change", "reference-transaction"):
        shutil.copy(script, put(ada / ".git/hooks" / hook, b""))
    bob = repository(tmp_path / "in/bob", (CODE, EARLY))
    (bob / FIRST).unlink()
    os.symlink("/etc/passwd", bob / FIRST)
    git(bob, "add", ".")
    git(bob, "commit", "--quiet", "-m", "x")
    repository(tmp_path / "in/zoe", (b"#" * (2**19 + 1), EARLY))
    (tmp_path / "in/kim1").mkdir()
    (tmp_path / "in/kim1/.git").write_text(f"gitdir: {ada}/.git\n")
    kim2 = repository(tmp_path / "in/kim2", (CODE, EARLY))
    put(kim2 / ".git/objects/info/alternates", f"{ada}/.git/objects\n".encode())

    refused = reasons(take(term, tmp_path / "in"))

    assert not pwned.exists()
    assert set(kept(term)) == {"ada"}
    assert "symbolic link" in refused["bob"]
    assert "more than the 524,288 that are read" in refused["zoe"]
    assert "from another repository" in refused["kim1"]
    assert "from another repository" in refused["kim2"]


def test_a_tree_that_git_would_not_check_out(term, tmp_path):
    """A tree can be written by hand: a name that leads out of it is refused."""
    ada = repository(tmp_path / "in/ada", (CODE, EARLY))
    blob = git(ada, "rev-parse", f"HEAD:{FIRST}")
    tree = f"100644 blob {blob}\tfirst.py\x00100644 blob {blob}\t..\\evil.py\x00"
    made = subprocess.run(
        ["git", "mktree", "-z"], cwd=ada, input=tree, capture_output=True, text=True, check=True
    ).stdout
    git(ada, "reset", "--quiet", "--soft", git(ada, "commit-tree", made.strip(), "-m", "x"))

    assert "leads out of its folder" in reasons(take(term, tmp_path / "in"))["ada"]


def test_an_empty_repository(term, tmp_path):
    """No commit yet is a reason, not a crash; neither is a time before all commits."""
    repository(tmp_path / "in/ada")
    repository(tmp_path / "in/bob", (CODE, AFTER))

    refused = reasons(take(term, tmp_path / "in", until=DUE))

    assert set(refused) == {"ada", "bob"}
    assert "no commit up to that time" in refused["bob"]


def test_a_clone_ends_in_time(monkeypatch, term, tmp_path):
    """A server that never answers costs a bounded time."""
    monkeypatch.setattr(repositories, "SECONDS", 0.2)
    monkeypatch.setenv("GIT_SSH_COMMAND", "sleep 60;")

    refused = reasons(take(term, put(tmp_path / "repos.csv", b"student,url\nada,ssh://host/x\n")))

    assert refused["ada"].startswith("git:")


# --- hostile archives ---


def tree(root: Path) -> dict[str, tuple[int, float]]:
    found = {path: path.lstat() for path in root.rglob("*")}
    return {str(path): (each.st_size, each.st_mtime) for path, each in found.items()}


def named(name: str) -> Hostile:
    return lambda: zipped({FIRST: CODE, name: b"evil"})


def moded(mode: int, content: bytes = b"/etc/passwd") -> Hostile:
    def build() -> bytes:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            info = zipfile.ZipInfo(FIRST)
            info.create_system, info.external_attr = 3, mode << 16
            archive.writestr(info, content)
        return made.getvalue()

    return build


def several(*names: str) -> Hostile:
    def build() -> bytes:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            for number, name in enumerate(names):
                archive.writestr(zipfile.ZipInfo(name), b"%d" % number)
        return made.getvalue()

    return build


def patched(*changes: tuple[bytes, int, str, int], files: Mapping[str, bytes] | None = None) -> Hostile:
    """A good zip in which numbers were overwritten: (signature, place after it, format, value)."""

    def build() -> bytes:
        made = bytearray(zipped(files or {FIRST: CODE}))
        for signature, place, form, value in changes:
            struct.pack_into(form, made, made.index(signature) + place, value)
        return bytes(made)

    return build


def packed_with(method: int) -> Hostile:
    def build() -> bytes:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", method) as archive:
            archive.writestr(FIRST, b"0" * 1_000_000)
        return made.getvalue()

    return build


def claimed(count: int, size: int) -> Hostile:
    """Files that say that they are large."""

    def build() -> bytes:
        files = {f"{number}.bin": os.urandom(4000) for number in range(count)} | {FIRST: CODE}
        made = bytearray(zipped(files))
        at = -1
        for _ in range(count):
            at = made.index(b"PK\x01\x02", at + 1)
            struct.pack_into("<II", made, at + 20, size // 100, size)
        return bytes(made)

    return build


def overlapping() -> bytes:
    """Two names for one run of bytes: what the densest bombs are made of."""
    made = bytearray(zipped({FIRST: CODE, "b.py": CODE}))
    second = made.index(b"PK\x01\x02", made.index(b"PK\x01\x02") + 1)
    struct.pack_into("<I", made, second + 42, 0)
    return bytes(made)


def with_null() -> bytes:
    made = zipped({FIRST: CODE, "evil.pyX.txt": b"evil"})
    return made.replace(b"evil.pyX.txt", b"evil.py\0.txt")


def other_local_name() -> bytes:
    made = zipped({FIRST: CODE})
    return made.replace(FIRST.encode(), b"ch01_tiny/fir$t.py", 1)


def wrong_sum() -> bytes:
    return patched((b"PK\x01\x02", 16, "<I", 1), (b"PK\x03\x04", 14, "<I", 1))()


TOO_MUCH = ("many", "long list", "large in all")
CENTRAL, LOCAL = b"PK\x01\x02", b"PK\x03\x04"
HOSTILE: dict[str, tuple[Hostile, str]] = {
    "parent": (named("../evil.py"), "leads out"),
    "parent inside": (named("ch01_tiny/../../evil.py"), "leads out"),
    "parent of hidden": (named("../../.ssh/authorized_keys"), "leads out"),
    "parent, Windows": (named("..\\evil.py"), "leads out"),
    "absolute": (named("/tmp/evil.py"), "absolute"),
    "drive": (named("C:/evil.py"), "absolute"),
    "drive, relative": (named("c:evil.py"), "absolute"),
    "share": (named("\\\\host\\share\\evil.py"), "backslash"),
    "backslash": (named("ch01_tiny\\evil.py"), "backslash"),
    "stream": (named("ch01_tiny/first.py:evil"), "colon"),
    "empty part": (named("a//evil.py"), "no path"),
    "dot": (named("./evil.py"), "no path"),
    "empty": (named(""), "no path"),
    "bell": (named("evil\x07.py"), "nobody sees"),
    "escape": (named("\x1b[2Jevil.py"), "nobody sees"),
    "newline": (named("evil\n.py"), "nobody sees"),
    "right to left": (named("evil\u202eyp.txt"), "nobody sees"),
    "line separator": (named("evil\u2028.py"), "nobody sees"),
    "null": (with_null, "nobody sees"),
    "device": (named("con.py"), "Windows keeps"),
    "device in a folder": (named("a/LPT1 .txt/b.py"), "Windows keeps"),
    "long": (named("e" * 300), "too long"),
    "long path": (named("/".join(["e" * 200] * 6)), "too long"),
    "deep": (named("e/" * 40 + "e"), "too deep"),
    "link": (moded(stat.S_IFLNK | 0o777), "symbolic link"),
    "pipe": (moded(stat.S_IFIFO | 0o644), "no ordinary file"),
    "disk": (moded(stat.S_IFBLK | 0o644), "no ordinary file"),
    "twice": (several(FIRST, FIRST), "twice"),
    "case": (several(FIRST, "ch01_tiny/First.py"), "one name on many disks"),
    "accents": (several(FIRST, "a/é.py", "a/e\u0301.py"), "one name on many disks"),
    "encrypted": (patched((CENTRAL, 8, "<H", 1)), "encrypted"),
    "masked": (patched((CENTRAL, 8, "<H", 0x2000)), "encrypted"),
    "bzip2": (packed_with(zipfile.ZIP_BZIP2), "method 12"),
    "lzma": (packed_with(zipfile.ZIP_LZMA), "method 14"),
    "unknown method": (patched((CENTRAL, 10, "<H", 99)), "method 99"),
    "zeros": (lambda: zipped({FIRST: CODE, "weights.bin": bytes(2**24)}), "a bomb"),
    "large in all": (claimed(4, 2**29), "the bound is"),
    "many": (several(FIRST, *(f"{number}.txt" for number in range(SUBMISSION.entries))), "more than the 10,000"),
    "long list": (lambda: zipped({FIRST: CODE} | {f"{n}/{'x' * 240}": b"" for n in range(9000)}), "longer than"),
    "overlapping": (overlapping, "share their bytes"),
    "says less than it holds": (patched((CENTRAL, 24, "<I", 5), files={FIRST: CODE * 90_000}), "cannot be unpacked"),
    "wrong sum": (wrong_sum, "cannot be unpacked"),
    "another local name": (other_local_name, "cannot be unpacked"),
    "no such place": (patched((CENTRAL, 42, "<I", 2**31 - 9)), "cannot be unpacked|no whole zip"),
    "damaged": (patched((LOCAL, 48, "<Q", 2**64 - 1)), "cannot be unpacked"),
    "cut off": (lambda: zipped({FIRST: CODE * 50})[:-40], "cut off"),
    "half": (lambda: zipped({FIRST: CODE * 50})[:60], "cut off"),
    "nothing": (lambda: b"", "cut off"),
    "text": (lambda: b"PK\x03\x04 this is no zip", "cut off"),
    "too large": (lambda: zipped({FIRST: os.urandom(2**19 + 1)}), "more than the 524,288 bytes"),
    "inner zips": (lambda: zipped({f"{n}.zip": zipped({FIRST: CODE}) for n in range(MOST_ZIPS + 1)}), "zips in one"),
    "copies": (lambda: zipped({f"{n}/first.py": CODE for n in range(50)}), "50 files could be"),
    "inner parent": (lambda: zipped({"a.zip": zipped({FIRST: CODE, "../x": b""})}), "leads out"),
    "inner bomb": (lambda: zipped({"a.zip": zipped({FIRST: bytes(2**22)})}), "a bomb"),
    "inner nonsense": (lambda: zipped({FIRST: CODE, "a.zip": b"nonsense"}), "in a.zip: no whole zip"),
    "not UTF-8": (lambda: named("evil\u00e9.py")().replace("\u00e9".encode(), b"\xff\xfe"), "cut off"),
}


def places(attack: str) -> tuple[str, ...]:
    """Zips within a student's zip stay closed; what is too much for one student may be right for a class."""
    if attack.startswith("inner"):
        return ("alone",)
    return ("in a folder", "in a zip") if attack in TOO_MUCH else ("in a folder", "alone", "in a zip")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(("attack", "where"), [(attack, where) for attack in HOSTILE for where in places(attack)])
def test_hostile_archives(term, tmp_path, attack, where):
    """Refused with the reason, the others go on, and nothing is written outside the class's folder."""
    build, why = HOSTILE[attack]
    content = build()
    if where == "in a zip":
        sources = [put(tmp_path / "in/all.zip", zipped({"bob.zip": content, "ada.zip": zipped({FIRST: CODE})}))]
    else:
        put(tmp_path / "in/bob.zip", content)
        put(tmp_path / "in/ada.zip", zipped({FIRST: CODE}))
        sources = [tmp_path / "in"] if where == "in a folder" else [tmp_path / "in/bob.zip", tmp_path / "in/ada.zip"]
    before = tree(tmp_path / "in")

    collected = take(term, *sources)

    assert list(reasons(collected)) == ["bob.zip"]
    assert re.search(why, reasons(collected)["bob.zip"])
    assert all(character.isprintable() for character in reasons(collected)["bob.zip"])
    assert set(kept(term)) == {"ada"}
    assert tree(tmp_path / "in") == before
    assert {path.name for path in tmp_path.iterdir()} == {"in", "class", "students.csv"}
    assert {path.name for path in term.root.iterdir()} == {"class.toml", ".gitignore", "students.csv", "attempts"}


@pytest.mark.parametrize("kind", ["canvas", "moodle", "gradescope", "folder"])
def test_what_is_hostile_in_an_export_stays_one_students(term, tmp_path, kind):
    """In a platform's export a link, a bomb or an odd name costs one student, and what is nobody's is said."""
    prefix = {
        "canvas": ("lovelaceada_101_1_", "rossbob_7_2_"),
        "moodle": ("Ada Lovelace_1_assignsubmission_file/", "Bob Ross_2_assignsubmission_file/"),
        "gradescope": ("submission_1/", "submission_2/"),
        "folder": ("ada/", "bob/"),
    }[kind]
    files = {f"{prefix[0]}first.py": CODE, f"{prefix[1]}first.py": CODE, f"{prefix[1]}x\u202e.py": b"", "../evil": b""}
    if kind == "gradescope":
        files["submission_metadata.yml"] = METADATA.encode()

    refused = reasons(take(term, put(tmp_path / "export.zip", zipped(files))))

    assert set(kept(term)) == {"ada"}
    assert any("nobody sees" in why for why in refused.values())
    assert any("leads out" in why for why in refused.values())


@pytest.mark.parametrize("attack", ["link", "folder link", "hard link", "pipe", "odd", "large"])
def test_hostile_folders(term, tmp_path, attack):
    """No link is followed on the disk either, and nothing but files is opened."""
    put(tmp_path / "in/ada" / FIRST, CODE)
    secret = put(tmp_path / "secret/first.py", b"secret")
    bob = tmp_path / "in/bob/ch01_tiny"
    bob.mkdir(parents=True)
    if attack == "link":
        os.symlink(secret, bob / "first.py")
    elif attack == "folder link":
        os.symlink(secret.parent, bob / "more")
    elif attack == "hard link":
        os.link(secret, bob / "first.py")
    elif attack == "pipe":
        os.mkfifo(bob / "first.py")
    else:
        put(bob / "first.py", CODE if attack == "odd" else b"#" * (2**19 + 1))
        put(bob / "a\x1b[2Jb.py", b"") if attack == "odd" else None
    why = {"pipe": "no ordinary file", "odd": "nobody sees", "large": "more than the", "hard link": "hard link"}

    collected = take(term, tmp_path / "in")

    assert why.get(attack, "symbolic link") in reasons(collected)["bob"]
    assert set(kept(term)) == {"ada"}


def test_what_changes_between_looking_and_reading(term, tmp_path):
    """A file that became a link is not followed, one that grew is not read on."""
    path = put(tmp_path / "in/ada" / FIRST, CODE)
    (entry,) = folder_entries(tmp_path / "in/ada")

    path.write_bytes(b"#" * 5000)
    with pytest.raises(Refused, match="more than the 100 bytes"):
        entry.read(100)
    path.unlink()
    os.symlink("/etc/passwd", path)
    with pytest.raises(Refused, match="cannot be read"):
        entry.read(10_000)


TEXT = st.text(st.sampled_from("ab./\\:~ \0\n\u202eé\u0301C$-") | st.characters(), min_size=0, max_size=30)


@given(TEXT)
@settings(max_examples=400, deadline=None)
def test_a_name_that_is_taken_stays_in_its_folder(name):
    """On any system: relative, without a way up, without a drive, printable."""
    if name_problem(name):
        return
    for kind in (PurePosixPath, PureWindowsPath):
        path = kind(name)
        assert not path.is_absolute()
        assert not path.drive
        assert ".." not in path.parts
        assert kind("/root", name).is_relative_to(kind("/root"))
    assert not set(name) & set("\0\n\r\u202e\\:")


@given(st.dictionaries(TEXT.filter(lambda name: "\ud800" not in name), st.binary(max_size=20), max_size=4), st.data())
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_a_zip_or_a_reason(files, data):
    """Whatever is overwritten in an archive, it is read within bounds or refused; nothing else is raised."""
    made = bytearray(zipped({name: content for name, content in files.items() if _encodes(name)} | {FIRST: CODE}))
    for _ in range(data.draw(st.integers(0, 6))):
        made[data.draw(st.integers(0, len(made) - 1))] = data.draw(st.integers(0, 255))
    with suppress(Refused):
        for entry in zip_entries(io.BytesIO(bytes(made)), SUBMISSION, UTC):
            with suppress(Refused):
                assert len(entry.read(100)) <= 100


def _encodes(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def test_a_class_is_not_read_at_once(term, tmp_path):
    """60 students with a megabyte beside the file that counts: memory does not know of it."""
    noise = os.urandom(1_000_000)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for number in range(60):
            archive.writestr(f"s{number}/data.bin", noise)
            archive.writestr(f"s{number}/first.py", CODE)
    (term.root / "students.csv").unlink()
    term = Term.load(term.root)
    tracemalloc.start()
    try:
        collected = take(term, tmp_path / "all.zip")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert len(collected.rows) == 60
    assert peak < 8e6  # the zip has 60 MB


# --- the command ---


@pytest.fixture
def run(term: Term, monkeypatch: pytest.MonkeyPatch):
    app = typer.Typer(**SETTINGS)
    app.callback()(lambda: None)
    app.command("collect")(command)
    monkeypatch.chdir(term.root)
    return lambda *arguments: CliRunner().invoke(app, ["collect", *map(str, arguments)])


def test_the_command_tells_everything(run, term, tmp_path):
    """The table, what was refused and why, who is unknown, who is missing, and what comes next."""
    put(tmp_path / "in/ada" / FIRST, CODE)
    put(tmp_path / "in/bob" / FIRST, CODE, AFTER)
    put(tmp_path / "in/zoe.zip", named("../evil.py")())
    put(tmp_path / "in/stranger" / FIRST, CODE)

    result = run("hw1", tmp_path / "in")

    said = " ".join(result.output.split())
    assert result.exit_code == 1
    assert re.search(r"ada +2025-02-28 12:00 +1/1  [A-Z2-7]{4}(-[A-Z2-7]{4}){3}\n", result.output)
    assert re.search(r"bob +2025-03-03 12:00  late 2 d +1/1  ", result.output)
    assert "2 attempts kept, 0 known already." in said
    assert "Refused: zoe.zip: ../evil.py leads out of its folder" in said
    assert "Unknown: stranger: add a line to students.csv" in said
    assert "Notes: ada, bob: time: that of the newest" in said
    assert said.endswith("Missing: zoe, kim1, kim2. Next: grader grade hw1")


def test_the_command_ends_well(run, tmp_path, term):
    """0 where everything was taken, 2 where nothing could be looked at."""
    path = put(tmp_path / "ada.py", CODE)

    assert run("hw1", path, "--dry-run").exit_code == 0
    assert kept(term) == {}
    assert run("hw1", path, "--received", "2025-02-28T12:00").exit_code == 0
    assert only(term, "ada").received == EARLY
    assert run("hw1", tmp_path / "nothing").exit_code == 2
    assert run("hw9", path).exit_code == 2
    assert run("hw1", path, "--received", "noon").exit_code == 2
    assert run("hw1", path, "--as", "blackboard").exit_code == 2
    assert run("hw1", put(tmp_path / "ada.tar.gz", b"x")).exit_code == 1

"""Hand-outs: they can be worked in, give nothing away, are the same byte for byte, and say what they are."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from grader.cli_release import class_new
from grader.cli_release import release as release_command
from grader.course import Course, select
from grader.errors import GraderError
from grader.instructor.handout import packing, toml
from grader.instructor.handout.choice import Format, Wish, read_due
from grader.instructor.handout.handout import HandOut, shuffled
from grader.instructor.handout.leaks import SHORTEST, Watch, words
from grader.instructor.handout.manifest import Signer, canonical, class_key, student_seed, verify
from grader.instructor.handout.release import release
from grader.instructor.term import Assignment, Term, create
from grader.parts import compose
from grader.place import Place
from grader.progress import Progress, Record, source_hash
from grader.results import Status
from grader.stubs import regions
from grader.workspace import Workspace, course_of

ROOT = Path(__file__).parents[2]
TINY = Path(__file__).parent / "tiny"
STUB = "    raise NotImplementedError\n"
DUE = datetime(2026, 12, 1, 22, 59, tzinfo=UTC)
PIECES = '''import math


def area(r):
    """A circle's area.

    Example:
        >>> area(0)
        0.0
    """
    # BEGIN SOLUTION
    return math.pi * r * r
    # END SOLUTION


def name():
    # BEGIN SOLUTION
    return "packaged" + "".join(sorted("", key=str.lower))
    # END SOLUTION
'''
MODEL = """class Model:
    def __init__(self, size, parts):
        # BEGIN SOLUTION
        self.text = f"{parts.name()}:{parts.area(size):.2f}"
        # END SOLUTION


def main(parts, folder):
    print(Model(2, parts).text)
"""
LATER = """def shout(text):
    # BEGIN SOLUTION
    return text.upper()
    # END SOLUTION


def main(folder, parts):
    print(shout(parts.Model(1).text))
"""
PARTS = '[parts]\narea = "ch01/pieces/area"\nname = "ch01/pieces/name"\n'
QUESTION = '[[questions]]\nask = "Which?"\nchoices = ["a", "b", "c", "d"]\nanswer = 1\nwhy = ["A", "B", "C", "D"]\n'


def write_section(root: Path, name: str, number: str, text: str, tables: str) -> None:
    for suffix, content in (("py", text), ("md", f"# {number} {name}\n"), ("toml", tables)):
        path = root / f"solutions/ch01_small/{name}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if suffix != "toml" else f'number = "{number}"\ntitle = "{name}"\n{content}')
    (root / f"solutions/ch01_small/{name}_picture.svg").write_text(f"<svg><!-- {name} --></svg>")
    marks = "".join(
        f'@pytest.mark.exercise("{each}", points={points})\n'
        f'def test_{each}_of_{name}(learner):\n    """It is right."""\n'
        f"    assert learner.{each}(12345, oracle_of_{name}=True) == 54321\n\n"
        for points, each in enumerate(re.findall(r"\[exercises\.(\w+)", tables), 2)
    )
    suite = root / f"tests/chapters/ch01_small/test_{name}.py"
    suite.parent.mkdir(parents=True, exist_ok=True)
    suite.write_text(f"import pytest\n\n\n{marks}")


def table(name: str, more: str = "") -> str:
    return f'[exercises.{name}]\ndifficulty = 1\nminutes = 5\nhints = ["Think of {name}."]\n{more}'


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """A course in which `model` stands on `pieces`."""
    root = tmp_path / "course"
    write_section(root, "pieces", "1.1", PIECES, table("area") + table("name", 'kind = "extra"\n') + QUESTION)
    write_section(root, "model", "1.2", MODEL, PARTS + table("Model"))
    return Course.load(root)


@pytest.fixture
def term(course: Course, tmp_path: Path) -> Term:
    roster = tmp_path / "roster.csv"
    roster.write_text("id,first_name,last_name,email\nada,Ada,Lovelace,ada@example.org\nbob,Bob,|Builder,\n")
    made = create(tmp_path / "class", course.root, roster)
    (made.root / "class.toml").write_text((made.root / "class.toml").read_text().replace('"UTC"', '"Europe/Berlin"'))
    return Term.load(made.root)


def hand_out(course: Course, out: Path, *exercises: str, term: Term | None = None, **more) -> Path:
    release(course, term, Wish(out, more.pop("name", "hw1"), exercises, **more))
    return out


def content(root: Path) -> dict[str, bytes]:
    """What is in a folder or an archive, git's own files left out."""
    if root.is_file():
        with zipfile.ZipFile(root) as archive:
            return {each: archive.read(each) for each in archive.namelist()}
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not name.startswith(".git/")}


def manifest(root: Path) -> dict:
    return json.loads((root / ".grader/release.json").read_text())


def grader(*arguments: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "grader", *arguments], cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def of(course: Course, id: str):
    return next(each for each in course.sections if each.id == id)


# what stands in a hand-out


def test_only_what_was_chosen_goes_out(course, tmp_path):
    """Stubs, lesson and figures of the section, its data read-only beside them; nothing of any other section."""
    out = hand_out(course, tmp_path / "hw1", "ch01/pieces")
    shown = {f"ch01_small/pieces{end}" for end in (".py", ".md", "_picture.svg")}
    kept = {f".grader/exercises/{name}" for name in (*shown, "ch01_small/pieces.toml")}

    assert set(content(out)) == shown | kept | {"README.md", ".grader/workspace.json", ".grader/release.json"}
    assert (out / "ch01_small/pieces.py").read_text().count(STUB) == 2
    assert (out / ".grader/exercises/ch01_small/pieces.py").stat().st_mode & 0o777 == 0o444
    assert (out / "ch01_small/pieces.py").stat().st_mode & 0o777 == 0o644


def test_the_page_in_front(term, tmp_path):
    """Exercises with points, kind and minutes; the due date in the class's own zone."""
    out = hand_out(term.course, tmp_path / "hw1", "ch01/pieces", term=term, due=DUE)
    page = (out / "README.md").read_text()

    assert "Due **2026-12-01 23:59 (Europe/Berlin)**." in page
    assert "| `area` | 2 | core | 5 | 1 of 5 |" in page
    assert "| `name` | 3 | extra | 5 | 1 of 5 |" in page
    assert "2 points and 3 beyond" in page


def test_a_learner_works_in_it(course, tmp_path):
    """Unpacked anywhere, with no course but the one that it brings: check, hint, reset and list are at home."""
    hand_out(course, tmp_path / "hw1.zip", "ch01/pieces", form=Format.zip)
    with zipfile.ZipFile(tmp_path / "hw1.zip") as archive:
        archive.extractall(tmp_path / "mine")
    shutil.rmtree(course.root)
    work = tmp_path / "mine/hw1"
    file = work / "ch01_small/pieces.py"

    assert "Public examples that pass: 0 of 2" in grader("check", cwd=work)
    file.write_text(file.read_text().replace(STUB, "    return 0.0 * r\n", 1))
    checked = grader("check", "area", cwd=work / "ch01_small")
    assert "Public examples that pass: 1 of 1" in checked
    assert "hidden checks, which decide, are not" in checked
    assert "Think of area." in grader("hint", "area", cwd=work)
    assert "no solution" in grader("solution", "--yes", "area", cwd=work)
    assert "is back" in grader("reset", "area", cwd=work)
    assert file.read_text().count(STUB) == 2


def test_hidden_checks_where_they_are(tmp_path):
    """`--course` grades a hand-out with the course's own checks."""
    work = hand_out(Course.load(TINY), tmp_path / "hw1", "ch01/first")
    file = work / "ch01_tiny/first.py"
    file.write_text(file.read_text().replace(STUB, "    return a + b\n", 1))

    assert "2/5 points" in " ".join(grader("check", "--course", str(TINY), cwd=work).split())


def test_what_a_hand_out_asks_for(course, tmp_path):
    """Where nothing is named, a hand-out's own exercises are meant, also in another course; names reach further."""
    out = hand_out(course, tmp_path / "hw1", "ch01/model", given=["ch01/pieces"])
    for place in (Place(out), Place(out, course.root)):
        assert place.asked == ("ch01/model/Model",)
        assert [section.id for section in place.shown.sections] == ["ch01/model"]
        assert len(place.course.exercises) == 3
    assert course_of(out) == out / ".grader"
    assert Place(None, course.root).asked == ()
    assert Place(None, course.root).shown.exercises == course.exercises


def test_a_submission_brings_no_checks_of_its_own(course, tmp_path):
    """Whoever grades a folder that came from somebody else never runs a suite in it."""
    out = hand_out(course, tmp_path / "hw1", "ch01/pieces")
    shutil.copytree(course.root / "tests", out / ".grader/tests")

    with pytest.raises(GraderError, match="holds checks"):
        _ = Place(out).course
    assert Place(out, course.root).course.exercises == course.exercises


# given solutions


def test_a_section_given_whole(course, tmp_path):
    """Its solutions stand where a run looks for them; what is missing is named as the exercise to do first."""
    out = hand_out(course, tmp_path / "hw1", "ch01/model", given=["ch01/pieces"])
    place = Place(out)
    workspace, model = place.workspace, of(place.course, "ch01/model")

    assert not (out / "ch01_small/pieces.py").exists()
    assert "return math.pi" in grader("solution", "--yes", "area", cwd=out)
    with pytest.raises(GraderError, match="needs `ch01/model/Model`"):
        compose(workspace, model)
    (out / "ch01_small/model.py").write_text(MODEL)
    passed(workspace, "ch01/model/Model", MODEL)
    assert "packaged:12.57\n" in grader("run", "ch01/model", cwd=out)


def passed(workspace: Workspace, id: str, text: str) -> None:
    record = Record(Status.PASSED, 1, 1, source_hash=source_hash(text, id.rpartition("/")[2]))
    Progress.open(workspace).update({id: record})


def test_hand_outs_share_a_folder(course, tmp_path):
    """Unpacked over an earlier one, a run takes what the learner wrote there; a solution given since stands in."""
    out = hand_out(course, tmp_path / "hw1", "ch01/pieces")
    own = PIECES.replace("packaged", "mine")
    (out / "ch01_small/pieces.py").write_text(own)
    passed(Place(out).workspace, "ch01/pieces/name", own)
    later = hand_out(course, tmp_path / "hw2", "ch01/model", name="hw2", given=["ch01/pieces"])
    for name, data in content(later).items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).unlink(missing_ok=True)
        (out / name).write_bytes(data)
    (out / "ch01_small/model.py").write_text(MODEL)
    passed(Place(out).workspace, "ch01/model/Model", MODEL)

    shown = grader("run", "ch01/model", cwd=out)

    assert "yours         1.2 Model; 1.1 name" in shown
    assert "the course's  1.1 area" in shown
    assert "mine:12.57\n" in shown


def test_a_single_exercise_given(course, tmp_path):
    """In a section that is asked for, it is written out in the file and no exercise any more."""
    out = hand_out(course, tmp_path / "hw1", "ch01/pieces/area", given=["ch01/pieces/name"])
    text = (out / "ch01_small/pieces.py").read_text()

    assert 'return "packaged"' in text
    assert text.count(STUB) == 1
    assert "SOLUTION" not in text
    assert [each.id for each in Place(out).course.exercises] == ["ch01/pieces/area"]
    assert (out / ".grader/exercises/ch01_small/pieces.py").read_text() == text
    assert Place(out).course.sections[0].questions == course.sections[0].questions


def test_a_choice_that_does_not_hold_together(course, tmp_path):
    """Nothing is asked for and given at once; what an exercise needs is one of the two; names fit."""
    data = course.root / "solutions/ch01_small/pieces.toml"
    data.write_text(data.read_text().replace('kind = "extra"\n', 'kind = "extra"\nneeds = ["area"]\n'))
    needing = Course.load(course.root)
    for chosen, solved, says in (
        ("ch01/pieces", "area", "asked for and given at once"),
        ("ch01/pieces/name", "", "needs ch01/pieces/area"),
        ("ch09", "", "Nothing in this course is called"),
        ("ch01", "ch09", "Nothing in this course is called"),
    ):
        with pytest.raises(GraderError, match=says):
            hand_out(needing, tmp_path / "hw1", chosen, given=[solved] if solved else [])
    hand_out(needing, tmp_path / "hw1", "ch01/pieces/name", given=["area"])
    assert "needs = []" in (tmp_path / "hw1/.grader/exercises/ch01_small/pieces.toml").read_text()


def test_what_a_run_lacks_is_said(course, tmp_path):
    """Whoever releases a section without what it stands on, directly or not, hears of it, and so do learners."""
    write_section(course.root, "later", "1.3", LATER, '[parts]\nModel = "ch01/model/Model"\n' + table("shout"))
    made = release(Course.load(course.root), None, Wish(tmp_path / "later", "later", ["ch01/later"]))
    assert "--given ch01/pieces --given ch01/model" in made.notes[0]
    made = release(course, None, Wish(tmp_path / "hw1", "hw1", ["ch01/model"]))

    assert "--given ch01/pieces" in made.notes[0]
    assert "`grader run ch01/model` also needs" in (tmp_path / "hw1/README.md").read_text()
    assert not release(course, None, Wish(tmp_path / "hw1", "hw1", ["ch01/model"], ["ch01/pieces"])).notes


# the same bytes


@pytest.mark.parametrize("form", Format)
def test_made_twice_it_is_the_same(term, tmp_path, monkeypatch, form):
    """In another folder, at another time, with another umask, time zone and git configuration: byte for byte."""
    first = hand_out(term.course, tmp_path / "one/hw1", "ch01", term=term, form=form, due=DUE)
    for path in term.course_root.rglob("*"):
        os.utime(path, (1, 1))
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        "[core]\n autocrlf = true\n excludesFile = ~/.all\n[i18n]\n commitEncoding = latin1\n"
    )
    (home / ".all").write_text("*\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    old = os.umask(0o077)
    try:
        second = hand_out(term.course, tmp_path / "two/deep/hw1", term=Term.load(term.root), form=form)
    finally:
        os.umask(old)

    if form is Format.zip:
        assert first.read_bytes() == second.read_bytes()
    else:
        assert content(first) == content(second)
        modes = [
            {
                each.relative_to(root): stat.S_IMODE(each.stat().st_mode)
                for each in root.rglob("*")
                if ".git" not in str(each)
            }
            for root in (first, second)
        ]
        assert modes[0] == modes[1]
    if form is Format.git:
        assert packing._git(first, "rev-parse", "HEAD") == packing._git(second, "rev-parse", "HEAD")
        assert packing._git(first, "status", "--porcelain") == ""
        assert packing._git(first, "log", "--format=%aI %cI").split()[0][:19] == "2000-01-01T00:00:00"


def test_a_zip_unpacks_below_one_folder(course, tmp_path):
    """Its entries are sorted and dated the same, and say which files are read-only."""
    out = hand_out(course, tmp_path / "hw1.zip", "ch01/pieces", form=Format.zip)
    with zipfile.ZipFile(out) as archive:
        entries = archive.infolist()

    assert [each.filename for each in entries] == sorted(each.filename for each in entries)
    assert {each.filename.split("/")[0] for each in entries} == {"hw1"}
    assert {each.date_time for each in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {each.external_attr >> 16 for each in entries} == {0o100444, 0o100644}


def test_notebooks(course, tmp_path):
    """The notebook stands in the place of file and lesson; what is given is no exercise in it."""
    out = hand_out(course, tmp_path / "nb", "ch01/pieces/area", given=["name"], form=Format.notebooks)
    notebook = json.loads((out / "ch01_small/pieces.ipynb").read_text())
    solutions = [each["id"] for each in notebook["cells"] if each["metadata"].get("nbgrader", {}).get("solution")]

    assert solutions == ["area"]
    assert not (out / "ch01_small/pieces.py").exists()
    assert not (out / "ch01_small/pieces.md").exists()
    assert (out / "ch01_small/pieces_picture.svg").exists()
    assert (out / ".grader/exercises/ch01_small/pieces.py").exists()
    assert "pieces.ipynb" in (out / "README.md").read_text()


# leaks


@pytest.fixture(scope="module")
def whole() -> Course:
    return Course.load(ROOT)


@pytest.fixture(scope="module")
def watch(whole: Course) -> Watch:
    return Watch(whole, ())


LINES = [
    (section.path, region.lines)
    for section in Course.load(ROOT).sections
    for region in regions(section.source.read_text("utf-8"))
]


@pytest.mark.parametrize("notebooks", [False, True])
def test_the_whole_course_goes_out_clean(whole, watch, notebooks):
    """No false alarm in any file of a hand-out of all sections."""
    assignment = Assignment("all", (), None, 1)
    files = HandOut(whole, assignment, select(whole, ()), {}, None, notebooks).files()

    assert [str(leak) for name, data in files.items() for leak in watch.look(name, data)] == []
    assert sum(name.endswith(".ipynb" if notebooks else ".py") and ".grader" not in name for name in files) == len(
        whole.sections
    )


def test_every_region_is_seen(watch):
    """Each region of the course, pasted into a page, is found; 95 of 100 lines are by themselves."""
    lines = [line for _, region in LINES for line in region if line.strip()]
    unseen = [line for line in lines if not watch.look("page.md", f"Notes\n\n{line}\n".encode())]

    assert [path for path, region in LINES if not watch.look("page.md", "".join(region).encode())] == []
    assert len(unseen) < 0.06 * len(lines)
    assert sum(len(words(line)) >= SHORTEST + 2 for line in unseen) <= 8


def notebook(**cell) -> bytes:
    return json.dumps({"cells": [{"cell_type": "code", "source": [], "metadata": {}, "outputs": [], **cell}]}).encode()


def zipped(name: str, data: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return made.getvalue()


HIDING = {
    "a lesson": lambda text: ("ch02/lesson.md", f"# Notes\n\n{text}\n\nThe end".encode()),
    "other line ends": lambda text: ("a.md", text.replace("\n", "\r\n").replace("    ", "\t").encode()),
    "one paragraph": lambda text: ("a.md", ("Take " + " ".join(text.split()) + " for it.").encode()),
    "a notebook's metadata": lambda text: ("a.ipynb", notebook(metadata={"deep": [{"note": text}]})),
    "a notebook's lines": lambda text: ("a.ipynb", notebook(source=text.splitlines(keepends=True))),
    "an output": lambda text: ("a.ipynb", notebook(outputs=[{"data": {"text/plain": [text]}}])),
    "a page as output": lambda text: ("a.ipynb", notebook(outputs=[{"data": {"text/html": marked_up(text)}}])),
    "an attachment": lambda text: (
        "a.ipynb",
        notebook(attachments={"x": {"t": base64.b64encode(text.encode()).decode()}}),
    ),
    "JSON in JSON": lambda text: ("a.json", json.dumps({"inner": json.dumps([text])}).encode()),
    "an archive": lambda text: ("a.zip", zipped("b/c.py", text.encode())),
    "an archive in an archive": lambda text: ("a.zip", zipped("b.zip", zipped("c.txt", text.encode()))),
    "a picture": lambda text: ("a.png", b"\x89PNG\r\n\x1a\n\0\xff" + text.encode() + b"\xfe\0"),
}


def marked_up(text: str) -> str:
    import html

    return "".join(f"<span class='k'>{html.escape(word)}</span> " for word in text.split(" "))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_whatever_hides_it_it_is_found(watch, data):
    """Any run of lines of any region, of which one says something, wherever it is put."""
    path, region = data.draw(st.sampled_from(LINES))
    first = data.draw(st.integers(0, len(region) - 1))
    run = "".join(region[first : data.draw(st.integers(first + 1, len(region)))])
    if not watch.look("plain.md", run.encode()):
        return
    name, content = HIDING[data.draw(st.sampled_from(sorted(HIDING)))](run)

    leaks = watch.look(name, content)

    assert leaks, (path, run)
    assert any(name.partition("/")[0] in leak.place for leak in leaks)


def test_a_leak_names_its_place(watch):
    """The line in the file that goes out, and the line of the source."""
    path, region = next((path, region) for path, region in LINES if len(region) > 3)
    line = max(region, key=len)
    (leak,) = watch.look("ch02/page.md", f"one\ntwo\n{line}three\n".encode())
    place, number = leak.secret.origin.rsplit(":", 1)

    assert leak.place == "ch02/page.md:3"
    assert place == f"solutions/{path}"
    assert (ROOT / place).read_text("utf-8").splitlines()[int(number) - 1].strip() == line.strip()


def test_suites_and_mistakes_are_secrets(watch):
    """Names of checks, what they assert, the sentences of mistakes, their data; and whole files, by their names."""
    folder = ROOT / "tests/chapters/ch02_transformer"
    checks = re.findall(r"^def test_.*$", (folder / "test_attention.py").read_text(), re.MULTILINE)
    mistakes = re.findall(r"^    says=.*$", (folder / "mistakes_attention.py").read_text(), re.MULTILINE)
    asserts = re.findall(r"^    check_close\(.*$", (folder / "test_attention.py").read_text(), re.MULTILINE)
    telling = [line for line in (*checks, *mistakes, *asserts) if len(words(line)) >= SHORTEST]

    assert len(telling) > 50
    assert [line for line in telling if not watch.look("a.md", line.encode())] == []
    assert watch.look("tests/test_attention.py", b"")
    assert watch.look("a.json", (folder / "embeddings_reference.json").read_bytes())


def test_hints_may_be_told_and_only_as_a_whole(whole, watch):
    """A hint that is nearly the code stands in the data; the line of code alone does not."""
    hint = next(hint for each in whole.exercises for hint in each.hints if "scores.masked_fill" in hint)

    assert watch.look("a.toml", toml.dumps({"hints": [hint]}).encode()) == []
    assert watch.look("a.toml", b"# weights = torch.softmax(scores.masked_fill(~mask, -math.inf), dim=-1)\n")


def test_the_shortest_solution_in_its_place(tmp_path):
    """`return a + b` says nothing by itself; where the stub should be it is a solution."""
    watch = Watch(Course.load(TINY), ())
    stub = (TINY / "exercises/ch01_tiny/first.py").read_text()
    solved = stub.replace(STUB, "    return b + a\n", 1)

    for name, data in (
        ("hw1/ch01_tiny/first.py", solved.encode()),
        ("ch01_tiny/first.ipynb", notebook(source=solved.splitlines(keepends=True))),
        ("hw1.zip", zipped("hw1/ch01_tiny/first.py", solved.encode())),
    ):
        assert ["`add` is not its stub"] == [leak.secret.line for leak in watch.look(name, data)]
    assert watch.look("ch01_tiny/first.py", stub.encode()) == []
    assert Watch(Course.load(TINY), {"ch01/first/add"}).look("ch01_tiny/first.py", solved.encode()) == []


def test_all_that_a_repository_holds(course, tmp_path):
    """A solution in a commit that nothing leads to any more is still there for everybody who asks git."""
    out = hand_out(course, tmp_path / "hw1", "ch01/pieces", form=Format.git)
    watch = Watch(course, ())
    assert watch.search(out) == []
    stub = (out / "ch01_small/pieces.py").read_text()
    (out / "ch01_small/pieces.py").write_text(PIECES)
    packing._git(out, "commit", "--all", "--quiet", "--message", "oops")
    packing._git(out, "reset", "--quiet", "--hard", "HEAD~1")

    assert (out / "ch01_small/pieces.py").read_text() == stub
    assert any("git blob" in leak.place for leak in watch.search(out))


@pytest.mark.parametrize("form", Format)
def test_a_leak_stops_everything(term, tmp_path, form):
    """It is named with file and line; nothing is left, and class.toml stays as it was."""
    lesson = term.course_root / "solutions/ch01_small/model.md"
    lesson.write_text('# 1.2\n\nWrite `self.text = f"{parts.name()}:{parts.area(size):.2f}"`.\n')
    before = (term.root / "class.toml").read_text()

    with pytest.raises(GraderError) as caught:
        hand_out(term.course, tmp_path / "out/hw1", "ch01", term=term, form=form)

    assert re.search(
        r"model\.(md|ipynb).*3 says what solutions/ch01_small/model\.py:4 says: self\.text", str(caught.value)
    )
    assert list((tmp_path / "out").iterdir()) == []
    assert (term.root / "class.toml").read_text() == before


# what stands at --out


@pytest.mark.parametrize("form", Format)
def test_an_earlier_hand_out_is_replaced(course, tmp_path, form):
    """The same assignment may be made again in the same place; nothing else is left there."""
    out = hand_out(course, tmp_path / "out/hw1", "ch01", form=form)
    hand_out(course, out, "ch01/pieces", form=form)

    assert not any(name.endswith("model.md") for name in content(out))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["hw1"]


@pytest.mark.parametrize("form", Format)
def test_what_is_foreign_stays(course, tmp_path, form):
    """A file that was added or changed, another assignment, anything else: refused, and as it was."""
    out = hand_out(course, tmp_path / "hw1", "ch01/pieces", form=form)
    with pytest.raises(GraderError, match="it is one of `hw1`"):
        hand_out(course, out, "ch01/pieces", form=form, name="hw2")
    if form is Format.zip:
        with zipfile.ZipFile(out, "a") as archive:
            archive.writestr("hw1/notes.txt", "mine")
    else:
        (out / "README.md").write_text("mine")
        with pytest.raises(GraderError, match=r"README\.md was changed"):
            hand_out(course, out, "ch01/pieces", form=form)
        (out / "notes.txt").write_text("mine")
    before = content(out)

    with pytest.raises(GraderError, match=r"was changed|was added"):
        hand_out(course, out, "ch01/pieces", form=form)
    assert content(out) == before


def test_other_folders_and_commits_stay(course, tmp_path):
    """A folder of something else, a plain file, a repository with more commits."""
    (tmp_path / "other/deep").mkdir(parents=True)
    (tmp_path / "other/file").write_text("mine")
    for target in (tmp_path / "other", tmp_path / "other/file"):
        with pytest.raises(GraderError, match="it holds something else"):
            hand_out(course, target, "ch01/pieces")
    assert (tmp_path / "other/file").read_text() == "mine"
    out = hand_out(course, tmp_path / "hw1", "ch01/pieces", form=Format.git)
    packing._git(out, "commit", "--quiet", "--allow-empty", "--message", "more")
    with pytest.raises(GraderError, match="further commits"):
        hand_out(course, out, "ch01/pieces", form=Format.git)


@pytest.mark.parametrize("form", Format)
def test_a_disk_that_is_full(term, tmp_path, monkeypatch, form):
    """The sentence says so; what was there stands, and nothing half is left."""
    out = hand_out(term.course, tmp_path / "out/hw1", "ch01/pieces", term=term, form=form)
    before, kept = content(out), (term.root / "class.toml").read_text()

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(
        zipfile.ZipFile if form is Format.zip else Path, "writestr" if form is Format.zip else "chmod", full
    )
    with pytest.raises(GraderError, match="No space left"):
        hand_out(term.course, out, term=Term.load(term.root), form=form)

    assert content(out) == before
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["hw1"]
    assert (term.root / "class.toml").read_text() == kept


def test_git_that_is_missing(course, tmp_path, monkeypatch):
    """It is told, with another way out."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(GraderError, match="git, which is not installed") as caught:
        hand_out(course, tmp_path / "hw1", "ch01/pieces", form=Format.git)
    assert "--format zip" in caught.value.hint
    assert not (tmp_path / "hw1").exists()


# in a class


def test_an_assignment_is_remembered(term, tmp_path):
    """class.toml says what was released, and the name alone makes the same again."""
    out = hand_out(
        term.course, tmp_path / "hw1.zip", "ch01/model", given=["ch01/pieces"], term=term, due=DUE, form=Format.zip
    )
    again = Term.load(term.root)
    known = again.assignment("hw1")

    assert (known.exercises, known.given, known.due) == (("ch01/model",), ("ch01/pieces",), DUE)
    other = hand_out(again.course, tmp_path / "again.zip", term=again, form=Format.zip)
    assert other.read_bytes() == out.read_bytes()
    hand_out(again.course, other, "1.2", term=again, given=["pieces"], form=Format.zip)  # the same, named otherwise
    assert Term.load(term.root).assignment("hw1") == known


def test_what_class_toml_says_stands(term, tmp_path):
    """Another due date, choice or gift under the same name is refused, and a slip in a name makes nothing."""
    out = hand_out(term.course, tmp_path / "hw1", "ch01/pieces", term=term)
    again, before = Term.load(term.root), content(out)
    for exercises, more in (
        ((), {"due": DUE}),
        (["ch01"], {}),
        ((), {"given": ["ch01/model"]}),
        ((), {"variants": True}),
    ):
        with pytest.raises(GraderError, match="says something else"):
            hand_out(term.course, out, *exercises, term=again, **more)
    with pytest.raises(GraderError, match="no assignment `hw2`"):
        hand_out(term.course, tmp_path / "hw2", term=again, name="hw2")
    assert content(out) == before


def test_without_a_class(course, tmp_path):
    """It works from the course alone: unsigned, without a seed, all sections where none is named."""
    out = hand_out(course, tmp_path / "hw1")
    says = manifest(out)

    assert says["sections"] == ["ch01/pieces", "ch01/model"]
    assert (says["signature"], says["public_key"], says["seed_commitment"], says["class"]) == (None,) * 4
    with pytest.raises(GraderError, match="not signed"):
        verify(says)
    with pytest.raises(GraderError, match="need a class"):
        hand_out(course, tmp_path / "v", variants=True)


def test_a_course_without_solutions_or_suites(course, tmp_path):
    """Without solutions nothing could be searched for; without suites there are no points, and it is said."""
    shutil.rmtree(course.root / "tests")
    made = release(Course.load(course.root), None, Wish(tmp_path / "hw1", "hw1", ["ch01/pieces"]))
    assert "states no points" in made.notes[0]
    assert manifest(tmp_path / "hw1")["max_points"] is None
    assert "| `area` |  | core |" in (tmp_path / "hw1/README.md").read_text()

    with pytest.raises(GraderError, match="has no solutions of ch01/pieces"):
        hand_out(Course.load(tmp_path / "hw1/.grader"), tmp_path / "hw2", "ch01/pieces")


@pytest.mark.parametrize("text", ["", "soon", "2026-12-01", "2026-13-01T00:00", "01.12.2026 23:59"])
def test_a_due_date_that_cannot_be_read(text):
    """It is told how to write it; a day alone would mean its first minute."""
    with pytest.raises(GraderError, match="cannot be read") as caught:
        read_due(text)
    assert "2026-12-01T23:59" in caught.value.hint


def test_due_dates_have_the_zone_of_the_class(term):
    """Without a zone the class's is meant."""
    assert read_due("2026-12-01T23:59", term.zone) == DUE
    assert read_due("2026-12-01 22:59+00:00", term.zone) == DUE


# signed


def test_the_manifest_says_what_was_released(term, tmp_path):
    """Every file with its hash, exercises with points, and the signature of the class."""
    out = hand_out(term.course, tmp_path / "hw1", "ch01/pieces", term=term, due=DUE, given=["ch01/model"])
    says, files = manifest(out), content(out)
    verify(says)
    verify(says, class_key(term))

    assert (out / ".grader/release.json").read_bytes() == canonical(says)
    assert set(says["files"]) == set(files) - {".grader/release.json"}
    assert says["exercises"][0] == {"id": "ch01/pieces/area", "kind": "core", "points": 2.0}
    assert (says["max_points"], says["max_beyond"], says["due"]) == (2.0, 3.0, DUE.isoformat())
    assert (says["assignment"], says["given"], says["student"]) == ("hw1", ["ch01/model/Model"], None)
    assert says["course"]["commit"] is None  # no checkout


def test_a_clean_checkout_is_named(term, tmp_path):
    """The commit stands in the manifest, unless something was changed since."""
    packing._git(term.course_root, "init", "--quiet")
    packing._git(term.course_root, "add", "--all")
    packing._git(term.course_root, "commit", "--quiet", "--message", "course")
    commit = packing._git(term.course_root, "rev-parse", "HEAD")

    assert manifest(hand_out(term.course, tmp_path / "hw1", "ch01"))["course"]["commit"] == commit
    (term.course_root / "solutions/ch01_small/pieces.md").write_text("# changed\n")
    assert manifest(hand_out(term.course, tmp_path / "hw1", "ch01"))["course"]["commit"] is None


@pytest.mark.parametrize("change", ["assignment", "files", "signature", "public_key", "seed_commitment", "more"])
def test_a_manifest_that_was_changed(term, tmp_path, change):
    """Whatever was changed, it is seen; so is another class's key."""
    says = manifest(hand_out(term.course, tmp_path / "hw1", "ch01/pieces", term=term))
    other = Signer(create(tmp_path / "other", term.course_root, None))
    with pytest.raises(GraderError, match="another key"):
        verify(other.sign({key: says[key] for key in says if key != "signature"}), class_key(term))

    forged = {**says, change: {"public_key": other.public, "files": {}}.get(change, "AAAA")}
    with pytest.raises(GraderError, match="changed since"):
        verify(forged)


def test_the_key_stays_in_the_class(term, tmp_path):
    """Made once, for its owner alone, and never handed out."""
    hand_out(term.course, tmp_path / "hw1", "ch01/pieces", term=term)
    key = (term.root / "class.key").read_bytes()
    hand_out(term.course, tmp_path / "hw2", "ch01/pieces", term=Term.load(term.root), name="hw2")

    assert (term.root / "class.key").read_bytes() == key
    assert (term.root / "class.key").stat().st_mode & 0o777 == 0o600
    assert not any(b"PRIVATE KEY" in data for data in content(tmp_path / "hw1").values())
    (term.root / "class.key").write_text("damaged")
    with pytest.raises(GraderError, match="no Ed25519 key"):
        hand_out(term.course, tmp_path / "hw3", "ch01/pieces", term=term, name="hw3")


# variants


@pytest.mark.parametrize("form", [Format.folder, Format.zip])
def test_one_hand_out_for_each_student(term, tmp_path, form):
    """Each names its student, commits to an own seed that stands nowhere in it, and differs in its questions."""
    text = (term.course_root / "solutions/ch01_small/pieces.toml").read_text()
    (term.course_root / "solutions/ch01_small/pieces.toml").write_text(text + QUESTION.replace("?", "??") * 3)
    term = Term.load(term.root)
    out = hand_out(term.course, tmp_path / "hw1", "ch01/pieces", term=term, form=form, variants=True)
    assignment, signer = Term.load(term.root).assignment("hw1"), Signer(term)
    ending = ".zip" if form is Format.zip else ""
    assert sorted(path.name for path in out.iterdir()) == [f"ada{ending}", f"bob{ending}"]

    tomls = []
    for student in ("ada", "bob"):
        files = {name.removeprefix("hw1/"): data for name, data in content(out / f"{student}{ending}").items()}
        says, seed = json.loads(files[".grader/release.json"]), student_seed(assignment, student)
        verify(says, class_key(term))
        assert says["student"] == student
        assert says["seed_commitment"] == signer.commitment(assignment, student)
        assert not any(str(number).encode() in data for data in files.values() for number in (seed, assignment.seed))
        assert f"(`{student}`)".encode() in files["README.md"]
        tomls.append(files[".grader/exercises/ch01_small/pieces.toml"])
    assert tomls[0] != tomls[1]
    hand_out(term.course, out, term=Term.load(term.root), form=form)  # replaced by the same


def test_seeds_of_students():
    """They follow from the assignment's seed and the student alone, and have as few bits as any other seed."""
    assignment = Assignment("hw1", (), None, 20261201)

    assert student_seed(assignment, "ada") == student_seed(replace(assignment, due=DUE), "ada") == 1200869464
    students = [student_seed(each, id) for each in (assignment, replace(assignment, seed=7)) for id in ("ada", "bob")]
    assert len({*students, assignment.seed}) == 5
    assert all(0 <= seed < 2**31 for seed in students)


@given(st.binary(min_size=32, max_size=32))
def test_answers_move_with_their_choices(secret):
    """In every order the same choice is right, and each keeps its reason."""
    before = tomllib.loads('number = "1.1"\n' + QUESTION)["questions"][0]
    after = tomllib.loads(shuffled(b'number = "1.1"\n' + QUESTION.encode(), secret).decode())["questions"][0]

    assert after["choices"][after["answer"]] == before["choices"][before["answer"]]
    assert dict(zip(after["choices"], after["why"], strict=True)) == dict(
        zip(before["choices"], before["why"], strict=True)
    )


def test_orders_differ():
    """All orders of four choices come up about equally often."""
    toml_text = b'number = "1.1"\n' + QUESTION.encode()
    first = [tomllib.loads(shuffled(toml_text, bytes([n]) * 32).decode())["questions"][0]["answer"] for n in range(200)]

    assert all(25 < first.count(place) < 80 for place in range(4))


PLAIN = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.integers(-9, 9) | st.booleans()
TABLES = st.dictionaries(
    PLAIN.filter(lambda key: isinstance(key, str)), PLAIN | st.lists(PLAIN, max_size=3), max_size=3
)


@given(
    st.dictionaries(
        st.text('ab-é. "\\', max_size=4), TABLES | PLAIN | st.lists(TABLES, min_size=1, max_size=2), max_size=4
    )
)
def test_toml_says_what_was_read(data):
    """What is written again is read as the same."""
    assert tomllib.loads(toml.dumps(data)) == data


def test_toml_of_the_course(whole):
    for section in whole.sections:
        data = tomllib.loads(section.source.with_suffix(".toml").read_text("utf-8"))
        assert tomllib.loads(toml.dumps(data)) == data
        assert list(tomllib.loads(toml.dumps(data)).get("exercises", {})) == list(data.get("exercises", {}))


# the commands


def command(*arguments: str | Path, cwd: Path, course: Path | None = None) -> tuple[int, str]:
    app = typer.Typer()
    app.command("class")(class_new)
    app.command("release")(release_command)
    before = Path.cwd()
    os.chdir(cwd)
    try:
        done = CliRunner().invoke(app, [*map(str, arguments)], obj=Place(None, course))
    finally:
        os.chdir(before)
    return done.exit_code, " ".join(done.output.split())


def test_from_a_new_class_to_a_hand_out(course, tmp_path):
    """`grader class`, then `grader release` in it; what is printed says what was made and what is next."""
    (tmp_path / "roster.csv").write_text("id\nada\nbob\n")
    code, said = command("class", "fall", "--roster", "roster.csv", cwd=tmp_path, course=course.root)
    assert (code, "2 students" in said, "Next: cd fall" in said) == (0, True, True)

    code, said = command("release", "1.1", "--out", "../hw1.zip", "--due", "2026-12-01T23:59", cwd=tmp_path / "fall")
    assert code == 0, said
    assert "hw1: the hand-out in ../hw1.zip ch01/pieces: 2 exercises" in said
    assert "Due 2026-12-01 23:59 (UTC)" in said
    assert "Signed with class.key." in said
    assert "grader collect hw1" in said
    code, said = command("release", "--name", "hw1", "--format", "zip", "--out", "x", cwd=tmp_path / "fall")
    assert (tmp_path / "fall/x.zip").read_bytes() == (tmp_path / "hw1.zip").read_bytes()
    code, said = command("release", "ch01", "--name", "all", "--variants", "--out", "v", cwd=tmp_path / "fall")
    assert (code, "2 hand-outs, one for each student" in said) == (0, True)


def test_from_a_course_alone(course, tmp_path):
    """Outside a class folder it is said that nothing is signed or remembered."""
    code, said = command("release", "ch01", "--out", "hw1", cwd=tmp_path, course=course.root)

    assert (code, "Not signed and not remembered" in said) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--format", "tar", "--out", "x"], "There is no format `tar`"),
        (["--variants", "--out", "x.zip"], "is a folder that holds a hand-out for each student"),
        (["--due", "soon", "--out", "x"], "cannot be read"),
        (["ch09", "--out", "x"], "Nothing in this course is called `ch09`"),
        (["--out", "a b"], "The assignment's name"),
        (["--class", "nowhere", "--out", "x"], "holds no class.toml"),
    ],
)
def test_what_cannot_be_meant(course, tmp_path, arguments, says):
    """A sentence, exit code 2, and nothing is made."""
    code, said = command("release", *arguments, cwd=tmp_path, course=course.root)

    assert (code, says in said) == (2, True), said
    assert [path.name for path in tmp_path.iterdir()] == ["course"]

"""The command as people type it, on the tiny course: what is printed where, and the exit code."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import jsonschema
import pexpect
import pytest
import typer

from grader import console
from grader.doctor import Part, State, can_work, examine, render
from grader.errors import GraderError
from grader.options import hoisted
from grader.place import Place
from grader.report.look import Look

ROOT = Path(__file__).parents[2]
TINY = Path(__file__).parent / "tiny"
STUB = "    raise NotImplementedError\n"
SOLVED = ("    return a + b\n", "    return x.sum(-1) / x.shape[-1]\n")
Run = Callable[..., subprocess.CompletedProcess[str]]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "GRADER_DEBUG")}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **more}


def grader(*arguments: str | Path, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "grader", *map(str, arguments)]
    variables = environment(**more)
    return subprocess.run(
        command, cwd=cwd, env=variables, capture_output=True, encoding=variables["PYTHONIOENCODING"], timeout=120,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A new workspace for the tiny course."""
    assert grader("init", "work", "--course", TINY, cwd=tmp_path).returncode == 0
    return tmp_path / "work"


@pytest.fixture
def run(work: Path) -> Run:
    """The command, typed in that workspace."""
    return lambda *arguments, **more: grader(*arguments, cwd=work, **more)


def write(work: Path, *bodies: str) -> None:
    """Puts these in the places of the stubs, in order."""
    path = work / "ch01_tiny/first.py"
    text = (work / ".grader/stubs/ch01_tiny/first.py").read_text()
    for body in bodies:
        text = text.replace(STUB, body, 1)
    path.write_text(text)


def last_lines(text: str, count: int) -> list[str]:
    return text.rstrip("\n").split("\n")[-count:]


# --- a learner's day ---


def test_a_new_workspace(tmp_path: Path, work: Path) -> None:
    """`init` says what is there and how to begin; a second one touches nothing."""
    again = grader("init", "work", "--course", TINY, cwd=tmp_path)

    assert (work / "ch01_tiny/first.md").is_file()
    assert again.returncode == 0
    assert again.stdout.startswith(f"This workspace is complete already: {work}\n")
    assert "  cd work\n  grader check ch01/first/add " in again.stdout


def test_a_learners_day(run: Run, work: Path) -> None:
    """Nothing, something wrong, all right: exit code 1, 1, 0, and progress remembers."""
    nothing = run("check")
    write(work, "    return a - b\n")
    wrong = run("check", "add")
    write(work, *SOLVED)
    right = run("check")

    assert (nothing.returncode, wrong.returncode, right.returncode) == (1, 1, 0)
    assert last_lines(nothing.stdout, 2) == [
        "Next: add in ch01_tiny/first.py, then",
        "      grader check ch01/first/add",
    ]
    assert "    Does not hold: Two and three make five.\n" in wrong.stdout
    assert last_lines(right.stdout, 1) == ["All passed: 5 of 5 points."]
    assert last_lines(run().stdout, 1) == ["Nothing is left to do: every exercise that can run here passes."]
    assert nothing.stderr == wrong.stderr == right.stderr == ""


def test_progress_does_not_grade(run: Run, work: Path) -> None:
    """A bare `grader` shows what is remembered, in plain text when piped."""
    write(work, "    return a + b\n")
    run("check")
    write(work, "    this is no Python\n")

    shown = run()

    assert shown.returncode == 0
    assert "████░░░░" in shown.stdout
    assert "2/5        -      1/2\n" in shown.stdout
    assert "\x1b" not in shown.stdout


def test_a_file_that_cannot_be_imported_is_told_once(run: Run, work: Path) -> None:
    """Its points count as 0 of N."""
    write(work, "    return 1 +\n")

    shown = run("check")

    assert shown.returncode == 1
    assert shown.stdout.count("cannot be imported") == 1
    assert "0/5 points" in shown.stdout


def test_code_that_crashes(run: Run, work: Path) -> None:
    """Broken says how and where, and the other exercise keeps its points."""
    write(work, SOLVED[0], "    import os; os.abort()\n")

    shown = run("check")

    assert "  passed   add\n" in shown.stdout
    assert "  broken   mean\n" in shown.stdout
    assert "Could not be checked: The mean of 1 and 3 is 2.\n" in shown.stdout
    assert "first.py, line 3" in shown.stdout


def test_hints_come_one_by_one(run: Run) -> None:
    """Each call shows one more; after the last comes the solution."""
    counts = [run("hint", "mean").stdout.count("Hint ") for _ in range(4)]

    assert counts == [1, 2, 3, 3]
    assert "grader solution ch01/first/mean" in run("hint", "mean").stdout


def test_reset_names_the_backup(run: Run, work: Path) -> None:
    """The stub is back, the old text is in the backup, and progress knows."""
    write(work, *SOLVED)
    run("check")

    shown = run("reset", "mean")
    backup = Path(shown.stdout.rstrip("\n").rpartition("The file as it was: ")[2])

    assert SOLVED[1] in backup.read_text()
    assert (work / "ch01_tiny/first.py").read_text().count(STUB) == 1
    assert "  todo     mean " in run("list").stdout
    assert "  passed   add " in run("list").stdout


def test_the_solution_once_it_passes(run: Run, work: Path) -> None:
    """Before, a pipe needs --yes; afterwards it is shown at once, without its markers."""
    before = run("solution", "add")
    forced = run("solution", "add", "--yes")
    write(work, *SOLVED)
    run("check")
    after = run("solution", "add")

    assert (before.returncode, before.stdout) == (2, "")
    assert "--yes" in before.stderr
    assert forced.stdout == after.stdout
    assert after.stdout.startswith("def add(a, b):\n")
    assert after.stdout.endswith("    return a + b\n")


@pytest.mark.parametrize(("answer", "shown"), [("y", "return a"), ("n", "Not shown")])
def test_the_solution_after_asking(work: Path, answer: str, shown: str) -> None:
    """On a terminal the command asks."""
    with pexpect_in(work, "solution", "add") as child:
        child.expect(r"Show its solution all the same\?")
        child.sendline(answer)
        child.expect(shown)
        child.expect(pexpect.EOF)

    assert child.exitstatus == 0


def pexpect_in(work: Path, *arguments: str, **more: str) -> pexpect.spawn:
    return pexpect.spawn(
        sys.executable, ["-m", "grader", *arguments], cwd=str(work), env=environment(TERM="xterm", **more),
        encoding="utf-8", timeout=60, dimensions=(24, 80),
    )  # fmt: skip


def test_run_says_when_there_is_nothing_to_run(run: Run) -> None:
    """An ordinary section has no `main`."""
    shown = run("run", "ch01/first")

    assert shown.returncode == 2
    assert shown.stderr.startswith("1.1 First steps has nothing to run")


def test_a_section_with_main_runs(tmp_path: Path) -> None:
    """What `main` prints is shown, and its exit code is the command's."""
    course = tmp_path / "course"
    shutil.copytree(TINY, course)
    path = course / "solutions/ch01_tiny/first.py"
    path.write_text(path.read_text() + "\n\ndef main():\n    print('mine')\n    raise SystemExit(7)\n")

    shown = grader("run", "ch01/first", "--course", course, cwd=tmp_path)

    assert shown.returncode == 7, shown.stderr
    assert shown.stdout.startswith("1.1 First steps runs with\n")
    assert shown.stdout.endswith("\n\nmine\n")


# --- what others read ---


def test_json_is_one_object_and_follows_the_schema(run: Run, work: Path) -> None:
    """Nothing else on standard output, whatever the learner's code prints; every status is in the schema."""
    write(work, "    print('{')\n    return a + b\n", "    return 0\n")
    schema = json.loads((ROOT / "grader/schema.json").read_text())

    shown = run("check", "--json", "--seed", "3")
    report = json.loads(shown.stdout)

    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(report, schema)
    assert (shown.returncode, shown.stderr) == (1, "")
    assert (report["version"], report["seed"], report["isolation"]) == (1, 3, "process")
    assert [each["status"] for each in report["exercises"]] == ["passed", "failed"]
    assert (report["points"], report["max_points"], report["not_run_points"]) == (2, 5, 0)
    documented = schema["$defs"]
    assert set(report) <= set(schema["properties"])
    assert set(report["exercises"][0]) <= set(documented["exercise"]["properties"])
    assert set(report["exercises"][0]["checks"][0]) == set(documented["check"]["properties"])


def test_everything_is_documented() -> None:
    """Each field of the schema says what it is, there or where it points."""
    schema = json.loads((ROOT / "grader/schema.json").read_text())
    unexplained = [
        name
        for name, field in schema["properties"].items()
        if not field.get("description")
    ]  # fmt: skip

    assert unexplained == []


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_unicode(run: Run, work: Path, encoding: str) -> None:
    """Bars are made of # and -, and nothing fails to be written."""
    write(work, SOLVED[0], "    raise ValueError('√ é')\n")

    shown = run("check", PYTHONIOENCODING=encoding)

    assert (shown.returncode, shown.stderr) == (1, "")
    assert "####------" in shown.stdout
    assert "sqrt " in shown.stdout
    assert "####" in run(PYTHONIOENCODING=encoding).stdout


def test_a_terminal_has_colour_and_no_color_takes_it(work: Path) -> None:
    """The progress line is gone at the end; NO_COLOR holds."""
    write(work, "    return a - b\n")
    with pexpect_in(work, "check", "add") as child:
        child.expect(pexpect.EOF)
    with pexpect_in(work, NO_COLOR="1") as plain:
        plain.expect(pexpect.EOF)

    assert "\x1b[31mDoes not hold:\x1b[0m" in child.before
    assert "Checking" in child.before
    assert "\x1b[" not in plain.before


def test_nothing_is_wider_than_eighty_columns(run: Run, work: Path) -> None:
    """In a pipe there are 80 columns."""
    write(work, "    return 'a text as long as can be ' * 30\n")

    shown = "".join(run(*arguments.split()).stdout for arguments in ("", "check", "list", "--help", "check --help"))

    assert [line for line in shown.splitlines() if len(line) > 80] == []


# --- whose answers, which course ---


def hand_out(course: Path) -> Path:
    """A course without solutions and hidden checks."""
    for path in sorted((TINY / "exercises/ch01_tiny").iterdir()):
        copy = course / "exercises/ch01_tiny" / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text())
    return course


def test_a_hand_out_never_says_all_passed(tmp_path: Path) -> None:
    """Public examples run, and the summary says that the hidden checks are missing."""
    grader("init", "work", "--course", hand_out(tmp_path / "course"), cwd=tmp_path)
    write(tmp_path / "work", SOLVED[0])

    shown = grader("check", "add", cwd=tmp_path / "work")
    strictly = grader("check", "add", "--require-all", cwd=tmp_path / "work")
    solution = grader("solution", "add", "--yes", cwd=tmp_path / "work")

    assert (shown.returncode, strictly.returncode, solution.returncode) == (1, 2, 2)
    assert "Public examples that pass: 1 of 1. The hidden checks, which decide, are not" in shown.stdout
    assert "ll passed" not in shown.stdout
    assert solution.stderr.startswith("This hand-out has no solution for `ch01/first/add`.")


def test_anybodys_answers_from_anywhere(tmp_path: Path, work: Path) -> None:
    """`--workspace` finds the course by itself, before the command and behind it."""
    write(work, *SOLVED)

    behind = grader("check", "--workspace", work, cwd=tmp_path)
    before = grader(f"--workspace={work}", "check", cwd=tmp_path)
    missing = grader("check", "--workspace", "nowhere", "--course", TINY, cwd=tmp_path)

    assert (behind.returncode, before.returncode, missing.returncode) == (0, 0, 2)
    assert "nowhere is not a folder." in missing.stderr


def test_options_are_hoisted() -> None:
    """Only the two of every command move, with their values; nothing behind `--` does."""
    typed = "check --json --workspace w x --course=c -- --workspace z".split()

    assert hoisted(typed) == "--workspace w --course=c check --json x -- --workspace z".split()
    assert hoisted(["check", "--course"]) == ["--course", "check"]


def test_a_course_that_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workspace's course is named, and what to do."""
    (tmp_path / ".grader").mkdir()
    facts = {"version": 1, "course": str(tmp_path / "gone")}
    (tmp_path / ".grader/workspace.json").write_text(json.dumps(facts))
    monkeypatch.chdir(tmp_path)

    with pytest.raises(GraderError, match="not there any more"):
        Place().course
    assert Place(course_option=TINY).course.root == TINY


# --- when something is wrong ---


@pytest.mark.parametrize(
    ("typed", "problem", "hint"),
    [
        (["check", "ad"], "Nothing in this course is called `ad`.", "Did you mean `add`?"),
        (["hint", "ch01"], "`ch01` has 2 exercises; this command takes one.", "`grader list` shows them."),
        (["check", "--course", "nowhere"], "nowhere holds no course", "--course DIR"),
    ],
)
def test_problems_are_told_with_what_to_do(run: Run, typed: Sequence[str], problem: str, hint: str) -> None:
    """On standard error; exit code 2; never a traceback."""
    shown = run(*typed)

    assert (shown.returncode, shown.stdout) == (2, "")
    assert problem in shown.stderr.replace("\n", " ")
    assert hint in shown.stderr.replace("\n", " ")
    assert "Traceback" not in shown.stderr


def test_a_fault_of_the_grader_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The traceback is for those who ask."""

    def fail() -> str:
        with pytest.raises(SystemExit, match="2"), console.told():
            raise KeyError("x")
        return capsys.readouterr().err

    monkeypatch.delenv("GRADER_DEBUG", raising=False)

    assert fail() == "The grader itself failed (KeyError: 'x').\nGRADER_DEBUG=1 shows where.\n"
    monkeypatch.setenv("GRADER_DEBUG", "1")
    assert "Traceback" in fail()


def test_ctrl_c_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 130."""
    with pytest.raises(SystemExit, match="130"), console.told():
        raise KeyboardInterrupt

    assert capsys.readouterr().err == "Stopped. Your files are as they were.\n"


def test_what_ends_a_command_passes() -> None:
    """An exit code that a command chose is no fault."""
    with pytest.raises(typer.Exit), console.told():
        raise typer.Exit(1)


def test_interrupted_while_code_hangs(work: Path) -> None:
    """Ctrl-C ends a check that would take long, at once and without a traceback."""
    started = work / "started"
    write(work, f"    open({str(started)!r}, 'w').close()\n    while True: pass\n")
    command = [sys.executable, "-m", "grader", "check", "add"]
    child = subprocess.Popen(command, cwd=work, env=environment(), stderr=subprocess.PIPE, text=True)
    while not started.exists() and child.poll() is None:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)

    assert (child.returncode, said) == (130, "Stopped. Your files are as they were.\n")
    assert (work / "ch01_tiny/first.py").read_text().count("while True") == 1


def test_usage_errors_are_short(run: Run) -> None:
    """A command that does not exist, an option that does not."""
    assert [run("chek").returncode, run("check", "--nothing").returncode] == [2, 2]
    assert "check" in run("chek").stderr


def test_side_by_side(run: Run, work: Path) -> None:
    """`--jobs` changes nothing but the time."""
    write(work, *SOLVED)

    assert run("check", "--jobs", "2").returncode == 0


def test_the_version(run: Run) -> None:
    """`--version` says it."""
    assert run("--version").stdout == "grader 0.1.0\n"


# --- doctor, author ---


def test_the_doctor_on_this_machine(run: Run) -> None:
    """Everything is named; learners can work where the tests run."""
    shown = run("doctor")

    assert shown.returncode == 0
    assert last_lines(shown.stdout, 1) == ["You can work here."]
    for part in ("Python", "pytest", "numpy", "torch", "extra: dev", "course", "workspace", "process", "strict"):
        assert f"  {part} " in shown.stdout


def test_the_doctor_says_what_to_do(tmp_path: Path) -> None:
    """What is missing stands with its remedy; without a course nobody can work."""
    parts = [part for part in examine(Place(tmp_path, tmp_path)) if part.state is not State.OK]
    shown = render([Part("scipy", State.MISSING, "not installed", 'pip install "scipy>=1.11"')], Look())

    assert parts[0].name == "course"
    assert not can_work(parts)
    assert "  missing   scipy               not installed\n" in shown
    assert 'pip install "scipy>=1.11"' in shown
    assert shown.endswith("Not yet: see what is marked `missing`.\n")


def test_authors_cut(tmp_path: Path) -> None:
    """`author cut` makes exercises/ and says what it wrote; a second time there is nothing to do."""
    for ending in ("py", "md", "toml"):
        path = tmp_path / f"solutions/ch01_tiny/first.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((TINY / "solutions/ch01_tiny" / path.name).read_text())

    first = grader("author", "cut", "--course", tmp_path, cwd=tmp_path)
    second = grader("author", "cut", "--course", tmp_path, cwd=tmp_path)

    names = ("md", "py", "toml")
    assert first.stdout == "".join(f"exercises/ch01_tiny/first.{ending}\n" for ending in names)
    assert second.stdout == "exercises/ is as solutions/ say.\n"
    assert (tmp_path / "exercises/ch01_tiny/first.py").read_text() == (
        TINY / "exercises/ch01_tiny/first.py"
    ).read_text()

"""What a learner reads, word for word: at 80 columns, without colour, with and without Unicode."""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path
from textwrap import dedent

import pytest

from grader.course import Chapter, Course, Exercise, Section
from grader.progress import Progress, Record
from grader.report import overview
from grader.report.look import Look, points
from grader.report.tally import Tally, next_up, standings, worth_of
from grader.report.terminal import View, render
from grader.results import CheckResult, ExerciseResult, Report, Status
from grader.workspace import Created, Workspace

NAMES = {"shift": "core", "scale": "core", "softmax": "core", "entropy": "extra"}
HINTS = ("Think of the largest score.", "Subtract it first.", "exp(x - max(x)), then divide by the sum.")
COLOURED = Look(colour=True)


def section(module: str, number: str, title: str) -> Section:
    id = f"ch01/{module}"
    exercises = tuple(Exercise(f"{id}/{name}", kind, 2, 10, (), (), HINTS, ()) for name, kind in NAMES.items())
    path, suite = Path(f"/course/solutions/ch01_tiny/{module}.py"), Path("/suite.py")
    return Section(
        id=id, path=f"ch01_tiny/{module}.py", number=number, title=title, builds_on=(), worker=(), exercises=exercises,
        questions=(), former_ids=(), models=(), parts=(), source=path, solution=path, lesson=None, suite=suite,
        mistakes=None,
    )  # fmt: skip


FIRST, SECOND = section("first", "1.1", "First steps"), section("second", "1.2", "Second steps")
COURSE = Course(Path("/course"), (Chapter("ch01_tiny", "Tiny", (FIRST, SECOND)),))
PASSED, FAILED, TODO = Status.PASSED, Status.FAILED, Status.TODO


def check(
    name: str, status: Status = PASSED, rule: str = "Rows sum to one.", message: str = "", diagnosis: str = ""
) -> CheckResult:
    points = 2.0 if status is PASSED else 0.0
    return CheckResult(f"ch01/first/{name}/test", rule, status, points, 2.0, message, diagnosis)


def result(name: str, *checks: CheckResult, module: str = "first") -> ExerciseResult:
    return ExerciseResult(f"ch01/{module}/{name}", NAMES[name], checks)


def todo(name: str, module: str = "first") -> ExerciseResult:
    return result(name, check(name, TODO, message="Not written yet."), module=module)


def text(*results: ExerciseResult, look: Look | None = None, named: tuple[str, ...] = (), public: bool = False) -> str:
    chosen = frozenset(f"ch01/first/{name}" for name in named)
    upcoming = next_up(COURSE.exercises, {each.id: each.status for each in results})
    return render(View(Report(0, "process", results, public), COURSE, look or Look(), chosen, upcoming))


def plain(expected: str) -> str:
    return dedent(expected).lstrip("\n")


WRONG = result(
    "softmax",
    check("softmax"),
    check(
        "softmax",
        FAILED,
        "Huge scores do not overflow, even beside tiny ones and in any axis that somebody asks for.",
        "the probabilities: 7 of 12 entries differ\n  first at [1, 0]: expected 0.24, yours NaN",
        "You exponentiated the scores as they came, so large ones overflow.",
    ),
    check("softmax", FAILED, "Adding a constant changes nothing."),
    check("softmax", Status.NOT_RUN, "It agrees with SciPy.", "Its hidden checks need `scipy`: pip install scipy"),
)
BROKEN_FILE = (
    "first.py cannot be imported.\nYour code raised SyntaxError: invalid syntax\n  first.py, line 3\n      x ="
)


GOLDEN = {
    "todo": (
        text(todo("shift"), todo("scale")),
        """
        1.1 First steps                                          ░░░░░░░░░░  0/4 points
          todo     all 2

        0 of 4 points. Exercises passed: 0 of 2 core.
        Next: shift in ch01_tiny/first.py, then
              grader check ch01/first/shift
        """,
    ),
    "pass": (
        text(result("shift", check("shift"), check("shift")), result("entropy", check("entropy"))),
        """
        1.1 First steps                                          ██████████  4/4 points
          passed   shift, entropy

        All passed: 4 of 4 points, 2 of 2 beyond.
        Next: scale in ch01_tiny/first.py, then
              grader check ch01/first/scale
        """,
    ),
    "fail": (
        text(WRONG, todo("scale"), result("shift", check("shift"))),
        """
        1.1 First steps                                         ███░░░░░░░  4/12 points
          passed   shift
          failed   softmax
          todo     scale

          softmax: 1 of 4 checks passed.

            Does not hold: Huge scores do not overflow, even beside tiny ones and in any
              axis that somebody asks for.

              the probabilities: 7 of 12 entries differ
                first at [1, 0]: expected 0.24, yours NaN

            Likely reason: You exponentiated the scores as they came, so large ones
              overflow.

            Also does not hold, perhaps for the same reason:
              - Adding a constant changes nothing.

            Also not run:
              - It agrees with SciPy. Its hidden checks need `scipy`: pip install scipy

            Next:  grader hint ch01/first/softmax
                   grader check ch01/first/softmax

        4 of 12 points. Exercises passed: 1 of 3 core.
        Points not run: 2. The lines marked `not run` say what is missing here.
        """,
    ),
    "import": (
        text(*(result(n, check(n, Status.BROKEN, message=BROKEN_FILE)) for n in NAMES)),
        """
        1.1 First steps                                          ░░░░░░░░░░  0/6 points
          broken   shift, scale, softmax, entropy

            first.py cannot be imported.
              Your code raised SyntaxError: invalid syntax
                first.py, line 3
                    x =

            Next:  grader check ch01/first

        0 of 6 points, 0 of 2 beyond. Exercises passed: 0 of 3 core, 0 of 1 beyond.
        """,
    ),
    "crash": (
        text(
            result(
                "scale",
                check(
                    "scale",
                    Status.BROKEN,
                    "A scale of one changes nothing.",
                    "Your code crashed (segmentation fault).\n  first.py, line 12, in scale\n      ctypes.string_at(0)",
                ),
            ),
            named=("scale",),
        ),
        """
        1.1 First steps                                          ░░░░░░░░░░  0/2 points
          broken   scale

          scale: its one check did not pass.

            Could not be checked: A scale of one changes nothing.

              Your code crashed (segmentation fault).
                first.py, line 12, in scale
                    ctypes.string_at(0)

            Next:  grader hint ch01/first/scale
                   grader check ch01/first/scale

        0 of 2 points. Exercises passed: 0 of 1 core.
        """,
    ),
    "blocked": (
        text(
            result("shift", check("shift", FAILED, "Zero changes nothing.", "expected 1, yours 2")),
            result("scale", check("scale", Status.BLOCKED, message="Waits for `shift`, which does not pass yet.")),
            result("entropy", check("entropy", Status.BLOCKED, message="Waits for `shift`, which does not pass yet.")),
        ),
        """
        1.1 First steps                                          ░░░░░░░░░░  0/4 points
          failed   shift
          blocked  scale, entropy: Waits for `shift`, which does not pass yet.

          shift: its one check did not pass.

            Does not hold: Zero changes nothing.

              expected 1, yours 2

            Next:  grader hint ch01/first/shift
                   grader check ch01/first/shift

        0 of 4 points, 0 of 2 beyond. Exercises passed: 0 of 2 core, 0 of 1 beyond.
        """,
    ),
    "not_run": (
        text(
            result("shift", check("shift")),
            result(
                "scale", check("scale", Status.NOT_RUN, message="Its hidden checks need `scipy`: pip install scipy")
            ),
        ),
        """
        1.1 First steps                                          █████░░░░░  2/4 points
          passed   shift
          not run  scale: Its hidden checks need `scipy`: pip install scipy

        2 of 4 points. Exercises passed: 1 of 2 core.
        Points not run: 2. The lines marked `not run` say what is missing here.
        Next: softmax in ch01_tiny/first.py, then
              grader check ch01/first/softmax
        """,
    ),
    "many": (
        text(
            WRONG,
            result("shift", check("shift", FAILED, "Zero changes nothing.", "expected 1, yours 2")),
            result(
                "scale",
                check(
                    "scale",
                    FAILED,
                    "A long rule that goes on and on until it is far longer than one line of a terminal.",
                    "expected 1",
                ),
            ),
            result("shift", check("shift", FAILED, "Also here.", "expected 1, yours 2"), module="second"),
        ),
        """
        1.1 First steps                                         █░░░░░░░░░  2/12 points
          failed   softmax, shift, scale

          softmax: 1 of 4 checks passed.

            Does not hold: Huge scores do not overflow, even beside tiny ones and in any
              axis that somebody asks for.

              the probabilities: 7 of 12 entries differ
                first at [1, 0]: expected 0.24, yours NaN

            Likely reason: You exponentiated the scores as they came, so large ones
              overflow.

            Also does not hold, perhaps for the same reason:
              - Adding a constant changes nothing.

            Also not run:
              - It agrees with SciPy. Its hidden checks need `scipy`: pip install scipy

            Next:  grader hint ch01/first/softmax
                   grader check ch01/first/softmax

        1.2 Second steps                                         ░░░░░░░░░░  0/2 points
          failed   shift

          shift: its one check did not pass.

            Does not hold: Also here.

              expected 1, yours 2

            Next:  grader hint ch01/second/shift
                   grader check ch01/second/shift

        Not passing either:
          shift  Zero changes nothing.
          scale  A long rule that goes on and on until it is far longer than one line o…
          One in full:  grader check ch01/first/shift

        2 of 14 points. Exercises passed: 0 of 4 core.
        Points not run: 2. The lines marked `not run` say what is missing here.
        """,
    ),
    "public": (
        text(
            result("shift", CheckResult("x/example", "The example gives what it shows.", PASSED, 0.0, 0.0)), public=True
        ),
        """
        1.1 First steps                                          ██████████  1/1 passed
          passed   shift

        Public examples that pass: 1 of 1. The hidden checks, which decide, are not
        installed here.
        Next: scale in ch01_tiny/first.py, then
              grader check ch01/first/scale
        """,
    ),
    "ascii": (
        text(
            result(
                "shift",
                check("shift"),
                check("shift", FAILED, "Each row’s mean is 0 ± 1e-6 · √d …", "the β×γ: expected ≤ 1, yours é日"),
            ),
            look=Look(encoding="ascii"),
        ),
        """
        1.1 First steps                                          #####-----  2/4 points
          failed   shift

          shift: 1 of 2 checks passed.

            Does not hold: Each row's mean is 0 +- 1e-6 * sqrt d ...

              the betaxgamma: expected <= 1, yours e?

            Next:  grader hint ch01/first/shift
                   grader check ch01/first/shift

        2 of 4 points. Exercises passed: 0 of 1 core.
        """,
    ),
}


@pytest.mark.parametrize(("shown", "expected"), GOLDEN.values(), ids=GOLDEN)
def test_the_text_is_this(shown: str, expected: str) -> None:
    """Word for word."""
    assert plain(expected) == shown


@pytest.mark.parametrize("shown", [shown for shown, _ in GOLDEN.values()], ids=GOLDEN)
def test_nothing_is_wider_than_eighty_columns(shown: str) -> None:
    """Every line fits."""
    assert [line for line in shown.splitlines() if len(line) > 80] == []


def test_colour_adds_nothing_but_colour() -> None:
    """The same words with colour and without; todo is never red."""
    coloured = text(WRONG, todo("scale"), look=COLOURED)
    row = next(line for line in coloured.splitlines() if "todo" in line)

    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == text(WRONG, todo("scale"))
    assert "\x1b[31m" in coloured
    assert "\x1b[31m" not in row


def test_a_failure_is_told_in_order() -> None:
    """The rule, what came, the likely reason, what to type next."""
    shown = text(WRONG)
    parts = ["Huge scores", "yours NaN", "You exponentiated", "grader hint ch01/first/softmax", "grader check ch01/"]

    places = [shown.index(part) for part in parts]

    assert places == sorted(places)


def test_what_was_named_is_shown_in_full() -> None:
    """Exercises named one by one are all told in full, others of a section only the first."""
    shift = result("shift", check("shift", FAILED, "Zero changes nothing.", "expected 1, yours 2"))

    assert "Not passing either:" in text(WRONG, shift)
    assert "Not passing either:" not in text(WRONG, shift, named=("softmax", "shift"))
    assert "expected 1, yours 2" in text(WRONG, shift, named=("softmax", "shift"))


def test_a_partly_written_class_says_how_far_it_is() -> None:
    """Todo with some checks passed is no bare todo."""
    half = result("softmax", check("softmax"), check("softmax", TODO, message="Not written yet."))

    assert "  todo     softmax (1 of 2 checks passed)\n" in text(half)


def test_what_is_called_and_not_written_is_named() -> None:
    """An exercise that is finished itself says which unwritten one it calls."""
    waiting = result("softmax", check("softmax", TODO, message="It calls `shift`, which is not written yet."))

    assert "  todo     softmax: It calls `shift`, which is not written yet.\n" in text(waiting, todo("shift"))


def test_public_examples_never_pass_for_all() -> None:
    """Without hidden checks the summary says so."""
    shown = text(result("shift", CheckResult("x/example", "It holds.", PASSED, 0.0, 0.0)), public=True)

    assert "All passed" not in shown
    assert "hidden checks" in shown


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8", "nonsense"])
def test_every_encoding_can_show_it(encoding: str) -> None:
    """What an encoding does not have is spelled."""
    shown = Look(encoding=encoding).safe("√ β Γ × … é 日 \ud800 ½ →")

    assert shown
    if encoding == "ascii":
        assert shown == "sqrt  beta Gamma x ... e ? ? 12 ->"
    if encoding not in ("utf-8", "nonsense"):
        shown.encode(encoding)


def test_a_bar_is_full_only_at_the_end() -> None:
    """Something shows from the first point on, and the last cell waits for the last point."""
    look = Look(encoding="ascii")

    assert [look.bar(share, 4) for share in (0, 0.01, 0.5, 0.99, 1)] == ["----", "#---", "##--", "###-", "####"]


def test_no_colour_and_pipes_hold() -> None:
    """Colour needs a terminal that wants it."""

    class Terminal(io.StringIO):
        encoding = "utf-8"  # type: ignore[assignment]

        def isatty(self) -> bool:
            return True

    assert Look.of(Terminal(), {}).colour
    assert not Look.of(Terminal(), {"NO_COLOR": "1"}).colour
    assert not Look.of(Terminal(), {"TERM": "dumb"}).colour
    assert Look.of(io.StringIO(), {}) == Look(80, False, "ascii")


def test_lines_fold_under_their_own_indentation() -> None:
    """A long line of an indented block continues where it began."""
    look = Look(width=20)

    assert look.wrap("one two three four five\n    six seven eight nine", "- ", "  ") == [
        "- one two three four", "  five", "      six seven", "      eight nine",
    ]  # fmt: skip
    assert look.wrap("") == [""]


def test_points_as_one_writes_them() -> None:
    """No trailing zeros."""
    assert [points(value) for value in (3.0, 2.5, 0)] == ["3", "2.5", "0"]


def test_core_carries_the_points() -> None:
    """What is beyond is counted apart, and the bar is full without it."""
    tally = Tally.of([result("shift", check("shift")), todo("entropy")])

    assert (tally.core.points, tally.beyond.points, tally.beyond.max_points) == (2, 0, 2)
    assert (tally.share, tally.passed, tally.count) == (1, 1, 2)


@pytest.mark.parametrize("root", [Path(__file__).parent / "tiny", Path(__file__).parents[2]], ids=["tiny", "course"])
def test_what_exercises_are_worth(root: Path) -> None:
    """Reading the marks off gives what parsing the suites gives."""
    for each in Course.load(root).sections:
        assert worth_of(each) == {one.name: sum(check.points for check in one.checks) for one in each.exercises}


def test_marks_written_in_some_other_way(tmp_path: Path) -> None:
    """A suite that cannot be read off is parsed."""
    shutil.copytree(Path(__file__).parent / "tiny", tmp_path, dirs_exist_ok=True)
    suite = tmp_path / "tests/chapters/ch01_tiny/test_first.py"
    suite.write_text(suite.read_text().replace('exercise("mean", points=2)', "exercise(points=2, name='mean')"))

    assert worth_of(Course.load(tmp_path).sections[0]) == {"add": 2, "mean": 3}


def test_what_is_next() -> None:
    """The first core exercise that can be done, then what is beyond, then nothing."""
    passed = dict.fromkeys((each.id for each in FIRST.exercises), PASSED)
    softmax, entropy = FIRST.exercises[2:]

    assert next_up(FIRST.exercises, {**passed, softmax.id: FAILED, entropy.id: TODO}) == softmax
    assert next_up(FIRST.exercises, {**passed, entropy.id: TODO}) == entropy
    assert next_up(FIRST.exercises, {**passed, softmax.id: Status.NOT_RUN}) is None


@pytest.fixture
def remembered(tmp_path: Path) -> Progress:
    progress = Progress.open(Workspace(tmp_path, COURSE))
    records = {"shift": Record(PASSED, 4, 4), "scale": Record(FAILED, 1, 3), "entropy": Record(PASSED, 2, 2)}
    progress.update({f"ch01/first/{name}": record for name, record in records.items()})
    return progress


def without_suites(progress: Progress) -> str:
    """What checks are worth is remembered; there are no suites here to ask."""
    return overview.progress(COURSE, standings(COURSE, progress), Look(encoding="ascii"))


def test_progress_at_a_glance(remembered: Progress) -> None:
    """A bar for each chapter and section, the sums, and what is next."""
    expected = """
                                                                points   beyond   passed
        1 Tiny                               ##########----        5/7      2/2      2/8
          1.1 First steps                    ##########----        5/7      2/2      2/4
          1.2 Second steps                   --------------          -        -      0/4

        All                                  ##########----        5/7      2/2      2/8

        Next: scale in ch01_tiny/first.py
              about 10 minutes, difficulty 2 of 5
              grader check ch01/first/scale
        """

    assert plain(expected) == without_suites(remembered)


def test_the_list_of_exercises(remembered: Progress) -> None:
    """Status, points, difficulty and minutes of every exercise."""
    expected = """
        1.1 First steps  ch01/first

          status   exercise                          points          difficulty  minutes
          passed   shift                                4/4          **               10
          failed   scale                                1/3          **               10
          todo     softmax                                -          **               10
          passed   entropy                              2/2  beyond  **               10
        """

    assert plain(expected) == overview.listing({FIRST: FIRST.exercises}, standings(COURSE, remembered), Look())


def test_hints_so_far() -> None:
    """The hints used, newest last, and what comes after."""
    exercise = FIRST.exercises[0]

    assert overview.hints(exercise, 2, Look()) == plain("""
        Hint 1 of 3 for shift
          Think of the largest score.

        Hint 2 of 3 for shift
          Subtract it first.

        The next one:  grader hint ch01/first/shift
        """)
    assert overview.hints(exercise, 3, Look()).endswith("After it:  grader solution ch01/first/shift\n")


def test_a_new_workspace_says_how_to_begin() -> None:
    """The files, the number of exercises, and three commands."""
    made = Created(Workspace(Path("/home/me/work"), COURSE), ("ch01_tiny/first.py",), ("ch01_tiny/second.py",))

    assert overview.created(made, "my work", Look()) == plain("""
        Your workspace is ready: /home/me/work

          ch01_tiny/first.py   1.1 First steps
          ch01_tiny/second.py  1.2 Second steps

        8 exercises wait there, each marked `raise NotImplementedError`.
        The .md file beside each is its lesson: read it first.
        Files that were there already stay as they are: 1.

        Begin:
          cd 'my work'
          grader check ch01/first/shift   once you have written shift in ch01_tiny/first.py
          grader                          shows how far you are
        """).replace("   once you have written shift in ch01_tiny/first.py", "")

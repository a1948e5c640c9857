"""The author's gate: a small course that passes it, and for each rule the same course broken in one place."""

import json
import random
import shutil
import subprocess

import numpy as np
import pytest

from grader.author import gate, ledger, survivors, trials
from grader.author.committed import stale_exercises
from grader.author.findings import Finding, GateReport, Verdict
from grader.author.gate import examine
from grader.author.ledger import Ledger, content_of
from grader.author.main import check, render
from grader.author.replay import Frame, alike
from grader.author.variations import _vary
from grader.author.wording import of_section
from grader.bench import Zygotes
from grader.course import Course, select
from grader.errors import GraderError
from grader.exercises import derive
from grader.sandbox.encoder import Encoder

SOLUTION = '''"""1.1 Shifts: one exercise."""

import numpy as np


def shifted(x, by=1.0):
    """Add a number to every entry, then halve it.

    Args:
        x: (n,) array.
        by: float, what is added.

    Returns:
        (n,) array.

    Example:
        >>> shifted(np.array([1.0, 3.0])).tolist()
        [1.0, 2.0]
    """
    # BEGIN SOLUTION
    return (x + by) / 2
    # END SOLUTION
'''
TOML = """number = "1.1"
title = "Shifts"
builds_on = []
worker = ["numpy"]

[exercises.shifted]
kind = "core"
difficulty = 1
minutes = 2
hints = ["Two steps.", "First the sum.", "Then divide by two."]
"""
SUITE = '''import numpy as np
import pytest

from grader.checks import check_close


@pytest.mark.exercise("shifted")
def test_by_hand(learner):
    """Three and five become two and three."""
    check_close(learner.shifted(np.array([3.0, 5.0])), np.array([2.0, 3.0]), rtol=1e-12)


@pytest.mark.exercise("shifted", points=2)
def test_any_numbers(learner, rng):
    """Any numbers are shifted and halved."""
    x = rng.normal(size=5)
    check_close(learner.shifted(x), 0.5 * x + 0.5, rtol=1e-12, atol=1e-12)


@pytest.mark.exercise("shifted")
def test_by_another_number(learner, rng):
    """The number that is added can be chosen."""
    x = rng.normal(size=5)
    check_close(learner.shifted(x, by=3.0), 0.5 * x + 1.5, rtol=1e-12, atol=1e-12)


@pytest.mark.exercise("shifted")
def test_x_stays(learner, rng):
    """The array that is given stays as it was."""
    x = rng.normal(size=5)
    result, (after, *_), _ = learner.call("shifted", x.copy(), after=True)
    check_close(result, 0.5 * x + 0.5, rtol=1e-12, atol=1e-12)
    check_close(after, x, rtol=0)
'''
MISTAKES = """from grader.checks import mistake


@mistake("shifted", says="You did not halve the sum.", patch=("(x + by) / 2", "x + by"))
def forgets_to_halve(x, by=1.0):
    return by + x


@mistake("shifted", says="You subtracted where you should add.", patch=("x + by", "x - by"))
def subtracts(x, by=1.0):
    return 0.5 * (x - by)
"""
FILES = {
    "solutions/ch01_shifts/shifts.py": SOLUTION,
    "solutions/ch01_shifts/shifts.toml": TOML,
    "solutions/ch01_shifts/shifts.md": "# Shifts\n",
    "tests/chapters/ch01_shifts/test_shifts.py": SUITE,
    "tests/chapters/ch01_shifts/mistakes_shifts.py": MISTAKES,
}
SOURCE, DATA, LESSON, CHECKS, WRONG = FILES


@pytest.fixture(scope="module")
def zygotes():
    with Zygotes("process") as running:
        yield running


@pytest.fixture
def course(tmp_path, monkeypatch):
    """`course(file, (old, new) …)` writes the good course with some text replaced, and loads it."""
    monkeypatch.setattr(trials, "SEEDS", 5)
    monkeypatch.setattr(survivors, "QUESTIONS", 60)
    monkeypatch.setattr(survivors, "VARIED", 30)

    def write(changes=None):
        for name, text in FILES.items():
            for old, new in (changes or {}).get(name, []):
                assert old in text
                text = text.replace(old, new)
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        loaded = Course.load(tmp_path)
        derive(loaded, tmp_path / "exercises")
        return loaded

    return write


@pytest.fixture
def examined(course, zygotes):
    """The verdict on the one exercise, with some text replaced."""

    def run(changes=None):
        section = course(changes).sections[0]
        return examine(section.source.parents[2], section, section.exercises, zygotes)[0]

    return run


def problems(verdict):
    return [f"{finding.where} {finding.problem}" for finding in verdict.findings if not finding.note]


def test_a_good_course_passes(examined):
    """Nothing to mend: every mistake is named, every mutant killed."""
    verdict = examined()

    assert verdict.findings == ()
    assert (verdict.mistakes, verdict.named, verdict.equivalent, verdict.skipped) == (2, 2, 0, False)
    assert verdict.killed == verdict.mutants >= 8


ANOTHER_CHECK = '''

@pytest.mark.exercise("shifted")
def test_another(learner, rng):
    """{rule}"""
    {body}
'''


def also(body, rule="Another rule."):
    """The suite with one more check."""
    return {
        CHECKS: [
            (
                "check_close(after, x, rtol=0)\n",
                "check_close(after, x, rtol=0)\n" + ANOTHER_CHECK.format(rule=rule, body=body),
            )
        ]
    }


LOOSE = [
    ("rtol=1e-12, atol=1e-12", "rtol=0, atol=100"),
    ("rtol=1e-12)", "rtol=0, atol=100)"),
    ("rtol=0)", "rtol=0, atol=100)"),
]
BROKEN = {
    "the solution fails": (
        {SOURCE: [("(x + by) / 2", "(abs(x) + by) / 2")]},
        "test_shifts.py:14 The solution does not pass test_any_numbers at",
    ),
    "the solution fails at some seeds": (
        also("check_close(learner.shifted(np.ones(1))[0], 1.0, rtol=1e-9)\n    assert rng.random() < 0.6"),
        "The solution does not pass test_another at",
    ),
    "the stub earns points": (also("assert True"), "shifts.py:6 The stub of `shifted` passes test_another"),
    "two hints": (
        {DATA: [(', "Then divide by two."', "")]},
        "shifts.toml:6 `shifted` must have three hints, but has 2",
    ),
    "an empty hint": ({DATA: [("Then divide by two.", " ")]}, "`shifted` has an empty hint"),
    "a rule without its full stop": (
        {CHECKS: [("are shifted and halved.", "are shifted and halved")]},
        "test_shifts.py:14 The rule of test_any_numbers is not a sentence",
    ),
    "a rule that begins small": ({CHECKS: [("Any numbers are", "any numbers are")]}, "is not a sentence"),
    "an argument that is not told": (
        {SOURCE: [("        by: float, what is added.\n", "")]},
        "shifts.py:6 The docstring of `shifted` does not say what `by` is",
    ),
    "an argument that does not exist": (
        {SOURCE: [("        by: float", "        much: float, no.\n        by: float")]},
        "tells of `much`, which it does not take",
    ),
    "arguments out of order": (
        {SOURCE: [("        x: (n,) array.\n", ""), ("what is added.\n", "what is added.\n        x: (n,) array.\n")]},
        "has its arguments in the order by, x",
    ),
    "no example": (
        {SOURCE: [("        >>> shifted(np.array([1.0, 3.0])).tolist()\n        [1.0, 2.0]\n", "        None.\n")]},
        "`shifted` has no `>>>` example",
    ),
    "a wrong example": (
        {SOURCE: [("        [1.0, 2.0]", "        [1.0, 2.5]")]},
        "The example of `shifted` does not hold",
    ),
    "three checks": (
        {CHECKS: [("def test_x_stays", "def x_stays"), ('@pytest.mark.exercise("shifted")\ndef x', "def x")]},
        "at least 4 checks, but has 3",
    ),
    "one mistake": (
        {WRONG: [(MISTAKES[MISTAKES.index('@mistake("shifted", says="You sub') :], "")]},
        "at least 2 mistakes, but has 1",
    ),
    "the example is a check": (
        {CHECKS: [("np.array([3.0, 5.0])), np.array([2.0, 3.0])", "np.array([1.0, 3.0])), np.array([1.0, 2.0])")]},
        "test_shifts.py:8 A function that only knows the docstring's example of `shifted` passes test_by_hand",
    ),
    "a mistake that passes": (
        {WRONG: [('"x - by")', '"by + x")')]},
        "mistakes_shifts.py subtracts: the patch passes every check",
    ),
    "a variant that passes": (
        {WRONG: [("0.5 * (x - by)", "0.5 * (x + by)")]},
        "subtracts: the variant passes every check",
    ),
    "a patch that does not apply": (
        {WRONG: [('patch=("x + by"', 'patch=("x+by"')]},
        "'x+by' must occur exactly once in shifted; it occurs 0 times",
    ),
    "a variant that is another mistake": (
        {WRONG: [("0.5 * (x - by)", "x + by")]},
        "subtracts: the variant is taken for another mistake: 'You did not halve the sum.'",
    ),
    "a variant that answers differently": (
        {WRONG: [("0.5 * (x - by)", "0.5 * (x - 2 * by)")]},
        "but is not recognised",
    ),
    "two mistakes that are one": (
        {WRONG: [('"x - by")', '"2 * x + 2 * by")'), ("0.5 * (x - by)", "x + by")]},
        "subtracts: the patch fails test_by_hand, test_any_numbers, test_by_another_number, test_x_stays, but is not",
    ),
    "a mistake that only breaks": (
        {WRONG: [('"x - by")', '"x + __import__(\'os\')._exit(3)")')]},
        "subtracts: the patch only breaks",
    ),
    "code that no check reaches": (
        {SOURCE: [("    return (x", "    if by is None:\n        by = 1.0\n    return (x")]},
        "of `shifted` are killed",
    ),
    "one loose tolerance": (
        {CHECKS: [("check_close(after, x, rtol=0)", "check_close(after, x, rtol=0, atol=1e6)")]},
        "test_x_stays compares with a tolerance so loose that zeros would pass",
    ),
    "zeros pass": ({CHECKS: LOOSE}, "shifts.py:6 Zeros of the right shape earn 5 of 5 points of `shifted`"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_each_rule_can_fail(examined, name):
    """The gate says what is wrong and where."""
    changes, expected = BROKEN[name]

    verdict = examined(changes)

    assert not verdict.clean
    assert any(expected in problem for problem in problems(verdict)), problems(verdict)


def test_survivors_are_listed(examined):
    """A survivor has its line, its change and why it lives."""
    verdict = examined(BROKEN["code that no check reaches"][0])

    notes = [f"{finding.where} {finding.problem}" for finding in verdict.findings if finding.note]
    assert any(
        "shifts.py:21 A mutant survives: by is None → a crash where it is true (no check comes there)" in note
        for note in notes
    ), notes


def test_equivalent_mutants_are_counted_apart(examined):
    """What answers the same everywhere is not held against the suite."""
    verdict = examined({SOURCE: [("return (x + by) / 2", "return np.copy((x + by) / 2)")]})

    assert verdict.clean
    assert verdict.equivalent == 1
    assert verdict.killed == verdict.mutants - 1


def test_equal_on_the_suites_inputs_is_not_enough(examined):
    """Inputs a step away from the suite's own tell a mutant that the suite is blind to."""
    with_times = [
        ("def shifted(x, by=1.0)", "def shifted(x, by=1.0, times=1)"),
        ("what is added.\n", "what is added.\n        times: int, how often.\n"),
        ("(x + by) / 2", "(x + by * times) / 2"),
    ]
    verdict = examined({
        SOURCE: with_times,
        CHECKS: [("by=3.0", "by=3.0, times=1"), ("x.copy()", "x.copy(), 1.0, 1")],
        WRONG: [('("(x + by) / 2"', '("(x + by * times) / 2"'), ('"x + by")', '"x + by * times")')],
    })  # fmt: skip

    survived = [finding.problem for finding in verdict.findings if finding.note]
    assert any("by * times → by (it answers differently)" in problem for problem in survived), verdict


def test_an_endless_mutant_is_killed(examined):
    """A mutant that never ends costs a second and counts as killed."""
    verdict = examined({SOURCE: [("return (x", "n = 3\n    while n > 0:\n        n = n - 1\n    return (x")]})

    assert not any("n - 1 → n " in finding.problem for finding in verdict.findings)


def test_minutes_are_required(course):
    """What the toml lacks is told when the course is loaded."""
    with pytest.raises(GraderError, match="minutes"):
        course({DATA: [("minutes = 2\n", "")]})


def test_what_it_builds_on_may_come_later(course):
    """A section that does not exist yet is worth a note, not an error."""
    section = course({DATA: [("builds_on = []", 'builds_on = ["ch00/later"]')]}).sections[0]

    found = of_section(section, frozenset({section.id}))

    assert [finding.note for finding in found] == [True]
    assert "ch00/later" in found[0].problem


def test_a_section_needs_a_suite_and_a_lesson(course):
    """Without a suite nothing is proved."""
    loaded = course()
    (loaded.root / CHECKS).unlink()
    (loaded.root / LESSON).unlink()

    found = of_section(Course.load(loaded.root).sections[0], frozenset())

    assert ["hidden suite" in found[0].problem, "lesson" in found[1].problem] == [True, True]


# What an equivalent mutant must answer


def answer(value, printed=""):
    encoder = Encoder(None)
    return Frame(False, ["value", 1, printed, encoder.encode(value, "it"), ["list"], None], encoder.buffers)


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (np.array([1.0, np.nan]), np.array([1.0, -np.nan]), True),
        (np.arange(500.0), np.arange(500.0), True),
        (0.5, 0.5, True),
        (0.5, 0.5 + 1e-15, False),
        (np.arange(500.0), np.arange(500.0) + 1e-12, False),
        (np.array([-1, -2]), np.array([-1, -3]), False),  # as floats all three would be NaN
        (np.array([1.0]), np.array([1]), False),
        ((1, 2), [1, 2], False),
        (True, 1, False),
        ({"a": float("nan")}, {"a": float("nan")}, True),
    ],
)
def test_answers_are_compared_exactly(ours, theirs, expected):
    """The same kinds and the same numbers; any NaN is like any other; what was printed does not count."""
    assert alike(answer(ours, "noise"), answer(theirs)) is expected


def test_exceptions_are_compared_by_their_type():
    """The message and the line may change with the mutant."""
    ours = Frame(False, ["error", 1, "", ["list", "ValueError"], "at 3", ["list"]], [])

    assert alike(ours, Frame(False, ["error", 1, "", ["list", "ValueError"], "at 4", ["list"]], []))
    assert not alike(ours, Frame(False, ["error", 1, "", ["list", "TypeError"], "at 3", ["list"]], []))


def test_variations_invent_no_entries():
    """What is varied stays among the values that the suite considers valid: zeros, signs and ranges are kept."""
    chance = random.Random(1)
    for _ in range(200):
        varied = _vary((np.array([0.0, 0.25, 0.75]), 3, -1, 0.5, True, "text", None), chance)
        array, whole, axis, number, flag, *rest = varied
        assert set(array.tolist()) <= {0.0, 0.25, 0.75}
        assert (whole > 0, axis < 3, number > 0, type(flag), rest) == (True, True, True, bool, ["text", None])


# The committed tree


def git(root, *words):
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", "-C", str(root), *identity, *words], check=True, capture_output=True)


def stale(loaded):
    return [f"{finding.where} {finding.problem}" for finding in stale_exercises(loaded, frozenset(loaded.sections))]


def test_exercises_are_what_the_cutter_makes(course):
    """Without a repository the files themselves count."""
    loaded = course()
    assert stale(loaded) == []

    (loaded.root / "exercises/ch01_shifts/shifts.py").write_text("x = 1\n")
    (loaded.root / "exercises/ch01_shifts/shifts.md").unlink()

    assert [line.partition(" (")[0] for line in stale(loaded)] == [
        "exercises/ch01_shifts/shifts.md It is missing",
        "exercises/ch01_shifts/shifts.py It differs",
    ]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_an_answer_typed_into_a_clone_is_not_held_against_it(course):
    """In a repository the committed tree counts; a wrong one that is committed is found."""
    loaded = course()
    exercise = loaded.root / "exercises/ch01_shifts/shifts.py"
    git(loaded.root, "init")
    git(loaded.root, "add", ".")
    git(loaded.root, "commit", "-m", "all")
    exercise.write_text(SOLUTION)
    assert stale(loaded) == []

    git(loaded.root, "commit", "-am", "an answer")

    assert [line.partition(" (")[0] for line in stale(loaded)] == ["exercises/ch01_shifts/shifts.py It differs"]


# The ledger and the command


def test_the_ledger_remembers_what_is_clean(tmp_path):
    """A clean verdict holds for the same content only; one with something to mend is never kept."""
    clean = Verdict("ch01/a/f", seeds=50, mutants=9, killed=9, findings=(Finding("a.py:3", "A survivor.", note=True),))
    kept = Ledger.of(tmp_path)
    kept.enter(clean, "abc")
    kept.enter(Verdict("ch01/a/g", findings=(Finding("a.py:1", "Wrong."),)), "abc")
    kept.write()

    again = Ledger.of(tmp_path)

    found = again.verdict("ch01/a/f", "abc")
    assert found is not None
    assert (found.reused, found.mutants, found.findings) == (True, 9, clean.findings)
    assert again.verdict("ch01/a/f", "other") is None
    assert again.verdict("ch01/a/g", "abc") is None


def test_the_ledger_has_one_line_for_each_exercise(tmp_path):
    """Sorted lines, so that two branches that add sections merge; a broken file says what to do."""
    kept = Ledger.of(tmp_path)
    for name in "cab":
        kept.enter(Verdict(f"ch01/a/{name}"), "x")
    kept.write()
    lines = kept.path.read_text().splitlines()

    assert [line.partition(":")[0] for line in lines[1:-1]] == ['"ch01/a/a"', '"ch01/a/b"', '"ch01/a/c"']
    assert len(json.loads(kept.path.read_text())) == 3
    kept.path.write_text("{")
    with pytest.raises(GraderError, match="not valid JSON"):
        Ledger.of(tmp_path)


def test_content_is_the_sections_files_and_the_judging_code(course, monkeypatch):
    """Any of the four files changes it, the lesson does not; nor do comments in the grader, but its code does."""
    section = course().sections[0]
    contents = {content_of(section)}
    for name in (SOURCE, DATA, CHECKS, WRONG):
        section = course({name: [("\n", "\n\n")]}).sections[0]
        contents.add(content_of(section))
    assert len(contents) == 5

    section.lesson.write_text("Other words.")
    assert content_of(section) in contents
    monkeypatch.setattr(ledger, "_judging", lambda: "another grader")
    assert content_of(section) not in contents


def test_code_is_a_module_without_its_words(tmp_path):
    """Comments, docstrings and layout do not count."""
    (tmp_path / "a.py").write_text('"""One."""\n\n\ndef f(x):\n    """Two."""\n    return x  # three\n')
    (tmp_path / "b.py").write_text("def f(x):\n    return (x)\n")
    (tmp_path / "c.py").write_text("def f(x):\n    return x + 1\n")

    assert ledger._code(tmp_path / "a.py") == ledger._code(tmp_path / "b.py") != ledger._code(tmp_path / "c.py")


def test_the_whole_command(course):
    """Processes side by side, the ledger in between: what has not changed is not tried again, unless asked."""
    loaded = course()
    heard = []

    first = check(loaded, select(loaded, []), jobs=1, on_result=heard.append)
    second = check(loaded, select(loaded, ["shifted"]), jobs=1)
    sampled = check(loaded, select(loaded, []), jobs=1, sample=1.0)

    assert [first.clean, second.clean, sampled.clean] == [True, True, True], first.all_findings
    assert [verdict.id for verdict in heard] == ["ch01/shifts/shifted"]
    assert [report.verdicts[0].reused for report in (first, second, sampled)] == [False, True, False]
    assert first.verdicts[0].seeds == 50


def test_the_report_is_plain_text_of_eighty_columns():
    """A line for each exercise, then place, problem and what to do; the same with the longest names."""
    long = Finding(
        "solutions/ch02_transformer/attention.py:120",
        "A mutant survives: " + "x" * 30 + " → y. " * 20,
        "Do something. " * 12,
    )
    verdicts = (
        Verdict(
            "ch02/attention/" + "n" * 40,
            mistakes=12,
            named=12,
            mutants=123,
            killed=100,
            equivalent=10,
            findings=(long,),
            reused=True,
        ),
        Verdict("ch02/attention/f", mistakes=2, named=2, mutants=10, killed=10, skipped=True),
    )

    text = render(GateReport(verdicts, (Finding("a.toml", "It builds on nothing.", note=True),)))

    assert max(map(len, text.splitlines())) <= 80
    assert text.splitlines()[0] == "ch02/attention"
    assert "MEND" in text
    assert "100% of 10 killed" in text
    assert "1 thing to mend" in text
    assert "solutions/ch02_transformer/attention.py:120" in text


def test_nothing_to_mend_is_said():
    """A clean report opens the gate."""
    report = GateReport((Verdict("ch01/a/f", mistakes=2, named=2, mutants=4, killed=4),))

    assert report.clean
    assert "1 exercise: the gate is open." in render(report)


def test_the_gate_examines_only_what_has_a_suite(course, zygotes):
    """Where suites are not installed there is nothing to run."""
    loaded = course()
    (loaded.root / CHECKS).unlink()
    section = Course.load(loaded.root).sections[0]

    assert gate.examine(loaded.root, section, section.exercises, zygotes) == [Verdict("ch01/shifts/shifted")]

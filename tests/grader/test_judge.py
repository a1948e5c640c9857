"""What the judge says of each kind of submission, and what a run remembers."""

import textwrap
from dataclasses import replace

import numpy as np
import pytest
import torch

from grader import bench, shortcuts
from grader.bench import Zygotes
from grader.course import Course, select
from grader.diagnosis import same_answers
from grader.grading import Options, grade
from grader.progress import Progress
from grader.report import terminal
from grader.report.look import Look
from grader.results import Report, Status
from grader.sandbox.learnerside import Forbidden
from grader.workspace import Workspace

SOLUTION = '''\
"""1.1 One: functions for the judge's tests."""

import numpy as np


def double(x):
    """Twice x.

    Example:
        >>> double(2)
        4
    """
    # BEGIN SOLUTION
    return 2 * x
    # END SOLUTION


def triple(x):
    """Three times x, from `double`."""
    # BEGIN SOLUTION
    return double(x) + x
    # END SOLUTION


def product(a, b):
    """a times b as matrices."""
    # BEGIN SOLUTION
    return np.array([[sum(x * y for x, y in zip(row, column)) for column in b.T] for row in a])
    # END SOLUTION


def run_candidate(execute, source):
    """What a program prints."""
    # BEGIN SOLUTION
    return execute(source, 5)["output"].strip()
    # END SOLUTION
'''
TOML = """
number = "1.1"
title = "One"
worker = ["numpy"]
[exercises.double]
difficulty = 1
minutes = 1
[exercises.triple]
difficulty = 1
minutes = 1
needs = ["double"]
[exercises.product]
difficulty = 1
minutes = 1
forbids = ["numpy.dot", "@"]
[exercises.run_candidate]
difficulty = 1
minutes = 1
"""
SUITE = '''
import numpy as np
import pytest

from grader.checks import check_close, check_equal, limits


@pytest.mark.exercise("double", points=2)
@limits(seconds=0.5)
def test_a_number(learner, rng):
    """Twice a number."""
    x = float(rng.normal())
    check_close(learner.double(x), 2 * x, rtol=1e-12, of="the double")


@pytest.mark.exercise("double")
@pytest.mark.parametrize("size", [1, 2, 3])
def test_arrays(learner, rng, size):
    """Twice every entry."""
    x = rng.normal(size=size)
    check_close(learner.double(x), 2 * x, rtol=1e-12)


@pytest.mark.exercise("double")
def test_text(learner):
    """Text is refused."""
    with pytest.raises(TypeError):
        learner.double(None)


@pytest.mark.exercise("triple")
def test_triple(learner):
    """Three times a number."""
    check_equal(learner.triple(2), 6)


@pytest.mark.exercise("product")
def test_product(learner):
    """Row by column."""
    check_close(learner.product(np.eye(2), np.eye(2)), np.eye(2), rtol=0)


@pytest.mark.exercise("run_candidate")
def test_programs(learner, execute):
    """A program's output comes back."""
    check_equal(learner.run_candidate(execute, "print(6 * 7)"), "42")
'''
MISTAKES = """
from grader.checks import mistake


@mistake("double", says="You squared x.", patch=("2 * x", "x * x"))
def squares(x):
    return x**2


@mistake("double", says="You negated x.", patch=("2 * x", "-2 * x"))
def negates(x):
    return 2 * -x


@mistake("double", says="You halved x.", patch=("2 * x", "x / 2"))
def halves(x):
    return x * 0.5
"""
RIGHT = {
    "double": "return x + x",
    "triple": "return x * 3",
    "product": "return np.array([[(r * c).sum() for c in b.T] for r in a])",
    "run_candidate": "return execute(source, 3)['output'].strip()",
}
FILES = {
    "solutions/ch01_one/one.py": SOLUTION,
    "solutions/ch01_one/one.toml": TOML,
    "solutions/ch01_one/one.md": "# One\n",
    "tests/chapters/ch01_one/test_one.py": SUITE,
    "tests/chapters/ch01_one/mistakes_one.py": MISTAKES,
}
SHORTCUTS = """\
import torch.nn.functional as F
from torch import softmax as s
def f(x):
    s(x); F.softmax(x); x.softmax(-1)
    return x @ x
"""
LUCKY = """\
import numpy as np
def double(x):
    return x + x if not hasattr(x, 'size') or {} else x
"""
MEMORISED = """\
def double(x):
    if isinstance(x, float):
        return 2 * x if repr(x) == {!r} else x
    return x + x
"""


@pytest.fixture
def course(tmp_path):
    for name, text in FILES.items():
        (tmp_path / "course" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "course" / name).write_text(text)
    return Course.load(tmp_path / "course")


@pytest.fixture
def check(course, tmp_path):
    """Grade bodies by exercise (the others are right), or a whole file: → results by exercise."""
    workspace = Workspace(tmp_path / "answers", course)
    path = workspace.path(course.sections[0])

    def check(text=None, *, options=None, names=(), **bodies) -> dict:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_file({**RIGHT, **bodies}) if text is None else text)
        report = grade(course, workspace, select(course, names), options or Options(seed=1))
        check.report, check.progress = report, Progress.open(workspace)
        return {result.id.rpartition("/")[2]: result for result in report.exercises}

    return check


def _file(bodies):
    arguments = {"double": "x", "triple": "x", "product": "a, b", "run_candidate": "execute, source"}
    parts = [
        f"def {name}({arguments[name]}):\n{textwrap.indent(body, '    ')}\n" for name, body in bodies.items() if body
    ]
    return "\n\n".join(["import numpy as np\n", *parts])


def message(result, at=0):
    """What a learner is told of the first check that does not pass, their own lines included."""
    check = [each for each in result.checks if each.status is not Status.PASSED][at]
    return f"{check.message}\n{check.where}".rstrip()


def test_right_answers_pass(check):
    """Every check of a right answer passes, and its points count."""
    results = check()

    assert {name: result.status for name, result in results.items()} == dict.fromkeys(results, "passed")
    assert (check.report.points, check.report.max_points, check.report.all_passed) == (7, 7, True)
    assert Report.from_json(check.report.to_json()) == check.report


def test_a_failure_says_what_came_and_names_the_mistake(check):
    """A wrong value is explained; a known mistake is named, however it is written; the rest keeps its credit."""
    results = check(double="return x * x if x is not None else x + x")

    assert results["double"].status == "failed" and results["double"].points == 1
    assert "expected" in message(results["double"])
    assert {c.diagnosis for c in results["double"].checks if c.status == "failed"} == {"You squared x."}
    assert results["product"].status == "passed"


def test_a_mistake_is_named_in_any_kind_of_number(check):
    """A plain float, and NumPy's: the same mistake."""
    results = check(double="return x * x if np.ndim(x) or x is None else np.float64(x) ** 2")

    assert {c.diagnosis for c in results["double"].checks if c.status == "failed"} == {"You squared x."}


def test_an_unwritten_function_that_is_called_is_named(check):
    """The exercise itself is written; what it calls is not."""
    text = _file({**RIGHT, "double": "return helper(x)"}) + "\n\ndef helper(x):\n    raise NotImplementedError\n"

    assert {c.message for c in check(text)["double"].checks} >= {"It calls `helper`, which is not written yet."}


def test_generators_are_compared_by_where_they_stand():
    """A check that looks at a generator after the call still recognises a mistake."""
    fresh, used = np.random.default_rng(3), np.random.default_rng(3)
    used.random()
    torches = [torch.Generator().manual_seed(seed) for seed in (3, 3, 4)]

    assert same_answers([(1, fresh)], [(1, np.random.default_rng(3))], (0, 0))
    assert not same_answers([fresh], [used], (0, 0))
    assert same_answers(torches[:1], torches[1:2], (0, 0))
    assert not same_answers(torches[:1], torches[2:], (0, 0))


def test_two_mistakes_at_once_are_told_apart(check):
    """Where none explains all failures, one that alone explains some of them, two at least, is named for these."""
    results = check(double="return x * x if x is not None else 'nothing'")

    assert [c.diagnosis for c in results["double"].checks] == ["You squared x.", "You squared x.", ""]


def test_a_mistake_nobody_knows_is_not_named(check):
    """Nothing is guessed: an answer that no mistake gives has no diagnosis."""
    assert {c.diagnosis for c in check(double="return 2.5 * x")["double"].checks} == {""}


def test_a_relation_is_told_where_no_mistake_explains_more(check):
    """How all of an answer differs is told last; a known mistake that is named takes its place."""
    results = check(double="return -x - x if x is not None else x + x", product="return -a")

    assert message(results["product"]).splitlines()[-1:] == ["The sign is flipped."]
    assert results["double"].checks[0].diagnosis == "You negated x."
    assert not any("sign" in each.message for each in results["double"].checks)


def test_a_failure_names_the_exercise_that_it_calls_and_that_fails_too(check):
    """With the first failing check; not when that one passes, nor for a name of the code's own."""
    hint = "Your `double`, which this calls, does not pass yet: mend it first."
    wrong = "return 2.5 * x"
    helper = "\n\ndef helper(x):\n    return double(x)\n"

    assert message(check(double=wrong, product="return double(a)")["product"]).endswith(hint)
    through = check(_file({**RIGHT, "double": wrong, "product": "return helper(a)"}) + helper)
    assert message(through["product"]).endswith(hint)
    for bodies in ({"product": "return double(a)"}, {"double": wrong, "product": "double = 3\nreturn a * double"}):
        assert "mend" not in message(check(**bodies)["product"])
    assert "mend" not in message(check(double=wrong, product="return double(a)", names=["product"])["product"])


def test_a_case_that_fails_is_told(check):
    """Parametrised cases are one check, worth its points once; the first failing case is shown."""
    results = check(double="return x + x if getattr(x, 'size', 1) != 2 else x")

    assert [c.status for c in results["double"].checks] == ["passed", "failed", "passed"]
    assert message(results["double"]).startswith("Case 2:")


def test_todo_is_not_failure(check):
    """A stub, and a NotImplementedError from the learner's code, are todo."""
    results = check(double="raise NotImplementedError", product="raise NotImplementedError('later')")

    assert (results["double"].status, results["product"].status) == ("todo", "todo")
    assert results["triple"].status == "blocked" and "`double`" in message(results["triple"])


def test_the_report_tells_in_order(check, course):
    """Rule, what came, likely reason, the learner's line, what was printed, what to type next."""
    results = check(double="print('here')\ny = 1 / 0\nreturn y")
    first = replace(results["double"].checks[0], diagnosis="A reason.")
    told = replace(results["double"], checks=(first,))

    text = terminal.render(terminal.View(Report(1, "process", (told,)), course, Look(), frozenset()))
    pieces = [first.rule, "Your code raised", "Likely reason: A reason.", "one.py, line 6", "here", "grader check"]
    places = [text.find(piece) for piece in pieces]
    assert -1 not in places and places == sorted(places)


def test_missing_names_and_exceptions_are_told_with_the_learners_line(check):
    """An exception is shown with the learner's own frames; a missing function is called missing."""
    results = check(double="y = 1 / 0\nreturn y", product=None)

    assert "ZeroDivisionError" in message(results["double"]) and "one.py, line 5, in double" in message(
        results["double"]
    )
    assert "y = 1 / 0" in message(results["double"]) and "worker.py" not in message(results["double"])
    assert "no `product` in" in message(results["product"])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("while True: pass", "ran out of time"),
        ("import os; os._exit(0)", "ended its own process"),
        ("import ctypes; ctypes.string_at(0)", "crashed: Segmentation fault"),
        ("return [np.empty(10**8) for _ in range(99)]", "Out of memory"),
    ],
)
def test_broken_says_which_and_where(check, body, says):
    """Crash, time and memory are told apart, with the learner's line where the system knows it; others keep credit."""
    results = check(double=body, triple="return 3 * x")

    assert results["double"].status == "broken" and says in message(results["double"])
    assert "os._exit" in body or "one.py, line 5" in message(results["double"])
    assert results["product"].status == results["run_candidate"].status == "passed"


@pytest.mark.parametrize(
    ("text", "line"), [("import nothing_here\n", 1), ("x = 1\nwhile True: pass\n", 2), ("def f(:\n", 1)]
)
def test_a_file_that_cannot_be_imported(check, text, line, monkeypatch):
    """It counts 0 of all its points and is told with its line."""
    monkeypatch.setattr(bench, "LOAD_SECONDS", 1.0)
    results = check(text)

    assert {result.status for name, result in results.items() if name != "triple"} == {"broken"}
    assert (check.report.points, check.report.max_points) == (0, 7)
    assert "cannot be imported" in message(results["double"]) and f"line {line}" in message(results["double"])


@pytest.mark.parametrize(
    "body", ["return a @ b", "return np.dot(a, b)", "dot = np.dot\nreturn dot(a, b)", "return helper(a, b)"]
)
def test_forbidden_shortcuts(check, body):
    """A forbidden name costs the exercise its checks, named with the line; also through a helper."""
    text = _file({**RIGHT, "product": body}) + "\n\ndef helper(a, b):\n    return np.dot(a, b)\n"
    results = check(text)

    assert results["product"].status == "failed" and "write" in message(results["product"])
    assert results["double"].status == "passed"


def test_forbidden_shortcuts_are_intercepted_too(check):
    """What the syntax tree does not show is caught when it is called."""
    results = check(product="return getattr(np, 'd' + 'ot')(a, b)")

    assert "`numpy.dot` yourself" in message(results["product"])


def test_a_shortcut_that_cannot_be_intercepted_harms_nobody():
    """Attributes of types in C cannot be replaced: the syntax tree alone finds them then."""
    Forbidden().install(["numpy.ndarray.sum", "numpy.dot.nothing"], "answers.py")

    assert [
        name
        for _, name in shortcuts.find(
            "import numpy as np\ndef f(x):\n    np.ndarray.sum(x)\n", "f", ["numpy.ndarray.sum"]
        )
    ]


def test_shortcuts_are_found_under_any_name():
    """Aliases of imports and methods of tensors are seen; the same method name on a module is not."""

    found = shortcuts.find(SHORTCUTS, "f", ["torch.softmax", "torch.nn.functional.softmax", "Tensor.softmax", "@"])
    assert [name for _, name in found] == ["Tensor.softmax", "torch.nn.functional.softmax", "torch.softmax", "@"]


def test_output_is_shown_with_a_failure_and_is_harmless(check):
    """What the code printed is shown, escaped and bounded, where a check fails."""
    results = check(double="print('\\x1b[2Jhello' + 'x' * 10**6)\nreturn x")

    printed = results["double"].checks[0].printed
    assert "hello" in printed and "\x1b" not in printed and len(printed) < 3000


def test_a_suite_that_cannot_be_read_here_is_not_run(course, check):
    """A missing oracle package is said with the line that installs it; the points stay in the maximum."""
    suite = course.sections[0].suite
    suite.write_text("import surely_not_installed\n" + SUITE)
    results = check()

    assert {result.status for result in results.values()} == {"not_run"}
    assert (check.report.max_points, check.report.not_run_points) == (7, 7)
    assert "pip install surely_not_installed" in message(results["double"])


def test_without_suites_the_examples_are_run(course, check):
    """Where hidden suites are not installed, the public checks run, earn nothing, and the report says so."""
    check()
    course.sections[0].suite.unlink()
    reloaded = Course.load(course.root)
    workspace = Workspace(course.root.parent / "answers", reloaded)
    report = grade(reloaded, workspace, select(reloaded, ["double", "triple"]), Options())

    assert report.public_only and report.points == 0
    assert [result.status for result in report.exercises] == ["passed", "not_run"]


def test_seeds_stay_until_a_pass_which_a_fresh_one_confirms(course, check):
    """Nothing flickers while one works on an exercise; a lucky pass does not count."""
    check(double="return 2.5 * x", options=Options())
    exercise = course.exercises[0]
    fixed = check.progress.get(exercise).seed
    check(LUCKY.format(fixed), options=Options(), names=["double"])

    assert check.report.exercises[0].status == "passed"
    assert check.progress.get(exercise).seed == fixed and check.progress.get(exercise).passed_at


def test_a_pass_that_a_fresh_seed_refutes_is_no_pass(course, check):
    """Memorised inputs of the fixed seed pass once and fail the confirmation."""
    check(double="print(repr(x))\nreturn x", options=Options(), names=["double"])
    seen = check.report.exercises[0].checks[0].printed
    results = check(MEMORISED.format(seen), options=Options(), names=["double"])

    assert results["double"].status == "failed"
    assert check.progress.get(course.exercises[0]).seed == results["double"].seed


def test_sections_side_by_side_give_the_same(course, check):
    """`jobs` changes the time, not the verdict."""
    for name in ("two", "three"):
        for path in [*course.root.glob("*/ch01_one/one.*"), *course.root.glob("tests/chapters/ch01_one/*one.py")]:
            path.with_name(path.name.replace("one", name)).write_text(
                path.read_text().replace('"1.1"', f'"1.{len(name)}"')
            )
    course = Course.load(course.root)
    workspace = Workspace(course.root / "solutions", course)
    apart, together = (grade(course, workspace, select(course, ()), Options(seed=3, jobs=jobs)) for jobs in (2, 1))

    assert [(e.id, e.status, e.points) for e in apart.exercises] == [
        (e.id, e.status, e.points) for e in together.exercises
    ]
    assert apart.all_passed and len(apart.exercises) == 12


def test_zygotes_are_shared_by_sections_with_the_same_packages():
    """One warm zygote for each set of packages."""
    with Zygotes("process") as zygotes:
        assert zygotes.start(["numpy"]) is zygotes.start([])

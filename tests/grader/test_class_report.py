"""The report on a class: what it counts, what it shows, and which submissions it says are alike."""

import ast
import os
import random
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer
from typer.testing import CliRunner

from grader.cli_feedback import report as report_command
from grader.course import Course
from grader.instructor import attempts
from grader.instructor import term as terms
from grader.instructor.attempts import Attempt
from grader.instructor.grades import Grade, Line, Verdict
from grader.instructor.grading.gradebook import Gradebook
from grader.instructor.pages import class_page, class_report, similarity
from grader.instructor.pages.similarity import CERTAIN, FEW, FLOOR, Similarity, compare, fingerprints, written
from grader.instructor.term import Assignment, Student
from grader.mistakes import _renamed
from grader.report.look import Look
from grader.results import CheckResult, ExerciseResult, Status
from grader.stubs import definition, pristine

ROOT = Path(__file__).parents[2]
TINY = Path(__file__).parent / "tiny"
SECTION = Course.load(TINY).sections[0]
ADD, MEAN = SECTION.exercises
DUE = datetime(2026, 11, 20, 22, 59, tzinfo=UTC)
HOMEWORK = Assignment("hw1", ("ch01",), DUE, 7)
PASSED, FAILED, TODO, BROKEN = Status.PASSED, Status.FAILED, Status.TODO, Status.BROKEN
ALONE = Similarity((), 1.0, ())


def line(exercise, *statuses, diagnosis="", message=""):
    checks = tuple(
        CheckResult(each.id, each.rule, status, each.points * (status is PASSED), each.points, message,
                    diagnosis if status is FAILED else "")
        for each, status in zip(exercise.checks, statuses, strict=True)
    )  # fmt: skip
    return Line(exercise, ExerciseResult(exercise.id, exercise.kind, checks, 7))


def grade(name, add, mean, **facts):
    """A grade from the statuses of the two checks of `add` and of `mean`."""
    lines = [each if isinstance(each, Line) else line(of, *each) for of, each in ((ADD, add), (MEAN, mean))]
    return Grade(Student(name), HOMEWORK, tuple(lines), received=DUE, graded=True, **facts)


RIGHT, HALF, WRONG, OPEN = (PASSED, PASSED), (PASSED, FAILED), (FAILED, FAILED), (TODO, TODO)
MINUS = "You subtracted."
SILENT = "Grading this file ended the grader twice; nothing of it could be judged. Please ask your instructor."
CLASS = [
    grade("ada", RIGHT, RIGHT, seconds=1.0),
    grade(
        "ben",
        line(ADD, *HALF, diagnosis=MINUS),
        RIGHT,
        seconds=2.0,
        seconds_late=9e4,
        penalty=0.5,
        late_says="2 days late",
    ),
    grade("cy", line(ADD, *WRONG, diagnosis=MINUS), OPEN, seconds=3.0, seconds_late=60.0),
    grade("dee", line(ADD, *WRONG, diagnosis="You multiplied."), WRONG, seconds=30.0),
    grade("eli", line(ADD, BROKEN, BROKEN, message=SILENT), line(MEAN, BROKEN, BROKEN, message=SILENT)),
    Grade(Student("flo", "Flo", "Late"), HOMEWORK, (Line(ADD), Line(MEAN))),
]


def report(grades=CLASS, counts=None, alike=ALONE, notes=()):
    return class_report.of(grades, counts or {}, alike, notes)


# What is counted


def test_each_exercise_has_its_outcomes():
    """Passed, partly, failed and left to do add up to those who were graded."""
    add, mean = report().items

    assert add.outcomes == {"passed": 1, "partly": 1, "failed": 3}
    assert mean.outcomes == {"passed": 2, "todo": 1, "failed": 2}
    assert add.points == pytest.approx((2 + 1) / 5)


def test_the_check_that_fails_most_comes_first():
    """With how many of those who tried the exercise it fails for."""
    first, second, *_ = report().checks

    assert (first.exercise, first.says, first.count, first.tried) == ("add", ADD.checks[1].rule, 4, 5)
    assert second.count <= first.count


def test_a_mistake_counts_once_for_each_student():
    """However many checks show it."""
    assert [(each.says, each.count) for each in report().mistakes] == [(MINUS, 2), ("You multiplied.", 1)]


def test_a_file_that_cannot_be_imported_fails_no_check():
    """It is told apart, with whose it is: no rule would be to blame."""
    broken = [line(of, BROKEN, BROKEN, message="first.py cannot be imported.\nSyntaxError") for of in (ADD, MEAN)]
    found = report([grade("gus", *broken)])

    assert found.checks == ()
    assert {why: [each.id for each in whose] for why, whose in found.broken.items()} == {
        "first.py cannot be imported.": ["gus"]
    }


def test_who_is_missing_late_slow_or_broken():
    """Everybody on the roster is accounted for."""
    found = report()

    assert [each.id for each in found.missing] == ["flo"]
    assert [each.student.id for each in found.late] == ["ben", "cy"]
    assert [each.student.id for each in found.slowest][:2] == ["dee", "cy"]
    assert [[each.id for each in whose] for whose in found.broken.values()] == [["eli"]]


def test_quartiles_by_hand():
    """0, 1, 2, 3, 4 points: every quartile is a score."""
    scores = [grade(f"s{n}", (TODO, TODO), OPEN) for n in range(5)]
    adjusted = [
        Grade(each.student, HOMEWORK, (Line(ADD, adjustment=n), Line(MEAN)), graded=True)
        for n, each in enumerate(scores)
    ]

    assert report(adjusted).quartiles() == [0, 1, 2, 3, 4]


def test_an_exercise_that_nobody_passes_is_worth_a_look():
    """From three who tried it on; one that was left to do is not."""
    few = report([grade(name, WRONG, OPEN) for name in "ab"])
    three = report([grade(name, WRONG, OPEN) for name in "abc"])

    assert few.worth_a_look() == []
    assert [each.partition(":")[0] for each in three.worth_a_look()] == ["add"]


def test_a_check_that_nobody_passes_is_worth_a_look():
    """Also where the rest of its exercise goes well."""
    found = report([grade(name, HALF, RIGHT) for name in "abc"]).worth_a_look()

    assert any(ADD.checks[1].rule in each for each in found)


def test_an_exercise_that_the_strong_fail_is_worth_a_look():
    """Its points go against those of all others; with few students nothing is said."""
    students = [grade(f"s{n}", RIGHT if n < 6 else WRONG, WRONG if n < 6 else RIGHT) for n in range(12)]

    assert report(students).items[0].together == pytest.approx(-1)
    assert sum("do worse here" in each for each in report(students).worth_a_look()) == 2
    assert report(students[3:10]).items[0].together is None


# The page


def page(**facts):
    return class_page.html(report(**facts))


def test_the_page_shows_what_was_counted():
    """Names, rules, mistakes, reasons, and that likeness is no verdict."""
    alike = Similarity((0.1, 0.9), 0.8, (similarity.Pair("ada", "ben", 0.9, 120, ("add",), True),), 1)
    shown = page(counts={"ada": 3}, alike=alike, notes=("Not compared: cy.",))

    for text in (ADD.checks[1].rule, MINUS, SILENT, "Flo Late (flo)", "2 days late", "never a verdict",
                 "120 fingerprints", "at most 3 times", "Not compared: cy."):  # fmt: skip
        assert text in shown


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "</svg></table>", "\u202egnp\x1b[31m", "{{ 7 * 7 }}"])
def test_no_name_becomes_markup(name):
    """Neither names nor what a judge quoted."""
    bad = Grade(Student("bad", name, name), HOMEWORK, CLASS[0].lines, graded=True, seconds_late=1.0)
    plain = Grade(Student("bad", "x", "y"), HOMEWORK, CLASS[0].lines, graded=True, seconds_late=1.0)
    tags = [re.findall(r"<[a-zA-Z/!][^<>]*>", page(grades=[*CLASS, each])) for each in (bad, plain)]

    assert tags[0] == tags[1]
    assert not re.search("[\x1b\u202e]", page(grades=[*CLASS, bad]))


def plots(shown):
    return re.findall(r"<svg.*?</svg>", shown, re.DOTALL)


def test_plots_are_part_of_the_page_and_can_be_read_aloud():
    """Well-formed, named, with text as text; without ids that two of them share, and without a date."""
    alike = Similarity((0.1, 0.9), 0.8, (similarity.Pair("ada", "ben", 0.9, 120),), 0)
    shown = page(alike=alike)
    drawn = [ElementTree.fromstring(svg) for svg in plots(shown)]
    ids = re.findall(r'\bid="([^"]+)"', shown)
    refers = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', shown)

    assert len(drawn) == 4
    assert all(each.get("role") == "img" and len(each.get("aria-label")) > 20 for each in drawn)
    assert any("score in % of the points" in "".join(each.itertext()) for each in drawn)
    assert len(ids) == len(set(ids))
    assert {a or b for a, b in refers} <= set(ids)
    assert "dc:date" not in shown and "#010101" not in shown and "var(--bar)" in shown


def test_the_page_needs_nothing_else():
    """No script, nothing fetched."""
    shown = page()

    assert not re.search(r"<(script|img|link|iframe|object|a)\b", shown)
    assert not re.search(r'(?:src|href)="(?!#)', shown)
    assert not re.search(r"url\((?!#)|@import", shown)


@pytest.mark.parametrize("grades", [[], CLASS[5:], CLASS[:1], [CLASS[0]] * 2], ids=["nobody", "none", "one", "same"])
def test_a_class_of_any_size_has_a_page(grades):
    """Also one in which nothing was graded, or all are equal."""
    assert "</html>" in class_page.html(report(grades))
    assert class_page.summary(report(grades), Look())


def test_the_summary_fits_a_terminal():
    """Eighty columns, and nothing that a terminal would act on."""
    name = Grade(Student("bad", "\x1b[31mred", ""), HOMEWORK, (Line(ADD), Line(MEAN)))
    text = class_page.summary(report([*CLASS, name]), Look())

    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    assert "Fails most: add, 4 of 5" in text and f"add, 2 of 5: {MINUS}" in text


# Likeness: real answers


def variants(section):
    """The solution of a section and other right answers to it, each as one text that shares no answer with another."""
    folder = ROOT / "tests" / "chapters" / section.path.partition("/")[0]
    text = (folder / f"variants_{section.module}.py").read_text()
    names = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    solution = section.solution.read_text()
    texts = [[definition(solution, each.name) for each in section.exercises]]
    for nth in range(3):
        ways = [[name for name in names if name.startswith(f"{each.name}__")] for each in section.exercises]
        chosen = [each[nth] for each in ways if nth < len(each)]
        texts.append([_renamed(definition(text, name), name, name.partition("__")[0]) for name in chosen])
    return ["\n\n".join(each) for each in texts]


COURSE = Course.load(ROOT)
ATTENTION = next(section for section in COURSE.sections if section.id == "ch02/attention")


def prints(texts, stub):
    return {f"s{place}": fingerprints(text, stub) for place, text in enumerate(texts)}


class Disguise(ast.NodeTransformer):
    """Every name that is the writer's own gets another."""

    def __init__(self, tree):
        nodes = list(ast.walk(tree))
        own = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        own |= {node.arg for node in nodes if isinstance(node, ast.arg)} - {"self"}
        self.names = {name: f"v{place}" for place, name in enumerate(sorted(own))}

    def visit_Name(self, node):
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_arg(self, node):
        node.arg = self.names.get(node.arg, node.arg)
        return node


def disguised(text):
    """Renamed, reordered, without comments, with new docstrings and remarks, in another layout."""
    tree = ast.parse(text)
    tree = Disguise(tree).visit(tree)
    tree.body.reverse()
    for node in tree.body:
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            first.value.value = "All my own work."
    return ast.unparse(tree).replace(":\n", ":  # mine\n")


def test_a_disguised_copy_is_found():
    """Other names, other order, other comments and layout: the pair stands out, and no other does."""
    texts = variants(ATTENTION)
    found = compare(prints([*texts, disguised(texts[1])], pristine(ATTENTION)))

    assert "scaled_dot_product_attention(query" not in disguised(texts[1])
    assert [(each.one, each.other) for each in found.pairs if each.stands_out] == [("s1", "s4")]
    assert found.standing_out == 1
    assert found.pairs[0].share > 0.7
    assert set(found.pairs[0].where) <= {each.name for each in ATTENTION.exercises}


def test_half_a_copy_is_found():
    """Every second definition comes from somebody else."""
    texts = variants(ATTENTION)
    mine, theirs = (ast.parse(text).body for text in (texts[2], texts[0]))
    mixed = [theirs[place] if place % 2 else mine[place % len(mine)] for place in range(len(theirs))]
    found = compare(prints([*texts, "\n\n".join(map(ast.unparse, mixed))], pristine(ATTENTION)))

    assert {(each.one, each.other) for each in found.pairs[:2]} == {("s0", "s4"), ("s2", "s4")}
    assert found.pairs[0].stands_out and found.pairs[1].share > 3 * found.pairs[2].share


def test_independent_right_answers_do_not_stand_out():
    """In every section of the course: the solution and three other right answers share at most a fifth."""
    shares = []
    for section in COURSE.sections:
        found = compare(prints(variants(section), pristine(section)))
        assert found.standing_out == 0, section.id
        shares += found.shares

    assert len(shares) >= 60
    assert max(shares) < 0.2 <= FLOOR / 2


def test_what_was_handed_out_does_not_count():
    """Stubs, given code, docstrings and imports are nobody's own."""
    stub = pristine(ATTENTION)

    assert fingerprints(stub, stub) == {}
    assert written(stub, stub) == {}
    assert len(fingerprints(stub.replace("raise NotImplementedError", "return 1"), stub)) < FEW
    given = COURSE.sections[2]
    text = given.solution.read_text()
    assert set(written(text, pristine(given))) == {each.name for each in given.exercises}


def test_what_does_not_parse_is_compared_as_text():
    """A syntax error is no way out."""
    texts = variants(ATTENTION)
    found = compare(prints([texts[0], texts[0] + "\ndef broken(:\n"], pristine(ATTENTION)))

    assert found.pairs[0].share > 0.9


@pytest.mark.parametrize(
    "text", ["", "\x00\x00", "(" * 5000, "'" * 999, "x = " + "[" * 90 + "]" * 90, "\ufeff", "é" * 100]
)
def test_any_text_has_fingerprints(text):
    """Whatever was handed in."""
    assert isinstance(fingerprints(text, pristine(SECTION)), dict)


def test_short_exercises_say_nothing():
    """Two lines are the same for half of a class, and nobody copied."""
    found = compare(prints([SECTION.solution.read_text()] * 4, pristine(SECTION)))

    assert found == Similarity((), 1.0, ())


# Likeness: a class


def a_class(count, common, own, copies=()):
    """Fingerprints of a class in which everybody has some of the common ones and some of their own."""
    draw = random.Random(5)
    students = {}
    for n in range(count):
        theirs = range(1000 * (n + 1), 1000 * (n + 1) + own)
        students[f"s{n:03}"] = dict.fromkeys([*draw.sample(range(common), common // 2), *theirs], "f")
    for one, other in copies:
        students[other] = students[one] | dict.fromkeys(range(-20, 0), "h")
    return students


def test_a_copy_stands_out_of_five_hundred():
    """Of 124,750 pairs the two that were copied are named, and no others."""
    copies = [("s003", "s007"), ("s400", "s020")]
    found = compare(a_class(500, 300, 60, copies))

    assert len(found.shares) == 500 * 499 // 2
    assert {frozenset((each.one, each.other)) for each in found.pairs if each.stands_out} == set(map(frozenset, copies))
    assert found.standing_out == 2


def test_a_class_that_writes_alike_hides_nobody_and_blames_nobody():
    """Where all share most of what they wrote, sharing most of it is not remarkable; sharing all of it is."""
    same = dict.fromkeys(range(-300, -100), "f")
    found = compare({name: same | own for name, own in a_class(60, 100, 30, [("s001", "s002")]).items()})

    assert found.limit > 0.8
    assert [(each.one, each.other) for each in found.pairs if each.stands_out] == [("s001", "s002")]


def test_few_students_are_compared_with_care():
    """With fewer than ten pairs there is no spread to stand out of: nearly everything must be the same."""
    found = compare(a_class(3, 300, 60, [("s000", "s001")]))

    assert found.limit == CERTAIN
    assert found.standing_out == 1


def test_what_rests_on_little_is_not_named():
    """However large its share."""
    students = a_class(20, 300, 60)
    found = compare(students | {"x": dict.fromkeys(list(students["s000"])[: FEW - 1], "f")})

    assert "x" not in {each.one for each in found.pairs} | {each.other for each in found.pairs}


# A real class


SCRIPT = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_class_report as t
submitted = t.prints(t.variants(t.ATTENTION), t.pristine(t.ATTENTION)) | t.a_class(9, 90, 40)
grades = [t.grade(name, t.RIGHT, t.HALF, seconds=2.0) for name in submitted]
print(t.class_page.html(t.report(grades, alike=t.compare(submitted))))
"""


def test_the_same_class_gives_the_same_bytes():
    """In another process, with other hashes, as well."""
    pages = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", SCRIPT]
        pages.append(
            subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        )

    assert pages[0] == pages[1]
    assert len(pages[0]) > 10_000


def test_the_command_writes_the_page(tmp_path):
    """From a real gradebook and real attempts; outside of what is handed to students."""
    (tmp_path / "roster.csv").write_text("id\n" + "".join(f"s{n}\n" for n in range(6)))
    term = terms.create(tmp_path / "term", ROOT, tmp_path / "roster.csv")
    homework = Assignment("hw1", ("ch02/attention",), DUE, 7)
    term = terms.add_assignment(term, homework)
    texts = variants(ATTENTION)
    results = [line(each, *[PASSED] * len(each.checks)).result for each in ATTENTION.exercises]
    with Gradebook.open(term) as book:
        book.register(homework)
        book.results.keep("key", ATTENTION.id, results, 2.5)
        for place, text in enumerate([*texts, disguised(texts[1])]):
            attempt = Attempt(f"s{place}", "hw1", DUE, {ATTENTION.path: text.encode()})
            attempts.keep(term, attempt)
            book.commit(homework, Verdict(attempt.student, attempt.digest, DUE, "c", {ATTENTION.id: "key"}))
    app = typer.Typer()
    app.command()(report_command)

    told = CliRunner().invoke(app, ["hw1", "--class", str(term.root)])

    assert told.exit_code == 0, told.output
    assert re.search(r"s1\s+and\s+s4\s+\(\d+%\)", told.output)
    assert "Nothing graded of: s5." in told.output
    shown = (term.root / "reports" / "hw1.html").read_text()
    assert "s1, s4" in shown and "2.5" in shown
    assert not (term.root / "feedback").exists()

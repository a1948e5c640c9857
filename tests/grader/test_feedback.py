"""What students get to read: every fact of their own grade, nothing that is markup, nothing that is not theirs."""

import json
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from zoneinfo import ZoneInfo

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from grader.cli_feedback import feedback as feedback_command
from grader.course import Course
from grader.errors import GraderError
from grader.instructor import term as terms
from grader.instructor.grades import Grade, Line, Verdict
from grader.instructor.grading.gradebook import Gradebook
from grader.instructor.grading.judges import Court, JudgeProcess, Task
from grader.instructor.pages import feedback
from grader.instructor.pages.feedback import withheld
from grader.instructor.pages.withheld import WITHHELD
from grader.instructor.term import Assignment, Student
from grader.report.pages import Setting, html, markdown
from grader.report.paper import fenced, inline
from grader.report.terminal import WORDS
from grader.results import CheckResult, ExerciseResult, Status

TINY = Path(__file__).parent / "tiny"
SECTION = Course.load(TINY).sections[0]
ADD, MEAN = SECTION.exercises
SETTING = Setting({SECTION.id: SECTION}, ZoneInfo("Europe/Berlin"))
DUE = datetime(2026, 11, 20, 22, 59, tzinfo=UTC)
HOMEWORK = Assignment("hw1", ("ch01",), DUE, 7)
ADA = Student("ada", "Ada", "Lovelace")
VOID = {"meta", "br", "hr", "img", "input", "link"}


def result(exercise, *checks):
    """A result of these statuses, or of (status, facts) pairs, for the exercise's checks in their order."""
    found = []
    for check, given_facts in zip(exercise.checks, checks, strict=True):
        status, facts = given_facts if isinstance(given_facts, tuple) else (given_facts, {})
        points = check.points if status is Status.PASSED else 0.0
        found.append(CheckResult(check.id, check.rule, status, points, check.points, **facts))
    return ExerciseResult(exercise.id, exercise.kind, tuple(found), 7)


WRONG = {
    "message": "the result: 1 of 1 entries differ\nfirst at [0]: expected 5, yours 6",
    "diagnosis": "You counted one too many.",
    "where": "  ch01_tiny/first.py, line 12, in add\n      return a + b + 1",
    "printed": "got as far as here",
}


def grade(*lines, **facts):
    lines = lines or (
        Line(ADD, result(ADD, (Status.FAILED, WRONG), Status.PASSED)),
        Line(MEAN, result(MEAN, Status.PASSED, Status.PASSED)),
    )
    standing = {"received": datetime(2026, 11, 20, 20, 30, tzinfo=UTC), "graded": True, **facts}
    return Grade(standing.pop("student", ADA), HOMEWORK, lines, **standing)


class Reader(HTMLParser):
    """The tags, attributes and text of a page; a tag that does not close is an error."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.open, self.pieces = [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.pieces.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.pieces).split())


def tokens(page):
    """All tokens of a page of Markdown as the widest renderers read it: HTML, tables and strikethrough are on."""
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return [inner for token in reader.parse(page) for inner in (token, *(token.children or []))]


def shown(page):
    return "".join(token.content + "\n" for token in tokens(page) if token.type in ("text", "fence", "code_inline"))


# What is on a page


def both(standing):
    return Reader(html(standing, SETTING)).text, shown(markdown(standing, SETTING))


@pytest.mark.parametrize("which", [0, 1], ids=["html", "markdown"])
def test_a_page_tells_all_that_is_known(which):
    """Rules in the order of the checks, for a failure what came, the likely reason, the own lines, what was printed."""
    page = both(grade())[which]

    for text in (
        "hw1",
        "Ada Lovelace",
        "4 of 5 points (80 %)",
        "failed",
        "passed",
        "You counted one too many.",
        "first at [0]: expected 5, yours 6",
        "line 12, in add",
        "got as far as here",
        "1 of 2 checks passed",
    ):
        assert text in page
    in_order = ["does not hold: " + ADD.checks[0].rule, "holds: " + ADD.checks[1].rule, "holds: " + MEAN.checks[0].rule]
    places = [page.index(rule) for rule in in_order]
    assert places == sorted(places)


@pytest.mark.parametrize("which", [0, 1], ids=["html", "markdown"])
def test_a_page_says_where_to_begin(which):
    """The first core exercise that does not pass, its first rule that does not hold, the lesson, what to type."""
    begin = both(grade())[which].partition("Where to begin")[2]

    for text in (
        "add",
        "Does not hold",
        ADD.checks[0].rule,
        "1.1 First steps",
        "first.md",
        "grader hint ch01/first/add",
    ):
        assert text in begin.partition("of 2 checks passed")[0]


def test_a_page_praises_what_is_complete():
    """Where everything passes nothing is left to do."""
    done = grade(*(Line(each, result(each, Status.PASSED, Status.PASSED)) for each in (ADD, MEAN)))

    for page in both(done):
        assert "Nothing is left to do" in page
        assert "Where to begin" not in page


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({}, "Handed in on 2026-11-20, 21:30 CET, in time."),
        ({"seconds_late": 60.0}, "within the time of grace"),
        ({"seconds_late": 9e4, "late_says": "2 days late: 20% of the points earned", "penalty": 0.8},
         "2 days late: 20% of the points earned, so 0.8 are taken off."),
        ({"received": None, "graded": False}, "Nothing was handed in."),
    ],
)  # fmt: skip
def test_a_page_says_when_it_was_handed_in_and_what_that_cost(facts, says):
    """In the class's own time zone."""
    for page in both(grade(**facts)):
        assert says in page


def test_lateness_and_extras_show_in_the_sum():
    """The score is told with what it is made of."""
    extra = replace(MEAN, kind="extra")
    lines = (
        Line(ADD, result(ADD, Status.PASSED, Status.PASSED)),
        Line(extra, result(extra, Status.PASSED, Status.FAILED)),
    )

    for page in both(grade(*lines, penalty=0.5, beyond_share=0.5, late_says="1 day late", seconds_late=9e4)):
        assert "2.5 of 2 points" in page
        assert "Beyond the core: 2 of 3 points, counted with 50%." in page
        assert "Taken off for lateness: 0.5." in page


def test_what_people_changed_is_told():
    """Adjustments, marks set by hand, and the reasons."""
    lines = Line(ADD, result(ADD, Status.PASSED, Status.FAILED), adjustment=-0.5), Line(MEAN, None, manual=2.0)

    for page in both(grade(*lines, notes=("ch01/first/add -0.5: hard coded",))):
        assert "Adjusted by your instructor: -0.5." in page
        assert "Set by your instructor: 2." in page
        assert "ch01/first/add -0.5: hard coded" in page


@pytest.mark.parametrize("status", [Status.TODO, Status.BLOCKED, Status.NOT_RUN, Status.BROKEN])
def test_what_did_not_run_says_why(status):
    """The same words as in the terminal, with the reason."""
    says = {Status.TODO: "It calls `mean`, which is not written yet."}.get(status, "That needs something else.")
    line = Line(ADD, result(ADD, (status, {"message": says}), (status, {"message": says})))

    for page in both(grade(line)):
        assert WORDS[status][0] in page
        assert says in page


def test_a_file_that_cannot_be_imported_is_told_once():
    """Not again for every check of every exercise."""
    broken = Status.BROKEN, {"message": "first.py cannot be imported.\nYour code raised SyntaxError: invalid syntax"}

    for page in both(grade(*(Line(each, result(each, broken, broken)) for each in (ADD, MEAN)))):
        assert page.count("SyntaxError") == 1


def test_what_came_twice_is_told_once():
    """A check that fails with the words of one before it is named and not explained again."""
    wrong = Status.FAILED, {"message": "Your code raised ZeroDivisionError: by zero"}
    again = Status.FAILED, {"message": "Case 1: Your code raised ZeroDivisionError: by zero"}

    for page in both(grade(Line(ADD, result(ADD, wrong, again)))):
        assert page.count("ZeroDivisionError") == 1
        assert page.count("does not hold") >= 2


# Nothing is markup

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</pre></details></body><h1>gone",
    "&lt;b&gt; &amp; &#x41;",
    "[click](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "<http://evil.example>",
    "http://evil.example www.evil.example",
    "```\n# out\n~~~\n",
    "`````text\nx",
    "a | b\n--|--\n1 | 2",
    "# heading\n\n- item\n1. one\n> quote\n***",
    "***bold*** ~~gone~~ __x__",
    "\u202egnp.exe\u202c \u2066x\u2069",
    "\x1b[31mred\x1b[0m\x07\x00",
    "{{ 7 * 7 }}{% include 'x' %}",
    "a\n\n    code\n\ttab",
    "[x]: http://evil",
    "line\u2028sep\u2029par\x85nel",
    "<!-- <![CDATA[ <?php",
    "$x^2$ @everyone #1",
    "\\",
    "-",
    "1.",
    "",
    "a\\",
    "=\n===",
]


def hostile(text):
    """A grade in which everything that can come from elsewhere is this text."""
    facts = {"message": text, "diagnosis": text, "where": text, "printed": text}
    lines = (
        Line(ADD, result(ADD, (Status.FAILED, facts), (Status.BROKEN, {"message": text + "!"}))),
        Line(MEAN, result(MEAN, (Status.NOT_RUN, {"message": text}), Status.PASSED)),
    )
    late = {"late_says": text, "seconds_late": 9e4, "penalty": 1.0}
    return grade(*lines, student=Student("eve", text, text), notes=(text,), **late)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_html(text):
    """Whatever comes, the tags and attributes are those of the same page with a harmless text."""
    page, plain = (Reader(html(hostile(each), SETTING)) for each in (text, "plain" if text else ""))

    assert page.tags == plain.tags
    assert page.attributes == plain.attributes


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_markdown(text):
    """Whatever comes, the blocks are those of the same page with a harmless text: no link, image, HTML or emphasis."""
    page, plain = (tokens(markdown(hostile(each), SETTING)) for each in (text, "plain" if text else ""))

    blocks = [[(each.type, each.tag) for each in found if each.block] for found in (page, plain)]
    assert blocks[0] == blocks[1]
    assert {each.type for each in page} <= {each.type for each in plain} | {"text_special"}


@pytest.mark.parametrize("page", [html, markdown])
def test_nothing_that_acts_on_a_reader_is_left(page):
    """Neither control characters nor marks that turn the direction of writing."""
    written = page(hostile("".join(HOSTILE)), SETTING)

    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f]", written)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab1 \n\t`*_[]()<>!#|~-=+.:&;\\$@/\"'"), max_size=24))
def test_inline_text_stays_text(text):
    """A random heap of Markdown's own characters comes out as it went in, white space aside."""
    found = tokens(f"- {inline(text)}\n")

    inside = [token for token in found if not token.block or token.type == "inline"]
    assert {token.type for token in inside} <= {"inline", "text", "text_special"}
    assert {token.type.rpartition("_")[0] for token in found if token.block} <= {
        "",
        "bullet_list",
        "list_item",
        "paragraph",
    }
    content = "".join(token.content for token in inside if token.type != "inline")
    assert content == " ".join(text.split())


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(["a", " ", "\n", "\n```", "\n`````", "~~~\n", "`", "- ", "> "]), max_size=12).map("".join)
)
def test_a_fence_holds_what_is_inside(text):
    """However many backticks there are; also inside a list."""
    for indent, before in (("", ""), ("  ", "- x\n\n")):
        fences = [token for token in tokens(before + fenced(text, indent) + "\n\nafter\n") if token.type == "fence"]

        assert [fence.content.strip("\n") for fence in fences] == [text.strip("\n")]


def test_a_page_needs_and_runs_nothing_else():
    """One file: no script, no picture, nothing that is fetched; and it forbids the browser all that as well."""
    page = Reader(html(grade(), SETTING))

    assert not {"script", "img", "link", "iframe", "object", "form", "a", "base"} & set(page.tags)
    assert not [each for each in page.attributes if each[1] in ("src", "href") or each[1].startswith("on")]
    assert "@import" not in html(grade(), SETTING) and "url(" not in html(grade(), SETTING)
    assert ("meta", "content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes


def test_the_same_grade_gives_the_same_bytes():
    """Nothing on a page depends on when it was made."""
    assert html(grade(), SETTING) == html(grade(), SETTING)
    assert markdown(grade(), SETTING) == markdown(grade(), SETTING)


# Everybody can read it


def luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def palettes():
    style = (Path(feedback.pages.__file__).parent / "templates" / "style.css").read_text()
    light, dark = (
        dict(re.findall(r"--(\w+): (#\w{6})", part)) for part in style.split("@media (prefers-color-scheme: dark)")
    )
    return [light, light | dark]


@pytest.mark.parametrize("palette", palettes(), ids=["light", "dark"])
def test_colours_have_contrast(palette):
    """At least 4.5 to 1 between text and what it stands on (WCAG 2, level AA), in the light and in the dark."""
    for ink in ("ink", "faint", "passed", "failed", "broken", "blocked", "todo"):
        for ground in ("page", "card") if ink != "ink" else ("page", "card", "likely"):
            light, dark = sorted((luminance(palette[ink]), luminance(palette[ground])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)


def test_headings_come_in_order():
    """One first heading, none skipped, so that a screen reader can walk through them."""
    levels = [int(tag[1]) for tag in Reader(html(grade(), SETTING)).tags if re.fullmatch("h[1-6]", tag)]

    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


# Fixed data

SOLUTION = '''
"""1.1 Saying: an exercise that is given a text."""


def say(how, text):
    """Say how.

    Args:
        how: what to do.
        text: something.

    Returns:
        how.

    Example:
        >>> say("a", "b")
        'a'
    """
    # BEGIN SOLUTION
    return how
    # END SOLUTION
'''
SUITE = '''
import numpy as np
import pytest

from grader.checks import check_close, check_equal, check_raises, check_unchanged

SECRET = "hunterzwei"

@pytest.mark.exercise("say")
def test_open(learner):
    """What is drawn may be seen."""
    check_equal(learner.say("print", SECRET), "print")

@pytest.mark.exercise("say")
@pytest.mark.fixed_data
@pytest.mark.parametrize("how", [0])
def test_with_cases(learner, how):
    """The case is given back."""
    check_equal(learner.say("print", SECRET), "print")
'''
CHECK = '''
@pytest.mark.fixed_data
@pytest.mark.exercise("say")
def test_{how}(learner):
    """The word {how} comes back."""
    {check}
'''
EQUAL = 'check_equal(learner.say("{how}", SECRET), {expected})'
ATTEMPTS = {  # how the text gets out of the learner's code, and what the suite requires there
    "text": ("return text", '"a"'),
    "bytes": ("return text.encode()", 'b"a"'),
    "key": ("return {text: 1}", '{"a": 1}'),
    "item": ("return [text]", '["a"]'),
    "member": ("return {text}", '{"a"}'),
    "kind": ("return type(text, (), {})()", "1"),
    "made": ("return type(text, (), {})", "None"),
    "function": ("return named(lambda: 0, text)", "1"),
    "record": ("return __import__('collections').namedtuple('R', [text])(1)", "(1,)"),
    "flag": ("return text", "True"),
    "raised": ("raise ValueError(text)", "1"),
    "exception": ("raise type(text, (Exception,), {})", "1"),
    "missing": ("return {}[text]", "1"),
    "deep": ("named(lambda: 1 / 0, text)()", "1"),
    "todo": ("named(unwritten, text)()", "1"),
    "shortcut": ("raise type('ForbiddenShortcut', (Exception,), {})(text)", "1"),
    "package": ("import_(text)", "1"),
    "dtype": ("return __import__('numpy').zeros(1, dtype=[(text, float)])", "np.zeros(1)"),
    "slice": ("return slice(text)", "slice(1)"),
    "cannot": ("return {text: [open]}", '{"a": 1}'),
    "stream": ("raise SystemExit(text)", "1"),
    "float": ("return text", "1.0"),
}
CHEAT = """
def named(function, name):
    function.__code__ = function.__code__.replace(co_name=name, co_qualname=name)
    function.__name__ = function.__qualname__ = name
    return function

def unwritten():
    raise NotImplementedError

def import_(name):
    __import__(name)

def say(how, text):
    print("printed", text)
"""
OTHERS = {
    "close": ('check_close(learner.say("text", SECRET), 1.0, rtol=0)', ""),
    "must_raise": ('check_raises(ValueError, learner.say, "exception", SECRET)', ""),
    "must_not_return": ('check_raises(ValueError, learner.say, "text", SECRET)', ""),
}


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    """A course on fixed data, and what a submission that gives away whatever it sees gets there from a real judge."""
    root = tmp_path_factory.mktemp("fixed") / "course"
    (root / "solutions/ch01_say").mkdir(parents=True)
    (root / "tests/chapters/ch01_say").mkdir(parents=True)
    (root / "solutions/ch01_say/say.py").write_text(SOLUTION.lstrip())
    table = 'number = "1.1"\ntitle = "Saying"\nworker = ["numpy"]\n\n[exercises.say]\ndifficulty = 1\nminutes = 1\n'
    (root / "solutions/ch01_say/say.toml").write_text(table)
    checks = {how: EQUAL.format(how=how, expected=expected) for how, (_, expected) in ATTEMPTS.items()}
    checks |= {how: check for how, (check, _) in OTHERS.items()}
    suite = SUITE + "".join(CHECK.format(how=how, check=check) for how, check in checks.items())
    (root / "tests/chapters/ch01_say/test_say.py").write_text(suite)
    cheat = CHEAT + "".join(f"    if how == {how!r}:\n        {does}\n" for how, (does, _) in ATTEMPTS.items())
    exercise = Course.load(root).sections[0].exercises[0]
    with JudgeProcess(Court(root, ("ch01/say",), "process")) as judge:
        found = judge.grade(Task("key", "ch01/say", cheat.encode(), (exercise.id,), 7))
    return exercise, {check.id.rpartition("test_")[2]: check for check in found[0].checks}, found


def test_the_mark_is_read_from_the_suite(secrets):
    """Whether it stands above or below the others; what has no mark is open."""
    marked = {check.function: check.fixed_data for check in secrets[0].checks}

    assert [name for name, fixed in marked.items() if not fixed] == ["test_open"]


def test_other_suites_have_no_such_mark():
    """A check is open unless it says otherwise."""
    assert not any(check.fixed_data for each in (ADD, MEAN) for check in each.checks)


def test_the_cheat_would_give_it_away(secrets):
    """Without withholding, the text stands in what is told: these tests could fail."""
    _, checks, _ = secrets

    gives_away = [how for how, check in checks.items() if "hunterzwei" in check.message + check.where]
    assert len(gives_away) >= 18, sorted(set(checks) - set(gives_away))
    assert "printed hunterzwei" in checks["text"].printed


def test_nothing_that_the_code_said_leaves_a_check_on_fixed_data(secrets):
    """Not what it printed, not the text of an exception, a value, a key, a class, a field or a function."""
    exercise, _, found = secrets

    kept = withheld(found, [exercise])[0]

    for check in kept.checks:
        given_away = "hunterzwei" in json.dumps(vars(check), default=str)
        assert given_away == check.id.endswith("test_open"), check
    assert [check.status for check in kept.checks] == [check.status for check in found[0].checks]
    assert kept.points == found[0].points


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("text", "the result differs from what is required."),
        ("float", "the result must be a number."),
        ("raised", "Your code raised ValueError."),
        ("exception", "Your code raised an exception."),
        ("must_raise", "this call must raise ValueError."),
        ("kind", "the result must be a number."),
        ("todo", "It calls what is not written yet."),
        ("cannot", ""),
    ],
)
def test_what_is_required_is_still_told(secrets, how, says):
    """The grader's own words stay, with a sentence that says what is missing."""
    exercise, _, found = secrets

    kept = next(check for check in withheld(found, [exercise])[0].checks if check.id.endswith(f"test_{how}"))

    assert kept.message == f"{says}\n{WITHHELD}".strip()


@pytest.mark.parametrize(
    "message",
    [
        "What came back cannot be checked: hunterzwei must cross.",
        "Case a-1: What came back cannot be checked: it must be hunterzwei",
        "Case 0: Your code raised ValueError: hunterzwei must be there",
        "Case x: y: Your code raised : hunterzwei must be there",
        "Case 0: Your code raised hunterzwei: it must",
        "the word 'hunterzwei' must come first",
        "the answer `hunterzwei` must come first; yours is late",
        "the result must be short\nyours is hunterzwei",
        "This exercise asks you to write `hunterzwei` yourself, as you must, but your code calls it:",
        "the result: expected 1, yours hunterzwei as you must",
    ],
)
def test_words_that_look_like_the_graders_own_are_not_believed(secrets, message):
    """An exception may say "must" as well."""
    exercise, checks, _ = secrets
    said = replace(checks["text"], message=message, printed="")

    kept = withheld([ExerciseResult(exercise.id, "core", (said,))], [exercise])[0].checks[0]

    assert "hunterzwei" not in kept.message


STASH = """
kept = []

def say(how, text):
    print(*kept)
    kept.append(text)
    return how if how == "print" and text != "hunterzwei" else 0
"""


def test_a_check_on_fixed_data_has_a_worker_of_its_own(secrets):
    """What the code remembers of it cannot be printed while another check runs."""
    exercise, _, _ = secrets
    root = exercise.suite.path.parents[3]
    suite = exercise.suite.path.read_text()
    exercise.suite.path.write_text(
        suite
        + CHECK.format(how="z", check='learner.say("a", "b")\n    assert False').replace(
            "@pytest.mark.fixed_data\n", ""
        )
    )
    with JudgeProcess(Court(root, ("ch01/say",), "process")) as judge:
        found = judge.grade(Task("key", "ch01/say", STASH.encode(), (exercise.id,), 7))
    exercise.suite.path.write_text(suite)

    last = found[0].checks[-1]
    assert last.id.endswith("test_z") and last.status is Status.FAILED
    assert "hunterzwei" not in last.printed


def test_the_own_lines_stay(secrets):
    """Where the code raised is the learner's own text; only a function's name can be made up while it runs."""
    exercise, checks, found = secrets

    kept = next(check for check in withheld(found, [exercise])[0].checks if check.id.endswith("test_deep"))

    assert ", in hunterzwei" in checks["deep"].where
    assert "line " in kept.where and "named(lambda: 1 / 0, text)()" in kept.where


def test_a_page_withholds_by_itself(secrets):
    """Nobody has to remember: both pages are made without it."""
    exercise, _, found = secrets
    section = Course.load(exercise.suite.path.parents[3]).sections[0]
    line = Line(exercise, replace(found[0], checks=tuple(c for c in found[0].checks if not c.id.endswith("open"))))

    for page in (html, markdown):
        written = page(grade(line), Setting({section.id: section}))
        assert "hunterzwei" not in written
        assert "Your code raised ValueError" in written


# Files


@pytest.fixture(scope="module")
def graded():
    """Real results of the tiny course: one wrong exercise, one right."""
    wrong = SECTION.solution.read_text().replace("return a + b", "return a - b")
    ids = tuple(each.id for each in SECTION.exercises)
    with JudgeProcess(Court(TINY, (SECTION.id,), "process")) as judge:
        return judge.grade(Task("key", SECTION.id, wrong.encode(), ids, 7))


def test_no_page_holds_anything_of_the_suite(graded):
    """Not a line of its code and not the name of a check; the rules are all that the learner reads of it."""
    lines = [Line(exercise, found) for exercise, found in zip(SECTION.exercises, graded, strict=True)]

    for page in (html, markdown):
        written = page(grade(*lines), SETTING)
        assert ADD.checks[0].rule in written
        assert "test_" not in written
        for code in dedent(SECTION.suite.read_text()).splitlines():
            assert '"""' in code or len(code.strip()) < 12 or code.strip() not in written


@pytest.fixture(scope="module")
def term_of_three(tmp_path_factory, graded):
    """A term with a real gradebook: two of three are graded."""
    root = tmp_path_factory.mktemp("class")
    (root / "roster.csv").write_text("id,first_name,last_name\nada,Ada,Lovelace\nb.en+1,Ben,<i>Bold</i>\ncy,Cy,Old\n")
    term = terms.create(root / "term", TINY, root / "roster.csv")
    term = terms.add_assignment(term, HOMEWORK)
    with Gradebook.open(term) as book:
        book.register(HOMEWORK)
        book.results.keep("key", SECTION.id, graded, 0.5)
        for student in ("ada", "b.en+1"):
            book.commit(HOMEWORK, Verdict(student, "d" * 64, DUE, "c", {SECTION.id: "key"}, (f"from {student}.py",)))
    return term


@pytest.fixture
def classroom(term_of_three):
    yield term_of_three
    shutil.rmtree(term_of_three.root / "feedback", ignore_errors=True)


def run(term, *arguments):
    app = typer.Typer()
    app.command()(feedback_command)
    return CliRunner().invoke(app, ["hw1", *arguments, "--class", str(term.root)])


def test_every_graded_student_gets_two_pages(classroom):
    """Named by id, told where they are, how many, and who has none."""
    told = run(classroom)

    target = classroom.root / "feedback" / "hw1"
    assert told.exit_code == 0
    assert sorted(path.name for path in target.iterdir()) == ["ada.html", "ada.md", "b.en+1.html", "b.en+1.md"]
    assert "2 students" in told.output and str(target) in told.output
    assert "Nothing graded of: cy." in told.output


def test_no_page_holds_anything_of_another_student(classroom):
    """Neither names nor notes."""
    run(classroom)

    target = classroom.root / "feedback" / "hw1"
    for mine, others in (("ada", ("b.en", "Ben", "Bold", "Cy", "Old")), ("b.en+1", ("ada", "Ada", "Lovelace", "Cy"))):
        for ending in ("html", "md"):
            page = (target / f"{mine}.{ending}").read_text()
            text = Reader(page).text if ending == "html" else shown(page)
            assert f"from {mine}.py" in text
            assert not [each for each in others if re.search(rf"\b{re.escape(each)}\b", text)]


def test_one_student_can_be_named(classroom):
    """Then only that one's pages are written."""
    run(classroom, "ada")

    assert sorted(path.name for path in (classroom.root / "feedback" / "hw1").iterdir()) == ["ada.html", "ada.md"]


def test_an_unknown_student_is_refused_before_anything_is_written(classroom):
    """With the id that may have been meant."""
    with Gradebook.open(classroom) as book, pytest.raises(GraderError) as refused:
        feedback.chosen(book.grades(HOMEWORK), ["ada", "adda"])

    assert "'adda'" in refused.value.problem and refused.value.hint == "Did you mean ada?"
    assert run(classroom, "ada", "adda").exit_code == 2
    assert not (classroom.root / "feedback").exists()

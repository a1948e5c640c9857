"""The cutter takes out the regions and nothing else; a stub is told from work."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.course import Course
from grader.errors import GraderError
from grader.exercises import derive, differences
from grader.stubs import cut, definition, examples, is_stub, regions, replace_definition, same_code

TINY = Path(__file__).parent / "tiny"
ENDS = st.sampled_from(["\n", "\r\n"])
PLAIN = st.text(st.characters(exclude_characters="\r\n", codec="utf-8")).filter(
    lambda line: "SOLUTION" not in line.upper()
)
INDENT = st.sampled_from(["", "    ", "\t"])
SOLUTION = """\
import numpy as np


@decorated
def add(a, b):
    \"\"\"Add.

    >>> add(2, 3)
    5
    >>> add(
    ...     1, 1)
    2
    \"\"\"
    # BEGIN SOLUTION
    return a + b
    # END SOLUTION


class Counter:
    \"\"\"Count.

    >>> Counter().n
    0
    \"\"\"

    def up(self):
        \"\"\"
        >>> Counter().up()
        1
        \"\"\"
        # BEGIN SOLUTION
        return 1
        # END SOLUTION

    def down(self):
        # begin solution (nbgrader takes this too)
        return -1
        ### END SOLUTION


last = 1
"""
STUBS = cut(SOLUTION)


def course_at(root: Path) -> Course:
    shutil.copytree(TINY / "solutions", root / "solutions", ignore=shutil.ignore_patterns("__pycache__"))
    return Course.load(root)


@given(st.lists(st.tuples(PLAIN, ENDS)), st.booleans())
def test_text_without_regions_stays_as_it_is(lines, closed):
    """Every byte outside a region survives: line ends, odd characters, a missing last newline, nothing at all."""
    text = "".join(line + end for line, end in lines)
    text = text if closed else text.rstrip("\r\n")

    assert cut(text) == text


@given(st.lists(PLAIN), st.lists(PLAIN), st.lists(PLAIN), INDENT, ENDS, st.booleans())
def test_a_region_becomes_one_line(before, inside, after, indent, end, closed):
    """A region is one stub line at the marker's indentation, whatever stands in it and around it."""
    head, tail = [line + end for line in before], "".join(end + line for line in after) + (end if closed else "")
    body = [line + end for line in inside]
    text = "".join([*head, f"{indent}# BEGIN SOLUTION{end}", *body, f"{indent}# END SOLUTION", tail])

    assert cut(text) == "".join([*head, f"{indent}raise NotImplementedError", tail])
    assert regions(text) == [(len(before) + 1, tuple(body))]
    assert cut(cut(text)) == cut(text)


@given(st.text())
def test_any_text_is_cut_or_refused(text):
    """There is no text that the cutter fails on other than with a sentence."""
    with suppress(GraderError):
        cut(text)


def test_markers_are_nbgraders():
    """Any comment line with the words is a marker, in any case and with any number of hashes."""
    assert STUBS.count("raise NotImplementedError") == 3
    assert "SOLUTION" not in STUBS.upper()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "# BEGIN SOLUTION\nx\n# BEGIN SOLUTION\n# END SOLUTION\n",
            "line 3: BEGIN SOLUTION inside the region that begins on",
        ),
        ("x\n# BEGIN SOLUTION\nx\n", "line 2: BEGIN SOLUTION has no END SOLUTION"),
        ("x\n# END SOLUTION\n", "line 2: END SOLUTION without a BEGIN SOLUTION"),
        ("x = 1  # BEGIN SOLUTION\ny = 2  # END SOLUTION\n", "line 1: a marker stands behind code"),
    ],
)
def test_markers_that_make_no_region(text, says):
    """A marker that would leak an answer, or eat the file, is an error with its line."""
    with pytest.raises(GraderError, match=says):
        cut(text)


def test_prose_may_name_the_markers():
    """Words in a string are no marker."""
    text = 'says = "between BEGIN SOLUTION and END SOLUTION"\n'

    assert cut(text) == text


def test_a_definition_with_all_that_belongs_to_it():
    """Decorators and the closing marker belong to a definition; what follows does not."""
    source = definition(SOLUTION, "add")

    assert source.startswith("@decorated\ndef add")
    assert source.endswith("    # END SOLUTION\n")
    assert definition(SOLUTION, "Counter").endswith("### END SOLUTION\n")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_one_definition_is_replaced_and_nothing_else(end):
    """The rest of the file stays, byte for byte, and the new text takes the file's line ends."""
    text = SOLUTION.replace("\n", end)

    new = replace_definition(text, "add", definition(STUBS, "add"))

    assert new == text.replace(definition(text, "add"), definition(STUBS, "add").replace("\n", end))
    assert replace_definition(new, "add", definition(SOLUTION, "add")) == text


def test_a_last_definition_without_a_newline():
    """No newline is added where there was none."""
    assert (
        replace_definition("x = 1\ndef f(): pass", "f", "def f():\n    return 2\n") == "x = 1\ndef f():\n    return 2"
    )


@pytest.mark.parametrize("text", ["def f(:", "x = 1", "", "\0", "(" * 9999])
def test_no_such_definition(text):
    """Text without the definition, or that is no Python, is refused with a sentence."""
    with pytest.raises(GraderError):
        definition(text, "f")


def test_same_code_sees_only_the_code():
    """Comments, docstrings and layout do not count; a changed constant does."""
    assert same_code("def f(x):\n    '''A.'''\n    return x+1  # one", "def f(x):\n\n    return (x + 1)")
    assert not same_code("def f(x):\n    return x + 1", "def f(x):\n    return x + 2")
    assert not same_code("def f(:", "def f(:")


@pytest.mark.parametrize(
    ("change", "still"),
    [
        (lambda text: text, True),
        (lambda text: "\ufeff" + text.replace("\n", "\r\n") + "\n# notes to myself\n", True),
        (lambda text: text.replace("Add.", "Add two numbers."), True),
        (lambda text: text.replace("last = 1", "def helper(): add = 1"), True),
        (lambda text: text.replace("    raise NotImplementedError", "    return a", 1), False),
        (lambda text: text + "\nadd = lambda a, b: a + b\n", False),
        (lambda text: text + "\nif True:\n    from operator import add\n", False),
        (lambda text: text + "\ndef add(a, b):\n    return a + b\n", False),
        (lambda text: text + "\n)", False),
        (lambda text: "", False),
    ],
)
def test_a_stub_is_told_from_work(change, still):
    """An exercise is a stub while its name means the stub's code, wherever else the file was edited."""
    assert is_stub(change(STUBS), STUBS, "add") is still


def test_examples_with_their_lines():
    """Examples of a class are its own and its methods', each with its line in the file."""
    assert examples(STUBS, "add") == [("add(2, 3)\n", "5\n", 8), ("add(\n    1, 1)\n", "2\n", 10)]
    assert [(each.source, each.lineno) for each in examples(STUBS, "Counter")] == [
        ("Counter().n\n", 20),
        ("Counter().up()\n", 26),
    ]
    assert all(STUBS.splitlines()[each.lineno - 1].lstrip().startswith(">>>") for each in examples(STUBS, "Counter"))


def test_exercises_are_made_from_solutions(tmp_path):
    """Lessons, data and figures go along; answers do not; what is no longer made goes away."""
    course, target = course_at(tmp_path), tmp_path / "exercises"
    (tmp_path / "solutions/ch01_tiny/figure.svg").write_bytes(b"\xff<svg/>")
    (target / "ch01_tiny").mkdir(parents=True)
    (target / "ch01_tiny/old.py").write_text("")
    (target / "ch00_gone").mkdir()
    (target / "ch00_gone/old.py").write_text("")
    (target / "README.md").write_text("mine")

    assert "ch01_tiny/old.py is not made from any solution" in differences(course, target)
    changed = derive(course, target)

    assert {"ch00_gone/old.py", "ch01_tiny/figure.svg", "ch01_tiny/first.py", "ch01_tiny/first.toml"} <= {*changed}
    assert differences(course, target) == []
    assert derive(course, target) == []
    assert "return a + b" not in (target / "ch01_tiny/first.py").read_text()
    assert sorted(path.name for path in target.iterdir()) == ["README.md", "ch01_tiny"]


def test_a_tree_that_differs_is_named(tmp_path):
    """An answer typed into a tree of exercises, or a missing lesson, is one line each."""
    course, target = course_at(tmp_path), tmp_path / "exercises"
    derive(course, target)
    (target / "ch01_tiny/first.md").unlink()
    (target / "ch01_tiny/first.py").write_text("answer = 42\n")

    assert differences(course, target) == ["ch01_tiny/first.md is missing", "ch01_tiny/first.py differs"]


def test_nothing_is_written_when_a_solution_cannot_be_cut(tmp_path):
    """An error in one file names it and its line, and leaves the tree alone."""
    course, path = course_at(tmp_path), tmp_path / "solutions/ch01_tiny/first.py"
    path.write_text(path.read_text() + "# END SOLUTION\n")

    with pytest.raises(GraderError, match=r"first\.py:41: END SOLUTION without"):
        derive(course, tmp_path / "exercises")
    assert not (tmp_path / "exercises").exists()


def test_a_course_without_solutions_derives_nothing(tmp_path):
    """A hand-out cannot wipe its own exercises."""
    course_at(tmp_path)
    (tmp_path / "solutions").rename(tmp_path / "exercises")

    with pytest.raises(GraderError, match="has no solutions"):
        derive(Course.load(tmp_path), tmp_path / "exercises")


def test_the_tiny_course_is_derived():
    """The exercises of the tests' course are what the cutter makes."""
    assert differences(Course.load(TINY), TINY / "exercises") == []


@pytest.mark.parametrize(
    "text",
    ["-" * 100_000 + "1", "x" + ".y" * 100_000, "1" + "+1" * 100_000, "[" * 150 + "]" * 150, "f(" * 5000, "\ud800"],
    ids=["minus", "dots", "plus", "brackets", "calls", "surrogate"],
)
def test_hostile_text_is_only_text(text):
    """Nesting that no parser survives is no stub, and has no definition."""
    assert not is_stub(text, STUBS, "add")
    assert not same_code(text, STUBS)
    with pytest.raises(GraderError):
        definition(text, "add")

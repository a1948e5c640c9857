"""The course is read from files, and what is wrong in one is told with its place."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grader.course import Course, select
from grader.errors import GraderError

TINY = Path(__file__).parent / "tiny"
SOLUTION = "solutions/ch01_tiny/first.py"
TOML = "solutions/ch01_tiny/first.toml"
SUITE = "tests/chapters/ch01_tiny/test_first.py"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the tiny course's first section."""
    for name in (SOLUTION, TOML, SUITE, "solutions/ch01_tiny/first.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TINY / name, tmp_path / name)
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new, 1))


def second(
    root: Path, former: str = "", chapter: str = "ch02_more", module: str = "second", number: str = "2.1"
) -> None:
    """Adds a section with one exercise, `mean`."""
    folder = root / "solutions" / chapter
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{module}.py").write_text("def mean(x):\n    # BEGIN SOLUTION\n    return x\n    # END SOLUTION\n")
    toml = f'number = "{number}"\ntitle = "Second"\n{former}\n[exercises.mean]\ndifficulty = 4\nminutes = 1\n'
    (folder / f"{module}.toml").write_text(toml)


def ids(course: Course, *names: str) -> list[str]:
    return [each.id for exercises in select(course, names).values() for each in exercises]


def test_the_tree_gives_the_ids(root):
    """Folder, module and function are the ids; the toml gives the rest."""
    course = Course.load(root)
    (section,) = course.sections

    assert (course.chapters[0].id, course.chapters[0].slug, course.chapters[0].title) == ("ch01", "ch01_tiny", "Tiny")
    assert (section.id, section.path, section.number) == ("ch01/first", "ch01_tiny/first.py", "1.1")
    assert (section.difficulty, section.minutes, section.worker) == (2, 7, ("numpy",))
    assert [exercise.id for exercise in course.exercises] == ["ch01/first/add", "ch01/first/mean"]
    assert course.exercises[1].forbids == ("numpy.mean",)
    assert section.lesson == root / "solutions/ch01_tiny/first.md"
    assert section.mistakes is None


def test_checks_come_from_the_suite(root):
    """A check has the first line of its docstring as rule, and the points of its mark."""
    add, mean = Course.load(root).exercises

    assert mean.checks[0].id == "ch01/first/mean/test_a_mean_by_hand"
    assert (mean.checks[0].rule, mean.checks[0].points) == ("The mean of 1 and 3 is 2.", 2.0)
    assert [check.points for check in add.checks] == [1.0, 1.0]


def test_nothing_is_imported(root):
    """Reading a course runs none of it and needs no heavy package."""
    for name in (SOLUTION, SUITE):
        (root / name).write_text((root / name).read_text() + "\nraise SystemExit('imported')\n")
    code = (
        f"import sys; from pathlib import Path; from grader.course import Course\n"
        f"[each.checks for each in Course.load(Path({str(root)!r})).exercises]\n"
        "assert not {'numpy', 'torch', 'pytest'} & set(sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], cwd=TINY.parents[2], check=False).returncode == 0


def test_sections_are_ordered_by_number(root):
    """1.10 comes after 1.9, whatever the modules are called."""
    second(root, chapter="ch01_tiny", module="a_late_one", number="1.10")
    second(root, chapter="ch01_tiny", module="zebra", number="1.9")

    assert [section.module for section in Course.load(root).sections] == ["first", "zebra", "a_late_one"]


def test_a_chapter_may_carry_a_title(root):
    """chapter.toml names the chapter and is no section."""
    (root / "solutions/ch01_tiny/chapter.toml").write_text('title = "A tiny chapter"\n')

    (chapter,) = Course.load(root).chapters

    assert (chapter.title, len(chapter.sections)) == ("A tiny chapter", 1)


def test_a_hand_out_has_the_same_structure(root):
    """Without solutions and suites the exercises stay, and their checks are empty."""
    shutil.copytree(root / "solutions", root / "exercises")
    whole = Course.load(root).exercises
    shutil.rmtree(root / "solutions")
    shutil.rmtree(root / "tests")
    (root / "exercises/ch01_tiny/first.py").write_text("def broken(:")

    course = Course.load(root)

    assert course.exercises == whole
    assert course.sections[0].solution is None
    assert course.exercises[0].checks == ()


def test_some_solutions_may_be_given(root):
    """A section without a solution comes from the exercises while another has one."""
    second(root)
    shutil.copytree(root / "solutions", root / "exercises")
    shutil.rmtree(root / "solutions/ch01_tiny")

    first, other = Course.load(root).sections

    assert (first.solution, first.source) == (None, root / "exercises/ch01_tiny/first.py")
    assert other.solution == root / "solutions/ch02_more/second.py"


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        (TOML, "minutes = 5", "minuets = 5", "first.toml:17: [exercises.mean]: unknown key `minuets`"),
        (
            TOML,
            "difficulty = 1",
            "difficulty = 6",
            "first.toml:8: [exercises.add]: `difficulty` must be a whole number",
        ),
        (TOML, "minutes = 2\n", "", "first.toml:6: [exercises.add]: `minutes` is missing"),
        (TOML, 'kind = "core"', 'kind = "main"', 'first.toml:7: [exercises.add]: `kind` must be "core" or "extra"'),
        (TOML, "forbids = []", "forbids = [1]", "first.toml:11: [exercises.add]: `forbids` must be a list of texts"),
        (TOML, "needs = []", 'needs = ["mean"]', "first.toml:10: [exercises.add]: `needs` must name exercises that"),
        (TOML, 'number = "1.1"', "number = 1.1", "first.toml:1: `number` must be a text, but is 1.1"),
        (TOML, "answer = 1", "answer = 3", "first.toml:25: [questions]: `answer` must be a whole number from 0 to 2"),
        (TOML, 'title = "', 'title = ""', "first.toml: not valid TOML"),
        (TOML, "[exercises.mean]", "[exercises.meen]", "first.toml:14: `meen` has no top-level def or class"),
        (SOLUTION, "    # BEGIN SOLUTION\n    return a + b\n", "    return a + b\n", "`add` has no region"),
        (SOLUTION, "def mean", "def average", "`mean` has no top-level def or class in first.py"),
        (SOLUTION, "import numpy as np", "# BEGIN SOLUTION", "first.py:3: a region must stand inside"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(root, name, old, new, says):
    """Every slip in a toml or solution names file, line and what was required."""
    change(root / name, old, new)

    with pytest.raises(GraderError) as caught:
        Course.load(root)

    assert says in caught.value.problem


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('exercise("add")', 'exercise("sum")', "test_first.py:8: test_small_numbers marks an unknown exercise `sum`"),
        ('    """Two and three make five."""\n', "", "test_first.py:8: test_small_numbers has no docstring"),
        ('@pytest.mark.exercise("add")\ndef', "def", "test_first.py:7: test_small_numbers must have one exercise mark"),
        ('exercise("add")', 'exercise("add", points=-1)', "has an exercise mark that cannot be read"),
        ('exercise("add")', 'exercise("add", point=2)', "has an exercise mark that cannot be read"),
        ('.exercise("add")', ".exercise", "has an exercise mark that cannot be read"),
        ("def test_order_does_not_matter", "def test_small_numbers", "is defined again (first on line 8)"),
        ("import numpy", "import import", "test_first.py:1: not valid Python"),
    ],
)
def test_what_is_wrong_in_a_suite_is_told_when_checks_are_asked_for(root, old, new, says):
    """A suite is parsed when it is needed; its slips name file and line."""
    change(root / SUITE, old, new)
    course = Course.load(root)

    with pytest.raises(GraderError) as caught:
        _ = course.exercises[0].checks

    assert says in caught.value.problem


def test_a_region_needs_a_table(root):
    """A definition with a region that the toml does not know is refused with its line."""
    text = (root / SOLUTION).read_text()
    (root / SOLUTION).write_text(text + "\n\nclass New:\n    # BEGIN SOLUTION\n    x = 1\n    # END SOLUTION\n")

    with pytest.raises(GraderError, match=r"first\.py:43: `New` has a region, but no table"):
        Course.load(root)


def test_a_solution_needs_a_toml(root):
    """A solution with regions and no toml would never be asked for, so it is refused."""
    (root / TOML).unlink()

    with pytest.raises(GraderError, match=r"first\.py has regions to complete, but no first\.toml"):
        Course.load(root)


def test_no_course(tmp_path):
    """An empty folder is no course, and the message says what one is."""
    with pytest.raises(GraderError, match="holds no course"):
        Course.load(tmp_path)


def test_text_that_is_not_utf8(root):
    """Another encoding is a sentence, not a traceback."""
    (root / TOML).write_bytes(b'title = "caf\xe9"')

    with pytest.raises(GraderError, match="not UTF-8"):
        Course.load(root)


def test_former_ids(root):
    """A section's former id gives its exercises theirs; an id that is in use cannot be a former one."""
    second(root, former='former_ids = ["ch02/old"]')

    assert Course.load(root).exercises[-1].former_ids == ("ch02/old/mean",)
    assert ids(Course.load(root), "ch02/old") == ["ch02/second/mean"]
    second(root, former='former_ids = ["ch01/first"]')
    with pytest.raises(GraderError, match="was called `ch01/first`"):
        Course.load(root)


@pytest.mark.parametrize(
    "name",
    ["ch01/first", "ch01", "ch01_tiny", "1.1", "first", "exercises/ch01_tiny/first.py",
     "/else/where/ch01_tiny/first.py",
     "./exercises/ch01_tiny/", "solutions/ch01_tiny/first.md", "ch01_tiny/first", "first.py", "1"],
)  # fmt: skip
def test_a_section_has_many_names(root, name):
    """Ids, numbers, folders and paths in any copy of the tree name the same exercises."""
    second(root)

    assert ids(Course.load(root), name) == ["ch01/first/add", "ch01/first/mean"]


def test_names_are_merged_in_course_order(root):
    """However they are given, exercises come once and in course order; no name means all."""
    second(root)
    course = Course.load(root)

    assert ids(course, "ch02", "ch01/first/add", "add") == ["ch01/first/add", "ch02/second/mean"]
    assert ids(course) == [exercise.id for exercise in course.exercises]


def test_a_name_that_fits_several(root):
    """A bare name that two exercises have is refused with both."""
    second(root)

    with pytest.raises(GraderError, match="`mean` can be any of: ch01/first/mean, ch02/second/mean"):
        ids(Course.load(root), "mean")


@pytest.mark.parametrize(("name", "near"), [("ch01/frist", "ch01/first"), ("ch01/first/ad", "ch01/first/add")])
def test_an_unknown_name_suggests_the_nearest(root, name, near):
    """A slip in a name is answered with the name that was meant."""
    with pytest.raises(GraderError) as caught:
        ids(Course.load(root), name)

    assert caught.value.hint == f"Did you mean `{near}`?"

"""Notebooks: built the same byte for byte, and read by what they contain, whatever became of their cells."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import sys
import time
import types
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbclient import NotebookClient

from grader import notebooks
from grader.cells import MOST_CELLS, python, read
from grader.course import Course
from grader.errors import GraderError
from grader.files import read_text
from grader.program import MOST_STATEMENTS, program
from grader.stubs import is_stub, pristine, same_code

HERE = Path(__file__).parent
SECTIONS = [
    section for root in (HERE / "tiny", HERE / "victim", HERE.parents[1]) for section in Course.load(root).sections
]
TINY = SECTIONS[0]
STUB = pristine(TINY)
ADD, MEAN = "def add(a, b):\n    return a + b\n", "def mean(x):\n    return np.asarray(x).mean(-1)\n"


def code(source, **more):
    return {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None, **more}


def file(*cells, **more):
    whole = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells), **more}
    return json.dumps(whole).encode()


def text_of(*sources):
    """The module that these code cells mean for the tiny section."""
    return notebooks.module_text(file(*map(code, sources)), TINY, STUB)


def run(text):
    """The module, executed as a worker would."""
    module = types.ModuleType("submitted")
    exec(compile(text, "submitted.py", "exec", dont_inherit=True), module.__dict__)
    return module


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.id)
def test_a_notebook_means_the_text_it_was_built_from(section):
    """Of every section: the notebook of the solution is the solution, that of the stub is the stub."""
    solution, stub = read_text(section.solution), pristine(section)

    for text in (solution, stub):
        notebook = notebooks.dumps(notebooks.build(section, text)).encode()
        assert same_code(notebooks.module_text(notebook, section, stub), text)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.id)
def test_notebooks_are_valid_and_reproducible(section):
    """Two builds are equal byte for byte; ids are readable and unique; nothing volatile stands in the file."""
    notebook = notebooks.build(section, pristine(section))
    nbformat.validate(notebook)
    ids = [cell["id"] for cell in notebook.cells]

    assert notebooks.dumps(notebook) == notebooks.dumps(notebooks.build(section, pristine(section)))
    assert len(set(ids)) == len(ids)
    assert {each.name for each in section.exercises} <= set(ids)
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if "outputs" in cell)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


def test_names_are_unique_in_the_course():
    course = Course.load(HERE.parents[1])
    names = [notebooks.notebook_name(section) for section in course.sections]

    assert "ch02_attention" in names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.id)
def test_nbgrader_finds_its_cells(section):
    """For each exercise one cell to complete and one that carries the points of core exercises; no key is foreign."""
    notebook = notebooks.build(section, read_text(section.solution))
    marks = {cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader for cell in notebook.cells if cell.metadata}

    for exercise in section.exercises:
        solution, grade = marks[notebooks.solution_cell(exercise)], marks[notebooks.grade_cell(exercise)]
        assert solution.solution
        assert not solution.grade
        assert grade.grade
        assert grade.locked
        worth = sum(check.points for check in exercise.checks) if exercise.kind == "core" else 0
        assert grade.points == worth
    known = {"grade", "grade_id", "locked", "points", "schema_version", "solution", "task"}
    assert set().union(*marks.values()) <= known


def test_exercises_without_a_grade_keep_their_cells():
    """Only the exercises of an assignment carry points; the others stand there all the same, unmarked and unsolved."""
    notebook = notebooks.build(TINY, read_text(TINY.solution), graded=[TINY.exercises[0]])
    cells = {cell.id: cell for cell in notebook.cells}

    assert cells["add"].metadata.nbgrader.solution
    assert "BEGIN SOLUTION" in cells["add"].source
    assert cells["add-checks"].metadata.nbgrader.points == 2
    assert not cells["mean"].metadata
    assert cells["mean"].source.endswith("raise NotImplementedError")
    assert not cells["mean-checks"].metadata.nbgrader.grade
    assert "points" not in cells["mean-checks"].metadata.nbgrader


def test_the_lesson_is_cut_at_its_headings(tmp_path):
    """Each heading of the second level begins a cell, but not one inside a code block; pictures keep their names."""
    lesson = tmp_path / "first.md"
    lesson.write_text("# One\n\n![a](first.svg)\n\n## Two\n```sh\n## no heading\n```\ntext\n## Three\nend\n")
    section = Course.load(HERE / "tiny").sections[0]
    object.__setattr__(section, "lesson", lesson)
    sources = [cell.source for cell in notebooks.build(section, STUB).cells if cell.id.startswith("lesson")]

    assert [source.splitlines()[0] for source in sources] == ["# One", "## Two", "## Three"]
    assert "![a](first.svg)" in sources[0]


@pytest.fixture(scope="module")
def executed():
    """The tiny stub's notebook with `add` written, `mean` wrong, run in a real kernel that has no grader."""
    notebook = notebooks.build(TINY, STUB)
    for cell in notebook.cells:
        if cell.id == "add":
            cell.source = ADD.replace("return", '">>> add(2, 3)\\n5"; return')
        if cell.id == "mean":
            cell.source = cell.source.replace("raise NotImplementedError", "return np.zeros(2)")
    forbidding = code("import sys\nsys.modules['grader'] = None", id="forbid")
    notebook.cells.insert(0, nbformat.from_dict(forbidding))
    NotebookClient(notebook, kernel_name="python3", timeout=60).execute()
    return {cell.id: cell.get("outputs", []) for cell in notebook.cells}


def test_a_learner_runs_the_examples(executed):
    """The cell below an exercise says that its examples hold, or shows the one that does not; nothing on stderr."""
    [holds], [fails] = executed["add-checks"], executed["mean-checks"]

    assert holds.name == "stdout"
    assert holds.text == "add: 1 lines of examples give what they show.\n"
    assert fails.output_type == "error"
    assert "Expected:\n    [2.0, 2.0]\nGot:\n    [0.0, 0.0]" in fails.evalue
    assert not [each for outputs in executed.values() for each in outputs if each.get("name") == "stderr"]


SHUFFLED = [
    next(each for each in SECTIONS if each.id == id) for id in ("ch01/first", "ch02/attention", "ch01/torch_part")
]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_a_notebook_means_survives_its_cells(data):
    """Cells in any order, given cells gone, all metadata gone, ids changed, cells copied: the same program."""
    section = data.draw(st.sampled_from(SHUFFLED))
    solution = read_text(section.solution)
    cells = notebooks.build(section, solution)["cells"]
    cells = data.draw(st.permutations(cells))
    cells += data.draw(st.lists(st.sampled_from(cells), max_size=4))
    gone = data.draw(st.sets(st.sampled_from(["given", "lesson", "-checks", "exercises"])))
    cells = [cell for cell in cells if not any(word in cell["id"] for word in gone)]
    if data.draw(st.booleans()):
        cells = [{**cell, "metadata": {}, "id": f"cell-{number}"} for number, cell in enumerate(cells)]
    if data.draw(st.booleans()):
        cells = [{**cell, "source": cell["source"].splitlines(keepends=True)} for cell in cells]

    assert same_code(notebooks.module_text(file(*cells), section, pristine(section)), solution)


def test_an_exercise_that_is_gone_is_its_stub():
    module = text_of(ADD)

    assert run(module).add(2, 3) == 5
    assert is_stub(module, STUB, "mean")


def test_what_solutions_use_counts_and_nothing_else():
    """Imports, constants and functions that an exercise uses, through others as well; scratch never runs."""
    module = text_of(
        "import itertools, nowhere_to_be_found\nfrom math import fsum",
        "import matplotlib.pyplot as plt\nx = open('/nonexistent')\nplt.plot(x)",
        "SHIFT = 0\nSTEP = SHIFT + 1\nTABLE = {}\nTABLE['a'] = STEP\nLIST = []\nLIST.append(STEP)",
        "def helper(a, b):\n    return fsum([a, b]) + TABLE['a'] - LIST[0]",
        "def add(a, b):\n    x = helper(a, b)\n    return x",
        "print(add(1, 2)); assert add(1, 1) == 3\nraise ValueError\nadd(1, 2)\nfor x in range(10**9): pass",
        MEAN,
    )

    assert run(module).add(2, 3) == 5
    assert not any(
        word in module for word in ("itertools", "matplotlib", "nonexistent", "print", "raise Value", "range")
    )


def test_what_is_tried_on_an_exercise_never_runs():
    """A method of an exercise that is called in passing is no part of the module."""
    module = text_of(
        "class add:\n    def __new__(cls, a, b):\n        return a + b", "add.nothing()\nadd.more(1)", MEAN
    )

    assert run(module).add(2, 3) == 5


def test_what_a_name_meant_at_that_moment_counts():
    """A constant that was made from another keeps the value that it had then; one that may have changed, all of it."""
    module = text_of(
        "STEP = 5\nSIZES = [STEP for _ in range(2)]\nSTEP = None",
        "SHIFT = 3\nif SIZES[0] > 5:\n    SHIFT = 4\nSHIFT += 2",
        "def add(a, b):\n    return a + b + SIZES[1] - SHIFT",
    )

    assert run(module).add(2, 3) == 5


def test_the_last_of_several_definitions_counts():
    """As when all cells run from top to bottom. A copy of the stub changes nothing, wherever it stands."""
    stub = next(cell.source for cell in notebooks.build(TINY, STUB).cells if cell.id == "add")
    wrong = ADD.replace("+", "-")

    assert run(text_of(wrong, ADD, MEAN)).add(2, 3) == 5
    assert run(text_of(ADD, wrong, MEAN)).add(2, 3) == -1
    assert run(text_of(stub, ADD, MEAN)).add(2, 3) == 5
    assert run(text_of(ADD, stub, MEAN)).add(2, 3) == 5
    assert wrong not in text_of(wrong, ADD, MEAN)


def test_definitions_may_build_on_what_stood_before():
    """A class extended in a later cell, a method put in from outside, a function wrapped."""
    module = text_of(
        "class add:\n    def __new__(cls, a, b):\n        return cls.plus(a, b)",
        "class add(add):\n    pass",
        "def plus(a, b):\n    return a + b",
        "add.plus = plus",
        "from functools import partial\ndef mean(x, axis):\n    return np.mean(x, axis)",
        "mean = partial(mean, axis=-1)",
    )

    assert run(module).add(2, 3) == 5
    assert run(module).mean([[1, 3]]) == [2]


def test_helpers_stand_after_the_exercise_they_need():
    """In a notebook whose exercises are in another order than the lesson's."""
    module = text_of(MEAN, "middle = mean([1, 3])", "def add(a, b, shift=middle):\n    return a + b + shift - 2")

    assert run(module).add(2, 3) == 5


def test_given_code_is_the_courses():
    """Edited or given another meaning, it stays what it was; a submodule may be imported beside it."""
    module = text_of("import math as np", "import numpy.polynomial", "np = None\nnp.mean = None", ADD, MEAN)

    assert run(module).mean([[1.0, 3.0]]) == [2]
    assert "None" not in module
    assert "math" not in module
    attention = SHUFFLED[1]
    rms_norm = "import torch.fft\ndef rms_norm(x, weight, eps):\n    return torch.fft.fft(x)"
    assert "import torch.fft\n" in notebooks.module_text(file(code(rms_norm)), attention, pristine(attention))


def test_a_name_from_a_star_import_counts():
    assert run(text_of("from math import *", "def add(a, b):\n    return fsum([a, b])")).add(2, 3) == 5
    assert "import *" not in text_of("from nowhere import *", ADD)


def test_a_future_import_may_stand_in_any_cell():
    module = text_of(ADD.replace("a,", "a: Unknown,"), "from __future__ import annotations", MEAN)

    assert run(module).add(2, 3) == 5
    assert module.startswith('"""1.1 First steps')


MAGICS = {
    "line": "%matplotlib inline\n%timeit -n 10 add(1, 2)\n" + ADD,
    "shell": "!pip install it's\n" + ADD + "!ls \\\n -l",
    "assigned": "files = !ls\ntime = %timeit -o add(1, 2)\n" + ADD,
    "help": "add?\n?add\nnp.mean??\n" + ADD,
    "timed cell": "\n%%time\n" + ADD,
    "captured and timed": "%%capture out\n%%time\n" + ADD,
    "indented": "if True:\n    %time x = 1\n" + ADD,
    "in a text": '!ls\ndef add(a, b):\n    """\n%timeit\n!ls\n"""\n    return a + b',
    "a remainder": "x = (7\n% 4)\n!ls\n" + ADD.replace("b\n", "b * (7\n  % 3)\n"),
    "only a remainder": "x = (7\n% 4)\n" + ADD,
    "awaiting": ADD + "result = await nothing()\nawait nothing()",
}


@pytest.mark.parametrize("source", MAGICS.values(), ids=MAGICS)
def test_magics_are_no_hindrance(source):
    assert run(text_of(source, MEAN)).add(2, 3) == 5


@pytest.mark.parametrize("magic", ["%%bash", "%%timeit", "%%writefile add.py", "%%html"])
def test_cells_that_leave_nothing_behind_define_nothing(magic):
    module = text_of(f"{magic}\n{ADD}", MEAN)

    assert is_stub(module, STUB, "add")


def test_lines_keep_their_numbers():
    source = "%%time\n!echo \\\n  two\nx = '''\n!ls'''\n" + ADD

    assert python(source).count("\n") == source.count("\n")
    assert python(source).splitlines()[5] == "def add(a, b):"


BROKEN = {
    "unclosed": ("def add(a, b):\n    return (a + b", "never closed", 2),
    "indentation": ("def add(a, b):\nreturn a + b", "indented block", 2),
    "doubled argument": ("def add(a, a):\n    return a", "duplicate argument", 1),
    "return outside": (ADD + "return 1", "outside function", 3),
    "null byte": (ADD + "\0", "null byte", 1),
    "half a pair": (ADD + "x = \ud800", "invalid", None),
    "deep": (ADD + "x = " + "(" * 5000, "", 3),
    "deep operators": (ADD + "x = " + "-" * 50000 + "1", "", None),
}


@pytest.mark.parametrize("source,says,line", BROKEN.values(), ids=BROKEN)
def test_a_cell_that_is_no_python_costs_its_exercise(source, says, line):
    """The exercise says what is wrong and in which cell; the other one keeps its credit."""
    module = run(text_of("1 + 1", source, MEAN))

    assert module.mean([1, 3]) == 2
    with pytest.raises(SyntaxError, match="cell 2") as caught:
        module.add(2, 3)
    assert says in str(caught.value)
    assert line is None or f"line {line})" in str(caught.value)


def test_a_cell_that_is_no_python_changes_nothing_written_elsewhere():
    assert run(text_of(ADD, "def add(a, b:\n  !", MEAN)).add(2, 3) == 5


REFUSED = {
    "empty": (b"", "not a notebook"),
    "no JSON": (b"def add(a, b): return a + b", "not a notebook"),
    "no UTF-8": (b"\xff\xfe{}", "not a notebook"),
    "a list": (b"[]", "version 4"),
    "version 3": (file(nbformat=3), "version 4"),
    "cells are no list": (file() .replace(b'"cells": []', b'"cells": {}'), "version 4"),
    "a cell is a text": (file("x"), "Cell 1 "),
    "a cell without a type": (file(code(ADD), {"source": ""}), "Cell 2 "),
    "source is a number": (file(code(ADD), code(5)), "source of cell 2"),
    "source holds a number": (file(code([ADD, 5])), "source of cell 1"),
    "deep": (b"[" * 100_000, "nested"),
    "a long number": (b'{"nbformat": ' + b"4" * 5000 + b"}", "not a notebook"),
    "many parts": (b"[" + b"[]," * 2_000_000 + b"[]]", "too large"),
    "many cells": (file(*[code("")] * (MOST_CELLS + 1)), f"{MOST_CELLS} are read"),
    "much source": (file(code("#" * 2**20)), "characters of code"),
    "many statements": (file(code("a = 1\n" * (MOST_STATEMENTS + 1))), "statements"),
    "another section's": (file(code("def softmax(x): return x")), "defines an exercise of ch01/first"),
    "no cell": (file(), "defines an exercise of ch01/first"),
    "markdown only": (file({**code(ADD), "cell_type": "markdown"}), "defines an exercise of ch01/first"),
}  # fmt: skip


@pytest.mark.parametrize("notebook,says", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_refused_with_the_reason(notebook, says):
    started = time.monotonic()
    with pytest.raises(GraderError, match=says) as caught:
        notebooks.module_text(notebook, TINY, STUB)

    assert caught.value.hint
    assert time.monotonic() - started < 10


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.recursive(st.none() | st.text() | st.integers(), lambda inner: (
    st.lists(inner) | st.dictionaries(st.sampled_from(["cells", "source", "cell_type", "metadata", "nbformat"]), inner)
)).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_bytes_are_read_or_refused(notebook):
    with contextlib.suppress(GraderError):
        notebooks.module_text(notebook, TINY, STUB)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(st.sampled_from("ab=:()[]'\"\\#%!?@,. \n\t{}") | st.characters(codec="utf-8")), max_size=4))
def test_any_cells_leave_the_exercises_of_others(sources):
    """Whatever stands in other cells: the module is valid Python, and what the cells define well is there."""
    module = text_of(*sources, ADD, MEAN)

    compile(module, "submitted.py", "exec", dont_inherit=True)
    assert ADD in module
    assert MEAN in module


def test_a_large_notebook_of_small_statements_is_read_quickly():
    source = "\n".join(f"a{n} = a{n - 1}, {'a0, ' * 20}" for n in range(1, MOST_STATEMENTS - 5))
    started = time.monotonic()

    text_of("a0 = 0", source, ADD.replace("a + b", f"a{MOST_STATEMENTS - 6}"))
    assert time.monotonic() - started < 10


def test_a_program_says_which_cell_counts():
    """For each exercise the number of the cell that defines it, a copy of the stub if nothing else does."""
    stub = [cell.source for cell in notebooks.build(TINY, STUB).cells if cell.id in ("add", "mean")]
    cells = read(file(code(stub[0]), code(ADD), code(stub[1]), code(stub[1]), code(stub[0])))

    found = program(cells, TINY, STUB)
    assert found.cells == {"add": 2, "mean": 4}


def test_a_program_says_where_its_lines_stand():
    """For each line that a learner wrote the cell and the line in it; for what is no Python, the line that is wrong."""
    wrong = "# prose\n\ndef mean(x):\n    return (x"
    cells = read(file(code("K = 1"), code("import os; os\n\n@id\ndef add(a, b):\n    return a + b + K\n"), code(wrong)))
    found = program(cells, TINY, STUB)
    lines = {line: number for number, line in enumerate(found.text.splitlines(), 1)}

    assert found.origins[lines["K = 1"]] == (1, 1)
    assert found.origins[lines["    return a + b + K"]] == (2, 5)
    raises = next(number for line, number in lines.items() if "raise SyntaxError" in line)
    assert found.origins[raises] == (3, 4)
    assert lines["import numpy as np"] not in found.origins


def test_reading_needs_no_notebook_library(monkeypatch):
    """A learner without Jupyter can hand in a notebook; nothing heavy is imported for it."""
    monkeypatch.setitem(sys.modules, "nbformat", None)
    spec = importlib.util.find_spec("grader.notebooks")
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)

    assert "return a + b" in fresh.module_text(file(code(ADD)), TINY, STUB)
    with contextlib.redirect_stdout(io.StringIO()), pytest.raises(ImportError):
        fresh.build(TINY, STUB)

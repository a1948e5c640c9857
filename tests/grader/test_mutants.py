"""Mechanical mutants: what is changed, where, and that the rest of the text stays as it was."""

import ast

import pytest

from grader.author.mutants import mutants_of

FRAME = '''"""A module."""

import numpy as np


def given(x):
    return x + 1


def f(x, y, axis=-1, eps=1e-5):
    """Say ß and √: columns are counted in bytes.

    Example:
        >>> f(1, 2)
        3
    """
    z = x + 41
    # BEGIN SOLUTION
    {body}
    # END SOLUTION
    return z
'''


def changes(body):
    """What each mutant of a region made of this body says."""
    return [mutant.change.rpartition(" → ")[2] for mutant in mutants_of(FRAME.format(body=body), "f")]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("z = x - y", {"(x + y)", "x", "(y - x)"}),
        ("z = x * y", {"(x / y)", "x", "y"}),
        ("z = x @ y", {"(x * y)", "x", "(y @ x)"}),
        ("z = x < y", {"(x <= y)", "(x > y)"}),
        ("z = x == y", {"(x != y)"}),
        ("z = x and y", {"(x or y)", "(x)", "(y)"}),
        ("z = x[0]", {"1", "(-1)"}),
        ("z = y + 0.5", {"(0.5 * 2)", "(-0.5)"}),
        ("z = g(True)", {"False"}),
        ("z = -x", {"x"}),
        ("z = not x", {"x"}),
        ("z = x + eps", {"0.0", "(x - eps)", "x", "eps"}),
        ("z = np.sqrt(x)", {"x", "np.rsqrt(x)"}),
        ("z = x.exp()", {"x"}),
        ("z = x.detach()", {"x"}),
        ("z = x.sum(axis=axis, keepdims=True)", {"x", "x.sum(axis=axis)", "x.sum(keepdims=True)", "False"}),
        ("z = x.max(axis=-1)", {"x.min(axis=-1)", "x", "x.max()", "-2", "0", "1"}),
        ("z = x.argmax()", {"x.argmin()"}),
        ("z = x.T", {"x"}),
        ("z = np.softmax(x, -1)", {"x", "np.softmax(-1, x)", "-2", "0", "1"}),
        ("z = x[:y]", {"(y + 1)", "(y - 1)", ":"}),
        ("z = range(y)", {"range(y - 1)", "range(1, y)"}),
        ("z[0] = x", {"(deleted)", "1", "(-1)"}),
        ("z += x", {"z -= x", "z = x", "(deleted)"}),
        ("z = 1 if x else y", {"True", "False", "a crash where it is true", "a crash where it is false", "2", "0"}),
        ("g(x)", {"(deleted)"}),
    ],
)
def test_what_is_changed(body, expected):
    """Every kind of syntax has its changes, and they are told as old → new."""
    assert expected <= set(changes(body))


def test_only_regions_are_changed():
    """What is given to the learner stays: defaults, docstrings, other definitions, lines around the region."""
    for mutant in mutants_of(FRAME.format(body="z = x * y"), "f"):
        assert "z = x + 41" in mutant.text
        assert "axis=-1, eps=1e-5" in mutant.text
        assert mutant.line == 19


def test_the_text_around_a_change_stays():
    """A mutant differs from the solution in the lines of the change and nowhere else, formatting included."""
    solution = FRAME.format(body="z = (x  *  # why\n         y)   # ß √\n    z = z+y")

    head, _, rest = solution.partition("z = (x")
    _, _, tail = rest.partition("z+y")
    for mutant in mutants_of(solution, "f"):
        assert mutant.text.startswith(head) and mutant.text.endswith(tail)
        assert "z = (x  *  # why\n         y)   # ß √\n" in mutant.text or "    z = z+y\n" in mutant.text


def test_messages_and_f_strings_are_left_alone():
    """What an error says decides nothing."""
    found = changes('if x:\n        raise ValueError(f"{x + 1} is wrong" + str(2))')

    assert set(found) == {"True", "False", "a crash where it is true", "a crash where it is false"}


def test_mutants_are_programs_and_all_different():
    """Each parses; none is the solution or another mutant; two runs give the same ids in the same order."""
    solution = FRAME.format(body="for i in range(len(x)):\n        z = z + x[i] * y[-1:] if i > 0 else -z")
    found = mutants_of(solution, "f")

    trees = {ast.dump(ast.parse(mutant.text)) for mutant in found}

    assert len(trees) == len(found) > 20
    assert ast.dump(ast.parse(solution)) not in trees
    assert [mutant.id for mutant in mutants_of(solution, "f")] == [mutant.id for mutant in found]
    assert len({mutant.id for mutant in found}) == len(found)


def test_lines_are_those_of_the_file():
    """The line is where the change stands in the solution."""
    solution = FRAME.format(body="z = x\n    z = z - y")

    lines = {mutant.line: mutant.change for mutant in mutants_of(solution, "f") if "(z + y)" in mutant.change}

    assert lines == {20: "z - y → (z + y)"}


def test_a_class_may_have_several_regions():
    """All methods of an exercise are mutated, code between the regions is not."""
    region = "        # BEGIN SOLUTION\n        y = x + 1\n        # END SOLUTION\n        return y - 7\n"
    solution = "class C:\n" + "".join(f"    def {name}(self, x):\n{region}" for name in "ab")

    assert {mutant.line for mutant in mutants_of(solution, "C")} == {4, 9}

"""The vocabulary of hidden suites."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch

from grader import checks
from grader.checks import (
    CheckFailed,
    check_close,
    check_equal,
    check_frequencies,
    check_raises,
    check_that,
    check_unchanged,
    limits,
    mistake,
    mistakes_in,
    probe,
    prop,
)
from grader.errors import GraderError

SECRET = 42

# --- comparison ---


def test_a_failure_carries_message_and_tolerance():
    """The diagnosis replays with the tolerance of the check."""
    with pytest.raises(CheckFailed) as failed:
        check_close(2.0, 1.0, rtol=1e-5, atol=1e-8, of="the loss")

    assert failed.value.close == (1e-5, 1e-8)
    assert failed.value.message.startswith("the loss: expected 1, yours 2")
    assert (str(failed.value), failed.value.relation) == (failed.value.message, "")


def test_a_relation_is_carried_apart():
    """The judge leaves it out where a mistake explains more; plain pytest shows both."""
    x = np.array([0.3, 1.7, 2.9, 4.1])
    for got, expected in ((2 * x, x), ((2 * x).tolist(), x.tolist()), ({"a": 2 * x}, {"a": x})):
        with pytest.raises(CheckFailed) as failed:
            check_close(got, expected, rtol=1e-5)

        assert failed.value.relation == "Every entry is twice what is required."
        assert "twice" not in failed.value.message
        assert str(failed.value) == f"{failed.value.message}\n{failed.value.relation}"


def test_items_in_another_order_are_a_relation():
    """Also where the items are no numbers."""
    with pytest.raises(CheckFailed) as failed:
        check_equal(["b", "a"], ["a", "b"])

    assert failed.value.relation == "The items of the result are right, in another order."


X = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    ("after", "before", "place"),
    [
        (X + 2 * np.eye(2, 3, 1), X, "x[0, 1]: 1 became 3"),
        (torch.tensor([1.0, 2.5]), torch.tensor([1.0, 2.0]), "x[1]: 2 became 2.5"),
        (X * np.nan, X, "x[0, 0]: 0 became NaN"),
        (X[0], X, "x: an array of shape (2, 3) became an array of shape (3,)"),
        ([1, 2], [1, 2, 3], "x: a list of 3 items became a list of 2 items"),
        ([3, 1], [1, 3], "x[0]: 1 became 3"),
        ({"a": [1, X]}, {"a": [1, X + 1]}, "x['a'][1][0, 0]: 1 became 0"),
        ({"b": 1}, {"a": 1}, "x: a dict of 1 item became a dict of 1 item"),
        (None, X, "x: an array of shape (2, 3) became None"),
    ],
)
def test_a_changed_argument_is_told_with_its_first_place(after, before, place):
    """The code changed it, and where first; nothing of what is required."""
    with pytest.raises(CheckFailed) as failed:
        check_unchanged(after, before)

    assert str(failed.value) == f"Your code changed its argument `x`; work on a copy.\nFirst change: {place}"
    assert (failed.value.relation, failed.value.close) == ("", None)


def test_an_unchanged_argument_passes():
    """Whatever it holds, NaN included."""
    for value in (X, [1, {"a": X * np.nan}], torch.ones(2), "text", None):
        check_unchanged(value, value)
    with pytest.raises(CheckFailed, match="its argument `the mask`"):
        check_unchanged(X, -X, of="the mask")


@pytest.mark.parametrize("dtype", ["float32", "torch.float32", np.float32, np.dtype("float32"), torch.float32])
def test_a_dtype_may_be_named_in_any_way(dtype):
    """Text, NumPy and torch mean the same dtype."""
    check_close(torch.ones(2), torch.ones(2), rtol=0, dtype=dtype)
    check_close(np.ones(2, "f4"), np.ones(2), rtol=0, dtype=dtype)
    with pytest.raises(CheckFailed, match="must have dtype float32; yours has float64"):
        check_close(np.ones(2), np.ones(2), rtol=0, dtype=dtype)


def test_equal_raises():
    """check_equal passes on equal data and fails otherwise."""
    check_equal([1, "a"], [1, "a"])
    with pytest.raises(CheckFailed, match="the tokens at "):
        check_equal([1, "a"], [1, "b"], of="the tokens")


@pytest.mark.parametrize("tolerance", [-1.0, float("nan"), float("inf")])
def test_a_tolerance_that_accepts_everything_is_the_suites_mistake(tolerance):
    """Negative, NaN and infinite tolerances are refused."""
    with pytest.raises(ValueError, match="rtol and atol"):
        check_close(1.0, 1.0, rtol=tolerance)


def test_only_a_bool_decides():
    """Anything but a bool is the suite's mistake."""
    check_that(True, "never read")
    check_that(np.bool_(True), "never read")
    with pytest.raises(CheckFailed, match=r"^The rows must differ\.$"):
        check_that(False, "The rows must differ.")
    for odd in (1, [1], None, np.array(True), torch.tensor(True)):
        with pytest.raises(TypeError, match="this suite gave it"):
            check_that(odd, "never read")


# --- exceptions ---


def raises(error: BaseException) -> object:
    raise error


def crossed(*mro: str, message: str = "") -> Exception:
    error = Exception(message)
    error.mro = mro
    return error


def test_the_required_exception_passes():
    """The type, a subtype, or a name along the lineage."""
    check_raises(ValueError, raises, ValueError("bad shape"), match="shape")
    check_raises(LookupError, raises, KeyError("k"))
    check_raises("ShapeError", raises, crossed("ShapeError", "ValueError"))
    check_raises(StopIteration, raises, crossed("StopIteration", "Exception"))
    check_raises(NotImplementedError, raises, NotImplementedError())


def test_another_result_is_described():
    """What came instead is said."""
    with pytest.raises(
        CheckFailed, match=r"^this call must raise ValueError when empty; yours returned an array of shape"
    ):
        check_raises(ValueError, np.ones, (2, 3), says="when empty")
    with pytest.raises(CheckFailed, match=r"yours raised KeyError: a\\x1b"):
        check_raises(ValueError, raises, crossed("KeyError", message="a\x1b"))
    with pytest.raises(CheckFailed, match="mentions what was wrong; yours raised ValueError: no") as failed:
        check_raises(ValueError, raises, ValueError("no"), match="secret.*regex")
    assert "secret" not in failed.value.message


def test_still_to_do_stays_still_to_do():
    """NotImplementedError passes through, also where one of its base types is required."""
    for required in (ValueError, RuntimeError, Exception, "Exception"):
        with pytest.raises(NotImplementedError):
            check_raises(required, raises, NotImplementedError())


def test_the_graders_own_errors_pass_through():
    """A lost worker or an interrupt is no answer of the learner's."""
    for error in (GraderError("lost"), KeyboardInterrupt(), CheckFailed("inner")):
        with pytest.raises(type(error)):
            check_raises(Exception, raises, error)


# --- frequencies ---


def test_frequencies_of_a_right_program_pass():
    """Ten thousand right programs, none fails."""
    rng, p = np.random.default_rng(1), np.array([0.5, 0.3, 0.2, 0.0])
    for counts in rng.multinomial(500, p, size=10_000):
        check_frequencies(counts, p)


def test_frequencies_of_a_wrong_program_fail():
    """With 25/δ² draws a probability that is off by δ is caught."""
    rng, p = np.random.default_rng(2), np.array([0.5, 0.3, 0.2])
    for counts in rng.multinomial(10_000, p + np.array([0.05, -0.05, 0.0]), size=2000):
        with pytest.raises(CheckFailed, match="are expected"):
            check_frequencies(counts, p)


@pytest.mark.parametrize(
    ("counts", "p", "sentence"),
    [
        ([50, 50, 1], [0.5, 0.5, 0.0], "outcome 2 came 1 times in 101 draws; about 0 are expected"),
        ([900, 0], [0.5, 0.5], "outcome 0 came in all of 900 draws"),
        ([0, 0], [0.5, 0.5], "nothing was drawn"),
        ([1, 2, 3], [0.5, 0.5], "there are 2 outcomes; yours has 3"),
        ([0.5, 0.5], [0.5, 0.5], "whole numbers"),
        ([-1, 2], [0.5, 0.5], "none below zero"),
    ],
)
def test_frequencies_say_what_is_odd(counts, p, sentence):
    """The most surprising outcome is named."""
    with pytest.raises(CheckFailed, match=sentence):
        check_frequencies(counts, p)


def test_probabilities_must_sum_to_one():
    """Anything else is the suite's mistake."""
    with pytest.raises(ValueError, match="sum to one"):
        check_frequencies([1, 1], [0.5, 0.6])


def test_certain_outcomes_pass():
    """Probability one is no division by zero."""
    check_frequencies([10, 0], [1.0, 0.0])


# --- limits, props, probes ---


def test_limits_is_a_mark():
    """The bounds travel as a pytest mark."""
    assert limits(seconds=3).mark.kwargs == {"seconds": 3, "memory": 2**30}


def test_a_prop_is_its_own_source():
    """Name, kind, source without decorator; still callable."""

    @prop
    def tiny(width=2, *, bias: bool = False):
        import math

        class Net:
            size = 1
            double = size * 2

            def area(self):
                return [math.pi * w for w in range(width)]

        return Net()

    assert (tiny.name, tiny.kind) == ("tiny", "prop")
    assert tiny.source.startswith("def tiny(width=2, *, bias: bool = False):\n    import math\n")
    assert tiny(1).area() == [0.0]
    with pytest.raises(AttributeError):
        tiny.name = "other"


def test_a_closure_does_not_travel():
    """The names of the function around it are named."""
    answer = 42

    with pytest.raises(TypeError, match="uses answer of the function around it"):

        @probe
        def leak(learner):
            return answer


def test_module_globals_do_not_travel():
    """Also not from inside nested functions, annotations and defaults."""
    with pytest.raises(TypeError, match="uses SECRET, np of its module"):

        @probe
        def leak(learner):
            return [lambda: SECRET, np]

    with pytest.raises(TypeError, match="first line uses SECRET"):

        @probe
        def leak_by_default(learner, x=SECRET):
            return x

    with pytest.raises(TypeError, match="the default of x is not a constant"):

        @prop
        def shared(x=[]):  # noqa: B006
            return x

    with pytest.raises(TypeError, match="written with def"):
        prop(print)


# --- mistakes ---

SOLUTION = '''import numpy as np


def other(x):
    return x - 1


def fact(n):
    """n! by recursion."""
    # BEGIN SOLUTION
    return 1 if n < 2 else n * fact(n - 1)
    # END SOLUTION
'''


@mistake("fact", says="You added instead of multiplying.", patch=("n * fact", "n + fact"))
def adds(n):
    return 1 if n < 2 else n + adds(n - 1)


@mistake("fact", says="You never stop.", patch=[("n < 2", "n < 0"), ("n - 1", "n - 2")], recognise=len)
class Never:
    def again(self) -> Never:
        return Never()


def test_mistakes_are_listed_in_order():
    """In the order of their definition."""
    assert [m.name for m in mistakes_in(sys.modules[__name__])[:2]] == ["adds", "Never"]
    assert (adds.exercise, adds.says, adds.recognise) == ("fact", "You added instead of multiplying.", None)
    assert Never.patch == (("n < 2", "n < 0"), ("n - 1", "n - 2"))
    assert Never.recognise is len


def test_a_variant_takes_the_exercises_name():
    """Its references to itself as well."""
    assert adds.variant == "def fact(n):\n    return 1 if n < 2 else n + fact(n - 1)\n"
    assert Never.variant.startswith("class fact:\n    def again(self) -> fact:\n        return fact()")


def test_a_patch_changes_its_exercise_only():
    """The same text elsewhere stays."""
    patched = Never.patched(SOLUTION)

    assert "x - 1" in patched
    assert "1 if n < 0 else n * fact(n - 2)" in patched


def test_a_substitute_stands_in():
    """The variant replaces the whole definition."""
    substituted = adds.substituted(SOLUTION)

    namespace: dict = {}
    exec(substituted, namespace)
    assert namespace["fact"](4) == 10
    assert "def other" in substituted


def test_a_patch_must_still_apply():
    """Exactly once, else the mistake, the text and the count are named."""

    @mistake("fact", says="Old.", patch=("fact", "f"))
    def stale(n):
        return n

    with pytest.raises(GraderError, match=r"mistake stale: 'fact' must occur exactly once in fact; it occurs 2 times"):
        stale.patched(SOLUTION)


def test_a_patch_must_change_something():
    """An empty patch, an empty text and an empty sentence are the author's mistakes."""
    for patch in (("", "x"), ("x", "x"), [("a",)], [("a", 1)]):
        with pytest.raises(TypeError, match="a patch is"):
            mistake("fact", says="No.", patch=patch)
    with pytest.raises(TypeError, match="says nothing"):
        mistake("fact", says=" ", patch=("a", "b"))


# --- the module ---


def test_the_public_names_exist():
    """__all__ is true."""
    assert sorted(checks.__all__) == checks.__all__
    assert Counter(hasattr(checks, name) for name in checks.__all__) == {True: len(checks.__all__)}


def test_the_module_imports_neither_torch_nor_scipy():
    """A section that needs no torch must not pay for it."""
    code = "import sys, grader.checks; print({'torch', 'scipy'} & set(sys.modules))"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"

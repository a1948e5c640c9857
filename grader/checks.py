"""What hidden suites import: checks on plain data that explain a difference, and what travels to the learner's side.

Nothing here asks an object of the learner's: `got` is plain data that came through the wall, and where it is a handle
or a record the judge's own proxy stands for it. A suite's own mistake is a `TypeError` or a `ValueError`; a rule that
does not hold is a `CheckFailed`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from grader.arrays import Rule, dtype_name
from grader.compare import explain, first_change
from grader.mistakes import Mistake, mistake, mistakes_in
from grader.text import Says, clean, describe, plural
from grader.travel import Travelling, probe, prop

__all__ = [
    "CheckFailed",
    "Mistake",
    "Travelling",
    "check_close",
    "check_equal",
    "check_frequencies",
    "check_raises",
    "check_that",
    "check_unchanged",
    "limits",
    "mistake",
    "mistakes_in",
    "probe",
    "prop",
]


# Told the expected value and the tolerance of every comparison that holds: the author's gate looks for loose ones.
WATCHERS: list[Callable[[Any, float, float], None]] = []


class CheckFailed(AssertionError):
    """A rule does not hold.

    Args:
        message: plain lines of text for the learner.
        close: `(rtol, atol)` of the comparison that failed, so that a diagnosis can replay with it.
        relation: in which way all that came differs; the learner reads it where no known mistake explains more.
    """

    def __init__(self, message: str, close: tuple[float, float] | None = None, relation: str = "") -> None:
        super().__init__(f"{message}\n{relation}" if relation else message)
        self.message = str(message)
        self.close = close
        self.relation = relation


def check_close(
    got: Any, expected: Any, *, rtol: float, atol: float = 0.0, of: str = "the result", dtype: Any = None
) -> None:
    """Require `|got − expected| ≤ atol + rtol·|expected|` for every number, and the same kinds and shapes.

    A single number may come as a Python number or as an array or tensor without axes, unless a tensor is expected.
    What is not a number (text, None, truth values, keys) must be equal. `dtype` is text, a NumPy or a torch dtype.
    """
    if not (0 <= rtol < math.inf and 0 <= atol < math.inf):
        raise ValueError(f"rtol and atol must be finite and not negative; they are {rtol} and {atol}")
    rule = Rule(float(rtol), float(atol), None if dtype is None else dtype_name(dtype))
    says = explain(got, expected, rule, of)
    if says is not None:
        raise CheckFailed(says, (float(rtol), float(atol)), says.relation if isinstance(says, Says) else "")
    for watch in WATCHERS:
        watch(expected, rtol, atol)


def check_equal(got: Any, expected: Any, *, of: str = "the result") -> None:
    """Require the same values and the same types: True is not 1, 1 is not 1.0, a list is not a tuple.

    A NumPy scalar may stand for the Python number of its kind, `torch.Size` for a tuple; arrays may differ in width
    (int32, int64) but not in kind.
    """
    says = explain(got, expected, Rule(exact=True), of)
    if says is not None:
        raise CheckFailed(says, (0.0, 0.0), says.relation if isinstance(says, Says) else "")


def check_unchanged(after: Any, before: Any, *, of: str = "x") -> None:
    """Require that an argument is after the call (`learner.call(…, after=True)`) what it was before."""
    change = first_change(after, before)
    if change is not None:
        raise CheckFailed(f"Your code changed its argument `{of}`; work on a copy.\nFirst change: {of}{change}")


def check_that(condition: bool, says: str) -> None:
    """Require a fact that the judge computed; `says` is what the learner reads when it does not hold."""
    if type(condition) not in (bool, np.bool_):
        raise TypeError(
            f"check_that takes a bool that the suite computed from plain data; this suite gave it {describe(condition)}"
        )
    if not condition:
        raise CheckFailed(says)


def check_raises(
    exception: type[BaseException] | str,
    function: Callable[..., Any],
    *args: Any,
    match: str | None = None,
    says: str | None = None,
    **kwargs: Any,
) -> None:
    """Require that `function(*args, **kwargs)` raises.

    Args:
        exception: a builtin type, or a class name as text.
        match: a regular expression that the message must contain; the learner never sees it.
        says: the situation, as in "when the shapes do not match".
    """
    name = exception if isinstance(exception, str) else exception.__name__
    required = f"this call must raise {name}{' ' + says if says else ''}"
    try:
        value = function(*args, **kwargs)
    except BaseException as error:
        lineage = _lineage(error)
        if not lineage or (lineage[0] == "NotImplementedError" != name):
            raise  # the judge's own affair, or still to do
        if name not in lineage:
            raise CheckFailed(f"{required}; yours raised {_exception_words(lineage[0], error)}") from None
        if match is not None and not re.search(match, str(error)):
            raise CheckFailed(
                f"{required} with a message that mentions what was wrong; yours raised {_exception_words(name, error)}"
            ) from None
    else:
        raise CheckFailed(f"{required}; yours returned {describe(value)}")


def _lineage(error: BaseException) -> tuple[str, ...]:
    """Return the names of an exception's types, the nearest first; none for what the grader itself raises."""
    crossed = getattr(error, "mro", None)
    if isinstance(crossed, tuple) and crossed:
        return crossed
    own = type(error).__module__.startswith(("grader.", "_pytest."))
    if own or (not isinstance(error, Exception) and not isinstance(error, (SystemExit, GeneratorExit))):
        return ()
    return tuple(kind.__name__ for kind in type(error).__mro__)


def _exception_words(name: str, error: BaseException) -> str:
    message = clean(str(error))
    return f"{clean(name, 60)}: {message}" if message else f"{clean(name, 60)} without a message"


def check_frequencies(counts: ArrayLike, probabilities: ArrayLike, *, of: str = "the frequencies") -> None:
    """Require counts that draws with these probabilities explain.

    For each outcome `P(k/n beyond f) ≤ exp(−n·KL(f ‖ p))` on either side (Chernoff, Hoeffding), so with a bound of
    1e-6 shared by both sides of all outcomes a right program fails at most once in a million, for every n.

    Power: `n ≥ 25/δ²` draws catch an outcome whose probability is off by δ with probability 0.999, for up to 180
    outcomes (Pinsker: KL ≥ 2δ²); far fewer do where p is near 0 or 1. An outcome of probability 0 may never come.
    """
    p = np.asarray(probabilities, dtype=float)
    if p.size == 0 or not (np.all(p >= 0) and abs(p.sum() - 1) < 1e-6):
        raise ValueError("check_frequencies: the probabilities must sum to one; this suite's do not")
    k = np.asarray(counts)
    if k.dtype.kind not in "iu" or (k < 0).any():
        raise CheckFailed(f"{of} must be counts: whole numbers, none below zero")
    if k.shape != p.shape:
        raise CheckFailed(f"{of}: there are {plural(p.size, 'outcome')}; yours has {k.size}")
    says = _unlikely(k.ravel().astype(float), p.ravel())
    if says:
        raise CheckFailed(f"{of}: {says}")


def _unlikely(k: np.ndarray[Any, Any], p: np.ndarray[Any, Any]) -> str | None:
    n = k.sum()
    if n == 0:
        return "nothing was drawn"
    surprise = n * (_divergence(k / n, p) + _divergence(1 - k / n, 1 - p))
    worst = int(np.argmax(surprise))
    if surprise[worst] < math.log(2 * p.size / 1e-6):
        return None
    if k[worst] == n:
        return f"outcome {worst} came in all of {n:.0f} draws"
    return f"outcome {worst} came {k[worst]:.0f} times in {n:.0f} draws; about {n * p[worst]:.0f} are expected"


def _divergence(f: np.ndarray[Any, Any], p: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    with np.errstate(divide="ignore", invalid="ignore"):
        terms: np.ndarray[Any, Any] = np.where(f > 0, f * np.log(f / np.maximum(p, 0)), 0.0)
    return terms


def limits(*, seconds: float = 10.0, memory: int = 2**30) -> pytest.MarkDecorator:
    """Raise the bounds of one check: seconds, and bytes beyond what the libraries take."""
    return pytest.mark.limits(seconds=seconds, memory=memory)

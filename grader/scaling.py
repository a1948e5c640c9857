"""How each entry of a wrong array follows from the one required in its place: by a factor, an offset, a function."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.text import number, plural

Array = NDArray[Any]
ENOUGH = 4  # different numbers that a relation must explain; fewer fit too many relations by chance
FEW = 1e-9, 1e-5  # relative; how closely fewer numbers must fit: the tolerance, but not beyond these two
NEAR = 1e-4  # relative; four digits agree
WELL = 3  # times the tolerance; what is beyond is no noise
NAMED, GUESSED = 1e-3, 1e-5  # relative; how closely a factor must fit one that is named, and one of very many


@dataclass(frozen=True)
class Pair:
    """What came and what was required: finite, of one shape, float64 or complex128; and how closely they must agree.

    `shape` is that of the whole, of which these entries may be a part.
    """

    got: Array
    expected: Array
    rtol: float
    atol: float
    shape: tuple[int, ...]

    def near(self, a: Array, b: Array, scale: Array | float = 1.0) -> bool:
        bound = self.atol * np.abs(scale) + self.rtol * np.abs(b)
        return bool(np.all((np.abs(a - b) <= bound) & np.isfinite(bound)))

    def several(self, values: Array, enough: int = ENOUGH) -> bool:
        """Whether there are as many numbers that are not zero and that the tolerance tells apart."""
        parts = np.concatenate([values.real.ravel(), values.imag.ravel()]) if np.iscomplexobj(values) else values
        left, found = parts[np.abs(parts) > 4 * self.atol], 0
        while left.size and found < enough:
            last, found = left.min(), found + 1
            left = left[left > last + 4 * (self.atol + self.rtol * np.abs(last))]
        return found >= enough

    @cached_property
    def telling(self) -> bool:
        """Whether entries that differ are evidence enough for what is said of every entry."""
        far = np.abs(self.got - self.expected) > self.atol + self.rtol * np.abs(self.expected)
        return self.several(self.expected[far]) and self.several(self.got)

    def shows(self, difference: Array) -> Any:
        """Whether a difference is well beyond the tolerance."""
        return np.abs(difference) > WELL * (self.atol + self.rtol * np.max(np.abs(self.expected)))

    @property
    def short(self) -> bool:
        """Short numbers, such as 3 and 4.5: nearly every relation holds between some of those."""
        values = np.append(self.got, self.expected)
        return bool(np.all(np.abs(values) < 1000) and np.allclose(values, np.round(values.real, 2), 1e-12, 0))


Relation = Callable[[Pair], str | None]


def sums_to_one(p: Pair, axis: int | None) -> bool:
    return bool(np.all(np.abs(np.sum(p.expected, axis) - 1) <= 1e-5))


def _constant(p: Pair) -> str | None:
    if p.expected.size < ENOUGH:
        return None
    if not p.got.any():
        return "Every entry of yours is 0."
    if np.all(p.got == p.got.flat[0]) and not np.all(p.expected == p.expected.flat[0]):
        return f"Every entry of yours is the same, {number(p.got.flat[0])}."
    return None


# --- factors ---


def _factor(p: Pair) -> str | None:
    if not p.telling:
        return _factor_of_few(p)
    factor = np.vdot(p.expected, p.got) / np.vdot(p.expected, p.expected)
    if min(abs(factor), abs(factor - 1)) <= max(WELL * p.rtol, NEAR) or not p.near(p.got, factor * p.expected, factor):
        return None
    for closely, named in ((NAMED, _named_factors(p)), (GUESSED, _roots())):
        for value, words in named:
            if abs(factor - value) <= min(p.rtol, closely) * abs(value):
                return words if value == -1 else f"Every entry is {words}"
    sentence = f"Every entry is {number(factor)} times what is required."
    return sentence + (" What is required sums to one: normalise." if sums_to_one(p, None) else "")


def _factor_of_few(p: Pair) -> str | None:
    low, high = FEW
    scale = float(np.max(np.abs(p.expected)))
    tight = replace(p, rtol=max(low, min(p.rtol, high)), atol=min(p.atol, low * scale))
    for value, words in _plain_factors(p):
        if (value == -1 or not p.short) and tight.near(p.got, value * p.expected):
            return words if value == -1 else f"{'Yours' if p.expected.size == 1 else 'Every entry'} is {words}"
    return None


def _plain_factors(p: Pair) -> Iterator[tuple[float, str]]:
    """Factors that are told from very few numbers too."""
    yield -1.0, "The sign is flipped."
    yield 2.0, "twice what is required."
    yield 0.5, "half of what is required."
    yield math.log(2), "log 2 times what is required: nats against bits."
    yield 1 / math.log(2), "1/log 2 times what is required: bits instead of nats."
    for axis, n in enumerate(p.shape):
        if n > 2:
            size = f"and {n} is the size of axis {axis}"
            yield n, f"{n} times what is required, {size}: a sum instead of a mean?"
            yield 1 / n, f"1/{n} of what is required, {size}: a mean instead of a sum?"


def _named_factors(p: Pair) -> Iterator[tuple[float, str]]:
    yield from _plain_factors(p)
    yield 1 / math.log(10), "1/log 10 times what is required: a logarithm to base 10."
    yield from _size_factors(p)
    yield 100.0, "100 times what is required: percent?"
    yield 2 * math.pi, "2π times what is required."
    yield 1 / (2 * math.pi), "1/(2π) of what is required."


def _size_factors(p: Pair) -> Iterator[tuple[float, str]]:
    for axis, n in enumerate(p.shape):
        if n > 2:
            size = f"and {n} is the size of axis {axis}"
            yield math.sqrt(n), f"{_root(n)} times what is required, {size}."
            yield 1 / math.sqrt(n), f"1/{_root(n)} of what is required, {size}."
            for root, power in (("", 1.0), ("√", 0.5)):
                more, less = f"{root}({n}/{n - 1}) times", f"{root}({n - 1}/{n}) times"
                yield (n / (n - 1)) ** power, f"{more} what is required, {size}: divided by n − 1 instead of n?"
                yield ((n - 1) / n) ** power, f"{less} what is required, {size}: divided by n instead of n − 1?"
    if len(p.shape) > 1:
        n = math.prod(p.shape)
        yield n, f"{n} times what is required, the number of entries: a sum instead of a mean?"
        yield 1 / n, f"1/{n} of what is required, the number of entries: a mean instead of a sum?"


def _roots() -> Iterator[tuple[float, str]]:
    for n in range(2, 65):
        yield math.sqrt(n), f"{_root(n)} times what is required."
        yield 1 / math.sqrt(n), f"1/{_root(n)} of what is required."


def _root(n: int) -> str:
    return str(math.isqrt(n)) if math.isqrt(n) ** 2 == n else f"√{n}"


# --- offsets, functions, rounding ---


def _offset(p: Pair) -> str | None:
    offset = np.mean(p.got - p.expected)
    if not (p.telling and p.shows(offset) and p.near(p.got, p.expected + offset)):
        return None
    size = "one" if abs(abs(offset) - 1) <= min(p.rtol, NAMED) else number(abs(offset))
    way = "off" if np.iscomplexobj(offset) else "too large" if offset > 0 else "too small"
    return f"Every entry is {size} {way}."


_FUNCTIONS: tuple[tuple[Callable[[Array], Array], str], ...] = (
    (lambda e: 1 - e, "one minus what is required"),
    (np.square, "the square of what is required"),
    (np.sqrt, "the square root of what is required"),
    (np.exp, "the exponential of what is required"),
    (np.log, "the logarithm of what is required"),
    (lambda e: 1 / e, "one divided by what is required"),
    (np.abs, "what is required without its sign"),
)


def _function(p: Pair) -> str | None:
    for function, words in _FUNCTIONS if p.telling else ():
        if p.near(p.got, function(p.expected)):
            return f"Every entry is {words}."
    return None


def _rounded(p: Pair) -> str | None:
    if not p.telling or np.iscomplexobj(p.got) or np.iscomplexobj(p.expected):
        return None
    for cut, words in (
        (np.trunc, "cut off to whole numbers"),
        (np.floor, "rounded down"),
        (np.ceil, "rounded up"),
        (np.rint, "rounded to whole numbers"),
    ):
        if np.array_equal(p.got, cut(p.expected)):
            return f"Yours is right but {words}."
    for decimals in range(1, 7):
        if np.allclose(p.got, np.round(p.expected, decimals), rtol=1e-7, atol=1e-12):
            return f"Yours is right but rounded to {plural(decimals, 'decimal')}."
    return None


def _nearly(p: Pair) -> str | None:
    zero = p.expected == 0
    error = np.abs(p.got - p.expected)
    if zero.all() or np.any(error[zero] > p.atol) or np.array_equal(p.got, np.rint(p.got.real)):
        return None
    worst = float(np.max(error[~zero] / np.abs(p.expected[~zero])))
    if not 0 < worst <= NEAR:
        return None
    digits = math.floor(0.05 - math.log10(worst))
    return f"Nearly: they agree to about {digits} digits. Something small was added or rounded."


ELEMENTWISE: tuple[Relation, ...] = (_constant, _factor, _rounded, _offset, _function, _nearly)

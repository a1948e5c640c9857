"""How each entry of a wrong array follows from the one required in its place: by a factor, an offset, a function."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.text import number, plural

Array = NDArray[Any]


@dataclass(frozen=True)
class Pair:
    """What came and what was required: finite, of one shape, float64 or complex128; and how closely they must agree."""

    got: Array
    expected: Array
    rtol: float
    atol: float

    def near(self, a: Array, b: Array, scale: Array | float = 1.0) -> bool:
        return bool(np.all(np.abs(a - b) <= self.atol * np.abs(scale) + self.rtol * np.abs(b)))

    @property
    def alone(self) -> bool:
        return self.expected.size == 1

    @property
    def countable(self) -> bool:
        """Two short numbers, such as 3 and 4.5: nearly every relation holds between some of those."""
        values = np.array([self.got.flat[0], self.expected.flat[0]])
        return self.alone and bool(
            np.all(np.abs(values) < 1000) and np.allclose(values, np.round(values.real, 2), 1e-12, 0)
        )


Relation = Callable[[Pair], str | None]


def sums_to_one(p: Pair, axis: int | None) -> bool:
    sums = np.sum(p.expected, axis)
    return p.near(sums, np.ones_like(sums))


def _constant(p: Pair) -> str | None:
    if p.alone:
        return None
    if not p.got.any():
        return "Every entry of yours is 0."
    if np.all(p.got == p.got.flat[0]) and not np.all(p.expected == p.expected.flat[0]):
        return f"Every entry of yours is the same, {number(p.got.flat[0])}."
    return None


def _factor(p: Pair) -> str | None:
    square = np.vdot(p.expected, p.expected)
    factor = np.vdot(p.expected, p.got) / square if square else 0.0
    if not np.isfinite(factor) or abs(factor) <= p.rtol or not p.near(p.got, factor * p.expected, factor):
        return None
    for value, sentence in _named_factors(p):
        if abs(factor - value) <= p.rtol * abs(value):
            return sentence
    if p.expected.size < 3 or np.all(p.expected == p.expected.flat[0]):
        return None
    sentence = f"Every entry is {number(factor)} times what is required."
    return sentence + (" What is required sums to one: normalise." if sums_to_one(p, None) else "")


def _named_factors(p: Pair) -> Iterator[tuple[float, str]]:
    yield -1.0, "The sign is flipped."
    many = "Every entry is" if not p.alone else "Yours is"
    yield 2.0, f"{many} twice what is required."
    yield 0.5, f"{many} half of what is required."
    if p.countable:
        return
    yield math.log(2), f"{many} log 2 times what is required: nats against bits."
    yield 1 / math.log(2), f"{many} 1/log 2 times what is required: bits instead of nats."
    yield 1 / math.log(10), f"{many} 1/log 10 times what is required: a logarithm to base 10."
    yield from _size_factors(p, many)
    yield 100.0, f"{many} 100 times what is required: percent?"
    yield 2 * math.pi, f"{many} 2π times what is required."
    yield 1 / (2 * math.pi), f"{many} 1/(2π) of what is required."
    for n in range(2, 65):
        yield math.sqrt(n), f"{many} √{n} times what is required."
        yield 1 / math.sqrt(n), f"{many} 1/√{n} of what is required."
        yield n / (n - 1), f"{many} {n}/{n - 1} times what is required: divided by n − 1 instead of n?"
        yield (n - 1) / n, f"{many} {n - 1}/{n} of what is required: divided by n instead of n − 1?"


def _size_factors(p: Pair, many: str) -> Iterator[tuple[float, str]]:
    for axis, n in enumerate(p.expected.shape):
        if n > 2:
            size = f"and {n} is the size of axis {axis}"
            yield n, f"{many} {n} times what is required, {size}: a sum instead of a mean?"
            yield 1 / n, f"{many} 1/{n} of what is required, {size}: a mean instead of a sum?"
            yield math.sqrt(n), f"{many} √{n} times what is required, {size}."
            yield 1 / math.sqrt(n), f"{many} 1/√{n} of what is required, {size}."
    if p.expected.ndim > 1:
        n = p.expected.size
        yield n, f"{many} {n} times what is required, the number of entries: a sum instead of a mean?"
        yield 1 / n, f"{many} 1/{n} of what is required, the number of entries: a mean instead of a sum?"


def _offset(p: Pair) -> str | None:
    offset = np.mean(p.got - p.expected)
    unit = abs(abs(offset) - 1) <= p.rtol
    if not p.near(p.got, p.expected + offset) or not (unit or p.expected.size > 2):
        return None
    size = "one" if unit else number(abs(offset))
    way = "off" if np.iscomplexobj(offset) else "too large" if offset > 0 else "too small"
    return f"{'Yours' if p.alone else 'Every entry'} is {size} {way}."


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
    if p.countable:
        return None
    for function, words in _FUNCTIONS:
        if p.near(p.got, function(p.expected)):
            return f"{'Yours' if p.alone else 'Every entry'} is {words}."
    return None


def _rounded(p: Pair) -> str | None:
    if np.iscomplexobj(p.got) or np.iscomplexobj(p.expected):
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


def _coarse(p: Pair) -> str | None:
    whole = np.array_equal(p.got, np.rint(p.got.real))
    if not whole and Pair(p.got, p.expected, 2e-6, p.atol).near(p.got, p.expected):
        return "Yours is right to about 6 digits only: a coarser dtype somewhere, or an eps that is too large?"
    return None


ELEMENTWISE: tuple[Relation, ...] = (_constant, _coarse, _factor, _rounded, _offset, _function)

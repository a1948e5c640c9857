"""How a wrong array relates to the right one: the sentence a teaching assistant would say after a look at both.

Every relation is named only when it explains *all* entries, within the check's tolerance or tighter (where a check is
loose, a loose fit would explain too much), and when these are enough to tell it from a coincidence.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from grader.scaling import ELEMENTWISE, ENOUGH, WELL, Array, Pair, Relation, sums_to_one

LARGEST = 2**18  # entries; beyond, looking for relations would cost more than it tells
LOOSEST = 1e-3  # relative; the loosest fit that still counts as an explanation
COARSEST = 1e-2  # relative; what rounding is allowed, however coarse the type
SHIFTED = 6  # entries; fewer are a shift of one another too easily
ROWS = 3  # and entries in each, for what is said of every row


def relation(got: Array, expected: Array, *, rtol: float, atol: float, coarseness: float) -> str | None:
    """Return a sentence that explains every entry of `got`, or None.

    Args:
        coarseness: the unit of rounding of the type `got` was computed in.
    """
    if not 0 < got.size <= LARGEST:
        return None
    usable = np.isfinite(got) & np.isfinite(expected)
    with np.errstate(all="ignore"):
        if usable.all():
            return _first(_pair(got, expected, rtol, atol, coarseness), ARRANGEMENTS)
        same_elsewhere = np.array_equal(got[~usable], expected[~usable], equal_nan=True)
        if usable.any() and same_elsewhere:
            pair = _pair(got[usable], expected[usable], rtol, atol, coarseness)
            return _first(dataclasses.replace(pair, shape=expected.shape), ())
    return None


def _pair(got: Array, expected: Array, rtol: float, atol: float, coarseness: float) -> Pair:
    scale = float(np.max(np.abs(expected)))
    rounding = min(8 * coarseness, COARSEST)
    tight = max(min(rtol, LOOSEST), rounding), max(min(atol, LOOSEST * scale), rounding * scale)
    return Pair(got, expected, *tight, expected.shape)


def _first(pair: Pair, arrangements: tuple[Relation, ...]) -> str | None:
    early, late = ELEMENTWISE[:1], ELEMENTWISE[1:]
    for test in (*early, *arrangements[:2], *late, *arrangements[2:]):
        if sentence := test(pair):
            return sentence
    return None


def _permuted_axes(p: Pair) -> str | None:
    last = p.expected.ndim - 1
    for first in range(last, -1, -1) if p.several(p.expected) else ():
        for second in range(last, first, -1):
            turned = np.swapaxes(p.expected, first, second)
            if turned.shape == p.got.shape and p.near(p.got, turned):
                return "Yours is transposed." if last == 1 else f"Axes {first} and {second} are swapped (transposed)."
    return None


def _moved(p: Pair) -> str | None:
    for axis, n in enumerate(p.expected.shape if p.several(p.expected) else ()):
        along = f"along axis {axis}" if p.expected.ndim > 1 else "from end to end"
        if n > 1 and p.near(p.got, np.flip(p.expected, axis)):
            return f"Yours is reversed {along}."
        for step in (1, -1, 2, -2, n // 2):
            if n > 2 and p.expected.size >= SHIFTED and p.near(p.got, np.roll(p.expected, step, axis)):
                by = "one position" if abs(step) == 1 else f"{abs(step)} positions"
                way = "later" if step > 0 else "earlier"
                return f"Yours is shifted by {by} along axis {axis} ({way}), round the end."
    return None


def _shifted(p: Pair) -> str | None:
    for axis, n in enumerate(p.expected.shape):
        got, expected = np.moveaxis(p.got, axis, 0), np.moveaxis(p.expected, axis, 0)
        if n < 3 or p.expected.size < SHIFTED or p.near(expected[1:], expected[:-1]):
            continue
        if p.near(got[1:], expected[:-1]) and p.several(expected[:-1]):
            return f"Yours is shifted by one position along axis {axis}: each entry comes one place too late."
        if p.near(got[:-1], expected[1:]) and p.several(expected[1:]):
            return f"Yours is shifted by one position along axis {axis}: each entry comes one place too early."
    return None


def _edges(p: Pair) -> str | None:
    for axis, n in enumerate(p.expected.shape):
        got, expected = np.moveaxis(p.got, axis, 0), np.moveaxis(p.expected, axis, 0)
        what = {1: ("entry",), 2: ("row", "column")}.get(p.expected.ndim, ())
        name = what[axis] if what else f"position of axis {axis}"
        for end, rest in (("first", slice(1, None)), ("last", slice(None, -1))):
            if n > 2 and p.near(got[rest], expected[rest]) and p.several(expected[rest]):
                return f"Everything is right except the {end} {name}."
    return None


def _row_by_row(p: Pair) -> str | None:
    dims = p.expected.ndim
    for axis in range(dims - 1, -1, -1) if dims > 1 else ():
        if not _many_rows(p, axis):
            continue
        line = ("column", "row")[axis] if dims == 2 else f"vector along axis {axis}"
        square = np.sum(np.abs(p.expected) ** 2, axis, keepdims=True)
        factor = np.sum(p.got * np.conj(p.expected), axis, keepdims=True) / np.where(square == 0, 1, square)
        off = np.minimum(np.abs(factor), np.abs(factor - 1)) > WELL * p.rtol
        own = np.ptp(np.abs(factor)) > WELL * p.rtol
        if own and p.near(p.got, factor * p.expected, factor) and _enough_rows(p, axis, off):
            return f"Each {line} is off by its own factor{_normalised(p, axis, line)}."
        offset = np.mean(p.got - p.expected, axis, keepdims=True)
        own = p.shows(np.ptp(np.abs(offset)))
        if own and p.near(p.got, p.expected + offset) and _enough_rows(p, axis, p.shows(offset)):
            return f"Each {line} is off by its own offset."
    return None


def _many_rows(p: Pair, axis: int) -> bool:
    n: int = p.expected.shape[axis]
    return n >= ROWS and p.expected.size // n >= ROWS


def _enough_rows(p: Pair, axis: int, off: Array) -> bool:
    """Whether in enough of the rows that are off there are enough numbers that are not zero nor all the same."""
    filled = np.count_nonzero(np.abs(p.expected) > 4 * p.atol, axis, keepdims=True) >= ROWS
    spread = np.abs(p.expected - np.mean(p.expected, axis, keepdims=True)) > 4 * (p.atol + p.rtol * np.abs(p.expected))
    return int(np.count_nonzero(off & filled & spread.any(axis, keepdims=True))) >= ROWS


def _normalised(p: Pair, axis: int, line: str) -> str:
    """What to do, where what is required has rows that sum to one, or of unit length or mean square."""
    square = np.sum(np.abs(p.expected) ** 2, axis)
    unit = any(p.near(square, np.full_like(square, value)) for value in (1, p.expected.shape[axis]))
    return f": normalise each {line}" if unit or sums_to_one(p, axis) else ""


def _wrong_axis(p: Pair) -> str | None:
    axes = [axis for axis in range(p.expected.ndim) if _many_rows(p, axis)]
    for words, measure, value in (("sums to one", np.sum, 1.0), ("has mean zero", np.mean, 0.0)):
        for axis in axes:
            for other in axes:
                holds = [
                    bool(np.all(np.abs(measure(x, a) - value) <= 1e-6))
                    for x, a in ((p.expected, axis), (p.got, other), (p.got, axis), (p.expected, other))
                ]
                if axis != other and holds == [True, True, False, False]:
                    return f"The wrong axis: yours {words} along axis {other}, axis {axis} is required."
    return None


def _reordered(p: Pair) -> str | None:
    got, expected = p.got, p.expected
    if expected.size < 2 or not p.several(expected, min(expected.size, ENOUGH - 1)):
        return None
    if expected.ndim > 1:
        rows = [x[np.lexsort(x.reshape(len(x), -1).real.T[::-1])] for x in (got, expected)]
        if p.near(*rows):
            return "The right entries along axis 0, in another order."
        if p.near(np.sort(got, -1), np.sort(expected, -1)):
            return "The right values along the last axis, in another order."
    if p.near(np.sort(got, None), np.sort(expected, None)):
        return "The right values, in another order."
    return None


ARRANGEMENTS: tuple[Relation, ...] = (_permuted_axes, _moved, _shifted, _edges, _row_by_row, _wrong_axis, _reordered)

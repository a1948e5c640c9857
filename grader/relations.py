"""How a wrong array relates to the right one: the sentence a teaching assistant would say after a look at both.

Every relation is named only when it explains *all* entries, within the check's tolerance or tighter: where a check is
loose, a loose fit would explain too much.
"""

from __future__ import annotations

import numpy as np

from grader.scaling import ELEMENTWISE, Array, Pair, Relation

LARGEST = 2**18  # entries; beyond, looking for relations would cost more than it tells
LOOSEST = 1e-3  # relative; the loosest fit that still counts as an explanation
LOOSEST_SCALAR = 1e-5  # one number alone fits many relations by chance


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
            return _first(_pair(got, expected, rtol, atol, coarseness), ELEMENTWISE, ARRANGEMENTS)
        same_elsewhere = np.array_equal(got[~usable], expected[~usable], equal_nan=True)
        if usable.any() and same_elsewhere:
            return _first(_pair(got[usable], expected[usable], rtol, atol, coarseness), ELEMENTWISE, ())
    return None


def _pair(got: Array, expected: Array, rtol: float, atol: float, coarseness: float) -> Pair:
    scale = float(np.max(np.abs(expected)))
    rounding = 8 * coarseness
    loosest = LOOSEST_SCALAR if expected.size == 1 else LOOSEST
    tight = max(min(rtol, loosest), rounding), max(min(atol, loosest * scale), rounding * scale)
    return Pair(got, expected, *tight)


def _first(pair: Pair, elementwise: tuple[Relation, ...], arrangements: tuple[Relation, ...]) -> str | None:
    early, late = elementwise[:1], elementwise[1:]
    for test in (*early, *arrangements[:2], *late, *arrangements[2:]):
        if sentence := test(pair):
            return sentence
    return None


def _permuted_axes(p: Pair) -> str | None:
    last = p.expected.ndim - 1
    for first in range(last, -1, -1):
        for second in range(last, first, -1):
            turned = np.swapaxes(p.expected, first, second)
            if turned.shape == p.got.shape and p.near(p.got, turned):
                return "Yours is transposed." if last == 1 else f"Axes {first} and {second} are swapped (transposed)."
    return None


def _moved(p: Pair) -> str | None:
    for axis, n in enumerate(p.expected.shape):
        along = f"along axis {axis}" if p.expected.ndim > 1 else "from end to end"
        if n > 1 and p.near(p.got, np.flip(p.expected, axis)):
            return f"Yours is reversed {along}."
        for step in (1, -1, 2, -2, n // 2):
            if n > 2 and p.near(p.got, np.roll(p.expected, step, axis)):
                by = "one position" if abs(step) == 1 else f"{abs(step)} positions"
                way = "later" if step > 0 else "earlier"
                return f"Yours is shifted by {by} along axis {axis} ({way}), round the end."
    return None


def _shifted(p: Pair) -> str | None:
    for axis, n in enumerate(p.expected.shape):
        got, expected = np.moveaxis(p.got, axis, 0), np.moveaxis(p.expected, axis, 0)
        if n < 3 or p.near(expected[1:], expected[:-1]):
            continue
        if p.near(got[1:], expected[:-1]):
            return f"Yours is shifted by one position along axis {axis}: each entry comes one place too late."
        if p.near(got[:-1], expected[1:]):
            return f"Yours is shifted by one position along axis {axis}: each entry comes one place too early."
    return None


def _edges(p: Pair) -> str | None:
    for axis, n in enumerate(p.expected.shape):
        got, expected = np.moveaxis(p.got, axis, 0), np.moveaxis(p.expected, axis, 0)
        what = {1: ("entry",), 2: ("row", "column")}.get(p.expected.ndim, ())
        name = what[axis] if what else f"position of axis {axis}"
        for end, rest in (("first", slice(1, None)), ("last", slice(None, -1))):
            if n > 2 and p.near(got[rest], expected[rest]):
                return f"Everything is right except the {end} {name}."
    return None


def _row_by_row(p: Pair) -> str | None:
    dims = p.expected.ndim
    for axis in range(dims - 1, -1, -1) if dims > 1 else ():
        if p.expected.shape[axis] < 2:
            continue
        line = ("column", "row")[axis] if dims == 2 else f"vector along axis {axis}"
        square = np.sum(np.abs(p.expected) ** 2, axis, keepdims=True)
        factor = np.sum(p.got * np.conj(p.expected), axis, keepdims=True) / np.where(square == 0, 1, square)
        if p.near(p.got, factor * p.expected, factor):
            return f"Each {line} is off by its own factor: normalise each {line}."
        if p.near(p.got, p.expected + np.mean(p.got - p.expected, axis, keepdims=True)):
            return f"Each {line} is off by its own offset."
    return None


def _wrong_axis(p: Pair) -> str | None:
    for words, measure, value in (("sums to one", np.sum, 1.0), ("has mean zero", np.mean, 0.0)):
        for axis in range(p.expected.ndim):
            for other in range(p.expected.ndim):
                holds = [
                    bool(np.all(np.abs(measure(x, a) - value) <= 1e-6))
                    for x, a in ((p.expected, axis), (p.got, other), (p.got, axis), (p.expected, other))
                ]
                if axis != other and holds == [True, True, False, False]:
                    return f"The wrong axis: yours {words} along axis {other}, axis {axis} is required."
    return None


def _reordered(p: Pair) -> str | None:
    got, expected = p.got, p.expected
    if expected.ndim > 1:
        rows = [x[np.lexsort(x.reshape(len(x), -1).real.T[::-1])] for x in (got, expected)]
        if p.near(*rows):
            return "The right entries along axis 0, in another order."
        if p.near(np.sort(got, -1), np.sort(expected, -1)):
            return "The right values along the last axis, in another order."
    if expected.size > 1 and p.near(np.sort(got, None), np.sort(expected, None)):
        return "The right values, in another order."
    return None


ARRANGEMENTS: tuple[Relation, ...] = (_permuted_axes, _moved, _shifted, _edges, _row_by_row, _wrong_axis, _reordered)

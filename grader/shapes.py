"""Two shapes side by side: how the one that came differs from the one that is required."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from grader.text import plural

Shape = tuple[int, ...]


def explain_shape(got: Shape, expected: Shape, where: str) -> str:
    """Return both shapes and, when one is recognised, how they come to differ."""
    line = f"{where} must have shape {expected}; yours has shape {got}"
    reason = next(_shape_reasons(got, expected), None)
    return f"{line}\n{reason}" if reason else line


def _shape_reasons(got: Shape, expected: Shape) -> Iterator[str]:
    if len(got) == len(expected):
        yield from _same_axes(got, expected)
    for axis, n in enumerate(got):
        if got[:axis] + got[axis + 1 :] == expected:
            yield _extra_axis(axis, n)
    for axis, n in enumerate(expected):
        if expected[:axis] + expected[axis + 1 :] == got:
            yield _missing_axis(axis, n)
    if np.prod(got, dtype=object) == np.prod(expected, dtype=object):
        yield "It has the right number of entries, in another arrangement."
    if len(got) != len(expected):
        yield f"It has {plural(len(got), 'axis').replace('axiss', 'axes')}, {len(expected)} are required."


def _same_axes(got: Shape, expected: Shape) -> Iterator[str]:
    if got == expected[::-1] or got == expected[:-2] + expected[-2:][::-1]:
        yield "It is transposed."
    if sorted(got) == sorted(expected):
        yield "The axes are in another order."
    wrong = [axis for axis, (g, e) in enumerate(zip(got, expected, strict=True)) if g != e]
    if len(wrong) == 1:
        axis = wrong[0]
        g, e = got[axis], expected[axis]
        if g == 1:
            yield f"Axis {axis} was reduced to size 1."
        yield f"Axis {axis} is {plural(abs(g - e), 'position')} too {'long' if g > e else 'short'}."


def _extra_axis(axis: int, n: int) -> str:
    if n == 1:
        return f"Axis {axis} of size 1 is too many: leave out keepdims, or squeeze it."
    return f"Axis {axis} of size {n} is too many: it was not reduced."


def _missing_axis(axis: int, n: int) -> str:
    if n == 1:
        return f"Axis {axis} of size 1 is missing: keepdims would keep it."
    if axis == 0:
        return f"The first axis (the batch, of size {n}) is gone."
    return f"Axis {axis} of size {n} is gone."

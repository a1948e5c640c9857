"""Comparison of values that have nothing inside: numbers, text, truth values; and the sentence for each difference."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from grader.arrays import Rule, explain_array
from grader.text import describe, is_number, kind, numbers_apart, plural, quote, show

SHOWN_WHOLE = 60  # characters of required text
CONTEXT = 12  # characters after the first difference


def must_be(got: Any, expected: Any, where: str) -> str:
    """Return that another sort of thing is required."""
    return f"{where} must be {kind(expected)}; yours is {describe(got)}"


# --- single values ---


def compare_number(got: Any, expected: Any, rule: Rule, where: str) -> str | None:
    if rule.dtype is None and type(got) is type(expected) in (int, float):
        near = isinstance(got, float) and abs(got - expected) <= rule.atol + rule.rtol * abs(expected) < math.inf
        if near or got == expected:
            return None
    if type(got) is int or type(expected) is int:
        return _whole_number(got, expected, rule, where)
    return explain_array(got, expected, rule, where)


def _whole_number(got: Any, expected: Any, rule: Rule, where: str) -> str | None:
    if rule.exact and is_number(got) and isinstance(got, (int, np.integer)) != isinstance(expected, (int, np.integer)):
        kinds = ["a whole number" if isinstance(x, (int, np.integer)) else "a float" for x in (expected, got)]
        return f"{where} must be {kinds[0]} ({_with_point(expected)}); yours is {kinds[1]} ({_with_point(got)})"
    if not all(type(x) is not int or x.bit_length() <= 63 for x in (got, expected)):
        return _huge(got, expected, rule, where)
    return explain_array(got, expected, rule, where)


def _with_point(value: Any) -> str:
    shown = show(value)
    return f"{shown}.0" if isinstance(value, (float, np.floating)) and shown.lstrip("-").isdigit() else shown


def _huge(got: Any, expected: Any, rule: Rule, where: str) -> str | None:
    """Compare whole numbers that no dtype holds."""
    got = got.item() if isinstance(got, np.ndarray | np.generic) and got.shape == () else got
    if not is_number(got) or isinstance(got, complex):
        return f"{where} must be a number; yours is {describe(got)}"
    try:
        if got == expected:
            return None
        if not rule.exact and abs(float(got) - float(expected)) <= rule.atol + rule.rtol * abs(float(expected)):
            return None
    except (OverflowError, TypeError):
        pass
    shown = numbers_apart(expected, got)
    return f"{where}: expected {shown[0]}, yours {shown[1]}"


def compare_same_value(got: Any, expected: Any, rule: Rule, where: str) -> str | None:
    """Compare None, truth values, slices, dtypes and devices."""
    plain, expected = (x.item() if isinstance(x, np.bool_) else x for x in (got, expected))
    if type(plain) is not type(expected) and not isinstance(expected, np.dtype):
        needed = describe(expected)
        note = f": {show(got)} is a number, not a truth value" if type(expected) is bool and is_number(got) else ""
        return f"{where} must be {needed}; yours is {describe(got)}{note}"
    if isinstance(expected, np.dtype) and not isinstance(got, np.dtype):
        return must_be(got, expected, where)
    return None if _same(plain, expected) else f"{where}: expected {describe(expected)}, yours {describe(got)}"


def _same(got: Any, expected: Any) -> bool:
    if isinstance(expected, slice):
        parts = [(x.start, x.stop, x.step) for x in (got, expected)]
        return all(type(g) is type(e) and bool(g == e) for g, e in zip(*parts, strict=True))
    return bool(got == expected)


def compare_identity(got: Any, expected: Any, rule: Rule, where: str) -> str | None:
    return None if got is expected else f"{where} must be the same object; yours is {describe(got)}"


# --- text ---


def compare_text(got: Any, expected: Any, rule: Rule, where: str) -> str | None:
    if type(got) is not type(expected):
        return must_be(got, expected, where)
    if got == expected:
        return None
    return f"{where} differs from what is required\n" + "\n".join(_text_lines(got, expected))


def _text_lines(got: Any, expected: Any) -> Iterator[str]:
    first = next(
        (i for i, (g, e) in enumerate(zip(got, expected, strict=False)) if g != e), min(len(got), len(expected))
    )
    if max(len(got), len(expected)) <= SHOWN_WHOLE:
        yield f"expected {quote(expected)}, yours {quote(got)}"
    unit = "character" if isinstance(expected, str) else "byte"
    if first == len(got):
        short = f"Yours ends after {plural(first, unit)}, {len(expected)} are required"
        yield f"{short}; next comes {_around(expected, first)}"
    elif first == len(expected):
        yield f"Yours goes on after the required end ({plural(first, unit)}) with {_around(got, first)}"
    else:
        yield f"The first difference is at {_spot(expected, first, unit)}: " + (
            f"expected {_around(expected, first)}, yours {_around(got, first)}"
        )
    if len(got) <= 2 * len(expected) + 1000:
        yield from _text_relations(got, expected)


def _spot(text: Any, index: int, unit: str) -> str:
    line = text.count("\n", 0, index) if isinstance(text, str) else 0
    return f"{unit} {index}" + (f" (line {line + 1})" if line else "")


def _around(text: Any, index: int) -> str:
    start, end = max(0, index - CONTEXT // 2), index + CONTEXT
    before, after = "…" if start else "", "…" if end < len(text) else ""
    return before + quote(text[start:end]) + after


def _text_relations(got: Any, expected: Any) -> Iterator[str]:
    if got.strip() == expected.strip():
        yield "Only the white space at the ends differs."
    elif got.lower() == expected.lower():
        yield "Only upper and lower case differ."
    elif got.split() == expected.split():
        yield "Only the white space differs."
    elif len(got) > 1 and got == expected[::-1]:
        yield "Yours is reversed."

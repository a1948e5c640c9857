"""Numbers in arrays, tensors and on their own: whether they agree, and in which way they do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.relations import relation
from grader.shapes import Shape, explain_shape
from grader.text import Says, clean, describe, is_number, is_tensor, kind, numbers_apart, odd_tensor, plural, show

Array = NDArray[Any]

NUMERIC = "biufc"

FINEST = 2.0**-52
COARSENESS = {"bfloat16": 2.0**-7, "float16": 2.0**-10, "float32": 2.0**-23, "complex64": 2.0**-23}


@dataclass(frozen=True)
class Rule:
    """How closely two things must agree: `|got − expected| ≤ atol + rtol·|expected|`, or exactly."""

    rtol: float = 0.0
    atol: float = 0.0
    dtype: str | None = None
    exact: bool = False


def is_array(value: object) -> bool:
    """Say whether this has a shape: an array, a tensor or a NumPy scalar."""
    return isinstance(value, (np.ndarray, np.generic)) or is_tensor(value)


def dtype_name(dtype: Any) -> str:
    """Return the name that NumPy and torch share: `float32`, whether given as text, `np.dtype` or `torch.dtype`."""
    text = str(dtype).removeprefix("torch.")
    try:
        return np.dtype(text if str(dtype).startswith("torch.") else dtype).name
    except TypeError:
        return text  # a type of torch's own, such as bfloat16


def explain_array(got: Any, expected: Any, rule: Rule, where: str) -> str | None:
    """Return why `got` is not the `expected` number, array or tensor; None when it is."""
    says = _refusal(got, expected) or _explain_kind(got, expected)
    if says:
        return f"{where} {says}"
    if _shape(got) != _shape(expected):
        return explain_shape(_shape(got), _shape(expected), where)
    says = _explain_dtype(got, expected, rule)
    if says:
        return f"{where} {says}"
    try:
        values = _values(got)
    except (TypeError, RuntimeError):
        return f"{where} must hold numbers; yours has dtype {clean(dtype_name(got.dtype), 60)}"
    return explain_values(values, _values(expected), rule, where, _coarseness(got))


def _explain_kind(got: Any, expected: Any) -> str | None:
    required = kind(expected)
    if not (is_number(got) or is_array(got)):
        return f"must be {required}; yours is {describe(got)}"
    if is_tensor(expected):
        return None if is_tensor(got) else f"must be a torch tensor; yours is {describe(got)}"
    if _shape(expected) == ():
        return None if _shape(got) == () else f"must be a single number; yours is {describe(got)}{_unpack(got)}"
    return None if isinstance(got, np.ndarray) else f"must be a NumPy array; yours is {describe(got)}"


def _unpack(got: Any) -> str:
    one = all(n == 1 for n in _shape(got))
    return ": take the one number out of it" if one else ""


def _refusal(got: Any, expected: Any) -> str | None:
    if type(got) is int and np.asarray(got).dtype == object:
        return f"must be {kind(expected)} that {dtype_name(expected.dtype)} can hold; yours is {describe(got)}"
    word = odd_tensor(got)
    if not word:
        return None
    if is_tensor(expected):
        return f"must be an ordinary dense tensor; yours is {word}"
    return f"must be {kind(expected)}; yours is a {word} tensor"


def _coarseness(got: Any) -> float:
    return COARSENESS.get(dtype_name(got.dtype), FINEST) if is_array(got) else FINEST


def _shape(value: Any) -> Shape:
    return tuple(value.shape) if is_array(value) else ()


def _values(value: Any) -> Array:
    if not is_tensor(value):
        return np.asarray(value)
    value = value.detach().cpu().resolve_conj().resolve_neg()
    wide = value.double() if value.dtype.is_floating_point else value
    values: Array = (wide.cfloat() if str(wide.dtype) == "torch.complex32" else wide).numpy()
    return values


# --- types ---


def _explain_dtype(got: Any, expected: Any, rule: Rule) -> str | None:
    came = dtype_name(got.dtype) if is_array(got) else dtype_name(type(got))
    if rule.dtype is not None and came != rule.dtype:
        return f"must have dtype {rule.dtype}; yours has {came if is_array(got) else 'none: ' + describe(got)}"
    required = dtype_name(expected.dtype) if is_array(expected) else dtype_name(type(expected))
    g, e = _family(came), _family(required)
    if g is None or e is None:
        same = came == required and got.dtype == expected.dtype
        return None if same else f"must hold {e or 'other things'}; yours has dtype {clean(came, 60)}"
    if g != e and (rule.exact or not {g, e} <= NUMBERS or g == "complex numbers"):
        return f"must hold {e}; yours holds {g} ({clean(came, 60)})"
    return None


_FAMILIES = (
    ("bool", "truth values"), ("int", "whole numbers"), ("uint", "whole numbers"), ("float", "floats"),
    ("bfloat", "floats"), ("longdouble", "floats"), ("complex", "complex numbers"), ("clongdouble", "complex numbers"),
    ("str", "text"), ("bytes", "bytes"), ("datetime", "dates"), ("timedelta", "time spans"),
)  # fmt: skip


NUMBERS = {"whole numbers", "floats", "complex numbers"}


def _family(name: str) -> str | None:
    return next((words for start, words in _FAMILIES if name.startswith(start)), None)


# --- values ---


def explain_values(got: Array, expected: Array, rule: Rule, where: str, coarseness: float = FINEST) -> str | None:
    """Return where and how two arrays of one shape differ; None when they agree."""
    bad = _differing(got, expected, rule)
    if not bad.any():
        return None
    lines, relates = [_report(got, expected, bad, where)], None
    if expected.dtype.kind in NUMERIC:
        g, e = _wide(got), _wide(expected)
        lines += _not_numbers(g, e, bad)
        if expected.dtype.kind != "b":
            relates = relation(g, e, rtol=rule.rtol, atol=rule.atol, coarseness=coarseness)
    if got.dtype.kind in "iu" and expected.dtype.kind == "f" and expected.ndim:
        lines.append(f"Yours holds whole numbers ({got.dtype}) where floats are required.")
    return Says("\n".join(lines), relates or "")


def changed_entry(after: Any, before: Any) -> str:
    """Where arrays of one shape and kind differ first: the place, and what it was and is."""
    values = _values(after), _values(before)
    place = np.unravel_index(int(np.argmax(_differing(*values, Rule(exact=True)))), values[0].shape)
    is_now, was = (_item(each, place) for each in values)
    shown = numbers_apart(was, is_now) if is_number(was) and is_number(is_now) else (show(was), show(is_now))
    return f"{_position(place) if place else ''}: {shown[0]} became {shown[1]}"


def _differing(got: Array, expected: Array, rule: Rule) -> NDArray[np.bool_]:
    kinds = got.dtype.kind + expected.dtype.kind
    if kinds == "bb" or expected.dtype.kind not in NUMERIC:
        return np.asarray(got != expected)
    if set(kinds) <= set("iu") and rule.rtol == rule.atol == 0:
        # int64 against uint64 would meet in float64, where neighbours beyond 2**53 are the same
        return np.asarray((got.astype(np.uint64) != expected.astype(np.uint64)) | ((got < 0) != (expected < 0)))
    return beyond(_wide(got), _wide(expected), rule)


def _wide(values: Array) -> Array:
    return values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)


def beyond(got: Array, expected: Array, rule: Rule) -> NDArray[np.bool_]:
    """Return which entries are out of tolerance. NaN agrees with NaN only, infinity with that of its sign only."""
    with np.errstate(all="ignore"):
        near = np.abs(got - expected) <= rule.atol + rule.rtol * np.abs(expected)
    finite = np.isfinite(expected)
    if not finite.all():
        same = (got == expected) | (np.isnan(got) & np.isnan(expected))
        near = np.where(finite, near, same)
    return ~np.asarray(near, dtype=bool)


def _report(got: Array, expected: Array, bad: NDArray[np.bool_], where: str) -> str:
    if expected.ndim == 0:
        return f"{where}: {_both(got, expected, ())}"
    count, size = int(np.count_nonzero(bad)), expected.size
    share = f"{count} of {size} entries differ" if size > 1 else "the one entry differs"
    first = np.unravel_index(int(np.argmax(bad)), bad.shape)
    lines = [f"{where}: {share}", f"first at {_position(first)}: {_both(got, expected, first)}"]
    worst = _worst(got, expected, bad)
    if size > 2 and worst is not None and worst != tuple(map(int, first)):
        lines.append(f"worst at {_position(worst)}: {_both(got, expected, worst)}")
    return "\n".join(lines)


def _worst(got: Array, expected: Array, bad: NDArray[np.bool_]) -> Shape | None:
    if expected.dtype.kind not in "iufc":
        return None
    with np.errstate(all="ignore"):
        far = np.nan_to_num(np.abs(_wide(got) - _wide(expected)), nan=np.inf, posinf=np.inf)
    place = np.unravel_index(int(np.argmax(np.where(bad, far, -1.0))), bad.shape)
    return tuple(map(int, place))


def _position(place: Any) -> str:
    return str([int(index) for index in place])


def _both(got: Array, expected: Array, place: Any) -> str:
    g, e = _item(got, place), _item(expected, place)
    if is_number(g) and is_number(e):
        shown = numbers_apart(e, g)
        return f"expected {shown[0]}, yours {shown[1]}"
    return f"expected {show(e)}, yours {show(g)}"


def _item(values: Array, place: Any) -> Any:
    item = values[place]
    return item.item() if isinstance(item, np.generic) else item


def _not_numbers(got: Array, expected: Array, bad: NDArray[np.bool_]) -> Iterator[str]:
    if got.ndim == 0:
        return
    for name, test in (("NaN", np.isnan), ("infinite", np.isinf)):
        odd = test(got) & np.isfinite(expected) & bad
        count = int(np.count_nonzero(odd))
        if count:
            place = _position(np.unravel_index(int(np.argmax(odd)), odd.shape))
            verb = "is" if count == 1 else "are"
            yield f"{plural(count, 'entry')} of yours {verb} {name} where a number is required, the first at {place}."

"""Values that came from somebody else's program, made safe and short to show; the words for that are in `words`."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from grader.words import ELLIPSIS as ELLIPSIS
from grader.words import Says as Says
from grader.words import clean as clean
from grader.words import names as names
from grader.words import plural as plural
from grader.words import quote as quote


def number(value: Any, digits: int = 6) -> str:
    """Return a number with `digits` significant digits (a whole one in full while that is short)."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, complex):
        return f"{number(value.real, digits)}{'-' if value.imag < 0 else '+'}{number(abs(value.imag), digits)}j"
    if isinstance(value, int):
        return str(value) if value.bit_length() <= 64 else f"a whole number of {value.bit_length()} bits"
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else f"{value:.{digits}g}"
    return clean(str(value), 60)


def numbers_apart(one: Any, other: Any) -> tuple[str, str]:
    """Return two numbers with as many digits as it takes to tell them apart, at least six."""
    for digits in range(6, 18):
        shown = number(one, digits), number(other, digits)
        if shown[0] != shown[1]:
            return shown
    return shown


def _torch_type(name: str) -> tuple[type, ...]:
    found = getattr(sys.modules.get("torch"), name, None)
    return (found,) if isinstance(found, type) else ()


def is_tensor(value: object) -> bool:
    """Say whether this is a torch tensor, without importing torch."""
    return isinstance(value, _torch_type("Tensor"))


def odd_tensor(value: Any) -> str:
    """Return what keeps a tensor from being read like an array, such as `sparse_coo`; nothing for an ordinary one."""
    if not is_tensor(value):
        return ""
    layout = str(value.layout).removeprefix("torch.")
    flags = (("meta", value.is_meta), ("quantized", value.is_quantized), ("nested", value.is_nested), (layout, True))
    word = next(word for word, holds in flags if holds)
    return "" if word == "strided" else word


def is_torch_fact(value: object) -> bool:
    """Say whether this is a torch dtype or device, without importing torch."""
    return isinstance(value, (*_torch_type("dtype"), *_torch_type("device")))


def is_record(value: object) -> bool:
    """Say whether this is a record: fields by name. (On the learner's side it is an object, so it is a handle too.)"""
    return hasattr(type(value), "_fields") or (not _is_proxy(value) and hasattr(value, "_fields"))


def is_handle(value: object) -> bool:
    """Say whether this only stands for an object on the learner's side; nothing may be asked of it."""
    return _is_proxy(value) and not is_record(value)


def _is_proxy(value: object) -> bool:
    return hasattr(type(value), "__grader_handle__")


def is_number(value: object) -> bool:
    """Say whether this is a single Python or NumPy number; a truth value is none."""
    return type(value) in (int, float, complex) or (
        isinstance(value, np.number) and not isinstance(value, np.timedelta64)
    )


_WORDS: dict[type, str] = {
    str: "text", bytes: "bytes", list: "a list", tuple: "a tuple", dict: "a dict", set: "a set",
    frozenset: "a frozenset", slice: "a slice", bool: "a truth value", np.bool_: "a truth value",
    np.ndarray: "a NumPy array", type(None): "None",
}  # fmt: skip


def kind(value: object) -> str:
    """Return what sort of thing this is, with its article: `a list`, `a torch tensor`."""
    if is_number(value):
        return "a number"
    if is_tensor(value):
        return "a torch tensor"
    if is_handle(value):
        return _handle_words(value)
    if type(value) in _WORDS:
        return _WORDS[type(value)]
    if is_record(value):
        return "a record"
    name = clean(type(value).__name__, 60)
    return f"{'an' if name[:1] in 'AEIOUaeiou' else 'a'} {name}"


def _handle_words(value: object) -> str:
    name, what = (_own(value, slot) for slot in ("_wall_name", "_wall_what"))
    if not isinstance(name, str):
        return "an object of your own class"
    kind_of = what if what in ("class", "function") else "object of your class"
    return f"your {what} {clean(name, 60)}" if kind_of == what else f"an {kind_of} {clean(name, 60)}"


def _own(value: object, slot: str) -> object:
    """Return what the judge's own proxy holds, past its `__getattr__`, which would ask the learner's object."""
    try:
        return object.__getattribute__(value, slot)
    except AttributeError:
        return None


def describe(value: Any) -> str:
    """Return one short phrase that says what this is: `a list of 3 items`, `an array of shape (2, 3)`."""
    if isinstance(value, (bool, np.bool_)) or value is None or is_torch_fact(value):
        return str(value)
    if is_number(value):
        shown = number(value)
        return shown if shown.startswith("a whole") else f"the number {shown}"
    if isinstance(value, (str, bytes)):
        return f"the text {quote(value)}" if isinstance(value, str) else f"the bytes {quote(value)}"
    if is_tensor(value) and value.is_nested:
        return "a nested tensor"
    if isinstance(value, np.ndarray) or is_tensor(value):
        return f"{'an array' if isinstance(value, np.ndarray) else 'a tensor'} of shape {tuple(value.shape)}"
    if is_record(value):
        return f"a record with the fields {names(value._fields)}"
    if isinstance(value, (list, tuple, dict, set, frozenset)):
        return f"{kind(value)} of {plural(len(value), 'item')}"
    return clean(repr(value)) if isinstance(value, (slice, np.dtype)) else kind(value)


def show(value: Any, depth: int = 2) -> str:
    """Return a value as a learner would write it where that is short, and a description where it is not."""
    if is_number(value):
        return number(value)
    if isinstance(value, (str, bytes)):
        return quote(value)
    if type(value) is tuple and depth and len(value) <= 4:
        inside = ", ".join(show(item, depth - 1) for item in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return describe(value)

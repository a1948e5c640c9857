"""Values and text that came from somebody else's program, made safe and short to show."""

from __future__ import annotations

import math
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

ELLIPSIS = "…"


class Says(str):
    """Why something is not what is required; apart from that, in which way all of it differs, where that is seen."""

    relation: str

    def __new__(cls, text: str, relation: str = "") -> Says:
        self = super().__new__(cls, text)
        self.relation = relation
        return self


# Categories: control, format (bidirectional marks, zero width), surrogate, private, unassigned, line and paragraph
# separators. The four letters are blank although they count as letters, the mark joins without being seen.
_ACTING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_UNSEEN = frozenset("\u034f\u115f\u1160\u3164\uffa0")


def clean(text: str, limit: int = 200, *, multiline: bool = False) -> str:
    """Escape everything that a terminal or a page would act upon, and cut to `limit` characters and an ellipsis.

    Newlines and tabs stay only when `multiline`.

    Example:
        >>> clean("red\\x1b[31m")
        'red\\\\x1b[31m'
    """
    shown: list[str] = []
    room = limit
    for character in text[: limit + 1]:
        piece = character if _is_plain(character) or (multiline and character in "\n\t") else _escaped(character)
        room -= len(piece)
        if room < 0:
            return "".join(shown) + ELLIPSIS
        shown.append(piece)
    return "".join(shown)


def _is_plain(character: str) -> bool:
    if " " <= character < "\x7f":
        return True
    return unicodedata.category(character) not in _ACTING and character not in _UNSEEN


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def quote(text: str | bytes, limit: int = 60) -> str:
    """Return the text between quotation marks, bounded and escaped."""
    if isinstance(text, bytes):
        return f"b'{clean(repr(text[: limit + 1])[2:-1], limit)}'"
    return f"'{clean(text, limit)}'"


def plural(count: int, noun: str) -> str:
    """Return the count and its noun: `1 entry`, `2 entries`."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun[:-1]}ies" if noun.endswith("y") and noun != "key" else f"{count} {noun}s"


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


def names(items: Sequence[str], limit: int = 3) -> str:
    """Return the first few names, and how many more there are."""
    shown = [clean(item, 60) for item in items[:limit]]
    more = len(items) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")

"""Comparison of plain data, and what to tell the learner about the first difference.

`expected` is the judge's own and leads the way: what came is only ever looked at where something is required, so the
work is bounded by the size of what is required. Nothing here calls a method of a handle.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from grader.arrays import Rule, changed_entry, explain_array, explain_values, is_array
from grader.leaves import compare_identity, compare_number, compare_same_value, compare_text, must_be
from grader.text import (
    Says,
    clean,
    describe,
    is_handle,
    is_number,
    is_record,
    is_tensor,
    is_torch_fact,
    names,
    odd_tensor,
    plural,
    show,
)  # fmt: skip


def explain(got: Any, expected: Any, rule: Rule, of: str, path: str = "") -> str | None:
    """Return why `got` is not what is `expected`, for the learner; None when it is.

    Args:
        of: what the learner calls the value.
        path: where inside it this is, such as `[2].weight`.
    """
    at = _Place(of, path)
    for fits, compare in _SINGLE:
        if fits(expected):
            return compare(got, expected, rule, at.where)
    for fits, search in _CONTAINERS:
        if fits(expected):
            return search(got, expected, rule, at)
    raise TypeError(f"{at.where}: the suite compares with {type(expected).__name__}, which is not plain data")


@dataclasses.dataclass(frozen=True)
class _Place:
    of: str
    path: str

    @property
    def where(self) -> str:
        return f"{self.of} at {self.path}" if self.path else self.of

    def inside(self, got: Any, expected: Any, rule: Rule, step: str) -> str | None:
        return explain(got, expected, rule, self.of, self.path + step)


# --- containers ---


def _sequence(got: Any, expected: Any, rule: Rule, at: _Place) -> str | None:
    wanted = list if isinstance(expected, list) else tuple
    if not isinstance(got, wanted) or is_record(got):
        return must_be(got, expected, at.where)
    for index, (one, other) in enumerate(zip(got, expected, strict=False)):
        says = at.inside(one, other, rule, f"[{index}]")
        if says and (longer := _longer(got, expected, at)):
            return f"{longer}\n{says}"  # where they part tells more than how many there are
        if says:
            return _as_numbers(got, expected, rule, at) or _order(got, expected, says, at)
    return _longer(got, expected, at)


def _longer(got: Any, expected: Any, at: _Place) -> str | None:
    if len(got) == len(expected):
        return None
    return f"{at.where} must have {plural(len(expected), 'item')}; yours has {len(got)}"


def _as_numbers(got: Any, expected: Any, rule: Rule, at: _Place) -> str | None:
    """Look at lists of numbers as at an array, whose differences can be counted and explained."""
    if len(expected) < 2 or rule.dtype is not None or not _same_layout(got, expected):
        return None
    try:
        arrays = np.asarray(got), np.asarray(expected)
    except (ValueError, OverflowError):
        return None
    if arrays[0].shape != arrays[1].shape or any(array.dtype.kind not in "iuf" for array in arrays):
        return None
    return explain_values(*arrays, rule, at.where)


def _same_layout(got: Any, expected: Any) -> bool:
    if isinstance(expected, (list, tuple)):
        same = type(got) is type(expected) and len(got) == len(expected)
        return same and all(_same_layout(g, e) for g, e in zip(got, expected, strict=True))
    return type(got) in (int, float) and type(expected) in (int, float)


def _order(got: Any, expected: Any, says: str, at: _Place) -> str:
    try:
        same = Counter(map(_exactly, got)) == Counter(map(_exactly, expected))
    except TypeError:
        return says
    return Says(says, f"The items of {at.where} are right, in another order.") if same else says


def _exactly(item: Any) -> Hashable:
    """Return a key that is equal only for equal values of the same type: True is not 1, and 1 is not 1.0."""
    if type(item) in (tuple, frozenset):
        return type(item), type(item)(map(_exactly, item))
    if is_handle(item) or is_record(item) or is_tensor(item):
        return type(item), id(item)
    hash(item)
    value = item.item() if isinstance(item, np.generic) else item
    return (type(value), value) if value == value else (type(value), "NaN")


def _mapping(got: Any, expected: Any, rule: Rule, at: _Place) -> str | None:
    if not isinstance(got, dict) or (rule.exact and type(got) is not type(expected)):
        return must_be(got, expected, at.where)
    keys = {_exactly(key): key for key in got}
    says = _members(keys, {_exactly(key): key for key in expected}, "key", at)
    if says:
        return says
    for key, value in expected.items():
        says = at.inside(got[keys[_exactly(key)]], value, rule, f"[{show(key)}]")
        if says:
            return says
    if rule.exact and isinstance(expected, OrderedDict) and list(got) != list(expected):
        return f"{at.where} has the right keys and values, in another order"
    return None


def _set(got: Any, expected: Any, rule: Rule, at: _Place) -> str | None:
    if type(got) is not type(expected):
        return must_be(got, expected, at.where)
    return _members({_exactly(x): x for x in got}, {_exactly(x): x for x in expected}, "member", at)


def _members(got: dict[Hashable, Any], expected: dict[Hashable, Any], noun: str, at: _Place) -> str | None:
    missing = [value for key, value in expected.items() if key not in got]
    extra = [value for key, value in got.items() if key not in expected]
    if not missing and not extra:
        return None
    wrong = f"must have {plural(len(expected), noun)}; yours has {len(got)}"
    lines = [f"{at.where} {wrong if len(got) != len(expected) else f'has other {noun}s than required'}"]
    if missing:
        lines.append(f"missing: {names(_shown(missing), 1 if len(expected) < 3 else 2)}")
    if extra:
        lines.append(f"too many: {names(_shown(extra))}")
    return "\n".join(lines)


def _shown(items: list[Any]) -> list[str]:
    """Return members in an order that does not depend on their hashes, unless there are very many."""
    return sorted(map(show, items)) if len(items) <= 1000 else [show(item) for item in items[:10]]


def _record(got: Any, expected: Any, rule: Rule, at: _Place) -> str | None:
    fields = _fields(expected)
    if not is_record(got):
        return f"{at.where} must be a record with the fields {names(fields, 8)}; yours is {describe(got)}"
    if set(got._fields) != set(fields):
        return f"{at.where} must have the fields {names(fields, 8)}; yours has {names(got._fields, 8)}"
    for name in fields:
        says = at.inside(getattr(got, name), getattr(expected, name), rule, f".{clean(name)}")
        if says:
            return says
    return None


def _fields(expected: Any) -> tuple[str, ...]:
    if dataclasses.is_dataclass(expected):
        return tuple(field.name for field in dataclasses.fields(expected))
    return tuple(expected._fields)


# --- before and after ---


def first_change(after: Any, before: Any, path: str = "") -> str | None:
    """Return where what was `before` is something else `after`; None when it is the same."""
    if explain(after, before, Rule(exact=True), "") is None:
        return None
    for step, pair in _inside(after, before).items():
        if says := first_change(*pair, path + step):
            return says
    if _alike(after, before):
        return path + changed_entry(after, before)
    return f"{path}: {show(before)} became {show(after)}"


def _alike(after: Any, before: Any) -> bool:
    """Whether these are arrays or tensors of one kind, whose entries can be looked at side by side."""
    if not (is_array(after) and is_array(before)) or is_tensor(after) != is_tensor(before):
        return False
    readable = not (odd_tensor(after) or odd_tensor(before))
    return readable and (after.shape, after.dtype) == (before.shape, before.dtype)


def _inside(after: Any, before: Any) -> dict[str, tuple[Any, Any]]:
    """What two containers of one layout hold, by place."""
    if type(after) is not type(before):
        return {}
    if isinstance(before, (list, tuple)) and len(after) == len(before):
        return {f"[{i}]": pair for i, pair in enumerate(zip(after, before, strict=True))}
    if isinstance(before, dict) and after.keys() == before.keys():
        return {f"[{show(key)}]": (after[key], before[key]) for key in before}
    return {}


# --- which comparison for what ---


def _instance(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


def _has_fields(value: Any) -> bool:
    return is_record(value) or (dataclasses.is_dataclass(value) and not isinstance(value, type))


_SINGLE: tuple[tuple[Callable[[Any], bool], Callable[[Any, Any, Rule, str], str | None]], ...] = (
    (is_number, compare_number),
    (_instance(str, bytes), compare_text),
    (_instance(bool, type(None), np.bool_, slice, np.dtype), compare_same_value),
    (is_array, explain_array),
    (is_torch_fact, compare_same_value),
    (is_handle, compare_identity),
)
_CONTAINERS: tuple[tuple[Callable[[Any], bool], Callable[[Any, Any, Rule, _Place], str | None]], ...] = (
    (_has_fields, _record),
    (_instance(dict), _mapping),
    (_instance(set, frozenset), _set),
    (_instance(list, tuple), _sequence),
)

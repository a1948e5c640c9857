# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined"
"""What runs in the worker beside a solution, as its own source text: no globals but its own names, imports inside."""

from __future__ import annotations


def overheard(module, name, lines):
    """The calls that example lines make to one function: what tells the arguments apart, and the result."""
    import functools
    import inspect
    import re
    import sys

    original, calls = getattr(module, name), []

    @functools.wraps(original)
    def listening(*args, **kwargs):
        bound = inspect.signature(original).bind(*args, **kwargs)
        bound.apply_defaults()
        key = re.sub(r" at 0x[0-9a-f]+", "", repr(list(bound.arguments.values())))
        result = original(*args, **kwargs)
        calls.append([key, result])
        return result

    names = {**vars(module), name: listening}
    shown, sys.displayhook = sys.displayhook, lambda value: None
    try:
        for line in lines:
            exec(compile(line, "<example>", "single"), names)
    finally:
        sys.displayhook = shown
    return calls


def remembered(name, values):
    import re

    key = re.sub(r" at 0x[0-9a-f]+", "", repr(values))
    return _ANSWERS[key]() if key in _ANSWERS else None  # noqa: F821


def zeros_of(value):
    """The same kind and shape, every number zero."""
    if isinstance(value, bool | int | float | complex | str | bytes):
        return type(value)()
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(zeros_of, value))
    if type(value) in (list, tuple, set):
        return type(value)(map(zeros_of, value))
    if isinstance(value, dict):
        return type(value)((key, zeros_of(each)) for key, each in value.items())
    if hasattr(value, "new_zeros"):
        return value.nan_to_num(0, 0, 0) * 0 if value.requires_grad else value.new_zeros(value.shape)
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return __import__("numpy").zeros_like(value)[()]
    return value


def zeroed(thing, alone=True):
    """A function whose results are zeros; a class whose methods give zeros.

    A function that works in place, yields or makes an object has no result to replace: it does nothing at all.
    """
    import functools

    if isinstance(thing, type):
        for name, method in list(vars(thing).items()):
            if callable(method) and (name == "__call__" or not name.startswith("_")):
                setattr(thing, name, zeroed(method, alone=False))
        return thing

    @functools.wraps(thing)
    def wrapper(*args, **kwargs):
        result = thing(*args, **kwargs)
        zeros = zeros_of(result)
        if alone and zeros is result and not isinstance(result, bool | int | float | complex | str | bytes | tuple):
            raise NotImplementedError
        return zeros

    return wrapper

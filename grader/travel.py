"""Functions that leave the suite as their own source text: props and probes.

What travels must stand on its own: no closure, nothing of its module, defaults that are constants. That is proven
when the suite is read, so that a suite cannot take an expected value across by accident.
"""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import CodeType, FunctionType
from typing import Any


@dataclass(frozen=True)
class Travelling:
    """A function of a suite that is made again, from its source text, beside the learner's code.

    Args:
        kind: "prop" (makes an object a check needs there) or "probe" (runs there and returns raw data).
    """

    name: str
    source: str
    function: Callable[..., Any] = field(repr=False)
    kind: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


def prop(function: Callable[..., Any]) -> Travelling:
    """Mark a function that makes an object which a check needs on the learner's side as the real thing."""
    return _travelling(function, "prop")


def probe(function: Callable[..., Any]) -> Travelling:
    """Mark a function that runs beside the learner's code, takes the learner's module first, and returns raw data."""
    return _travelling(function, "probe")


def _travelling(function: Callable[..., Any], kind: str) -> Travelling:
    if not isinstance(function, FunctionType):
        raise TypeError(f"@{kind} is for functions written with def; this is {type(function).__name__}")
    source = source_of(function)
    for says in _ties(function, source):
        raise TypeError(f"@{kind} {function.__name__} must stand on its own: {says}")
    return Travelling(function.__name__, source, function, kind)


def source_of(thing: Callable[..., Any]) -> str:
    """Return the source text of a function or class, dedented and without its decorators."""
    text = textwrap.dedent(inspect.getsource(thing))
    line: int = ast.parse(text).body[0].lineno
    return "".join(text.splitlines(keepends=True)[line - 1 :]).rstrip() + "\n"


def _ties(function: FunctionType, source: str) -> Iterator[str]:
    closed = function.__code__.co_freevars
    if closed:
        yield f"it uses {', '.join(closed)} of the function around it; pass them as arguments"
    foreign = sorted(_foreign(function, set(_globals(function.__code__))))
    if foreign:
        yield f"it uses {', '.join(foreign)} of its module; import inside the function, or pass them as arguments"
    header = sorted(_foreign(function, set(_header_names(source))))
    if header:
        yield f"its first line uses {', '.join(header)} of its module; leave them out there"
    changing = [name for name, value in _defaults(function).items() if not _is_constant(value)]
    if changing:
        yield f"the default of {', '.join(changing)} is not a constant"


def _foreign(function: FunctionType, used: set[str]) -> set[str]:
    """Return which names mean something of the module: unknown to builtins, or hiding a builtin."""
    own = {function.__name__, "__name__"}
    return {name for name in used - own if name in function.__globals__ or not hasattr(builtins, name)}


def _globals(code: CodeType) -> Iterator[str]:
    """Yield every global name that this code or code inside it reads or writes."""
    steps = list(dis.get_instructions(code))
    in_class = {step.argval for step in steps if step.opname == "STORE_NAME"}
    for step in steps:
        if step.opname.endswith("_GLOBAL") or (step.opname in _BY_NAME and step.argval not in in_class):
            yield step.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals(constant)


_BY_NAME = ("LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")


def _header_names(source: str) -> Iterator[str]:
    """Yield the names in annotations and defaults, which are read where the function is made again."""
    node = ast.parse(source).body[0]
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    for part in (node.args, node.returns):
        for inner in ast.walk(part) if part else ():
            if isinstance(inner, ast.Name):
                yield inner.id


def _defaults(function: FunctionType) -> dict[str, object]:
    values = function.__defaults__ or ()
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    positional = dict(zip(names[len(names) - len(values) :], values, strict=True))
    return {**positional, **(function.__kwdefaults__ or {})}


def _is_constant(value: object) -> bool:
    if isinstance(value, (tuple, frozenset)):
        return all(map(_is_constant, value))
    return value is None or value is ... or type(value) in (bool, int, float, complex, str, bytes)

"""What the judge holds instead of the learner's objects: handles, records, and exceptions as facts.

`==` on a handle compares references and never asks the learner's object; `<` and truth are refused, because a verdict
may rest on plain data only.
"""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable, Iterator
from typing import Any, Protocol


class Asks(Protocol):
    """The part of a link that handles need."""

    def ask(self, operation: str, *args: Any, **kwargs: Any) -> Any: ...


class LearnerError(Exception):
    """Something the learner's code raised. Subclasses made on the fly derive from the builtin type as well."""

    mro: tuple[str, ...] = ()
    text: str = ""
    frames: tuple[tuple[int, str], ...] = ()

    def __str__(self) -> str:
        return self.text


@functools.cache
def _error_type(name: str) -> type[LearnerError]:
    builtin = vars(builtins)[name]
    return type(name, (LearnerError, builtin), {"__init__": lambda self, *args: None})


TEXT_LIMIT = 2000
LINES = range(10**7)
UNMAPPED = (StopIteration, StopAsyncIteration)  # these would steer the judge's own loops


def learner_error(mro: Any, text: Any, frames: Any) -> LearnerError:
    """The exception again: an instance of the same builtin type, as far as that is an ordinary error."""
    names = tuple(str(name)[:100] for name in mro[:20])
    found = (vars(builtins).get(name) for name in names)
    ordinary = (k for k in found if isinstance(k, type) and issubclass(k, Exception) and not issubclass(k, UNMAPPED))
    kind = next((k for k in ordinary if k is not Exception and not issubclass(k, ExceptionGroup)), None)
    error = _error_type(kind.__name__)() if kind is not None else LearnerError()
    error.mro, error.text = names, str(text)[:TEXT_LIMIT]
    error.frames = tuple(
        (line if type(line) is int and line in LINES else 0, str(function)[:100]) for line, function in frames[:50]
    )
    return error


# What a suite does with an array to judge it. Where an object comes instead, its own answer must not be the verdict:
# an object may come back (a Value has `abs`), plain data may not. `learner.attribute` asks for one all the same.
MEASURES = frozenset(
    """
    sum mean std var min max amin amax argmin argmax all any prod norm abs square diff trace cumsum round unique
    shape dtype ndim numel isfinite isnan isinf equal allclose isclose nonzero count_nonzero eq ne lt le gt ge
""".split()
)


def _no_verdict(answer: Any, handle: Handle, name: str) -> Any:
    """Refuse plain data as the result of an operation by which a suite would have computed on plain data."""
    if not isinstance(answer, Handle):
        raise TypeError(f"plain data is required, but `{name}` was asked of {handle!r}: use learner.attribute for that")
    return answer


def _measure(method: Any, handle: Handle, name: str) -> Any:
    """A method that is one of MEASURES: what it returns is no verdict either."""
    object.__setattr__(_no_verdict(method, handle, name), "_wall_measure", name)
    return method


class Handle:
    """An object that lives in the worker. What it is called with crosses, what comes back crosses."""

    __grader_handle__ = True
    __slots__ = ("_wall_link", "_wall_measure", "_wall_name", "_wall_number", "_wall_what")

    def __init__(self, link: Asks, number: int, what: str, name: str) -> None:
        for slot, value in (("_wall_link", link), ("_wall_number", number), ("_wall_what", what), ("_wall_name", name)):
            object.__setattr__(self, slot, value)
        object.__setattr__(self, "_wall_measure", "")

    def __repr__(self) -> str:
        return f"<the learner's {self._wall_what} {self._wall_name!a:.60}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)  # Python's own protocols must not reach the learner's object by accident
        answer = self._wall_link.ask("getattr", self, name)
        return _measure(answer, self, name) if name in MEASURES else answer

    def __setattr__(self, name: str, value: Any) -> None:
        self._wall_link.ask("setattr", self, name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        answer = self._wall_link.ask("call", self, *args, **kwargs)
        return _no_verdict(answer, self, self._wall_measure) if self._wall_measure else answer

    def __iter__(self) -> Iterator[Any]:
        iterator = self._wall_link.ask("iter", self)
        while items := self._wall_link.ask("next", iterator):
            yield items[0]

    def __next__(self) -> Any:
        items = self._wall_link.ask("next", self)
        if not items:
            raise StopIteration
        return items[0]

    def __len__(self) -> int:
        return int(self._wall_link.ask("len", self))

    def __bool__(self) -> bool:
        raise TypeError("the truth of a learner's object decides nothing: read plain data from it and judge that")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Handle):
            return False
        return (self._wall_link, self._wall_number) == (other._wall_link, other._wall_number)

    def __ne__(self, other: object) -> bool:
        raise TypeError(
            "that two objects of a learner differ decides nothing: read plain data from them and compare that"
        )

    def __hash__(self) -> int:
        return hash(self._wall_number)

    def __lt__(self, other: object) -> bool:
        raise TypeError("the order of a learner's objects decides nothing: read plain data from them and judge that")

    __le__ = __gt__ = __ge__ = __lt__


ITEMS = ("getitem", "setitem", "delitem")


def _operation(name: str, reflected: bool = False) -> Callable[..., Any]:
    def operation(self: Handle, *others: Any) -> Any:
        args = (*others, self) if reflected else (self, *others)
        answer = self._wall_link.ask(name, *args)
        return answer if name in ITEMS else _no_verdict(answer, self, name)

    return operation


for _name in "add sub mul truediv floordiv mod pow matmul and_ or_ xor lshift rshift".split():
    setattr(Handle, f"__{_name.strip('_')}__", _operation(_name))
    setattr(Handle, f"__r{_name.strip('_')}__", _operation(_name, reflected=True))
for _name in "neg pos abs invert getitem setitem delitem".split():
    setattr(Handle, f"__{_name}__", _operation(_name))
for _name in "iadd isub imul itruediv imatmul".split():
    setattr(Handle, f"__{_name}__", _operation(_name))


class Record(Handle):
    """A dataclass instance or namedtuple: its fields by value, its methods through the worker."""

    __slots__ = ("_fields", "_values")

    def __init__(self, link: Asks, number: int, name: str, values: dict[str, Any]) -> None:
        super().__init__(link, number, "record", name)
        object.__setattr__(self, "_fields", tuple(values))
        object.__setattr__(self, "_values", values)

    def __getattr__(self, name: str) -> Any:
        values = object.__getattribute__(self, "_values")
        if name not in values:
            return super().__getattr__(name)
        if name in MEASURES and isinstance(values[name], Handle):
            return _measure(values[name], self, name)
        return values[name]

    def __iter__(self) -> Iterator[Any]:
        return iter(object.__getattribute__(self, "_values").values())

    def __len__(self) -> int:
        return len(object.__getattribute__(self, "_values"))

    def __getitem__(self, index: Any) -> Any:
        return tuple(self)[index]

    def __repr__(self) -> str:
        return f"<the learner's record {self._wall_name!a:.60} with {', '.join(self._fields):.200}>"

"""What the worker needs to stand between honest learner code and the wire: output, exceptions, callbacks, shortcuts."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import dataclasses
import functools
import importlib
import io
import sys
import traceback
from collections.abc import Callable
from typing import Any

OUTPUT_LIMIT = 8192
TEXT_LIMIT = 2000
FRAMES_LIMIT = 20
# Operators that a handle offers. Comparisons are left out on purpose: the judge compares plain data only.
OPERATORS = """
    add sub mul truediv floordiv mod pow matmul neg pos abs and_ or_ xor invert lshift rshift
    iadd isub imul itruediv imatmul getitem setitem delitem
""".split()

CallBack = Callable[[int, str, tuple[Any, ...], dict[str, Any]], Any]


class BoundedOutput(io.RawIOBase):
    """Standard output and error of the learner's code: kept in memory up to a bound, the rest dropped."""

    def __init__(self) -> None:
        self._data = bytearray()

    def install(self) -> None:
        text = io.TextIOWrapper(io.BufferedWriter(self, 1), "utf-8", "backslashreplace", write_through=True)
        for name in ("stdout", "stderr", "__stdout__", "__stderr__"):
            setattr(sys, name, text)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._data += bytes(data[: max(0, OUTPUT_LIMIT - len(self._data))])
        return len(data)

    def take(self) -> str:
        text = self._data.decode("utf-8", "replace")
        self._data.clear()
        return text


def facts_of(error: BaseException, filename: str) -> tuple[list[str], str, list[list[Any]]]:
    """An exception as facts: type names along the MRO, its text, the learner's own frames (line, function)."""
    try:
        return _facts_of(error, filename)
    except BaseException:  # whatever it is made of is the learner's, too
        return ["Exception"], "(an exception that cannot be read)", []


def _facts_of(error: BaseException, filename: str) -> tuple[list[str], str, list[list[Any]]]:
    mro = [str(kind.__name__)[:100] for kind in type(error).__mro__[:FRAMES_LIMIT]]
    try:
        text = str(error)[:TEXT_LIMIT]
    except BaseException:
        text = "(an exception whose text cannot be read)"
    frames = [
        [line, frame.f_code.co_name]
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename == filename
    ]
    if isinstance(error, SyntaxError) and error.filename == filename:
        frames.append([error.lineno, "<module>"])
    return mro, text, frames[:3] + frames[3:][-FRAMES_LIMIT:]


def builtin_exception(name: str, text: str) -> BaseException:
    """What a suite's callback raised, again, on the learner's side."""
    kind = vars(builtins).get(name)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        return RuntimeError(f"{name}: {text}")
    try:
        return kind(text)
    except TypeError:  # UnicodeDecodeError and the like want more than a text
        return RuntimeError(f"{name}: {text}")


def fields_of(value: Any) -> dict[str, Any] | None:
    """The fields of a dataclass instance or a namedtuple, by name; None for anything else."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=True))
    return None


class Proxies:
    """Functions and iterators of the suite, as the learner's code sees them; each arrives once."""

    def __init__(self, call_back: CallBack) -> None:
        self._call_back = call_back
        self._made: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}

    def get(self, kind: str, number: int, name: str) -> Any:
        if number not in self._made:
            self._made[number] = proxy = getattr(self, kind)(number)
            self._numbers[id(proxy)] = number
            if kind in ("callback", "async_callback"):
                proxy.__name__ = proxy.__qualname__ = name
        return self._made[number]

    def number_of(self, value: Any) -> int | None:
        return self._numbers.get(id(value))

    def callback(self, number: int) -> Any:
        def callback(*args: Any, **kwargs: Any) -> Any:
            return self._call_back(number, "call", args, kwargs)

        return callback

    def async_callback(self, number: int) -> Any:
        async def callback(*args: Any, **kwargs: Any) -> Any:
            # In a thread of its own, so that several can be under way.
            return await asyncio.to_thread(self._call_back, number, "call", args, kwargs)

        return callback

    def iterator(self, number: int) -> Any:
        while items := self._call_back(number, "next", (), {}):
            yield items[0]

    async def async_iterator(self, number: int) -> Any:
        while items := await asyncio.to_thread(self._call_back, number, "next", (), {}):
            yield items[0]


class ForbiddenShortcut(RuntimeError):
    """The learner's own code called what the exercise asks them to write."""


class Forbidden:
    """Intercepts calls of forbidden names made directly from the learner's file. A teaching rule, not a wall."""

    def __init__(self) -> None:
        self.active: frozenset[str] = frozenset()

    def install(self, names: list[str], filename: str) -> None:
        for name in names:
            owner, attribute = _owner(name)
            original = getattr(owner, attribute, None)
            if isinstance(original, type):
                owner, attribute, original = original, "__init__", original.__init__  # type: ignore[misc]
            if callable(original):
                with contextlib.suppress(AttributeError, TypeError):  # read-only: the syntax tree alone tells then
                    setattr(owner, attribute, self._guard(original, name, filename))

    def _guard(self, original: Callable[..., Any], name: str, filename: str) -> Callable[..., Any]:
        @functools.wraps(original)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if name in self.active and sys._getframe(1).f_code.co_filename == filename:
                raise ForbiddenShortcut(name)
            return original(*args, **kwargs)

        return guarded


def _owner(name: str) -> tuple[Any, str]:
    """The module or class that holds a dotted name. `Tensor.softmax` is the method of torch's tensors."""
    path, _, attribute = name.rpartition(".")
    parts = (f"torch.{path}" if path.split(".")[0] == "Tensor" else path).split(".")
    if parts[0] not in sys.modules:
        return None, attribute
    found: Any = sys.modules[parts[0]]
    for position, part in enumerate(parts[1:], 2):
        found = getattr(found, part, None) or importlib.import_module(".".join(parts[:position]))
    return found, attribute

"""What crossed the wall in a check, recorded for the solution and sent again to a mutant, answer by answer.

A mutant that survives the checks is *equivalent* only if it answers everything exactly as the solution does: what the
suite asks at many seeds, and variations of it that stay within the same values (see `variations.py`).
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grader.sandbox.link import Link
from grader.sandbox.wire import Closed, OutOfTime, Stream, WireError, pack

# Tags of the codec that carry numbers: where their dtype and where their data stands.
NUMBERS = {"scalar": (1, 2), "array": (1, 3), "tensor": (1, 3), "numbers": (2, 3)}
FLOATS = {"float64": "<f8", "float32": "<f4", "float16": "<f2", "complex128": "<c16", "complex64": "<c8"}
ASKED = "do"


@dataclass(frozen=True)
class Frame:
    """One message; `sent` by the judge."""

    sent: bool
    tree: Any
    buffers: list[bytes]

    @property
    def asks(self) -> bool:
        """Whether it asks for an answer that says something."""
        return self.sent and self.tree[0] == ASKED and self.tree[3] != "start"


@dataclass
class Tape:
    """One case of a check, frame by frame."""

    case: str
    frames: list[Frame] = field(default_factory=list)

    @property
    def questions(self) -> int:
        return sum(frame.asks for frame in self.frames)

    @property
    def key(self) -> str:
        """The same for two tapes that ask the same."""
        digest = hashlib.sha256(self.case.encode())
        for frame in self.frames:
            if frame.asks:
                digest.update(pack(frame.tree[3:]))
                digest.update(b"".join(frame.buffers))
        return digest.hexdigest()


class Recorder(Stream):
    """A stream that keeps what goes through it."""

    def __init__(self, sock: socket.socket, tape: Tape) -> None:
        super().__init__(sock)
        self.tape = tape

    def send(self, tree: Any, buffers: Sequence[memoryview | bytes | bytearray] = ()) -> None:
        self.tape.frames.append(Frame(True, tree, [bytes(buffer) for buffer in buffers]))
        super().send(tree, buffers)

    def receive(self) -> tuple[Any, list[bytearray]]:
        tree, buffers = super().receive()
        self.tape.frames.append(Frame(False, tree, [bytes(buffer) for buffer in buffers]))
        return tree, buffers


class Recording:
    """The tapes of many checks; what asks the same as before is not kept again."""

    def __init__(self) -> None:
        self.tapes: dict[str, Tape] = {}
        self._current: Tape | None = None

    def attend(self, case: str, link: Link) -> None:
        """Record the case that begins."""
        self.keep()
        self._current = Tape(case)
        link.stream = Recorder(link.stream.sock, self._current)

    def keep(self) -> None:
        if self._current is not None and self._current.questions:
            self.tapes.setdefault(self._current.key, self._current)
        self._current = None

    @property
    def questions(self) -> int:
        return sum(tape.questions for tape in self.tapes.values())


def answers_alike(link: Link, tape: Tape, seconds: float) -> bool:
    """Whether a worker answers a tape's questions exactly as they were answered when it was recorded."""
    link.limit(seconds)
    try:
        for frame in tape.frames:
            if frame.sent:
                link.stream.send(frame.tree, frame.buffers)
            elif not alike(frame, Frame(False, *_received(link))):
                return False
    except (Closed, OutOfTime, WireError):
        return False
    return True


def _received(link: Link) -> tuple[Any, list[bytes]]:
    tree, buffers = link.stream.receive()
    return tree, [bytes(buffer) for buffer in buffers]


def alike(ours: Frame, theirs: Frame) -> bool:
    """Whether two frames say the same: exceptions by type, numbers exactly, any NaN being like any other.

    What the code printed on the way (the third part of an answer) is no answer.
    """
    kind = ours.tree[0]
    if kind == theirs.tree[0] == "error":
        return bool(ours.tree[3] == theirs.tree[3])
    first = 3 if kind == "value" else 0
    return _alike(ours.tree[first:], theirs.tree[first:], ours.buffers, theirs.buffers)


def _alike(a: Any, b: Any, ours: list[bytes], theirs: list[bytes]) -> bool:
    if type(a) is not type(b):
        return False
    if type(a) is float:
        return bool(a == b or (a != a and b != b))
    if type(a) is not list:
        return bool(a == b)
    if len(a) != len(b):
        return False
    if a and type(a[0]) is str and a[0] in NUMBERS and a[0] == b[0] and len(a) > NUMBERS[a[0]][1]:
        return _same_numbers(a, b, ours, theirs)
    return all(_alike(x, y, ours, theirs) for x, y in zip(a, b, strict=True))


def _same_numbers(a: list[Any], b: list[Any], ours: list[bytes], theirs: list[bytes]) -> bool:
    kind, data = NUMBERS[a[0]]
    if [*a[:data], *a[data + 1 :]] != [*b[:data], *b[data + 1 :]]:
        return False
    x, y = _data(a[data], ours), _data(b[data], theirs)
    dtype = FLOATS.get(a[kind], a[kind] if a[kind][1:2] in ("f", "c") and a[kind][0] in "<>|=" else None)
    if x == y or dtype is None or len(x) != len(y):
        return x == y
    return bool(np.array_equal(np.frombuffer(x, dtype), np.frombuffer(y, dtype), equal_nan=True))


def _data(where: Any, buffers: list[bytes]) -> bytes:
    return where if type(where) is bytes else buffers[where]

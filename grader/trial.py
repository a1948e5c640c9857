"""What is tried: a job (one learner's text for one section), how it is tried, and what one check came to."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from grader.course import Exercise, Section
from grader.explain import JudgeOutOfTime, Source
from grader.results import Status
from grader.sandbox.link import Link


@dataclass(frozen=True)
class Trying:
    """How a text is tried when an author asks: which checks, how long, how far, and who looks on."""

    only: frozenset[str] | None = None  # check ids; the others are left out of the result
    seconds: Mapping[str, float] = field(default_factory=dict)  # by check id, where less than the check's own limit
    first_failure: bool = False  # what comes after it is left out as well
    attend: Callable[[str, Link], None] | None = None  # told each case and its worker before it begins


@dataclass(frozen=True)
class Job:
    """One learner's text for one section. `source` is None when there is no such file."""

    section: Section
    source: bytes | None
    stub: str
    exercises: tuple[Exercise, ...]
    seeds: Mapping[str, int] = field(default_factory=dict)  # by exercise id; others take `seed`
    seed: int = 0
    diagnose: bool = True
    trying: Trying = field(default_factory=Trying)
    tag: Any = None  # whatever the caller wants back

    def seed_for(self, exercise: Exercise) -> int:
        return self.seeds.get(exercise.id, self.seed)


@dataclass
class Outcome:
    """What one check came to, and what the learner is told, piece by piece."""

    status: Status
    message: str = ""
    trace: list[Any] = field(default_factory=list)
    close: tuple[float, float] | None = None
    seconds: float = 0.0
    relation: str = ""  # in which way all that came differs
    hint: str = ""  # where to begin instead
    where: str = ""  # the learner's own lines, where their code raised
    printed: str = ""

    def told(self, diagnosis: str) -> str:
        """The whole message. How the answer relates to the right one says less than a mistake that explains it."""
        pieces = (self.message, "" if diagnosis else self.relation, self.hint)
        return "\n".join(piece for piece in pieces if piece)


@dataclass(frozen=True)
class Trial:
    """What stays the same for the checks of one exercise."""

    exercise: Exercise
    seed: int
    source: Source
    patience: float = 1.0
    seconds: float = float("inf")
    attend: Callable[[str, Link], None] | None = None


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Interrupt the judge's own work on hostile data; only the main thread of a Unix process can."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def interrupt(*_: object) -> None:
        raise JudgeOutOfTime

    before = signal.signal(signal.SIGALRM, interrupt)
    started = time.monotonic()
    outer, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        left = max(outer - (time.monotonic() - started), 1e-3) if outer else 0
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, left)

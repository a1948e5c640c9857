"""Judges as this process sees them: each a process of its own, which may die or hang without harm, and is replaced.

The same for a batch on this machine, for a worker of a cluster, for the class's service and for nbgrader.
"""

from __future__ import annotations

import base64
import json
import os
import selectors
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.errors import GraderError
from grader.results import CheckResult, ExerciseResult, Status

START_SECONDS = 180.0  # a cold disk and a busy machine may need a minute for torch
CHECK_SECONDS = 45.0  # for one exercise: the judge ends its checks long before, unless it is the judge that hangs
TRIES = 2


class JudgeDied(Exception):
    """The judge's process ended or hung while it worked on a task."""


@dataclass(frozen=True)
class Court:
    """Which course is judged, which of its sections, how tightly the code is locked in."""

    course: Path
    sections: tuple[str, ...]
    level: str = "strict"


@dataclass(frozen=True)
class Task:
    """One text for one section. `exercises` are ids; `key` is what the result is kept under."""

    key: str
    section: str
    source: bytes
    exercises: tuple[str, ...]
    seed: int
    diagnose: bool = True

    @property
    def patience(self) -> float:
        """Seconds after which the judge itself must be hanging."""
        return 60.0 + CHECK_SECONDS * len(self.exercises)

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "source": base64.b64encode(self.source).decode()}


class JudgeProcess:
    """A judge that grades one task after another. Not for several threads at once."""

    def __init__(self, court: Court) -> None:
        self.court = court
        self._process: subprocess.Popen[bytes] | None = None
        self._unread = b""
        self._ready = False
        self._closed = False

    def start(self) -> None:
        """Starts the process unless it runs; returns at once, it gets ready meanwhile."""
        if self._closed:
            raise JudgeDied("it was closed")
        if self._process is None:
            command = [sys.executable, "-m", "grader.instructor.grading.judging"]
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # there is a judge for every core
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=environment, start_new_session=True,
            )  # fmt: skip
            self._unread, self._ready = b"", False
            self._send({**vars(self.court), "course": str(self.court.course)})

    def wait(self) -> None:
        """Starts the process and waits until it can judge; raises like `grade`."""
        self.start()
        if not self._ready:
            self._answer(START_SECONDS)
            self._ready = True

    def grade(self, task: Task) -> tuple[ExerciseResult, ...]:
        """The result of each exercise of the task.

        Raises:
            JudgeDied: the process ended or hung; the next task gets a new one.
            GraderError: this machine cannot judge (no strict level, a suite that cannot be used).
        """
        try:
            self.wait()
            self._send(task.to_json())
            return tuple(ExerciseResult.from_json(each) for each in self._answer(task.patience)["exercises"])
        except JudgeDied:
            self._end()
            raise

    def grade_surely(self, task: Task) -> tuple[ExerciseResult, ...]:
        """Like `grade`, tried twice; a task that ends both judges is recorded as broken."""
        for _ in range(TRIES):
            with suppress(JudgeDied):
                return self.grade(task)
        return poisoned(self.court, task)

    def grade_timed(self, task: Task) -> tuple[tuple[ExerciseResult, ...], float]:
        """Like `grade_surely`, with the seconds that it took, a start not counted."""
        with suppress(JudgeDied):
            self.wait()
        started = time.monotonic()
        return self.grade_surely(task), round(time.monotonic() - started, 4)

    def _send(self, message: dict[str, Any]) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise JudgeDied("it was closed")
        try:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()
        except (OSError, ValueError) as error:
            raise JudgeDied(str(error)) from error

    def _answer(self, seconds: float) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._line(seconds))
        if "error" in answer:
            self._end()
            raise GraderError(answer["error"], answer["hint"])
        return answer

    def _line(self, seconds: float) -> bytes:
        process = self._process
        if process is None or process.stdout is None:
            raise JudgeDied("it was closed")
        end = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                if not selector.select(max(end - time.monotonic(), 0)):
                    raise JudgeDied(f"no answer within {seconds:.0f} seconds")
                piece = os.read(process.stdout.fileno(), 1 << 16)
                if not piece:
                    raise JudgeDied("the judge's process ended")
                self._unread += piece
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def hang_up(self) -> None:
        """Tells the process that nothing more comes; an idle one ends by itself."""
        self._closed = True
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()

    def close(self) -> None:
        """Ends the process and what it started, for good; also from another thread than the one that waits for it."""
        self.hang_up()
        self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(OSError):
            process.stdin.close()  # type: ignore[union-attr]  # an idle judge ends by itself
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()  # type: ignore[union-attr]

    def __enter__(self) -> JudgeProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def poisoned(court: Court, task: Task) -> tuple[ExerciseResult, ...]:
    """What a task gets that ended every judge that tried it: nothing, and a sentence that says so."""
    from grader.course import Course

    says = "Grading this file ended the grader twice; nothing of it could be judged. Please ask your instructor."
    section = next(each for each in Course.load(court.course).sections if each.id == task.section)
    chosen = [each for each in section.exercises if each.id in task.exercises]
    return tuple(
        ExerciseResult(
            each.id,
            each.kind,
            tuple(CheckResult(c.id, c.rule, Status.BROKEN, 0.0, c.points, says) for c in each.checks),
            task.seed,
        )
        for each in chosen
    )

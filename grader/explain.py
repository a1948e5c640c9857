"""What went wrong in one check, in words: an exception of any origin → a status and what the learner is told.

All text that came from the worker is cleaned and cut here; the check's source and the suite's frames never show.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import pytest

from grader.checks import CheckFailed
from grader.results import Status
from grader.sandbox.ending import CannotCross, WorkerLost
from grader.sandbox.handles import LearnerError
from grader.sandbox.link import Link
from grader.text import clean, describe

OUTPUT_SHOWN = 1000
LINES_SHOWN = 20
MESSAGE_SHOWN = 4000
# How the libraries say that memory ran out, beside MemoryError.
NO_MEMORY = re.compile(r"DefaultCPUAllocator: can't allocate|Cannot allocate memory|std::bad_alloc")


class JudgeOutOfTime(BaseException):
    """The deadline passed while the judge itself was at work on what the worker sent."""


@dataclass(frozen=True)
class Source:
    """The learner's file, for naming lines of it."""

    filename: str
    lines: tuple[str, ...]

    def line(self, number: int) -> str:
        text = self.lines[number - 1].strip() if 0 < number <= len(self.lines) else ""
        return clean(text, 120)

    def at(self, number: int, function: str = "") -> str:
        inside = f", in {clean(function, 60)}" if function and function != "<module>" else ""
        text = self.line(number)
        return f"  {self.filename}, line {number}{inside}" + (f"\n      {text}" if text else "")


class Explained(NamedTuple):
    """What became of a check: its status, what the learner is told, the learner's own lines, what the code printed."""

    status: Status
    message: str
    where: str
    printed: str


def explain(error: BaseException, link: Link | None, source: Source) -> tuple[Status, str]:
    """The status of a check that ended with `error`, and the message."""
    told = explain_apart(error, link, source)
    return told.status, f"{told.message}\n{told.where}".rstrip()


def explain_apart(error: BaseException, link: Link | None, source: Source) -> Explained:
    """The same piece by piece, in the order in which a report tells them."""
    where = ""
    if isinstance(error, LearnerError):
        status, text = _raised(error)
        where = "" if status is Status.TODO else "\n".join(source.at(*frame) for frame in error.frames[-3:])
    else:
        status, text = _explain(error, link, source)
    text = clean(text, MESSAGE_SHOWN, multiline=True)  # a suite may have put text of the learner's into its own
    output = "" if link is None or status is Status.TODO else link.output
    return Explained(status, text, where, _first_lines(clean(output.strip(), OUTPUT_SHOWN, multiline=True)))


def _explain(error: BaseException, link: Link | None, source: Source) -> tuple[Status, str]:
    if isinstance(error, CheckFailed):
        return Status.FAILED, error.message
    if isinstance(error, WorkerLost):
        return Status.BROKEN, lost(error, source)
    if isinstance(error, CannotCross):
        return Status.FAILED, f"What came back cannot be checked: {clean(str(error), 300)}."
    if isinstance(error, JudgeOutOfTime):
        return Status.BROKEN, "Checking what came back took too long: return less."
    if isinstance(error, pytest.skip.Exception):
        return Status.NOT_RUN, str(error.msg)
    if isinstance(error, pytest.fail.Exception):
        return Status.FAILED, _not_raised(str(error.msg), link)
    if isinstance(error, AssertionError):
        return Status.FAILED, str(error) or "The rule does not hold for what came back."
    return Status.FAILED, f"The check could not use what came back ({_last(link)})."


def _raised(error: LearnerError) -> tuple[Status, str]:
    name, text = clean(error.mro[0] if error.mro else "an exception", 80), clean(error.text, 400, multiline=True)
    if "NotImplementedError" in error.mro:
        inner = clean(error.frames[-1][1], 60) if len(error.frames) > 1 else ""
        return Status.TODO, f"It calls `{inner}`, which is not written yet." if inner else "Not written yet."
    if "MemoryError" in error.mro or NO_MEMORY.search(error.text):
        return Status.BROKEN, "Out of memory."
    if "ForbiddenShortcut" in error.mro:
        return Status.FAILED, f"This exercise asks you to write `{text}` yourself, but your code calls it:"
    missing = re.fullmatch(r"No module named '([\w.]{1,60})'", error.text)
    if "ModuleNotFoundError" in error.mro and missing:
        package = missing[1].partition(".")[0]
        return Status.FAILED, f"This section works without `{package}`: write that part yourself."
    return Status.FAILED, f"Your code raised {name}: {text}"


def lost(error: WorkerLost, source: Source) -> str:
    """A worker that ended: how, and where in the learner's file, as far as its fault handler told."""
    where = next((f"\n{source.at(line, name)}" for file, line, name in error.stack if file == source.filename), "")
    sentence = {
        "time": "Your code ran out of time",
        "protocol": "What came back is not an answer",
    }.get(error.why, f"Your code {clean(str(error), 200)}")
    return f"{sentence}.{where}"


def import_failed(error: Exception, source: Source) -> str:
    """Why no exercise of a file could be checked."""
    if isinstance(error, WorkerLost):
        return f"{source.filename} cannot be imported: {lost(error, source)}"
    status, text = explain(error, None, source)
    if status is Status.TODO:
        text = "it raises NotImplementedError when imported."
    return f"{source.filename} cannot be imported.\n{text}"


def _not_raised(text: str, link: Link | None) -> str:
    wanted = re.search(r"DID NOT RAISE .*?'([\w.]+)'", text)
    if not wanted:
        return text
    return f"This call must raise {wanted[1].rpartition('.')[2]}; yours returned {_last(link)}."


def _last(link: Link | None) -> str:
    if link is None or not link.trace:
        return "nothing came back"
    last = link.trace[-1]
    return f"{type(last).__name__}" if isinstance(last, BaseException) else describe(last)


def _first_lines(text: str) -> str:
    return "\n".join(text.splitlines()[:LINES_SHOWN])

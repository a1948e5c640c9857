"""Adding up: points and exercises, core and beyond, and which exercise is next."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from grader.course import Course, Exercise, Section
from grader.files import read_text
from grader.progress import Progress
from grader.results import Status

_MARK = re.compile(
    r'^@pytest\.mark\.exercise\(\s*"(\w+)"\s*(?:,\s*(?:points\s*=\s*)?([\d.]+)\s*)?,?\s*\)', re.MULTILINE
)


class Graded(Protocol):
    """What can be added up: an `ExerciseResult`, a `Standing`."""

    @property
    def kind(self) -> str: ...
    @property
    def status(self) -> Status: ...
    @property
    def points(self) -> float: ...
    @property
    def max_points(self) -> float: ...


@dataclass(frozen=True)
class Standing:
    """How one exercise stands, as far as it is remembered."""

    exercise: Exercise
    status: Status
    points: float
    max_points: float

    @property
    def kind(self) -> str:
        return self.exercise.kind


def standings(course: Course, progress: Progress) -> dict[str, Standing]:
    """Every exercise's standing by id, from what is remembered; what a check is worth comes from the suites."""
    found = {}
    for section in course.sections:
        worth = worth_of(section)
        for exercise in section.exercises:
            record = progress.get(exercise)
            most = worth.get(exercise.name, 0.0) or record.max_points
            found[exercise.id] = Standing(exercise, record.status, min(record.points, most), most)
    return found


def worth_of(section: Section) -> dict[str, float]:
    """The points of each exercise by name, read off the suite's marks (fifty times quicker than parsing it)."""
    text = read_text(section.suite) if section.suite and section.suite.is_file() else ""
    marks = _MARK.findall(text)
    if len(marks) != text.count("\n@pytest.mark.exercise"):  # one that is written in some other way
        return {each.name: sum(check.points for check in each.checks) for each in section.exercises}
    worth: dict[str, float] = {}
    for name, points in marks:
        worth[name] = worth.get(name, 0.0) + float(points or 1)
    return worth


@dataclass(frozen=True)
class Part:
    """Sums over the core exercises, or over those beyond."""

    points: float
    max_points: float
    passed: int
    count: int

    @classmethod
    def of(cls, graded: Iterable[Graded]) -> Part:
        found = list(graded)
        passed = sum(each.status is Status.PASSED for each in found)
        return cls(sum(each.points for each in found), sum(each.max_points for each in found), passed, len(found))

    @property
    def share(self) -> float:
        """How much of it is done: in points, or in exercises where nothing has points (no hidden checks)."""
        return self.points / self.max_points if self.max_points else self.passed / max(self.count, 1)


@dataclass(frozen=True)
class Tally:
    """Core exercises carry a section's points; the others are graded too and counted as beyond."""

    core: Part
    beyond: Part

    @classmethod
    def of(cls, graded: Iterable[Graded]) -> Tally:
        found = list(graded)
        return cls(*(Part.of(each for each in found if (each.kind == "core") is core) for core in (True, False)))

    @property
    def share(self) -> float:
        """How far the bar goes: by the core, or by what is beyond where that is all there is."""
        return (self.core if self.core.count else self.beyond).share

    @property
    def passed(self) -> int:
        return self.core.passed + self.beyond.passed

    @property
    def count(self) -> int:
        return self.core.count + self.beyond.count


def next_up(exercises: Iterable[Exercise], statuses: Mapping[str, Status]) -> Exercise | None:
    """What to do next: the first core exercise that does not pass yet, then the first beyond. What cannot run waits."""
    done = (Status.PASSED, Status.NOT_RUN, Status.BLOCKED)
    open_ones = [each for each in exercises if statuses.get(each.id, Status.TODO) not in done]
    return next((each for each in open_ones if each.kind == "core"), next(iter(open_ones), None))

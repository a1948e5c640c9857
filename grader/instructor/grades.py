"""What one student has for one assignment: frozen facts that feedback, exports and reports are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from grader.course import Exercise
from grader.instructor.term import Assignment, Student
from grader.results import ExerciseResult


@dataclass(frozen=True)
class Verdict:
    """What one student's submission came to: the attempt that counts, and under which key each section's results are.

    `considered` is a hash of all attempts that were weighed: while it stays, there is nothing new to grade.
    """

    student: str
    digest: str
    received: datetime
    considered: str
    keys: Mapping[str, str]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One line of the log."""

    at: str
    who: str
    what: str
    assignment: str
    student: str
    details: str


@dataclass(frozen=True)
class Line:
    """One exercise. `result` is None where none was handed in; `manual` replaces points, `adjustment` is added."""

    exercise: Exercise
    result: ExerciseResult | None = None
    manual: float | None = None
    adjustment: float = 0.0

    @property
    def core(self) -> bool:
        return self.exercise.kind == "core"

    @property
    def points(self) -> float:
        earned = self.result.points if self.result else 0.0
        return (earned if self.manual is None else self.manual) + self.adjustment

    def counted(self, beyond_share: float) -> float:
        """What of this goes into the score: of an extra's own points a share; what a person gave, in full."""
        if self.manual is not None:
            return self.manual + self.adjustment
        return weight(self.exercise.kind, beyond_share) * (self.points - self.adjustment) + self.adjustment

    @property
    def max_points(self) -> float:
        return sum(check.points for check in self.exercise.checks)


@dataclass(frozen=True)
class Grade:
    """A student's standing in an assignment. `received` is None where nothing was handed in.

    `beyond_share` is the part of the extras' points that counts; `penalty` are the points taken off for lateness,
    `seconds_late` is counted from the student's own due date; `seconds` is how long grading took.
    """

    student: Student
    assignment: Assignment
    lines: tuple[Line, ...]
    received: datetime | None = None
    digest: str = ""
    seconds_late: float = 0.0
    late_says: str = ""
    penalty: float = 0.0
    beyond_share: float = 0.0
    seconds: float = 0.0
    graded: bool = False
    notes: tuple[str, ...] = ()

    @property
    def earned(self) -> float:
        """Points of core exercises, adjustments included."""
        return sum(line.points for line in self.lines if line.core)

    @property
    def beyond(self) -> float:
        """Points of extra exercises."""
        return sum(line.points for line in self.lines if not line.core)

    @property
    def max_points(self) -> float:
        return sum(line.max_points for line in self.lines if line.core)

    @property
    def max_beyond(self) -> float:
        return sum(line.max_points for line in self.lines if not line.core)

    @property
    def score(self) -> float:
        """What counts: core, the counted share of what is beyond, less the penalty; never below zero."""
        return max(self.before_penalty - self.penalty, 0.0)

    @property
    def before_penalty(self) -> float:
        return sum(line.counted(self.beyond_share) for line in self.lines)

    @property
    def not_run_points(self) -> float:
        return sum(line.result.not_run_points for line in self.lines if line.result)

    @property
    def share(self) -> float:
        return self.score / self.max_points if self.max_points else 0.0


def weight(kind: str, beyond_share: float) -> float:
    """The share of an exercise's points that counts, by its kind."""
    return 1.0 if kind == "core" else beyond_share


def totals(grades: Sequence[Grade], drop_lowest: int) -> tuple[float, float]:
    """One student's points and their maximum over all assignments, without those with the lowest shares."""
    kept = sorted(grades, key=lambda grade: grade.share)[min(drop_lowest, max(len(grades) - 1, 0)) :]
    return sum(grade.score for grade in kept), sum(grade.max_points for grade in kept)

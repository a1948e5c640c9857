"""Frozen facts about what was graded, and their JSON form (documented in `schema.json`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """What became of a check or an exercise."""

    PASSED = "passed"
    FAILED = "failed"
    TODO = "todo"
    BROKEN = "broken"
    BLOCKED = "blocked"
    NOT_RUN = "not_run"


# An exercise takes the first of these that one of its checks has.
SEVERITY = (Status.BROKEN, Status.FAILED, Status.TODO, Status.BLOCKED, Status.NOT_RUN, Status.PASSED)


@dataclass(frozen=True)
class CheckResult:
    """One check: its rule, what happened, what the learner is told.

    `where` are the learner's own lines where their code raised; `printed` is what it wrote meanwhile.
    """

    id: str
    rule: str
    status: Status
    points: float
    max_points: float
    message: str = ""
    diagnosis: str = ""
    seconds: float = 0.0
    where: str = ""
    printed: str = ""


@dataclass(frozen=True)
class ExerciseResult:
    """All checks of one exercise. `seed` is what their inputs were drawn from: with it they can be replayed."""

    id: str
    kind: str
    checks: tuple[CheckResult, ...] = ()
    seed: int = 0

    @property
    def status(self) -> Status:
        found = {check.status for check in self.checks}
        return next((status for status in SEVERITY if status in found), Status.NOT_RUN)

    @property
    def points(self) -> float:
        return sum(check.points for check in self.checks)

    @property
    def max_points(self) -> float:
        return sum(check.max_points for check in self.checks)

    @property
    def not_run_points(self) -> float:
        return sum(check.max_points for check in self.checks if check.status is Status.NOT_RUN)

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.kind,
            "status": str(self.status),
            "points": self.points,
            "max_points": self.max_points,
            "seed": self.seed,
            "checks": [{**vars(check), "status": str(check.status)} for check in self.checks],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ExerciseResult:
        checks = tuple(CheckResult(**{**check, "status": Status(check["status"])}) for check in data["checks"])
        return cls(data["id"], data["kind"], checks, data["seed"])


@dataclass(frozen=True)
class Report:
    """Everything one run found. `public_only`: hidden suites were not installed, so only the examples were run."""

    seed: int
    isolation: str
    exercises: tuple[ExerciseResult, ...] = ()
    public_only: bool = False

    @property
    def points(self) -> float:
        return sum(exercise.points for exercise in self.exercises)

    @property
    def max_points(self) -> float:
        return sum(exercise.max_points for exercise in self.exercises)

    @property
    def not_run_points(self) -> float:
        return sum(exercise.not_run_points for exercise in self.exercises)

    @property
    def all_passed(self) -> bool:
        return all(exercise.status is Status.PASSED for exercise in self.exercises)

    def to_json(self) -> dict[str, Any]:
        return {
            "version": 1,
            "seed": self.seed,
            "isolation": self.isolation,
            "public_only": self.public_only,
            "points": self.points,
            "max_points": self.max_points,
            "not_run_points": self.not_run_points,
            "exercises": [exercise.to_json() for exercise in self.exercises],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Report:
        exercises = tuple(map(ExerciseResult.from_json, data["exercises"]))
        return cls(data["seed"], data["isolation"], exercises, data["public_only"])

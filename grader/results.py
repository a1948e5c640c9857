"""Frozen facts about what was graded, and their JSON form (documented in `schema.json`)."""

from __future__ import annotations

from dataclasses import dataclass, field
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
    """One check: its rule, what happened, and what the learner is told."""

    id: str
    rule: str
    status: Status
    points: float
    max_points: float
    message: str = ""
    diagnosis: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class ExerciseResult:
    """All checks of one exercise."""

    id: str
    kind: str
    checks: tuple[CheckResult, ...] = ()

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
            "checks": [{**vars(check), "status": str(check.status)} for check in self.checks],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ExerciseResult:
        checks = tuple(CheckResult(**{**check, "status": Status(check["status"])}) for check in data["checks"])
        return cls(data["id"], data["kind"], checks)


@dataclass(frozen=True)
class Report:
    """Everything one run found."""

    seed: int
    isolation: str
    exercises: tuple[ExerciseResult, ...] = field(default=())

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
            "points": self.points,
            "max_points": self.max_points,
            "not_run_points": self.not_run_points,
            "exercises": [exercise.to_json() for exercise in self.exercises],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Report:
        return cls(data["seed"], data["isolation"], tuple(map(ExerciseResult.from_json, data["exercises"])))

"""What a changed suite does to grades: found first, shown, and only then written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from grader.instructor.grades import Verdict
from grader.instructor.grading.batch import Batch, Scheduler
from grader.instructor.grading.gradebook import Gradebook
from grader.instructor.term import Assignment
from grader.results import CheckResult, ExerciseResult, Status


@dataclass(frozen=True)
class Move:
    """A student's new verdict, the points by the suites before and after, and why they differ, exercise by exercise."""

    verdict: Verdict
    before: float
    after: float
    why: tuple[str, ...]


def regrade(
    book: Gradebook, assignment: Assignment, scheduler: Scheduler, on_done: Callable[[str], None] = lambda student: None
) -> list[Move]:
    """Judges again what a changed suite touches. The results are kept, the grades stay as they are.

    Returns:
        A move for every submission that was touched, also where its points stay.
    """
    found: list[Verdict] = []

    def take(verdict: Verdict) -> None:
        found.append(verdict)
        on_done(verdict.student)

    batch = Batch(book, assignment, take)
    before = book.verdicts(assignment.name)
    batch.run(batch.touched(), scheduler)
    return [_move(book, before[verdict.student], verdict) for verdict in found]


def _move(book: Gradebook, before: Verdict, after: Verdict) -> Move:
    old, new = _results(book, before), _results(book, after)
    why = tuple(line for id in {**old, **new} for line in _why(id, old.get(id), new.get(id)))
    return Move(after, _points(old), _points(new), why)


def _results(book: Gradebook, verdict: Verdict) -> dict[str, ExerciseResult]:
    return {each.id: each for key in verdict.keys.values() for each in book.results.get(key)[0]}


def _points(results: Mapping[str, ExerciseResult]) -> float:
    return sum(each.points for each in results.values() if each.kind == "core")


def _why(id: str, old: ExerciseResult | None, new: ExerciseResult | None) -> Iterator[str]:
    """One line for an exercise whose points move: the checks that it moves by."""
    earned = old.points if old else 0.0, new.points if new else 0.0
    if earned[0] != earned[1]:
        reasons = "; ".join(_reasons(_checks(old), _checks(new)))
        yield f"{id} {earned[0]:g} → {earned[1]:g}: {reasons}"


def _checks(result: ExerciseResult | None) -> dict[str, CheckResult]:
    return {check.id: check for check in result.checks} if result else {}


def _reasons(old: Mapping[str, CheckResult], new: Mapping[str, CheckResult]) -> Iterator[str]:
    for id, check in {**old, **new}.items():
        before, after = old.get(id), new.get(id)
        if before is None:
            yield f"new check, {_word(check)}: {check.rule}"
        elif after is None:
            yield f"check is gone ({_word(before)}): {check.rule}"
        elif before.status is not after.status:
            yield f"{_word(before)} before, {_word(after)} now: {check.rule}"
        elif before.points != after.points:
            yield f"worth {after.max_points:g} instead of {before.max_points:g}: {check.rule}"


def _word(check: CheckResult) -> str:
    return "not run" if check.status is Status.NOT_RUN else str(check.status)

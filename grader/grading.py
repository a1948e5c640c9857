"""One workspace, graded: which sections need a judge, with which seeds, where, and what is remembered."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from grader.bench import Zygotes
from grader.course import Course, Exercise, Section
from grader.files import present, read_bytes
from grader.progress import Progress, Record, source_hash
from grader.results import CheckResult, ExerciseResult, Report, Status
from grader.stubs import EXAMPLE_RULE, is_stub, pristine
from grader.workspace import Workspace

if TYPE_CHECKING:  # the judge imports pytest, which a run with nothing to judge does not need
    from grader.judge import Job

OnResult = Callable[[ExerciseResult], None]
LARGEST_FILE = 2**19


@dataclass(frozen=True)
class Options:
    """How to grade. Without a seed every exercise has its own, fixed until it passes; one fresh seed then confirms."""

    level: str = "process"
    seed: int | None = None
    jobs: int = 1


@dataclass(frozen=True)
class Unit:
    """What is to be graded of one section."""

    section: Section
    exercises: tuple[Exercise, ...]
    source: bytes | None
    stub: str
    seeds: Mapping[str, int]
    confirm: frozenset[str]  # ids of exercises that a first pass must be confirmed for

    @property
    def todo(self) -> bool:
        """Whether nothing was written yet, so that no judge is needed to say so."""
        text = (self.source or b"").decode("utf-8", "replace")
        return all(self.source is None or is_stub(text, self.stub, exercise.name) for exercise in self.exercises)


def grade(
    course: Course,
    workspace: Workspace,
    selection: Mapping[Section, tuple[Exercise, ...]],
    options: Options,
    on_result: OnResult = lambda result: None,
) -> Report:
    """Grade the selected exercises of a workspace and remember what was found.

    Raises:
        GraderError: the level is not available here, or a suite cannot be used.
    """
    progress = Progress.open(workspace)
    units = [_unit(workspace, progress, section, exercises, options) for section, exercises in selection.items()]
    found: dict[str, ExerciseResult] = {}

    def take(result: ExerciseResult) -> None:
        found[result.id] = result
        on_result(result)

    try:
        _run(units, options, take)
    finally:  # also when interrupted: what was graded is kept
        progress.update({id: _record(result, units) for id, result in found.items()})
    results = tuple(found[exercise.id] for exercises in selection.values() for exercise in exercises)
    public_only = any(section.suite is None for section in selection)
    return Report(options.seed or 0, options.level, results, public_only)


def _unit(
    workspace: Workspace, progress: Progress, section: Section, exercises: tuple[Exercise, ...], options: Options
) -> Unit:
    path = workspace.path(section)
    source = read_bytes(path, LARGEST_FILE) if present(path) else None
    # What judges is the course's own stub where it has one: a submission could bring forged ones.
    stub = pristine(section) if section.solution else workspace.pristine(section)
    if options.seed is not None:
        return Unit(
            section,
            exercises,
            source,
            stub,
            dict.fromkeys((e.id for e in section.exercises), options.seed),
            frozenset(),
        )
    seeds = {exercise.id: progress.seed_for(exercise) for exercise in section.exercises}
    new = frozenset(each.id for each in exercises if progress.get(each).status is not Status.PASSED)
    return Unit(section, exercises, source, stub, seeds, new)


def _run(units: Sequence[Unit], options: Options, take: OnResult) -> None:
    for unit in units:
        if unit.todo:
            for exercise in unit.exercises:
                take(not_written(exercise))
    waiting = [unit for unit in units if not unit.todo]
    if options.jobs > 1 and len(waiting) > 1:
        _run_apart(waiting, options, take)
    elif waiting:
        judge_units(waiting, options.level, take)


def _run_apart(units: Sequence[Unit], options: Options, take: OnResult) -> None:
    """Sections side by side, each in a judge of its own process."""
    from concurrent.futures import ProcessPoolExecutor, as_completed  # slow to import, seldom needed
    from multiprocessing import get_context

    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        futures = [pool.submit(_judge_one, unit, options.level) for unit in units]
        try:
            for future in as_completed(futures):
                for result in future.result():
                    take(result)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


_kept = ExitStack()  # a pool's process keeps its zygotes warm from one section to the next
_zygotes: dict[str, Zygotes] = {}


def _judge_one(unit: Unit, level: str) -> list[ExerciseResult]:
    if level not in _zygotes:
        _zygotes[level] = _kept.enter_context(Zygotes(level))
    results: list[ExerciseResult] = []
    _judge([unit], _zygotes[level], results.append)
    return results


def judge_units(units: Sequence[Unit], level: str, take: OnResult) -> None:
    """Grade in this process. Zygotes start first, so that they import side by side with the judge."""
    with Zygotes(level) as zygotes:
        for unit in units:
            zygotes.start(unit.section.worker)
        _judge(units, zygotes, take)


def _judge(units: Sequence[Unit], zygotes: Zygotes, take: OnResult) -> None:
    from grader import judge
    from grader.examples import grade_examples

    for unit in (unit for unit in units if unit.section.suite is None):
        for result in grade_examples(unit.section, unit.exercises, unit.source, unit.stub, zygotes):
            take(result)
    judged = [unit for unit in units if unit.section.suite is not None]
    if judged:
        conversation = Conversation(judged, take)
        judge.run([unit.section for unit in judged], conversation.jobs(judge.Job), conversation.hear, zygotes)


class Conversation:
    """Jobs for a judge that depend on what it found: a first pass is confirmed with a fresh seed."""

    def __init__(self, units: Sequence[Unit], take: OnResult) -> None:
        self.units = units
        self.take = take
        self._unconfirmed: list[ExerciseResult] = []

    def jobs(self, make: Callable[..., Job]) -> Iterator[Job]:
        for unit in self.units:
            job = partial(make, unit.section, unit.source, unit.stub, seeds=unit.seeds, tag=unit)
            yield job(exercises=unit.exercises)
            passed = {result.id for result in self._unconfirmed}
            self._unconfirmed.clear()
            if passed:
                again = tuple(exercise for exercise in unit.exercises if exercise.id in passed)
                seed = secrets.randbelow(2**32)
                yield make(unit.section, unit.source, unit.stub, again, seed=seed, tag=None)

    def hear(self, job: Job, result: ExerciseResult) -> None:
        if job.tag is not None and result.status is Status.PASSED and result.id in job.tag.confirm:
            self._unconfirmed.append(result)
        else:
            self.take(result)


def not_written(exercise: Exercise) -> ExerciseResult:
    """Every check of an exercise that is still its stub (or whose file is gone)."""
    says = "Not written yet."
    checks = tuple(CheckResult(c.id, c.rule, Status.TODO, 0.0, c.points, says) for c in exercise.checks)
    example = CheckResult(f"{exercise.id}/example", EXAMPLE_RULE, Status.TODO, 0.0, 0.0, says)
    return ExerciseResult(exercise.id, exercise.kind, checks or (example,))


def _record(result: ExerciseResult, units: Sequence[Unit]) -> Record:
    unit = next(unit for unit in units if unit.section.id == result.id.rpartition("/")[0])
    text = (unit.source or b"").decode("utf-8", "replace")
    name = result.id.rpartition("/")[2]
    seed = unit.seeds[result.id] if result.status is Status.PASSED or not result.seed else result.seed
    return Record(result.status, result.points, result.max_points, seed, source_hash(text, name))


__all__ = ["Options", "grade", "judge_units"]

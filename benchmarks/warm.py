"""From saving a file to the last verdict while a session is kept open: what `watch` will do."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Figure, percentile
from benchmarks.places import TORCH, Places
from grader import judge
from grader.bench import Zygotes
from grader.course import Exercise, Section
from grader.diagnosis import mistakes_of
from grader.results import ExerciseResult, Status
from grader.stubs import pristine


class Saving:
    """A learner who saves again and again; each save is timed until the last result is there."""

    def __init__(self, section: Section, file: Path, rounds: int) -> None:
        assert section.solution is not None
        self.section, self.file, self.rounds = section, file, rounds
        self.text = section.solution.read_text("utf-8")
        self.seconds: dict[str, list[float]] = {"section": [], "exercise": [], "wrong": []}
        self._heard = 0.0

    def jobs(self) -> Iterator[judge.Job]:
        everything = self.section.exercises
        for _ in range(2):
            yield self._saved(self.text, everything)
        wrong = {exercise: mistakes_of(self.section, exercise.name)[:1] for exercise in everything}
        for turn in range(self.rounds):
            yield from self._timed("section", self.text, everything)
            for exercise in everything[turn % 3 :: 3]:
                yield from self._timed("exercise", self.text, (exercise,))
                for mistake in wrong[exercise]:
                    yield from self._timed("wrong", mistake.patched(self.text), (exercise,))

    def _timed(self, kind: str, text: str, exercises: tuple[Exercise, ...]) -> Iterator[judge.Job]:
        started = time.perf_counter()
        yield self._saved(text, exercises)
        self.seconds[kind].append(self._heard - started)

    def _saved(self, text: str, exercises: tuple[Exercise, ...]) -> judge.Job:
        self.file.write_text(text, "utf-8")
        return judge.Job(self.section, self.file.read_bytes(), pristine(self.section), exercises, seed=7)

    def hear(self, job: judge.Job, result: ExerciseResult) -> None:
        self._heard = time.perf_counter()
        right = job.source == self.text.encode()
        if right and result.status is not Status.PASSED:
            raise RuntimeError(f"the solution does not pass: {result}")


def warm(places: Places, quick: bool) -> list[Figure]:
    """Save → verdict at level process."""
    section = places.section(TORCH)
    saving = Saving(section, places.workspace / section.path, 6 if quick else 30)
    with Zygotes("process") as zygotes:
        judge.run([section], saving.jobs(), saving.hear, zygotes)
    saving.file.write_text(saving.text, "utf-8")
    figures = []
    for kind, says, target in (
        ("exercise", "one exercise whose text changed", 150.0),
        ("section", f"all {len(section.exercises)} exercises of the section", None),
        ("wrong", "one exercise with a known mistake in it, diagnosis included", None),
    ):
        found = [1e3 * seconds for seconds in saving.seconds[kind]]
        p50, p95 = statistics.median(found), percentile(found, 0.95)
        says = f"save → verdict of {says}: p50 {p50:.0f}, p95 {p95:.0f} ms ({len(found)} saves)"
        figures.append(Figure(f"warm, {kind}", p50, "ms", says, target, made_of={"ms": found}))
    return figures

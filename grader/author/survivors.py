"""Mutants before the judge: killed, equivalent, or survivors that a check should have caught."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from grader.author.findings import Finding
from grader.author.hearing import Hearing, Trial
from grader.author.mutants import Mutant, mutants_of
from grader.author.replay import Recording, Tape, answers_alike
from grader.author.variations import varied
from grader.course import Exercise
from grader.judge import Trying
from grader.results import Status
from grader.sandbox.ending import WorkerLost
from grader.sandbox.handles import LearnerError

SHARE = 0.95
QUESTIONS = 1000  # answers compared before a mutant counts as equivalent
VARIED = 500  # how many of them are variations of the suite's own, where its calls can be varied
RECORDED_SEEDS = 60
MORE_SEEDS = 3  # a survivor is tried again at these, to tell luck from blindness
PATIENCE, LEAST_SECONDS = 20.0, 1.0


@dataclass
class Toll:
    """What became of the mutants of one exercise."""

    mutants: int = 0
    killed: int = 0
    equivalent: int = 0
    survivors: list[tuple[Mutant, str]] = field(default_factory=list)


def mutants_are_killed(hearing: Hearing, exercise: Exercise) -> Trial[Toll]:
    """Try every mutant until its first failure; look closer at those that have none."""
    seconds = {check.id: max(LEAST_SECONDS, PATIENCE * hearing.seconds.get(check.id, 0.0)) for check in exercise.checks}
    trying = Trying(seconds=seconds, first_failure=True)
    toll, tapes = Toll(), None
    for mutant in mutants_of(hearing.solution, exercise.name):
        toll.mutants += 1
        result = yield from hearing.try_one(mutant.text, exercise, trying=trying)
        if result.status is not Status.PASSED:
            toll.killed += 1
        elif mutant.trap:
            toll.survivors.append((mutant, "no check comes there"))
        elif seed := (yield from _killing_seed(hearing, exercise, mutant, trying)):
            toll.survivors.append((mutant, f"caught by luck only, at seed {seed} but not at 0"))
        else:
            tapes = tapes or (yield from _recorded(hearing, exercise))
            if _equivalent(hearing, mutant, tapes):
                toll.equivalent += 1
            else:
                toll.survivors.append((mutant, "it answers differently"))
    return toll


def _killing_seed(hearing: Hearing, exercise: Exercise, mutant: Mutant, trying: Trying) -> Trial[int]:
    for seed in range(1, MORE_SEEDS + 1):
        result = yield from hearing.try_one(mutant.text, exercise, seed, trying)
        if result.status is not Status.PASSED:
            return seed
    return 0


def _recorded(hearing: Hearing, exercise: Exercise) -> Trial[list[Tape]]:
    """The solution's answers to the suite's own questions at many seeds, and to variations of them."""
    recording = Recording()
    drawing = frozenset(check.id for check in exercise.checks if hearing.is_random(check.id))
    for seed in range(RECORDED_SEEDS):
        before = len(recording.tapes)
        trying = Trying(only=drawing if seed else None, attend=recording.attend)
        yield from hearing.try_one(hearing.solution, exercise, seed, trying)
        recording.keep()
        if recording.questions >= QUESTIONS or len(recording.tapes) == before:
            break
    tapes = list(recording.tapes.values())
    with hearing.bench(hearing.solution) as bench:
        return tapes + varied(bench.worker(), tapes, max(VARIED, QUESTIONS - recording.questions), LEAST_SECONDS)


def _equivalent(hearing: Hearing, mutant: Mutant, tapes: list[Tape]) -> bool:
    with hearing.bench(mutant.text) as bench:
        try:
            link = bench.worker()
        except (LearnerError, WorkerLost):
            return False
        return all(answers_alike(link, tape, LEAST_SECONDS) for tape in tapes)


def findings_of(hearing: Hearing, exercise: Exercise, toll: Toll) -> Iterator[Finding]:
    """Every survivor with its line; they are notes as long as their share is small."""
    for mutant, why in toll.survivors:
        says = f"A mutant survives: {mutant.change} ({why})."
        yield Finding(f"{hearing.section.solution}:{mutant.line}", says, note=True)
    possible = toll.mutants - toll.equivalent
    if toll.killed < SHARE * possible:
        share = f"{toll.killed} of {possible} mutants of `{exercise.name}` are killed ({toll.killed / possible:.0%})"
        hint = "Add checks that fail for the survivors listed, or simplify the code they live in."
        yield Finding(hearing.at_exercise(exercise), f"{share}; at least {SHARE:.0%} must be.", hint)

"""The gate over exercises of one section: every trial in one warm pytest session, one verdict for each exercise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from grader import judge
from grader.author import survivors, trials, wording
from grader.author.findings import Finding, Verdict
from grader.author.hearing import Hearing, Trial
from grader.bench import Zygotes
from grader.course import Exercise, Section
from grader.judge import Job


def examine(root: Path, section: Section, exercises: Sequence[Exercise], zygotes: Zygotes) -> list[Verdict]:
    """What the gate says of these exercises. Places in findings are paths under `root`.

    Raises:
        GraderError: a file of the section cannot be read as CONTRIBUTING.md says.
    """
    verdicts: list[Verdict] = []
    if section.solution is None or section.suite is None:
        return [Verdict(each.id) for each in exercises]
    hearing = Hearing(section, zygotes)
    judge.run([section], _jobs(hearing, exercises, verdicts), hearing.hear, zygotes)
    return [replace(each, findings=tuple(_under(root, each.findings))) for each in verdicts]


def _jobs(hearing: Hearing, exercises: Sequence[Exercise], verdicts: list[Verdict]) -> Iterator[Job]:
    failing, loose = yield from trials.solution_earns_everything(hearing, exercises)
    for exercise in exercises:
        verdict = Verdict(exercise.id, seeds=trials.SEEDS).plus(wording.of_exercise(hearing.section, exercise))
        if exercise.checks and not failing[exercise.id]:
            verdict = yield from _examined(hearing, exercise, verdict)
        verdicts.append(verdict.plus([*failing[exercise.id], *loose[exercise.id]]))


def _examined(hearing: Hearing, exercise: Exercise, verdict: Verdict) -> Trial[Verdict]:
    """Everything that is wrong before the judge, once the solution is known to pass."""
    stub = yield from trials.stub_earns_nothing(hearing, exercise)
    example = trials.example_holds(hearing, exercise)
    knowing = yield from trials.examples_are_not_enough(hearing, exercise)
    zeros = yield from trials.zeros_do_not_pass(hearing, exercise)
    mistakes = yield from trials.mistakes_are_named(hearing, exercise)
    toll = yield from survivors.mutants_are_killed(hearing, exercise)
    counted = replace(
        verdict, mistakes=mistakes.count, named=mistakes.named, mutants=toll.mutants, killed=toll.killed,
        equivalent=toll.equivalent, skipped=knowing is None,
    )  # fmt: skip
    mutants = survivors.findings_of(hearing, exercise, toll)
    return counted.plus([*stub, *example, *(knowing or []), *zeros, *mistakes.findings, *mutants])


def _under(root: Path, findings: Iterable[Finding]) -> Iterator[Finding]:
    for each in findings:
        where, problem, hint = (text.replace(f"{root}/", "") for text in (each.where, each.problem, each.hint))
        yield Finding(where, problem, hint, each.note)

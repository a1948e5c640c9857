"""A conversation with the judge: a trial yields jobs and has each one's results before it goes on."""

from __future__ import annotations

import ast
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import TypeVar

from grader.author.findings import Finding
from grader.bench import Bench, Zygotes
from grader.course import Exercise, Section
from grader.files import read_text
from grader.judge import Job, Trying
from grader.results import ExerciseResult, Status
from grader.sources import marks, parsed
from grader.stubs import pristine
from grader.suite import module_of

T = TypeVar("T")
Trial = Generator[Job, None, T]
EVERYTHING = Trying()
TO_THE_FIRST_FAILURE = Trying(first_failure=True)


class Hearing:
    """One section before the judge; what several trials want to know about it."""

    def __init__(self, section: Section, zygotes: Zygotes) -> None:
        assert section.solution is not None
        self.section = section
        self.zygotes = zygotes
        self.solution = read_text(section.solution)
        self.stub = pristine(section)
        self.seconds: dict[str, float] = {}  # by check id: the solution's own time
        self._results: dict[str, ExerciseResult] = {}
        self._lines = {mark.function: mark.line for mark in marks(section.suite)} if section.suite else {}
        self._fixed = without_randomness(read_text(section.suite)) if section.suite else frozenset()

    def hear(self, job: Job, result: ExerciseResult) -> None:
        self._results[result.id] = result

    def grade(
        self, text: str, exercises: Sequence[Exercise], seed: int = 0, trying: Trying = EVERYTHING
    ) -> Trial[list[ExerciseResult]]:
        """The results of a text for some exercises, in their order, each whatever becomes of its needs."""
        alone = tuple(replace(each, needs=()) for each in exercises)
        yield Job(self.section, text.encode(), self.stub, alone, seed=seed, diagnose=False, trying=trying)
        return [self._results[each.id] for each in exercises]

    def try_one(
        self, text: str, exercise: Exercise, seed: int = 0, trying: Trying = EVERYTHING, diagnose: bool = False
    ) -> Trial[ExerciseResult]:
        """The result of a text for one exercise."""
        alone = replace(exercise, needs=())
        yield Job(self.section, text.encode(), self.stub, (alone,), seed=seed, diagnose=diagnose, trying=trying)
        return self._results[exercise.id]

    def bench(self, text: str) -> Bench:
        """A worker of its own for a text, outside any check."""
        return Bench(self.zygotes.start(self.section.worker), module_of(self.section, text.encode()))

    def is_random(self, check_id: str) -> bool:
        """Whether a check can differ from seed to seed."""
        return check_id.rpartition("/")[2] not in self._fixed

    # Where things stand

    def at_check(self, check_id: str) -> str:
        return f"{self.section.suite}:{self._lines.get(check_id.rpartition('/')[2], 1)}"

    def at_exercise(self, exercise: Exercise) -> str:
        lines = self.solution.splitlines()
        heads = (
            f"def {exercise.name}(",
            f"class {exercise.name}(",
            f"class {exercise.name}:",
            f"async def {exercise.name}(",
        )
        return f"{self.section.solution}:{next((n for n, line in enumerate(lines, 1) if line.startswith(heads)), 1)}"


def without_randomness(suite: str) -> frozenset[str]:
    """The checks whose only fixture is `learner`: they are the same at every seed, as long as the solution is."""
    functions = [node for node in parsed(suite).body if isinstance(node, ast.FunctionDef)]
    fixtures = {node.name for node in functions if not node.name.startswith("test")} | {
        "rng",
        "torch_rng",
        "seed",
        "request",
    }
    return frozenset(
        node.name
        for node in functions
        if node.name.startswith("test") and not fixtures.intersection(each.arg for each in node.args.args)
    )


def passed(result: ExerciseResult) -> str:
    """The names of the checks that gave points."""
    return ", ".join(check.id.rpartition("/")[2] for check in result.checks if check.status is Status.PASSED)


def first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:200]


__all__ = ["EVERYTHING", "TO_THE_FIRST_FAILURE", "Finding", "Hearing", "Trial", "first_line", "passed"]

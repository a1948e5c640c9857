"""The public checks: a docstring's `>>>` examples, run behind the wall where hidden suites are not installed.

They come from pristine stubs, never from the learner's file. What a line prints is the worker's text: it is compared as
doctest compares, and earns no points.
"""

from __future__ import annotations

import doctest

from grader.bench import Bench, Zygotes
from grader.course import Exercise, Section
from grader.explain import Source, explain, import_failed
from grader.results import CheckResult, ExerciseResult, Status
from grader.sandbox.ending import WorkerLost
from grader.sandbox.handles import LearnerError
from grader.stubs import EXAMPLE_RULE, Example, examples, is_stub
from grader.suite import module_of
from grader.text import clean

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
SECONDS = 10.0


def grade_examples(
    section: Section, exercises: tuple[Exercise, ...], source: bytes | None, stub: str, zygotes: Zygotes
) -> list[ExerciseResult]:
    """Every exercise's examples as its one check, worth nothing."""
    with Bench(zygotes.start(section.worker), module_of(section, source or b"")) as bench:
        return [_grade(exercise, source, stub, bench) for exercise in exercises]


def _grade(exercise: Exercise, source: bytes | None, stub: str, bench: Bench) -> ExerciseResult:
    status, message = run_examples(exercise, source, stub, bench)
    check = CheckResult(f"{exercise.id}/example", EXAMPLE_RULE, status, 0.0, 0.0, message)
    return ExerciseResult(exercise.id, exercise.kind, (check,))


def run_examples(exercise: Exercise, source: bytes | None, stub: str, bench: Bench) -> tuple[Status, str]:
    """Whether the examples of an exercise print what they show, and if not, what they print."""
    lines = examples(stub, exercise.name)
    if not lines:
        return Status.NOT_RUN, "It has no example, and its hidden checks are not installed here."
    text = (source or b"").decode("utf-8", "replace")
    if source is None or is_stub(text, stub, exercise.name):
        return Status.TODO, "Not written yet."
    seen = Source(bench.module.filename, tuple(text.splitlines()))
    link = None
    try:
        link = bench.worker()
        link.begin_check(0, exercise.forbids, SECONDS)
        for number, example in enumerate(lines):
            printed = str(link.ask("example", example.source, fresh=number == 0))
            if not doctest.OutputChecker().check_output(example.want, printed, FLAGS):
                return Status.FAILED, _difference(example, printed)
    except (LearnerError, WorkerLost) as error:
        if bench.broken is not None:
            return Status.BROKEN, import_failed(error, seen)
        return explain(error, link, seen)
    return Status.PASSED, ""


def _difference(example: Example, printed: str) -> str:
    shown = clean(printed.strip(), 300, multiline=True) or "nothing"
    return f">>> {example.source.strip()}\nThe example shows {example.want.strip()}\nyours printed    {shown}"

"""What runs in Gradescope's container: grades what was handed in there, and writes its `results.json`.

After Gradescope's documentation (gradescope-autograders.readthedocs.io: "Autograder Specifications", "Submission
Metadata", "Code Autograder Best Practices"): `/autograder/submission` holds what was handed in, `/autograder/source`
what the zip held (see `autograder`), and `/autograder/results/results.json` must be written whatever happens. `status`
and the formats of texts stand in newer specifications than could be read whole; they are as Gradescope's own
gradescope-utils writes them. Nothing could be tried on Gradescope itself.

At isolation level `strict` a submission cannot read the suites that lie beside it. Whether Gradescope's containers
allow what `strict` needs (namespaces, Landlock) is documented nowhere; Docker's usual settings refuse it. Where it does
not hold, nothing is graded and `results.json` says so, unless the instructor asked for `process` when making the zip.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from pathlib import Path
from typing import Any

from grader import __version__
from grader.course import Course, Exercise, Section, select
from grader.errors import GraderError
from grader.files import atomic_write, read_text
from grader.grading import not_written
from grader.instructor.grading.judges import Court, JudgeDied, JudgeProcess, Task
from grader.instructor.intake.entries import Refused
from grader.instructor.intake.finding import Wanted
from grader.instructor.intake.folders import folder_entries
from grader.instructor.pages.withheld import withheld
from grader.report.look import points
from grader.results import CheckResult, ExerciseResult, Report, Status
from grader.stubs import pristine
from grader.words import clean

SETTINGS = "autograder.json"
_ADVICE = """\
This container does not allow what the isolation level asks for. `grader export gradescope --isolation process` makes an
autograder that needs less; what that means for suites and results, it says when it is made."""
_LONGEST = 5000
_LEADS = {Status.BROKEN: "Could not be checked.", Status.NOT_RUN: "Not run."}


class Visibility(StrEnum):
    """When students see the checks, in Gradescope's own words."""

    visible = "visible"
    hidden = "hidden"
    after_due_date = "after_due_date"
    after_published = "after_published"


@dataclass(frozen=True)
class Settings:
    """What an autograder is told: `autograder.json` in its zip. `beyond` is the share of extras' points that counts."""

    exercises: tuple[str, ...]
    seed: int
    isolation: str = "strict"
    visibility: str = "visible"
    beyond: float = 0.0

    @classmethod
    def read(cls, path: Path) -> Settings:
        data = json.loads(read_text(path))
        return cls(**{**data, "exercises": tuple(data["exercises"])})


def main(root: Path) -> None:
    """Grades what lies in `submission/` and writes `results/results.json`."""
    source = root / "source"
    settings, course = Settings.read(source / SETTINGS), Course.load(source / "course")
    try:
        report, notes = judged(course, settings, root / "submission")
        found = results(report, settings, notes)
    except GraderError as error:
        print(error, _ADVICE, sep="\n")  # for the instructor: students do not see what is printed
        found = refused(error.problem)
    atomic_write(root / "results" / "results.json", json.dumps(found, indent=1) + "\n")


def judged(course: Course, settings: Settings, folder: Path) -> tuple[Report, list[str]]:
    """What a folder with a submission comes to, and what people must know about how it was read.

    Raises:
        GraderError: this machine cannot judge at that level.
    """
    selection = select(course, settings.exercises)
    texts, notes = _texts(folder, selection)
    found: list[ExerciseResult] = []
    with JudgeProcess(Court(course.root, tuple(section.id for section in selection), settings.isolation)) as judge:
        _prepare(judge)
        for section, exercises in selection.items():
            if section.path in texts:
                ids = tuple(each.id for each in exercises)
                found += judge.grade_surely(Task("", section.id, texts[section.path], ids, settings.seed))
            else:
                found += map(not_written, exercises)
    shown = withheld(found, (each for chosen in selection.values() for each in chosen))
    return Report(settings.seed, settings.isolation, shown), notes


def _prepare(judge: JudgeProcess) -> None:
    """Whether this container can judge must not depend on what was handed in."""
    try:
        judge.wait()
    except JudgeDied as error:
        raise GraderError(f"isolation level `{judge.court.level}` does not hold here: {error}.") from error


def _texts(folder: Path, selection: Mapping[Section, tuple[Exercise, ...]]) -> tuple[dict[str, bytes], list[str]]:
    """The texts that count by the section's path, found as `grader collect` finds them; and what was odd."""
    try:
        found = Wanted({section: pristine(section) for section in selection}).find(folder_entries(folder), UTC)
    except Refused as error:
        return {}, [f"Nothing of this could be graded: {error}."]
    return found.texts, found.notes


def results(report: Report, settings: Settings, notes: Sequence[str] = ()) -> dict[str, Any]:
    """What Gradescope shows: a test for each check, called by its rule, with what the learner is told.

    Args:
        report: what was found; what must not be shown is taken out of it before (see `withheld`).
        settings: how extras count, and when students see the tests.
        notes: what is said above all tests.
    """
    counts = {"core": 1.0, "extra": settings.beyond}
    tests = [
        {**_test(check, each, counts[each.kind]), "number": f"{place}.{number}"}
        for place, each in enumerate(report.exercises, 1)
        for number, check in enumerate(each.checks, 1)
    ]
    return {
        "score": round(sum(test["score"] for test in tests), 4),
        "execution_time": math.ceil(sum(check.seconds for each in report.exercises for check in each.checks)),
        "output": "\n".join([_sums(report), *(clean(note, 500) for note in notes)]),
        "output_format": "text", "test_output_format": "text", "test_name_format": "text",
        "visibility": settings.visibility, "stdout_visibility": "hidden",
        "extra_data": {"grader": __version__, "seed": report.seed, "isolation": report.isolation},
        "tests": tests,
    }  # fmt: skip


def _test(check: CheckResult, exercise: ExerciseResult, share: float) -> dict[str, Any]:
    core = exercise.kind == "core"
    name = exercise.id.rpartition("/")[2]
    return {
        "name": clean(f"{name}{'' if core else ' (beyond)'}: {check.rule}", 300),
        "status": "passed" if check.status is Status.PASSED else "failed",
        "score": round(check.points * share, 4), "max_score": check.max_points if core else 0.0,
        "output": _told(check), "tags": [exercise.id, str(check.status)],
    }  # fmt: skip


def _told(check: CheckResult) -> str:
    parts = [_LEADS.get(check.status, ""), check.message]
    parts += [f"Likely reason: {check.diagnosis}"] if check.diagnosis else []
    parts += [check.where, f"Your code printed:\n{check.printed}" if check.printed else ""]
    return clean("\n\n".join(part for part in parts if part), _LONGEST, multiline=True)


def _sums(report: Report) -> str:
    core = [each for each in report.exercises if each.kind == "core"]
    earned, most = sum(each.points for each in core), sum(each.max_points for each in core)
    beyond = sum(each.points for each in report.exercises if each not in core)
    says = f"{points(earned)} of {points(most)} points" + (f", {points(beyond)} beyond." if beyond else ".")
    missing = report.not_run_points
    return f"{says} Not checked here, tell your instructor: {points(missing)} points." if missing else says


def refused(problem: str) -> dict[str, Any]:
    """What Gradescope shows where nothing was graded: no tests, and why."""
    says = (
        "Not graded. Your submission is kept, but this autograder cannot run here. That is not your doing; please tell"
        f" your instructor: {clean(problem, 500)}"
    )
    return {"score": 0.0, "output": says, "output_format": "text", "stdout_visibility": "hidden", "tests": [],
            "extra_data": {"graded": False}}  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))

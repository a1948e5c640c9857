"""A judge in a process of its own: takes tasks as JSON lines on standard input, answers each with one line.

Run as `python -m grader.instructor.grading.judging`. The first line names the course, the level and the sections. One
pytest session and its zygotes stay warm until standard input ends.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from grader.course import Course, Section
from grader.errors import GraderError
from grader.results import ExerciseResult


def main() -> None:
    gc.disable()  # as in `grader.cli`; the judge turns it on again
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a suite prints must not be taken for an answer
    try:
        _judge(sys.stdin, answers)
    except _Unheard:
        os._exit(1)
    except GraderError as error:
        _say(answers, {"error": error.problem, "hint": error.hint})
    except OSError as error:  # such as a zygote that ended while it started
        _say(answers, {"error": f"The judge could not start: {error}.", "hint": "`grader doctor` says more."})


class _Unheard(Exception):
    """Whoever gave the tasks is gone."""


def _judge(tasks: IO[str], answers: IO[str]) -> None:
    from grader import judge
    from grader.bench import Zygotes
    from grader.stubs import pristine

    first = json.loads(tasks.readline())
    course = Course.load(Path(first["course"]))
    sections = {section.id: section for section in course.sections if section.id in first["sections"]}
    stubs = {id: pristine(section) for id, section in sections.items()}
    found: list[ExerciseResult] = []

    def jobs() -> Iterator[judge.Job]:
        _say(answers, {"ready": os.getpid()})
        for line in tasks:
            task = json.loads(line)
            section = sections[task["section"]]
            chosen = tuple(each for each in section.exercises if each.id in task["exercises"])
            found.clear()
            source = base64.b64decode(task["source"])
            yield judge.Job(section, source, stubs[section.id], chosen, seed=task["seed"], diagnose=task["diagnose"])
            _say(answers, {"exercises": [each.to_json() for each in found]})

    with Zygotes(first["level"]) as zygotes:
        judge.run(_suites(sections), jobs(), lambda job, result: found.append(result), zygotes)


def _suites(sections: dict[str, Section]) -> list[Section]:
    missing = [section.id for section in sections.values() if section.suite is None]
    if missing:
        raise GraderError(f"The hidden suites of {', '.join(missing)} are not here.", "Grade with the whole course.")
    return list(sections.values())


def _say(answers: IO[str], answer: dict[str, Any]) -> None:
    try:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    except OSError as error:
        raise _Unheard from error


if __name__ == "__main__":
    main()

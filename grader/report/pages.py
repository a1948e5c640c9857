"""One student's grade → the page that the student gets: HTML, and the same in Markdown.

Pure, and given nothing but this grade and the titles of the sections, so that no other student's data and no suite can
be on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from grader.course import Section
from grader.instructor.grades import Grade, Line
from grader.instructor.pages.withheld import withheld
from grader.report.look import points
from grader.report.paper import template
from grader.report.tally import next_up
from grader.report.terminal import LEADS, WORDS, WRONG, cannot_import, in_short, passed_of, reason_of
from grader.results import CheckResult, ExerciseResult, Status

_CASE = re.compile(r"^Case [^\n]{0,200}?: ")


@dataclass(frozen=True)
class Setting:
    """What a page says beside the grade: the titles of the sections by id, and times as the class reads them."""

    sections: Mapping[str, Section]
    zone: tzinfo = UTC


def html(grade: Grade, setting: Setting) -> str:
    """The page as one file that needs no other and runs nothing."""
    return str(template("feedback.html.jinja").render(_page(grade, setting)))


def markdown(grade: Grade, setting: Setting) -> str:
    """The same as Markdown, of which only the page's own headings, lists and fences are markup."""
    return re.sub(r"\n{3,}", "\n\n", template("feedback.md.jinja").render(_page(grade, setting))).strip() + "\n"


@dataclass(frozen=True)
class Rule:
    """One check as the page shows it: whether its rule holds, and what came where no check before it says the same.

    `full`: the first of its exercise that is wrong, shown with all that is known.
    """

    check: CheckResult
    full: bool
    message: str

    @property
    def word(self) -> str:
        """As the terminal begins its sentences: `does not hold`, `blocked`."""
        return LEADS.get(self.check.status, "Holds:").rstrip(":").lower()

    @property
    def says(self) -> str:
        return in_short(self.check)


@dataclass(frozen=True)
class Told:
    """One exercise as the page shows it."""

    name: str
    status: Status
    score: str
    core: bool
    count: str
    reason: str
    changes: tuple[str, ...]
    rules: tuple[Rule, ...]

    @property
    def word(self) -> str:
        return WORDS[self.status][0]

    @property
    def wrong(self) -> bool:
        return self.status in WRONG


@dataclass(frozen=True)
class Part:
    """One section as the page shows it. `broken` is why none of its file could be checked."""

    title: str
    path: str
    lesson: str
    score: str
    share: float
    broken: str
    exercises: tuple[Told, ...]


def _page(grade: Grade, setting: Setting) -> dict[str, Any]:
    exercises = [line.exercise for line in grade.lines]
    shown = {each.id: each for each in withheld((line.result for line in grade.lines if line.result), exercises)}
    by_section: dict[str, list[Line]] = {}
    for line in grade.lines:
        by_section.setdefault(line.exercise.section_id, []).append(line)
    return {
        "assignment": grade.assignment.name,
        "student": grade.student.name,
        "handed_in": _handed_in(grade, setting.zone),
        "score": _score(grade.score, grade.max_points),
        "share": min(grade.share, 1.0),
        "sums": _sums(grade),
        "notes": grade.notes,
        "begin": _begin(grade, shown, setting.sections),
        "parts": [_part(setting.sections[id], lines, shown) for id, lines in by_section.items()],
    }


def _score(earned: float, most: float) -> str:
    return f"{points(round(earned, 2))} of {points(most)} points"


def _handed_in(grade: Grade, zone: tzinfo) -> str:
    if grade.received is None:
        return "Nothing was handed in."
    due = grade.assignment.due
    says = f"Handed in on {_moment(grade.received, zone)}"
    if due is None:
        return f"{says}."
    if grade.late_says:
        return f"{says}; {grade.late_says}, so {points(round(grade.penalty, 2))} are taken off."
    return f"{says}, {'within the time of grace' if grade.seconds_late > 0 else 'in time'}."


def _moment(moment: datetime, zone: tzinfo) -> str:
    local = moment.astimezone(zone)
    return f"{local:%Y-%m-%d, %H:%M} {local.tzname()}"


def _sums(grade: Grade) -> list[str]:
    """What the score is made of, where it is more than the points of the core."""
    parts = []
    if grade.max_beyond:
        counted = f"counted with {grade.beyond_share:.0%}" if grade.beyond_share else "beyond what counts"
        parts.append(f"Beyond the core: {_score(grade.beyond, grade.max_beyond)}, {counted}.")
    if grade.penalty:
        parts.append(f"Taken off for lateness: {points(round(grade.penalty, 2))}.")
    if parts:
        parts.insert(0, f"Core exercises: {_score(grade.earned, grade.max_points)}.")
    if grade.not_run_points:
        parts.append(f"Points not run: {points(grade.not_run_points)}. What is marked `not run` says why.")
    return parts


def _begin(grade: Grade, shown: Mapping[str, ExerciseResult], sections: Mapping[str, Section]) -> dict[str, str] | None:
    """Where to begin: the exercise that is next, its first rule that does not hold, and what to read again."""
    statuses = {id: result.status for id, result in shown.items()}
    exercise = next_up((line.exercise for line in grade.lines), statuses)
    if exercise is None:
        return None
    section = sections[exercise.section_id]
    checks = shown[exercise.id].checks if exercise.id in shown else ()
    first = next((check for check in checks if check.status in WRONG), None)
    lesson = f"{section.number} {section.title}" if section.lesson else ""
    return {
        "id": exercise.id, "name": exercise.name, "path": section.path, "lesson": lesson,
        "rule": f"{LEADS[first.status]} {first.rule}" if first else "",
        "lesson_path": section.path.removesuffix(".py") + ".md",
        "hint": f"grader hint {exercise.id}" if exercise.hints else "",
    }  # fmt: skip


def _part(section: Section, lines: Sequence[Line], shown: Mapping[str, ExerciseResult]) -> Part:
    counted = [line for line in lines if line.core] or lines
    earned, most = sum(line.points for line in counted), sum(line.max_points for line in counted)
    broken = next(filter(None, (cannot_import(each) for line in lines if (each := shown.get(line.exercise.id)))), "")
    return Part(
        title=f"{section.number} {section.title}", path=section.path,
        lesson=section.path.removesuffix(".py") + ".md" if section.lesson else "",
        score=_score(earned, most), share=max(0.0, min(earned / most, 1.0)) if most else 0.0, broken=broken,
        exercises=tuple(_told(line, shown.get(line.exercise.id), bool(broken)) for line in lines),
    )  # fmt: skip


def _told(line: Line, result: ExerciseResult | None, broken: bool) -> Told:
    rules = () if result is None else tuple(_rules(result.checks, broken))
    return Told(
        name=line.exercise.name, status=result.status if result else Status.TODO, core=line.core,
        score=_score(line.points, line.max_points), count=_count_of(result) if result else "",
        reason=reason_of(result) if result and rules else "", changes=tuple(_changes(line)), rules=rules,
    )  # fmt: skip


def _rules(checks: Sequence[CheckResult], broken: bool) -> Iterator[Rule]:
    told: set[str] = set()
    for check in checks:
        wrong = check.status in WRONG and not broken
        message = _CASE.sub("", check.message)
        yield Rule(check, wrong and not told, check.message if wrong and message not in told else "")
        told |= {message} if wrong else set()


def _count_of(result: ExerciseResult) -> str:
    wrong = [check for check in result.checks if check.status in WRONG]
    more = " Begin with the first that does not hold: the others may have the same reason." if len(wrong) > 1 else ""
    return passed_of(result) + more if wrong else ""


def _changes(line: Line) -> Iterable[str]:
    if line.manual is not None:
        yield f"Set by your instructor: {points(line.manual)}."
    if line.adjustment:
        yield f"Adjusted by your instructor: {line.adjustment:+g}."

"""The report on a class as one page that needs no other file, and as a short table for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from markupsafe import Markup

from grader.instructor.pages import plots
from grader.instructor.pages.class_report import SHOWN, ClassReport, Failing
from grader.instructor.term import Student
from grader.report.look import Look, points
from grader.report.paper import template
from grader.words import clean, plural


def html(report: ClassReport) -> str:
    """The page. Its plots are part of it, and every number in them also stands in a table."""
    facts = {
        "report": report, "graded": report.graded, "sums": list(_sums(report)), "plots": _plots(report),
        "shown": SHOWN, "outcomes": list(plots.OUTCOMES), "people": report.people, "names": _names, "share": _share,
    }  # fmt: skip
    return str(template("class_report.html.jinja").render(facts))


def _plots(report: ClassReport) -> dict[str, Markup]:
    """Drawn by matplotlib from numbers and the course's own names: Markup because it is."""
    graded = report.graded
    if not graded:
        return {}
    count = len(graded)
    shares = {each.name: {key: n / count for key, n in each.outcomes.items()} for each in report.items}
    drawn = {
        "scores": plots.scores([grade.share for grade in graded]),
        "exercises": plots.exercises(shares),
        "seconds": plots.histogram("seconds", [grade.seconds for grade in graded], "seconds of grading"),
    }
    if report.similarity.shares:
        alike = [100 * share for share in report.similarity.shares]
        drawn["alike"] = plots.histogram("alike", alike, "% shared, pair by pair")
    return {name: Markup(svg) for name, svg in drawn.items()}


def _sums(report: ClassReport) -> Iterator[tuple[str, str]]:
    """The class in numbers: what, how much."""
    graded = report.graded
    yield "handed in and graded", f"{len(graded)} of {plural(len(report.grades), 'student')}"
    if not graded:
        return
    lowest, first, median, third, highest = (f"{value:.1f}" for value in report.quartiles())
    mean = sum(grade.score for grade in graded) / len(graded)
    yield "points to be had", points(graded[0].max_points)
    yield "mean", f"{mean:.1f}"
    yield "median, and the middle half", f"{median} ({first} to {third})"
    yield "lowest and highest", f"{lowest}, {highest}"
    yield "late", f"{len(report.late)}, {sum(grade.penalty > 0 for grade in report.late)} with points taken off"
    more = sum(report.attempts.get(grade.student.id, 0) > 1 for grade in graded)
    yield "handed in more than once", f"{more}, at most {max(report.attempts.values(), default=0)} times"
    yield "seconds of grading", f"{sum(grade.seconds for grade in graded):.0f}, slowest {report.slowest[0].seconds:.1f}"
    not_run = sum(grade.not_run_points for grade in graded)
    if not_run:
        yield "points that could not be checked where this was graded", points(not_run)


def _share(each: Failing) -> str:
    return f"{each.count / each.tried:.0%}" if each.tried else "–"


def _names(students: Any) -> str:
    return ", ".join(map(_name, students))


def _name(student: Student) -> str:
    return student.id if student.name == student.id else f"{student.name} ({student.id})"


def summary(report: ClassReport, look: Look) -> str:
    """What is most worth knowing, for a terminal."""
    counted = ("passed", "partly", "failed", "todo")
    lines = [look.paint(f"{'exercise':32}{''.join(f'{each:>8}' for each in counted)}{'mean points':>16}", "dim")]
    for item in report.items:
        counts = "".join(f"{item.outcomes.get(each, 0):>8}" for each in counted)
        mean = f"{item.points:.1f} of {points(item.max_points)}"
        lines.append(f"{look.cut(item.name, 31):32}{counts}{mean:>16}")
    said = (line for each in _sentences(report) for line in look.wrap(clean(each, 2000)))
    return "\n".join([*lines, "", *said]) + "\n"


def _sentences(report: ClassReport) -> Iterator[str]:
    yield from (f"{what[0].upper()}{what[1:]}: {much}." for what, much in _sums(report))
    for name, rows in (("Fails most", report.checks), ("Most common mistake", report.mistakes)):
        if rows:
            yield f"{name}: {rows[0].exercise}, {rows[0].count} of {rows[0].tried}: {rows[0].says}"
    if report.missing:
        yield f"Nothing graded of: {_names(report.missing)}."
    alike = [f"{each.one} and {each.other} ({each.share:.0%})" for each in report.similarity.pairs if each.stands_out]
    if alike:
        yield f"More alike than the class explains, a reason to look: {', '.join(alike)}."
    yield from report.worth_a_look()

"""Grades as CSV files: one line for a student of an assignment, or of all the class's assignments with their totals.

For people and their spreadsheets: UTF-8 with a byte order mark (without one Excel shows `é` as two characters; Python
reads it as `utf-8-sig`), lines that end in CR LF as RFC 4180 has them, numbers with a point wherever the class is. A
text that a spreadsheet would take for a formula gets an apostrophe in front; a number stays one, negative ones too.
A student without a grade has empty cells: not handed in is not the same as zero.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC

from grader.instructor.grades import Grade, Line, totals
from grader.instructor.lateness import Lateness
from grader.instructor.roster import Student
from grader.words import clean

Value = str | float | None
_FORMULA = tuple("=+-@\t\r＝＋－＠")
_NUMBER = re.compile(r"[+-]?[\d.,]*%?")  # a lone sign too, which platforms write for "none"
_MARK = "\ufeff"


def grades_csv(grades: Sequence[Grade], lateness: Lateness) -> bytes:
    """One line for each student.

    Args:
        grades: those of one assignment.
        lateness: the class's rule, which says how many days count as late.
    """
    exercises = [line.exercise.id for line in grades[0].lines] if grades else []
    header = ["id", "last_name", "first_name", "email", "received", "late_days", "penalty"]
    header += [*exercises, "core", "beyond", "score", "max_score"]
    return _MARK.encode() + table([header, *(_line(grade, lateness) for grade in grades)])


def _line(grade: Grade, lateness: Lateness) -> list[Value]:
    received = f"{grade.received.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if grade.received else None
    found: list[Value] = [received, lateness.days_late(grade.seconds_late), grade.penalty]
    found += [*(line.points for line in grade.lines), grade.earned, grade.beyond, grade.score]
    return [*_person(grade.student), *(found if grade.graded else [None] * len(found)), grade.max_points]


def totals_csv(book: Mapping[str, Sequence[Grade]], drop_lowest: int) -> bytes:
    """One line for each student: the score of every assignment, and their sum without the lowest ones.

    A missing score counts as zero in the total.

    Args:
        book: the grades by assignment; none of them without a grade.
        drop_lowest: how many assignments do not count, for each student those with the lowest share of points.
    """
    people = {grade.student.id: grade.student for grades in book.values() for grade in grades}
    found = {name: {grade.student.id: grade for grade in grades} for name, grades in book.items()}
    rows: list[list[Value]] = [["id", "last_name", "first_name", "email", *book, "total", "max_total"]]
    for student in sorted(people.values(), key=lambda each: (each.last_name, each.first_name, each.id)):
        mine = [found[name].get(student.id) or _absent(grades[0], student) for name, grades in book.items()]
        scores = [grade.score if grade.graded else None for grade in mine]
        rows.append([*_person(student), *scores, *totals(mine, drop_lowest)])
    return _MARK.encode() + table(rows)


def _absent(pattern: Grade, student: Student) -> Grade:
    """The grade of somebody who is on no roster and handed in nothing here."""
    lines = tuple(Line(line.exercise) for line in pattern.lines)
    return Grade(student, pattern.assignment, lines, beyond_share=pattern.beyond_share)


def _person(student: Student) -> list[Value]:
    return [clean(each) for each in (student.id, student.last_name, student.first_name, student.email)]


def table(rows: Iterable[Sequence[Value]], delimiter: str = ",") -> bytes:
    """The rows as CSV; no cell of it is a formula."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerows([cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def cell(value: Value) -> str:
    """What stands in a cell: a number as it is, text so that a spreadsheet shows it and does nothing else.

    Example:
        >>> cell("=1+1"), cell(-0.5), cell(None)
        ("'=1+1", '-0.5', '')
    """
    if value is None:
        return ""
    if isinstance(value, str):
        acts = value.lstrip(" \n").startswith(_FORMULA) and not _NUMBER.fullmatch(value)
        return f"'{value}" if acts else value
    return number(value)


def number(value: float) -> str:
    """A number with at most four digits after the point, whatever the locale."""
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text

"""Grades as files that Canvas and Moodle import.

With the file that the platform itself exported, the rows' own ids go back, so that every grade hits its person (see
`matching`). Who has no grade is left out, so that what stands on the platform stays; a maximum that differs there
scales the points.

Canvas, from its importer and exporter (github.com/instructure/canvas-lms, lib/gradebook_importer.rb and
gradebook_exporter.rb) and "How do I import grades in the Gradebook?" (community.canvaslms.com): the first columns are
Student, ID and so on up to Section; an assignment's column is called `Title (id)`, and without the id it is made anew;
a person is looked for by ID, SIS User ID, SIS Login ID, and at last by name (so without an ID no name is written); a
blank cell erases a grade, a row or a column that is not there changes nothing; comma and semicolon, point and decimal
comma are all read. A byte order mark is not expected, so none is written.

Moodle, from "Grade import" (docs.moodle.org) and its importers (github.com/moodle/moodle, grade/import/csv and
mod/assign/feedback/offline): the gradebook's import has its columns mapped by hand, is aborted by one person who is
not found, and gives the grades of a row with a blank id to the person of the row above (so no such row is written);
an assignment's grading worksheet is read by its `Identifier`, and what is above the maximum is passed over. A point is
read in every locale.

Not verified on running servers, which could not be had here. In other languages than English, headers are known by
their content where that is an email, and the grade's column must be named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from grader.errors import GraderError
from grader.instructor.grades import Grade
from grader.instructor.platforms.export import Value, number, table
from grader.instructor.platforms.matching import Keys, Matching, Template
from grader.words import names

_CANVAS = {"id": ("canvas_id",), "sis user id": ("id",), "sis login id": ("id", "email"), "integration id": ("id",)}
_MOODLE = {
    "identifier": ("moodle_id",), "id number": ("moodle_id", "id"), "username": ("id",), "email address": ("email",),
}  # fmt: skip
_STALE = "last downloaded from this course"  # with it Moodle refuses to overwrite what was graded there meanwhile
_HIGHEST = 100.0  # Moodle's gradebook refuses a whole file for more, unless its site allows that


@dataclass(frozen=True)
class Export:
    """A file, and what people must know about it."""

    content: bytes
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """The rows of a template that belong to somebody with a grade."""

    template: Template
    rows: Sequence[tuple[tuple[str, ...], Grade]]
    keys: Sequence[int]  # the columns that say who somebody is
    notes: tuple[str, ...]

    @classmethod
    def among(cls, template: Template, grades: Sequence[Grade], keys: Keys) -> Found:
        """Matches the rows with the students; raises `GraderError` where none has a grade."""
        matching = Matching(template, [grade.student for grade in grades], keys)
        by_id = {grade.student.id: grade for grade in grades if grade.graded}
        rows = [(template.rows[place], by_id[who.id]) for place, who in matching.rows.items() if who.id in by_id]
        if not rows:
            problem = f"No row of {template.path} fits a student with a grade."
            raise GraderError(problem, "\n".join(matching.notes) or "`grader grade` makes grades.")
        return cls(template, rows, list(matching.columns), matching.notes)


def canvas(grades: Sequence[Grade], template: Path | None, column: str | None = None) -> Export:
    """Grades for Canvas's gradebook.

    Args:
        grades: one for each student; those that are not graded are left out.
        template: the gradebook as Canvas exported it; without it, the roster's `canvas_id` or email names people.
        column: the assignment's column; by default the one that is called like the assignment.

    Raises:
        GraderError: the template is none, or has no such column; nobody has a grade and a name there.
    """
    if template is None:
        return _canvas_roster(grades, column)
    read = Template.read(template)
    last = max(read.places(["section"]), default=0)
    if not read.places(["id"]) or not last:
        raise GraderError(f"{template} has no columns ID and Section.", "In Canvas: Grades > Export Entire Gradebook.")
    place = read.column(column or _name(grades), range(last + 1, len(read.header)))
    possible = tuple(row for row in read.rows if "Points Possible" in row[0])
    people = tuple(row for row in read.rows if row not in possible and row[0].strip())
    found = Found.among(replace(read, rows=people), grades, _CANVAS)
    factor, scaled = _scale(grades, possible[0][place] if possible else "")
    rows: list[list[Value]] = [[*row[: last + 1], row[place]] for row in (read.header, *possible)]
    rows += [[*row[: last + 1], grade.score * factor] for row, grade in found.rows]
    return Export(table(rows, read.delimiter), (*scaled, *found.notes))


def _canvas_roster(grades: Sequence[Grade], column: str | None) -> Export:
    rows: list[list[Value]] = [["Student", "ID", "SIS Login ID", "Section", column or _name(grades)]]
    rows.append(["    Points Possible", "", "", "", grades[0].max_points])
    known, notes = _named(grades, "canvas_id", "email")
    for grade in known:
        who, id = grade.student, grade.student.other.get("canvas_id", "")
        rows.append([f"{who.last_name}, {who.first_name}" if id else who.email, id, who.email, "", grade.score])
    return Export(table(rows), notes)


def moodle(grades: Sequence[Grade], template: Path | None, column: str | None = None, feedback: bool = False) -> Export:
    """Grades for Moodle's gradebook, or, with an assignment's grading worksheet as the template, for that.

    Args:
        grades: one for each student; those that are not graded are left out.
        template: the worksheet or the gradebook as Moodle exported it. Without it, people are named by the roster's
            `moodle_id` (the ID number of their profile) or by email, whichever more of them have.
        column: the grade's column; by default the one that is called like the assignment, in a worksheet `Grade`.
        feedback: whether a sentence about each grade is written too, over the one that stands there.

    Raises:
        GraderError: the template is none, or lacks a column; nobody has a grade and a name there.
    """
    if template is None:
        return _moodle_roster(grades, column or _name(grades), feedback)
    read = Template.read(template)
    found = Found.among(read, grades, _MOODLE)
    if read.places(["identifier"]):
        return _worksheet(found, column or "Grade", feedback)
    place = read.column(column or _name(grades), [each for each in range(len(read.header)) if each not in found.keys])
    return _moodle_gradebook(found, place, feedback)


def _worksheet(found: Found, column: str, feedback: bool) -> Export:
    """The worksheet as it was, with other grades: Moodle wants all its columns back."""
    read = found.template
    place = read.column(column, range(len(read.header)))
    remark = [read.column("Feedback comments", range(len(read.header)))] if feedback else []
    most = read.places(["maximum grade"])
    there = found.rows[0][0][most[0]] if most else ""
    factor, scaled = _scale([grade for _, grade in found.rows], there)
    rows: list[list[Value]] = [list(read.header)]
    for row, grade in found.rows:
        filled: dict[int, Value] = {place: grade.score * factor, **dict.fromkeys(remark, says(grade))}
        rows.append([filled.get(each, cell) for each, cell in enumerate(row)])
    above = [grade.student.id for _, grade in found.rows if there and grade.score * factor > _number(there)]
    passed = f"Above the maximum, which Moodle's worksheet passes over: {names(above, 20)}."
    return Export(table(rows, read.delimiter), (*scaled, *([passed] if above else []), *found.notes))


def _moodle_gradebook(found: Found, place: int, feedback: bool) -> Export:
    """Only who somebody is, and this grade; a column that names people has no blank cell."""
    read = found.template
    blanks = {key: sum(not row[key].strip() for row, _ in found.rows) for key in found.keys}
    if not blanks:
        raise GraderError(f"{read.path} has neither emails nor ID numbers.", "Set Moodle's export to include them.")
    best = min(blanks, key=lambda key: blanks[key])
    rows = [(row, grade) for row, grade in found.rows if row[best].strip()]
    keys = [key for key in blanks if all(row[key].strip() for row, _ in rows)]
    kept = [*keys, *read.places([_STALE])]
    lost = [grade.student.id for row, grade in found.rows if not row[best].strip()]
    blank = f"Left out, since `{read.header[best]}` is blank there: {names(lost, 20)}."
    title = read.header[place]
    content: list[list[Value]] = [[*(read.header[each] for each in kept), *_titles(title, feedback)]]
    content += [[*(row[each] for each in kept), *_cells(grade, feedback)] for row, grade in rows]
    notes = (*_high([grade for _, grade in rows]), *([blank] if lost else []), *found.notes)
    return Export(table(content, read.delimiter), notes)


def _moodle_roster(grades: Sequence[Grade], title: str, feedback: bool) -> Export:
    ids, emails = (sum(bool(_fact(grade, fact)) for grade in grades) for fact in ("moodle_id", "email"))
    fact, header = ("moodle_id", "ID number") if ids > emails else ("email", "Email address")
    known, notes = _named(grades, fact)
    rows: list[list[Value]] = [["First name", "Last name", header, *_titles(title, feedback)]]
    for grade in known:
        who = grade.student
        rows.append([who.first_name, who.last_name, _fact(grade, fact), *_cells(grade, feedback)])
    return Export(table(rows), (*_high(known), *notes))


def _titles(title: str, feedback: bool) -> list[Value]:
    return [title, f"{title} (Feedback)"] if feedback else [title]


def _cells(grade: Grade, feedback: bool) -> list[Value]:
    return [grade.score, says(grade)] if feedback else [grade.score]


def says(grade: Grade) -> str:
    """One sentence about a grade, for a platform's feedback column."""
    beyond = f", and {number(grade.beyond)} of {number(grade.max_beyond)} beyond" if grade.max_beyond else ""
    late = f" {grade.late_says[:1].upper()}{grade.late_says[1:]}." if grade.late_says else ""
    return f"{number(grade.earned)} of {number(grade.max_points)} points{beyond}.{late}"


def _name(grades: Sequence[Grade]) -> str:
    return grades[0].assignment.name


def _fact(grade: Grade, fact: str) -> str:
    return grade.student.email if fact == "email" else grade.student.other.get(fact, "")


def _named(grades: Sequence[Grade], *facts: str) -> tuple[list[Grade], tuple[str, ...]]:
    """Those with a grade that the platform can be told by one of these facts; and who cannot."""
    graded = [grade for grade in grades if grade.graded]
    known = [grade for grade in graded if any(_fact(grade, fact) for fact in facts)]
    what = " or ".join(facts)
    if not known:
        problem = f"No student with a grade has a {what} in students.csv."
        raise GraderError(problem, "Add that column, or give the platform's own file with --template.")
    lost = [grade.student.id for grade in graded if grade not in known]
    return known, (f"Left out, since students.csv has no {what} of: {names(lost, 20)}.",) if lost else ()


def _scale(grades: Sequence[Grade], there: str) -> tuple[float, tuple[str, ...]]:
    """What to multiply points with, where the platform's maximum is another than the assignment's."""
    here, wanted = grades[0].max_points, _number(there)
    if not here or not wanted or abs(here - wanted) < 0.005:  # as many digits as platforms show
        return 1.0, ()
    return wanted / here, (f"The platform's maximum is {wanted:g} points, here it is {here:g}: points are scaled.",)


def _number(text: str) -> float:
    """A number as a platform writes it, with a point or a decimal comma; 0 where it is none."""
    whole, _, fraction = text.strip().replace(",", ".").rpartition(".")
    try:
        return float(f"{whole.replace('.', '')}.{fraction}" if whole else fraction)
    except ValueError:
        return 0.0


def _high(grades: Sequence[Grade]) -> tuple[str, ...]:
    most = max(grade.max_points for grade in grades)
    above = any(grade.score > _HIGHEST for grade in grades)
    hint = f"Give Moodle's grade item a maximum of {most:g}."
    return (hint, "More than 100 points need `unlimitedgrades` in Moodle's site settings.") if above else (hint,)

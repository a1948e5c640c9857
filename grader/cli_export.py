"""`grader export …`: grades and graders for the platforms that a class uses."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.console import look, say, told
from grader.course import Course, Exercise, Section, select
from grader.errors import GraderError
from grader.options import SETTINGS, AssignmentName, ClassOption, Level, Names
from grader.place import Place
from grader.words import names as few
from grader.words import plural

if TYPE_CHECKING:
    from grader.instructor.grades import Grade
    from grader.instructor.term import Assignment, Term

export = typer.Typer(help="Write grades, and graders, for other platforms.", no_args_is_help=True, **SETTINGS)


_SPREADSHEET = "Next: open it in a spreadsheet. A comma between cells, a point in numbers, UTF-8."
_CANVAS = "Next, in Canvas: Grades > Import, choose this file, compare what it says will change, Save Changes."
_MOODLE = """\
Next, in Moodle: a worksheet goes to the assignment, Submissions > Actions > Upload grading worksheet; any other file \
to Grades > Import > CSV file, where you say which column is who and which is the grade."""
_GRADESCOPE = """\
Next, on Gradescope: a Programming Assignment with {worth:g} autograder points; Configure Autograder, Ubuntu 24.04 or \
newer where there is a choice, upload this zip; then Test Autograder with a submission."""
_GITHUB = """\
Next: gh repo create ORG/{name} --private --source {out} --push, tick Settings > Template repository, make a \
repository from it for each student. Its README says which secret each one gets. Then: grader collect {name} FILE, a \
list of student,url."""


class Missing(StrEnum):
    """What is written for who handed in nothing."""

    empty = "empty"
    zero = "zero"


OutOption = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Default: in the class's exports/.")]
MissingOption = Annotated[Missing, typer.Option("--missing", help="For who handed in nothing.")]
TemplateOption = Annotated[
    Path | None, typer.Option("--template", metavar="FILE", help="What the platform itself exported: its ids go back.")
]
ColumnOption = Annotated[
    str | None, typer.Option("--column", metavar="TITLE", help="Where the grades go. Default: called like ASSIGNMENT.")
]
AssignmentOption = Annotated[
    str, typer.Option("--assignment", metavar="NAME", help="Of the class, in place of IDs: its exercises and its seed.")
]
IndexOption = Annotated[
    str, typer.Option("--torch-index", metavar="URL", help="Where pip finds torch's CPU build, as torch's site says.")
]


@export.command("csv")
@told()
def csv_file(
    assignment: Annotated[str, typer.Argument(metavar="[ASSIGNMENT]", help="Its name in class.toml.")] = "",
    totals: Annotated[
        bool, typer.Option("--totals", help="All assignments and their sum, by the class's rule.")
    ] = False,
    missing: MissingOption = Missing.empty,
    out: OutOption = None,
    folder: ClassOption = None,
) -> None:
    """Write a table for a spreadsheet.

    One line for each student: points of each exercise, lateness, score. With --totals: the whole term.
    """
    from grader.instructor.platforms.export import grades_csv, totals_csv
    from grader.instructor.term import Term

    term = Term.find(folder)
    if totals == bool(assignment):
        raise GraderError("Either one assignment, or all.", "grader export csv hw1, or: grader export csv --totals")
    path = out or term.root / "exports" / f"{assignment or 'totals'}.csv"
    if assignment:
        grades = _grades(term, assignment, missing)
        _write(path, grades_csv(grades, term.lateness), _SPREADSHEET)
        return
    book = {name: _grades(term, name, missing) for name in term.assignments}
    graded = {name: grades for name, grades in book.items() if any(grade.graded for grade in grades)}
    if not graded:
        raise GraderError("No assignment of this class has a grade yet.", "`grader grade ASSIGNMENT` makes grades.")
    left = [name for name in book if name not in graded]
    notes = [f"Not counted, since nothing of it is graded: {few(left)}."] if left else []
    _write(path, totals_csv(graded, term.drop_lowest), _SPREADSHEET, notes)


@export.command()
@told()
def canvas(
    assignment: AssignmentName,
    template: TemplateOption = None,
    column: ColumnOption = None,
    missing: MissingOption = Missing.empty,
    *,
    out: OutOption = None,
    folder: ClassOption = None,
) -> None:
    """Write a file that Canvas's gradebook imports.

    With --template, the gradebook that Canvas exported: every grade goes to the person of its row, and only the column
    of this assignment is in the file.
    """
    from grader.instructor.platforms.lms import canvas
    from grader.instructor.term import Term

    term = Term.find(folder)
    made = canvas(_grades(term, assignment, missing), template, column)
    _write(out or term.root / "exports" / f"{assignment}-canvas.csv", made.content, _CANVAS, made.notes)


@export.command()
@told()
def moodle(
    assignment: AssignmentName,
    template: TemplateOption = None,
    column: ColumnOption = None,
    missing: MissingOption = Missing.empty,
    *,
    feedback: Annotated[bool, typer.Option("--feedback", help="A sentence for each grade too.")] = False,
    out: OutOption = None,
    folder: ClassOption = None,
) -> None:
    """Write a file that Moodle imports: for its gradebook, or an assignment's grading worksheet.

    Which of the two, the --template says: the file that Moodle exported.
    """
    from grader.instructor.platforms.lms import moodle
    from grader.instructor.term import Term

    term = Term.find(folder)
    made = moodle(_grades(term, assignment, missing), template, column, feedback)
    _write(out or term.root / "exports" / f"{assignment}-moodle.csv", made.content, _MOODLE, made.notes)


@export.command()
@told()
def gradescope(
    context: typer.Context,
    names: Names = None,
    assignment: AssignmentOption = "",
    seed: Annotated[int, typer.Option(metavar="N", help="What inputs are drawn from; an assignment has its own.")] = 0,
    out: Annotated[Path, typer.Option("--out", metavar="FILE.zip")] = Path("autograder.zip"),
    *,
    isolation: Annotated[Level, typer.Option(help="process lets a submission read the suites.")] = Level.strict,
    visibility: Annotated[
        str, typer.Option(metavar="WHEN", help="visible, hidden, after_due_date or after_published: to students.")
    ] = "visible",
    index: IndexOption = "",
    folder: ClassOption = None,
) -> None:
    """Make an autograder for Gradescope: a zip to upload.

    It holds the suites and solutions of what it grades, which Gradescope shows to staff only.
    """
    from grader.instructor.platforms.autograder import autograder, warnings
    from grader.instructor.platforms.container import Settings, Visibility

    course, selection, known = _selection(context.obj, names or [], assignment, folder)
    if visibility not in [*Visibility]:
        raise GraderError(f"Gradescope has no visibility `{visibility}`.", f"It has: {', '.join(Visibility)}.")
    exercises = [each for chosen in selection.values() for each in chosen]
    beyond, seed = (known[0].beyond, known[1].seed) if known else (0.0, seed)
    settings = Settings(tuple(each.id for each in exercises), seed, str(isolation), visibility, beyond)
    worth = sum(check.points for each in exercises if each.kind == "core" for check in each.checks)
    notes = warnings(settings, variants=bool(known and known[1].variants))
    _write(out, autograder(course, selection, settings, index), _GRADESCOPE.format(worth=worth), notes)


@export.command()
@told()
def github(
    context: typer.Context,
    names: Names = None,
    assignment: AssignmentOption = "",
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The repository to make.")],
    spec: Annotated[
        str, typer.Option("--grader", metavar="SPEC", help="What pip installs as the grader, such as git+https://…")
    ] = "",
    index: IndexOption = "",
    folder: ClassOption = None,
) -> None:
    """Make a template repository for learners, whose workflow checks every push.

    A hand-out as `grader release` makes it, with a workflow; its README says what that must be given.
    """
    from grader.instructor.handout.choice import Format, Wish
    from grader.instructor.platforms.classroom import repository
    from grader.instructor.term import Term

    if bool(names) == bool(assignment):
        raise GraderError("Either IDs or an assignment of the class.", "grader export github ch00, or --assignment hw1")
    term = Term.find(folder) if assignment else None
    wish = Wish(out, assignment or out.absolute().name, names or (), form=Format.git)
    handout = repository(term.course if term else context.obj.course, term, wish, spec, index)
    say(f"{out}: {plural(len(handout.exercises), 'exercise')} and a workflow; searched for leaks.\n")
    _say(_GITHUB.format(name=wish.name, out=out))


def _selection(
    place: Place, names: list[str], assignment: str, folder: Path | None
) -> tuple[Course, dict[Section, tuple[Exercise, ...]], tuple[Term, Assignment] | None]:
    """What is named, or what an assignment of the class grades."""
    from grader.instructor.term import Term

    if not assignment:
        return place.course, select(place.course, names), None
    if names:
        raise GraderError("Either IDs or --assignment.", "An assignment's exercises stand in class.toml.")
    term = Term.find(folder)
    wanted = term.assignment(assignment)
    return term.course, term.selection(wanted), (term, wanted)


def _grades(term: Term, name: str, missing: Missing) -> list[Grade]:
    """Everybody's grade; a zero for who handed in nothing, where asked for, and never for who waits for a grade."""
    from grader.instructor import attempts

    try:
        from grader.instructor.grading.gradebook import Gradebook
    except ImportError as error:
        hint = f"{Path(sys.executable).name} -m pip install 'llm-from-scratch-grader[instructor]'"
        raise GraderError(f"The gradebook needs `{error.name}`, which is not installed.", hint) from error
    assignment = term.assignment(name)
    with Gradebook.open(term) as book:
        grades = list(book.grades(assignment))
    if not grades:
        raise GraderError("This class has no students.", "Write them into students.csv.")
    graded = {grade.student.id for grade in grades if grade.graded}
    waiting = [each for each, found in attempts.attempts(term, assignment).items() if found and each not in graded]
    if waiting and missing is Missing.zero:
        problem = f"Handed in for {name} and not graded: {few(waiting)}. That is no zero."
        raise GraderError(problem, f"grader grade {name}")
    if waiting:
        _say(f"Handed in for {name}, not graded, and so without a grade here: {few(waiting, 20)}.")
    return [replace(grade, graded=True) for grade in grades] if missing is Missing.zero else grades


def _write(path: Path, content: bytes, then: str, notes: Iterable[str] = ()) -> None:
    from grader.files import atomic_write

    atomic_write(path, content)
    say(f"{path}\n")
    for text in (*notes, then):
        _say(text)


def _say(text: str) -> None:
    say("".join(f"{line}\n" for line in look().wrap(text)))

"""`grader class` and `grader release`: a class's folder, and what is handed out from it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli_grade import book_of
from grader.console import look, say, told
from grader.errors import GraderError
from grader.options import ClassOption, Names
from grader.report.live import live
from grader.words import plural

if TYPE_CHECKING:
    from grader.course import Course
    from grader.instructor.handout.choice import Format
    from grader.instructor.handout.release import Released
    from grader.instructor.term import Term
    from grader.place import Place


@told()
def class_new(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The class folder to make.")],
    roster: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A csv file: id,first_name,last_name,email")
    ] = None,
    example: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Make up thirty students and what they hand in of this.")
    ] = None,
) -> None:
    """Make a folder for a class.

    It holds what the class agrees on, its roster and, later, its hand-outs, attempts and grades.
    """
    from grader.instructor.example import DUE, make
    from grader.instructor.term import create

    made_up = make(folder, context.obj.course, example) if example else None
    term = create(folder, context.obj.course.root, roster)
    with book_of(term):  # nbgrader makes its tables, which takes seconds, once
        pass
    say(f"The class {term.name} with {plural(len(term.students), 'student')}: {term.root}\n")
    say("Look at class.toml: time zone, lateness, what counts.\n")
    what, due = " ".join(example or ["ch00"]), f"{DUE:%Y-%m-%dT%H:%M}"
    say(f"Next: cd {folder} && grader release {what} --name hw1 --due {due} --out hw1.zip\n")
    if made_up:
        say(f"Then: grader collect hw1 {made_up.name}\n")


@told()
def release(
    context: typer.Context,
    names: Names = None,
    *,
    out: Annotated[Path, typer.Option(metavar="PATH", help="The folder or the .zip file to make.")],
    name: Annotated[str, typer.Option(help="The assignment's name. Default: that of PATH.")] = "",
    due: Annotated[str, typer.Option(metavar="TIME", help="Such as 2026-12-01T23:59, in the class's time zone.")] = "",
    given: Annotated[list[str] | None, typer.Option(metavar="ID", help="Give its solution. Can be repeated.")] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="folder, zip, git or notebooks. Default: by PATH.")
    ] = "",
    variants: Annotated[
        bool, typer.Option("--variants", help="One hand-out for each student, in the folder PATH.")
    ] = False,
    folder: ClassOption = None,
) -> None:
    """Make a hand-out: stubs and lessons without solutions.

    Chapters, sections or exercises. In a class folder the assignment is remembered in class.toml, and its name alone
    makes the same hand-out again.
    """
    from datetime import UTC

    from grader.instructor.handout.choice import Wish, read_due
    from grader.instructor.handout.release import release as make

    term, name = _term(folder), name or out.absolute().stem
    many = variants or bool(term and name in term.assignments and term.assignments[name].variants)
    chosen = _format(form, out, many)
    if chosen == "zip" and out.suffix != ".zip" and not many:
        out = out.with_name(f"{out.name}.zip")
    until = read_due(due, term.zone if term else UTC) if due else None
    wish = Wish(out, name, names or (), given or (), until, chosen, variants)
    course = _course(context.obj, term)
    with live(len(term.students) if term and many else 1, sys.stderr, "Making") as tick:
        made = make(course, term, wish, tick)
    say(_summary(made))


def _term(option: Path | None) -> Term | None:
    """The class named or stood in; a hand-out can be made without one."""
    from grader.instructor.term import Term, locate

    return Term.find(option) if option or locate(Path.cwd()) else None


def _course(place: Place, term: Term | None) -> Course:
    if term is None:
        return place.course
    if place.course_option and place.course_option.resolve() != term.course_root:
        problem = f"This class takes its course from {term.course_root}."
        raise GraderError(problem, f"Change that in {term.root / 'class.toml'}, or leave out --course.")
    return term.course


def _format(name: str, out: Path, variants: bool) -> Format:
    from grader.instructor.handout.choice import Format

    default = "zip" if out.suffix == ".zip" else "folder"
    try:
        chosen = Format(name or default)
    except ValueError as error:
        raise GraderError(f"There is no format `{name}`.", f"There are: {', '.join(Format)}.") from error
    if variants and out.suffix == ".zip":
        raise GraderError(f"With --variants, {out} is a folder that holds a hand-out for each student.", "--format zip")
    return chosen


def _summary(made: Released) -> str:
    from grader.instructor.handout.readme import due, worth

    handout, view = made.handout, look()
    kind = f"{plural(made.students, 'hand-out')}, one for each student" if made.students else "the hand-out"
    lines = view.wrap(f"{handout.assignment.name}: {kind} in {made.out}")
    lines += view.wrap(f"{', '.join(section.id for section in handout.asked)}: {worth(handout.exercises)}", "  ")
    lines += view.wrap(f"Due {due(handout)}." if handout.assignment.due else "No due date.", "  ")
    lines += view.wrap("Searched for every line of the solutions, suites and mistakes: nothing is given away.", "  ")
    signed = "Signed with class.key." if made.signed else "Not signed and not remembered: this is no class folder."
    lines += [*view.wrap(signed, "  "), *(line for note in made.notes for line in view.wrap(note, "  "))]
    steps = (
        f"grader collect {handout.assignment.name}"
        if made.signed
        else "`grader class DIR` makes a class that grades it"
    )
    return "\n".join([*lines, f"Next, when work has come in: {steps}" if made.signed else f"Next: {steps}"]) + "\n"

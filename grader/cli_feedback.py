"""`grader feedback` and `grader report`: what students get to read, and what the instructor does."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from grader.cli_grade import book_of
from grader.console import look, say, told
from grader.errors import GraderError
from grader.options import AssignmentName, ClassOption
from grader.report.live import live
from grader.words import plural


@told()
def feedback(
    assignment: AssignmentName,
    students: Annotated[
        list[str] | None, typer.Argument(metavar="STUDENT", help="Ids; everybody who was graded when none is named.")
    ] = None,
    folder: ClassOption = None,
) -> None:
    """Write a page for each graded student.

    As HTML and as Markdown: rules, explanations, likely mistakes, points. No page holds anything of anybody else.
    """
    from grader.instructor.term import Term

    term = Term.find(folder)
    wanted = term.assignment(assignment)
    with book_of(term) as book:
        from grader.instructor.pages import feedback

        grades = feedback.chosen(book.grades(wanted), students or [])
        with live(len(grades), sys.stderr, "Writing") as tick:
            written = feedback.write(term, wanted, grades, tick)
    say(f"{plural(len(written.pages) // 2, 'student')}, a page each as .html and as .md: {written.folder}\n")
    if written.without:
        say("\n".join(look().wrap(f"Nothing graded of: {', '.join(each.id for each in written.without)}.")) + "\n")
    say(f"Next: hand the pages out, or grader report {assignment} for the class as a whole.\n")


@told()
def report(assignment: AssignmentName, folder: ClassOption = None) -> None:
    """Look at a class as a whole.

    One page with plots: scores, what fails most, common mistakes, times, and submissions that are much alike.
    """
    from grader.instructor.term import Term

    term = Term.find(folder)
    wanted = term.assignment(assignment)
    with book_of(term) as book:
        from grader.instructor.pages import class_page, survey

        grades = list(book.grades(wanted))
    if not any(grade.graded for grade in grades):
        raise GraderError(f"Nothing of {assignment} was graded.", f"`grader grade {assignment}` does that.")
    with live(len(grades), sys.stderr, "Reading") as tick:
        found = survey.survey(term, wanted, grades, tick)
    say(class_page.summary(found, look()))
    say(f"The page: {survey.write(term, wanted, found)}\nIt names students: keep it to yourself.\n")

"""`grader grade`, `adjust`, `extend` and `log`: a class's grades, and what people change about them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grader.console import NOT_ALL, look, say, stop, told
from grader.errors import GraderError
from grader.options import AssignmentName, ClassOption
from grader.report.live import live
from grader.words import clean, plural

if TYPE_CHECKING:
    from grader.instructor.grading.batch import Scheduler
    from grader.instructor.grading.gradebook import Gradebook
    from grader.instructor.grading.regrade import Move
    from grader.instructor.term import Assignment, Term

StudentName = Annotated[str, typer.Argument(metavar="STUDENT", help="The student's id.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the log and in the feedback.")]


@told()
def grade(
    assignment: AssignmentName,
    folder: ClassOption = None,
    jobs: Annotated[int | None, typer.Option(min=1, metavar="N", help="Judges. Default: one for every core.")] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="TCP", help="Grade on a dask cluster: tcp://host:8786")
    ] = None,
    regrade: Annotated[bool, typer.Option(help="Grade again what a changed suite touches; shows what moves.")] = False,
    again: Annotated[
        list[str] | None, typer.Option(metavar="STUDENT", help="Grade this one anew, whatever is known.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write a regrade without asking.")] = False,
) -> None:
    """Grade what was collected.

    Always at isolation level strict. What was graded already is not graded again; stopped at any moment, the next call
    goes on from there.
    """
    from grader.instructor.grading.judges import Court
    from grader.instructor.term import Term

    term = Term.find(folder)
    wanted = term.assignment(assignment)
    judges = _scheduler(scheduler, jobs)
    # They get ready while nbgrader is imported, which takes two seconds as well.
    judges.warm(Court(term.course.root, tuple(section.id for section in term.selection(wanted))))
    with closing(judges), _alone(term), book_of(term) as book:
        book.register(wanted)
        news = book.follow_rules(wanted)
        if news:
            say(f"The rules in class.toml changed; penalties follow: {news}\n")
        if regrade:
            _regrade(book, wanted, judges, yes)
        else:
            _grade(book, wanted, judges, again or [])


@contextmanager
def _alone(term: Term) -> Iterator[None]:
    """Two gradings of one class at once would do the same work twice."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(term.root / ".grading.lock", timeout=0):
            yield
    except Timeout as error:
        raise GraderError("Another `grader grade` works on this class.", "Wait for it, or stop it.") from error


def book_of(term: Term) -> Gradebook:
    """The class's gradebook; raises `GraderError` with the line that installs what it needs."""
    try:
        from grader.instructor.grading.gradebook import Gradebook
    except ImportError as error:
        hint = f"{Path(sys.executable).name} -m pip install 'llm-from-scratch-grader[instructor]'"
        raise GraderError(f"The gradebook needs `{error.name}`, which is not installed.", hint) from error
    return Gradebook(term)


def _scheduler(address: str | None, jobs: int | None) -> Any:
    if address is None:
        from grader.instructor.grading.local import Local

        return Local(jobs)
    from grader.instructor.grading.cluster import Cluster

    return Cluster(address)


def _grade(book: Gradebook, assignment: Assignment, scheduler: Scheduler, again: Sequence[str]) -> None:
    from grader.instructor.grades import Verdict
    from grader.instructor.grading.batch import Batch

    def take(verdict: Verdict) -> None:
        book.commit(assignment, verdict)
        tick(verdict.student)

    batch = Batch(book, assignment, take)
    students = batch.anew(again) if again else batch.pending()
    with live(len(students), sys.stderr, "Grading", pace=True) as tick:
        batch.run(students, scheduler)
    say(_summary(book, assignment, len(students)))


def _summary(book: Gradebook, assignment: Assignment, count: int) -> str:
    from grader.results import Status

    grades = list(book.grades(assignment))
    handed_in = [grade for grade in grades if grade.graded]
    lines = [f"Graded now: {count}. In the gradebook: {len(handed_in)} of {plural(len(grades), 'student')}."]
    if handed_in:
        mean = sum(grade.score for grade in handed_in) / len(handed_in)
        late = sum(grade.penalty > 0 for grade in handed_in)
        lines.append(
            f"Mean score {mean:.1f} of {handed_in[0].max_points:g}; {late} with points taken off for lateness."
        )
    broken = [
        grade.student.id
        for grade in handed_in
        if any(line.result and line.result.status is Status.BROKEN for line in grade.lines)
    ]
    missing = [grade.student.id for grade in grades if not grade.graded]
    for what, found in (("Something broken", broken), ("Nothing handed in", missing)):
        if found:
            lines += look().wrap(f"{what}: {', '.join(clean(each, 60) for each in found)}.")
    not_run = sum(grade.not_run_points for grade in handed_in)
    if not_run:
        lines.append(f"Points that could not be checked here: {not_run:g}. `grader doctor` says what is missing.")
    lines.append(
        f"Next: grader feedback {assignment.name}, grader report {assignment.name}, grader export csv {assignment.name}"
    )
    return "\n".join(lines) + "\n"


def _regrade(book: Gradebook, assignment: Assignment, scheduler: Scheduler, yes: bool) -> None:
    from grader.instructor.grading.regrade import regrade

    with live(0, sys.stderr, "Regrading") as tick:
        moves = regrade(book, assignment, scheduler, tick)
    if not moves:
        say("No suite says anything else than when this was graded; nothing to do.\n")
        return
    say(_moves(moves))
    if not yes and not typer.confirm("Write this to the gradebook?"):
        stop(NOT_ALL, "Nothing was written. The results are kept, so that the same regrade is quick.")
    for move in moves:
        details = f"{move.before:g} → {move.after:g}. " + " | ".join(move.why)
        book.commit(assignment, move.verdict, "regraded", details.strip())
    say(f"Written: {plural(len(moves), 'submission')}.\n")


def _moves(moves: Sequence[Move]) -> str:
    moved = [move for move in moves if move.why]
    lines = [f"Graded again: {plural(len(moves), 'submission')}; the points of {len(moved)} move."]
    for move in sorted(moved, key=lambda move: move.after - move.before):
        lines.append(f"\n{move.verdict.student}: {move.before:g} → {move.after:g}")
        lines += [line for why in move.why for line in look().wrap(why, "  ")]
    return "\n".join(lines) + "\n"


@told()
def adjust(
    assignment: AssignmentName,
    student: StudentName,
    exercise: Annotated[str, typer.Argument(metavar="EXERCISE", help="The exercise that the points belong to.")],
    points: Annotated[float, typer.Option("--points", help="How many to add: 1.5, or -2 to take off.")],
    reason: Reason,
    folder: ClassOption = None,
) -> None:
    """Add points to a student's exercise, or take some off, with a reason."""
    from grader.course import select
    from grader.instructor.term import Term

    term = Term.find(folder)
    wanted = term.assignment(assignment)
    chosen = [each for part in select(term.course, [exercise]).values() for each in part]
    if len(chosen) != 1:
        raise GraderError(f"`{exercise}` has {len(chosen)} exercises.", "Name the one that the points belong to.")
    with book_of(term) as book:
        total = book.adjust(wanted, student, chosen[0], points, reason)
    say(f"{student}, {chosen[0].id}: {points:+g}, now {total:+g} beside what the checks gave.\n")


@told()
def extend(
    assignment: AssignmentName,
    student: StudentName,
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="2026-12-01T23:59, in the class's zone.")],
    reason: Reason,
    folder: ClassOption = None,
) -> None:
    """Give a student another due date, with a reason."""
    from grader.instructor.term import Term

    term = Term.find(folder)
    moment = term.moment(until)
    with book_of(term) as book:
        book.extend(term.assignment(assignment), student, moment, reason)
    say(f"{student} may hand in {assignment} until {moment.astimezone(term.zone):%Y-%m-%d %H:%M} ({term.zone}).\n")


@told()
def log(
    assignment: Annotated[str, typer.Argument(metavar="[ASSIGNMENT]")] = "",
    student: Annotated[str, typer.Option(metavar="ID", help="Only this student's.")] = "",
    folder: ClassOption = None,
) -> None:
    """Show who changed what, and when. Lines are only ever added."""
    from grader.instructor.term import Term

    with book_of(Term.find(folder)) as book:
        for each in book.history(assignment, student):
            what = " ".join(filter(None, (each.what, each.assignment, each.student)))
            say(f"{each.at}  {clean(each.who, 30)}  {what}\n")
            say("".join(f"  {line}\n" for line in look().wrap(clean(each.details, 2000))) if each.details else "")

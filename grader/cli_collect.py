"""`grader submit` and `grader collect`: what a learner hands in, and how a class takes it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.console import NOT_ALL, look, say, told
from grader.options import AssignmentName, ClassOption, Names
from grader.report.live import live

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from grader.instructor.intake.collect import Collected, Row
    from grader.instructor.intake.origins import Kind
    from grader.instructor.term import Assignment, Term
    from grader.submit import Standing, Submission

Time = Annotated[str, typer.Option(metavar="TIME", help="Such as 2026-12-01T23:59, in the class's time zone.")]


@told()
def submit(
    context: typer.Context,
    names: Names = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE.zip", help="The zip to make.")] = None,
    student: Annotated[str, typer.Option(metavar="ID", help="Who you are, as your class knows you.")] = "",
) -> None:
    """Pack your answers for handing in.

    Exactly the files that count, with a receipt. Nothing is sent anywhere: you upload the zip.
    """
    from grader import submit as packing

    workspace = context.obj.workspace
    release = packing.read_release(workspace)
    sections = packing.chosen(workspace, release, names or [])
    submission = packing.pack(workspace, sections, release, student)
    target = out or Path(packing.default_name(submission))
    say("".join(f"{line}\n" for line in _contents(submission, target)))
    sys.stdout.flush()
    kept = packing.write(workspace, submission, target)
    say(f"\nReceipt: {look().paint(submission.receipt, 'bold')}\n")
    say(f"{kept.relative_to(workspace.root)} keeps it. Whoever collects the zip sees the same code.\n")
    say(f"\nNothing was sent. Next: upload {target} to where your class hands in.\n")


def _contents(submission: Submission, target: Path) -> Iterator[str]:
    yield look().paint(f"{target} will hold what counts, and nothing else:", "bold")
    room = max(len(each.path) for each in submission.standings)
    for each in submission.standings:
        yield from look().wrap(f"{each.path:{room}}  {_standing(each)}", "  ", " " * (room + 4))
    for path in submission.missing:
        yield f"  {path:{room}}  is missing; it counts as not written"


def _standing(standing: Standing) -> str:
    if standing.problem:
        return f"PROBLEM: {standing.problem}. As it is, nothing in this file can be graded."
    said = [f"{len(standing.passed)} of {standing.exercises} passed here when last checked"]
    if standing.changed:
        said.append(f"changed since they passed: {', '.join(standing.changed)}")
    if len(standing.stubs) == standing.exercises:
        said.append("all as it was handed out")
    elif standing.stubs:
        said.append(f"still as handed out: {', '.join(standing.stubs)}")
    return "; ".join(said)


@told()
def collect(
    assignment: AssignmentName,
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="SOURCE…", help="Folders, zips, exports, clones, or a csv file with student,url."),
    ],
    *,
    folder: ClassOption = None,
    student: Annotated[str, typer.Option(metavar="ID", help="All of it is this student's.")] = "",
    received: Time = "",
    until: Annotated[str, typer.Option(metavar="TIME", help="For repositories: later commits do not count.")] = "",
    kind: Annotated[
        str, typer.Option("--as", metavar="KIND", help="student, folder, canvas, moodle, gradescope, nbgrader, git")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would come in, and keep nothing.")] = False,
) -> None:
    """Take in what a class handed in.

    Folders and zips by student, exports of Canvas, Moodle and Gradescope, repositories, nbgrader's tree: they are known
    by what is in them. Nothing is unpacked or run. Every attempt is kept; the same one only once.

    Exit code 0: everything was taken. 1: something was not.
    """
    from grader.instructor.intake.collect import Options
    from grader.instructor.intake.collect import collect as take
    from grader.instructor.term import Term

    term = Term.find(folder)
    wanted = term.assignment(assignment)
    options = Options(_kind(kind), student, _time(term, received), _time(term, until), dry_run)
    with live(len(sources), sys.stderr, "Collecting") as tick:
        collected = take(term, wanted, sources, options, tick)
    say("".join(f"{line}\n" for line in _collected(term, wanted, collected, dry_run)))
    if collected.refused or collected.unknown:
        raise typer.Exit(NOT_ALL)


def _time(term: Term, text: str) -> datetime | None:
    from datetime import datetime

    from grader.errors import GraderError

    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise GraderError(f"The time {text!r} cannot be read.", "Write one such as 2026-12-01T23:59") from error
    return found if found.tzinfo else found.replace(tzinfo=term.zone)


def _kind(name: str) -> Kind | None:
    from grader.errors import GraderError
    from grader.instructor.intake.origins import Kind

    if name and name not in list(Kind):
        raise GraderError(f"There is no kind of source `{name}`.", f"There are: {', '.join(Kind)}.")
    return Kind(name) if name else None


def _collected(term: Term, assignment: Assignment, collected: Collected, dry_run: bool) -> Iterator[str]:
    from grader.words import clean, names, plural

    rows = sorted(collected.rows, key=lambda row: (row.attempt.student, row.attempt.received))
    new = sum(row.new for row in rows)
    yield from _table(term, assignment, rows)
    yield f"{plural(new, 'attempt')} {'would be new' if dry_run else 'kept'}, {len(rows) - new} known already."
    for head, found in (("Refused:", collected.refused), ("Unknown:", collected.unknown)):
        if found:
            yield from ("", look().paint(head, "bold"))
        for shown, why in found:
            yield from look().wrap(f"{clean(shown, 80)}: {why}", "  ", "    ")
    yield from _notes(rows)
    if term.students:
        missing = [each.id for each in collected.missing]
        yield ""
        yield from look().wrap(f"Missing: {names(missing, 1000)}." if missing else "Missing: nobody.")
    yield f"Next: grader grade {assignment.name}" if not dry_run else "Nothing was kept."


def _table(term: Term, assignment: Assignment, rows: Sequence[Row]) -> Iterator[str]:
    from grader.words import clean

    if not rows:
        return
    room = min(max(len(row.attempt.student) for row in rows), 32)
    head = f"{'student':{room}}  {'received':16}  {'':10}  {'files':>5}  receipt"
    yield look().paint(head, "dim")
    for row in rows:
        local = row.attempt.received.astimezone(term.zone)
        late = _late(row.attempt.received - assignment.due) if assignment.due else ""
        files = f"{len(row.attempt.files)}/{row.wanted}"
        name = look().cut(clean(row.attempt.student, 100), room)
        known = "" if row.new else "  known"
        yield f"{name:{room}}  {local:%Y-%m-%d %H:%M}  {late:10}  {files:>5}  {row.receipt}{known}"
    yield ""


def _late(after: timedelta) -> str:
    """How much after the due date; extensions are known to the gradebook, not here."""
    seconds = after.total_seconds()
    if seconds <= 0:
        return ""
    size, unit = next(
        (size, unit) for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (0, "s")) if seconds >= size
    )
    return f"late {seconds // max(size, 1):.0f} {unit}"


def _notes(rows: Sequence[Row]) -> Iterator[str]:
    """Each note once, with those whom it is about."""
    from grader.words import names

    about: dict[str, list[str]] = {}
    for row in rows:
        for note in row.attempt.notes:
            about.setdefault(note, []).append(row.attempt.student)
    if about:
        yield from ("", look().paint("Notes:", "bold"))
    for note, students in sorted(about.items()):
        yield from look().wrap(f"{names(students, 5)}: {note}", "  ", "    ")

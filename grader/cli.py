"""The command line: parses, prints, exits. What it prints is made in `report`, what it does in the modules below.

What is slow to import (the judge, NumPy, pytest) is imported inside the commands that need it.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader import __version__
from grader import workspace as workspaces
from grader.cli_author import author
from grader.cli_models import models
from grader.console import COULD_NOT, NOT_ALL, PASSED, look, remark, say, stop, told
from grader.course import Exercise, Section, select
from grader.errors import GraderError
from grader.options import EPILOG, SETTINGS, Anywhere, CourseOption, Level, Name, Names, WorkspaceOption
from grader.place import Place
from grader.progress import Progress, Record
from grader.report import overview, terminal
from grader.report.live import live
from grader.report.tally import Standing, next_up, standings
from grader.results import Status

if TYPE_CHECKING:
    from grader.grading import Options
    from grader.results import Report

Selection = Mapping[Section, tuple[Exercise, ...]]
app = typer.Typer(cls=Anywhere, epilog=EPILOG, **SETTINGS)
app.add_typer(author, name="author")
app.add_typer(models, name="models")


def main() -> None:
    """Run the command line."""
    gc.disable()  # what is imported stays; the judge turns it on again when there is something to collect
    with told():
        app(prog_name="grader")


@app.callback(invoke_without_command=True)
@told()
def everything(
    context: typer.Context,
    workspace: WorkspaceOption = None,
    course: CourseOption = None,
    version: Annotated[bool, typer.Option("--version", help="Say which version this is.")] = False,
) -> None:
    """LLM from Scratch: write a language model piece by piece, each piece checked as you go.

    Without a command: how far you are, and what is next.
    """
    context.obj = place = Place(workspace, course)
    if version:
        say(f"grader {__version__}\n")
    elif context.invoked_subcommand is None:
        say(overview.progress(place.course, _standings(place), look()))


def _standings(place: Place) -> dict[str, Standing]:
    """How every exercise stands; says first what is wrong with the file that remembers it."""
    progress = Progress.open(place.workspace)
    for note in progress.notes:
        remark(note)
    return standings(place.course, progress)


@app.command()
@told()
def init(context: typer.Context, folder: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Make a folder to work in.

    It holds all exercises and lessons. Files that are there already stay as they are.
    """
    say(overview.created(workspaces.init(context.obj.course, folder), str(folder), look()))


@app.command()
@told()
def check(
    context: typer.Context,
    names: Names = None,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="Sections to grade side by side.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    isolation: Annotated[Level, typer.Option(help="strict locks the code in; it needs Linux.")] = Level.process,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Use this seed for every exercise.")] = None,
    require_all: Annotated[bool, typer.Option("--require-all", help="Fail when something cannot run here.")] = False,
) -> None:
    """Grade your work.

    Exercises, sections or chapters; everything when none is named.

    Exit code 0: all passed. 1: not all. 2: could not grade.
    """
    from grader.grading import Options

    place: Place = context.obj
    selection = select(place.course, names or [])
    before = _standings(place)
    report = _graded(place, selection, Options(str(isolation), seed, jobs))
    if as_json:
        print(json.dumps(report.to_json(), indent=2))
    else:
        say(terminal.render(_view(place, selection, names or [], report, before)))
    _end(report, require_all)


def _graded(place: Place, selection: Selection, options: Options) -> Report:
    """The report; whatever suites print goes where it does no harm."""
    from grader.grading import grade

    with redirect_stdout(sys.stderr), live(sum(map(len, selection.values())), sys.stderr) as on_result:
        return grade(place.course, place.workspace, selection, options, on_result)


def _view(
    place: Place, selection: Selection, names: Sequence[str], report: Report, before: Mapping[str, Standing]
) -> terminal.View:
    """What to tell: exercises named one by one in full; what is next comes from the same selection if it can."""
    found = [[each.id for part in select(place.course, [name]).values() for each in part] for name in names]
    named = frozenset(ids[0] for ids in found if len(ids) == 1)
    statuses = {id: each.status for id, each in before.items()}
    statuses |= {result.id: result.status for result in report.exercises}
    chosen = [each for part in selection.values() for each in part]
    upcoming = next_up(chosen, statuses) or next_up(place.course.exercises, statuses)
    return terminal.View(report, place.course, look(), named, upcoming)


def _end(report: Report, require_all: bool) -> None:
    not_run = any(result.status is Status.NOT_RUN for result in report.exercises)
    if require_all and (not_run or report.not_run_points or report.public_only):
        stop(COULD_NOT, "Not everything could run here, and --require-all asks for that.", "`grader doctor` says more.")
    raise typer.Exit(PASSED if report.all_passed and not report.public_only else NOT_ALL)


@app.command("list")
@told()
def list_exercises(context: typer.Context, names: Names = None) -> None:
    """Show every exercise.

    With status, points, difficulty (one to five stars) and minutes.
    """
    place: Place = context.obj
    say(overview.listing(select(place.course, names or []), _standings(place), look()))


def _one(place: Place, name: str) -> Exercise:
    found = [each for part in select(place.course, [name]).values() for each in part]
    if len(found) != 1:
        raise GraderError(f"`{name}` has {len(found)} exercises; this command takes one.", "`grader list` shows them.")
    return found[0]


@app.command()
@told()
def hint(context: typer.Context, exercise: Name) -> None:
    """Show the next hint for an exercise.

    Which ones were used is remembered.
    """
    place: Place = context.obj
    wanted = _one(place, exercise)
    if not wanted.hints:
        raise GraderError(f"There are no hints for `{wanted.id}`.", "Its docstring and the lesson say the most.")
    say(overview.hints(wanted, Progress.open(place.workspace).hint(wanted), look()))


@app.command()
@told()
def solution(
    context: typer.Context,
    exercise: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Show it without asking.")] = False,
) -> None:
    """Show the solution of an exercise.

    Once it passes, or after asking.
    """
    from grader.files import read_text
    from grader.stubs import definition

    place: Place = context.obj
    wanted = _one(place, exercise)
    section = place.course.section_of(wanted)
    if section.solution is None:
        raise GraderError(f"This hand-out has no solution for `{wanted.id}`.", f"`grader hint {wanted.id}` helps.")
    if not (yes or Progress.open(place.workspace).get(wanted).passed_at or _asked(wanted)):
        say("Not shown. Good luck!\n")
        return
    say(overview.solution(definition(read_text(section.solution), wanted.name)))


def _asked(exercise: Exercise) -> bool:
    if not sys.stdin.isatty():
        raise GraderError(f"`{exercise.id}` does not pass yet.", "Add --yes to see its solution all the same.")
    return typer.confirm(f"{exercise.name} does not pass yet. Show its solution all the same?", err=True)


@app.command()
@told()
def reset(context: typer.Context, exercise: Name) -> None:
    """Put the stub of an exercise back.

    The file as it was is kept in a backup.
    """
    place: Place = context.obj
    wanted = _one(place, exercise)
    backup = place.workspace.reset(wanted)
    progress = Progress.open(place.workspace)
    record = progress.get(wanted)
    if record.checked_at:
        progress.update({wanted.id: Record(max_points=record.max_points, seed=record.seed)})
    say(overview.was_reset(wanted, place.course.section_of(wanted), backup, look()))


@app.command()
@told()
def run(context: typer.Context, section: Annotated[str, typer.Argument(metavar="SECTION")]) -> None:
    """Run a hands-on section.

    With your code where it passes, the packaged solution where not.
    """
    from grader.handson import prepare

    place: Place = context.obj
    found = list(select(place.course, [section]))
    if len(found) != 1:
        raise GraderError(f"`{section}` has {len(found)} sections; this command takes one.", "Name one of them.")
    ready = prepare(place.workspace, found[0])
    say(overview.running(ready.composition, look()))
    sys.stdout.flush()
    code, made = ready.start()
    say(overview.left(made, Path.cwd(), look()))
    raise typer.Exit(code)


@app.command()
@told()
def doctor(context: typer.Context) -> None:
    """Look at this machine.

    What is there, what is missing, and what to do about it.
    """
    from grader import doctor

    parts = doctor.examine(context.obj)
    say(doctor.render(parts, look()))
    raise typer.Exit(0 if doctor.can_work(parts) else 1)

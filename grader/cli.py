"""The command line: parses, prints, exits. What it prints is made in `report`, what it does in the modules below.

What is slow to import (the judge, NumPy, pytest) is imported inside the commands that need it.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Annotated

import typer

from grader import __version__
from grader import workspace as workspaces
from grader.cli_author import author
from grader.cli_check import check, standings_of
from grader.cli_class import add_to
from grader.cli_models import models
from grader.console import look, say, told
from grader.course import Exercise, select
from grader.errors import GraderError
from grader.options import EPILOG, SETTINGS, Anywhere, CourseOption, Name, Names, WorkspaceOption
from grader.place import Place
from grader.progress import Progress, Record
from grader.report import overview

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
        found = standings_of(place)
        say(overview.progress(place.shown, {each.id: found[each.id] for each in place.shown.exercises}, look()))


@app.command()
@told()
def init(context: typer.Context, folder: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Make a folder to work in.

    It holds all exercises and lessons. Files that are there already stay as they are.
    """
    say(overview.created(workspaces.init(context.obj.course, folder), str(folder), look()))


app.command()(check)


@app.command("list")
@told()
def list_exercises(context: typer.Context, names: Names = None) -> None:
    """Show every exercise.

    With status, points, difficulty (one to five stars) and minutes.
    """
    place: Place = context.obj
    say(overview.listing(select(place.course, names or place.asked), standings_of(place), look()))


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


add_to(app)  # last: `--help` lists what learners use first

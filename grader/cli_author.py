"""`grader author …`: what those type who write the course."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from grader.console import NOT_ALL, PASSED, say, told
from grader.course import select
from grader.options import SETTINGS, Names
from grader.place import Place
from grader.report.live import live

author = typer.Typer(help="Commands for those who write the course.", no_args_is_help=True, **SETTINGS)


@author.command()
@told()
def check(
    context: typer.Context,
    names: Names = None,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="Processes side by side.")] = os.cpu_count() or 1,
    everything: Annotated[bool, typer.Option("--all", help="Also what has not changed since it passed.")] = False,
    sample: Annotated[float, typer.Option(min=0, max=1, help="The share of what is unchanged to try again.")] = 0.0,
) -> None:
    """Put the course to the test.

    Solutions earn all points, stubs none, mistakes and mutants are caught. Exit code 1 when something is to mend.
    """
    from grader.author import main

    place: Place = context.obj
    selection = select(place.course, names or [])
    with live(sum(map(len, selection.values())), sys.stderr) as on_result:
        report = main.check(
            place.course, selection, jobs=jobs, everything=everything, sample=sample,
            on_result=lambda verdict: on_result(verdict.id),
        )  # fmt: skip
    say(main.render(report))
    raise typer.Exit(PASSED if report.clean else NOT_ALL)


@author.command()
@told()
def cut(context: typer.Context) -> None:
    """Make exercises/ from solutions/."""
    from grader.exercises import derive

    course = context.obj.course
    changed = derive(course, course.root / "exercises")
    say("".join(f"exercises/{name}\n" for name in changed) or "exercises/ is as solutions/ say.\n")

"""`grader nbgrader`: a course folder in which nbgrader's own commands work."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from grader.console import say, told
from grader.errors import GraderError
from grader.options import SETTINGS, ClassOption, Names
from grader.place import Place

nbgrader = typer.Typer(help="Use nbgrader with this course.", **SETTINGS)


@nbgrader.callback()
def group() -> None:
    """Use nbgrader with this course."""


@nbgrader.command()
@told()
def build(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The course folder to write.")],
    names: Names = None,
    name: Annotated[str | None, typer.Option("--name", help="One assignment of this name.")] = None,
    folder: ClassOption = None,
) -> None:
    """Write a course folder for nbgrader.

    One assignment for each chapter, or one of the name given, of what is named. In a class folder: what the class has.
    """
    if find_spec("nbgrader") is None:
        hint = f"{Path(sys.executable).name} -m pip install 'llm-from-scratch-grader[instructor]'"
        raise GraderError("nbgrader is not installed.", hint)
    from grader.instructor.nbgrader import course as nbgrader_course

    place: Place = context.obj
    term = nbgrader_course.home(out, folder, lambda: place.course.root)
    term, assignments = nbgrader_course.plan(term, names or [], name)
    built = nbgrader_course.write(term, assignments, out)
    for assignment, notebooks in built.assignments.items():
        say(f"{assignment}: {', '.join(f'{each}.ipynb' for each in notebooks)}\n")
    for path in built.replaced:
        say(f"It said something else before: {path}\n")
    first = next(iter(built.assignments))
    say(f"Next: cd {built.folder}, then nbgrader generate_assignment {first}\n")

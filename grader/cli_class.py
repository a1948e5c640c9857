"""The commands of a class, under their names: what an instructor types over a term, and how a learner hands in."""

from __future__ import annotations

from collections.abc import Callable

import typer

from grader.cli_collect import collect, submit
from grader.cli_export import export
from grader.cli_feedback import feedback, report
from grader.cli_grade import adjust, extend, grade, log
from grader.cli_nbgrader import nbgrader
from grader.cli_release import class_new, release
from grader.cli_serve import serve_class, token

PANEL = "For instructors"
COMMANDS: dict[str, Callable[..., None]] = {
    "class": class_new, "release": release, "collect": collect, "grade": grade, "adjust": adjust, "extend": extend,
    "log": log, "feedback": feedback, "report": report, "serve-class": serve_class, "token": token,
}  # fmt: skip


def add_to(app: typer.Typer) -> None:
    """Registers everything."""
    app.command("submit")(submit)
    for name, command in COMMANDS.items():
        app.command(name, rich_help_panel=PANEL)(command)
    app.add_typer(export, name="export", rich_help_panel=PANEL)
    app.add_typer(nbgrader, name="nbgrader", rich_help_panel=PANEL)

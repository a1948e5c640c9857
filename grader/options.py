"""What can be typed: the types of arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

EVERYWHERE = ("--workspace", "--course")
EPILOG = "Every command also takes --workspace DIR (whose answers) and --course DIR (another course)."


class Anywhere(TyperGroup):
    """A group whose own options may also stand behind the command: `grader check --workspace DIR`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, hoisted(args))


def hoisted(arguments: Sequence[str]) -> list[str]:
    """The arguments, with the options that every command has moved to the front."""
    front: list[str] = []
    rest: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--":
            return [*front, *rest, argument, *waiting]
        if argument in EVERYWHERE:
            front += [argument, *([value] if (value := next(waiting, None)) is not None else [])]
        else:
            (front if argument.startswith(tuple(f"{name}=" for name in EVERYWHERE)) else rest).append(argument)
    return [*front, *rest]


class Level(StrEnum):
    """How tightly a worker is locked in."""

    process = "process"
    strict = "strict"


WorkspaceOption = Annotated[
    Path | None,
    typer.Option("--workspace", metavar="DIR", help="The folder with the answers. Default: the one you are in."),
]
CourseOption = Annotated[
    Path | None,
    typer.Option("--course", metavar="DIR", help="The course. Default: the one your workspace was made from."),
]
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="ID", help="ch02, ch02/attention, ch02/attention/rms_norm, a file, a bare name."),
]
Name = Annotated[str, typer.Argument(metavar="EXERCISE", help="ch02/attention/rms_norm, or only rms_norm.")]

ClassOption = Annotated[
    Path | None, typer.Option("--class", metavar="DIR", help="The class folder. Default: the one you are in.")
]
AssignmentName = Annotated[str, typer.Argument(metavar="ASSIGNMENT", help="Its name in class.toml.")]

SETTINGS: dict[str, Any] = {
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}

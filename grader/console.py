"""The two streams and the exit code: how the program says something, and how it ends when something is wrong."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from grader.errors import GraderError
from grader.report.look import Look

PASSED, NOT_ALL, COULD_NOT, INTERRUPTED = 0, 1, 2, 130


def look() -> Look:
    """What standard output can show."""
    return Look.of(sys.stdout)


def say(text: str) -> None:
    """Writes to standard output, in characters that its encoding has."""
    sys.stdout.write(look().safe(text))


def remark(problem: str, hint: str = "") -> None:
    """Writes to standard error: what is wrong, and what to do next."""
    look = Look.of(sys.stderr)
    lines = [look.paint(line, "bold") for line in look.wrap(problem)]
    print("\n".join([*lines, *(look.wrap(hint) if hint else [])]), file=sys.stderr)


def stop(code: int, problem: str, hint: str = "") -> NoReturn:
    """Says why on standard error, and ends."""
    remark(problem, hint)
    raise SystemExit(code)


@contextmanager
def told() -> Iterator[None]:
    """Ends the program in a sentence, whatever happens."""
    try:
        yield
    except GraderError as error:
        stop(COULD_NOT, error.problem, error.hint)
    except KeyboardInterrupt:
        stop(INTERRUPTED, "Stopped. Your files are as they were.")
    except (typer.Exit, typer.Abort, BrokenPipeError):
        raise
    except Exception as error:
        if os.environ.get("GRADER_DEBUG"):
            traceback.print_exc()
        stop(COULD_NOT, f"The grader itself failed ({type(error).__name__}: {error}).", "GRADER_DEBUG=1 shows where.")

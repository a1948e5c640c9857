"""`grader check`: a learner's work graded, here or by the class's service, and told."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated

import typer

from grader.console import COULD_NOT, NOT_ALL, PASSED, look, remark, say, stop, told
from grader.course import Exercise, Section, select
from grader.options import Level, Names
from grader.place import Place
from grader.progress import Progress
from grader.report import terminal
from grader.report.live import live
from grader.report.tally import Standing, next_up, standings
from grader.results import Status

if TYPE_CHECKING:
    from grader.grading import Options
    from grader.results import Report

Selection = Mapping[Section, tuple[Exercise, ...]]


def standings_of(place: Place) -> dict[str, Standing]:
    """How every exercise stands; says first what is wrong with the file that remembers it."""
    progress = Progress.open(place.workspace)
    for note in progress.notes:
        remark(note)
    return standings(place.course, progress)


@told()
def check(
    context: typer.Context,
    names: Names = None,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="Sections to grade side by side.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    isolation: Annotated[Level, typer.Option(help="strict locks the code in; it needs Linux.")] = Level.process,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Use this seed for every exercise.")] = None,
    require_all: Annotated[bool, typer.Option("--require-all", help="Fail when something cannot run here.")] = False,
    server: Annotated[str, typer.Option(metavar="URL", help="Your class's service, which has hidden checks.")] = "",
    insecure: Annotated[bool, typer.Option("--insecure", help="Send the token over http.")] = False,
    token: Annotated[str | None, typer.Option(metavar="WORD", help="For --server. Default: GRADER_TOKEN.")] = None,
) -> None:
    """Grade your work.

    Exercises, sections or chapters; everything when none is named.

    Exit code 0: all passed. 1: not all. 2: could not grade.
    """
    from grader.grading import Options

    place: Place = context.obj
    selection = select(place.course, names or place.asked)
    before = standings_of(place)
    if server:
        report = _served(place, selection, server, token, insecure)
    else:
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
        return grade(place.course, place.workspace, selection, options, lambda result: on_result(result.id))


def _served(place: Place, selection: Selection, url: str, token: str | None, insecure: bool) -> Report:
    """The report of the class's service; says what there is to wait for, on a terminal."""
    from grader import remote

    service = remote.Server.of(place.workspace, url, token, insecure)
    with live(sum(map(len, selection.values())), sys.stderr) as line:
        report, notes = remote.check(place.workspace, selection, service, lambda result: line(result.id), line.says)
    for note in notes:
        remark(note)
    return report


def _view(
    place: Place, selection: Selection, names: Sequence[str], report: Report, before: Mapping[str, Standing]
) -> terminal.View:
    """What to tell: exercises named one by one in full; what is next comes from the same selection if it can."""
    found = [[each.id for part in select(place.course, [name]).values() for each in part] for name in names]
    named = frozenset(ids[0] for ids in found if len(ids) == 1)
    statuses = {id: each.status for id, each in before.items()}
    statuses |= {result.id: result.status for result in report.exercises}
    chosen = [each for part in selection.values() for each in part]
    upcoming = next_up(chosen, statuses) or next_up(place.shown.exercises, statuses)
    return terminal.View(report, place.course, look(), named, upcoming)


def _end(report: Report, require_all: bool) -> None:
    not_run = any(result.status is Status.NOT_RUN for result in report.exercises)
    if require_all and (not_run or report.not_run_points or report.public_only):
        stop(COULD_NOT, "Not everything could run here, and --require-all asks for that.", "`grader doctor` says more.")
    raise typer.Exit(PASSED if report.all_passed and not report.public_only else NOT_ALL)

"""`grader author check`: the gate over a selection, side by side in several processes, and what it says."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from grader.author.committed import stale_exercises
from grader.author.findings import Finding, GateReport, Verdict
from grader.author.ledger import Ledger, content_of
from grader.author.render import render
from grader.author.wording import of_section
from grader.course import Course, Exercise, Section
from grader.files import read_text
from grader.stubs import definition

if TYPE_CHECKING:
    from grader.bench import Zygotes

OnResult = Callable[[Verdict], None]
PIECES = 2  # for each process, so that one that is done early takes another


@dataclass(frozen=True)
class Piece:
    """Some exercises of one section, for one process."""

    root: Path
    section: Section
    exercises: tuple[Exercise, ...]


def check(
    course: Course,
    selection: Mapping[Section, tuple[Exercise, ...]],
    *,
    jobs: int = 2,
    everything: bool = False,
    sample: float = 0.0,
    on_result: OnResult = lambda verdict: None,
) -> GateReport:
    """Hold a selection against the gate.

    Args:
        course: the whole course.
        selection: exercises by section, as `grader.course.select` gives them.
        jobs: processes side by side.
        everything: also what has not changed since it passed.
        sample: the share of unchanged exercises that is tried all the same.
        on_result: is told each verdict as it comes.

    Raises:
        GraderError: a file is not as CONTRIBUTING.md says, or a suite cannot be run.
    """
    ledger = Ledger.of(course.root)
    content = {section: content_of(section) for section in selection if section.solution and section.suite}
    verdicts = {} if everything else _unchanged(ledger, selection, content, sample)
    waiting = {section: tuple(each for each in selection[section] if each.id not in verdicts) for section in content}
    for verdict in [*verdicts.values()]:
        on_result(verdict)
    for verdict in _examined(_pieces(course.root, waiting, jobs), jobs):
        verdicts[verdict.id] = verdict
        ledger.enter(verdict, next(content[section] for section in content if section.id == _section_of(verdict)))
        on_result(verdict)
    ledger.keep_only(frozenset(each.id for each in course.exercises))
    ledger.write()
    ordered = tuple(verdicts[each.id] for exercises in selection.values() for each in exercises if each.id in verdicts)
    return GateReport(ordered, tuple(_of_files(course, selection)))


def _unchanged(
    ledger: Ledger, selection: Mapping[Section, tuple[Exercise, ...]], content: Mapping[Section, str], sample: float
) -> dict[str, Verdict]:
    """What passed with the same content, but for a random share that is tried all the same."""
    known = {each.id: ledger.verdict(each.id, text) for section, text in content.items() for each in selection[section]}
    return {id: verdict for id, verdict in known.items() if verdict is not None and random.random() >= sample}


def _section_of(verdict: Verdict) -> str:
    return verdict.id.rpartition("/")[0]


def _of_files(course: Course, selection: Mapping[Section, tuple[Exercise, ...]]) -> Iterator[Finding]:
    known = frozenset(section.id for section in course.sections)
    for section in selection:
        for finding in of_section(section, known):
            where = finding.where.removeprefix(f"{course.root}/")
            yield Finding(where, finding.problem, finding.hint, finding.note)
    if any(section.solution for section in selection):
        yield from stale_exercises(course, frozenset(selection))


def _pieces(root: Path, waiting: Mapping[Section, Sequence[Exercise]], jobs: int) -> list[Piece]:
    """The work in pieces of about the same size: few sections are divided, many are not. The largest come first."""
    busy = {section: exercises for section, exercises in waiting.items() if exercises}
    parts = -(-PIECES * jobs // max(1, len(busy)))
    sized = [each for section, exercises in busy.items() for each in _divided(root, section, exercises, parts)]
    return [piece for _, piece in sorted(sized, key=lambda each: -each[0])]


def _divided(root: Path, section: Section, exercises: Sequence[Exercise], parts: int) -> Iterator[tuple[int, Piece]]:
    text = read_text(section.source)
    sizes = {each: len(definition(text, each.name)) * (1 + len(each.checks)) for each in exercises}
    bins: list[list[Exercise]] = [[] for _ in range(min(parts, len(exercises)))]
    for exercise in sorted(exercises, key=lambda each: -sizes[each]):
        min(bins, key=lambda each: sum(map(sizes.__getitem__, each))).append(exercise)
    for each in bins:
        yield sum(map(sizes.__getitem__, each)), Piece(root, section, tuple(each))


def _examined(pieces: Sequence[Piece], jobs: int) -> Iterator[Verdict]:
    if not pieces:
        return
    with ProcessPoolExecutor(min(jobs, len(pieces)), get_context("spawn")) as pool:
        futures: list[Future[list[Verdict]]] = [pool.submit(_examine, piece) for piece in pieces]
        try:
            for future in as_completed(futures):
                yield from future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


_kept = ExitStack()  # a pool's process keeps its zygotes warm from one piece to the next


def _examine(piece: Piece) -> list[Verdict]:
    from grader.author.gate import examine

    zygotes = _warm()
    zygotes.start(piece.section.worker)
    return examine(piece.root, piece.section, piece.exercises, zygotes)


@cache
def _warm() -> Zygotes:
    from grader.bench import Zygotes

    return _kept.enter_context(Zygotes("process"))


__all__ = ["GateReport", "check", "render"]

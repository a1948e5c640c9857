"""The whole cost beside the bare loop: the same check functions called in one process, with everything imported."""

from __future__ import annotations

import shutil
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

import numpy as np

from benchmarks.inprocess import InProcess, imported
from benchmarks.measure import Figure, interleaved
from benchmarks.places import TORCH, Places
from grader import checks, judge
from grader import session as sessions
from grader.bench import Bench, Zygotes, seed_of
from grader.course import Section
from grader.report import terminal
from grader.report.look import Look
from grader.results import Report
from grader.sandbox.link import SCRATCH, Link
from grader.sandbox.wire import Stream
from grader.stubs import pristine

# What is timed, under which name. Each name gets its own time only, not that of others called from within.
TIMED: list[tuple[Any, str, str]] = [
    (judge.Grading, "run", "the judge around the checks"),
    (Link, "__init__", "spawn: fork and confine a worker"),
    (Link, "end", "spawn: end a worker"),
    (Bench, "_load", "spawn: fork and confine a worker"),
    (sessions.Session, "_run_item", "pytest around each case"),
    (Link, "request", "calls: encode"),
    (Stream, "send", "calls: send"),
    (Stream, "receive", "calls: wait for the worker"),
    (Link, "_understand", "calls: decode"),
    (checks, "explain", "comparison"),
]


class Clock:
    """Exclusive times by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._within: list[float] = []  # what inner ones took, one for each under way

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            self._within.append(0.0)
            started = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                took = time.perf_counter() - started
                self.seconds[name] += took - self._within.pop()
                if self._within:
                    self._within[-1] += took

        return run

    @contextmanager
    def watching(self, items: list[Any]) -> Iterator[None]:
        with ExitStack() as stack:
            for owner, attribute, name in TIMED:
                before = getattr(owner, attribute)
                setattr(owner, attribute, self.timed(name, before))
                stack.callback(setattr, owner, attribute, before)
            for item in items:
                stack.callback(setattr, item, "obj", item.obj)
                item.obj = self.timed("the suite itself: inputs and oracles", item.obj)
            yield


class Both:
    """The same checks through the wall and bare, taking turns within one warm session."""

    def __init__(self, section: Section, rounds: int, zygotes: Zygotes) -> None:
        assert section.solution is not None
        self.section, self.rounds, self.zygotes = section, rounds, zygotes
        self.job = judge.Job(section, section.solution.read_bytes(), pristine(section), section.exercises)
        self.learner = InProcess(imported(str(section.solution)))
        self.clock = Clock()
        self.seconds: dict[str, list[float]] = {}
        self.results: tuple[Any, ...] = ()

    def measure(self, session: sessions.Session) -> None:
        items = [item for items in session.items.values() for item in items]
        actions = {"walled": lambda: self._walled(session), "bare": lambda: self._bare(items)}
        interleaved(2, actions)
        self.seconds = interleaved(self.rounds, actions)
        with self.clock.watching(items):
            for _ in range(self.rounds):
                self._walled(session)

    def _walled(self, session: sessions.Session) -> float:
        found: list[Any] = []
        started = time.perf_counter()
        judge.Grading(session, self.job, lambda job, result: found.append(result)).run()
        self.results = tuple(found)
        return time.perf_counter() - started

    def _bare(self, items: list[Any]) -> float:
        started = time.perf_counter()
        for item in items:
            item.function(**self._arguments(item))
        return time.perf_counter() - started

    def _arguments(self, item: Any) -> dict[str, Any]:
        import torch

        seed = seed_of(0, item.name)
        given = {
            "learner": lambda: self.learner,
            "seed": lambda: seed,
            "rng": lambda: np.random.default_rng(seed),
            "torch_rng": lambda: torch.Generator().manual_seed(seed),
        }
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        return {**{name: given[name]() for name in item._fixtureinfo.argnames if name in given}, **parameters}


def forks(rounds: int, packages: tuple[str, ...]) -> dict[str, float]:
    """Milliseconds to have a confined worker, by level."""
    found = {}
    for level in ("process", "strict") if shutil.which("bwrap") else ("process",):
        with Zygotes(level) as zygotes:
            zygote, seconds = zygotes.start(packages), []
            for _ in range(rounds + 1):
                started = time.perf_counter()
                forked = zygote.fork(1 << 30, SCRATCH, "")
                seconds.append(time.perf_counter() - started)
                zygote.end(forked.pid)
                forked.connection.close()
                forked.stacks.close()
            found[level] = 1e3 * statistics.median(seconds[1:])
    return found


def rendering(places: Places, results: tuple[Any, ...]) -> float:
    """Seconds to make the text of one report."""
    view = terminal.View(Report(0, "process", results, False), places.course, Look(80))
    started = time.perf_counter()
    terminal.render(view)
    return time.perf_counter() - started


def bare(places: Places, quick: bool) -> list[Figure]:
    """Ratio, then where the time goes."""
    section = places.section(TORCH)
    rounds = 5 if quick else 15
    with Zygotes("process") as zygotes:
        both = Both(section, rounds, zygotes)
        zygotes.start(section.worker)
        sessions.hold([section], zygotes, both.measure)
    walled, alone = (statistics.median(both.seconds[name]) for name in ("walled", "bare"))
    says = f"{TORCH}, warm, all checks: {1e3 * walled:.0f} ms through the wall, {1e3 * alone:.0f} ms as a bare loop"
    figures = [Figure("bare", walled / alone, "×", says, made_of=both.seconds)]
    parts = {name: 1e3 * seconds / rounds for name, seconds in both.clock.seconds.items()}
    parts["rendering a report"] = 1e3 * rendering(places, both.results)
    figures += [Figure("", ms, "ms", name) for name, ms in sorted(parts.items(), key=lambda pair: -pair[1])]
    for level, ms in forks(rounds, section.worker).items():
        figures.append(Figure("", ms, "ms", f"one worker forked and confined, level {level}"))
    return figures

"""The pytest plugin that hidden suites run under: marks and fixtures.

Under the judge, `config.stash[DESK]` is where the current check's learner and seed come from. Without one (plain
`pytest tests/chapters`) the packaged solutions are judged, through the same wall.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest

from grader.bench import Bench, Module, Zygotes, seed_of
from grader.course import Course, Section
from grader.errors import GraderError
from grader.models import known, missing
from grader.sandbox.ending import WorkerLost
from grader.sandbox.isolation import models_inside
from grader.sandbox.learner import Learner
from grader.sandbox.link import Link

DEFAULT_SECONDS, DEFAULT_MEMORY = 10.0, 2**30


class Desk(Protocol):
    """Where fixtures get the check at hand."""

    def learner(self, item: pytest.Item) -> Learner: ...

    def seed(self, item: pytest.Item) -> int: ...

    def another(self, item: pytest.Item) -> Link: ...

    @property
    def level(self) -> str: ...


DESK = pytest.StashKey[Desk]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "exercise(name, points=1): the exercise a check grades, and what it is worth")
    config.addinivalue_line("markers", "limits(seconds=10, memory=2**30): raises the bounds of one check")
    config.addinivalue_line("markers", "fixed_data: the inputs are fixed data, which the code's output would give away")
    if DESK not in config.stash:
        config.stash[DESK] = desk = SolutionDesk()
        config.add_cleanup(desk.close)


@pytest.fixture
def learner(request: pytest.FixtureRequest) -> Learner:
    """The learner's module behind the wall."""
    return request.config.stash[DESK].learner(request.node)


@pytest.fixture
def execute(request: pytest.FixtureRequest) -> Callable[..., dict[str, str]]:
    """`execute(source, seconds)`, a callback for exercises about running code: each program gets a fresh worker.

    It gives `{"status": "ok" | "error" | "timeout" | "crash", "error": …, "text": …, "output": …}`. The program runs
    neither in the judge nor in the learner's worker.
    """

    def execute(source: str, seconds: float) -> dict[str, str]:
        link = request.config.stash[DESK].another(request.node)
        link.limit(min(float(seconds), DEFAULT_SECONDS))
        try:
            error, text, output = link.ask("execute", str(source))
            return {"status": "error" if error else "ok", "error": str(error), "text": str(text), "output": str(output)}
        except WorkerLost as lost:
            return {"status": "timeout" if lost.why == "time" else "crash", "error": "", "text": "", "output": ""}
        finally:
            link.end()

    return execute


class FetchedModels:
    """The folders of fetched models; a check that asks for one that is not here is not run."""

    def __init__(self, level: str) -> None:
        self._inside = models_inside(level == "strict")

    def __call__(self, name: str) -> str:
        """The model's folder for the judge."""
        if reason := missing(name):
            pytest.skip(reason)
        return str(known(name).folder)

    def inside(self, name: str) -> str:
        """The same folder as the learner's code sees it."""
        self(name)
        return f"{self._inside}/{name}"


@pytest.fixture
def model(request: pytest.FixtureRequest) -> FetchedModels:
    """`model("smollm2")`, the folder of a fetched model, and `model.inside("smollm2")`, the same for the worker."""
    return FetchedModels(request.config.stash[DESK].level)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The integer that every random source of this check derives from."""
    return request.config.stash[DESK].seed(request.node)


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def torch_rng(seed: int) -> Any:
    import torch

    return torch.Generator().manual_seed(seed)


def exercise_of(item: pytest.Item) -> str:
    """The exercise that an item grades; raises GraderError naming a check without a mark."""
    mark = item.get_closest_marker("exercise")
    if mark is None or not mark.args:
        raise GraderError(
            f"{item.nodeid} names no exercise.", 'Write @pytest.mark.exercise("name", points=1) above it.'
        )
    return str(mark.args[0])


def limits_of(item: pytest.Item) -> tuple[float, int]:
    """`(seconds, memory)` of one check."""
    mark = item.get_closest_marker("limits")
    given = mark.kwargs if mark else {}
    return float(given.get("seconds", DEFAULT_SECONDS)), int(given.get("memory", DEFAULT_MEMORY))


def module_of(section: Section, source: bytes) -> Module:
    """A learner's text for a section, as its worker will import it."""
    forbids = {name for exercise in section.exercises for name in exercise.forbids if name != "@"}
    return Module(section.module, section.path, source, tuple(sorted(forbids)))


class SolutionDesk:
    """Judges `solutions/` for plain pytest. The course is the one whose `tests/chapters` holds the suite."""

    def __init__(self) -> None:
        self._zygotes = Zygotes(os.environ.get("GRADER_ISOLATION", "process"))
        self._courses: dict[Path, Course] = {}
        self._benches: dict[Path, tuple[Section, Bench]] = {}
        self._run_seed = int(os.environ.get("GRADER_SEED", "0"))

    def learner(self, item: pytest.Item) -> Learner:
        section, bench = self._bench(item.path)
        exercise = next(each for each in section.exercises if each.name == exercise_of(item))
        seconds, memory = limits_of(item)
        link = bench.worker(memory)
        link.begin_check(seed_of(self.seed(item), "worker"), exercise.forbids, seconds)
        return Learner(link)

    def seed(self, item: pytest.Item) -> int:
        return seed_of(self._run_seed, item.name)

    def another(self, item: pytest.Item) -> Link:
        return self._bench(item.path)[1].another()

    @property
    def level(self) -> str:
        return self._zygotes.level

    def _bench(self, suite: Path) -> tuple[Section, Bench]:
        if suite not in self._benches:
            root = suite.parents[3]
            course = self._courses.setdefault(root, Course.load(root))
            section = next((each for each in course.sections if each.suite and each.suite.samefile(suite)), None)
            if section is None or section.solution is None:
                raise GraderError(f"{suite} belongs to no section with a solution.")
            bench = Bench(self._zygotes.start(section.worker), module_of(section, section.solution.read_bytes()))
            self._benches[suite] = section, bench
        return self._benches[suite]

    def close(self) -> None:
        for _, bench in self._benches.values():
            bench.close()
        self._zygotes.close()

"""The judge: one pytest session over the hidden suites of some sections, any number of submissions graded in it.

pytest collects once; its run loop then takes one job after another (a learner's file for one section), runs the checks
of the exercises asked for, and hands each exercise's result to `emit`. A job iterator may block, which is how a watcher
or a batch keeps a session warm.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from grader import shortcuts, suite
from grader.bench import Bench, Zygotes, seed_of
from grader.checks import CheckFailed
from grader.course import Check, Exercise, Section
from grader.diagnosis import Diagnosis, Evidence
from grader.errors import GraderError
from grader.explain import JudgeOutOfTime, Source, explain, import_failed
from grader.results import CheckResult, ExerciseResult, Status
from grader.sandbox.handles import LearnerError
from grader.sandbox.learner import Learner
from grader.sandbox.link import Link, WorkerLost
from grader.sandbox.proof import prove
from grader.stubs import is_stub

Emit = Callable[["Job", ExerciseResult], None]
GRACE = 2.0  # seconds for the judge's own work on a check, beyond what the worker had
AFTER_TIMEOUT = 0.2  # the share of its time that a check gets once another of its exercise ran out
CONFIGURATION = Path(__file__).with_name("judge.ini")
QUIET = ["terminal", "logging", "doctest", "junitxml", "pastebin", "setuponly", "setupplan", "stepwise", "cacheprovider", "faulthandler", "unraisableexception", "threadexception", "warnings"]


@dataclass(frozen=True)
class Trying:
    """How a text is tried when an author asks: which checks, how long, how far, and who looks on."""

    only: frozenset[str] | None = None  # check ids; the others are left out of the result
    seconds: Mapping[str, float] = field(default_factory=dict)  # by check id, where less than the check's own limit
    first_failure: bool = False  # what comes after it is left out as well
    attend: Callable[[str, Link], None] | None = None  # told each case and its worker before it begins


@dataclass(frozen=True)
class Job:
    """One learner's text for one section. `source` is None when there is no such file."""

    section: Section
    source: bytes | None
    stub: str
    exercises: tuple[Exercise, ...]
    seeds: Mapping[str, int] = field(default_factory=dict)  # by exercise id; others take `seed`
    seed: int = 0
    diagnose: bool = True
    trying: Trying = field(default_factory=Trying)
    tag: Any = None  # whatever the caller wants back

    def seed_for(self, exercise: Exercise) -> int:
        return self.seeds.get(exercise.id, self.seed)


@dataclass
class Outcome:
    """What one check came to."""

    status: Status
    message: str = ""
    trace: list[Any] = field(default_factory=list)
    close: tuple[float, float] | None = None
    seconds: float = 0.0


def run(sections: Sequence[Section], jobs: Iterable[Job], emit: Emit, zygotes: Zygotes) -> None:
    """Grade every job. Raises GraderError when a suite cannot be used."""
    suites = {section.suite: section for section in sections if section.suite is not None}
    for section in suites.values():
        zygotes.start(section.worker)
    session = Session({path.resolve(): section for path, section in suites.items() if path}, jobs, emit, zygotes)
    options = ["-c", str(CONFIGURATION), "--rootdir", str(next(iter(suites), CONFIGURATION).parent), "--capture=no",
               "--assert=plain", "--import-mode=importlib", *(f"-pno:{name}" for name in QUIET)]
    with _environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", PYTEST_ADDOPTS=""):
        code = pytest.main([*options, *map(str, suites)], plugins=[session, suite])
    if session.error is not None:
        raise session.error
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise GraderError(f"the hidden suites could not be run (pytest ended with {code!r}).", "Run `grader doctor`.")


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class Session:
    """The plugin that makes a pytest session a judge."""

    def __init__(self, sections: dict[Path, Section], jobs: Iterable[Job], emit: Emit, zygotes: Zygotes) -> None:
        self.sections = sections
        self.jobs = jobs
        self.emit = emit
        self.zygotes = zygotes
        self.error: BaseException | None = None
        self.unusable: dict[str, str] = {}  # section id → why its suite cannot be collected here
        self.items: dict[str, list[pytest.Item]] = {}
        self._failure: BaseException | None = None
        self._link: Link | None = None
        self._seed = 0

    # pytest's hooks

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[suite.DESK] = self

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Iterator[None]:
        report = yield
        if report.outcome != "passed" and collector.path in self.sections:  # type: ignore[attr-defined]
            self.unusable[self.sections[collector.path].id] = _unusable(report.longrepr)  # type: ignore[attr-defined]
            report.outcome = "passed"  # type: ignore[attr-defined]
        return report

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            section = self.sections[item.path.resolve()]
            name = getattr(item, "originalname", item.name)
            self.items.setdefault(f"{section.id}/{suite.exercise_of(item)}/{name}", []).append(item)
        gc.collect()
        gc.freeze()  # a session holds a million objects that never change: not looking at them again is a third of its time

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        try:
            self._prove_strict()
            for job in self.jobs:
                Grading(self, job).run()
        except BaseException as error:
            self.error = error
        return True

    def _prove_strict(self) -> None:
        if self.zygotes.level == "strict":
            known = {section.worker: path for path, section in self.sections.items()}
            for packages, path in known.items():
                prove(self.zygotes.start(packages), path)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport:
        if call.excinfo is not None and self._failure is None:
            self._failure = call.excinfo.value
        outcome = "passed" if call.excinfo is None else "failed"
        return pytest.TestReport(item.nodeid, item.location, {}, outcome, None, call.when)  # type: ignore[arg-type]

    # What fixtures ask for

    def learner(self, item: pytest.Item) -> Learner:
        assert self._link is not None
        return Learner(self._link)

    def seed(self, item: pytest.Item) -> int:
        return self._seed

    # Running one check

    def run_check(self, bench: Bench, items: Sequence[pytest.Item], trial: Trial) -> Outcome:
        """All cases of one check: the first that does not pass decides."""
        started, outcome = time.monotonic(), Outcome(Status.PASSED)
        for item in items:
            outcome = self._run_item(bench, item, trial)
            if outcome.status is not Status.PASSED:
                if len(items) > 1 and outcome.status is Status.FAILED:
                    outcome.message = f"Case {item.name.partition('[')[2].rstrip(']')}: {outcome.message}"
                break
        outcome.seconds = time.monotonic() - started
        return outcome

    def _run_item(self, bench: Bench, item: pytest.Item, trial: Trial) -> Outcome:
        seconds, memory = suite.limits_of(item)
        seconds = min(seconds * trial.patience, trial.seconds)
        self._seed = seed_of(trial.seed, item.name)
        self._failure = None
        try:
            self._link = link = bench.worker(memory)
            if trial.attend is not None:
                trial.attend(item.name, link)
            link.begin_check(self._seed, trial.exercise.forbids, seconds)
        except (LearnerError, WorkerLost) as error:
            if bench.broken is not None:
                return Outcome(Status.BROKEN, import_failed(error, trial.source))
            return Outcome(Status.BROKEN, explain(error, None, trial.source)[1])
        with deadline(seconds + GRACE):
            item.session._setupstate.teardown_exact(item)  # leaves the last job's module when this one is another
            # The module as what comes next: fixtures of a check end with it, those of the module stay.
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=item.parent)
        return self._outcome(link, trial)

    def _outcome(self, link: Link, trial: Trial) -> Outcome:
        failure = link.lost or self._failure  # a lost worker is the reason of whatever the suite made of it
        if failure is None:
            return Outcome(Status.PASSED)
        if isinstance(failure, GraderError):
            raise failure
        status, message = explain(failure, link, trial.source)
        return Outcome(status, message, list(link.trace), getattr(failure, "close", None))


@dataclass(frozen=True)
class Trial:
    """What stays the same for the checks of one exercise."""

    exercise: Exercise
    seed: int
    source: Source
    patience: float = 1.0
    seconds: float = float("inf")
    attend: Callable[[str, Link], None] | None = None


class Grading:
    """One job under way."""

    def __init__(self, session: Session, job: Job) -> None:
        self.session = session
        self.job = job
        self.text = (job.source or b"").decode("utf-8", "replace")
        self.source = Source(job.section.path.rpartition("/")[2], tuple(self.text.splitlines()))
        zygote = session.zygotes.start(job.section.worker)
        self.bench = Bench(zygote, suite.module_of(job.section, job.source or b""))
        self.done: dict[str, ExerciseResult] = {}

    def run(self) -> None:
        with self.bench:
            for exercise in self.job.exercises:
                self.session.emit(self.job, self.result(exercise))

    def result(self, exercise: Exercise) -> ExerciseResult:
        """The exercise's result; its needs are graded first, also when nobody asked for them."""
        if exercise.name not in self.done:
            outcomes = self._outcomes(exercise)
            results = tuple(self._result(check, outcomes[check.id]) for check in exercise.checks if check.id in outcomes)
            self.done[exercise.name] = ExerciseResult(exercise.id, exercise.kind, results, self.job.seed_for(exercise))
            self.bench.rest()
        return self.done[exercise.name]

    def _outcomes(self, exercise: Exercise) -> dict[str, tuple[Outcome, str]]:
        """By check id: what it came to, and the diagnosis."""
        said = self._without_running(exercise)
        if said is not None:
            return {check.id: (said, "") for check in exercise.checks}
        outcomes = self._run_checks(exercise)
        says = self._diagnosis(exercise, outcomes) if self.job.diagnose else {}
        return {id: (outcome, says.get(id, "")) for id, outcome in outcomes.items()}

    def _without_running(self, exercise: Exercise) -> Outcome | None:
        """What is known about an exercise before its checks run."""
        if self.job.section.id in self.session.unusable:
            return Outcome(Status.NOT_RUN, self.session.unusable[self.job.section.id])
        if self.job.source is None:
            return Outcome(Status.TODO, f"There is no {self.source.filename}; `grader reset` puts it back.")
        if is_stub(self.text, self.job.stub, exercise.name):
            return Outcome(Status.TODO, "Not written yet.")
        for need in (each for each in self.job.section.exercises if each.name in exercise.needs):
            if self.result(need).status is not Status.PASSED:
                return Outcome(Status.BLOCKED, f"Waits for `{need.name}`, which does not pass yet.")
        found = shortcuts.find(self.text, exercise.name, exercise.forbids)
        if found:
            line, name = found[0]
            says = f"This exercise asks you to write `{name}` yourself, but your code uses it:"
            return Outcome(Status.FAILED, f"{says}\n{self.source.at(line)}")
        return None

    def _run_checks(self, exercise: Exercise) -> dict[str, Outcome]:
        outcomes: dict[str, Outcome] = {}
        timeouts = 0
        trying = self.job.trying
        for check in exercise.checks:
            if trying.only is not None and check.id not in trying.only:
                continue
            if timeouts > 1:
                says = "Not tried: two checks of this exercise ran out of time already."
                outcomes[check.id] = Outcome(Status.BROKEN, says)
                continue
            patience, seconds = AFTER_TIMEOUT if timeouts else 1.0, trying.seconds.get(check.id, float("inf"))
            trial = Trial(exercise, self.job.seed_for(exercise), self.source, patience, seconds, trying.attend)
            outcomes[check.id] = outcome = self.session.run_check(self.bench, self.session.items[check.id], trial)
            timeouts += outcome.status is Status.BROKEN and "ran out of time" in outcome.message
            if trying.first_failure and outcome.status is not Status.PASSED:
                break
        return outcomes

    def _diagnosis(self, exercise: Exercise, outcomes: dict[str, Outcome]) -> dict[str, str]:
        """Which known mistake explains the failing checks: check id → sentence."""
        failing = {id: outcome for id, outcome in outcomes.items() if outcome.status is Status.FAILED}
        if not failing:
            return {}
        evidence = {id: Evidence(outcome.trace, outcome.close) for id, outcome in failing.items()}

        def replay(source: str, check: str) -> Evidence | None:
            """The evidence of a mistake on one check; None when the mistake passes it."""
            outcome = self._replay(exercise, source, check)
            return Evidence(outcome.trace, outcome.close) if outcome.status is not Status.PASSED else None

        says = Diagnosis(self.job.section, exercise).name_mistake(evidence, replay)
        return dict.fromkeys(failing, says) if says else {}

    def _replay(self, exercise: Exercise, source: str, check: str) -> Outcome:
        zygote = self.session.zygotes.start(self.job.section.worker)
        with Bench(zygote, suite.module_of(self.job.section, source.encode())) as bench:
            trial = Trial(exercise, self.job.seed_for(exercise), self.source, 0.1)
            return self.session.run_check(bench, self.session.items[check], trial)

    def _result(self, check: Check, found: tuple[Outcome, str]) -> CheckResult:
        outcome, diagnosis = found
        points = check.points if outcome.status is Status.PASSED else 0.0
        return CheckResult(
            check.id, check.rule, outcome.status, points, check.points, outcome.message, diagnosis, round(outcome.seconds, 4)
        )


def _unusable(longrepr: object) -> str:
    """Why a suite cannot be collected: a missing oracle is said with the line that installs it."""
    text = str(longrepr)
    marker = "No module named '"
    if marker in text:
        package = text.rpartition(marker)[2].partition("'")[0].partition(".")[0]
        return f"Its hidden checks need `{package}`: pip install {package}"
    return f"Its hidden checks cannot be read: {text.strip().splitlines()[-1][:200]}"


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Interrupt the judge's own work on hostile data; only the main thread of a Unix process can."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def interrupt(*_: object) -> None:
        raise JudgeOutOfTime

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


__all__ = ["CheckFailed", "Job", "run"]

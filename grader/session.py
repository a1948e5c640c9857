"""The judge's pytest session: hidden suites are collected once, then their items run as often as there is work."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from grader import suite
from grader.bench import Bench, Zygotes, seed_of
from grader.course import Section
from grader.errors import GraderError
from grader.explain import JudgeOutOfTime, explain, explain_apart, import_failed
from grader.results import Status
from grader.sandbox.ending import WorkerLost
from grader.sandbox.learner import Learner
from grader.sandbox.link import Link
from grader.sandbox.proof import prove
from grader.trial import Outcome, Trial, deadline

REMEMBERED = 5000  # answers of mistakes, each as large as what one check asks for
GRACE = 2.0  # seconds for the judge's own work on a check, beyond what the worker had
CONFIGURATION = Path(__file__).with_name("judge.ini")
QUIET = """
    terminal logging doctest junitxml pastebin setuponly setupplan stepwise cacheprovider faulthandler
    unraisableexception threadexception warnings
""".split()


def hold(sections: Iterable[Section], zygotes: Zygotes, work: Callable[[Session], None]) -> None:
    """Collect the suites of these sections and do the work in that session.

    Raises:
        GraderError: a suite cannot be used; and whatever the work raises.
    """
    session = Session({section.suite.resolve(): section for section in sections if section.suite}, zygotes, work)
    root = next(iter(session.sections), CONFIGURATION).parents[1]
    options = ["-c", str(CONFIGURATION), "--rootdir", str(root), "--capture=no", "--assert=plain"]
    options += ["--import-mode=importlib", *(f"-pno:{name}" for name in QUIET)]
    with _environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", PYTEST_ADDOPTS=""):
        code = pytest.main([*options, *map(str, session.sections)], plugins=[session, suite])
    _forget(session.sections)
    if session.error is not None:
        raise session.error
    if code == pytest.ExitCode.INTERRUPTED:  # while collecting, pytest keeps Ctrl-C to itself
        raise KeyboardInterrupt
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise GraderError(f"the hidden suites could not be run (pytest ended with {code!r}).", "Run `grader doctor`.")


def _forget(suites: Iterable[Path]) -> None:
    """Drop the suites' modules: another session must not find another course's suite under the same name."""
    files = {str(path) for path in suites}
    for name in [name for name, module in sys.modules.items() if getattr(module, "__file__", None) in files]:
        del sys.modules[name]


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


class Remembered(dict[tuple[str, str, int], Any]):
    """What known mistakes answered (text, check, seed → evidence): a whole class makes the same ones."""

    def __setitem__(self, key: tuple[str, str, int], value: Any) -> None:
        if len(self) >= REMEMBERED:
            self.clear()
        super().__setitem__(key, value)


class Session:
    """The plugin that makes a pytest session a judge."""

    def __init__(self, sections: dict[Path, Section], zygotes: Zygotes, work: Callable[[Session], None]) -> None:
        self.sections = sections
        self.zygotes = zygotes
        self._work = work
        self.error: BaseException | None = None
        self.unusable: dict[str, str] = {}  # section id → why its suite cannot be collected here
        self.items: dict[str, list[pytest.Item]] = {}
        self.replayed = Remembered()
        self._failure: BaseException | None = None
        self._bench: Bench | None = None
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
        torch = sys.modules.get("torch")
        if torch is not None:
            torch.set_num_threads(
                1
            )  # oracles are small: a second thread costs more than it saves, far more on a busy machine
        gc.enable()
        gc.collect()
        gc.freeze()  # a million objects that never change: looking at them again would take most of a session's time

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        try:
            self._prove_strict()
            self._work(self)
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

    @property
    def level(self) -> str:
        return self.zygotes.level

    def another(self, item: pytest.Item) -> Link:
        assert self._bench is not None
        return self._bench.another()

    # Running one check

    def run_check(self, bench: Bench, items: Sequence[pytest.Item], trial: Trial) -> Outcome:
        """All cases of one check: the first that does not pass decides.

        What works on fixed data has a worker of its own, so that nothing of it can be told while another check runs.
        """
        if any(item.get_closest_marker("fixed_data") for item in items):
            bench.close()
            outcome = self._run_cases(bench, items, trial)
            bench.close()
            return outcome
        return self._run_cases(bench, items, trial)

    def _run_cases(self, bench: Bench, items: Sequence[pytest.Item], trial: Trial) -> Outcome:
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
            self._bench, self._link = bench, (link := bench.worker(memory))
            if trial.attend is not None:
                trial.attend(item.name, link)
            link.begin_check(seed_of(self._seed, "worker"), trial.exercise.forbids, seconds)
        except GraderError:
            raise
        except Exception as error:  # also what a worker may answer instead of beginning
            if bench.broken is not None:
                return Outcome(Status.BROKEN, import_failed(error, trial.source))
            return Outcome(Status.BROKEN, explain(error, None, trial.source)[1])
        with self._in_time(link, seconds + GRACE):
            item.session._setupstate.teardown_exact(item)  # leaves the last job's module when this one is another
            # The module as what comes next: fixtures of a check end with it, those of the module stay.
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=item.parent)
        return self._outcome(link, trial)

    @contextmanager
    def _in_time(self, link: Link, seconds: float) -> Iterator[None]:
        """The judge's own work has an end as well; an exchange that it may have cut in two is not gone on with."""
        try:
            with deadline(seconds):
                yield
        except JudgeOutOfTime as error:  # in one of pytest's own steps
            self._failure = self._failure or error
        if isinstance(self._failure, JudgeOutOfTime) and link.lost is None:
            link.end()
            link.lost = WorkerLost("judge", "sent what took too long to check")

    def _outcome(self, link: Link, trial: Trial) -> Outcome:
        # A lost worker is the reason of whatever the suite made of it.
        failure = self._failure if isinstance(self._failure, JudgeOutOfTime) else link.lost or self._failure
        if failure is None:
            return Outcome(Status.PASSED)
        if isinstance(failure, GraderError):
            raise failure
        told = explain_apart(failure, link, trial.source)
        outcome = Outcome(told.status, told.message, list(link.trace), getattr(failure, "close", None))
        outcome.relation, outcome.where, outcome.printed = getattr(failure, "relation", ""), told.where, told.printed
        return outcome


def _unusable(longrepr: object) -> str:
    """Why a suite cannot be collected: a missing oracle is said with the line that installs it."""
    text = str(longrepr)
    marker = "No module named '"
    if marker in text:
        package = text.rpartition(marker)[2].partition("'")[0].partition(".")[0]
        return f"Its hidden checks need `{package}`: pip install {package}"
    return f"Its hidden checks cannot be read: {text.strip().splitlines()[-1][:200]}"

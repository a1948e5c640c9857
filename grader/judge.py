"""The judge: submissions graded in one pytest session over the hidden suites of some sections.

The session takes one job after another (a learner's text for one section), runs the checks of the exercises asked for,
and hands each exercise's result to `emit`. A job iterator may block, which is how a watcher or a batch keeps a session
warm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress

from grader import shortcuts, suite
from grader.bench import Bench, Zygotes
from grader.course import Check, Exercise, Section
from grader.diagnosis import Diagnosis, Evidence
from grader.errors import GraderError
from grader.explain import JudgeOutOfTime, Source
from grader.results import CheckResult, ExerciseResult, Status
from grader.session import Session, hold
from grader.stubs import is_stub
from grader.trial import Job, Outcome, Trial, Trying, deadline

Emit = Callable[[Job, ExerciseResult], None]
DIAGNOSIS = 8.0  # seconds: beyond what a diagnosis gives itself, should answers be made to be slow to compare
AFTER_TIMEOUT = 0.2  # the share of its time that a check gets once another of its exercise ran out
NOT_RIGHT = (Status.FAILED, Status.BROKEN, Status.TODO)

__all__ = ["Emit", "Job", "Trying", "run"]


def run(sections: Sequence[Section], jobs: Iterable[Job], emit: Emit, zygotes: Zygotes) -> None:
    """Grade every job. Raises GraderError when a suite cannot be used."""
    for section in sections:
        zygotes.start(section.worker)  # they import side by side with the judge

    def work(session: Session) -> None:
        for job in jobs:
            Grading(session, job, emit).run()

    hold(sections, zygotes, work)


class Grading:
    """One job under way."""

    def __init__(self, session: Session, job: Job, emit: Emit) -> None:
        self.session = session
        self.emit = emit
        self.job = job
        self.text = (job.source or b"").decode("utf-8", "replace")
        self.source = Source(job.section.path, tuple(self.text.splitlines()))
        zygote = session.zygotes.start(job.section.worker)
        self.bench = Bench(zygote, suite.module_of(job.section, job.source or b""))
        self.done: dict[str, ExerciseResult] = {}

    def run(self) -> None:
        with self.bench:
            for exercise in self.job.exercises:
                self.emit(self.job, self.result(exercise))

    def result(self, exercise: Exercise) -> ExerciseResult:
        """The exercise's result; its needs are graded first, also when nobody asked for them."""
        if exercise.name not in self.done:
            found = self._contained(exercise)
            results = tuple(self._result(check, *found[check.id]) for check in exercise.checks if check.id in found)
            self.done[exercise.name] = ExerciseResult(exercise.id, exercise.kind, results, self.job.seed_for(exercise))
            self.bench.rest()
        return self.done[exercise.name]

    def _contained(self, exercise: Exercise) -> dict[str, tuple[Outcome, str]]:
        """Whatever a submission does to the judge costs that exercise and nothing else."""
        try:
            return self._outcomes(exercise)
        except GraderError:
            raise
        except Exception as error:
            says = f"The grader itself failed on what your code does ({type(error).__name__}); please report that."
            return {check.id: (Outcome(Status.BROKEN, says), "") for check in exercise.checks}

    def _outcomes(self, exercise: Exercise) -> dict[str, tuple[Outcome, str]]:
        """By check id: what it came to, and the diagnosis."""
        said = self._without_running(exercise)
        if said is not None:
            return {check.id: (said, "") for check in exercise.checks}
        outcomes = self._run_checks(exercise)
        self._hint(exercise, outcomes)
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

    def _hint(self, exercise: Exercise, outcomes: dict[str, Outcome]) -> None:
        """Say with the first failure which other exercise the code calls that does not pass in this run either."""
        failed = next((outcome for outcome in outcomes.values() if outcome.status is Status.FAILED), None)
        wrong = {name for name, result in self.done.items() if result.status in NOT_RIGHT}
        if failed is None or not wrong:
            return
        wrong &= shortcuts.uses(self.text, exercise.name)
        name = next((each.name for each in self.job.section.exercises if each.name in wrong), "")
        failed.hint = f"Your `{name}`, which this calls, does not pass yet: mend it first." if name else ""

    def _diagnosis(self, exercise: Exercise, outcomes: dict[str, Outcome]) -> dict[str, str]:
        """Which known mistake explains the failing checks: check id → sentence."""
        failing = {id: outcome for id, outcome in outcomes.items() if outcome.status is Status.FAILED}
        if not failing:
            return {}
        evidence = {id: Evidence(outcome.trace, outcome.close) for id, outcome in failing.items()}
        says: dict[str, str] = {}
        with suppress(Exception, JudgeOutOfTime), deadline(DIAGNOSIS), ExitStack() as stack:  # answers may be hostile
            benches: dict[str, Bench] = {}

            def replay(source: str, check: str) -> Evidence | None:
                """The evidence of a mistake on one check, remembered by the session; None when the mistake passes."""
                key, known = (source, check, self.job.seed_for(exercise)), self.session.replayed
                if key not in known:
                    if source not in benches:
                        benches[source] = stack.enter_context(self._bench_of(source))
                    outcome = self._replay(exercise, benches[source], check)
                    passed = outcome.status is Status.PASSED
                    known[key] = None if passed else Evidence(outcome.trace, outcome.close)
                evidence: Evidence | None = known[key]
                return evidence

            says = Diagnosis(self.job.section, exercise).name_mistakes(evidence, replay)
        return says

    def _bench_of(self, source: str) -> Bench:
        """Workers for a mistake: each keeps one for all the checks that it is replayed in."""
        zygote = self.session.zygotes.start(self.job.section.worker)
        return Bench(zygote, suite.module_of(self.job.section, source.encode()))

    def _replay(self, exercise: Exercise, bench: Bench, check: str) -> Outcome:
        trial = Trial(exercise, self.job.seed_for(exercise), self.source, 0.1)
        return self.session.run_check(bench, self.session.items[check], trial)

    def _result(self, check: Check, outcome: Outcome, diagnosis: str) -> CheckResult:
        points = check.points if outcome.status is Status.PASSED else 0.0
        facts = (check.id, check.rule, outcome.status, points, check.points)
        return CheckResult(
            *facts, outcome.told(diagnosis), diagnosis, round(outcome.seconds, 4), outcome.where, outcome.printed
        )

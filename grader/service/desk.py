"""Where requests are taken: who may ask for what, how often, and where a job stands. Nothing here waits or judges."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from grader import __version__
from grader.course import Exercise, Section
from grader.files import LARGEST_TEXT
from grader.grading import not_written
from grader.instructor.grading.suites import fingerprint, result_key
from grader.instructor.pages.withheld import withheld
from grader.results import ExerciseResult, Report
from grader.service.jobs import Job, Jobs, Request, State
from grader.service.keeping import Keeping
from grader.service.quota import Bucket, Buckets, Rate
from grader.service.store import Store
from grader.stubs import is_stub, pristine
from grader.words import clean
from grader.workspace import now

LEVEL = "strict"  # always; there is no option
REQUESTS = Rate(120, 0.5)  # of one student, of any kind: what a patient client never reaches
KEPT = timedelta(days=2)  # how long a verdict can be asked for


class Refusal(Exception):
    """A request that is not served: an HTTP status, what was required and found, what to do, seconds to wait."""

    def __init__(self, status: int, problem: str, hint: str = "", wait: float = 0.0) -> None:
        super().__init__(problem)
        self.status, self.problem, self.hint, self.wait = status, problem, hint, wait


@dataclass(frozen=True)
class Rules:
    """What each student may do: `checks` so often, `queued` jobs that are not done at once; `judges` there are."""

    checks: Rate
    queued: int
    judges: int


class Desk:
    """Takes requests into the queue and says how they stand. `seconds` is what a job took of late."""

    def __init__(self, store: Store, sections: Iterable[Section], rules: Rules, keeping: Keeping | None = None) -> None:
        self.store = store
        self.jobs = Jobs(store)
        self.sections = {section.id: section for section in sections}
        self.stubs = {id: pristine(section) for id, section in self.sections.items()}
        self.rules = rules
        self.keeping = keeping
        self.closing = False
        self.seconds = 3.0
        self._requests = Buckets(REQUESTS)
        self._secret = store.secret

    def about(self) -> dict[str, Any]:
        """What is judged here, in which version: with it a client can say that its own is another."""
        hashes = {id: hashlib.sha256(stub.encode()).hexdigest()[:16] for id, stub in self.stubs.items()}
        sections = {id: {"suite": fingerprint(each), "stub": hashes[id]} for id, each in self.sections.items()}
        return {"version": __version__, "level": LEVEL, "sections": sections}

    def admit(self, student: str) -> None:
        """Counts one request of a student, of any kind; raises `Refusal` when there were too many."""
        if wait := self._requests.take(student, time.time()):
            raise Refusal(429, "You ask too often.", "Wait, then try again.", wait)

    def accept(self, student: str, request: Request, address: str) -> Job:
        """The job of a request: the one that it has already, else a new one, on the disk when this returns.

        Raises:
            Refusal: the service closes, there is no such exercise, the text is too large, or it is too much at once.
        """
        if self.closing:
            raise Refusal(503, "The service is being restarted.", "What is queued stays queued.", 10.0)
        request = self._known(request)
        with self.store.change():  # refusals are remembered as well
            taken = self.jobs.asked(student, request.key) or self._new(student, request, address)
        if isinstance(taken, Refusal):
            raise taken
        if taken.digest != request.digest:
            raise Refusal(409, "Another request came under this key.", "Use a new key for a new request.")
        return taken

    def _known(self, request: Request) -> Request:
        """The request with its exercises in the course's order; names are looked up, never used as paths."""
        section = self.sections.get(request.section)
        ids = [each.id for each in section.exercises] if section else []
        unknown = [id for id in request.exercises if id not in ids]
        if section is None or unknown:
            name = clean(unknown[0] if section else request.section, 100)
            hint = f"Your course may be another version. Sections here: {', '.join(self.sections)}."
            raise Refusal(404, f"This service does not check `{name}`.", hint)
        if len(request.source or b"") > LARGEST_TEXT:
            raise Refusal(413, f"A file has at most {LARGEST_TEXT} bytes.", "Make it smaller.")
        return replace(request, exercises=tuple(id for id in ids if id in request.exercises))

    def _new(self, student: str, request: Request, address: str) -> Job | Refusal:
        section, seed = self.sections[request.section], self.seed(student, request.section)
        result = result_key(section, request.exercises, request.source, seed)
        done = self.jobs.report(result) is not None or self._untouched(section, request, result, seed)
        refusal = None if done else self._refusal(student)
        what, says = ("refused", refusal.problem) if refusal else ("check", "known" if done else "")
        size = len(request.source or b"")
        self.store.log(what, student, section=section.id, size=size, says=says, address=address)
        if refusal:
            return refusal
        keep = "waits" if self.keeping and self.keeping.wants(section.id) and request.source is not None else "no"
        return self.jobs.add(student, request, seed=seed, result=result, done=done, keep=keep)

    def seed(self, student: str, section: str) -> int:
        """The seed of a student's checks of a section: always the same, so that nothing flickers.

        It is made from a secret of the service: nobody learns from it the inputs of another student, or of the grading.
        """
        digest = hmac.digest(self._secret, f"{student}\n{section}".encode(), "sha256")
        return int.from_bytes(digest[:6], "big")

    def _untouched(self, section: Section, request: Request, result: str, seed: int) -> bool:
        """Keeps the report of a text in which nothing was written yet; no judge is needed for that."""
        chosen = self._exercises(request)
        text, stub = (request.source or b"").decode("utf-8", "replace"), self.stubs[section.id]
        if request.source is not None and not all(is_stub(text, stub, each.name) for each in chosen):
            return False
        self.jobs.keep_report(result, Report(seed, LEVEL, tuple(map(not_written, chosen))))
        return True

    def _refusal(self, student: str) -> Refusal | None:
        """Counts one check of a student; why it is not taken, where there were too many."""
        if self.jobs.open_ones(student) >= self.rules.queued:
            problem = f"{self.rules.queued} of your checks are waiting already."
            return Refusal(429, problem, "Wait until they are done.", max(self.seconds, 1.0))
        moment = time.time()
        bucket = self.jobs.bucket(student) or Bucket.full(self.rules.checks, moment)
        bucket, wait = bucket.take(self.rules.checks, moment)
        self.jobs.keep_bucket(student, bucket)
        return Refusal(429, "You have used up your checks for now.", "Wait, then try again.", wait) if wait else None

    def settled(self, student: str, id: str) -> bool:
        """Whether there will be no more news of a job."""
        job = self.jobs.find(student, id)
        return job is None or (job.state is State.DONE and job.keep != "waits")

    def standing(self, student: str, id: str) -> dict[str, Any]:
        """How a student's job stands: its place and the seconds that it may take, or its report.

        Raises:
            Refusal: the student has no such job.
        """
        job = self.jobs.find(student, id)
        if job is None:
            raise Refusal(404, "You have no such check.", "Verdicts are kept for two days; check again.")
        note = "This text is being kept as an attempt." if job.keep == "waits" else job.note
        standing: dict[str, Any] = {"id": job.id, "state": job.state, "section": job.section, "note": note}
        if job.state is State.DONE:
            report = self.jobs.report(job.result)
            assert report is not None
            return {**standing, "report": report.to_json()}
        place = self.jobs.position(job) if job.state is State.QUEUED else 0
        return {**standing, "position": place, "seconds": round(self.seconds * (1 + place / self.rules.judges), 1)}

    def knows(self, job: Job) -> bool:
        """Whether what a job asks for is judged here; a job may be older than this start of the service."""
        return job.section in self.sections and len(self._exercises(job)) == len(job.exercises)

    def shown(self, job: Job, results: Iterable[ExerciseResult]) -> Report:
        """What a judge found, as the learner may see it."""
        return Report(job.seed, LEVEL, withheld(results, self._exercises(job)))

    def _exercises(self, wanted: Job | Request) -> list[Exercise]:
        return [each for each in self.sections[wanted.section].exercises if each.id in wanted.exercises]

    def tidy(self) -> None:
        """Forgets verdicts that nobody asks for any more."""
        self.jobs.prune(f"{now() - KEPT:%Y-%m-%dT%H:%M:%S.%fZ}")

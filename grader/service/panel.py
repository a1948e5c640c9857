"""The judges at work: each takes the job whose turn it is, again and again, in a thread beside the event loop.

Whatever a text does to a judge costs that text its verdict and nobody else anything. A machine that cannot judge any
more keeps its queue: it is said on standard error, and tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

from grader.errors import GraderError
from grader.instructor.grading.judges import TRIES, Court, Task
from grader.results import Report
from grader.service.desk import LEVEL, Desk
from grader.service.jobs import Job
from grader.service.seats import Seat
from grader.service.store import CannotKeep

AGAIN = 5.0  # seconds after which what this machine could not do is tried again
STARTS = 3  # so often may a job be under way when the service itself is killed, before it is taken to be the reason
TIDY = 3600.0
T = TypeVar("T")
log = logging.getLogger("grader.service")


class Panel:
    """All that goes on beside answering requests. Everything but the judging itself happens in the event loop."""

    def __init__(self, desk: Desk, court: Court) -> None:
        self.desk = desk
        self.seats = [Seat(court, desk.sections) for _ in range(desk.rules.judges)]
        self.troubles: dict[str, str] = {}  # what cannot be done just now → why
        self._threads = ThreadPoolExecutor(len(self.seats) + 1, "judge")
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._news, self._closed = asyncio.Event(), asyncio.Event()

    async def ready(self) -> None:
        """Starts all judges. Raises GraderError where one of them cannot judge here."""
        self._loop = asyncio.get_running_loop()
        self.desk.jobs.put_back()
        await asyncio.gather(*(self._apart(seat.take) for seat in self.seats))

    async def run(self) -> None:
        """Works until `close` was called and what was begun is done."""
        work = [self._repeat("judging", partial(self._judge_next, seat)) for seat in self.seats]
        await asyncio.gather(*work, self._repeat("keeping attempts", self._keep_next), self._tidy())

    def close(self) -> None:
        """No new work: what runs is finished, who waits is answered, the queue stays."""
        self.desk.closing = True
        self._closed.set()
        self.call()
        for id in list(self._waiting):
            self._tell(id)

    def end(self) -> None:
        """Ends the judges' processes, whatever they do."""
        for seat in self.seats:
            seat.leave()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def call(self) -> None:
        """Says that there is something to do."""
        self._news.set()

    async def change(self, id: str, seconds: float) -> None:
        """Waits until there is news of a job, or the service closes, or for so many seconds."""
        future = self._loop.create_future()
        self._waiting.setdefault(id, []).append(future)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await future
        finally:
            self._waiting[id].remove(future)
            if not self._waiting[id]:
                del self._waiting[id]

    def _tell(self, id: str) -> None:
        for future in self._waiting.get(id, ()):
            if not future.done():
                future.set_result(None)

    async def _repeat(self, what: str, step: Callable[[], Awaitable[bool]]) -> None:
        """Does one step after another while there is something to do, and waits for news when there is not.

        What this machine cannot do just now is said once, and tried again.
        """
        while not self.desk.closing:
            try:
                did = await step()
                self.troubles.pop(what, None)
                if not did:
                    self._news.clear()
                    await self._news.wait()
            except GraderError as error:
                if self.troubles.get(what) != error.problem:
                    log.error("%s: %s %s", what, error.problem, error.hint)
                self.troubles[what] = error.problem
                await self._pause(AGAIN)

    async def _pause(self, seconds: float) -> None:
        """For so many seconds, or until the service closes."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()

    async def _apart(self, function: Callable[..., T], *arguments: object) -> T:
        return await self._loop.run_in_executor(self._threads, function, *arguments)

    # Judging

    async def _judge_next(self, seat: Seat) -> bool:
        """One job from its turn to its verdict; raises GraderError, with the job in the queue again, if nobody can."""
        desk = self.desk
        job = desk.jobs.claim()
        if job is None:
            return False
        report = desk.jobs.report(job.result)  # somebody may have asked the same meanwhile
        if report is None:
            source, started = desk.jobs.source(job) or b"", self._loop.time()
            try:
                report = await self._apart(self._report, seat, job, source)
            except GraderError:
                await self._surely(partial(desk.jobs.put_back, job))
                raise
            desk.seconds += 0.1 * (self._loop.time() - started - desk.seconds)
        await self._surely(partial(desk.jobs.finish, job, report))
        self._tell(job.id)
        return True

    def _report(self, seat: Seat, job: Job, source: bytes) -> Report:
        """In a thread of its own."""
        if not self.desk.knows(job):  # the service was restarted with another course
            return Report(job.seed, LEVEL)
        task = Task(job.result, job.section, source, job.exercises, job.seed)
        return self.desk.shown(job, seat.verdict(task, TRIES if job.tries <= STARTS else 0))

    async def _surely(self, write: Callable[[], object]) -> None:
        """Writes, however long the disk is full; what is not written when the service closes is done again later."""
        while True:
            try:
                write()
                return
            except CannotKeep as error:
                if self.desk.closing:
                    raise
                log.error("%s", error.problem)
                await self._pause(AGAIN)

    # What else there is to do

    async def _keep_next(self) -> bool:
        """Makes an attempt of one job, in the order in which they came; what waits is on the disk."""
        keeping, jobs = self.desk.keeping, self.desk.jobs
        job = jobs.to_keep() if keeping else None
        if keeping is None or job is None:
            return False
        jobs.kept(job, await self._apart(keeping.keep, job, jobs.source(job)))
        self._tell(job.id)
        return True

    async def _tidy(self) -> None:
        while not self.desk.closing:
            with suppress(CannotKeep):  # then an hour later
                self.desk.tidy()
            await self._pause(TIDY)

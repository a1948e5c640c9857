"""The tasks of a batch on many machines: the same judges, on the workers of a dask cluster.

The scheduler hands out tasks and notices workers that die; what they had goes elsewhere. Every worker has a judge for
each of its threads (`dask worker --nthreads`), each a process of its own at level strict. The scheduler and the workers
need this package, the workers also the course: at the same path, or where their variable `GRADER_COURSE` says. A worker
whose course says anything else than the instructor's refuses. Only the instructor's process writes to the gradebook, so
that a task that ran twice counts once.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from grader.course import Course, Section
from grader.errors import GraderError
from grader.instructor.grading.batch import Done
from grader.instructor.grading.judges import TRIES, Court, JudgeProcess, Task, poisoned
from grader.instructor.grading.suites import result_key

PATIENCE = 30.0  # seconds to wait for a scheduler and a first worker
_mine = threading.local()


class Cluster:
    """A scheduler: `Cluster("tcp://host:8786")(court, tasks)` yields what is done, in the order in which it is done."""

    def __init__(self, address: str, patience: float = PATIENCE) -> None:
        self.address = address
        self.patience = patience

    def __call__(self, court: Court, tasks: Iterator[Task]) -> Iterator[Done]:
        """Keeps two tasks ready for each thread of each worker, and no more in memory here."""
        distributed = _distributed()
        with self._client(distributed) as client:
            arriving, running = distributed.as_completed(), 0
            for task in tasks:
                arriving.add(self._submitted(client, court, task))
                running += 1
                while running >= 2 * _threads(client):
                    yield self._result(court, next(arriving), distributed)
                    running -= 1
            for future in arriving:
                yield self._result(court, future, distributed)

    def warm(self, court: Court) -> None:
        """Workers start their judges with their first task."""

    def close(self) -> None:
        """Nothing stays open between calls."""

    def _client(self, distributed: Any) -> Any:
        try:
            client = distributed.Client(self.address, timeout=self.patience)
            client.wait_for_workers(1, timeout=self.patience)
            client.run_on_scheduler(_two_tries)
        except (OSError, TimeoutError) as error:
            problem = f"The cluster at {self.address} cannot be used: {error}."
            hint = "Start `dask scheduler`, and `dask worker ADDRESS` on each machine; versions must be equal."
            raise GraderError(problem, hint) from error
        return client

    def _submitted(self, client: Any, court: Court, task: Task) -> Any:
        future = client.submit(judge, court, task, key=f"{task.key}-{time.monotonic_ns()}", pure=False)
        future.task = task
        return future

    def _result(self, court: Court, future: Any, distributed: Any) -> Done:
        """A task that ended one worker after another is recorded as broken, and the batch goes on."""
        try:
            done: Done = future.result()
        except distributed.scheduler.KilledWorker:
            done = Done(future.task, poisoned(court, future.task), 0.0)
        future.release()
        return replace(done, task=future.task)


def _two_tries(dask_scheduler: Any) -> None:
    """What ended the workers that it was on twice goes to no third."""
    dask_scheduler.allowed_failures = TRIES - 1


def _threads(client: Any) -> int:
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    return max(sum(int(worker["nthreads"]) for worker in workers), 1)


def _distributed() -> Any:
    try:
        import distributed
        import distributed.scheduler
    except ImportError as error:
        hint = "pip install 'llm-from-scratch-grader[cluster]'"
        raise GraderError("Grading on many machines needs `distributed`, which is not installed.", hint) from error
    return distributed


# What runs on a worker


def judge(court: Court, task: Task) -> Done:
    """Grades one task with this thread's judge, which stays warm for the next."""
    here = replace(court, course=Path(os.environ.get("GRADER_COURSE", court.course)))
    _check_course(here, task)
    if getattr(_mine, "court", None) != here:
        if hasattr(_mine, "judge"):
            _mine.judge.close()
        _mine.court, _mine.judge = here, JudgeProcess(here)
    return Done(task, *_mine.judge.grade_timed(task))


def _check_course(court: Court, task: Task) -> None:
    section = _sections(court.course)[task.section]
    if result_key(section, task.exercises, task.source, task.seed) != task.key:
        where = f"{court.course} on {os.uname().nodename}"
        problem = f"The course in {where} is not the instructor's: {section.id} differs."
        raise GraderError(problem, "Bring the workers the same checkout and the same version of the grader.")


@lru_cache(maxsize=4)
def _sections(course: Path) -> dict[str, Section]:
    return {section.id: section for section in Course.load(course).sections}

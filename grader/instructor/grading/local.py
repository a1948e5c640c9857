"""The tasks of a batch on this machine: a judge for every core, each in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from queue import SimpleQueue

from grader.instructor.grading.batch import Done
from grader.instructor.grading.judges import Court, JudgeProcess, Task


class Local:
    """A scheduler: `Local(jobs)(court, tasks)` yields what is done, in the order in which it is done."""

    def __init__(self, jobs: int | None = None) -> None:
        self.jobs = jobs or cores()
        self._idle: SimpleQueue[JudgeProcess] = SimpleQueue()
        self._judges: list[JudgeProcess] = []

    def warm(self, court: Court) -> None:
        """Starts the judges ahead of the first task; returns at once."""
        for _ in range(self.jobs - len(self._judges)):
            self._judges.append(JudgeProcess(court))
            self._judges[-1].start()
            self._idle.put(self._judges[-1])

    def __call__(self, court: Court, tasks: Iterator[Task]) -> Iterator[Done]:
        """Keeps two tasks ready for each judge, and no more in memory."""
        self.warm(court)
        pool = ThreadPoolExecutor(self.jobs)
        running: set[Future[Done]] = set()
        try:
            for task in tasks:
                running.add(pool.submit(self._judge, task))
                if len(running) >= 2 * self.jobs:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from (each.result() for each in done)
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (each.result() for each in done)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            self.close()

    def _judge(self, task: Task) -> Done:
        judge = self._idle.get()
        try:
            return Done(task, *judge.grade_timed(task))
        finally:
            self._idle.put(judge)

    def close(self) -> None:
        """Ends all judges; a thread that waits for one of them ends with it."""
        for judge in self._judges:
            judge.hang_up()
        for judge in self._judges:
            judge.close()
        self._judges.clear()
        self._idle = SimpleQueue()


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

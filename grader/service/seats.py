"""Where a judge sits: one process after another, each replaced when it ended, hung or has read an older suite."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from grader.course import Section
from grader.errors import GraderError
from grader.instructor.grading.judges import TRIES, Court, JudgeDied, JudgeProcess, Task, poisoned
from grader.instructor.grading.suites import fingerprint
from grader.results import ExerciseResult

log = logging.getLogger("grader.service")


class Seat:
    """One judge at a time. Its methods block and are for one thread at a time, but for `leave`."""

    def __init__(self, court: Court, sections: Mapping[str, Section]) -> None:
        self.court = court
        self.sections = sections
        self._judge: JudgeProcess | None = None
        self._read: dict[str, str] = {}  # the suites, as this judge has them
        self._free = True

    def take(self) -> JudgeProcess:
        """The judge, ready. Raises GraderError where none can be: this is about the machine, not about any text."""
        if not self._free:
            raise GraderError("The service has ended.")
        if self._judge is None:
            self._read = {id: fingerprint(section) for id, section in self.sections.items()}
            self._judge = JudgeProcess(self.court)
        try:
            self._judge.wait()
        except JudgeDied as error:
            self._replace()
            raise GraderError(f"A judge could not be started: {error}.", "Run `grader doctor`.") from error
        except GraderError:
            self._replace()
            raise
        return self._judge

    def verdict(self, task: Task, tries: int = TRIES) -> tuple[ExerciseResult, ...]:
        """What a task comes to; a text that ends every judge that tries it is broken. Raises like `take`."""
        if self._read.get(task.section) != fingerprint(self.sections[task.section]):
            self._replace()
        for _ in range(tries):
            judge = self.take()
            try:
                return judge.grade(task)
            except Exception as error:  # whatever it is: a fresh judge could start, so it is this text that does it
                log.warning("%s: a text ended a judge: %r", task.section, error)
                self._replace()
        return poisoned(self.court, task)

    def _replace(self) -> None:
        judge, self._judge = self._judge, None
        if judge is not None:
            judge.close()

    def leave(self) -> None:
        """Ends the judge for good, whatever it does; also from another thread than the one that waits for it."""
        self._free = False
        self._replace()

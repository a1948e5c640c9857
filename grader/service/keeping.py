"""Checks that become attempts of an assignment, where the instructor asks for that (`--record`).

What is kept is the text, not the verdict: `grader grade` judges it with the class's own seed, as it judges everything
else. An attempt holds the latest text of every section that is known of the student. Practising never harms: a check
after the due date does not take the place of what came in on time.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from grader.instructor import attempts
from grader.instructor.attempts import Attempt
from grader.instructor.term import Assignment, Term
from grader.service.jobs import Job


class Keeping:
    """Makes attempts of checks, in the order in which these came. Not for several threads at once."""

    def __init__(self, term: Term, assignment: Assignment) -> None:
        self.term = term
        self.assignment = assignment
        self.paths = {section.id: section.path for section in term.selection(assignment)}

    def wants(self, section: str) -> bool:
        return section in self.paths

    def keep(self, job: Job, source: bytes) -> str:
        """Keeps the text of a job with all that is known; called again for the same job, it keeps nothing twice.

        Returns:
            What to tell the learner.

        Raises:
            GraderError: it cannot be written, or the gradebook cannot be read; it can be tried again.
        """
        folders = attempts.attempts(self.term, self.assignment).get(job.student, [])
        known = sorted(map(attempts.read, folders), key=lambda attempt: attempt.received)
        if self._would_harm(job, known):
            return f"Only practice: {self.assignment.name} was due, and what you handed in on time stands."
        attempt = self._attempt(job, source, known)
        if not any(each.origin == attempt.origin for each in known) and attempt.digest != _latest(known):
            attempts.keep(self.term, attempt)
        return f"Kept as your latest attempt for {self.assignment.name}."

    def _attempt(self, job: Job, source: bytes, known: list[Attempt]) -> Attempt:
        files = {**(known[-1].files if known else {}), self.paths[job.section]: source}
        moment = job.received.replace(microsecond=0)
        if known:  # their folders are told apart, and put in order, by the second
            moment = max(moment, known[-1].received.replace(microsecond=0) + timedelta(seconds=1))
        return Attempt(job.student, self.assignment.name, moment, files, f"service, check {job.id}")

    def _would_harm(self, job: Job, known: list[Attempt]) -> bool:
        """Whether a late attempt would count in place of one that was on time."""
        if self.term.attempt == "best" or not self._late(job.received, self.assignment.due):
            return False
        due = self._own_due(job.student)
        return self._late(job.received, due) and any(not self._late(each.received, due) for each in known)

    def _late(self, received: datetime, due: datetime | None) -> bool:
        return due is not None and self.term.lateness.days_late((received - due).total_seconds()) > 0

    def _own_due(self, student: str) -> datetime | None:
        from grader.instructor.grading.gradebook import Gradebook  # a second to import, seldom needed

        with Gradebook(self.term) as book:
            return book.extensions(self.assignment).get(student, self.assignment.due)


def _latest(known: list[Attempt]) -> str:
    return known[-1].digest if known else ""

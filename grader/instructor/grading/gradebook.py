"""The gradebook of a class: nbgrader's own, so that its tools and its web page show it, with what it does not keep.

A submission's points, the keys of its results and its line in the log are written in one transaction: a kill at any
moment leaves it graded or not, and never twice.
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from grader.course import Exercise
from grader.errors import GraderError
from grader.instructor.grades import Entry, Grade, Line, Verdict, weight
from grader.instructor.grading import rows
from grader.instructor.grading.database import EXTENSIONS, GRADES, LOG, Database
from grader.instructor.grading.found import Results
from grader.instructor.term import Assignment, Student, Term
from grader.results import ExerciseResult
from grader.workspace import now


class Gradebook:
    """Everything that is known about a class's grades. Not for several threads at once."""

    def __init__(self, term: Term) -> None:
        self.term = term
        self.database = Database(term.database)
        self.results = Results(self.database)

    @classmethod
    def open(cls, term: Term) -> Gradebook:
        """The class's gradebook, made where there is none; raises `GraderError` where that cannot be done."""
        return cls(term)

    def __enter__(self) -> Gradebook:
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()

    def register(self, assignment: Assignment) -> None:
        """Makes or brings up to date what the gradebook says of an assignment and of the roster."""
        with self.database.transaction() as session:
            rows.register(session, assignment, self.term.selection(assignment), self.database.book.course_id)
            for student in self.term.students:
                rows.register_student(session, student)

    # What was graded

    def verdicts(self, assignment: str) -> dict[str, Verdict]:
        """What was graded of an assignment, by student."""
        with self.database.told():
            found = self.database.session.execute(select(GRADES).where(GRADES.c.assignment == assignment)).all()
        return {row.student: _verdict(row) for row in found}

    def commit(self, assignment: Assignment, verdict: Verdict, what: str = "graded", details: str = "") -> None:
        """Writes a submission's points, the keys of its results and the log's line: all or nothing."""
        results = self._by_id(verdict)
        selection = self.term.selection(assignment)
        with self.database.transaction() as session:
            _write(session, assignment.name, verdict)
            submitted = rows.submission(session, assignment.name, verdict.student)
            submitted.timestamp = rows.plain(verdict.received)
            for exercise, grade in rows.grades(submitted, selection):
                found = results.get(exercise.id)
                points = found.points * weight(exercise.kind, self.term.beyond) if found else 0.0
                # As nbgrader does: what a person gave stands, and is to be looked at when the ground for it moved.
                grade.needs_manual_grade = grade.manual_score is not None and grade.auto_score != points
                grade.auto_score = points
            self._penalise(submitted, assignment, verdict)
            self._log(what, assignment.name, verdict.student, details)

    def _by_id(self, verdict: Verdict) -> dict[str, ExerciseResult]:
        return {each.id: each for key in verdict.keys.values() for each in self.results.get(key)[0]}

    def _penalise(self, submitted: Any, assignment: Assignment, verdict: Verdict) -> None:
        due = self.extensions(assignment).get(verdict.student, assignment.due)
        if assignment.due and due and due != assignment.due:
            submitted.extension = due - assignment.due
        rows.write_penalties(submitted, self.term.lateness, seconds_late(verdict.received, due))

    # What people change

    def adjust(self, assignment: Assignment, student: str, exercise: Exercise, added: float, reason: str) -> float:
        """Adds points to an exercise of a student's (or takes them off), and says why; returns what is added by now.

        Raises:
            GraderError: nothing of the student was graded yet.
        """
        verdict = self._graded(assignment, student)
        with self.database.transaction() as session:
            submitted = rows.submission(session, assignment.name, student)
            found = dict(rows.grades(submitted, self.term.selection(assignment)))
            if exercise not in found:
                raise GraderError(
                    f"`{exercise.id}` is not part of {assignment.name}.", "`grader report` lists what is."
                )
            grade = found[exercise]
            grade.extra_credit = total = (grade.extra_credit or 0.0) + added
            self._penalise(submitted, assignment, verdict)
            self._log("adjusted", assignment.name, student, f"{exercise.id} {added:+g} (now {total:+g}): {reason}")
        return float(total)

    def _graded(self, assignment: Assignment, student: str) -> Verdict:
        verdict = self.verdicts(assignment.name).get(student)
        if verdict is None:
            problem = f"Nothing of {student} was graded for {assignment.name}."
            raise GraderError(problem, f"`grader grade {assignment.name}` grades what was collected.")
        return verdict

    def extend(self, assignment: Assignment, student: str, until: datetime, reason: str) -> None:
        """Gives a student another due date, and says why; what was taken off for lateness follows."""
        verdict = self.verdicts(assignment.name).get(student)
        moment = until.astimezone(UTC)
        with self.database.transaction() as session:
            place = (EXTENSIONS.c.assignment == assignment.name) & (EXTENSIONS.c.student == student)
            session.execute(delete(EXTENSIONS).where(place))
            values = {"assignment": assignment.name, "student": student, "until": moment.isoformat()}
            session.execute(insert(EXTENSIONS).values(values))
            if verdict is not None:
                self._penalise(rows.submission(session, assignment.name, student), assignment, verdict)
            self._log("extended", assignment.name, student, f"until {moment:%Y-%m-%d %H:%M} UTC: {reason}")

    def extensions(self, assignment: Assignment) -> dict[str, datetime]:
        """The students that have another due date, and which."""
        wanted = select(EXTENSIONS.c.student, EXTENSIONS.c.until).where(EXTENSIONS.c.assignment == assignment.name)
        with self.database.told():
            found = self.database.session.execute(wanted).all()
        return {student: datetime.fromisoformat(until) for student, until in found}

    # The log

    def log(self, what: str, assignment: str, student: str = "", details: str = "") -> None:
        """Adds a line: who did what, when."""
        with self.database.transaction():
            self._log(what, assignment, student, details)

    def _log(self, what: str, assignment: str, student: str, details: str) -> None:
        facts = {"at": _stamp(), "who": _who(), "what": what, "assignment": assignment, "student": student}
        self.database.session.execute(insert(LOG).values({**facts, "details": details}))

    def history(self, assignment: str = "", student: str = "") -> list[Entry]:
        """The log's lines, oldest first; of one assignment, of one student, where they are named."""
        wanted = select(LOG).order_by(LOG.c.id)
        wanted = wanted.where(LOG.c.assignment == assignment) if assignment else wanted
        wanted = wanted.where(LOG.c.student == student) if student else wanted
        with self.database.told():
            return [Entry(*row[1:]) for row in self.database.session.execute(wanted)]

    def follow_rules(self, assignment: Assignment) -> str:
        """Where class.toml says another due date or late policy than when it was last graded, penalties follow.

        Returns:
            What the rules say now, where this is news; else an empty text.
        """
        due = f"{assignment.due:%Y-%m-%d %H:%M} UTC" if assignment.due else "no due date"
        says = f"{due}; {self.term.lateness}; beyond counts {self.term.beyond:g}"
        before = [each.details for each in self.history(assignment.name) if each.what == "rules"]
        if before and before[-1] == says:
            return ""
        self.log("rules", assignment.name, details=says)
        for student, verdict in self.verdicts(assignment.name).items():
            with self.database.transaction() as session:
                self._penalise(rows.submission(session, assignment.name, student), assignment, verdict)
        return says if before else ""

    # Reading it all

    def grades(self, assignment: Assignment) -> Iterator[Grade]:
        """How every student stands who is on the roster or handed something in, by last name, first name and id."""
        verdicts, extensions = self.verdicts(assignment.name), self.extensions(assignment)
        with self.database.told():
            submitted = rows.submissions(self.database.session, assignment.name)
        adjusted = [each for each in self.history(assignment.name) if each.what == "adjusted"]
        exercises = [each for chosen in self.term.selection(assignment).values() for each in chosen]
        for student in self._people(verdicts):
            empty = Grade(student, assignment, tuple(map(Line, exercises)), beyond_share=self.term.beyond)
            verdict, due = verdicts.get(student.id), extensions.get(student.id, assignment.due)
            if verdict is None:
                yield empty
            else:
                reasons = [each.details for each in adjusted if each.student == student.id]
                yield self._standing(
                    replace(empty, notes=(*verdict.notes, *reasons)), verdict, submitted[student.id], due
                )

    def _people(self, handed_in: Iterable[str]) -> list[Student]:
        people = {student.id: student for student in self.term.students}
        people |= {id: Student(id) for id in handed_in if id not in people}
        return sorted(people.values(), key=lambda each: (each.last_name, each.first_name, each.id))

    def _standing(self, empty: Grade, verdict: Verdict, submitted: Any, due: datetime | None) -> Grade:
        results, late = self._by_id(verdict), seconds_late(verdict.received, due)
        graded = dict(rows.grades(submitted, self.term.selection(empty.assignment)))
        grade = replace(
            empty, received=verdict.received, digest=verdict.digest, seconds_late=late, graded=True,
            lines=tuple(_line(each.exercise, results.get(each.exercise.id), graded) for each in empty.lines),
            late_says=self.term.lateness.says(late),
            seconds=sum(self.results.get(key)[1] for key in verdict.keys.values()),
        )  # fmt: skip
        return replace(grade, penalty=self.term.lateness.penalty(grade.before_penalty, late))


def seconds_late(received: datetime, due: datetime | None) -> float:
    return max((received - due).total_seconds(), 0.0) if due else 0.0


def _line(exercise: Exercise, result: ExerciseResult | None, graded: Mapping[Exercise, Any]) -> Line:
    row = graded.get(exercise)
    return (
        Line(exercise, result, row.manual_score, row.extra_credit or 0.0) if row is not None else Line(exercise, result)
    )


def _verdict(row: Any) -> Verdict:
    received = datetime.fromisoformat(row.received)
    return Verdict(
        row.student, row.digest, received, row.considered, json.loads(row.keys), tuple(json.loads(row.notes))
    )


def _write(session: Any, assignment: str, verdict: Verdict) -> None:
    values = {
        "digest": verdict.digest, "received": verdict.received.astimezone(UTC).isoformat(),
        "considered": verdict.considered, "keys": json.dumps(dict(verdict.keys)), "notes": json.dumps(verdict.notes),
        "graded_at": _stamp(),
    }  # fmt: skip
    place = (GRADES.c.assignment == assignment) & (GRADES.c.student == verdict.student)
    if not session.execute(update(GRADES).where(place).values(values)).rowcount:
        session.execute(insert(GRADES).values({"assignment": assignment, "student": verdict.student, **values}))


def _stamp() -> str:
    return f"{now():%Y-%m-%dT%H:%M:%SZ}"


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in some containers
        return "unknown"

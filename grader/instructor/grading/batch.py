"""A class, graded: which attempts count, which of their sections must be judged, and what is written when.

Everything that was found is kept by key at once, and every submission is written when the last of its sections is in:
a kill loses what is being judged at that moment, and the next call goes on from there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grader.errors import GraderError
from grader.grading import not_written
from grader.instructor import attempts
from grader.instructor.attempts import Attempt
from grader.instructor.grades import Verdict, weight
from grader.instructor.grading.gradebook import Gradebook, seconds_late
from grader.instructor.grading.judges import Court, Task
from grader.instructor.grading.suites import result_key
from grader.instructor.term import Assignment
from grader.results import ExerciseResult
from grader.stubs import is_stub, pristine


@dataclass(frozen=True)
class Done:
    """A task that was judged."""

    task: Task
    results: tuple[ExerciseResult, ...]
    seconds: float


Scheduler = Callable[[Court, Iterator[Task]], Iterator[Done]]
SeedOf = Callable[[Assignment, str], int]


@dataclass
class Case:
    """One student's submission under way: each attempt that may count, with the key of each section's results."""

    student: str
    considered: str
    attempts: list[tuple[Attempt, dict[str, str]]]
    waiting: set[str] = field(default_factory=set)


class Batch:
    """The grading of one assignment. `take` is given each submission's verdict as soon as its last section is in."""

    def __init__(self, book: Gradebook, assignment: Assignment, take: Callable[[Verdict], None]) -> None:
        self.book = book
        self.assignment = assignment
        self.take = take
        self.selection = book.term.selection(assignment)
        self.stubs = {section.id: pristine(section) for section in self.selection}
        self.seed_of: SeedOf = seed_of
        self._open: dict[str, list[Case]] = {}  # key that is being judged → who waits for it

    @property
    def court(self) -> Court:
        return Court(self.book.term.course.root, tuple(section.id for section in self.selection))

    def pending(self) -> list[str]:
        """The students who handed in something that was not graded yet."""
        known = self.book.verdicts(self.assignment.name)
        folders = attempts.attempts(self.book.term, self.assignment)
        return [
            student
            for student, found in folders.items()
            if found and (student not in known or known[student].considered != self._considered(student, found))
        ]

    def run(self, students: Iterable[str], scheduler: Scheduler) -> None:
        """Judges what must be judged; every result is kept when it comes, every verdict given when it is complete."""
        for done in scheduler(self.court, self._tasks(students)):
            self.book.results.keep(done.task.key, done.task.section, done.results, done.seconds)
            for case in self._open.pop(done.task.key):
                case.waiting.discard(done.task.key)
                if not case.waiting:
                    self._finish(case)

    def _tasks(self, students: Iterable[str]) -> Iterator[Task]:
        """What nobody judged before, one submission after another: few are in memory at a time."""
        folders = attempts.attempts(self.book.term, self.assignment)
        for student in students:
            case, tasks = self._case(student, folders[student])
            new = [task for task in tasks if task.key not in self._open]
            case.waiting = {task.key for task in tasks}
            for key in case.waiting:
                self._open.setdefault(key, []).append(case)
            if not case.waiting:
                self._finish(case)
            yield from new

    def _case(self, student: str, folders: list[Path]) -> tuple[Case, list[Task]]:
        counted = self._counted(folders)
        case = Case(student, self._considered(student, folders), [])
        tasks: dict[str, Task] = {}
        for attempt in map(attempts.read, counted):
            mine = self._tasks_of(attempt)
            case.attempts.append((attempt, {section: task.key for section, task in mine.items()}))
            tasks |= {task.key: task for task in mine.values() if not self._known(attempt, task)}
        return case, list(tasks.values())

    def _counted(self, folders: list[Path]) -> list[Path]:
        """The attempts that may count; of the same text, handed in again and again, only the first time matters."""
        if self.book.term.attempt == "best" or not folders:
            return folders
        digests = [folder.name.partition("-")[2] for folder in folders]
        last = len(folders)
        while last > 0 and digests[last - 1] == digests[-1]:
            last -= 1
        return [folders[last]]

    def _tasks_of(self, attempt: Attempt) -> dict[str, Task]:
        """What must be known of an attempt, by section."""
        seed = self.seed_of(self.assignment, attempt.student)
        tasks: dict[str, Task] = {}
        for section, exercises in self.selection.items():
            source, ids = attempt.source(section), tuple(each.id for each in exercises)
            key = result_key(section, ids, source, seed)
            tasks[section.id] = Task(key, section.id, source or b"", ids, seed)
        return tasks

    def _known(self, attempt: Attempt, task: Task) -> bool:
        """Whether there is nothing to judge: it was judged before, or nothing was written at all."""
        if self.book.results.has(task.key):
            return True
        section, exercises = next(pair for pair in self.selection.items() if pair[0].id == task.section)
        source, stub = attempt.source(section), self.stubs[section.id]
        text = (source or b"").decode("utf-8", "replace")
        if source is not None and not all(is_stub(text, stub, each.name) for each in exercises):
            return False
        self.book.results.keep(task.key, section.id, [not_written(each) for each in exercises], 0.0)
        return True

    def _considered(self, student: str, folders: list[Path]) -> str:
        """A hash of what decides a grade beside the suites: attempts, seed, exercises, which attempt counts."""
        counted = self._counted(folders)
        ids = [each.id for exercises in self.selection.values() for each in exercises]
        facts = [str(self.seed_of(self.assignment, student)), *ids, *(folder.name for folder in counted)]
        if len(counted) > 1:  # which is the best hangs on what is taken off for lateness, and on what extras count
            due = self.book.extensions(self.assignment).get(student, self.assignment.due)
            facts += [str(due), str(self.book.term.lateness), str(self.book.term.beyond)]
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()

    def anew(self, students: Sequence[str]) -> list[str]:
        """These students, after forgetting what was found for them.

        Raises:
            GraderError: one of them handed in nothing.
        """
        folders = attempts.attempts(self.book.term, self.assignment)
        for student in students:
            if not folders.get(student):
                raise GraderError(
                    f"{student} handed in nothing for {self.assignment.name}.", "`grader collect` takes it."
                )
            tasks = [task for folder in folders[student] for task in self._tasks_of(attempts.read(folder)).values()]
            self.book.results.forget([task.key for task in tasks])
        return list(students)

    def touched(self) -> list[str]:
        """The graded students whose results depend on a suite that says something else by now."""
        known = self.book.verdicts(self.assignment.name)
        folders = attempts.attempts(self.book.term, self.assignment)
        return [
            each for each in folders if each in known and self._keys_now(folders[each], known[each]) != known[each].keys
        ]

    def _keys_now(self, folders: list[Path], verdict: Verdict) -> dict[str, str]:
        counted = [folder for folder in folders if folder.name.endswith(verdict.digest[:12])]
        attempt = attempts.read((counted or folders)[-1])
        return {section: task.key for section, task in self._tasks_of(attempt).items()}

    def _verdict(self, case: Case) -> Verdict:
        """The attempt that counts: the only one that was considered, or the one with the highest score."""
        attempt, keys = max(case.attempts, key=lambda each: (self._score(*each), each[0].received))
        return Verdict(case.student, attempt.digest, attempt.received, case.considered, keys, attempt.notes)

    def _score(self, attempt: Attempt, keys: Mapping[str, str]) -> float:
        results = [result for key in keys.values() for result in self.book.results.get(key)[0]]
        earned = sum(each.points * weight(each.kind, self.book.term.beyond) for each in results)
        due = self.book.extensions(self.assignment).get(attempt.student, self.assignment.due)
        return earned - self.book.term.lateness.penalty(earned, seconds_late(attempt.received, due))

    def _finish(self, case: Case) -> None:
        self.take(self._verdict(case))


def seed_of(assignment: Assignment, student: str) -> int:
    """The seed of a student's inputs: the class's, or the student's own where the assignment has variants."""
    if not assignment.variants:
        return assignment.seed
    from grader.instructor.handout.manifest import student_seed

    return student_seed(assignment, student)

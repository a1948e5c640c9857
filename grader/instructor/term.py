"""A term: one folder that holds a class, read from `class.toml` and `students.csv`.

class.toml                      what the class agrees on; people edit it, `grader release` adds assignments
students.csv                    id, first_name, last_name, email, and the names that a learning platform uses
class.key                       the private key that signs releases
attempts/ASSIGNMENT/STUDENT/…   every attempt as it came in
gradebook.db                    nbgrader's gradebook, with the class's own tables (or a PostgreSQL server, by URL)
feedback/, reports/, exports/   what can be made again at any time
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from grader.course import Course, Exercise, Section, select
from grader.errors import GraderError
from grader.files import atomic_write, present, read_text
from grader.instructor.lateness import Lateness
from grader.instructor.roster import Student, check_id, read_roster
from grader.sources import Table

MARKER = "class.toml"
__all__ = ["Assignment", "Student", "Term", "add_assignment", "check_id", "create", "locate", "new_seed"]
_TEMPLATE = """\
# What this class agrees on. `grader release` adds assignments below; everything can be edited by hand.
name = "{name}"
course = "{course}"
timezone = "UTC"                      # what due dates without a zone mean, such as "Europe/Berlin"
database = "sqlite:///gradebook.db"   # or "postgresql+psycopg://user@host/name"
attempt = "last"                      # which attempt counts: "last" or "best"
beyond = 0.0                          # the share of the points of extra exercises that is added to the score

[late]
grace_minutes = 10
per_day = 0.1                         # of the points earned, for each day begun after the due date
days = 3                              # later than that earns nothing

[totals]
drop_lowest = 0                       # how many of the assignments with the lowest share of points do not count
"""


@dataclass(frozen=True)
class Assignment:
    """What is graded together: exercises of one or more sections, due at one time, from one seed.

    `exercises` and `given` are names as people write them (`ch02`, `ch02/attention/rms_norm`); see `Term.selection`.
    """

    name: str
    exercises: tuple[str, ...]
    due: datetime | None
    seed: int
    given: tuple[str, ...] = ()
    variants: bool = False


@dataclass(frozen=True)
class Term:
    """A class folder, read once."""

    root: Path
    name: str
    course_root: Path
    zone: tzinfo
    database: str
    attempt: str
    beyond: float
    lateness: Lateness
    drop_lowest: int
    assignments: Mapping[str, Assignment]

    @classmethod
    def load(cls, root: Path) -> Term:
        """Reads `class.toml` in `root`.

        Raises:
            GraderError: there is none, or it is not as it must be (with file and line).
        """
        root = root.absolute()
        if not present(root / MARKER):
            raise GraderError(
                f"{root} holds no {MARKER}.", "Make a class with `grader class DIR`, or name it: --class DIR."
            )
        table = Table.read(root / MARKER)
        table.only("name", "course", "timezone", "database", "attempt", "beyond", "late", "totals", "assignments")
        if table.text("attempt", "last") not in ("last", "best"):
            raise table.error("attempt", '`attempt` must be "last" or "best"')
        zone = _zone(table)
        return cls(
            root=root, name=table.text("name"), course_root=(root / table.text("course")).resolve(), zone=zone,
            database=_database(root, table.text("database", "sqlite:///gradebook.db")),
            attempt=table.text("attempt", "last"), beyond=table.number("beyond", 0.0, 0.0, 1.0),
            lateness=_lateness(table), drop_lowest=_drop_lowest(table),
            assignments={name: _assignment(name, each, zone) for name, each in table.tables("assignments").items()},
        )  # fmt: skip

    @classmethod
    def find(cls, option: Path | None = None) -> Term:
        """The class named with `--class`, else the one around the current folder; raises like `load`."""
        return cls.load(option or locate(Path.cwd()) or Path.cwd())

    @cached_property
    def course(self) -> Course:
        return Course.load(self.course_root)

    @cached_property
    def students(self) -> tuple[Student, ...]:
        """The roster, in the order of its lines; empty where there is no `students.csv`."""
        path = self.root / "students.csv"
        return read_roster(path) if present(path) else ()

    def assignment(self, name: str) -> Assignment:
        """The assignment of this name; raises `GraderError` that lists those there are."""
        if name in self.assignments:
            return self.assignments[name]
        known = ", ".join(self.assignments) or "none yet: `grader release` makes one"
        raise GraderError(f"There is no assignment `{name}` in {self.root / MARKER}.", f"Assignments: {known}.")

    def moment(self, text: str) -> datetime:
        """A time as people type it, `2026-12-01T23:59`, in the class's zone unless it says its own.

        Raises:
            GraderError: it is not a time.
        """
        try:
            found = datetime.fromisoformat(text.strip())
        except ValueError as error:
            raise GraderError(f"{text!r} is not a date and a time.", "Write it as 2026-12-01T23:59.") from error
        return (found if found.tzinfo else found.replace(tzinfo=self.zone)).astimezone(UTC)

    def selection(self, assignment: Assignment) -> dict[Section, tuple[Exercise, ...]]:
        """What the assignment grades, by section in course order."""
        return select(self.course, assignment.exercises)


def locate(start: Path) -> Path | None:
    """The class folder that `start` is in."""
    start = start.absolute()
    return next((folder for folder in (start, *start.parents) if (folder / MARKER).is_file()), None)


def create(root: Path, course: Path, roster: Path | None) -> Term:
    """Makes a class folder; what is there already stays as it is.

    Raises:
        GraderError: the roster cannot be read, or the folder cannot be written.
    """
    if not present(root / MARKER):
        name = root.absolute().name.replace('"', "")
        atomic_write(root / MARKER, _TEMPLATE.format(name=name, course=course.absolute().as_posix()))
        atomic_write(root / ".gitignore", "class.key\n*.lock\nservice.db*\n")
    if roster is not None:
        read_roster(roster)
        atomic_write(root / "students.csv", read_text(roster))
    return Term.load(root)


def new_seed() -> int:
    """A seed for an assignment: drawn once, then kept in class.toml."""
    return secrets.randbelow(2**31)


def add_assignment(term: Term, assignment: Assignment) -> Term:
    """Writes an assignment into class.toml, comments and everything else as they were; an equal one changes nothing.

    Raises:
        GraderError: an assignment of this name says something else.
    """
    known = term.assignments.get(assignment.name)
    if known == assignment:
        return term
    if known is not None:
        problem = f"The assignment `{assignment.name}` stands in {term.root / MARKER} and says something else."
        raise GraderError(problem, "Edit it there, or choose another --name.")
    check_id(assignment.name, "The assignment's name")
    text = read_text(term.root / MARKER)
    atomic_write(term.root / MARKER, f"{text.rstrip()}\n\n{_written(assignment)}")
    return Term.load(term.root)


def _written(assignment: Assignment) -> str:
    due = f"due = {assignment.due.isoformat()}\n" if assignment.due else ""
    names = {"exercises": assignment.exercises, "given": assignment.given}
    lists = "".join(f"{key} = {json.dumps(ids)}\n" for key, ids in names.items() if ids)
    variants = "variants = true\n" if assignment.variants else ""
    head = f'[assignments."{assignment.name}"]'
    return f"{head}\n{lists}{due}seed = {assignment.seed}\n{variants}"


def _zone(table: Table) -> tzinfo:
    name = table.text("timezone", "UTC")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise table.error(
            "timezone", f"there is no time zone {name!r}", 'Names are such as "Europe/Berlin".'
        ) from error


def _database(root: Path, url: str) -> str:
    """A file's place is meant from the class folder, wherever one stands."""
    prefix = "sqlite:///"
    if url.startswith(prefix) and not url.startswith(prefix + "/"):
        return f"{prefix}{(root / url.removeprefix(prefix)).as_posix()}"
    return url


def _lateness(table: Table) -> Lateness:
    late = table.table("late")
    late.only("grace_minutes", "per_day", "days")
    return Lateness(
        grace_minutes=late.number("grace_minutes", 0.0, 0.0, 1e6),
        per_day=late.number("per_day", 0.0, 0.0, 1.0),
        days=late.number("days", 1e6, 0.0, 1e6),
    )


def _drop_lowest(table: Table) -> int:
    totals = table.table("totals")
    totals.only("drop_lowest")
    return int(totals.number("drop_lowest", 0, 0, 1000))


def _assignment(name: str, table: Table, zone: tzinfo) -> Assignment:
    check_id(name, f"{table.path}: the assignment")
    table.only("exercises", "due", "seed", "given", "variants")
    due, variants = table.data.get("due"), table.data.get("variants", False)
    if not isinstance(due, datetime | None):
        raise table.error("due", "`due` must be a date and a time, such as 2026-12-01T23:59:00")
    if not isinstance(variants, bool):
        raise table.error("variants", "`variants` must be true or false")
    if due is not None:
        due = (due if due.tzinfo else due.replace(tzinfo=zone)).astimezone(UTC)
    seed, exercises = table.whole("seed", 0, 2**63 - 1), table.texts("exercises")
    return Assignment(name, exercises, due, seed, table.texts("given"), variants)

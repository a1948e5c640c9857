"""Whose row is it: the rows of a file that a platform exported, and the students of a class.

A row belongs to a student when an id, a login or an email says so and no other one says someone else; by name only
where exactly one student and one row have it and no email contradicts, and then that is told. What fits nobody is
listed and never guessed.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from grader.errors import GraderError
from grader.files import explained, read_bytes
from grader.instructor.roster import Student
from grader.words import names

_Key = TypeVar("_Key")
Keys = Mapping[str, tuple[str, ...]]  # a column's name → which facts of a student it may hold
_NAMES = ("student", "full name", "firstname", "lastname", "first name", "last name", "surname")
_SHOWN = 20


@dataclass(frozen=True)
class Template:
    """A file that a platform exported, with its rows about people."""

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    delimiter: str

    @classmethod
    def read(cls, path: Path) -> Template:
        """Reads it, whatever it separates its cells with.

        Raises:
            GraderError: it cannot be read, or is no table.
        """
        with explained(path, "read"):
            text = read_bytes(path).decode("utf-8-sig")
        found = {each: list(csv.reader(io.StringIO(text, newline=""), delimiter=each)) for each in ",;\t"}
        delimiter = max(found, key=lambda each: len(found[each][0]) if found[each] else 0)
        header, *rows = found[delimiter] or [[]]
        if len(header) < 2:
            raise GraderError(f"{path} is no table with columns.", "Give the CSV file that the platform exported.")
        wide = [tuple([*row, *[""] * len(header)][: len(header)]) for row in rows]
        filled = tuple(row for row in wide if any(cell.strip() for cell in row))
        return cls(path, tuple(each.strip() for each in header), filled, delimiter)

    def places(self, wanted: Iterable[str]) -> list[int]:
        """Where the columns with these names are."""
        return [place for place, name in enumerate(self.header) if name.casefold() in wanted]

    def column(self, wanted: str, among: Sequence[int]) -> int:
        """The column of an assignment: called so, or so with what platforms put around a title.

        Raises:
            GraderError: there is none, or more than one.
        """
        exact = [place for place in among if self.header[place] == wanted]
        found = exact or [place for place in among if _title(self.header[place]) == wanted.casefold()]
        if len(found) == 1:
            return found[0]
        what = "more than one column" if found else "no column"
        columns = names([self.header[place] for place in among], _SHOWN)
        raise GraderError(f"{self.path} has {what} for `{wanted}`.", f"Name one with --column. There are: {columns}.")

    def whose(self, row: Sequence[str]) -> str:
        """The name that stands in a row, else its first cell."""
        return " ".join(row[place] for place in self.places(_NAMES)) or row[0]


def _title(header: str) -> str:
    """`hw1` of Canvas's `hw1 (1234)` and Moodle's `Assignment: hw1 (Real)`."""
    return re.sub(r" \((\d+|real)\)$", "", re.sub("^assignment: ", "", header.casefold()))


@dataclass(frozen=True)
class Matching:
    """The rows of a template beside the students of a class."""

    template: Template
    students: Sequence[Student]
    keys: Keys

    @cached_property
    def columns(self) -> dict[int, tuple[str, ...]]:
        """The columns that say who somebody is; one with emails of the class is such, whatever it is called."""
        emails = {_plain(each.email) for each in self.students} - {""}
        found = {}
        for place, name in enumerate(self.template.header):
            if name.casefold() in self.keys:
                found[place] = self.keys[name.casefold()]
            elif any(_plain(row[place]) in emails for row in self.template.rows):
                found[place] = ("email",)
        return found

    @cached_property
    def rows(self) -> dict[int, Student]:
        """The place of each row that belongs to a student, and whose it is."""
        found = {place: each for place, each in self._sure.items() if each} | self._by_name
        counts = Counter(student.id for student in found.values())
        return {place: student for place, student in sorted(found.items()) if counts[student.id] == 1}

    @cached_property
    def _sure(self) -> dict[int, Student | None]:
        """What ids say, for the rows where they say anything; None where they contradict each other."""
        index = _index((key, each) for each in self.students for key in _facts(each))
        found: dict[int, Student | None] = {}
        for place, row in enumerate(self.template.rows):
            keys = [(fact, _plain(row[column])) for column, facts in self.columns.items() for fact in facts]
            candidates = {each.id: each for key in keys for each in index.get(key, [])}
            if candidates:
                found[place] = candidates.popitem()[1] if len(candidates) == 1 else None
        return found

    @cached_property
    def _by_name(self) -> dict[int, Student]:
        index = _index((name, each) for each in self.students for name in _names(each))
        counts = Counter(_plain(self.template.whose(row)) for row in self.template.rows)
        found = {}
        for place, row in enumerate(self.template.rows):
            name = _plain(self.template.whose(row))
            same = index.get(name, [])
            if place not in self._sure and counts[name] == len(same) == 1 and not self._denied(row, same[0]):
                found[place] = same[0]
        return found

    def _denied(self, row: Sequence[str], student: Student) -> bool:
        """Whether the row has an email, and the student has another one."""
        emails = [row[place] for place, facts in self.columns.items() if facts == ("email",)]
        return bool(student.email) and any(each.strip() for each in emails)

    @property
    def notes(self) -> tuple[str, ...]:
        """Who fits nobody, and who was found by name only."""
        known = {student.id for student in self.rows.values()}
        left = [self.template.whose(row) for place, row in enumerate(self.template.rows) if place not in self.rows]
        named = [self.rows[place].id for place in self._by_name if place in self.rows]
        said = (
            ("Rows left out, since they fit no student or more than one", left),
            ("Students without a row there", [each.id for each in self.students if each.id not in known]),
            ("Matched by name alone; look at these", named),
        )
        return tuple(f"{what}: {names(found, _SHOWN)}." for what, found in said if found)


def _facts(student: Student) -> list[tuple[str, str]]:
    facts = {**student.other, "id": student.id, "email": student.email}
    return [(fact, _plain(value)) for fact, value in facts.items() if value]


def _plain(value: str) -> str:
    """As ids, emails and names are compared; Moodle's `Participant 12345` is 12345."""
    return re.sub(r"^participant (?=\d)", "", " ".join(value.split()).casefold())


def _names(student: Student) -> set[str]:
    first, last = student.first_name, student.last_name
    return (
        {_plain(each) for each in (f"{first} {last}", f"{last}, {first}", f"{last} {first}")}
        if first and last
        else set()
    )


def _index(facts: Iterable[tuple[_Key, Student]]) -> dict[_Key, list[Student]]:
    index: dict[_Key, list[Student]] = {}
    for key, student in facts:
        index.setdefault(key, []).append(student)
    return index

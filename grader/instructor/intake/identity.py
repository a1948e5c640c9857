"""Whose submission it is: what a source says about a person, and the one student of the roster whom that fits."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from grader.errors import GraderError
from grader.instructor.roster import Student, check_id
from grader.words import clean


@dataclass(frozen=True)
class Who:
    """What a source says about a person.

    `ids` are what they may be called in the roster, `other` the platform's own numbers by the roster's columns. `shown`
    is what the source calls them; `alone` is the id that they get where a class has no roster.
    """

    shown: str
    ids: tuple[str, ...] = ()
    email: str = ""
    other: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    alone: str = ""


class Unknown(Exception):
    """Nobody in the roster is that, or more than one."""


class Roster:
    """The students of a class, found by what a source knows: an id, an email, the platform's number, at last a name."""

    def __init__(self, students: Sequence[Student]) -> None:
        self.students = {student.id: student for student in students}
        self._by_email = _index((each.email.casefold(), each) for each in students)
        self._by_other = _index((pair, each) for each in students for pair in each.other.items())
        self._by_name = _index((name, each) for each in students for name in _names(each))

    def find(self, who: Who) -> Student:
        """The student; of a class without a roster one who is known by id alone.

        Raises:
            Unknown: the roster has none, or several, and what to add to it.
        """
        if not self.students:
            return _unlisted(who)
        for id in who.ids:
            if id in self.students:
                return self.students[id]
        emails = [each.casefold() for each in (who.email, *who.ids) if "@" in each]
        keys = [*(self._by_email.get(each, []) for each in emails)]
        keys += [self._by_other.get(pair, []) for pair in who.other.items()]
        keys += [self._by_name.get(plain(each), []) for each in (who.name, *who.ids) if plain(each)]
        found = next((students for students in keys if students), [])
        if len(found) == 1:
            return found[0]
        columns = "".join(f", or its {column} ({value})" for column, value in who.other.items() if value)
        if found:
            raise Unknown(
                f"{len(found)} students are called that; add an email{columns} to their lines in students.csv"
            )
        raise Unknown(f"add a line to students.csv{columns}")


def _index(pairs: Iterable[tuple[object, Student]]) -> dict[object, list[Student]]:
    found: dict[object, list[Student]] = {}
    for key, student in pairs:
        if student not in found.setdefault(key, []):
            found[key].append(student)
    return found


def plain(name: str) -> str:
    """A name without case, accents, spaces and signs: what is left of it on every platform."""
    spelled = unicodedata.normalize("NFKD", name).casefold()
    return "".join(each for each in spelled if each.isalnum())


def _names(student: Student) -> set[str]:
    first, last = plain(student.first_name), plain(student.last_name)
    return {first + last, last + first} - {""}


def _unlisted(who: Who) -> Student:
    try:
        return Student(check_id(who.alone, "The id"))
    except GraderError as error:
        problem = (
            f"{clean(who.alone or who.shown, 60)} cannot be an id, and the class has no students.csv to find one in"
        )
        raise Unknown(problem) from error

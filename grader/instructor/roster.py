"""The roster of a class: `students.csv`."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grader.errors import GraderError
from grader.files import read_text

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")


@dataclass(frozen=True)
class Student:
    """One line of the roster. `other` are further columns, such as `canvas_id` or `moodle_id`."""

    id: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    other: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.id


def check_id(name: str, what: str) -> str:
    """The name, if it can be a folder, a row of a gradebook and a cell of a table at once.

    Raises:
        GraderError: it cannot.
    """
    if not _ID.fullmatch(name) or ".." in name:
        raise GraderError(
            f"{what} {name!r} cannot be used.", "Letters, digits and . _ @ + - (not first), at most 100 of them."
        )
    return name


def read_roster(path: Path) -> tuple[Student, ...]:
    """The students of a csv file with a header; raises `GraderError` with the line that is wrong."""
    reader = csv.DictReader(io.StringIO(read_text(path).removeprefix("\ufeff")))
    if "id" not in (reader.fieldnames or ()):
        raise GraderError(
            f"{path} has no column `id`.", "Its first line names the columns: id,first_name,last_name,email"
        )
    found: dict[str, Student] = {}
    for row in reader:
        where = f"{path}:{reader.line_num}: the student id"
        plain = {key: (value or "").strip() for key, value in row.items() if key}
        id = check_id(plain.pop("id"), where)
        if id in found:
            raise GraderError(f"{where} {id} stands there twice.")
        first, last, email = (plain.pop(key, "") for key in ("first_name", "last_name", "email"))
        found[id] = Student(id, first, last, email, plain)
    return tuple(found.values())

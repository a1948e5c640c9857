"""What one student has in something that is collected: a part of a folder, a zip, a platform's export, a repository."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from grader.instructor.intake.entries import Entry
from grader.instructor.intake.finding import Wanted
from grader.instructor.intake.identity import Roster, Unknown, Who


class Kind(StrEnum):
    """Where something comes from. `student`: all of it is one student's."""

    student = "student"
    folder = "folder"
    canvas = "canvas"
    moodle = "moodle"
    gradescope = "gradescope"
    nbgrader = "nbgrader"
    git = "git"


@dataclass(frozen=True)
class Part:
    """What one student, or one group, handed in.

    `received` is a time that does not come from the files, `says` where it is from. Where the files' own times are only
    those of a download, it is `exported`, and `late` is what the platform says of it. `own_word`: whether the files may
    say whose they are when `who` fits nobody. `problem`: why it is not taken.
    """

    shown: str
    who: tuple[Who, ...] = ()
    entries: tuple[Entry, ...] = ()
    received: datetime | None = None
    says: str = ""
    exported: bool = False
    late: bool = False
    own_word: bool = False
    notes: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Source:
    """Something to collect, and what it is collected for. `kind` and `student` are set where a person said so."""

    path: Path
    assignment: str
    wanted: Wanted
    roster: Roster
    kind: Kind | None = None
    student: str = ""

    def named(self, name: str) -> Who:
        """Whose a folder or file is that is called so: `ada`, `ada.zip`, `hw1-ada.zip`."""
        stem = re.sub(r"(?i)\.(zip|py|ipynb|git)$", "", name)
        short = stem.removeprefix(f"{self.assignment}-")
        return Who(name, tuple(dict.fromkeys((name, stem, short))), name=short, alone=short)

    def is_student(self, name: str) -> bool:
        """Whether the roster has somebody who is called like this folder or file."""
        try:
            return bool(self.roster.students and self.roster.find(self.named(name)))
        except Unknown:
            return False


def grouped(
    entries: Iterable[Entry], split: Callable[[str], tuple[str, str] | None]
) -> tuple[dict[str, list[Entry]], list[Entry]]:
    """The entries by the first word that `split` gives for their path, under the second; and those without a word."""
    found: dict[str, list[Entry]] = {}
    loose = []
    for entry in entries:
        if fits := split(entry.path):
            found.setdefault(fits[0], []).append(entry.seen_as(fits[1]))
        else:
            loose.append(entry)
    return found, loose


def strays(entries: Iterable[Entry], why: str = "") -> list[Part]:
    """Parts for what belongs to nobody: what must not be taken, and the rest too where there is a reason to say."""
    return [Part(each.path, problem=each.problem or why) for each in entries if each.problem or why]

"""Every attempt that came in, on disk as it came: `attempts/ASSIGNMENT/STUDENT/TIME-DIGEST/` with an `attempt.json`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from grader.course import Section
from grader.errors import GraderError
from grader.files import atomic_write, explained, present, read_bytes, read_text
from grader.instructor.term import Assignment, Term, check_id
from grader.receipts import digest

FACTS = "attempt.json"


@dataclass(frozen=True)
class Attempt:
    """What one student handed in at one time.

    `files` are the texts that count, by the section's path (`ch02_transformer/attention.py`); a file that was not
    handed in is not there. `origin` says where it came from, `notes` what people must know about how it was read.
    """

    student: str
    assignment: str
    received: datetime
    files: Mapping[str, bytes]
    origin: str = ""
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """The same files have the same digest, whenever and from wherever they came."""
        return digest(self.files)

    @property
    def name(self) -> str:
        """Of its folder: when it came, and what it is."""
        return f"{self.received.astimezone(UTC):%Y%m%dT%H%M%SZ}-{self.digest[:12]}"

    def source(self, section: Section) -> bytes | None:
        return self.files.get(section.path)


def keep(term: Term, attempt: Attempt) -> Path | None:
    """Keeps an attempt; None where exactly this one (files and time) is kept already.

    Raises:
        GraderError: it cannot be written; nothing half is left.
    """
    check_id(attempt.student, "The student id")
    target = term.root / "attempts" / attempt.assignment / attempt.student / attempt.name
    if present(target / FACTS):
        return None
    facts = {"student": attempt.student, "received": attempt.received.astimezone(UTC).isoformat(),
             "origin": attempt.origin, "notes": attempt.notes, "files": sorted(attempt.files)}  # fmt: skip
    with explained(target, "written"):
        if target.exists():  # cut off before its facts were written
            shutil.rmtree(target)
    for path, content in attempt.files.items():
        atomic_write(target / path, content)
    atomic_write(target / FACTS, json.dumps(facts, indent=2) + "\n")  # last: without it the attempt does not count
    return target


def attempts(term: Term, assignment: Assignment) -> dict[str, list[Path]]:
    """The folders of all attempts by student, oldest first."""
    root = term.root / "attempts" / assignment.name
    with explained(root, "read"):
        students = sorted(each for each in root.iterdir() if each.is_dir()) if root.is_dir() else []
        return {
            each.name: sorted(folder for folder in each.iterdir() if (folder / FACTS).is_file()) for each in students
        }


def read(folder: Path) -> Attempt:
    """The attempt in a folder that `keep` wrote.

    Raises:
        GraderError: it was damaged since.
    """
    try:
        facts: dict[str, Any] = json.loads(read_text(folder / FACTS))
        received = datetime.fromisoformat(facts["received"])
        files = {path: read_bytes(folder / path) for path in facts["files"]}
    except (ValueError, KeyError, TypeError) as error:
        raise GraderError(f"{folder / FACTS} is damaged: {error}.", "Collect that attempt again.") from error
    notes: Sequence[str] = facts["notes"]
    return Attempt(folder.parent.name, folder.parent.parent.name, received, files, facts["origin"], tuple(notes))

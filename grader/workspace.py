"""A folder of answers: the same tree as `exercises/`, with pristine stubs and whatever is remembered under `.grader/`.

ch02_transformer/attention.py       what the learner edits
.grader/workspace.json              marks the folder as a workspace, names its course, and what a hand-out asks for
.grader/stubs/…                     pristine and read-only: `reset`, `todo` and the public checks come from here
.grader/backups/…                   what `reset` replaced
"""

from __future__ import annotations

import json
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from grader.course import Course, Exercise, Section
from grader.errors import GraderError
from grader.exercises import handed_out
from grader.files import atomic_write, explained, present, read_bytes, read_text
from grader.stubs import definition, is_stub, pristine, replace_definition

VERSION = 1
_MARKER = Path(".grader") / "workspace.json"


def now() -> datetime:
    """The one door for time, so that tests can replace it."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Workspace:
    """A learner's files for a course."""

    root: Path
    course: Course

    @property
    def private(self) -> Path:
        return self.root / ".grader"

    def path(self, section: Section) -> Path:
        """Where the learner's file for a section is, whether it exists or not."""
        return self.root / section.path

    def read(self, section: Section) -> str:
        """The learner's text.

        Raises:
            GraderError: there is no such file, or it is not text.
        """
        if not present(self.path(section)):
            name = section.exercises[0].id if section.exercises else section.id
            raise GraderError(f"{self.path(section)} is missing.", f"`grader reset {name}` makes it anew.")
        return read_text(self.path(section))

    def pristine(self, section: Section) -> str:
        """The stubs that this workspace began with, else those of the course.

        A submission can bring forged ones: to *judge*, take `grader.stubs.pristine` of a course that has solutions.
        """
        kept = self.private / "stubs" / section.path
        return read_text(kept) if present(kept) else pristine(section)

    def reset(self, exercise: Exercise, at: datetime | None = None) -> Path | None:
        """Puts the stub of one exercise back; all of the file's, where it is no valid Python.

        Returns:
            The backup of the file as it was; None where there was no file.

        Raises:
            GraderError: something cannot be read or written; the file is as it was then.
        """
        section = self.course.section_of(exercise)
        stubs, path = self.pristine(section), self.path(section)
        if not present(path):
            atomic_write(path, stubs)
            return None
        old = read_bytes(path)
        backup = self._back_up(section, old, at or now())
        atomic_write(path, _with_stub(old, stubs, exercise.name))
        return backup

    def _back_up(self, section: Section, content: bytes, at: datetime) -> Path:
        plain = self.private / "backups" / f"{section.path}.{at:%Y%m%d-%H%M%S}"
        with explained(plain, "written"):
            plain.parent.mkdir(parents=True, exist_ok=True)
            number, path = 0, plain
            while path.exists():
                number, path = number + 1, plain.with_name(f"{plain.name}.{number + 1}")
            with path.open("xb") as file:
                file.write(content)
        return path


def _with_stub(old: bytes, stubs: str, name: str) -> bytes:
    """Where the name is missing, or bound again further down, the stub goes to the end, where it counts."""
    stub = definition(stubs, name)
    try:
        text = old.decode()
        new = replace_definition(text, name, stub) if _defines(text, name) else text
    except (UnicodeDecodeError, GraderError):
        return stubs.encode()
    if not is_stub(new, stubs, name):
        added = "".join(["\n\n\n", stub.rstrip(), "\n"])
        new = new.rstrip() + (added.replace("\n", "\r\n") if "\r\n" in new else added)
    return new.encode()


def _defines(text: str, name: str) -> bool:
    try:
        definition(text, name)
    except GraderError as error:
        if isinstance(error.__cause__, SyntaxError):
            raise
        return False
    return True


@dataclass(frozen=True)
class Created:
    """What `init` did: paths inside the workspace that it wrote, and those that were there and stay as they are."""

    workspace: Workspace
    written: tuple[str, ...]
    kept: tuple[str, ...]


def init(course: Course, target: Path, at: datetime | None = None) -> Created:
    """Makes a workspace, or completes one; a file that exists is never touched.

    Raises:
        GraderError: the folder holds something else, or cannot be written.
    """
    target = target.absolute()
    _check_free(target)
    if present(target / _MARKER):
        course_of(target)
    else:
        facts = {"version": VERSION, "course": str(course.root), "created": f"{at or now():%Y-%m-%dT%H:%M:%SZ}"}
        atomic_write(target / _MARKER, json.dumps(facts, indent=2) + "\n")
    files = handed_out(course)
    for name, content in files.items():
        _keep_pristine(target / ".grader" / "stubs" / name, content)
    shown = [name for name in files if not name.endswith(".toml")]
    kept = [name for name in shown if present(target / name)]
    for name in shown:
        if name not in kept:
            atomic_write(target / name, files[name])
    return Created(Workspace(target, course), tuple(name for name in shown if name not in kept), tuple(kept))


def _check_free(target: Path) -> None:
    with explained(target, "used"):
        if target.exists() and not target.is_dir():
            raise GraderError(f"{target} must be a folder, but is a file.", "Name a new folder.")
        if target.is_dir() and any(target.iterdir()) and not (target / _MARKER).is_file():
            raise GraderError(f"{target} is not empty and not a workspace.", "Name a new folder, or an empty one.")


def _keep_pristine(path: Path, content: bytes) -> None:
    if not present(path):
        atomic_write(path, content)
        with explained(path, "made read-only"):
            path.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)


def locate(start: Path) -> Path | None:
    """The root of the workspace that `start` is in."""
    start = start.absolute()
    with explained(start, "searched"):
        return next((folder for folder in (start, *start.parents) if (folder / _MARKER).is_file()), None)


def find(start: Path, course: Course) -> Workspace:
    """The workspace one stands in, else the course's own `exercises/`."""
    root = locate(start)
    if root:
        course_of(root)
    return Workspace(root or course.root / "exercises", course)


def course_of(root: Path) -> Path:
    """The folder of the course that a workspace was made from (which may have moved since), or that it brings along.

    Raises:
        GraderError: workspace.json is damaged, or a newer grader wrote it.
    """
    return _marked(root)[0]


def asked_of(root: Path) -> tuple[str, ...]:
    """The ids of the exercises that a hand-out asks for; none where everything is meant. Raises like `course_of`."""
    return _marked(root)[1]


def marker(course: str, exercises: Sequence[str]) -> tuple[str, bytes]:
    """The name and the content of what makes a folder a workspace: its course, from there, and what is asked for."""
    facts = {"version": VERSION, "course": course, "exercises": list(exercises)}
    return _MARKER.as_posix(), json.dumps(facts, indent=2).encode() + b"\n"


def _marked(root: Path) -> tuple[Path, tuple[str, ...]]:
    path = root / _MARKER
    try:
        facts: Any = json.loads(read_text(path))
        version, course = facts["version"], root / facts["course"]
        exercises = tuple(map(str, facts.get("exercises", ())))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        hint = "Delete that file and run `grader init` on the folder: your answers stay as they are."
        raise GraderError(f"{path} is damaged: {error}.", hint) from error
    if version != VERSION:
        raise GraderError(f"{path} has version {version}; this grader reads {VERSION}.", "Update the grader.")
    return course, exercises

"""What one learner has done, in a file that people can read: `.grader/progress.json`.

Every change is read, merged and written under a lock, so that two processes at once lose nothing; records follow an
exercise through `former_ids`. A damaged file is put aside under another name, and said, never overwritten.
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from grader.course import Exercise
from grader.errors import GraderError
from grader.files import atomic_write, explained, lines_of, present, read_bytes
from grader.results import Status
from grader.stubs import definition
from grader.workspace import Workspace, now

VERSION = 1
PATIENCE = 30.0  # seconds that one process waits for another, which needs milliseconds


@dataclass(frozen=True)
class Record:
    """What is known about one exercise. `source_hash` is of the text that was checked; times are ISO 8601, UTC."""

    status: Status = Status.TODO
    points: float = 0.0
    max_points: float = 0.0
    seed: int | None = None
    source_hash: str = ""
    passed_at: str | None = None
    checked_at: str | None = None
    hints_used: int = 0

    def merged(self, newer: Record, at: datetime) -> Record:
        """The newer record, with what must not be lost: the first pass and the hints that were used."""
        stamp = f"{at:%Y-%m-%dT%H:%M:%SZ}"
        passed = self.passed_at or newer.passed_at or (stamp if newer.status is Status.PASSED else None)
        hints = max(self.hints_used, newer.hints_used)
        return replace(newer, passed_at=passed, checked_at=newer.checked_at or stamp, hints_used=hints)


def source_hash(text: str, name: str) -> str:
    """The hash of one definition, whatever its line ends; empty where the text does not define it."""
    try:
        lines = lines_of(definition(text, name))
    except GraderError:
        return ""
    return hashlib.sha256("\n".join(line.rstrip() for line in lines).encode()).hexdigest()


class Progress:
    """The records of one workspace. `notes` says what people must know about the file itself."""

    def __init__(self, workspace: Workspace) -> None:
        self.path = workspace.private / "progress.json"
        self.notes: tuple[str, ...] = ()
        self._exercises = {exercise.id: exercise for exercise in workspace.course.exercises}
        self._records: dict[str, Record] = {}

    @classmethod
    def open(cls, workspace: Workspace) -> Progress:
        """Reads what is there; a missing file is no progress yet.

        Raises:
            GraderError: the file cannot be read, or a newer grader wrote it.
        """
        progress = cls(workspace)
        try:
            progress._records = _read(progress.path)
        except _Damaged:
            progress._change(lambda records: None)
        return progress

    def get(self, exercise: Exercise) -> Record:
        """The record under the exercise's id, else under one that it had before, else an empty one."""
        known = (id for id in (exercise.id, *exercise.former_ids) if id in self._records)
        return self._records.get(next(known, ""), Record())

    def update(self, records: Mapping[str, Record], at: datetime | None = None) -> None:
        """Merges records by exercise id into the file, with whatever others have written meanwhile."""
        moment = at or now()

        def merge(current: dict[str, Record]) -> None:
            for id, record in records.items():
                current[id] = self._taken(current, id).merged(record, moment)

        self._change(merge)

    def hint(self, exercise: Exercise) -> int:
        """Remembers that one more level of hint is used; returns that level, from 1 up to the last there is."""

        def count(current: dict[str, Record]) -> None:
            record = self._taken(current, exercise.id)
            level = min(record.hints_used + 1, len(exercise.hints))
            current[exercise.id] = replace(record, hints_used=max(level, record.hints_used))

        self._change(count)
        return min(self.get(exercise).hints_used, len(exercise.hints))

    def seed_for(self, exercise: Exercise) -> int:
        """The seed that the exercise was last checked with, so that nothing flickers; at first one made of its id."""
        seed = self.get(exercise).seed
        return zlib.crc32(exercise.id.encode()) if seed is None else seed

    def _taken(self, current: dict[str, Record], id: str) -> Record:
        """Takes an exercise's record out, under whichever of its names it stands."""
        names = (id, *self._exercises[id].former_ids) if id in self._exercises else (id,)
        found = [current.pop(name) for name in names if name in current]
        return found[0] if found else Record()

    def _change(self, change: Callable[[dict[str, Record]], None]) -> None:
        with explained(self.path, "written"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with FileLock(self.path.with_suffix(".lock"), timeout=PATIENCE):
                    self._records = self._current()
                    before = dict(self._records)
                    change(self._records)
                    if self._records != before or not self.path.exists():
                        atomic_write(self.path, _text(self._records))
            except Timeout as error:
                problem = f"Another process has held {error.lock_file} for {PATIENCE:.0f} seconds."
                raise GraderError(problem, "End the other `grader`, then try again.") from error

    def _current(self) -> dict[str, Record]:
        """What the file holds now; call under the lock."""
        try:
            return _read(self.path)
        except _Damaged as error:
            aside = _put_aside(self.path)
            self.notes += (f"{self.path.name} was damaged ({error}); it is kept as {aside}, and a new one is begun.",)
            return {}


class _Damaged(Exception):
    """The file is there and is no progress."""


def _read(path: Path) -> dict[str, Record]:
    if not present(path):
        return {}
    content = read_bytes(path)
    try:
        data: Any = json.loads(content)
        version, exercises = data["version"], data["exercises"].items()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _Damaged(f"{type(error).__name__}: {error}") from error
    if isinstance(version, int) and version > VERSION:
        raise GraderError(f"{path} has version {version}; this grader reads {VERSION}.", "Update the grader.")
    return {id: _record(id, entry) for id, entry in exercises}


def _record(id: str, entry: Any) -> Record:
    try:
        known = {each.name for each in fields(Record)}
        record = Record(**{key: value for key, value in entry.items() if key in known})
        right = (
            isinstance(record.source_hash, str)
            and all(isinstance(value, str | None) for value in (record.passed_at, record.checked_at))
            and all(type(value) is int for value in (record.seed or 0, record.hints_used))
            and math.isfinite(record.points + record.max_points)
        )
        if not right:
            raise ValueError("a value of the wrong type")
        return replace(record, status=Status(record.status))
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise _Damaged(f"{id}: {error}") from error


def _text(records: dict[str, Record]) -> str:
    exercises = {id: asdict(record) for id, record in records.items()}
    return json.dumps({"version": VERSION, "exercises": exercises}, indent=2, sort_keys=True) + "\n"


def _put_aside(path: Path) -> Path:
    plain = path.with_name(f"{path.name}.damaged-{now():%Y%m%d-%H%M%S}")
    number, aside = 0, plain
    while aside.exists():
        number, aside = number + 1, plain.with_name(f"{plain.name}.{number + 1}")
    path.rename(aside)
    return aside

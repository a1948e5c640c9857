"""What the service must not lose, in one SQLite file of the class folder: `service.db`.

Everything is written with `change`, all or nothing and on the disk when it returns, so that a kill at any moment leaves
every job queued, running or done. A running one is taken up again by the next start. The audit log is only added to.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

from grader.errors import GraderError
from grader.files import explained
from grader.workspace import now

NAME = "service.db"
BUSY_SECONDS = 10.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS secret (value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS token (
    student TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, hash BLOB NOT NULL, issued TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS allowance (
    student TEXT PRIMARY KEY, level REAL NOT NULL, at REAL NOT NULL, until REAL NOT NULL, refusals INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS report (key TEXT PRIMARY KEY, payload TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS job (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, student TEXT NOT NULL, key TEXT NOT NULL,
    digest TEXT NOT NULL, section TEXT NOT NULL, exercises TEXT NOT NULL, source BLOB, seed INTEGER NOT NULL,
    result TEXT NOT NULL, state TEXT NOT NULL, turn INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
    keep TEXT NOT NULL, received TEXT NOT NULL, note TEXT NOT NULL DEFAULT '', UNIQUE (student, key));
CREATE INDEX IF NOT EXISTS job_turn ON job (turn, seq) WHERE state = 'queued';
CREATE INDEX IF NOT EXISTS job_open ON job (student, turn) WHERE state <> 'done';
CREATE INDEX IF NOT EXISTS job_keep ON job (seq) WHERE keep = 'waits';
CREATE TABLE IF NOT EXISTS audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, student TEXT NOT NULL, what TEXT NOT NULL,
    section TEXT NOT NULL, bytes INTEGER NOT NULL, says TEXT NOT NULL, address TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS audit_no_update BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS audit_no_delete BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
"""


class CannotKeep(GraderError):
    """The file cannot be read or written just now; what it held before stands."""


class Store:
    """The service's file. Not for several threads at once; several processes may use it."""

    def __init__(self, folder: Path) -> None:
        """Opens the file in the class folder, or makes it, readable by nobody else; raises `CannotKeep`."""
        self.path = folder / NAME
        with explained(self.path, "written"):
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        with self._told():
            self._connection = sqlite3.connect(self.path, BUSY_SECONDS, isolation_level=None)
            self._connection.row_factory = sqlite3.Row
            for pragma in ("journal_mode=WAL", "synchronous=FULL"):  # a commit also survives a power cut
                self._connection.execute(f"PRAGMA {pragma}")
            self._connection.executescript(_SCHEMA)

    @cached_property
    def secret(self) -> bytes:
        """What the students' seeds are made from: drawn once, never sent."""
        with self.change():
            if not self.rows("SELECT value FROM secret"):
                self.run("INSERT INTO secret VALUES (?)", secrets.token_bytes(32))
        value: bytes = self.rows("SELECT value FROM secret")[0]["value"]
        return value

    @contextmanager
    def change(self) -> Iterator[None]:
        """What is written inside is written as a whole; raises `CannotKeep` where nothing was."""
        with self._told():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has rolled back already
                    self._connection.execute("ROLLBACK")
                raise

    def run(self, sql: str, *values: Any) -> int:
        """One statement; returns how many rows it touched."""
        with self._told():
            return self._connection.execute(sql, values).rowcount

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._told():
            return self._connection.execute(sql, values).fetchall()

    def log(self, what: str, student: str = "", *, section: str = "", size: int = 0, says: str = "",
            address: str = "") -> None:  # fmt: skip
        """Adds a line to the audit log: who did what, when and from where."""
        values = (stamp(), student, what, section, size, says, address)
        self.run(
            "INSERT INTO audit (at, student, what, section, bytes, says, address) VALUES (?, ?, ?, ?, ?, ?, ?)", *values
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            self._explain(error)

    def _explain(self, error: sqlite3.Error) -> NoReturn:
        hint = "Check the free space on the disk and the permissions of that file."
        raise CannotKeep(f"{self.path} cannot be used: {error}.", hint) from error

    def close(self) -> None:
        with self._told():
            self._connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def stamp() -> str:
    """Now, as it stands in the file."""
    return f"{now():%Y-%m-%dT%H:%M:%S.%fZ}"

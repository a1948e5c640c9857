"""The class's database: nbgrader's tables, four of our own beside them, and one way to write: all or nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from nbgrader import api
from sqlalchemy import Column, Float, Integer, MetaData, String, Table, Text, event, text
from sqlalchemy.exc import SQLAlchemyError

from grader.errors import GraderError

_tables = MetaData()
RESULTS = Table(  # what a section's text came to, under the key of text, suite, exercises and seed
    "class_result", _tables,
    Column("key", String(64), primary_key=True), Column("section", String(200), nullable=False),
    Column("seconds", Float, nullable=False), Column("payload", Text, nullable=False),
)  # fmt: skip
GRADES = Table(  # which attempt of a student counts, and the key of each of its sections' results
    "class_grade", _tables,
    Column("assignment", String(128), primary_key=True), Column("student", String(128), primary_key=True),
    Column("digest", String(64), nullable=False), Column("received", String(40), nullable=False),
    Column("considered", String(64), nullable=False), Column("keys", Text, nullable=False),
    Column("notes", Text, nullable=False), Column("graded_at", String(40), nullable=False),
)  # fmt: skip
EXTENSIONS = Table(
    "class_extension", _tables,
    Column("assignment", String(128), primary_key=True), Column("student", String(128), primary_key=True),
    Column("until", String(40), nullable=False),
)  # fmt: skip
LOG = Table(  # who changed what; lines are only ever added
    "class_log", _tables,
    Column("id", Integer, primary_key=True, autoincrement=True), Column("at", String(40), nullable=False),
    Column("who", String(128), nullable=False), Column("what", String(40), nullable=False),
    Column("assignment", String(128), nullable=False), Column("student", String(128), nullable=False),
    Column("details", Text, nullable=False),
)  # fmt: skip


class Database:
    """A connection to one class's database. Not for several threads at once."""

    def __init__(self, url: str) -> None:
        """Opens the database and makes what is missing in it; raises `GraderError` where that cannot be done."""
        self.url = url
        with self.told(), _alembic_found():
            self.book = api.Gradebook(url)
            if url.startswith("sqlite"):
                event.listen(self.book.engine, "connect", _patient)
                self.book.engine.dispose()  # the next connection is the first that heard of it
            _tables.create_all(self.book.engine)
            _add_indexes(self)
            _protect_log(self)

    @property
    def session(self) -> Any:
        return self.book.db

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """A session whose changes are all written at the end, or none of them."""
        with self.told():
            try:
                yield self.session
                self.session.commit()
            except BaseException:
                self.session.rollback()
                raise

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turns what the database says into a sentence."""
        try:
            yield
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).strip().splitlines()
            problem = f"The gradebook {self._shown} cannot be used: {reason[0] if reason else type(error).__name__}."
            hint = "Check `database` in class.toml, that its server runs, and the free space on the disk."
            raise GraderError(problem, hint) from error

    @property
    def _shown(self) -> str:
        """The URL without a password."""
        from sqlalchemy.engine import make_url

        with suppress(SQLAlchemyError):
            return make_url(self.url).render_as_string(hide_password=True)
        return "in class.toml"

    def close(self) -> None:
        self.book.close()
        self.book.engine.dispose()


@contextmanager
def _alembic_found() -> Iterator[None]:
    """nbgrader runs `alembic` by its bare name, which stands beside this Python, activated or not."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join(filter(None, (str(Path(sys.executable).parent), before)))
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _patient(connection: Any, _: Any) -> None:
    """Formgrader may read while grades are written, and a commit survives a power cut."""
    for pragma in ("journal_mode=WAL", "busy_timeout=30000", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


# nbgrader looks these up by reading whole tables, which a large class would feel with every submission.
_LOOKED_UP = {
    "submitted_assignment": "student_id, assignment_id", "submitted_notebook": "assignment_id",
    "grade": "notebook_id", "comment": "notebook_id",
}  # fmt: skip


def _add_indexes(database: Database) -> None:
    with database.transaction() as session:
        for table, columns in _LOOKED_UP.items():
            session.execute(text(f"CREATE INDEX IF NOT EXISTS class_finds_{table} ON {table} ({columns})"))


_APPEND_ONLY = {
    "sqlite": [
        f"CREATE TRIGGER IF NOT EXISTS class_log_no_{verb} BEFORE {verb} ON class_log "
        "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION class_log_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the log is append-only'; END $$",
        "CREATE OR REPLACE TRIGGER class_log_append_only BEFORE UPDATE OR DELETE ON class_log "
        "FOR EACH ROW EXECUTE FUNCTION class_log_append_only()",
    ],
}


def _protect_log(database: Database) -> None:
    """The log can be added to and read, also by whoever opens the database with another program."""
    with database.transaction() as session:
        for statement in _APPEND_ONLY.get(database.book.engine.dialect.name, ()):
            session.execute(text(statement))

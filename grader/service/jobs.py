"""The queue on disk: what was handed in for checking, whose turn it is, what came out.

Turns are fair: a student's jobs take one turn after another, beginning with the turn that is being served, so that
whoever brings twenty files waits twenty rounds and whoever brings one waits for one round.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from grader.results import Report, Status
from grader.service.quota import Bucket
from grader.service.store import Store, stamp

_COLUMNS = "id, student, digest, section, exercises, seed, result, state, turn, tries, keep, received, note, seq"


class State(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True)
class Request:
    """What a student asks for: one text for one section. `key` is the client's own name for this request."""

    key: str
    section: str
    exercises: tuple[str, ...]
    source: bytes | None

    @property
    def digest(self) -> str:
        digest = hashlib.sha256(json.dumps([self.section, self.exercises]).encode())
        digest.update(b"missing" if self.source is None else b"present" + self.source)
        return digest.hexdigest()


@dataclass(frozen=True)
class Job:
    """A request as it stands in the file. `result` is the key of its report, `tries` how often it was begun.

    `keep` says whether it becomes an attempt of an assignment: `no`, `waits`, `kept`; `note` is what the learner is
    told about that.
    """

    id: str
    student: str
    digest: str
    section: str
    exercises: tuple[str, ...]
    seed: int
    result: str
    state: State
    turn: int
    tries: int
    keep: str
    received: datetime
    note: str
    seq: int


class Jobs:
    """The jobs of one service. Callers put what belongs together into one `store.change()`."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def add(self, student: str, request: Request, *, seed: int, result: str, done: bool, keep: str) -> Job:
        """Puts a job behind the student's own, or straight to what is done."""
        id = secrets.token_urlsafe(16)
        state = State.DONE if done else State.QUEUED
        columns = "id, student, key, digest, section, exercises, source, seed, result, state, turn, keep, received"
        source = request.source if keep == "waits" or not done else None
        self.store.run(
            f"INSERT INTO job ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", id, student, request.key,
            request.digest, request.section, json.dumps(request.exercises), source, seed, result, state,
            self._turn(student), keep, stamp(),
        )  # fmt: skip
        return self._one("id = ?", id)

    def _turn(self, student: str) -> int:
        front = self.store.rows("SELECT min(turn) AS turn FROM job WHERE state = 'queued'")[0]["turn"] or 1
        own = "SELECT max(turn) AS turn FROM job WHERE state <> 'done' AND student = ?"
        return max(front, (self.store.rows(own, student)[0]["turn"] or 0) + 1)

    def find(self, student: str, id: str) -> Job | None:
        """The student's job of this id; somebody else's is not found."""
        return self._any("id = ? AND student = ?", id, student)

    def asked(self, student: str, key: str) -> Job | None:
        """The job of a request that came before."""
        return self._any("student = ? AND key = ?", student, key)

    def open_ones(self, student: str) -> int:
        """How many jobs of a student are not done."""
        count: int = self.store.rows("SELECT count(*) AS n FROM job WHERE state <> 'done' AND student = ?", student)[0][
            "n"
        ]
        return count

    def position(self, job: Job) -> int:
        """1 for the job that is next."""
        before = "SELECT count(*) AS n FROM job WHERE state = 'queued' AND (turn, seq) < (?, ?)"
        return int(self.store.rows(before, job.turn, job.seq)[0]["n"]) + 1

    def claim(self) -> Job | None:
        """Takes the job whose turn it is."""
        with self.store.change():
            job = self._any("state = 'queued' ORDER BY turn, seq LIMIT 1")
            if job is not None:
                self.store.run("UPDATE job SET state = 'running', tries = tries + 1 WHERE id = ?", job.id)
        return job and self._one("id = ?", job.id)

    def put_back(self, job: Job | None = None) -> int:
        """Puts a job that was begun in its old place, and does not count that try; without one, all, which counts."""
        with self.store.change():
            if job is None:
                return self.store.run("UPDATE job SET state = 'queued' WHERE state = 'running'")
            return self.store.run("UPDATE job SET state = 'queued', tries = tries - 1 WHERE id = ?", job.id)

    def finish(self, job: Job, report: Report) -> None:
        """Keeps a job's report; its source goes unless it is to be kept."""
        with self.store.change():
            self.keep_report(job.result, report)
            done = "UPDATE job SET state = 'done', source = CASE keep WHEN 'waits' THEN source END WHERE id = ?"
            self.store.run(done, job.id)
            self.store.log("verdict", job.student, section=job.section, says=_says(report))

    def keep_report(self, key: str, report: Report) -> None:
        """Keeps a report under its key; where there is one already, that stays."""
        self.store.run("INSERT OR IGNORE INTO report VALUES (?, ?)", key, json.dumps(report.to_json()))

    def source(self, job: Job) -> bytes | None:
        """The text of a job that is not done; None where the file was missing."""
        value: bytes | None = self.store.rows("SELECT source FROM job WHERE id = ?", job.id)[0]["source"]
        return value

    def report(self, key: str) -> Report | None:
        """The report under a key."""
        found = self.store.rows("SELECT payload FROM report WHERE key = ?", key)
        return Report.from_json(json.loads(found[0]["payload"])) if found else None

    def to_keep(self) -> Job | None:
        """The oldest job that is to become an attempt and has not."""
        return self._any("keep = 'waits' ORDER BY seq LIMIT 1")

    def kept(self, job: Job, note: str) -> None:
        """Remembers that a job became an attempt, or why it did not."""
        with self.store.change():
            source = "source = CASE state WHEN 'done' THEN NULL ELSE source END"
            self.store.run(f"UPDATE job SET keep = 'kept', note = ?, {source} WHERE id = ?", note, job.id)
            self.store.log("attempt", job.student, section=job.section, says=note)

    def prune(self, before: str) -> None:
        """Forgets what was done long ago: the audit log says that it was."""
        with self.store.change():
            self.store.run("DELETE FROM job WHERE state = 'done' AND keep <> 'waits' AND received < ?", before)
            self.store.run("DELETE FROM report WHERE key NOT IN (SELECT result FROM job)")

    def bucket(self, student: str) -> Bucket | None:
        """What is left of a student's checks."""
        found = self.store.rows("SELECT level, at, until, refusals FROM allowance WHERE student = ?", student)
        return Bucket(*found[0]) if found else None

    def keep_bucket(self, student: str, bucket: Bucket) -> None:
        values = (student, bucket.level, bucket.at, bucket.until, bucket.refusals)
        self.store.run("INSERT OR REPLACE INTO allowance VALUES (?, ?, ?, ?, ?)", *values)

    def _one(self, where: str, *values: object) -> Job:
        found = self._any(where, *values)
        assert found is not None
        return found

    def _any(self, where: str, *values: object) -> Job | None:
        found: Sequence[sqlite3.Row] = self.store.rows(f"SELECT {_COLUMNS} FROM job WHERE {where}", *values)
        return _job(found[0]) if found else None


def _job(row: sqlite3.Row) -> Job:
    return Job(
        row["id"], row["student"], row["digest"], row["section"], tuple(json.loads(row["exercises"])),
        row["seed"], row["result"], State(row["state"]), row["turn"], row["tries"], row["keep"],
        datetime.fromisoformat(row["received"]), row["note"], row["seq"],
    )  # fmt: skip


def _says(report: Report) -> str:
    passed = sum(each.status is Status.PASSED for each in report.exercises)
    return f"{passed} of {len(report.exercises)} passed, {report.points:g} of {report.max_points:g} points"

"""What was found, by key: a text that was judged with the same suite and seed is not judged again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from grader.errors import GraderError
from grader.instructor.grading.database import RESULTS, Database
from grader.results import ExerciseResult

Found = tuple[tuple[ExerciseResult, ...], float]


class Results:
    """The results of sections that a class's database keeps. The last ones that were asked for stay in memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.get = lru_cache(maxsize=256)(self._get)

    def _get(self, key: str) -> Found:
        """The results under a key, and the seconds that they took."""
        with self._database.told():
            wanted = select(RESULTS.c.payload, RESULTS.c.seconds).where(RESULTS.c.key == key)
            row = self._database.session.execute(wanted).first()
        if row is None:
            raise GraderError(f"The gradebook has no results under {key[:12]}.", "`grader grade --regrade` makes them.")
        return tuple(map(ExerciseResult.from_json, json.loads(row.payload))), row.seconds

    def has(self, key: str) -> bool:
        with self._database.told():
            return self._database.session.scalar(select(RESULTS.c.key).where(RESULTS.c.key == key)) is not None

    def keep(self, key: str, section: str, results: Sequence[ExerciseResult], seconds: float) -> None:
        """Keeps a section's results; where there are some under this key already, those stay."""
        payload = json.dumps([each.to_json() for each in results])
        values = {"key": key, "section": section, "seconds": seconds, "payload": payload}
        with self._database.told():
            try:
                self._database.session.execute(insert(RESULTS).values(values))
                self._database.session.commit()
            except IntegrityError:
                self._database.session.rollback()

    def forget(self, keys: Sequence[str]) -> None:
        """Drops results that are to be found anew, such as those of a text that ended every judge."""
        with self._database.transaction() as session:
            session.execute(delete(RESULTS).where(RESULTS.c.key.in_(keys)))
        self.get.cache_clear()

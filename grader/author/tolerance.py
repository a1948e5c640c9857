"""Tolerances so loose that zeros would do: found while the solution runs, check by check."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from grader.checks import WATCHERS
from grader.diagnosis import leaves_of
from grader.sandbox.link import Link

NOISE = 1e-12  # an oracle's own zero, after rounding


class Loose:
    """The names of checks of which some comparison would hold for an answer of zeros, though zero is not expected."""

    def __init__(self) -> None:
        self.checks: set[str] = set()
        self._check = ""

    def attend(self, case: str, link: Link) -> None:
        self._check = case.partition("[")[0]

    @contextmanager
    def watching(self) -> Iterator[None]:
        WATCHERS.append(self._see)
        try:
            yield
        finally:
            WATCHERS.remove(self._see)

    def _see(self, expected: Any, rtol: float, atol: float) -> None:
        sizes = [abs(each) for each in leaves_of(expected) if isinstance(each, int | float | complex)]
        if any(size > NOISE for size in sizes) and all(size <= atol + rtol * size for size in sizes):
            self.checks.add(self._check)

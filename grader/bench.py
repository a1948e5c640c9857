"""Workers for one learner's module: made when needed, replaced when lost, limited or left running."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from grader.sandbox import launch
from grader.sandbox.ending import CannotCross, WorkerLost
from grader.sandbox.handles import LearnerError
from grader.sandbox.launch import MEMORY, Standby, Zygote
from grader.sandbox.link import Link

LOAD_SECONDS = 10.0


class Zygotes:
    """One warm zygote per set of packages, started when first asked for."""

    def __init__(self, level: str) -> None:
        self.level = level
        self._running: dict[tuple[str, ...], Zygote | Standby] = {}

    def start(self, packages: Iterable[str]) -> Zygote | Standby:
        """The zygote for these packages; returns at once, it gets ready meanwhile."""
        key = _key(packages)
        if key not in self._running:
            self._running[key] = launch.start(self.level, key)
        return self._running[key]

    def adopt(self, packages: Iterable[str], zygote: Zygote) -> None:
        """Take a zygote that another judge started (see `Zygote.attach`) instead of starting one."""
        self._running[_key(packages)] = zygote

    def close(self) -> None:
        for zygote in self._running.values():
            zygote.close()
        self._running.clear()

    def __enter__(self) -> Zygotes:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _key(packages: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(("numpy", *packages)))


@dataclass(frozen=True)
class Module:
    """A learner's module as text. `filename` is what its tracebacks show; `forbids` all that its section forbids."""

    name: str
    filename: str
    source: bytes
    forbids: tuple[str, ...] = ()


class Bench:
    """One submission's workers, one at a time."""

    def __init__(self, zygote: Zygote | Standby, module: Module) -> None:
        self.module = module
        self._zygote = zygote
        self._link: Link | None = None
        self._memory = MEMORY
        self.broken: Exception | None = None  # why the module cannot be imported; it is not tried again

    def worker(self, memory: int = MEMORY) -> Link:
        """A worker with the module imported. Raises LearnerError or WorkerLost when it cannot be."""
        if self.broken is not None:
            raise self.broken
        if self._link is not None and (self._link.lost is not None or memory != self._memory):
            self.close()
        if self._link is None:
            self._link, self._memory = Link(self._zygote, memory), memory
            self._load(self._link)
        return self._link

    def _load(self, link: Link) -> None:
        link.limit(LOAD_SECONDS)
        try:
            link.ask("load", self.module.name, self.module.source, self.module.filename, list(self.module.forbids))
        except (LearnerError, WorkerLost, CannotCross) as error:
            self.broken = error
            raise

    def another(self) -> Link:
        """A second worker with nothing loaded, for a program that the module wants to run. The caller ends it."""
        return Link(self._zygote)

    def rest(self) -> None:
        """Between exercises: what was left running would take time from the next one."""
        if self._link is not None and self._link.left_running():
            self.close()

    def close(self) -> None:
        if self._link is not None:
            self._link.end()
            self._link = None

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def seed_of(seed: int, *names: str) -> int:
    """A seed for one check (of one case) from the run's seed."""
    digest = hashlib.sha256("/".join([str(seed), *names]).encode()).digest()
    return int.from_bytes(digest[:6], "big")

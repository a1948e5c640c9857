"""Two hundred students at once: the class's service under load on loopback, against its judges without it.

Every client has a connection and a token of its own, sends one file, and asks until its verdict is there, as
`grader check --server` does. Then all send the same again, which is known by now.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from benchmarks.batch import CORES, submissions
from benchmarks.measure import ROOT, Figure, percentile
from benchmarks.places import TORCH, Places
from grader.asking import POLL
from grader.course import Course, Section
from grader.instructor.grading.judges import Court, JudgeProcess, Task
from grader.instructor.term import create
from grader.service.store import Store
from grader.service.tokens import issue

CLIENTS = 200
SAMPLE = 60  # texts for the judges alone
TINY = ROOT / "tests" / "grader" / "tiny"
SERVE = "import typer; from grader.cli_serve import serve_class; typer.run(serve_class)"


class Load(NamedTuple):
    """What one round of all clients came to: checks per second, and seconds until the verdict."""

    rate: float
    p50: float
    p95: float

    @classmethod
    def of(cls, waits: Sequence[float], seconds: float) -> Load:
        return cls(len(waits) / seconds, statistics.median(waits), percentile(waits, 0.95))

    def __str__(self) -> str:
        return f"{self.rate:.1f} checks/s, verdict after {self.p50:.2f} s (p50), {self.p95:.2f} s (p95)"


class Service:
    """A service for `CLIENTS` students in a process of its own."""

    def __init__(self, folder: Path, course: Path, section: Section) -> None:
        self.section = section
        create(folder, course, None)
        with Store(folder) as store:
            self.tokens = [issue(store, f"student{number:03}") for number in range(CLIENTS)]
        command = [
            sys.executable,
            "-c",
            SERVE,
            section.id,
            "--class",
            str(folder),
            "--port",
            "0",
            "--judges",
            str(CORES),
        ]
        self.process = subprocess.Popen([*command, "--burst", "1000"], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().partition(" at ")[2].partition(",")[0]

    def round(self, texts: Sequence[str]) -> Load:
        """All clients send their file at once."""
        started = time.monotonic()
        waits = asyncio.run(self._all(texts))
        return Load.of(waits, time.monotonic() - started)

    async def _all(self, texts: Sequence[str]) -> list[float]:
        return await asyncio.gather(*map(self._one, self.tokens, texts))

    async def _one(self, token: str, text: str) -> float:
        ids = [each.id for each in self.section.exercises]
        source = base64.b64encode(text.encode()).decode()
        asked = {"key": secrets.token_urlsafe(16), "section": self.section.id, "exercises": ids, "source": source}
        headers, started = {"Authorization": f"Bearer {token}"}, time.monotonic()
        # With `verify` each client would read all certificates of the system: 30 ms of this process's time.
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=60, verify=False) as client:
            standing = _content(await client.post("/v1/checks", json=asked))
            while standing["state"] != "done":
                standing = _content(await client.get(f"/v1/checks/{standing['id']}?wait={POLL:g}"))
        return time.monotonic() - started

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate()


def _content(answer: httpx.Response) -> dict[str, Any]:
    answer.raise_for_status()
    return dict(answer.json())


def judges_alone(course: Path, section: Section, texts: Sequence[str]) -> float:
    """Checks per second of the same judges, given the same texts directly."""
    ids = tuple(each.id for each in section.exercises)
    tasks = iter([Task(str(n), section.id, text.encode(), ids, n) for n, text in enumerate(texts)])
    judges = [JudgeProcess(Court(course, (section.id,))) for _ in range(CORES)]

    def work(judge: JudgeProcess) -> None:
        for task in tasks:
            judge.grade(task)

    with ThreadPoolExecutor(CORES) as pool:
        list(pool.map(JudgeProcess.wait, judges))
        started = time.monotonic()
        list(pool.map(work, judges))
    seconds = time.monotonic() - started
    for judge in judges:
        judge.close()
    return len(texts) / seconds


def _measured(folder: Path, course: Path, section: Section, texts: Sequence[str]) -> tuple[Figure, Figure]:
    """Before and after the service its judges alone, so that a busy minute shows."""
    before = judges_alone(course, section, texts[:SAMPLE])
    served = Service(folder, course, section)
    try:
        new, known = served.round(texts), served.round(texts)
    finally:
        served.end()
    after = judges_alone(course, section, texts[:SAMPLE])
    alone = (before + after) / 2
    name, made_of = f"service, {section.id}", {"new": new, "known": known, "judges alone": [before, after]}
    says = f"of the rate of its {CORES} judges alone ({alone:.1f} checks/s); {CLIENTS} clients: {new}"
    return (
        Figure(name, new.rate / alone, "×", says, made_of=made_of),
        Figure(f"{name}, known", known.rate / new.rate, "×", f"the same texts again: {known}"),
    )


def service(places: Places, quick: bool) -> list[Figure]:
    """Checks per second with 200 clients, for a section with torch and for one with next to nothing to do."""
    folder = places.plain.parent / "classes"
    torch, tiny = places.section(TORCH), Course.load(TINY).sections[0]
    assert tiny.solution is not None
    solved = tiny.solution.read_text("utf-8")
    easy = [solved.replace("a + b", f"a + b + {number % 2}") for number in range(CLIENTS)]
    figures = [*_measured(folder / "tiny", TINY, tiny, easy)]
    if not quick:  # with next to nothing to judge the clients themselves take most of the two cores: no target there
        heavy, known = _measured(folder / "torch", ROOT, torch, submissions(torch, CLIENTS))
        figures += [replace(heavy, at_least=0.8), known]
    return figures

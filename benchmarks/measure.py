"""Repeating, timing, medians, and what a figure is. Ratios are of medians of interleaved repetitions in one run."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

ROOT = Path(__file__).resolve().parents[1]
T = TypeVar("T")


@dataclass(frozen=True)
class Figure:
    """One number with its target, if it has one, and the measurements it was made of."""

    name: str
    value: float
    unit: str
    says: str
    at_most: float | None = None
    at_least: float | None = None
    made_of: Mapping[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> str:
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return "" if self.at_least is None else f"≥ {self.at_least:g}"

    @property
    def met(self) -> bool | None:
        if self.at_most is not None:
            return self.value <= self.at_most
        return None if self.at_least is None else self.value >= self.at_least


class Spent(NamedTuple):
    """Seconds of one process with all its children."""

    wall: float
    cpu: float


def interleaved(repetitions: int, actions: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Each action's results; they take turns, in changing order, so that a busy minute hits all of them."""
    results: dict[str, list[T]] = {name: [] for name in actions}
    for repetition in range(repetitions):
        for name in list(actions)[:: -1 if repetition % 2 else 1]:
            results[name].append(actions[name]())
    return results


def medians(spent: Sequence[Spent]) -> Spent:
    return Spent(statistics.median(each.wall for each in spent), statistics.median(each.cpu for each in spent))


def timed_process(command: Sequence[str], ends_with: Sequence[int] = (0,), **options: Any) -> Spent:
    """Run a command to its end. Raises RuntimeError when it ends with another code than it should."""
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - started
    if process.returncode not in ends_with:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{said.decode()[-2000:]}")
    return Spent(wall, usage.ru_utime + usage.ru_stime)


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def machine() -> dict[str, Any]:
    """What the figures were measured on, and how busy it was."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "python": sys.version.split()[0],
        **{name: version(name) for name in ("numpy", "torch", "pytest")},
        "commit": commit.stdout.strip(),
    }

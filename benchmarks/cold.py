"""From the command to the verdict, nothing warm: with torch against plain pytest, and without torch in CPU seconds."""

from __future__ import annotations

import statistics
import sys

from benchmarks.measure import Figure, interleaved, medians, timed_process
from benchmarks.places import LIGHT, TORCH, Places


def cold(places: Places, quick: bool) -> list[Figure]:
    """`grader check` of a section with torch against plain pytest of the same checks in its own process."""
    actions = {"grader": lambda: places.check(TORCH), "pytest": lambda: places.pytest(TORCH)}
    interleaved(1, actions)  # fills the disk's cache and pytest's own
    spent = interleaved(3 if quick else 9, actions)
    ours, theirs = medians(spent["grader"]), medians(spent["pytest"])
    says = f"grader check {TORCH} / plain pytest of the same checks: {ours.wall:.2f} / {theirs.wall:.2f} s"
    cpu_says = f"the same in CPU seconds, which a busy machine blurs less: {ours.cpu:.2f} / {theirs.cpu:.2f}"
    made_of = {name: [each._asdict() for each in found] for name, found in spent.items()}
    return [
        Figure("cold", ours.wall / theirs.wall, "×", says, at_most=1.15, made_of=made_of),
        Figure("cold, CPU", ours.cpu / theirs.cpu, "×", cpu_says),
    ]


def light(places: Places, quick: bool) -> list[Figure]:
    """What checking a section without torch costs beyond starting Python and NumPy."""
    start = [sys.executable, "-c", "import numpy"]
    actions = {"grader": lambda: places.check(LIGHT), "numpy": lambda: timed_process(start)}
    interleaved(1, actions)
    spent = interleaved(3 if quick else 9, actions)
    ours, bare = medians(spent["grader"]), medians(spent["numpy"])
    beyond = statistics.median(a.cpu - b.cpu for a, b in zip(spent["grader"], spent["numpy"], strict=True))
    says = f"grader check {LIGHT}: {ours.cpu:.2f} s of CPU beside {bare.cpu:.2f} s for Python and NumPy"
    made_of = {name: [each._asdict() for each in found] for name, found in spent.items()}
    return [Figure("light", beyond, "s", says, at_most=1.0, made_of=made_of)]

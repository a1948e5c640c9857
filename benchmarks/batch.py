"""A hundred submissions of one section at level strict on two cores, against one cold pytest process for each.

Two judges share one zygote: it costs one import of torch less than a zygote for each.
"""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT, Figure, medians
from benchmarks.places import TORCH, Places
from grader.bench import Zygotes
from grader.course import Course, Section
from grader.diagnosis import mistakes_of
from grader.results import ExerciseResult
from grader.stubs import definition, pristine, replace_definition

CORES = 2


def submissions(section: Section, count: int) -> list[str]:
    """A class: two of five have everything right, two of five one classic mistake each, one of five is half done."""
    assert section.solution is not None
    solution = section.solution.read_text("utf-8")
    mistakes = [mistake for each in section.exercises for mistake in mistakes_of(section, each.name)]
    texts = []
    for number in range(count):
        if number % 5 < 2:
            texts.append(solution)
        elif number % 5 < 4:
            texts.append(mistakes[(number * 7) % len(mistakes)].patched(solution))
        else:
            texts.append(_half_done(section, solution, number))
    return texts


def _half_done(section: Section, solution: str, number: int) -> str:
    stub = pristine(section)
    for exercise in section.exercises[5 + number % 7 :]:
        solution = replace_definition(solution, exercise.name, definition(stub, exercise.name))
    return solution


def children_cpu() -> float:
    """CPU seconds of all processes started here that have ended, with theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def grade_some(queue: Any, done: Any, controls: Any, diagnose: bool) -> None:
    """One judge in a process of its own: takes submissions until there are none. `controls` brings a shared zygote."""
    import torch  # noqa: F401  # side by side with the zygote

    from grader import judge
    from grader.sandbox.launch import Zygote

    course = Course.load(ROOT)
    section = next(section for section in course.sections if section.id == TORCH)
    stub = pristine(section)

    def jobs() -> Iterator[judge.Job]:
        done.put("ready")
        while (text := queue.get()) is not None:
            yield judge.Job(section, text.encode(), stub, section.exercises, diagnose=diagnose)
            done.put("graded")

    def hear(job: judge.Job, result: ExerciseResult) -> None:
        if any(check.status == "not_run" for check in result.checks):
            raise RuntimeError(f"{result.id} could not run")

    with Zygotes("strict") as zygotes:
        if controls is not None:
            zygotes.adopt(section.worker, Zygote(controls.get(), None, "strict"))
        judge.run([section], jobs(), hear, zygotes)


def ours(section: Section, texts: list[str], diagnose: bool = True, shared: bool = True) -> dict[str, float]:
    """Seconds until both judges are ready, and until all submissions are graded."""
    context = get_context("spawn")
    queue, done, controls = context.Queue(), context.Queue(), context.Queue()
    for text in [*texts, *[None] * CORES]:
        queue.put(text)
    started, spent_before = time.monotonic(), children_cpu()
    arguments = (queue, done, controls if shared else None, diagnose)
    judges = [context.Process(target=grade_some, args=arguments) for _ in range(CORES)]
    with Zygotes("strict") as zygotes:
        zygote = zygotes.start(section.worker) if shared else None
        for each in judges:
            each.start()
        for _ in judges if shared else ():
            controls.put(zygote.attach())
        found = _followed(done, len(texts), started)
        for each in judges:
            each.join()
    return {**found, "cpu": children_cpu() - spent_before}


def _followed(done: Any, waiting: int, started: float) -> dict[str, float]:
    ready = 0.0
    while waiting:
        if done.get(timeout=120) == "graded":
            waiting -= 1
        else:
            ready = time.monotonic() - started
    return {"ready": ready, "all": time.monotonic() - started}


def theirs(places: Places, texts: list[str]) -> dict[str, float]:
    """Seconds per submission with a cold pytest process for each, two at a time."""
    files = []
    for number, text in enumerate(texts):
        files.append(Path(places.plain / f"submission_{number}.py"))
        files[-1].write_text(text, "utf-8")
    started = time.monotonic()
    with ThreadPoolExecutor(CORES) as pool:
        spent = list(pool.map(lambda file: places.pytest(TORCH, file), files))
    return {"each": (time.monotonic() - started) / len(texts), "cpu": medians(spent).cpu}


def batch(places: Places, quick: bool) -> list[Figure]:
    """Submissions per second, start-up included."""
    section = places.section(TORCH)
    count = 30 if quick else 100
    texts = submissions(section, count)
    sample = [texts[number] for number in (0, 1, 2, 3, 4, 9)]
    before = theirs(places, sample)
    diagnosed = ours(section, texts)
    between = theirs(places, sample)
    plain = ours(section, texts, diagnose=False)
    after = theirs(places, sample)
    each, cpu = (statistics.median(found[key] for found in (before, between, after)) for key in ("each", "cpu"))
    made_of = {"pytest": [before, between, after], "grader": plain, "grader with diagnosis": diagnosed}
    says = f"{count} submissions in {{all:.0f}} s, ready after {{ready:.0f}}; "
    says += f"a cold pytest for each takes {each:.2f} s, two at a time (extrapolated from {3 * len(sample)})"
    ratio = each * count / plain["all"]
    return [
        Figure("batch", ratio, "×", says.format(**plain), at_least=15.0, made_of=made_of),
        Figure("batch, diagnosed", each * count / diagnosed["all"], "×", says.format(**diagnosed)),
        Figure("batch, CPU", cpu * count / plain["cpu"], "×", f"CPU seconds: {plain['cpu']:.0f} / {cpu * count:.0f}"),
    ]

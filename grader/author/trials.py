"""What a section must show before the judge: its solution earns everything, and whatever is wrong does not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from grader.author.findings import Finding
from grader.author.hearing import TO_THE_FIRST_FAILURE, Hearing, Trial, first_line, passed
from grader.author.imitations import gives_zeros, knows_the_examples
from grader.author.tolerance import Loose
from grader.course import Exercise
from grader.diagnosis import mistakes_of
from grader.errors import GraderError
from grader.examples import run_examples
from grader.judge import Trying
from grader.mistakes import Mistake
from grader.results import CheckResult, ExerciseResult, Status
from grader.stubs import STUB, examples

Found = dict[str, list[Finding]]
SEEDS = 50
EXAMPLE_SECONDS = 10.0
SLOW_SEEDS, SLOW = 3, 0.2  # seeds for a check that takes longer than this many seconds, or that draws nothing


@dataclass
class Failures:
    """Where the solution does not pass: by check, the seeds, and what was said first."""

    seeds: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    first: dict[str, CheckResult] = field(default_factory=dict)

    def note(self, seed: int, result: ExerciseResult) -> None:
        for check in result.checks:
            if check.status is not Status.PASSED:
                self.seeds[check.id].append(seed)
                self.first.setdefault(check.id, check)


def solution_earns_everything(hearing: Hearing, exercises: Sequence[Exercise]) -> Trial[tuple[Found, Found]]:
    """By exercise id: the checks that the solution fails at some of fifty seeds, and those that are too loose."""
    failures, loose = Failures(), Loose()
    quick: frozenset[str] = frozenset()
    for seed in range(SEEDS):
        trying = Trying(only=quick) if seed >= SLOW_SEEDS else Trying(attend=loose.attend)
        with loose.watching() if seed < SLOW_SEEDS else nullcontext():
            results = yield from hearing.grade(hearing.solution, exercises, seed, trying)
        for result in results:
            failures.note(seed, result)
            for check in result.checks:
                hearing.seconds[check.id] = min(check.seconds, hearing.seconds.get(check.id, check.seconds))
        if seed < SLOW_SEEDS:
            quick = frozenset(
                id for id, seconds in hearing.seconds.items() if seconds <= SLOW and hearing.is_random(id)
            )
    failing = {each.id: [*_of_solution(hearing, each, failures)] for each in exercises}
    return failing, {each.id: [*_of_loose(hearing, each, loose)] for each in exercises}


def _of_loose(hearing: Hearing, exercise: Exercise, loose: Loose) -> Iterator[Finding]:
    for check in (check for check in exercise.checks if check.function in loose.checks):
        says = f"{check.function} compares with a tolerance so loose that zeros would pass."
        yield Finding(hearing.at_check(check.id), says, "Tighten it, or draw inputs whose answers are larger.")


def _of_solution(hearing: Hearing, exercise: Exercise, failures: Failures) -> Iterator[Finding]:
    for check in (check for check in exercise.checks if check.id in failures.seeds):
        seeds, result = failures.seeds[check.id], failures.first[check.id]
        where, said = hearing.at_check(check.id), first_line(result.message)
        if result.status is Status.NOT_RUN:
            yield Finding(where, f"{check.function} was not run.", said)
            continue
        total = SEEDS if hearing.seconds[check.id] <= SLOW and hearing.is_random(check.id) else SLOW_SEEDS
        shown = ", ".join(map(str, seeds[:5])) + (" …" if len(seeds) > 5 else "")
        says = f"The solution does not pass {check.function} at {len(seeds)} of {total} seeds ({shown}): {said}"
        yield Finding(where, says, "Mend the solution, or loosen what the check asks for and say why.")


def stub_earns_nothing(hearing: Hearing, exercise: Exercise) -> Trial[list[Finding]]:
    """The stub as it is handed out, and once more in other words, so that its checks really run."""
    for text in (hearing.stub, hearing.stub.replace(STUB, f"{STUB}()")):
        result = yield from hearing.try_one(text, exercise)
        if result.points:
            says = f"The stub of `{exercise.name}` passes {passed(result)}."
            hint = "A check must ask for something that has to be written."
            return [Finding(hearing.at_exercise(exercise), says, hint)]
    return []


def example_holds(hearing: Hearing, exercise: Exercise) -> list[Finding]:
    """The solution prints what the docstring's example shows."""
    with hearing.bench(hearing.solution) as bench:
        status, message = run_examples(exercise, hearing.solution.encode(), hearing.stub, bench)
    if status in (Status.PASSED, Status.NOT_RUN):
        return []
    says = f"The example of `{exercise.name}` does not hold: {' '.join(message.split())}"
    return [Finding(hearing.at_exercise(exercise), says, "Write what the solution prints, if that is right.")]


def examples_are_not_enough(hearing: Hearing, exercise: Exercise) -> Trial[list[Finding] | None]:
    """A function that knows the public examples earns no core point; None where no such function could be made."""
    with hearing.bench(hearing.solution) as bench:
        link = bench.worker()
        link.begin_check(0, (), EXAMPLE_SECONDS)
        text = knows_the_examples(hearing.solution, exercise, examples(hearing.stub, exercise.name), link)
    if text is None:
        return None
    result = yield from hearing.try_one(text, exercise)
    if not result.points or exercise.kind != "core":
        return []
    says = f"A function that only knows the docstring's example of `{exercise.name}` passes {passed(result)}."
    hint = "Ask for something that the example does not show."
    return [Finding(hearing.at_check(next(check.id for check in result.checks if check.points)), says, hint)]


def zeros_do_not_pass(hearing: Hearing, exercise: Exercise) -> Trial[list[Finding]]:
    """An answer of the right shape whose every number is zero fails a check, and earns less than half."""
    result = yield from hearing.try_one(gives_zeros(hearing.solution, exercise), exercise)
    if result.status is not Status.PASSED and result.points < result.max_points / 2:
        return []
    earned = f"{result.points:g} of {result.max_points:g} points of `{exercise.name}`"
    says = f"Zeros of the right shape earn {earned}: {passed(result)}."
    return [Finding(hearing.at_exercise(exercise), says, "Compare values with a tolerance that zero does not meet.")]


@dataclass(frozen=True)
class Named:
    """How many mistakes there are, and how many fail and are called by their name in both forms."""

    count: int
    named: int
    findings: list[Finding]


def mistakes_are_named(hearing: Hearing, exercise: Exercise) -> Trial[Named]:
    """Every mistake, patched and written differently, fails a check and is called by its name."""
    known = mistakes_of(hearing.section, exercise.name)
    where, found = str(hearing.section.mistakes), [*_outdated(hearing, known)]
    if found:  # a diagnosis needs all patches
        return Named(len(known), 0, found)
    named = 0
    for mistake in known:
        problems = yield from _mistake(hearing, exercise, mistake)
        named += not problems
        found += [Finding(where, f"{mistake.name}: {says}", hint) for says, hint in problems]
    return Named(len(known), named, found)


def _outdated(hearing: Hearing, mistakes: Sequence[Mistake]) -> Iterator[Finding]:
    for mistake in mistakes:
        try:
            mistake.patched(hearing.solution)
        except GraderError as error:
            yield Finding(str(hearing.section.mistakes), error.problem, error.hint)


def _mistake(hearing: Hearing, exercise: Exercise, mistake: Mistake) -> Trial[list[tuple[str, str]]]:
    forms = {"the patch": mistake.patched(hearing.solution), "the variant": mistake.substituted(hearing.solution)}
    found: list[tuple[str, str]] = []
    for form, text in forms.items():
        result = yield from hearing.try_one(text, exercise, diagnose=True)
        if list(_recognised(form, mistake, result)):  # on a busy machine a diagnosis can run out of time
            result = yield from hearing.try_one(text, exercise, diagnose=True)
        found += _recognised(form, mistake, result)
        for seed in range(1, SLOW_SEEDS) if _may_be_luck(hearing, result) else ():
            again = yield from hearing.try_one(text, exercise, seed, TO_THE_FIRST_FAILURE)
            if again.status is Status.PASSED:
                found.append((f"{form} passes every check at seed {seed}.", "Make a check certain to catch it."))
    return found


def _may_be_luck(hearing: Hearing, result: ExerciseResult) -> bool:
    """Whether only checks that draw their numbers fail."""
    failed = [check.id for check in result.checks if check.status is not Status.PASSED]
    return bool(failed) and all(map(hearing.is_random, failed))


def _recognised(form: str, mistake: Mistake, result: ExerciseResult) -> Iterator[tuple[str, str]]:
    if result.status is Status.PASSED:
        yield f"{form} passes every check.", "Add the check that it fails."
        return
    said = {check.diagnosis for check in result.checks if check.status is Status.FAILED}
    failed = [check.id.rpartition("/")[2] for check in result.checks if check.status is not Status.PASSED]
    if said == {mistake.says}:
        return
    if not said:
        yield (
            f"{form} only breaks ({failed[0]}: {first_line(result.checks[0].message)}).",
            "A mistake must give answers.",
        )
    elif said == {""}:
        hint = "Patch and variant must answer alike on every check that fails, and unlike every other mistake."
        yield f"{form} fails {', '.join(failed)}, but is not recognised.", hint
    else:
        other = min(said - {mistake.says, ""}, default="")
        yield f"{form} is taken for another mistake: {other!r}", "Add a check that tells the two apart."

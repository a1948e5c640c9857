"""What `grader check` found → text for a terminal: what stands where, what is wrong and why, what to type next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from grader.course import Course, Exercise, Section
from grader.report.look import Look, points
from grader.report.tally import Tally
from grader.results import CheckResult, ExerciseResult, Report, Status

IN_FULL = 3  # how many failing exercises are shown in full when none was named
WORDS = {
    Status.PASSED: ("passed", ("green",)),
    Status.FAILED: ("failed", ("red",)),
    Status.BROKEN: ("broken", ("magenta",)),
    Status.BLOCKED: ("blocked", ("yellow",)),
    Status.TODO: ("todo", ("cyan",)),
    Status.NOT_RUN: ("not run", ("yellow",)),
}
WRONG = (Status.FAILED, Status.BROKEN)
LEADS = {
    Status.FAILED: "Does not hold:",
    Status.BROKEN: "Could not be checked:",
    Status.TODO: "Not written yet:",
    Status.NOT_RUN: "Not run:",
    Status.BLOCKED: "Blocked:",
}


@dataclass(frozen=True)
class View:
    """One report and all that is needed to tell it. `named` are the ids of exercises that were asked for one by one."""

    report: Report
    course: Course
    look: Look
    named: frozenset[str] = frozenset()
    next_up: Exercise | None = None

    @property
    def sections(self) -> list[tuple[Section, list[ExerciseResult]]]:
        by_section: dict[str, list[ExerciseResult]] = {}
        for result in self.report.exercises:
            by_section.setdefault(result.id.rpartition("/")[0], []).append(result)
        return [(section, by_section[section.id]) for section in self.course.sections if section.id in by_section]


def render(view: View) -> str:
    """The whole report as text."""
    lines: list[str] = []
    full = _in_full(view)
    for section, results in view.sections:
        lines += [*_section(view, section, results), ""]
        for result in (each for each in results if each.id in full):
            lines += [*_detail(view.look, view.course, result), ""]
    rest = [
        each for each in view.report.exercises if _wrong_here(each) and each.id not in full and not cannot_import(each)
    ]
    lines += _rest(view.look, rest)
    lines += _summary(view)
    if view.next_up is not None and not any(each.status in WRONG for each in view.report.exercises):
        lines += _next(view.look, view.course, view.next_up)
    return "\n".join(lines) + "\n"


def _wrong_here(result: ExerciseResult) -> bool:
    """Whether the exercise itself is what does not pass, and not its file."""
    return result.status in WRONG and not cannot_import(result)


def cannot_import(result: ExerciseResult) -> str:
    """Why the whole file is broken, where this is why the exercise is."""
    broken = [check.message for check in result.checks if check.status is Status.BROKEN]
    return broken[0] if broken and "cannot be imported" in broken[0].partition("\n")[0] else ""


def _in_full(view: View) -> set[str]:
    """Which failing exercises are shown in full: those that were named, or the first of each of the first sections."""
    wrong = [[each for each in results if _wrong_here(each)] for _, results in view.sections]
    firsts = [found[0].id for found in wrong if found][:IN_FULL]
    named = [each.id for found in wrong for each in found if each.id in view.named]
    return set(named or firsts)


# --- one section: its bar, and who stands where ---


def _section(view: View, section: Section, results: Sequence[ExerciseResult]) -> list[str]:
    look = view.look
    lines = [_heading(look, section, results)]
    if len(results) > 1 and all(
        each.status is Status.TODO and "(" not in _name(each) and not reason_of(each) for each in results
    ):
        return [*lines, *_row(look, *WORDS[Status.TODO], f"all {len(results)}")]
    for reason, broken in _grouped(results, cannot_import).items():
        lines += _unimportable(look, section, reason, broken) if reason else []
    for status, (word, styles) in WORDS.items():
        found = [each for each in results if each.status is status and not cannot_import(each)]
        for reason, group in _grouped(found, reason_of).items():
            lines += _row(look, word, styles, _names(group) + (f": {reason}" if reason else ""))
    return lines


def _untouched(result: ExerciseResult) -> bool:
    return result.status is Status.TODO and "(" not in _name(result) and not reason_of(result)


def _heading(look: Look, section: Section, results: Sequence[ExerciseResult]) -> str:
    tally = Tally.of(results)
    right = score(tally)
    title = look.cut(f"{section.number} {section.title}", look.width - 16 - len(right))
    gap = " " * (look.width - 13 - len(title) - len(right))
    return f"{look.paint(title, 'bold')}{gap}{look.bar(tally.share, 10)}  {right}"


def score(tally: Tally) -> str:
    """The points so far in a few characters; the count of exercises where no points are given."""
    part = tally.core if tally.core.count else tally.beyond
    if part.max_points:
        return f"{points(part.points)}/{points(part.max_points)} points"
    return f"{tally.passed}/{tally.count} passed"


def _grouped(
    results: Iterable[ExerciseResult], key: Callable[[ExerciseResult], str]
) -> dict[str, list[ExerciseResult]]:
    groups: dict[str, list[ExerciseResult]] = {}
    for result in results:
        groups.setdefault(key(result), []).append(result)
    return groups


def reason_of(result: ExerciseResult) -> str:
    """The one line that an exercise needs which is blocked, was not run, or calls what is not written yet."""
    if result.status not in (Status.BLOCKED, Status.NOT_RUN, Status.TODO):
        return ""
    said = next(check.message for check in result.checks if check.status is result.status).partition("\n")[0]
    return "" if result.status is Status.TODO and not said.startswith("It calls") else said


def _names(results: Sequence[ExerciseResult]) -> str:
    return ", ".join(_name(each) for each in results)


def _name(result: ExerciseResult) -> str:
    name = result.id.rpartition("/")[2]
    passed = sum(check.status is Status.PASSED for check in result.checks)
    return (
        f"{name} ({passed} of {len(result.checks)} checks passed)" if passed and result.status is Status.TODO else name
    )


def _row(look: Look, word: str, styles: tuple[str, ...], text: str) -> list[str]:
    lines = look.wrap(text, " " * 11)
    lines[0] = f"  {look.paint(f'{word:7}', *styles)}  {lines[0][11:]}"
    return lines


def _unimportable(look: Look, section: Section, reason: str, results: Sequence[ExerciseResult]) -> list[str]:
    """Told once for all exercises of a file."""
    first, _, more = reason.partition("\n")
    lines = _row(look, *WORDS[Status.BROKEN], _names(results))
    lines += ["", *look.wrap(first, "    "), *(look.wrap(more, "      ") if more else [])]
    return [*lines, "", *_commands(look, [f"grader check {section.id}"])]


# --- one exercise in full ---


def _detail(look: Look, course: Course, result: ExerciseResult) -> list[str]:
    first, *others = (check for check in result.checks if check.status is not Status.PASSED)
    if first.status not in WRONG:
        first = next(check for check in result.checks if check.status in WRONG)
        others = [check for check in result.checks if check.status is not Status.PASSED and check is not first]
    head = look.paint(result.id.rpartition("/")[2], "bold")
    lines = [f"  {head}: {passed_of(result)}", ""]
    lines += _check(look, first)
    for status, lead in LEADS.items():
        rules = [in_short(check) for check in others if check.status is status]
        lead = "Does not hold, perhaps for the same reason:" if status is Status.FAILED else lead
        lines += ["", f"    Also {lead[0].lower()}{lead[1:]}"] if rules else []
        lines += [line for rule in rules for line in look.wrap(rule, "      - ", "        ")]
    return [*lines, "", *_type_next(look, course, result)]


def passed_of(result: ExerciseResult) -> str:
    passed = sum(check.status is Status.PASSED for check in result.checks)
    total = len(result.checks)
    return f"{passed} of {total} checks passed." if total > 1 else "its one check did not pass."


def in_short(check: CheckResult) -> str:
    """The rule; what is missing, where that is why it was not run."""
    return f"{check.rule} {check.message}" if check.status is Status.NOT_RUN else check.rule


def _check(look: Look, check: CheckResult) -> list[str]:
    """The rule, the message, the diagnosis, the learner's line, what the code printed."""
    lead = LEADS[check.status]
    lines = look.wrap(f"{lead} {check.rule}", "    ", "      ")
    lines[0] = lines[0].replace(lead, look.paint(lead, *WORDS[check.status][1]), 1)
    lines += ["", *look.wrap(check.message, "      ")] if check.message else []
    if check.diagnosis:
        said = look.wrap(f"Likely reason: {check.diagnosis}", "    ", "      ")
        lines += ["", said[0].replace("Likely reason:", look.paint("Likely reason:", "bold"), 1), *said[1:]]
    lines += ["", *look.wrap(check.where, "    ")] if check.where else []
    if check.printed:
        lines += ["", "    Your code printed:", *look.wrap(check.printed, "      ")]
    return lines


def _type_next(look: Look, course: Course, result: ExerciseResult) -> list[str]:
    exercise = next(each for each in course.exercises if each.id == result.id)
    hint = [f"grader hint {result.id}"] if exercise.hints else []
    return _commands(look, [*hint, f"grader check {result.id}"])


def _commands(look: Look, commands: Sequence[str]) -> list[str]:
    painted = [look.paint(command, "cyan") for command in commands]
    return [f"    {'Next:' if number == 0 else '     '}  {command}" for number, command in enumerate(painted)]


def _rest(look: Look, results: Sequence[ExerciseResult]) -> list[str]:
    """The failing exercises that are not shown in full: one line each."""
    if not results:
        return []
    lines = [look.paint("Not passing either:", "bold")]
    room = min(max(len(each.id.rpartition("/")[2]) for each in results), 32)
    for each in results:
        check = next(check for check in each.checks if check.status in WRONG)
        lines.append(f"  {each.id.rpartition('/')[2]:{room}}  {look.cut(check.rule, look.width - room - 4)}")
    command = look.paint(f"grader check {results[0].id}", "cyan")
    return [*lines, f"  One in full:  {command}", ""]


# --- the end: sums, and what is next ---


def _summary(view: View) -> list[str]:
    tally = Tally.of(view.report.exercises)
    lines = view.look.wrap(_sums(view, tally))
    lines[0] = view.look.paint(lines[0], "bold")
    if view.report.not_run_points:
        missing = points(view.report.not_run_points)
        lines += view.look.wrap(f"Points not run: {missing}. The lines marked `not run` say what is missing here.")
    return lines


def _sums(view: View, tally: Tally) -> str:
    if view.report.public_only:
        says = f"Public examples that pass: {tally.passed} of {tally.count}."
        return f"{says} The hidden checks, which decide, are not installed here."
    parts = [(part, name) for part, name in ((tally.core, "core"), (tally.beyond, "beyond")) if part.count]
    exercises = ", ".join(f"{part.passed} of {part.count} {name}" for part, name in parts)
    scores = ", ".join(
        f"{points(part.points)} of {points(part.max_points)}{' beyond' if name == 'beyond' else ' points'}"
        for part, name in parts
    )
    if view.report.all_passed:
        return f"{'All passed' if tally.count > 1 else 'Passed'}: {scores}."
    return f"{scores}. Exercises passed: {exercises}."


def _next(look: Look, course: Course, exercise: Exercise) -> list[str]:
    path = course.section_of(exercise).path
    return [f"Next: {exercise.name} in {path}, then", f"      {look.paint(f'grader check {exercise.id}', 'cyan')}"]

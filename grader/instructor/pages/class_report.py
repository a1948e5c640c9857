"""How a class did in an assignment: numbers from its grades, as one page for the instructor and a short table.

Pure: the same grades, attempts and similarities give the same bytes.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from grader.instructor.grades import Grade, Line
from grader.instructor.pages.similarity import Similarity
from grader.instructor.term import Student
from grader.report.terminal import WRONG, cannot_import
from grader.results import CheckResult, Status

ENOUGH = 10  # students: with fewer, a correlation says nothing
SEVERAL = 3  # students who tried: with fewer, that nobody passes says nothing
SHOWN = 12  # rows of a table


@dataclass(frozen=True)
class Item:
    """One exercise in the class: how many fared how, and how its points go together with the rest of the score."""

    name: str
    core: bool
    outcomes: Mapping[str, int]
    points: float
    max_points: float
    together: float | None

    @property
    def tried(self) -> int:
        return sum(self.outcomes.get(each, 0) for each in ("passed", "partly", "failed"))


@dataclass(frozen=True)
class Failing:
    """A rule, or a known mistake: of how many who tried the exercise it is true, by name of the exercise."""

    exercise: str
    says: str
    count: int
    tried: int


@dataclass(frozen=True)
class ClassReport:
    """All that the page says."""

    assignment: str
    grades: tuple[Grade, ...]
    attempts: Mapping[str, int]
    similarity: Similarity
    items: tuple[Item, ...]
    checks: tuple[Failing, ...]
    mistakes: tuple[Failing, ...]
    broken: Mapping[str, tuple[Student, ...]]
    notes: tuple[str, ...] = ()

    @property
    def graded(self) -> list[Grade]:
        return [grade for grade in self.grades if grade.graded]

    @property
    def missing(self) -> list[Student]:
        return [grade.student for grade in self.grades if not grade.graded]

    @property
    def late(self) -> list[Grade]:
        return [grade for grade in self.graded if grade.seconds_late > 0]

    @property
    def slowest(self) -> list[Grade]:
        return sorted(self.graded, key=lambda grade: (-grade.seconds, grade.student.id))[:5]

    @property
    def people(self) -> dict[str, Student]:
        return {grade.student.id: grade.student for grade in self.grades}

    def quartiles(self) -> list[float]:
        """Lowest, first quartile, median, third quartile and highest of the scores."""
        scores = sorted(grade.score for grade in self.graded)
        inner = statistics.quantiles(scores, n=4, method="inclusive") if len(scores) > 1 else scores * 3
        return [*scores[:1], *inner, *scores[-1:]]

    def worth_a_look(self) -> list[str]:
        """What may be the suite's fault, or the lesson's."""
        return [sentence for item in self.items for sentence in _doubts(item)] + [
            f"{each.exercise}: nobody of {each.tried} who tried passes “{each.says}”"
            for each in self.checks
            if each.count == each.tried >= SEVERAL and self._passed_otherwise(each.exercise)
        ]

    def _passed_otherwise(self, exercise: str) -> bool:
        return any(item.name == exercise and item.points > 0 for item in self.items)


def of(
    grades: Sequence[Grade], attempts: Mapping[str, int], similarity: Similarity, notes: Iterable[str] = ()
) -> ClassReport:
    """The report on a class.

    Args:
        grades: one for every student, of one assignment.
        attempts: how many times each student handed in.
        notes: what the reader must know about how this was made.

    Returns:
        Everything counted.
    """
    graded = [grade for grade in grades if grade.graded]
    return ClassReport(
        assignment=grades[0].assignment.name if grades else "", grades=tuple(grades), attempts=dict(attempts),
        similarity=similarity, items=tuple(_items(graded)),
        checks=_counted(graded, lambda check: check.status in WRONG, lambda check: check.rule),
        mistakes=_counted(graded, lambda check: bool(check.diagnosis), lambda check: check.diagnosis),
        broken=_broken(graded), notes=tuple(notes),
    )  # fmt: skip


def _items(graded: Sequence[Grade]) -> Iterator[Item]:
    for place, line in enumerate(graded[0].lines if graded else ()):
        lines = [grade.lines[place] for grade in graded]
        mean = statistics.fmean(each.points for each in lines)
        outcomes = Counter(map(_outcome, lines))
        yield Item(line.exercise.name, line.core, outcomes, mean, line.max_points, _together(graded, place))


def _outcome(line: Line) -> str:
    status = line.result.status if line.result else Status.TODO
    if status is Status.PASSED or (line.result and line.result.points and status in WRONG):
        return "passed" if status is Status.PASSED else "partly"
    return "failed" if status in WRONG else "todo" if status is Status.TODO else "not run or blocked"


def _together(graded: Sequence[Grade], place: int) -> float | None:
    """The correlation of an exercise's points with those of all others, by which an item is judged in the field."""
    here = [grade.lines[place].points for grade in graded]
    rest = [sum(line.points for line in grade.lines) - grade.lines[place].points for grade in graded]
    if len(graded) < ENOUGH or len(set(here)) < 2 or len(set(rest)) < 2:
        return None
    return statistics.correlation(here, rest)


def _counted(
    graded: Sequence[Grade], holds: Callable[[CheckResult], bool], says: Callable[[CheckResult], str]
) -> tuple[Failing, ...]:
    """What is true of checks of how many students, most often first; a student counts once for one sentence."""
    found: Counter[tuple[str, str]] = Counter()
    tried: Counter[str] = Counter()
    for line in (line for grade in graded for line in grade.lines if _tried(line)):
        tried[line.exercise.name] += 1
        found.update({(line.exercise.name, says(check)) for check in _checks(line) if holds(check)})
    rows = (Failing(name, text, count, tried[name]) for (name, text), count in found.items())
    return tuple(sorted(rows, key=lambda row: (-row.count, row.exercise, row.says)))


def _checks(line: Line) -> tuple[CheckResult, ...]:
    return line.result.checks if line.result else ()


def _tried(line: Line) -> bool:
    """Whether the exercise itself was judged: written, and in a file that can be imported."""
    return _outcome(line) in ("passed", "partly", "failed") and not (line.result and cannot_import(line.result))


def _broken(graded: Sequence[Grade]) -> dict[str, tuple[Student, ...]]:
    """Why something could not be checked → whose."""
    found: dict[str, dict[str, Student]] = {}
    for grade in graded:
        for check in (check for line in grade.lines for check in _checks(line)):
            if check.status is Status.BROKEN and not check.message.startswith("Not tried"):
                found.setdefault(check.message.partition("\n")[0], {})[grade.student.id] = grade.student
    ordered = sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return {reason: tuple(students.values()) for reason, students in ordered}


def _doubts(item: Item) -> Iterator[str]:
    passed = item.outcomes.get("passed", 0)
    if item.tried >= SEVERAL and passed == 0:
        yield f"{item.name}: nobody of {item.tried} who tried it passes."
    if item.together is not None and item.together < 0:
        yield f"{item.name}: those who do well elsewhere do worse here (correlation {item.together:.2f})."

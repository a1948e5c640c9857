"""Section > Exercise > Check: what stands in a section's solution, toml and hidden suite."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from grader.errors import GraderError
from grader.files import read_text
from grader.models import MODELS
from grader.sources import Table, marks, outline

SOLUTIONS = "solutions"


@dataclass(frozen=True)
class Check:
    """One function of a hidden suite; `rule` is what the learner reads.

    `fixed_data`: its inputs are a data set, a text, a golden file, which output of the learner's code would give away.
    """

    id: str
    function: str
    rule: str
    points: float
    fixed_data: bool = False


@dataclass(frozen=True)
class Question:
    """Predict first: asked before the code is written; one `why` for each choice."""

    ask: str
    choices: tuple[str, ...]
    answer: int
    why: tuple[str, ...]


@dataclass(frozen=True)
class Suite:
    """A section's hidden suite, parsed once and only if needed."""

    path: Path
    section: str
    exercises: tuple[str, ...]

    @cached_property
    def checks(self) -> dict[str, tuple[Check, ...]]:
        """The checks of each exercise; raises `GraderError` for a mark with an unknown name."""
        found: dict[str, tuple[Check, ...]] = dict.fromkeys(self.exercises, ())
        for mark in marks(self.path):
            if mark.exercise not in found:
                problem = f"{self.path}:{mark.line}: {mark.function} marks an unknown exercise `{mark.exercise}`."
                raise GraderError(problem, nearest(mark.exercise, self.exercises))
            id = f"{self.section}/{mark.exercise}/{mark.function}"
            found[mark.exercise] += (Check(id, mark.function, mark.rule, mark.points, mark.fixed_data),)
        return found


@dataclass(frozen=True)
class Exercise:
    """A top-level function or class that the learner completes."""

    id: str
    kind: str
    difficulty: int
    minutes: int
    needs: tuple[str, ...]
    forbids: tuple[str, ...]
    hints: tuple[str, ...]
    former_ids: tuple[str, ...]
    suite: Suite | None = field(default=None, repr=False, compare=False)

    @property
    def name(self) -> str:
        return self.id.rpartition("/")[2]

    @property
    def section_id(self) -> str:
        return self.id.rpartition("/")[0]

    @property
    def checks(self) -> tuple[Check, ...]:
        """Empty where the suites are not installed."""
        return self.suite.checks[self.name] if self.suite else ()


@dataclass(frozen=True)
class Section:
    """A module with its lesson and data. `source` is its text as this course has it: the solution, else the stubs.

    A hands-on section also says which `models` its run needs and which `parts` of earlier sections it is given: the
    name by which it calls each, and the id of the exercise (or `chNN/section/function`, for given code).
    """

    id: str
    path: str
    number: str
    title: str
    builds_on: tuple[str, ...]
    worker: tuple[str, ...]
    exercises: tuple[Exercise, ...]
    questions: tuple[Question, ...]
    former_ids: tuple[str, ...]
    models: tuple[str, ...]
    parts: tuple[tuple[str, str], ...]
    source: Path
    solution: Path | None
    lesson: Path | None
    suite: Path | None
    mistakes: Path | None

    @property
    def module(self) -> str:
        return self.id.rpartition("/")[2]

    @property
    def minutes(self) -> int:
        return sum(exercise.minutes for exercise in self.exercises)

    @property
    def difficulty(self) -> int:
        """The rounded mean over the core exercises (over all where none is core)."""
        chosen = [each for each in self.exercises if each.kind == "core"] or self.exercises
        return int(sum(each.difficulty for each in chosen) / len(chosen) + 0.5) if chosen else 0


def read_section(root: Path, toml: Path) -> Section:
    """The section whose data stands in `toml`, in a tree of the course at `root`.

    Raises:
        GraderError: toml and solution do not belong together, or one of them is not as CONTRIBUTING.md says.
    """
    table, slug, module = Table.read(toml), toml.parent.name, toml.stem
    table.only("number", "title", "builds_on", "worker", "former_ids", "models", "parts", "exercises", "questions")
    id = f"{slug.partition('_')[0]}/{module}"
    tests = root / "tests" / "chapters" / slug
    suite = _existing(tests / f"test_{module}.py")
    if not re.fullmatch(r"\d+(\.\d+)*", table.text("number")):
        raise table.error("number", f'`number` must be one such as "2.3", but is {table.text("number")!r}')
    solution = toml.with_suffix(".py") if toml.parent == root / SOLUTIONS / slug else None
    if solution:
        _check_definitions(table, solution)
    return Section(
        id=id, path=f"{slug}/{module}.py", number=table.text("number"), title=table.text("title"),
        builds_on=table.texts("builds_on"), worker=table.texts("worker"), former_ids=table.texts("former_ids"),
        models=_models(table), parts=tuple(table.pairs("parts").items()),
        exercises=_exercises(table, id, suite), questions=tuple(map(_question, table.array("questions"))),
        source=toml.with_suffix(".py"), solution=solution, lesson=_existing(toml.with_suffix(".md")),
        suite=suite, mistakes=_existing(tests / f"mistakes_{module}.py"),
    )  # fmt: skip


def _existing(path: Path) -> Path | None:
    return path if path.is_file() else None


def _models(table: Table) -> tuple[str, ...]:
    for name in table.texts("models"):
        if name not in MODELS:
            raise table.error("models", f"there is no model `{name}`", f"There are: {', '.join(MODELS)}.")
    return table.texts("models")


def _exercises(table: Table, section: str, path: Path | None) -> tuple[Exercise, ...]:
    tables = table.tables("exercises")
    suite = Suite(path, section, tuple(tables)) if path else None
    former = table.texts("former_ids")
    names = tuple(tables)
    return tuple(
        _exercise(tables[name], f"{section}/{name}", names[:place], former, suite) for place, name in enumerate(names)
    )


def _exercise(
    table: Table, id: str, before: tuple[str, ...], sections: tuple[str, ...], suite: Suite | None
) -> Exercise:
    table.only("kind", "difficulty", "minutes", "needs", "forbids", "hints", "former_ids")
    if table.text("kind", "core") not in ("core", "extra"):
        raise table.error("kind", f'`kind` must be "core" or "extra", but is {table.text("kind")!r}')
    for need in table.texts("needs"):
        if need not in before:
            raise table.error("needs", f"`needs` must name exercises that stand before it, but names `{need}`")
    former = tuple(f"{section}/{id.rpartition('/')[2]}" for section in sections)
    return Exercise(
        id=id, kind=table.text("kind", "core"), difficulty=table.whole("difficulty", 1, 5),
        minutes=table.whole("minutes", 1, 600), needs=table.texts("needs"), forbids=table.texts("forbids"),
        hints=table.texts("hints"), former_ids=table.texts("former_ids") + former, suite=suite,
    )  # fmt: skip


def _question(table: Table) -> Question:
    table.only("ask", "choices", "answer", "why")
    choices, why = table.texts("choices"), table.texts("why")
    if len(choices) < 2 or len(why) != len(choices):
        raise table.error("why", f"two or more choices need one `why` each, but {len(choices)} have {len(why)}")
    return Question(table.text("ask"), choices, table.whole("answer", 0, len(choices) - 1), why)


def _check_definitions(table: Table, solution: Path) -> None:
    """Tables and definitions with a region must be the same."""
    defined = {each.name: each for each in outline(solution, read_text(solution))}
    tables = table.tables("exercises")
    for name in tables:
        if name not in defined or not defined[name].regions:
            what = "no region to complete" if name in defined else "no top-level def or class"
            raise table.error(name, f"`{name}` has {what} in {solution.name}", nearest(name, defined))
    for each in defined.values():
        if each.regions and each.name not in tables:
            hint = f"Write a table [exercises.{each.name}]."
            raise GraderError(f"{solution}:{each.line}: `{each.name}` has a region, but no table in the toml.", hint)


def check_orphans(folder: Path, modules: Iterable[str]) -> None:
    """Refuses a solution that nobody would ever be asked for, because its toml is missing."""
    for path in sorted(folder.glob("[!.]*.py")):
        if path.stem not in modules and any(each.regions for each in outline(path, read_text(path))):
            raise GraderError(f"{path} has regions to complete, but no {path.stem}.toml beside it.", "Write that file.")


def nearest(name: str, known: Iterable[str]) -> str:
    """The hint for a name that is not known."""
    near = difflib.get_close_matches(name, list(known), 1, 0.5)
    return f"Did you mean `{near[0]}`?" if near else "`grader list` shows all names."

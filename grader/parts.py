"""Hands-on sections stand on earlier ones: whose code is taken for each exercise, the learner's or the packaged one.

The learner's own is taken where the pass that was recorded is of the text that stands there now. The other exercises of
a file are filled in from the packaged solution, so that what passes runs inside a whole that works.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from grader.course import Course, Exercise, Section
from grader.errors import GraderError
from grader.files import lines_of, present, read_text
from grader.progress import Progress, source_hash
from grader.results import Status
from grader.section import nearest
from grader.sources import outline, parsed
from grader.stubs import definition, replace_definition
from grader.workspace import Workspace


@dataclass(frozen=True)
class Composed:
    """One section's module, ready to run: its text, and what of it is whose."""

    section: Section
    text: str
    yours: frozenset[str]
    changed: frozenset[str]  # passed once, but not as they stand now, as far as is known
    parts: tuple[tuple[str, Section, str], ...]  # name here, section, name there


@dataclass
class Composition:
    """A hands-on section with everything that it stands on, by section id; what others need comes first."""

    modules: dict[str, Composed] = field(default_factory=dict)
    used: dict[str, list[str]] = field(default_factory=dict)  # section id → exercises that the run calls


def compose(workspace: Workspace, section: Section) -> Composition:
    """What `section` runs with.

    Raises:
        GraderError: a part is named that there is not, or an exercise has neither a pass nor a packaged solution.
    """
    composition, progress = Composition(), Progress.open(workspace)
    _add(composition, workspace, progress, section)
    composition.used[section.id] = [each.name for each in section.exercises]
    return composition


def _add(composition: Composition, workspace: Workspace, progress: Progress, section: Section) -> None:
    if section.id in composition.modules:
        return
    parts = tuple(targets(workspace.course, section))
    for _, target, name in parts:
        _add(composition, workspace, progress, target)
        exercises = [each.name for each in target.exercises]
        names = composition.used.setdefault(target.id, [])
        # Given code stands on all exercises of its module.
        names += [each for each in ([name] if name in exercises else exercises) if each not in names]
    composition.modules[section.id] = _composed(workspace, progress, section, parts)


def targets(course: Course, section: Section) -> Iterator[tuple[str, Section, str]]:
    """The parts that a section names; raises `GraderError` for what there is not."""
    sections = {each.id: each for each in course.sections}
    for name, id in section.parts:
        target = sections.get(id.rpartition("/")[0])
        wanted = id.rpartition("/")[2]
        defined = [each.name for each in outline(target.source, read_text(target.source))] if target else []
        if target is None or wanted not in defined:
            problem = f"{section.source.with_suffix('.toml')}: part `{name}` is `{id}`, which there is not."
            raise GraderError(problem, nearest(id, [f"{target.id}/{each}" for each in defined] if target else sections))
        yield name, target, wanted


def _composed(
    workspace: Workspace, progress: Progress, section: Section, parts: tuple[tuple[str, Section, str], ...]
) -> Composed:
    text = read_text(workspace.path(section)) if present(workspace.path(section)) else ""
    records = {each.name: progress.get(each) for each in section.exercises}
    yours = frozenset(
        name
        for name, record in records.items()
        if record.status is Status.PASSED and record.source_hash == source_hash(text, name)
    )
    changed = frozenset(name for name, record in records.items() if record.passed_at) - yours
    if len(yours) == len(section.exercises):
        return Composed(section, text, yours, changed, parts)
    if section.solution is None:
        _refuse_gap(next(each for each in section.exercises if each.name not in yours))
    packaged = read_text(section.solution)
    if yours:
        for each in section.exercises:
            if each.name not in yours:
                text = _filled(text, packaged, each.name)
    return Composed(section, text if yours else packaged, yours, changed, parts)


def _refuse_gap(exercise: Exercise) -> NoReturn:
    problem = (
        f"This needs `{exercise.id}`, which does not pass yet, and this hand-out has no solution to stand in for it."
    )
    raise GraderError(problem, f"Do that exercise first: `grader check {exercise.id}`.")


def _filled(text: str, packaged: str, name: str) -> str:
    """The learner's text with the packaged solution of one exercise, which brings the imports that it may need."""
    solution = _imports(packaged) + definition(packaged, name)
    try:
        return replace_definition(text, name, solution)
    except GraderError:
        return f"{text.rstrip()}\n\n\n{solution}"


def _imports(text: str) -> str:
    """The import statements at the top level of a module, apart from those of the future."""
    lines = lines_of(text)
    found = [node for node in parsed(text).body if isinstance(node, ast.Import | ast.ImportFrom)]
    wanted = [node for node in found if getattr(node, "module", "") != "__future__"]
    return "".join("".join(lines[node.lineno - 1 : node.end_lineno]) for node in wanted) + "\n\n"

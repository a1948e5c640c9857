"""Which course, and whose answers: from `--course` and `--workspace`, else from where one stands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from grader.course import Course
from grader.errors import GraderError
from grader.workspace import Workspace, asked_of, course_of, find, locate

CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Place:
    """What the two options say; the course and the workspace are looked for when first asked for."""

    workspace_option: Path | None = None
    course_option: Path | None = None

    @cached_property
    def course(self) -> Course:
        """The course named, else the workspace's, else the one around this package, else the current folder's."""
        if self.course_option is not None:
            return Course.load(self.course_option)
        if self._root is not None:
            return _load_recorded(self._root)
        return Course.load(CHECKOUT if holds_course(CHECKOUT) else Path.cwd())

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace named, else the one around the current folder, else the course's own `exercises/`."""
        if self.workspace_option is None:
            return find(Path.cwd(), self.course)
        if not self.workspace_option.is_dir():
            problem = f"{self.workspace_option} is not a folder."
            raise GraderError(problem, "Name the folder that holds your answers, or make one with `grader init DIR`.")
        return Workspace(self.workspace_option.absolute(), self.course)

    @cached_property
    def asked(self) -> tuple[str, ...]:
        """The ids of the exercises that a command is about where none is named: a hand-out's own; none means all."""
        known = {each.id for each in self.course.exercises}
        return tuple(id for id in (asked_of(self._root) if self._root else ()) if id in known)

    @cached_property
    def shown(self) -> Course:
        """The course as far as it is asked for."""
        return _narrowed(self.course, frozenset(self.asked)) if self.asked else self.course

    @cached_property
    def _root(self) -> Path | None:
        return locate(self.workspace_option or Path.cwd())


def holds_course(folder: Path) -> bool:
    """Whether a course can be loaded from here."""
    return any((folder / name).is_dir() for name in ("solutions", "exercises"))


def _narrowed(course: Course, ids: frozenset[str]) -> Course:
    chapters = []
    for chapter in course.chapters:
        parts = {section: tuple(each for each in section.exercises if each.id in ids) for section in chapter.sections}
        sections = tuple(replace(section, exercises=found) for section, found in parts.items() if found)
        if sections:
            chapters.append(replace(chapter, sections=sections))
    return Course(course.root, tuple(chapters))


def _load_recorded(root: Path) -> Course:
    """The course that a workspace names. One that lies in it came with it, maybe from somebody who cheats."""
    recorded = course_of(root)
    if not recorded.is_dir():
        problem = f"This workspace was made from the course in {recorded}, which is not there any more."
        raise GraderError(problem, "Say where it is now with --course DIR.")
    if (recorded / "tests").exists() and recorded.resolve().is_relative_to(root.resolve()):
        problem = f"{recorded} holds checks, which no hand-out brings: they are not run."
        raise GraderError(problem, "Say which course judges this with --course DIR.")
    return Course.load(recorded)

"""Which course, and whose answers: from `--course` and `--workspace`, else from where one stands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from grader.course import Course
from grader.errors import GraderError
from grader.workspace import Workspace, course_of, find, locate

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
        recorded = self._recorded()
        if recorded is not None:
            return _load_recorded(recorded)
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

    def _recorded(self) -> Path | None:
        root = locate(self.workspace_option or Path.cwd())
        return course_of(root) if root else None


def holds_course(folder: Path) -> bool:
    """Whether a course can be loaded from here."""
    return any((folder / name).is_dir() for name in ("solutions", "exercises"))


def _load_recorded(recorded: Path) -> Course:
    if not recorded.is_dir():
        problem = f"This workspace was made from the course in {recorded}, which is not there any more."
        raise GraderError(problem, "Say where it is now with --course DIR.")
    return Course.load(recorded)

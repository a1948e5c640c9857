"""Course > Chapter > Section > Exercise > Check, read from files without importing them.

The tree is the table of contents. A section is read from the first of `solutions/`, `exercises/.grader/stubs/` and
`exercises/` that has its toml, so that a hand-out with some of the solutions, or none, has the same structure.
Hidden suites are parsed when somebody asks for checks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from grader.errors import GraderError
from grader.files import explained
from grader.section import SOLUTIONS, Check, Exercise, Question, Section, check_orphans, nearest, read_section
from grader.sources import Table

__all__ = ["Chapter", "Check", "Course", "Exercise", "Question", "Section", "select"]

SOURCES = (SOLUTIONS, "exercises/.grader/stubs", "exercises")
_CHAPTER = re.compile(r"(ch\d+)_(\w+)")


@dataclass(frozen=True)
class Chapter:
    """A folder `chNN_slug` with at least one section."""

    slug: str
    title: str
    sections: tuple[Section, ...]

    @property
    def id(self) -> str:
        return self.slug.partition("_")[0]


@dataclass(frozen=True)
class Course:
    """Everything under one root: `solutions/`, `exercises/`, `tests/chapters/`, as far as they are there."""

    root: Path
    chapters: tuple[Chapter, ...]

    @classmethod
    def load(cls, root: Path) -> Course:
        """Reads the tree under `root`.

        Raises:
            GraderError: there is no course, or one of its files is not as CONTRIBUTING.md says (with file and line).
        """
        root = root.absolute()
        with explained(root, "read"):
            folders = _chapter_folders([folder for name in SOURCES if (folder := root / name).is_dir()])
        if not folders:
            problem = f"{root} holds no course: no chapter such as solutions/ch01_name or exercises/ch01_name."
            raise GraderError(problem, "Name the folder that has exercises/ in it with --course DIR.")
        chapters = [_chapter(root, folders[id]) for id in sorted(folders, key=lambda id: int(id[2:]))]
        course = cls(root, tuple(chapter for chapter in chapters if chapter.sections))
        _check_former_ids(course)
        return course

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        return tuple(section for chapter in self.chapters for section in chapter.sections)

    @cached_property
    def exercises(self) -> tuple[Exercise, ...]:
        return tuple(exercise for section in self.sections for exercise in section.exercises)

    def section_of(self, exercise: Exercise) -> Section:
        return next(section for section in self.sections if section.id == exercise.section_id)


def select(course: Course, names: Sequence[str]) -> dict[Section, tuple[Exercise, ...]]:
    """The exercises that are named, by section, in course order; all of them when no name is given.

    A name is an id of any level (former ones too), a number (`2.3`), a chapter's folder, a file's or folder's path
    in any copy of the tree, or the bare name of a section or exercise that only one has.

    Raises:
        GraderError: a name fits nothing, or several things.
    """
    known = _names(course)
    chosen = {id for name in names for id in _find(known, name)} if names else {each.id for each in course.exercises}
    found = {section: tuple(each for each in section.exercises if each.id in chosen) for section in course.sections}
    return {section: exercises for section, exercises in found.items() if exercises}


def _find(names: dict[str, dict[str, list[str]]], name: str) -> list[str]:
    for spelling in _spellings(name):
        if len(fitting := names.get(spelling, {})) > 1:
            raise GraderError(f"`{name}` can be any of: {', '.join(fitting)}.", "Use one of these full names.")
        if fitting:
            return next(iter(fitting.values()))
    raise GraderError(f"Nothing in this course is called `{name}`.", nearest(name, names))


def _names(course: Course) -> dict[str, dict[str, list[str]]]:
    """Every spelling that can be given → what it may mean (full id → ids of exercises)."""
    names: dict[str, dict[str, list[str]]] = {}
    for chapter in course.chapters:
        everything = [each.id for section in chapter.sections for each in section.exercises]
        for spelling in (chapter.id, chapter.slug, str(int(chapter.id[2:]))):
            names.setdefault(spelling, {})[chapter.id] = everything
        for section in chapter.sections:
            ids = [each.id for each in section.exercises]
            slug = section.path.removesuffix(".py")
            for spelling in {section.id, slug, section.module, section.number, *section.former_ids}:
                names.setdefault(spelling, {})[section.id] = ids
            for each in section.exercises:
                for spelling in {each.id, f"{slug}/{each.name}", each.name, *each.former_ids}:
                    names.setdefault(spelling, {})[each.id] = [each.id]
    return names


def _spellings(name: str) -> Iterator[str]:
    """What a name may be looked up as: itself, then the end of the path that it may be."""
    plain = name.strip().rstrip("/\\")
    yield plain
    path = Path(plain).absolute()
    end = path.with_suffix("") if path.suffix in (".py", ".md", ".toml", ".ipynb") else path
    yield "/".join(end.parts[-2:])
    if _CHAPTER.fullmatch(end.name) or end is not path:
        yield end.name


def _chapter_folders(sources: list[Path]) -> dict[str, list[Path]]:
    """Chapter id → its folders, best source first; a folder left over from before a renaming is passed over."""
    found: dict[str, list[Path]] = {}
    for source in sources:
        for folder in sorted(source.iterdir()):
            match = _CHAPTER.fullmatch(folder.name)
            if not match or not folder.is_dir():
                continue
            known = found.setdefault(match[1], [])
            if known and known[-1].parent == source:
                raise GraderError(f"{folder} and {known[-1].name} have the same number.", "Rename one of them.")
            if not known or known[0].name == folder.name:
                known.append(folder)
    return found


def _chapter(root: Path, folders: list[Path]) -> Chapter:
    slug = folders[0].name
    title = slug.partition("_")[2].replace("_", " ").capitalize()
    tomls: dict[str, Path] = {}
    for path in (path for folder in folders for path in sorted(folder.glob("[!.]*.toml"))):
        tomls.setdefault(path.stem, path)
    if "chapter" in tomls:
        table = Table.read(tomls.pop("chapter"))
        table.only("title")
        title = table.text("title")
    check_orphans(root / SOLUTIONS / slug, tomls)
    sections = [read_section(root, path) for path in tomls.values()]
    key = {section: [int(part) for part in section.number.split(".")] for section in sections}
    return Chapter(slug, title, tuple(sorted(sections, key=lambda section: (key[section], section.id))))


def _check_former_ids(course: Course) -> None:
    everything: list[Section | Exercise] = [*course.sections, *course.exercises]
    present = {each.id for each in everything}
    for each in everything:
        if taken := present.intersection(each.former_ids):
            problem = f"`{each.id}` says that it was called `{taken.pop()}`, but something else is called that now."
            raise GraderError(problem, "Take it out of former_ids.")

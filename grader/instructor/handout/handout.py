"""What stands in a hand-out: a workspace that brings its own course, cut to what was chosen.

README.md                           what to do, what it is worth, until when
ch02_transformer/attention.py       stubs, lessons and figures, or notebooks in the stubs' place
.grader/workspace.json              marks it as a workspace and says which exercises are asked for
.grader/exercises/…                 the same, pristine and read-only, with the data of each section
.grader/solutions/…                 sections that are given whole

Of a section that is asked for, single exercises may be given: they go out as given code, no longer as exercises.
Hints, questions and their answers stand in a section's data: they are part of the course, which has commands for them.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from grader.course import Course, Exercise, Section
from grader.exercises import handed_out
from grader.files import read_text
from grader.instructor.handout.readme import readme
from grader.instructor.handout.toml import dumps
from grader.instructor.term import Assignment, Student, Term
from grader.section import SOLUTIONS
from grader.sources import BEGIN, END
from grader.stubs import definition, pristine, replace_definition
from grader.workspace import marker

PRIVATE = ".grader"
STUBS = f"{PRIVATE}/exercises/"
GIVEN = f"{PRIVATE}/{SOLUTIONS}/"
Chosen = Mapping[Section, tuple[Exercise, ...]]


@dataclass(frozen=True)
class HandOut:
    """What is handed out, before it takes the form of files for somebody."""

    course: Course
    assignment: Assignment
    asked: Chosen
    given: Chosen
    term: Term | None = None
    notebooks: bool = False

    @property
    def exercises(self) -> tuple[Exercise, ...]:
        """What is asked for, in course order."""
        return tuple(each for part in self.asked.values() for each in part)

    def given_in(self, section: Section) -> frozenset[str]:
        """The names of a section's exercises that are given."""
        return frozenset(each.name for each in self.given.get(section, ()))

    def whole(self, section: Section) -> bool:
        """Whether all of a section is given and nothing of it asked for."""
        return section not in self.asked and self.given_in(section) == {each.name for each in section.exercises}

    @cached_property
    def common(self) -> dict[str, bytes]:
        """The files that are the same for everybody."""
        found: dict[str, bytes] = {}
        sections = {each: self.whole(each) for each in self.course.sections if each in self.asked or each in self.given}
        for name, content in self._sources.items():
            for section, whole in sections.items():
                if _belongs(name, section, self.course):
                    found |= self._given(name, content) if whole else self._stub(name, content, section)
        name, content = marker(PRIVATE, [each.id for each in self.exercises])
        return found | {name: content}

    @cached_property
    def _sources(self) -> dict[str, bytes]:
        return handed_out(self.course)

    def _given(self, name: str, content: bytes) -> dict[str, bytes]:
        solved = next((each for each in self.given if each.path == name), None)
        return {GIVEN + name: read_text(solved.source).encode() if solved else content}

    def _stub(self, name: str, content: bytes, section: Section) -> dict[str, bytes]:
        """A file of a section with something to do: pristine, and to work with where it is no data."""
        names = self.given_in(section)
        if name == section.path and names:
            content = _filled(section, names).encode()
        elif name.endswith(".toml") and PurePosixPath(name).stem == section.module and names:
            content = dumps(_without(tomllib.loads(content.decode()), names)).encode()
        return {STUBS + name: content} | self._shown(name, content, section)

    def _shown(self, name: str, content: bytes, section: Section) -> dict[str, bytes]:
        if name.endswith(".toml"):
            return {}
        if self.notebooks and name == section.path:
            return {str(PurePosixPath(name).with_suffix(".ipynb")): self._notebook(section, content.decode())}
        if self.notebooks and name == str(PurePosixPath(section.path).with_suffix(".md")):
            return {}  # the lesson stands in the notebook
        return {name: content}

    def _notebook(self, section: Section, stub: str) -> bytes:
        from grader.notebooks import build, dumps

        names = self.given_in(section)
        left = replace(section, exercises=tuple(each for each in section.exercises if each.name not in names))
        return dumps(build(left, stub, self.asked.get(section, ()))).encode()

    def files(self, student: Student | None = None, secret: bytes = b"") -> dict[str, bytes]:
        """Everything but the manifest, by name. A student's variant has its own order of the questions' choices."""
        found = dict(self.common)
        if student is not None:
            tomls = [STUBS + str(PurePosixPath(section.path).with_suffix(".toml")) for section in self.asked]
            found |= {name: shuffled(found[name], secret) for name in tomls}
        found["README.md"] = readme(self, student).encode()
        return found


def _belongs(name: str, section: Section, course: Course) -> bool:
    """Whether a file of the tree is one of a section's; what is no section's goes with all of its chapter."""
    folder, _, rest = name.partition("/")
    if folder != section.path.partition("/")[0]:
        return False
    modules = [each.module for each in course.sections if each.path.startswith(f"{folder}/")]
    owners = [each for each in modules if rest.startswith((f"{each}.", f"{each}_", f"{each}/"))]
    return not owners or max(owners, key=len) == section.module


def _filled(section: Section, names: frozenset[str]) -> str:
    """The stubs of a section with some of its solutions."""
    solved, text = read_text(section.source), pristine(section)
    for name in sorted(names):
        lines = definition(solved, name).splitlines(keepends=True)
        text = replace_definition(text, name, "".join(x for x in lines if not (BEGIN.match(x) or END.match(x))))
    return text


def _without(data: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """A section's data without some of its exercises."""
    exercises = {name: dict(table) for name, table in data["exercises"].items() if name not in names}
    for table in exercises.values():
        if "needs" in table:
            table["needs"] = [each for each in table["needs"] if each not in names]
    return {**data, "exercises": exercises}


def shuffled(toml: bytes, secret: bytes) -> bytes:
    """A section's data with the choices of each question in the order that the secret gives; answers move along."""
    data = tomllib.loads(toml.decode())
    if not data.get("questions"):
        return toml
    return dumps({**data, "questions": [_turned(each, secret) for each in data["questions"]]}).encode()


def _turned(question: dict[str, Any], secret: bytes) -> dict[str, Any]:
    def place(number: int) -> bytes:
        return hashlib.sha256(secret + json.dumps([question["ask"], question["choices"][number]]).encode()).digest()

    order = sorted(range(len(question["choices"])), key=place)
    moved = {key: [question[key][number] for number in order] for key in ("choices", "why")}
    return {**question, **moved, "answer": order.index(question["answer"])}

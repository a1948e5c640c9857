"""A made-up class to try a term with: thirty students, and what they handed in as Canvas would export it.

Twelve have everything right, seven one known mistake each, three are half done, three hand in late, one file does not
parse, three are hostile (an endless loop, an early exit, answers that claim to equal everything), one is missing.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from grader.course import Course, Section, select
from grader.diagnosis import mistakes_of
from grader.errors import GraderError
from grader.files import atomic_write, read_text
from grader.stubs import definition, pristine, replace_definition

DUE = datetime(2026, 12, 1, 23, 59)
GIVEN = "Ada Ben Cleo Dina Emil Fay Gus Hana Igor Jun Kira Leo Mona Nils Olga Pia Quin Rosa Sami Tess".split()
FAMILY = "Abara Bosch Costa Dahl Egger Frey Gallo Hahn Ito Jansen Kaya Lund Meyer Novak Okoro Perez Quist".split()
_LOOP = "while True:\n    pass\n"
_EXIT = "import os\nos._exit(0)\n"
_LIAR = """

class _Liar:
    def __eq__(self, other):
        return True

    def __getattr__(self, name):
        return self

    def __call__(self, *args, **kwargs):
        return self


{names} = [_Liar() for _ in range({count})]
"""
Text = Callable[[Section, int], str]


def make(root: Path, course: Course, names: list[str]) -> Path:
    """Writes `students.csv` and `submissions.zip` into `root`; returns the path of the zip.

    Raises:
        GraderError: a name fits nothing, or the course has no solutions to make submissions from.
    """
    sections = list(select(course, names))
    if any(section.solution is None for section in sections):
        raise GraderError("An example is made from solutions, which are not here.", "Use a checkout of the course.")
    roster = [_student(number) for number in range(len(_KINDS))]
    lines = ["id,first_name,last_name,email,canvas_id", *(",".join(each) for each in roster)]
    atomic_write(root / "students.csv", "\n".join(lines) + "\n")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (text, days) in enumerate(_KINDS):
            for name, content in _files(roster[number], number, days, sections, text):
                archive.writestr(name, content)
    atomic_write(root / "submissions.zip", buffer.getvalue())
    return root / "submissions.zip"


def _student(number: int) -> tuple[str, ...]:
    given, family = GIVEN[number % len(GIVEN)], FAMILY[number % len(FAMILY)]
    id = f"{given}.{family}".lower()
    return id, given, family, f"{id}@example.edu", str(1001 + number)


def _files(
    student: tuple[str, ...], number: int, days: float, sections: list[Section], text: Text | None
) -> Iterator[tuple[zipfile.ZipInfo, str]]:
    """As Canvas names and dates what it exports."""
    if text is None:
        return
    _, given, family, _, canvas = student
    received = (DUE + timedelta(days=days)).timetuple()[:6]
    late = "_LATE" if days > 0 else ""
    for section in sections:
        name = f"{family}{given}".lower() + f"{late}_{canvas}_{number + 50001}_{section.module}.py"
        yield zipfile.ZipInfo(name, received), text(section, number)


def _right(section: Section, number: int) -> str:
    assert section.solution is not None
    return f"{read_text(section.solution)}\n# {number}\n"


def _mistaken(section: Section, number: int) -> str:
    mistakes = [mistake for each in section.exercises for mistake in mistakes_of(section, each.name)]
    right = _right(section, number)
    return mistakes[number * 7 % len(mistakes)].patched(right) if mistakes else right


def _half_done(section: Section, number: int) -> str:
    text, stub = _right(section, number), pristine(section)
    for exercise in section.exercises[len(section.exercises) // 2 :]:
        text = replace_definition(text, exercise.name, definition(stub, exercise.name))
    return text


def _broken(section: Section, number: int) -> str:
    return _right(section, number).replace("def ", "def def ", 1)


def _looping(section: Section, number: int) -> str:
    return _right(section, number) + _LOOP


def _exiting(section: Section, number: int) -> str:
    return _right(section, number) + _EXIT


def _lying(section: Section, number: int) -> str:
    names = [exercise.name for exercise in section.exercises]
    return pristine(section) + _LIAR.format(names=", ".join(names) + ",", count=len(names))


# What each hands in, and how many days after the due date.
_KINDS: list[tuple[Text | None, float]] = [
    *[(_right, -1.0)] * 12, *[(_mistaken, -0.5)] * 7, *[(_half_done, -0.1)] * 3,
    (_right, 0.4), (_right, 1.6), (_right, 5.0),
    (_broken, -2.0), (_looping, -1.0), (_exiting, -1.0), (_lying, -1.0), (None, 0.0),
]  # fmt: skip

"""Whether files give anything away: every line of every solution that is not given, and of the suites and mistakes.

Text is compared as the sequence of its words and signs, so that neither indentation, line ends, quotation marks nor the
place where a line ends up (a page, a notebook's metadata, the words of an output) hide it. Files are looked at as they
were written: inside archives, JSON strings and base64, and all that a git repository holds.

What cannot be seen: a line of fewer than four words and signs, one that the given code says as well, and a solution
that was written in another way.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from grader.course import Course, Section
from grader.errors import GraderError
from grader.files import read_text
from grader.instructor.handout.texts import files, strings, texts
from grader.section import SOLUTIONS
from grader.sources import Table
from grader.stubs import definition, is_stub, pristine, regions

SHORTEST = 4  # words and signs; `else:` and `return x` tell nothing
TELLING = 6  # from here on a lesson has no business to say the same: measured, none of the course's does
_ESCAPED = re.compile(r"\\[nrt]")
_WORDS = re.compile(r"\w+|[^\w\s\"'`\\]")
_Words = tuple[str, ...]


class Secret(NamedTuple):
    """One line that must not go out, and where it stands."""

    words: _Words
    origin: str
    line: str


class Leak(NamedTuple):
    """A secret, and where it was found."""

    place: str
    secret: Secret

    def __str__(self) -> str:
        return f"{self.place} says what {self.secret.origin} says: {self.secret.line}"


def words(text: str) -> _Words:
    """Text as it is compared; an escaped line end is one, as in the strings of a notebook's file."""
    return tuple(_WORDS.findall(_ESCAPED.sub(" ", text)))


class Index:
    """Sequences of words, found in any text in one pass."""

    def __init__(self, sequences: Iterable[_Words]) -> None:
        self._starts: dict[_Words, list[_Words]] = {}
        for each in {each for each in sequences if len(each) >= SHORTEST}:
            self._starts.setdefault(each[:SHORTEST], []).append(each)

    def find(self, text: _Words) -> Iterator[tuple[int, _Words]]:
        """Every place where one of the sequences begins, with the sequence."""
        for place, start in enumerate(zip(*(text[n:] for n in range(SHORTEST)), strict=False)):
            for each in self._starts.get(start, ()):
                if text[place : place + len(each)] == each:
                    yield place, each

    def within(self, texts: Iterable[str]) -> set[_Words]:
        """Which of the sequences stand in any of the texts."""
        return {each for text in texts for _, each in self.find(words(text))}


class Watch:
    """What must not go out of one course. `given` are the ids of the exercises whose solutions may.

    A solution's line that the given code says as well tells nothing. What a toml says as a whole (a hint, the choices
    of a question) was written to be read; a lesson may only share short lines.
    """

    def __init__(self, course: Course, given: Collection[str]) -> None:
        self._sections = {section: _kept(section, given) for section in course.sections}
        shown = [_shown(section, kept) for section, kept in self._sections.items()]
        lessons = [read_text(section.lesson) for section in course.sections if section.lesson]
        told = [string for section in course.sections for string in _told(section)]
        lines = _but([line for section, kept in self._sections.items() for line in _lines(section, kept)], shown)
        plain = _but([line for line in lines if len(line.words) < TELLING], lessons)
        suites = _but([line for path in _suite_files(course) for line in _lines_of(path)], [*shown, *lessons, *told])
        telling = [line for line in lines if len(line.words) >= TELLING]
        self._secrets = {secret.words: secret for secret in [*suites, *plain, *telling]}
        self._index, self._told = Index(self._secrets), Index(map(words, told))
        self._suites = {path.name for path in _suite_files(course)}
        self._known: dict[tuple[str, bytes], list[Leak]] = {}

    def search(self, root: Path) -> list[Leak]:
        """Everything that an archive or the files of a folder give away; raises `GraderError` where unreadable."""
        return [leak for name, content in files(root) for leak in self.look(name, content)]

    def look(self, name: str, content: bytes) -> list[Leak]:
        """What one file gives away; the same file is looked at once."""
        key = name, hashlib.sha256(content).digest()
        if key not in self._known:
            found = [leak for place, text in texts(name, content) for leak in self._leaks(place, text)]
            if name.rpartition("/")[2] in self._suites:
                found.append(Leak(name, Secret((), "tests/chapters", "it has the name of a hidden suite's file")))
            self._known[key] = list(dict.fromkeys(found))
        return self._known[key]

    def _leaks(self, place: str, text: str) -> Iterator[Leak]:
        said = words(text)
        covered = [(start, start + len(each)) for start, each in self._told.find(said)]
        for start, each in self._index.find(said):
            if not any(begin <= start and start + len(each) <= end for begin, end in covered):
                yield Leak(_exact(place, text, start), self._secrets[each])
        yield from self._filled(place, text)

    def _filled(self, place: str, text: str) -> Iterator[Leak]:
        """Also the shortest solution is one, where the stub of the exercise should be."""
        for section, kept in self._sections.items():
            if re.search(rf"(^|/){re.escape(section.path.removesuffix('.py'))}\.(py|ipynb)\b", place):
                for name in kept:
                    if f" {name}" in text and _defines(text, name) and not is_stub(text, pristine(section), name):
                        line = f"`{name}` is not its stub"
                        yield Leak(place, Secret((), f"{SOLUTIONS}/{section.path}", line))


def _defines(text: str, name: str) -> bool:
    try:
        return bool(definition(text, name))
    except GraderError:
        return False


def _exact(place: str, text: str, word: int) -> str:
    """The place with the line, where the text has several."""
    found = next(islice(_WORDS.finditer(text), word, None), None)
    line = text.count("\n", 0, found.start()) + 1 if found else 1
    return f"{place}:{line}" if "\n" in text.strip() else place


def _but(secrets: Sequence[Secret], public: Iterable[str]) -> list[Secret]:
    """The secrets that nothing public says."""
    known = Index(secret.words for secret in secrets).within(public)
    return [secret for secret in secrets if len(secret.words) >= SHORTEST and secret.words not in known]


def _kept(section: Section, given: Collection[str]) -> tuple[str, ...]:
    """The names of the exercises whose solutions do not go out."""
    return tuple(each.name for each in section.exercises if each.id not in given)


def _shown(section: Section, kept: Sequence[str]) -> str:
    """The code of a section that everybody may see: its stubs, and the solutions that are given."""
    solved = read_text(section.source)
    given = [definition(solved, each.name) for each in section.exercises if each.name not in kept]
    return "\n".join([pristine(section), *given])


def _told(section: Section) -> Iterator[str]:
    data = Table.read(section.source.with_suffix(".toml")).data
    return (text for _, text in strings(data, ""))


def _lines(section: Section, kept: Sequence[str]) -> Iterator[Secret]:
    """Every line of the regions that do not go out."""
    solved = read_text(section.source)
    for name in kept:
        try:
            source = definition(solved, name)
        except GraderError:
            continue
        before = solved[: solved.index(source)].count("\n")
        for region in regions(source):
            for number, line in enumerate(region.lines, before + region.line + 1):
                yield Secret(words(_code(line)), f"{SOLUTIONS}/{section.path}:{number}", line.strip())


def _code(line: str) -> str:
    """A line without the comment or the comma behind it; a line that is a comment as it is."""
    return line if line.lstrip().startswith("#") else re.split(r"\s#", line)[0].rstrip("\r\n, \"'")


def _suite_files(course: Course) -> list[Path]:
    """Everything that stands with the suites: checks, mistakes, other right answers, what they are compared with."""
    root = course.root / "tests" / "chapters"
    return sorted(path for path in root.glob("ch*/*") if path.is_file() and path.suffix != ".pyc")


def _lines_of(path: Path) -> Iterator[Secret]:
    for number, line in enumerate(read_text(path).splitlines(), 1):
        yield Secret(words(_code(line)), f"{path.name}:{number}", line.strip())

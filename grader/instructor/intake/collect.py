"""From folders, zips, exports and repositories to attempts: what came in, when, what was refused, who is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from grader.course import Section, select
from grader.errors import GraderError
from grader.files import present
from grader.instructor import attempts
from grader.instructor.attempts import Attempt
from grader.instructor.handout.handout import STUBS, HandOut
from grader.instructor.intake import exported, repositories
from grader.instructor.intake.entries import Refused
from grader.instructor.intake.finding import Found, Wanted
from grader.instructor.intake.folders import file_entry, folder_entries
from grader.instructor.intake.identity import Roster, Unknown, Who
from grader.instructor.intake.origins import Kind, Part, Source
from grader.instructor.intake.recognition import parts
from grader.instructor.intake.unpacking import is_zip, opened
from grader.instructor.roster import Student
from grader.instructor.term import Assignment, Term
from grader.receipts import receipt
from grader.stubs import pristine
from grader.words import clean

COMMITTED = "the committer's date, which is the student's word; git keeps no time of the push"
FILES = "that of the newest of the files that count, or of the zip that holds them"
EARLY = "that of the download, which is not later than the due date"
DOWNLOADED = "the export has no times and does not call it late: counted as of the due date"
LATE = "late, says the platform; how late is not in the export: counted as of the download, unless --received says"


@dataclass(frozen=True)
class Options:
    """What a person says about what is collected. With `dry_run` nothing is kept."""

    kind: Kind | None = None
    student: str = ""
    received: datetime | None = None
    until: datetime | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class Row:
    """One student's attempt as it came in. `new`: it was not kept before."""

    attempt: Attempt
    wanted: int
    new: bool

    @property
    def receipt(self) -> str:
        return receipt(self.attempt.digest)


@dataclass
class Collected:
    """What came in, and what did not: (what it is called, why)."""

    rows: list[Row] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    unknown: list[tuple[str, str]] = field(default_factory=list)
    missing: list[Student] = field(default_factory=list)


def collect(
    term: Term, assignment: Assignment, paths: Sequence[Path], options: Options, tick: Callable[[str], None]
) -> Collected:
    """Keeps every attempt that the sources have; what cannot be taken is listed, and the rest goes on.

    Args:
        tick: called with the name of each part that is done.

    Raises:
        GraderError: a source cannot be read at all, or an attempt cannot be written.
    """
    wanted = Wanted(handed_out(term, assignment))
    roster = Roster(term.students)
    if options.student and roster.students and options.student not in roster.students:
        raise GraderError(f"{options.student} is not in students.csv.", "Add a line for them there.")
    desk = _Desk(term, assignment, wanted, options, attempts.attempts(term, assignment))
    for path in paths:
        if not present(path):
            raise GraderError(f"{path} is not there.", "Name a folder, a zip, or a csv file with student,url.")
        source = Source(path.absolute(), assignment.name, wanted, roster, options.kind, options.student)
        for part in desk.parts(source):
            desk.take(source, part)
            tick(clean(part.shown, 40))
    desk.collected.missing = [each for each in term.students if not desk.kept.get(each.id)]
    return desk.collected


def handed_out(term: Term, assignment: Assignment) -> dict[Section, str]:
    """The stubs of each section as learners were given them: what is given in a section that counts stands in them."""
    selection = term.selection(assignment)
    given = select(term.course, assignment.given) if assignment.given else {}
    if not given.keys() & selection.keys():
        return {section: pristine(section) for section in selection}
    files = HandOut(term.course, assignment, selection, given, term).common
    return {section: files[STUBS + section.path].decode() for section in selection}


@dataclass
class _Desk:
    """Takes one part after another."""

    term: Term
    assignment: Assignment
    wanted: Wanted
    options: Options
    kept: dict[str, list[Path]]
    collected: Collected = field(default_factory=Collected)

    def parts(self, source: Source) -> Iterator[Part]:
        """What each student has in a source; its content can be read until the next part is asked for."""
        try:
            if source.path.is_dir():
                yield from self._of_folder(source)
            elif is_zip(source.path):
                with opened(source.path, self.term.zone) as entries:
                    yield from parts(source, entries)
            elif source.path.suffix in (".py", ".ipynb"):
                yield from exported.student(source, [file_entry(source.path)])
            elif source.path.suffix == ".csv":
                for student, address in repositories.listed(source.path):
                    yield from self._of_repository(source, student, address)
            else:
                raise Refused("it is no folder, no zip, and no csv file with the columns student,url")
        except Refused as error:
            yield Part(source.path.name, problem=str(error))

    def _of_folder(self, source: Source) -> Iterator[Part]:
        clones = [source.path] if repositories.is_repository(source.path) else []
        clones += [each for each in sorted(source.path.iterdir()) if each.is_dir() and repositories.is_repository(each)]
        if source.kind not in (None, Kind.git):
            clones = []
        for each in clones:
            yield from self._of_repository(source, each.name, str(each))
        if source.path not in clones:
            names = {each.name for each in clones}
            rest = [each for each in folder_entries(source.path) if each.path.partition("/")[0] not in names]
            yield from parts(source, rest) if rest or not clones else ()

    def _of_repository(self, source: Source, name: str, address: str) -> Iterator[Part]:
        who = source.named(source.student or name)
        who = replace(who, other={"github": who.alone})
        try:
            with repositories.commit(address, self.options.until, self.term.root) as commit:
                yield Part(name, (who,), commit.entries, commit.at, COMMITTED, notes=(f"commit {commit.id[:12]}",))
        except Refused as error:
            yield Part(name, problem=str(error))

    def take(self, source: Source, part: Part) -> None:
        """Keeps what one part has, or lists why not."""
        try:
            if part.problem:
                raise Refused(part.problem)
            found = self.wanted.find(part.entries, self.term.zone)
            whose = [(who, self._student(source, part, who, found)) for who in part.who]
        except Refused as error:
            self.collected.refused.append((part.shown, str(error)))
            return
        for who, student in whose:
            if isinstance(student, Student):
                self._keep(source, part, student, found)
            else:
                self.collected.unknown.append((f"{part.shown}: {who.shown}" if len(whose) > 1 else part.shown, student))

    def _student(self, source: Source, part: Part, who: Who, found: Found) -> Student | str:
        """The student, or why nobody is. Where the files say who it is, that is asked last, and noted."""
        said = [source.named(found.student)] if part.own_word and found.student else []
        order = [who, *said] if source.roster.students else [*said, who]
        problems = []
        for each in order:
            try:
                student = source.roster.find(each)
            except Unknown as error:
                problems.append(str(error))
                continue
            if each is not who:
                found.notes.append("whose it is, the submission itself says")
            return student
        return problems[0]

    def _keep(self, source: Source, part: Part, student: Student, found: Found) -> None:
        received, says, sure = self._time(part, found)
        notes = (f"time: {says}", *part.notes, *_remarks(student, self.assignment, found), *found.notes)
        origin = f"{source.path.name}: {clean(part.shown)}" if part.shown != source.path.name else source.path.name
        attempt = Attempt(student.id, self.assignment.name, received, found.texts, origin, tuple(dict.fromkeys(notes)))
        kept = self.kept.setdefault(student.id, [])
        same = bool(kept) and kept[-1].name.endswith(attempt.digest[:12])
        if same and not sure:  # downloaded once more
            attempt, new = attempts.read(kept[-1]), None
        elif self.options.dry_run:
            folder = Path(attempt.name)
            new = None if folder.name in [each.name for each in kept] else folder
        else:
            new = attempts.keep(self.term, attempt)
        self.kept[student.id] = sorted({*kept, *([new] if new else [])})
        self.collected.rows.append(Row(attempt, len(self.wanted.stubs), new is not None))

    def _time(self, part: Part, found: Found) -> tuple[datetime, str, bool]:
        """When it came in, who says so, and whether the same would be said of another download."""
        if self.options.received:
            return self.options.received, "as given with --received", True
        if part.received:
            return part.received, part.says, True
        assert found.modified is not None
        if not part.exported:
            return found.modified, FILES, False
        if part.late:
            return found.modified, LATE, False
        due = self.assignment.due
        return (due, DOWNLOADED, False) if due and found.modified > due else (found.modified, EARLY, False)


def _remarks(student: Student, assignment: Assignment, found: Found) -> Iterator[str]:
    """What does not fit in what the files say about themselves."""
    ids = {each.casefold() for each in (student.id, student.email) if each}
    if found.student and found.student.casefold() not in ids:
        yield f"packed by `grader submit` for {clean(found.student, 60)}"
    if found.made_for and found.made_for.casefold() not in ids:
        yield f"the hand-out was made for {clean(found.made_for, 60)}"
    if found.assignment and found.assignment != assignment.name:
        yield f"packed for the assignment {clean(found.assignment, 60)}"

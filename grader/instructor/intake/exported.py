"""What each student has in the export of a platform.

Canvas, "Download Submissions", from its source (instructure/canvas-lms, lib/content_zipper.rb): flat files called
`lovelaceada_LATE_USER_ATTACHMENT_original.py`; the first word is the sortable name in small letters without spaces and
signs, LATE stands there or not. Only the last submission is in it. A file's time is that of the download.

Moodle, "Download all submissions", from its source (moodle/moodle, mod/assign/classes/downloader.php and
files/classes/local/archive_writer/zip_writer.php): folders `Ada Lovelace_PARTICIPANT_assignsubmission_file` (older ones
with a `_` at the end) or files that begin so. The number is another one for each assignment. A file's time is that of
the download, and nothing says who was late.

Gradescope, from what public scripts read: `assignment_ID_export/submission_ID/…` beside `submission_metadata.yml`,
whose history names earlier submissions without their files.

nbgrader, from its source: `submitted/STUDENT/ASSIGNMENT/`, with the time of the student's own `nbgrader submit` in
`timestamp.txt`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from grader.instructor.intake.entries import Entry, Refused
from grader.instructor.intake.finding import ARCHIVES
from grader.instructor.intake.gradescope import LARGEST, METADATA, read_metadata
from grader.instructor.intake.identity import Who
from grader.instructor.intake.origins import Part, Source, grouped, strays

CANVAS = re.compile(
    r"(?P<name>[^/]+?)(?P<late>_LATE)?_(?P<user>\d+)_(?:(?P<file>\d+)_(?P<rest>[^/]+)|(?:text|link)\.html)"
)
_CANVAS_KEY = re.compile(r"(.+?)(_LATE)?_(\d+)", re.DOTALL)
_CANVAS_ANONYMOUS = re.compile(r"(?:LATE_)?anon_\w+?_\d+_[^/]+")
MOODLE = re.compile(
    r"(?P<key>(?P<name>[^/]+)_(?P<user>\d+)_assignsubmission_(?P<how>[a-z]+))(?:_?/|_)(?P<rest>.+)", re.DOTALL
)
_HANDED_IN = (".py", ".ipynb", *ARCHIVES)
_NO_FILE = "was handed in as a text or a link, not as a file"


def canvas(source: Source, entries: Sequence[Entry]) -> list[Part]:
    """Everything that begins with the same name, mark and number is one student's."""

    def split(path: str) -> tuple[str, str] | None:
        match = CANVAS.fullmatch(path)
        if match is None:
            return None
        rest = f"{match['file']}/{match['rest']}" if match["file"] else ""
        return f"{match['name']}{match['late'] or ''}_{match['user']}", rest

    groups, loose = grouped(entries, split)
    parts = []
    for key, files in groups.items():
        name, late, user = _CANVAS_KEY.fullmatch(key).groups()  # type: ignore[union-attr]
        who = Who(f"{name} ({user})", other={"canvas_id": user}, name=name, alone=user)
        kept = tuple(each for each in files if each.path)
        parts.append(Part(key, (who,), kept, exported=True, late=bool(late), problem="" if kept else _NO_FILE))
    anonymous = [each for each in loose if _CANVAS_ANONYMOUS.fullmatch(each.path)]
    parts += strays(anonymous, "Canvas exported it anonymously: switch that off, and download it again")
    return parts + strays((each for each in loose if each not in anonymous), "is not named as Canvas names files")


def moodle(source: Source, entries: Sequence[Entry]) -> list[Part]:
    """Folders or files that begin with a name and a participant's number."""

    def split(path: str) -> tuple[str, str] | None:
        match = MOODLE.fullmatch(path)
        return (match["key"], match["rest"]) if match else None

    groups, loose = grouped(entries, split)
    parts = strays(loose, "is not named as Moodle names files")
    for key, files in groups.items():
        match = MOODLE.fullmatch(f"{key}_.")
        assert match is not None
        name, user = match["name"], match["user"]
        who = Who(f"{name} ({user})", other={"moodle_id": user}, name=name, alone=name.replace(" ", "."))
        if match["how"] == "file":
            parts.append(Part(key, (who,), tuple(files), exported=True))
        elif f"{name}_{user}_assignsubmission_file" not in groups:
            parts.append(Part(key, problem=_NO_FILE))
    return parts


def gradescope(source: Source, entries: Sequence[Entry]) -> list[Part]:
    """The folders that submission_metadata.yml names; a group's for each of its members."""
    metadata = next(each for each in entries if each.path == METADATA)
    known = read_metadata(metadata.read(LARGEST))
    folders, loose = grouped((each for each in entries if each is not metadata), _top)
    parts = []
    for name, handed in known.items():
        who = tuple(_gradescope_who(each) for each in handed.submitters)
        notes = (f"handed in as a group: {', '.join(each.shown for each in who)}",) if len(who) > 1 else ()
        files = tuple(folders.pop(name, ()))
        problem = "" if who else f"{METADATA} names nobody for it"
        says = "Gradescope's own time" if handed.created else ""
        parts.append(Part(name, who, files, handed.created, says, notes=notes, problem=problem))
    unnamed = [(name, next((each.problem for each in files if each.problem), "")) for name, files in folders.items()]
    parts += [Part(name, problem=problem or f"{METADATA} does not name it") for name, problem in unnamed]
    return parts + strays(loose)


def _gradescope_who(said: Mapping[str, str]) -> Who:
    name, sid, email = (said.get(key, "") for key in ("name", "sid", "email"))
    return Who(name or sid or email, (sid,), email, {"gradescope_id": sid}, name, alone=sid or email)


def _top(path: str) -> tuple[str, str] | None:
    first, slash, rest = path.partition("/")
    return (first, rest) if slash else None


def nbgrader(source: Source, entries: Sequence[Entry]) -> list[Part]:
    """The folders STUDENT/ASSIGNMENT, in `submitted/` or as its content; those of other assignments are passed over."""

    start = "submitted/" if any(each.path.startswith("submitted/") for each in entries) else ""

    def split(path: str) -> tuple[str, str] | None:
        student, _, below = path.removeprefix(start).partition("/")
        assignment, slash, rest = below.partition("/")
        return (student, rest) if slash and assignment == source.assignment and path.startswith(start) else None

    groups, loose = grouped(entries, split)
    parts = strays(loose)
    for student, files in groups.items():
        stamp = next((each for each in files if each.path == "timestamp.txt"), None)
        time = _timestamp(stamp) if stamp else None
        says = "timestamp.txt, which the student's own nbgrader wrote" if time else ""
        parts.append(Part(student, (source.named(student),), tuple(files), time, says))
    return parts


def _timestamp(entry: Entry) -> datetime | None:
    """`2026-11-24 15:58:23.948203 UTC`, as nbgrader writes it."""
    try:
        text = re.sub(r"\s+(UTC|GMT)$", "+00:00", entry.read(200).decode().strip())
        found = datetime.fromisoformat(re.sub(r"\s+(?=[+-]\d\d:?\d\d$)", "", text))
    except (Refused, ValueError):
        return None
    return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)


def folder(source: Source, entries: Sequence[Entry]) -> list[Part]:
    """A folder, a zip or a file for each student, named by the student's id; other loose files are nobody's."""

    meant = [each for each in entries if each.problem or "/" in each.path or each.path.lower().endswith(_HANDED_IN)]
    groups, _ = grouped(meant, lambda path: _top(path) or (path, path))
    return [Part(name, (source.named(name),), tuple(files), own_word=True) for name, files in groups.items()]


def student(source: Source, entries: Sequence[Entry]) -> list[Part]:
    """All of it is one student's: the one who was named, else the one whose name the source has, else who they say.

    A zip's files are as old as the zip: their own times are what the student's machine said.
    """
    named = Who(source.student, (source.student,), alone=source.student)
    if source.path.is_file():
        changed = datetime.fromtimestamp(source.path.stat().st_mtime, UTC)
        entries = [replace(each, modified=changed) for each in entries]
    who = named if source.student else source.named(source.path.name)
    return [Part(source.path.name, (who,), tuple(entries), own_word=not source.student)]

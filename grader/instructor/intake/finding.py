"""Among what one student handed in, the files that count: by the section's path, else by their bare name.

Two files that both could be meant and differ are never chosen between.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from grader.cells import LARGEST_NOTEBOOK
from grader.course import Section
from grader.errors import GraderError
from grader.files import LARGEST_TEXT
from grader.instructor.intake.entries import Entry, Refused, is_manifest, shown
from grader.instructor.intake.unpacking import inner_entries
from grader.submit import FACTS, places
from grader.words import clean

MOST_ZIPS, LARGEST_ZIPS = 8, 2**26  # within one submission: how many, how many bytes together
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")  # of which only zips are opened
MOST_COPIES = 8  # of one file
_COPY = re.compile(r"(?:-\d{1,2}| ?\(\d{1,2}\))(\.\w+)$")  # Canvas and browsers number files of one name


@dataclass
class Found:
    """What counts: texts by the section's path, and when the newest of the files is from.

    What was packed says for whom it is (`student`), of which `assignment`, with which hashes; the hand-out for whom it
    was made. All of that is the learner's word.
    """

    texts: dict[str, bytes] = field(default_factory=dict)
    modified: datetime | None = None
    notes: list[str] = field(default_factory=list)
    student: str = ""
    assignment: str = ""
    made_for: str = ""
    hashes: Mapping[str, Any] = field(default_factory=dict)


class Wanted:
    """The files that an assignment counts."""

    def __init__(self, stubs: Mapping[Section, str]) -> None:
        self.stubs = stubs
        self._paths = {place: section for section in stubs for place in places(section)}
        names = [(place.rpartition("/")[2], section) for place, section in self._paths.items()]
        owners: dict[str, set[str]] = {}
        for name, section in names:
            owners.setdefault(name, set()).add(section.id)
        self._names = {name: section for name, section in names if len(owners[name]) == 1}

    def by_path(self, path: str) -> Section | None:
        """The section whose file this is, by the end of its path."""
        return self._paths.get("/".join(path.split("/")[-2:]))

    def by_name(self, path: str) -> Section | None:
        """The section whose file this is, by its bare name, where no other section's is called so."""
        name = path.rpartition("/")[2]
        return self._names.get(name) or self._names.get(_COPY.sub(r"\1", name))

    def find(self, entries: Sequence[Entry], zone: tzinfo) -> Found:
        """Reads what counts, also out of zips that lie among the files.

        Raises:
            Refused: something among it must not be taken, or two files that differ could both be meant.
        """
        everything = _with_zips(entries, zone)
        found = _said(everything)
        for section, candidates in self._candidates(everything).items():
            self._read(found, section, candidates)
        if not found.texts:
            raise Refused(
                "; ".join(["none of the files that count is there", *found.notes, _what_is_there(everything)])
            )
        return found

    def _candidates(self, entries: Sequence[Entry]) -> dict[Section, list[Entry]]:
        found: dict[Section, list[Entry]] = {}
        for section in self.stubs:
            exact = [each for each in entries if self.by_path(each.path) == section]
            named = exact or [each for each in entries if self.by_name(each.path) == section]
            if len(named) > MOST_COPIES:
                raise Refused(f"{len(named)} files could be {section.path}")
            if named:
                found[section] = named
        code = [each for each in entries if each.name.endswith((".py", ".ipynb"))]
        if not found and len(self.stubs) == len(code) == 1:  # handed in under a name of one's own
            found[next(iter(self.stubs))] = code
        return found

    def _read(self, found: Found, section: Section, candidates: Iterable[Entry]) -> None:
        texts: dict[bytes, Entry] = {}
        for entry in candidates:
            notebook = entry.name.endswith(".ipynb")
            content = entry.read(LARGEST_NOTEBOOK if notebook else LARGEST_TEXT)
            _check_hash(found, section, content)
            try:
                texts.setdefault(self._text(section, content) if notebook else content, entry)
            except GraderError as error:
                found.notes.append(f"{shown(entry.path)} is not taken: {clean(error.problem)}")
        if len(texts) > 1 and (untouched := texts.pop(self.stubs[section].encode(), None)):
            found.notes.append(f"{shown(untouched.path)} is the stub as it was handed out, and left aside")
        if len(texts) > 1:
            paths = " and ".join(shown(entry.path) for entry in texts.values())
            raise Refused(f"{paths} differ, and both could be {section.path}")
        for text, entry in texts.items():
            found.texts[section.path] = text
            if entry.modified and (found.modified is None or entry.modified > found.modified):
                found.modified = entry.modified

    def _text(self, section: Section, content: bytes) -> bytes:
        from grader.notebooks import module_text

        return module_text(content, section, self.stubs[section]).encode()


def _with_zips(entries: Sequence[Entry], zone: tzinfo) -> list[Entry]:
    """The files, and those in the zips among them. Zips in those zips stay closed."""
    problem = next((each.problem for each in entries if each.problem), "")
    if problem:
        raise Refused(problem)
    zips = [each for each in entries if each.name.lower().endswith(".zip")]
    if len(zips) > MOST_ZIPS:
        raise Refused(f"{len(zips)} zips in one submission")
    everything, room = [each for each in entries if each not in zips], LARGEST_ZIPS
    for each in zips:
        inside = inner_entries(each, room, zone)
        room -= each.size
        everything += inside
        if problem := next((one.problem for one in inside if one.problem), ""):
            raise Refused(problem)
    return everything


def _what_is_there(entries: Sequence[Entry]) -> str:
    if not entries:
        return "there is no file at all"
    more = f" and {len(entries) - 4} more" if len(entries) > 4 else ""
    nested = any(each.name.lower().endswith(ARCHIVES) for each in entries)
    advice = "; an archive within is not opened: hand in what `grader submit` makes" if nested else ""
    return f"there is {', '.join(shown(each.path) for each in entries[:4])}{more}{advice}"


def _json(entry: Entry) -> Mapping[str, Any]:
    try:
        facts: Any = json.loads(entry.read(LARGEST_TEXT))
    except (ValueError, RecursionError, Refused):
        return {}
    return facts if isinstance(facts, dict) else {}


def _said(entries: Sequence[Entry]) -> Found:
    """What submission.json and the hand-out's manifest say, as far as it is of the right kind."""
    mine = sorted((each for each in entries if each.name == FACTS), key=lambda each: each.path.count("/"))
    packed = _json(mine[0]) if mine else {}
    released = next((_json(each) for each in entries if is_manifest(each.path)), {})
    hashes = packed.get("files")
    return Found(
        student=_word(packed, "student"),
        assignment=_word(packed, "assignment") or _word(released, "assignment"),
        made_for=_word(packed, "made_for") or _word(released, "student"),
        hashes=hashes if isinstance(hashes, dict) else {},
    )


def _word(facts: Mapping[str, Any], key: str) -> str:
    said = facts.get(key)
    return said if isinstance(said, str) else ""


def _check_hash(found: Found, section: Section, content: bytes) -> None:
    known = [found.hashes[place] for place in places(section) if place in found.hashes]
    if known and hashlib.sha256(content).hexdigest() not in known:
        found.notes.append(f"{section.path} was changed after `grader submit` packed it")

"""The learner's side of handing in: one zip with exactly the files that count, and a receipt for them.

ch02_transformer/attention.py       each file that counts, under the section's path (or .ipynb)
submission.json                     who, what, when, with which versions, the hash of each file, the receipt

The same files make the same receipt, and the same zip but for submission.json, which holds the time. A receipt is the
beginning of the digest of the texts that count, so that an instructor's `grader collect` prints the same one.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from grader import __version__
from grader.cells import LARGEST_NOTEBOOK
from grader.course import Exercise, Section, select
from grader.errors import GraderError
from grader.files import LARGEST_TEXT, atomic_write, present, read_bytes, read_text
from grader.progress import Progress, source_hash
from grader.receipts import digest, receipt
from grader.results import Status
from grader.sources import parsed
from grader.stubs import is_stub
from grader.workspace import Workspace, now

VERSION = 1
FACTS = "submission.json"
MANIFEST = ".grader/release.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip can hold


@dataclass(frozen=True)
class Release:
    """What a hand-out says about itself: nothing, where the workspace is no hand-out."""

    assignment: str = ""
    student: str = ""
    sections: tuple[str, ...] = ()
    exercises: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()

    def asked(self, section: Section) -> list[Exercise]:
        """The exercises of a section that count."""
        return [each for each in section.exercises if not self.exercises or each.id in self.exercises]


@dataclass(frozen=True)
class Standing:
    """One file that counts, as a learner would want to know it before handing it in."""

    path: str
    exercises: int
    passed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    stubs: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Submission:
    """A submission, ready to be written. `missing` are files that count and are not there."""

    facts: Mapping[str, Any]
    files: Mapping[str, bytes]
    standings: tuple[Standing, ...]
    missing: tuple[str, ...]

    @property
    def receipt(self) -> str:
        return str(self.facts["receipt"])


def read_release(workspace: Workspace) -> Release:
    """The hand-out's own manifest, if the workspace is a hand-out.

    Raises:
        GraderError: it is there and cannot be read.
    """
    path = workspace.root / MANIFEST
    if not present(path):
        return Release()
    try:
        facts: Any = json.loads(read_text(path))
        return Release(
            str(facts["assignment"]), str(facts.get("student") or ""), tuple(map(str, facts["sections"])),
            frozenset(str(each["id"]) for each in facts.get("exercises", ())), frozenset(facts.get("files", ())),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise GraderError(f"{path} is damaged: {error}.", "Take that file from the hand-out again.") from error


def chosen(workspace: Workspace, release: Release, names: Sequence[str]) -> list[Section]:
    """The sections that are handed in: the hand-out's, those named, or all in which something was written.

    Raises:
        GraderError: a name fits nothing, or nothing is left.
    """
    named = list(select(workspace.course, names or release.sections)) if names or release.sections else []
    if names and release.sections:
        outside = [section.id for section in named if section.id not in release.sections]
        if outside:
            problem = f"{', '.join(outside)} is no part of {release.assignment}."
            raise GraderError(problem, f"It counts: {', '.join(release.sections)}. Without a name all of it is packed.")
    found = named or [section for section in workspace.course.sections if _written(workspace, section)]
    if not found:
        problem = f"Nothing is written yet in {workspace.root}."
        raise GraderError(problem, "Name the sections to hand in all the same: grader submit ch02/attention")
    return found


def places(section: Section) -> tuple[str, ...]:
    """The paths under which a section's answers may stand: its module, else its notebook, under either of its names."""
    plain, notebook = Path(section.path), f"{section.id.replace('/', '_')}.ipynb"
    return (section.path, plain.with_suffix(".ipynb").as_posix(), f"{plain.parent}/{notebook}", notebook)


def _written(workspace: Workspace, section: Section) -> bool:
    path = _file(workspace, Release(), section)
    if path is None or not section.exercises:
        return False
    text, problem = _text(workspace, read_bytes(path, LARGEST_NOTEBOOK), path.suffix, section)
    return bool(problem) or len(_stubs(workspace, section, section.exercises, text)) < len(section.exercises)


def _file(workspace: Workspace, release: Release, section: Section) -> Path | None:
    """Where the answers are: in the file that the hand-out brought, whatever the learner has made beside it."""
    likely = [each for each in places(section) if each in release.files] or places(section)
    return next((path for place in likely if present(path := workspace.root / place)), None)


def _text(workspace: Workspace, content: bytes, suffix: str, section: Section) -> tuple[bytes, str]:
    """The text that counts, and why it is not what it should be: a notebook's is that of its solution cells."""
    try:
        if suffix == ".ipynb":
            from grader.notebooks import module_text

            content = module_text(content, section, workspace.pristine(section)).encode()
        parsed(content.decode())
    except GraderError as error:
        return content, error.problem
    except SyntaxError as error:
        return content, f"line {error.lineno}: not valid Python: {error.msg}"
    except UnicodeDecodeError as error:
        return content, f"not UTF-8 text ({error})"
    return content, ""


def _stubs(workspace: Workspace, section: Section, exercises: Iterable[Exercise], text: bytes) -> tuple[str, ...]:
    learner, stub = text.decode("utf-8", "replace"), workspace.pristine(section)
    return tuple(each.name for each in exercises if is_stub(learner, stub, each.name))


def pack(
    workspace: Workspace, sections: Sequence[Section], release: Release, student: str = "", at: datetime | None = None
) -> Submission:
    """Reads the files that count; writes nothing.

    Raises:
        GraderError: none of them is there, or one is too large.
    """
    paths = {section: path for section in sections if (path := _file(workspace, release, section))}
    missing = tuple(section.path for section in sections if section not in paths)
    if not paths:
        problem = f"None of these files is there: {', '.join(missing)}."
        raise GraderError(problem, "Stand in your workspace, or name it.")
    files, texts, standings = {}, {}, []
    for section, path in paths.items():
        name = path.relative_to(workspace.root).as_posix()
        files[name] = read_bytes(path, LARGEST_NOTEBOOK if path.suffix == ".ipynb" else LARGEST_TEXT)
        texts[section.path], problem = _text(workspace, files[name], path.suffix, section)
        asked = release.asked(section)
        plain = Standing(name, len(asked), problem=problem)
        standings.append(plain if problem else _standing(workspace, section, asked, texts[section.path], plain))
    facts = {
        "version": VERSION, "assignment": release.assignment, "student": student or release.student,
        "made_for": release.student, "created": f"{at or now():%Y-%m-%dT%H:%M:%SZ}", "versions": versions(),
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        "receipt": receipt(digest(texts)),
    }  # fmt: skip
    return Submission(facts, files, tuple(standings), missing)


def _standing(
    workspace: Workspace, section: Section, asked: Sequence[Exercise], text: bytes, plain: Standing
) -> Standing:
    progress, learner = Progress.open(workspace), text.decode()
    hashes = {each.name: record.source_hash for each in asked if (record := progress.get(each)).status is Status.PASSED}
    passed = tuple(name for name in hashes if source_hash(learner, name) == hashes[name])
    changed = tuple(name for name in hashes if name not in passed)
    return replace(plain, passed=passed, changed=changed, stubs=_stubs(workspace, section, asked, text))


def versions() -> dict[str, str]:
    """What the learner works with; nothing is imported for it."""
    found = {"grader": __version__, "python": platform.python_version(), "platform": platform.platform()}
    for package in ("numpy", "torch"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def zipped(submission: Submission) -> bytes:
    """The bytes of the zip; they depend on the files and the facts alone."""
    content = {**submission.files, FACTS: json.dumps(submission.facts, indent=2).encode() + b"\n"}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(content):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o100644 << 16
            archive.writestr(entry, content[name])
    return made.getvalue()


def default_name(submission: Submission) -> str:
    """What the zip is called: the assignment and the student, as far as they are known and can be part of a name."""
    words = (submission.facts["assignment"] or "submission", submission.facts["student"])
    return "-".join(word for word in words if re.fullmatch(r"[\w@+][\w.@+-]*", word)) + ".zip"


def write(workspace: Workspace, submission: Submission, target: Path) -> Path:
    """Writes the zip, and the receipt under `.grader/submissions/`; returns where the receipt is.

    Raises:
        GraderError: something else has that name, or it cannot be written.
    """
    if present(target) and not zipfile.is_zipfile(target):
        raise GraderError(f"{target} is there already and is no zip.", "Name another file: --out FILE.zip")
    atomic_write(target, zipped(submission))
    stamp = re.sub(r"\W", "", submission.facts["created"])
    kept = workspace.private / "submissions" / f"{stamp}-{submission.receipt}.json"
    atomic_write(kept, json.dumps(submission.facts, indent=2) + "\n")
    return kept

"""`grader release`: hand-outs are made, searched for whatever gives something away, and only then put in their place.

In a class folder the assignment stands in class.toml from the first release on, and the same name makes the same
hand-out again, byte for byte. Elsewhere a hand-out is made from the course alone: unsigned, and not remembered.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from grader.course import Course
from grader.errors import GraderError
from grader.files import explained
from grader.instructor.grading.suites import fingerprint
from grader.instructor.handout import packing
from grader.instructor.handout.choice import Format, Wish, settle
from grader.instructor.handout.handout import HandOut
from grader.instructor.handout.leaks import Watch
from grader.instructor.handout.manifest import VERSION, Manifest, Signer, canonical
from grader.instructor.handout.readme import missing_parts, points
from grader.instructor.term import Student, Term, add_assignment


@dataclass(frozen=True)
class Released:
    """What was made: one hand-out, or one for each of so many `students`."""

    handout: HandOut
    out: Path
    students: int
    signed: bool
    notes: tuple[str, ...]


def release(
    course: Course, term: Term | None, wish: Wish, on_made: Callable[[str], None] = lambda name: None
) -> Released:
    """Makes hand-outs; nothing is left at `wish.out` where one of them cannot be made or gives something away.

    Raises:
        GraderError: why not: a name that fits nothing, an assignment that class.toml knows otherwise, a leak with file
            and line, something else that stands at `wish.out`, a disk that is full.
    """
    handout = settle(course, term, wish)
    students: Sequence[Student | None] = _students(term) if handout.assignment.variants else (None,)
    packing.check_replaceable(wish.out, handout.assignment.name)
    maker = Maker(handout, wish.form, Signer(term) if term else None)
    with packing.staged(wish.out) as place:
        for student in students:
            maker.make(place if student is None else place / (student.id + _ending(wish.form)), student)
            on_made(student.id if student else handout.assignment.name)
        if term:
            add_assignment(term, handout.assignment)
        packing.put(place, wish.out)
    count = len(students) if handout.assignment.variants else 0
    return Released(handout, wish.out, count, term is not None, tuple(_notes(handout)))


def _ending(form: Format) -> str:
    return ".zip" if form is Format.zip else ""


def _students(term: Term | None) -> Sequence[Student]:
    if term is None or not term.students:
        problem = "Variants need a class with a roster: one hand-out is made for each student."
        raise GraderError(problem, "`grader class DIR --roster FILE` makes one, or takes another roster.")
    return term.students


class Maker:
    """Makes the hand-outs of one release and looks at each as it was written."""

    def __init__(self, handout: HandOut, form: Format, signer: Signer | None) -> None:
        self.handout = handout
        self.signer = signer
        given = {each.id for part in handout.given.values() for each in part}
        self._watch = Watch(handout.course, given)
        self._write = partial(_write, form=form, top=handout.assignment.name)
        self._course = _course_facts(handout)
        self._extra = {".gitignore": packing.IGNORED} if form is Format.git else {}

    def make(self, target: Path, student: Student | None) -> None:
        """One hand-out, for everybody or for one student; raises `GraderError` where it gives something away."""
        assignment, id = self.handout.assignment, student.id if student else ""
        secret = self.signer.secret(assignment, id) if self.signer else b""
        files = self.handout.files(student, secret) | self._extra
        manifest = self._manifest(files, id)
        signed = self.signer.sign(manifest) if self.signer else {**manifest, "public_key": None, "signature": None}
        self._write(files | {packing.MANIFEST: canonical(signed)}, target)
        leaks = self._watch.search(target)
        if leaks:
            shown = "\n".join(str(leak) for leak in leaks[:5]) + ("\n…" if len(leaks) > 5 else "")
            hint = "Mend the course, or name what may go out with --given."
            raise GraderError(f"Nothing was released, because it would give something away:\n{shown}", hint)

    def _manifest(self, files: packing.Files, student: str) -> Manifest:
        handout, assignment = self.handout, self.handout.assignment
        worth = {each: points(each) for each in handout.exercises}
        known = {each: value for each, value in worth.items() if value is not None}
        sums = {kind: sum(value for each, value in known.items() if each.kind == kind) for kind in ("core", "extra")}
        return {
            "version": VERSION,
            "assignment": assignment.name,
            "class": handout.term.name if handout.term else None,
            "student": student or None,
            "course": self._course,
            "sections": [section.id for section in handout.asked],
            "exercises": [{"id": each.id, "kind": each.kind, "points": value} for each, value in worth.items()],
            "max_points": sums["core"] if len(known) == len(worth) else None,
            "max_beyond": sums["extra"] if len(known) == len(worth) else None,
            "due": assignment.due.isoformat() if assignment.due else None,
            "given": [each.id for part in handout.given.values() for each in part],
            "seed_commitment": self.signer.commitment(assignment, student) if self.signer else None,
            "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        }


def _write(files: packing.Files, target: Path, form: Format, top: str) -> None:
    if form is Format.zip:
        with explained(target, "written"):
            target.parent.mkdir(parents=True, exist_ok=True)
        packing.write_zip(files, target, top)
    elif form is Format.git:
        packing.write_git(files, target, f"{top}\n")
    else:
        packing.write_folder(files, target)


def _course_facts(handout: HandOut) -> dict[str, str | None]:
    """What it was made from: a hash of all that judges it, and the commit, where nothing was changed since."""
    lines = "".join(f"{section.id} {fingerprint(section)}\n" for section in [*handout.asked, *handout.given])
    return {"fingerprint": hashlib.sha256(lines.encode()).hexdigest()[:16], "commit": _commit(handout.course.root)}


def _commit(root: Path) -> str | None:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return (
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout.decode().strip()
        )

    try:
        changed = git("status", "--porcelain", "--", "solutions", "tests/chapters")
        return None if changed else git("rev-parse", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        return None


def _notes(handout: HandOut) -> Iterator[str]:
    """What somebody who hands this out should know."""
    for section, absent in missing_parts(handout).items():
        names = " ".join(f"--given {each.id}" for each in absent)
        yield f"`grader run {section.id}` needs more than this brings: other hand-outs in the same folder, or {names}"
    unknown = [section.id for section in handout.asked if section.suite is None]
    if unknown:
        yield f"The hidden suites of {', '.join(unknown)} are not here, so that the hand-out states no points."

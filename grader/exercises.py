"""`exercises/` made from `solutions/`: the same tree with the regions cut, lessons and data included."""

from __future__ import annotations

from pathlib import Path

from grader.course import SOURCES, Course
from grader.errors import GraderError
from grader.files import atomic_write, explained, read_bytes
from grader.section import SOLUTIONS
from grader.stubs import cut_file

CHAPTERS = "ch[0-9]*_*"


def derived(course: Course) -> dict[str, bytes]:
    """Everything that is made from `solutions/`: path under `exercises/` → content. Nothing but `.py` is changed.

    Raises:
        GraderError: there are no solutions, or one cannot be cut (with its file and line).
    """
    folders = [path for path in sorted((course.root / SOLUTIONS).glob(CHAPTERS)) if path.is_dir()]
    if not folders:
        raise GraderError(f"{course.root} has no solutions, so that exercises cannot be made from them.")
    return {name: content for folder in folders for name, content in _files(folder, cutting=True).items()}


def handed_out(course: Course) -> dict[str, bytes]:
    """Everything that a learner starts with, also where this course has only some solutions, or none."""
    found: dict[str, bytes] = {}
    folders = {section.source.parent for section in course.sections}
    for source in SOURCES:
        for folder in sorted(each for each in folders if each.parent == course.root / source):
            found = _files(folder, cutting=source == SOLUTIONS) | found
    return found


def _files(folder: Path, cutting: bool) -> dict[str, bytes]:
    return {path.relative_to(folder.parent).as_posix(): _content(path, cutting) for path in _listed(folder)}


def _content(path: Path, cutting: bool) -> bytes:
    return cut_file(path).encode() if cutting and path.suffix == ".py" else read_bytes(path)


def _listed(folder: Path) -> list[Path]:
    """The files of a chapter, without what is hidden or made by Python."""
    inside = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".pyc"]
    return [path for path in inside if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def derive(course: Course, target: Path) -> list[str]:
    """Makes `target` what `solutions/` say; returns what was written or removed. Other files at its top are left alone.

    Raises:
        GraderError: see `derived`; nothing is written then.
    """
    wanted = derived(course)
    present = _present(target)
    changed = [name for name, content in wanted.items() if present.get(name) != content]
    stale = [name for name in present if name not in wanted]
    for name in changed:
        atomic_write(target / name, wanted[name])
    for name in stale:
        with explained(target / name, "removed"):
            (target / name).unlink()
            folder = (target / name).parent
            if not any(folder.iterdir()):
                folder.rmdir()
    return sorted(changed + stale)


def differences(course: Course, target: Path) -> list[str]:
    """What is not as the cutter makes it in a tree of exercises, one line for each file; empty when all is well."""
    wanted, present = derived(course), _present(target)
    found = {name: "is not made from any solution" for name in present if name not in wanted}
    found |= {name: "is missing" for name in wanted if name not in present}
    found |= {name: "differs" for name in wanted if name in present and present[name] != wanted[name]}
    return [f"{name} {found[name]}" for name in sorted(found)]


def _present(target: Path) -> dict[str, bytes]:
    folders = [folder for folder in sorted(target.glob(CHAPTERS)) if folder.is_dir()]
    return {name: content for folder in folders for name, content in _files(folder, cutting=False).items()}

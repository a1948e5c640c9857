"""Whether this machine can do the work, and what to do about what is missing."""

from __future__ import annotations

import platform
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata

from packaging.requirements import Requirement

from grader import __version__
from grader.errors import GraderError
from grader.files import read_text
from grader.models import MODELS, present
from grader.place import CHECKOUT, Place
from grader.report.look import Look

DISTRIBUTION = "llm-from-scratch-grader"


class State(StrEnum):
    """How a part is."""

    OK = "ok"
    OPTIONAL = "optional"  # missing, and most people do without
    MISSING = "missing"


@dataclass(frozen=True)
class Part:
    """One thing that was looked at: what was found, and what to do about it."""

    name: str
    state: State
    found: str
    remedy: str = ""


def examine(place: Place) -> list[Part]:
    """Everything that decides whether learners can work here; only `MISSING` parts keep them from it."""
    return [_interpreter(), *_packages(), *_course(place), *_models(), *_isolation(place)]


def can_work(parts: list[Part]) -> bool:
    """Whether nothing is missing that a learner needs."""
    return all(part.state is not State.MISSING for part in parts)


def _interpreter() -> Part:
    return Part("Python", State.OK, f"{platform.python_version()} ({sys.executable})")


def _packages() -> Iterator[Part]:
    yield Part("grader", State.OK, f"{__version__} ({CHECKOUT})")
    required, extras = _requirements()
    for requirement in required:
        if requirement.marker is None or requirement.marker.evaluate():
            yield _package(requirement)
    for extra, requirements in extras.items():
        yield _extra(extra, requirements)


def _requirements() -> tuple[list[Requirement], dict[str, list[Requirement]]]:
    """What pyproject.toml asks for, and for each extra; from the checkout, else from what was installed."""
    project = CHECKOUT / "pyproject.toml"
    if project.is_file():
        table = tomllib.loads(read_text(project))["project"]
        extras = table.get("optional-dependencies", {})
        return list(map(Requirement, table["dependencies"])), {
            name: list(map(Requirement, extras[name])) for name in extras
        }
    found = list(map(Requirement, metadata.requires(DISTRIBUTION) or []))
    names = metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") or []
    needed = {name: [each for each in found if _belongs(each, name)] for name in names}
    return [each for each in found if _belongs(each, "")], needed


def _belongs(requirement: Requirement, extra: str) -> bool:
    """Whether an installed distribution states this requirement for that extra (or for all, where there is none)."""
    if requirement.marker is None:
        return not extra
    always = requirement.marker.evaluate({"extra": ""})
    return not always and requirement.marker.evaluate({"extra": extra}) if extra else always


def _package(requirement: Requirement) -> Part:
    version, remedy = _version(requirement.name), f'pip install "{requirement.name}{requirement.specifier}"'
    if not version:
        return Part(requirement.name, State.MISSING, "not installed", remedy)
    if not _satisfied(requirement):
        return Part(requirement.name, State.MISSING, f"{version} does not fit {requirement.specifier}", remedy)
    return Part(requirement.name, State.OK, version)


def _extra(name: str, requirements: list[Requirement]) -> Part:
    missing = [each.name for each in requirements if not _satisfied(each)]
    if not missing:
        return Part(f"extra: {name}", State.OK, "installed")
    return Part(
        f"extra: {name}", State.OPTIONAL, f"missing: {', '.join(missing)}", f'pip install "{DISTRIBUTION}[{name}]"'
    )


def _satisfied(requirement: Requirement) -> bool:
    return requirement.specifier.contains(_version(requirement.name) or "0", prereleases=True)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _course(place: Place) -> Iterator[Part]:
    try:
        course, workspace = place.course, place.workspace
    except GraderError as error:
        yield Part("course", State.MISSING, error.problem, error.hint)
        return
    yield Part("course", State.OK, f"{course.root} (sections: {len(course.sections)})")
    if workspace.root.is_dir():
        yield Part("workspace", State.OK, str(workspace.root))
    else:
        yield Part("workspace", State.OPTIONAL, "none here", "grader init DIR")
    without = [section.id for section in course.sections if section.suite is None]
    if without:
        found = f"not installed for {len(without)} of {len(course.sections)} sections"
        yield Part("hidden checks", State.OPTIONAL, found, "The public examples are checked instead.")
    else:
        yield Part("hidden checks", State.OK, "installed")


def _models() -> Iterator[Part]:
    for model in MODELS.values():
        if present(model):
            yield Part(f"model: {model.name}", State.OK, str(model.folder))
        else:
            found = "not fetched (some hands-on runs and checks use it)"
            yield Part(f"model: {model.name}", State.OPTIONAL, found, f"grader models fetch {model.name}")


def _isolation(place: Place) -> Iterator[Part]:
    from grader.sandbox.isolation import missing_for_strict

    packages = _worker_packages(place)
    reason = _trial("process", packages)
    yield _level("process", reason, State.MISSING, "This level is what learners check their work with.")
    missing = missing_for_strict()
    for what, remedy in missing:
        yield Part("strict", State.OPTIONAL, f"{what} is missing (only needed to grade others' work)", remedy)
    if not missing:
        yield _level("strict", _trial("strict", packages), State.OPTIONAL, "It is only needed to grade others' work.")


def _level(name: str, reason: str, otherwise: State, remedy: str) -> Part:
    if reason:
        return Part(name, otherwise, f"does not start: {reason}", remedy)
    return Part(name, State.OK, "works: a worker was started at this isolation level")


def _worker_packages(place: Place) -> tuple[str, ...]:
    try:
        sections = place.course.sections
    except GraderError:
        sections = ()
    return tuple(dict.fromkeys(("numpy", *(name for section in sections for name in section.worker))))


def _trial(level: str, packages: tuple[str, ...]) -> str:
    """Why no worker starts at this level, with everything that the course's workers import; empty when one does."""
    from grader.bench import Zygotes
    from grader.sandbox.link import Link

    try:
        with Zygotes(level) as zygotes:
            Link(zygotes.start(packages)).end()
    except Exception as error:
        return error.problem if isinstance(error, GraderError) else f"{type(error).__name__}: {error}"
    return ""


def render(parts: list[Part], look: Look) -> str:
    """What was found, one line each, what to do under what is missing, and the verdict."""
    lines: list[str] = []
    for part in parts:
        state = look.paint(f"{part.state:8}", *_STYLES[part.state])
        lines.append(f"  {state}  {part.name:18}  {look.cut(part.found, look.width - 32)}")
        if part.remedy and part.state is not State.OK:
            lines += look.wrap(part.remedy, " " * 32)
    verdict = "You can work here." if can_work(parts) else "Not yet: see what is marked `missing`."
    return "\n".join([*lines, "", look.paint(verdict, "bold")]) + "\n"


_STYLES = {State.OK: ("green",), State.OPTIONAL: ("yellow",), State.MISSING: ("red",)}

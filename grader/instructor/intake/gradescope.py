"""Gradescope's `submission_metadata.yml`: who handed in which folder, and when.

Its keys are Ruby's symbols (`:submitters:`, `:name:`, `:sid:`, `:email:`, `:created_at:`). All results are in it, so it
can be large: it is read as a stream of events of which only these are kept, and nothing in it can grow.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from grader.errors import GraderError
from grader.instructor.intake.entries import Refused
from grader.words import clean

METADATA = "submission_metadata.yml"
LARGEST = 2**27  # bytes
DEEPEST, LONGEST = 50, 500
_NUMBERS = [str(number) for number in range(100)]  # of the people in a group
_Path = tuple[str, ...]


@dataclass(frozen=True)
class Handed:
    """One folder of the export: who is in the group, each with `name`, `sid` and `email`, and Gradescope's own time."""

    submitters: tuple[dict[str, str], ...]
    created: datetime | None


def read_metadata(content: bytes) -> dict[str, Handed]:
    """The submissions by the name of their folder.

    Raises:
        Refused: it is not YAML, or not as Gradescope writes it.
    """
    found: dict[str, tuple[list[dict[str, str]], dict[str, str]]] = {}
    for path, value in _scalars(content):
        people, own = found.setdefault(path[0], ([], {}))
        match path[1:]:
            case (":submitters", number, (":name" | ":sid" | ":email") as key) if number in _NUMBERS:
                people += [{} for _ in range(len(people), int(number) + 1)]
                people[int(number)][key[1:]] = value[:LONGEST]
            case (":created_at",):
                own["created"] = value
    return {
        name: Handed(tuple(filter(None, people)), _time(own.get("created", "")))
        for name, (people, own) in found.items()
    }


def _time(text: str) -> datetime | None:
    """`2026-04-26 17:34:00.861687000 Z`, in UTC."""
    try:
        found = datetime.fromisoformat(re.sub(r"\s+(?=(Z|[+-]\d\d:?\d\d)$)", "", text.strip()))
    except ValueError:
        return None
    return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)


def _scalars(content: bytes) -> Iterator[tuple[_Path, str]]:
    """Every plain value with the keys that lead to it; an item of a list is called by its number."""
    stack: list[_Level] = []
    for event in _events(content):
        kind = type(event).__name__
        if kind in ("MappingEndEvent", "SequenceEndEvent"):
            stack.pop()
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            if len(stack) >= DEEPEST:
                raise Refused(f"{METADATA} is nested too deeply")
            _step(stack, "")
            stack.append(_Level(kind.startswith("Mapping")))
        elif kind == "AliasEvent":  # never followed: that is how a small file becomes a large one
            _step(stack, "")
        elif kind == "ScalarEvent" and _step(stack, event.value):
            yield tuple(level.key for level in stack), event.value


@dataclass
class _Level:
    """A map or a list that is being read: the key of the present value, and whether a key comes next."""

    mapping: bool
    key: str = ""
    wants_key: bool = True
    count: int = -1


def _step(stack: list[_Level], value: str) -> bool:
    """Takes notice of one more node; whether it is a value."""
    if not stack:
        return False
    level = stack[-1]
    if not level.mapping:
        level.count += 1
        level.key = str(level.count)
        return True
    level.wants_key = not level.wants_key
    if not level.wants_key:
        level.key = value[:LONGEST]
    return level.wants_key


def _events(content: bytes) -> Iterator[Any]:
    try:
        import yaml  # type: ignore[import-untyped]
    except ImportError as error:
        raise GraderError("Gradescope's export needs PyYAML, which is not installed.", "pip install pyyaml") from error
    try:
        yield from yaml.parse(io.BytesIO(content), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError) as error:
        raise Refused(f"{METADATA} cannot be read ({clean(' '.join(str(error).split()), 120)})") from error

"""`grader check --server`: a workspace checked by the class's service, which has the hidden suites.

Verdicts are remembered as those of this machine are; seeds are the service's own and stay there.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from grader.asking import Line, no_verdict
from grader.course import Exercise, Section
from grader.errors import GraderError
from grader.files import LARGEST_TEXT, present, read_bytes, read_text
from grader.progress import Progress, Record, source_hash
from grader.results import ExerciseResult, Report
from grader.words import clean
from grader.workspace import Workspace

Selection = Mapping[Section, tuple[Exercise, ...]]
SETTINGS = "server.json"


@dataclass(frozen=True)
class Server:
    """Which service, and who asks."""

    url: str
    token: str = field(repr=False)

    @classmethod
    def of(cls, workspace: Workspace, url: str, token: str | None = None, insecure: bool = False) -> Server:
        """The service at `url`, with the token given, else that of GRADER_TOKEN, else that of `.grader/server.json`.

        That file holds {"url": …, "token": …}; its token goes to that address and to no other.

        Raises:
            GraderError: there is no token, or the address would show it to whoever listens on the way.
        """
        url = url.rstrip("/")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise GraderError(f"`{clean(url)}` is no address of a service.", "Give one such as https://host:8765.")
        if parts.scheme == "http" and not (insecure or is_loopback(parts.hostname)):
            raise GraderError("Over http:// your token can be read on the way.", "Use the https:// address.")
        token = token or os.environ.get("GRADER_TOKEN") or _noted(workspace.private / SETTINGS, url)
        if not token:
            hint = "Give it with --token, or put it into GRADER_TOKEN; your instructor has it."
            raise GraderError("The service needs your token.", hint)
        if not token.strip().isascii() or len(token.split()) != 1:
            raise GraderError("This is no token: it is one word of ASCII characters.", "Copy it again.")
        return cls(url, token.strip())


def is_loopback(host: str) -> bool:
    """Whether what is sent to this host stays on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _noted(path: Path, url: str) -> str | None:
    if not present(path):
        return None
    try:
        noted = json.loads(read_text(path))
        same, token = str(noted["url"]).rstrip("/") == url, str(noted["token"])
    except (ValueError, KeyError, TypeError) as error:
        raise GraderError(f"{path} is damaged: {error}.", 'It holds {"url": "…", "token": "…"}.') from error
    return token if same else None


def check(
    workspace: Workspace,
    selection: Selection,
    server: Server,
    on_result: Callable[[ExerciseResult], None] = lambda result: None,
    on_wait: Callable[[str], None] = lambda says: None,
) -> tuple[Report, tuple[str, ...]]:
    """Have the selected exercises of a workspace checked, and remember what was found.

    `on_wait` is told in a sentence what there is to wait for, again and again.

    Returns:
        The report, and what people must know beside it (another version of the course, what was kept as an attempt).

    Raises:
        GraderError: the service refuses, cannot be reached, or answers something else than a verdict.
    """
    found: dict[str, ExerciseResult] = {}
    records: dict[str, Record] = {}
    progress = Progress.open(workspace)
    with Line(server.url, server.token, on_wait) as line:
        notes = _differences(workspace, selection, line.ask("GET", "/v1/course"))
        try:
            for section, exercises in selection.items():
                path = workspace.path(section)
                source = read_bytes(path, LARGEST_TEXT) if present(path) else None
                results, note = line.verdict(section, exercises, source)
                notes += [note] if note and note not in notes else []
                for exercise, result in zip(exercises, results, strict=True):
                    found[result.id] = result
                    records[result.id] = _record(progress, exercise, result, source)
                    on_result(result)
        finally:  # also when interrupted: what was checked is kept
            progress.update(records)
    ordered = tuple(found[each.id] for exercises in selection.values() for each in exercises)
    return Report(0, "strict", ordered), tuple(notes)


def _record(progress: Progress, exercise: Exercise, result: ExerciseResult, source: bytes | None) -> Record:
    """What is remembered; the seed of checks on this machine stays what it was."""
    text = (source or b"").decode("utf-8", "replace")
    seed = progress.get(exercise).seed
    return Record(result.status, result.points, result.max_points, seed, source_hash(text, exercise.name))


def _differences(workspace: Workspace, selection: Selection, about: Mapping[str, Any]) -> list[str]:
    """What the service says about itself that does not fit this workspace."""
    there = about.get("sections")
    if not isinstance(there, dict):
        raise no_verdict()
    other = []
    for section in selection:
        facts = there.get(section.id)
        stub = hashlib.sha256(workspace.pristine(section).encode()).hexdigest()[:16]
        if isinstance(facts, dict) and facts.get("stub") != stub:
            other.append(section.id)
    says = "The service has another version of {}: your file may not fit its checks."
    return [says.format(", ".join(other))] if other else []

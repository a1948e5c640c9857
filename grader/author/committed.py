"""Whether `exercises/` is what the cutter makes: in a git checkout the committed tree counts.

So an answer typed into a clone never fails the gate: a file that differs is held against what is committed before it
is called wrong.
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from grader.author.findings import Finding
from grader.course import Course, Section
from grader.exercises import derived, differences

HINT = "Run `grader author cut` and commit what it writes."


def stale_exercises(course: Course, sections: frozenset[Section]) -> list[Finding]:
    """Files of these sections that are not as the cutter makes them; all files where all sections are asked for.

    Raises:
        GraderError: a solution cannot be cut.
    """
    everything = sections == frozenset(course.sections)
    stems = tuple(section.path.removesuffix("py") for section in sections)
    lines = [line for line in differences(course, course.root / "exercises") if everything or line.startswith(stems)]
    wanted, committed = (derived(course), _committed(course.root)) if lines else ({}, {})
    found = []
    for line in lines:
        name, _, says = line.partition(" ")
        if name not in committed or name not in wanted or committed[name] != _blob(wanted[name], len(committed[name])):
            found.append(Finding(f"exercises/{name}", f"It {says} (against the solutions).", HINT))
    return found


def _committed(root: Path) -> dict[str, str]:
    """The hash of every committed file under `exercises/`; nothing where there is no repository."""
    command = ["git", "-C", str(root / "exercises"), "ls-tree", "-r", "-z", "HEAD", "."]
    try:
        listing = subprocess.run(command, capture_output=True, check=True, timeout=30).stdout.decode("utf-8", "replace")
    except (OSError, subprocess.SubprocessError):
        return {}
    entries = (entry.partition("\t") for entry in listing.split("\0") if entry)
    return {name: facts.split()[2] for facts, _, name in entries}


def _blob(content: bytes, length: int) -> str:
    """The name that git gives to a file's content."""
    algorithm = hashlib.sha1 if length == 40 else hashlib.sha256
    return algorithm(b"blob %d\0" % len(content) + content).hexdigest()

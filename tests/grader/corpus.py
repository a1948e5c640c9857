"""Running a folder of submissions against the victim course: one judge's session, any number of submissions in it."""

import ast
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from grader import judge
from grader.course import Course
from grader.sandbox import isolation
from grader.stubs import pristine

HERE = Path(__file__).parent
VICTIM = HERE / "victim"


@dataclass(frozen=True)
class Entry:
    """One submission and the facts that its file states in capitals."""

    path: Path
    facts: dict = field(hash=False)

    @property
    def name(self):
        return self.path.stem

    @property
    def section(self):
        return self.facts.get("SECTION", "numpy_part")

    def jobs_levels(self):
        return self.facts["LEVELS"]


def entries(folder):
    """Every submission of a corpus, in order of name."""
    return [Entry(path, _facts(path)) for path in sorted((HERE / folder).glob("*.py"))]


def _facts(path):
    """Capital names that are bound to constants at the top of a file, which is never imported here."""
    facts = {}
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
            try:
                facts[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return facts


def parameters(corpus, levels=isolation.LEVELS):
    """(level, entry) for every level that an entry states."""
    missing = bool(isolation.missing_for_strict())
    skip = pytest.mark.skipif(missing, reason="no strict level here")
    return [
        pytest.param(level, entry, id=f"{entry.name}-{level}", marks=[skip] if level == "strict" else [])
        for entry in corpus
        for level in levels
        if level in entry.facts["LEVELS"]
    ]


class Shared:
    """The session's zygotes as the judge takes them."""

    def __init__(self, get, level):
        self.get, self.level = get, level

    def start(self, packages):
        return self.get(self.level, tuple(dict.fromkeys(("numpy", *packages))))


@dataclass
class Graded:
    """What became of one submission, of the right one after it, and what was left behind."""

    results: dict = field(default_factory=dict)
    next_one: dict = field(default_factory=dict)
    left: set = field(default_factory=set)
    seconds: float = 0.0

    @property
    def checks(self):
        return [check for result in self.results.values() for check in result.checks]


def grade(shared, corpus, text_of=lambda entry, section: entry.path.read_bytes()):
    """Grade every entry, and the solution after each; entry name → Graded."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", folder)  # what the judge leaves there, nobody else does
        return _grade(shared, corpus, text_of)


def _grade(shared, corpus, text_of):
    course = Course.load(VICTIM)
    sections = {section.module: section for section in course.sections}
    graded = {entry.name: Graded() for entry in corpus}
    for section in sections.values():
        shared.start(section.worker)

    def jobs():
        for entry in corpus:
            section, found = sections[entry.section], graded[entry.name]
            before, started = remains(), time.monotonic()
            yield _job(section, text_of(entry, section), found.results)
            found.seconds = time.monotonic() - started
            found.left = _settled(before)
            yield _job(section, section.solution.read_bytes(), found.next_one)

    judge.run(course.sections, jobs(), lambda job, result: job.tag.update({result.id: result}), shared)
    return graded


def _job(section, source, results):
    return judge.Job(section, source, pristine(section), section.exercises, seed=11, tag=results)


def _settled(before):
    """What is new since `before`; a process that was just killed needs a moment to vanish."""
    for _ in range(50):
        left = remains() - before
        if not left:
            break
        time.sleep(0.02)
    return left


def remains():
    """Processes below this one, and temporary files."""
    return {f"folder {name}" for name in os.listdir(tempfile.gettempdir())} | descendants(os.getpid())


def descendants(root):
    """Process numbers below `root`, with their names."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = Path("/proc", entry, "stat").read_text()
            except OSError:
                continue
            parents[int(entry)] = int(text.rpartition(")")[2].split()[1])
    found, waiting = set(), [root]
    while waiting:
        parent = waiting.pop()
        children = [pid for pid, above in parents.items() if above == parent]
        waiting += children
        found |= {f"process {pid}" for pid in children}
    return found

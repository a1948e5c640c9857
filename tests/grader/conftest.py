"""Workers for the grader's own tests: zygotes are shared by the session, every test gets a fresh worker."""

import pytest

from grader.sandbox import isolation, launch
from grader.sandbox.link import Link

# Courses and submissions that tests work on; their own suites and files are not tests of the grader.
collect_ignore = ["tiny", "victim", "cheats", "abuse", "honest"]

LEVELS = [
    "process",
    pytest.param(
        "strict", marks=pytest.mark.skipif(bool(isolation.missing_for_strict()), reason="no strict level here")
    ),
]


@pytest.fixture(scope="session")
def zygotes():
    """Zygotes by level and packages, started when first asked for."""
    running = {}

    def get(level, packages):
        if (level, packages) not in running:
            running[level, packages] = launch.start(level, packages)
        return running[level, packages]

    yield get
    for zygote in running.values():
        zygote.close()


@pytest.fixture
def start_worker(zygotes):
    """A worker with this source loaded: `start_worker(level, packages, source)` gives its link."""
    links = []

    def start(level, packages, source, forbids=()):
        link = Link(zygotes(level, packages))
        links.append(link)
        link.limit(30)
        link.ask("load", "answers", source, "answers.py", list(forbids))
        link.begin_check(7, tuple(forbids), 30)
        return link

    yield start
    for link in links:
        link.end()

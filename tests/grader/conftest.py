"""Workers for the grader's own tests: zygotes are shared by the session, every test gets a fresh worker."""

import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

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


@pytest.fixture(scope="session")
def postgres():
    """A throwaway PostgreSQL server that listens on a socket in a folder of its own: gives that folder."""
    tools = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not tools:
        pytest.skip("PostgreSQL is not installed here")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # its path fits into a socket's name
        before = []
        if os.getuid() == 0:  # which the server refuses to run as
            shutil.chown(folder, "postgres", "postgres")
            before = ["runuser", "-u", "postgres", "--"]

        def run(tool, *options):
            subprocess.run([*before, str(tools[-1] / tool), "-D", f"{folder}/data", *options], cwd=folder, check=True)

        run("initdb", "--username=grader", "--auth=trust", "--encoding=UTF8", "--no-sync")
        settings = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "-w", "-l", f"{folder}/log", "-o", settings, "start")
        try:
            yield folder
        finally:
            run("pg_ctl", "-m", "immediate", "stop")


@pytest.fixture
def postgres_url(postgres):
    """The URL of a new, empty database."""
    psycopg = pytest.importorskip("psycopg")
    name = f"test_{secrets.token_hex(4)}"
    with psycopg.connect(f"host={postgres} user=grader dbname=postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"postgresql+psycopg://grader@/{name}?host={postgres}"

"""Submissions that implement nothing and try to get points: none gets one."""

import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.grader.corpus import HERE, VICTIM, Shared, entries, grade, parameters

CHEATS = entries("cheats")
FOOLS = [entry for entry in CHEATS if entry.facts.get("FOOLS_IN_PROCESS")]


@pytest.fixture(scope="module")
def graded(zygotes):
    """Every cheat graded, by level; one session of the judge for each level."""
    found = {}

    def get(level):
        if level not in found:
            before = _state()
            found[level] = grade(Shared(zygotes, level), [each for each in CHEATS if level in each.facts["LEVELS"]])
            found[level]["state"] = before, _state()
        return found[level]

    return get


def _state():
    """What a cheat must not change: files of the course and beside the submission, the judge's own process."""
    files = [path for folder in (VICTIM, HERE / "cheats") for path in folder.rglob("*") if path.is_file()]
    digests = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    process = os.getcwd(), tuple(sys.meta_path), sys.gettrace(), sys.getprofile(), abs, len, isinstance
    return digests, sorted(os.listdir(os.getcwd())), process, dict(os.environ, PYTEST_CURRENT_TEST="")


def test_the_corpus_is_large():
    """At least 28 ways are tried, each says what it is, and ten or more work where code and judge share a process."""
    assert len(CHEATS) >= 28
    assert len(FOOLS) >= 10


@pytest.mark.parametrize(("level", "cheat"), parameters(CHEATS))
def test_no_cheat_earns_a_point(graded, level, cheat):
    """No check passes, every check has a status, and nothing is left running."""
    found = graded(level)[cheat.name]

    assert len(found.results) == (5 if cheat.section == "numpy_part" else 4)
    assert [check.id for check in found.checks if check.status == "passed" or check.points] == []
    assert all(check.message for check in found.checks)
    assert found.left == set()


@pytest.mark.parametrize(("level", "cheat"), parameters(CHEATS))
def test_the_next_submission_earns_everything(graded, level, cheat):
    """A right submission after the cheat, on the same zygote, is not touched by it."""
    assert {
        id: result.status for id, result in graded(level)[cheat.name].next_one.items() if result.status != "passed"
    } == {}


@pytest.mark.parametrize("level", ["process", "strict"])
def test_nothing_was_changed(graded, level):
    """The judge's process, the course's files and the folder one stands in are as before."""
    before, after = graded(level)["state"]

    assert before == after


@pytest.fixture(scope="module")
def fooled(tmp_path_factory):
    """What an ordinary runner makes of a cheat: its exit code, and the result file that it leaves."""

    folders = {
        cheat.name: tmp_path_factory.mktemp(cheat.name) for cheat in FOOLS
    }  # by one thread: it is not made for two

    def run(cheat):
        folder = folders[cheat.name]
        environment = {
            **os.environ,
            "SUBMISSION": str(cheat.path),
            "PYTHONPATH": str(HERE.parents[1]),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        suite = VICTIM / "tests/chapters/ch01_victim/test_numpy_part.py"
        options = [
            "-c",
            os.devnull,
            "--rootdir",
            str(folder),
            "-p",
            "tests.grader.in_process",
            "-p",
            "no:cacheprovider",
            "-q",
        ]
        ran = subprocess.run(
            [sys.executable, "-B", "-m", "pytest", *options, "--import-mode=importlib", str(suite)],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        results = Path(folder, "results.json")
        passed = json.loads(results.read_text()).get("passed", 0) if results.exists() else 0
        return ran.returncode, passed, ran.stdout[-2000:]

    with ThreadPoolExecutor(2) as pool:
        yield dict(zip([cheat.name for cheat in FOOLS], pool.map(run, FOOLS), strict=True))


@pytest.mark.parametrize("cheat", FOOLS, ids=lambda cheat: cheat.name)
def test_the_same_file_fools_an_ordinary_runner(fooled, cheat):
    """Where the submission is imported beside its tests, it gets points or the exit code of success."""
    code, passed, shown = fooled[cheat.name]

    assert code == 0 or passed > 0, shown

"""Types and style, as tests, so that one command says whether the tree is in order."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "command",
    ["mypy", "ruff check .", "ruff format --check ."],
)
def test_tools_find_nothing(command):
    """mypy (strict, on grader/), ruff's rules and ruff's format hold everywhere."""
    done = subprocess.run([sys.executable, "-m", *command.split()], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr

"""The author's gate over what changed since it last passed, and a random tenth of the rest."""

from pathlib import Path

import pytest

from grader.author.main import check, render
from grader.course import Course, select
from grader.models import MODELS, missing

COURSE = Course.load(Path(__file__).parents[1])


@pytest.mark.skipif(any(map(missing, MODELS)), reason="the gate runs every check: grader models fetch")
def test_what_changed_passes_the_gate():
    """Every exercise holds: its solution, its stub, its mistakes, its mutants, its words."""
    report = check(COURSE, select(COURSE, ()), sample=0.1)

    assert report.clean, render(report)

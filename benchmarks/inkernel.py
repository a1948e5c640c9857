"""The same checks inside a notebook's kernel, as a teacher who keeps hidden tests in cells would run them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import inprocess


def judge(suite: str, names: dict[str, Any]) -> dict[str, float]:
    """Run a suite on what a notebook has defined; ten points for each exercise whose checks pass, by its name."""
    points: dict[str, float] = {}

    class Plugin:
        @pytest.fixture
        def learner(self) -> inprocess.InProcess:
            return inprocess.InProcess(SimpleNamespace(**names))  # type: ignore[arg-type]

        def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
            mark = item.get_closest_marker("exercise")
            if mark is not None and call.when == "call":
                passed = 10.0 if call.excinfo is None else 0.0
                points[mark.args[0]] = min(points.get(mark.args[0], 10.0), passed)

    options = ["-q", "--no-header", "--no-summary", "-p", "no:cacheprovider", "-p", "no:grader.suite", "--tb=no"]
    pytest.main([*options, "-p", "benchmarks.inprocess", suite], plugins=[Plugin()])
    return points

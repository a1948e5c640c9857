"""The folders that are measured in: a workspace with solutions in it, and a suite as a teacher would keep it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from benchmarks.measure import ROOT, Spent, timed_process
from grader.course import Course, Section
from grader.workspace import init

TORCH, LIGHT = "ch02/attention", "ch00/essential_math"


class Places:
    """Everything below one temporary folder."""

    def __init__(self, folder: Path) -> None:
        self.course = Course.load(ROOT)
        self.workspace = folder / "workspace"
        init(self.course, self.workspace)
        self.plain = folder / "plain"
        self.plain.mkdir()
        for section in map(self.section, (TORCH, LIGHT)):
            assert section.solution is not None
            assert section.suite is not None
            shutil.copy(section.solution, self.workspace / section.path)
            shutil.copy(section.suite, self.plain)

    def section(self, id: str) -> Section:
        return next(section for section in self.course.sections if section.id == id)

    def check(self, id: str) -> Spent:
        """`grader check ID` in a fresh process. With a seed given, no first pass is confirmed with another one."""
        command = [sys.executable, "-m", "grader", "check", id, "--workspace", str(self.workspace), "--seed", "5"]
        return timed_process(command, cwd=self.workspace, env={**os.environ, "PYTHONPATH": str(ROOT)})

    def pytest(self, id: str, learner: Path | None = None, *options: str) -> Spent:
        """Plain pytest on the same checks in one fresh process, configured as it comes."""
        section = self.section(id)
        assert section.suite is not None
        learner = learner or self.workspace / section.path
        command = [sys.executable, "-m", "pytest", "-q", "-p", "benchmarks.inprocess", *options, section.suite.name]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "LEARNER": str(learner)}
        return timed_process(command, (0, 1), cwd=self.plain, env=environment)

"""Hands-on sections: those whose module has a `main()` to run with the learner's code."""

from __future__ import annotations

import subprocess
import sys

from grader.course import Section
from grader.errors import GraderError
from grader.files import read_text
from grader.sources import outline
from grader.workspace import Workspace

_RUN = "import runpy, sys; runpy.run_path(sys.argv[1])['main']()"


def run(workspace: Workspace, section: Section) -> int:
    """Run `main()` of the learner's file in a process of its own; returns its exit code.

    Raises:
        GraderError: there is nothing to run.
    """
    if not any(each.name == "main" for each in outline(section.source, read_text(section.source))):
        problem = f"{section.number} {section.title} has nothing to run: it is no hands-on section."
        raise GraderError(problem, f"`grader check {section.id}` grades it.")
    workspace.read(section)
    command = [sys.executable, "-c", _RUN, str(workspace.path(section))]
    return subprocess.run(command, cwd=workspace.root, check=False).returncode

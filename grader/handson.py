"""`grader run`: a hands-on section with the learner's code where it passes, the packaged solution where not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from grader.course import Section
from grader.errors import GraderError
from grader.files import atomic_write, explained, present, read_text
from grader.models import cache_folder, missing
from grader.parts import Composed, Composition, compose
from grader.sources import outline
from grader.workspace import Workspace

RUNS = "runs"


@dataclass(frozen=True)
class Run:
    """A hands-on section made ready: what it runs with, and where it leaves what it makes."""

    composition: Composition
    folder: Path
    plan: Path

    def start(self) -> tuple[int, list[Path]]:
        """Run it in a process of its own, at this terminal; its exit code, and the files that it left to look at."""
        before = self._files()
        environment = {**os.environ, "GRADER_MODELS": str(cache_folder())}
        command = [sys.executable, "-m", "grader.stage", str(self.plan)]
        code = subprocess.run(command, env=environment, check=False).returncode
        return code, [path for path, stamp in self._files().items() if before.get(path) != stamp]

    def _files(self) -> dict[Path, tuple[int, int]]:
        found = [path for path in sorted(self.folder.rglob("*")) if path.is_file()]
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in found}


def prepare(workspace: Workspace, section: Section) -> Run:
    """Make a run ready.

    Raises:
        GraderError: the section has nothing to run, needs a model or an exercise that is not there, or does not parse.
    """
    if not any(each.name == "main" for each in outline(section.source, read_text(section.source))):
        problem = f"{section.number} {section.title} has nothing to run: it is no hands-on section."
        raise GraderError(problem, f"`grader check {section.id}` grades it.")
    for name in section.models:
        if reason := missing(name):
            raise GraderError(f"{section.number} {section.title} cannot run here. {reason}")
    composition = compose(workspace, section)
    folder = workspace.root / RUNS / section.path.removesuffix(".py")
    with explained(folder, "written"):
        folder.mkdir(parents=True, exist_ok=True)
    modules = [_staged(workspace, module) for module in composition.modules.values()]
    plan = workspace.private / "run" / f"{section.path.removesuffix('.py')}.json"
    wanted = {"folder": str(folder), "data": str(section.source.parent), "modules": modules}
    atomic_write(plan, json.dumps(wanted, indent=2) + "\n")
    return Run(composition, folder, plan)


def _staged(workspace: Workspace, module: Composed) -> dict[str, object]:
    """What the stage needs to know of a module; a text that stands in no file as it is gets one, for tracebacks."""
    files = [workspace.path(module.section), *([module.section.solution] if module.section.solution else [])]
    file = next((each for each in files if present(each) and read_text(each) == module.text), None)
    if file is None:
        file = workspace.private / "run" / module.section.path
        atomic_write(file, module.text)
    parts = {name: (target.id, wanted) for name, target, wanted in module.parts}
    return {"id": module.section.id, "file": str(file), "parts": parts}

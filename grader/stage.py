"""The process in which a hands-on section runs: loads the composed modules, binds parts, calls `main()`.

`grader run` starts `python -m grader.stage PLAN`; this file imports nothing else of the grader. A part that takes an
argument called `parts` itself comes with it bound, so that whoever is given it calls it like any other function.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any


def main(plan: Path) -> None:
    """Run the last module of the plan."""
    stages = json.loads(plan.read_text("utf-8"))
    modules: dict[str, tuple[ModuleType, SimpleNamespace]] = {}
    for module in stages["modules"]:
        parts = SimpleNamespace(
            **{name: _bound(*modules[section], wanted) for name, (section, wanted) in module["parts"].items()}
        )
        modules[module["id"]] = (_load(module["id"], module["file"]), parts)
    last, parts = modules[stages["modules"][-1]["id"]]
    offered = {"parts": parts, "folder": Path(stages["folder"]), "data": Path(stages["data"])}
    last.main(**{name: offered[name] for name in _parameters(last.main) if name in offered})


def _load(id: str, file: str) -> ModuleType:
    """The module under a name of its own, known to Python (dataclasses and pickles look it up)."""
    name = f"course.{id.replace('/', '.')}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _bound(module: ModuleType, parts: SimpleNamespace, name: str) -> Any:
    found = getattr(module, name)
    return functools.partial(found, parts=parts) if "parts" in _parameters(found) else found


def _parameters(function: Any) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


if __name__ == "__main__":
    main(Path(sys.argv[1]))

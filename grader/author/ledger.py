"""What passed the gate, by content: a committed file, one sorted line for each exercise, so that merges are easy.

An entry holds as long as the section's own files and the code that judges them say the same; comments and docstrings
of the grader do not count.
"""

from __future__ import annotations

import ast
import hashlib
import json
from functools import cache
from pathlib import Path

from grader.author.findings import Verdict
from grader.course import Section
from grader.errors import GraderError
from grader.files import atomic_write, explained, present, read_bytes, read_text

PLACE = Path("tests/chapters/ledger.json")
# What a verdict depends on beside the section itself: whatever runs, compares or names.
JUDGING = (
    "arrays", "bench", "checks", "compare", "diagnosis", "examples", "explain", "judge", "leaves", "mistakes",
    "relations", "scaling", "session", "shapes", "shortcuts", "stubs", "suite", "travel", "trial", "values", "author",
    "sandbox",
)  # fmt: skip
GRADER = Path(__file__).parents[1]
_Documented = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Ledger:
    """The clean verdicts of earlier runs."""

    def __init__(self, path: Path, entries: dict[str, dict[str, object]]) -> None:
        self.path = path
        self._entries = entries

    @classmethod
    def of(cls, root: Path) -> Ledger:
        """The ledger of the course at `root`, empty where there is none.

        Raises:
            GraderError: the file cannot be read.
        """
        path = root / PLACE
        if not present(path):
            return cls(path, {})
        try:
            return cls(path, dict(json.loads(read_text(path))))
        except ValueError as error:
            raise GraderError(
                f"{path} is not valid JSON: {error}.", "Delete it; `make gate` writes it anew."
            ) from error

    def verdict(self, exercise: str, content: str) -> Verdict | None:
        """What was found when the content was the same."""
        entry = self._entries.get(exercise)
        if entry is None or entry.get("content") != content:
            return None
        try:
            return Verdict.from_json(exercise, {key: value for key, value in entry.items() if key != "content"})
        except (TypeError, KeyError):
            return None  # written by another version

    def enter(self, verdict: Verdict, content: str) -> None:
        """Keep a clean verdict, and forget what is not clean any more."""
        if verdict.clean:
            self._entries[verdict.id] = {"content": content, **verdict.to_json()}
        else:
            self._entries.pop(verdict.id, None)

    def keep_only(self, exercises: frozenset[str]) -> None:
        """Forget exercises that the course does not have any more."""
        self._entries = {id: entry for id, entry in self._entries.items() if id in exercises}

    def write(self) -> None:
        """Write the file, unless it says the same already."""
        lines = [f"{json.dumps(id)}: {json.dumps(self._entries[id], sort_keys=True)}" for id in sorted(self._entries)]
        text = "{\n" + ",\n".join(lines) + "\n}\n" if lines else "{}\n"
        if not lines and not present(self.path):
            return
        if not present(self.path) or read_text(self.path) != text:
            with explained(self.path, "written"):
                atomic_write(self.path, text)


def content_of(section: Section) -> str:
    """A hash of everything that a section's verdicts depend on."""
    paths = (section.source, section.source.with_suffix(".toml"), section.suite, section.mistakes)
    digest = hashlib.sha256(_judging().encode())
    for path in paths:
        digest.update(hashlib.sha256(read_bytes(path) if path else b"").digest())
    return digest.hexdigest()[:16]


@cache
def _judging() -> str:
    """A hash of the code that judges."""
    found = [path for name in JUDGING for path in _modules(name)]
    digest = hashlib.sha256()
    for path in found:
        digest.update(f"{path.relative_to(GRADER)}\n{_code(path)}\n".encode())
    return digest.hexdigest()


def _modules(name: str) -> list[Path]:
    file = GRADER / f"{name}.py"
    return [file] if file.is_file() else sorted((GRADER / name).glob("*.py"))


def _code(path: Path) -> str:
    """A module's program, without comments, docstrings and layout."""
    tree = ast.parse(read_text(path))
    for node in ast.walk(tree):
        if isinstance(node, _Documented) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.dump(tree)

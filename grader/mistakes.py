"""Classic wrong answers: each as a patch of the solution and as somebody else would write it, with one sentence."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from grader.errors import GraderError
from grader.stubs import definition, replace_definition
from grader.travel import source_of

Patch = tuple[str, str]
_REGISTER = "__grader_mistakes__"


@dataclass(frozen=True)
class Mistake:
    """A wrong answer to one exercise.

    Args:
        says: one sentence for the learner.
        patch: `(old, new)` pairs for the solution's text of the exercise.
        variant: the source of the same mistake written differently, under the exercise's name.
        recognise: says from a trace whether this is the mistake, where answers depend on the order of random draws.
    """

    exercise: str
    name: str
    says: str
    patch: tuple[Patch, ...]
    variant: str
    recognise: Callable[..., Any] | None = field(default=None, repr=False)

    def patched(self, solution_text: str) -> str:
        """Return the solution with the patch applied inside this exercise.

        Raises:
            GraderError: an `old` does not occur exactly once there.
        """
        text = definition(solution_text, self.exercise)
        for old, new in self.patch:
            count = text.count(old)
            if count != 1:
                raise GraderError(
                    f"mistake {self.name}: {old!r} must occur exactly once in {self.exercise}; it occurs {count} times",
                    "Lengthen the text to be replaced, or bring it up to date with the solution.",
                )
            text = text.replace(old, new)
        return replace_definition(solution_text, self.exercise, text)

    def substituted(self, solution_text: str) -> str:
        """Return the solution with the variant in place of this exercise."""
        return replace_definition(solution_text, self.exercise, self.variant)


def mistake(
    exercise: str, *, says: str, patch: Patch | Sequence[Patch], recognise: Callable[..., Any] | None = None
) -> Callable[[Callable[..., Any]], Mistake]:
    """Turn the decorated function or class into a `Mistake` of that exercise, and enter it in its module's list."""
    pairs = _pairs(patch)
    if not says.strip():
        raise TypeError(f"a mistake of {exercise} says nothing: give one sentence for the learner")

    def register(thing: Callable[..., Any]) -> Mistake:
        name = thing.__name__
        made = Mistake(exercise, name, says, pairs, _renamed(source_of(thing), name, exercise), recognise)
        entries = sys._getframe(1).f_globals.setdefault(_REGISTER, [])
        if any(other.name == name for other in entries):
            raise TypeError(f"two mistakes are called {name}")
        entries.append(made)
        return made

    return register


def _pairs(patch: Any) -> tuple[Patch, ...]:
    pairs = (patch,) if isinstance(patch, tuple) and patch and isinstance(patch[0], str) else tuple(patch)
    for pair in pairs:
        if not (len(pair) == 2 and all(isinstance(text, str) for text in pair) and pair[0] and pair[0] != pair[1]):
            raise TypeError(f"a patch is (old, new), or several of them; this is {pair!r}")
    return tuple((old, new) for old, new in pairs)


def mistakes_in(module: ModuleType) -> tuple[Mistake, ...]:
    """Return a module's mistakes in the order of their definition."""
    return tuple(vars(module).get(_REGISTER, ()))


def _renamed(source: str, old: str, new: str) -> str:
    """Return the definition under another name, its references to itself included."""
    lines = source.splitlines(keepends=True)
    for line, column in sorted(_references(source, old), reverse=True):
        row = lines[line - 1].encode()
        if row[column : column + len(old.encode())] == old.encode():
            lines[line - 1] = (row[:column] + new.encode() + row[column + len(old.encode()) :]).decode()
    lines[0] = re.sub(rf"^((?:async\s+def|def|class)\s+){re.escape(old)}\b", rf"\g<1>{new}", lines[0])
    return "".join(lines)


def _references(source: str, name: str) -> set[tuple[int, int]]:
    """Return where the name is read, none when the definition binds the name itself to something else."""
    nodes = list(ast.walk(ast.parse(source)))
    if any(isinstance(node, ast.arg) and node.arg == name for node in nodes):
        return set()
    found = [node for node in nodes if isinstance(node, ast.Name) and node.id == name]
    if any(not isinstance(node.ctx, ast.Load) for node in found):
        return set()
    return {(node.lineno, node.col_offset) for node in found}

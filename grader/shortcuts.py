"""Shortcuts that an exercise forbids, found in the syntax tree. A teaching rule, not a security boundary."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

LONGEST = 20  # parts of a dotted name


def find(source: str, exercise: str, forbids: Sequence[str]) -> list[tuple[int, str]]:
    """Lines of the exercise (or of module-level code that it names) that use a forbidden name: `(line, name)`.

    A forbidden name is dotted (`torch.softmax`), a method of tensors (`Tensor.softmax`) or the operator "@".
    """
    if not forbids:
        return []
    try:
        tree, aliases = _read(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found = [hit for node in _reachable(tree, exercise) for hit in _hits(node, aliases, frozenset(forbids))]
    return sorted(set(found))


def uses(source: str, exercise: str) -> set[str]:
    """The module's functions and classes that an exercise uses, directly or through others; not names of its own."""
    try:
        tree, _ = _read(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    return {getattr(node, "name", "") for node in _reachable(tree, exercise, _free)} - {exercise, ""}


@lru_cache(maxsize=4)
def _read(source: str) -> tuple[ast.Module, dict[str, str]]:
    """A module's tree and aliases; the exercises of one file ask for it one after another."""
    tree = ast.parse(source)
    return tree, _aliases(tree)


def _aliases(tree: ast.Module) -> dict[str, str]:
    """What each imported name stands for: `F` → `torch.nn.functional`."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return names


def _mentioned(node: ast.AST) -> Iterable[str]:
    return [inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)]


def _free(node: ast.AST) -> Iterable[str]:
    """Names that are read in a definition and bound nowhere in it."""
    names = [inner for inner in ast.walk(node) if isinstance(inner, ast.Name)]
    bound = {inner.arg for inner in ast.walk(node) if isinstance(inner, ast.arg)}
    bound |= {name.id for name in names if not isinstance(name.ctx, ast.Load)}
    return [name.id for name in names if name.id not in bound]


def _reachable(
    tree: ast.Module, exercise: str, names: Callable[[ast.AST], Iterable[str]] = _mentioned
) -> Iterator[ast.AST]:
    """The exercise's definition and the learner's own helpers that it mentions, directly or through others."""
    defined = {
        node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
    }
    assigned = {
        t.id: node
        for node in tree.body
        if isinstance(node, ast.Assign)
        for t in node.targets
        if isinstance(t, ast.Name)
    }
    waiting, seen = [exercise], set()
    while waiting:
        name = waiting.pop()
        node: ast.AST | None = defined.get(name) or assigned.get(name)
        if name in seen or node is None:
            continue
        seen.add(name)
        yield node
        waiting += names(node)


def _hits(node: ast.AST, aliases: dict[str, str], forbids: frozenset[str]) -> Iterator[tuple[int, str]]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.BinOp | ast.AugAssign) and isinstance(inner.op, ast.MatMult) and "@" in forbids:
            yield inner.lineno, "@"
        if isinstance(inner, ast.Attribute | ast.Name):
            dotted = _dotted(inner, aliases)
            if dotted in forbids:
                yield inner.lineno, dotted
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
            method = f"Tensor.{inner.func.attr}"
            if method in forbids and not _is_module(inner.func.value, aliases):
                yield inner.lineno, method


def _dotted(node: ast.expr, aliases: dict[str, str]) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute) and len(parts) < LONGEST:
        parts.append(node.attr)
        node = node.value
    start = aliases.get(node.id, node.id) if isinstance(node, ast.Name) else "?"
    return ".".join([start, *reversed(parts)])


def _is_module(node: ast.expr, aliases: dict[str, str]) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in aliases

"""The statements of a notebook's cells: what each gives a meaning to, and which names it needs for that."""

from __future__ import annotations

import ast
import re
import symtable
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from grader.cells import Cell, python
from grader.files import lines_of
from grader.sources import parsed

STAR = "*"  # stands for all names that `from module import *` may bind
_TOP_LEVEL = re.compile(r"^(?:async[ \t]+def|def|class)[ \t]+(\w+)", re.MULTILINE)
_AT_ONCE = ("listcomp", "setcomp", "dictcomp", "genexpr")
_REPLACES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)


@dataclass(frozen=True)
class Statement:
    """A top-level statement of a cell, and where it begins.

    `binds` are the names that it gives a meaning or changes, `at_once` those it reads when it runs, `later` those that
    its functions read. `replaces`: what the names meant before does not matter. `tries`: an expression, such as a call.
    `broken`: only stands for a definition.
    """

    cell: int
    line: int
    text: str
    binds: frozenset[str]
    at_once: frozenset[str] = frozenset()
    later: frozenset[str] = frozenset()
    replaces: bool = True
    tries: bool = False
    broken: bool = False


def statements(cell: Cell) -> Iterator[Statement]:
    """The statements of a code cell that give or change a meaning.

    A cell that is not valid Python defines nothing; what it was to define is there as a broken stand-in.
    """
    text = python(cell.source)
    try:
        tree = parsed(text)
        _compiled(tree, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError as error:
        yield from _stand_ins(cell, text, error)
        return
    lines = lines_of(text)
    firsts = [min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))]) for node in tree.body]
    ends = [*firsts, len(lines) + 1][1:]
    before = 0
    for node, first, end in zip(tree.body, firsts, ends, strict=True):
        last = node.end_lineno or node.lineno
        alone = before < first and last < end  # comments up to the next statement go with it
        before = last
        own = "".join(lines[first - 1 : end - 1]) if alone else ast.unparse(node)
        yield from _read((cell.number, first), node, own)


def _compiled(tree: ast.Module, flags: int = 0) -> None:
    """Raises `SyntaxError` for what parses and is not Python all the same, such as `return` outside a function."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(tree, "cell", "exec", flags=flags, dont_inherit=True)
        except (ValueError, RecursionError, MemoryError) as error:
            raise SyntaxError(str(error) or "too deeply nested", (None, 1, None, None)) from error


def _stand_ins(cell: Cell, text: str, error: SyntaxError) -> Iterator[Statement]:
    says = f"{error.msg} (cell {cell.number}, line {error.lineno or 1})"
    for name in dict.fromkeys(_TOP_LEVEL.findall(text)):
        stands = f"def {name}(*values, **named):\n    raise SyntaxError({says!a})\n"
        # What it raises is named by the line that is wrong.
        yield Statement(cell.number, (error.lineno or 1) - 1, stands, frozenset([name]), broken=True)


def _read(place: tuple[int, int], node: ast.stmt, text: str) -> Iterator[Statement]:
    """The statement, unless it changes nothing, or is one that a module cannot have (`await` outside a function)."""
    try:
        _compiled(ast.Module([node], []))
        table = symtable.symtable(text, "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    symbols = table.get_symbols()
    binds = {each.get_name() for each in symbols if each.is_assigned() or each.is_imported()} | set(_changed(node))
    binds |= {STAR} if _is_star(node) else set()
    if not binds:
        return
    at_once, later = {each.get_name() for each in symbols if each.is_referenced()}, set[str]()
    _add_globals(table, at_once, later)
    replaces = isinstance(node, _REPLACES) and not _only_adds(node) and binds.isdisjoint(at_once)
    tries = isinstance(node, ast.Expr)
    yield Statement(*place, text, frozenset(binds), frozenset(at_once), frozenset(later), replaces, tries)


def _changed(node: ast.stmt) -> Iterator[str]:
    """Names whose object is changed, as in `TABLE["a"] = 1`, `Model.forward = forward` or `WORDS.append("a")`."""
    method = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and node.value.func
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute | ast.Subscript) and (
            inner is method or not isinstance(inner.ctx, ast.Load)
        ):
            root: ast.expr = inner
            while isinstance(root, ast.Attribute | ast.Subscript):
                root = root.value
            if isinstance(root, ast.Name):
                yield root.id


def _add_globals(table: symtable.SymbolTable, at_once: set[str], later: set[str], runs: bool = True) -> None:
    """Adds the module's names that inner scopes use; class bodies and comprehensions run at once, functions later."""
    for inner in table.get_children():
        now = runs and (inner.get_type() == "class" or inner.get_name().strip("<>") in _AT_ONCE)
        (at_once if now else later).update(each.get_name() for each in inner.get_symbols() if each.is_global())
        _add_globals(inner, at_once, later, now)


def _only_adds(node: ast.stmt) -> bool:
    """`import torch.optim` adds to what `torch` means, `from math import *` to nobody knows what."""
    if isinstance(node, ast.Import):
        return all("." in each.name and not each.asname for each in node.names)
    return _is_star(node) or (isinstance(node, ast.AnnAssign) and node.value is None)


def _is_star(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.names[0].name == STAR

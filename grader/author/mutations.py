"""What a mutant may change: one function for each kind of syntax, each yielding new text for one node."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from grader.author.calls import of_call
from grader.author.change import Change, Source

SWAPPED_OPERATORS = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "/", ast.Mod: "//", ast.Pow: "*",
    ast.MatMult: "*", ast.LShift: ">>", ast.RShift: "<<", ast.BitAnd: "|", ast.BitOr: "&", ast.BitXor: "|",
}  # fmt: skip
SYMBOLS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.MatMult: "@", ast.LShift: "<<", ast.RShift: ">>", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
}  # fmt: skip
COMMUTATIVE = (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr, ast.BitXor)
COMPARISONS: dict[type[ast.cmpop], tuple[str, ...]] = {
    ast.Lt: ("<=", ">"), ast.LtE: ("<", ">="), ast.Gt: (">=", "<"), ast.GtE: (">", "<="), ast.Eq: ("!=",),
    ast.NotEq: ("==",), ast.Is: ("is not",), ast.IsNot: ("is",), ast.In: ("not in",), ast.NotIn: ("in",),
}  # fmt: skip


def changes(tree: ast.Module, text: str, lines: frozenset[int]) -> Iterator[Change]:
    """Every change of nodes that stand on these lines, in the order of their places."""
    source = Source(text)
    nodes = sorted(_nodes(tree), key=lambda node: (node.lineno, node.col_offset, -_end(node)[0], -_end(node)[1]))
    for node in nodes:
        if node.lineno in lines and _end(node)[0] in lines:
            for kind, change in KINDS:
                if isinstance(node, kind):
                    yield from change(node, source)
    yield from (change for change in _rebindings(tree, source) if change.node.lineno in lines)


def _end(node: Any) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or 0


def _nodes(tree: ast.AST) -> Iterator[Any]:
    """The nodes that can be changed: messages of exceptions, f-strings, annotations and docstrings are left alone."""
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.Raise | ast.JoinedStr):
                continue
            if hasattr(child, "lineno"):
                yield child
            yield from _nodes(child)


# Operators


def _binary(node: ast.BinOp, source: Source) -> Iterator[Change]:
    left, right, kind = source.operand(node.left), source.operand(node.right), type(node.op)
    yield Change(node, f"({left} {SWAPPED_OPERATORS[kind]} {right})")
    yield Change(node, left)
    if isinstance(node.op, COMMUTATIVE):
        yield Change(node, right)
    else:
        yield Change(node, f"({right} {SYMBOLS[kind]} {left})")


def _in_place(node: ast.AugAssign, source: Source) -> Iterator[Change]:
    target, value = source.of(node.target), source.operand(node.value)
    yield Change(node, f"{target} {SWAPPED_OPERATORS[type(node.op)]}= {value}")
    yield Change(node, f"{target} = {value}")
    yield Change(node, "pass", "(deleted)")


def _compare(node: ast.Compare, source: Source) -> Iterator[Change]:
    operands = [node.left, *node.comparators]
    for place, op in enumerate(node.ops):
        for symbol in COMPARISONS[type(op)]:
            symbols = [_symbol(other) for other in node.ops]
            symbols[place] = symbol
            tail = (f" {each} {source.operand(operand)}" for each, operand in zip(symbols, operands[1:], strict=True))
            yield Change(node, f"({source.operand(operands[0])}{''.join(tail)})")


def _symbol(op: ast.cmpop) -> str:
    return {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is",
            ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in"}[type(op)]  # fmt: skip


def _boolean(node: ast.BoolOp, source: Source) -> Iterator[Change]:
    values = [source.operand(value) for value in node.values]
    here, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    yield Change(node, f"({f' {other} '.join(values)})")
    for place in range(len(values)):
        yield Change(node, f"({f' {here} '.join(values[:place] + values[place + 1 :])})")


def _unary(node: ast.UnaryOp, source: Source) -> Iterator[Change]:
    yield Change(node, source.operand(node.operand))
    if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant) and isinstance(node.operand.value, int):
        value = -node.operand.value
        for other in sorted({value - 1, value + 1, 1} - {value}):
            yield Change(node, str(other))


# Constants and names


def _constant(node: ast.Constant, source: Source) -> Iterator[Change]:
    value = node.value
    if isinstance(value, bool):
        yield Change(node, str(not value))
    elif isinstance(value, int):
        for other in dict.fromkeys([value + 1, value - 1]):
            yield Change(node, str(other) if other >= 0 else f"({other})")
    elif isinstance(value, float):
        yield from (Change(node, new) for new in (("1.0",) if value == 0 else (f"({value!r} * 2)", f"(-{value!r})")))


def _name(node: ast.Name, source: Source) -> Iterator[Change]:
    if "eps" in node.id.lower() and isinstance(node.ctx, ast.Load):
        yield Change(node, "0.0")


def _attribute(node: ast.Attribute, source: Source) -> Iterator[Change]:
    if node.attr in ("T", "mT", "H", "real") and isinstance(node.ctx, ast.Load):
        yield Change(node, source.operand(node.value))


# Slices, conditions, statements


def _slice(node: ast.Slice, source: Source) -> Iterator[Change]:
    parts = [source.of(each) if each else "" for each in (node.lower, node.upper, node.step)]
    for place, bound in enumerate((node.lower, node.upper)):
        if bound is not None and not isinstance(bound, ast.Constant):
            for sign in "+-":
                yield Change(bound, f"({parts[place]} {sign} 1)")
    for place, bound in enumerate((node.lower, node.upper, node.step)):
        if bound is not None:
            rest = ["" if other == place else text for other, text in enumerate(parts)]
            yield Change(node, ":".join(rest[: 3 if rest[2] else 2]))


def _condition(node: ast.If | ast.IfExp | ast.While, source: Source) -> Iterator[Change]:
    if not isinstance(node, ast.While):
        yield from _forced(node.test, source)
    else:
        yield Change(node.test, "False")


def _forced(test: ast.expr, source: Source) -> Iterator[Change]:
    """A condition that always or never holds, and two traps: has it ever held, and ever not, under the checks?"""
    text = source.operand(test)
    yield Change(test, "True")
    yield Change(test, "False")
    yield Change(test, f"({text} and 1 / 0)", "a crash where it is true", trap=True)
    yield Change(test, f"({text} or 1 / 0)", "a crash where it is false", trap=True)


def _filter(node: ast.comprehension, source: Source) -> Iterator[Change]:
    for test in node.ifs:
        yield Change(test, "True")


def _comprehension(node: Any, source: Source) -> Iterator[Change]:
    for generator in node.generators:
        yield from _filter(generator, source)


def _expression(node: ast.Expr, source: Source) -> Iterator[Change]:
    if not isinstance(node.value, ast.Constant):
        yield Change(node, "pass", "(deleted)")


def _assign(node: ast.Assign, source: Source) -> Iterator[Change]:
    if all(isinstance(target, ast.Subscript) for target in node.targets):
        yield Change(node, "pass", "(deleted)")


def _jump(node: ast.Break | ast.Continue, source: Source) -> Iterator[Change]:
    yield Change(node, "pass", "(deleted)")


def _rebindings(tree: ast.AST, source: Source) -> Iterator[Change]:
    """Assignments to names that had a value before: without them the old value stays."""
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
        bound = {argument.arg for argument in ast.walk(function.args) if isinstance(argument, ast.arg)}
        for node in sorted((n for n in ast.walk(function) if isinstance(n, ast.Assign)), key=lambda n: n.lineno):
            names = {each.id for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name)}
            if names <= bound:
                yield Change(node, "pass", "(deleted)")
            bound |= names


Kind = tuple[Any, Callable[[Any, Source], Iterable[Change]]]
KINDS: tuple[Kind, ...] = (
    (ast.BinOp, _binary),
    (ast.AugAssign, _in_place),
    (ast.Compare, _compare),
    (ast.BoolOp, _boolean),
    (ast.UnaryOp, _unary),
    (ast.Constant, _constant),
    (ast.Name, _name),
    (ast.Attribute, _attribute),
    (ast.Call, of_call),
    (ast.Slice, _slice),
    (ast.If | ast.IfExp | ast.While, _condition),
    (ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, _comprehension),
    (ast.Expr, _expression),
    (ast.Assign, _assign),
    (ast.Break | ast.Continue, _jump),
)

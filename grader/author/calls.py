"""What a mutant may change in a call: its function, its arguments, or all of it but what it was given."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from grader.author.change import Change, Source

OPPOSITES = dict(
    pair
    for a, b in (
        ("min", "max"), ("argmin", "argmax"), ("amin", "amax"), ("minimum", "maximum"), ("tril", "triu"),
        ("zeros", "ones"), ("zeros_like", "ones_like"), ("sum", "mean"), ("any", "all"), ("floor", "ceil"),
        ("sin", "cos"), ("sqrt", "rsqrt"), ("repeat_interleave", "repeat"), ("append", "extend"),
        ("startswith", "endswith"), ("lstrip", "rstrip"), ("nanmin", "nanmax"),
    )
    for pair in ((a, b), (b, a))
)  # fmt: skip
# Calls that can be left out: what they were given stands for what they gave.
DROPPED = frozenset(
    "sqrt rsqrt exp log log1p log2 log10 expm1 mean sum max min amax amin detach clamp clip softmax log_softmax "
    "logsumexp transpose swapaxes moveaxis permute abs square pow tanh sigmoid relu silu gelu reshape view ravel "
    "flatten unsqueeze squeeze sort sorted reversed flip roll cumsum cumprod tril triu masked_fill repeat_interleave "
    "expand contiguous float double long int bool to type astype copy clone deepcopy round floor ceil normalize norm "
    "lower upper strip lstrip rstrip list tuple set no_grad broadcast_to nan_to_num prod std var var_mean conj".split()
)
SYMMETRIC_CALLS = frozenset(
    "maximum minimum max min logaddexp isinstance allclose array_equal isclose gcd zip add".split()
)


def of_call(node: ast.Call, source: Source) -> Iterator[Change]:
    """Another function, no function, one argument less, two exchanged."""
    text, name = source.of(node), _called(node.func)
    head = source.of(node.func)
    if name in OPPOSITES:
        yield Change(node, head.removesuffix(name) + OPPOSITES[name] + text[len(head) :])
    if name in DROPPED:
        yield from (Change(node, source.operand(kept)) for kept in _what_remains(node))
    if name == "range" and not node.keywords:
        yield from _range(node, source)
    yield from _arguments(node, source, head)


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _what_remains(node: ast.Call) -> Iterator[ast.expr]:
    """What stands for a call that is left out: `x` for `np.sqrt(x)`, and for `x.sqrt()`."""
    first = next((each for each in node.args if not isinstance(each, ast.Starred)), None)
    method = isinstance(node.func, ast.Attribute) and not _is_module(node.func.value)
    if method and isinstance(node.func, ast.Attribute):
        yield node.func.value
    elif first is not None:
        yield first


def _is_module(node: ast.expr) -> bool:
    """Whether a dotted name is a library's by the course's conventions."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in ("np", "torch", "F", "math", "nn", "numpy", "init", "itertools")


def _range(node: ast.Call, source: Source) -> Iterator[Change]:
    arguments = [source.operand(each) for each in node.args]
    if len(arguments) == 1:
        yield Change(node, f"range({arguments[0]} - 1)")
        yield Change(node, f"range(1, {arguments[0]})")
    else:
        yield Change(node, f"range({', '.join([arguments[0], f'{arguments[1]} - 1', *arguments[2:]])})")
        yield Change(node, f"range({', '.join([f'{arguments[0]} + 1', *arguments[1:]])})")


def _arguments(node: ast.Call, source: Source, head: str) -> Iterator[Change]:
    """One keyword left out; two neighbours exchanged."""
    positional, named = [source.of(each) for each in node.args], [source.of(each) for each in node.keywords]
    if any("\n" in each and "#" in each for each in (*positional, *named)):
        return
    for place in range(len(named)):
        rest = named[:place] + named[place + 1 :]
        yield Change(node, f"{head}({', '.join([*positional, *rest])})")
    if _called(node.func) in SYMMETRIC_CALLS or _called(node.func) in ("range", "super"):
        return
    for place in range(len(positional) - 1):
        swapped = [*positional]
        swapped[place : place + 2] = swapped[place + 1], swapped[place]
        yield Change(node, f"{head}({', '.join([*swapped, *named])})")

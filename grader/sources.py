"""A section's source files, read without importing them; what is wrong in one is told with its file and line."""

from __future__ import annotations

import ast
import difflib
import re
import tomllib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.errors import GraderError
from grader.files import lines_of, read_text

BEGIN = re.compile(r"[ \t\f]*#.*begin solution", re.IGNORECASE)
END = re.compile(r"[ \t\f]*#.*end solution", re.IGNORECASE)
_TOP_LEVEL = re.compile(r"(?:async[ \t]+def|def|class)[ \t]+(\w+)")
_HEADER = re.compile(r"\s*\[+([\w.\- ]+)\]+\s*(?:#.*)?$")
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def parsed(text: str) -> ast.Module:
    """The syntax tree of text that may be anything; Python's remarks about it are not printed.

    Raises:
        SyntaxError: also for null bytes and for nesting too deep to parse.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text.removeprefix("\ufeff"))
        except (ValueError, RecursionError, MemoryError) as error:
            raise SyntaxError(str(error) or "too deeply nested", (None, 1, None, None)) from error


@dataclass(frozen=True)
class Outline:
    """A top-level definition of a solution and how many regions it has."""

    name: str
    line: int
    regions: int


def outline(path: Path, text: str) -> list[Outline]:
    """The definitions of a solution in order, found by their first column (twenty times quicker than parsing).

    Raises:
        GraderError: a region stands outside every def and class.
    """
    found: list[Outline] = []
    for number, line in enumerate(lines_of(text), 1):
        if match := _TOP_LEVEL.match(line):
            found.append(Outline(match[1], number, 0))
        elif BEGIN.match(line):
            if not found or line.startswith("#"):
                raise GraderError(f"{path}:{number}: a region must stand inside a top-level def or class.")
            found[-1] = Outline(found[-1].name, found[-1].line, found[-1].regions + 1)
    return found


@dataclass(frozen=True)
class Table:
    """One table of a toml file, whose values are asked for with their types."""

    path: Path
    source: str
    header: str
    data: dict[str, Any]
    nth: int = 0

    @classmethod
    def read(cls, path: Path) -> Table:
        """The whole file as a table; raises `GraderError` with the line of a syntax error."""
        source = read_text(path)
        try:
            return cls(path, source, "", tomllib.loads(source))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise GraderError(f"{path}: not valid TOML: {error}.") from error

    def only(self, *known: str) -> None:
        """Refuses keys that nobody reads, which are mostly slips of the pen."""
        for key in self.data:
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                hint = f"Did you mean `{near[0]}`?" if near else f"Known keys: {', '.join(known)}."
                raise self.error(key, f"unknown key `{key}`", hint)

    def text(self, key: str, default: str | None = None) -> str:
        value = self.data.get(key, default)
        return self._typed(key, value, isinstance(value, str), "a text")  # type: ignore[no-any-return]

    def whole(self, key: str, low: int, high: int) -> int:
        value = self.data.get(key)
        right = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return self._typed(key, value, right, f"a whole number from {low} to {high}")  # type: ignore[no-any-return]

    def number(self, key: str, default: float, low: float, high: float) -> float:
        value = self.data.get(key, default)
        right = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
        return float(self._typed(key, value, right, f"a number from {low:g} to {high:g}"))

    def table(self, key: str) -> Table:
        """The table `[key]`, empty where there is none."""
        value = self.data.get(key, {})
        return Table(self.path, self.source, key, self._typed(key, value, isinstance(value, dict), "a table"))

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.data.get(key, [])
        right = isinstance(value, list) and all(isinstance(item, str) for item in value)
        return tuple(self._typed(key, value, right, "a list of texts"))

    def tables(self, key: str) -> dict[str, Table]:
        """The tables `[key.NAME]` by name."""
        value = self._typed(key, self.data.get(key, {}), isinstance(self.data.get(key, {}), dict), "a table")
        for name, data in value.items():
            if not isinstance(data, dict):
                raise self.error(name, f"`{key}.{name}` must be a table, but is {data!r}")
        return {name: Table(self.path, self.source, f"{key}.{name}", data) for name, data in value.items()}

    def pairs(self, key: str) -> dict[str, str]:
        """The table `[key]` of names and texts."""
        value = self.data.get(key, {})
        right = isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
        return dict(self._typed(key, value, right, "a table of texts"))

    def array(self, key: str) -> list[Table]:
        """The tables `[[key]]` in order."""
        value = self.data.get(key, [])
        right = isinstance(value, list) and all(isinstance(item, dict) for item in value)
        self._typed(key, value, right, f"an array of tables [[{key}]]")
        return [Table(self.path, self.source, key, data, nth) for nth, data in enumerate(value)]

    def _typed(self, key: str, value: Any, right: bool, kind: str) -> Any:
        if value is None:
            raise self.error(key, f"`{key}` is missing; it must be {kind}")
        if not right:
            raise self.error(key, f"`{key}` must be {kind}, but is {value!r}")
        return value

    def error(self, key: str, problem: str, hint: str = "") -> GraderError:
        """What is wrong with a key, with the place where it stands."""
        place = f"[{self.header}]: " if self.header else ""
        return GraderError(f"{self.path}:{self._line(key)}: {place}{problem}.", hint)

    def _line(self, key: str) -> int:
        """Where the key stands in this table, else where the table begins (TOML readers keep no places)."""
        lines = self.source.split("\n")
        heads = [(number, match[1].strip()) for number, line in enumerate(lines) if (match := _HEADER.match(line))]
        starts = [number for number, name in heads if name == self.header]
        start = starts[self.nth] if self.nth < len(starts) else 0
        end = next((number for number, _ in heads if number > start), len(lines))
        named = re.compile(rf"\s*\"?{re.escape(key)}\"?\s*=")
        tables = [number for number, name in heads if not self.header and key in name.split(".")]
        found = [number for number in range(start, end) if named.match(lines[number])] or tables
        return (found or [start])[0] + 1


@dataclass(frozen=True)
class Mark:
    """A function of a hidden suite and what its marks say. `fixed_data`: its inputs must not be given away."""

    function: str
    line: int
    rule: str
    exercise: str
    points: float
    fixed_data: bool = False


def marks(path: Path) -> list[Mark]:
    """The checks of a hidden suite, in order.

    Raises:
        GraderError: it does not parse, or a test has no mark, no docstring or a name that is taken.
    """
    try:
        tree = parsed(read_text(path))
    except SyntaxError as error:
        raise GraderError(f"{path}:{error.lineno}: not valid Python: {error.msg}.") from error
    tests = [node for node in tree.body if isinstance(node, _Function) and node.name.startswith("test")]
    lines: dict[str, int] = {}
    for node in tests:
        if lines.setdefault(node.name, node.lineno) != node.lineno:
            raise GraderError(f"{path}:{node.lineno}: {node.name} is defined again (first on line {lines[node.name]}).")
    return [_mark(path, node) for node in tests]


def _mark(path: Path, node: _Function) -> Mark:
    where = f"{path}:{node.lineno}: {node.name}"
    calls = [call for call in node.decorator_list if _marked(call, "exercise")]
    if len(calls) != 1:
        hint = 'Write @pytest.mark.exercise("name", points=1) above it.'
        raise GraderError(f"{where} must have one exercise mark, but has {len(calls)}.", hint)
    docstring = ast.get_docstring(node)
    if not docstring:
        raise GraderError(f"{where} has no docstring.", "Its first line is the rule that the learner reads.")
    fixed_data = any(_marked(call, "fixed_data") for call in node.decorator_list)
    return Mark(node.name, node.lineno, docstring.splitlines()[0].strip(), *_arguments(calls[0], where), fixed_data)


def _marked(decorator: ast.expr, mark: str) -> bool:
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(target).endswith(f"mark.{mark}")


def _arguments(call: ast.expr, where: str) -> tuple[str, float]:
    try:
        if not isinstance(call, ast.Call):
            raise ValueError("the mark is not called")
        given = dict(zip(("name", "points"), map(ast.literal_eval, call.args), strict=False))
        given |= {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg}
        name, points = given.pop("name"), given.pop("points", 1)
        if given or not isinstance(name, str) or not isinstance(points, int | float) or points <= 0:
            raise ValueError("a name as text and points above zero")
    except (KeyError, TypeError, ValueError) as error:
        hint = 'Write @pytest.mark.exercise("name", points=1) with plain values.'
        raise GraderError(f"{where} has an exercise mark that cannot be read.", hint) from error
    return name, float(points)

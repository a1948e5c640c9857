"""What an author writes beside the code: hints, rules, docstrings. Read from the files, nothing is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from grader.author.findings import Finding
from grader.course import Exercise, Section
from grader.diagnosis import mistakes_of
from grader.files import lines_of, read_text
from grader.section import nearest
from grader.sources import marks, parsed
from grader.stubs import examples, pristine

CHECKS = {"core": 4, "extra": 3}
MISTAKES = {"core": 2, "extra": 0}
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Definition = _Function | ast.ClassDef
_ENTRY = re.compile(r"(\*{0,2}\w+(?:,\s*\*{0,2}\w+)*)(?:\s*\([^)]*\))?:")


def of_section(section: Section, known: frozenset[str]) -> list[Finding]:
    """What concerns a section as a whole; `known` are the ids of all sections."""
    toml = str(section.source.with_suffix(".toml"))
    missing = [name for name in section.builds_on if name not in known]
    found = [
        Finding(toml, f"It builds on `{name}`, which is not in this course yet.", nearest(name, known), note=True)
        for name in missing
    ]
    if section.suite is None:
        found.append(
            Finding(
                str(section.source), "It has no hidden suite.", f"Write test_{section.module}.py in tests/chapters."
            )
        )
    if section.lesson is None:
        found.append(Finding(str(section.source), "It has no lesson.", f"Write {section.module}.md beside it."))
    return found


def of_exercise(section: Section, exercise: Exercise) -> list[Finding]:
    """What an exercise lacks in its toml, its suite and its docstring."""
    return [
        *_hints(section, exercise),
        *_numbers(section, exercise),
        *_rules(section, exercise),
        *_docstrings(section, exercise),
    ]


def _hints(section: Section, exercise: Exercise) -> Iterator[Finding]:
    toml = section.source.with_suffix(".toml")
    heads = [line.strip() for line in lines_of(read_text(toml))]
    where = (
        f"{toml}:{heads.index(f'[exercises.{exercise.name}]') + 1 if f'[exercises.{exercise.name}]' in heads else 1}"
    )
    if len(exercise.hints) != 3:
        hint = "Give a nudge, the approach, and nearly the code."
        yield Finding(where, f"`{exercise.name}` must have three hints, but has {len(exercise.hints)}.", hint)
    if not all(hint.strip() for hint in exercise.hints):
        yield Finding(where, f"`{exercise.name}` has an empty hint.", "Write it, in one sentence.")
    if len(set(exercise.hints)) < len(exercise.hints):
        yield Finding(where, f"`{exercise.name}` has the same hint twice.", "Each hint says more than the one before.")


def _numbers(section: Section, exercise: Exercise) -> Iterator[Finding]:
    checks, mistakes = len(exercise.checks), len(mistakes_of(section, exercise.name))
    says = f"`{exercise.name}` is {exercise.kind}, so it must have at least"
    if checks < CHECKS[exercise.kind]:
        yield Finding(
            str(section.suite or section.source),
            f"{says} {CHECKS[exercise.kind]} checks, but has {checks}.",
            "One check, one rule.",
        )
    if mistakes < MISTAKES[exercise.kind]:
        hint = f"Write @mistake({exercise.name!r}, …) in mistakes_{section.module}.py."
        yield Finding(
            str(section.mistakes or section.source),
            f"{says} {MISTAKES[exercise.kind]} mistakes, but has {mistakes}.",
            hint,
        )


def _rules(section: Section, exercise: Exercise) -> Iterator[Finding]:
    for mark in marks(section.suite) if section.suite else ():
        if mark.exercise == exercise.name and not _is_sentence(mark.rule):
            hint = "Write one sentence on the docstring's first line: a capital first, a full stop last."
            yield Finding(
                f"{section.suite}:{mark.line}", f"The rule of {mark.function} is not a sentence: {mark.rule!r}.", hint
            )


def _is_sentence(text: str) -> bool:
    return len(text) > 3 and not text[0].islower() and text.endswith((".", '."', ".)"))


# Docstrings


def _docstrings(section: Section, exercise: Exercise) -> Iterator[Finding]:
    stub = pristine(section)
    nodes = [each for each in parsed(stub).body if isinstance(each, _Definition) and each.name == exercise.name]
    where = f"{section.source}:{_line_of(read_text(section.source), exercise.name)}"
    if not nodes or not ast.get_docstring(nodes[-1]):
        yield Finding(where, f"`{exercise.name}` has no docstring.", "CONTRIBUTING.md shows what it holds.")
        return
    for problem in _argument_problems(nodes[-1]):
        yield Finding(where, problem, "Name every parameter under Args, in the signature's order, each once.")
    if not any(example.want.strip() for example in examples(stub, exercise.name)):
        yield Finding(
            where,
            f"`{exercise.name}` has no `>>>` example that prints something.",
            "Add one small enough to check by hand.",
        )


def _line_of(text: str, name: str) -> int:
    pattern = re.compile(rf"(async\s+def|def|class)\s+{name}\b")
    return next((number for number, line in enumerate(lines_of(text), 1) if pattern.match(line)), 1)


def _argument_problems(node: _Definition) -> Iterator[str]:
    if isinstance(node, _Function):
        yield from _mismatch(node.name, _parameters(node), ast.get_docstring(node))
        return
    methods = {each.name: each for each in node.body if isinstance(each, _Function)}
    start = methods.pop("__init__", None)
    parameters = _parameters(start)[1:] if start else _fields(node)
    told = [
        text for each in (node, start) if each and (text := ast.get_docstring(each)) and _documented(text) is not None
    ]
    yield from _mismatch(node.name, parameters, told[0] if told else ast.get_docstring(node))
    for name, method in methods.items():
        text = ast.get_docstring(method)
        if text and _documented(text) is not None:
            static = any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in method.decorator_list)
            yield from _mismatch(f"{node.name}.{name}", _parameters(method)[0 if static else 1 :], text)


def _parameters(node: _Function) -> list[str]:
    spec = node.args
    several = [*spec.posonlyargs, *spec.args, spec.vararg, *spec.kwonlyargs, spec.kwarg]
    return [each.arg for each in several if each]


def _fields(node: ast.ClassDef) -> list[str]:
    """A dataclass's or named tuple's fields stand for parameters."""
    return [
        each.target.id for each in node.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    ]


def _mismatch(name: str, parameters: list[str], docstring: str | None) -> Iterator[str]:
    told = _documented(docstring or "") or []
    if told == parameters:
        return
    missing = [each for each in parameters if each not in told]
    unknown = [each for each in told if each not in parameters]
    if missing:
        yield f"The docstring of `{name}` does not say what `{'`, `'.join(missing)}` is."
    if unknown:
        yield f"The docstring of `{name}` tells of `{'`, `'.join(unknown)}`, which it does not take."
    if not missing and not unknown:
        order = f"in the order {', '.join(told)}; they are {', '.join(parameters)}"
        yield f"The docstring of `{name}` has its arguments {order}."


def _documented(docstring: str) -> list[str] | None:
    """The names under "Args:", in order; None when there is no such part."""
    lines = docstring.splitlines()
    heads = [place for place, line in enumerate(lines) if line.strip() == "Args:"]
    if not heads:
        return None
    inside = _block(lines, heads[0])
    indent = min((len(line) - len(line.lstrip()) for line in inside if line.strip()), default=0)
    entries = (_ENTRY.match(line[indent:]) for line in inside)
    return [name.strip().lstrip("*") for entry in entries if entry for name in entry[1].split(",")]


def _block(lines: list[str], head: int) -> list[str]:
    """The lines after a heading that are indented further than it."""
    indent = len(lines[head]) - len(lines[head].lstrip())
    found: list[str] = []
    for line in lines[head + 1 :]:
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        found.append(line)
    return found

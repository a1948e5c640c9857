"""What a grade cell shows: the points, as nbgrader reads them, and for people which rules hold and which do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from typing import Any

from grader.report.look import points
from grader.results import CheckResult, ExerciseResult, Status
from grader.words import clean

LONGEST = 6000  # characters of one text
_WORDS = {
    Status.PASSED: "holds",
    Status.FAILED: "does not hold",
    Status.BROKEN: "could not be checked",
    Status.TODO: "not written yet",
    Status.BLOCKED: "blocked",
    Status.NOT_RUN: "not run",
}
Output = dict[str, Any]


def told(result: ExerciseResult, worth: float, placed: Callable[[str], str] = str) -> list[Output]:
    """A cell's outputs: what came of the exercise, and the points out of those that the cell is worth.

    Args:
        result: what came.
        worth: the points of the cell.
        placed: gives a text back with lines of the module named by where they stand in the notebook.
    """
    earned = worth * result.points / result.max_points if result.max_points else 0.0
    name, kind = result.id.rpartition("/")[2], "" if result.kind == "core" else ", beyond the core"
    head = f"{name}: {points(result.points)} of {points(result.max_points)} points{kind}"
    rules = [(rule, placed(more)) for rule, more in _rules(result)]
    text = [head, *(line for rule, more in rules for line in (f"- {rule}", *_indented(more)))]
    items = [f"<li>{escape(rule)}{f'<pre>{escape(more)}</pre>' if more else ''}</li>" for rule, more in rules]
    page = f"<p><b>{escape(head)}</b></p><ul>{''.join(items)}</ul>"
    return [_shown(page, "\n".join(text)), _points(min(max(earned, 0.0), worth))]


def refused(reason: str) -> list[Output]:
    """A cell's outputs where the whole notebook could not be read."""
    says = f"This notebook could not be graded. {clean(reason, LONGEST)}"
    return [_shown(f"<p><b>{escape(says)}</b></p>", says), _points(0.0)]


def _rules(result: ExerciseResult) -> Iterator[tuple[str, str]]:
    """Each rule with whether it holds, and what else is to be said where nothing before it said the same."""
    said: set[str] = set()
    for check in result.checks:
        more = _more(check) if check.status is not Status.PASSED else ""
        yield f"{_WORDS[check.status]}: {clean(check.rule, LONGEST)}", "" if more in said else more
        said.add(more)


def _more(check: CheckResult) -> str:
    reason = f"Likely reason: {check.diagnosis}" if check.diagnosis else ""
    printed = f"Your code printed:\n{check.printed}" if check.printed else ""
    return clean("\n".join(filter(None, (check.message, reason, check.where, printed))), LONGEST, multiline=True)


def _indented(text: str) -> list[str]:
    return [f"    {line}" for line in text.splitlines()]


def _shown(page: str, text: str) -> Output:
    return {"output_type": "display_data", "metadata": {}, "data": {"text/html": page, "text/plain": text}}


def _points(value: float) -> Output:
    """nbgrader takes the first result that is a number for the cell's partial credit."""
    data = {"text/plain": repr(round(value, 6))}
    return {"output_type": "execute_result", "metadata": {}, "execution_count": None, "data": data}

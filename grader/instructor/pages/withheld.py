"""What may leave the instructor's machine of a check whose inputs are fixed data, such as a data set or a golden file.

The learner's code sees these inputs while it runs, so whatever it says could hand them on: what it prints, the text of
an exception, a text that it returns, the name of a class that it makes. Of such a check (`@pytest.mark.fixed_data`)
only the grader's and the suite's own words are shown: the rule, what was required, the likely reason.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable
from dataclasses import replace

from grader.course import Exercise
from grader.results import CheckResult, ExerciseResult, Status

WITHHELD = "This check works on fixed data, so what your code gave back and printed is not shown."
# Every comparison says what is required first, and then, behind "yours", what came.
_CAME = re.compile(r"[;:,.]? \(?[Yy]ours\b|: expected ")
_REQUIRED = re.compile(r".*\bmust\b.*|.* differs from what is required|.*: \d+ of \d+ entries differ")
_RAISED = re.compile(r"Your code raised (\w+)")
_FUNCTION = re.compile(r"(, line \d+), in .*$", re.MULTILINE)  # a name that code can give itself while it runs


def withheld(results: Iterable[ExerciseResult], exercises: Iterable[Exercise]) -> tuple[ExerciseResult, ...]:
    """The results without anything that the learner's code said in a check on fixed data; others as they are."""
    fixed = {check.id for exercise in exercises for check in exercise.checks if check.fixed_data}
    return tuple(
        replace(each, checks=tuple(_shown(check) if check.id in fixed else check for check in each.checks))
        for each in results
    )


def _shown(check: CheckResult) -> CheckResult:
    if check.status in (Status.PASSED, Status.BLOCKED, Status.NOT_RUN):  # told by the judge alone
        return replace(check, printed="")
    message = f"{_own_words(check)}\n{WITHHELD}".strip()
    return replace(check, message=message, where=_FUNCTION.sub(r"\1", check.where), printed="")


def _own_words(check: CheckResult) -> str:
    """What the message says before it comes to what the learner's code gave back, or nothing."""
    first = check.message.partition("\n")[0]
    if check.status is Status.TODO:
        return "It calls what is not written yet." if first.startswith("It calls") else first
    if check.status is Status.BROKEN:
        return first
    if "Your code raised" in first:
        name = _RAISED.findall(first)[:1]
        return f"Your code raised {name[0] if name and _is_builtin(name[0]) else 'an exception'}."
    required = _CAME.split(first)[0]
    theirs = any(mark in required for mark in ("'", '"', "`", "What came back"))
    return f"{required.rstrip('.')}." if _REQUIRED.fullmatch(required) and not theirs else ""


def _is_builtin(name: str) -> bool:
    return isinstance(getattr(builtins, name, None), type)

"""`grader check --json` → Markdown for the summary of a run on GitHub, by `python -m grader.report.summary DIR`.

DIR has `public.json`, and `hidden.json` where the class's service was asked; the hidden checks say all that matters.
Text that came from the learner's code stands in fences or is escaped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from grader.files import read_bytes
from grader.report.look import points
from grader.report.paper import code, fenced, inline
from grader.report.tally import Tally
from grader.report.terminal import WORDS, WRONG
from grader.results import ExerciseResult, Report

LONGEST = 900_000  # bytes: GitHub takes a summary of up to a mebibyte


def summary(report: Report) -> str:
    """The points of each exercise, and the rules that do not hold, with what is known about them."""
    sections: dict[str, list[ExerciseResult]] = {}
    for result in report.exercises:
        sections.setdefault(result.id.rpartition("/")[0], []).append(result)
    lines = ["# Public examples" if report.public_only else "# Hidden checks", "", _sums(report), ""]
    for section, results in sections.items():
        lines += [f"## {section}", "", "| exercise | status | points |", "|---|---|---|", *map(_row, results), ""]
        lines += [line for result in results for line in _wrong(result)]
    return "\n".join(lines) + "\n"


def _sums(report: Report) -> str:
    tally = Tally.of(report.exercises)
    if report.public_only:
        return f"{tally.passed} of {tally.count} pass. The hidden checks, which decide, were not asked."
    core, beyond = tally.core, tally.beyond
    says = f"**{points(core.points)} of {points(core.max_points)} points**"
    says += f", {points(beyond.points)} of {points(beyond.max_points)} beyond" if beyond.count else ""
    missing = f" Points not run: {points(report.not_run_points)}." if report.not_run_points else ""
    return f"{says}. Exercises passed: {tally.passed} of {tally.count}.{missing}"


def _row(result: ExerciseResult) -> str:
    worth = f"{points(result.points)} of {points(result.max_points)}" if result.max_points else ""
    beyond = "" if result.kind == "core" else " (beyond)"
    return f"| {code(result.id.rpartition('/')[2])}{beyond} | {WORDS[result.status][0]} | {worth} |"


def _wrong(result: ExerciseResult) -> Iterator[str]:
    """The rules that do not hold; the first with all that is known, since the others may follow from it."""
    wrong = [check for check in result.checks if check.status in WRONG]
    if not wrong:
        return
    yield from (f"### {result.id.rpartition('/')[2]}", "")
    for number, check in enumerate(wrong):
        yield f"- {inline(check.rule)}"
        if not number:
            reason = f"Likely reason: {check.diagnosis}" if check.diagnosis else ""
            said = "\n\n".join(part for part in (check.message, reason, check.where) if part)
            yield from ["", fenced(said, "  "), ""] if said else []
    yield ""


def main(folder: Path) -> None:
    """Prints the summary of what lies in a folder; says so where nothing could be checked."""
    for name in ("hidden.json", "public.json"):
        path = folder / name
        if path.is_file() and path.stat().st_size:
            text = summary(Report.from_json(json.loads(read_bytes(path))))
            break
    else:
        text = "Nothing could be checked: the steps above say why.\n"
    sys.stdout.buffer.write(text.encode()[:LONGEST])


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""The gate's report as plain text of 80 columns: a line for each exercise, then what to mend."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from grader.author.findings import Finding, GateReport, Verdict
from grader.text import plural

WIDTH = 80


def render(report: GateReport) -> str:
    """One line for each exercise, then the findings with their places, then the sum."""
    lines: list[str] = []
    section = ""
    for verdict in report.verdicts:
        if (head := verdict.id.rpartition("/")[0]) != section:
            section = head
            lines += ["", section] if lines else [section]
        lines.append(_line(verdict))
    mend = [finding for finding in report.all_findings if not finding.note]
    notes = [finding for finding in report.all_findings if finding.note]
    lines += [*_told("To mend:", mend), *_told("Good to know:", notes), "", _sum(report, len(mend))]
    return "\n".join(lines) + "\n"


def _line(verdict: Verdict) -> str:
    name = verdict.id.rpartition("/")[2]
    name = name if len(name) <= 30 else f"{name[:29]}~"
    mark = "ok  " if verdict.clean else "MEND"
    if not verdict.mutants and not verdict.mistakes:
        return f"  {mark} {name}"
    same = f", {verdict.equivalent} same" if verdict.equivalent else ""
    counts = f"{verdict.named}/{verdict.mistakes} named  {verdict.share:>4.0%} of {verdict.mutants} killed{same}"
    return f"  {mark} {name:<30} {counts}{'' if not verdict.reused else ' *'}"


def _told(title: str, findings: list[Finding]) -> Iterator[str]:
    if findings:
        yield from ("", title)
    for finding in findings:
        yield f"  {finding.where}"
        for text, indent in ((finding.problem, "      "), (finding.hint, "      -> ")):
            if text:
                yield from textwrap.wrap(
                    text, WIDTH, initial_indent=indent, subsequent_indent=" " * len(indent), break_long_words=False
                )


def _sum(report: GateReport, mend: int) -> str:
    count = len(report.verdicts)
    reused = sum(verdict.reused for verdict in report.verdicts)
    skipped = sum(verdict.skipped for verdict in report.verdicts)
    text = (
        f"{plural(count, 'exercise')}: {plural(mend, 'thing')} to mend."
        if mend
        else f"{plural(count, 'exercise')}: the gate is open."
    )
    if reused:
        text += f" {reused} unchanged since the last time (*)."
    if skipped:
        text += f" For {skipped} no answer could be made that knows only the example."
    return "\n".join(textwrap.wrap(text, WIDTH))

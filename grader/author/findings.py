"""What the gate found: frozen facts, and their JSON form for the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One thing to mend: where it stands (`path:line`), what is wrong, what to do. A note asks for nothing."""

    where: str
    problem: str
    hint: str = ""
    note: bool = False


@dataclass(frozen=True)
class Verdict:
    """What the gate counted and found for one exercise."""

    id: str
    seeds: int = 0
    mistakes: int = 0
    named: int = 0
    mutants: int = 0
    killed: int = 0
    equivalent: int = 0
    skipped: bool = False  # its example could not be turned into a submission that knows only the example
    findings: tuple[Finding, ...] = ()
    reused: bool = False  # from the ledger

    @property
    def clean(self) -> bool:
        return all(finding.note for finding in self.findings)

    @property
    def share(self) -> float:
        """Killed mutants among those that could be."""
        possible = self.mutants - self.equivalent
        return self.killed / possible if possible else 1.0

    def plus(self, findings: Iterable[Finding]) -> Verdict:
        return replace(self, findings=(*self.findings, *findings))

    def to_json(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if key not in ("id", "reused")}

    @classmethod
    def from_json(cls, id: str, data: dict[str, Any]) -> Verdict:
        findings = tuple(Finding(**each) for each in data["findings"])
        return cls(**{**data, "id": id, "findings": findings, "reused": True})


@dataclass(frozen=True)
class GateReport:
    """Everything one run of the gate found; `findings` are about files rather than exercises."""

    verdicts: tuple[Verdict, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def clean(self) -> bool:
        return all(finding.note for finding in self.all_findings)

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        return (*self.findings, *(finding for verdict in self.verdicts for finding in verdict.findings))

"""Measure, print a table, write `benchmarks/results.json`."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.bare import bare
from benchmarks.batch import batch
from benchmarks.cold import cold, light
from benchmarks.measure import ROOT, Figure, machine
from benchmarks.places import Places
from benchmarks.service import service
from benchmarks.term import growth, term
from benchmarks.warm import warm

Benchmark = Callable[[Places, bool], list[Figure]]
BENCHMARKS: dict[str, Benchmark] = {"cold": cold, "light": light, "warm": warm, "batch": batch, "bare": bare}
BENCHMARKS |= {"term": term, "growth": growth, "service": service}
RESULTS = ROOT / "benchmarks" / "results.json"


def main() -> None:
    arguments = _arguments()
    console = Console(highlight=False)
    before, figures = machine(), []
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        places = Places(Path(folder))
        for name in arguments.names or BENCHMARKS:
            console.print(f"[dim]{name} …[/dim]")
            figures += BENCHMARKS[name](places, arguments.quick)
    console.print(_table(figures))
    if not arguments.names:
        now, after = datetime.now(UTC).isoformat(timespec="seconds"), machine()["load"]
        facts = {"date": now, "machine": before, "load_after": after}
        found = [{**asdict(figure), "target": figure.target, "met": figure.met} for figure in figures]
        RESULTS.write_text(json.dumps({**facts, "quick": arguments.quick, "figures": found}, indent=1) + "\n", "utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all when none is named")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return arguments


def _table(figures: list[Figure]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("", "measured", "target", "what"):
        table.add_column(column, justify="right" if column in ("measured", "target") else "left")
    for figure in figures:
        missed = {True: "", False: " missed", None: ""}[figure.met]
        table.add_row(figure.name, f"{figure.value:.3g} {figure.unit}", f"{figure.target}{missed}", figure.says)
    return table


if __name__ == "__main__":
    main()

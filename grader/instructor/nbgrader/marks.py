"""A submitted notebook put in order: each cell gets nbgrader's marks by what it contains, and no other marks.

nbgrader trusts the marks in a submitted notebook: a copied cell, a deleted one, an id typed elsewhere decide what it
grades, or stop it. Here they come from what was released, as nbgrader's database keeps it: a cell is an exercise's if
it holds the definition that counts, a locked cell is put back as it was, everything else is the learner's own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from grader.cells import Cell
from grader.course import Exercise
from grader.notebooks import grade_cell, solution_cell

Node = dict[str, Any]
_ACTING = re.compile(r"(javascript|vbscript|data|file)(\s*\\?:)", re.IGNORECASE)


@dataclass(frozen=True)
class Released:
    """A cell with marks, as it was released. `points` is None where it has no grade."""

    name: str
    kind: str
    source: str
    locked: bool
    checksum: str
    solution: bool = False
    task: bool = False
    points: float | None = None

    def node(self, source: str | None = None) -> Node:
        """The cell for a notebook, with this source if one is given."""
        marks = {"cell_type": self.kind, "checksum": self.checksum, "grade_id": self.name, "locked": self.locked,
                 "schema_version": 3, "solution": self.solution, "task": self.task,
                 "grade": self.points is not None and not self.task}  # fmt: skip
        marks |= {"points": self.points} if self.points is not None else {}
        return _node(self.kind, self.name, self.source if source is None else source, {"nbgrader": marks})


def released(url: str, notebook: str, assignment: str) -> list[Released]:
    """What nbgrader's database says of a notebook's cells."""
    from nbgrader.api import Gradebook

    with Gradebook(url) as book:
        found = book.find_notebook(notebook, assignment)
        points = {cell.name: float(cell.max_score) for cell in (*found.grade_cells, *found.task_cells)}
        solutions, tasks = ({cell.name for cell in cells} for cells in (found.solution_cells, found.task_cells))
        return [
            Released(
                cell.name, cell.cell_type, cell.source, cell.locked, cell.checksum,
                cell.name in solutions, cell.name in tasks, points.get(cell.name),
            ) for cell in found.source_cells
        ]  # fmt: skip


@dataclass
class Order:
    """The cells of one notebook, being put in order."""

    released: Mapping[str, Released]
    exercises: Sequence[Exercise]
    lesson: Collection[str] = ()

    def __post_init__(self) -> None:
        self.nodes: list[Node] = []
        self._placed: set[str] = set()
        self._ours = {name(each) for each in self.exercises for name in (solution_cell, grade_cell)}

    def arrange(self, cells: Sequence[Cell], places: Mapping[str, int]) -> list[Node]:
        """Every cell with the marks that it deserves.

        Args:
            cells: what was handed in.
            places: the number of the cell that counts for an exercise, by its name.
        """
        last = {cell.grade_id: cell.number for cell in cells}  # of several, nbgrader too keeps the last
        same = {each.source: each.name for each in self.released.values() if each.locked}
        for cell in cells:
            name = cell.grade_id if cell.grade_id in self.released else same.get(cell.source, "")
            defines = [each for each in self.exercises if places.get(each.name) == cell.number]
            if any(solution_cell(each) in self.released for each in defines):
                self._exercises(defines, cell.source)
            elif name in self.released and self.released[name].locked:
                self._put(name, wait=name in self._ours)
            elif name in self.released and name not in self._ours and last[name] == cell.number:
                self._put(name, self._shown(cell, self.released[name].source))
            else:
                self.nodes.append(self._own(cell))
        for each in self.exercises:
            self._exercises([each])
        for name in self.released:
            self._put(name)
        return self.nodes

    def _exercises(self, exercises: Sequence[Exercise], source: str | None = None) -> None:
        """A cell that may define several exercises carries the marks of the first; their grades stand below it."""
        first, *others = (solution_cell(each) for each in exercises)
        self._put(first, source)
        self._placed.update(others)
        for each in exercises:
            self._put(grade_cell(each))

    def _put(self, name: str, source: str | None = None, wait: bool = False) -> None:
        if name in self.released and name not in self._placed and not wait:
            self._placed.add(name)
            self.nodes.append(self.released[name].node(source))

    def _own(self, cell: Cell) -> Node:
        kind = cell.kind if cell.kind in ("code", "markdown") else "raw"
        return _node(kind, f"own-{cell.number}", self._shown(cell), {})

    def _shown(self, cell: Cell, before: str = "") -> str:
        known = cell.kind == "code" or cell.source in self.lesson or cell.source == before
        return cell.source if known else harmless(cell.source)


def harmless(markdown: str) -> str:
    """A learner's own prose without anything that a browser would run; nbgrader's pages show it as it comes."""
    return _ACTING.sub(r"\1 \2", escape(markdown, quote=False))


def _node(kind: str, name: str, source: str, metadata: Node) -> Node:
    node = {"cell_type": kind, "id": name[:64], "metadata": metadata, "source": source}
    return {**node, "execution_count": None, "outputs": []} if kind == "code" else node


def grade_nodes(nodes: Sequence[Any]) -> Iterator[Any]:
    """The code cells whose points nbgrader reads off their outputs."""
    for node in nodes:
        marks = node["metadata"].get("nbgrader", {})
        if node["cell_type"] == "code" and marks.get("grade") and not marks.get("solution"):
            yield node

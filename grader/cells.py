"""What a submitted notebook holds: its cells, read from bytes that may be anything, and the Python in them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from grader.errors import GraderError
from grader.files import LARGEST_TEXT
from grader.sources import parsed

LARGEST_NOTEBOOK = 2**26  # bytes, pictures in the outputs included
MOST_PARTS = 10**6  # lists and maps: a file of 60 MB could hold twenty million, and each takes sixty bytes once read
MOST_CELLS = 1000
_AGAIN = "Open it in Jupyter, save it, and hand in that .ipynb file."
_RUNS = ("capture", "prun", "time")  # cell magics that leave the names behind that their cell defines
_CELL_MAGIC = re.compile(r"\s*%%(\w*)[^\n]*")
_MAGIC = re.compile(
    r"([ \t]*)(?:(?:[\w,. \t]+=[ \t]*)?[%!]|\?|[\w.]+\?{1,2}[ \t]*$)(?:[^\n\\]|\\[\s\S])*", re.MULTILINE
)
_TOKEN = re.compile(
    r"""("{3}|'{3})(?:\\.|.)*?(?:\1|\Z)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?|\#[^\n]*|\\\n|[^"'\#\\\n()\[\]{}]+|.""",
    re.DOTALL,
)


@dataclass(frozen=True)
class Cell:
    """One cell: its number as people count, `code`, `markdown` or `raw`, its text, and the id that nbgrader gave it."""

    number: int
    kind: str
    source: str
    grade_id: str = ""


def read(notebook: bytes) -> tuple[Cell, ...]:
    """The cells of a notebook.

    Raises:
        GraderError: it is no notebook of version 4, or larger than anybody writes; the reason names the cell.
    """
    if len(notebook) > LARGEST_NOTEBOOK or notebook.count(b"[") + notebook.count(b"{") > MOST_PARTS:
        raise GraderError("The notebook is too large to be read.", "Clear its outputs, save it, and hand it in again.")
    try:
        data = json.loads(notebook.decode("utf-8-sig"))
    except RecursionError as error:
        raise GraderError("The notebook is nested too deeply to be read.", _AGAIN) from error
    except ValueError as error:
        raise GraderError(f"This is not a notebook: {error}.", _AGAIN) from error
    if not isinstance(data, dict) or data.get("nbformat") != 4 or not isinstance(data.get("cells"), list):
        raise GraderError("This is not a notebook of version 4, the one that Jupyter writes.", _AGAIN)
    if len(data["cells"]) > MOST_CELLS:
        raise GraderError(
            f"The notebook has {len(data['cells'])} cells; up to {MOST_CELLS} are read.", "Hand in fewer."
        )
    cells = tuple(_cell(number, each) for number, each in enumerate(data["cells"], 1))
    if (size := sum(len(each.source) for each in cells if each.kind == "code")) > LARGEST_TEXT:
        raise GraderError(
            f"The notebook has {size} characters of code; up to {LARGEST_TEXT} are read.", "Hand in less."
        )
    return cells


def _cell(number: int, data: Any) -> Cell:
    if not isinstance(data, dict) or not isinstance(kind := data.get("cell_type"), str):
        raise GraderError(f"Cell {number} of the notebook is not a cell.", _AGAIN)
    source: Any = data.get("source")
    lines: list[Any] = source if isinstance(source, list) else [source]
    if not all(isinstance(line, str) for line in lines):
        raise GraderError(f"The source of cell {number} is not text.", _AGAIN)
    text = "".join(lines).encode("utf-8", "replace").decode()  # half a surrogate pair is no text
    return Cell(number, kind, text.replace("\r\n", "\n").replace("\r", "\n"), _grade_id(data.get("metadata")))


def _grade_id(metadata: Any) -> str:
    ours = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = ours.get("grade_id") if isinstance(ours, dict) else None
    return name if isinstance(name, str) else ""


def python(source: str) -> str:
    """The Python of a code cell, line for line: magics and shell lines are `pass`; other languages have none."""
    while match := _CELL_MAGIC.match(source):
        if match[1] not in _RUNS:
            return ""
        source = "\n" * match[0].count("\n") + source[match.end() :]
    try:
        parsed(source)
    except SyntaxError:
        return _without_magics(source)
    return source  # a line that begins with % may as well go on with the line before


def _without_magics(source: str) -> str:
    kept: list[str] = []
    position, depth, begins = 0, 0, True
    while position < len(source):
        if begins and (magic := _MAGIC.match(source, position)):
            kept.append(f"{magic[1]}pass" + "\n" * magic[0].count("\n"))
            position, begins = magic.end(), False
            continue
        token = _TOKEN.match(source, position)
        assert token is not None  # its last alternative is any character
        piece = token[0]
        depth = max(depth + (piece in "([{") - (piece in ")]}"), 0)
        begins = piece == "\n" and depth == 0
        kept.append(piece)
        position = token.end()
    return "".join(kept)

"""How text may look where it goes: width, colour, and which characters the encoding has."""

from __future__ import annotations

import os
import re
import shutil
import textwrap
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

WIDEST = 100
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "magenta": "35", "cyan": "36"}
_PLAIN = {
    "…": "...", "×": "x", "·": "*", "−": "-", "–": "-", "—": "-", "√": "sqrt ", "≤": "<=", "≥": ">=", "≠": "!=",
    "≈": "~", "→": "->", "←": "<-", "“": '"', "”": '"', "‘": "'", "’": "'", "█": "#", "░": "-",
    "∞": "infinity", "∑": "sum ", "²": "^2", "³": "^3", "∈": "in", "±": "+-", "•": "*", "⊤": "^T", "ᵀ": "^T",
}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """Where text goes. Everything said is complete without colour."""

    width: int = 80
    colour: bool = False
    encoding: str = "utf-8"

    @classmethod
    def of(cls, stream: TextIO, environment: Mapping[str, str] = os.environ) -> Look:
        """What a stream can show; a pipe gets 80 columns and no colour."""
        terminal = stream.isatty()
        width = shutil.get_terminal_size((80, 24)).columns if terminal else 80
        colour = terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
        return cls(max(40, min(width, WIDEST)), colour, stream.encoding or "ascii")

    def paint(self, text: str, *styles: str) -> str:
        """The text in these styles, where there is colour."""
        if not self.colour or not styles or not text:
            return text
        return f"\x1b[{';'.join(_CODES[style] for style in styles)}m{text}\x1b[0m"

    def safe(self, text: str) -> str:
        """The text in characters that the encoding has: `√` becomes `sqrt`, `α` alpha, `é` e."""
        if self._has(text):
            return text
        return "".join(each if self._has(each) else _spelled(each) for each in text)

    def _has(self, text: str) -> bool:
        try:
            text.encode(self.encoding)
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def bar(self, share: float, cells: int) -> str:
        """A bar, full only when everything is there, and not empty when something is."""
        filled = int(share * cells + 1e-9)
        filled = max(filled, 1) if share > 0 else 0
        full, empty = ("█", "░") if self._has("█░") else ("#", "-")
        return self.paint(full * filled, "green") + self.paint(empty * (cells - filled), "dim")

    def wrap(self, text: str, first: str = "", rest: str | None = None) -> list[str]:
        """The lines of a text, each folded at the width; its own indentation is kept."""
        lines: list[str] = []
        indent = first if rest is None else rest
        for number, line in enumerate(self.safe(text).expandtabs(4).split("\n")):
            own = line[: len(line) - len(line.lstrip())]
            lead = (indent if number else first) + own
            lines += self._folded(line.strip(), lead, indent + own)
        return lines

    def _folded(self, line: str, lead: str, rest: str) -> list[str]:
        return textwrap.wrap(
            line, self.width, initial_indent=lead, subsequent_indent=rest, replace_whitespace=False,
            break_on_hyphens=False, break_long_words=False,
        ) or [""]  # fmt: skip

    def cut(self, text: str, room: int) -> str:
        """One line of at most `room` characters."""
        line = self.safe(re.sub(r"\s*[\n\t]\s*", " ", text))
        dots = self.safe("…")
        return line if len(line) <= room else line[: max(room - len(dots), 0)].rstrip() + dots


def _spelled(character: str) -> str:
    if character in _PLAIN:
        return _PLAIN[character]
    name = unicodedata.name(character, "")
    if name.startswith("GREEK"):
        letter = name.partition("LETTER ")[2].partition(" ")[0]
        return letter.capitalize() if "CAPITAL" in name else letter.lower()
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode() or "?"


def points(value: float) -> str:
    """Points as one writes them: `3`, `2.5`."""
    return f"{value:g}"
